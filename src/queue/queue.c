/*
 * queue.c - a queue from its making to its end: put, get, close (queue.h says how it works inside)
 *
 * A call first tries its own side. Where it finds nothing to get, or no room, and may wait, it looks for a while:
 * to park and be woken costs as much as hundreds of items. Where items come in a stream, it first lets some time
 * pass without looking: who is close on the other's heels fetches the lines of both sides for each single item.
 * Where others have begun to wait already, it joins them at once.
 */
#include "queue/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"

OPTIONS_ARE_DENSE(thrum_queue_options, 3 * sizeof(size_t) + 2 * sizeof(void *) + 2 * sizeof(uint32_t));

#define BATCH 16                  /* whoever has moved so many since it last had to look, comes to look too soon */
#define MOST_PAUSES OS_SPINS(256) /* some 4 us */
#define TURN 64                   /* who moves so many while we let another thread have the CPU, was that thread */
#define LOOKS OS_SPINS(40)
#define ROUNDS 2 /* of looks, when others are quicker each time */

/* ---- Making and freeing ---- */

static int check_options(const thrum_queue_options *o)
{
    return o->order <= THRUM_PRIORITY && (o->order == THRUM_PRIORITY) == (o->compare != NULL) ? 0 : -EINVAL;
}

static void close_memory(thrum_queue *queue)
{
    slots_close(queue);
    fifo_close(queue);
    free(queue->pile.items);
}

int thrum_queue_new_with(thrum_queue **ret_queue, const thrum_queue_options *options)
{
    thrum_queue_options o;
    if (ret_queue == NULL || OPTIONS_READ(&o, options) != 0 || check_options(&o) != 0)
        return -EINVAL;
    thrum_queue *queue = aligned_alloc(_Alignof(thrum_queue), sizeof *queue);
    if (queue == NULL)
        return -ENOMEM;
    memset(queue, 0, sizeof *queue);
    queue->order = o.order;
    queue->maxsize = o.maxsize;
    queue->item_size = o.item_size != 0 ? o.item_size : sizeof(void *);
    queue->compare = o.compare;
    queue->compare_arg = o.compare_arg;
    queue->put.limit = o.maxsize != 0 ? o.maxsize : UINT64_MAX;
    queue->flags = o.order != THRUM_FIFO || o.signal_slots != 0 ? ONE_LOCK : 0;
    int result = o.order != THRUM_FIFO ? pile_open(queue) : fifo_open(queue);
    if (result != 0) {
        free(queue);
        return result;
    }
    if (o.signal_slots != 0)
        result = slots_open(queue, o.signal_slots);
    if (result == 0 && !object_born(queue, OBJECT_QUEUE))
        result = -ENOMEM;
    if (result != 0) {
        close_memory(queue);
        free(queue);
        return result;
    }
    *ret_queue = queue;
    return 0;
}

void thrum_queue_free(thrum_queue *queue)
{
    if (!queue_is(queue))
        return;
    object_dies(queue);
    if (queue_lock_whole(queue) == 0)
        queue_unlock_whole(queue);
    else /* no record for us: look from outside whether all have left */
        while (thrum_lock_locked(&queue->put.lock) || thrum_lock_locked(&queue->get.lock))
            os_yield();
    queue_unring(queue);
    close_memory(queue);
    free(queue);
}

/* ---- Both sides as one ---- */

/* Put's lock is held. */
static int lock_rest(thrum_queue *queue)
{
    if ((queue_flags(queue) & ONE_LOCK) != 0)
        return 0;
    int result = thrum_lock_acquire(&queue->get.lock, THRUM_FOREVER);
    if (result != 0)
        (void)thrum_lock_release(&queue->put.lock);
    return result;
}

int queue_lock_whole(thrum_queue *queue)
{
    int result = thrum_lock_acquire(&queue->put.lock, THRUM_FOREVER);
    return result == 0 ? lock_rest(queue) : result;
}

void queue_unlock_whole(thrum_queue *queue)
{
    if ((queue_flags(queue) & ONE_LOCK) == 0)
        (void)thrum_lock_release(&queue->get.lock);
    (void)thrum_lock_release(&queue->put.lock);
}

bool queue_ready(const thrum_queue *queue)
{
    /* Relaxed: a hint; who goes by it takes a lock. */
    return os_load_relaxed(&queue->get.index) != os_load_relaxed(&queue->put.index) ||
           (queue_flags(queue) & CLOSED) != 0 || queue_outside(queue) != 0;
}

