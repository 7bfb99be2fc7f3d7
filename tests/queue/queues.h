/*
 * queues.h - what the tests of queues share: queues of numbers
 */
#ifndef TESTS_QUEUE_QUEUES_H
#define TESTS_QUEUE_QUEUES_H

#include "harness.h"

#define THREADS 4

static inline thrum_queue *new_queue(size_t maxsize, size_t item_size)
{
    thrum_queue *queue;
    check_result(thrum_queue_new(&queue, .maxsize = maxsize, .item_size = item_size), 0);
    return queue;
}

static inline int put(thrum_queue *queue, uint64_t number, thrum_timeout timeout)
{
    return thrum_queue_put(queue, &number, timeout);
}

/* Get a number that must be this one. */
static inline void expect(thrum_queue *queue, uint64_t number)
{
    uint64_t got = 0;
    check_result(thrum_queue_get(queue, &got, THRUM_NOWAIT), 0);
    check_int(got, number);
}

/* Put the numbers from `first` to before `end`, refusing memory at each: a put that is refused changes nothing, and
 * goes in the second time. Returns how many were refused. */
static inline unsigned put_with_faults(thrum_queue *queue, uint64_t first, uint64_t end)
{
    unsigned refused = 0;
    for (uint64_t i = first; i < end; i++) {
        fault_arm(FAULT_MEMORY, 0);
        int result = put(queue, i, THRUM_FOREVER);
        if (fault_disarm()) {
            check_result(result, -ENOMEM);
            check_int(thrum_queue_qsize(queue), i);
            refused++;
            result = put(queue, i, THRUM_FOREVER);
        }
        check_result(result, 0);
    }
    return refused;
}

/* For threads. */
static inline int put_one(void *queue)
{
    return put(queue, 7, THRUM_FOREVER);
}

static inline int get_one(void *queue)
{
    uint64_t got;
    return thrum_queue_get(queue, &got, THRUM_FOREVER);
}

#endif
