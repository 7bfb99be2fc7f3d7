/*
 * test_fork.c - fork(2) in the very moment in which other threads hold the library's own locks
 *
 * Nobody is left in the child to give them back, so each is free there. Here all of them are held at once, as if so
 * many threads had been in the middle of something.
 */
#include "../harness.h"

#include <fcntl.h>
#include <unistd.h>

#include "platform/state.h"

static void set_all_guards(uint32_t held)
{
    struct os_state *state = os_state();
    for (size_t i = 0; i < PARK_BUCKETS; i++)
        state->lot.buckets[i].guard = held;
    state->lot.adopting = held;
    state->sleepers.guard = held;
    state->threads.guard = held;
    state->locals.guard = held;
    state->executors.guard = held;
    state->labels.guard = held;
    state->orders.guard = held;
    state->reporter.guard = held;
    state->signals.guard = held;
#ifdef THRUM_CHECKED
    state->objects.guard = held;
#endif
}

static thrum_token *token;
static unsigned reports;

static void count(void *arg, const char *text)
{
    (void)arg;
    check(text != NULL);
    reports++;
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static void use_all(void *arg)
{
    static thrum_lock locks[2];
    thrum_event event = THRUM_EVENT_INIT;
    (void)arg;
    thrum_set_reporter(count, NULL);
    check_result(thrum_lock_init(&locks[0], .name = "child's"), 0);
    for (int i = 0; i < 2; i++)
        check_result(thrum_lock_acquire(&locks[i], THRUM_FOREVER), 0);
    check_result(thrum_lock_acquire(&locks[1], THRUM_FOREVER), -EDEADLK);
    check_int(reports, 1);
    check(os_state()->orders.graph != NULL); /* which has those two by now */
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    check_result(thrum_dump(fd), 0);
    check_int(close(fd), 0);

    thrum_local *local;
    check_result(thrum_local_new(&local), 0);
    thrum_local_free(local);
    check(thrum_main_thread() != NULL);

    thrum_executor *executor;
    check_result(thrum_executor_open(&executor, "serial"), 0);
    check_result(thrum_executor_close(executor), 0);
    if (THREADS_IN_CHILD) {
        check_result(thrum_signals_start(), 0);
        check_int(finish(start(nothing, NULL, NULL)), 0);
        check_result(thrum_event_wait(&event, thrum_seconds(0.001)), THRUM_TIMEOUT);
    }
    (void)thrum_token_set(token);
    thrum_token_cancel(token);
    check_result(thrum_event_wait(&event, THRUM_FOREVER), THRUM_CANCELLED);
}

TEST(child_has_all_that_others_held)
{
    check_result(thrum_token_new(&token), 0);
    check_int(finish(start(nothing, NULL, NULL)), 0); /* a fork that is not known of cannot be told of */
    set_all_guards(1);
    int status = in_child(use_all, NULL);
    set_all_guards(0);
    check_int(status, 0);
    thrum_token_free(token);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(child_has_all_that_others_held),
    };
    check(setenv("THRUM_LOCK_ORDER", "warn", 1) == 0);
    return cmocka_run_group_tests_name("fork", tests, NULL, NULL);
}
