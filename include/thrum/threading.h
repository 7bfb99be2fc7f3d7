/*
 * threading.h - threads, locks and the other things that threads wait for
 *
 * Answers to Python's module threading, without the interpreter lock: threads run
 * in parallel. Locks, conditions, semaphores, events, barriers and the like are plain structures
 * that own nothing: they are put where they are needed and need no clean-up. All but
 * the barrier are ready when all their bytes are zero; an initialiser or a call of _init
 * does the same, and says more. While a thread waits for one, it must not be moved or
 * go away; as soon as nobody does any more, it may.
 *
 * Every call that may block ends in one place, which gives all of them the same
 * ends: what was waited for, THRUM_TIMEOUT, THRUM_CANCELLED when the waiting thread's
 * token is cancelled (but for taking a lock, see below), and THRUM_INTERRUPTED where the
 * time-out asks for it by thrum_interruptible (see 'Signals').
 *
 * After fork(2), in the child: threads of the parent are gone, nobody waits for
 * anything, and a lock that another thread held stays held, so that to wait for it is -EDEADLK. The child may use
 * what the forking thread could use; handles of the parent's threads it may only free.
 */
#ifndef THRUM_THREADING_H
#define THRUM_THREADING_H

#include <thrum/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Cancel tokens -------------------------------------------------------- */

/*
 * A token calls work off. It is level-triggered: once cancelled it stays so, and every
 * call that would have to wait, of a thread whose own it is, returns THRUM_CANCELLED,
 * those under way at once. Taking a lock or an rlock is no such call, so that clean-up
 * can be written; a condition's wait takes its lock again before it returns.
 *
 * Whoever made it frees it, when no thread or executor uses it any more. All calls are
 * safe from any thread; none blocks, but for the last two; none may be called from a signal handler.
 */
typedef struct thrum_token thrum_token;

THRUM_API THRUM_MUST_USE int thrum_token_new(thrum_token **ret_token); /* 0, -ENOMEM */
THRUM_API void thrum_token_free(thrum_token *token);                   /* NULL is allowed */
THRUM_API void thrum_token_cancel(thrum_token *token);
THRUM_API bool thrum_token_is_cancelled(const thrum_token *token);

/* Make `token` (or none, with NULL) the calling thread's own, and return the one that
 * was. A task of an executor starts with that of its submit or map. */
THRUM_API thrum_token *thrum_token_set(thrum_token *token);

/* Whether the calling thread's own token is cancelled: for loops that run long. */
THRUM_API bool thrum_cancelled(void);

/* Clean-up that must be able to wait: in the block that follows, the calling thread has no token of its own; on
 * every way out of it, by its end, break, return, goto or a C++ exception, it has the old one again.
 *
 *     THRUM_SHIELD { result = thrum_queue_put(queue, &last, thrum_seconds(1)); }
 */
#define THRUM_SHIELD THRUM_SHIELD_(__LINE__)

/* Cancel the token when that signal arrives: Ctrl-C, with SIGINT. It is cancelled as soon as the handler has run,
 * so that a read(2) that returns EINTR in its own thread finds thrum_cancelled; a thread that waits with it as its
 * own is woken, wherever it stood, with no gap. Several tokens may be bound to one signal, and one to several.
 *
 * The first sets a handler, without SA_RESTART, that afterwards calls the one that was there before, if that
 * is a function; with the last unbound, that one is put back, unless the program has set another meanwhile. Freeing a
 * token unbinds it. Both wait for a handler that is just running. Bindings are there in a forked child, too.
 * bind: 0; -EINVAL: it is no signal, or one that no handler can be set for (SIGKILL), or that a handler cannot
 * return from (SIGSEGV, SIGBUS, SIGFPE, SIGILL); -EALREADY: it is bound to it; -ENOMEM, -EAGAIN.
 * unbind: 0; -EINVAL: it is not bound to it. */
THRUM_API THRUM_MUST_USE int thrum_token_bind_signal(thrum_token *token, int signo);
THRUM_API int thrum_token_unbind_signal(thrum_token *token, int signo);

/* ---- Making objects --------------------------------------------------------- */

/* What the _init calls take for objects that can only be given a name. Each makes an object ready that
 * nobody uses: 0, -EINVAL. A macro that fills one in place takes constants, and a number that is
 * out of range does not compile. */
typedef struct thrum_init_options {
    size_t size;      /* set by the macro; 0 is taken for sizeof this structure */
    const char *name; /* for reports; copied, and kept for the life of the process */
} thrum_init_options;

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

