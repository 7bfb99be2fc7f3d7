/*
 * Row Q1: a producer, a consumer, and a queue between them
 *
 * What a queue says of itself, what a full and an empty one answer, and then numbers on their
 * way from one thread to another. There is room for a few only, so the producer is never far
 * ahead. They come out as they went in.
 */
#include "must.h"

#include <thrum/thrum.h>

enum { NUMBERS = 1000, ROOM = 8 };

static const char *yes_no(bool is)
{
    return is ? "yes" : "no";
}

static void describe(const thrum_queue *queue)
{
    printf("qsize %zu, empty %s, full %s\n", thrum_queue_qsize(queue), yes_no(thrum_queue_empty(queue)),
           yes_no(thrum_queue_full(queue)));
}

/* Items are pointers, unless a queue is told otherwise. */
static void hello(void)
{
    const char *hello = "Hello", *world = "world", *first, *second;
    thrum_queue *queue;
    must(thrum_queue_new(&queue, .maxsize = 2));
    describe(queue);
    must(thrum_queue_put(queue, &hello, THRUM_FOREVER));
    must(thrum_queue_put(queue, &world, THRUM_FOREVER));
    describe(queue);
    printf("put_nowait: %s\n", thrum_strerror(thrum_queue_put_nowait(queue, &hello)));
    printf("put within 0.05 seconds: %s\n", thrum_strerror(thrum_queue_put(queue, &hello, thrum_seconds(0.05))));

    must(thrum_queue_get(queue, &first, THRUM_FOREVER));
    must(thrum_queue_get(queue, &second, THRUM_FOREVER));
    printf("%s %s\n", first, second);
    printf("get_nowait: %s\n", thrum_strerror(thrum_queue_get_nowait(queue, &first)));
    printf("get within 0.05 seconds: %s\n", thrum_strerror(thrum_queue_get(queue, &first, thrum_seconds(0.05))));
    thrum_queue_free(queue);
}

static int produce(void *queue)
{
    for (int x = 1; x <= NUMBERS; x++)
        must(thrum_queue_put(queue, &x, THRUM_FOREVER));
    return 0;
}

static int consume(void *queue)
{
    int x, in_order = 0;
    for (int i = 1; i <= NUMBERS; i++) {
        must(thrum_queue_get(queue, &x, THRUM_FOREVER));
        in_order += x == i;
    }
    printf("got %d numbers, %d of them in order, the last is %d\n", NUMBERS, in_order, x);
    return 0;
}

int main(void)
{
    thrum_queue *queue;
    thrum_thread *consumer, *producer;

    hello();
    must(thrum_queue_new(&queue, .maxsize = ROOM, .item_size = sizeof(int)));
    must(thrum_thread_run(&consumer, consume, queue, .name = "consumer"));
    must(thrum_thread_run(&producer, produce, queue, .name = "producer"));
    must(thrum_thread_join(producer, NULL, THRUM_FOREVER));
    must(thrum_thread_join(consumer, NULL, THRUM_FOREVER));
    describe(queue);
    thrum_thread_free(producer);
    thrum_thread_free(consumer);
    thrum_queue_free(queue);
}
