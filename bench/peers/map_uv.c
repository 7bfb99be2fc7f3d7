/*
 * map_uv.c - tasks on libuv's pool
 *
 * What is done comes back through the loop, so waiting for all is running the loop until it is
 * empty. A request is the caller's memory: all of a run lie in one array, which is the cheapest
 * for libuv.
 */
#include "../bench.h"

#include <uv.h>

static uv_loop_t *loop;

static void nothing(uv_work_t *work)
{
    (void)work;
}

static void finished(uv_work_t *work, int status)
{
    (void)work;
    bench_need(status == 0, "after work");
}

static int64_t submit(size_t n)
{
    int64_t start = bench_now();
    uv_work_t *work = malloc(n * sizeof *work);
    bench_need(work != NULL, "memory");
    for (size_t i = 0; i < n; i++)
        bench_need(uv_queue_work(loop, &work[i], nothing, finished) == 0, "queue work");
    uv_run(loop, UV_RUN_DEFAULT);
    free(work);
    return bench_now() - start;
}

static int64_t ping(size_t n)
{
    int64_t start = bench_now();
    for (size_t i = 0; i < n; i++) {
        uv_work_t work;
        bench_need(uv_queue_work(loop, &work, nothing, finished) == 0, "queue work");
        uv_run(loop, UV_RUN_DEFAULT);
    }
    return bench_now() - start;
}

int main(int argc, char **argv)
{
    static const struct bench_case cases[] = {{"submit", submit}, {"ping", ping}, {0}};
    char workers[16], label[64];
    snprintf(workers, sizeof workers, "%d", BENCH_WORKERS);
    setenv("UV_THREADPOOL_SIZE", workers, 1); /* read by libuv with the first request */
    loop = uv_default_loop();
    snprintf(label, sizeof label, "libuv %s", uv_version_string());
    return bench_main(argc, argv, label, cases);
}
