/*
 * condition.c - wait for news from another thread
 *
 * A waiter parks at the condition's address and then gives the lock back; since notify
 * needs the lock, none can come between. Notify moves waits from the condition's queue to
 * that of the lock, which the notifier holds, so nobody is woken only to wait again; the
 * lock's release then wakes them one by one.
 *
 * state_ is 1 while somebody may be waiting; one that times out leaves it so. It is read and
 * written only with the lock held, so it needs no atomics.
 */
#include <errno.h>

#include "base/options.h"
#include "park/label.h"
#include "threading/lockword.h"

OPTIONS_ARE_DENSE(thrum_condition_options, sizeof(size_t) + 2 * sizeof(void *));

/* Where it stands on a lock, its own rlock, whose count stays 0. */
static thrum_rlock *rlock_of(thrum_condition *condition)
{
    return condition->rlock_ != NULL ? condition->rlock_ : &condition->own_;
}

static thrum_lock *lock_of(thrum_condition *condition)
{
    return condition->lock_ != NULL ? condition->lock_ : &rlock_of(condition)->lock_;
}

int thrum_condition_init_with(thrum_condition *condition, thrum_lock *lock, const thrum_condition_options *options)
{
    thrum_condition_options o;
    if (condition == NULL || OPTIONS_READ(&o, options) != 0 || (lock != NULL && o.rlock != NULL))
        return -EINVAL;
    uint32_t label = label_of(o.name);
    *condition = (thrum_condition){0, label, lock, o.rlock, {{0, label}, 0, 0}};
    return 0;
}

int thrum_condition_acquire(thrum_condition *condition, thrum_timeout timeout)
{
    if (condition == NULL)
        return -EINVAL;
    if (condition->lock_ != NULL)
        return lock_acquire(condition->lock_, timeout, __builtin_return_address(0));
    return thrum_rlock_acquire(rlock_of(condition), timeout);
}

int thrum_condition_release(thrum_condition *condition)
{
    if (condition == NULL)
        return -EINVAL;
    if (condition->lock_ != NULL)
        return thrum_lock_release(condition->lock_);
    return thrum_rlock_release(rlock_of(condition));
}

/* ---- Wait ---- */

struct leave {
    thrum_condition *condition;
    bool left; /* the lock was given back */
};

static void give_back(void *arg)
{
    struct leave *leave = arg;
    leave->left = true;
    lock_let_go(lock_of(leave->condition));
}

/* Wait with the lock given back, until the deadline; the lock is held again at the end. */
static int wait_until(thrum_condition *condition, int64_t deadline, const void *site)
{
    thrum_rlock *rlock = rlock_of(condition);
    uint32_t levels = rlock->count_;
    rlock->count_ = 0;
    condition->state_ = 1;

    struct leave leave = {condition, false};
    struct park_call call = {.key = condition,
                             .before_sleep = give_back,
                             .arg = &leave,
                             .what = "condition",
                             .name = label_name(condition->label_),
                             .site = site,
                             .deadline = deadline};
    int result = park(&call);
    if (leave.left && lock_take_again(lock_of(condition), &call, result) != 0)
        return -EDEADLK;
    rlock->count_ = levels;
    return call.ret_moved ? 0 : result; /* moved: it was notified, and its time-out came later */
}

int thrum_condition_wait(thrum_condition *condition, thrum_timeout timeout)
{
    int64_t deadline;
    int result = condition != NULL ? park_deadline(timeout, &deadline) : -EINVAL;
    if (result != 0)
        return result;
    return lock_is_mine(lock_of(condition)) ? wait_until(condition, deadline, __builtin_return_address(0)) : -EPERM;
}

int thrum_condition_wait_for(thrum_condition *condition, bool (*predicate)(void *arg), void *arg, thrum_timeout timeout)
{
    int64_t deadline;
    int result = condition != NULL && predicate != NULL ? park_deadline(timeout, &deadline) : -EINVAL;
    if (result != 0)
        return result;
    if (!lock_is_mine(lock_of(condition)))
        return -EPERM;
    while (!predicate(arg)) {
        if (result == 0 && deadline <= 0)
            result = THRUM_TIMEOUT; /* no time to wait, so the lock need not be given up */
        if (result != 0)
            return result;
        result = wait_until(condition, deadline, __builtin_return_address(0));
        if (result == -EDEADLK)
            return result; /* without the lock there is nothing to look at */
    }
    return 0;
}

/* ---- Notify ---- */

/* Under the locks of both buckets. */
static void moved_to_lock(void *arg, size_t moved, bool more)
{
    thrum_condition *condition = arg;
    /* Relaxed: the caller holds the lock, and comes for the bucket's lock when it releases it. */
    if (moved > 0)
        (void)os_or_relaxed(&lock_of(condition)->state_, LOCK_PARKED);
    condition->state_ = more ? 1 : 0;
}

int thrum_condition_notify(thrum_condition *condition, size_t n)
{
    if (condition == NULL)
        return -EINVAL;
    thrum_lock *lock = lock_of(condition);
    if (!lock_is_mine(lock))
        return -EPERM;
    if (condition->state_ != 0 && n > 0 && !(os_planted("condition-lost-notify") && n > 1))
        (void)unpark_requeue(condition, lock, n, moved_to_lock, condition);
    return 0;
}

int thrum_condition_notify_all(thrum_condition *condition)
{
    return thrum_condition_notify(condition, SIZE_MAX);
}
