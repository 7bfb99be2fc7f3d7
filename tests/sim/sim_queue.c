/*
 * sim_queue.c - scenarios of the queue: every item once, in order, and nobody left waiting
 */
#include "runner.h"

#include <stdlib.h>

static struct {
    thrum_queue *queue;
    int got, sum, refused, last[2];
} q;

static void open_queue(size_t maxsize)
{
    thrum_queue_options options = {.maxsize = maxsize, .item_size = sizeof(int)};
    must(thrum_queue_new_with(&q.queue, &options));
}

/* Items of producer p are p * 100, p * 100 + 1, ... */
static int produce(void *arg)
{
    int from = *(int *)arg;
    for (int item = from; item < from + 3; item++)
        must(thrum_queue_put(q.queue, &item, THRUM_FOREVER));
    return 0;
}

static int consume(void *arg)
{
    int item, result;
    (void)arg;
    while ((result = thrum_queue_get(q.queue, &item, THRUM_FOREVER)) == 0) {
        q.got++;
        q.sum += item;
    }
    sim_check(result == THRUM_CLOSED);
    return 0;
}

/* Two producers, two consumers, room for one: every item is got once, and the close ends all. */
static void queue_passes_every_item_once(void)
{
    static int from[2] = {0, 100};
    thrum_thread *threads[4];
    open_queue(1);
    for (int i = 0; i < 4; i++)
        threads[i] = i < 2 ? spawn(produce, &from[i]) : spawn(consume, NULL);
    finish(threads[0]);
    finish(threads[1]);
    thrum_queue_close(q.queue, THRUM_DRAIN);
    finish(threads[2]);
    finish(threads[3]);
    sim_check(q.got == 6 && q.sum == 0 + 1 + 2 + 100 + 101 + 102);
    thrum_queue_free(q.queue);
}

static void queue_keeps_a_producers_order(void)
{
    static int from[2] = {0, 100};
    open_queue(2);
    thrum_thread *threads[2] = {spawn(produce, &from[0]), spawn(produce, &from[1])};
    q.last[0] = -1;
    q.last[1] = 99;
    for (int i = 0; i < 6; i++) {
        int item;
        must(thrum_queue_get(q.queue, &item, THRUM_FOREVER));
        sim_check(item == q.last[item / 100] + 1);
        q.last[item / 100] = item;
    }
    finish(threads[0]);
    finish(threads[1]);
    thrum_queue_free(q.queue);
}

static int put_or_be_refused(void *arg)
{
    int item = *(int *)arg, result = thrum_queue_put(q.queue, &item, THRUM_FOREVER);
    sim_check(result == 0 || result == THRUM_CLOSED);
    q.refused += result != 0;
    return 0;
}

/* What a put reported as in is in, what it refused is not, whenever the close comes. */
static void queue_close_meets_puts(void)
{
    static int items[3] = {1, 2, 3};
    thrum_thread *threads[3];
    open_queue(1);
    for (int i = 0; i < 3; i++)
        threads[i] = spawn(put_or_be_refused, &items[i]);
    int item;
    must(thrum_queue_get(q.queue, &item, THRUM_FOREVER));
    thrum_queue_close(q.queue, THRUM_DRAIN);
    for (int i = 0; i < 3; i++)
        finish(threads[i]);
    int left = 0;
    while (thrum_queue_get(q.queue, &item, THRUM_FOREVER) == 0)
        left++;
    sim_check(1 + left + q.refused == 3);
    thrum_queue_free(q.queue);
}

static int get_for_a_time(void *arg)
{
    int item, result = thrum_queue_get(q.queue, &item, thrum_seconds(0.00001));
    (void)arg;
    sim_check(result == 0 || result == THRUM_EMPTY);
    q.got += result == 0;
    return 0;
}

/* An item whose getter's time ends as it comes is not lost. */
static void queue_put_meets_a_time_out(void)
{
    static int from = 0;
    open_queue(4);
    thrum_thread *getters[2] = {spawn(get_for_a_time, NULL), spawn(get_for_a_time, NULL)};
    thrum_thread *producer = spawn(produce, &from);
    finish(getters[0]);
    finish(getters[1]);
    finish(producer);
    sim_check(q.got + (int)thrum_queue_qsize(q.queue) == 3);
    thrum_queue_free(q.queue);
}

int main(int argc, char **argv)
{
    static const struct scenario scenarios[] = {
        SCENARIO(queue_passes_every_item_once),
        SCENARIO(queue_keeps_a_producers_order),
        SCENARIO(queue_close_meets_puts),
        SCENARIO(queue_put_meets_a_time_out),
    };
    return sim_main(argc, argv, scenarios, sizeof scenarios / sizeof scenarios[0]);
}
