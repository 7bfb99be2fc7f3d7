/*
 * queue_ck.c - Concurrency Kit's ring, as queue.h asks it
 *
 * Nobody sleeps at it: who finds it full or empty tries again, and yields. That is the least a
 * queue can cost, as long as the processors have nothing else to do.
 */
#include <ck_ring.h>
#include <sched.h>

#include "../queue.h"

static bool alone; /* one to one: the ring has a cheaper way for that */
static ck_ring_t ring;
static ck_ring_buffer_t buffer[2 * QUEUE_CAPACITY]; /* it holds one less than a power of two */

static void queue_make(int pairs)
{
    alone = pairs == 1;
    ck_ring_init(&ring, 2 * QUEUE_CAPACITY);
}

static void queue_drop(void)
{
}

static inline void put(uint64_t item)
{
    void *entry = (void *)(uintptr_t)item;
    while (!(alone ? ck_ring_enqueue_spsc(&ring, buffer, entry) : ck_ring_enqueue_mpmc(&ring, buffer, entry)))
        sched_yield();
}

static inline uint64_t get(void)
{
    void *item;
    while (!(alone ? ck_ring_dequeue_spsc(&ring, buffer, &item) : ck_ring_dequeue_mpmc(&ring, buffer, &item)))
        sched_yield();
    return (uintptr_t)item;
}

int main(int argc, char **argv)
{
    return queue_main(argc, argv, "ck_ring, spins");
}
