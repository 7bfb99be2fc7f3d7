/*
 * test_group.c - coroutines that are waited for together
 */
#include "harness.h"

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

/* Run body(arg) in a coroutine, and all that it starts. */
static void run_in_coroutine(int (*body)(void *arg), void *arg)
{
    check_result(thrum_coroutine_run(NULL, sched, body, arg, .name = "main"), 0);
    check_result(thrum_scheduler_run(sched), 0);
}

static thrum_task_group *new_group(void)
{
    thrum_task_group *group;
    check_result(thrum_task_group_new(&group, sched), 0);
    return group;
}

static void add(thrum_task_group *group, int (*function)(void *arg), void *arg)
{
    check_result(thrum_task_group_start(group, function, arg, .name = "member"), 0);
}

/* ---- Members ---- */

static int count_after_a_turn(void *arg)
{
    check_result(thrum_coroutine_yield(), 0);
    ++*(int *)arg;
    return 0;
}

static int wait_for_ever(void *arg)
{
    int result = thrum_sleep(THRUM_FOREVER);
    if (arg != NULL)
        ++*(int *)arg;
    return result;
}

static int end_badly(void *arg)
{
    int code = *(const int *)arg;
    check_result(thrum_coroutine_yield(), 0);
    return thrum_fail(code, "by %d", code);
}

/* One that makes something else of being called off. */
static int fail_when_called_off(void *arg)
{
    check_result(thrum_sleep(THRUM_FOREVER), THRUM_CANCELLED);
    return thrum_fail(*(const int *)arg, "late");
}

/* Clean-up that waits. */
static int end_slowly(void *arg)
{
    check_result(thrum_sleep(THRUM_FOREVER), THRUM_CANCELLED);
    THRUM_SHIELD
    check_result(thrum_sleep(thrum_seconds(0.002)), 0);
    ++*(int *)arg;
    return THRUM_CANCELLED;
}

/* ---- All end well ---- */

static int wait_for_three(void *arg)
{
    thrum_task_group *group;
    thrum_error error;
    int ended = 0;
    (void)arg;
    check_result(thrum_task_group_new(&group, NULL), 0);
    check_result(thrum_task_group_wait(group, THRUM_NOWAIT), 0); /* there are none */
    for (int round = 1; round <= 2; round++) {
        for (int i = 0; i < 3; i++)
            add(group, count_after_a_turn, &ended);
        check_result(thrum_task_group_wait(group, THRUM_FOREVER), 0);
        check_int(ended, 3 * round);
    }
    check_result(thrum_task_group_error(group, &error), THRUM_EMPTY);
    check_result(thrum_task_group_free(group), 0);
    return 0;
}

TEST(wait_is_for_all)
{
    run_in_coroutine(wait_for_three, NULL);
}

struct family {
    thrum_task_group *group;
    int born;
};

static int have_children(void *arg)
{
    struct family *family = arg;
    int result = 0;
    if (++family->born < 8)
        for (int i = 0; i < 2 && result == 0; i++)
            result = thrum_task_group_start(family->group, have_children, family);
    return result;
}

static int wait_for_family(void *arg)
{
    struct family family = {.group = new_group()};
    (void)arg;
    add(family.group, have_children, &family);
    check_result(thrum_task_group_wait(family.group, THRUM_FOREVER), 0);
    check_int(family.born, 15);
    check_result(thrum_task_group_free(family.group), 0);
    return 0;
}

TEST(children_have_children)
{
    run_in_coroutine(wait_for_family, NULL);
}

/* ---- The first failure ---- */

static int wait_for_failure(void *arg)
{
    thrum_task_group *group = new_group();
    thrum_error error;
    int nine = 9, eight = 8, called_off = 0, never = 0;
    (void)arg;
    for (int i = 0; i < 3; i++)
        add(group, wait_for_ever, &called_off);
    add(group, fail_when_called_off, &eight);
    add(group, end_badly, &nine);
    check_result(thrum_task_group_wait(group, THRUM_FOREVER), THRUM_FAILED);
    check_int(called_off, 3);
    check_result(thrum_task_group_error(group, &error), 0);
    check_int(error.outcome, THRUM_FAILED);
    check_int(error.code, 9);
    check_str(error.message, "by 9");
    check_str(error.task, "member");
    check_result(thrum_task_group_start(group, count_after_a_turn, &never), THRUM_CANCELLED);
    check_result(thrum_task_group_wait(group, THRUM_FOREVER), THRUM_FAILED); /* for ever */
    check_int(never, 0);
    check_result(thrum_task_group_free(group), 0);
    check(!thrum_cancelled()); /* not the caller */
    return 0;
}

