/*
 * model_coroutine.c - stacks that go from thread to thread, and generators
 *
 * The model has no fork(2). But a forked child finds memory as another thread might that takes no lock: so one of the
 * threads looks at the pool's lists as the child's first stack_take would, heads first, while the others change them.
 */
#include <errno.h>
#include <string.h>

#include "coroutine/coroutine.h"
#include "coroutine/watch.h"
#include "model.h"
#include "park/sleeper.h"
#include "platform/state.h"
#include "thrum/thrum.h"

#define ALONE ((size_t)40 << 20) /* a stack of that size has a slab to itself */

static struct {
    struct stack *x, *y;
    struct stack_slab *slabs[2]; /* of x and y */
    struct stack_class *class;   /* of both */
    thrum_generator *generator;
    struct sleeper records[2] __attribute__((__aligned__(64)));
    uint32_t number; /* of one of them */
    uint32_t over;
    /* Plain data: what has to be ordered. */
    int count, news, sum[MODEL_THREADS];
} s;

static void before(void)
{
    memset(&s, 0, sizeof s);
}

/* ---- Stacks ---- */

/* Nobody else has it, and what the last one did on it is done. */
static void stacks_are_ones_own(int i)
{
    for (int round = 0; round < 2; round++) {
        struct stack *stack = stack_take(i == 0 ? 0 : ALONE);
        check(stack != NULL);
        int *word = stack_record(stack);
        int number = *word + 1;
        *word = number;
        model_dawdle(5);
        check(*word == number);
        stack_give(stack);
    }
}

static void slab_is_found_whole(int i)
{
    if (i == 0) {
        for (int n = 0; n < 2; n++) {
            struct stack *stack = stack_take(ALONE);
            check(stack_of_address(stack->low) == stack);
        }
    } else {
        check(stack_of_address(&s) == NULL);
    }
}

static void before_lists(void)
{
    before();
    s.x = stack_take(ALONE);
    s.y = stack_take(ALONE);
    s.slabs[0] = s.x->slab;
    s.slabs[1] = s.y->slab;
    s.class = &os_state()->stacks.classes[s.slabs[0]->class];
}

static void before_cold_lists(void)
{
    before_lists();
    s.class->n_warm = STACK_WARM; /* no more are kept warm */
}

static void wait_for(void *const *head, const void *expected)
{
    while (os_load_relaxed(head) != expected)
        os_yield();
}

/* Thread 1 puts y upon the x of thread 0, and thread 2 takes it off again: so the head is as it was, but not by the one
 * who has filled what it leads to. */
static void child_finds_warm_stacks(int i)
{
    void *const *head = (void *const *)&s.class->warm;
    if (i == 0) {
        stack_give(s.x);
    } else if (i == 1) {
        wait_for(head, s.x);
        stack_give(s.y);
    } else if (i == 2) {
        wait_for(head, s.y);
        check(stack_take(ALONE) == s.y);
    } else {
        model_dawdle(60);
        if (os_load_acquire(&s.class->warm) == s.x)
            check(s.x->next == NULL);
    }
}

static void child_finds_cold_stacks(int i)
{
    void *const *head = (void *const *)&s.class->cold;
    if (i == 0) {
        stack_give(s.x);
    } else if (i == 1) {
        wait_for(head, s.slabs[0]);
        stack_give(s.y);
    } else if (i == 2) {
        wait_for(head, s.slabs[1]);
        check(stack_take(ALONE) == s.y);
    } else {
        model_dawdle(60);
        if (os_load_acquire(&s.slabs[0]->n_cold) == 1)
            check(s.slabs[0]->cold_stacks[0] == 0);
        if (os_load_acquire(&s.class->cold) == s.slabs[0])
            check(s.slabs[0]->next_cold == NULL);
    }
}

/* ---- Sleepers on them ---- */

static int no_sleep(struct sleeper *sleeper, int64_t deadline)
{
    (void)sleeper, (void)deadline;
    return 0;
}

static void no_wake(struct sleeper *sleeper, bool counted)
{
    (void)sleeper, (void)counted;
}

static const struct sleeper_ops no_ops = {no_sleep, no_wake, NULL, NULL};

/* Who has its number finds it, and who looks at all finds each whole. */
static void sleeper_is_found(int i)
{
    if (i == 0) {
        struct sleeper *host = sleeper_attach();
        uint32_t place = sleeper_block(s.records, sizeof s.records[0]);
        check(host != NULL && place != 0);
        struct sleeper *made = sleeper_hosted(place, 0, &no_ops, "task", host);
        os_store_relaxed(&s.number, os_load_relaxed(&made->owner));
        model_dawdle(20);
        sleeper_drop(made);
    } else if (i == 1) {
        model_dawdle(40);
        uint32_t number = os_load_relaxed(&s.number);
        check(number == 0 || sleeper_of(number) == &s.records[0]);
    } else {
        model_dawdle(40);
        check(thrum_dump(1) == 0);
    }
}

