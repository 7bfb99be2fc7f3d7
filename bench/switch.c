/*
 * switch.c - the bare switch under thrum's generators, there and back N times: the least that resume and yield can cost
 */
#include "bench.h"

#include "coroutine/switch.h"

static char stack[65536] __attribute__((__aligned__(16)));
static void *here, *there;

static void count(void *arg, int value)
{
    (void)arg;
    for (;;)
        value = switch_to(&there, here, value + 1);
}

static int64_t next(size_t n)
{
    int value = 0;
    there = switch_prepare(stack + sizeof stack, count, NULL);
    int64_t start = bench_now();
    for (size_t i = 0; i < n; i++)
        value = switch_to(&here, there, value);
    int64_t elapsed = bench_now() - start;
    bench_need(value == (int)n, "a wrong count");
    return elapsed;
}

int main(int argc, char **argv)
{
    static const struct bench_case cases[] = {{"next", next}, {NULL, NULL}};
    return bench_main(argc, argv, "thrum's switch alone", cases);
}
