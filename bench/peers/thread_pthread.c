/*
 * thread_pthread.c - the system's own threads: start one, join it
 */
#include <gnu/libc-version.h>
#include <pthread.h>

#include "../bench.h"

static void *nothing(void *arg)
{
    return arg;
}

static int64_t run(size_t n)
{
    int64_t start = bench_now();
    for (size_t i = 0; i < n; i++) {
        pthread_t thread;
        bench_need(pthread_create(&thread, NULL, nothing, NULL) == 0, "pthread_create");
        bench_need(pthread_join(thread, NULL) == 0, "pthread_join");
    }
    return bench_now() - start;
}

int main(int argc, char **argv)
{
    static const struct bench_case cases[] = {{"run", run}, {0}};
    char label[64];
    snprintf(label, sizeof label, "pthread_create, glibc %s", gnu_get_libc_version());
    return bench_main(argc, argv, label, cases);
}
