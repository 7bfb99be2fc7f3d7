/*
 * queue.c - thrum_queue, as queue.h asks it
 */
#include <thrum/queue.h>

#include "queue.h"

static thrum_queue *queue;

static void queue_make(int pairs)
{
    (void)pairs;
    bench_need(thrum_queue_new(&queue, .maxsize = QUEUE_CAPACITY, .item_size = sizeof(uint64_t)) == 0, "new");
}

static void queue_drop(void)
{
    thrum_queue_free(queue);
}

static inline void put(uint64_t item)
{
    bench_need(thrum_queue_put(queue, &item, THRUM_FOREVER) == 0, "put");
}

static inline uint64_t get(void)
{
    uint64_t item;
    bench_need(thrum_queue_get(queue, &item, THRUM_FOREVER) == 0, "get");
    return item;
}

int main(int argc, char **argv)
{
    char label[64];
    snprintf(label, sizeof label, "thrum %s", thrum_version());
    return queue_main(argc, argv, label);
}