TEST(first_failure_calls_off_the_rest)
{
    run_in_coroutine(wait_for_failure, NULL);
}

static int start_behind_failure(void *arg)
{
    thrum_task_group *group = new_group();
    int nine = 9, never = 0;
    (void)arg;
    add(group, end_badly, &nine);
    add(group, fail_when_called_off, &nine);
    check_result(thrum_coroutine_yield(), 0);
    add(group, wait_for_ever, &never); /* it does not begin before the other has failed */
    check_result(thrum_task_group_wait(group, THRUM_FOREVER), THRUM_FAILED);
    check_int(never, 0);
    check_result(thrum_task_group_free(group), 0);
    return 0;
}

TEST(who_has_not_begun_never_does)
{
    run_in_coroutine(start_behind_failure, NULL);
}

static int return_cancelled(void *arg)
{
    (void)arg;
    return THRUM_CANCELLED;
}

static int wait_for_that(void *arg)
{
    thrum_task_group *group = new_group();
    thrum_error error;
    (void)arg;
    add(group, return_cancelled, NULL); /* and nobody has called it off */
    check_result(thrum_task_group_wait(group, THRUM_FOREVER), THRUM_FAILED);
    check_result(thrum_task_group_error(group, &error), 0);
    check_int(error.code, THRUM_CANCELLED);
    check_result(thrum_task_group_free(group), 0);
    return 0;
}

TEST(cancelled_by_nobody_is_a_failure)
{
    run_in_coroutine(wait_for_that, NULL);
}

/* ---- Called off ---- */

static int wait_too_long(void *arg)
{
    thrum_task_group *group = new_group();
    thrum_error error;
    int ended = 0, seven = 7;
    (void)arg;
    add(group, end_slowly, &ended);
    add(group, fail_when_called_off, &seven);
    check_result(thrum_task_group_wait(group, thrum_seconds(0.001)), THRUM_TIMEOUT);
    check_int(ended, 1);                                    /* nothing outlives it */
    check_result(thrum_task_group_error(group, &error), 0); /* but nothing is lost */
    check_str(error.message, "late");
    check_result(thrum_task_group_free(group), 0);

    group = new_group();
    add(group, wait_for_ever, NULL);
    check_result(thrum_task_group_wait(group, THRUM_NOWAIT), THRUM_TIMEOUT);
    check_result(thrum_task_group_free(group), 0);
    return 0;
}

TEST(time_out_calls_off)
{
    run_in_coroutine(wait_too_long, NULL);
}

static int wait_cancelled(void *arg)
{
    thrum_task_group *group = new_group();
    int *ended = arg;
    add(group, end_slowly, ended);
    int result = thrum_task_group_wait(group, THRUM_FOREVER);
    check_int(*ended, 1);
    check_result(thrum_task_group_free(group), 0);
    return result;
}

static int cancel_it(void *arg)
{
    check_result(thrum_coroutine_cancel(*(thrum_coroutine **)arg), 0);
    return 0;
}

TEST(who_waits_is_cancelled_with_all)
{
    thrum_coroutine *waiter;
    int ended = 0, code = 0;
    check_result(thrum_coroutine_run(&waiter, sched, wait_cancelled, &ended), 0);
    run_in_coroutine(cancel_it, &waiter);
    check_result(thrum_coroutine_join(waiter, &code, THRUM_NOWAIT), 0);
    check_int(code, THRUM_CANCELLED);
    thrum_coroutine_free(waiter);
}

/* A group in a group: what ends the outer ends the inner, and its clean-up is done first. */
static int wait_outside(void *arg)
{
    thrum_task_group *group = new_group();
    int ended = 0, five = 5;
    (void)arg;
    add(group, wait_cancelled, &ended);
    add(group, end_badly, &five);
    check_result(thrum_task_group_wait(group, THRUM_FOREVER), THRUM_FAILED);
    check_int(ended, 1);
    check_result(thrum_task_group_free(group), 0);
    return 0;
}

TEST(groups_nest)
{
    run_in_coroutine(wait_outside, NULL);
}

static int cancel_from_within(void *arg)
{
    check_result(thrum_coroutine_yield(), 0);
    check_result(thrum_task_group_cancel(*(thrum_task_group **)arg), 0);
    return THRUM_CANCELLED;
}