/* Have report(arg, text) called, in the thread that has something to report, instead of the text being
 * written to standard error; with NULL again the latter. It may take no lock of this library. */
THRUM_API void thrum_set_reporter(void (*report)(void *arg, const char *text), void *arg);

/* Write to a descriptor, a line each, what every thread that thrum knows does: its name and native id, whether it
 * runs or what it waits for, where, for how long and how much longer, and who holds it; the text may change in
 * later versions. Stops nobody for longer than it takes to copy a line; no cancellation point. 0, or the negative
 * errno of write(2): -EBADF, -EAGAIN, ... (Python: faulthandler.dump_traceback). */
THRUM_API int thrum_dump(int fd);

/* Have a helper thread write that to standard error each time the signal arrives, as with
 * thrum_dump_on_signal(SIGQUIT), Ctrl-\: so it can be seen where a program hangs, whatever it hangs in. Signals that
 * come faster than they can be written may share a dump. The handler is set as by thrum_token_bind_signal (see there):
 * so the one from before is still called, but the signal's default action is not taken. To ask again for the same
 * signal does nothing; 0 in its place ends it for all signals, and waits for a dump under way. 0; -EINVAL, -ENOMEM,
 * -EAGAIN as for thrum_token_bind_signal (Python: faulthandler.register). */
THRUM_API int thrum_dump_on_signal(int signo);

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

/* ---- Thread ------------------------------------------------------------------------ */

/*
 * A thread of the system (threading.Thread). The handle is made by _new and started by
 * _start, or both by _run, and given up by _free, whether the thread has ended or not:
 * giving up the handle of a running thread does not stop it.
 *
 * A thread ends when target returns: it must not be left by pthread_exit or be cancelled by
 * pthread_cancel. At exit(3), or the return of main, the process waits for the threads that are not
 * daemons (thrum_set_exit_policy); a daemon is cut off where it stands.
 *
 * The functions below are safe from any thread but where they say otherwise, and refuse NULL: -EINVAL, 0,
 * NULL or false.
 */
typedef struct thrum_thread thrum_thread;

typedef struct thrum_thread_options {
    size_t size;        /* set by the macro; 0 is taken for sizeof this structure */
    const char *name;   /* copied, 63 bytes of it; default "Thread-N"; of a name given, the system shows 15 */
    size_t stack_size;  /* bytes; 0: the system's default; -EINVAL when it is too small */
    thrum_token *token; /* the thread's own cancel token; it must outlive the thread */
    const char *cpus;   /* the CPUs that it may run on, as the kernel writes them: "0-3,8"; NULL: those of its
                           starter; -EINVAL for another text, and -ENODEV at its start when there is one
                           among them that the process may not use */
    uint32_t daemon;    /* true: the process does not wait for it at exit */
    uint32_t reserved_;
} thrum_thread_options;

/* Make an unstarted thread that will call target(arg). 0, -EINVAL, -ENOMEM. */
THRUM_API THRUM_MUST_USE int thrum_thread_new_with(thrum_thread **ret_thread, int (*target)(void *arg), void *arg,
                                                   const thrum_thread_options *options);

/* Start it (Thread.start). 0; -EALREADY when it was started before; -EAGAIN when the system
 * has no more threads, -ENOMEM, -ENODEV for its CPUs: it can be tried again. */
THRUM_API THRUM_MUST_USE int thrum_thread_start(thrum_thread *thread);

/* Make and start. On failure there is no thread and no handle. */
THRUM_API THRUM_MUST_USE int thrum_thread_run_with(thrum_thread **ret_thread, int (*target)(void *arg), void *arg,
                                                   const thrum_thread_options *options);

/* Wait until it has ended, and store what target returned (Thread.join); ret_code may be
 * NULL. 0; THRUM_TIMEOUT; THRUM_CANCELLED; -EDEADLK from the thread itself; -EINVAL when it
 * was not started, or was joined before, or while another thread joins it, or is not yours to join
 * (thrum_current_thread), or in a forked child. After 0 nothing of it runs any more. */
THRUM_API int thrum_thread_join(thrum_thread *thread, int *ret_code, thrum_timeout timeout);

/* How it has ended, which Python forgets: THRUM_FAILED with code and message when target returned non-zero, outcome
 * 0 when it did not. `task` is its name, `worker` its native id. 0; -EINVAL before it has ended. Never blocks. */
THRUM_API THRUM_MUST_USE int thrum_thread_error(const thrum_thread *thread, thrum_error *ret_error);

