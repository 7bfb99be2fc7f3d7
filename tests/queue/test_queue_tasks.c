/*
 * test_queue_tasks.c - task_done and join
 */
#include "queues.h"

TEST(one_task_done_too_many_is_refused)
{
    thrum_queue *queue = new_queue(0, sizeof(uint64_t));
    check_result(thrum_queue_task_done(queue), -EINVAL);
    check_result(thrum_queue_join(queue, THRUM_NOWAIT), 0);
    for (uint64_t i = 0; i < 3; i++)
        check_result(put(queue, i, THRUM_NOWAIT), 0);
    check_result(thrum_queue_join(queue, THRUM_NOWAIT), THRUM_TIMEOUT);
    for (uint64_t i = 0; i < 3; i++) {
        expect(queue, i);
        check_result(thrum_queue_join(queue, THRUM_NOWAIT), THRUM_TIMEOUT);
        check_result(thrum_queue_task_done(queue), 0);
    }
    check_result(thrum_queue_join(queue, THRUM_FOREVER), 0);
    check_result(thrum_queue_task_done(queue), -EINVAL);
    check_result(thrum_queue_join(queue, THRUM_NOWAIT), 0); /* and nothing has come of it */
    thrum_queue_free(queue);
}

static int join_it(void *queue)
{
    return thrum_queue_join(queue, THRUM_FOREVER);
}

static int work(void *queue)
{
    uint64_t got;
    int result;
    while ((result = thrum_queue_get(queue, &got, THRUM_FOREVER)) == 0)
        check_result(thrum_queue_task_done(queue), 0);
    return result;
}

TEST(join_returns_when_all_is_done)
{
    for (int round = 0; round < ROUNDS(100); round++) {
        thrum_queue *queue = new_queue(round % 2 ? 3 : 0, sizeof(uint64_t));
        thrum_thread *workers[2], *joiners[2];
        check_result(put(queue, 0, THRUM_FOREVER), 0); /* join has something to wait for */
        for (int i = 0; i < 2; i++)
            joiners[i] = start(join_it, queue, NULL);
        if (round % 3 == 0)
            settle(thrum_thread_native_id(joiners[1]));
        for (int i = 0; i < 2; i++)
            workers[i] = start(work, queue, NULL);
        for (uint64_t i = 0; i < 50; i++)
            check_result(put(queue, i, THRUM_FOREVER), 0);
        for (int i = 0; i < 2; i++)
            check_result(finish(joiners[i]), 0);
        check_result(thrum_queue_join(queue, THRUM_FOREVER), 0);
        check_int(thrum_queue_qsize(queue), 0);
        check_result(thrum_queue_task_done(queue), -EINVAL);
        check_result(thrum_queue_close(queue, THRUM_DRAIN), 0);
        for (int i = 0; i < 2; i++)
            check_result(finish(workers[i]), THRUM_CLOSED);
        thrum_queue_free(queue);
    }
}

/* As in CPython 3.13: what a discard drops counts as done, what was got must still be told. */
TEST(a_discard_counts_as_done_what_it_drops)
{
    thrum_queue *queue = new_queue(0, sizeof(uint64_t));
    for (uint64_t i = 0; i < 5; i++)
        check_result(put(queue, i, THRUM_NOWAIT), 0);
    expect(queue, 0);
    expect(queue, 1);
    thrum_thread *joiner = start(join_it, queue, NULL);
    settle(thrum_thread_native_id(joiner));
    check_result(thrum_queue_close(queue, THRUM_DISCARD), 0);
    check_result(thrum_queue_join(queue, THRUM_NOWAIT), THRUM_TIMEOUT);
    check_result(thrum_queue_task_done(queue), 0);
    check_result(thrum_queue_task_done(queue), 0);
    check_result(finish(joiner), 0);
    check_result(thrum_queue_task_done(queue), -EINVAL);
    thrum_queue_free(queue);
}

TEST(a_discard_of_all_ends_join)
{
    thrum_queue *queue = new_queue(0, sizeof(uint64_t));
    for (uint64_t i = 0; i < 5; i++)
        check_result(put(queue, i, THRUM_NOWAIT), 0);
    check_result(thrum_queue_task_done(queue), 0); /* told before it was got: Python allows it */
    thrum_thread *joiner = start(join_it, queue, NULL);
    settle(thrum_thread_native_id(joiner));
    check_result(thrum_queue_close(queue, THRUM_DISCARD), 0);
    check_result(finish(joiner), 0);
    check_result(thrum_queue_task_done(queue), -EINVAL);
    thrum_queue_free(queue);
}

TEST(a_drain_lets_join_go_on)
{
    thrum_queue *queue = new_queue(0, sizeof(uint64_t));
    check_result(put(queue, 1, THRUM_NOWAIT), 0);
    thrum_thread *joiner = start(join_it, queue, NULL);
    check_result(thrum_queue_close(queue, THRUM_DRAIN), 0);
    check_result(thrum_queue_join(queue, thrum_seconds(0.01)), THRUM_TIMEOUT);
    expect(queue, 1);
    check_result(thrum_queue_task_done(queue), 0);
    check_result(finish(joiner), 0);
    thrum_queue_free(queue);
}

TEST(join_ends_by_time_and_token)
{
    thrum_queue *queue = new_queue(0, sizeof(uint64_t));
    check_result(put(queue, 1, THRUM_NOWAIT), 0);
    int64_t before = thrum_monotonic_ns();
    check_result(thrum_queue_join(queue, thrum_seconds(0.02)), THRUM_TIMEOUT);
    check(thrum_monotonic_ns() - before >= 20 * MILLISECOND);
    check_result(thrum_queue_join(queue, thrum_seconds(-1)), -EINVAL);
    thrum_token *token;
    check_result(thrum_token_new(&token), 0);
    for (int round = 0; round < 2; round++) {
        thrum_thread *joiner = start(join_it, queue, token);
        if (round == 0)
            settle(thrum_thread_native_id(joiner));
        thrum_token_cancel(token);
        check_result(finish(joiner), THRUM_CANCELLED);
    }
    thrum_token_free(token);
    expect(queue, 1); /* after the stale bit, all goes on as before */
    check_result(thrum_queue_task_done(queue), 0);
    check_result(thrum_queue_join(queue, THRUM_NOWAIT), 0);
    thrum_queue_free(queue);
}

static int done_once(void *queue)
{
    return thrum_queue_task_done(queue);
}

/* Who is told that all is done may free the queue. */
TEST(the_joiner_may_free_it)
{
    for (int round = 0; round < ROUNDS(500); round++) {
        thrum_queue *queue = new_queue(0, sizeof(uint64_t));
        check_result(put(queue, 1, THRUM_NOWAIT), 0);
        thrum_thread *worker = start(done_once, queue, NULL);
        check_result(thrum_queue_join(queue, THRUM_FOREVER), 0);
        thrum_queue_free(queue);
        check_result(finish(worker), 0);
    }
}

TEST(no_queue_is_refused)
{
    check_result(thrum_queue_task_done(NULL), -EINVAL);
    check_result(thrum_queue_join(NULL, THRUM_NOWAIT), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_task_done_too_many_is_refused),
        cmocka_unit_test(join_returns_when_all_is_done),
        cmocka_unit_test(a_discard_counts_as_done_what_it_drops),
        cmocka_unit_test(a_discard_of_all_ends_join),
        cmocka_unit_test(a_drain_lets_join_go_on),
        cmocka_unit_test(join_ends_by_time_and_token),
        cmocka_unit_test(the_joiner_may_free_it),
        cmocka_unit_test(no_queue_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
