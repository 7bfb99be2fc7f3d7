/*
 * lock.c - mutual exclusion
 *
 * The fast path is inline in thrum/lock.h: one compare-and-swap from free to mine, one
 * back. What does not fit it comes here. A thread that finds the lock held looks again a few
 * times, for most sections are short; then parks.
 *
 * Release wakes one waiter and leaves the lock free, so that a running thread may take it first
 * ("barging"): handing it to a sleeper each time would stop everybody for as long
 * as it takes to wake one. Until the woken one has the lock or has parked again, releases wake nobody
 * else (lockword.h). But a waiter that has tried for a millisecond is now and then given the lock
 * itself, so none starves (WebKit's "eventual fairness").
 *
 * A thread whose locks are kept a list of (order.h, acquire_all.c) does not know its number inline, and comes here
 * each time.
 *
 * Two atomic operations a pair are the least: an unlock by a plain store could erase a
 * LOCK_PARKED set at the same moment, and its waiter would sleep for ever.
 */
#include "threading/lockword.h"

#include <errno.h>

#include "base/options.h"
#include "park/label.h"
#include "park/order.h"

OPTIONS_ARE_DENSE(thrum_lock_options, sizeof(size_t) + sizeof(char *) + 2 * sizeof(uint32_t));

/* Some 14 us in all, about what it takes to park and be woken. Each look takes the cache line from the holder, who
 * needs it to go on, so to look seldom is better for both: with 16 times as many looks two threads that do
 * little else get half as much done. */
#define LOOKS OS_SPINS(4)
#define PAUSES OS_SPINS(256)

#ifndef THRUM_NO_INLINE
extern inline int thrum_lock_acquire(thrum_lock *lock, thrum_timeout timeout);
extern inline int thrum_lock_release(thrum_lock *lock);
#else
int thrum_lock_acquire(thrum_lock *lock, thrum_timeout timeout)
{
    return lock_acquire_slow(lock, timeout, __builtin_return_address(0));
}

int thrum_lock_release(thrum_lock *lock)
{
    return thrum_lock_release_slow_(lock);
}
#endif

int thrum_lock_init_with(thrum_lock *lock, const thrum_lock_options *options)
{
    thrum_lock_options o;
    if (lock == NULL || OPTIONS_READ_RESERVED(&o, thrum_lock_options, options) != 0)
        return -EINVAL;
    *lock = (thrum_lock){o.any ? LOCK_ANY : 0, label_of(o.name)};
    return 0;
}

bool thrum_lock_locked(const thrum_lock *lock)
{
    /* Relaxed: a hint. */
    return lock != NULL && (os_load_relaxed(&lock->state_) & LOCK_OWNER) != 0;
}

bool lock_is_mine(const thrum_lock *lock)
{
    /* Relaxed: only I can have made it mine. */
    uint32_t state = os_load_relaxed(&lock->state_);
    return (state & LOCK_OWNER) != 0 && ((state & LOCK_ANY) != 0 || (state & LOCK_OWNER) == sleeper_number());
}

/* It is no longer one of those that thrum_acquire_all has taken. */
static void forget_ordered(struct sleeper *self, const thrum_lock *lock)
{
    size_t place = order_find(self, lock);
    if (place != SIZE_MAX)
        held_remove(&self->ordered, place);
    sleeper_watch(self);
}

/* ---- Acquire ---- */

/* `parked` is LOCK_PARKED for a waiter that answers for others (lockword.h), else 0. */
static bool try_to_take(thrum_lock *lock, uint32_t owner, uint32_t parked)
{
    uint32_t state = os_load_relaxed(&lock->state_);
    while ((state & LOCK_OWNER) == 0) {
        /* Acquire: the section must not begin before the lock is ours. */
        if (os_cas_acquire(&lock->state_, &state, state | owner | parked))
            return true;
    }
    return false;
}

/* True: taken. False: it is time to park. Who has a host looks once: the holder may be on it, too. */
static bool spin(thrum_lock *lock, const struct sleeper *self, uint32_t parked)
{
    for (int look = 0; look < LOOKS; look++) {
        if (try_to_take(lock, self->owner, parked))
            return true;
        if (self->host != NULL)
            return false;
        for (int pause = 0; pause < PAUSES; pause++)
            os_pause();
    }
    return false;
}

static bool still_held(void *arg)
{
    const thrum_lock *lock = arg;
    /* Relaxed: both bits are only cleared together, by a holder under this bucket's lock, or
     * the owner's by one that then comes for the bucket's lock because it saw LOCK_PARKED. */
    uint32_t state = os_load_relaxed(&lock->state_);
    return os_planted("lock-wrong-validate") || ((state & LOCK_OWNER) != 0 && (state & LOCK_PARKED) != 0);
}

/* Make the next holder come to the lot when it releases. False: the lock is free now. */
static bool announce(thrum_lock *lock)
{
    uint32_t state = os_load_relaxed(&lock->state_);
    while ((state & LOCK_OWNER) != 0 && (state & LOCK_PARKED) == 0) {
        /* Relaxed: the bit carries no data; validate looks again under the bucket's lock. */
        if (os_cas_relaxed(&lock->state_, &state, state | LOCK_PARKED))
            return true;
    }
    return (state & LOCK_OWNER) != 0;
}

/* Until it is taken, or the time is over, or it can never be had. */
static int wait_for(thrum_lock *lock, uint32_t parked, int64_t deadline, const void *site)
{
    const struct sleeper *self = sleeper_current;
    struct park_call call = {.key = lock,
                             .validate = still_held,
                             .arg = lock,
                             .held_by = lock,
                             .what = "lock",
                             .site = site,
                             .deadline = deadline,
                             .uncancellable = true};
    for (;;) {
        if (spin(lock, self, parked))
            return 0;
        if (!announce(lock))
            continue;
        if (call.since == 0)
            call.since = os_now();
        int result = park(&call);
        if (result == 0 && call.ret_word == LOCK_HANDED_OVER)
            return 0;
        if (result != 0 && result != PARK_CHANGED)
            return result;
        parked = result == 0 ? (uint32_t)call.ret_word : 0;
    }
}

