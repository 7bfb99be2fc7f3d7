/*
 * model_threading.c - lock, rlock, event, semaphore and condition
 */
#include <errno.h>
#include <string.h>

#include "model.h"
#include "park/park.h"
#include "thrum/thrum.h"

static struct {
    thrum_lock lock;
    thrum_rlock rlock;
    thrum_event event;
    thrum_semaphore semaphore;
    thrum_condition condition;
    /* Plain data: what the objects have to order. */
    int count, left, first, second;
    void *memory;
} s;

static void before(void)
{
    memset(&s, 0, sizeof s);
}

/* ---- Lock ---- */

static void take(thrum_lock *lock)
{
    check(thrum_lock_acquire(lock, THRUM_FOREVER) == 0);
}

static void give(thrum_lock *lock)
{
    check(thrum_lock_release(lock) == 0);
}

static void lock_excludes(int i)
{
    (void)i;
    for (int round = 0; round < 2; round++) {
        take(&s.lock);
        s.count++;
        give(&s.lock);
    }
}

static void lock_excluded(void)
{
    check(s.count == 6 && !thrum_lock_locked(&s.lock));
}

static void lock_gives_up(int i)
{
    int result = thrum_lock_acquire(&s.lock, i == 0 ? THRUM_FOREVER : thrum_seconds(0.001));
    check(result == 0 || (i != 0 && result == THRUM_TIMEOUT));
    if (result == 0) {
        s.count++;
        give(&s.lock);
    }
}

static void lock_is_free(void)
{
    check(s.count > 0 && !thrum_lock_locked(&s.lock));
}

/* Whoever is last frees it: nobody touches it after giving it back. */
static void before_last_frees(void)
{
    before();
    s.left = 3;
    s.memory = model_calloc(1, sizeof(thrum_lock));
}

static void lock_last_frees(int i)
{
    (void)i;
    thrum_lock *lock = s.memory;
    take(lock);
    bool last = --s.left == 0;
    give(lock);
    if (last)
        model_free(lock);
}

/* Somebody else gives it back than took it. */
static void before_any(void)
{
    before();
    check(thrum_lock_init(&s.lock, .any = true) == 0);
}

static void lock_any(int i)
{
    if (i < 2) {
        take(&s.lock);
        s.count++;
        check(thrum_semaphore_release(&s.semaphore, 1) == 0);
    } else {
        for (int given = 0; given < 2; given++) {
            check(thrum_semaphore_acquire(&s.semaphore, THRUM_FOREVER) == 0);
            give(&s.lock);
        }
    }
}

static void counted_two(void)
{
    check(s.count == 2 && !thrum_lock_locked(&s.lock));
}

static void rlock_excludes(int i)
{
    (void)i;
    check(thrum_rlock_acquire(&s.rlock, THRUM_FOREVER) == 0);
    check(thrum_rlock_release(&s.rlock) == 0);
    check(thrum_rlock_acquire(&s.rlock, THRUM_FOREVER) == 0);
    check(thrum_rlock_acquire(&s.rlock, THRUM_FOREVER) == 0);
    s.count++;
    check(thrum_rlock_release(&s.rlock) == 0);
    check(thrum_rlock_release(&s.rlock) == 0);
}

/* ---- Event ---- */

static void event_brings_news(int i)
{
    if (i == 0) {
        s.first = 1;
        thrum_event_set(&s.event);
    } else {
        check(thrum_event_wait(&s.event, THRUM_FOREVER) == 0);
        check(s.first == 1);
    }
}

static void event_is_seen_set(int i)
{
    if (i == 0) {
        s.first = 1;
        thrum_event_set(&s.event);
    } else if (thrum_event_is_set(&s.event)) {
        check(s.first == 1);
    }
}

static void event_is_cleared(int i)
{
    if (i == 0)
        thrum_event_set(&s.event);
    else if (i == 1)
        thrum_event_clear(&s.event);
    else if (i == 2 && thrum_event_wait(&s.event, thrum_seconds(0.001)) == THRUM_TIMEOUT)
        s.count++;
    else if (i == 3)
        thrum_event_set(&s.event);
}

/* The one that was waited for may be freed at once. */
static void before_event_is_freed(void)
{
    before();
    s.memory = model_calloc(1, sizeof(thrum_event));
}

