/*
 * threads.c - the executor that runs tasks on a pool of threads
 *
 * One list of jobs under one lock. An idle worker looks around for a moment and then
 * parks; a submit wakes one only when somebody is parked and not yet on its way.
 *
 * Invariants under the lock: the jobs are linked by next, oldest first, and *end is where the
 * next one goes. `parked` counts workers that wait for work, `called` those of them that have
 * been notified and have not come yet; called <= parked.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "futures/job.h"
#include "park/park.h"
#include "thrum/threading.h"

#define LOOKS 20

struct pool {
    const thrum_host *host;
    thrum_lock lock;
    thrum_condition work;
    thrum_job *first, **end;
    size_t parked, called;
    uint32_t waiting; /* jobs in the list: changed under the lock, looked at without */
    bool closing;
    size_t workers;
    thrum_thread *threads[]; /* NULL: not started, or joined */
};

static __thread const struct pool *mine;

/* ---- Workers ---- */

static thrum_job *take(struct pool *pool)
{
    thrum_job *job = pool->first;
    if (job != NULL) {
        pool->first = job->next;
        if (pool->first == NULL)
            pool->end = &pool->first;
        os_store_relaxed(&pool->waiting, pool->waiting - 1); /* relaxed: a hint for look_around */
    }
    return job;
}

/* Work often comes a moment later; to park and be woken costs many times that moment. */
static void look_around(const struct pool *pool)
{
    for (int look = 0; look < LOOKS && os_load_relaxed(&pool->waiting) == 0; look++) {
        if (look % 4 == 3)
            os_yield();
        else
            os_pause();
    }
}

/* The next job, or NULL when there will be no more. */
static thrum_job *next_job(struct pool *pool)
{
    look_around(pool);
    if (thrum_lock_acquire(&pool->lock, THRUM_FOREVER) != 0)
        return NULL; /* cannot be: this thread has its record */
    thrum_job *job;
    while ((job = take(pool)) == NULL && !pool->closing) {
        pool->parked++;
        (void)thrum_condition_wait(&pool->work, THRUM_FOREVER);
        pool->parked--;
        if (pool->called > 0)
            pool->called--;
    }
    (void)thrum_lock_release(&pool->lock);
    return job;
}

static int work(void *arg)
{
    struct pool *pool = arg;
    thrum_job *job;
    mine = pool;
    while ((job = next_job(pool)) != NULL)
        pool->host->job_run(job);
    return 0;
}

static int pool_submit(void *self, thrum_job *job)
{
    struct pool *pool = self;
    job->next = NULL;
    int result = thrum_lock_acquire(&pool->lock, THRUM_FOREVER);
    if (result != 0)
        return result;
    *pool->end = job;
    pool->end = &job->next;
    os_store_relaxed(&pool->waiting, pool->waiting + 1); /* relaxed: a hint for look_around */
    if (pool->parked > pool->called) {
        pool->called++;
        (void)thrum_condition_notify(&pool->work, 1);
    }
    return thrum_lock_release(&pool->lock);
}

/* ---- Open and close ---- */

static int pool_close(void *self, thrum_timeout timeout)
{
    struct pool *pool = self;
    if (mine == pool)
        return -EDEADLK;
    int64_t deadline;
    int result = park_deadline(timeout, &deadline);
    if (result == 0)
        result = thrum_lock_acquire(&pool->lock, THRUM_FOREVER);
    if (result != 0)
        return result;
    pool->closing = true;
    (void)thrum_condition_notify_all(&pool->work);
    (void)thrum_lock_release(&pool->lock);

    for (size_t i = 0; i < pool->workers; i++) {
        if (pool->threads[i] == NULL)
            continue;
        result = thrum_thread_join(pool->threads[i], NULL, thrum_until(deadline));
        if (result != 0)
            return result;
        thrum_thread_free(pool->threads[i]);
        pool->threads[i] = NULL;
    }
    free(pool);
    return 0;
}

static int start_workers(struct pool *pool)
{
    for (size_t i = 0; i < pool->workers; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "worker-%zu", i);
        /* A daemon: the executor's close waits for its work, exit does not. */
        thrum_thread_options options = {.size = sizeof options, .name = name, .daemon = true};
        int result = thrum_thread_run_with(&pool->threads[i], work, pool, &options);
        if (result != 0)
            return result;
    }
    return 0;
}

static int pool_open(void **ret_self, const thrum_host *host, const thrum_executor_config *config, thrum_error *error)
{
    size_t workers = config->workers != 0 ? config->workers : os_cpu_count();
    struct pool *pool = calloc(1, sizeof *pool + workers * sizeof(thrum_thread *));
    if (pool == NULL)
        return -ENOMEM;
    pool->host = host;
    pool->workers = workers;
    pool->end = &pool->first;
    thrum_condition_init(&pool->work, &pool->lock);
    int result = start_workers(pool);
    if (result == 0) {
        *ret_self = pool;
        return 0;
    }
    (void)snprintf(error->message, sizeof error->message, "%zu threads cannot be started: %s", workers,
                   thrum_strerror(result));
    (void)pool_close(pool, THRUM_FOREVER);
    return result;
}

static size_t pool_workers(void *self)
{
    const struct pool *pool = self;
    return pool->workers;
}

const thrum_executor_ops thrum_threads_ops_ = {
    .size = sizeof(thrum_executor_ops),
    .abi = THRUM_EXECUTOR_ABI,
    .name = "threads",
    .open = pool_open,
    .submit = pool_submit,
    .close = pool_close,
    .workers = pool_workers,
};
