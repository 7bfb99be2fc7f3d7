/*
 * rlock.c - a lock that its owner may take again
 *
 * Only the owner reads or writes the count, so it needs no atomics: it comes and goes
 * with the lock.
 */
#include <errno.h>

#include "park/label.h"
#include "threading/lockword.h"

int thrum_rlock_init_with(thrum_rlock *lock, const thrum_init_options *options)
{
    uint32_t label;
    int result = lock != NULL ? label_from(options, &label) : -EINVAL;
    if (result == 0)
        *lock = (thrum_rlock){{0, label}, 0, 0};
    return result;
}

int thrum_rlock_acquire(thrum_rlock *lock, thrum_timeout timeout)
{
    if (lock == NULL || timeout.kind_ == THRUM_TIMEOUT_INVALID_)
        return -EINVAL;
    if (lock_is_mine(&lock->lock_)) {
        if (lock->count_ == UINT32_MAX - 1)
            return -EOVERFLOW;
        lock->count_++;
        return 0;
    }
    return lock_acquire(&lock->lock_, timeout, __builtin_return_address(0));
}

int thrum_rlock_release(thrum_rlock *lock)
{
    if (lock == NULL)
        return -EINVAL;
    if (!lock_is_mine(&lock->lock_))
        return -EPERM;
    if (lock->count_ > 0) {
        lock->count_--;
        return 0;
    }
    return thrum_lock_release(&lock->lock_);
}
