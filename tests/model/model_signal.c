/*
 * model_signal.c - what a handler begins, and the helper carries on
 *
 * A handler runs in the thread that raises the signal; that it may come in the middle of anything is the simulation's
 * part. Here it is what one thread did that another has to see, by way of words that no lock guards.
 */
#include <errno.h>
#include <string.h>

#include "model.h"
#include "thrum/thrum.h"

static struct {
    thrum_event event, other;
    thrum_token *tokens[2];
    int news, more;
    void *memory;
} s;

static void before(void)
{
    memset(&s, 0, sizeof s);
    check(thrum_token_new(&s.tokens[0]) == 0 && thrum_token_new(&s.tokens[1]) == 0);
    check(thrum_signals_start() == 0);
}

/* ---- Events ---- */

static void event_from_handler(int i)
{
    if (i == 0) {
        model_dawdle(60);
        s.news = 1;
        check(thrum_event_set_from_signal(&s.event) == 0);
    } else {
        check(thrum_event_wait(&s.event, THRUM_FOREVER) == 0);
        check(s.news == 1);
    }
}

/* Two at a time, so that the one's bell may be taken for the other's. */
static void two_events_from_handlers(int i)
{
    thrum_event *event = i == 0 ? &s.event : &s.other;
    if (i < 2) {
        model_dawdle(60);
        *(i == 0 ? &s.news : &s.more) = 1;
        check(thrum_event_set_from_signal(event) == 0);
    } else {
        check(thrum_event_wait(&s.event, THRUM_FOREVER) == 0);
        check(s.news == 1);
        check(thrum_event_wait(&s.other, THRUM_FOREVER) == 0);
        check(s.more == 1);
    }
}

/* Whoever waited may free it at once. */
static void before_freed(void)
{
    before();
    s.memory = model_calloc(1, sizeof(thrum_event));
}

static void event_is_freed(int i)
{
    thrum_event *event = s.memory;
    if (i == 0) {
        check(thrum_event_set_from_signal(event) == 0);
    } else {
        check(thrum_event_wait(event, THRUM_FOREVER) == 0);
        model_free(event);
    }
}

/* A handler sets it, and any of two is waited for. */
static void any_from_handler(int i)
{
    if (i == 0) {
        model_dawdle(60);
        s.news = 1;
        check(thrum_event_set_from_signal(&s.event) == 0);
    } else {
        thrum_waitable things[] = {thrum_event_waitable(&s.other), thrum_event_waitable(&s.event)};
        size_t index;
        check(thrum_wait_any(things, 2, &index, THRUM_FOREVER) == 0);
        check(index == 1 && s.news == 1);
    }
}

static void handler_or_thread(int i)
{
    if (i == 0) {
        check(thrum_event_set_from_signal(&s.event) == 0);
    } else if (i == 1) {
        thrum_event_clear(&s.event);
        thrum_event_set(&s.event);
    } else {
        check(thrum_event_wait(&s.event, THRUM_FOREVER) == 0);
    }
}

/* ---- Tokens ---- */

static void before_bound(void)
{
    before();
    check(thrum_token_bind_signal(s.tokens[0], 1) == 0);
}

static void cancelled_by_handler(int i)
{
    if (i == 0) {
        model_dawdle(60);
        s.news = 1;
        model_raise(1);
    } else {
        (void)thrum_token_set(s.tokens[0]);
        check(thrum_event_wait(&s.event, THRUM_FOREVER) == THRUM_CANCELLED);
        check(s.news == 1);
    }
}

/* Another is bound while the signal comes: whoever is in the list is seen as it was made. */
static void bound_meanwhile(int i)
{
    if (i == 0) {
        check(thrum_token_bind_signal(s.tokens[1], 1) == 0);
        check(thrum_token_unbind_signal(s.tokens[1], 1) == 0);
        check(thrum_token_bind_signal(s.tokens[1], 1) == 0);
    } else if (i == 1) {
        model_dawdle(40);
        model_raise(1);
        model_raise(1);
    } else {
        (void)thrum_token_set(s.tokens[0]);
        check(thrum_event_wait(&s.event, THRUM_FOREVER) == THRUM_CANCELLED);
    }
}

/* Taken back and freed, while it is perhaps just being used: whoever is in is waited for. */
static void freed_meanwhile(int i)
{
    if (i == 0) {
        model_dawdle(60);
        thrum_token_free(s.tokens[0]);
    } else {
        model_raise(1);
    }
}

/* What cannot be bound is taken back, while a handler of another signal perhaps just looks at it. */
static void bound_in_vain(int i)
{
    if (i == 0) {
        check(thrum_token_bind_signal(s.tokens[1], 99) == -EINVAL);
        check(thrum_token_bind_signal(s.tokens[1], 1) == 0);
        check(thrum_token_unbind_signal(s.tokens[1], 1) == 0);
    } else {
        model_raise(1);
        model_raise(1);
    }
}

/* The helper may find what the one handler has carried on when it was the other that has rung. */
static void two_handlers(int i)
{
    if (i == 0) {
        model_dawdle(60);
        s.news = 1;
        model_raise(1);
    } else if (i == 1) {
        for (int round = 0; round < 3; round++)
            model_raise(2);
    } else {
        (void)thrum_token_set(s.tokens[0]);
        check(thrum_event_wait(&s.event, THRUM_FOREVER) == THRUM_CANCELLED);
        check(s.news == 1);
    }
}

static void before_two_bound(void)
{
    before_bound();
    check(thrum_token_bind_signal(s.tokens[1], 2) == 0);
}

/* The record of what was taken back is used again. */
static void record_is_used_again(int i)
{
    if (i == 0) {
        check(thrum_token_unbind_signal(s.tokens[0], 1) == 0);
        thrum_event_set(&s.event);
    } else if (i == 1) {
        check(thrum_event_wait(&s.event, thrum_seconds(0.001)) >= 0);
        check(thrum_token_bind_signal(s.tokens[1], 1) == 0);
    } else {
        model_raise(1);
    }
}

const struct model_scenario signal_scenarios[] = {
    {"signal_sets_event", 2, event_from_handler, before, NULL},
    {"signal_sets_two_events", 3, two_events_from_handlers, before, NULL},
    {"signal_event_is_freed", 2, event_is_freed, before_freed, NULL},
    {"signal_sets_one_of_any", 2, any_from_handler, before, NULL},
    {"signal_or_thread", 3, handler_or_thread, before, NULL},
    {"signal_cancels", 2, cancelled_by_handler, before_bound, NULL},
    {"signal_bound_meanwhile", 3, bound_meanwhile, before_bound, NULL},
    {"signal_freed_meanwhile", 2, freed_meanwhile, before_bound, NULL},
    {"signal_bound_in_vain", 2, bound_in_vain, before_bound, NULL},
    {"signal_cancels_by_two_handlers", 3, two_handlers, before_two_bound, NULL},
    {"signal_record_is_used_again", 3, record_is_used_again, before_bound, NULL},
    {0},
};
