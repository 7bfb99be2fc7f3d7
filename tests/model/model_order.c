/*
 * model_order.c - the graph of lock orders, and what is told of threads
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "park/report.h"
#include "thrum/thrum.h"

static struct {
    thrum_lock locks[4];
    uint32_t number; /* of a sleeper; it comes by a way that orders nothing */
} s;

static void before(void)
{
    memset(&s, 0, sizeof s);
}

/* The environment is put back by model_reset. */
static void before_orders(void)
{
    before();
    check(setenv("THRUM_LOCK_ORDER", "error", 1) == 0);
}

static void take(int i)
{
    check(thrum_lock_acquire(&s.locks[i], THRUM_FOREVER) == 0);
}

static void give(int i)
{
    check(thrum_lock_release(&s.locks[i]) == 0);
}

/* All in the same order: each lock gets one number, and nobody is told of anything. */
static void one_order(int i)
{
    (void)i;
    take(0);
    take(1);
    give(1);
    take(2);
    give(2);
    give(0);
}

/* Locks of one name are one, so what the one thread has added the other finds, though they share no lock. */
static void before_names(void)
{
    before_orders();
    for (int i = 0; i < 4; i++)
        check(thrum_lock_init(&s.locks[i], .name = i % 2 == 0 ? "outer" : "inner") == 0);
}

static void order_by_names(int i)
{
    (void)sleeper_self();
    model_dawdle(60);
    take(2 * i);
    take(2 * i + 1);
    give(2 * i + 1);
    give(2 * i);
}

/* One of the two is told, if it was not too late: then neither was. */
static void two_orders(int i)
{
    take(i);
    int result = thrum_lock_acquire(&s.locks[1 - i], THRUM_FOREVER);
    check(result == 0 || result == -EDEADLK);
    if (result == 0)
        give(1 - i);
    give(i);
}

static void numbers_differ(void)
{
    for (int i = 0; i < 3; i++)
        check(s.locks[i].label_ != 0 && s.locks[i].label_ != s.locks[(i + 1) % 3].label_);
}

/* A thread of which it is known that it lives is told of whole. */
static void thread_is_seen(int i)
{
    if (i == 0) {
        model_dawdle(20);
        os_store_relaxed(&s.number, sleeper_self()->owner);
        model_dawdle(60);
    } else {
        struct seen_thread seen;
        uint32_t number = os_load_relaxed(&s.number);
        if (number != 0 && see_thread(&seen, number))
            check(seen.native_id != 0 || seen.ended);
    }
}

/* While others come, wait and go. */
static void all_are_told_of(int i)
{
    if (i == 0) {
        check(thrum_dump(2) == 0);
    } else {
        take(0);
        give(0);
    }
}

const struct model_scenario order_scenarios[] = {
    {"order_is_one", 2, one_order, before_orders, numbers_differ},
    {"order_by_names", 2, order_by_names, before_names, NULL},
    {"order_is_two", 2, two_orders, before_orders, NULL},
    {"thread_is_seen", 2, thread_is_seen, before, NULL},
    {"dump_tells_of_all", 3, all_are_told_of, before, NULL},
    {0},
};