static int wait_for_first(void *arg)
{
    thrum_task_group *group = new_group();
    thrum_error error;
    (void)arg;
    add(group, wait_for_ever, NULL);
    add(group, cancel_from_within, &group);
    check_result(thrum_task_group_wait(group, THRUM_FOREVER), THRUM_CANCELLED);
    check_result(thrum_task_group_error(group, &error), THRUM_EMPTY);
    check_result(thrum_task_group_free(group), 0);
    return 0;
}

TEST(one_of_them_calls_it_off)
{
    run_in_coroutine(wait_for_first, NULL);
}

static int cancel_myself(void *arg)
{
    (void)arg;
    check_result(thrum_coroutine_cancel(thrum_current_coroutine()), 0);
    return thrum_sleep(THRUM_FOREVER);
}

static int wait_for_both(void *arg)
{
    thrum_task_group *group = new_group();
    (void)arg;
    add(group, wait_for_ever, NULL);
    add(group, cancel_myself, NULL);
    check_result(thrum_task_group_wait(group, THRUM_FOREVER), THRUM_CANCELLED);
    check_result(thrum_task_group_free(group), 0);
    return 0;
}

TEST(one_is_cancelled_with_all)
{
    run_in_coroutine(wait_for_both, NULL);
}

static int leave_without_waiting(void *arg)
{
    thrum_task_group *group = new_group();
    add(group, end_slowly, arg);
    check_result(thrum_coroutine_yield(), 0);
    check_result(thrum_task_group_free(group), 0);
    check_int(*(int *)arg, 1);
    return 0;
}

TEST(free_waits_for_the_end)
{
    int ended = 0;
    run_in_coroutine(leave_without_waiting, &ended);
}

/* ---- Threads ---- */

struct meeting {
    thrum_task_group *group;
    thrum_event stop;
    int ended;
};

static int wait_in_thread(void *arg)
{
    struct meeting *meeting = arg;
    for (int i = 0; i < 3; i++)
        add(meeting->group, count_after_a_turn, &meeting->ended);
    check_result(thrum_task_group_wait(meeting->group, THRUM_FOREVER), 0);
    check_int(meeting->ended, 3);
    add(meeting->group, end_slowly, &meeting->ended);
    check_result(thrum_task_group_wait(meeting->group, thrum_seconds(0.001)), THRUM_TIMEOUT);
    thrum_event_set(&meeting->stop);
    return 0;
}

static int stay(void *arg)
{
    return thrum_event_wait(arg, THRUM_FOREVER);
}

TEST(thread_waits_for_another_threads_coroutines)
{
    for (int round = 0; round < ROUNDS(100); round++) {
        struct meeting meeting = {.group = new_group()};
        thrum_thread *thread = start(wait_in_thread, &meeting, NULL);
        run_in_coroutine(stay, &meeting.stop);
        check_int(finish(thread), 0);
        check_result(thrum_task_group_free(meeting.group), 0);
    }
}

/* It is gone as soon as it is over. */
static int free_in_thread(void *arg)
{
    struct meeting *meeting = arg;
    add(meeting->group, count_after_a_turn, &meeting->ended);
    check_result(thrum_task_group_wait(meeting->group, THRUM_FOREVER), 0);
    check_result(thrum_task_group_free(meeting->group), 0);
    thrum_event_set(&meeting->stop);
    return 0;
}

TEST(group_goes_with_its_last)
{
    for (int round = 0; round < ROUNDS(1000); round++) {
        struct meeting meeting = {.group = new_group()};
        thrum_thread *thread = start(free_in_thread, &meeting, NULL);
        run_in_coroutine(stay, &meeting.stop);
        check_int(finish(thread), 0);
    }
}

/* ---- Faults ---- */

static int wait_for_my_own(void *arg)
{
    check_result(thrum_task_group_wait(arg, THRUM_FOREVER), -EDEADLK);
    check_result(thrum_task_group_free(arg), -EDEADLK);
    return 0;
}

TEST(nobody_waits_for_himself)
{
    thrum_task_group *group = new_group();
    int five = 5;
    add(group, wait_for_my_own, group);
    check_result(thrum_scheduler_run(sched), 0);
    check_result(thrum_task_group_wait(group, THRUM_NOWAIT), 0);
    /* Its thread, while others of it are left. */
    add(group, wait_for_ever, NULL);
    check_result(thrum_coroutine_run(NULL, sched, end_badly, &five), 0);
    check_result(thrum_scheduler_run(sched), THRUM_FAILED); /* of the one without a group */
    check_result(thrum_task_group_wait(group, thrum_seconds(1)), -EDEADLK);
    check_result(thrum_task_group_free(group), -EDEADLK);
    check_result(thrum_task_group_cancel(group), 0);
    check_result(thrum_scheduler_run(sched), 0);
    check_result(thrum_task_group_wait(group, THRUM_FOREVER), THRUM_CANCELLED);
    check_result(thrum_task_group_free(group), 0);
}

