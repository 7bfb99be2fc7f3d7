/*
 * Row M4: user-level threads, a million on two threads of the system
 *
 *     user_threads [COROUTINES [THREADS]]
 *
 * Each coroutine waits for an event of its own, and is woken in random order; the last of them waits for a queue. Such
 * a wait takes a page of memory and no thread, and stops none of the others.
 */
#include "must.h"

#include <string.h>
#include <thrum/thrum.h>

#define MOST_THREADS 64

static size_t n_coroutines = 1000000, n_threads = 2;
static thrum_event *events;
static thrum_queue *word;
static thrum_semaphore waiting;

/* One thread of the system, and the coroutines on it. */
struct carrier {
    thrum_scheduler *scheduler;
    size_t first, end; /* which */
    size_t woken;      /* only one of them runs at a time */
};

static struct carrier carriers[MOST_THREADS];

static struct carrier *carrier_of(size_t i)
{
    return &carriers[i * n_threads / n_coroutines];
}

static int wait_for_event(void *arg)
{
    thrum_event *event = arg;
    struct carrier *mine = carrier_of((size_t)(event - events));
    must(thrum_event_wait(event, THRUM_FOREVER));
    mine->woken++;
    return 0;
}

static int wait_for_queue(void *arg)
{
    const char *text;
    (void)arg;
    must(thrum_semaphore_release(&waiting, 1)); /* those before it wait already */
    must(thrum_queue_get(word, &text, THRUM_FOREVER));
    printf("the one at the queue: %s\n", text);
    return 0;
}

static int all_wait(void *arg)
{
    (void)arg;
    return thrum_semaphore_release(&waiting, 1);
}

static int carry(void *arg)
{
    struct carrier *self = arg;
    must(thrum_scheduler_new(&self->scheduler));
    for (size_t i = self->first; i < self->end; i++) {
        bool last = i + 1 == n_coroutines;
        must(thrum_coroutine_run(NULL, self->scheduler, last ? wait_for_queue : wait_for_event, &events[i]));
    }
    if (self->end < n_coroutines)
        must(thrum_coroutine_run(NULL, self->scheduler, all_wait, NULL));
    must(thrum_scheduler_run(self->scheduler));
    return thrum_scheduler_free(self->scheduler);
}

/* Each number below n once: the steps are odd and n is rounded up to a power of two, so they come to all of it. */
static void wake_in_random_order(size_t n)
{
    size_t mask = 1;
    while (mask < n)
        mask *= 2;
    mask--;
    for (size_t i = 0, at = 12345; i <= mask; i++, at = at * 6364136223846793005u + 1442695040888963407u)
        if ((at & mask) < n)
            thrum_event_set(&events[at & mask]);
}

static size_t number(const char *text, size_t most)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*end != '\0' || value < 1 || value > most) {
        fprintf(stderr, "usage: user_threads [COROUTINES [THREADS]], at most 4000000 and %d\n", MOST_THREADS);
        exit(2);
    }
    return value;
}

int main(int argc, char **argv)
{
    thrum_thread *threads[MOST_THREADS];
    if (argc > 1)
        n_coroutines = number(argv[1], 4000000);
    if (argc > 2)
        n_threads = number(argv[2], MOST_THREADS);
    if (argc > 3 || n_coroutines < n_threads)
        (void)number("", 0);
    events = calloc(n_coroutines, sizeof *events);
    if (events == NULL)
        must(-ENOMEM);
    must(thrum_queue_new(&word));
    for (size_t i = 0; i < n_threads; i++) {
        /* As many to each as carrier_of says. */
        carriers[i].first = (i * n_coroutines + n_threads - 1) / n_threads;
        carriers[i].end = ((i + 1) * n_coroutines + n_threads - 1) / n_threads;
        must(thrum_thread_run(&threads[i], carry, &carriers[i]));
    }
    for (size_t i = 0; i < n_threads; i++)
        must(thrum_semaphore_acquire(&waiting, THRUM_FOREVER));
    printf("%zu coroutines wait on %zu threads\n", n_coroutines, n_threads);

    wake_in_random_order(n_coroutines - 1);
    const char *text = "done, though it waited";
    must(thrum_queue_put(word, &text, THRUM_FOREVER));
    size_t woken = 0;
    for (size_t i = 0; i < n_threads; i++) {
        must(thrum_thread_join(threads[i], NULL, THRUM_FOREVER));
        thrum_thread_free(threads[i]);
        woken += carriers[i].woken;
    }
    printf("woken in random order: %zu\n", woken);
    thrum_queue_free(word);
    free(events);
    return woken != n_coroutines - 1;
}
