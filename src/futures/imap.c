/*
 * imap.c - one task over many inputs, results one by one
 *
 * A window of slots, each with room for one output. A slot is free, or under way, or
 * has a result that waits to be taken; the next input is handed out when a slot is
 * free, which is when the consumer comes back for more. So a slow consumer stops
 * the producer, and memory does not grow with the number of inputs.
 *
 * In order, input i uses slot i modulo the window, and is handed out only when that one is
 * free. Unordered, slots with results are linked in the order in which they came.
 *
 * Invariants under the lock: taken <= handed <= n; handed - taken = slots that are not
 * free <= window; under_way = slots that are queued or started. The consumer alone changes
 * handed and taken.
 *
 * Who gives the iterator up takes back what has not been started. Such a slot still lies with the
 * executor, and keeps the memory until that has seen it is revoked.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/object.h"
#include "base/options.h"
#include "futures/job.h"
#include "park/park.h"

#define SLOTS_PER_WORKER 3

enum slot_state { FREE, QUEUED, STARTED, READY, REVOKED };

struct slot {
    thrum_job job; /* first: a job's owner finds its slot there */
    thrum_map_iterator *iterator;
    struct slot *next; /* of the free ones, or of those with results */
    enum slot_state state;
    size_t index; /* which input */
    thrum_error error;
};

struct thrum_map_iterator {
    thrum_executor *executor;
    const thrum_task *task;
    const char *inputs;
    size_t n, window;
    bool ordered;
    thrum_token *token;
    thrum_lock lock;
    thrum_condition changed; /* a slot has become ready */
    size_t handed, taken, under_way;
    size_t revoked; /* slots that still lie with the executor */
    bool stopped, given_up;
    struct slot *free, *results, **results_end;
    char *outputs; /* one a slot */
    struct slot slots[];
};

static void enter(thrum_map_iterator *iterator)
{
    while (thrum_lock_acquire(&iterator->lock, THRUM_FOREVER) != 0)
        os_yield(); /* no memory for this thread's record, yet */
}

static void leave(thrum_map_iterator *iterator)
{
    (void)thrum_lock_release(&iterator->lock);
}

static void drop_output(const thrum_map_iterator *iterator, struct slot *slot)
{
    if (iterator->task->output_kind == THRUM_KIND_BUFFER)
        thrum_buffer_free(slot->job.output);
}

/* The lock is held, and given back; the last to leave frees all. */
static void leave_for_good(thrum_map_iterator *iterator)
{
    bool last = iterator->given_up && iterator->revoked == 0;
    leave(iterator);
    if (!last)
        return;
    for (size_t i = 0; i < iterator->window; i++)
        if (iterator->slots[i].state == READY)
            drop_output(iterator, &iterator->slots[i]);
    free(iterator->outputs);
    object_free(iterator);
}

/* ---- The executor's side ---- */

static bool start(thrum_job *job)
{
    struct slot *slot = (struct slot *)(void *)job;
    thrum_map_iterator *iterator = slot->iterator;
    enter(iterator);
    if (slot->state == REVOKED) {
        iterator->revoked--;
        leave_for_good(iterator);
        return false;
    }
    slot->state = STARTED;
    leave(iterator);
    if (!executor_cancels(iterator->executor) && (iterator->token == NULL || !token_cancelled(iterator->token)))
        return true;
    slot->error = error_plain(THRUM_CANCELLED, iterator->task, slot->index);
    (void)job->owner_->finish(job);
    return false;
}

static void fail(thrum_job *job, size_t item, const thrum_error *error)
{
    struct slot *slot = (struct slot *)(void *)job;
    (void)item;
    slot->error = *error;
    slot->error.index = slot->index;
}

/* The iterator may be gone when this returns. */
static bool finish(thrum_job *job)
{
    struct slot *slot = (struct slot *)(void *)job;
    thrum_map_iterator *iterator = slot->iterator;
    enter(iterator);
    slot->state = READY;
    slot->next = NULL;
    if (!iterator->ordered) {
        *iterator->results_end = slot;
        iterator->results_end = &slot->next;
    }
    iterator->under_way--;
    (void)thrum_condition_notify_all(&iterator->changed);
    leave(iterator);
    return false;
}

static const struct thrum_job_owner_ owner = {start, fail, finish, NULL};

/* ---- Handing out; the lock is held, but not while the executor is called ---- */

static struct slot *free_slot(thrum_map_iterator *iterator)
{
    if (iterator->stopped || iterator->handed == iterator->n || iterator->handed - iterator->taken == iterator->window)
        return NULL;
    if (iterator->ordered)
        return &iterator->slots[iterator->handed % iterator->window];
    struct slot *slot = iterator->free;
    iterator->free = slot->next;
    return slot;
}

static void hand_out(thrum_map_iterator *iterator)
{
    struct slot *slot;
    while ((slot = free_slot(iterator)) != NULL) {
        slot->index = iterator->handed++;
        slot->state = QUEUED;
        slot->error = (thrum_error){.index = slot->index};
        slot->job.input = iterator->inputs + slot->index * iterator->task->input_size;
        memset(slot->job.output, 0, iterator->task->output_size);
        iterator->under_way++;
        leave(iterator);
        int result = executor_submit(iterator->executor, &slot->job);
        if (result != 0) {
            slot->error = error_plain(result, iterator->task, slot->index);
            (void)finish(&slot->job);
        }
        enter(iterator);
    }
}

/* ---- The consumer's side ---- */

static struct slot *ready_slot(thrum_map_iterator *iterator)
{
    if (!iterator->ordered)
        return iterator->results;
    struct slot *slot = &iterator->slots[iterator->taken % iterator->window];
    return slot->state == READY ? slot : NULL;
}

