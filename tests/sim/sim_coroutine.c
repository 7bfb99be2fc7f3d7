/*
 * sim_coroutine.c - scenarios of generators between threads: turns, hand-overs, and their stacks
 */
#include "runner.h"

#include <stdlib.h>

static struct {
    thrum_generator *generator;
    thrum_lock lock;
    int sum, got, inside;
} g;

static int count_to_five(thrum_generator *self, void *arg)
{
    (void)arg;
    for (int i = 1; i <= 5; i++) {
        sim_check(g.inside++ == 0); /* one at a time */
        os_yield();
        g.inside--;
        int result = thrum_yield(self, &i, NULL);
        if (result != 0)
            return result;
    }
    return 0;
}

static thrum_generator *generator_of(int (*function)(thrum_generator *self, void *arg), size_t stack_size)
{
    thrum_generator *made = NULL;
    thrum_generator_options options = {.yields = sizeof(int), .stack_size = stack_size};
    must(thrum_generator_new_with(&made, function, NULL, &options));
    return made;
}

static int sum_up(void *arg)
{
    int value, result, sum = 0, got = 0;
    (void)arg;
    while ((result = thrum_generator_next(g.generator, &value)) == 0) {
        sum += value;
        got++;
    }
    sim_check(result == THRUM_STOP_ITERATION);
    must(thrum_lock_acquire(&g.lock, THRUM_FOREVER));
    g.sum += sum;
    g.got += got;
    must(thrum_lock_release(&g.lock));
    return 0;
}

/* Three threads take turns: each value goes to one of them, and all see the end. */
static void synchronized_gives_each_value_once(void)
{
    thrum_thread *threads[3];
    g.generator = generator_of(count_to_five, 0);
    must(thrum_synchronized(g.generator));
    for (int i = 0; i < 3; i++)
        threads[i] = spawn(sum_up, NULL);
    for (int i = 0; i < 3; i++)
        must(finish(threads[i]));
    sim_check(g.sum == 15 && g.got == 5);
    must(thrum_generator_free(g.generator));
}

static int close_it(void *arg)
{
    (void)arg;
    must(thrum_generator_close(g.generator));
    return 0;
}

/* It is closed by one thread while others go on with it: it ends for all. */
static void synchronized_close_meets_next(void)
{
    thrum_thread *threads[3];
    g.generator = generator_of(count_to_five, 0);
    must(thrum_synchronized(g.generator));
    for (int i = 0; i < 3; i++)
        threads[i] = spawn(i == 0 ? close_it : sum_up, NULL);
    for (int i = 0; i < 3; i++)
        must(finish(threads[i]));
    sim_check(g.got <= 5 && g.inside == 0);
    must(thrum_generator_free(g.generator));
}

static int make_and_free(void *arg)
{
    int value;
    (void)arg;
    for (int i = 0; i < 3; i++) {
        thrum_generator *generators[2];
        for (int k = 0; k < 2; k++)
            generators[k] = generator_of(count_to_five, 100000);
        sim_check(generators[0] != generators[1]);
        for (int k = 0; k < 2; k++) {
            must(thrum_lock_acquire(&g.lock, THRUM_FOREVER));
            must(thrum_generator_next(generators[k], &value));
            must(thrum_lock_release(&g.lock));
            sim_check(value == 1);
        }
        for (int k = 0; k < 2; k++)
            must(thrum_generator_free(generators[k]));
    }
    return 0;
}

/* Stacks go from thread to thread through the pool, and no two have one. */
static void stacks_are_ones_own(void)
{
    thrum_thread *threads[3];
    for (int i = 0; i < 3; i++)
        threads[i] = spawn(make_and_free, NULL);
    for (int i = 0; i < 3; i++)
        must(finish(threads[i]));
}

int main(int argc, char **argv)
{
    static const struct scenario scenarios[] = {
        SCENARIO(synchronized_gives_each_value_once),
        SCENARIO(synchronized_close_meets_next),
        SCENARIO(stacks_are_ones_own),
    };
    return sim_main(argc, argv, scenarios, sizeof scenarios / sizeof scenarios[0]);
}