/* What handlers have put was there before this operation, and goes to those who wait already. */
static struct park_wait **balance_first(thrum_queue *queue, struct park_wait **end)
{
    return queue->slots != NULL ? queue_balance(queue, end) : end;
}

/* ---- Looking ---- */

/* How long to let the other side go on alone: many items, but not all that the queue holds. */
static int pauses(const thrum_queue *queue)
{
    return queue->maxsize != 0 && queue->maxsize / 4 < MOST_PAUSES ? (int)(queue->maxsize / 4) : MOST_PAUSES;
}

/* Let another thread have this CPU. Whether it was the other side's, which then has moved all it could, and there is
 * nothing to wait for. */
static bool has_turned(thrum_queue *queue, const struct side *side)
{
    const struct side *other = side == &queue->put ? &queue->get : &queue->put;
    uint64_t before = os_load_relaxed(&other->index); /* relaxed: as in look */
    os_yield();
    return os_load_relaxed(&other->index) - before >= TURN;
}

/* Whether somebody waits, watches or polls, or it is closed. */
static bool is_attended(const thrum_queue *queue)
{
    return (queue_flags(queue) & ~(uint32_t)ONE_LOCK) != 0;
}

/* Whether what we wait for came by itself. Others who have begun to wait come before us. */
static bool look(thrum_queue *queue, struct side *side, bool (*ready)(const thrum_queue *queue))
{
    struct sleeper *self = sleeper_current;
    if (is_attended(queue))
        return false;
    if (self->host != NULL)
        return sleeper_turn(self) && ready(queue);
    /* Relaxed: it decides only how long we look. */
    uint64_t index = os_load_relaxed(&side->index), moved = index - os_load_relaxed(&side->looked_at);
    os_store_relaxed(&side->looked_at, index);
    if (moved >= BATCH && !has_turned(queue, side))
        for (int left = pauses(queue); left > 0; left--)
            os_pause();
    for (int i = 0; i < LOOKS; i++) {
        if (ready(queue))
            return true;
        os_yield();
    }
    return false;
}

/* For one with a host, before it takes a lock: if there is nothing to be done, those it waits for may be on the host,
 * too. All others look when they have tried. */
static void turn_first(thrum_queue *queue, bool (*ready)(const thrum_queue *queue), thrum_timeout timeout)
{
    struct sleeper *self = sleeper_current;
    bool waits = timeout.kind_ != THRUM_TIMEOUT_AFTER_ || timeout.ns_ > 0;
    if (self != NULL && self->host != NULL && waits && !ready(queue) && !is_attended(queue))
        (void)sleeper_turn(self);
}

/* ---- Put ---- */

/* It did when it took in what handlers have put, which nothing may overtake. */
static bool lacks_memory(const thrum_queue *queue)
{
    return queue->maxsize == 0 && queue->slots != NULL && slots_wait_for_room(queue->slots);
}

/* PARK_CHANGED: an item was taken from us while we waited, and there are more. */
static int put_whole(thrum_queue *queue, struct load *load, int64_t deadline)
{
    int result = THRUM_CLOSED;
    struct park_wait *chain = NULL, **end = balance_first(queue, &chain);
    if ((queue_flags(queue) & CLOSED) == 0) {
        size_t before;
        do { /* who waits to get makes room */
            before = load->gone;
            result = lacks_memory(queue) ? -ENOMEM : queue_push(queue, load);
            end = queue_balance(queue, end);
        } while (result == THRUM_FULL && load->gone > before);
    }
    if (result == THRUM_FULL && deadline > 0 && chain == NULL) {
        result = queue_wait_at(queue, &queue->put, PUTTERS, load, deadline);
        if (result == THRUM_TIMEOUT)
            return THRUM_FULL;
        return result == 0 && load->gone < load->n ? PARK_CHANGED : result;
    }
    queue_unlock_whole(queue);
    unpark_wake(chain);
    return result == THRUM_FULL && deadline > 0 ? PARK_CHANGED : result;
}

/* Once: 0, when all is in; THRUM_FULL, THRUM_CLOSED, PARK_CHANGED or an error. It waits if there is a deadline. */
static int try_put(thrum_queue *queue, struct load *load, int64_t deadline)
{
    int result = thrum_lock_acquire(&queue->put.lock, THRUM_FOREVER);
    if (result != 0)
        return result;
    if (queue_flags(queue) == 0 && deadline <= 0) {
        result = queue_push(queue, load);
        (void)thrum_lock_release(&queue->put.lock);
        return result;
    }
    result = lock_rest(queue);
    return result == 0 ? put_whole(queue, load, deadline) : result;
}

