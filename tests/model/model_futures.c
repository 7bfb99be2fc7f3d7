/*
 * model_futures.c - threads, timers, locals, futures, and the pool's inbox
 *
 * Futures are run by an executor of the scenario's own, which hands jobs over in a way that orders just
 * what it must; the pool has a scenario of its own.
 */
#include <errno.h>
#include <string.h>

#include "model.h"
#include "platform/state.h"
#include "threading/thread.h"
#include "thrum/thrum.h"
#include "thrum/plugin.h"

static int twice(const int *input, int *output)
{
    *output = *input * 2;
    return 0;
}
THRUM_TASK(twice, int, int);

static struct {
    const thrum_host *host;
    thrum_executor *executor;
    thrum_job *job;       /* what submit leaves for thread 1 */
    thrum_future *future; /* what thread 0 leaves for thread 2 */
    thrum_thread *thread;
    thrum_event event, done;
    thrum_local *local, *other;
    thrum_timer *timer;
    int news, code;
} s;

/* ---- An executor that leaves its jobs for a thread of the scenario ---- */

static int open_ours(void **ret_self, const thrum_host *host, const thrum_executor_config *config, thrum_error *error)
{
    (void)config, (void)error;
    s.host = host;
    *ret_self = &s;
    return 0;
}

static int submit_ours(void *self, thrum_job *job)
{
    (void)self;
    os_store_release(&s.job, job);
    return 0;
}

static int close_ours(void *self, thrum_timeout timeout)
{
    (void)self, (void)timeout;
    return 0;
}

static size_t workers_of_ours(void *self)
{
    (void)self;
    return 1;
}

static const thrum_executor_ops ours = {.size = sizeof ours,
                                        .abi = THRUM_EXECUTOR_ABI,
                                        .name = "ours",
                                        .open = open_ours,
                                        .submit = submit_ours,
                                        .close = close_ours,
                                        .workers = workers_of_ours};

static void before(void)
{
    memset(&s, 0, sizeof s);
}

static void before_future(void)
{
    before();
    check(thrum_executor_register(&ours) == 0);
    check(thrum_executor_open(&s.executor, "ours") == 0);
}

static void run_what_is_left(void)
{
    thrum_job *job;
    while ((job = os_load_acquire(&s.job)) == NULL)
        os_yield();
    s.host->job_run(job);
}

/* The result is seen, and whoever is last frees it. */
static void future_brings_its_result(int i)
{
    if (i == 0) {
        int input = 21, output = 0;
        thrum_future *future;
        check(thrum_submit(s.executor, twice, &input, &future) == 0);
        check(thrum_future_result(future, &output, THRUM_FOREVER) == 0);
        check(output == 42);
        thrum_future_free(future);
    } else {
        run_what_is_left();
    }
}

static void future_is_seen_done(int i)
{
    if (i == 0) {
        int input = 21, output = 0;
        thrum_future *future;
        check(thrum_submit(s.executor, twice, &input, &future) == 0);
        model_dawdle(60);
        if (thrum_future_done(future))
            check(thrum_future_result(future, &output, THRUM_NOWAIT) == 0 && output == 42);
        thrum_future_free(future);
    } else {
        run_what_is_left();
    }
}

/* While one waits for it, so that it is finished under the bucket's lock, another only looks. */
static void future_is_seen_done_by_another(int i)
{
    int input = 21, output = 0;
    if (i == 0) {
        thrum_future *future;
        check(thrum_submit(s.executor, twice, &input, &future) == 0);
        s.future = future;
        thrum_event_set(&s.event);
        check(thrum_future_result(future, &output, THRUM_FOREVER) == 0);
    } else if (i == 1) {
        model_dawdle(100);
        run_what_is_left();
    } else {
        check(thrum_event_wait(&s.event, THRUM_FOREVER) == 0);
        model_dawdle(100);
        if (thrum_future_done(s.future))
            check(thrum_future_result(s.future, &output, THRUM_NOWAIT) == 0 && output == 42);
    }
}

static void count_call(thrum_future *future, void *arg)
{
    int output = 0;
    (void)arg;
    check(thrum_future_result(future, &output, THRUM_NOWAIT) == 0 && output == 42);
    s.code++;
}

/* A callback is called once, by the one or the other, and sees the result. */
static void future_calls_back(int i)
{
    if (i == 0) {
        int input = 21;
        thrum_future *future;
        check(thrum_submit(s.executor, twice, &input, &future) == 0);
        model_dawdle(60);
        check(thrum_future_add_done_callback(future, count_call, NULL) == 0);
        thrum_future_free(future);
    } else {
        run_what_is_left();
    }
}

static void called_once(void)
{
    check(s.code == 1);
}

