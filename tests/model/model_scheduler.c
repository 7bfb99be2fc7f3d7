/*
 * model_scheduler.c - tasks that other threads start, wake, cancel and wait for
 *
 * The switch is the machine's own: a thread of the model goes on on whatever stack it is on.
 */
#include <string.h>

#include "model.h"
#include "park/park.h"
#include "thrum/thrum.h"

static struct {
    thrum_scheduler *schedulers[2];
    thrum_coroutine *task;
    thrum_task_group *group;
    thrum_event events[2];
    thrum_semaphore permits;
    thrum_lock lock;
    int news[2], got, ended; /* plain */
    uint32_t counted;        /* atomic */
} s;

static void go(int i, int (*function)(void *arg), void *arg)
{
    check(thrum_coroutine_run_with(NULL, s.schedulers[i], function, arg, NULL) == 0);
}

static void make(int n)
{
    memset(&s, 0, sizeof s);
    for (int i = 0; i < n; i++)
        check(thrum_scheduler_new_with(&s.schedulers[i], NULL) == 0);
}

static void run(int i)
{
    check(thrum_scheduler_run(s.schedulers[i]) == 0);
}

/* The memory is gone, too. */
static void run_and_free(int i)
{
    run(i);
    check(thrum_scheduler_free(s.schedulers[i]) == 0);
}

/* ---- Waking ---- */

static int hear_news(void *arg)
{
    int i = *(const int *)arg;
    check(thrum_event_wait(&s.events[i], THRUM_FOREVER) == 0);
    check(s.news[i] == 1);
    s.ended++;
    return 0;
}

static const int numbers[] = {0, 1};

static void tell_news(int i)
{
    model_dawdle(250); /* mostly it sleeps by then */
    s.news[i] = 1;
    thrum_event_set(&s.events[i]);
}

static void before_one(void)
{
    make(1);
    go(0, hear_news, (void *)(uintptr_t)&numbers[0]);
}

static void before_two(void)
{
    before_one();
    go(0, hear_news, (void *)(uintptr_t)&numbers[1]);
}

/* What the waker did is done for the task; and when the last task has ended, nobody comes to the scheduler. */
static void task_is_woken(int i)
{
    if (i == 0)
        run_and_free(0);
    else
        tell_news(i - 1);
}

static void one_ended(void)
{
    check(s.ended == 1);
}

static void two_ended(void)
{
    check(s.ended == 2);
}

static int take_in_time(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        int result = thrum_semaphore_acquire(&s.permits, thrum_seconds(0.001));
        check(result == 0 || result == THRUM_TIMEOUT);
        s.got += result == 0;
    }
    return 0;
}

static void before_times(void)
{
    make(1);
    check(thrum_semaphore_init_with(&s.permits, 0, NULL) == 0);
    go(0, take_in_time, NULL);
    go(0, take_in_time, NULL);
}

/* A permit that comes as the time ends is had or is there. */
static void task_is_woken_in_time(int i)
{
    if (i == 0)
        run_and_free(0);
    else
        check(thrum_semaphore_release(&s.permits, 1) == 0);
}

static void no_permit_is_lost(void)
{
    while (thrum_semaphore_acquire(&s.permits, THRUM_NOWAIT) == 0)
        s.got++;
    check(s.got == 2);
}

static int wait_until_taken(void *arg)
{
    int result;
    (void)arg;
    do {
        struct park_call call = {.key = &s.news, .what = "news", .deadline = park_after(os_now(), 2)};
        result = park(&call);
        check(result == 0 || result == THRUM_TIMEOUT);
    } while (result != 0);
    s.ended++;
    return 0;
}

static int wait_until_any_is_taken(void *arg)
{
    int result;
    (void)arg;
    do {
        struct park_place places[] = {{.key = &s.events}, {.key = &s.news}};
        struct park_call call = {.what = "news", .deadline = park_after(os_now(), 2)};
        size_t place;
        result = park_any(&call, places, 2, &place);
        check((result == 0 && place == 1) || result == THRUM_TIMEOUT);
    } while (result != 0);
    s.ended++;
    return 0;
}

static void before_taken(void)
{
    make(1);
    go(0, wait_until_taken, NULL);
}

static void before_any_taken(void)
{
    make(1);
    go(0, wait_until_any_is_taken, NULL);
}

/* Its time ends between its waker's two halves: it goes on, finds out, and sleeps once more. */
static void task_is_taken_and_woken(int i)
{
    struct park_wait *chain = NULL;
    if (i == 0) {
        run_and_free(0);
        return;
    }
    while (chain == NULL) {
        os_yield();
        chain = unpark_take(&s.news, 1, NULL, NULL);
    }
    model_dawdle(60);
    unpark_wake(chain);
}

