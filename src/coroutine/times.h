/*
 * times.h - who is to be woken when: points of time, of which the earliest is at hand
 *
 * A pairing heap (Fredman, Sedgewick, Sleator, Tarjan, "The Pairing Heap", 1986) whose nodes lie in their owners'
 * records: to add one needs no memory and one comparison, to take one out costs a logarithm on average. For one thread.
 */
#ifndef COROUTINE_TIMES_H_
#define COROUTINE_TIMES_H_

#include <stdint.h>

struct wake_time {
    int64_t at;
    struct wake_time *child;    /* the first of those that come later than this one, or at the same time */
    struct wake_time *next;     /* the next child of the same one */
    struct wake_time *previous; /* the one before it, of the first child the one above; of the earliest: NULL */
};

struct times {
    struct wake_time *earliest;
};

#define times_add thrum_times_add_
#define times_remove thrum_times_remove_
void times_add(struct times *times, struct wake_time *time); /* its `at` is set */
void times_remove(struct times *times, struct wake_time *time);

#endif