/* Cancelled or run, and never both; also while another waits. */
static void future_is_cancelled(int i)
{
    int input = 21, output = 0;
    if (i == 0) {
        thrum_future *future;
        check(thrum_submit(s.executor, twice, &input, &future) == 0);
        s.future = future;
        thrum_event_set(&s.event);
        bool cancelled = thrum_future_cancel(future);
        check(thrum_future_result(future, &output, THRUM_FOREVER) == (cancelled ? THRUM_CANCELLED : 0));
        check(cancelled || output == 42);
    } else if (i == 1) {
        run_what_is_left();
    } else {
        check(thrum_event_wait(&s.event, THRUM_FOREVER) == 0);
        int result = thrum_future_result(s.future, &output, THRUM_FOREVER);
        check(result == THRUM_CANCELLED || (result == 0 && output == 42));
    }
}

/* ---- The pool, with a thread of its own ---- */

static void pool_runs_what_is_submitted(int i)
{
    int input = 20 + i, output = 0;
    thrum_future *future;
    if (i == 0) {
        check(thrum_executor_open(&s.executor, "threads:1") == 0);
        thrum_event_set(&s.event);
    } else {
        check(thrum_event_wait(&s.event, THRUM_FOREVER) == 0);
    }
    model_dawdle(100);
    check(thrum_submit(s.executor, twice, &input, &future) == 0);
    check(thrum_future_result(future, &output, THRUM_FOREVER) == 0 && output == 2 * input);
    thrum_future_free(future);
    if (i == 0) {
        check(thrum_event_wait(&s.done, THRUM_FOREVER) == 0);
        check(thrum_executor_close(s.executor) == 0);
    } else {
        thrum_event_set(&s.done);
    }
}

/* ---- Timers ---- */

static int work(void *arg)
{
    check(arg == &s && s.news == 1);
    s.code = 7;
    return 3;
}

/* Called, or cancelled in time, and never both. */
static void timer_is_called_or_not(int i)
{
    thrum_timer *timer;
    int code = 0;
    (void)i;
    s.news = 1;
    check(thrum_timer_run(&timer, thrum_seconds(0.001), work, &s) == 0);
    model_dawdle(80);
    bool cancelled = thrum_timer_cancel(timer);
    check(thrum_timer_join(timer, &code, THRUM_FOREVER) == 0);
    check(cancelled ? s.code == 0 : s.code == 7 && code == 3);
    thrum_timer_free(timer);
}

/* The handle is given up while the thread goes on. */
static void timer_is_given_up(int i)
{
    thrum_timer *timer;
    (void)i;
    s.news = 1;
    check(thrum_timer_run(&timer, thrum_seconds(0.001), work, &s) == 0);
    model_dawdle(80);
    thrum_timer_free(timer);
}

/* As thread_fails_to_start. */
static void before_no_timer(void)
{
    before();
    check(thrum_timer_new(&s.timer, thrum_seconds(0.001), work, &s) == 0);
}

static void timer_fails_to_start(int i)
{
    if (i < 2) {
        model_dawdle(60);
        int result = thrum_timer_start(s.timer);
        check(result == -EAGAIN || result == -EALREADY);
    }
}

/* ---- Locals ---- */

static void destroy(void *value)
{
    check(value == &s.code);
    s.code++;
}

static void before_local(void)
{
    before();
    check(thrum_local_new(&s.local, .destroy = destroy) == 0);
}

/* The one's value is destroyed by its end or by the other's free, once; and when the other has come back, it is done.
 */
static void local_is_freed(int i)
{
    if (i == 0) {
        check(thrum_local_set(s.local, &s.code) == 0);
        thrum_event_set(&s.event);
    } else {
        check(thrum_event_wait(&s.event, THRUM_FOREVER) == 0);
        model_dawdle(40);
        thrum_local_free(s.local);
        check(s.code == 1);
    }
}

/* The place of one that was freed is another's at once. */
static void local_is_used_again(int i)
{
    if (i == 0) {
        check(thrum_local_set(s.local, &s.code) == 0);
        thrum_event_set(&s.event);
        check(thrum_event_wait(&s.done, THRUM_FOREVER) == 0);
        check(thrum_local_get(s.other) == NULL);
        check(thrum_local_set(s.other, &s.news) == 0 && thrum_local_get(s.other) == &s.news);
    } else {
        check(thrum_event_wait(&s.event, THRUM_FOREVER) == 0);
        thrum_local_free(s.local);
        check(thrum_local_new(&s.other) == 0);
        thrum_event_set(&s.done);
    }
}

/* ---- Threads ---- */

static void thread_is_joined(int i)
{
    int code = 0;
    (void)i;
    s.news = 1;
    check(thrum_thread_run(&s.thread, work, &s) == 0);
    check(thrum_thread_join(s.thread, &code, THRUM_FOREVER) == 0);
    check(code == 3 && s.code == 7);
    thrum_thread_free(s.thread);
}