/* At one of two places, and then at the other. */
static int hear_any(void *arg)
{
    thrum_waitable both[] = {thrum_event_waitable(&s.events[0]), thrum_event_waitable(&s.events[1])};
    (void)arg;
    for (int n = 0; n < 2; n++) {
        size_t i;
        check(thrum_wait_any(both, 2, &i, THRUM_FOREVER) == 0);
        check(s.news[i] == 1);
        thrum_event_clear(&s.events[i]);
        s.news[i] = 2;
    }
    s.ended++;
    return 0;
}

static void before_any(void)
{
    make(1);
    go(0, hear_any, NULL);
}

static int wait_for_good(void *arg)
{
    (void)arg;
    check(thrum_event_wait(&s.events[0], THRUM_FOREVER) == THRUM_CANCELLED);
    check(s.news[0] == 1);
    s.ended++;
    return 0;
}

static void before_cancel(void)
{
    make(1);
    check(thrum_coroutine_run_with(&s.task, s.schedulers[0], wait_for_good, NULL, NULL) == 0);
}

/* Before its first turn, in its wait, or between; and the handle is given up meanwhile. */
static void task_is_cancelled(int i)
{
    if (i == 0) {
        run_and_free(0);
    } else {
        model_dawdle(60);
        s.news[0] = 1;
        check(thrum_coroutine_cancel(s.task) == 0);
        thrum_coroutine_free(s.task);
    }
}

/* ---- Both ways ---- */

static int answer(void *arg)
{
    (void)arg;
    check(thrum_event_wait(&s.events[0], THRUM_FOREVER) == 0);
    check(s.news[0]++ == 1);
    thrum_event_set(&s.events[1]);
    (void)os_add_relaxed(&s.counted, 1);
    return 0;
}

static int ask(void *arg)
{
    (void)arg;
    s.news[0] = 1;
    thrum_event_set(&s.events[0]);
    check(thrum_event_wait(&s.events[1], THRUM_FOREVER) == 0);
    check(s.news[0] == 2);
    (void)os_add_relaxed(&s.counted, 1);
    return 0;
}

static void before_both(void)
{
    make(2);
    go(0, answer, NULL);
    go(1, ask, NULL);
}

static int add_one(void *arg)
{
    (void)arg;
    check(thrum_lock_acquire(&s.lock, THRUM_FOREVER) == 0);
    s.got++;
    check(thrum_lock_release(&s.lock) == 0);
    return 0;
}

static void before_lock(void)
{
    make(1);
    go(0, add_one, NULL);
    go(0, add_one, NULL);
}

static void lock_is_for_one(int i)
{
    if (i == 0)
        run_and_free(0);
    else
        (void)add_one(NULL);
}

static void both_ended(void)
{
    check(s.counted == 2);
}

static void three_added(void)
{
    check(s.got == 3);
}

/* ---- Starting and ending ---- */

static int take_news(void *arg)
{
    check(*(const int *)arg == 1);
    s.ended++;
    return 0;
}

static void before_start(void)
{
    make(1);
}

/* By other threads, while it runs or not. */
static void task_is_started(int i)
{
    if (i > 0) {
        s.news[i - 1] = 1;
        go(0, take_news, &s.news[i - 1]);
        (void)os_add_relaxed(&s.counted, 1);
    }
    while (i == 0 && s.ended < 2) {
        run(0);
        os_yield();
    }
    if (i == 0)
        check(thrum_scheduler_free(s.schedulers[0]) == 0);
}

static int return_seven(void *arg)
{
    (void)arg;
    s.news[0] = 1;
    return thrum_fail(7, "seven");
}

static void before_join(void)
{
    make(1);
    check(thrum_coroutine_run_with(&s.task, s.schedulers[0], return_seven, NULL, NULL) == 0);
}

/* Its end is seen with all that it did; the second of scheduler and handle to let go gives the stack back. */
static void task_is_joined(int i)
{
    thrum_error error;
    int code = 0;
    if (i == 0) {
        run_and_free(0);
        return;
    }
    check(thrum_coroutine_join(s.task, &code, THRUM_FOREVER) == 0);
    check(code == 7 && s.news[0] == 1);
    check(thrum_coroutine_error(s.task, &error) == 0 && error.code == 7);
    thrum_coroutine_free(s.task);
}

