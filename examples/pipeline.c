/*
 * Row Q7: a pipeline, stages joined by queues
 *
 * Numbers are made, squared, summed up, and printed, each in a thread of its own that hands
 * its results on to the next. A queue keeps the order. It is bounded, so that a fast stage
 * waits for a slow one and memory does not fill up with what is under way. Each stage closes
 * the queue behind it when the one before it is closed, so the end runs through them all.
 */
#include "must.h"

#include <stdatomic.h>
#include <thrum/thrum.h>

enum { NUMBERS = 1000, STAGES = 2, ROOM = 4 };

struct stage {
    const char *name;
    long (*work)(long number, long *state);
    thrum_queue *in, *out;
    thrum_thread *thread;
};

static thrum_event held_up; /* the first stage has found no room */
static atomic_int under_way, most;

static long square(long number, long *state)
{
    (void)state;
    return number * number;
}

static long add_up(long number, long *state)
{
    return *state += number;
}

static int run_stage(void *arg)
{
    struct stage *self = arg;
    long state = 0, item;
    while (thrum_queue_get(self->in, &item, THRUM_FOREVER) == 0) {
        item = self->work(item, &state);
        must(thrum_queue_put(self->out, &item, THRUM_FOREVER));
    }
    thrum_queue_close(self->out, THRUM_DRAIN);
    return 0;
}

static int make_numbers(void *out)
{
    for (long i = 1; i <= NUMBERS; i++) {
        int result = thrum_queue_put(out, &i, THRUM_NOWAIT);
        if (result == THRUM_FULL) {
            thrum_event_set(&held_up);
            result = thrum_queue_put(out, &i, THRUM_FOREVER);
        }
        must(result);
        int now = atomic_fetch_add(&under_way, 1) + 1;
        if (now > atomic_load(&most))
            atomic_store(&most, now); /* nobody else does */
    }
    thrum_queue_close(out, THRUM_DRAIN);
    return 0;
}

int main(void)
{
    struct stage stages[STAGES] = {{.name = "square", .work = square}, {.name = "add up", .work = add_up}};
    thrum_queue *first, *last;
    thrum_thread *source;

    must(thrum_queue_new(&first, .maxsize = ROOM, .item_size = sizeof(long)));
    must(thrum_thread_run(&source, make_numbers, first, .name = "numbers"));
    last = first;
    for (int i = 0; i < STAGES; i++) {
        stages[i].in = last;
        must(thrum_queue_new(&last, .maxsize = ROOM, .item_size = sizeof(long)));
        stages[i].out = last;
        must(thrum_thread_run(&stages[i].thread, run_stage, &stages[i], .name = stages[i].name));
    }

    /* The last stage is this thread. It takes nothing before the first has had to wait. */
    must(thrum_event_wait(&held_up, THRUM_FOREVER));
    long sum, n = 0;
    while (thrum_queue_get(last, &sum, THRUM_FOREVER) == 0) {
        atomic_fetch_sub(&under_way, 1);
        if (++n % 100 == 0)
            printf("the squares up to %ld: %ld\n", n, sum);
    }

    must(thrum_thread_join(source, NULL, THRUM_FOREVER));
    thrum_thread_free(source);
    for (int i = 0; i < STAGES; i++) {
        must(thrum_thread_join(stages[i].thread, NULL, THRUM_FOREVER));
        thrum_thread_free(stages[i].thread);
        thrum_queue_free(stages[i].in);
    }
    thrum_queue_free(last);
    printf("never more than %d under way\n", atomic_load(&most));
}
