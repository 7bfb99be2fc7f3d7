/*
 * sim_group.c - scenarios of task groups, and of calls on spare threads
 */
#include "runner.h"

static struct {
    thrum_scheduler *scheduler;
    thrum_task_group *group;
    thrum_event stop;
    int ended;
} g;

static int stay(void *arg)
{
    (void)arg;
    return thrum_event_wait(&g.stop, THRUM_FOREVER);
}

static int run_scheduler(void *arg)
{
    (void)arg;
    must(thrum_scheduler_run(g.scheduler));
    return 0;
}

/* A thread that runs the scheduler until g.stop is set. */
static thrum_thread *run_until_stopped(void)
{
    must(thrum_scheduler_new_with(&g.scheduler, NULL));
    must(thrum_task_group_new(&g.group, g.scheduler));
    must(thrum_coroutine_run_with(NULL, g.scheduler, stay, NULL, NULL));
    return spawn(run_scheduler, NULL);
}

static void stop(thrum_thread *thread)
{
    thrum_event_set(&g.stop);
    must(finish(thread));
    must(thrum_scheduler_free(g.scheduler));
}

static int end(void *arg)
{
    (void)arg;
    (void)thrum_coroutine_yield();
    g.ended++;
    return 0;
}

/* It is over when the last has ended, and may go then. */
static void group_is_over_with_its_last(void)
{
    thrum_thread *thread = run_until_stopped();
    for (int i = 0; i < 2; i++)
        must(thrum_task_group_start_with(g.group, end, NULL, NULL));
    must(thrum_task_group_wait(g.group, THRUM_FOREVER));
    sim_check(g.ended == 2);
    must(thrum_task_group_free(g.group));
    stop(thread);
}

static int sleep_on(void *arg)
{
    (void)arg;
    int result = thrum_sleep(THRUM_FOREVER);
    sim_check(result == THRUM_CANCELLED);
    g.ended++;
    return result;
}

static int end_badly(void *arg)
{
    (void)arg;
    return 5;
}

/* Who has begun ends, and who has not never does; whatever comes later is refused. */
static void group_ends_with_the_first_failure(void)
{
    thrum_thread *thread = run_until_stopped();
    thrum_error error;
    must(thrum_task_group_start_with(g.group, sleep_on, NULL, NULL));
    must(thrum_task_group_start_with(g.group, end_badly, NULL, NULL));
    int result = thrum_task_group_start_with(g.group, sleep_on, NULL, NULL);
    sim_check(result == 0 || result == THRUM_CANCELLED);
    sim_check(thrum_task_group_wait(g.group, THRUM_FOREVER) == THRUM_FAILED);
    sim_check(g.ended <= 2);
    must(thrum_task_group_error(g.group, &error));
    sim_check(error.code == 5);
    must(thrum_task_group_free(g.group));
    stop(thread);
}

static int wait_a_moment(void *arg)
{
    (void)arg;
    int result = thrum_task_group_wait(g.group, thrum_seconds(0.000001));
    sim_check(result == THRUM_TIMEOUT || result == THRUM_CANCELLED);
    return result;
}

/* All who wait hear the same, and nothing runs then. */
static void group_is_called_off_once(void)
{
    thrum_thread *thread = run_until_stopped();
    must(thrum_task_group_start_with(g.group, sleep_on, NULL, NULL));
    thrum_thread *other = spawn(wait_a_moment, NULL);
    must(thrum_task_group_cancel(g.group));
    int result = thrum_task_group_wait(g.group, THRUM_FOREVER);
    sim_check(g.ended <= 1);
    sim_check(finish(other) == result);
    must(thrum_task_group_free(g.group));
    stop(thread);
}

static int start_and_wait(void *arg)
{
    thrum_task_group *group;
    (void)arg;
    must(thrum_task_group_new(&group, NULL));
    must(thrum_task_group_start_with(group, sleep_on, NULL, NULL));
    int result = thrum_task_group_wait(group, THRUM_FOREVER);
    sim_check(result == THRUM_CANCELLED && g.ended <= 1);
    must(thrum_task_group_free(group));
    return result;
}

