/*
 * test_timeout.c - what each kind of time-out means to a call that waits
 *
 * An event that nobody sets stands for all of them: they share one way to wait.
 */
#include "harness.h"

#include <float.h>
#include <math.h>
#include <time.h>

static int wait_in_vain(thrum_timeout timeout)
{
    thrum_event event = THRUM_EVENT_INIT;
    return thrum_event_wait(&event, timeout);
}

TEST(forever_is_all_zero)
{
    static const thrum_timeout zero;
    thrum_timeout forever = THRUM_FOREVER;
    check_int(sizeof forever, 16);
    check(memcmp(&forever, &zero, sizeof forever) == 0);
}

TEST(bad_times_are_refused)
{
    check_result(wait_in_vain(thrum_seconds(NAN)), -EINVAL);
    check_result(wait_in_vain(thrum_seconds(-1)), -EINVAL);
    check_result(wait_in_vain(thrum_seconds(-DBL_MIN)), -EINVAL);
    check_result(wait_in_vain(thrum_seconds(-INFINITY)), -EINVAL);
}

TEST(no_time_does_not_block)
{
    check_result(wait_in_vain(THRUM_NOWAIT), THRUM_TIMEOUT);
    check_result(wait_in_vain(thrum_seconds(0)), THRUM_TIMEOUT);
    check_result(wait_in_vain(thrum_seconds(-0.0)), THRUM_TIMEOUT);
    check_result(wait_in_vain(thrum_seconds(DBL_MIN)), THRUM_TIMEOUT);
}

TEST(a_deadline_that_has_passed_does_not_block)
{
    check_result(wait_in_vain(thrum_until(thrum_monotonic_ns())), THRUM_TIMEOUT);
    check_result(wait_in_vain(thrum_until(1)), THRUM_TIMEOUT);
    check_result(wait_in_vain(thrum_until(0)), THRUM_TIMEOUT);
    check_result(wait_in_vain(thrum_until(-1)), THRUM_TIMEOUT);
    check_result(wait_in_vain(thrum_until(INT64_MIN)), THRUM_TIMEOUT);
}

TEST(a_wait_is_not_cut_short)
{
    static const double lengths[] = {1e-9, 1e-6, 0.0005, 0.003, 0.02, 0.1};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        int64_t ns = (int64_t)(lengths[i] * 1e9);
        int64_t before = thrum_monotonic_ns();
        check_result(wait_in_vain(thrum_seconds(lengths[i])), THRUM_TIMEOUT);
        check(thrum_monotonic_ns() - before >= ns);

        before = thrum_monotonic_ns();
        check_result(wait_in_vain(thrum_until(before + ns)), THRUM_TIMEOUT);
        check(thrum_monotonic_ns() >= before + ns);
    }
}

struct long_wait {
    thrum_event event;
    thrum_timeout timeout;
    atomic_bool about_to;
};

static int wait_long(void *arg)
{
    struct long_wait *wait = arg;
    atomic_store(&wait->about_to, true);
    return thrum_event_wait(&wait->event, wait->timeout);
}

/* A sum that runs over would give a deadline in the past, and the wait would be over at once. */
TEST(very_long_waits_wait)
{
    const thrum_timeout timeouts[] = {
        thrum_seconds(9.1e9),    thrum_seconds(9.1999999e9), thrum_seconds(9.2e9),       thrum_seconds(1e300),
        thrum_seconds(INFINITY), thrum_until(INT64_MAX),     thrum_until(INT64_MAX - 1), THRUM_FOREVER,
    };
    for (size_t i = 0; i < sizeof timeouts / sizeof timeouts[0]; i++) {
        struct long_wait wait = {.timeout = timeouts[i]};
        thrum_thread *thread = start(wait_long, &wait, NULL);
        until(atomic_load(&wait.about_to));
        settle(thrum_thread_native_id(thread));
        thrum_event_set(&wait.event);
        check_result(finish(thread), 0);
    }
}

TEST(the_clock_is_the_monotonic_one)
{
    int64_t last = 0;
    for (int i = 0; i < 10000; i++) {
        struct timespec before, after;
        clock_gettime(CLOCK_MONOTONIC, &before);
        int64_t now = thrum_monotonic_ns();
        clock_gettime(CLOCK_MONOTONIC, &after);
        check(now >= before.tv_sec * 1000 * MILLISECOND + before.tv_nsec);
        check(now <= after.tv_sec * 1000 * MILLISECOND + after.tv_nsec);
        check(now >= last);
        last = now;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forever_is_all_zero),
        cmocka_unit_test(bad_times_are_refused),
        cmocka_unit_test(no_time_does_not_block),
        cmocka_unit_test(a_deadline_that_has_passed_does_not_block),
        cmocka_unit_test(a_wait_is_not_cut_short),
        cmocka_unit_test(very_long_waits_wait),
        cmocka_unit_test(the_clock_is_the_monotonic_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
