/*
 * model_queue.c - queues: what is got has been put, whole
 */
#include <string.h>

#include "model.h"
#include "platform/os.h"
#include "thrum/thrum.h"

static struct {
    thrum_queue *queue;
    thrum_event both;
    int news[40], got[3], sum; /* plain: the queue has to order them */
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

/* Near the end of a chunk, so that the next is made, and the one that was used up is used again. */
static void before_chunks(void)
{
    before_unbounded();
    for (int i = 0; i < 15; i++) {
        put(0);
        check(get() == 1);
    }
}

static void over_chunks(int i)
{
    for (int round = 0; round < 40; round++) {
        if (i == 0)
            put(round);
        else
            check(get() == round + 1);
    }
}

/* Who joins sees what was done with the items. */
static void joined(int i)
{
    if (i == 0) {
        put(0);
        put(1);
        thrum_event_set(&s.both);
        check(thrum_queue_join(s.queue, THRUM_FOREVER) == 0);
        check(s.got[1] + s.got[2] == 3);
    } else {
        check(thrum_event_wait(&s.both, THRUM_FOREVER) == 0);
        s.got[i] = get();
        check(thrum_queue_task_done(s.queue) == 0);
    }
}

/* ---- Looking from outside, without a lock ---- */

static void before_stack(void)
{
    memset(&s, 0, sizeof s);
    check(thrum_queue_new(&s.queue, .maxsize = 2, .order = THRUM_LIFO) == 0);
}

static void before_two(void)
{
    make(2);
}

/* There never are fewer than none: an old index of the one side is not set against a new one of the other. */
static void size_is_looked_at(int i)
{
    if (i == 0) {
        put(0);
    } else if (i == 1) {
        check(get() == 1);
    } else {
        for (int round = 0; round < 2; round++) {
            model_dawdle(60);
            check(thrum_queue_qsize(s.queue) <= 1);
        }
    }
}

static void size_is_looked_at_when_dropped(int i)
{
    if (i == 0) {
        put(0);
        thrum_event_set(&s.both);
    } else if (i == 1) {
        check(thrum_event_wait(&s.both, THRUM_FOREVER) == 0);
        check(thrum_queue_close(s.queue, THRUM_DISCARD) == 0);
    } else {
        for (int round = 0; round < 2; round++) {
            model_dawdle(60);
            check(thrum_queue_qsize(s.queue) <= 1);
        }
    }
}

/* One is put when the other has been got, so two are never there. */
static void room_is_looked_at(int i)
{
    if (i == 0) {
        put(0);
        check(get() == 1);
        thrum_event_set(&s.both);
    } else if (i == 1) {
        check(thrum_event_wait(&s.both, THRUM_FOREVER) == 0);
        put(1);
    } else {
        for (int round = 0; round < 2; round++) {
            model_dawdle(80);
            check(!thrum_queue_full(s.queue));
        }
    }
}

/* ---- What handlers put ---- */

static void before_slots(void)
{
    memset(&s, 0, sizeof s);
    check(thrum_queue_new(&s.queue, .signal_slots = 1) == 0);
}

static void put_by_handler(int i)
{
    int *item = &s.news[i], result;
    *item = i + 1;
    while ((result = thrum_queue_try_put_from_signal(s.queue, &item)) == THRUM_FULL)
        os_yield();
    check(result == 0);
}

/* Through the one slot, which is used again and again. */
static void handlers_put(int i)
{
    if (i < 2) {
        put_by_handler(i);
        model_dawdle(20);
    } else {
        int sum = get();
        check(sum + get() == 3);
    }
}

static void before_two_slots(void)
{
    memset(&s, 0, sizeof s);
    check(thrum_queue_new(&s.queue, .signal_slots = 2) == 0);
}

/* Slots that come and go in another order each time. */
static void handlers_put_more(int i)
{
    if (i < 2) {
        for (int round = 0; round < 3; round++)
            put_by_handler(2 * round + i);
    } else {
        for (int round = 0; round < 6; round++)
            s.sum += get();
        check(s.sum == 21);
    }
}

/* While the helper takes it in, it is counted once at least. */
static void put_is_counted(int i)
{
    (void)i;
    put_by_handler(0);
    for (int round = 0; round < 3; round++) {
        model_dawdle(30);
        check(thrum_queue_qsize(s.queue) >= 1);
    }
    check(thrum_queue_qsize(s.queue) <= 2);
}

/* More slots than there are items: a size that is too large is told as the number of slots at most. */
static void before_four_slots(void)
{
    memset(&s, 0, sizeof s);
    check(thrum_queue_new(&s.queue, .signal_slots = 4) == 0);
}

/* Each of the puts is refused, or got, or dropped; and there never are fewer than none. */
static void closed_to_handlers(int i)
{
    int *item = &s.news[0];
    if (i == 0) {
        model_dawdle(30);
        int result = thrum_queue_try_put_from_signal(s.queue, &item);
        check(result == 0 || result == THRUM_CLOSED);
    } else if (i == 1) {
        model_dawdle(60);
        check(thrum_queue_close(s.queue, THRUM_DISCARD) == 0);
        check(thrum_queue_get(s.queue, &item, THRUM_FOREVER) == THRUM_CLOSED);
    } else {
        for (int round = 0; round < 3; round++) {
            model_dawdle(60);
            check(thrum_queue_qsize(s.queue) <= 2);
        }
    }
}

/* ---- Any of several ---- */

/* Whoever wakes the watcher writes to the watcher's stack, which then is used for something else. */
static void any_of_two(int i)
{
    if (i == 0) {
        put(0);
    } else if (i == 1) {
        s.sum = 1;
        thrum_event_set(&s.both);
    } else {
        thrum_waitable things[] = {thrum_queue_waitable(s.queue), thrum_event_waitable(&s.both)};
        for (int round = 0; round < 2; round++) { /* the second in the same place on the stack */
            size_t index;
            check(thrum_wait_any(things, 2, &index, THRUM_FOREVER) == 0);
            check(index == 0 ? get() == 1 : s.sum == 1);
            if (index == 1)
                thrum_event_clear(&s.both);
        }
    }
}

/* The event is set and cleared: the watcher is told to look again, or finds what it waits for. */
static void any_gives_up(int i)
{
    if (i == 0) {
        thrum_event_set(&s.both);
        thrum_event_clear(&s.both);
    } else if (i == 1) {
        put(0);
    } else {
        thrum_waitable things[] = {thrum_event_waitable(&s.both), thrum_queue_waitable(s.queue)};
        size_t index;
        int result = thrum_wait_any(things, 2, &index, thrum_interruptible(thrum_seconds(0.001)));
        check(result == 0 || result == THRUM_TIMEOUT || result == THRUM_INTERRUPTED);
        if (result == 0 && index == 1)
            check(get() == 1);
    }
}

const struct model_scenario queue_scenarios[] = {
    {"queue_of_one_in_turn", 2, in_turn, before_bounded, free_it},
    {"queue_in_turn", 2, in_turn, before_unbounded, free_it},
    {"queue_of_one_two_and_two", 4, two_and_two, before_bounded, each_once},
    {"queue_two_and_two", 4, two_and_two, before_unbounded, each_once},
    {"stack_two_and_two", 4, two_and_two, before_stack, each_once},
    {"queue_closed_when_drained", 2, closed_when_drained, before_unbounded, free_it},
    {"queue_over_chunks", 2, over_chunks, before_chunks, free_it},
    {"queue_joined", 3, joined, before_unbounded, free_it},
    {"queue_size", 3, size_is_looked_at, before_unbounded, free_it},
    {"queue_size_when_dropped", 3, size_is_looked_at_when_dropped, before_unbounded, free_it},
    {"queue_room", 3, room_is_looked_at, before_two, free_it},
    {"stack_size", 3, size_is_looked_at, before_stack, free_it},
    {"stack_size_when_dropped", 3, size_is_looked_at_when_dropped, before_stack, free_it},
    {"stack_room", 3, room_is_looked_at, before_stack, free_it},
    {"queue_handlers_put", 3, handlers_put, before_slots, NULL},
    {"queue_handlers_put_more", 3, handlers_put_more, before_two_slots, NULL},
    {"queue_put_is_counted", 1, put_is_counted, before_slots, NULL},
    {"queue_closed_to_handlers", 3, closed_to_handlers, before_four_slots, NULL},
    {"any_of_two", 3, any_of_two, before_unbounded, free_it},
    {"any_gives_up", 3, any_gives_up, before_unbounded, free_it},
    {0},
};
