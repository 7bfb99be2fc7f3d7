/*
 * slots.c - items that signal handlers put
 *
 * A handler may run in the very thread that holds the queue's lock, so it cannot take it, and it cannot allocate. A
 * queue made for it has slots, each free, or a handler's, or filled. They are in two lists without locks: a handler
 * takes a slot off `free`, copies its item, and pushes it onto `filled`, all by compare-and-swap, so that other
 * handlers may come in the middle and none waits for another. What it has begun and not finished is in neither list: it
 * costs one slot and holds up nobody. The push is the moment at which the item is in: the order of pushes is the order
 * of items, and closing marks the same word, so that a push comes before the close or is refused.
 *
 * Who holds the lock moves the filled ones into the queue proper, before anything else that it does and whenever there
 * is room; the helper thread does so after each put by a handler (park/signal.h). What finds no room waits in its slot,
 * in a list of the lock's holders, in front of all that come later. It counts as put (queue_outside).
 *
 * Nothing of the queue is touched after the push: whoever gets the item may free the queue. The errand, which is
 * touched, is held meanwhile.
 *
 * A queue with slots is always whole (queue.h), and put's lock is enough for it.
 */
#include <errno.h>
#include <stdlib.h>

#include "park/signal.h"
#include "queue/queue.h"

struct slot {
    uint32_t next; /* its place + 1; 0: it is the last */
    char item[] __attribute__((aligned(16)));
};

/*
 * A list's word is the first slot's place + 1, or 0, and above it a number. `free`: how often a slot was pushed onto
 * it, so that a handler which was interrupted between its look and its swap sees that the first slot has been away
 * meanwhile. `filled`: how many have ever been, and SHUT when the queue is closed.
 */
#define PLACE UINT64_C(0xFFFFFF)
#define ONE (PLACE + 1)
#define SHUT (UINT64_C(1) << 63)
#define NUMBER (SHUT - ONE) /* the bits of the number */

struct slots {
    uint64_t free, filled;
    uint64_t moved;       /* how many were filled and are none of ours any more; written with the lock held */
    uint32_t first, last; /* those that wait for room; the lock is held */
    struct signal_errand *errand;
    uint64_t n; /* of slots */
    size_t item_size, stride;
    char memory[] __attribute__((aligned(16)));
};

static struct slot *at(struct slots *slots, uint64_t place_1)
{
    return (struct slot *)(void *)(slots->memory + (place_1 - 1) * slots->stride);
}

/* ---- For handlers ---- */

/* Take a free slot: its place + 1, or 0. */
static uint64_t take_free(struct slots *slots)
{
    for (;;) {
        /* Acquire: pairs with give_free, so `next` is not older than this. What is copied out has been. */
        uint64_t free = os_load_acquire(&slots->free), place = free & PLACE;
        if (place == 0)
            return 0;
        /* Relaxed: if the word has changed meanwhile, whatever was read is not used. */
        uint64_t next = os_load_relaxed(&at(slots, place)->next);
        if (os_planted("queue-slot-taken-twice")) {
            os_store_relaxed(&slots->free, (free & ~PLACE) | next);
            return place;
        }
        /* Relaxed: it is the word that we have seen, by its number. */
        if (os_cas_relaxed(&slots->free, &free, (free & ~PLACE) | next))
            return place;
    }
}

/* False: it is closed. */
static bool push_filled(struct slots *slots, uint64_t place)
{
    uint64_t filled = os_load_relaxed(&slots->filled), then;
    do {
        if ((filled & SHUT) != 0)
            return false; /* and the slot is lost, but who wants one of a closed queue? */
        os_store_relaxed(&at(slots, place)->next, (uint32_t)(filled & PLACE)); /* relaxed: ordered by the word */
        then = ((filled + ONE) & NUMBER) | place;
        /* Release: pairs with fetch. The item is there before it says so. */
    } while (!os_cas_release(&slots->filled, &filled, then));
    return true;
}

static int put(struct slots *slots, const void *item)
{
    uint64_t place = take_free(slots);
    if (place == 0)
        return (os_load_relaxed(&slots->filled) & SHUT) != 0 ? THRUM_CLOSED : THRUM_FULL; /* relaxed: nothing is read */
    memcpy(at(slots, place)->item, item, slots->item_size);
    return push_filled(slots, place) ? 0 : THRUM_CLOSED;
}

int thrum_queue_try_put_from_signal(thrum_queue *queue, const void *item)
{
    if (queue == NULL || item == NULL || queue->slots == NULL)
        return -EINVAL;
    struct slots *slots = queue->slots;
    struct signal_errand *errand = slots->errand;
    if (!signal_errand_enter(errand))
        return -EINVAL; /* it is being freed */
    int result = put(slots, item);
    if (result == 0 && !os_planted("queue-slot-not-carried-on"))
        signal_carry_on(errand);
    signal_errand_leave(errand);
    return result;
}

