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

/* Two producers, and whatever each of them puts comes in its order. */
static void check_orders(int from[2])
{
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

static void queue_keeps_a_producers_order(void)
{
    static int from[2] = {0, 100};
    open_queue(2);
    check_orders(from);
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

/* ---- Several items in a call ---- */

static int produce_many(void *arg)
{
    int from = *(int *)arg, items[3] = {from, from + 1, from + 2};
    size_t n = 0;
    must(thrum_queue_put_many(q.queue, items, 3, &n, THRUM_FOREVER));
    sim_check(n == 3);
    return 0;
}

static int consume_many(void *arg)
{
    int items[2], result;
    size_t n;
    (void)arg;
    while ((result = thrum_queue_get_many(q.queue, items, 2, &n, THRUM_FOREVER)) == 0) {
        sim_check(n == 1 || n == 2);
        q.got += (int)n;
        q.sum += items[0] + (n == 2 ? items[1] : 0);
    }
    sim_check(result == THRUM_CLOSED);
    return 0;
}

static void queue_passes_many_once(void)
{
    static int from[2] = {0, 100};
    thrum_thread *threads[4];
    open_queue(2);
    for (int i = 0; i < 4; i++)
        threads[i] = i < 2 ? spawn(produce_many, &from[i]) : spawn(i == 2 ? consume_many : consume, NULL);
    finish(threads[0]);
    finish(threads[1]);
    must(thrum_queue_close(q.queue, THRUM_DRAIN));
    finish(threads[2]);
    finish(threads[3]);
    sim_check(q.got == 6 && q.sum == 0 + 1 + 2 + 100 + 101 + 102);
    thrum_queue_free(q.queue);
}

/* ---- Other orders ---- */

static int compare_ints(const void *a, const void *b, void *arg)
{
    int one = *(const int *)a / 100, other = *(const int *)b / 100;
    (void)arg;
    return (one > other) - (one < other);
}

/* By hundreds, and in a hundred by age: in each producer's order, whoever waits. */
static void queue_of_priorities_keeps_equal_ones_in_order(void)
{
    static int from[2] = {100, 0};
    thrum_queue_options options = {
        .maxsize = 2, .item_size = sizeof(int), .order = THRUM_PRIORITY, .compare = compare_ints};
    must(thrum_queue_new_with(&q.queue, &options));
    check_orders(from);
}

/* ---- Tasks ---- */

static int work(void *arg)
{
    int item, result;
    (void)arg;
    while ((result = thrum_queue_get(q.queue, &item, THRUM_FOREVER)) == 0) {
        q.got++;
        must(thrum_queue_task_done(q.queue));
    }
    sim_check(result == THRUM_CLOSED);
    return 0;
}

static int join_queue(void *arg)
{
    must(thrum_queue_join(q.queue, THRUM_FOREVER));
    sim_check(q.got >= *(int *)arg);
    return 0;
}

/* Two items are put before anybody joins, and one more while they do. */
static void queue_join_waits_for_all(void)
{
    static int items[3] = {1, 2, 3}, least = 2;
    open_queue(0);
    for (int i = 0; i < 2; i++)
        must(thrum_queue_put(q.queue, &items[i], THRUM_FOREVER));
    thrum_thread *threads[4] = {spawn(work, NULL), spawn(work, NULL), spawn(join_queue, &least),
                                spawn(join_queue, &least)};
    must(thrum_queue_put(q.queue, &items[2], THRUM_FOREVER));
    must(thrum_queue_join(q.queue, THRUM_FOREVER));
    sim_check(q.got == 3);
    finish(threads[2]);
    finish(threads[3]);
    sim_check(thrum_queue_task_done(q.queue) < 0);
    must(thrum_queue_close(q.queue, THRUM_DRAIN));
    finish(threads[0]);
    finish(threads[1]);
    thrum_queue_free(q.queue);
}

/* What a discard drops counts as done: join ends, and nobody can tell more tasks done than there were. */
static void queue_discard_ends_join(void)
{
    static int items[3] = {1, 2, 3}, none = 0;
    open_queue(0);
    for (int i = 0; i < 3; i++)
        must(thrum_queue_put(q.queue, &items[i], THRUM_FOREVER));
    thrum_thread *threads[2] = {spawn(work, NULL), spawn(join_queue, &none)};
    must(thrum_queue_close(q.queue, THRUM_DISCARD));
    finish(threads[0]);
    finish(threads[1]);
    sim_check(thrum_queue_task_done(q.queue) < 0);
    thrum_queue_free(q.queue);
}

/* ---- Polling ---- */

/* The poller alone gets: what it is told of is there. It never sleeps beside an item. */
static void queue_rings_while_there_is_something(void)
{
    static int from[2] = {0, 100};
    int bell, item, result;
    open_queue(2);
    must(thrum_queue_fileno(q.queue, &bell));
    thrum_thread *threads[2] = {spawn(produce, &from[0]), spawn(produce, &from[1])};
    while (q.got < 6) {
        sim_bell_wait(bell);
        must(thrum_queue_get(q.queue, &item, THRUM_NOWAIT));
        q.got++;
    }
    finish(threads[0]);
    finish(threads[1]);
    sim_check(!sim_bell_rings(bell));
    must(thrum_queue_close(q.queue, THRUM_DRAIN));
    sim_bell_wait(bell);
    result = thrum_queue_get(q.queue, &item, THRUM_NOWAIT);
    sim_check(result == THRUM_CLOSED);
    thrum_queue_free(q.queue);
}

/* Asked for while others are at work, it is right from then on. */
static void queue_rings_also_when_asked_late(void)
{
    static int from = 0;
    int bell, item;
    open_queue(4);
    thrum_thread *threads[2] = {spawn(produce, &from), spawn(get_for_a_time, NULL)};
    must(thrum_queue_fileno(q.queue, &bell));
    finish(threads[0]);
    finish(threads[1]);
    for (; q.got < 3; q.got++) {
        sim_check(sim_bell_rings(bell));
        must(thrum_queue_get(q.queue, &item, THRUM_NOWAIT));
    }
    sim_check(!sim_bell_rings(bell));
    thrum_queue_free(q.queue);
}

/* ---- Waiting for any ---- */

static struct {
    thrum_queue *queues[2];
    thrum_event event;
    thrum_waitable all[3];
} any;

static void open_any(void)
{
    thrum_queue_options options = {.maxsize = 1, .item_size = sizeof(int)};
    for (int i = 0; i < 2; i++) {
        must(thrum_queue_new_with(&any.queues[i], &options));
        any.all[i] = thrum_queue_waitable(any.queues[i]);
    }
    any.all[2] = thrum_event_waitable(&any.event);
}

static int put_into(void *queue)
{
    int item = 5;
    must(thrum_queue_put(queue, &item, THRUM_FOREVER));
    return 0;
}

static int set_event(void *event)
{
    thrum_event_set(event);
    return 0;
}

/* Wait for any until both items and the event have been had: a wake-up of an earlier wait must not end a later one. */
static void wait_any_hears_of_all(void)
{
    thrum_thread *threads[3];
    open_any();
    for (int i = 0; i < 3; i++)
        threads[i] = i < 2 ? spawn(put_into, any.queues[i]) : spawn(set_event, &any.event);
    for (int had = 0; had < 3; had++) {
        size_t i;
        int item = 0;
        must(thrum_wait_any(any.all, 3, &i, THRUM_FOREVER));
        if (i == 2) {
            thrum_event_clear(&any.event);
        } else {
            must(thrum_queue_get(any.queues[i], &item, THRUM_NOWAIT)); /* we alone get */
            sim_check(item == 5);
        }
    }
    for (int i = 0; i < 3; i++)
        finish(threads[i]);
    for (int i = 0; i < 2; i++)
        thrum_queue_free(any.queues[i]);
}

static int watch(void *arg)
{
    size_t i;
    (void)arg;
    must(thrum_wait_any(any.all, 2, &i, THRUM_FOREVER));
    return 0;
}

static int get_first(void *arg)
{
    int item;
    (void)arg;
    must(thrum_queue_get(any.queues[0], &item, THRUM_FOREVER));
    return 0;
}

/* A getter has its item, whoever watches; and all watchers are told of what is left. */
static void wait_any_takes_no_getters_wake_up(void)
{
    open_any();
    thrum_thread *getter = spawn(get_first, NULL);
    thrum_thread *watchers[2] = {spawn(watch, NULL), spawn(watch, NULL)};
    int item = 5;
    must(thrum_queue_put(any.queues[0], &item, THRUM_FOREVER));
    must(thrum_queue_put(any.queues[0], &item, THRUM_FOREVER));
    must(thrum_queue_put(any.queues[1], &item, THRUM_FOREVER));
    finish(watchers[0]);
    finish(watchers[1]);
    finish(getter);
    sim_check(thrum_queue_qsize(any.queues[0]) == 1 && thrum_queue_qsize(any.queues[1]) == 1);
    for (int i = 0; i < 2; i++)
        thrum_queue_free(any.queues[i]);
}

static int wait_for_a_time(void *arg)
{
    size_t i;
    int result = thrum_wait_any(any.all, 3, &i, thrum_seconds(0.00001)), item = 0;
    (void)arg;
    sim_check(result == 0 || result == THRUM_TIMEOUT);
    must(thrum_queue_get(any.queues[1], &item, THRUM_FOREVER)); /* not ended by what was for the wait before */
    sim_check(item == 5);
    return 0;
}

static void wait_any_meets_a_time_out(void)
{
    open_any();
    thrum_thread *threads[3] = {spawn(wait_for_a_time, NULL), spawn(set_event, &any.event),
                                spawn(put_into, any.queues[0])};
    finish(threads[1]);
    finish(threads[2]);
    (void)put_into(any.queues[1]);
    finish(threads[0]);
    for (int i = 0; i < 2; i++)
        thrum_queue_free(any.queues[i]);
}

static int wait_till_called_off(void *token)
{
    size_t i;
    (void)thrum_token_set(token);
    int result = thrum_wait_any(any.all, 3, &i, THRUM_FOREVER);
    sim_check(result == THRUM_CANCELLED || (result == 0 && i == 2));
    (void)thrum_token_set(NULL);
    return 0;
}

static void wait_any_meets_a_cancel(void)
{
    thrum_token *token;
    open_any();
    must(thrum_token_new(&token));
    thrum_thread *threads[2] = {spawn(wait_till_called_off, token), spawn(set_event, &any.event)};
    thrum_token_cancel(token);
    finish(threads[0]);
    finish(threads[1]);
    thrum_token_free(token);
    for (int i = 0; i < 2; i++)
        thrum_queue_free(any.queues[i]);
}

int main(int argc, char **argv)
{
    static const struct scenario scenarios[] = {
        SCENARIO(queue_passes_every_item_once),
        SCENARIO(queue_keeps_a_producers_order),
        SCENARIO(queue_close_meets_puts),
        SCENARIO(queue_put_meets_a_time_out),
        SCENARIO(queue_passes_many_once),
        SCENARIO(queue_of_priorities_keeps_equal_ones_in_order),
        SCENARIO(queue_join_waits_for_all),
        SCENARIO(queue_discard_ends_join),
        SCENARIO(queue_rings_while_there_is_something),
        SCENARIO(queue_rings_also_when_asked_late),
        SCENARIO(wait_any_hears_of_all),
        SCENARIO(wait_any_takes_no_getters_wake_up),
        SCENARIO(wait_any_meets_a_time_out),
        SCENARIO(wait_any_meets_a_cancel),
    };
    return sim_main(argc, argv, scenarios, sizeof scenarios / sizeof scenarios[0]);
}