/* ---- Generators ---- */

static int count_to_three(thrum_generator *self, void *arg)
{
    int result = 0;
    (void)arg;
    while (s.count < 3 && result == 0) {
        s.count++;
        result = thrum_yield(self, &s.count, NULL);
    }
    return result;
}

static int bring_news(thrum_generator *self, void *arg)
{
    int value = 0, result = thrum_yield(self, &value, NULL);
    (void)arg;
    s.news = 1;
    return result == 0 ? thrum_yield(self, &value, NULL) : result;
}

static void make(int (*function)(thrum_generator *self, void *arg))
{
    before();
    check(thrum_generator_new(&s.generator, function, NULL, .yields = sizeof(int)) == 0);
    check(thrum_synchronized(s.generator) == 0);
}

static void before_counting(void)
{
    make(count_to_three);
}

static void before_news(void)
{
    make(bring_news);
}

static void before_second_news(void)
{
    int value;
    before_news();
    check(thrum_generator_next(s.generator, &value) == 0);
}

/* Each value goes to one of them. */
static void synchronized_takes_turns(int i)
{
    int value, result;
    while ((result = thrum_generator_next(s.generator, &value)) == 0)
        s.sum[i] += value;
    check(result == THRUM_STOP_ITERATION);
}

static void six_are_counted(void)
{
    check(s.sum[0] + s.sum[1] + s.sum[2] == 6 && s.count == 3);
    check(thrum_generator_free(s.generator) == 0);
}

static enum thrum_generator_state state(void)
{
    enum thrum_generator_state seen = THRUM_GENERATOR_CREATED;
    check(thrum_generator_state(s.generator, &seen) == 0);
    return seen;
}

/* Seen to have ended, it has done all that it does. */
static void end_is_seen(int i)
{
    int value;
    if (i == 0) {
        while (thrum_generator_next(s.generator, &value) == 0)
            ;
    } else {
        model_dawdle(40);
        if (state() == THRUM_GENERATOR_CLOSED)
            check(s.news == 1);
    }
}

/* Seen to run and then to stand still, it has done what it does in between. */
static void step_is_seen(int i)
{
    int value;
    if (i == 0) {
        model_dawdle(10);
        check(thrum_generator_next(s.generator, &value) == 0);
    } else {
        bool ran = false, stands = false;
        for (int n = 0; n < 40 && !stands; n++) {
            enum thrum_generator_state seen = state();
            stands = ran && seen == THRUM_GENERATOR_SUSPENDED;
            ran = ran || seen == THRUM_GENERATOR_RUNNING;
        }
        check(!stands || s.news == 1);
    }
}

/* Seen to be closed, it is so since what its closer did before. */
static void close_is_seen(int i)
{
    if (i == 0) {
        s.news = 1;
        check(thrum_generator_close(s.generator) == 0);
    } else {
        model_dawdle(20);
        if (state() == THRUM_GENERATOR_CLOSED)
            check(s.news == 1);
    }
}

/* ---- Descriptors ---- */

/* A thread in its poller is told that what it waits for is closed. */
static void closed_descriptor_is_told(int i)
{
    if (i == 0) {
        check(descriptor_await(3, OS_READABLE, false, OS_FOREVER, NULL) == -EBADF);
        check(s.news == 1);
        os_store_relaxed(&s.over, 1);
    } else {
        s.news = 1;
        for (; os_load_relaxed(&s.over) == 0; os_yield())
            descriptor_wake(3, -EBADF);
    }
}

const struct model_scenario coroutine_scenarios[] = {
    {"stacks_are_ones_own", 3, stacks_are_ones_own, before, NULL},
    {"slab_is_found_whole", 2, slab_is_found_whole, before, NULL},
    {"child_finds_warm_stacks", 4, child_finds_warm_stacks, before_lists, NULL},
    {"child_finds_cold_stacks", 4, child_finds_cold_stacks, before_cold_lists, NULL},
    {"closed_descriptor_is_told", 2, closed_descriptor_is_told, before, NULL},
    {"hosted_sleeper_is_found", 3, sleeper_is_found, before, NULL},
    {"synchronized_takes_turns", 3, synchronized_takes_turns, before_counting, six_are_counted},
    {"generators_end_is_seen", 2, end_is_seen, before_news, NULL},
    {"generators_step_is_seen", 2, step_is_seen, before_second_news, NULL},
    {"generators_close_is_seen", 2, close_is_seen, before_news, NULL},
    {0},
};
