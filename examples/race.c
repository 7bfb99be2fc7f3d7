/*
 * Row T13: a race, shown and mended
 *
 * Five sensors count what they read. To add is to read the counter, to add, and to write it
 * back: between the first and the last another thread may have done the same, and its count
 * is lost. A lock makes the three one. (The counter is atomic, so that each read and each
 * write is a whole one: threads that share a plain int like this have no meaning in C at all.)
 */
#include "must.h"

#include <sched.h>
#include <stdatomic.h>
#include <thrum/thrum.h>

enum { SENSORS = 5, HOW_MANY = 10000 };

struct counter {
    atomic_int count;
    thrum_lock lock;
    void (*increment)(struct counter *counter, int offset);
    thrum_event start; /* all at once */
};

static void increment(struct counter *counter, int offset)
{
    int value = atomic_load_explicit(&counter->count, memory_order_relaxed);
    int result = value + offset;
    sched_yield(); /* others may run at any time; here they are asked to */
    atomic_store_explicit(&counter->count, result, memory_order_relaxed);
}

static void locked_increment(struct counter *counter, int offset)
{
    must(thrum_lock_acquire(&counter->lock, THRUM_FOREVER));
    increment(counter, offset);
    thrum_lock_release(&counter->lock);
}

static int sensor(void *arg)
{
    struct counter *counter = arg;
    must(thrum_event_wait(&counter->start, THRUM_FOREVER));
    for (int i = 0; i < HOW_MANY; i++)
        counter->increment(counter, 1);
    return 0;
}

static int run_threads(void (*how)(struct counter *counter, int offset))
{
    struct counter counter = {.increment = how};
    thrum_thread *threads[SENSORS];
    for (int i = 0; i < SENSORS; i++)
        must(thrum_thread_run(&threads[i], sensor, &counter));
    thrum_event_set(&counter.start);
    for (int i = 0; i < SENSORS; i++) {
        must(thrum_thread_join(threads[i], NULL, THRUM_FOREVER));
        thrum_thread_free(threads[i]);
    }
    return atomic_load(&counter.count);
}

int main(void)
{
    printf("should be %d\n", SENSORS * HOW_MANY);
    printf("unlocked %d\n", run_threads(increment));
    printf("locked %d\n", run_threads(locked_increment));
}
