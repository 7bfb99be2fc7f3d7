/*
 * test_queue.c - the queue between threads
 */
#include "queues.h"

#include <malloc.h>

/* ---- Alone ------------------------------------------------------------------------- */

TEST(items_are_pointers_by_default)
{
    thrum_queue *queue;
    int values[3];
    check_result(thrum_queue_new(&queue), 0);
    for (int i = 0; i < 3; i++) {
        int *pointer = &values[i];
        check_result(thrum_queue_put(queue, &pointer, THRUM_FOREVER), 0);
    }
    for (int i = 0; i < 3; i++) {
        int *pointer = NULL;
        check_result(thrum_queue_get(queue, &pointer, THRUM_FOREVER), 0);
        check(pointer == &values[i]);
    }
    thrum_queue_free(queue);
    thrum_queue_free(NULL);
}

/* Filled and emptied to different heights, so that it goes around and grows at every place. */
TEST(first_in_first_out)
{
    static const size_t sizes[] = {0, 1, 2, 3, 7, 64};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        thrum_queue *queue = new_queue(sizes[s], sizeof(uint64_t));
        uint64_t in = 0, out = 0;
        for (uint64_t round = 0; round < 300; round++) {
            uint64_t room = sizes[s] > 0 ? sizes[s] : round;
            while (in - out < room)
                check_result(put(queue, in++, THRUM_NOWAIT), 0);
            check_int(thrum_queue_qsize(queue), in - out);
            for (uint64_t i = 0; i < round % 5 && out < in; i++)
                expect(queue, out++);
        }
        while (out < in)
            expect(queue, out++);
        check_int(thrum_queue_qsize(queue), 0);
        thrum_queue_free(queue);
    }
}

TEST(items_of_any_size_are_copied)
{
    static const size_t sizes[] = {1, 2, 3, 24, 100, 5000};
    unsigned char item[5000], got[5001];
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        for (int bounded = 0; bounded < 2; bounded++) {
            thrum_queue *queue = new_queue(bounded ? 5 : 0, sizes[s]);
            for (int i = 0; i < 5; i++) {
                memset(item, 'a' + i, sizeof item);
                check_result(thrum_queue_put(queue, item, THRUM_NOWAIT), 0);
            }
            for (int i = 0; i < 5; i++) {
                memset(got, 'Z', sizeof got);
                check_result(thrum_queue_get(queue, got, THRUM_NOWAIT), 0);
                for (size_t at = 0; at < sizes[s]; at++)
                    check_int(got[at], 'a' + i);
                check_int(got[sizes[s]], 'Z');
            }
            thrum_queue_free(queue);
        }
    }
}

TEST(a_full_one_takes_no_more)
{
    thrum_queue *queue = new_queue(2, sizeof(uint64_t));
    check_result(put(queue, 1, THRUM_FOREVER), 0);
    check_result(put(queue, 2, THRUM_FOREVER), 0);
    check_result(put(queue, 3, THRUM_NOWAIT), THRUM_FULL);
    int64_t before = thrum_monotonic_ns();
    check_result(put(queue, 3, thrum_seconds(0.02)), THRUM_FULL);
    check(thrum_monotonic_ns() - before >= 20 * MILLISECOND);
    check_result(put(queue, 3, thrum_until(1)), THRUM_FULL);
    check_result(put(queue, 3, thrum_seconds(-1)), -EINVAL);
    check_int(thrum_queue_qsize(queue), 2);
    expect(queue, 1);
    check_result(put(queue, 4, THRUM_NOWAIT), 0);
    expect(queue, 2);
    expect(queue, 4);
    thrum_queue_free(queue);
}

TEST(an_empty_one_gives_nothing)
{
    thrum_queue *queue = new_queue(2, sizeof(uint64_t));
    uint64_t got = 99;
    check_result(thrum_queue_get(queue, &got, THRUM_NOWAIT), THRUM_EMPTY);
    int64_t before = thrum_monotonic_ns();
    check_result(thrum_queue_get(queue, &got, thrum_seconds(0.02)), THRUM_EMPTY);
    check(thrum_monotonic_ns() - before >= 20 * MILLISECOND);
    check_result(thrum_queue_get(queue, &got, thrum_seconds(-1)), -EINVAL);
    check_int(got, 99);
    thrum_queue_free(queue);
}

