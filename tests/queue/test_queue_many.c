/*
 * test_queue_many.c - many items in one call
 */
#include "queues.h"

TEST(many_come_out_as_they_went_in)
{
    static const size_t sizes[] = {0, 1, 3, 64};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        thrum_queue *queue = new_queue(sizes[s], sizeof(uint64_t));
        uint64_t in = 0, out = 0, items[100], got[100];
        for (size_t round = 0; round < 500; round++) {
            size_t n = round * 7 % 100, told = 999;
            for (size_t i = 0; i < n; i++)
                items[i] = in + i;
            int result = thrum_queue_put_many(queue, items, n, &told, THRUM_NOWAIT);
            check_result(result, told == n ? 0 : THRUM_FULL);
            check(told == n || (sizes[s] != 0 && thrum_queue_full(queue)));
            in += told;
            check_int(thrum_queue_qsize(queue), in - out);
            size_t max = 1 + round * 11 % 100, there = in - out;
            result = thrum_queue_get_many(queue, got, max, &told, THRUM_NOWAIT);
            check_result(result, there > 0 ? 0 : THRUM_EMPTY);
            if (result != 0)
                continue;
            check_int(told, there < max ? there : max);
            for (size_t i = 0; i < told; i++)
                check_int(got[i], out++);
        }
        thrum_queue_free(queue);
    }
}

TEST(how_many_are_in_is_always_told)
{
    thrum_queue *queue = new_queue(3, sizeof(uint64_t));
    uint64_t items[5] = {0, 1, 2, 3, 4};
    size_t n = 99;
    check_result(thrum_queue_put_many(queue, items, 5, &n, thrum_seconds(0.01)), THRUM_FULL);
    check_int(n, 3);
    check_result(thrum_queue_put_many(queue, items, 5, &n, thrum_seconds(-1)), -EINVAL);
    check_int(n, 3);
    check_result(thrum_queue_put_many(queue, items, 5, NULL, THRUM_NOWAIT), THRUM_FULL);
    check_result(thrum_queue_put_many(queue, NULL, 0, &n, THRUM_NOWAIT), 0);
    check_int(n, 0);
    check_result(thrum_queue_close(queue, THRUM_DRAIN), 0);
    n = 99;
    check_result(thrum_queue_put_many(queue, items, 5, &n, THRUM_NOWAIT), THRUM_CLOSED);
    check_int(n, 0);
    check_result(thrum_queue_get_many(queue, items, 0, &n, THRUM_NOWAIT), 0);
    check_int(n, 0);
    n = 99;
    check_result(thrum_queue_get_many(queue, items, 5, &n, THRUM_FOREVER), 0);
    check_int(n, 3);
    check_result(thrum_queue_get_many(queue, items, 5, &n, THRUM_FOREVER), THRUM_CLOSED);
    check_int(n, 3);
    check_result(thrum_queue_get_many(queue, items, 5, NULL, THRUM_NOWAIT), -EINVAL);
    check_result(thrum_queue_get_many(queue, NULL, 5, &n, THRUM_NOWAIT), -EINVAL);
    check_result(thrum_queue_get_many(NULL, items, 5, &n, THRUM_NOWAIT), -EINVAL);
    check_result(thrum_queue_put_many(NULL, items, 5, &n, THRUM_NOWAIT), -EINVAL);
    check_result(thrum_queue_put_many(queue, NULL, 5, &n, THRUM_NOWAIT), -EINVAL);
    thrum_queue_free(queue);
}

TEST(without_memory_it_is_told_how_far_it_came)
{
    thrum_queue *queue = new_queue(0, sizeof(uint64_t));
    static uint64_t items[1000], got[1000];
    size_t n, in = 0;
    for (uint64_t i = 0; i < 1000; i++)
        items[i] = i;
    check_result(thrum_queue_join(queue, THRUM_NOWAIT), 0); /* so that thrum knows this thread */
    while (in < 1000) {
        fault_arm(FAULT_MEMORY, 0);
        int result = thrum_queue_put_many(queue, items + in, 1000 - in, &n, THRUM_FOREVER);
        check_result(result, fault_disarm() ? -ENOMEM : 0);
        in += n;
        if (in < 1000)
            check_result(put(queue, items[in++], THRUM_NOWAIT), 0);
    }
    check_result(thrum_queue_get_many(queue, got, 1000, &n, THRUM_NOWAIT), 0);
    check_int(n, 1000);
    check(memcmp(items, got, sizeof items) == 0);
    thrum_queue_free(queue);
}

struct batch {
    thrum_queue *queue;
    uint64_t *items;
    size_t n, in;
};

static int put_batch(void *arg)
{
    struct batch *batch = arg;
    return thrum_queue_put_many(batch->queue, batch->items, batch->n, &batch->in, THRUM_FOREVER);
}

static int get_batch(void *arg)
{
    struct batch *batch = arg;
    return thrum_queue_get_many(batch->queue, batch->items, batch->n, &batch->in, THRUM_FOREVER);
}

