/* Row T5: the task, in a file of its own; task_forms.c uses it */
#include "task_forms_worker.h"

#include <stdio.h>

static int run(void *arg)
{
    struct worker *worker = arg;
    for (int i = 0; i < 10; i++) {
        printf("worker %d: %d\n", worker->num, i);
        worker->sum += i;
    }
    return 0;
}

int worker_start(struct worker *worker, int num)
{
    char name[32];
    snprintf(name, sizeof name, "worker %d", num);
    *worker = (struct worker){.num = num};
    return thrum_thread_run(&worker->thread, run, worker, .name = name);
}

int worker_join(struct worker *worker)
{
    int result = thrum_thread_join(worker->thread, NULL, THRUM_FOREVER);
    if (result == 0)
        thrum_thread_free(worker->thread);
    return result;
}
