/*
 * wait_any.c - wait until one of several things is ready
 *
 * Each thing is looked at and told that somebody watches it; when none is ready, the caller parks at all of
 * them. A queue's watchers wait at an address of their own, so that a wake-up that is theirs is never one that a
 * getter needed; they hear of it when the queue comes to be ready and no getter was there to take the item.
 */
#include <errno.h>
#include <stdlib.h>

#include "park/waitable.h"
#include "queue/queue.h"

#define ON_STACK 8

/* ---- Queues ---- */

static bool exists(const void *object)
{
    return queue_is(object);
}

static bool is_ready(const void *object)
{
    return queue_ready(object);
}

static int announce(void *object)
{
    thrum_queue *queue = object;
    int result = queue_lock_whole(queue);
    if (result != 0)
        return result;
    bool ready = queue_ready(queue);
    if (!ready)
        queue_set_flags(queue, WATCHED, 0);
    queue_unlock_whole(queue);
    return ready ? PARK_CHANGED : 0;
}

/* It is unset under the lock of this bucket only. What came may be gone again, so it is looked for. */
static bool is_watched(const void *object, bool *ret_was_ready)
{
    *ret_was_ready = false;
    return (queue_flags(object) & WATCHED) != 0;
}

static const void *key_of(const void *object)
{
    const thrum_queue *queue = object;
    return &queue->flags;
}

static const struct thrum_waitable_kind_ waitable_queue = {exists, is_ready, announce, is_watched, key_of};

thrum_waitable thrum_queue_waitable(thrum_queue *queue)
{
    return (thrum_waitable){&waitable_queue, queue};
}

thrum_waitable thrum_event_waitable(thrum_event *event)
{
    return (thrum_waitable){&waitable_event, event};
}

/* ---- Any of them ---- */

static int find_ready(const thrum_waitable *things, size_t n, size_t *ret_index)
{
    for (size_t i = 0; i < n; i++) {
        if (things[i].kind_->ready(things[i].object_)) {
            *ret_index = i;
            return 0;
        }
    }
    return THRUM_TIMEOUT;
}

/* PARK_CHANGED: one of them is ready, or has been meanwhile. */
static int announce_all(const thrum_waitable *things, size_t n)
{
    int result = 0;
    for (size_t i = 0; i < n && result == 0; i++)
        result = things[i].kind_->announce(things[i].object_);
    return result;
}

/* A place to wait at, and what is waited for there. */
struct watch {
    const thrum_waitable *thing;
    bool was_ready;
};

/* Under the bucket's lock; before the wait, and then whenever the helper asks. */
static bool not_ready(void *arg)
{
    struct watch *watch = arg;
    return watch->thing->kind_->waiting(watch->thing->object_, &watch->was_ready);
}

static int find_seen(const struct watch *watches, size_t n, int otherwise, size_t *ret_index)
{
    for (size_t i = 0; i < n; i++) {
        if (watches[i].was_ready) {
            *ret_index = i;
            return 0;
        }
    }
    return otherwise;
}

static int wait_in(struct park_place *places, struct watch *watches, const thrum_waitable *things, size_t n,
                   size_t *ret_index, int64_t deadline)
{
    struct park_call call = {.what = "any of several", .reviewed = true, .deadline = deadline};
    for (size_t i = 0; i < n; i++) {
        watches[i] = (struct watch){&things[i], false};
        places[i] = (struct park_place){
            .key = things[i].kind_->key(things[i].object_), .validate = not_ready, .arg = &watches[i]};
    }
    int result;
    do {
        result = announce_all(things, n);
        if (result == 0)
            result = park_any(&call, places, n, ret_index);
        if (result != 0)
            result = find_seen(watches, n, result, ret_index);
        if (result != 0 && find_ready(things, n, ret_index) == 0) /* also by a handler, before the helper came */
            result = 0;
    } while (result == PARK_CHANGED);
    return result;
}

int thrum_wait_any(const thrum_waitable *things, size_t n, size_t *ret_index, thrum_timeout timeout)
{
    int64_t deadline;
    if (things == NULL || n == 0 || ret_index == NULL)
        return -EINVAL;
    for (size_t i = 0; i < n; i++)
        if (things[i].kind_ == NULL || !things[i].kind_->exists(things[i].object_))
            return -EINVAL;
    int result = park_deadline(timeout, &deadline);
    if (result == 0)
        result = find_ready(things, n, ret_index);
    if (result != THRUM_TIMEOUT || deadline <= 0)
        return result;
    struct park_place on_stack[ON_STACK], *places = on_stack;
    struct watch watches_on_stack[ON_STACK], *watches = watches_on_stack;
    if (n > ON_STACK) {
        const size_t size = sizeof *places + sizeof *watches;
        places = n <= SIZE_MAX / size ? malloc(n * size) : NULL;
        if (places == NULL)
            return -ENOMEM;
        watches = (struct watch *)(places + n);
    }
    result = wait_in(places, watches, things, n, ret_index, deadline);
    if (places != on_stack)
        free(places);
    return result;
}
