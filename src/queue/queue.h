/*
 * queue.h - what is inside a queue
 *
 * A queue has a put side and a get side, each with a lock, on cache lines of its own. In the
 * usual case, a first-in, first-out queue where nobody waits, a put holds the one and a get the other, and each learns
 * how far it may go from the other's index, which it looks at only when it has come as far as it knew. So
 * a producer and a consumer touch each other's lines once in many items.
 *
 * All else is done with both locks held ("whole"), as if there were one: to wait, to close, to look after who
 * waits. `flags` says that there is such work. It is written with both locks held, so whoever holds either
 * knows it: while it is zero, a side may go on alone, and no wake-up can be missed, without an atomic
 * operation beyond those of a lock.
 *
 * A waiter enters the parking lot with both locks held, when it has seen that it must wait. From then on
 * each operation is a whole one and ends in queue_balance, which gives items to those that wait to get, and takes
 * those of who wait to put, as many as can be, and to one after the other in the order in which they came. So
 * who is woken has what it waited for, nobody is overtaken once it has begun to wait, and an item is lost
 * neither to a time-out nor to a cancelled wait.
 *
 * Under both locks, after queue_balance:
 *  - who waits to get, waits at an empty queue (GETTERS), and who waits to put at a full one (PUTTERS);
 *    the flags may stay set when such a wait has timed out;
 *  - nobody waits at a closed queue;
 *  - who watches it (wait_any) waits at one that is empty and not closed (WATCHED);
 *  - its descriptor, if one was asked for (POLLED), is readable when it is not empty or closed.
 *
 * Nothing of a queue is touched after the locks are given back, but by waking those who were taken out
 * of the lot, which touches only their waits. free takes both locks once, so who is still inside
 * is waited for, and whoever got the last item may free the queue.
 *
 * A queue into which signal handlers may put has slots for what they have put (slots.c). After queue_balance what is
 * in slots waits for room.
 *
 * Order of locks: put's, get's, then buckets of the lot.
 */
#ifndef QUEUE_QUEUE_H_
#define QUEUE_QUEUE_H_

#include <string.h>

#include "base/object.h"
#include "park/park.h"
#include "thrum/queue.h"

/* What there is beside a side's own work. */
enum {
    GETTERS = 1, /* somebody may be waiting to get */
    PUTTERS = 2, /* ... or to put */
    WATCHED = 4, /* ... or to hear that there is something to get */
    POLLED = 8,  /* it has a descriptor */
    CLOSED = 16,
    ONE_LOCK = 32 /* always whole, and then put's lock is enough: not FIFO, or it has slots; never changes */
};

/* Memory for items, in a row. A bounded queue has one chunk, which follows itself. */
struct chunk {
    struct chunk *next; /* NULL: the last */
    size_t size;        /* bytes */
    char items[] __attribute__((aligned(16)));
};

/* index: how many items have gone this way since the queue was made; written by the holder of this side's lock. */
struct side {
    thrum_lock lock;
    uint64_t index;
    uint64_t limit;     /* what index may rise to, as far as is known */
    uint64_t looked_at; /* index, when somebody last began to look whether there is something to do */
    char *at, *end;     /* FIFO: the next item's place, and the end of its chunk */
    struct chunk *chunk;
} __attribute__((aligned(128))); /* two lines: processors fetch them in pairs */

/* Items of a queue that is not FIFO, in an array: a stack, or a heap (see pile.c). */
struct pile {
    char *items;
    size_t capacity, stride;
};

/* So far ahead of the next item the put side asks for the memory that it will write. An operation's locked
 * instructions wait until what was written before is the processor's own, so without this each new line costs
 * its whole way from the getters' processor. */
#define QUEUE_AHEAD 128

struct thrum_queue {
    uint32_t flags; /* see above */
    uint32_t order;
    size_t maxsize; /* 0: unbounded */
    size_t item_size;
    int (*compare)(const void *a, const void *b, void *arg);
    void *compare_arg;
    struct pile pile;
    struct slots *slots; /* NULL: not for signal handlers; see slots.c */
    int bell;            /* POLLED: see poll.c */
    bool ringing;
    uint32_t generation; /* of the process that the bell is of */
    struct side put, get;
    uint64_t done __attribute__((aligned(128))); /* see tasks.c */
    struct chunk *spare;                         /* one that was used up */
};