TEST(its_questions_and_nowait)
{
    thrum_queue *queue = new_queue(2, sizeof(uint64_t)), *unbounded = new_queue(0, sizeof(uint64_t));
    uint64_t item = 1;
    check(thrum_queue_empty(queue) && !thrum_queue_full(queue) && !thrum_queue_is_closed(queue));
    check_result(thrum_queue_put_nowait(queue, &item), 0);
    check(!thrum_queue_empty(queue) && !thrum_queue_full(queue));
    check_result(thrum_queue_put_nowait(queue, &item), 0);
    check(!thrum_queue_empty(queue) && thrum_queue_full(queue));
    check_result(thrum_queue_put_nowait(queue, &item), THRUM_FULL);
    check_result(thrum_queue_get_nowait(queue, &item), 0);
    check_result(thrum_queue_get_nowait(queue, &item), 0);
    check_result(thrum_queue_get_nowait(queue, &item), THRUM_EMPTY);
    check(thrum_queue_empty(queue));
    for (int i = 0; i < 100; i++)
        check_result(thrum_queue_put_nowait(unbounded, &item), 0);
    check(!thrum_queue_full(unbounded));
    check_result(thrum_queue_close(queue, THRUM_DRAIN), 0);
    check(thrum_queue_is_closed(queue));
    thrum_queue_free(queue);
    thrum_queue_free(unbounded);
}

/* What a large queue took, it gives back as it is emptied, but for a little: its get asks for nothing. */
TEST(an_unbounded_queue_gives_its_memory_back)
{
    thrum_queue *queue = new_queue(0, 1000);
    static char item[1000];
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    for (int i = 0; i < 20000; i++)
        check_result(thrum_queue_put(queue, item, THRUM_NOWAIT), 0);
    size_t full = mallinfo2().uordblks + mallinfo2().hblkhd;
    for (int i = 0; i < 20000; i++)
        check_result(thrum_queue_get(queue, item, THRUM_NOWAIT), 0);
    size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
    if (full > before) /* a sanitizer's memory is counted elsewhere */
        check(full - before >= 20000000 && after - before <= 200000);
    thrum_queue_free(queue);
}

TEST(more_than_an_address_space_is_refused)
{
    thrum_queue *mark = (thrum_queue *)&mark, *queue = mark;
    check_result(thrum_queue_new(&queue, .maxsize = SIZE_MAX), -EOVERFLOW);
    check_result(thrum_queue_new(&queue, .maxsize = SIZE_MAX / 8 + 2), -EOVERFLOW);
    check_result(thrum_queue_new(&queue, .maxsize = 3, .item_size = SIZE_MAX / 2), -EOVERFLOW);
    check_result(thrum_queue_new(&queue, .maxsize = (size_t)1 << 33, .item_size = (size_t)1 << 33), -EOVERFLOW);
    check(queue == mark);
}

/* ---- Close --------------------------------------------------------------------------- */

TEST(a_drained_queue_gives_what_is_in_it)
{
    thrum_queue *queue = new_queue(0, sizeof(uint64_t));
    uint64_t got = 99;
    for (uint64_t i = 0; i < 3; i++)
        check_result(put(queue, i, THRUM_FOREVER), 0);
    thrum_queue_close(queue, THRUM_DRAIN);
    thrum_queue_close(queue, THRUM_DRAIN);
    check_result(put(queue, 4, THRUM_FOREVER), THRUM_CLOSED);
    check_result(put(queue, 4, THRUM_NOWAIT), THRUM_CLOSED);
    check_int(thrum_queue_qsize(queue), 3);
    for (uint64_t i = 0; i < 3; i++)
        expect(queue, i);
    check_result(thrum_queue_get(queue, &got, THRUM_FOREVER), THRUM_CLOSED);
    check_result(thrum_queue_get(queue, &got, THRUM_NOWAIT), THRUM_CLOSED);
    check_int(got, 99);
    thrum_queue_free(queue);
}

TEST(a_full_closed_queue_says_closed)
{
    thrum_queue *queue = new_queue(1, sizeof(uint64_t));
    check_result(put(queue, 1, THRUM_FOREVER), 0);
    thrum_queue_close(queue, THRUM_DRAIN);
    check_result(put(queue, 2, THRUM_NOWAIT), THRUM_CLOSED);
    thrum_queue_free(queue);
}

