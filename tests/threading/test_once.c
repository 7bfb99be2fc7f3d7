/*
 * test_once.c - something that is done once
 */
#include "harness.h"

#include <pthread.h>

#define THREADS 8

struct deed {
    thrum_once once;
    atomic_int runs;
    int result, value;
    thrum_event begun, go_on;
};

static int do_it(void *arg)
{
    struct deed *deed = arg;
    atomic_fetch_add(&deed->runs, 1);
    deed->value = 7;
    return deed->result;
}

TEST(it_is_done_by_the_first_call_alone)
{
    struct deed deed = {.once = THRUM_ONCE_INIT};
    check_result(thrum_once_call(&deed.once, do_it, &deed, THRUM_FOREVER), 0);
    check_result(thrum_once_call(&deed.once, do_it, &deed, THRUM_NOWAIT), 0);
    check_result((thrum_once_call)(&deed.once, do_it, &deed, thrum_seconds(1)), 0);
    check_int(deed.runs, 1);
    check_int(deed.value, 7);
}

TEST(zero_is_not_done_and_a_name_changes_nothing)
{
    struct deed deed;
    memset(&deed, 0, sizeof deed);
    check_result(thrum_once_call(&deed.once, do_it, &deed, THRUM_NOWAIT), 0);
    check_int(deed.runs, 1);
    check_result(thrum_once_init(&deed.once, .name = "deed"), 0);
    check_result(thrum_once_call(&deed.once, do_it, &deed, THRUM_FOREVER), 0);
    check_int(deed.runs, 2);
    thrum_init_options unknown = {.size = 1};
    check_result(thrum_once_init_with(&deed.once, &unknown), -EINVAL);
}

TEST(a_failure_is_told_and_the_next_call_tries_again)
{
    struct deed deed = {.result = -EIO};
    check_result(thrum_once_call(&deed.once, do_it, &deed, THRUM_FOREVER), -EIO);
    deed.result = 11;
    check_result(thrum_once_call(&deed.once, do_it, &deed, THRUM_FOREVER), 11);
    deed.result = 0;
    check_result(thrum_once_call(&deed.once, do_it, &deed, THRUM_FOREVER), 0);
    check_int(deed.runs, 3);
}

TEST(bad_input_is_refused_before_and_after)
{
    struct deed deed = {.value = 0};
    for (int i = 0; i < 2; i++) {
        check_result(thrum_once_call(&deed.once, do_it, &deed, thrum_seconds(-1)), -EINVAL);
        check_result(thrum_once_call(&deed.once, do_it, &deed, thrum_seconds(0.0 / 0.0)), -EINVAL);
        if (i == 0)
            check_result(thrum_once_call(&deed.once, NULL, &deed, THRUM_FOREVER), -EINVAL);
        check_result(thrum_once_call(NULL, do_it, &deed, THRUM_FOREVER), -EINVAL);
        check_result(thrum_once_init(NULL), -EINVAL);
        check_int(deed.runs, i);
        check_result(thrum_once_call(&deed.once, do_it, &deed, THRUM_FOREVER), 0);
    }
}

/* ---- From inside ---- */

static atomic_int reports;

static void count_report(void *arg, const char *text)
{
    check(arg == &reports);
    check(strstr(text, "deadlock") != NULL || strstr(text, "has ended") != NULL);
    atomic_fetch_add(&reports, 1);
}

static int call_itself(void *arg)
{
    struct deed *deed = arg;
    deed->runs++;
    check_result(thrum_once_call(&deed->once, call_itself, arg, THRUM_FOREVER), -EDEADLK);
    check_result(thrum_once_call(&deed->once, call_itself, arg, THRUM_NOWAIT), -EDEADLK);
    check_result(thrum_once_call(&deed->once, call_itself, arg, thrum_seconds(1000)), -EDEADLK);
    return 0;
}

TEST(from_inside_it_is_a_deadlock_whatever_the_time_out)
{
    struct deed deed = {.value = 0};
    atomic_store(&reports, 0);
    thrum_set_reporter(count_report, &reports);
    check_result(thrum_once_call(&deed.once, call_itself, &deed, THRUM_FOREVER), 0);
    thrum_set_reporter(NULL, NULL);
    check_int(deed.runs, 1);
    check_int(reports, 3);
}

struct knot {
    thrum_once once;
    thrum_lock lock;
    thrum_event begun, locked;
    int result;
};

