/*
 * coroutine.c - what a generator costs
 *
 *     next    resume it and have it yield a number, N times
 *     foreach the same by the loop
 *     make    make one, run it to its end and free it
 *     parked  not a time: bytes of memory for each of N that have yielded once, page tables counted
 */
#include "bench.h"

#include <thrum/thrum.h>

static int count(thrum_generator *self, void *arg)
{
    int result = 0;
    (void)arg;
    for (uint64_t i = 0; result == 0; i++)
        result = thrum_yield(self, &i, NULL);
    return result;
}

static int nothing(thrum_generator *self, void *arg)
{
    (void)self;
    (void)arg;
    return 0;
}

static thrum_generator *counter(void)
{
    thrum_generator *made;
    bench_need(thrum_generator_new(&made, count, NULL, .yields = sizeof(uint64_t)) == 0, "a generator");
    return made;
}

static int64_t next(size_t n)
{
    thrum_generator *generator = counter();
    uint64_t number = 0, sum = 0;
    int64_t start = bench_now();
    for (size_t i = 0; i < n; i++) {
        if (thrum_generator_next(generator, &number) != 0)
            break;
        sum += number;
    }
    int64_t elapsed = bench_now() - start;
    bench_need(sum == (uint64_t)n * (n - 1) / 2, "a wrong sum");
    (void)thrum_generator_free(generator);
    return elapsed;
}

static int64_t foreach(size_t n)
{
    thrum_generator *generator = counter();
    uint64_t number, sum = 0;
    int64_t start = bench_now();
    THRUM_FOREACH(number, generator)
    {
        sum += number;
        if (number == n - 1)
            break;
    }
    int64_t elapsed = bench_now() - start;
    bench_need(sum == (uint64_t)n * (n - 1) / 2, "a wrong sum");
    (void)thrum_generator_free(generator);
    return elapsed;
}

static int64_t make(size_t n)
{
    int64_t start = bench_now();
    for (size_t i = 0; i < n; i++) {
        thrum_generator *generator;
        bench_need(thrum_generator_new(&generator, nothing, NULL) == 0 &&
                       thrum_generator_next(generator, NULL) == THRUM_STOP_ITERATION,
                   "a generator");
        (void)thrum_generator_free(generator);
    }
    return bench_now() - start;
}

static int64_t parked(size_t n)
{
    static int64_t before; /* the first pass: what it leaves behind is counted too */
    thrum_generator **all = malloc(n * sizeof(thrum_generator *));
    uint64_t number;
    bench_need(all != NULL, "memory");
    memset(all, 0, n * sizeof(thrum_generator *));
    if (before == 0)
        before = bench_memory();
    for (size_t i = 0; i < n; i++) {
        all[i] = counter();
        bench_need(thrum_generator_next(all[i], &number) == 0, "next");
    }
    int64_t taken = bench_memory() - before;
    for (size_t i = 0; i < n; i++)
        (void)thrum_generator_free(all[i]);
    free(all);
    return taken;
}

int main(int argc, char **argv)
{
    char label[64];
    static const struct bench_case cases[] = {
        {"next", next}, {"foreach", foreach}, {"make", make}, {"parked", parked}, {NULL, NULL}};
    (void)snprintf(label, sizeof label, "thrum %s", thrum_version());
    return bench_main(argc, argv, label, cases);
}