/* Its name and number are read while they change. */
static void thread_is_renamed(int i)
{
    if (i == 0) {
        s.news = 1;
        check(thrum_thread_new(&s.thread, work, &s) == 0);
        thrum_event_set(&s.event);
        check(thrum_thread_start(s.thread) == 0);
        check(thrum_thread_set_name(s.thread, "Tom") == 0);
    } else {
        check(thrum_event_wait(&s.event, THRUM_FOREVER) == 0);
        model_dawdle(60);
        check(thrum_thread_name(s.thread)[0] == 'T');
        model_dawdle(60);
        (void)thrum_thread_native_id(s.thread);
    }
}

/* There is no room for one more: each who tries is told, and nothing of the one's attempt is left for the other. */
static void before_no_room(void)
{
    before();
    check(thrum_thread_new(&s.thread, work, &s) == 0);
}

static void thread_fails_to_start(int i)
{
    if (i < 2) {
        model_dawdle(60);
        int result = thrum_thread_start(s.thread);
        check(result == -EAGAIN || result == -EALREADY);
    } else {
        check(thrum_thread_join(s.thread, NULL, THRUM_FOREVER) == -EINVAL);
    }
}

/* In a forked child: who sees that it was started sees that it was here. */
static void before_child(void)
{
    before();
    os_state()->generation++;
    check(thrum_thread_new(&s.thread, work, &s) == 0);
    s.news = 1;
}

static void thread_is_started_here(int i)
{
    if (i == 0) {
        check(thrum_thread_start(s.thread) == 0);
    } else {
        while (os_load_acquire(&s.thread->state) != THREAD_STARTED && os_load_acquire(&s.thread->state) != THREAD_ENDED)
            os_yield();
        model_dawdle(60);
        check(thrum_thread_join(s.thread, NULL, THRUM_FOREVER) == 0);
    }
}

/* At exit it is waited for, and what it did is seen. */
static void thread_is_awaited_at_exit(int i)
{
    (void)i;
    s.news = 1;
    check(thrum_thread_run(&s.thread, work, &s) == 0);
    model_dawdle(80);
    model_exit();
    check(s.code == 7);
    thrum_thread_free(s.thread);
}

/* Its end and the giving up of its handle race for who frees it. */
static void thread_is_given_up(int i)
{
    (void)i;
    s.news = 1;
    check(thrum_thread_run(&s.thread, work, &s) == 0);
    model_dawdle(60);
    if (!thrum_thread_is_alive(s.thread))
        check(s.code == 7);
    thrum_thread_free(s.thread);
}

/* One that gives up joining hands it on to the other. */
static void thread_is_joined_by_one(int i)
{
    if (i == 0) {
        s.news = 1;
        check(thrum_thread_new(&s.thread, work, &s) == 0);
        thrum_event_set(&s.event);
        check(thrum_thread_start(s.thread) == 0);
    } else {
        check(thrum_event_wait(&s.event, THRUM_FOREVER) == 0);
    }
    int code = 0, result = thrum_thread_join(s.thread, &code, thrum_seconds(0.001));
    check(result == 0 || result == THRUM_TIMEOUT || result == -EINVAL);
    check(result != 0 || (code == 3 && s.code == 7));
}

const struct model_scenario futures_scenarios[] = {
    {"thread_is_joined", 1, thread_is_joined, before, NULL},
    {"thread_is_renamed", 2, thread_is_renamed, before, NULL},
    {"thread_fails_to_start", 4, thread_fails_to_start, before_no_room, NULL},
    {"thread_is_started_here", 2, thread_is_started_here, before_child, NULL},
    {"thread_is_awaited_at_exit", 1, thread_is_awaited_at_exit, before, NULL},
    {"thread_is_given_up", 1, thread_is_given_up, before, NULL},
    {"thread_is_joined_by_one", 2, thread_is_joined_by_one, before, NULL},
    {"timer_is_called_or_not", 1, timer_is_called_or_not, before, NULL},
    {"timer_fails_to_start", 4, timer_fails_to_start, before_no_timer, NULL},
    {"timer_is_given_up", 1, timer_is_given_up, before, NULL},
    {"local_is_freed", 2, local_is_freed, before_local, called_once},
    {"local_is_used_again", 2, local_is_used_again, before_local, called_once},
    {"future_brings_its_result", 2, future_brings_its_result, before_future, NULL},
    {"future_is_seen_done", 2, future_is_seen_done, before_future, NULL},
    {"future_is_seen_done_by_another", 3, future_is_seen_done_by_another, before_future, NULL},
    {"future_calls_back", 2, future_calls_back, before_future, called_once},
    {"future_is_cancelled", 3, future_is_cancelled, before_future, NULL},
    {"pool_runs_what_is_submitted", 2, pool_runs_what_is_submitted, before, NULL},
    {0},
};
