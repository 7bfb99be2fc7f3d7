/*
 * queue.c - a bounded or unbounded first-in, first-out queue
 *
 * A ring under one lock, with a condition for each reason to wait. The ring of a
 * bounded queue is made once; an unbounded one's grows by doubling. Nobody notifies
 * where nobody waits, so a put or get that need not wait costs one lock, one copy.
 *
 * Invariants under the lock: count <= slots, and count <= maxsize where there is one; the
 * items are at head, head + 1, ... modulo slots, oldest first. `closed` is never unset.
 */
#include "thrum/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "thrum/threading.h"

#define FIRST_SLOTS 16

OPTIONS_ARE_DENSE(thrum_queue_options, 3 * sizeof(size_t));

struct thrum_queue {
    thrum_lock lock;
    bool closed;
    thrum_condition not_empty, not_full;
    size_t maxsize; /* 0: unbounded */
    size_t item_size;
    size_t slots, head, count;
    char *items;
};

int thrum_queue_new_with(thrum_queue **ret_queue, const thrum_queue_options *options)
{
    thrum_queue_options o;
    if (OPTIONS_READ(&o, options) != 0)
        return -EINVAL;
    size_t item_size = o.item_size != 0 ? o.item_size : sizeof(void *);
    if (o.maxsize > PTRDIFF_MAX / item_size)
        return -EOVERFLOW;
    thrum_queue *queue = calloc(1, sizeof *queue);
    if (queue == NULL)
        return -ENOMEM;
    queue->maxsize = o.maxsize;
    queue->item_size = item_size;
    thrum_condition_init(&queue->not_empty, &queue->lock);
    thrum_condition_init(&queue->not_full, &queue->lock);
    if (o.maxsize > 0) {
        queue->items = malloc(o.maxsize * item_size);
        if (queue->items == NULL) {
            free(queue);
            return -ENOMEM;
        }
        queue->slots = o.maxsize;
    }
    *ret_queue = queue;
    return 0;
}

void thrum_queue_free(thrum_queue *queue)
{
    if (queue == NULL)
        return;
    free(queue->items);
    free(queue);
}

/* ---- The ring; the lock is held ---- */

static char *slot(const thrum_queue *queue, size_t place)
{
    size_t at = queue->head + place;
    return queue->items + (at < queue->slots ? at : at - queue->slots) * queue->item_size;
}

/* Twice the room, with the items from its start. */
static int grow(thrum_queue *queue)
{
    size_t slots = queue->slots > 0 ? queue->slots * 2 : FIRST_SLOTS;
    if (slots > PTRDIFF_MAX / queue->item_size)
        return -ENOMEM;
    char *items = malloc(slots * queue->item_size);
    if (items == NULL)
        return -ENOMEM;
    size_t to_end = queue->slots - queue->head, size = queue->item_size;
    size_t first = queue->count < to_end ? queue->count : to_end;
    if (queue->count > 0) {
        memcpy(items, queue->items + queue->head * size, first * size);
        memcpy(items + first * size, queue->items, (queue->count - first) * size);
    }
    free(queue->items);
    queue->items = items;
    queue->slots = slots;
    queue->head = 0;
    return 0;
}

static bool full(const thrum_queue *queue)
{
    return queue->maxsize != 0 && queue->count == queue->maxsize;
}

static void drop_first(thrum_queue *queue)
{
    queue->head = queue->head + 1 < queue->slots ? queue->head + 1 : 0;
    queue->count--;
}

/* ---- Put and get ---- */

static bool can_put(void *arg)
{
    const thrum_queue *queue = arg;
    return queue->closed || !full(queue);
}

static bool can_get(void *arg)
{
    const thrum_queue *queue = arg;
    return queue->closed || queue->count > 0;
}

/* Take the lock and wait until `ready` says so: 0, with the lock held; `missed` for a time-out,
 * or another result, with the lock not held. */
static int enter(thrum_queue *queue, thrum_condition *condition, bool (*ready)(void *queue), int missed,
                 thrum_timeout timeout)
{
    /* The time-out is for the room or the item; the lock is never held for long. */
    if (timeout.kind_ == THRUM_TIMEOUT_INVALID_)
        return -EINVAL;
    int result = thrum_lock_acquire(&queue->lock, THRUM_FOREVER);
    if (result != 0)
        return result;
    result = thrum_condition_wait_for(condition, ready, queue, timeout);
    if (result == 0)
        return 0;
    (void)thrum_lock_release(&queue->lock);
    return result == THRUM_TIMEOUT ? missed : result;
}

int thrum_queue_put(thrum_queue *queue, const void *item, thrum_timeout timeout)
{
    int result = enter(queue, &queue->not_full, can_put, THRUM_FULL, timeout);
    if (result != 0)
        return result;
    if (queue->closed)
        result = THRUM_CLOSED;
    else if (queue->count == queue->slots)
        result = grow(queue);
    if (result == 0) {
        memcpy(slot(queue, queue->count), item, queue->item_size);
        queue->count++;
        (void)thrum_condition_notify(&queue->not_empty, 1);
    }
    (void)thrum_lock_release(&queue->lock);
    return result;
}

int thrum_queue_get(thrum_queue *queue, void *ret_item, thrum_timeout timeout)
{
    int result = enter(queue, &queue->not_empty, can_get, THRUM_EMPTY, timeout);
    if (result != 0)
        return result;
    if (queue->count == 0) {
        result = THRUM_CLOSED;
    } else {
        memcpy(ret_item, slot(queue, 0), queue->item_size);
        drop_first(queue);
        (void)thrum_condition_notify(&queue->not_full, 1);
    }
    (void)thrum_lock_release(&queue->lock);
    return result;
}

/* ---- The rest ---- */

void thrum_queue_close(thrum_queue *queue, enum thrum_close how)
{
    if (thrum_lock_acquire(&queue->lock, THRUM_FOREVER) != 0)
        return; /* no thread record to be had */
    queue->closed = true;
    if (how == THRUM_DISCARD)
        queue->count = 0;
    (void)thrum_condition_notify_all(&queue->not_empty);
    (void)thrum_condition_notify_all(&queue->not_full);
    (void)thrum_lock_release(&queue->lock);
}

size_t thrum_queue_qsize(thrum_queue *queue)
{
    if (thrum_lock_acquire(&queue->lock, THRUM_FOREVER) != 0)
        return 0;
    size_t count = queue->count;
    (void)thrum_lock_release(&queue->lock);
    return count;
}
