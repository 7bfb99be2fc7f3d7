/*
 * model_queue.c - queues: what is got has been put, whole
 */
#include <string.h>

#include "model.h"
#include "thrum/thrum.h"

static struct {
    thrum_queue *queue;
    int news[4], sum; /* plain: the queue has to order them */
} s;

static void make(size_t maxsize)
{
    memset(&s, 0, sizeof s);
    check(thrum_queue_new(&s.queue, .maxsize = maxsize, .item_size = sizeof(int *)) == 0);
}

static void before_bounded(void)
{
    make(1);
}

static void before_unbounded(void)
{
    make(0);
}

static void put(int i)
{
    int *item = &s.news[i];
    *item = i + 1;
    check(thrum_queue_put(s.queue, &item, THRUM_FOREVER) == 0);
}

static int get(void)
{
    int *item;
    check(thrum_queue_get(s.queue, &item, THRUM_FOREVER) == 0);
    return *item;
}

static void in_turn(int i)
{
    for (int round = 0; round < 3; round++) {
        if (i == 0)
            put(round);
        else
            check(get() == round + 1);
    }
}

/* Each gets the one's or the other's. */
static void two_and_two(int i)
{
    if (i < 2) {
        put(i);
    } else {
        int item = get();
        check(item == 1 || item == 2);
        s.news[i] = item;
    }
}

static void each_once(void)
{
    check(s.news[2] + s.news[3] == 3);
    thrum_queue_free(s.queue);
}

static void free_it(void)
{
    thrum_queue_free(s.queue);
}

/* Closed while one waits: what was put is got, and then it is told. */
static void closed_when_drained(int i)
{
    if (i == 0) {
        put(0);
        thrum_queue_close(s.queue, THRUM_DRAIN);
    } else {
        int *item, result;
        while ((result = thrum_queue_get(s.queue, &item, THRUM_FOREVER)) == 0)
            s.sum += *item;
        check(result == THRUM_CLOSED && s.sum == 1);
    }
}

const struct model_scenario queue_scenarios[] = {
    {"queue_of_one_in_turn", 2, in_turn, before_bounded, free_it},
    {"queue_in_turn", 2, in_turn, before_unbounded, free_it},
    {"queue_of_one_two_and_two", 4, two_and_two, before_bounded, each_once},
    {"queue_two_and_two", 4, two_and_two, before_unbounded, each_once},
    {"queue_closed_when_drained", 2, closed_when_drained, before_unbounded, free_it},
    {0},
};
