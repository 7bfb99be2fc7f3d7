/*
 * lock.h - what a thread takes and gives back: lock, rlock and reader-writer lock; a part of threading.h
 *
 * Taking one is no cancellation point. Threads that stop each other by them are found and told of (Lock);
 * to whom, and how else one sees who waits for what, stands at the end (Reports).
 */
#ifndef THRUM_LOCK_H
#define THRUM_LOCK_H

#include <thrum/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Making objects --------------------------------------------------------- */

/* What the _init calls take for objects that can only be given a name. Each makes an object ready that
 * nobody uses: 0, -EINVAL. A macro that fills one in place takes constants, and a number that is
 * out of range does not compile. */
typedef struct thrum_init_options {
    size_t size;      /* set by the macro; 0 is taken for sizeof this structure */
    const char *name; /* for reports; copied, and kept for the life of the process */
} thrum_init_options;

/* ---- Lock ------------------------------------------------------------------ */

/*
 * Mutual exclusion (threading.Lock). Two words; locking and unlocking one that nobody
 * else wants is one atomic operation each, inline.
 *
 * A lock is released by the thread that took it; anybody else gets -EPERM. One made by
 * THRUM_LOCK_INIT_ANY may be released by any thread, as Python's Lock may.
 *
 * A running thread may overtake waiting ones, which is fast; one that has waited for about
 * a millisecond is given the lock directly, so nobody starves.
 *
 * Deadlock is found, not suffered: a thread that would wait for ever for a lock whose owner waits, by
 * however many others, for one of its own, gets -EDEADLK, and a report says who waits for
 * what (thrum_set_reporter). So does one that waits for a lock whose owner has ended. What
 * is reported is so: there are no false alarms. A lock that anybody may release is not looked at.
 *
 * Invariants of state_: bit 0 is set while somebody waits who has to be woken, bit 1 for ..._ANY and
 * never changes, the rest is the owner's number and zero exactly when the lock is free.
 */
typedef struct thrum_lock {
    uint32_t state_;
    uint32_t label_; /* its name's number; 0: none; or one of its own, by THRUM_LOCK_ORDER */
} thrum_lock;

/* clang-format off */
#define THRUM_LOCK_INIT { 0, 0 }
#define THRUM_LOCK_INIT_ANY { 2, 0 }
/* clang-format on */

typedef struct thrum_lock_options {
    size_t size;      /* set by the macro; 0 is taken for sizeof this structure */
    const char *name; /* for reports; copied, and kept for the life of the process */
    uint32_t any;     /* true: as by THRUM_LOCK_INIT_ANY */
    uint32_t reserved_;
} thrum_lock_options;

/* Make a lock ready that nobody uses. 0, -EINVAL. */
THRUM_API int thrum_lock_init_with(thrum_lock *lock, const thrum_lock_options *options);

/* Take the lock (Lock.acquire). 0 when it is taken; THRUM_TIMEOUT; -EDEADLK when it could only
 * wait for ever (above), at once or later, or takes it against the order and THRUM_LOCK_ORDER is
 * `error` (thrum(7)); -EINVAL for a bad time-out; -EAGAIN when the calling thread is new to thrum and
 * no more can be registered. Not a cancellation point. Orders memory: what was done before a release is seen after the
 * acquire that follows it. */
THRUM_API THRUM_MUST_USE THRUM_INLINE_ int thrum_lock_acquire(thrum_lock *lock, thrum_timeout timeout);

/* Give it back (Lock.release). 0; -EPERM when the caller does not hold it, and nothing
 * has changed. Never blocks. */
THRUM_API THRUM_INLINE_ int thrum_lock_release(thrum_lock *lock);

/* Whether anybody holds it (Lock.locked): a hint, it may change at once. */
THRUM_API bool thrum_lock_locked(const thrum_lock *lock);

/*
 * Many locks at once, in one order that is the same for all threads, so that they cannot stop each other
 * (the Python Cookbook's recipe 12.5). Take all n, or none. A thread that holds locks taken this way
 * may take more this way only if they come later in that order, which is that of their addresses: what cannot
 * be in order has to be taken in one call. The locks need not be kept in a list: the pointers are copied.
 *
 * 0: all are taken; THRUM_TIMEOUT and what else thrum_lock_acquire says: none is; -EDEADLK at once, and a report
 * 'lock order violation', when one of them comes before one that is held so, or is it; -EINVAL for a
 * bad time-out, a NULL, a lock that is named twice or is THRUM_LOCK_INIT_ANY; -ENOMEM before anything is taken.
 * n = 0 is 0.
 */