TEST(discard_drops_what_is_in_it_also_after_drain)
{
    for (int drain_first = 0; drain_first < 2; drain_first++) {
        thrum_queue *queue = new_queue(3, sizeof(uint64_t));
        uint64_t got = 99;
        for (uint64_t i = 0; i < 3; i++)
            check_result(put(queue, i, THRUM_FOREVER), 0);
        if (drain_first)
            thrum_queue_close(queue, THRUM_DRAIN);
        thrum_queue_close(queue, THRUM_DISCARD);
        check_int(thrum_queue_qsize(queue), 0);
        check_result(thrum_queue_get(queue, &got, THRUM_FOREVER), THRUM_CLOSED);
        check_result(put(queue, 4, THRUM_FOREVER), THRUM_CLOSED);
        thrum_queue_close(queue, THRUM_DRAIN); /* it stays as it is */
        check_result(thrum_queue_get(queue, &got, THRUM_FOREVER), THRUM_CLOSED);
        thrum_queue_free(queue);
    }
}

TEST(close_wakes_all_that_wait)
{
    for (int round = 0; round < ROUNDS(200); round++) {
        thrum_queue *full = new_queue(1, sizeof(uint64_t)), *empty = new_queue(1, sizeof(uint64_t));
        thrum_thread *putters[THREADS], *getters[THREADS];
        check_result(put(full, 1, THRUM_FOREVER), 0);
        for (size_t i = 0; i < THREADS; i++) {
            putters[i] = start(put_one, full, NULL);
            getters[i] = start(get_one, empty, NULL);
        }
        if (round % 2)
            settle(thrum_thread_native_id(getters[THREADS - 1]));
        thrum_queue_close(full, THRUM_DRAIN);
        thrum_queue_close(empty, round % 4 ? THRUM_DRAIN : THRUM_DISCARD);
        for (size_t i = 0; i < THREADS; i++) {
            check_result(finish(putters[i]), THRUM_CLOSED);
            check_result(finish(getters[i]), THRUM_CLOSED);
        }
        check_int(thrum_queue_qsize(full), 1);
        thrum_queue_free(full);
        thrum_queue_free(empty);
    }
}

/* ---- Many threads ---------------------------------------------------------------------- */

struct traffic {
    thrum_queue *queue;
    uint64_t items; /* of each producer */
    bool impatient;
    atomic_uchar *seen; /* how often each item came out, or NULL */
    atomic_uint_fast64_t put, got;
};

struct side {
    struct traffic *traffic;
    uint64_t number;
    uint64_t *next; /* a consumer's: the least that it may get of each producer */
    thrum_thread *thread;
};

struct item {
    uint64_t producer, number;
};

static thrum_timeout patience(const struct traffic *traffic, uint64_t i)
{
    return traffic->impatient ? thrum_seconds((double)(i % 4) * 1e-5) : THRUM_FOREVER;
}

static int produce(void *arg)
{
    struct side *side = arg;
    struct traffic *traffic = side->traffic;
    for (uint64_t i = 0; i < traffic->items;) {
        struct item item = {side->number, i};
        int result = thrum_queue_put(traffic->queue, &item, patience(traffic, i));
        if (result == THRUM_CLOSED)
            return result;
        check(result == 0 || (result == THRUM_FULL && traffic->impatient));
        i += result == 0;
        atomic_fetch_add(&traffic->put, result == 0);
    }
    return 0;
}

/* Each producer's items come in its order, with gaps that the other consumers have. */
static int consume(void *arg)
{
    struct side *side = arg;
    struct traffic *traffic = side->traffic;
    for (uint64_t i = 0;; i++) {
        struct item item = {UINT64_MAX, UINT64_MAX};
        int result = thrum_queue_get(traffic->queue, &item, patience(traffic, i));
        if (result == THRUM_CLOSED)
            return result;
        check(result == 0 || (result == THRUM_EMPTY && traffic->impatient));
        if (result != 0)
            continue;
        check(item.producer < THREADS);
        check(item.number < traffic->items && item.number >= side->next[item.producer]);
        side->next[item.producer] = item.number + 1;
        if (traffic->seen)
            check_int(atomic_fetch_add(&traffic->seen[item.producer * traffic->items + item.number], 1), 0);
        atomic_fetch_add(&traffic->got, 1);
    }
}

static void start_traffic(struct traffic *traffic, struct side *producers, struct side *consumers)
{
    for (uint64_t i = 0; i < THREADS; i++) {
        producers[i] = (struct side){traffic, i, NULL, NULL};
        consumers[i] = (struct side){traffic, i, calloc(THREADS, sizeof(uint64_t)), NULL};
        consumers[i].thread = start(consume, &consumers[i], NULL);
        producers[i].thread = start(produce, &producers[i], NULL);
    }
}

