/* task_forms_worker.h - a kind of thread that another file uses (Row T5) */
#ifndef TASK_FORMS_WORKER_H
#define TASK_FORMS_WORKER_H

#include <thrum/thrum.h>

struct worker {
    thrum_thread *thread;
    int num;
    int sum; /* of what it counted, once it is joined */
};

/* Make worker number num and start it. The structure must stay where it is until worker_join. */
THRUM_MUST_USE int worker_start(struct worker *worker, int num);

/* Wait for its end and give up the thread. */
THRUM_MUST_USE int worker_join(struct worker *worker);

#endif