/* In a thread's target or a task: fail with `code` (not 0) and a message for the error record:
 * `return thrum_fail(2, "%s: empty", path);`. Elsewhere it only returns the code. Cut at 255 bytes. */
THRUM_API int thrum_fail(int code, const char *format, ...) THRUM_PRINTF(2, 3);

/* Give up the handle, which nobody else may be using; NULL is allowed. */
THRUM_API void thrum_thread_free(thrum_thread *thread);

/* Whether it was started and has not ended (Thread.is_alive): true in the thread itself. */
THRUM_API bool thrum_thread_is_alive(const thrum_thread *thread);

/* Its name (Thread.name), valid as long as the handle. And another one, copied like the first, which stays valid too;
 * the system is told when the thread renames itself. 0, -EINVAL, -ENOMEM. Not while the thread is being started. */
THRUM_API const char *thrum_thread_name(const thrum_thread *thread);
THRUM_API THRUM_MUST_USE int thrum_thread_set_name(thrum_thread *thread, const char *name);

/* Whether the process does not wait for it (Thread.daemon). */
THRUM_API bool thrum_thread_daemon(const thrum_thread *thread);

/* Its ident, a number that no other thread of the process has or had (Thread.ident), and its id in the
 * system (gettid, Thread.native_id), which may be another's after its end. Both are 0 before it is started. */
THRUM_API uint64_t thrum_thread_ident(const thrum_thread *thread);
THRUM_API uint64_t thrum_thread_native_id(const thrum_thread *thread);

/* ---- Which threads there are ------------------------------------------------------------- */

/*
 * Every thread has a handle: one that thrum did not make is known from its first call that may block, or its
 * first of these calls, and has a handle made for it when it asks for one.
 *
 * The handle of the calling thread and of the process's first one (threading.current_thread, main_thread). Borrowed:
 * valid until that thread ends, also when its owner has given it up, and not to be given up. One that thrum did not
 * make cannot be joined. NULL when there is no memory for it; never for main. In a forked child the forking thread is
 * the main thread.
 */
THRUM_API thrum_thread *thrum_current_thread(void);
THRUM_API thrum_thread *thrum_main_thread(void);

/* The calling thread's numbers (threading.get_ident, get_native_id). ident: 0 when it is new to thrum and no more
 * can be registered. */
THRUM_API uint64_t thrum_get_ident(void);
THRUM_API uint64_t thrum_get_native_id(void);

/* What was so of a thread when one looked. Plain data. */
typedef struct thrum_thread_info {
    uint64_t ident;
    uint64_t native_id; /* 0: it is only just being started */
    uint32_t main;      /* true: the process's first thread */
    uint32_t daemon;    /* true: the process does not wait for it at exit */
    uint32_t foreign;   /* true: neither made by thrum nor main */
    uint32_t reserved_;
    char name[64];
} thrum_thread_info;

/* How many threads are alive (threading.active_count): started and not ended, main and daemons included, and those of
 * others that thrum knows of. A thread that was joined, or is no longer alive, is not among them. */
THRUM_API size_t thrum_active_count(void);

/* The same, and copy the first `max` of them, in the order in which they came (threading.enumerate). How many there
 * are, which may be more than max. ret_infos may be NULL when max is 0. */
THRUM_API size_t thrum_enumerate(thrum_thread_info *ret_infos, size_t max);

/* ---- The end of the process ---------------------------------------------------------------- */

/* What exit(3) does about the threads that are not daemons. Without a policy it waits for them for ever. */
typedef struct thrum_exit_policy {
    size_t size;           /* set by the macro; 0 is taken for sizeof this structure */
    thrum_timeout timeout; /* how long to wait; then those that still run are reported by name (thrum_set_reporter),
                              and cut off */
    thrum_token *token;    /* cancelled when exit begins, so that threads that have it may end; it is not freed */
} thrum_exit_policy;

/* Set it, in place of the one before: thrum_set_exit_policy(.timeout = thrum_seconds(5)). NULL, or nothing set: the
 * default. 0, -EINVAL, -ENOMEM. */
THRUM_API int thrum_set_exit_policy_with(const thrum_exit_policy *policy);

/* ---- Local ----------------------------------------------------------------------------------- */

/*
 * A variable of which each thread has its own (threading.local): a pointer, NULL until the thread sets it.
 *
 * .destroy is called for a thread's value, unless it is NULL, when the thread ends, by that thread, in no particular
 * order; also in threads that thrum did not make. It may use locals itself: values that it sets are destroyed in turn,
 * but no more than four times over. It is not called for the main thread's value at exit(3). A forked child keeps the
 * forking thread's values; those of other threads are lost to it without being destroyed.
 */
