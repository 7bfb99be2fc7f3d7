/*
 * balance.c - moving a queue's items, for who calls and for those who wait
 *
 * A wait is a push or pop that somebody else does: it carries the load that is to be moved, and whoever next holds
 * both locks and can move something of it does so, and takes it out of the lot. queue_balance does that for
 * all who can be served, after each change; so what queue.h promises of those who wait is kept here, and nowhere else.
 *
 * What handlers have put (slots.c) is moved in as soon as there is room: by queue_balance before all else, and by a
 * pop, which makes room.
 */
#include <errno.h>

#include "queue/queue.h"

/* ---- Items; the side's lock is held ---- */

static char *place(const thrum_queue *queue, const struct load *load)
{
    return load->items + load->gone * queue->item_size;
}

int queue_push(thrum_queue *queue, struct load *load)
{
    size_t n = queue_can_put(queue, load->n - load->gone), pushed = 0;
    if (queue->order == THRUM_FIFO) {
        pushed = fifo_push(queue, place(queue, load), n);
        load->gone += pushed;
    } else {
        for (; pushed < n && pile_push(queue, place(queue, load)) == 0; pushed++)
            load->gone++;
    }
    if (pushed < n)
        return -ENOMEM;
    return load->gone < load->n ? THRUM_FULL : 0;
}

/* Move what handlers have put, as far as there is room; whether that was something. Without memory an unbounded queue
 * has room for one at least: so nobody finds it empty while there is something outside. */
static bool take_in(thrum_queue *queue)
{
    struct slots *slots = queue->slots;
    const char *item;
    bool some = false;
    while (slots != NULL && (item = slots_first(slots)) != NULL && queue_can_put(queue, 1) > 0) {
        struct load load = {.items = (char *)(uintptr_t)item, .n = 1};
        int result = queue_push(queue, &load);
        if (result != 0 && queue_count(queue) == 0 && queue->order == THRUM_FIFO) {
            fifo_restart(queue);
            result = queue_push(queue, &load);
        }
        if (result != 0)
            break;
        slots_next(slots);
        some = true;
    }
    return some;
}

int queue_pop(thrum_queue *queue, struct load *load)
{
    size_t n = queue_can_get(queue, load->n - load->gone), before = load->gone;
    for (; n > 0; n = take_in(queue) ? queue_can_get(queue, load->n - load->gone) : 0) {
        if (queue->order == THRUM_FIFO)
            fifo_pop(queue, place(queue, load), n);
        else
            for (size_t i = 0; i < n; i++)
                pile_pop(queue, load->items + (load->gone + i) * queue->item_size);
        load->gone += n;
    }
    return load->gone > before ? 0 : THRUM_EMPTY;
}

/* ---- Those who wait; both locks are held ---- */

/* A wait to put or get, which a holder of both locks does for it: as much as can be, and at least one item. */
struct waiter {
    thrum_queue *queue;
    struct load load;
    bool left; /* the locks were given back */
};

static void leave(void *arg)
{
    struct waiter *waiter = arg;
    waiter->left = true;
    queue_unlock_whole(waiter->queue);
}

int queue_wait_at(thrum_queue *queue, struct side *side, uint32_t flag, struct load *load, int64_t deadline)
{
    struct waiter waiter = {.queue = queue, .load = {place(queue, load), load->n - load->gone, 0}};
    struct park_call call = {.key = &side->index,
                             .before_sleep = leave,
                             .arg = &waiter,
                             .what = flag == GETTERS ? "item in queue" : "room in queue",
                             .deadline = deadline};
    if (!os_planted("queue-missed-wake"))
        queue_set_flags(queue, flag, 0);
    int result = park(&call);
    if (!waiter.left)
        queue_unlock_whole(queue);
    load->gone += waiter.load.gone;
    return result == 0 ? (int)call.ret_word : result;
}

static uintptr_t note_more(void *arg, const struct unparked *done)
{
    *(bool *)arg = done->more;
    return THRUM_OK;
}

/* Put more behind those that have to be woken; the end of the chain then. */
static struct park_wait **add(struct park_wait **end, struct park_wait *more)
{
    *end = more;
    while (*end != NULL)
        end = &(*end)->next;
    return end;
}

/* Move items of the first that waits at this side. */
static struct park_wait **serve(thrum_queue *queue, struct side *side, uint32_t flag,
                                int (*move)(thrum_queue *queue, struct load *load), struct park_wait **end)
{
    bool more = false;
    struct park_wait *wait = unpark_take(&side->index, 1, note_more, &more);
    if (!more)
        queue_set_flags(queue, 0, flag);
    if (wait == NULL)
        return end;
    struct waiter *waiter = wait->arg;
    (void)move(queue, &waiter->load); /* as we have seen, something can be moved */
    return add(end, wait);
}

static struct park_wait **turn_away(thrum_queue *queue, struct side *side, uint32_t flag, struct park_wait **end)
{
    struct park_wait *all = unpark_take(&side->index, SIZE_MAX, NULL, NULL);
    queue_set_flags(queue, 0, flag);
    for (struct park_wait *wait = all; wait != NULL; wait = wait->next)
        wait->word = THRUM_CLOSED;
    return add(end, all);
}

/* Under the bucket's lock, for who watches looks at the flag there. */
static uintptr_t unwatch(void *arg, const struct unparked *done)
{
    (void)done;
    queue_set_flags(arg, 0, WATCHED);
    return THRUM_OK;
}

struct park_wait **queue_balance(thrum_queue *queue, struct park_wait **end)
{
    (void)take_in(queue);
    while ((queue_flags(queue) & GETTERS) != 0 && queue_can_get(queue, 1) > 0)
        end = serve(queue, &queue->get, GETTERS, queue_pop, end);
    while ((queue_flags(queue) & PUTTERS) != 0 && (queue_flags(queue) & CLOSED) == 0 && queue_can_put(queue, 1) > 0)
        end = serve(queue, &queue->put, PUTTERS, queue_push, end);
    uint32_t flags = queue_flags(queue);
    if ((flags & (CLOSED | GETTERS)) == (CLOSED | GETTERS))
        end = turn_away(queue, &queue->get, GETTERS, end);
    if ((flags & (CLOSED | PUTTERS)) == (CLOSED | PUTTERS))
        end = turn_away(queue, &queue->put, PUTTERS, end);
    if ((flags & WATCHED) != 0 && queue_ready(queue) && !os_planted("queue-lost-watcher"))
        end = add(end, unpark_take(&queue->flags, SIZE_MAX, unwatch, queue));
    if ((flags & POLLED) != 0)
        queue_ring(queue);
    return end;
}
