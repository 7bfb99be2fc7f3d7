/*
 * sleepers.c - what a wait costs among many others
 *
 *     SLEEPERS        park and wake, each at an event of its own, while so many are parked: N waits in
 *                     all; sleepers of the seam that do not sleep (park/sleeper.h), so one thread plays all
 *     walk-SLEEPERS   a random walk over as much memory, one step for each wait, and nothing else
 *
 * A sleeper that goes to sleep lets the next one wait, so all of them lie on one stack, one above the
 * other, as their waits do; the last one wakes all in random order, another one each time, and all
 * return. Orders are made beside the clock.
 *
 * The walk is what no parking lot is spared: to a waiter's memory, wherever it is. One step is the least:
 * a wake goes to the event's bucket, to the wait and to the sleeper's record.
 */
#include "bench.h"

#include <pthread.h>

#include "park/park.h"

#define MOST 100000
#define LINE 64
#define STACK ((size_t)128 << 20)

static struct sleeper *sleepers[MOST];
static thrum_event events[MOST];
static uint32_t order[MOST];
static size_t waiters, parked, woken;
static const char *lowest_frame;

static uint64_t random_state = 1;

/* xorshift64* (Vigna): the same orders in each run. */
static uint64_t random_below(uint32_t limit)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (random_state * UINT64_C(2685821657736338717) >> 32) * limit >> 32;
}

static void shuffle(uint32_t *numbers, size_t n)
{
    for (size_t i = n - 1; i > 0; i--) {
        size_t other = random_below((uint32_t)i + 1);
        uint32_t number = numbers[i];
        numbers[i] = numbers[other];
        numbers[other] = number;
    }
}

/* ---- Sleepers ---- */

static void wait_as_next(void)
{
    size_t i = parked++;
    sleeper_current = sleepers[i];
    bench_need(thrum_event_wait(&events[i], THRUM_FOREVER) == 0, "wait");
}

static int fake_sleep(struct sleeper *sleeper, int64_t deadline)
{
    (void)deadline;
    if (parked < waiters) {
        wait_as_next();
    } else {
        lowest_frame = __builtin_frame_address(0);
        for (size_t i = 0; i < waiters; i++)
            thrum_event_set(&events[order[i]]);
    }
    bench_need(os_load_acquire(&sleeper->wake) == 1, "wake");
    return 0;
}

static void fake_wake(struct sleeper *sleeper, bool counted)
{
    (void)counted;
    os_store_release(&sleeper->wake, 1); /* as a thread's waker does */
    woken++;
}

static const struct sleeper_ops fake_ops = {fake_sleep, fake_wake, NULL, NULL};

/* All wait once. */
static int64_t pass(void)
{
    parked = woken = 0;
    memset(events, 0, waiters * sizeof events[0]);
    shuffle(order, waiters);
    struct sleeper *self = sleeper_self();
    int64_t start = bench_now();
    wait_as_next();
    int64_t time = bench_now() - start;
    sleeper_current = self;
    bench_need(woken == waiters, "the count of wakes");
    return time;
}

static int64_t many(size_t n)
{
    int64_t time = 0;
    for (size_t i = 0; i < waiters; i++) {
        if (sleepers[i] == NULL)
            sleepers[i] = sleeper_new(&fake_ops);
        bench_need(sleepers[i] != NULL, "memory");
        order[i] = (uint32_t)i;
    }
    for (size_t done = 0; done < n; done += waiters)
        time += pass();
    return time;
}

/* ---- Walk ---- */

/* So much stack, record and event each sleeper takes. */
static size_t bytes_each(void)
{
    waiters = 1000;
    many(1);
    const char *highest = __builtin_frame_address(0);
    return (size_t)(highest - lowest_frame) / waiters + sizeof(struct sleeper) + sizeof(thrum_event);
}

struct place {
    struct place *next;
    uint64_t visits;
    char rest[LINE - sizeof(void *) - sizeof(uint64_t)];
};

static int64_t walk(size_t n)
{
    size_t count = waiters, places = count * bytes_each() / LINE;
    struct place *all = aligned_alloc(LINE, places * LINE);
    uint32_t *way = malloc(places * sizeof *way);
    bench_need(all != NULL && way != NULL && places >= count, "memory");
    for (size_t i = 0; i < places; i++)
        way[i] = (uint32_t)i;
    shuffle(way, places);
    for (size_t i = 0; i < count; i++)
        all[way[i]] = (struct place){.next = &all[way[i + 1 < count ? i + 1 : 0]]};
    struct place *at = &all[way[0]];
    int64_t start = bench_now();
    for (size_t left = n; left > 0; left--) {
        at->visits++; /* a wake writes too */
        at = at->next;
    }
    int64_t time = bench_now() - start;
    bench_need(at != NULL, "the walk");
    free(way);
    free(all);
    waiters = count;
    return time;
}

/* ---- The program ---- */

struct job {
    const struct bench_case *cases;
    int argc, status;
    char **argv;
};

static void *work(void *arg)
{
    struct job *job = arg;
    char label[64];
    snprintf(label, sizeof label, "thrum %s", thrum_version());
    job->status = bench_main(job->argc, job->argv, label, job->cases);
    return NULL;
}

int main(int argc, char **argv)
{
    /* Named by the caller, so that any number can be looked at. */
    const char *digits = argc == 3 ? argv[1] + strcspn(argv[1], "0123456789") : "0";
    waiters = strtoul(digits, NULL, 10);
    bool known = waiters >= 1 && waiters <= MOST;
    const struct bench_case cases[] = {{argc == 3 && known ? argv[1] : "SLEEPERS", digits == argv[1] ? many : walk},
                                       {0}};
    struct job job = {.cases = cases, .argc = argc, .argv = argv};
    pthread_attr_t attributes;
    pthread_t thread;
    bench_need(pthread_attr_init(&attributes) == 0, "pthread_attr_init");
    bench_need(pthread_attr_setstacksize(&attributes, STACK) == 0, "pthread_attr_setstacksize");
    bench_need(pthread_create(&thread, &attributes, work, &job) == 0, "pthread_create");
    pthread_join(thread, NULL);
    return job.status;
}