static bool has_result(void *arg)
{
    return ready_slot(arg) != NULL;
}

static void make_free(thrum_map_iterator *iterator, struct slot *slot)
{
    if (!iterator->ordered) {
        iterator->results = slot->next;
        if (iterator->results == NULL)
            iterator->results_end = &iterator->results;
        slot->next = iterator->free;
        iterator->free = slot;
    }
    slot->state = FREE;
    iterator->taken++;
}

/* The oldest result's; what the caller does not want is dropped. */
static int take(thrum_map_iterator *iterator, size_t *ret_index, void *ret_output, thrum_error *ret_error)
{
    struct slot *slot = ready_slot(iterator);
    int outcome = slot->error.outcome;
    if (ret_index != NULL)
        *ret_index = slot->index;
    if (ret_error != NULL)
        *ret_error = slot->error;
    if (outcome == 0 && ret_output != NULL)
        memcpy(ret_output, slot->job.output, iterator->task->output_size);
    else
        drop_output(iterator, slot);
    make_free(iterator, slot);
    return outcome;
}

int thrum_map_iterator_next(thrum_map_iterator *iterator, size_t *ret_index, void *ret_output, thrum_error *ret_error,
                            thrum_timeout timeout)
{
    if (!object_is(iterator, OBJECT_MAP_ITERATOR))
        return -EINVAL;
    int result = thrum_lock_acquire(&iterator->lock, THRUM_FOREVER);
    if (result != 0)
        return result;
    hand_out(iterator);
    if (iterator->taken == iterator->n)
        result = THRUM_STOP_ITERATION;
    else
        result = thrum_condition_wait_for(&iterator->changed, has_result, iterator, timeout);
    if (result == 0) {
        result = take(iterator, ret_index, ret_output, ret_error);
        if (!iterator->executor->ops->immediate)
            hand_out(iterator); /* so that workers go on while the consumer is busy */
    } else if (result == THRUM_CANCELLED && ret_index != NULL) {
        *ret_index = SIZE_MAX;
    }
    leave(iterator);
    return result;
}

/* ---- Making and freeing ---- */

static bool none_under_way(void *arg)
{
    const thrum_map_iterator *iterator = arg;
    return iterator->under_way == 0;
}

static void revoke(thrum_map_iterator *iterator)
{
    for (size_t i = 0; i < iterator->window; i++) {
        if (iterator->slots[i].state == QUEUED) {
            iterator->slots[i].state = REVOKED;
            iterator->under_way--;
            iterator->revoked++;
        }
    }
}

void thrum_map_iterator_free(thrum_map_iterator *iterator)
{
    if (!object_is(iterator, OBJECT_MAP_ITERATOR))
        return;
    object_dies(iterator);                      /* the executor may still hold it */
    thrum_token *token = thrum_token_set(NULL); /* this wait is not to be cut short: tasks use our memory */
    enter(iterator);
    iterator->stopped = true;
    revoke(iterator);
    (void)!thrum_condition_wait_for(&iterator->changed, none_under_way, iterator, THRUM_FOREVER);
    iterator->given_up = true;
    leave_for_good(iterator);
    (void)thrum_token_set(token);
}

static void lay_out(thrum_map_iterator *iterator)
{
    iterator->results_end = &iterator->results;
    thrum_condition_init(&iterator->changed, &iterator->lock);
    for (size_t i = iterator->window; i-- > 0;) {
        struct slot *slot = &iterator->slots[i];
        slot->iterator = iterator;
        slot->job = (thrum_job){.task = iterator->task,
                                .output = iterator->outputs + i * iterator->task->output_size,
                                .count = 1,
                                .token = iterator->token,
                                .owner_ = &owner,
                                .executor_ = iterator->executor};
        slot->next = iterator->free;
        iterator->free = slot;
    }
}

int thrum_imap_with(thrum_executor *executor, const thrum_task *task, const void *inputs, size_t n,
                    thrum_map_iterator **ret_iterator, const thrum_map_options *options)
{
    thrum_map_options o;
    if (OPTIONS_READ_RESERVED(&o, thrum_map_options, options) != 0 || ret_iterator == NULL)
        return -EINVAL;
    int result = executor_takes(executor, task);
    if (result != 0)
        return result;
    /* Where nothing runs beside the consumer, it is not kept waiting for what it has not asked for. */
    size_t ahead = executor->ops->immediate ? 1 : thrum_executor_workers(executor) * SLOTS_PER_WORKER;
    size_t window = o.window != 0 ? o.window : ahead;
    if (window > n)
        window = n;
    if (n > PTRDIFF_MAX / task->input_size || (n > 0 && inputs == NULL) || o.timeout.kind_ != THRUM_TIMEOUT_FOREVER_ ||
        o.progress != NULL || o.error != NULL || o.errors != NULL || o.chunksize != 0)
        return -EINVAL;
    if (window > PTRDIFF_MAX / 2 / sizeof(struct slot) || window > PTRDIFF_MAX / task->output_size)
        return -ENOMEM;
    thrum_map_iterator *iterator = object_new(sizeof *iterator + window * sizeof(struct slot), OBJECT_MAP_ITERATOR);
    char *outputs = calloc(window > 0 ? window : 1, task->output_size);
    if (iterator == NULL || outputs == NULL) {
        object_free(iterator);
        free(outputs);
        return -ENOMEM;
    }
    iterator->executor = executor;
    iterator->task = task;
    iterator->inputs = inputs;
    iterator->n = n;
    iterator->window = window;
    iterator->ordered = !o.unordered;
    iterator->token = o.token;
    iterator->outputs = outputs;
    lay_out(iterator);
    *ret_iterator = iterator;
    return 0;
}
