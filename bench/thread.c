/*
 * thread.c - what a thread costs, and an object for one that is not started. Seed list: Row T16
 *
 *     run     start a thread that does nothing, and join it
 *     make    make the object and give it up again
 */
#include "bench.h"

#include <thrum/threading.h>

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int64_t run(size_t n)
{
    int64_t start = bench_now();
    for (size_t i = 0; i < n; i++) {
        thrum_thread *thread;
        bench_need(thrum_thread_run(&thread, nothing, NULL) == 0, "run");
        bench_need(thrum_thread_join(thread, NULL, THRUM_FOREVER) == 0, "join");
        thrum_thread_free(thread);
    }
    return bench_now() - start;
}

static int64_t make(size_t n)
{
    int64_t start = bench_now();
    for (size_t i = 0; i < n; i++) {
        thrum_thread *thread;
        bench_need(thrum_thread_new(&thread, nothing, NULL) == 0, "new");
        thrum_thread_free(thread);
    }
    return bench_now() - start;
}

int main(int argc, char **argv)
{
    static const struct bench_case cases[] = {{"run", run}, {"make", make}, {0}};
    char label[64];
    snprintf(label, sizeof label, "thrum %s", thrum_version());
    return bench_main(argc, argv, label, cases);
}