static int end(void *arg)
{
    (void)arg;
    s.ended++;
    return 0;
}

static void before_handle(void)
{
    make(1);
    thrum_coroutine_options options = {.name = "task"};
    check(thrum_coroutine_run_with(&s.task, s.schedulers[0], end, NULL, &options) == 0);
}

/* Nobody waits for its end: the two meet at the handle alone, and the stack is used again at once. */
static void handle_is_given_up(int i)
{
    if (i == 1) {
        model_dawdle(200);
        check(thrum_coroutine_name(s.task)[0] == 't');
        thrum_coroutine_free(s.task);
        go(0, end, NULL);
        return;
    }
    for (int n = 0; s.ended < 3; n++) {
        run(0);
        if (n == 0)
            go(0, end, NULL);
        os_yield();
    }
}

static void before_turns(void)
{
    make(1);
    go(0, end, NULL);
    go(0, end, NULL);
}

/* One thread runs it after the other. */
static void scheduler_is_run_by_both(int i)
{
    (void)i;
    while (thrum_scheduler_run(s.schedulers[0]) != 0)
        os_yield();
    if (i == 0)
        go(0, end, NULL);
    while (thrum_scheduler_run(s.schedulers[0]) != 0)
        os_yield();
}

static void at_least_two_ended(void)
{
    check(s.ended >= 2);
}

/* ---- Groups ---- */

static int end_in_group(void *arg)
{
    s.news[*(const int *)arg] = 1;
    return 0;
}

static void start_in_group(int (*function)(void *arg), int i)
{
    check(thrum_task_group_start_with(s.group, function, (void *)(uintptr_t)&numbers[i], NULL) == 0);
}

static void before_group(void)
{
    make(1);
    check(thrum_task_group_new(&s.group, s.schedulers[0]) == 0);
    for (int i = 0; i < 2; i++)
        start_in_group(end_in_group, i);
}

/* All that they did is done for who waits, and the group may go. */
static void group_is_waited_for(int i)
{
    if (i == 0) {
        run(0);
    } else {
        model_dawdle(250);
        check(thrum_task_group_wait(s.group, THRUM_FOREVER) == 0);
        check(s.news[0] == 1 && s.news[1] == 1);
        check(thrum_task_group_free(s.group) == 0);
    }
}

static int fail_in_group(void *arg)
{
    (void)arg;
    s.news[0] = 1;
    return thrum_fail(5, "five");
}

static void before_failure(void)
{
    make(1);
    check(thrum_task_group_new(&s.group, s.schedulers[0]) == 0);
    start_in_group(fail_in_group, 0);
}

/* What comes before an error is seen with it. */
static void group_fails(int i)
{
    thrum_error error;
    if (i == 0) {
        run(0);
    } else {
        while (thrum_task_group_error(s.group, &error) == THRUM_EMPTY)
            os_yield();
        check(error.code == 5 && s.news[0] == 1);
    }
}

static void failure_is_told(void)
{
    check(thrum_task_group_wait(s.group, THRUM_NOWAIT) == THRUM_FAILED);
    check(thrum_task_group_free(s.group) == 0);
}

const struct model_scenario scheduler_scenarios[] = {
    {"task_is_woken", 2, task_is_woken, before_one, one_ended},
    {"tasks_are_woken", 3, task_is_woken, before_two, two_ended},
    {"task_is_woken_in_time", 3, task_is_woken_in_time, before_times, no_permit_is_lost},
    {"task_is_taken_and_woken", 2, task_is_taken_and_woken, before_taken, one_ended},
    {"task_is_taken_at_any_place", 2, task_is_taken_and_woken, before_any_taken, one_ended},
    {"task_is_woken_at_any_place", 3, task_is_woken, before_any, one_ended},
    {"task_is_cancelled", 2, task_is_cancelled, before_cancel, NULL},
    {"tasks_of_two_schedulers_talk", 2, run_and_free, before_both, both_ended},
    {"lock_is_for_one_task", 2, lock_is_for_one, before_lock, three_added},
    {"task_is_started", 3, task_is_started, before_start, two_ended},
    {"task_is_joined", 2, task_is_joined, before_join, NULL},
    {"handle_is_given_up", 2, handle_is_given_up, before_handle, NULL},
    {"scheduler_is_run_by_both", 2, scheduler_is_run_by_both, before_turns, at_least_two_ended},
    {"group_is_waited_for", 2, group_is_waited_for, before_group, NULL},
    {"group_fails", 2, group_fails, before_failure, failure_is_told},
    {0},
};
