/*
 * sync.h - how threads wait for each other: condition, semaphore, event, barrier and once; a part of threading.h
 *
 * An event may also be set by a signal handler; what else holds of handlers stands behind it (Signals).
 */
#ifndef THRUM_SYNC_H
#define THRUM_SYNC_H

#include <thrum/lock.h>

#ifdef __cplusplus
extern "C" {
#endif

/* `value`, a constant, where it is at least `least` and at most INT32_MAX; else the array or bit-field has a
 * negative size, and it does not compile. */
#define THRUM_SIZE_IN_RANGE_(value, least) ((value) + 0LL >= (least) && (value) + 0LL <= INT32_MAX ? 1 : -1)
/* clang-format off */
#ifdef __cplusplus
#define THRUM_COUNT_(value, least) \
    ((uint32_t)(value) + 0 * (uint32_t)sizeof(char[THRUM_SIZE_IN_RANGE_(value, least)]))
#else
#define THRUM_COUNT_(value, least) \
    ((uint32_t)(value) + 0 * (uint32_t)sizeof(struct { unsigned is_in_range_ : THRUM_SIZE_IN_RANGE_(value, least); }))
#endif
/* clang-format on */

/* ---- Condition --------------------------------------------------------------- */

/*
 * Wait until another thread says that something has changed (threading.Condition).
 * It goes with a lock: one of yours, by THRUM_CONDITION_INIT(&lock), or an rlock of yours, by
 * THRUM_CONDITION_INIT_RLOCK(&rlock), so that several conditions can share it; or, when it is all zero,
 * an rlock of its own, as in Python. Every call but acquire needs that lock held: -EPERM otherwise.
 *
 * A notified thread is moved to the lock's queue and not woken to find the lock taken.
 */
typedef struct thrum_condition {
    uint32_t state_; /* 1 while somebody may be waiting; changed under the lock */
    uint32_t label_;
    thrum_lock *lock_;   /* NULL: that of rlock_ */
    thrum_rlock *rlock_; /* NULL, too: own_ */
    thrum_rlock own_;
} thrum_condition;

/* clang-format off */
#define THRUM_CONDITION_INIT(lock) { 0, 0, (lock), NULL, THRUM_RLOCK_INIT }
#define THRUM_CONDITION_INIT_RLOCK(rlock) { 0, 0, NULL, (rlock), THRUM_RLOCK_INIT }
/* clang-format on */

typedef struct thrum_condition_options {
    size_t size;        /* set by the macro; 0 is taken for sizeof this structure */
    const char *name;   /* for reports; copied, and kept for the life of the process */
    thrum_rlock *rlock; /* over this rlock; then lock is NULL */
} thrum_condition_options;

/* Make it ready, over `lock` or, with NULL, over the rlock of the options or else its own. 0; -EINVAL. */
THRUM_API int thrum_condition_init_with(thrum_condition *condition, thrum_lock *lock,
                                        const thrum_condition_options *options);

/* Take and give back its lock; results as for that lock. */
THRUM_API THRUM_MUST_USE int thrum_condition_acquire(thrum_condition *condition, thrum_timeout timeout);
THRUM_API int thrum_condition_release(thrum_condition *condition);

/* Give the lock back (all levels of an rlock), wait to be notified, take it again
 * (Condition.wait). 0: notified; THRUM_TIMEOUT; THRUM_CANCELLED; each with the lock held
 * again, for which it may block beyond the time-out; -EDEADLK: it can never be had again, as for
 * acquire, and is not held; THRUM_INTERRUPTED where it was asked for; -EPERM, -EINVAL, -EAGAIN: it did not wait, and
 * all is as before. No wake-up without a notify, but what was waited for may have changed back meanwhile: use
 * wait_for or a loop. */
THRUM_API int thrum_condition_wait(thrum_condition *condition, thrum_timeout timeout);

/* Wait until predicate(arg) is true (Condition.wait_for); it is called with the lock held.
 * 0: it is true; THRUM_TIMEOUT: the time is over and it is false; else as for wait, and after -EDEADLK it has not been
 * called again. */
THRUM_API THRUM_MUST_USE int thrum_condition_wait_for(thrum_condition *condition, bool (*predicate)(void *arg),
                                                      void *arg, thrum_timeout timeout);

/* Wake at most n of those that wait, or all, longest first (Condition.notify, notify_all).
 * They go on when the caller gives the lock back. 0, also when nobody waits; -EPERM. */
THRUM_API int thrum_condition_notify(thrum_condition *condition, size_t n);
THRUM_API int thrum_condition_notify_all(thrum_condition *condition);

/* ---- Semaphore ----------------------------------------------------------------- */

/*
 * A count of permits (threading.Semaphore; BoundedSemaphore by the second initialiser, which
 * refuses to be released above its first value). All zero: none to begin with. Permits that
 * are released go to those that wait, longest first, before anybody else can take them.
 */
typedef struct thrum_semaphore {
    uint32_t state_; /* permits * 2, plus 1 while somebody may be waiting */
    uint32_t label_;
    uint32_t bound_; /* most permits, plus 1; 0: no bound */
    uint32_t reserved_;
} thrum_semaphore;

#define THRUM_SEMAPHORE_MAX 0x7fffffffu

/* clang-format off */
#define THRUM_SEMAPHORE_INIT(value) { THRUM_COUNT_(value, 0) * 2, 0, 0, 0 }
#define THRUM_BOUNDED_SEMAPHORE_INIT(value) { THRUM_COUNT_(value, 0) * 2, 0, THRUM_COUNT_(value, 0) + 1, 0 }
/* clang-format on */

typedef struct thrum_semaphore_options {
    size_t size;      /* set by the macro; 0 is taken for sizeof this structure */
    const char *name; /* for reports; copied, and kept for the life of the process */
    uint32_t bounded; /* true: it cannot be released above `value` */
    uint32_t reserved_;
} thrum_semaphore_options;

/* Make it ready, with so many permits. 0; -EINVAL for more than THRUM_SEMAPHORE_MAX, which a
 * number below zero is too. */
THRUM_API int thrum_semaphore_init_with(thrum_semaphore *semaphore, size_t value,
                                        const thrum_semaphore_options *options);

/* Take one (Semaphore.acquire). 0, THRUM_TIMEOUT, THRUM_CANCELLED, -EINVAL, -EAGAIN. */
THRUM_API THRUM_MUST_USE int thrum_semaphore_acquire(thrum_semaphore *semaphore, thrum_timeout timeout);

/* Give n back (Semaphore.release). 0; -EINVAL for n = 0; -EOVERFLOW, and nothing has changed,
 * when that is more than a bounded one's first value or THRUM_SEMAPHORE_MAX. Never blocks. */
THRUM_API int thrum_semaphore_release(thrum_semaphore *semaphore, uint32_t n);

/* ---- Event ----------------------------------------------------------------------- */

/* A flag that threads wait for (threading.Event). All zero: not set. */
typedef struct thrum_event {
    uint32_t state_; /* bit 0: set; bit 1: somebody may be waiting */
    uint32_t label_;
} thrum_event;

/* clang-format off */
#define THRUM_EVENT_INIT { 0, 0 }
/* clang-format on */

THRUM_API int thrum_event_init_with(thrum_event *event, const thrum_init_options *options);
THRUM_API void thrum_event_set(thrum_event *event);   /* wakes all who wait; never blocks */
THRUM_API void thrum_event_clear(thrum_event *event); /* never blocks */
THRUM_API bool thrum_event_is_set(const thrum_event *event);

/* Set it, in a signal handler: see 'Signals'. 0; -EINVAL when thrum_signals_start has not been called, and nothing
 * has changed. Lock-free; leaves errno alone. */
THRUM_API int thrum_event_set_from_signal(thrum_event *event);

/* Wait until it is set (Event.wait). 0, at once if it is set already; THRUM_TIMEOUT;
 * THRUM_CANCELLED; -EINVAL; -EAGAIN. Sees all that was done before the set. */
THRUM_API int thrum_event_wait(thrum_event *event, thrum_timeout timeout);

/* ---- Signals ------------------------------------------------------------------------- */

/*
 * The library sets no signal handlers unless asked to. Signals disturb no call: a wait in which a handler
 * has run goes on, whatever that handler's SA_RESTART says.
 *
 * In a handler, the functions named ..._from_signal may be called, and no others. What they have to wake is woken by a
 * helper thread, which thrum_signals_start makes; without it they return -EINVAL and do nothing.
 *
 * A wait that asks for it by thrum_interruptible(timeout) ends with THRUM_INTERRUPTED when a handler has run in
 * the waiting thread: any handler, of the program or a library. It ends as a time-out ends it: nothing was
 * taken, nothing is lost, and what came first counts; a condition's lock is held again. That is for loops
 * that look at a flag of the handler's, and has a gap: a handler that runs just before the thread falls asleep
 * interrupts nothing. Free of it are thrum_event_set_from_signal, where the wait is for that event, and
 * thrum_token_bind_signal, which ends whatever the thread waits for.
 */

/* Make the helper thread, if it is not there: before the first handler that calls ..._from_signal can run. It
 * blocks all signals and keeps nothing from exiting. A forked child makes its own when it first waits.
 * 0, -EAGAIN. */
THRUM_API THRUM_MUST_USE int thrum_signals_start(void);

/* ---- Barrier --------------------------------------------------------------------- */

/*
 * A place where threads wait for each other (threading.Barrier): when `parties` of them have come,
 * all go on, and the next ones can come. Who gives up, because its time is over or it is
 * cancelled, breaks it for all, now and later, until it is reset: nobody is left waiting for one that will
 * not come. Once all have come nobody gives up any more: an action is waited for to its end, also by those
 * who come too early for the next round. In a forked child nobody has come.
 *
 * All zero is none: its wait is -EINVAL. It may go as soon as every wait has returned.
 */
typedef struct thrum_barrier {
    uint32_t count_; /* how many have come */
    uint32_t label_;
    uint32_t parties_;
    uint32_t broken_;
    uint32_t acting_;             /* the number of who came last, until the others may go */
    uint32_t generation_;         /* of the process that come_ belongs to */
    struct thrum_arrival_ *come_; /* notes of those that have come, on their stacks */
    int (*action_)(void *arg);
    void *arg_;
    thrum_timeout timeout_;
} thrum_barrier;

#define THRUM_PARTIES_MAX 0x7fffffffu

/* clang-format off */
#define THRUM_BARRIER_INIT(parties) { 0, 0, THRUM_COUNT_(parties, 1), 0, 0, 0, NULL, NULL, NULL, { 0, 0 } }
/* clang-format on */

typedef struct thrum_barrier_options {
    size_t size;              /* set by the macro; 0 is taken for sizeof this structure */
    const char *name;         /* for reports; copied, and kept for the life of the process */
    int (*action)(void *arg); /* run by one of them before any goes on; NULL: none. Non-zero breaks the barrier */
    void *arg;
    thrum_timeout timeout; /* for waits that are given THRUM_FOREVER */
} thrum_barrier_options;

/* Make it ready. 0; -EINVAL when parties is 0, below zero or more than THRUM_PARTIES_MAX, or the time-out is bad. */
THRUM_API int thrum_barrier_init_with(thrum_barrier *barrier, size_t parties, const thrum_barrier_options *options);

/* Wait until all have come (Barrier.wait), and store which of them this was, from 0 to parties - 1, each once;
 * ret_index may be NULL. The last to come runs the action. 0; THRUM_TIMEOUT, THRUM_CANCELLED, THRUM_INTERRUPTED: the
 * caller gave up, and it is broken; THRUM_BROKEN: it was, or somebody else broke or reset it (BrokenBarrierError); what
 * the action returned, where this thread ran it in vain; -EDEADLK from inside the action; -EINVAL; -EAGAIN. */
THRUM_API THRUM_MUST_USE int thrum_barrier_wait(thrum_barrier *barrier, size_t *ret_index, thrum_timeout timeout);

/* Make it as new (Barrier.reset), or broken (Barrier.abort): those that wait get THRUM_BROKEN. Neither blocks. */
THRUM_API void thrum_barrier_reset(thrum_barrier *barrier);
THRUM_API void thrum_barrier_abort(thrum_barrier *barrier);

/* How many go on together; how many wait now, and whether it is broken: hints, they may change at once. */
THRUM_API size_t thrum_barrier_parties(const thrum_barrier *barrier);
THRUM_API size_t thrum_barrier_n_waiting(const thrum_barrier *barrier);
THRUM_API bool thrum_barrier_broken(const thrum_barrier *barrier);

/* ---- Once ------------------------------------------------------------------------ */

/*
 * Something that is to be done once, by whoever comes first (beside Python's). All zero: not yet done.
 * When it is done, a call costs one load.
 *
 * state_ is a lock's word while it is being done: then its owner does it. 0: not done; 2: done.
 */
typedef struct thrum_once {
    thrum_lock lock_;
} thrum_once;

/* clang-format off */
#define THRUM_ONCE_INIT { THRUM_LOCK_INIT }
/* clang-format on */

THRUM_API int thrum_once_init_with(thrum_once *once, const thrum_init_options *options);

/* Call function(arg), unless that has been done; while another thread does it, wait for it. 0: it is done, and what it
 * did is seen. What the function returned here, other than 0: it counts as not done, and one of those that wait, or
 * the next to come, tries again. THRUM_TIMEOUT: the time-out, which counts for waiting only, is over; -EDEADLK
 * from inside the function, or when the wait could only be for ever, as for a lock, with a report; -EINVAL; -EAGAIN.
 * Not a cancellation point, but what the function waits for may be. In a forked child, as for a lock. */
THRUM_API THRUM_MUST_USE THRUM_INLINE_ int thrum_once_call(thrum_once *once, int (*function)(void *arg), void *arg,
                                                           thrum_timeout timeout);

#ifndef __cplusplus
#define thrum_condition_init(...) thrum_condition_init_(__VA_ARGS__, .size = sizeof(thrum_condition_options))
#define thrum_condition_init_(condition, lock, ...) \
    thrum_condition_init_with(condition, lock, &(thrum_condition_options){__VA_ARGS__})
#define thrum_semaphore_init(...) thrum_semaphore_init_(__VA_ARGS__, .size = sizeof(thrum_semaphore_options))
#define thrum_semaphore_init_(semaphore, value, ...) \
    thrum_semaphore_init_with(semaphore, value, &(thrum_semaphore_options){__VA_ARGS__})
#define thrum_event_init(...) thrum_event_init_(__VA_ARGS__, .size = sizeof(thrum_init_options))
#define thrum_event_init_(event, ...) thrum_event_init_with(event, &(thrum_init_options){__VA_ARGS__})
#define thrum_barrier_init(...) thrum_barrier_init_(__VA_ARGS__, .size = sizeof(thrum_barrier_options))
#define thrum_barrier_init_(barrier, parties, ...) \
    thrum_barrier_init_with(barrier, parties, &(thrum_barrier_options){__VA_ARGS__})
#define thrum_once_init(...) thrum_once_init_(__VA_ARGS__, .size = sizeof(thrum_init_options))
#define thrum_once_init_(once, ...) thrum_once_init_with(once, &(thrum_init_options){__VA_ARGS__})
#endif

/* ---- Fast paths ---------------------------------------------------------------------- */

THRUM_API int thrum_once_call_slow_(thrum_once *once, int (*function)(void *arg), void *arg, thrum_timeout timeout);

#ifndef THRUM_NO_INLINE
inline int thrum_once_call(thrum_once *once, int (*function)(void *arg), void *arg, thrum_timeout timeout)
{
    /* Acquire: pairs with the release of whoever did it. */
    if (once != NULL && __atomic_load_n(&once->lock_.state_, __ATOMIC_ACQUIRE) == 2 &&
        timeout.kind_ != THRUM_TIMEOUT_INVALID_)
        return 0;
    return thrum_once_call_slow_(once, function, arg, timeout);
}
#endif

#ifdef __cplusplus
}

inline int thrum_condition_init(thrum_condition *condition, thrum_lock *lock,
                                const thrum_condition_options &options = {})
{
    return thrum_condition_init_with(condition, lock, &options);
}

inline int thrum_semaphore_init(thrum_semaphore *semaphore, size_t value, const thrum_semaphore_options &options = {})
{
    return thrum_semaphore_init_with(semaphore, value, &options);
}

inline int thrum_event_init(thrum_event *event, const thrum_init_options &options = {})
{
    return thrum_event_init_with(event, &options);
}

inline int thrum_barrier_init(thrum_barrier *barrier, size_t parties, const thrum_barrier_options &options = {})
{
    return thrum_barrier_init_with(barrier, parties, &options);
}

inline int thrum_once_init(thrum_once *once, const thrum_init_options &options = {})
{
    return thrum_once_init_with(once, &options);
}
#endif

#endif