/* ---- With the lock held ---- */

static void give_free(struct slots *slots, uint64_t place)
{
    uint64_t free = os_load_relaxed(&slots->free), then;
    do {
        os_store_relaxed(&at(slots, place)->next, (uint32_t)(free & PLACE)); /* relaxed: ordered by the word */
        then = ((free + ONE) & ~PLACE) | place;
        /* Release: pairs with take_free; we have read the item. */
    } while (!os_cas_release(&slots->free, &free, then));
}

/* Take all that are filled, behind those that wait. */
static void fetch(struct slots *slots, uint64_t mark)
{
    uint64_t filled = os_load_relaxed(&slots->filled);
    if ((filled & PLACE) == 0 && mark == 0)
        return;
    /* Acquire: pairs with push_filled. */
    while (!os_cas_acquire(&slots->filled, &filled, (filled & ~PLACE) | mark))
        continue;
    uint64_t place = filled & PLACE, newest = place, oldest = 0;
    while (place != 0) { /* the newest is the first: turn them round */
        struct slot *slot = at(slots, place);
        uint64_t next = os_load_relaxed(&slot->next); /* relaxed: ours, as is the store */
        os_store_relaxed(&slot->next, (uint32_t)oldest);
        oldest = place;
        place = next;
    }
    if (oldest == 0)
        return;
    if (slots->first == 0)
        slots->first = (uint32_t)oldest;
    else
        os_store_relaxed(&at(slots, slots->last)->next, (uint32_t)oldest); /* relaxed: ours */
    slots->last = (uint32_t)newest;
}

const char *slots_first(struct slots *slots)
{
    if (slots->first == 0)
        fetch(slots, 0);
    return slots->first != 0 ? at(slots, slots->first)->item : NULL;
}

bool slots_wait_for_room(const struct slots *slots)
{
    return slots->first != 0;
}

void slots_next(struct slots *slots)
{
    uint32_t place = slots->first;
    slots->first = os_load_relaxed(&at(slots, place)->next); /* relaxed: ours */
    /* Release: who sees it moved sees it where it is now; it is counted twice for a moment, and never not at all. */
    os_store_release(&slots->moved, os_load_relaxed(&slots->moved) + 1);
    give_free(slots, place);
}

void slots_shut(struct slots *slots)
{
    fetch(slots, SHUT);
}

uint64_t slots_drop(struct slots *slots)
{
    uint64_t n = slots_count(slots);
    slots->first = 0;                                                    /* and the slots are lost: it is closed */
    os_store_release(&slots->moved, os_load_relaxed(&slots->moved) + n); /* release: as in slots_next */
    return n;
}

uint64_t slots_count(const struct slots *slots)
{
    uint64_t moved = os_load_acquire(&slots->moved); /* acquire: it is looked at first */
    /* Acquire: who sees that there is something may go on to tell others. */
    uint64_t filled = os_load_acquire(&slots->filled) & NUMBER;
    uint64_t count = (filled / ONE - moved) & (NUMBER / ONE);
    /* If more, then they have been moved and filled again since the first look. */
    return count < slots->n ? count : slots->n;
}

/* ---- Making and freeing ---- */

/* The helper's part. */
static void look_after(void *arg)
{
    thrum_queue *queue = arg;
    signals_keep_from_forking();
    int result = queue_lock_whole(queue);
    if (result == 0) {
        struct park_wait *chain = NULL;
        (void)queue_balance(queue, &chain);
        queue_unlock_whole(queue);
        unpark_wake(chain);
    }
    signals_let_fork();
    if (result == -EAGAIN) { /* there is no memory to know the helper by: it comes again */
        signal_carry_on(queue->slots->errand);
        os_yield();
    }
}

int slots_open(thrum_queue *queue, uint32_t n)
{
    size_t item_size = queue->item_size;
    if (n > PLACE - 1 || item_size > PTRDIFF_MAX / 2)
        return -EOVERFLOW;
    size_t stride = (sizeof(struct slot) + item_size + 15) / 16 * 16;
    if (n > (PTRDIFF_MAX - sizeof(struct slots)) / stride)
        return -EOVERFLOW;
    struct slots *slots = calloc(1, sizeof *slots + n * stride);
    if (slots == NULL)
        return -ENOMEM;
    slots->n = n;
    slots->item_size = item_size;
    slots->stride = stride;
    for (uint32_t place = n; place > 0; place--)
        give_free(slots, place);
    queue->slots = slots;
    int result = signal_errand_add(&slots->errand, 0, NULL, look_after, queue);
    if (result != 0) {
        free(slots);
        queue->slots = NULL;
    }
    return result;
}

void slots_close(thrum_queue *queue)
{
    if (queue->slots == NULL)
        return;
    (void)signal_errand_remove(0, look_after, queue);
    free(queue->slots);
}
