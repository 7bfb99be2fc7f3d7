/*
 * lock.h - what every lock is asked to do
 *
 * A contestant says what its lock is (lock_type, ready when zero), what taking and giving it back
 * is, and includes this; all of it is then compiled together, as in a program that uses the lock.
 *
 *     alone      one thread takes it and gives it back; another exists, and waits elsewhere
 *     count      the same, and increments a counter in between: a processor has to have written that
 *                before it does the second atomic operation
 *     short-T    T threads at once, and a section that increments a counter
 *     long-T     the same with 30 multiplications inside and 60 outside
 *     fair-T     short-T for N milliseconds: not a time, but the turns of the busiest thread
 *                over those of the least busy
 *
 * The counter lies beside the lock, as what a lock guards mostly does, and says when all is done: so
 * all threads contend to the end, and none is left to run alone because it had fewer turns left.
 */
#ifndef BENCH_LOCK_H
#define BENCH_LOCK_H

#include <poll.h>
#include <pthread.h>

#include "bench.h"

#define LOCK_MAX_THREADS 8
#define LOCK_INSIDE 30
#define LOCK_OUTSIDE 60

static inline void take(lock_type *lock);
static inline void give(lock_type *lock);

/* Lines in pairs: a processor may fetch the neighbour of a line too. */
static struct {
    _Alignas(128) lock_type lock;
    uint64_t count; /* all of this by the lock's holder */
    uint64_t end;   /* the count at which all stop */
    double product;
} guarded;

static struct lock_thread {
    _Alignas(128) pthread_t thread;
    uint64_t turns;
    double product;
} lock_threads[LOCK_MAX_THREADS];

static struct {
    _Alignas(128) pthread_barrier_t gate; /* all threads and main, at the start of the clock */
    bool lengthy;
    volatile double factor; /* unknown to the compiler */
} lock_job = {.factor = 1 + 1e-9};

static inline double multiply(double x, double factor, int times)
{
    for (int i = 0; i < times; i++)
        x *= factor; /* each needs the one before: this is time, not throughput */
    return x;
}

static void take_turns_short(struct lock_thread *self)
{
    for (bool more = true; more;) {
        take(&guarded.lock);
        more = guarded.count < guarded.end;
        guarded.count += more;
        give(&guarded.lock);
        self->turns += more;
    }
}

static void take_turns_long(struct lock_thread *self)
{
    double factor = lock_job.factor;
    for (bool more = true; more;) {
        take(&guarded.lock);
        more = guarded.count < guarded.end;
        guarded.count += more;
        guarded.product = multiply(guarded.product, factor, LOCK_INSIDE);
        give(&guarded.lock);
        self->product = multiply(self->product, factor, LOCK_OUTSIDE);
        self->turns += more;
    }
}

static void *lock_thread_main(void *arg)
{
    struct lock_thread *self = arg;
    pthread_barrier_wait(&lock_job.gate);
    if (lock_job.lengthy)
        take_turns_long(self);
    else
        take_turns_short(self);
    return NULL;
}

/* All threads at it until the count is `end` or, with `ms`, for so long. The time it took. */
static int64_t contend(int threads, bool lengthy, uint64_t end, int ms)
{
    guarded.count = 0;
    guarded.end = ms > 0 ? UINT64_MAX : end;
    guarded.product = 1;
    lock_job.lengthy = lengthy;
    bench_need(pthread_barrier_init(&lock_job.gate, NULL, (unsigned)threads + 1) == 0, "pthread_barrier_init");
    for (int i = 0; i < threads; i++) {
        lock_threads[i].turns = 0;
        lock_threads[i].product = 1;
        bench_need(pthread_create(&lock_threads[i].thread, NULL, lock_thread_main, &lock_threads[i]) == 0,
                   "pthread_create");
    }
    int64_t start = bench_now();
    pthread_barrier_wait(&lock_job.gate);
    if (ms > 0) {
        (void)poll(NULL, 0, ms);
        take(&guarded.lock);
        guarded.end = guarded.count;
        give(&guarded.lock);
    }
    uint64_t turns = 0;
    for (int i = 0; i < threads; i++) {
        bench_need(pthread_join(lock_threads[i].thread, NULL) == 0, "pthread_join");
        turns += lock_threads[i].turns;
    }
    int64_t time = bench_now() - start;
    bench_need(turns == guarded.count && turns == guarded.end, "the lock let two threads in");
    pthread_barrier_destroy(&lock_job.gate);
    return time;
}

static void *wait_at_gate(void *unused)
{
    pthread_barrier_wait(&lock_job.gate);
    return unused;
}

static inline int64_t beside_another(size_t n, bool count)
{
    pthread_t other;
    bench_need(pthread_barrier_init(&lock_job.gate, NULL, 2) == 0, "pthread_barrier_init");
    bench_need(pthread_create(&other, NULL, wait_at_gate, NULL) == 0, "pthread_create");
    guarded.count = 0;
    int64_t start = bench_now();
    for (size_t i = 0; i < n; i++) {
        take(&guarded.lock);
        if (count)
            guarded.count++;
        give(&guarded.lock);
    }
    int64_t time = bench_now() - start;
    bench_need(guarded.count == (count ? n : 0), "the count");
    pthread_barrier_wait(&lock_job.gate);
    pthread_join(other, NULL);
    pthread_barrier_destroy(&lock_job.gate);
    return time;
}

static int64_t lock_alone(size_t n)
{
    return beside_another(n, false);
}

static int64_t lock_count(size_t n)
{
    return beside_another(n, true);
}

static int64_t lock_short_2(size_t n)
{
    return contend(2, false, n, 0);
}

static int64_t lock_short_8(size_t n)
{
    return contend(8, false, n, 0);
}

static int64_t lock_long_2(size_t n)
{
    return contend(2, true, n, 0);
}

static int64_t lock_long_8(size_t n)
{
    return contend(8, true, n, 0);
}

/* The caller divides by n. A thread that had no turn at all counts as one that had one. */
static int64_t lock_fairness(int threads, size_t n)
{
    contend(threads, false, 0, (int)n);
    uint64_t most = 0, least = UINT64_MAX;
    for (int i = 0; i < threads; i++) {
        uint64_t turns = lock_threads[i].turns;
        most = turns > most ? turns : most;
        least = turns < least ? turns : least;
    }
    return (int64_t)((double)most / (double)(least > 0 ? least : 1) * (double)n);
}

static int64_t lock_fair_2(size_t n)
{
    return lock_fairness(2, n);
}

static int64_t lock_fair_8(size_t n)
{
    return lock_fairness(8, n);
}

static int lock_main(int argc, char **argv, const char *label)
{
    static const struct bench_case cases[] = {
        {"alone", lock_alone},     {"count", lock_count},   {"short-2", lock_short_2},
        {"short-8", lock_short_8}, {"long-2", lock_long_2}, {"long-8", lock_long_8},
        {"fair-2", lock_fair_2},   {"fair-8", lock_fair_8}, {0}};
    return bench_main(argc, argv, label, cases);
}

#endif
