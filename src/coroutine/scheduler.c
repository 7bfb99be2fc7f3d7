/*
 * scheduler.c - whose turn it is (scheduler.h says how that is safe)
 */
#include "coroutine/scheduler.h"

#include <errno.h>
#include <stdlib.h>

#include "base/object.h"
#include "base/options.h"
#include "platform/state.h"

OPTIONS_ARE_DENSE(thrum_scheduler_options, sizeof(size_t) + sizeof(thrum_timeout));

#define LOOK_EVERY 64     /* turns */
#define POLL_AFTER 100000 /* ns */
#define READY_AT_ONCE 64

__thread struct thrum_scheduler *scheduler_current;

/* In the inbox: the scheduler's thread is in the poller, or about to be. No task is there. */
#define SLEEPING ((struct thrum_coroutine *)(uintptr_t)1)

/* ---- Making ---- */

int thrum_scheduler_new_with(thrum_scheduler **ret_scheduler, const thrum_scheduler_options *options)
{
    thrum_scheduler_options o;
    if (ret_scheduler == NULL || OPTIONS_READ(&o, options) != 0)
        return -EINVAL;
    thrum_scheduler *made = object_new(sizeof *made, OBJECT_SCHEDULER);
    if (made == NULL)
        return -ENOMEM;
    int result = watchdog_start(&made->watched, o.slow_after);
    if (result == 0)
        result = watch_open(&made->watch);
    if (result != 0) {
        object_free(made);
        return result;
    }
    made->generation = os_generation();
    *ret_scheduler = made;
    return 0;
}

/* ---- Lists ---- */

void scheduler_make_ready(struct thrum_scheduler *scheduler, struct thrum_coroutine *task)
{
    task->next = NULL;
    if (scheduler->ready == NULL)
        scheduler->ready = task;
    else
        scheduler->ready_last->next = task;
    scheduler->ready_last = task;
}

void scheduler_give(struct thrum_scheduler *scheduler, struct thrum_coroutine *task)
{
    if (scheduler == scheduler_current) {
        scheduler_make_ready(scheduler, task);
        return;
    }
    struct thrum_coroutine *first = os_load_relaxed(&scheduler->inbox);
    do
        task->next = first != SLEEPING ? first : NULL;
    /* Release: pairs with take_inbox. Nothing is to be seen of who sleeps: the bell has been there from the start. */
    while (!os_cas_release(&scheduler->inbox, &first, task));
    if (first == SLEEPING && !os_planted("scheduler-not-rung"))
        os_poller_ring(&scheduler->watch.poller);
}

/* What others have put there, in their order. */
static void take_in(struct thrum_scheduler *scheduler, struct thrum_coroutine *newest)
{
    struct thrum_coroutine *oldest = NULL;
    while (newest != NULL) {
        struct thrum_coroutine *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest != NULL) {
        struct thrum_coroutine *next = oldest->next;
        scheduler_make_ready(scheduler, oldest);
        oldest = next;
    }
}

static void take_inbox(struct thrum_scheduler *scheduler)
{
    /* Relaxed: what is not seen now is seen the next time. Acquire: pairs with scheduler_give. */
    if (os_load_relaxed(&scheduler->inbox) != NULL)
        take_in(scheduler, os_exchange_acquire(&scheduler->inbox, NULL));
}

/* ---- Time, and the poller ---- */

static struct thrum_coroutine *task_of_time(struct wake_time *time)
{
    return (struct thrum_coroutine *)(void *)((char *)time - offsetof(struct thrum_coroutine, time));
}

/* Its sleep is over with that result, unless somebody wakes it. */
static void end_sleep(struct thrum_scheduler *scheduler, struct thrum_coroutine *task, int result)
{
    uint32_t suspended = TASK_SUSPENDED;
    /* Relaxed: what is between us and the task is in this thread. */
    if (os_cas_relaxed(&task->sleeper.wake, &suspended, 0) || os_planted("time-out-takes-task")) {
        task->slept = result;
        scheduler_make_ready(scheduler, task);
    }
}

