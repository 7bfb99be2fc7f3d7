/*
 * Row T15: work in threads really runs in parallel
 *
 *     parallel_countdown [COUNT]
 *
 * Counts down from 100 million in one thread, and then half of it in each of two.
 */
#include "must.h"

#include <thrum/thrum.h>
#include <time.h>

/* The counter is volatile, for else the compiler knows the end of it. */
static int countdown(void *arg)
{
    for (volatile long n = *(const long *)arg; n > 0;)
        n = n - 1;
    return 0;
}

/* Count down in so many threads, and say how long it took. */
static void countdown_in(int n_threads, long count)
{
    thrum_thread *threads[2];
    long share = count / n_threads;
    int64_t start = thrum_monotonic_ns();
    clock_t used = clock();
    for (int i = 0; i < n_threads; i++)
        must(thrum_thread_run(&threads[i], countdown, &share));
    for (int i = 0; i < n_threads; i++) {
        must(thrum_thread_join(threads[i], NULL, THRUM_FOREVER));
        thrum_thread_free(threads[i]);
    }
    double cpu_time = (double)(clock() - used) / CLOCKS_PER_SEC;
    double seconds = (double)(thrum_monotonic_ns() - start) / 1e9;
    printf("threads %d: %.3f seconds, with %.3f seconds of CPU time\n", n_threads, seconds, cpu_time);
}

int main(int argc, char **argv)
{
    char *end = "";
    errno = 0;
    long count = argc > 1 ? strtol(argv[1], &end, 10) : 100000000;
    if (argc > 2 || *end != '\0' || errno != 0 || count < 1) {
        fprintf(stderr, "usage: parallel_countdown [COUNT]\n");
        return 2;
    }
    countdown_in(1, count);
    countdown_in(2, count);
}
