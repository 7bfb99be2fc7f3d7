/*
 * lockword.h - a lock's word, for those who share its protocol
 */
#ifndef THREADING_LOCKWORD_H_
#define THREADING_LOCKWORD_H_

#include "park/lockword.h"
#include "park/park.h"

/* What a parked waiter is told when it is woken: it holds the lock; or it may compete, and answers
 * for others who are still parked, or for nobody. */
#define LOCK_HANDED_OVER 2u
#define LOCK_OTHERS_PARKED LOCK_PARKED
#define LOCK_NONE_PARKED 0u

/* Whether the calling thread may release it. */
#define lock_is_mine thrum_lock_is_mine_
bool lock_is_mine(const thrum_lock *lock);

/* Take it, the long way round. The site is where that is in the program, for reports. */
#define lock_acquire_slow thrum_lock_acquire_at_
int lock_acquire_slow(thrum_lock *lock, thrum_timeout timeout, const void *site);

/* Take it, for a caller who has been called from the site. */
static inline int lock_acquire(thrum_lock *lock, thrum_timeout timeout, const void *site)
{
    uint32_t unlocked = 0, owner = thrum_self_.owner;
    /* Acquire: as in thrum_lock_acquire. */
    if (owner != 0 && timeout.kind_ != THRUM_TIMEOUT_INVALID_ && os_cas_acquire(&lock->state_, &unlocked, owner))
        return 0;
    return lock_acquire_slow(lock, timeout, site);
}

/* Give it back, which is the calling thread's; if thrum_acquire_all has taken it, that is still so: for a
 * condition's wait. */
#define lock_let_go thrum_lock_let_go_
void lock_let_go(thrum_lock *lock);

/* Take it back after a condition's wait, for however long that takes, or accept that it
 * was handed over; by the call, and what it came to. 0, or -EDEADLK: it can never be had. */
#define lock_take_again thrum_lock_take_again_
int lock_take_again(thrum_lock *lock, const struct park_call *call, int parked);

#endif