static int want_lock(void *arg)
{
    struct knot *knot = arg;
    thrum_event_set(&knot->begun);
    check_result(thrum_event_wait(&knot->locked, THRUM_FOREVER), 0);
    int result = thrum_lock_acquire(&knot->lock, THRUM_FOREVER);
    if (result == 0)
        check_result(thrum_lock_release(&knot->lock), 0);
    return result;
}

static int call_knot(void *arg)
{
    struct knot *knot = arg;
    return thrum_once_call(&knot->once, want_lock, knot, THRUM_FOREVER);
}

/* One of the two is told, and then the other comes through. */
TEST(a_circle_through_a_lock_is_found)
{
    thrum_set_reporter(count_report, &reports);
    for (int round = 0; round < ROUNDS(100); round++) {
        struct knot knot = {.result = 0};
        atomic_store(&reports, 0);
        thrum_thread *thread = start(call_knot, &knot, NULL);
        check_result(thrum_lock_acquire(&knot.lock, THRUM_FOREVER), 0);
        check_result(thrum_event_wait(&knot.begun, THRUM_FOREVER), 0);
        thrum_event_set(&knot.locked);
        int mine = thrum_once_call(&knot.once, want_lock, &knot, THRUM_FOREVER);
        /* This one is told; or the other was, and it is this one's turn: it has the lock, and is told then. */
        check_result(mine, -EDEADLK);
        check_result(thrum_lock_release(&knot.lock), 0);
        int its = finish(thread);
        check(its == 0 || its == -EDEADLK);
        check_int(reports, its == 0 ? 1 : 2);
    }
    thrum_set_reporter(NULL, NULL);
}

static int leave_inside(void *arg)
{
    thrum_event_set(arg);
    pthread_exit(NULL);
}

static void *begin_and_leave(void *arg)
{
    struct deed *deed = arg;
    return thrum_once_call(&deed->once, leave_inside, &deed->begun, THRUM_FOREVER) == 0 ? arg : NULL;
}

TEST(of_one_whose_thread_has_ended_inside_the_others_are_told)
{
    struct deed deed = {.value = 0};
    pthread_t thread;
    atomic_store(&reports, 0);
    thrum_set_reporter(count_report, &reports);
    check_int(pthread_create(&thread, NULL, begin_and_leave, &deed), 0);
    check_result(thrum_event_wait(&deed.begun, THRUM_FOREVER), 0);
    check_result(thrum_once_call(&deed.once, do_it, &deed, THRUM_FOREVER), -EDEADLK);
    check_int(pthread_join(thread, NULL), 0);
    check_result(thrum_once_call(&deed.once, do_it, &deed, THRUM_FOREVER), -EDEADLK);
    thrum_set_reporter(NULL, NULL);
    check_int(reports, 2);
    check_int(deed.runs, 0);
}

/* ---- Many threads ---- */

static int call_it(void *arg)
{
    struct deed *deed = arg;
    int result = thrum_once_call(&deed->once, do_it, deed, THRUM_FOREVER);
    check(result != 0 || deed->value == 7);
    return result;
}

TEST(many_that_come_at_once_see_it_done_once)
{
    for (int round = 0; round < ROUNDS(500); round++) {
        struct deed deed = {.value = 0};
        thrum_thread *threads[THREADS];
        for (size_t i = 0; i < THREADS; i++)
            threads[i] = start(call_it, &deed, NULL);
        for (size_t i = 0; i < THREADS; i++)
            check_int(finish(threads[i]), 0);
        check_int(deed.runs, 1);
    }
}

static int do_it_slowly(void *arg)
{
    struct deed *deed = arg;
    thrum_event_set(&deed->begun);
    check_result(thrum_event_wait(&deed->go_on, THRUM_FOREVER), 0);
    return do_it(arg);
}

static int call_it_slowly(void *arg)
{
    struct deed *deed = arg;
    return thrum_once_call(&deed->once, do_it_slowly, deed, THRUM_FOREVER);
}

/* Start one that is in the middle of it, and THREADS - 1 that wait for it. */
static void start_all(struct deed *deed, thrum_thread **threads)
{
    threads[0] = start(call_it_slowly, deed, NULL);
    check_result(thrum_event_wait(&deed->begun, THRUM_FOREVER), 0);
    for (size_t i = 1; i < THREADS; i++) {
        threads[i] = start(call_it, deed, NULL);
        settle(thrum_thread_native_id(threads[i]));
    }
}

