/*
 * Row T9: semaphores let so many in, and a bounded one notices a release too many
 *
 * A hundred threads want into an area that holds three.
 */
#include "must.h"

#include <stdatomic.h>
#include <thrum/thrum.h>

enum { THREADS = 100, PLACES = 3 };

struct area {
    thrum_semaphore places;
    thrum_semaphore came_in; /* a permit for each that has come in */
    thrum_event open;        /* nobody leaves before */
    atomic_int inside, most;
};

static int visit(void *arg)
{
    struct area *area = arg;
    must(thrum_semaphore_acquire(&area->places, THRUM_FOREVER));
    int now = atomic_fetch_add(&area->inside, 1) + 1;
    for (int most = atomic_load(&area->most); now > most;)
        if (atomic_compare_exchange_weak(&area->most, &most, now))
            break;
    must(thrum_semaphore_release(&area->came_in, 1));
    must(thrum_event_wait(&area->open, THRUM_FOREVER));
    atomic_fetch_sub(&area->inside, 1);
    must(thrum_semaphore_release(&area->places, 1));
    return 0;
}

static void restricted_area(void)
{
    struct area area = {.places = THRUM_SEMAPHORE_INIT(PLACES)};
    thrum_thread *threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        must(thrum_thread_run(&threads[i], visit, &area));
    for (int i = 0; i < PLACES; i++)
        must(thrum_semaphore_acquire(&area.came_in, THRUM_FOREVER));
    printf("%d came in\n", PLACES);
    printf("one more: %s\n", thrum_strerror(thrum_semaphore_acquire(&area.came_in, thrum_seconds(0.1))));

    thrum_event_set(&area.open);
    for (int i = 0; i < THREADS; i++) {
        must(thrum_thread_join(threads[i], NULL, THRUM_FOREVER));
        thrum_thread_free(threads[i]);
    }
    printf("all %d have been in, never more than %d at once\n", THREADS, atomic_load(&area.most));
}

/* Take as many as there are, and say how many. */
static int drain(thrum_semaphore *semaphore)
{
    int n = 0;
    while (thrum_semaphore_acquire(semaphore, THRUM_NOWAIT) == 0)
        n++;
    return n;
}

int main(void)
{
    thrum_semaphore semaphore = THRUM_SEMAPHORE_INIT(3);
    thrum_semaphore bounded = THRUM_BOUNDED_SEMAPHORE_INIT(3);

    printf("semaphore: released once too often: %s\n", thrum_strerror(thrum_semaphore_release(&semaphore, 1)));
    printf("semaphore: it had %d permits\n", drain(&semaphore));
    printf("bounded: released once too often: %s\n", thrum_strerror(thrum_semaphore_release(&bounded, 1)));
    printf("bounded: it had %d permits\n", drain(&bounded));
    restricted_area();
}
