/*
 * queue.h - queues between threads
 *
 * Answers to Python's module queue: Queue, LifoQueue and PriorityQueue are one type here, told apart by an
 * option, and SimpleQueue another. Items have one size, given when the queue is made (one
 * pointer by default), and are copied in and out. Any number of producers and consumers.
 *
 * All calls but _new and _free are safe from any thread; those with a time-out may block
 * and are cancellation points; THRUM_INTERRUPTED where the time-out asks for it. They return -EAGAIN where the calling
 * thread is new to thrum and there is no memory to register it, and -EINVAL for a NULL where an object or item belongs.
 * A forked child may use a queue that no other thread was inside of at the fork.
 *
 * Whoever has got the last item, or has been told by join that all is done, may free the queue at once, though
 * the thread that put the item, or did the task, has not returned from its call yet.
 */
#ifndef THRUM_QUEUE_H
#define THRUM_QUEUE_H

#include <thrum/base.h>
#include <thrum/threading.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Queue ------------------------------------------------------------------- */

typedef struct thrum_queue thrum_queue;

/* Which item is got first. */
enum thrum_queue_order {
    THRUM_FIFO = 0,    /* the oldest (queue.Queue) */
    THRUM_LIFO = 1,    /* the newest (queue.LifoQueue) */
    THRUM_PRIORITY = 2 /* the smallest, and of equal ones the oldest (queue.PriorityQueue) */
};

typedef struct thrum_queue_options {
    size_t size;      /* set by the macro; 0 is taken for sizeof this structure */
    size_t maxsize;   /* how many items it holds at most; 0: as many as memory does */
    size_t item_size; /* bytes; 0: sizeof(void *) */
    /* THRUM_PRIORITY: less than, equal to or greater than 0 as item a is smaller than, equal to or greater than b,
     * as for qsort. Called with the queue locked: it must be quick and may not use the queue. */
    int (*compare)(const void *a, const void *b, void *arg);
    void *compare_arg;
    uint32_t order; /* enum thrum_queue_order */
    /* For thrum_queue_try_put_from_signal: how many items that signal handlers have put can wait until a thread takes
     * them in; at most 16,777,214. 0: handlers put nothing. All operations of a queue with slots exclude each other. */
    uint32_t signal_slots;
} thrum_queue_options;

/* Make an empty queue. 0; -ENOMEM; -EOVERFLOW when maxsize items of that size, or so many slots, do not fit
 * an address space; -EINVAL when there is no such order, or it is THRUM_PRIORITY without a compare, or another with
 * one; -EAGAIN when it has slots and the helper thread (thrum_signals_start) cannot be made. A bounded queue
 * allocates its room here and never again. */
THRUM_API THRUM_MUST_USE int thrum_queue_new_with(thrum_queue **ret_queue, const thrum_queue_options *options);

/* Free it and the items in it. Nobody may be waiting at it. NULL is allowed. */
THRUM_API void thrum_queue_free(thrum_queue *queue);

/* Copy an item in, when there is room (Queue.put). 0; THRUM_FULL when there was none until
 * the time was over (queue.Full), so also with THRUM_NOWAIT; THRUM_CLOSED; THRUM_CANCELLED;
 * -EINVAL; -ENOMEM when an unbounded queue cannot grow. The item is in the queue exactly
 * when the result is 0. Those that wait are served in the order in which they came. */
THRUM_API THRUM_MUST_USE int thrum_queue_put(thrum_queue *queue, const void *item, thrum_timeout timeout);

/* Take the first item out (Queue.get). 0; THRUM_EMPTY when there was none until the time was
 * over (queue.Empty); THRUM_CLOSED when the queue is closed and nothing is left in it;
 * THRUM_CANCELLED; -EINVAL. Those that wait are served in the order in which they came. */
THRUM_API THRUM_MUST_USE int thrum_queue_get(thrum_queue *queue, void *ret_item, thrum_timeout timeout);

/* The same without blocking (Queue.put_nowait, get_nowait). */
THRUM_API THRUM_MUST_USE int thrum_queue_put_nowait(thrum_queue *queue, const void *item);
THRUM_API THRUM_MUST_USE int thrum_queue_get_nowait(thrum_queue *queue, void *ret_item);

/* Put an item in a signal handler, wherever that runs: in a thread that waits at this queue or is just changing it,
 * or in the middle of another such put. The queue must have slots (signal_slots). Never blocks; lock-free; leaves
 * errno alone. 0: the item is in, behind all that were in before, as if put by a thread; THRUM_FULL when no slot was
 * free; THRUM_CLOSED; -EINVAL for a NULL, or a queue without slots.
 *
 * Threads take in what is in the slots before anything else that they do with the queue, and the helper thread does
 * it for those that wait. In a full queue it stays in its slot until there is room, in front of the threads that wait
 * to put, so the queue holds up to maxsize items and those in its slots. An item that a handler is still about to put
 * takes up a slot, and holds up nobody. The order is that in which the puts came to their end. For join, qsize,
 * close and a descriptor it is an item as any, but that a descriptor may tell of it a moment later. */
THRUM_API int thrum_queue_try_put_from_signal(thrum_queue *queue, const void *item);

/* Put n items, one behind the other in an array, in their order, until all are in or the time is over.
 * Results as for put. *ret_n is how many are in, with any result but -EINVAL: the first so many; it may be NULL.
 * Items of other producers may come between them. */
