/*
 * Row M1: generators as tasks that take turns
 *
 * Each runs until its next yield, and stands behind the others then: three counts go on side by side on one
 * thread, without a lock, since each is stopped only where it yields.
 */
#include "must.h"

#include <thrum/thrum.h>

static int countdown(thrum_generator *self, void *arg)
{
    for (int n = *(const int *)arg; n > 0; n--) {
        printf("T-minus %d\n", n);
        int result = thrum_yield(self, NULL, NULL);
        if (result != 0)
            return result;
    }
    puts("Blastoff!");
    return 0;
}

static int countup(thrum_generator *self, void *arg)
{
    for (int x = 0; x < *(const int *)arg; x++) {
        printf("Counting up %d\n", x);
        int result = thrum_yield(self, NULL, NULL);
        if (result != 0)
            return result;
    }
    return 0;
}

static void new_task(thrum_scheduler *scheduler, int (*function)(thrum_generator *self, void *arg), int *n)
{
    thrum_generator *task;
    must(thrum_generator_new(&task, function, n));
    must(thrum_scheduler_new_task(scheduler, task)); /* the scheduler's from now on */
}

int main(void)
{
    thrum_scheduler *scheduler;
    int ten = 10, five = 5, fifteen = 15;
    must(thrum_scheduler_new(&scheduler));
    new_task(scheduler, countdown, &ten);
    new_task(scheduler, countdown, &five);
    new_task(scheduler, countup, &fifteen);
    must(thrum_scheduler_run(scheduler));
    must(thrum_scheduler_free(scheduler));
    return 0;
}
