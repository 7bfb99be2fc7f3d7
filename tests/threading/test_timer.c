/*
 * test_timer.c - calling a function after some time
 */
#include "harness.h"

struct call {
    atomic_int calls;
    int64_t at;
    thrum_event begun, end;
    thrum_timer *timer;
};

static int note(void *arg)
{
    struct call *call = arg;
    call->at = thrum_monotonic_ns();
    return atomic_fetch_add(&call->calls, 1) + 40;
}

TEST(it_calls_once_when_its_time_has_come)
{
    struct call call = {.at = 0};
    thrum_timer *timer;
    int code = 0;
    check_result(thrum_timer_new(&timer, thrum_seconds(0.02), note, &call), 0);
    int64_t before = thrum_monotonic_ns();
    check_result(thrum_timer_start(timer), 0);
    check_result(thrum_timer_join(timer, &code, THRUM_FOREVER), 0);
    check_int(code, 40);
    check_int(atomic_load(&call.calls), 1);
    check(call.at - before >= 20 * MILLISECOND);
    check(!thrum_timer_cancel(timer)); /* too late */
    check_result(thrum_timer_join(timer, &code, THRUM_NOWAIT), -EINVAL);
    check_result(thrum_timer_start(timer), -EALREADY);
    thrum_timer_free(timer);
}

TEST(a_cancel_in_time_keeps_it_from_being_called)
{
    struct call call = {.at = 0};
    thrum_timer *timer;
    int code = 99;
    check_result(thrum_timer_run(&timer, thrum_seconds(1000), note, &call), 0);
    check_result(thrum_timer_join(timer, &code, thrum_seconds(0.001)), THRUM_TIMEOUT);
    check(thrum_timer_cancel(timer));
    check(thrum_timer_cancel(timer)); /* it is so already */
    check_result(thrum_timer_join(timer, &code, THRUM_FOREVER), 0);
    check_int(code, 0);
    check_int(atomic_load(&call.calls), 0);
    thrum_timer_free(timer);
}

TEST(it_can_be_cancelled_before_its_start)
{
    struct call call = {.at = 0};
    thrum_timer *timer;
    check_result(thrum_timer_new(&timer, THRUM_NOWAIT, note, &call), 0);
    check(thrum_timer_cancel(timer));
    check_result(thrum_timer_join(timer, NULL, THRUM_FOREVER), -EINVAL);
    check_result(thrum_timer_start(timer), 0);
    check_result(thrum_timer_join(timer, NULL, THRUM_FOREVER), 0);
    check_int(atomic_load(&call.calls), 0);
    thrum_timer_free(timer);
}

TEST(cancel_knows_whether_it_came_in_time)
{
    int in_time = 0, rounds = ROUNDS(1000);
    for (int round = 0; round < rounds; round++) {
        struct call call = {.at = 0};
        thrum_timer *timer;
        check_result(thrum_timer_run(&timer, thrum_seconds(round % 20 == 0 ? 1000 : round % 20 * 1e-5), note, &call),
                     0);
        for (int look = 0; look < round % 7; look++)
            (void)thrum_thread_is_alive(thrum_timer_thread(timer));
        bool cancelled = thrum_timer_cancel(timer);
        check_result(thrum_timer_join(timer, NULL, THRUM_FOREVER), 0);
        check_int(atomic_load(&call.calls), cancelled ? 0 : 1);
        check(thrum_timer_cancel(timer) == cancelled);
        thrum_timer_free(timer);
        in_time += cancelled;
    }
    check(in_time >= rounds / 20);
}

static int linger(void *arg)
{
    struct call *call = arg;
    check(!thrum_timer_cancel(call->timer)); /* from within, too late */
    check_result(thrum_timer_join(call->timer, NULL, THRUM_FOREVER), -EDEADLK);
    thrum_event_set(&call->begun);
    check_result(thrum_event_wait(&call->end, THRUM_FOREVER), 0);
    return thrum_fail(3, "so late");
}

