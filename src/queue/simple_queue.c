/*
 * simple_queue.c - the simple queue: a queue, of which less is shown
 *
 * What Python's SimpleQueue leaves out costs nothing here where it is not used, so the type is all that differs.
 */
#include "thrum/queue.h"

static thrum_queue *inner(const thrum_simple_queue *queue)
{
    return (thrum_queue *)(uintptr_t)queue;
}

int thrum_simple_queue_new(thrum_simple_queue **ret_queue, size_t item_size)
{
    thrum_queue *queue;
    int result = thrum_queue_new(ret_queue != NULL ? &queue : NULL, .item_size = item_size);
    if (result == 0)
        *ret_queue = (thrum_simple_queue *)queue;
    return result;
}

void thrum_simple_queue_free(thrum_simple_queue *queue)
{
    thrum_queue_free(inner(queue));
}

int thrum_simple_queue_put(thrum_simple_queue *queue, const void *item)
{
    return thrum_queue_put(inner(queue), item, THRUM_NOWAIT);
}

int thrum_simple_queue_get(thrum_simple_queue *queue, void *ret_item, thrum_timeout timeout)
{
    return thrum_queue_get(inner(queue), ret_item, timeout);
}

int thrum_simple_queue_get_nowait(thrum_simple_queue *queue, void *ret_item)
{
    return thrum_queue_get(inner(queue), ret_item, THRUM_NOWAIT);
}

size_t thrum_simple_queue_qsize(const thrum_simple_queue *queue)
{
    return thrum_queue_qsize(inner(queue));
}

bool thrum_simple_queue_empty(const thrum_simple_queue *queue)
{
    return thrum_queue_qsize(inner(queue)) == 0;
}

thrum_waitable thrum_simple_queue_waitable(thrum_simple_queue *queue)
{
    return thrum_queue_waitable(inner(queue));
}