typedef struct thrum_local thrum_local;

typedef struct thrum_local_options {
    size_t size;                  /* set by the macro; 0 is taken for sizeof this structure */
    void (*destroy)(void *value); /* or NULL */
} thrum_local_options;

/* Make one. 0, -EINVAL, -ENOMEM. */
THRUM_API THRUM_MUST_USE int thrum_local_new_with(thrum_local **ret_local, const thrum_local_options *options);

/* The calling thread's value, or NULL. A few nanoseconds; never blocks. */
THRUM_API void *thrum_local_get(const thrum_local *local);

/* Set it. The value that was is not destroyed: it is the caller's again. 0; -ENOMEM; -EAGAIN when the calling thread is
 * new to thrum and no more can be registered; -EINVAL for NULL or one that is being freed. */
THRUM_API THRUM_MUST_USE int thrum_local_set(thrum_local *local, void *value);

/* Destroy the values that all threads have in it, in the calling one, and give it up; destructors that
 * ending threads are in are waited for, so it is not to be called from one of its own. Nobody else may be using it,
 * but threads that have a value may be ending. NULL is allowed. */
THRUM_API void thrum_local_free(thrum_local *local);

/* ---- Timer ----------------------------------------------------------------------------------- */

/*
 * Call a function after some time, in a thread of its own (threading.Timer). Made by _new and started by
 * _start, or both by _run; given up by _free, before or after: that does not call it off.
 */
typedef struct thrum_timer thrum_timer;

/* Make one that will call function(arg) when `interval` from its start is over; with THRUM_FOREVER it can only be
 * cancelled. Options: as for a thread; its token, when cancelled first, cancels the timer. 0; -EINVAL, for a bad
 * interval too; -ENOMEM. */
THRUM_API THRUM_MUST_USE int thrum_timer_new_with(thrum_timer **ret_timer, thrum_timeout interval,
                                                  int (*function)(void *arg), void *arg,
                                                  const thrum_thread_options *options);

/* Start it. Results as for thrum_thread_start. */
THRUM_API THRUM_MUST_USE int thrum_timer_start(thrum_timer *timer);

/* Make and start. On failure there is no timer. */
THRUM_API THRUM_MUST_USE int thrum_timer_run_with(thrum_timer **ret_timer, thrum_timeout interval,
                                                  int (*function)(void *arg), void *arg,
                                                  const thrum_thread_options *options);

/* Call it off (Timer.cancel), also before its start. True: in time, now or before, and the function is never called;
 * false: it has been called. Never blocks. */
THRUM_API bool thrum_timer_cancel(thrum_timer *timer);

/* Wait until it has been cancelled or the function has returned, and store what that returned, or 0 if it was
 * not called (Timer.join); ret_code may be NULL. Results as for thrum_thread_join. */
THRUM_API int thrum_timer_join(thrum_timer *timer, int *ret_code, thrum_timeout timeout);

/* A timer is a thread: its handle, borrowed, valid as long as the timer's, for its name, error and so on. */
THRUM_API thrum_thread *thrum_timer_thread(thrum_timer *timer);

/* Give up the handle, which nobody else may be using; NULL is allowed. */
THRUM_API void thrum_timer_free(thrum_timer *timer);

struct thrum_shield_ {
    thrum_token *token;
    bool inside;
};

static inline struct thrum_shield_ thrum_shield_begin_(void)
{
    struct thrum_shield_ shield;
    shield.token = thrum_token_set(NULL);
    shield.inside = true;
    return shield;
}

static inline void thrum_shield_end_(struct thrum_shield_ *shield)
{
    (void)thrum_token_set(shield->token);
}

