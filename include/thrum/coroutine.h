/*
 * coroutine.h - functions that stand still and go on
 *
 * A generator is a function with a stack of its own. It answers to Python's generators: next resumes it
 * until it yields a value, send gives it one, throw has its yield fail, close has it clean up and end.
 * Because it has a stack, it may yield from anywhere: out of a callback, or of a function that it has called.
 *
 *     static int count(thrum_generator *self, void *arg)
 *     {
 *         const int *limit = arg;
 *         for (int i = 0; i < *limit; i++) {
 *             int result = thrum_yield(self, &i, NULL);
 *             if (result != 0)
 *                 return result;
 *         }
 *         return 0;
 *     }
 *     ...
 *     thrum_generator *numbers;
 *     int limit = 10, number;
 *     if (thrum_generator_new(&numbers, count, &limit, .yields = sizeof number) == 0)
 *         THRUM_FOREACH(number, numbers)
 *             printf("%d\n", number);
 *     thrum_generator_free(numbers);
 *
 * What its function returns is 0, or a code by which it has failed, as a task's is; Python's `raise` out of a
 * generator is to return one.
 *
 * On whose behalf. A generator runs in the thread that resumes it, as a called function does, and has no
 * identity of its own: a lock that it takes is that thread's, also when it yields with the lock held; it is that
 * thread that waits when it waits, and that thread's token that calls the wait off. One thread may make it, another go
 * on with it and a third free it, as long as they take turns, which thrum_synchronized sees to where nothing else
 * does. But compilers keep the address of a thread-local, errno's too, over a call: a function that uses these across
 * a yield has to be resumed by one thread only.
 *
 * Its function must not be left by longjmp, pthread_exit or a C++ exception.
 *
 * The stack has the size that was asked for and does not grow; only what is touched of it takes memory. To overflow it
 * is a segmentation fault or, on kernels before 6.13 with more than 20,000 of them, an abort with a report;
 * thrum_faulthandler_enable says in the first case too which it was.
 */
#ifndef THRUM_COROUTINE_H
#define THRUM_COROUTINE_H

#include <thrum/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Generators --------------------------------------------------------------- */

/*
 * All calls on a generator are for one thread at a time, unless it is synchronized. None blocks but by what
 * the generator's function does. NULL for the generator is -EINVAL.
 */
typedef struct thrum_generator thrum_generator;

typedef struct thrum_generator_options {
    size_t size;       /* set by the macro; 0 is taken for sizeof this structure */
    size_t yields;     /* bytes of each value that it yields; 0: it yields nothing but control */
    size_t receives;   /* bytes of each value that is sent to it; 0: none can be */
    size_t stack_size; /* bytes that its function may use; 0: 56 KiB or a little more. -EINVAL for less than 4 KiB */
    const char *name;  /* for reports and debuggers; 31 bytes of it are copied */
} thrum_generator_options;

/* Make one that will call function(self, arg) when it is first resumed. 0; -EINVAL; -ENOMEM. Nothing that is
 * done with it afterwards needs memory. */
THRUM_API THRUM_MUST_USE int thrum_generator_new_with(thrum_generator **ret_generator,
                                                      int (*function)(thrum_generator *self, void *arg), void *arg,
                                                      const thrum_generator_options *options);

/* Close it, as below, and free it. NULL is allowed. Results as for close; it is free unless that is negative. */
THRUM_API int thrum_generator_free(thrum_generator *generator);

/*
 * Resume it until it yields, and copy out what it yields (next, generator.__next__). ret_value may be NULL.
 *
 * 0: it has yielded. THRUM_STOP_ITERATION: its function has returned 0, now or before. THRUM_FAILED: its function has
 * returned another code just now (an exception); the next time it is THRUM_STOP_ITERATION. -EALREADY: it runs, be it
 * that the caller is called by itself or that another thread is in it ("generator already executing"), as far as
 * that can be seen: two threads at the same instant are kept apart by thrum_synchronized only.
 */
THRUM_API THRUM_MUST_USE int thrum_generator_next(thrum_generator *generator, void *ret_value);

/* The same, but that its yield gets the value (generator.send). NULL for the value is next. -EINVAL: it is not yet
 * started, and so has no yield that could get it (TypeError), or it receives nothing. Copied at once. */
THRUM_API THRUM_MUST_USE int thrum_generator_send(thrum_generator *generator, const void *value, void *ret_value);