THRUM_API THRUM_MUST_USE int thrum_acquire_all(thrum_lock *const *locks, size_t n, thrum_timeout timeout);

/* Give back n of those that the calling thread has taken by thrum_acquire_all, in one call or in several; the last in
 * order first. thrum_lock_release does so for one. 0; -EPERM when it does not hold one of them so, -EINVAL for one that
 * is named twice, and nothing is released. Never blocks. */
THRUM_API int thrum_release_all(thrum_lock *const *locks, size_t n);

/* A lock that its owner may take again (threading.RLock); it is free when it has been
 * released as often. Results as for lock, and -EOVERFLOW after 2^32-1 levels. */
typedef struct thrum_rlock {
    thrum_lock lock_;
    uint32_t count_; /* levels beyond the first; written by the owner alone */
    uint32_t reserved_;
} thrum_rlock;

/* clang-format off */
#define THRUM_RLOCK_INIT { THRUM_LOCK_INIT, 0, 0 }
/* clang-format on */

THRUM_API int thrum_rlock_init_with(thrum_rlock *lock, const thrum_init_options *options);
THRUM_API THRUM_MUST_USE int thrum_rlock_acquire(thrum_rlock *lock, thrum_timeout timeout);
THRUM_API int thrum_rlock_release(thrum_rlock *lock);

/* ---- Reader-writer lock ------------------------------------------------------------ */

/*
 * Many may read, or one may write (beside Python's). Readers do not overtake a writer that waits,
 * readers that wait go in together, and a writer that has waited for about a millisecond
 * is given the lock directly; so nobody starves. Like a lock: taking it is no cancellation point, and a
 * deadlock that goes through a writer is found and reported. Who reads is not known by name, so
 * these are not found, and must not be: to take it for writing while one reads it, and to read it
 * twice at a time, for a writer may come between and be waited for. And in a forked child it stays read by
 * the threads that are not there.
 *
 * state_ is a lock's word: of its owner, who writes; or, with bit 1 set, of a number of readers.
 */
typedef struct thrum_rwlock {
    thrum_lock lock_;
} thrum_rwlock;

/* clang-format off */
#define THRUM_RWLOCK_INIT { THRUM_LOCK_INIT }
/* clang-format on */

THRUM_API int thrum_rwlock_init_with(thrum_rwlock *rwlock, const thrum_init_options *options);

/* Take it for reading, or for writing. Results as for lock; and -EOVERFLOW for more than 2^30 - 2 readers at a time. */
THRUM_API THRUM_MUST_USE THRUM_INLINE_ int thrum_rwlock_acquire_read(thrum_rwlock *rwlock, thrum_timeout timeout);
THRUM_API THRUM_MUST_USE int thrum_rwlock_acquire_write(thrum_rwlock *rwlock, thrum_timeout timeout);

/* Give it back, as it was taken. 0; -EPERM when nobody reads and the caller does not write. Never blocks. */
THRUM_API THRUM_INLINE_ int thrum_rwlock_release(thrum_rwlock *rwlock);

/* ---- Reports ---------------------------------------------------------------------- */

/* Have report(arg, text) called, in the thread that has something to report, instead of the text being
 * written to standard error; with NULL again the latter. It may take no lock of this library. */
THRUM_API void thrum_set_reporter(void (*report)(void *arg, const char *text), void *arg);

/* Write to a descriptor, a line each, what every thread that thrum knows does: its name and native id, whether it
 * runs or what it waits for, where, for how long and how much longer, and who holds it; and so for coroutines, of which
 * those that neither wait nor have their turn can run. The text may change in later versions. Stops nobody for longer
 * than it takes to copy a line; no cancellation point. 0, or the negative errno of write(2): -EBADF, -EAGAIN, ...
 * (Python: faulthandler.dump_traceback). */
THRUM_API int thrum_dump(int fd);

/* Have a helper thread write that to standard error each time the signal arrives, as with
 * thrum_dump_on_signal(SIGQUIT), Ctrl-\: so it can be seen where a program hangs, whatever it hangs in. Signals that
 * come faster than they can be written may share a dump. The handler is set as by thrum_token_bind_signal (see there):
 * so the one from before is still called, but the signal's default action is not taken. To ask again for the same
 * signal does nothing; 0 in its place ends it for all signals, and waits for a dump under way. 0; -EINVAL, -ENOMEM,
 * -EAGAIN as for thrum_token_bind_signal (Python: faulthandler.register). */
THRUM_API int thrum_dump_on_signal(int signo);

