/*
 * test_blocking.c - calls that block, on spare threads
 */
#include "harness.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "thrum/coroutine.h"

static thrum_scheduler *sched;

static int set_up(void **state)
{
    (void)state;
    return thrum_scheduler_new(&sched);
}

static int tear_down(void **state)
{
    (void)state;
    check_result(thrum_scheduler_free(sched), 0);
    return 0;
}

static void go(int (*function)(void *arg), void *arg)
{
    check_result(thrum_coroutine_run(NULL, sched, function, arg, .name = "caller"), 0);
}

static void run_all(void)
{
    check_result(thrum_scheduler_run(sched), 0);
}

static int tell_thread(void *arg)
{
    *(uint64_t *)arg = thrum_get_native_id();
    check(thrum_current_coroutine() == NULL);
    return 3;
}

TEST(in_a_thread_it_is_just_called)
{
    uint64_t id = 0;
    check_result(thrum_blocking(tell_thread, &id), 3);
    check_int(id, thrum_get_native_id());
    check_result(thrum_blocking(NULL, &id), -EINVAL);
}

/* ---- Others go on ---- */

static int pipes[2];

static int read_a_byte(void *arg)
{
    (void)arg;
    char byte = 0;
    check_int(read(pipes[0], &byte, 1), 1);
    return byte;
}

static int wait_for_byte(void *arg)
{
    (void)arg;
    check_result(thrum_blocking(read_a_byte, NULL), 'x');
    return 0;
}

static int write_a_byte(void *arg)
{
    (void)arg;
    check_result(thrum_coroutine_yield(), 0);
    check_int(write(pipes[1], "x", 1), 1);
    return 0;
}

TEST(others_go_on_meanwhile)
{
    check_int(pipe2(pipes, O_CLOEXEC), 0);
    go(wait_for_byte, NULL);
    go(write_a_byte, NULL);
    run_all();
    close(pipes[0]);
    close(pipes[1]);
}

#define MANY 20

static thrum_barrier barrier;

static int meet_in_thread(void *arg)
{
    (void)arg;
    return thrum_barrier_wait(&barrier, NULL, THRUM_FOREVER);
}

static int meet(void *arg)
{
    (void)arg;
    check_result(thrum_blocking(meet_in_thread, NULL), 0);
    return 0;
}

TEST(many_block_at_once)
{
    barrier = (thrum_barrier)THRUM_BARRIER_INIT(MANY);
    for (int i = 0; i < MANY; i++)
        go(meet, NULL);
    run_all();
}

static int call_often(void *arg)
{
    uint64_t first = 0, id = 0;
    (void)arg;
    check_result(thrum_blocking(tell_thread, &first), 3);
    check(first != thrum_get_native_id() && first != 0);
    for (int i = 0; i < ROUNDS(1000); i++) {
        check_result(thrum_blocking(tell_thread, &id), 3);
        check_int(id, first);
    }
    return 0;
}

TEST(calls_in_a_row_go_to_one_thread)
{
    go(call_often, NULL);
    run_all();
}

/* ---- Results ---- */

static int end_badly(void *arg)
{
    errno = EXDEV;
    return thrum_fail(7, "because of %s", (const char *)arg);
}

static int pass_on(void *arg)
{
    errno = 0;
    int result = thrum_blocking(end_badly, arg);
    check_int(errno, EXDEV);
    return result;
}

TEST(failure_comes_back_with_its_message)
{
    thrum_coroutine *caller;
    thrum_error error;
    char what[] = "it";
    check_result(thrum_coroutine_run(&caller, sched, pass_on, what), 0);
    run_all();
    check_result(thrum_coroutine_error(caller, &error), 0);
    check_int(error.code, 7);
    check_str(error.message, "because of it");
    thrum_coroutine_free(caller);
}

static int yield_blocked(thrum_generator *self, void *arg)
{
    uint64_t id = 0;
    (void)arg;
    check_result(thrum_blocking(tell_thread, &id), 3);
    check(id != thrum_get_native_id());
    return thrum_yield(self, NULL, NULL);
}

