/*
 * test_thread_error.c - how a thread has ended
 */
#include "harness.h"

static int give(void *arg)
{
    return *(int *)arg;
}

static int fail_with_words(void *arg)
{
    return thrum_fail(7, "no %s in %d places", (const char *)arg, 3);
}

TEST(a_failure_has_a_code_and_words)
{
    thrum_thread *thread;
    thrum_error error;
    char line[400];
    int code;
    check_result(thrum_thread_run(&thread, fail_with_words, "luck", .name = "searcher"), 0);
    check_result(thrum_thread_join(thread, &code, THRUM_FOREVER), 0);
    check_int(code, 7);
    check_result(thrum_thread_error(thread, &error), 0);
    check_int(error.outcome, THRUM_FAILED);
    check_int(error.code, 7);
    check_str(error.message, "no luck in 3 places");
    check_str(error.task, "searcher");
    check_int(error.worker, thrum_thread_native_id(thread));
    check(error.index == THRUM_NO_INDEX);
    check_str(thrum_error_format(&error, line, sizeof line), "searcher: failed with code 7: no luck in 3 places");
    thrum_thread_free(thread);
}

TEST(a_code_needs_no_words)
{
    int code = -3;
    thrum_thread *thread = start(give, &code, NULL);
    thrum_error error;
    check_result(thrum_thread_join(thread, NULL, THRUM_FOREVER), 0);
    check_result(thrum_thread_error(thread, &error), 0);
    check_int(error.outcome, THRUM_FAILED);
    check_int(error.code, -3);
    check_str(error.message, "");
    thrum_thread_free(thread);
}

static int complain_and_go_on(void *arg)
{
    (void)arg;
    (void)thrum_fail(5, "not so bad");
    return 0;
}

TEST(who_did_well_has_no_error)
{
    thrum_thread *thread = start(complain_and_go_on, NULL, NULL);
    thrum_error error;
    memset(&error, 'x', sizeof error);
    check_result(thrum_thread_join(thread, NULL, THRUM_FOREVER), 0);
    check_result(thrum_thread_error(thread, &error), 0);
    check_int(error.outcome, 0);
    check_int(error.code, 0);
    check_str(error.message, "");
    thrum_thread_free(thread);
}

static int say_much(void *arg)
{
    (void)arg;
    (void)thrum_fail(1, "%01000d", 1);
    return thrum_fail(2, "%0300d", 2); /* the last counts */
}

TEST(long_words_are_cut)
{
    thrum_thread *thread = start(say_much, NULL, NULL);
    thrum_error error;
    check_result(thrum_thread_join(thread, NULL, THRUM_FOREVER), 0);
    check_result(thrum_thread_error(thread, &error), 0);
    check_int(error.code, 2);
    check_int(strlen(error.message), 255);
    check_int(strspn(error.message, "0"), 255);
    thrum_thread_free(thread);
}

static int wait_for(void *arg)
{
    return thrum_event_wait(arg, THRUM_FOREVER);
}

TEST(before_its_end_there_is_nothing_to_tell)
{
    thrum_event end = THRUM_EVENT_INIT;
    thrum_error error, before;
    thrum_thread *thread;
    memset(&error, 'x', sizeof error);
    before = error;
    check_result(thrum_thread_new(&thread, wait_for, &end), 0);
    check_result(thrum_thread_error(thread, &error), -EINVAL);
    check_result(thrum_thread_start(thread), 0);
    check_result(thrum_thread_error(thread, &error), -EINVAL);
    check_result(thrum_thread_error(thrum_current_thread(), &error), -EINVAL);
    check_result(thrum_thread_error(NULL, &error), -EINVAL);
    check(memcmp(&error, &before, sizeof error) == 0);
    thrum_event_set(&end);
    until(thrum_thread_error(thread, &error) == 0); /* without a join too */
    check_int(error.outcome, 0);
    check_result(thrum_thread_error(thread, NULL), -EINVAL);
    check_int(finish(thread), 0);
}

static int fail_task(const int *x, int *y)
{
    *y = 0;
    return thrum_fail(*x, "the task");
}
THRUM_TASK(fail_task, int, int);

/* A task within a thread has words of its own. */
static int run_task(void *arg)
{
    thrum_executor *executor;
    thrum_future *future;
    thrum_error error;
    int x = 4;
    (void)arg;
    (void)thrum_fail(9, "the thread");
    check_result(thrum_executor_open(&executor, "serial"), 0);
    check_result(thrum_submit(executor, fail_task, &x, &future), 0);
    check_result(thrum_future_exception(future, &error, THRUM_FOREVER), 0);
    check_str(error.message, "the task");
    thrum_future_free(future);
    check_result(thrum_executor_close(executor), 0);
    return 9;
}

TEST(a_tasks_words_are_not_the_threads)
{
    thrum_thread *thread = start(run_task, NULL, NULL);
    thrum_error error;
    check_result(thrum_thread_join(thread, NULL, THRUM_FOREVER), 0);
    check_result(thrum_thread_error(thread, &error), 0);
    check_str(error.message, "the thread");
    thrum_thread_free(thread);
}

TEST(elsewhere_words_are_only_a_code)
{
    check_int(thrum_fail(6, "nobody %s", "listens"), 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_has_a_code_and_words),
        cmocka_unit_test(a_code_needs_no_words),
        cmocka_unit_test(who_did_well_has_no_error),
        cmocka_unit_test(long_words_are_cut),
        cmocka_unit_test(before_its_end_there_is_nothing_to_tell),
        cmocka_unit_test(a_tasks_words_are_not_the_threads),
        cmocka_unit_test(elsewhere_words_are_only_a_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