TEST(scheduler_goes_first)
{
    thrum_scheduler *other;
    thrum_task_group *group;
    int never = 0;
    check_result(thrum_scheduler_new(&other), 0);
    check_result(thrum_task_group_new(&group, other), 0);
    add(group, wait_for_ever, &never);
    check_result(thrum_scheduler_free(other), 0);
    check_int(never, 0);
    check_result(thrum_task_group_wait(group, THRUM_FOREVER), THRUM_CANCELLED);
    check_result(thrum_task_group_free(group), 0);
}

TEST(misuse_is_named)
{
    thrum_task_group *group = new_group();
    thrum_error error;
    int never = 0;
    check_result(thrum_task_group_new(NULL, sched), -EINVAL);
    thrum_task_group *none = NULL;
    check_result(thrum_task_group_new(&none, NULL), -EINVAL); /* not in a coroutine */
    check(none == NULL);
    check_result(thrum_task_group_start(NULL, wait_for_ever, &never), -EINVAL);
    check_result(thrum_task_group_start(group, NULL, &never), -EINVAL);
    check_result(thrum_task_group_start(group, wait_for_ever, &never, .stack_size = 1), -EINVAL);
    check_result(thrum_task_group_wait(group, THRUM_FOREVER), 0); /* none was counted */
    check_result(thrum_task_group_wait(NULL, THRUM_FOREVER), -EINVAL);
    check_result(thrum_task_group_wait(group, thrum_seconds(-1)), -EINVAL);
    check_result(thrum_task_group_error(NULL, &error), -EINVAL);
    check_result(thrum_task_group_error(group, NULL), -EINVAL);
    check_result(thrum_task_group_cancel(NULL), -EINVAL);
    check_result(thrum_task_group_free(NULL), 0);
    check_result(thrum_task_group_free(group), 0);
}

TEST(lack_of_memory_is_named)
{
    thrum_task_group *group = NULL;
    bool refused = true;
    int ended = 0;
    for (unsigned n = 0; refused; n++) {
        fault_arm(FAULT_MEMORY, n);
        int result = thrum_task_group_new(&group, sched);
        refused = fault_disarm();
        check_result(result, refused ? -ENOMEM : 0);
    }
    refused = true;
    for (unsigned n = 0; refused; n++) {
        fault_arm(FAULT_MEMORY, n);
        int result = thrum_task_group_start(group, count_after_a_turn, &ended, .stack_size = 1 << 20);
        refused = fault_disarm();
        check(result == 0 || (refused && result == -ENOMEM));
    }
    check_result(thrum_scheduler_run(sched), 0);
    check(ended >= 1);
    check_result(thrum_task_group_wait(group, THRUM_NOWAIT), 0);
    check_result(thrum_task_group_free(group), 0);
}

static void use_in_child(void *arg)
{
    check_result(thrum_task_group_wait(arg, THRUM_FOREVER), -ECHILD);
    check_result(thrum_task_group_cancel(arg), 0);
    check_result(thrum_task_group_free(arg), 0);
}

TEST(child_has_none_of_its_parents)
{
    thrum_task_group *group = new_group();
    add(group, wait_for_ever, NULL);
    check_int(in_child(use_in_child, group), 0);
    check_result(thrum_task_group_cancel(group), 0);
    check_result(thrum_scheduler_run(sched), 0);
    check_result(thrum_task_group_free(group), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        WITH(wait_is_for_all),
        WITH(children_have_children),
        WITH(first_failure_calls_off_the_rest),
        WITH(who_has_not_begun_never_does),
        WITH(cancelled_by_nobody_is_a_failure),
        WITH(time_out_calls_off),
        WITH(who_waits_is_cancelled_with_all),
        WITH(groups_nest),
        WITH(one_of_them_calls_it_off),
        WITH(one_is_cancelled_with_all),
        WITH(free_waits_for_the_end),
        WITH(thread_waits_for_another_threads_coroutines),
        WITH(group_goes_with_its_last),
        WITH(nobody_waits_for_himself),
        WITH(scheduler_goes_first),
        WITH(misuse_is_named),
        WITH(lack_of_memory_is_named),
        WITH(child_has_none_of_its_parents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
