/*
 * Row T14: calls that block take their time side by side
 *
 * Five system calls of 0.1 s each, first one after the other, then each in a thread.
 */
#include "must.h"

#include <sys/select.h>
#include <thrum/thrum.h>

enum { CALLS = 5 };

/* Stands for any call that blocks: it waits for 0.1 s, and for nothing else. */
static int slow_systemcall(void *arg)
{
    (void)arg;
    return select(0, NULL, NULL, NULL, &(struct timeval){.tv_usec = 100000});
}

static double seconds_since(int64_t start)
{
    return (double)(thrum_monotonic_ns() - start) / 1e9;
}

int main(void)
{
    thrum_thread *threads[CALLS];

    int64_t start = thrum_monotonic_ns();
    for (int i = 0; i < CALLS; i++)
        slow_systemcall(NULL);
    printf("one after the other: %.3f seconds\n", seconds_since(start));

    start = thrum_monotonic_ns();
    for (int i = 0; i < CALLS; i++)
        must(thrum_thread_run(&threads[i], slow_systemcall, NULL));
    for (int i = 0; i < CALLS; i++) {
        must(thrum_thread_join(threads[i], NULL, THRUM_FOREVER));
        thrum_thread_free(threads[i]);
    }
    printf("in threads: %.3f seconds\n", seconds_since(start));
}
