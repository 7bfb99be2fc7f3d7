/*
 * job.h - how work reaches an executor
 *
 * An executor (plugin.h) sees only jobs: a task and some inputs, side by side. Who made
 * the job, a future or a map, is behind owner_: four functions that the host's
 * side of the table calls. So there is one way to run a task, whatever it was asked by.
 */
#ifndef FUTURES_JOB_H_
#define FUTURES_JOB_H_

#include "thrum/plugin.h"

struct thrum_job_owner_ {
    /* Whether it shall be run. False: it is called off and the job is gone. */
    bool (*start)(thrum_job *job);

    /* An item came to no result; the record's task and worker are filled in. */
    void (*fail)(thrum_job *job, size_t item, const thrum_error *error);

    /* All items are dealt with. True: the job has been filled again and shall be run again; false:
     * it is gone. */
    bool (*finish)(thrum_job *job);

    /* Hand a job that was filled again to its executor. */
    void (*again)(thrum_job *job);
};

struct thrum_executor {
    const thrum_executor_ops *ops;
    void *self;
    uint32_t closing;    /* 1: nothing more is taken */
    uint32_t cancelling; /* 1: what has not been started shall not be */
};

/* The table that executors are given. */
#define job_host thrum_job_host_
extern const thrum_host job_host;

/* Run a job in this thread. While it runs, its executor knows that this thread is inside. */
#define run_job thrum_run_job_
void run_job(thrum_job *job);

/* Whether a descriptor says what it must. */
#define is_task thrum_is_task_
bool is_task(const thrum_task *task);

/* Executors whose jobs this thread is running, innermost first: a task may use another executor. */
struct inside {
    const thrum_executor *executor;
    const struct inside *outer;
};
#define executor_enter thrum_executor_enter_
#define executor_leave thrum_executor_leave_
void executor_enter(struct inside *inside, const thrum_executor *executor);
void executor_leave(const struct inside *inside);

/* Whether the executor takes this task now: 0, THRUM_CLOSED, -EINVAL, -ENOTSUP. */
#define executor_takes thrum_executor_takes_
int executor_takes(const thrum_executor *executor, const thrum_task *task);

/* Whether jobs that have not been started shall be called off. An executor outlives its jobs. */
#define executor_cancels thrum_executor_cancels_
bool executor_cancels(const thrum_executor *executor);

/* Hand a job to the executor. */
#define executor_submit thrum_executor_submit_
int executor_submit(thrum_executor *executor, thrum_job *job);

/* An error record that says no more than the outcome and who it happened to. */
#define error_plain thrum_error_plain_
thrum_error error_plain(int outcome, const thrum_task *task, uint64_t index);

extern const thrum_executor_ops thrum_serial_ops_, thrum_threads_ops_;

#endif