#define queue_lock_whole thrum_queue_lock_whole_
#define queue_unlock_whole thrum_queue_unlock_whole_
#define queue_push thrum_queue_push_
#define queue_pop thrum_queue_pop_
#define queue_wait_at thrum_queue_wait_at_
#define queue_balance thrum_queue_balance_
#define queue_ready thrum_queue_ready_
#define queue_task_drop thrum_queue_task_drop_
#define queue_unring thrum_queue_unring_
#define queue_ring thrum_queue_ring_
#define fifo_open thrum_fifo_open_
#define fifo_close thrum_fifo_close_
#define fifo_next_to_fill thrum_fifo_next_to_fill_
#define fifo_next_to_read thrum_fifo_next_to_read_
#define fifo_push thrum_fifo_push_
#define fifo_pop thrum_fifo_pop_
#define fifo_drop_all thrum_fifo_drop_all_
#define fifo_restart thrum_fifo_restart_
#define pile_open thrum_pile_open_
#define pile_push thrum_pile_push_
#define pile_pop thrum_pile_pop_
#define pile_drop_all thrum_pile_drop_all_
#define slots_open thrum_slots_open_
#define slots_close thrum_slots_close_
#define slots_first thrum_slots_first_
#define slots_next thrum_slots_next_
#define slots_wait_for_room thrum_slots_wait_for_room_
#define slots_shut thrum_slots_shut_
#define slots_drop thrum_slots_drop_
#define slots_count thrum_slots_count_

static inline bool queue_is(const thrum_queue *queue)
{
    return object_is(queue, OBJECT_QUEUE);
}

/* Both locks. 0, or the lock's result. */
int queue_lock_whole(thrum_queue *queue);
void queue_unlock_whole(thrum_queue *queue);

/* Items on their way in or out: where they are, how many, and how many of them have gone. */
struct load {
    char *items;
    size_t n, gone;
};

/* Put what fits, the side's lock being held. 0: all is in; THRUM_FULL, -ENOMEM. And get what is there. 0: that was
 * something; THRUM_EMPTY. */
int queue_push(thrum_queue *queue, struct load *load);
int queue_pop(thrum_queue *queue, struct load *load);

/* Wait, with both locks held, for the other side to move something of the load; gives the locks back. The flag says at
 * which side: GETTERS, PUTTERS. 0: it has; THRUM_CLOSED; or park's result. */
int queue_wait_at(thrum_queue *queue, struct side *side, uint32_t flag, struct load *load, int64_t deadline);

/* After any change, with both locks held: see above. At the end of a chain it puts those who have to be woken, by
 * unpark_wake, when the locks have been given back; returns the chain's new end. */
struct park_wait **queue_balance(thrum_queue *queue, struct park_wait **end);

/* Whether there is something to get or it is closed, without a lock: a hint. With the locks: so it is. */
bool queue_ready(const thrum_queue *queue);

/* So many items were dropped, both locks being held: a chain of the joiners that have to be woken then. */
struct park_wait *queue_task_drop(thrum_queue *queue, uint64_t n);

/* POLLED: make the descriptor say what is so, or give it up; both locks are held. */
void queue_ring(thrum_queue *queue);
void queue_unring(thrum_queue *queue);

/* What is written with both locks held, and read with either, or as a hint: relaxed. */
static inline uint32_t queue_flags(const thrum_queue *queue)
{
    return os_load_relaxed(&queue->flags);
}

static inline void queue_set_flags(thrum_queue *queue, uint32_t set, uint32_t unset)
{
    os_store_relaxed(&queue->flags, (queue_flags(queue) & ~unset) | set);
}

/* Where the items lie, in fifo.c and pile.c. Push and pop: the side's lock is held, and there is room for n, or so many
 * are there. fifo_push: how many went in, fewer than n where there was no memory. */
