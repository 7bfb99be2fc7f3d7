/*
 * task_module.c - a module with a task in it, for test_task.c to load, with a build-id and without
 */
#include <thrum/futures.h>

static int triple(const int *x, int *y)
{
    *y = *x * 3;
    return 0;
}
THRUM_TASK(triple, int, int);