static bool looks_open(const thrum_queue *queue)
{
    return !thrum_queue_full(queue) || is_attended(queue);
}

static int put(thrum_queue *queue, struct load *load, thrum_timeout timeout)
{
    int64_t deadline;
    int result = try_put(queue, load, 0);
    if (result != THRUM_FULL)
        return result;
    result = park_deadline(timeout, &deadline);
    if (result != 0)
        return result;
    if (deadline <= 0)
        return THRUM_FULL;
    do {
        for (int round = 0; round < ROUNDS && look(queue, &queue->put, looks_open); round++) {
            result = try_put(queue, load, 0);
            if (result != THRUM_FULL)
                return result;
        }
        result = try_put(queue, load, deadline);
    } while (result == PARK_CHANGED);
    return result;
}

int thrum_queue_put(thrum_queue *queue, const void *item, thrum_timeout timeout)
{
    if (!queue_is(queue) || item == NULL || timeout.kind_ == THRUM_TIMEOUT_INVALID_)
        return -EINVAL;
    if (thrum_self_.owner == 0)
        turn_first(queue, looks_open, timeout);
    int result = thrum_lock_acquire(&queue->put.lock, THRUM_FOREVER);
    if (result != 0)
        return result;
    bool alone = queue_flags(queue) == 0 && queue_can_put(queue, 1) > 0;
    if (alone && !fifo_push_one(queue, item))
        result = -ENOMEM;
    (void)thrum_lock_release(&queue->put.lock);
    if (alone)
        return result;
    struct load load = {.items = (char *)(uintptr_t)item, .n = 1};
    return put(queue, &load, timeout);
}

int thrum_queue_put_many(thrum_queue *queue, const void *items, size_t n, size_t *ret_n, thrum_timeout timeout)
{
    struct load load = {.items = (char *)(uintptr_t)items, .n = n};
    if (!queue_is(queue) || (items == NULL && n > 0) || timeout.kind_ == THRUM_TIMEOUT_INVALID_)
        return -EINVAL;
    int result = put(queue, &load, timeout);
    if (ret_n != NULL)
        *ret_n = load.gone;
    return result;
}

int thrum_queue_put_nowait(thrum_queue *queue, const void *item)
{
    return thrum_queue_put(queue, item, THRUM_NOWAIT);
}

/* ---- Get ---- */

/* PARK_CHANGED: nothing is left by those who waited before us, who have been woken. */
static int get_whole(thrum_queue *queue, struct load *load, int64_t deadline)
{
    struct park_wait *chain = NULL, **end = balance_first(queue, &chain);
    int result = queue_pop(queue, load);
    if (result == THRUM_EMPTY && (queue_flags(queue) & CLOSED) != 0)
        result = THRUM_CLOSED;
    if (result == THRUM_EMPTY && deadline > 0 && chain == NULL) {
        result = queue_wait_at(queue, &queue->get, GETTERS, load, deadline);
        return result == THRUM_TIMEOUT ? THRUM_EMPTY : result;
    }
    (void)queue_balance(queue, end);
    queue_unlock_whole(queue);
    unpark_wake(chain);
    return result == THRUM_EMPTY && deadline > 0 ? PARK_CHANGED : result;
}

/* Once, as try_put. */
static int try_get(thrum_queue *queue, struct load *load, int64_t deadline)
{
    int result;
    if (queue_flags(queue) == 0 && deadline <= 0) {
        result = thrum_lock_acquire(&queue->get.lock, THRUM_FOREVER);
        if (result != 0)
            return result;
        bool alone = queue_flags(queue) == 0;
        if (alone)
            result = queue_pop(queue, load);
        (void)thrum_lock_release(&queue->get.lock);
        if (alone)
            return result;
    }
    result = queue_lock_whole(queue);
    return result == 0 ? get_whole(queue, load, deadline) : result;
}

static bool looks_ready(const thrum_queue *queue)
{
    return queue_ready(queue) || is_attended(queue);
}

static int get(thrum_queue *queue, struct load *load, thrum_timeout timeout)
{
    int64_t deadline;
    int result = try_get(queue, load, 0);
    if (result != THRUM_EMPTY)
        return result;
    result = park_deadline(timeout, &deadline);
    if (result != 0)
        return result;
    if (deadline <= 0)
        return THRUM_EMPTY;
    for (int round = 0; round < ROUNDS && look(queue, &queue->get, looks_ready); round++) {
        result = try_get(queue, load, 0);
        if (result != THRUM_EMPTY)
            return result;
    }
    do
        result = try_get(queue, load, deadline);
    while (result == PARK_CHANGED);
    return result;
}