/*
 * The same, but that its yield fails (generator.throw): with that code, and with a copy of the error record, or with
 * one made for the code where that is NULL. Results are those of next: 0 or THRUM_STOP_ITERATION when the function has
 * dealt with it, THRUM_FAILED when it has returned an error, this one or another. One that is not yet started ends
 * without having run, one that has ended stays so, and both results are THRUM_FAILED. -EINVAL: the code is 0.
 */
THRUM_API THRUM_MUST_USE int thrum_generator_throw(thrum_generator *generator, int code, const thrum_error *error,
                                                   void *ret_value);

/*
 * Have it end (generator.close): its yield returns THRUM_CLOSED, and it runs until its function returns. From then on
 * a yield is -EINVAL. One that is not yet started ends without having run. 0, also when it has ended before;
 * THRUM_FAILED: its function has returned neither 0 nor THRUM_CLOSED; THRUM_BROKEN: it has yielded a thousand times
 * nevertheless, and is never resumed again, with what it has in hand lost; -EALREADY: it runs.
 */
THRUM_API int thrum_generator_close(thrum_generator *generator);

/* What its function has returned (StopIteration.value). 0; THRUM_EMPTY: it has not ended, or not by returning. */
THRUM_API THRUM_MUST_USE int thrum_generator_result(thrum_generator *generator, int *ret_code);

/* The error that was thrown into it last, or with which it has failed. 0; THRUM_EMPTY: there was none. */
THRUM_API THRUM_MUST_USE int thrum_generator_error(thrum_generator *generator, thrum_error *ret_error);

/* What it does now (inspect.getgeneratorstate): a hint where other threads use it. */
enum thrum_generator_state {
    THRUM_GENERATOR_CREATED = 0,
    THRUM_GENERATOR_RUNNING = 1,
    THRUM_GENERATOR_SUSPENDED = 2,
    THRUM_GENERATOR_CLOSED = 3
};
THRUM_API THRUM_MUST_USE int thrum_generator_state(thrum_generator *generator, enum thrum_generator_state *ret_state);

/* From now on the calls above may come from several threads at once, and take turns (threading.synchronized_iterator of
 * Python 3.15); all but new and free. Who waits for his turn waits as for a lock: so also -EDEADLK and -EAGAIN
 * of thrum_lock_acquire. To be called before others have it. 0; -EALREADY: it runs. */
THRUM_API THRUM_MUST_USE int thrum_synchronized(thrum_generator *generator);

/* ---- Inside of one ---------------------------------------------------------------- */

/*
 * Stand still, and give the value to who has resumed us (yield). Only for the generator itself, or what it has
 * called.
 *
 * ret_received gets what is sent. 0: it was sent; THRUM_EMPTY: nothing was, it was a bare next. Where ret_received
 * is NULL nobody asks, and both are 0. THRUM_CLOSED: clean up and return. THRUM_FAILED: an error was thrown into it,
 * thrum_generator_error has it; to return THRUM_FAILED is to pass it on. -EINVAL: the caller is not in this generator
 * ("yield outside function"), it is being closed, or the value is NULL and has a size.
 */
THRUM_API THRUM_MUST_USE int thrum_yield(thrum_generator *self, const void *value, void *ret_received);

/*
 * Yield all that another generator yields (yield from), and pass on to it what is sent and thrown to us, and that we
 * are closed. Both must yield values of one size, and receive of one size: else -EINVAL.
 *
 * 0: it has ended; thrum_generator_result(inner, ...) has what it returned. THRUM_FAILED: it has failed, and
 * thrum_generator_error(self, ...) has the error, so that returning THRUM_FAILED passes it on. THRUM_CLOSED: we are
 * being closed, and it has been. -ENOMEM: values of more than 64 bytes are received, and there is no memory to hand
 * them on. Otherwise what next(inner) says: -EALREADY, also for ourselves. It remains the caller's to free.
 */
THRUM_API THRUM_MUST_USE int thrum_yield_from(thrum_generator *self, thrum_generator *inner);

/* Leave a message for thrum_generator_error, and return the code, for the function to return it (raise). */
THRUM_API int thrum_generator_fail(thrum_generator *self, int code, const char *format, ...) THRUM_PRINTF(3, 4);

/* ---- Use ------------------------------------------------------------------------ */

