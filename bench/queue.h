/*
 * queue.h - what every queue is asked to do
 *
 * A contestant says how its queue of QUEUE_CAPACITY items of 8 bytes is made (pairs: so many producers, and
 * as many consumers), and what put and get are, both of which wait; and includes this, which is compiled with it.
 *
 *     1-1, 2-2    N items in all from so many producers to so many consumers
 *
 * The clock runs from when all threads are let go until the last has ended. What comes out is added
 * up, so nothing is lost.
 */
#ifndef BENCH_QUEUE_H
#define BENCH_QUEUE_H

#include <pthread.h>

#include "bench.h"

#define QUEUE_CAPACITY 1024
#define QUEUE_MAX_THREADS 4

static void queue_make(int pairs);
static void queue_drop(void);
static inline void put(uint64_t item); /* never 0 */
static inline uint64_t get(void);

static struct queue_thread {
    _Alignas(128) pthread_t thread;
    uint64_t first, items; /* a producer's: the numbers that it puts */
    uint64_t sum;          /* a consumer's: of those that it got */
} queue_threads[QUEUE_MAX_THREADS];

static pthread_barrier_t queue_gate;

static void *produce(void *arg)
{
    const struct queue_thread *self = arg;
    uint64_t first = self->first, end = first + self->items;
    pthread_barrier_wait(&queue_gate);
    for (uint64_t item = first; item < end; item++)
        put(item);
    return NULL;
}

static void *consume(void *arg)
{
    struct queue_thread *self = arg;
    uint64_t sum = 0;
    pthread_barrier_wait(&queue_gate);
    for (uint64_t left = self->items; left > 0; left--)
        sum += get();
    self->sum = sum;
    return NULL;
}

/* n is a multiple of `pairs`, or a little less is done. */
static int64_t transfer(size_t n, int pairs)
{
    uint64_t each = n / (size_t)pairs, sum = 0, all = each * (size_t)pairs;
    queue_make(pairs);
    bench_need(pthread_barrier_init(&queue_gate, NULL, 2 * (unsigned)pairs + 1) == 0, "pthread_barrier_init");
    for (int i = 0; i < 2 * pairs; i++) {
        struct queue_thread *thread = &queue_threads[i];
        *thread = (struct queue_thread){.first = 1 + (uint64_t)i * each, .items = each};
        bench_need(pthread_create(&thread->thread, NULL, i < pairs ? produce : consume, thread) == 0, "pthread_create");
    }
    int64_t start = bench_now();
    pthread_barrier_wait(&queue_gate);
    for (int i = 0; i < 2 * pairs; i++) {
        bench_need(pthread_join(queue_threads[i].thread, NULL) == 0, "pthread_join");
        sum += queue_threads[i].sum;
    }
    int64_t time = bench_now() - start;
    bench_need(sum == all * (all + 1) / 2, "items were lost or came twice");
    pthread_barrier_destroy(&queue_gate);
    queue_drop();
    return time;
}

static int64_t queue_1_1(size_t n)
{
    return transfer(n, 1);
}

static int64_t queue_2_2(size_t n)
{
    return transfer(n, 2);
}

static int queue_main(int argc, char **argv, const char *label)
{
    static const struct bench_case cases[] = {{"1-1", queue_1_1}, {"2-2", queue_2_2}, {0}};
    return bench_main(argc, argv, label, cases);
}

#endif