static void let_times_come(struct thrum_scheduler *scheduler)
{
    struct wake_time *time;
    while ((time = scheduler->times.earliest) != NULL && time->at <= scheduler->now) {
        struct thrum_coroutine *task = task_of_time(time);
        times_remove(&scheduler->times, time);
        task->timed = false;
        end_sleep(scheduler, task, -ETIMEDOUT);
    }
}

/* A signal handler has run: those that asked to be told have a time, be it in 292 years. */
static void interrupt(struct thrum_scheduler *scheduler)
{
    for (struct thrum_coroutine *task = scheduler->all; task != NULL; task = task->all_next)
        if (task->timed && (task->time.at & PARK_INTERRUPTIBLE) != 0)
            end_sleep(scheduler, task, -EINTR);
}

/* In the poller until then; whoever has to be woken is ready. */
static void poll_until(struct thrum_scheduler *scheduler, int64_t deadline, bool *ret_rung)
{
    struct os_ready ready[READY_AT_ONCE];
    struct watch *watch = &scheduler->watch;
    int n = os_poller_wait(&watch->poller, watch_until(watch, deadline), ready, READY_AT_ONCE, ret_rung);
    if (n == -EINTR)
        interrupt(scheduler);
    watch_tell(watch, ready, n);
    scheduler->polled = os_now();
}

static void look(struct thrum_scheduler *scheduler)
{
    scheduler->now = os_now();
    let_times_come(scheduler);
}

/* Somebody may be ready, and others may have become so. */
static void look_between_turns(struct thrum_scheduler *scheduler)
{
    bool regular = ++scheduler->turns % LOOK_EVERY == 0, waited_for = !watch_is_idle(&scheduler->watch), rung;
    if (regular || waited_for || scheduler->times.earliest != NULL)
        look(scheduler);
    if (waited_for && (regular || scheduler->now - scheduler->polled >= POLL_AFTER))
        poll_until(scheduler, 0, &rung);
}

/* Nobody is ready. */
static void sleep_until_given(struct thrum_scheduler *scheduler)
{
    struct thrum_coroutine *inbox = NULL;
    const struct wake_time *time = scheduler->times.earliest;
    bool rung;
    /* Relaxed: as in scheduler_give. */
    if (!os_cas_relaxed(&scheduler->inbox, &inbox, SLEEPING))
        return;
    poll_until(scheduler, time != NULL ? time->at : OS_FOREVER, &rung);
    /* Acquire: pairs with scheduler_give. */
    inbox = os_exchange_acquire(&scheduler->inbox, NULL);
    if (inbox != SLEEPING) {
        if (!rung && !os_planted("scheduler-leaves-ring"))
            os_poller_hush(&scheduler->watch.poller);
        take_in(scheduler, inbox);
    }
    look(scheduler);
}

bool scheduler_is_at_hand(const struct thrum_scheduler *scheduler)
{
    return os_load_relaxed(&scheduler->inbox) == SLEEPING; /* relaxed: it may change at once */
}

/* ---- Turns ---- */

bool scheduler_is_here(const struct thrum_scheduler *scheduler)
{
    return scheduler->generation == os_generation();
}

struct thrum_coroutine *scheduler_pass_to(struct thrum_scheduler *scheduler)
{
    struct thrum_coroutine *next = scheduler->ready;
    if (!COROUTINE_CAN_PASS || next == NULL || next->base.identity.sleeper == NULL ||
        scheduler->times.earliest != NULL || !watch_is_idle(&scheduler->watch) || scheduler->watched.slow_after != 0 ||
        (scheduler->turns + 1) % LOOK_EVERY == 0 || !scheduler_is_here(scheduler))
        return NULL;
    /* Relaxed: it is looked at again soon. */
    if (os_load_relaxed(&scheduler->inbox) != NULL)
        return NULL;
    scheduler->turns++;
    scheduler->ready = next->next;
    return next;
}

