/*
 * plugin.h - what an executor is made of
 *
 * An executor is a table of functions. thrum's own ("serial", "threads") fill the same
 * table as one that a program or a plugin adds by thrum_executor_register. An
 * executor never links libthrum: what it needs of the library, it gets as a second table
 * when it is opened, so it serves a static program as well.
 *
 * Both tables start with their size and only ever grow at their ends. What a size does
 * not cover is not there.
 */
#ifndef THRUM_PLUGIN_H
#define THRUM_PLUGIN_H

#include <thrum/futures.h>

#ifdef __cplusplus
extern "C" {
#endif

#define THRUM_EXECUTOR_ABI 1u

/*
 * A piece of work: one task and `count` inputs, side by side. It belongs to the
 * library. From submit until it calls job_run or job_finish, the executor keeps it and may
 * use next or record.
 */
typedef struct thrum_job thrum_job;
struct thrum_job {
    const thrum_task *task;
    const void *input;   /* count * task->input_size bytes */
    void *output;        /* count * task->output_size bytes, zeroed by the library */
    size_t count;        /* at least 1 */
    thrum_token *token;  /* or NULL */
    union {              /* the executor's own: */
        thrum_job *next; /* a link in a list of jobs, */
        void *record;    /* or whatever it keeps of the job */
    };
    const struct thrum_job_owner_ *owner_;
    thrum_executor *executor_;
};

/* What the library does for an executor. All functions are safe from any thread. */
typedef struct thrum_host {
    size_t size;
    uint32_t abi;
    uint32_t reserved_;

    /* To be called before any item of the job is run. False: it was cancelled, and the job is
     * gone; forget it. */
    bool (*job_start)(thrum_job *job);

    /* Item `item` (0 to count - 1) of a started job came to no result. The record is copied;
     * the library fills in task and index. */
    void (*job_fail)(thrum_job *job, size_t item, const thrum_error *error);

    /* All items of a started job have been run or failed. The job is gone afterwards. */
    void (*job_finish)(thrum_job *job);

    /* All of the above for an executor that runs tasks in the calling thread. */
    void (*job_run)(thrum_job *job);
} thrum_host;

typedef struct thrum_executor_config {
    size_t size;
    size_t workers; /* as the spec asks for, to be had or refused; 0: it does not say */
    size_t hint;    /* as the program suggests for executors that have workers; 0: it does not */
} thrum_executor_config;

typedef struct thrum_executor_ops {
    size_t size;
    uint32_t abi;       /* THRUM_EXECUTOR_ABI */
    uint32_t portable;  /* true: it runs tasks elsewhere, and takes only THRUM_PORTABLE ones */
    uint32_t immediate; /* true: submit runs the job, and returns when it is done */
    uint32_t reserved_;
    const char *name;

    /* Make one. 0, or what thrum_executor_open shall return; `error` is never NULL, and its
     * message may be set. */
    int (*open)(void **ret_self, const thrum_host *host, const thrum_executor_config *config, thrum_error *error);

    /* Take a job. 0; anything else: it was not taken. May be called from any thread, also from
     * within job_finish; never after close. */
    int (*submit)(void *self, thrum_job *job);

    /* Finish all jobs that were taken, then end the workers and free `self`. 0; THRUM_TIMEOUT,
     * THRUM_CANCELLED, THRUM_INTERRUPTED: not yet, it will be called again. Not called from a task that job_run runs.
     */
    int (*close)(void *self, thrum_timeout timeout);

    size_t (*workers)(void *self); /* how many tasks it runs at once; at least 1 */
} thrum_executor_ops;

/* Make an executor known by its name, for thrum_executor_open. The table must stay. 0;
 * -EEXIST: there is one of that name; -EINVAL: another ABI, no name, or a function is missing;
 * -ENOSPC: 16 are known already. Safe from any thread. */
THRUM_API THRUM_MUST_USE int thrum_executor_register(const thrum_executor_ops *ops);

#ifdef __cplusplus
}
#endif
#endif
