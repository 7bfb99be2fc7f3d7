/*
 * test_task.c - what becomes of tasks where something ends: their scheduler, its thread, the process
 */
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#include "thrum/coroutine.h"

static thrum_scheduler *sched;
static thrum_event event, begun;
static int result_of_wait, closed;

static void begin(void)
{
    event = begun = (thrum_event)THRUM_EVENT_INIT;
    result_of_wait = 1000;
    closed = 0;
    check_result(thrum_scheduler_new(&sched), 0);
}

static void go(int (*function)(void *arg), void *arg)
{
    check_result(thrum_coroutine_run(NULL, sched, function, arg), 0);
}

static int wait_for_event(void *arg)
{
    (void)arg;
    result_of_wait = thrum_event_wait(&event, THRUM_FOREVER);
    if (thrum_cancelled())
        result_of_wait = THRUM_CANCELLED;
    return 0;
}

static int fail_at_once(void *arg)
{
    (void)arg;
    return 7;
}

/* ---- Who may end a scheduler ---- */

/* One waits, and the run is over because another one has failed. */
static int begin_and_leave(void *arg)
{
    go(wait_for_event, NULL);
    go(fail_at_once, NULL);
    check_result(thrum_scheduler_run(sched), THRUM_FAILED);
    thrum_event_set(&begun);
    check_result(thrum_event_wait(arg, THRUM_FOREVER), 0);
    thrum_event_set(&event);
    check_result(thrum_scheduler_run(sched), 0);
    return thrum_scheduler_free(sched);
}

TEST(free_by_another_thread_than_its_own_leaves_it_as_it_was)
{
    thrum_event asked = THRUM_EVENT_INIT;
    begin();
    thrum_thread *thread = start(begin_and_leave, &asked, NULL);
    check_result(thrum_event_wait(&begun, THRUM_FOREVER), 0);
    check_result(thrum_scheduler_run(sched), -EPERM);
    check_result(thrum_scheduler_free(sched), -EPERM);
    thrum_event_set(&asked);
    check_int(finish(thread), 0);
    check_result(result_of_wait, 0);
}

static int free_others(void *arg)
{
    check_result(thrum_scheduler_run(arg), -EALREADY);
    check_result(thrum_scheduler_free(arg), -EALREADY);
    check_result(thrum_scheduler_free(sched), -EALREADY);
    return 0;
}

TEST(free_in_a_task_leaves_it_as_it_was)
{
    begin();
    go(wait_for_event, NULL);
    go(fail_at_once, NULL);
    check_result(thrum_scheduler_run(sched), THRUM_FAILED);
    thrum_scheduler *other = sched;
    check_result(thrum_scheduler_new(&sched), 0);
    go(free_others, other);
    check_result(thrum_scheduler_run(sched), 0);
    check_result(thrum_scheduler_free(sched), 0);
    thrum_event_set(&event);
    check_result(thrum_scheduler_run(other), 0);
    check_result(thrum_scheduler_free(other), 0);
    check_result(result_of_wait, 0);
}

static int begin_only(void *arg)
{
    (void)arg;
    go(wait_for_event, NULL);
    go(fail_at_once, NULL);
    check_result(thrum_scheduler_run(sched), THRUM_FAILED);
    return 0;
}

static int try_to_run(void *arg)
{
    (void)arg;
    check_result(thrum_scheduler_run(sched), -EPERM);
    return 0;
}

/* Records of threads are used again, some thousand threads later. */
TEST(no_thread_is_taken_for_one_that_has_ended)
{
    begin();
    check_int(finish(start(begin_only, NULL, NULL)), 0);
    for (int i = 0; i < 1500; i++)
        check_int(finish(start(try_to_run, NULL, NULL)), 0);
    check_result(thrum_scheduler_free(sched), -EPERM);
}

/* ---- Who is who ---- */

static uint32_t number;

static int note_number(void *arg)
{
    thrum_lock lock = THRUM_LOCK_INIT;
    (void)arg;
    check_result(thrum_lock_acquire(&lock, THRUM_FOREVER), 0);
    number = lock.state_;
    return thrum_lock_release(&lock);
}

/* One after the other, and so on the same stack: a lock that one has left behind is not the next one's. */
TEST(next_one_on_a_stack_is_another)
{
    begin();
    for (int i = 0; i < 1000; i++) {
        uint32_t before = number;
        go(note_number, NULL);
        check_result(thrum_scheduler_run(sched), 0);
        check(number != before);
    }
    check_result(thrum_scheduler_free(sched), 0);
}

