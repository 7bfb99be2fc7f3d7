/*
 * map_openmp.c - tasks and loops of OpenMP
 *
 * One of the two threads makes the tasks and helps to run them at the end; there is no third
 * thread that submits. There and back has no counterpart: the thread that waits would run the
 * task itself.
 */
#include "../bench.h"

/* Behind a call that the compiler cannot see through, so that no task is optimised away. */
static __attribute__((noinline)) void nothing(void)
{
    __asm__ volatile("");
}

static int64_t submit(size_t n)
{
    int64_t start = bench_now();
#pragma omp parallel num_threads(BENCH_WORKERS)
#pragma omp single
    {
        for (size_t i = 0; i < n; i++) {
#pragma omp task
            nothing();
        }
#pragma omp taskwait
    }
    return bench_now() - start;
}

static int64_t map(size_t n)
{
    double *in, *out;
    bench_map_arrays(&in, &out);
    int64_t start = bench_now();
    for (size_t done = 0; done < n; done += BENCH_MAP_ITEMS) {
#pragma omp parallel for num_threads(BENCH_WORKERS)
        for (size_t i = 0; i < BENCH_MAP_ITEMS; i++)
            out[i] = in[i] * in[i];
    }
    int64_t time = bench_now() - start;
    bench_map_done(in, out);
    return time;
}

int main(int argc, char **argv)
{
    static const struct bench_case cases[] = {{"submit", submit}, {"map", map}, {0}};
    return bench_main(argc, argv, "OpenMP, " BENCH_COMPILER, cases);
}
