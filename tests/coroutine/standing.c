/*
 * standing.c - for test_gdb.py: some coroutines that stand still, one that runs, and an abort
 */
#include <stdio.h>
#include <stdlib.h>

#include <thrum/thrum.h>

__attribute__((__noinline__)) static int stand_in_the_deep(thrum_generator *self, int depth)
{
    volatile int here = depth;
    int result = depth > 0 ? stand_in_the_deep(self, depth - 1) : thrum_yield(self, &depth, NULL);
    return result + 0 * here;
}

static int stand(thrum_generator *self, void *arg)
{
    volatile int result = stand_in_the_deep(self, *(int *)arg);
    return result;
}

static int crash(thrum_generator *self, void *arg)
{
    (void)self;
    (void)arg;
    abort();
}

int main(void)
{
    thrum_generator *generators[4];
    int depths[] = {0, 2, 3}, value;
    const char *names[] = {"shallow", "deeper", "deepest"};
    for (int i = 0; i < 3; i++)
        if (thrum_generator_new(&generators[i], stand, &depths[i], .yields = sizeof(int), .name = names[i]) != 0 ||
            thrum_generator_next(generators[i], &value) != 0)
            return 1;
    if (thrum_generator_free(generators[1]) != 0 ||
        thrum_generator_new(&generators[3], crash, NULL, .name = "crash") != 0)
        return 1;
    return thrum_generator_next(generators[3], NULL);
}
