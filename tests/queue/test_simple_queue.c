/*
 * test_simple_queue.c - the simple queue
 */
#include "queues.h"

static int get_simple(void *queue)
{
    uint64_t got;
    return thrum_simple_queue_get(queue, &got, THRUM_FOREVER);
}

TEST(it_gives_what_was_put_in_its_order)
{
    thrum_simple_queue *queue;
    uint64_t got;
    check_result(thrum_simple_queue_new(&queue, sizeof(uint64_t)), 0);
    check(thrum_simple_queue_empty(queue));
    for (uint64_t i = 0; i < 1000; i++)
        check_result(thrum_simple_queue_put(queue, &i), 0);
    check_int(thrum_simple_queue_qsize(queue), 1000);
    for (uint64_t i = 0; i < 1000; i++) {
        check_result(
            i % 2 ? thrum_simple_queue_get_nowait(queue, &got) : thrum_simple_queue_get(queue, &got, THRUM_FOREVER), 0);
        check_int(got, i);
    }
    check_result(thrum_simple_queue_get_nowait(queue, &got), THRUM_EMPTY);
    check_result(thrum_simple_queue_get(queue, &got, thrum_seconds(0.001)), THRUM_EMPTY);
    thrum_simple_queue_free(queue);
    thrum_simple_queue_free(NULL);
}

TEST(items_are_pointers_by_default)
{
    thrum_simple_queue *queue;
    int value, *pointer = &value;
    check_result(thrum_simple_queue_new(&queue, 0), 0);
    check_result(thrum_simple_queue_put(queue, &pointer), 0);
    pointer = NULL;
    check_result(thrum_simple_queue_get_nowait(queue, &pointer), 0);
    check(pointer == &value);
    thrum_simple_queue_free(queue);
}

TEST(a_put_wakes_who_waits)
{
    thrum_simple_queue *queue;
    check_result(thrum_simple_queue_new(&queue, sizeof(uint64_t)), 0);
    for (int round = 0; round < ROUNDS(200); round++) {
        thrum_thread *getters[2] = {start(get_simple, queue, NULL), start(get_simple, queue, NULL)};
        for (uint64_t i = 0; i < 2; i++)
            check_result(thrum_simple_queue_put(queue, &i), 0);
        for (int i = 0; i < 2; i++)
            check_result(finish(getters[i]), 0);
    }
    thrum_simple_queue_free(queue);
}

TEST(misuse_and_lack_of_memory_are_told)
{
    thrum_simple_queue *queue = NULL;
    uint64_t item = 0;
    check_result(thrum_simple_queue_new(NULL, 8), -EINVAL);
    check_result(thrum_simple_queue_put(NULL, &item), -EINVAL);
    check_result(thrum_simple_queue_get(NULL, &item, THRUM_NOWAIT), -EINVAL);
    for (unsigned n = 0; queue == NULL; n++) {
        fault_arm(FAULT_MEMORY, n);
        int result = thrum_simple_queue_new(&queue, 8);
        check_result(result, fault_disarm() ? -ENOMEM : 0);
    }
    check_result(thrum_simple_queue_put(queue, NULL), -EINVAL);
    check_result(thrum_simple_queue_get(queue, NULL, THRUM_NOWAIT), -EINVAL);
    check_result(thrum_simple_queue_get(queue, &item, thrum_seconds(-1)), -EINVAL);
    thrum_simple_queue_free(queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_gives_what_was_put_in_its_order),
        cmocka_unit_test(items_are_pointers_by_default),
        cmocka_unit_test(a_put_wakes_who_waits),
        cmocka_unit_test(misuse_and_lack_of_memory_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
