/*
 * test_exit.c - what the end of the process waits for
 *
 * Each end is that of a forked child; what it reports goes into memory that it shares with the test.
 */
#include "harness.h"

#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

static struct shared {
    thrum_event never, running;
    atomic_bool said, cancelled;
    char report[4096];
} * shared;

static void keep(void *arg, const char *text)
{
    (void)arg;
    snprintf(shared->report + strlen(shared->report), sizeof shared->report - strlen(shared->report), "%s", text);
}

static void begin(void)
{
    memset(shared, 0, sizeof *shared);
}

static int wait_for_ever(void *arg)
{
    (void)arg;
    thrum_event_set(&shared->running);
    return thrum_event_wait(&shared->never, THRUM_FOREVER);
}

static void run(const char *name, bool daemon, thrum_token *token)
{
    thrum_thread *thread;
    check_result(thrum_thread_run(&thread, wait_for_ever, NULL, .name = name, .daemon = daemon, .token = token), 0);
    check_result(thrum_event_wait(&shared->running, THRUM_FOREVER), 0);
    thrum_event_clear(&shared->running);
    thrum_thread_free(thread);
}

static void leave_two_behind(void *arg)
{
    const thrum_timeout *timeout = arg;
    thrum_set_reporter(keep, NULL);
    check_result(thrum_set_exit_policy(.timeout = *timeout), 0);
    run("stubborn", false, NULL);
    run("a daemon", true, NULL);
    run("deaf", false, NULL);
    exit(3);
}

TEST(exit_waits_no_longer_than_it_was_told_and_names_who_still_runs)
{
    thrum_timeout timeouts[] = {thrum_seconds(0.02), THRUM_NOWAIT, thrum_until(1)};
    for (size_t i = 0; THREADS_IN_CHILD && i < sizeof timeouts / sizeof timeouts[0]; i++) {
        begin();
        int64_t before = thrum_monotonic_ns();
        check_int(in_child(leave_two_behind, &timeouts[i]), 3);
        check(i > 0 || thrum_monotonic_ns() - before >= 20 * MILLISECOND);
        check(strstr(shared->report, "thread 'stubborn' (") != NULL);
        check(strstr(shared->report, "thread 'deaf' (") != NULL);
        check(strstr(shared->report, "daemon") == NULL);
        check(strstr(shared->report, "MainThread") == NULL);
        check(strstr(strstr(shared->report, "thrum:") + 1, "thrum:") == NULL); /* one report */
    }
}

static int end_when_cancelled(void *arg)
{
    (void)arg;
    check_result(thrum_event_wait(&shared->never, THRUM_FOREVER), THRUM_CANCELLED);
    atomic_store(&shared->cancelled, true);
    return 0;
}

static void leave_with_a_token(void *arg)
{
    thrum_token *token;
    (void)arg;
    thrum_set_reporter(keep, NULL);
    check_result(thrum_token_new(&token), 0);
    check_result(thrum_set_exit_policy(.timeout = thrum_seconds(1000), .token = token), 0);
    thrum_thread_free(start(end_when_cancelled, NULL, token));
    exit(4);
}

TEST(exit_cancels_the_token_and_waits_for_who_heeds_it)
{
    begin();
    if (THREADS_IN_CHILD)
        check_int(in_child(leave_with_a_token, NULL), 4);
    check(!THREADS_IN_CHILD || atomic_load(&shared->cancelled));
    check_str(shared->report, "");
}

static int speak_late(void *arg)
{
    (void)arg;
    thrum_event_set(&shared->running);
    for (int i = 0; i < 2000; i++) /* so that main would have been gone */
        sched_yield();
    atomic_store(&shared->said, true);
    return 0;
}

static void set_and_unset(void *arg)
{
    (void)arg;
    thrum_set_reporter(keep, NULL);
    check_result(thrum_set_exit_policy(.timeout = THRUM_NOWAIT), 0);
    check_result(thrum_set_exit_policy(), 0); /* for ever again */
    thrum_thread_free(start(speak_late, NULL, NULL));
    exit(5);
}

TEST(without_a_policy_exit_waits_for_ever)
{
    begin();
    if (THREADS_IN_CHILD)
        check_int(in_child(set_and_unset, NULL), 5);
    check(!THREADS_IN_CHILD || atomic_load(&shared->said));
    check_str(shared->report, "");
}

static int leave_from_here(void *arg)
{
    (void)arg;
    exit(6);
}

static void leave_from_a_thread(void *arg)
{
    (void)arg;
    thrum_set_reporter(keep, NULL);
    check_result(thrum_set_exit_policy(.timeout = thrum_seconds(0.01)), 0);
    run("left behind", false, NULL);
    thrum_thread *thread;
    check_result(thrum_thread_run(&thread, leave_from_here, NULL, .name = "leaver"), 0);
    for (;;)
        sched_yield();
}

TEST(who_calls_exit_is_not_waited_for)
{
    begin();
    if (THREADS_IN_CHILD) {
        check_int(in_child(leave_from_a_thread, NULL), 6);
        check(strstr(shared->report, "left behind") != NULL);
    }
    check(strstr(shared->report, "leaver") == NULL);
}

static void write_to_stderr(void *arg)
{
    check_int(dup2(*(int *)arg, STDERR_FILENO), STDERR_FILENO);
    check_result(thrum_set_exit_policy(.timeout = THRUM_NOWAIT), 0);
    run("stubborn", false, NULL);
    exit(7);
}

TEST(without_a_reporter_it_stands_on_stderr)
{
    char text[4096] = "";
    int ends[2];
    begin();
    check_int(pipe(ends), 0);
    if (THREADS_IN_CHILD) {
        check_int(in_child(write_to_stderr, &ends[1]), 7);
        check(read(ends[0], text, sizeof text - 1) > 0);
        check(strstr(text, "thread 'stubborn' (") != NULL);
    }
    close(ends[0]);
    close(ends[1]);
}

TEST(a_bad_time_is_refused)
{
    check_result(thrum_set_exit_policy(.timeout = thrum_seconds(-1)), -EINVAL);
    check_result(thrum_set_exit_policy(.timeout = thrum_seconds(0.0 / 0.0)), -EINVAL);
    check_result(thrum_set_exit_policy_with(NULL), 0);
}

int main(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    check(shared != MAP_FAILED);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_waits_no_longer_than_it_was_told_and_names_who_still_runs),
        cmocka_unit_test(exit_cancels_the_token_and_waits_for_who_heeds_it),
        cmocka_unit_test(without_a_policy_exit_waits_for_ever),
        cmocka_unit_test(who_calls_exit_is_not_waited_for),
        cmocka_unit_test(without_a_reporter_it_stands_on_stderr),
        cmocka_unit_test(a_bad_time_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
