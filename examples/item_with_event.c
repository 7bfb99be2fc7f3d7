/*
 * Row Q5: hand an event along with an item, to be told when it has been dealt with
 *
 * The queue says that an item is on its way, and no more. The event that goes with it tells
 * the producer that the consumer is through with this one. It lies on the producer's stack,
 * which is fine: set does not touch an event any more when wait has returned.
 */
#include "must.h"

#include <thrum/thrum.h>

struct item {
    int data;
    int *answer;
    thrum_event *done;
};

static int produce(void *queue)
{
    for (int i = 1; i <= 3; i++) {
        int answer = 0;
        thrum_event done = THRUM_EVENT_INIT;
        struct item item = {i, &answer, &done};
        printf("producer: sends %d\n", i);
        must(thrum_queue_put(queue, &item, THRUM_FOREVER));
        must(thrum_event_wait(&done, THRUM_FOREVER));
        printf("producer: %d was consumed, and gave %d\n", i, answer);
    }
    thrum_queue_close(queue, THRUM_DRAIN);
    return 0;
}

static int consume(void *queue)
{
    struct item item;
    while (thrum_queue_get(queue, &item, THRUM_FOREVER) == 0) {
        *item.answer = item.data * item.data;
        printf("consumer: got %d\n", item.data);
        thrum_event_set(item.done);
    }
    return 0;
}

int main(void)
{
    thrum_queue *queue;
    thrum_thread *producer, *consumer;
    must(thrum_queue_new(&queue, .item_size = sizeof(struct item)));
    must(thrum_thread_run(&consumer, consume, queue, .name = "consumer"));
    must(thrum_thread_run(&producer, produce, queue, .name = "producer"));
    must(thrum_thread_join(producer, NULL, THRUM_FOREVER));
    must(thrum_thread_join(consumer, NULL, THRUM_FOREVER));
    thrum_thread_free(producer);
    thrum_thread_free(consumer);
    thrum_queue_free(queue);
}
