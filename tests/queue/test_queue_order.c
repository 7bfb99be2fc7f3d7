/*
 * test_queue_order.c - queues that are not first-in, first-out
 */
#include "queues.h"

struct job {
    int32_t priority;
    uint32_t number;
};

static int by_priority(const void *a, const void *b, void *arg)
{
    const struct job *one = a, *other = b;
    if (arg != NULL)
        (*(unsigned *)arg)++;
    return (one->priority > other->priority) - (one->priority < other->priority);
}

static thrum_queue *new_priority(size_t maxsize, unsigned *compared)
{
    thrum_queue *queue;
    check_result(thrum_queue_new(&queue, .maxsize = maxsize, .item_size = sizeof(struct job), .order = THRUM_PRIORITY,
                                 .compare = by_priority, .compare_arg = compared),
                 0);
    return queue;
}

static thrum_queue *new_lifo(size_t maxsize)
{
    thrum_queue *queue;
    check_result(thrum_queue_new(&queue, .maxsize = maxsize, .item_size = sizeof(uint64_t), .order = THRUM_LIFO), 0);
    return queue;
}

static void put_job(thrum_queue *queue, int32_t priority, uint32_t number)
{
    struct job job = {priority, number};
    check_result(thrum_queue_put(queue, &job, THRUM_NOWAIT), 0);
}

static struct job get_job(thrum_queue *queue)
{
    struct job job = {0, 0};
    check_result(thrum_queue_get(queue, &job, THRUM_NOWAIT), 0);
    return job;
}

TEST(lifo_gives_the_newest)
{
    for (size_t maxsize = 0; maxsize <= 300; maxsize += 100) {
        thrum_queue *queue = new_lifo(maxsize);
        uint64_t stack[300], n = 0, next = 0;
        for (int round = 0; round < 40; round++) {
            size_t most = maxsize != 0 ? maxsize : 300;
            for (int i = 0; i < 17 * (round % 5) && n < most; i++) {
                stack[n++] = ++next;
                check_result(put(queue, next, THRUM_NOWAIT), 0);
            }
            check_int(thrum_queue_qsize(queue), n);
            check(thrum_queue_full(queue) == (maxsize != 0 && n == maxsize));
            if (maxsize != 0 && n == maxsize)
                check_result(put(queue, 1, THRUM_NOWAIT), THRUM_FULL);
            for (int i = 0; i < 13 * (round % 7) && n > 0; i++)
                expect(queue, stack[--n]);
        }
        while (n > 0)
            expect(queue, stack[--n]);
        check(thrum_queue_empty(queue));
        check_result(thrum_queue_get_nowait(queue, stack), THRUM_EMPTY);
        thrum_queue_free(queue);
    }
}

TEST(priority_gives_the_smallest_and_of_equal_ones_the_oldest)
{
    unsigned compared = 0;
    thrum_queue *queue = new_priority(0, &compared);
    uint32_t random = 1, number = 0;
    size_t n = 0;
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 40; i++, n++) {
            random = random * 1664525 + 1013904223;
            put_job(queue, (int32_t)(random >> 24) % 10 - 5, number++);
        }
        struct job last = {INT32_MIN, 0};
        size_t take = round % 3 == 0 ? n : n / 2;
        for (size_t i = 0; i < take; i++, n--) {
            struct job job = get_job(queue);
            check(job.priority > last.priority || (job.priority == last.priority && job.number > last.number) ||
                  i == 0);
            last = job;
        }
    }
    check(compared > 0);
    thrum_queue_free(queue);
}

/* Each way to put ten items of two priorities. */
TEST(equal_items_keep_their_order_whatever_comes_between)
{
    for (unsigned bits = 0; bits < 1 << 10; bits++) {
        thrum_queue *queue = new_priority(10, NULL);
        for (uint32_t i = 0; i < 10; i++)
            put_job(queue, (bits >> i) & 1, i);
        for (int32_t priority = 0; priority < 2; priority++)
            for (uint32_t i = 0; i < 10; i++)
                if ((int32_t)((bits >> i) & 1) == priority)
                    check_int(get_job(queue).number, i);
        thrum_queue_free(queue);
    }
}

struct wide {
    long double value; /* wants an alignment of 16 */
};

static int by_value(const void *a, const void *b, void *arg)
{
    const struct wide *one = a, *other = b;
    (void)arg;
    check((uintptr_t)a % _Alignof(struct wide) == 0 && (uintptr_t)b % _Alignof(struct wide) == 0);
    return (one->value > other->value) - (one->value < other->value);
}

static int by_bytes(const void *a, const void *b, void *size)
{
    return memcmp(a, b, *(size_t *)size);
}