static void each_item_once(size_t maxsize, bool impatient)
{
    uint64_t items = ROUNDS(4000);
    struct traffic traffic = {.queue = new_queue(maxsize, sizeof(struct item)),
                              .items = items,
                              .impatient = impatient,
                              .seen = calloc(THREADS * items, sizeof *traffic.seen)};
    struct side producers[THREADS], consumers[THREADS];
    start_traffic(&traffic, producers, consumers);
    for (size_t i = 0; i < THREADS; i++)
        check_result(finish(producers[i].thread), 0);
    thrum_queue_close(traffic.queue, THRUM_DRAIN);
    for (size_t i = 0; i < THREADS; i++) {
        check_result(finish(consumers[i].thread), THRUM_CLOSED);
        free(consumers[i].next);
    }
    check_int(traffic.put, THREADS * items);
    check_int(traffic.got, THREADS * items); /* and none twice, so each once */
    free(traffic.seen);
    thrum_queue_free(traffic.queue);
}

TEST(each_item_comes_out_once_in_its_producers_order)
{
    static const size_t sizes[] = {1, 3, 100, 0};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        each_item_once(sizes[i], false);
        each_item_once(sizes[i], true);
    }
}

/* Closed in the midst: what was put is what came out, to the last. */
TEST(what_was_put_before_a_close_comes_out)
{
    for (int round = 0; round < ROUNDS(100); round++) {
        struct traffic traffic = {.queue = new_queue(round % 3 ? 5 : 0, sizeof(struct item)), .items = UINT64_MAX};
        struct side producers[THREADS], consumers[THREADS];
        start_traffic(&traffic, producers, consumers);
        until(atomic_load(&traffic.got) > 100);
        thrum_queue_close(traffic.queue, THRUM_DRAIN);
        for (size_t i = 0; i < THREADS; i++) {
            check_result(finish(producers[i].thread), THRUM_CLOSED);
            check_result(finish(consumers[i].thread), THRUM_CLOSED);
            free(consumers[i].next);
        }
        check_int(traffic.got, traffic.put);
        thrum_queue_free(traffic.queue);
    }
}

/* A queue for one answer: who gets it frees the queue, while the other may still be in its put. */
TEST(whoever_got_the_last_item_may_free_it)
{
    for (int round = 0; round < ROUNDS(3000); round++) {
        thrum_queue *queue = new_queue((size_t)round % 2, sizeof(uint64_t));
        thrum_thread *putter = start(put_one, queue, NULL);
        uint64_t got;
        if (round % 3 == 0)
            until(thrum_queue_get(queue, &got, THRUM_NOWAIT) == 0);
        else
            check_result(thrum_queue_get(queue, &got, THRUM_FOREVER), 0);
        thrum_queue_free(queue);
        check_result(finish(putter), 0);
    }
}

/* ---- Cancelling ---------------------------------------------------------------------------- */

TEST(a_cancelled_wait_leaves_the_queue_as_it_is)
{
    thrum_queue *full = new_queue(1, sizeof(uint64_t)), *empty = new_queue(1, sizeof(uint64_t));
    check_result(put(full, 1, THRUM_FOREVER), 0);
    for (int round = 0; round < ROUNDS(100); round++) {
        thrum_token *token;
        check_result(thrum_token_new(&token), 0);
        thrum_thread *putter = start(put_one, full, token), *getter = start(get_one, empty, token);
        if (round % 2)
            settle(thrum_thread_native_id(getter));
        thrum_token_cancel(token);
        check_result(finish(putter), THRUM_CANCELLED);
        check_result(finish(getter), THRUM_CANCELLED);
        check_int(thrum_queue_qsize(full), 1);
        check_int(thrum_queue_qsize(empty), 0);
        thrum_token_free(token);
    }
    thrum_queue_free(full);
    thrum_queue_free(empty);
}

/* One item for two getters, of whom one is called off meanwhile: it goes to either, and is never lost. */
TEST(an_item_is_not_lost_to_a_cancelled_get)
{
    thrum_queue *queue = new_queue(1, sizeof(uint64_t));
    for (int round = 0; round < ROUNDS(500); round++) {
        thrum_token *token;
        check_result(thrum_token_new(&token), 0);
        thrum_thread *doomed = start(get_one, queue, token), *other = start(get_one, queue, NULL);
        check_result(put(queue, 1, THRUM_FOREVER), 0);
        thrum_token_cancel(token);
        int result = finish(doomed);
        if (result == 0)
            check_result(put(queue, 2, THRUM_FOREVER), 0); /* for the other one */
        else
            check_result(result, THRUM_CANCELLED);
        check_result(finish(other), 0);
        check_int(thrum_queue_qsize(queue), 0);
        thrum_token_free(token);
    }
    thrum_queue_free(queue);
}

