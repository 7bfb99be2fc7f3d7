/*
 * tasks.c - task_done and join
 *
 * How many items were put is put's index, with what handlers have put (slots.c) until it is moved; how many are done is
 * `done`, times 2, plus JOINERS while somebody may be waiting for the two to be the same. So a put does nothing for it,
 * and a task_done is one atomic operation as long as nobody joins. While JOINERS is set, `done` changes under put's
 * lock only, so that nothing is put between the last task_done and the look at whether it is the last.
 */
#include <errno.h>

#include "queue/queue.h"

#define JOINERS 1u
#define DONE 2u

/* Acquire: who sees that a task is done sees what was done, and that its item was put. */
static uint64_t load_done(const thrum_queue *queue)
{
    return os_load_acquire(&queue->done);
}

/* Without the lock: at least so many. */
static uint64_t put_inside(const thrum_queue *queue)
{
    /* Relaxed: what was got from us, or by who was before us in `done`, we have seen put. */
    return os_load_relaxed(&queue->put.index);
}

/* Put's lock is held. */
static uint64_t put_so_far(const thrum_queue *queue)
{
    return put_inside(queue) + queue_outside(queue);
}

/* Count up to n more as done, put's lock being held; false: there were none left. If that was all, the joiners, who
 * have to be woken when the lock has been given back, go to *ret_chain. */
static bool finish(thrum_queue *queue, uint64_t n, struct park_wait **ret_chain)
{
    uint64_t done = os_load_relaxed(&queue->done), then, all = put_so_far(queue);
    do {
        uint64_t left = all - done / DONE;
        if (left == 0)
            return false;
        then = n < left ? done + n * DONE : all * DONE;
        /* Relaxed: joiners come for the lock that we hold, and have seen what was done before JOINERS was set. */
    } while (!os_cas_relaxed(&queue->done, &done, then));
    if ((done & JOINERS) != 0 && then / DONE == all && !os_planted("queue-lost-joiner"))
        *ret_chain = unpark_take(&queue->done, SIZE_MAX, NULL, NULL);
    return true;
}

int thrum_queue_task_done(thrum_queue *queue)
{
    if (!queue_is(queue))
        return -EINVAL;
    uint64_t done = load_done(queue);
    while ((done & JOINERS) == 0) {
        if (done / DONE >= put_inside(queue)) {
            if (queue->slots == NULL)
                return -EINVAL;
            break; /* there may be some outside */
        }
        /* Release: pairs with load_done. */
        if (os_cas_release(&queue->done, &done, done + DONE))
            return 0;
        done = load_done(queue);
    }
    int result = thrum_lock_acquire(&queue->put.lock, THRUM_FOREVER);
    if (result != 0)
        return result;
    struct park_wait *chain = NULL;
    result = finish(queue, 1, &chain) ? 0 : -EINVAL;
    (void)thrum_lock_release(&queue->put.lock);
    unpark_wake(chain);
    return result;
}

struct park_wait *queue_task_drop(thrum_queue *queue, uint64_t n)
{
    struct park_wait *chain = NULL;
    if (n > 0)
        (void)finish(queue, n, &chain); /* where more was told done than was got, there may be fewer left, or none */
    return chain;
}

/* ---- Join ---- */

struct joiner {
    thrum_queue *queue;
    bool left; /* the lock was given back */
};

static void leave(void *arg)
{
    struct joiner *joiner = arg;
    joiner->left = true;
    (void)thrum_lock_release(&joiner->queue->put.lock);
}

/* Put's lock is held. True: all is done. False: who does the last will come for the lock, and look for us. */
static bool announce(thrum_queue *queue)
{
    uint64_t done = load_done(queue);
    while (done / DONE != put_so_far(queue)) {
        if ((done & JOINERS) != 0)
            return false;
        /* Relaxed: the bit carries no data. */
        if (os_cas_relaxed(&queue->done, &done, done | JOINERS))
            return false;
        done = load_done(queue);
    }
    return true;
}

int thrum_queue_join(thrum_queue *queue, thrum_timeout timeout)
{
    struct joiner joiner = {queue, false};
    struct park_call call = {.before_sleep = leave, .arg = &joiner, .what = "tasks of queue"};
    int result = queue_is(queue) ? park_deadline(timeout, &call.deadline) : -EINVAL;
    if (result == 0)
        result = thrum_lock_acquire(&queue->put.lock, THRUM_FOREVER);
    if (result != 0)
        return result;
    call.key = &queue->done;
    if (!announce(queue))
        result = call.deadline > 0 ? park(&call) : THRUM_TIMEOUT;
    if (!joiner.left)
        (void)thrum_lock_release(&queue->put.lock);
    return result;
}
