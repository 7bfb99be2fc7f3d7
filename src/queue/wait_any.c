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

/* It is unset under the lock of this bucket only. */
static bool is_watched(void *object)
{
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

static int wait_in(struct park_place *places, const thrum_waitable *things, size_t n, size_t *ret_index,
                   int64_t deadline)
{
    struct park_call call = {.what = "any of several", .reviewed = true, .deadline = deadline};
    for (size_t i = 0; i < n; i++)
        places[i] = (struct park_place){.key = things[i].kind_->key(things[i].object_),
                                        .validate = things[i].kind_->waiting,
                                        .arg = things[i].object_};
    size_t place = 0;
    int result;
    do {
        if (find_ready(things, n, ret_index) == 0)
            return 0;
        result = announce_all(things, n);
        if (result == 0)
            result = park_any(&call, places, n, &place);
        if (result == 0 && places[place].wait.word != 0)
            result = PARK_CHANGED; /* it was told to look again */
    } while (result == PARK_CHANGED);
    if (result == 0)
        *ret_index = place;
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
    struct park_place on_stack[ON_STACK];
    struct park_place *places = on_stack;
    if (n > ON_STACK && (n > SIZE_MAX / sizeof *places || (places = malloc(n * sizeof *places)) == NULL))
        return -ENOMEM;
    result = wait_in(places, things, n, ret_index, deadline);
    if (places != on_stack)
        free(places);
    return result;
}
