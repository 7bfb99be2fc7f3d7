/*
 * poll.c - a queue's descriptor
 *
 * It rings exactly while something can be got or the queue is closed. Once there is one, every operation holds
 * both locks, and where it has made the queue empty or not, or closed, it turns the bell on or off before it
 * gives them back; so what a poller sees is never older than the last operation that has returned, and nothing can come
 * between a change and its ringing.
 *
 * The descriptor's bell is shared with a forked child, whose queue is another one. The child therefore drops it, and
 * makes its own when it is asked for.
 */
#include <errno.h>

#include "platform/state.h"
#include "queue/queue.h"

void queue_unring(thrum_queue *queue)
{
    if ((queue_flags(queue) & POLLED) == 0)
        return;
    os_bell_free(queue->bell);
    queue_set_flags(queue, 0, POLLED);
}

void queue_ring(thrum_queue *queue)
{
    if (queue->generation != os_generation()) {
        queue_unring(queue);
        return;
    }
    bool ready = queue_ready(queue);
    if (ready != queue->ringing && !os_planted("queue-bell-not-rung"))
        os_bell_ring(queue->bell, ready);
    queue->ringing = ready;
}

static int make(thrum_queue *queue)
{
    /* In a forked child the helper is made by the first that waits, but nobody sees who waits in poll(2). */
    int result = queue->slots != NULL ? thrum_signals_start() : 0;
    if (result != 0)
        return result;
    int bell = os_bell_new();
    if (bell < 0)
        return bell;
    queue->bell = bell;
    queue->ringing = false;
    queue->generation = os_generation();
    queue_set_flags(queue, POLLED, 0);
    queue_ring(queue);
    return 0;
}

int thrum_queue_fileno(thrum_queue *queue, int *ret_fd)
{
    if (!queue_is(queue) || ret_fd == NULL)
        return -EINVAL;
    int result = queue_lock_whole(queue);
    if (result != 0)
        return result;
    if ((queue_flags(queue) & POLLED) != 0 && queue->generation != os_generation())
        queue_unring(queue);
    if ((queue_flags(queue) & POLLED) == 0)
        result = make(queue);
    if (result == 0)
        *ret_fd = queue->bell;
    queue_unlock_whole(queue);
    return result;
}
