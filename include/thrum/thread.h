/*
 * thread.h - threads, and what is each one's own: thread, local, timer; a part of threading.h
 *
 * All three are handles: made by a call, given up by _free, which NULL is allowed for.
 */
#ifndef THRUM_THREAD_H
#define THRUM_THREAD_H

#include <thrum/token.h>

#ifdef __cplusplus
extern "C" {
#endif

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

#ifndef __cplusplus
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

#ifdef __cplusplus
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

#endif