TEST(a_timer_is_a_thread)
{
    struct call call = {.at = 0};
    thrum_error error;
    check_result(thrum_timer_new(&call.timer, thrum_seconds(0.001), linger, &call, .name = "late", .daemon = true), 0);
    thrum_thread *thread = thrum_timer_thread(call.timer);
    check_str(thrum_thread_name(thread), "late");
    check(thrum_thread_daemon(thread) && !thrum_thread_is_alive(thread));
    check_result(thrum_timer_start(call.timer), 0);
    check_result(thrum_event_wait(&call.begun, THRUM_FOREVER), 0);
    check(thrum_thread_is_alive(thread));
    check(!thrum_timer_cancel(call.timer)); /* it is being called */
    thrum_event_set(&call.end);
    check_result(thrum_timer_join(call.timer, NULL, THRUM_FOREVER), 0);
    check_result(thrum_thread_error(thread, &error), 0);
    check_int(error.code, 3);
    check_str(error.message, "so late");
    thrum_timer_free(call.timer);
}

TEST(bad_intervals_are_refused)
{
    thrum_timer *mark = (thrum_timer *)&mark, *timer = mark;
    struct call call = {.at = 0};
    check_result(thrum_timer_new(&timer, thrum_seconds(-1), note, &call), -EINVAL);
    check_result(thrum_timer_run(&timer, thrum_seconds(0.0 / 0.0), note, &call), -EINVAL);
    check_result(thrum_timer_new(&timer, THRUM_NOWAIT, NULL, &call), -EINVAL);
    check_result(thrum_timer_new(&timer, THRUM_NOWAIT, note, &call, .cpus = "none"), -EINVAL);
    check_result(thrum_timer_run(&timer, THRUM_NOWAIT, note, &call, .cpus = "16000"), -ENODEV);
    check(timer == mark);
    check_result(thrum_timer_start(NULL), -EINVAL);
    check_result(thrum_timer_join(NULL, NULL, THRUM_NOWAIT), -EINVAL);
    check(!thrum_timer_cancel(NULL));
    check(thrum_timer_thread(NULL) == NULL);
    thrum_timer_free(NULL);
    check_int(atomic_load(&call.calls), 0);
}

TEST(other_intervals_are_not)
{
    thrum_timeout intervals[] = {THRUM_NOWAIT, thrum_until(1), thrum_until(thrum_monotonic_ns() + MILLISECOND)};
    for (size_t i = 0; i < sizeof intervals / sizeof intervals[0]; i++) {
        struct call call = {.at = 0};
        thrum_timer *timer;
        check_result(thrum_timer_run(&timer, intervals[i], note, &call), 0);
        check_result(thrum_timer_join(timer, NULL, THRUM_FOREVER), 0);
        check_int(atomic_load(&call.calls), 1);
        thrum_timer_free(timer);
    }
    struct call call = {.at = 0};
    thrum_timer *timer;
    check_result(thrum_timer_run(&timer, thrum_seconds(1e300), note, &call), 0); /* for ever */
    check(thrum_timer_cancel(timer));
    check_result(thrum_timer_join(timer, NULL, THRUM_FOREVER), 0);
    thrum_timer_free(timer);
}

TEST(its_token_cancels_it)
{
    struct call call = {.at = 0};
    thrum_timer *timer;
    thrum_token *token;
    for (int before = 0; before < 2; before++) {
        check_result(thrum_token_new(&token), 0);
        if (before)
            thrum_token_cancel(token);
        check_result(thrum_timer_run(&timer, before ? THRUM_NOWAIT : thrum_seconds(1000), note, &call, .token = token),
                     0);
        thrum_token_cancel(token);
        check_result(thrum_timer_join(timer, NULL, THRUM_FOREVER), 0);
        check_int(atomic_load(&call.calls), 0);
        check(thrum_timer_cancel(timer));
        thrum_timer_free(timer);
        thrum_token_free(token);
    }
}