/* Each line's has a name of its own, so that one may stand in another. */
#define THRUM_SHIELD_(n_) THRUM_SHIELD_AS_(n_)
#define THRUM_SHIELD_AS_(n_)                                                      \
    for (struct thrum_shield_ thrum_shield_##n_                                   \
         __attribute__((__cleanup__(thrum_shield_end_))) = thrum_shield_begin_(); \
         thrum_shield_##n_.inside; thrum_shield_##n_.inside = false)

#ifndef __cplusplus
#define thrum_lock_init(...) thrum_lock_init_(__VA_ARGS__, .size = sizeof(thrum_lock_options))
#define thrum_lock_init_(lock, ...) thrum_lock_init_with(lock, &(thrum_lock_options){__VA_ARGS__})
#define thrum_rlock_init(...) thrum_rlock_init_(__VA_ARGS__, .size = sizeof(thrum_init_options))
#define thrum_rlock_init_(lock, ...) thrum_rlock_init_with(lock, &(thrum_init_options){__VA_ARGS__})
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
#define thrum_rwlock_init(...) thrum_rwlock_init_(__VA_ARGS__, .size = sizeof(thrum_init_options))
#define thrum_rwlock_init_(rwlock, ...) thrum_rwlock_init_with(rwlock, &(thrum_init_options){__VA_ARGS__})
#define thrum_thread_new(...) thrum_thread_new_(__VA_ARGS__, .size = sizeof(thrum_thread_options))
#define thrum_thread_new_(ret, target, arg, ...) \
    thrum_thread_new_with(ret, target, arg, &(thrum_thread_options){__VA_ARGS__})
#define thrum_thread_run(...) thrum_thread_run_(__VA_ARGS__, .size = sizeof(thrum_thread_options))
#define thrum_thread_run_(ret, target, arg, ...) \
    thrum_thread_run_with(ret, target, arg, &(thrum_thread_options){__VA_ARGS__})
#define thrum_set_exit_policy(...) \
    thrum_set_exit_policy_with(&(thrum_exit_policy){.size = sizeof(thrum_exit_policy), __VA_ARGS__})
#define thrum_local_new(...) thrum_local_new_(__VA_ARGS__, .size = sizeof(thrum_local_options))
#define thrum_local_new_(ret, ...) thrum_local_new_with(ret, &(thrum_local_options){__VA_ARGS__})
#define thrum_timer_new(...) thrum_timer_new_(__VA_ARGS__, .size = sizeof(thrum_thread_options))
#define thrum_timer_new_(ret, interval, function, arg, ...) \
    thrum_timer_new_with(ret, interval, function, arg, &(thrum_thread_options){__VA_ARGS__})
#define thrum_timer_run(...) thrum_timer_run_(__VA_ARGS__, .size = sizeof(thrum_thread_options))
#define thrum_timer_run_(ret, interval, function, arg, ...) \
    thrum_timer_run_with(ret, interval, function, arg, &(thrum_thread_options){__VA_ARGS__})
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
THRUM_API int thrum_once_call_slow_(thrum_once *once, int (*function)(void *arg), void *arg, thrum_timeout timeout);
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

inline int thrum_once_call(thrum_once *once, int (*function)(void *arg), void *arg, thrum_timeout timeout)
{
    /* Acquire: pairs with the release of whoever did it. */
    if (once != NULL && __atomic_load_n(&once->lock_.state_, __ATOMIC_ACQUIRE) == 2 &&
        timeout.kind_ != THRUM_TIMEOUT_INVALID_)
        return 0;
    return thrum_once_call_slow_(once, function, arg, timeout);
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

inline int thrum_rwlock_init(thrum_rwlock *rwlock, const thrum_init_options &options = {})
{
    return thrum_rwlock_init_with(rwlock, &options);
}

THRUM_MUST_USE inline int thrum_thread_new(thrum_thread **ret_thread, int (*target)(void *), void *arg,
                                           const thrum_thread_options &options = {})
{
    return thrum_thread_new_with(ret_thread, target, arg, &options);
}

THRUM_MUST_USE inline int thrum_thread_run(thrum_thread **ret_thread, int (*target)(void *), void *arg,
                                           const thrum_thread_options &options = {})
{
    return thrum_thread_run_with(ret_thread, target, arg, &options);
}

inline int thrum_set_exit_policy(const thrum_exit_policy &policy = {})
{
    return thrum_set_exit_policy_with(&policy);
}

THRUM_MUST_USE inline int thrum_local_new(thrum_local **ret_local, const thrum_local_options &options = {})
{
    return thrum_local_new_with(ret_local, &options);
}

THRUM_MUST_USE inline int thrum_timer_new(thrum_timer **ret_timer, thrum_timeout interval, int (*function)(void *),
                                          void *arg, const thrum_thread_options &options = {})
{
    return thrum_timer_new_with(ret_timer, interval, function, arg, &options);
}

THRUM_MUST_USE inline int thrum_timer_run(thrum_timer **ret_timer, thrum_timeout interval, int (*function)(void *),
                                          void *arg, const thrum_thread_options &options = {})
{
    return thrum_timer_run_with(ret_timer, interval, function, arg, &options);
}
#endif

#include <thrum/with.h>

#endif