static void take_turn(struct thrum_scheduler *scheduler, struct thrum_coroutine *task)
{
    if (task->base.identity.sleeper == NULL)
        task_begin(task);
    if (scheduler->watched.slow_after != 0)
        watchdog_turn(&scheduler->watched, task->sleeper.owner);
    int word = coroutine_resume(&task->base, 0);
    if (scheduler->watched.slow_after != 0)
        watchdog_turn(&scheduler->watched, 0);
    task = scheduler->left; /* which need not be the one that was resumed */
    if (word == TASK_YIELDS)
        scheduler_make_ready(scheduler, task);
    else if (word == TASK_ENDED)
        task_finish(task);
}

/* Until there are no tasks. 0; THRUM_FAILED; -ECHILD. */
static int take_turns(struct thrum_scheduler *scheduler)
{
    for (;;) {
        take_inbox(scheduler);
        struct thrum_coroutine *task = scheduler->ready;
        if (task != NULL) {
            scheduler->ready = task->next;
            take_turn(scheduler, task);
            if (!scheduler_is_here(scheduler))
                return -ECHILD;
            if (scheduler->failed)
                return THRUM_FAILED;
            look_between_turns(scheduler);
        } else if (scheduler->all != NULL) {
            sleep_until_given(scheduler);
        } else if (os_load_relaxed(&scheduler->inbox) == NULL) { /* relaxed: who comes later comes too late */
            return 0;
        }
    }
}

static void let_go(struct thrum_scheduler *scheduler)
{
    /* Release: one thread may run it after another, where no task has begun. */
    os_store_release(&scheduler->running, 0);
}

/* The calling thread runs it from now on, until it is let go. */
static int claim(struct thrum_scheduler *scheduler)
{
    struct sleeper *host = sleeper_thread();
    if (host == NULL)
        return -EAGAIN;
    if (!scheduler_is_here(scheduler))
        return -ECHILD;
    uint32_t running = 0;
    /* Acquire: pairs with let_go. */
    if (scheduler_current != NULL || !os_cas_acquire(&scheduler->running, &running, 1))
        return -EALREADY;
    if (scheduler->all != NULL && scheduler->host_ident != host->ident) {
        let_go(scheduler);
        return -EPERM;
    }
    scheduler->host = host;
    scheduler->host_ident = host->ident;
    return 0;
}

static int run_here(struct thrum_scheduler *scheduler)
{
    scheduler->failed = false;
    scheduler_current = scheduler;
    scheduler->now = os_now();
    watchdog_enter(&scheduler->watched);
    int result = take_turns(scheduler);
    watchdog_leave(&scheduler->watched);
    scheduler_current = NULL;
    return result;
}

int thrum_scheduler_run(thrum_scheduler *scheduler)
{
    if (!object_is(scheduler, OBJECT_SCHEDULER))
        return -EINVAL;
    int result = claim(scheduler);
    if (result == 0) {
        result = run_here(scheduler);
        let_go(scheduler);
    }
    return result;
}

int thrum_scheduler_error(thrum_scheduler *scheduler, thrum_error *ret_error)
{
    if (!object_is(scheduler, OBJECT_SCHEDULER) || ret_error == NULL)
        return -EINVAL;
    if (!scheduler->failed)
        return THRUM_EMPTY;
    *ret_error = scheduler->error;
    return 0;
}

/* ---- The end ---- */

static void cancel_all(struct thrum_scheduler *scheduler)
{
    scheduler->closing = true; /* for those that come later */
    for (struct thrum_coroutine *task = scheduler->all; task != NULL; task = task->all_next)
        task_cancel(task);
}

static int end_all(struct thrum_scheduler *scheduler)
{
    int result = claim(scheduler);
    if (result != 0)
        return result;
    cancel_all(scheduler);
    do
        result = run_here(scheduler);
    while (result == THRUM_FAILED); /* one of them has, which is no matter here */
    let_go(scheduler);
    return result;
}

int thrum_scheduler_free(thrum_scheduler *scheduler)
{
    if (scheduler == NULL)
        return 0;
    if (!object_is(scheduler, OBJECT_SCHEDULER))
        return -EINVAL;
    if (scheduler == scheduler_current) /* in a forked child, too */
        return -EALREADY;
    int result = scheduler_is_here(scheduler) ? end_all(scheduler) : 0;
    if (result != 0)
        return result;
    watch_close(&scheduler->watch);
    object_free(scheduler);
    return 0;
}
