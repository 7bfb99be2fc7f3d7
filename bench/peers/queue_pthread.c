/*
 * queue_pthread.c - the queue that one writes oneself: a ring, one mutex, two conditions
 */
#include "../queue.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t not_empty = PTHREAD_COND_INITIALIZER, not_full = PTHREAD_COND_INITIALIZER;
static uint64_t ring[QUEUE_CAPACITY];
static size_t first, count;

static void queue_make(int pairs)
{
    (void)pairs;
    first = count = 0;
}

static void queue_drop(void)
{
}

static inline void put(uint64_t item)
{
    pthread_mutex_lock(&lock);
    while (count == QUEUE_CAPACITY)
        pthread_cond_wait(&not_full, &lock);
    ring[(first + count++) % QUEUE_CAPACITY] = item;
    pthread_mutex_unlock(&lock);
    pthread_cond_signal(&not_empty);
}

static inline uint64_t get(void)
{
    pthread_mutex_lock(&lock);
    while (count == 0)
        pthread_cond_wait(&not_empty, &lock);
    uint64_t item = ring[first++ % QUEUE_CAPACITY];
    count--;
    pthread_mutex_unlock(&lock);
    pthread_cond_signal(&not_full);
    return item;
}

int main(int argc, char **argv)
{
    return queue_main(argc, argv, "ring, mutex, two conditions");
}
