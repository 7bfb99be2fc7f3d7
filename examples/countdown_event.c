/*
 * Row T3: wait until a thread has started
 *
 * start returns as soon as there is a thread, which may not have done anything yet. An
 * event that the thread sets tells when it has.
 */
#include "must.h"

#include <thrum/thrum.h>

struct countdown {
    int n;
    thrum_event started;
};

static int countdown(void *arg)
{
    struct countdown *self = arg;
    puts("countdown starting");
    thrum_event_set(&self->started);
    for (; self->n > 0; self->n--)
        printf("T-minus %d\n", self->n);
    return 0;
}

int main(void)
{
    struct countdown job = {.n = 10};
    thrum_thread *thread;

    puts("launching countdown");
    must(thrum_thread_run(&thread, countdown, &job));
    must(thrum_event_wait(&job.started, THRUM_FOREVER));
    puts("countdown is running");

    must(thrum_thread_join(thread, NULL, THRUM_FOREVER));
    thrum_thread_free(thread);
}