static void event_is_freed(int i)
{
    thrum_event *event = s.memory;
    if (i == 0) {
        thrum_event_set(event);
    } else {
        check(thrum_event_wait(event, THRUM_FOREVER) == 0);
        model_free(event);
    }
}

/* ---- Semaphore ---- */

static void before_one_permit(void)
{
    before();
    s.semaphore = (thrum_semaphore)THRUM_SEMAPHORE_INIT(1);
}

static void semaphore_excludes(int i)
{
    (void)i;
    check(thrum_semaphore_acquire(&s.semaphore, THRUM_FOREVER) == 0);
    s.count++;
    check(thrum_semaphore_release(&s.semaphore, 1) == 0);
}

static void counted_three_with_one_permit(void)
{
    check(s.count == 3 && s.semaphore.state_ / 2 == 1);
}

/* Permits for two at once, some of them given directly. */
static void semaphore_gives(int i)
{
    if (i == 0) {
        s.first = 1;
        check(thrum_semaphore_release(&s.semaphore, 2) == 0);
    } else {
        check(thrum_semaphore_acquire(&s.semaphore, THRUM_FOREVER) == 0);
        check(s.first == 1);
    }
}

static void semaphore_gives_up(int i)
{
    if (i == 0) {
        s.first = 1;
        check(thrum_semaphore_release(&s.semaphore, 1) == 0);
    } else if (thrum_semaphore_acquire(&s.semaphore, thrum_seconds(0.001)) == 0) {
        check(s.first == 1);
        s.count++;
    }
}

static void no_permit_is_lost(void)
{
    check(s.semaphore.state_ / 2 + (unsigned)s.count == 1);
}

/* ---- Condition ---- */

static void before_condition(void)
{
    before();
    thrum_condition_init(&s.condition, &s.lock);
}

static void condition_brings_news(int i)
{
    take(&s.lock);
    if (i == 0) {
        s.first = 1;
        check(thrum_condition_notify_all(&s.condition) == 0);
    } else {
        while (s.first == 0)
            check(thrum_condition_wait(&s.condition, THRUM_FOREVER) == 0);
        s.count++;
    }
    give(&s.lock);
}

static void condition_gives_up(int i)
{
    take(&s.lock);
    if (i == 0) {
        s.first = 1;
        check(thrum_condition_notify(&s.condition, 1) == 0);
    } else if (s.first == 0) {
        int result = thrum_condition_wait(&s.condition, thrum_seconds(0.001));
        check(result == THRUM_TIMEOUT || (result == 0 && s.first == 1));
        s.count += result == 0;
    }
    give(&s.lock);
}

static void at_most_one_was_notified(void)
{
    check(s.count <= 1);
}

static void condition_own_lock(int i)
{
    check(thrum_condition_acquire(&s.condition, THRUM_FOREVER) == 0);
    if (i == 0) {
        s.first = 1;
        check(thrum_condition_notify_all(&s.condition) == 0);
    } else {
        while (s.first == 0)
            check(thrum_condition_wait(&s.condition, THRUM_FOREVER) == 0);
        s.count++;
    }
    check(thrum_condition_release(&s.condition) == 0);
}

const struct model_scenario threading_scenarios[] = {
    {"lock_excludes", 3, lock_excludes, before, lock_excluded},
    {"lock_gives_up", 3, lock_gives_up, before, lock_is_free},
    {"lock_last_frees", 3, lock_last_frees, before_last_frees, NULL},
    {"lock_any", 3, lock_any, before_any, counted_two},
    {"rlock_excludes", 2, rlock_excludes, before, counted_two},
    {"event_brings_news", 3, event_brings_news, before, NULL},
    {"event_is_seen_set", 2, event_is_seen_set, before, NULL},
    {"event_is_cleared", 4, event_is_cleared, before, NULL},
    {"event_is_freed", 2, event_is_freed, before_event_is_freed, NULL},
    {"semaphore_excludes", 3, semaphore_excludes, before_one_permit, counted_three_with_one_permit},
    {"semaphore_gives", 3, semaphore_gives, before, NULL},
    {"semaphore_gives_up", 3, semaphore_gives_up, before, no_permit_is_lost},
    {"condition_brings_news", 3, condition_brings_news, before_condition, counted_two},
    {"condition_gives_up", 3, condition_gives_up, before_condition, at_most_one_was_notified},
    {"condition_own_lock", 3, condition_own_lock, before, NULL},
    {0},
};