TEST(a_handle_that_is_given_up_does_not_call_it_off)
{
    struct call call = {.at = 0};
    int rounds = ROUNDS(500);
    for (int round = 0; round < rounds; round++) {
        thrum_timer *timer;
        check_result(thrum_timer_run(&timer, thrum_seconds(1e-5 * (round % 10)), note, &call), 0);
        thrum_timer_free(timer);
        until(atomic_load(&call.calls) == round + 1);
    }
    thrum_timer *timer;
    check_result(thrum_timer_new(&timer, THRUM_NOWAIT, note, &call), 0);
    thrum_timer_free(timer);
    check_int(atomic_load(&call.calls), rounds);
}

TEST(without_memory_or_thread_there_is_no_timer)
{
    bool came_to_it = true;
    struct call call = {.at = 0};
    thrum_timer *mark = (thrum_timer *)&call, *timer;
    check_result(thrum_timer_run(&timer, THRUM_NOWAIT, note, &call), 0);
    check_result(thrum_timer_join(timer, NULL, THRUM_FOREVER), 0);
    thrum_timer_free(timer);
    for (unsigned n = 0; came_to_it; n++) {
        timer = mark;
        fault_arm(FAULT_MEMORY, n);
        int result = thrum_timer_run(&timer, thrum_seconds(1000), note, &call);
        came_to_it = fault_disarm();
        if (result != 0) {
            check(came_to_it && (result == -ENOMEM || result == -EAGAIN));
            check(timer == mark);
            continue;
        }
        check(thrum_timer_cancel(timer));
        check_result(thrum_timer_join(timer, NULL, THRUM_FOREVER), 0);
        thrum_timer_free(timer);
    }
    check_result(thrum_timer_new(&timer, THRUM_NOWAIT, note, &call), 0);
    fault_arm(FAULT_THREAD, 0);
    int result = thrum_timer_start(timer);
    check(fault_disarm());
    check_result(result, -EAGAIN);
    check_result(thrum_timer_start(timer), 0); /* it can be tried again */
    check_result(thrum_timer_join(timer, NULL, THRUM_FOREVER), 0);
    check_int(atomic_load(&call.calls), 2);
    thrum_timer_free(timer);
}

static void give_up_in_child(void *arg)
{
    struct call *call = arg;
    check(thrum_timer_cancel(call->timer));
    check_result(thrum_timer_join(call->timer, NULL, THRUM_FOREVER), -EINVAL); /* it is not here */
    thrum_timer_free(call->timer);
    struct call own = {.at = 0};
    if (!THREADS_IN_CHILD)
        return;
    check_result(thrum_timer_run(&own.timer, thrum_seconds(0.001), note, &own), 0);
    check_result(thrum_timer_join(own.timer, NULL, THRUM_FOREVER), 0);
    check_int(atomic_load(&own.calls), 1);
    thrum_timer_free(own.timer);
}

TEST(the_child_may_give_up_the_parents_timers)
{
    struct call call = {.at = 0};
    check_result(thrum_timer_run(&call.timer, thrum_seconds(1000), note, &call), 0);
    settle(thrum_thread_native_id(thrum_timer_thread(call.timer)));
    check_int(in_child(give_up_in_child, &call), 0);
    check(thrum_timer_cancel(call.timer));
    check_result(thrum_timer_join(call.timer, NULL, THRUM_FOREVER), 0);
    check_int(atomic_load(&call.calls), 0);
    thrum_timer_free(call.timer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_calls_once_when_its_time_has_come),
        cmocka_unit_test(a_cancel_in_time_keeps_it_from_being_called),
        cmocka_unit_test(it_can_be_cancelled_before_its_start),
        cmocka_unit_test(cancel_knows_whether_it_came_in_time),
        cmocka_unit_test(a_timer_is_a_thread),
        cmocka_unit_test(bad_intervals_are_refused),
        cmocka_unit_test(other_intervals_are_not),
        cmocka_unit_test(its_token_cancels_it),
        cmocka_unit_test(a_handle_that_is_given_up_does_not_call_it_off),
        cmocka_unit_test(without_memory_or_thread_there_is_no_timer),
        cmocka_unit_test(the_child_may_give_up_the_parents_timers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