/*
 * For each value that it yields, put it into the variable x and run the statement behind (for x in generator). The
 * loop is over when next is not 0; thrum_generator_result says how it ended. A break leaves the generator where it
 * stands, as in Python: the next loop goes on there. x must have the size of what it yields, and nobody else may be in
 * it: else the program is aborted with a report, for to run no loop would look like having had nothing to do.
 */
#define THRUM_FOREACH(x, generator) THRUM_FOREACH_(x, generator, __LINE__)
#define THRUM_FOREACH_(x, generator, line) THRUM_FOREACH_IN_(x, generator, line)
#define THRUM_FOREACH_IN_(x, generator, line) \
    for (thrum_generator *thrum_in_##line##_ = (generator); thrum_foreach_(thrum_in_##line##_, &(x), sizeof(x)) == 0;)

THRUM_API int thrum_foreach_(thrum_generator *generator, void *ret_value, size_t size);

/* ---- The scheduler ------------------------------------------------------------------ */

/*
 * Many lines of execution on one thread, each with a stack of its own and a place in the round: user-level threads,
 * asyncio's tasks. They take turns, and one goes on until it yields, or waits for anything that the library can wait
 * for: a lock, a queue, an event, a future, a join, time. Then the others run meanwhile; the same calls that block a
 * thread let a coroutine stand still. Locks, queues and all the rest are shared with threads and with the coroutines
 * of other threads' schedulers, in any mix.
 *
 *     static int greet(void *arg)
 *     {
 *         (void)thrum_sleep(thrum_seconds(0.1));
 *         return puts(arg) < 0;
 *     }
 *     ...
 *     thrum_scheduler *scheduler;
 *     if (thrum_scheduler_new(&scheduler) == 0 &&
 *         thrum_coroutine_run(NULL, scheduler, greet, "hello") == 0 &&
 *         thrum_coroutine_run(NULL, scheduler, greet, "world") == 0)
 *         (void)thrum_scheduler_run(scheduler);
 *     thrum_scheduler_free(scheduler);
 *
 * A coroutine stays on the thread that runs its scheduler, so errno and thread-locals of the compiler's stay what they
 * are between two waits, and belong to all on that thread. Locks, rlocks, thrum_locals and the cancel token are the
 * coroutine's own. thrum_get_ident and thrum_current_thread are the thread's.
 *
 * A wait that is thrum_interruptible ends when a signal handler runs in the thread while all coroutines on it wait; one
 * that runs while another of them has its turn ends nothing.
 *
 * What still stops all of them is a call that blocks outside the library, which thrum_blocking sees to, and a long
 * loop: thrum_coroutine_yield lets the others go on in between.
 *
 * In a forked child no coroutine of the parent goes on but the one that forked, up to its next wait: then
 * thrum_scheduler_run, which it is in, is -ECHILD.
 */
typedef struct thrum_scheduler thrum_scheduler;
typedef struct thrum_coroutine thrum_coroutine;

typedef struct thrum_scheduler_options {
    size_t size;              /* set by the macro; 0 is taken for sizeof this structure */
    thrum_timeout slow_after; /* as by thrum_seconds: a turn that takes longer is reported; default: none is */
} thrum_scheduler_options;

/*
 * Make one. Takes two descriptors. 0; -EINVAL; -EMFILE, -ENFILE, -ENOMEM, -EAGAIN.
 *
 * With .slow_after (asyncio's slow_callback_duration), a helper thread reports the coroutine that keeps the others
 * waiting for so long without a wait or a yield, by its name and once a turn (thrum_set_reporter). THRUM_SLOW_AFTER in
 * the environment, in seconds, does so for all schedulers whose program leaves it open. Not asked for it costs nothing.
 */
THRUM_API THRUM_MUST_USE int thrum_scheduler_new_with(thrum_scheduler **ret_scheduler,
                                                      const thrum_scheduler_options *options);

/*
 * Run its coroutines in the calling thread, one after the other in their order, until there are none (the Python
 * Cookbook's TaskScheduler.run, recipe 12.12). Blocks while all of them wait, without use of the CPU.
 *
 * 0; THRUM_FAILED: one that nobody has a handle of has returned a code other than 0, which thrum_scheduler_error
 * tells; the others are as they were, and the next run goes on with them. -EALREADY: it is being run, or the calling
 * thread runs another; -EPERM: another thread has begun to run what is there; -EAGAIN: no memory to know the thread by;
 * -ECHILD: it is the parent process's.
 */
THRUM_API THRUM_MUST_USE int thrum_scheduler_run(thrum_scheduler *scheduler);

/* Why the last run was THRUM_FAILED. 0; THRUM_EMPTY: it was not; -EINVAL. For the thread that runs it. */
THRUM_API THRUM_MUST_USE int thrum_scheduler_error(thrum_scheduler *scheduler, thrum_error *ret_error);

/* Cancel all that it still has, run them to their end, and free it; handles stay. Blocks for as long as they
 * need. NULL is allowed. To be called by the thread that has run it: when that has ended with some of them left, nobody
 * can end them. 0; -EALREADY: it is being run, or the calling thread runs another; -EPERM: as for run, and it is as it
 * was; -EINVAL. */
THRUM_API int thrum_scheduler_free(thrum_scheduler *scheduler);

/*
 * Have it run a generator as one of its coroutines (TaskScheduler.new_task): a turn is from one yield to the next, what
 * it yields is dropped, and what it waits for it waits for as a coroutine. It is the scheduler's from now on, which
 * frees it; if it is cancelled it is closed. Its failure is the scheduler's, as that of any other without a handle.
 * From any thread; NULL for the scheduler is the one that runs the caller. 0; -ENOMEM, -ECHILD, -EINVAL, and the
 * generator remains the caller's.
 */
THRUM_API THRUM_MUST_USE int thrum_scheduler_new_task(thrum_scheduler *scheduler, thrum_generator *generator);

/* ---- Coroutines ------------------------------------------------------------------------ */

typedef struct thrum_coroutine_options {
    size_t size;       /* set by the macro; 0 is taken for sizeof this structure */
    size_t stack_size; /* bytes that its function may use; 0: 56 KiB or a little more. -EINVAL for less than 4 KiB */
    const char *name;  /* for reports and debuggers; 31 bytes of it are copied */
} thrum_coroutine_options;

/*
 * Have the scheduler run function(arg), behind all that are there (asyncio.create_task). From any thread; NULL for the
 * scheduler is the one that runs the caller. What it returns is its code: 0, or that of a failure, about which
 * thrum_fail leaves a message. ret_coroutine gets a handle, to be given up by thrum_coroutine_free; NULL: nobody
 * wants one. 0; -ENOMEM; -ECHILD: the scheduler is the parent process's; -EINVAL.
 */
THRUM_API THRUM_MUST_USE int thrum_coroutine_run_with(thrum_coroutine **ret_coroutine, thrum_scheduler *scheduler,
                                                      int (*function)(void *arg), void *arg,
                                                      const thrum_coroutine_options *options);

/* Wait until it has ended (await task). From coroutines and threads, any number of them, and more than once. 0, and
 * *ret_code (or NULL) is what it has returned; THRUM_TIMEOUT, THRUM_CANCELLED, THRUM_INTERRUPTED; -EDEADLK: the caller
 * is it, or is the thread that would have to run it; -ECHILD: it is the parent process's; -EINVAL. */
THRUM_API THRUM_MUST_USE int thrum_coroutine_join(thrum_coroutine *coroutine, int *ret_code, thrum_timeout timeout);

/* Give up the handle. If it has not ended it goes on all the same. NULL is allowed. */
THRUM_API void thrum_coroutine_free(thrum_coroutine *coroutine);

/* From now on all that it waits for is THRUM_CANCELLED, but for locks (task.cancel): see token.h.
 * One that has not had its first turn never begins, and its code is THRUM_CANCELLED. Of a task group all are called
 * off together. From any thread. 0; -EINVAL. */
THRUM_API int thrum_coroutine_cancel(thrum_coroutine *coroutine);

/* Whether it has ended (task.done). */
THRUM_API bool thrum_coroutine_done(const thrum_coroutine *coroutine);

/* How it has ended (task.exception). 0, and an outcome of 0 where its code was; -EINVAL: it has not. */
THRUM_API THRUM_MUST_USE int thrum_coroutine_error(const thrum_coroutine *coroutine, thrum_error *ret_error);

/* Its name, "" if it has none (task.get_name). Stays as long as the handle. */
THRUM_API const char *thrum_coroutine_name(const thrum_coroutine *coroutine);

/* The one that calls, or NULL: the caller is a thread (asyncio.current_task). Not to be given up by the caller. */
THRUM_API thrum_coroutine *thrum_current_coroutine(void);

/* Let all others that can go on have their turn (asyncio.sleep(0)); in a thread, other threads. 0; THRUM_CANCELLED. */
THRUM_API int thrum_coroutine_yield(void);

/* Wait so long, in a coroutine or in a thread (asyncio.sleep, time.sleep). THRUM_NOWAIT is to yield. 0;
 * THRUM_CANCELLED, which is what ends THRUM_FOREVER; THRUM_INTERRUPTED; -EINVAL; -EAGAIN: no memory to know the thread
 * by. */
THRUM_API int thrum_sleep(thrum_timeout time);

/* ---- Calls that block ------------------------------------------------------------------- */

/*
 * Call function(arg) on a spare thread while the calling coroutine waits and the others go on, for what blocks outside
 * the library or takes long: getaddrinfo, fsync, a database (asyncio.to_thread). In a thread it is just called.
 * What it returns is the result, errno is as it has left it, and a message of thrum_fail is the coroutine's.
 *
 * It is another thread: the coroutine's locks and locals are not its own, nor is the compiler's thread-local storage.
 * So it must not wait for a lock that the caller holds. Its locals end with the call. It must not be left by
 * longjmp, pthread_exit or a C++ exception.
 *
 * Once begun it is not stopped. If the coroutine is cancelled meanwhile it waits on, and has the result; but the
 * function has the coroutine's token for its own, so thrum_cancelled tells it, and what it waits for by the library is
 * THRUM_CANCELLED.
 *
 * There are up to 512 spare threads, daemons by the name of "thrum-blocking". One that has had nothing to do for ten
 * seconds ends. When all are at work, or no more can be made, a call waits for one that is done.
 *
 * Other results: -EAGAIN, -ENOMEM: there is no spare thread, and none could be made; -ECHILD: the coroutine is the
 * parent process's; -EINVAL. It was not called then. Where that matters it returns none of these itself.
 */
THRUM_API int thrum_blocking(int (*function)(void *arg), void *arg);

/* ---- Task groups ------------------------------------------------------------------------ */

/*
 * Coroutines that are waited for together, and of which none outlives the scope (asyncio.TaskGroup, trio's nursery).
 * The first that fails calls the others off: all that they wait for is THRUM_CANCELLED, and those that have not begun
 * never do. One that is called off so, and returns THRUM_CANCELLED, has not failed.
 *
 *     thrum_task_group *group;
 *     int result = thrum_task_group_new(&group, NULL);
 *     if (result != 0)
 *         return result;
 *     for (int i = 0; i < n && result == 0; i++)
 *         result = thrum_task_group_start(group, fetch, &pages[i]);
 *     if (result == 0)
 *         result = thrum_task_group_wait(group, thrum_seconds(10));
 *     thrum_task_group_free(group);
 *     return result;
 *
 * All calls but free are for any thread and any coroutine, of the group or not.
 */
typedef struct thrum_task_group thrum_task_group;

/* Make one whose coroutines that scheduler runs; NULL: the one that runs the caller. 0; -ENOMEM; -EINVAL. */
THRUM_API THRUM_MUST_USE int thrum_task_group_new(thrum_task_group **ret_group, thrum_scheduler *scheduler);

/* Have the scheduler run function(arg) as one more of the group, as thrum_coroutine_run does (TaskGroup.create_task).
 * Its token is the group's. 0; THRUM_CANCELLED: the group is called off, and nothing was started; -ENOMEM; -ECHILD;
 * -EINVAL. */
THRUM_API THRUM_MUST_USE int thrum_task_group_start_with(thrum_task_group *group, int (*function)(void *arg), void *arg,
                                                         const thrum_coroutine_options *options);

/*
 * Wait until all of the group have ended (TaskGroup.__aexit__). From then on nothing of them runs. If the time-out
 * passes first, or the caller's own token is cancelled, the group is called off, and its end is waited for all the
 * same, however long that takes. What called it off first is the result, for all who wait, and for ever:
 *
 * 0: nothing did; more may be started. THRUM_FAILED: one has returned a code other than 0, which thrum_task_group_error
 * tells. THRUM_TIMEOUT. THRUM_CANCELLED: thrum_task_group_cancel, a waiter's token or the end of the scheduler.
 *
 * Nothing is called off, and one may wait again: THRUM_INTERRUPTED; -EDEADLK: the caller is one of them, or is the
 * thread that has to run them; -ECHILD: they are the parent process's; -EAGAIN: no memory to know the thread by;
 * -EINVAL.
 */
THRUM_API THRUM_MUST_USE int thrum_task_group_wait(thrum_task_group *group, thrum_timeout timeout);

/* Call it off (trio's cancel_scope.cancel). 0; -EINVAL. */
THRUM_API int thrum_task_group_cancel(thrum_task_group *group);

/* The failure of the first that has failed (the ExceptionGroup's first). One that fails when the group has been
 * called off for another reason is told here too. 0; THRUM_EMPTY: none has; -EINVAL. */
THRUM_API THRUM_MUST_USE int thrum_task_group_error(const thrum_task_group *group, thrum_error *ret_error);

/* Call off what is left, wait for its end, and free it. Where the scheduler will not be run any more, free that first.
 * NULL is allowed. 0; -EDEADLK as for wait, and it is as it was; -EINVAL. */
THRUM_API int thrum_task_group_free(thrum_task_group *group);

/* ---- Overflow ------------------------------------------------------------------------ */

/*
 * From now on, say it on standard error when the process is about to end because a generator has overflowed its stack:
 * with its name, and how large the stack is (faulthandler.enable). Sets a handler for SIGSEGV and SIGBUS, which
 * then goes on to the handler that was set before, as it does for all other faults; and gives each thread a stack for
 * signal handlers when it next makes a generator, unless it has one. The library does neither unasked. Best called
 * at the start of main; again is allowed. 0; -ENOMEM; -EAGAIN.
 */
THRUM_API THRUM_MUST_USE int thrum_faulthandler_enable(void);

#ifndef __cplusplus
#define thrum_scheduler_new(...) thrum_scheduler_new_(__VA_ARGS__, .size = sizeof(thrum_scheduler_options))
#define thrum_scheduler_new_(ret, ...) thrum_scheduler_new_with(ret, &(thrum_scheduler_options){__VA_ARGS__})
#define thrum_coroutine_run(...) thrum_coroutine_run_(__VA_ARGS__, .size = sizeof(thrum_coroutine_options))
#define thrum_coroutine_run_(ret, scheduler, function, arg, ...) \
    thrum_coroutine_run_with(ret, scheduler, function, arg, &(thrum_coroutine_options){__VA_ARGS__})
#define thrum_task_group_start(...) thrum_task_group_start_(__VA_ARGS__, .size = sizeof(thrum_coroutine_options))
#define thrum_task_group_start_(group, function, arg, ...) \
    thrum_task_group_start_with(group, function, arg, &(thrum_coroutine_options){__VA_ARGS__})
#define thrum_generator_new(...) thrum_generator_new_(__VA_ARGS__, .size = sizeof(thrum_generator_options))
#define thrum_generator_new_(ret, function, arg, ...) \
    thrum_generator_new_with(ret, function, arg, &(thrum_generator_options){__VA_ARGS__})
#endif

#ifdef __cplusplus
}

THRUM_MUST_USE inline int thrum_generator_new(thrum_generator **ret_generator,
                                              int (*function)(thrum_generator *, void *), void *arg,
                                              const thrum_generator_options &options = {})
{
    return thrum_generator_new_with(ret_generator, function, arg, &options);
}

THRUM_MUST_USE inline int thrum_scheduler_new(thrum_scheduler **ret_scheduler,
                                              const thrum_scheduler_options &options = {})
{
    return thrum_scheduler_new_with(ret_scheduler, &options);
}

THRUM_MUST_USE inline int thrum_coroutine_run(thrum_coroutine **ret_coroutine, thrum_scheduler *scheduler,
                                              int (*function)(void *), void *arg,
                                              const thrum_coroutine_options &options = {})
{
    return thrum_coroutine_run_with(ret_coroutine, scheduler, function, arg, &options);
}

THRUM_MUST_USE inline int thrum_task_group_start(thrum_task_group *group, int (*function)(void *), void *arg,
                                                 const thrum_coroutine_options &options = {})
{
    return thrum_task_group_start_with(group, function, arg, &options);
}
#endif
#endif
