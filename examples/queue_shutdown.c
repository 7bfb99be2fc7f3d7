/*
 * Row Q2: how consumers learn that no more will come
 *
 * By a sentinel, an item that means the end: who gets it puts it back for the others. Or by
 * the queue itself: once it is closed, each get says so, as soon as nothing is left in it
 * (drain) or at once (discard).
 */
#include "must.h"

#include <thrum/thrum.h>

enum { CONSUMERS = 3, ITEMS = 100, SENTINEL = -1 };

struct consumer {
    thrum_queue *queue;
    thrum_thread *thread;
    int items;
    const char *end; /* how it learnt */
};

static int consume(void *arg)
{
    struct consumer *self = arg;
    int item, result;
    while ((result = thrum_queue_get(self->queue, &item, THRUM_FOREVER)) == 0 && item != SENTINEL)
        self->items++;
    self->end = result == 0 ? "sentinel" : thrum_strerror(result);
    if (result == 0)
        must(thrum_queue_put(self->queue, &item, THRUM_FOREVER));
    return 0;
}

static void put(thrum_queue *queue, int item)
{
    must(thrum_queue_put(queue, &item, THRUM_FOREVER));
}

static void by_sentinel(thrum_queue *queue)
{
    put(queue, SENTINEL);
}

static void by_close(thrum_queue *queue)
{
    thrum_queue_close(queue, THRUM_DRAIN);
    int late = 0;
    printf("a put after close: %s\n", thrum_strerror(thrum_queue_put(queue, &late, THRUM_FOREVER)));
}

/* Have consumers get all items, and end as they are told to. */
static void demonstrate(void (*tell)(thrum_queue *queue))
{
    struct consumer consumers[CONSUMERS] = {0};
    thrum_queue *queue;
    must(thrum_queue_new(&queue, .item_size = sizeof(int)));
    for (int i = 0; i < CONSUMERS; i++) {
        consumers[i].queue = queue;
        must(thrum_thread_run(&consumers[i].thread, consume, &consumers[i]));
    }
    for (int i = 0; i < ITEMS; i++)
        put(queue, i);
    tell(queue);

    int items = 0;
    for (int i = 0; i < CONSUMERS; i++) {
        must(thrum_thread_join(consumers[i].thread, NULL, THRUM_FOREVER));
        printf("consumer %d ended: %s\n", i + 1, consumers[i].end);
        items += consumers[i].items;
        thrum_thread_free(consumers[i].thread);
    }
    printf("items got: %d, left: %zu\n", items, thrum_queue_qsize(queue));
    thrum_queue_free(queue);
}

int main(void)
{
    demonstrate(by_sentinel);
    demonstrate(by_close);

    thrum_queue *queue;
    int item;
    must(thrum_queue_new(&queue, .item_size = sizeof(int)));
    for (int i = 0; i < ITEMS; i++)
        put(queue, i);
    thrum_queue_close(queue, THRUM_DISCARD);
    printf("a get after discard: %s\n", thrum_strerror(thrum_queue_get(queue, &item, THRUM_FOREVER)));
    thrum_queue_free(queue);
}