THRUM_API THRUM_MUST_USE int thrum_queue_put_many(thrum_queue *queue, const void *items, size_t n, size_t *ret_n,
                                                  thrum_timeout timeout);

/* Wait for one item, and take at most max of those that are there then, in their order. Results as for get; *ret_n
 * is how many, when the result is 0: at least 1, unless max is 0. */
THRUM_API THRUM_MUST_USE int thrum_queue_get_many(thrum_queue *queue, void *ret_items, size_t max, size_t *ret_n,
                                                  thrum_timeout timeout);

/* How many items are in it, whether none is, whether there is no room (Queue.qsize, empty, full): hints, it may
 * change at once. Never block. */
THRUM_API size_t thrum_queue_qsize(const thrum_queue *queue);
THRUM_API bool thrum_queue_empty(const thrum_queue *queue);
THRUM_API bool thrum_queue_full(const thrum_queue *queue);

/* Say that an item that was got has been dealt with (Queue.task_done). 0; -EINVAL when that would be more often
 * than items were put. Never blocks. */
THRUM_API int thrum_queue_task_done(thrum_queue *queue);

/* Wait until task_done has been called for every item that was put (Queue.join); items that a close has
 * discarded count as done. 0; THRUM_TIMEOUT; THRUM_CANCELLED; -EINVAL. */
THRUM_API THRUM_MUST_USE int thrum_queue_join(thrum_queue *queue, thrum_timeout timeout);

/* Close it for good (Queue.shutdown): a put fails from now on, those that wait in one
 * at once, and so does a get when nothing is left. With THRUM_DRAIN what is in it can still be got; with THRUM_DISCARD
 * it is dropped. Closing again is allowed, to discard after a drain. 0, -EINVAL. */
enum thrum_close { THRUM_DRAIN = 0, THRUM_DISCARD = 1 };
THRUM_API int thrum_queue_close(thrum_queue *queue, enum thrum_close how);
THRUM_API bool thrum_queue_is_closed(const thrum_queue *queue);

/* A descriptor for poll, select and epoll: readable (POLLIN) exactly while something can be got or the queue
 * is closed. Only to be polled, never to be read, written or closed: it is the queue's, and ends with it. Made the
 * first time it is asked for; from then on an operation that makes the queue empty or not costs a call of the system.
 * In a forked child it must be asked for again. 0, and the descriptor; -EMFILE, -ENFILE, -ENOMEM; -EAGAIN. */
THRUM_API THRUM_MUST_USE int thrum_queue_fileno(thrum_queue *queue, int *ret_fd);

/* ---- Simple queue ------------------------------------------------------------- */

/* First in, first out, unbounded, without task_done and close (queue.SimpleQueue). Results as above. */
typedef struct thrum_simple_queue thrum_simple_queue;

THRUM_API THRUM_MUST_USE int thrum_simple_queue_new(thrum_simple_queue **ret_queue, size_t item_size); /* 0: pointers */
THRUM_API void thrum_simple_queue_free(thrum_simple_queue *queue);
THRUM_API THRUM_MUST_USE int thrum_simple_queue_put(thrum_simple_queue *queue, const void *item); /* never blocks */
THRUM_API THRUM_MUST_USE int thrum_simple_queue_get(thrum_simple_queue *queue, void *ret_item, thrum_timeout timeout);
THRUM_API THRUM_MUST_USE int thrum_simple_queue_get_nowait(thrum_simple_queue *queue, void *ret_item);
THRUM_API size_t thrum_simple_queue_qsize(const thrum_simple_queue *queue);
THRUM_API bool thrum_simple_queue_empty(const thrum_simple_queue *queue);

/* ---- Waiting for any of several things ----------------------------------------- */

/* Something that can be waited for. Made by the functions below; a plain value that owns nothing. */
typedef struct thrum_waitable {
    const struct thrum_waitable_kind_ *kind_;
    void *object_;
} thrum_waitable;

THRUM_API thrum_waitable thrum_queue_waitable(thrum_queue *queue); /* something can be got, or it is closed */
THRUM_API thrum_waitable thrum_simple_queue_waitable(thrum_simple_queue *queue);
THRUM_API thrum_waitable thrum_event_waitable(thrum_event *event); /* it is set */

/* Wait until one of n things is ready, and tell its place in the array: the first of those that are. Nothing is
 * taken: what is ready stays so, and another thread may be quicker to take it. A wait of several threads is ended for
 * all of them, by an event also when it is cleared at once. 0; THRUM_TIMEOUT; THRUM_CANCELLED; -EINVAL, also for
 * n = 0; -ENOMEM when n is above 8. */
THRUM_API THRUM_MUST_USE int thrum_wait_any(const thrum_waitable *things, size_t n, size_t *ret_index,
                                            thrum_timeout timeout);

#ifndef __cplusplus
#define thrum_queue_new(...) thrum_queue_new_(__VA_ARGS__, .size = sizeof(thrum_queue_options))
#define thrum_queue_new_(ret, ...) thrum_queue_new_with(ret, &(thrum_queue_options){__VA_ARGS__})
#endif

#ifdef __cplusplus
}

THRUM_MUST_USE inline int thrum_queue_new(thrum_queue **ret_queue, const thrum_queue_options &options = {})
{
    return thrum_queue_new_with(ret_queue, &options);
}
#endif
#endif
