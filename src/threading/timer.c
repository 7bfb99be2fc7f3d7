/*
 * timer.c - a function that is called after some time
 *
 * A timer is a thread that waits for an event, `decided`, until its time has come. Whether the function is called is
 * decided once, by a step from WAITING: by the thread to CALLED, or by whoever cancels to CANCELLED. So it is never
 * called after a cancel that came in time, and cancel knows whether it did.
 *
 * The record has two holders, as a thread's has: the handle, and the running thread.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/object.h"
#include "park/park.h"
#include "threading/event.h"
#include "threading/thread.h"

enum { WAITING, CALLED, CANCELLED };

struct thrum_timer {
    uint32_t state;
    uint32_t holders;
    uint32_t starting;   /* 1: it has been started, or is about to be */
    thrum_event decided; /* set by cancel */
    thrum_timeout interval;
    int64_t deadline; /* as by park_deadline; counted from the start */
    int (*function)(void *arg);
    void *arg;
    thrum_thread *thread;
};

static void let_go(thrum_timer *timer)
{
    /* Release, so that our last use of it is over before the other frees it; acquire, so that
     * its uses are over before we do. */
    if (os_sub_acq_rel(&timer->holders, 1) == 1)
        free(timer);
}

/* Whether it is so now, by this step or an earlier one to the same end. */
static bool decide(thrum_timer *timer, uint32_t state)
{
    uint32_t found = WAITING;
    /* Relaxed: the step is all; who fails learns no more than that, and the thread's start and end order the rest. */
    return os_cas_relaxed(&timer->state, &found, state) || found == state;
}

static int run(void *arg)
{
    thrum_timer *timer = arg;
    int code = 0, result = THRUM_CANCELLED;
    struct park_call call = {
        .what = "time of timer", .name = thrum_thread_name(timer->thread), .deadline = timer->deadline};
    if (!thrum_cancelled())
        do {
            result = event_park(&timer->decided, &call);
        } while (result == THRUM_INTERRUPTED); /* signals are not what it waits for */
    /* Cancelled, by cancel or by its token, or its time has come. */
    if (result == THRUM_CANCELLED)
        (void)decide(timer, CANCELLED);
    else if (result == THRUM_TIMEOUT && (decide(timer, CALLED) || os_planted("timer-called-though-cancelled")))
        code = timer->function(timer->arg);
    let_go(timer);
    return code;
}

int thrum_timer_new_with(thrum_timer **ret_timer, thrum_timeout interval, int (*function)(void *arg), void *arg,
                         const thrum_thread_options *options)
{
    int64_t deadline;
    if (ret_timer == NULL || function == NULL || park_deadline(interval, &deadline) != 0)
        return -EINVAL;
    thrum_timer *timer = object_new(sizeof *timer, OBJECT_TIMER);
    if (timer == NULL)
        return -ENOMEM;
    int result = thrum_thread_new_with(&timer->thread, run, timer, options);
    if (result != 0) {
        object_free(timer);
        return result;
    }
    timer->holders = 1;
    timer->interval = interval;
    timer->function = function;
    timer->arg = arg;
    *ret_timer = timer;
    return 0;
}

int thrum_timer_start(thrum_timer *timer)
{
    uint32_t starting = 0;
    if (!object_is(timer, OBJECT_TIMER))
        return -EINVAL;
    /* Acquire and, below, release: a start that has failed hands the rest on to the next. */
    if (!os_cas_acquire(&timer->starting, &starting, 1))
        return -EALREADY;
    (void)park_deadline(timer->interval, &timer->deadline); /* it was found good when it was made */
    (void)os_add_relaxed(&timer->holders, 1);               /* before it can end; the thread sees all we did */
    int result = thrum_thread_start(timer->thread);
    if (result != 0) {
        let_go(timer); /* never the last: the caller has the handle */
        os_store_release(&timer->starting, 0);
    }
    return result;
}

int thrum_timer_run_with(thrum_timer **ret_timer, thrum_timeout interval, int (*function)(void *arg), void *arg,
                         const thrum_thread_options *options)
{
    thrum_timer *timer;
    int result = ret_timer != NULL ? thrum_timer_new_with(&timer, interval, function, arg, options) : -EINVAL;
    if (result != 0)
        return result;
    result = thrum_timer_start(timer);
    if (result == 0)
        *ret_timer = timer;
    else
        thrum_timer_free(timer);
    return result;
}

bool thrum_timer_cancel(thrum_timer *timer)
{
    if (!object_is(timer, OBJECT_TIMER) || !decide(timer, CANCELLED))
        return false;
    thrum_event_set(&timer->decided);
    return true;
}

int thrum_timer_join(thrum_timer *timer, int *ret_code, thrum_timeout timeout)
{
    return object_is(timer, OBJECT_TIMER) ? thrum_thread_join(timer->thread, ret_code, timeout) : -EINVAL;
}

thrum_thread *thrum_timer_thread(thrum_timer *timer)
{
    return object_is(timer, OBJECT_TIMER) ? timer->thread : NULL;
}

void thrum_timer_free(thrum_timer *timer)
{
    if (!object_is(timer, OBJECT_TIMER))
        return;
    object_dies(timer);
    thrum_thread_free(timer->thread);
    let_go(timer);
}
