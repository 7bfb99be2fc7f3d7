/*
 * order.h - which lock was held while which was taken
 *
 * Two threads that take the same two locks in opposite orders may stop each other for ever, though
 * mostly they do not: it takes bad luck. With THRUM_LOCK_ORDER=warn or =error in the environment the orders
 * themselves are looked at, over the whole run, so that what could happen is reported before it does.
 * After the Linux kernel's lockdep.
 *
 * 'A was held while B was taken' is an edge from A to B in a graph. Before a lock is taken for which the thread
 * would wait for ever, the edges to it from what the thread holds are added; the one that would close a circle
 * is not, and is reported, once. What cannot wait for ever - a wait with a time-out, or none - closes
 * no circle and adds no edge, but what it has taken counts as held. The same holds of the locks that thrum_acquire_all
 * takes, among themselves: they are in order already.
 *
 * What is a lock? Locks of one name are one, since they are used for one purpose; there is no edge
 * between them, for their order among each other is another matter (thrum_acquire_all). One without a name stands
 * for itself. It has no destructor, and its address may soon be another's; but that other
 * begins with a label of zero. So a lock without a name is given a number, in the label, when it
 * first becomes part of an edge: another lock in the same place has another number, and one that was copied
 * elsewhere is found not to be where it was. Numbers begin behind those of names.
 *
 * A lock that anybody may release is not looked at: nobody can be said to hold it.
 *
 * Threads pay for this only where it is on: they are watched (sleeper_watch), that is, they do not
 * know their number inline, so each take and each release comes to the long way round.
 */
#ifndef PARK_ORDER_H_
#define PARK_ORDER_H_

#include "park/sleeper.h"
#include "platform/state.h"

enum order_mode { ORDER_UNREAD, ORDER_OFF, ORDER_WARN, ORDER_ERROR };

#define order_settle thrum_order_settle_
#define order_take thrum_order_take_
#define order_drop thrum_order_drop_
#define order_find thrum_order_find_

/* Whether it is on. The environment is read at the first question. */
uint32_t order_settle(void);
static inline uint32_t order_mode(void)
{
    /* Acquire: the graph is there before the mode is. */
    uint32_t mode = os_load_acquire(&os_state()->orders.mode);
    return mode != ORDER_UNREAD ? mode : order_settle();
}
static inline bool order_is_checked(void)
{
    return order_mode() > ORDER_OFF;
}

/*
 * The calling thread is about to take a lock, and then holds it until order_drop: forever tells whether it
 * would wait that long. 0; or -EDEADLK, when that is against an order seen before and the environment
 * wants an error. It stands among those held in any case.
 */
int order_take(struct sleeper *self, thrum_lock *lock, bool forever, const void *site);

/* It was not taken, or is released. */
void order_drop(struct sleeper *self, const thrum_lock *lock);

/* The place of a lock among those that the thread took by thrum_acquire_all, or SIZE_MAX. */
size_t order_find(const struct sleeper *self, const thrum_lock *lock);

#endif