int thrum_queue_get(thrum_queue *queue, void *ret_item, thrum_timeout timeout)
{
    if (!queue_is(queue) || ret_item == NULL || timeout.kind_ == THRUM_TIMEOUT_INVALID_)
        return -EINVAL;
    if (thrum_self_.owner == 0)
        turn_first(queue, queue_ready, timeout);
    if (queue_flags(queue) == 0) {
        int result = thrum_lock_acquire(&queue->get.lock, THRUM_FOREVER);
        if (result != 0)
            return result;
        bool alone = queue_flags(queue) == 0 && queue_can_get(queue, 1) > 0;
        if (alone)
            fifo_pop_one(queue, ret_item);
        (void)thrum_lock_release(&queue->get.lock);
        if (alone)
            return 0;
    }
    struct load load = {.items = ret_item, .n = 1};
    return get(queue, &load, timeout);
}

int thrum_queue_get_many(thrum_queue *queue, void *ret_items, size_t max, size_t *ret_n, thrum_timeout timeout)
{
    struct load load = {.items = ret_items, .n = max};
    if (!queue_is(queue) || ret_n == NULL || (ret_items == NULL && max > 0) || timeout.kind_ == THRUM_TIMEOUT_INVALID_)
        return -EINVAL;
    int result = max > 0 ? get(queue, &load, timeout) : 0;
    if (result == 0)
        *ret_n = load.gone;
    return result;
}

int thrum_queue_get_nowait(thrum_queue *queue, void *ret_item)
{
    return thrum_queue_get(queue, ret_item, THRUM_NOWAIT);
}

/* ---- The rest ---- */

/* Those that are to be dropped with the rest: what counts for join and all others is put's index alone. */
static void count_outside_as_put(thrum_queue *queue)
{
    uint64_t n = queue->slots != NULL ? slots_drop(queue->slots) : 0;
    os_store_relaxed(&queue->put.index, os_load_relaxed(&queue->put.index) + n); /* relaxed: the locks are held */
}

/* A chain of the joiners that have to be woken then. */
static struct park_wait *drop_all(thrum_queue *queue)
{
    count_outside_as_put(queue);
    uint64_t dropped = queue_count(queue);
    if (queue->order == THRUM_FIFO)
        fifo_drop_all(queue);
    else
        pile_drop_all(queue);
    queue->get.limit = os_load_relaxed(&queue->put.index); /* relaxed: the locks are held */
    return queue_task_drop(queue, dropped);
}

int thrum_queue_close(thrum_queue *queue, enum thrum_close how)
{
    if (!queue_is(queue) || (how != THRUM_DRAIN && how != THRUM_DISCARD))
        return -EINVAL;
    int result = queue_lock_whole(queue);
    if (result != 0)
        return result;
    queue_set_flags(queue, CLOSED, 0);
    if (queue->slots != NULL)
        slots_shut(queue->slots);
    struct park_wait *joiners = how == THRUM_DISCARD ? drop_all(queue) : NULL, *chain = NULL;
    (void)queue_balance(queue, &chain);
    queue_unlock_whole(queue);
    unpark_wake(joiners);
    unpark_wake(chain);
    return 0;
}

bool thrum_queue_is_closed(const thrum_queue *queue)
{
    return queue_is(queue) && (queue_flags(queue) & CLOSED) != 0;
}

/* One index is looked at after the other, and the later look gives the moment that is told of: with put's as the
 * later, none is at a time when none was; with get's, it is full at a time when it was. */
size_t thrum_queue_qsize(const thrum_queue *queue)
{
    if (!queue_is(queue))
        return 0;
    uint64_t got = os_load_acquire(&queue->get.index); /* acquire: it is looked at first */
    uint64_t outside = queue_outside(queue);           /* looked at before put's index, to which they go */
    uint64_t count = os_load_relaxed(&queue->put.index) - got;
    return (size_t)outside + (queue->maxsize != 0 && count > queue->maxsize ? queue->maxsize : (size_t)count);
}

bool thrum_queue_empty(const thrum_queue *queue)
{
    return thrum_queue_qsize(queue) == 0;
}

bool thrum_queue_full(const thrum_queue *queue)
{
    if (!queue_is(queue) || queue->maxsize == 0)
        return false;
    uint64_t put = os_load_acquire(&queue->put.index); /* acquire: it is looked at first */
    uint64_t got = os_load_relaxed(&queue->get.index);
    return put >= got && put - got >= queue->maxsize;
}
