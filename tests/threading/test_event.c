/*
 * test_event.c - a flag that threads wait for
 */
#include "harness.h"

#define THREADS 8

TEST(it_stays_set_until_it_is_cleared)
{
    thrum_event event = THRUM_EVENT_INIT, zero;
    memset(&zero, 0, sizeof zero);
    check(!thrum_event_is_set(&zero));
    check(!thrum_event_is_set(&event));
    for (int round = 0; round < 3; round++) {
        check_result(thrum_event_wait(&event, THRUM_NOWAIT), THRUM_TIMEOUT);
        thrum_event_set(&event);
        thrum_event_set(&event);
        check(thrum_event_is_set(&event));
        check_result(thrum_event_wait(&event, THRUM_NOWAIT), 0);
        check_result(thrum_event_wait(&event, THRUM_FOREVER), 0);
        check(thrum_event_is_set(&event));
        thrum_event_clear(&event);
        thrum_event_clear(&event);
        check(!thrum_event_is_set(&event));
    }
}

TEST(one_with_a_name_is_no_other)
{
    thrum_event event;
    check_result(thrum_event_init(&event, .name = "news"), 0);
    check_result(thrum_event_wait(&event, THRUM_NOWAIT), THRUM_TIMEOUT);
    thrum_event_set(&event);
    thrum_event_clear(&event);
    thrum_event_set(&event);
    check_result(thrum_event_wait(&event, THRUM_NOWAIT), 0);
    check_result(thrum_event_init_with(&event, NULL), 0);
    check(!thrum_event_is_set(&event));
    thrum_init_options unknown = {.size = 1};
    check_result(thrum_event_init_with(&event, &unknown), -EINVAL);
}

TEST(a_wait_in_vain_is_not_cut_short)
{
    thrum_event event = THRUM_EVENT_INIT;
    int64_t before = thrum_monotonic_ns();
    check_result(thrum_event_wait(&event, thrum_seconds(0.02)), THRUM_TIMEOUT);
    check(thrum_monotonic_ns() - before >= 20 * MILLISECOND);
    check_result(thrum_event_wait(&event, thrum_seconds(-1)), -EINVAL);
    check(!thrum_event_is_set(&event));
}

/* ---- Many threads ---------------------------------------------------------------- */

struct post {
    thrum_event event;
    uint64_t letter; /* a plain one: the event alone carries it over */
};

static int read_letter(void *arg)
{
    struct post *post = arg;
    int result = thrum_event_wait(&post->event, THRUM_FOREVER);
    if (result == 0)
        check_int(post->letter, 4711);
    return result;
}

TEST(set_wakes_all_and_they_see_what_was_done_before)
{
    for (int round = 0; round < ROUNDS(300); round++) {
        struct post post = {.letter = 0};
        thrum_thread *threads[THREADS];
        for (size_t i = 0; i < THREADS; i++)
            threads[i] = start(read_letter, &post, NULL);
        if (round % 2)
            settle(thrum_thread_native_id(threads[THREADS - 1]));
        post.letter = 4711;
        thrum_event_set(&post.event);
        for (size_t i = 0; i < THREADS; i++)
            check_result(finish(threads[i]), 0);
    }
}

struct table {
    thrum_event ping, pong;
    int rounds;
    int ball; /* a plain one again */
};

static int play(void *arg)
{
    struct table *table = arg;
    for (int i = 0; i < table->rounds; i++) {
        check_result(thrum_event_wait(&table->ping, THRUM_FOREVER), 0);
        thrum_event_clear(&table->ping);
        check_int(table->ball++, 2 * i + 1);
        thrum_event_set(&table->pong);
    }
    return 0;
}

TEST(no_set_is_missed)
{
    struct table table = {.rounds = ROUNDS(20000)};
    thrum_thread *partner = start(play, &table, NULL);
    for (int i = 0; i < table.rounds; i++) {
        check_int(table.ball++, 2 * i);
        thrum_event_set(&table.ping);
        check_result(thrum_event_wait(&table.pong, THRUM_FOREVER), 0);
        thrum_event_clear(&table.pong);
    }
    check_int(finish(partner), 0);
    check_int(table.ball, 2 * table.rounds);
}

