/*
 * threads.c - the executor that runs tasks on a pool of threads
 *
 * Submitters push jobs on the inbox, a stack that needs no lock; workers take the whole of
 * it at once, turn it around and share it as a list under the lock. So a submitter does one
 * atomic operation, and does not wait for workers.
 *
 * The inbox's word also says whether to wake: AWAITED stands for 'empty, and a worker is parked
 * that nobody has called yet'. It is put there under the lock by whoever leaves the inbox
 * empty, and the submitter who replaces it calls a worker. So there is no moment at which a
 * job lies in the inbox and nobody is awake or called, and no wake where all are busy.
 *
 * Invariants under the lock: jobs are linked by next, oldest first. `parked` counts workers that
 * wait for work, `called` the notifies that none of them has answered; called <= parked. `running`
 * counts the jobs that run: while there is one, a close waits, for it may submit again.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "futures/job.h"
#include "park/park.h"

struct pool {
    const thrum_host *host;
    size_t workers;
    thrum_lock lock;
    thrum_condition work;
    size_t parked, called, running;
    bool closing;
    thrum_job *jobs; /* changed under the lock, looked at without */
    /* What submitters write, on a cache line of its own. */
    __attribute__((aligned(64))) thrum_job *inbox;        /* newest first; NULL, or AWAITED */
    __attribute__((aligned(64))) thrum_thread *threads[]; /* NULL: not started, or joined */
};

#define AWAITED ((thrum_job *)(uintptr_t)1)

/* ---- Taking; the lock is held ---- */

static void call_worker(struct pool *pool)
{
    if (pool->parked > pool->called) {
        pool->called++;
        (void)thrum_condition_notify(&pool->work, 1);
    }
}

/* The inbox as a list, oldest first; it is left empty, with the word that tells submitters what to do. */
static thrum_job *empty_inbox(struct pool *pool)
{
    thrum_job *left = pool->parked > pool->called ? AWAITED : NULL;
    /* Acquire: pairs with the push, so the jobs are seen. Release is not needed: AWAITED and NULL
     * point to nothing, and the submitter takes the lock to call. */
    thrum_job *job = os_exchange_acquire(&pool->inbox, left), *list = NULL;
    while (job != NULL && job != AWAITED) {
        thrum_job *older = job->next;
        job->next = list;
        list = job;
        job = older;
    }
    return list;
}

static thrum_job *take(struct pool *pool)
{
    thrum_job *job = pool->jobs != NULL ? pool->jobs : empty_inbox(pool);
    if (job != NULL) {
        os_store_relaxed(&pool->jobs, job->next); /* relaxed: others take the lock to follow it */
        if (job->next != NULL)
            call_worker(pool);
    }
    return job;
}

/* ---- Workers ---- */

static bool sees_work(void *arg)
{
    const struct pool *pool = arg;
    /* Relaxed: hints, to be looked at again under the lock. */
    const thrum_job *first = os_load_relaxed(&pool->inbox);
    return (first != NULL && first != AWAITED) || os_load_relaxed(&pool->jobs) != NULL;
}

/* There will be no more jobs: nobody submits but those that run, and none does. */
static bool is_over(const struct pool *pool)
{
    return pool->closing && pool->running == 0;
}

/* The next job, or NULL when there will be no more; the lock is held. */
static thrum_job *wait_for_job(struct pool *pool)
{
    thrum_job *job;
    while ((job = take(pool)) == NULL && !is_over(pool)) {
        pool->parked++;                                   /* first: so the inbox is left as AWAITED */
        os_store_relaxed(&pool->jobs, empty_inbox(pool)); /* relaxed: as in take */
        if (pool->jobs == NULL) {
            (void)thrum_condition_wait(&pool->work, THRUM_FOREVER);
            if (pool->called > 0)
                pool->called--;
        }
        pool->parked--;
    }
    return job;
}

static int work(void *arg)
{
    struct pool *pool = arg;
    thrum_job *job;
    bool had = false; /* a job, in the round before */
    do {
        (void)park_look(sees_work, pool);
        (void)!thrum_lock_acquire(&pool->lock, THRUM_FOREVER); /* this thread has its record */
        pool->running -= had;
        job = wait_for_job(pool);
        had = job != NULL;
        pool->running += had;
        if (!had)
            (void)thrum_condition_notify_all(&pool->work); /* it is over for all */
        (void)thrum_lock_release(&pool->lock);
        if (had)
            pool->host->job_run(job);
    } while (had);
    return 0;
}

static int pool_submit(void *self, thrum_job *job)
{
    struct pool *pool = self;
    thrum_job *newest = os_load_relaxed(&pool->inbox);
    do {
        job->next = newest == AWAITED ? NULL : newest;
        /* Release: the job is there before it can be found. */
    } while (!os_cas_release(&pool->inbox, &newest, job));
    if (newest == AWAITED && !os_planted("pool-uncalled-worker")) {
        /* It is the executor's from the push on: there is no way back. A lock fails only for a
         * thread that cannot be registered; the workers are. */
        while (thrum_lock_acquire(&pool->lock, THRUM_FOREVER) != 0)
            os_yield();
        call_worker(pool);
        (void)thrum_lock_release(&pool->lock);
    }
    return 0;
}

/* ---- Open and close ---- */

static int pool_close(void *self, thrum_timeout timeout)
{
    struct pool *pool = self;
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
        result = thrum_thread_join(pool->threads[i], NULL, park_timeout(deadline));
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
    size_t workers = config->workers != 0 ? config->workers : config->hint != 0 ? config->hint : os_cpu_count();
    size_t size = sizeof(struct pool) + workers * sizeof(thrum_thread *);
    struct pool *pool = aligned_alloc(64, (size + 63) / 64 * 64);
    if (pool == NULL)
        return -ENOMEM;
    memset(pool, 0, size);
    pool->host = host;
    pool->workers = workers;
    thrum_condition_init(&pool->work, &pool->lock);
    int result = start_workers(pool);
    if (result == 0) {
        *ret_self = pool;
        return 0;
    }
    (void)snprintf(error->message, sizeof error->message, "%zu threads cannot be started: %s", workers,
                   thrum_strerror(result));
    thrum_token *token = thrum_token_set(NULL); /* this wait is short, and must not be cut shorter */
    (void)pool_close(pool, THRUM_FOREVER);
    (void)thrum_token_set(token);
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