TEST(generators_of_coroutines_may_call)
{
    thrum_generator *generator;
    check_result(thrum_generator_new(&generator, yield_blocked, NULL), 0);
    check_result(thrum_scheduler_new_task(sched, generator), 0);
    run_all();
}

/* ---- Whose it is ---- */

static struct {
    thrum_lock lock;
    thrum_local *local;
    int destroyed;
    thrum_token *token;
} own;

static int try_what_is_the_callers(void *arg)
{
    check_result(thrum_lock_acquire(&own.lock, THRUM_NOWAIT), THRUM_TIMEOUT);
    check_result(thrum_lock_release(&own.lock), -EPERM);
    check(thrum_local_get(own.local) == NULL); /* neither the caller's, nor that of a call before */
    check_result(thrum_local_set(own.local, arg), 0);
    (void)thrum_token_set(NULL);
    return 0;
}

static void note_end(void *value)
{
    check(value == &own);
    own.destroyed++;
}

static int have_some(void *arg)
{
    int mine = 0;
    (void)arg;
    check_result(thrum_lock_acquire(&own.lock, THRUM_FOREVER), 0);
    check_result(thrum_local_set(own.local, &mine), 0);
    for (int i = 0; i < 3; i++) {
        check_result(thrum_blocking(try_what_is_the_callers, &own), 0);
        check_int(own.destroyed, i + 1);
    }
    check(thrum_local_get(own.local) == &mine);
    check_result(thrum_local_set(own.local, NULL), 0);
    return thrum_lock_release(&own.lock);
}

TEST(it_is_another_thread)
{
    check_result(thrum_local_new(&own.local, .destroy = note_end), 0);
    go(have_some, NULL);
    run_all();
    thrum_local_free(own.local);
}

/* ---- Cancelled ---- */

static thrum_event begun, go_on;

static int wait_in_it(void *arg)
{
    (void)arg;
    thrum_event_set(&begun);
    check_result(thrum_sleep(THRUM_FOREVER), THRUM_CANCELLED);
    check(thrum_cancelled());
    THRUM_SHIELD
    check_result(thrum_event_wait(&go_on, THRUM_FOREVER), 0); /* others do, though it is not over */
    return 11;
}

static int tell_cancelled(void *arg)
{
    (void)arg;
    return thrum_cancelled();
}

static int be_cancelled(void *arg)
{
    (void)arg;
    check_result(thrum_blocking(wait_in_it, NULL), 11); /* and not THRUM_CANCELLED */
    check_result(thrum_blocking(tell_cancelled, NULL), true);
    THRUM_SHIELD
    check_result(thrum_blocking(tell_cancelled, NULL), false);
    return 0;
}

static int cancel_it(void *arg)
{
    check_result(thrum_event_wait(&begun, THRUM_FOREVER), 0);
    check_result(thrum_coroutine_cancel(*(thrum_coroutine **)arg), 0);
    for (int i = 0; i < 3; i++)
        check_result(thrum_coroutine_yield(), 0);
    thrum_event_set(&go_on);
    return 0;
}

TEST(cancelled_it_waits_on_and_is_told)
{
    thrum_coroutine *caller;
    thrum_event_clear(&begun);
    thrum_event_clear(&go_on);
    check_result(thrum_coroutine_run(&caller, sched, be_cancelled, NULL), 0);
    go(cancel_it, &caller);
    run_all();
    check(thrum_coroutine_done(caller));
    thrum_coroutine_free(caller);
}

/* ---- Faults ---- */

static int expect_result(void *arg)
{
    uint64_t id = 0;
    check_result(thrum_blocking(tell_thread, &id), *(int *)arg);
    check_int(id != 0, *(int *)arg == 3);
    return 0;
}

