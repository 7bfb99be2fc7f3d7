/*
 * queue.h - a queue between threads
 *
 * Answers to Python's module queue. Items have one size, given when the queue is made
 * (one pointer by default), and are copied in and out. First in, first out, for any
 * number of producers and consumers.
 *
 * All calls but _new and _free are safe from any thread; those with a time-out may block
 * and are cancellation points; THRUM_INTERRUPTED where the time-out asks for it. They return -EAGAIN where the calling
 * thread is new to thrum and there is no memory to register it. A forked child may use a queue that no other thread was
 * inside of at the fork.
 */
#ifndef THRUM_QUEUE_H
#define THRUM_QUEUE_H

#include <thrum/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct thrum_queue thrum_queue;

typedef struct thrum_queue_options {
    size_t size;      /* set by the macro; 0 is taken for sizeof this structure */
    size_t maxsize;   /* how many items it holds at most; 0: as many as memory does */
    size_t item_size; /* bytes; 0: sizeof(void *) */
} thrum_queue_options;

/* Make an empty queue. 0; -ENOMEM; -EOVERFLOW when maxsize items of that size do not fit
 * an address space. A bounded queue allocates its room here and never again. */
THRUM_API THRUM_MUST_USE int thrum_queue_new_with(thrum_queue **ret_queue, const thrum_queue_options *options);

/* Free it and the items in it. Nobody may be using it or waiting at it. NULL is allowed. */
THRUM_API void thrum_queue_free(thrum_queue *queue);

/* Copy an item in, when there is room (Queue.put). 0; THRUM_FULL when there was none until
 * the time was over (queue.Full), so also with THRUM_NOWAIT; THRUM_CLOSED; THRUM_CANCELLED;
 * -EINVAL; -ENOMEM when an unbounded queue cannot grow. The item is in the queue exactly
 * when the result is 0. */
THRUM_API THRUM_MUST_USE int thrum_queue_put(thrum_queue *queue, const void *item, thrum_timeout timeout);

/* Take the oldest item out (Queue.get). 0; THRUM_EMPTY when there was none until the time was
 * over (queue.Empty); THRUM_CLOSED when the queue is closed and nothing is left in it;
 * THRUM_CANCELLED; -EINVAL. */
THRUM_API THRUM_MUST_USE int thrum_queue_get(thrum_queue *queue, void *ret_item, thrum_timeout timeout);

/* Close it for good (Queue.shutdown): a put fails from now on, those that wait in one
 * at once. With THRUM_DRAIN what is in it can still be got; with THRUM_DISCARD it is dropped.
 * Closing again is allowed, to discard after a drain. */
enum thrum_close { THRUM_DRAIN = 0, THRUM_DISCARD = 1 };
THRUM_API void thrum_queue_close(thrum_queue *queue, enum thrum_close how);

/* How many items are in it (Queue.qsize): a hint, it may change at once. */
THRUM_API size_t thrum_queue_qsize(thrum_queue *queue);

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
