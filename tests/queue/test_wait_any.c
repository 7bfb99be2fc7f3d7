/*
 * test_wait_any.c - waiting for any of several queues and events
 */
#include "queues.h"

#include <signal.h>

#define THINGS 20

struct things {
    thrum_queue *queues[THINGS];
    thrum_event events[THINGS];
    thrum_waitable all[2 * THINGS]; /* queues at even places, events at odd ones */
    size_t n;                       /* of all */
    size_t index;                   /* what a thread was told */
};

static void open_things(struct things *things, size_t n)
{
    memset(things, 0, sizeof *things);
    things->n = n;
    for (size_t i = 0; i < n; i++) {
        if (i % 2 == 0)
            things->queues[i / 2] = new_queue(2, sizeof(uint64_t));
        things->all[i] =
            i % 2 == 0 ? thrum_queue_waitable(things->queues[i / 2]) : thrum_event_waitable(&things->events[i / 2]);
    }
}

static void close_things(struct things *things)
{
    for (size_t i = 0; i < THINGS; i++)
        thrum_queue_free(things->queues[i]);
}

static void make_ready(struct things *things, size_t i)
{
    if (i % 2 == 0)
        check_result(put(things->queues[i / 2], i, THRUM_NOWAIT), 0);
    else
        thrum_event_set(&things->events[i / 2]);
}

static void take(struct things *things, size_t i)
{
    if (i % 2 == 0)
        expect(things->queues[i / 2], i);
    else
        thrum_event_clear(&things->events[i / 2]);
}

static int wait_for_any(void *arg)
{
    struct things *things = arg;
    return thrum_wait_any(things->all, things->n, &things->index, THRUM_FOREVER);
}

TEST(what_is_ready_is_told_and_not_taken)
{
    struct things things;
    open_things(&things, 6);
    size_t index = 99;
    check_result(thrum_wait_any(things.all, 6, &index, THRUM_NOWAIT), THRUM_TIMEOUT);
    check_int(index, 99);
    for (size_t i = 6; i-- > 0;) {
        make_ready(&things, i);
        check_result(thrum_wait_any(things.all, 6, &index, THRUM_NOWAIT), 0);
        check_int(index, i); /* the first of those that are */
        check_result(thrum_wait_any(things.all, 6, &index, THRUM_FOREVER), 0);
        check_int(index, i);
    }
    for (size_t i = 0; i < 6; i++) {
        check_result(thrum_wait_any(things.all, 6, &index, THRUM_NOWAIT), 0);
        check_int(index, i);
        take(&things, i);
    }
    check_result(thrum_wait_any(things.all, 6, &index, THRUM_NOWAIT), THRUM_TIMEOUT);
    close_things(&things);
}

TEST(each_of_few_and_many_wakes)
{
    static const size_t numbers[] = {1, 2, 8, 9, 2 * THINGS};
    for (size_t k = 0; k < sizeof numbers / sizeof numbers[0]; k++) {
        struct things things;
        open_things(&things, numbers[k]);
        for (size_t i = 0; i < numbers[k]; i++) {
            thrum_thread *waiter = start(wait_for_any, &things, NULL);
            if (i % 3)
                settle(thrum_thread_native_id(waiter));
            make_ready(&things, i);
            check_result(finish(waiter), 0);
            check_int(things.index, i);
            take(&things, i);
        }
        close_things(&things);
    }
}

TEST(a_close_makes_ready)
{
    struct things things;
    open_things(&things, 3);
    thrum_thread *waiter = start(wait_for_any, &things, NULL);
    settle(thrum_thread_native_id(waiter));
    check_result(thrum_queue_close(things.queues[1], THRUM_DRAIN), 0);
    check_result(finish(waiter), 0);
    check_int(things.index, 2);
    close_things(&things);
}

TEST(all_watchers_are_woken_and_the_getter_has_the_item)
{
    for (int round = 0; round < ROUNDS(200); round++) {
        struct things things[3];
        thrum_thread *watchers[3];
        open_things(&things[0], 4);
        things[1] = things[2] = things[0];
        for (size_t i = 0; i < 3; i++)
            watchers[i] = start(wait_for_any, &things[i], NULL);
        if (round % 2)
            settle(thrum_thread_native_id(watchers[2]));
        thrum_thread *getter = start(get_one, things[0].queues[0], NULL);
        if (round % 4 > 1)
            settle(thrum_thread_native_id(getter));
        make_ready(&things[0], 0);
        check_result(finish(getter), 0); /* whoever watches */
        make_ready(&things[0], 0);
        for (size_t i = 0; i < 3; i++) {
            check_result(finish(watchers[i]), 0);
            check_int(things[i].index, 0);
        }
        expect(things[0].queues[0], 0);
        close_things(&things[0]);
    }
}

TEST(time_and_token_end_it)
{
    struct things things;
    open_things(&things, 5);
    size_t index = 99;
    int64_t before = thrum_monotonic_ns();
    check_result(thrum_wait_any(things.all, 5, &index, thrum_seconds(0.02)), THRUM_TIMEOUT);
    check(thrum_monotonic_ns() - before >= 20 * MILLISECOND);
    check_result(thrum_wait_any(things.all, 5, &index, thrum_seconds(-1)), -EINVAL);
    for (int round = 0; round < ROUNDS(100); round++) {
        thrum_token *token;
        check_result(thrum_token_new(&token), 0);
        thrum_thread *waiter = start(wait_for_any, &things, token);
        if (round % 2)
            settle(thrum_thread_native_id(waiter));
        thrum_token_cancel(token);
        check_result(finish(waiter), THRUM_CANCELLED);
        thrum_token_free(token);
    }
    check_int(index, 99);
    for (size_t i = 0; i < 5; i++) { /* nothing was left behind */
        make_ready(&things, i);
        take(&things, i);
    }
    close_things(&things);
}

