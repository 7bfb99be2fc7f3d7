/*
 * tasks.h - small tasks, for tests that are about what becomes of a task
 */
#ifndef THRUM_TESTS_TASKS_H
#define THRUM_TESTS_TASKS_H

#include "pools.h"

/* Fails below zero. */
static int square(const int *x, int *y)
{
    *y = *x * *x;
    return *x < 0 ? thrum_fail(-*x, "%d is below zero", *x) : 0;
}
THRUM_TASK(square, int, int);

static inline thrum_future *submit_square(thrum_executor *pool, int x)
{
    thrum_future *future;
    check_result(thrum_submit(pool, square, &x, &future), 0);
    return future;
}

/* Counts its runs. */
typedef atomic_int *counter_ref;
static int count(const counter_ref *counter, int *output)
{
    *output = atomic_fetch_add(*counter, 1) + 1;
    return 0;
}
THRUM_TASK(count, counter_ref, int);

#endif