#ifndef __cplusplus
#define thrum_lock_init(...) thrum_lock_init_(__VA_ARGS__, .size = sizeof(thrum_lock_options))
#define thrum_lock_init_(lock, ...) thrum_lock_init_with(lock, &(thrum_lock_options){__VA_ARGS__})
#define thrum_rlock_init(...) thrum_rlock_init_(__VA_ARGS__, .size = sizeof(thrum_init_options))
#define thrum_rlock_init_(lock, ...) thrum_rlock_init_with(lock, &(thrum_init_options){__VA_ARGS__})
#define thrum_rwlock_init(...) thrum_rwlock_init_(__VA_ARGS__, .size = sizeof(thrum_init_options))
#define thrum_rwlock_init_(rwlock, ...) thrum_rwlock_init_with(rwlock, &(thrum_init_options){__VA_ARGS__})
#endif

/* ---- Fast paths ---------------------------------------------------------------------- */

/* The calling thread's number as it stands in a lock's word, 0 until the thread first
 * blocks or takes a lock, and while the locks that it holds are kept a list of. */
struct thrum_self_ {
    uint32_t owner;
};
extern THRUM_API __thread struct thrum_self_ thrum_self_ __attribute__((__tls_model__("initial-exec")));

THRUM_API int thrum_lock_acquire_slow_(thrum_lock *lock, thrum_timeout timeout);
THRUM_API int thrum_lock_release_slow_(thrum_lock *lock);
THRUM_API int thrum_rwlock_acquire_read_slow_(thrum_rwlock *rwlock, thrum_timeout timeout);
THRUM_API int thrum_rwlock_release_slow_(thrum_rwlock *rwlock);

#ifndef THRUM_NO_INLINE
inline int thrum_lock_acquire(thrum_lock *lock, thrum_timeout timeout)
{
    uint32_t unlocked = 0, owner = thrum_self_.owner;
    /* Acquire: the section below must not begin before the lock is ours. */
    if (lock != NULL && owner != 0 && timeout.kind_ != THRUM_TIMEOUT_INVALID_ &&
        __atomic_compare_exchange_n(&lock->state_, &unlocked, owner, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return 0;
    return thrum_lock_acquire_slow_(lock, timeout);
}

inline int thrum_lock_release(thrum_lock *lock)
{
    uint32_t owner = thrum_self_.owner, mine = owner;
    /* Release: what the section wrote is seen by whoever takes the lock next. */
    if (lock != NULL && owner != 0 &&
        __atomic_compare_exchange_n(&lock->state_, &mine, 0, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        return 0;
    return thrum_lock_release_slow_(lock);
}

inline int thrum_rwlock_acquire_read(thrum_rwlock *rwlock, thrum_timeout timeout)
{
    uint32_t state = rwlock != NULL ? __atomic_load_n(&rwlock->lock_.state_, __ATOMIC_RELAXED) : 1;
    /* Free, or read by others while nobody waits. Acquire: as for lock. */
    if ((state == 0 || ((state & 3) == 2 && state < UINT32_MAX - 5)) && timeout.kind_ != THRUM_TIMEOUT_INVALID_ &&
        __atomic_compare_exchange_n(&rwlock->lock_.state_, &state, (state | 2) + 4, false, __ATOMIC_ACQUIRE,
                                    __ATOMIC_RELAXED))
        return 0;
    return thrum_rwlock_acquire_read_slow_(rwlock, timeout);
}

inline int thrum_rwlock_release(thrum_rwlock *rwlock)
{
    uint32_t state = rwlock != NULL ? __atomic_load_n(&rwlock->lock_.state_, __ATOMIC_RELAXED) : 0;
    /* One of the readers, while nobody waits. Release: a writer must not begin before the reading is over. */
    if ((state & 3) == 2 && __atomic_compare_exchange_n(&rwlock->lock_.state_, &state, state == 6 ? 0 : state - 4,
                                                        false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        return 0;
    return thrum_rwlock_release_slow_(rwlock);
}
#endif

#ifdef __cplusplus
}

inline int thrum_lock_init(thrum_lock *lock, const thrum_lock_options &options = {})
{
    return thrum_lock_init_with(lock, &options);
}

inline int thrum_rlock_init(thrum_rlock *lock, const thrum_init_options &options = {})
{
    return thrum_rlock_init_with(lock, &options);
}

inline int thrum_rwlock_init(thrum_rwlock *rwlock, const thrum_init_options &options = {})
{
    return thrum_rwlock_init_with(rwlock, &options);
}
#endif

#endif
