/*
 * scheduler.c - what coroutines cost that take turns on one thread
 *
 *     pingpong     two hand a number to and fro by a queue each way, N round trips
 *     yield        two yield to each other, N turns
 *     run          start one, which returns at once, N times
 *     wake-M       M coroutines, each waiting for an event of its own, are woken in random order, until N were
 *     parked       not a time: bytes of memory for each of N that wait so, page tables counted
 */
#include "bench.h"

#include <thrum/thrum.h>

static thrum_scheduler *new_scheduler(void)
{
    thrum_scheduler *made;
    bench_need(thrum_scheduler_new(&made) == 0, "a scheduler");
    return made;
}

static void run_and_free(thrum_scheduler *scheduler)
{
    bench_need(thrum_scheduler_run(scheduler) == 0, "a run");
    bench_need(thrum_scheduler_free(scheduler) == 0, "the scheduler's end");
}

static void start(thrum_scheduler *scheduler, int (*function)(void *arg), void *arg)
{
    bench_need(thrum_coroutine_run(NULL, scheduler, function, arg) == 0, "a coroutine");
}

/* ---- Two ---- */

static struct {
    thrum_queue *there, *back;
    size_t n;
    int64_t begin, end;
} pair;

static int serve(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < pair.n; i++) {
        uint64_t item;
        if (thrum_queue_get(pair.there, &item, THRUM_FOREVER) != 0)
            return 1;
        item++;
        if (thrum_queue_put(pair.back, &item, THRUM_FOREVER) != 0)
            return 1;
    }
    return 0;
}

static int ask(void *arg)
{
    uint64_t item = 0;
    (void)arg;
    pair.begin = bench_now();
    for (size_t i = 0; i < pair.n; i++) {
        if (thrum_queue_put(pair.there, &item, THRUM_FOREVER) != 0 ||
            thrum_queue_get(pair.back, &item, THRUM_FOREVER) != 0)
            return 1;
    }
    pair.end = bench_now();
    return item != pair.n;
}

static int64_t pingpong(size_t n)
{
    thrum_scheduler *scheduler = new_scheduler();
    bench_need(thrum_queue_new(&pair.there, .maxsize = 1, .item_size = sizeof(uint64_t)) == 0 &&
                   thrum_queue_new(&pair.back, .maxsize = 1, .item_size = sizeof(uint64_t)) == 0,
               "a queue");
    pair.n = n;
    start(scheduler, serve, NULL);
    start(scheduler, ask, NULL);
    run_and_free(scheduler);
    thrum_queue_free(pair.there);
    thrum_queue_free(pair.back);
    return pair.end - pair.begin;
}

static int take_turns(void *arg)
{
    const size_t *n = arg;
    for (size_t i = 0; i < *n; i++)
        if (thrum_coroutine_yield() != 0)
            return 1;
    return 0;
}

static int64_t yield(size_t n)
{
    thrum_scheduler *scheduler = new_scheduler();
    size_t each = n / 2;
    start(scheduler, take_turns, &each);
    start(scheduler, take_turns, &each);
    int64_t begin = bench_now();
    run_and_free(scheduler);
    return bench_now() - begin;
}

/* ---- Many ---- */

#define AT_ONCE 1000

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int start_many(void *arg)
{
    const size_t *n = arg;
    for (size_t i = 1; i <= *n; i++) {
        if (thrum_coroutine_run(NULL, NULL, nothing, NULL) != 0)
            return 1;
        if (i % AT_ONCE == 0 && thrum_coroutine_yield() != 0)
            return 1;
    }
    return 0;
}

static int64_t run(size_t n)
{
    thrum_scheduler *scheduler = new_scheduler();
    start(scheduler, start_many, &n);
    int64_t begin = bench_now();
    run_and_free(scheduler);
    return bench_now() - begin;
}

static struct {
    thrum_event *events;
    uint32_t *order;
    size_t m, n, woken;
    bool over;
    int64_t taken;
} sleepers;

static int wait_again_and_again(void *arg)
{
    thrum_event *event = arg;
    while (!sleepers.over) {
        if (thrum_event_wait(event, THRUM_FOREVER) != 0)
            return 1;
        thrum_event_clear(event);
        sleepers.woken++;
    }
    return 0;
}

static void shuffle(void)
{
    uint64_t random = 88172645463325252u; /* xorshift: Marsaglia, "Xorshift RNGs" (2003) */
    for (size_t i = 0; i < sleepers.m; i++)
        sleepers.order[i] = (uint32_t)i;
    for (size_t i = sleepers.m; i > 1; i--) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        size_t other = random % i;
        uint32_t one = sleepers.order[i - 1];
        sleepers.order[i - 1] = sleepers.order[other];
        sleepers.order[other] = one;
    }
}

/* All are parked when it has its first turn, for it is started last. */
static int wake_them(void *arg)
{
    int64_t begin = bench_now();
    (void)arg;
    while (sleepers.woken < sleepers.n)
        for (size_t i = 0; i < sleepers.m;) {
            for (size_t end = i + 100 < sleepers.m ? i + 100 : sleepers.m; i < end; i++)
                thrum_event_set(&sleepers.events[sleepers.order[i]]);
            if (thrum_coroutine_yield() != 0)
                return 1;
        }
    sleepers.taken = bench_now() - begin;
    sleepers.over = true;
    for (size_t i = 0; i < sleepers.m; i++)
        thrum_event_set(&sleepers.events[i]);
    return 0;
}

static void park_many(thrum_scheduler *scheduler, size_t m)
{
    sleepers.events = calloc(m, sizeof *sleepers.events);
    sleepers.order = calloc(m, sizeof *sleepers.order);
    bench_need(sleepers.events != NULL && sleepers.order != NULL, "memory");
    sleepers.m = m;
    sleepers.woken = 0;
    sleepers.over = false;
    shuffle();
    for (size_t i = 0; i < m; i++)
        start(scheduler, wait_again_and_again, &sleepers.events[i]);
}

static int64_t wake(size_t m, size_t n)
{
    thrum_scheduler *scheduler = new_scheduler();
    park_many(scheduler, m);
    sleepers.n = n;
    start(scheduler, wake_them, NULL);
    run_and_free(scheduler);
    free(sleepers.events);
    free(sleepers.order);
    return (int64_t)((double)sleepers.taken / (double)((n + m - 1) / m * m) * (double)n);
}

static int64_t wake_1000(size_t n)
{
    return wake(1000, n);
}

static int64_t wake_1000000(size_t n)
{
    return wake(1000000, n);
}

static int tell_memory(void *arg)
{
    (void)arg;
    sleepers.taken = bench_memory();
    sleepers.over = true;
    for (size_t i = 0; i < sleepers.m; i++)
        thrum_event_set(&sleepers.events[i]);
    return 0;
}

static int64_t parked(size_t n)
{
    static int64_t before; /* the first pass: what it leaves behind is counted too */
    if (before == 0)
        before = bench_memory();
    thrum_scheduler *scheduler = new_scheduler();
    park_many(scheduler, n);
    start(scheduler, tell_memory, NULL);
    run_and_free(scheduler);
    free(sleepers.events);
    free(sleepers.order);
    return sleepers.taken - before;
}

int main(int argc, char **argv)
{
    char label[64];
    static const struct bench_case cases[] = {
        {"pingpong", pingpong},         {"yield", yield},   {"run", run}, {"wake-1000", wake_1000},
        {"wake-1000000", wake_1000000}, {"parked", parked}, {NULL, NULL}};
    (void)snprintf(label, sizeof label, "thrum %s", thrum_version());
    return bench_main(argc, argv, label, cases);
}