/* One that is cancelled from outside, be it early or late, takes its own group with it. */
static void group_in_a_group_is_called_off(void)
{
    thrum_thread *thread = run_until_stopped();
    must(thrum_task_group_start_with(g.group, start_and_wait, NULL, NULL));
    must(thrum_task_group_cancel(g.group));
    sim_check(thrum_task_group_wait(g.group, THRUM_FOREVER) == THRUM_CANCELLED);
    must(thrum_task_group_free(g.group));
    stop(thread);
}

/* ---- Calls on spare threads ---- */

static int count_calls(void *arg)
{
    thrum_token *token = arg;
    sim_check(thrum_cancelled() == (token != NULL && thrum_token_is_cancelled(token)));
    sim_point();
    (void)os_add_relaxed(&g.ended, 1);
    return 3;
}

static int call_once(void *arg)
{
    sim_check(thrum_blocking(count_calls, arg) == 3);
    return 0;
}

/* More than there are spare threads. Each call is carried out once, whoever is idle, at work or to come. */
static void blocking_calls_are_carried_out(void)
{
    must(thrum_scheduler_new_with(&g.scheduler, NULL));
    for (int i = 0; i < 3; i++)
        must(thrum_coroutine_run_with(NULL, g.scheduler, call_once, NULL, NULL));
    must(thrum_scheduler_run(g.scheduler));
    sim_check(g.ended == 3);
    must(thrum_coroutine_run_with(NULL, g.scheduler, call_once, NULL, NULL));
    must(thrum_scheduler_run(g.scheduler));
    sim_check(g.ended == 4);
    must(thrum_scheduler_free(g.scheduler));
}

static int call_again_and_again(void *arg)
{
    static const double pauses[] = {9.9999, 10, 10.00001, 25};
    (void)arg;
    for (int i = 0; i < 4; i++) {
        must(call_once(NULL));
        must(thrum_sleep(thrum_seconds(pauses[i])));
    }
    return 0;
}

/* A call meets a spare thread whose time is over. One that did not end would keep the run from its end. */
static void spare_threads_end(void)
{
    must(thrum_scheduler_new_with(&g.scheduler, NULL));
    must(thrum_coroutine_run_with(NULL, g.scheduler, call_again_and_again, NULL, NULL));
    must(thrum_scheduler_run(g.scheduler));
    sim_check(g.ended == 4);
    must(thrum_scheduler_free(g.scheduler));
}

static int be_cancelled(void *arg)
{
    (void)arg;
    sim_check(thrum_blocking(count_calls, NULL) == 3);
    return 0;
}

static int call_shielded(void *arg)
{
    (void)arg;
    (void)thrum_token_set(NULL);
    return be_cancelled(NULL);
}

/* Whatever is cancelled meanwhile: a call that was begun has its result. */
static void blocking_call_is_not_called_off(void)
{
    thrum_thread *thread = run_until_stopped();
    must(thrum_task_group_start_with(g.group, call_shielded, NULL, NULL));
    must(thrum_task_group_cancel(g.group));
    sim_check(thrum_task_group_wait(g.group, THRUM_FOREVER) == THRUM_CANCELLED);
    sim_check(g.ended <= 1);
    must(thrum_task_group_free(g.group));
    stop(thread);
}

int main(int argc, char **argv)
{
    static const struct scenario scenarios[] = {
        SCENARIO(group_is_over_with_its_last),     SCENARIO(group_ends_with_the_first_failure),
        SCENARIO(group_is_called_off_once),        SCENARIO(group_in_a_group_is_called_off),
        SCENARIO(blocking_calls_are_carried_out),  SCENARIO(spare_threads_end),
        SCENARIO(blocking_call_is_not_called_off),
    };
    return sim_main(argc, argv, scenarios, sizeof scenarios / sizeof scenarios[0]);
}