static int wait_for_ever(void *event)
{
    return thrum_event_wait(event, THRUM_FOREVER);
}

/* Who waits when it is set goes on, though it is cleared again before they run. */
TEST(set_wakes_all_though_it_is_cleared_at_once)
{
    for (int round = 0; round < ROUNDS(100); round++) {
        thrum_event event = THRUM_EVENT_INIT;
        thrum_thread *threads[THREADS];
        for (size_t i = 0; i < THREADS; i++)
            threads[i] = start(wait_for_ever, &event, NULL);
        for (size_t i = 0; i < THREADS; i++)
            await_wait(thrum_thread_native_id(threads[i]));
        thrum_event_set(&event);
        thrum_event_clear(&event);
        for (size_t i = 0; i < THREADS; i++)
            check_result(finish(threads[i]), 0);
    }
}

/* ---- Cancelling ---------------------------------------------------------------------- */

TEST(a_cancelled_wait_ends)
{
    thrum_event event = THRUM_EVENT_INIT;
    for (int round = 0; round < ROUNDS(200); round++) {
        thrum_token *token;
        thrum_thread *threads[THREADS];
        check_result(thrum_token_new(&token), 0);
        for (size_t i = 0; i < THREADS; i++)
            threads[i] = start(wait_for_ever, &event, token);
        if (round % 2)
            settle(thrum_thread_native_id(threads[THREADS - 1]));
        thrum_token_cancel(token);
        for (size_t i = 0; i < THREADS; i++)
            check_result(finish(threads[i]), THRUM_CANCELLED);
        check(!thrum_event_is_set(&event));
        thrum_token_free(token);
    }
}

/* ---- A thread that is new to thrum, and a child ---------------------------------------- */

static bool arrive(void *event, unsigned n)
{
    fault_arm(FAULT_MEMORY, n);
    int result = thrum_event_wait(event, thrum_seconds(0.0001));
    bool came_to_it = fault_disarm();
    check_result(result, came_to_it ? -EAGAIN : THRUM_TIMEOUT);
    return came_to_it;
}

TEST(a_newcomer_without_memory_is_told_to_try_again)
{
    thrum_event event = {0};
    fault_each_newcomer(arrive, &event);
}

static void use_in_child(void *arg)
{
    thrum_event *event = arg;
    check(!thrum_event_is_set(event));
    check_result(thrum_event_wait(event, thrum_seconds(0.001)), THRUM_TIMEOUT);
    thrum_event_set(event);
    check_result(thrum_event_wait(event, THRUM_FOREVER), 0);
    thrum_event_clear(event);
    if (!THREADS_IN_CHILD)
        return;
    thrum_thread *threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        threads[i] = start(wait_for_ever, event, NULL);
    settle(thrum_thread_native_id(threads[THREADS - 1]));
    thrum_event_set(event);
    for (size_t i = 0; i < THREADS; i++)
        check_result(finish(threads[i]), 0);
}

TEST(the_child_can_use_one_that_others_waited_for)
{
    thrum_event event = THRUM_EVENT_INIT;
    thrum_thread *threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        threads[i] = start(wait_for_ever, &event, NULL);
    for (size_t i = 0; i < THREADS; i++)
        settle(thrum_thread_native_id(threads[i]));
    for (int i = 0; i < 3; i++)
        check_int(in_child(use_in_child, &event), 0);
    check(!thrum_event_is_set(&event));
    thrum_event_set(&event);
    for (size_t i = 0; i < THREADS; i++)
        check_result(finish(threads[i]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_newcomer_without_memory_is_told_to_try_again),
        cmocka_unit_test(it_stays_set_until_it_is_cleared),
        cmocka_unit_test(one_with_a_name_is_no_other),
        cmocka_unit_test(a_wait_in_vain_is_not_cut_short),
        cmocka_unit_test(set_wakes_all_and_they_see_what_was_done_before),
        cmocka_unit_test(no_set_is_missed),
        cmocka_unit_test(set_wakes_all_though_it_is_cleared_at_once),
        cmocka_unit_test(a_cancelled_wait_ends),
        cmocka_unit_test(the_child_can_use_one_that_others_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