TEST(the_same_thing_may_stand_there_twice)
{
    thrum_event event = THRUM_EVENT_INIT;
    struct things things = {.n = 2, .index = 99};
    things.all[0] = things.all[1] = thrum_event_waitable(&event);
    for (int round = 0; round < ROUNDS(100); round++) {
        thrum_thread *waiter = start(wait_for_any, &things, NULL);
        if (round % 2)
            settle(thrum_thread_native_id(waiter));
        thrum_event_set(&event);
        check_result(finish(waiter), 0);
        check_int(things.index, 0);
        thrum_event_clear(&event);
    }
}

TEST(misuse_and_lack_of_memory_are_told)
{
    struct things things;
    open_things(&things, 9);
    thrum_waitable none = thrum_queue_waitable(NULL), blank = {0};
    size_t index = 99;
    check_result(thrum_wait_any(things.all, 0, &index, THRUM_NOWAIT), -EINVAL);
    check_result(thrum_wait_any(NULL, 1, &index, THRUM_NOWAIT), -EINVAL);
    check_result(thrum_wait_any(things.all, 1, NULL, THRUM_NOWAIT), -EINVAL);
    check_result(thrum_wait_any(&none, 1, &index, THRUM_NOWAIT), -EINVAL);
    check_result(thrum_wait_any(&blank, 1, &index, THRUM_NOWAIT), -EINVAL);
    fault_arm(FAULT_MEMORY, 0);
    check_result(thrum_wait_any(things.all, 9, &index, thrum_seconds(0.001)), -ENOMEM);
    check(fault_disarm());
    fault_arm(FAULT_MEMORY, 0);
    check_result(thrum_wait_any(things.all, 8, &index, thrum_seconds(0.001)), THRUM_TIMEOUT);
    check(!fault_disarm());
    check_int(index, 99);
    close_things(&things);
}

static thrum_event rung;

static void ring(int signo)
{
    (void)signo;
    (void)thrum_event_set_from_signal(&rung);
}

TEST(an_event_that_a_handler_sets_ends_it)
{
    struct things things = {.n = 2, .index = 99};
    thrum_queue *queue = new_queue(2, sizeof(uint64_t));
    struct sigaction action = {.sa_handler = ring, .sa_flags = SA_RESTART}, old;
    things.all[0] = thrum_queue_waitable(queue);
    things.all[1] = thrum_event_waitable(&rung);
    check_result(thrum_signals_start(), 0);
    check_int(sigaction(SIGUSR2, &action, &old), 0);
    for (int round = 0; round < ROUNDS(100); round++) {
        thrum_thread *waiter = start(wait_for_any, &things, NULL);
        if (round % 2)
            settle(thrum_thread_native_id(waiter));
        check_int(raise(SIGUSR2), 0);
        check_result(finish(waiter), 0);
        check_int(things.index, 1);
        thrum_event_clear(&rung);
    }
    check_int(sigaction(SIGUSR2, &old, NULL), 0);
    thrum_queue_free(queue);
}

/* ---- Many at once -------------------------------------------------------------------------- */

static atomic_uint_fast64_t got;

/* Put into all queues in turn. */
static int produce(void *arg)
{
    struct things *things = arg;
    for (uint64_t i = 0; i < (uint64_t)ROUNDS(3000); i++)
        check_result(put(things->queues[i % 3], i, THRUM_FOREVER), 0);
    return 0;
}

/* Take what any has, until all are closed. */
static int consume(void *arg)
{
    struct things *things = arg;
    thrum_queue *left[3] = {things->queues[0], things->queues[1], things->queues[2]};
    size_t n = 3;
    while (n > 0) {
        thrum_waitable all[3];
        size_t i;
        uint64_t item;
        for (size_t k = 0; k < n; k++)
            all[k] = thrum_queue_waitable(left[k]);
        check_result(thrum_wait_any(all, n, &i, THRUM_FOREVER), 0);
        int result = thrum_queue_get_nowait(left[i], &item);
        atomic_fetch_add(&got, result == 0);
        if (result == THRUM_CLOSED)
            left[i] = left[--n];
        else
            check(result == 0 || result == THRUM_EMPTY);
    }
    return 0;
}

TEST(no_wake_up_is_lost_among_many)
{
    struct things things;
    thrum_thread *producers[2], *consumers[3];
    open_things(&things, 6);
    for (int i = 0; i < 3; i++)
        consumers[i] = start(consume, &things, NULL);
    for (int i = 0; i < 2; i++)
        producers[i] = start(produce, &things, NULL);
    for (int i = 0; i < 2; i++)
        check_result(finish(producers[i]), 0);
    for (int i = 0; i < 3; i++)
        check_result(thrum_queue_close(things.queues[i], THRUM_DRAIN), 0);
    for (int i = 0; i < 3; i++)
        check_result(finish(consumers[i]), 0);
    check_int(atomic_load(&got), 2 * (uint64_t)ROUNDS(3000));
    close_things(&things);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_ready_is_told_and_not_taken),
        cmocka_unit_test(each_of_few_and_many_wakes),
        cmocka_unit_test(a_close_makes_ready),
        cmocka_unit_test(all_watchers_are_woken_and_the_getter_has_the_item),
        cmocka_unit_test(time_and_token_end_it),
        cmocka_unit_test(the_same_thing_may_stand_there_twice),
        cmocka_unit_test(misuse_and_lack_of_memory_are_told),
        cmocka_unit_test(an_event_that_a_handler_sets_ends_it),
        cmocka_unit_test(no_wake_up_is_lost_among_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