/* ---- Faults, and fork ------------------------------------------------------------------------ */

static void new_without_memory(size_t maxsize)
{
    for (unsigned n = 0;; n++) {
        thrum_queue *queue = NULL;
        fault_arm(FAULT_MEMORY, n);
        int result = thrum_queue_new(&queue, .maxsize = maxsize);
        if (!fault_disarm()) {
            check_result(result, 0);
            thrum_queue_free(queue);
            check(n > 0);
            break;
        }
        check_result(result, -ENOMEM);
        check(queue == NULL);
    }
}

TEST(without_memory_there_is_no_queue)
{
    new_without_memory(0);
    new_without_memory(10);
}

TEST(an_unbounded_queue_that_cannot_grow_keeps_what_it_has)
{
    thrum_queue *queue = new_queue(0, sizeof(uint64_t));
    check_int(thrum_queue_qsize(queue), 0); /* so that thrum knows this thread */
    unsigned refused = put_with_faults(queue, 0, 1000);
    check(refused > 0 && refused < 100);
    for (uint64_t i = 0; i < 1000; i++)
        expect(queue, i);
    thrum_queue_free(queue);
}

TEST(a_bounded_queue_allocates_once)
{
    thrum_queue *queue = new_queue(50, sizeof(uint64_t));
    check_int(thrum_queue_qsize(queue), 0);
    fault_arm(FAULT_MEMORY, 0);
    for (uint64_t i = 0; i < 50; i++)
        check_result(put(queue, i, THRUM_NOWAIT), 0);
    for (uint64_t i = 0; i < 50; i++)
        expect(queue, i);
    check(!fault_disarm());
    thrum_queue_free(queue);
}

static void use_in_child(void *arg)
{
    thrum_queue *queue = arg;
    check_result(put(queue, 5, THRUM_NOWAIT), 0); /* for those who are not here any more */
    check_int(thrum_queue_qsize(queue), 1);
    expect(queue, 5);
    if (THREADS_IN_CHILD) {
        thrum_thread *getter = start(get_one, queue, NULL);
        settle(thrum_thread_native_id(getter));
        check_result(put(queue, 6, THRUM_NOWAIT), 0);
        check_result(finish(getter), 0);
    }
    thrum_queue_close(queue, THRUM_DRAIN);
    check_result(put(queue, 7, THRUM_NOWAIT), THRUM_CLOSED);
    thrum_queue_free(queue);
}

TEST(the_child_can_use_one_that_others_waited_at)
{
    thrum_queue *queue = new_queue(1, sizeof(uint64_t));
    thrum_thread *getters[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        getters[i] = start(get_one, queue, NULL);
    for (size_t i = 0; i < THREADS; i++)
        settle(thrum_thread_native_id(getters[i]));
    check_int(in_child(use_in_child, queue), 0);
    for (size_t i = 0; i < THREADS; i++)
        check_result(put(queue, i, THRUM_FOREVER), 0);
    for (size_t i = 0; i < THREADS; i++)
        check_result(finish(getters[i]), 0);
    thrum_queue_free(queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_are_pointers_by_default),
        cmocka_unit_test(first_in_first_out),
        cmocka_unit_test(items_of_any_size_are_copied),
        cmocka_unit_test(a_full_one_takes_no_more),
        cmocka_unit_test(an_empty_one_gives_nothing),
        cmocka_unit_test(its_questions_and_nowait),
        cmocka_unit_test(an_unbounded_queue_gives_its_memory_back),
        cmocka_unit_test(more_than_an_address_space_is_refused),
        cmocka_unit_test(a_drained_queue_gives_what_is_in_it),
        cmocka_unit_test(a_full_closed_queue_says_closed),
        cmocka_unit_test(discard_drops_what_is_in_it_also_after_drain),
        cmocka_unit_test(close_wakes_all_that_wait),
        cmocka_unit_test(each_item_comes_out_once_in_its_producers_order),
        cmocka_unit_test(what_was_put_before_a_close_comes_out),
        cmocka_unit_test(whoever_got_the_last_item_may_free_it),
        cmocka_unit_test(a_cancelled_wait_leaves_the_queue_as_it_is),
        cmocka_unit_test(an_item_is_not_lost_to_a_cancelled_get),
        cmocka_unit_test(without_memory_there_is_no_queue),
        cmocka_unit_test(an_unbounded_queue_that_cannot_grow_keeps_what_it_has),
        cmocka_unit_test(a_bounded_queue_allocates_once),
        cmocka_unit_test(the_child_can_use_one_that_others_waited_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
