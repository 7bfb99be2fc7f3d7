/*
 * Row T15: work in threads really runs in parallel
 *
 *     parallel_countdown [COUNT]
 *
 * Counts down from 100 million in one thread, and then half of it in each of two.
 */
#include "must.h"

#include <thrum/thrum.h>

/* The counter is volatile, for else the compiler knows the end of it. */
static int countdown(void *arg)
{
    for (volatile long n = *(const long *)arg; n > 0;)
        n = n - 1;
    return 0;
}

/* Count down in so many threads, and say how long it took. */
static double countdown_in(int n_threads, long count)
{
    thrum_thread *threads[2];
    long share = count / n_threads;
    int64_t start = thrum_monotonic_ns();
    for (int i = 0; i < n_threads; i++)
        must(thrum_thread_run(&threads[i], countdown, &share));
    for (int i = 0; i < n_threads; i++) {
        must(thrum_thread_join(threads[i], NULL, THRUM_FOREVER));
        thrum_thread_free(threads[i]);
    }
    return (double)(thrum_monotonic_ns() - start) / 1e9;
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
    double one = countdown_in(1, count);
    printf("one thread: %.3f seconds\n", one);
    double two = countdown_in(2, count);
    printf("two threads: %.3f seconds, %.2f times as fast\n", two, one / two);
}
