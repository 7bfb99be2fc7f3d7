/*
 * Row T1: a thread from its making to its end
 *
 * A thread is made, started once, asked how it is, waited for with and without a time-out, and joined
 * once; what makes no sense is refused and says why. A daemon still waits when the program ends, and does not keep
 * it alive.
 */
#include "must.h"

#include <thrum/thrum.h>

struct countdown {
    int n;
    thrum_thread *self;
    thrum_event begin;
};

static int countdown(void *arg)
{
    struct countdown *job = arg;
    must(thrum_event_wait(&job->begin, THRUM_FOREVER));
    printf("joining itself: %s\n", thrum_strerror(thrum_thread_join(job->self, NULL, THRUM_FOREVER)));
    while (job->n > 0)
        printf("T-minus %d\n", job->n--);
    return 42;
}

static int wait_for_ever(void *arg)
{
    (void)arg;
    thrum_event never = THRUM_EVENT_INIT;
    return thrum_event_wait(&never, THRUM_FOREVER);
}

static void show(const char *when, const thrum_thread *thread)
{
    printf("%s: %s is %s, ident %s\n", when, thrum_thread_name(thread),
           thrum_thread_is_alive(thread) ? "alive" : "not alive", thrum_thread_ident(thread) != 0 ? "given" : "none");
}

int main(void)
{
    struct countdown job = {.n = 3};
    thrum_thread *thread, *daemon;
    int code;

    must(thrum_thread_new(&thread, countdown, &job, .name = "countdown"));
    job.self = thread;
    show("made", thread);
    printf("joining it: %s\n", thrum_strerror(thrum_thread_join(thread, NULL, THRUM_FOREVER)));

    must(thrum_thread_start(thread));
    show("started", thread);
    printf("starting it again: %s\n", thrum_strerror(thrum_thread_start(thread)));
    printf("joining it for 10 ms: %s\n", thrum_strerror(thrum_thread_join(thread, NULL, thrum_seconds(0.01))));

    thrum_event_set(&job.begin);
    must(thrum_thread_join(thread, &code, THRUM_FOREVER));
    printf("it returned %d\n", code);
    show("joined", thread);
    printf("joining it again: %s\n", thrum_strerror(thrum_thread_join(thread, NULL, THRUM_FOREVER)));
    thrum_thread_free(thread);

    must(thrum_thread_run(&daemon, wait_for_ever, NULL, .name = "daemon", .daemon = true));
    show("at the end", daemon);
    thrum_thread_free(daemon);
}
