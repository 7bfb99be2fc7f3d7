/*
 * Row T16: what a thread object costs
 *
 *     many_threads [COUNT]
 *
 * Makes 100,000 thread objects, three times over. One that is not started is a piece of
 * memory, and no thread of the system. The last one is started.
 */
#include "must.h"

#include <inttypes.h>
#include <thrum/thrum.h>

static int greet(void *text)
{
    puts(text);
    return 0;
}

static double make(long count)
{
    int64_t start = thrum_monotonic_ns();
    for (long i = 0; i < count; i++) {
        thrum_thread *thread;
        must(thrum_thread_new(&thread, greet, "Hello,"));
        thrum_thread_free(thread);
    }
    return (double)(thrum_monotonic_ns() - start) / 1e9;
}

int main(int argc, char **argv)
{
    char *end = "";
    errno = 0;
    long count = argc > 1 ? strtol(argv[1], &end, 10) : 100000;
    if (argc > 2 || *end != '\0' || errno != 0 || count < 1) {
        fprintf(stderr, "usage: many_threads [COUNT]\n");
        return 2;
    }
    for (int i = 0; i < 3; i++) {
        double seconds = make(count);
        printf("%ld thread objects: %.4f seconds, %.0f ns each\n", count, seconds, seconds * 1e9 / (double)count);
    }

    thrum_thread *thread;
    must(thrum_thread_new(&thread, greet, "Hello,"));
    must(thrum_thread_start(thread));
    must(thrum_thread_join(thread, NULL, THRUM_FOREVER));
    printf("%s, %" PRIu64 "\n", thrum_thread_name(thread), thrum_thread_native_id(thread));
    thrum_thread_free(thread);
}
