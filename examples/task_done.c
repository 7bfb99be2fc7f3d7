/*
 * Row Q4: wait until all that was put has been dealt with
 *
 * Two producers, two workers. A worker says task_done for each item it is through with, and
 * join waits until that has been said as often as items were put.
 */
#include "must.h"

#include <stdatomic.h>
#include <thrum/thrum.h>

enum { PRODUCERS = 2, WORKERS = 2, ITEMS = 4 };

static atomic_int dealt_with;

static int work(void *queue)
{
    int item;
    while (thrum_queue_get(queue, &item, THRUM_FOREVER) == 0) {
        printf("got %d\n", item);
        atomic_fetch_add(&dealt_with, 1);
        must(thrum_queue_task_done(queue));
    }
    return 0; /* closed */
}

static int produce(void *queue)
{
    for (int item = 0; item < ITEMS; item++) {
        printf("put %d\n", item);
        must(thrum_queue_put(queue, &item, THRUM_FOREVER));
    }
    return 0;
}

static void start(thrum_thread **threads, int n, int (*target)(void *), thrum_queue *queue)
{
    for (int i = 0; i < n; i++)
        must(thrum_thread_run(&threads[i], target, queue));
}

static void join(thrum_thread **threads, int n)
{
    for (int i = 0; i < n; i++) {
        must(thrum_thread_join(threads[i], NULL, THRUM_FOREVER));
        thrum_thread_free(threads[i]);
    }
}

int main(void)
{
    thrum_queue *queue;
    thrum_thread *workers[WORKERS], *producers[PRODUCERS];
    must(thrum_queue_new(&queue, .item_size = sizeof(int)));
    start(workers, WORKERS, work, queue);
    start(producers, PRODUCERS, produce, queue);

    join(producers, PRODUCERS); /* else an early join would find nothing to wait for */
    must(thrum_queue_join(queue, THRUM_FOREVER));
    printf("all is done: %d items\n", atomic_load(&dealt_with));
    printf("one task_done too many: %s\n", thrum_strerror(thrum_queue_task_done(queue)));

    thrum_queue_close(queue, THRUM_DRAIN);
    join(workers, WORKERS);
    thrum_queue_free(queue);
}
