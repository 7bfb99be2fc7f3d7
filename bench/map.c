/*
 * map.c - tasks on thrum's executors: one by one, there and back, and as a map
 *
 * The executor is the environment's choice (THRUM_EXECUTOR=serial), else two threads.
 */
#include "bench.h"

#include <thrum/futures.h>

static thrum_executor *pool;

static void done(int result, const char *what)
{
    if (result != 0)
        fprintf(stderr, "%s\n", thrum_strerror(result));
    bench_need(result == 0, what);
}

static int nothing(const char *input, char *output)
{
    *output = *input;
    return 0;
}
THRUM_TASK(nothing, char, char);

static int square(const double *x, double *y)
{
    *y = *x * *x;
    return 0;
}
THRUM_TASK(square, double, double);

/* All are handed in before the first is waited for, as a program with a list of work does it. */
static int64_t submit(size_t n)
{
    char input = 0;
    int64_t start = bench_now();
    thrum_future **futures = malloc(n * sizeof(*futures));
    bench_need(futures != NULL, "memory");
    for (size_t i = 0; i < n; i++)
        done(thrum_submit(pool, nothing, &input, &futures[i]), "submit");
    for (size_t i = 0; i < n; i++) {
        done(thrum_future_result(futures[i], NULL, THRUM_FOREVER), "result");
        thrum_future_free(futures[i]);
    }
    free(futures);
    return bench_now() - start;
}

/* One task at a time: what it costs to ask another thread and to wait for the answer. */
static int64_t ping(size_t n)
{
    char input = 0;
    int64_t start = bench_now();
    for (size_t i = 0; i < n; i++) {
        thrum_future *future;
        done(thrum_submit(pool, nothing, &input, &future), "submit");
        done(thrum_future_result(future, NULL, THRUM_FOREVER), "result");
        thrum_future_free(future);
    }
    return bench_now() - start;
}

static int64_t map(size_t n)
{
    double *in, *out;
    bench_map_arrays(&in, &out);
    int64_t start = bench_now();
    for (size_t passed = 0; passed < n; passed += BENCH_MAP_ITEMS)
        done(thrum_map(pool, square, in, out, BENCH_MAP_ITEMS), "map");
    int64_t time = bench_now() - start;
    bench_map_done(in, out);
    return time;
}

int main(int argc, char **argv)
{
    static const struct bench_case cases[] = {{"submit", submit}, {"ping", ping}, {"map", map}, {0}};
    const char *spec = getenv("THRUM_EXECUTOR") ? NULL : "threads:" BENCH_TEXT(BENCH_WORKERS);
    done(thrum_executor_open(&pool, spec), "executor");
    char label[64];
    snprintf(label, sizeof label, "thrum %s, %s", thrum_version(), thrum_executor_name(pool));
    int status = bench_main(argc, argv, label, cases);
    done(thrum_executor_close(pool), "close");
    return status;
}
