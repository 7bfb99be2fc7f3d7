/*
 * model_park.c - sleepers, cancel tokens, deadlocks and names
 */
#include <errno.h>
#include <string.h>

#include "model.h"
#include "park/deadlock.h"
#include "park/label.h"
#include "park/park.h"
#include "platform/state.h"
#include "thrum/thrum.h"

static struct {
    thrum_lock locks[3];
    thrum_event event;
    thrum_token *token;
    uint32_t shared; /* accessed atomically, and orders nothing */
    int results[MODEL_THREADS], news;
} s;

static void before(void)
{
    memset(&s, 0, sizeof s);
}

/* ---- Tokens ---- */

static void before_token(void)
{
    before();
    check(thrum_token_new(&s.token) == 0);
}

/* The one is cancelled, or told; never left. */
static void token_ends_a_wait(int i)
{
    if (i == 0) {
        model_dawdle(60);
        s.news = 1;
        thrum_token_cancel(s.token);
    } else {
        (void)thrum_token_set(s.token);
        check(thrum_event_wait(&s.event, THRUM_FOREVER) == THRUM_CANCELLED);
        check(s.news == 1);
    }
}

static void token_or_event(int i)
{
    if (i < 2)
        model_dawdle(60);
    if (i == 0) {
        thrum_token_cancel(s.token);
    } else if (i == 1) {
        s.news = 1;
        thrum_event_set(&s.event);
    } else {
        (void)thrum_token_set(s.token);
        int result = thrum_event_wait(&s.event, THRUM_FOREVER);
        check(result == THRUM_CANCELLED || (result == 0 && s.news == 1));
    }
}

static void token_is_seen_cancelled(int i)
{
    if (i == 0) {
        s.news = 1;
        thrum_token_cancel(s.token);
    } else if (thrum_token_is_cancelled(s.token)) {
        check(s.news == 1);
    }
}

/* As in a forked child: another generation, and somebody who is not there has the guard. */
static void before_adopted(void)
{
    before_token();
    os_state()->generation++;
    *(uint32_t *)(void *)s.token = 1;
}

/* ---- Several places ---- */

static uintptr_t tell_seven(void *arg, const struct unparked *done)
{
    *(bool *)arg = done->woken > 0;
    return 7;
}

/* What a waker writes into a wait is there for who has been woken. */
static void any_is_told(int i)
{
    bool done = false;
    while (i == 0 && !done) {
        (void)unpark(&s.news, 1, tell_seven, &done);
        os_yield();
    }
    if (i == 1) {
        struct park_place places[] = {{.key = &s.event}, {.key = &s.news}};
        struct park_call call = {.what = "any", .deadline = OS_FOREVER};
        size_t place;
        check(park_any(&call, places, 2, &place) == 0);
        check(place == 1 && places[1].wait.word == 7);
    }
}

/* ---- Deadlocks ---- */

/* Each takes two locks, in a circle: none waits for ever, and who is told gives way. */
static void deadlock_is_found(int i, int n)
{
    thrum_lock *first = &s.locks[i], *second = &s.locks[(i + 1) % n];
    check(thrum_lock_acquire(first, THRUM_FOREVER) == 0);
    s.results[i] = thrum_lock_acquire(second, THRUM_FOREVER);
    check(s.results[i] == 0 || s.results[i] == -EDEADLK);
    if (s.results[i] == 0)
        check(thrum_lock_release(second) == 0);
    check(thrum_lock_release(first) == 0);
}

static void deadlock_of_two(int i)
{
    deadlock_is_found(i, 2);
}

static void deadlock_of_three(int i)
{
    deadlock_is_found(i, 3);
}

/* So many records have room in the first block, and the next is made while they are looked at. */
static void before_new_block(uint32_t room)
{
    before();
    (void)sleeper_new(&sleeper_thread_ops);
    os_state()->sleepers.blocks[0].used = ROLL_BLOCK - room;
}

static void before_seconds_block(void)
{
    before_new_block(1);
}

static void before_thirds_block(void)
{
    before_new_block(2);
}

static void at_most_one_was_told(void)
{
    int told = 0;
    for (int i = 0; i < MODEL_THREADS; i++)
        told += s.results[i] != 0;
    check(told <= 1);
}

/* One that ends with a lock: who waits for it learns of it. */
static void owner_ends(int i)
{
    if (i == 2)
        model_dawdle(60); /* then it may get the record of the one that has ended */
    int result = thrum_lock_acquire(&s.locks[0], THRUM_FOREVER);
    check(result == 0 || (i != 0 && result == -EDEADLK));
    model_dawdle(60);
    if (i != 0 && result == 0)
        check(thrum_lock_release(&s.locks[0]) == 0);
}

/* The record of the one that has ended is another's already, when its number is looked up. */
static void owner_is_replaced(int i)
{
    if (i == 0) {
        check(thrum_lock_acquire(&s.locks[0], THRUM_FOREVER) == 0);
    } else if (i == 1) {
        (void)sleeper_self();
        while (os_load_relaxed(&s.locks[0].state_) == 0)
            os_yield();
        model_dawdle(60);
        check(thrum_lock_acquire(&s.locks[0], THRUM_FOREVER) == -EDEADLK);
    } else {
        model_dawdle(100);
        (void)sleeper_self();
        model_dawdle(60);
    }
}

/* ---- Names ---- */

/* A number that came by a way that orders nothing, like one in memory that is no lock, gives a name or none. */
static void label_is_named(int i)
{
    if (i < 2) {
        os_store_relaxed(&s.shared, label_of(i == 0 ? "one" : "other"));
    } else {
        const char *name = label_name(os_load_relaxed(&s.shared));
        check(name == NULL || name[0] == 'o');
    }
}

const struct model_scenario park_scenarios[] = {
    {"token_ends_a_wait", 2, token_ends_a_wait, before_token, NULL},
    {"token_or_event", 3, token_or_event, before_token, NULL},
    {"token_is_seen_cancelled", 2, token_is_seen_cancelled, before_token, NULL},
    {"token_is_adopted", 3, token_ends_a_wait, before_adopted, NULL},
    {"any_is_told", 2, any_is_told, before, NULL},
    {"deadlock_of_two", 2, deadlock_of_two, before, at_most_one_was_told},
    {"deadlock_with_a_newcomer", 2, deadlock_of_two, before_seconds_block, at_most_one_was_told},
    {"deadlock_of_three", 3, deadlock_of_three, before, at_most_one_was_told},
    {"owner_ends", 3, owner_ends, before, NULL},
    {"owner_ends_with_a_newcomer", 3, owner_ends, before_thirds_block, NULL},
    {"owner_is_replaced", 3, owner_is_replaced, before, NULL},
    {"label_is_named", 3, label_is_named, before, NULL},
    {0},
};