TEST(who_comes_meanwhile_waits_or_is_told_that_his_time_is_over)
{
    struct deed deed = {.value = 0};
    thrum_thread *threads[THREADS];
    start_all(&deed, threads);
    check_result(thrum_once_call(&deed.once, do_it, &deed, THRUM_NOWAIT), THRUM_TIMEOUT);
    int64_t before = thrum_monotonic_ns();
    check_result(thrum_once_call(&deed.once, do_it, &deed, thrum_seconds(0.02)), THRUM_TIMEOUT);
    check(thrum_monotonic_ns() - before >= 20 * MILLISECOND);
    thrum_event_set(&deed.go_on);
    for (size_t i = 0; i < THREADS; i++)
        check_result(finish(threads[i]), 0);
    check_int(deed.runs, 1);
}

TEST(those_that_wait_try_one_after_the_other_where_it_fails)
{
    struct deed deed = {.result = -EIO};
    thrum_thread *threads[THREADS];
    start_all(&deed, threads);
    thrum_event_set(&deed.go_on);
    for (size_t i = 0; i < THREADS; i++)
        check_result(finish(threads[i]), -EIO);
    check_int(deed.runs, THREADS);
    deed.result = 0;
    check_result(thrum_once_call(&deed.once, do_it, &deed, THRUM_NOWAIT), 0);
}

TEST(a_cancelled_thread_waits_for_it_all_the_same)
{
    struct deed deed = {.value = 0};
    thrum_token *token;
    check_result(thrum_token_new(&token), 0);
    thrum_token_cancel(token);
    thrum_thread *doer = start(call_it_slowly, &deed, NULL);
    check_result(thrum_event_wait(&deed.begun, THRUM_FOREVER), 0);
    thrum_thread *cancelled = start(call_it, &deed, token);
    settle(thrum_thread_native_id(cancelled));
    thrum_event_set(&deed.go_on);
    check_result(finish(cancelled), 0);
    check_result(finish(doer), 0);
    thrum_token_free(token);
}

/* ---- A thread that is new to thrum, and a child ---- */

static bool arrive(void *arg, unsigned n)
{
    struct deed *deed = arg;
    fault_arm(FAULT_MEMORY, n);
    int result = thrum_once_call(&deed->once, do_it, deed, THRUM_FOREVER);
    bool came_to_it = fault_disarm();
    check_result(result, came_to_it ? -EAGAIN : 0);
    check_int(deed->runs, came_to_it ? 0 : 1);
    return came_to_it;
}

TEST(a_newcomer_without_memory_is_told_to_try_again)
{
    struct deed deed = {.value = 0};
    fault_each_newcomer(arrive, &deed);
}

static void end_it_in_child(void *arg)
{
    struct deed *deed = arg;
    check_result(thrum_once_call(&deed->once, do_it, deed, THRUM_NOWAIT), -EDEADLK);
}

static int fork_inside(void *arg)
{
    check_int(in_child(end_it_in_child, arg), 0);
    return do_it(arg);
}

TEST(the_forking_thread_is_the_doer_in_the_child_too)
{
    struct deed deed = {.value = 0};
    thrum_set_reporter(count_report, &reports);
    check_result(thrum_once_call(&deed.once, fork_inside, &deed, THRUM_FOREVER), 0);
    thrum_set_reporter(NULL, NULL);
    check_int(deed.runs, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_newcomer_without_memory_is_told_to_try_again),
        cmocka_unit_test(it_is_done_by_the_first_call_alone),
        cmocka_unit_test(zero_is_not_done_and_a_name_changes_nothing),
        cmocka_unit_test(a_failure_is_told_and_the_next_call_tries_again),
        cmocka_unit_test(bad_input_is_refused_before_and_after),
        cmocka_unit_test(from_inside_it_is_a_deadlock_whatever_the_time_out),
        cmocka_unit_test(a_circle_through_a_lock_is_found),
        cmocka_unit_test(of_one_whose_thread_has_ended_inside_the_others_are_told),
        cmocka_unit_test(many_that_come_at_once_see_it_done_once),
        cmocka_unit_test(who_comes_meanwhile_waits_or_is_told_that_his_time_is_over),
        cmocka_unit_test(those_that_wait_try_one_after_the_other_where_it_fails),
        cmocka_unit_test(a_cancelled_thread_waits_for_it_all_the_same),
        cmocka_unit_test(the_forking_thread_is_the_doer_in_the_child_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