bool fifo_next_to_fill(thrum_queue *queue);
void fifo_next_to_read(thrum_queue *queue);
int fifo_open(thrum_queue *queue);
void fifo_close(thrum_queue *queue);
size_t fifo_push(thrum_queue *queue, const char *items, size_t n);
void fifo_pop(thrum_queue *queue, char *ret_items, size_t n);
void fifo_drop_all(thrum_queue *queue);
void fifo_restart(thrum_queue *queue); /* both locks are held and it is empty: the next push needs no memory */
int pile_open(thrum_queue *queue);
int pile_push(thrum_queue *queue, const char *item);
void pile_pop(thrum_queue *queue, char *ret_item);
void pile_drop_all(thrum_queue *queue);

/* What handlers have put, in slots.c; the lock is held but for slots_count. */
int slots_open(thrum_queue *queue, uint32_t n);      /* 0; -EOVERFLOW, -ENOMEM, -EAGAIN */
void slots_close(thrum_queue *queue);                /* without the lock, and no handler is inside */
const char *slots_first(struct slots *slots);        /* the first item, or NULL */
void slots_next(struct slots *slots);                /* the first one has been copied out, and counted as put */
bool slots_wait_for_room(const struct slots *slots); /* there was a first, and it found none */
void slots_shut(struct slots *slots);                /* handlers put nothing any more */
uint64_t slots_drop(struct slots *slots);            /* shut: drop all, and tell how many */
uint64_t slots_count(const struct slots *slots);     /* those that are not moved */

/* How many items have been put that its indices do not know of; with put's lock they can only become more. */
static inline uint64_t queue_outside(const thrum_queue *queue)
{
    return queue->slots != NULL ? slots_count(queue->slots) : 0;
}

/* How many of so many can be got, or put; the side's lock is held. */
static inline size_t queue_can_get(thrum_queue *queue, size_t n)
{
    struct side *get = &queue->get;
    uint64_t index = os_load_relaxed(&get->index); /* relaxed: only we write it */
    if (get->limit - index < n)
        get->limit = os_load_acquire(&queue->put.index); /* acquire: see fifo_push */
    return get->limit - index < n ? (size_t)(get->limit - index) : n;
}

static inline size_t queue_can_put(thrum_queue *queue, size_t n)
{
    struct side *put = &queue->put;
    uint64_t index = os_load_relaxed(&put->index); /* relaxed: only we write it */
    if (put->limit - index < n && queue->maxsize != 0)
        put->limit = os_load_acquire(&queue->get.index) + queue->maxsize; /* acquire: see fifo_pop */
    return put->limit - index < n ? (size_t)(put->limit - index) : n;
}

/* Most items are a word, and that needs no call. */
static inline void queue_copy(char *to, const char *from, size_t size)
{
    if (size == sizeof(uint64_t))
        memcpy(to, from, sizeof(uint64_t));
    else
        memcpy(to, from, size);
}

/* fifo_push and fifo_pop of one item. */
static inline bool fifo_push_one(thrum_queue *queue, const char *item)
{
    struct side *put = &queue->put;
    if (put->at == put->end && !fifo_next_to_fill(queue))
        return false;
    os_prefetch_write(put->at + QUEUE_AHEAD);
    queue_copy(put->at, item, queue->item_size);
    put->at += queue->item_size;
    /* Release: pairs with get's look at our index; the item is there before it says so. */
    os_store_release(&put->index, os_load_relaxed(&put->index) + 1); /* relaxed: only we write it */
    return true;
}

static inline void fifo_pop_one(thrum_queue *queue, char *ret_item)
{
    struct side *get = &queue->get;
    if (get->at == get->end)
        fifo_next_to_read(queue);
    queue_copy(ret_item, get->at, queue->item_size);
    get->at += queue->item_size;
    /* Release: pairs with put's look at our index; the room is free before it says so. */
    os_store_release(&get->index, os_load_relaxed(&get->index) + 1); /* relaxed: only we write it */
}

static inline uint64_t queue_count(const thrum_queue *queue) /* both locks are held */
{
    /* Relaxed: the locks order it. */
    return os_load_relaxed(&queue->put.index) - os_load_relaxed(&queue->get.index);
}

#endif