/* In a child, which has no spare threads yet. */
static void call_without_threads(void *arg)
{
    int result = -EAGAIN;
    (void)arg;
    fault_arm(FAULT_THREAD, 0);
    check_result(thrum_scheduler_new(&sched), 0);
    go(expect_result, &result);
    run_all();
    check(fault_disarm());
    result = 3;
    go(expect_result, &result);
    run_all();
}

static int take_any(void *arg)
{
    uint64_t id = 0;
    int result = *(int *)arg = thrum_blocking(tell_thread, &id);
    check(id != 0 ? result == 3 : result == -EAGAIN || result == -ENOMEM);
    return 0;
}

static void call_without_memory(void *arg)
{
    int result = 0;
    (void)arg;
    check_result(thrum_scheduler_new(&sched), 0);
    for (unsigned n = 0; result != 3; n++) {
        go(take_any, &result);
        fault_arm(FAULT_MEMORY, n);
        run_all();
        (void)fault_disarm();
    }
}

TEST(lack_of_threads_and_memory_is_named)
{
    if (!THREADS_IN_CHILD)
        return;
    check_int(in_child(call_without_threads, NULL), 0);
    check_int(in_child(call_without_memory, NULL), 0);
}

static int fork_and_call(void *arg)
{
    uint64_t id = 0;
    int status = 0;
    (void)arg;
    check_result(thrum_blocking(tell_thread, &id), 3);
    pid_t child = fork();
    if (child == 0) {
        id = 0;
        check_result(thrum_blocking(tell_thread, &id), -ECHILD);
        check_int(id, 0);
        _exit(0);
    }
    check_int(waitpid(child, &status, 0), child);
    check_int(status, 0);
    return 0;
}

TEST(forked_coroutine_has_no_spare_threads)
{
    go(fork_and_call, NULL);
    run_all();
}

static int fork_in_it(void *arg)
{
    int status = 0;
    (void)arg;
    pid_t child = fork();
    if (child == 0)
        return 0; /* it ends with this thread, its only one */
    check_int(waitpid(child, &status, 0), child);
    return status;
}

static int call_fork(void *arg)
{
    (void)arg;
    check_result(thrum_blocking(fork_in_it, NULL), 0);
    return 0;
}

TEST(child_of_a_spare_thread_ends_with_it)
{
    if (!THREADS_IN_CHILD || HARNESS_ASAN) /* what lies on the first thread's stack is taken for lost in the child */
        return;
    go(call_fork, NULL);
    run_all();
}

static int block_for_ever(void *arg)
{
    char byte;
    thrum_event_set(&begun);
    while (read(*(int *)arg, &byte, 1) != 1)
        continue;
    return 0;
}

static int call_for_ever(void *arg)
{
    return thrum_blocking(block_for_ever, arg);
}

static int leave(void *arg)
{
    (void)arg;
    check_result(thrum_event_wait(&begun, THRUM_FOREVER), 0);
    exit(5);
}

static void leave_while_it_blocks(void *arg)
{
    check_result(thrum_scheduler_new(&sched), 0);
    thrum_event_clear(&begun);
    go(call_for_ever, arg);
    go(leave, NULL);
    run_all();
}

TEST(process_does_not_wait_for_it)
{
    int ends[2];
    if (!THREADS_IN_CHILD || HARNESS_ASAN) /* who exits in a coroutine leaves things on its stack */
        return;
    check_int(pipe2(ends, O_CLOEXEC), 0);
    check_int(in_child(leave_while_it_blocks, &ends[0]), 5);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        WITH(in_a_thread_it_is_just_called),
        WITH(others_go_on_meanwhile),
        WITH(many_block_at_once),
        WITH(calls_in_a_row_go_to_one_thread),
        WITH(failure_comes_back_with_its_message),
        WITH(generators_of_coroutines_may_call),
        WITH(it_is_another_thread),
        WITH(cancelled_it_waits_on_and_is_told),
        WITH(lack_of_threads_and_memory_is_named),
        WITH(forked_coroutine_has_no_spare_threads),
        WITH(child_of_a_spare_thread_ends_with_it),
        WITH(process_does_not_wait_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