static int take(thrum_lock *lock, const struct sleeper *self, int64_t deadline, const void *site)
{
    if (try_to_take(lock, self->owner, 0))
        return 0;
    return deadline > 0 ? wait_for(lock, 0, deadline, site) : THRUM_TIMEOUT;
}

static bool has_owner(const thrum_lock *lock)
{
    return (os_load_relaxed(&lock->state_) & LOCK_ANY) == 0; /* relaxed: it never changes */
}

/* Whether the order is looked at in which this lock is taken. */
static bool is_ordered(const thrum_lock *lock)
{
    return order_is_checked() && has_owner(lock);
}

static int take_in_order(thrum_lock *lock, struct sleeper *self, int64_t deadline, const void *site)
{
    int result = order_take(self, lock, deadline == OS_FOREVER, site);
    if (result == 0)
        result = take(lock, self, deadline, site);
    if (result != 0)
        order_drop(self, lock);
    return result;
}

/* The fast path of one that has a host, whose locks are counted (sleeper.h); unless more is to be looked at. */
static bool is_counted_only(const struct sleeper *self)
{
    return self != NULL && self->host != NULL && self->ordered.n == 0 && !order_is_checked();
}

static __attribute__((__noinline__)) int acquire(thrum_lock *lock, thrum_timeout timeout, const void *site)
{
    int64_t deadline;
    int result = lock != NULL ? park_deadline(timeout, &deadline) : -EINVAL;
    if (result != 0)
        return result;
    struct sleeper *self = sleeper_self();
    if (self == NULL)
        return -EAGAIN;
    result = is_ordered(lock) ? take_in_order(lock, self, deadline, site) : take(lock, self, deadline, site);
    if (result == 0 && has_owner(lock))
        self->locks++;
    return result;
}

int lock_acquire_slow(thrum_lock *lock, thrum_timeout timeout, const void *site)
{
    struct sleeper *self = sleeper_current;
    uint32_t unlocked = 0;
    /* Acquire: as in thrum_lock_acquire. */
    if (is_counted_only(self) && lock != NULL && timeout.kind_ != THRUM_TIMEOUT_INVALID_ &&
        os_cas_acquire(&lock->state_, &unlocked, self->owner)) {
        self->locks++;
        return 0;
    }
    return acquire(lock, timeout, site);
}

int thrum_lock_acquire_slow_(thrum_lock *lock, thrum_timeout timeout)
{
    return lock_acquire_slow(lock, timeout, __builtin_return_address(0));
}

int lock_take_again(thrum_lock *lock, const struct park_call *call, int parked)
{
    struct sleeper *self = sleeper_current;
    int result = parked == -EDEADLK ? -EDEADLK : 0;
    if (result == 0 && is_ordered(lock))
        (void)order_take(self, lock, true, call->site); /* what is against the order is reported, and done */
    uintptr_t told = parked == 0 ? call->ret_word : LOCK_NONE_PARKED;
    if (result == 0 && told != LOCK_HANDED_OVER)
        result = wait_for(lock, (uint32_t)told, OS_FOREVER, call->site);
    if (result != 0) {
        order_drop(self, lock);
        forget_ordered(self, lock);
    } else if (has_owner(lock)) {
        self->locks++;
    }
    return result;
}

/* ---- Release ---- */

/* Under the bucket's lock: the new word, by who waits. */
static uintptr_t let_go(void *arg, const struct unparked *done)
{
    thrum_lock *lock = arg;
    /* Relaxed: this bit never changes. */
    uint32_t state = os_load_relaxed(&lock->state_) & LOCK_ANY;
    if (done->favour)
        state |= done->first->owner | (done->more ? LOCK_PARKED : 0);
    /* Release: whoever takes the lock next sees what the section wrote. Store: see lockword.h. */
    os_store_release(&lock->state_, state);
    if (done->favour && !os_planted("lock-lost-hand-over"))
        return LOCK_HANDED_OVER;
    return done->more && !os_planted("lock-others-forgotten") ? LOCK_OTHERS_PARKED : LOCK_NONE_PARKED;
}

void lock_let_go(thrum_lock *lock)
{
    if (thrum_self_.owner == 0 && sleeper_current != NULL) {
        order_drop(sleeper_current, lock);
        if (has_owner(lock))
            sleeper_current->locks--;
    }
    uint32_t state = os_load_relaxed(&lock->state_);
    while ((state & LOCK_PARKED) == 0) {
        /* Release: as in let_go. */
        if (os_cas_release(&lock->state_, &state, state & LOCK_ANY))
            return;
    }
    (void)unpark_at_hand(lock, let_go, lock);
}

static __attribute__((__noinline__)) int release(thrum_lock *lock)
{
    if (!lock_is_mine(lock))
        return -EPERM;
    if (thrum_self_.owner == 0 && sleeper_current != NULL)
        forget_ordered(sleeper_current, lock);
    lock_let_go(lock);
    return 0;
}

int thrum_lock_release_slow_(thrum_lock *lock)
{
    struct sleeper *self = sleeper_current;
    if (lock == NULL)
        return -EINVAL;
    uint32_t mine = sleeper_number();
    /* Release: as in let_go. */
    if (is_counted_only(self) && os_cas_release(&lock->state_, &mine, 0)) {
        self->locks--;
        return 0;
    }
    return release(lock);
}