/* Whoever waits has as many of those that come in one call as he who comes later. */
TEST(a_wait_for_many_ends_with_all_that_came)
{
    uint64_t in[6] = {1, 2, 3, 4, 5, 6}, out[2][4] = {{0}};
    for (int round = 0; round < ROUNDS(50); round++) {
        thrum_queue *queue = new_queue(round % 3 ? 6 : 0, sizeof(uint64_t));
        struct batch batches[2] = {{queue, out[0], 4, 0}, {queue, out[1], 4, 0}};
        thrum_thread *first = start(get_batch, &batches[0], NULL);
        if (round % 2)
            settle(thrum_thread_native_id(first));
        check_result(thrum_queue_put_many(queue, in, 6, NULL, THRUM_NOWAIT), 0);
        check_result(get_batch(&batches[1]), 0);
        check_result(finish(first), 0);
        check_int(batches[0].in + batches[1].in, 6);
        check_int(out[0][0] + out[1][0], 1 + 5);
        thrum_queue_free(queue);
    }
}

/* Also the other way round: what waits goes in as soon as there is room. */
TEST(what_waits_goes_in_together)
{
    uint64_t in[4] = {3, 4, 5, 6}, out[6];
    thrum_queue *queue = new_queue(2, sizeof(uint64_t));
    struct batch batch = {queue, in, 4, 0};
    for (int round = 0; round < ROUNDS(50); round++) {
        uint64_t first[2] = {1, 2};
        size_t n, all = 0;
        check_result(thrum_queue_put_many(queue, first, 2, NULL, THRUM_NOWAIT), 0);
        thrum_thread *putter = start(put_batch, &batch, NULL);
        if (round % 2)
            settle(thrum_thread_native_id(putter));
        for (; all < 6; all += n) {
            check_result(thrum_queue_get_many(queue, out + all, 6 - all, &n, THRUM_FOREVER), 0);
            check(n <= 4);
        }
        check_result(finish(putter), 0);
        for (size_t i = 0; i < 6; i++)
            check_int(out[i], i + 1);
    }
    thrum_queue_free(queue);
}

static int get_all(void *arg)
{
    struct batch *batch = arg;
    uint64_t items[7];
    size_t n;
    int result;
    while ((result = thrum_queue_get_many(batch->queue, items, 7, &n, THRUM_FOREVER)) == 0) {
        check(n > 0 && n <= 7);
        for (size_t i = 0; i < n; i++)
            batch->items[items[i]]++;
        batch->in += n;
    }
    return result;
}

/* Batches larger than the queue, put and got by several at once; at the end a close that comes in the midst. */
TEST(each_of_many_comes_out_once)
{
    static uint64_t numbers[2][5000], seen[2][10000];
    for (int round = 0; round < ROUNDS(20); round++) {
        thrum_queue *queue = new_queue((size_t)(round % 4) * 3, sizeof(uint64_t));
        struct batch putters[2], getters[2];
        thrum_thread *threads[4];
        memset(seen, 0, sizeof seen);
        for (uint64_t i = 0; i < 2; i++) {
            for (uint64_t j = 0; j < 5000; j++)
                numbers[i][j] = i * 5000 + j;
            putters[i] = (struct batch){queue, numbers[i], 5000, 0};
            getters[i] = (struct batch){queue, seen[i], 0, 0};
            threads[i] = start(put_batch, &putters[i], NULL);
            threads[2 + i] = start(get_all, &getters[i], NULL);
        }
        int closed = round % 5 == 4 ? thrum_queue_close(queue, THRUM_DRAIN) : 1;
        for (int i = 0; i < 2; i++) {
            int result = finish(threads[i]);
            check(result == 0 || (closed == 0 && result == THRUM_CLOSED));
            check(result != 0 || putters[i].in == 5000);
        }
        check_result(thrum_queue_close(queue, THRUM_DRAIN), 0);
        for (int i = 0; i < 2; i++)
            check_result(finish(threads[2 + i]), THRUM_CLOSED);
        check_int(getters[0].in + getters[1].in, putters[0].in + putters[1].in);
        for (size_t i = 0; i < 10000; i++)
            check_int(seen[0][i] + seen[1][i], i % 5000 < putters[i / 5000].in);
        thrum_queue_free(queue);
    }
}

TEST(a_cancelled_batch_tells_what_is_in)
{
    static uint64_t items[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    for (int round = 0; round < ROUNDS(100); round++) {
        thrum_queue *queue = new_queue(4, sizeof(uint64_t));
        thrum_token *token;
        check_result(thrum_token_new(&token), 0);
        struct batch batch = {queue, items, 10, 0};
        thrum_thread *putter = start(put_batch, &batch, token);
        if (round % 2)
            settle(thrum_thread_native_id(putter));
        for (uint64_t i = 0; i < (uint64_t)(round % 4); i++) {
            uint64_t got;
            check_result(thrum_queue_get(queue, &got, THRUM_FOREVER), 0);
            check_int(got, i);
        }
        thrum_token_cancel(token);
        check_result(finish(putter), THRUM_CANCELLED);
        check_int(batch.in, thrum_queue_qsize(queue) + (size_t)(round % 4));
        thrum_token_free(token);
        thrum_queue_free(queue);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_come_out_as_they_went_in),
        cmocka_unit_test(how_many_are_in_is_always_told),
        cmocka_unit_test(without_memory_it_is_told_how_far_it_came),
        cmocka_unit_test(a_wait_for_many_ends_with_all_that_came),
        cmocka_unit_test(what_waits_goes_in_together),
        cmocka_unit_test(each_of_many_comes_out_once),
        cmocka_unit_test(a_cancelled_batch_tells_what_is_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
