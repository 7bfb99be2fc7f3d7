/*
 * model_objects.c - once, barrier and reader-writer lock
 */
#include <errno.h>
#include <string.h>

#include "model.h"
#include "park/sleeper.h"
#include "thrum/thrum.h"

static struct {
    thrum_once once;
    thrum_barrier barrier;
    thrum_rwlock rwlock;
    thrum_event event;
    /* Plain data: what the objects have to order. */
    int count, tried, came[MODEL_THREADS];
    void *memory;
} s;

static void before(void)
{
    memset(&s, 0, sizeof s);
}

/* ---- Once ---- */

static int do_it(void *arg)
{
    (void)arg;
    s.count++;
    return 0;
}

/* By the way that costs one load, too. */
static void once_is_done(int i)
{
    (void)i;
    model_dawdle(40);
    check(thrum_once_call(&s.once, do_it, NULL, THRUM_FOREVER) == 0);
    check(s.count == 1);
}

/* The first attempt fails: what it has left is seen by the next, and that by all. */
static int fail_first(void *arg)
{
    (void)arg;
    if (s.tried++ == 0)
        return -EIO;
    s.count++;
    return 0;
}

static void once_fails_first(int i)
{
    (void)i;
    int result = thrum_once_call(&s.once, fail_first, NULL, THRUM_FOREVER);
    check(result == 0 || result == -EIO);
    check(result != 0 || s.count == 1);
}

static void once_gives_up(int i)
{
    int result = thrum_once_call(&s.once, do_it, NULL, i == 0 ? THRUM_FOREVER : thrum_seconds(0.001));
    check(result == 0 || (i != 0 && result == THRUM_TIMEOUT));
    check(result != 0 || s.count == 1);
}

/* ---- Barrier ---- */

static void all_are_here(void)
{
    check(s.came[0] == 1 && s.came[1] == 1 && s.came[2] == 1);
}

static int act(void *arg)
{
    (void)arg;
    all_are_here();
    s.count++;
    return 0;
}

static void before_barrier(void)
{
    before();
    check(thrum_barrier_init(&s.barrier, 3, .action = act) == 0);
}

static void barrier_of_three(int i)
{
    size_t index;
    s.came[i] = 1;
    check(thrum_barrier_wait(&s.barrier, &index, THRUM_FOREVER) == 0);
    all_are_here();
    check(s.count == 1 && index < 3);
}

/* Two rounds, one upon the other; what the one wrote before the second it may write again behind it. */
static void before_rounds(void)
{
    before();
    check(thrum_barrier_init(&s.barrier, 2) == 0);
}

static void barrier_in_rounds(int i)
{
    for (int round = 1; round <= 2; round++) {
        s.came[i] = round;
        check(thrum_barrier_wait(&s.barrier, NULL, THRUM_FOREVER) == 0);
        check(s.came[1 - i] == round);
        check(thrum_barrier_wait(&s.barrier, NULL, THRUM_FOREVER) == 0);
    }
}

/* Broken for all, or for none of them. */
static void barrier_is_broken(int i)
{
    s.came[i] = 1;
    int result = thrum_barrier_wait(&s.barrier, NULL, i == 0 ? thrum_seconds(0.001) : THRUM_FOREVER);
    check(result == 0 || result == THRUM_BROKEN || (i == 0 && result == THRUM_TIMEOUT));
    if (result == 0)
        all_are_here();
}

/* The last to leave may free it. */
static void before_barrier_is_freed(void)
{
    before();
    s.memory = model_calloc(1, sizeof(thrum_barrier));
    check(thrum_barrier_init((thrum_barrier *)s.memory, 2) == 0);
}

static void barrier_is_freed(int i)
{
    thrum_barrier *barrier = s.memory;
    check(thrum_barrier_wait(barrier, NULL, THRUM_FOREVER) == 0);
    if (i == 0)
        thrum_event_set(&s.event);
    else
        check(thrum_event_wait(&s.event, THRUM_FOREVER) == 0);
    if (i == 1)
        model_free(barrier);
}

/* ---- Reader-writer lock ---- */

static void write_once(void)
{
    check(thrum_rwlock_acquire_write(&s.rwlock, THRUM_FOREVER) == 0);
    s.count++;
    s.count++;
    check(thrum_rwlock_release(&s.rwlock) == 0);
}

static void read_once(void)
{
    check(thrum_rwlock_acquire_read(&s.rwlock, THRUM_FOREVER) == 0);
    check(s.count % 2 == 0);
    check(thrum_rwlock_release(&s.rwlock) == 0);
}

static void readers_and_writers(int i)
{
    if (i < 2)
        write_once();
    else
        read_once();
}

static void written_twice(void)
{
    check(s.count == 4 && s.rwlock.lock_.state_ == 0);
}

/* Each reads and then writes, so that readers follow writers and the other way round. */
static void read_and_write(int i)
{
    (void)i;
    read_once();
    write_once();
}

/* One waits and is woken, and another, who tries again and again, comes first. */
static void writer_comes_first(int i)
{
    bool waits = i < 2;
    (void)sleeper_self();
    for (int tries = waits ? 1 : 10; tries > 0; tries--) {
        model_dawdle(20);
        if (thrum_rwlock_acquire_write(&s.rwlock, waits ? THRUM_FOREVER : THRUM_NOWAIT) != 0)
            continue;
        check(s.count++ % 2 == 0);
        model_dawdle(waits ? 60 : 0);
        check(s.count++ % 2 == 1);
        check(thrum_rwlock_release(&s.rwlock) == 0);
    }
}

static void writer_gives_up(int i)
{
    if (i == 0) {
        int result = thrum_rwlock_acquire_write(&s.rwlock, thrum_seconds(0.001));
        check(result == 0 || result == THRUM_TIMEOUT);
        if (result == 0) {
            s.count += 2;
            check(thrum_rwlock_release(&s.rwlock) == 0);
        }
    } else if (i < 3) {
        read_once();
        read_once();
    } else {
        write_once();
    }
}

static void nobody_is_inside(void)
{
    check(s.rwlock.lock_.state_ == 0);
}

const struct model_scenario objects_scenarios[] = {
    {"once_is_done", 3, once_is_done, before, NULL},
    {"once_fails_first", 3, once_fails_first, before, NULL},
    {"once_gives_up", 3, once_gives_up, before, NULL},
    {"barrier_of_three", 3, barrier_of_three, before_barrier, NULL},
    {"barrier_in_rounds", 2, barrier_in_rounds, before_rounds, NULL},
    {"barrier_is_broken", 3, barrier_is_broken, before_barrier, NULL},
    {"barrier_is_freed", 2, barrier_is_freed, before_barrier_is_freed, NULL},
    {"rwlock_readers_and_writers", 4, readers_and_writers, before, written_twice},
    {"rwlock_read_and_write", 2, read_and_write, before, written_twice},
    {"rwlock_writer_comes_first", 3, writer_comes_first, before, nobody_is_inside},
    {"rwlock_writer_gives_up", 4, writer_gives_up, before, nobody_is_inside},
    {0},
};