TEST(compared_items_are_aligned_and_of_any_size)
{
    thrum_queue *queue;
    check_result(
        thrum_queue_new(&queue, .item_size = sizeof(struct wide), .order = THRUM_PRIORITY, .compare = by_value), 0);
    for (int i = 0; i < 50; i++) {
        struct wide wide = {(i * 37) % 50};
        check_result(thrum_queue_put(queue, &wide, THRUM_NOWAIT), 0);
    }
    for (int i = 0; i < 50; i++) {
        struct wide wide = {-1};
        check_result(thrum_queue_get(queue, &wide, THRUM_NOWAIT), 0);
        check(wide.value == i);
    }
    thrum_queue_free(queue);
    for (size_t size = 1; size < 40; size++) {
        unsigned char item[40], got[41];
        check_result(thrum_queue_new(&queue, .item_size = size, .order = THRUM_PRIORITY, .compare = by_bytes,
                                     .compare_arg = &size),
                     0);
        for (int i = 0; i < 20; i++) {
            memset(item, (i * 7) % 20, sizeof item);
            check_result(thrum_queue_put(queue, item, THRUM_NOWAIT), 0);
        }
        for (int i = 0; i < 20; i++) {
            memset(got, 99, sizeof got);
            check_result(thrum_queue_get(queue, got, THRUM_NOWAIT), 0);
            check(got[0] == i && got[size - 1] == i && got[size] == 99);
        }
        thrum_queue_free(queue);
    }
}

TEST(options_that_do_not_fit_are_refused)
{
    thrum_queue *queue = NULL;
    check_result(thrum_queue_new(&queue, .order = THRUM_PRIORITY), -EINVAL);
    check_result(thrum_queue_new(&queue, .order = 3), -EINVAL);
    check_result(thrum_queue_new(&queue, .order = THRUM_LIFO, .compare = by_priority), -EINVAL);
    check_result(thrum_queue_new(&queue, .compare = by_priority), -EINVAL);
    for (uint32_t order = THRUM_FIFO; order <= THRUM_PRIORITY; order++) {
        int (*compare)(const void *, const void *, void *) = order == THRUM_PRIORITY ? by_priority : NULL;
        check_result(thrum_queue_new(&queue, .order = order, .compare = compare, .maxsize = SIZE_MAX), -EOVERFLOW);
        check_result(
            thrum_queue_new(&queue, .order = order, .compare = compare, .maxsize = 3, .item_size = SIZE_MAX / 3),
            -EOVERFLOW);
        check(thrum_queue_new(&queue, .order = order, .compare = compare, .item_size = SIZE_MAX - 7) < 0);
    }
    check(queue == NULL);
}

/* Who is woken has the smallest of what is there, and room for who waits to put. */
TEST(waiting_works_in_every_order)
{
    for (int lifo = 0; lifo < 2; lifo++) {
        thrum_queue *queue = lifo ? new_lifo(1) : new_priority(1, NULL);
        for (int round = 0; round < ROUNDS(200); round++) {
            thrum_thread *getters[THREADS], *putters[THREADS];
            for (int i = 0; i < THREADS; i++) {
                getters[i] = start(get_one, queue, NULL);
                putters[i] = start(put_one, queue, NULL);
            }
            for (int i = 0; i < THREADS; i++) {
                check_result(finish(getters[i]), 0);
                check_result(finish(putters[i]), 0);
            }
            check_int(thrum_queue_qsize(queue), 0);
        }
        thrum_thread *last = start(get_one, queue, NULL);
        check_result(thrum_queue_close(queue, THRUM_DISCARD), 0);
        check_result(finish(last), THRUM_CLOSED);
        thrum_queue_free(queue);
    }
}

TEST(without_memory_nothing_is_changed)
{
    for (int lifo = 0; lifo < 2; lifo++) {
        thrum_queue *queue = lifo ? new_lifo(0) : new_priority(0, NULL);
        check_result(put(queue, 0, THRUM_NOWAIT), 0); /* so that thrum knows this thread */
        unsigned refused = put_with_faults(queue, 1, 500);
        check(refused > 0 && refused < 20);
        for (uint64_t i = 0; i < 500; i++) { /* to shrink is no need: it may fail, each time */
            uint64_t got;
            fault_arm(FAULT_MEMORY, 0);
            check_result(thrum_queue_get(queue, &got, THRUM_NOWAIT), 0);
            (void)fault_disarm();
            if (lifo)
                check_int(got, 499 - i);
        }
        thrum_queue_free(queue);
    }
}

static int compare_and_put(const void *a, const void *b, void *arg)
{
    thrum_queue *queue = *(thrum_queue **)arg;
    (void)a, (void)b;
    check_result(put(queue, 3, THRUM_NOWAIT), -EDEADLK);
    return 0;
}

static void ignore(void *arg, const char *text)
{
    (void)arg, (void)text;
}

TEST(a_compare_that_uses_its_queue_is_told)
{
    thrum_queue *queue;
    check_result(thrum_queue_new(&queue, .order = THRUM_PRIORITY, .compare = compare_and_put, .compare_arg = &queue),
                 0);
    thrum_set_reporter(ignore, NULL);
    check_result(put(queue, 1, THRUM_NOWAIT), 0);
    check_result(put(queue, 2, THRUM_FOREVER), 0);
    thrum_set_reporter(NULL, NULL);
    expect(queue, 1);
    expect(queue, 2);
    thrum_queue_free(queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lifo_gives_the_newest),
        cmocka_unit_test(priority_gives_the_smallest_and_of_equal_ones_the_oldest),
        cmocka_unit_test(equal_items_keep_their_order_whatever_comes_between),
        cmocka_unit_test(compared_items_are_aligned_and_of_any_size),
        cmocka_unit_test(options_that_do_not_fit_are_refused),
        cmocka_unit_test(waiting_works_in_every_order),
        cmocka_unit_test(without_memory_nothing_is_changed),
        cmocka_unit_test(a_compare_that_uses_its_queue_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
