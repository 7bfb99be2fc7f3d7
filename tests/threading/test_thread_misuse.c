/*
 * test_thread_misuse.c - threads, locals and timers: NULL; and in debug builds what was freed, or is something else
 */
#include "harness.h"

#include <pthread.h>

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int leave(void *arg)
{
    pthread_exit(arg);
}

/* It must not, and yet nobody may wait for ever for one that does. */
TEST(one_that_leaves_by_pthread_exit_can_be_joined)
{
    thrum_token *token;
    check_result(thrum_token_new(&token), 0);
    for (int i = 0; i < 2; i++) { /* by the system's join, and by its event */
        int code = 7;
        thrum_thread *thread = start(leave, NULL, NULL);
        thrum_token *own = thrum_token_set(i == 0 ? NULL : token);
        check_result(thrum_thread_join(thread, &code, THRUM_FOREVER), 0);
        (void)thrum_token_set(own);
        check_int(code, 0);
        check(!thrum_thread_is_alive(thread));
        thrum_thread_free(thread);
    }
    check_int(thrum_active_count(), 1);
    thrum_token_free(token);
}

static void refuses_thread(thrum_thread *thread)
{
    thrum_error error = {.code = 7};
    int code = 7;
    check_result(thrum_thread_start(thread), -EINVAL);
    check_result(thrum_thread_join(thread, &code, THRUM_FOREVER), -EINVAL);
    check_result(thrum_thread_error(thread, &error), -EINVAL);
    check_result(thrum_thread_set_name(thread, "none"), -EINVAL);
    check(thrum_thread_name(thread) == NULL);
    check(!thrum_thread_is_alive(thread) && !thrum_thread_daemon(thread));
    check_int(thrum_thread_ident(thread), 0);
    check_int(thrum_thread_native_id(thread), 0);
    thrum_thread_free(thread);
    check(code == 7 && error.code == 7);
}

static void refuses_local(thrum_local *local)
{
    int value;
    check_result(thrum_local_set(local, &value), -EINVAL);
    check(thrum_local_get(local) == NULL);
    thrum_local_free(local);
}

static void refuses_timer(thrum_timer *timer)
{
    int code = 7;
    check_result(thrum_timer_start(timer), -EINVAL);
    check_result(thrum_timer_join(timer, &code, THRUM_FOREVER), -EINVAL);
    check(!thrum_timer_cancel(timer));
    check(thrum_timer_thread(timer) == NULL);
    thrum_timer_free(timer);
    check_int(code, 7);
}

TEST(null_is_refused)
{
    refuses_thread(NULL);
    refuses_local(NULL);
    refuses_timer(NULL);
}

TEST(null_for_a_result_or_a_function_is_refused)
{
    thrum_thread *thread;
    thrum_timer *timer;
    check_result(thrum_thread_new(NULL, nothing, NULL), -EINVAL);
    check_result(thrum_thread_run(NULL, nothing, NULL), -EINVAL);
    check_result(thrum_thread_new(&thread, NULL, NULL), -EINVAL);
    check_result(thrum_timer_new(NULL, THRUM_NOWAIT, nothing, NULL), -EINVAL);
    check_result(thrum_timer_run(NULL, THRUM_NOWAIT, nothing, NULL), -EINVAL);
    check_result(thrum_timer_new(&timer, THRUM_NOWAIT, NULL, NULL), -EINVAL);
    check_result(thrum_local_new(NULL), -EINVAL);
    check_int(thrum_enumerate(NULL, 5), thrum_active_count());
}

static int wait_for(void *arg)
{
    return thrum_event_wait(arg, THRUM_FOREVER);
}

TEST(a_running_threads_handle_is_given_up_once)
{
    thrum_event end = THRUM_EVENT_INIT;
    thrum_thread *thread = start(wait_for, &end, NULL);
    size_t before = thrum_active_count();
    thrum_thread_free(thread);
    thrum_thread_free(thread); /* while it runs, this does no harm */
    thrum_event_set(&end);
    until(thrum_active_count() == before - 1);
}

#ifdef THRUM_CHECKED
TEST(what_was_freed_is_refused)
{
    thrum_thread *thread;
    thrum_local *local;
    thrum_timer *timer;
    check_result(thrum_thread_run(&thread, nothing, NULL), 0);
    check_result(thrum_local_new(&local), 0);
    check_result(thrum_timer_run(&timer, THRUM_NOWAIT, nothing, NULL), 0);
    check_int(finish(thread), 0);
    check_result(thrum_timer_join(timer, NULL, THRUM_FOREVER), 0);
    thrum_local_free(local);
    thrum_timer_free(timer);
    refuses_thread(thread);
    refuses_local(local);
    refuses_timer(timer);
}

TEST(what_is_something_else_is_refused)
{
    static struct {
        char zero[512];
    } never;
    thrum_timer *timer;
    check_result(thrum_timer_new(&timer, THRUM_NOWAIT, nothing, NULL), 0);
    refuses_thread((thrum_thread *)timer);
    refuses_thread((thrum_thread *)&never);
    refuses_local((thrum_local *)&never);
    refuses_timer((thrum_timer *)thrum_main_thread());
    thrum_timer_free(timer);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_leaves_by_pthread_exit_can_be_joined),
        cmocka_unit_test(null_is_refused),
        cmocka_unit_test(null_for_a_result_or_a_function_is_refused),
        cmocka_unit_test(a_running_threads_handle_is_given_up_once),
#ifdef THRUM_CHECKED
        cmocka_unit_test(what_was_freed_is_refused),
        cmocka_unit_test(what_is_something_else_is_refused),
#endif
    };
    return cmocka_run_group_tests_name("thread_misuse", tests, NULL, NULL);
}