/* ---- Generators ---- */

static int note_close(thrum_generator *self, void *arg)
{
    int result = 0;
    (void)arg;
    while (result == 0)
        result = thrum_yield(self, NULL, NULL);
    closed += result == THRUM_CLOSED;
    return 0;
}

TEST(generator_that_is_cancelled_before_its_first_turn_is_closed)
{
    thrum_generator *generator;
    begin();
    check_result(thrum_generator_new(&generator, note_close, NULL), 0);
    check_result(thrum_generator_next(generator, NULL), 0);
    check_result(thrum_scheduler_new_task(sched, generator), 0);
    check_result(thrum_scheduler_free(sched), 0);
    check_int(closed, 1);
}

TEST(generator_that_is_cancelled_later_is_closed)
{
    thrum_generator *generator;
    begin();
    check_result(thrum_generator_new(&generator, note_close, NULL), 0);
    check_result(thrum_scheduler_new_task(sched, generator), 0);
    go(fail_at_once, NULL);
    check_result(thrum_scheduler_run(sched), THRUM_FAILED);
    check_int(closed, 0);
    check_result(thrum_scheduler_free(sched), 0);
    check_int(closed, 1);
}

/* ---- Fork ---- */

static thrum_local *local;

static int look_around(void *arg)
{
    (void)arg;
    check_int(thrum_active_count(), 1);
    check(thrum_current_thread() == thrum_main_thread());
    check_int(thrum_thread_native_id(thrum_current_thread()), thrum_get_native_id());
    check(thrum_local_get(local) == &event); /* the task's own */
    check_result(thrum_scheduler_run(sched), -ECHILD);
    check_result(thrum_scheduler_free(sched), -EALREADY); /* we are in it */
    check_result(thrum_sleep(thrum_seconds(1)), 0);
    check(false); /* it does not go on */
    return 0;
}

static int fork_in_a_task(void *arg)
{
    check_result(thrum_local_set(local, &event), 0);
    pid_t pid = fork();
    check(pid >= 0);
    if (pid == 0)
        return look_around(arg);
    int status = 0;
    check(waitpid(pid, &status, 0) == pid);
    check_int(status, 0);
    return 0;
}

static int idle(void *arg)
{
    (void)arg;
    check_result(thrum_event_wait(&event, THRUM_FOREVER), 0);
    return 0;
}

/* In the child the thread is there, with all that it had; its tasks are not. */
TEST(child_that_a_task_has_forked_is_its_threads)
{
    pid_t parent = getpid();
    begin();
    check_result(thrum_local_new(&local), 0);
    check_result(thrum_local_set(local, &begun), 0);
    thrum_thread *other = start(idle, NULL, NULL);
    go(fork_in_a_task, NULL);
    int result = thrum_scheduler_run(sched);
    if (getpid() == parent) {
        check_result(result, 0);
        check_int(thrum_active_count(), 2);
    } else {
        check_result(result, -ECHILD);
        check_int(thrum_active_count(), 1);
        check(thrum_local_get(local) == &begun);
        thrum_local_free(local);
        check_result(thrum_local_new(&local), 0); /* in its place */
        check(thrum_local_get(local) == NULL);
        check_result(thrum_scheduler_free(sched), 0);
        check_result(thrum_scheduler_new(&sched), 0);
        thrum_event_set(&event);
        go(wait_for_event, NULL);
        check_result(thrum_scheduler_run(sched), 0);
        check_result(result_of_wait, 0);
        check_result(thrum_scheduler_free(sched), 0);
        _exit(0);
    }
    thrum_event_set(&event);
    check_int(finish(other), 0);
    check_result(thrum_scheduler_free(sched), 0);
    thrum_local_free(local);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(free_by_another_thread_than_its_own_leaves_it_as_it_was),
        cmocka_unit_test(free_in_a_task_leaves_it_as_it_was),
        cmocka_unit_test(no_thread_is_taken_for_one_that_has_ended),
        cmocka_unit_test(next_one_on_a_stack_is_another),
        cmocka_unit_test(generator_that_is_cancelled_before_its_first_turn_is_closed),
        cmocka_unit_test(generator_that_is_cancelled_later_is_closed),
        cmocka_unit_test(child_that_a_task_has_forked_is_its_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
