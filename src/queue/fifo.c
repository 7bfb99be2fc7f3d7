/*
 * fifo.c - where the items of a first-in, first-out queue lie
 *
 * In a list of chunks. The put side writes into the last and the get side reads from the first, each
 * at its own place, so they need not know of each other but by their indices. A bounded queue is one chunk
 * that follows itself, which makes it a ring. An unbounded one gets a chunk more when the last is full, each
 * twice as large as the one before up to CHUNK_MOST, and gives back those that have been read, but for one that
 * is kept for the next time: its memory shrinks as it is emptied.
 */
#include <errno.h>
#include <stdlib.h>

#include "queue/queue.h"

#define FIRST_ITEMS 16
#define CHUNK_MOST 32768 /* bytes, if so many hold FIRST_ITEMS */

static struct chunk *new_chunk(size_t size)
{
    struct chunk *chunk = malloc(sizeof *chunk + size);
    if (chunk != NULL) {
        chunk->next = NULL;
        chunk->size = size;
    }
    return chunk;
}

static void begin(struct side *side, struct chunk *chunk)
{
    side->chunk = chunk;
    side->at = chunk->items;
    side->end = chunk->items + chunk->size;
}

int fifo_open(thrum_queue *queue)
{
    size_t items = queue->maxsize != 0 ? queue->maxsize : FIRST_ITEMS;
    if (items > (PTRDIFF_MAX - sizeof(struct chunk)) / queue->item_size)
        return queue->maxsize != 0 ? -EOVERFLOW : -ENOMEM;
    struct chunk *chunk = new_chunk(items * queue->item_size);
    if (chunk == NULL)
        return -ENOMEM;
    if (queue->maxsize != 0)
        chunk->next = chunk;
    begin(&queue->put, chunk);
    begin(&queue->get, chunk);
    return 0;
}

void fifo_close(thrum_queue *queue)
{
    free(queue->spare);
    for (struct chunk *chunk = queue->get.chunk, *next; chunk != NULL; chunk = next) {
        next = chunk != queue->put.chunk ? chunk->next : NULL;
        free(chunk);
    }
}

/* The put side is at the end of its chunk. */
bool fifo_next_to_fill(thrum_queue *queue)
{
    struct chunk *last = queue->put.chunk, *next = last->next;
    if (next == NULL) {
        /* Acquire: pairs with fifo_next_to_read; we write where the other read. */
        next = os_load_relaxed(&queue->spare) != NULL ? os_exchange_acquire(&queue->spare, NULL) : NULL;
        size_t size = last->size <= CHUNK_MOST / 2 ? 2 * last->size : last->size;
        if (next == NULL)
            next = new_chunk(size);
        if (next == NULL)
            return false;
        next->next = NULL;
        last->next = next; /* the get side reads it when an index says that there is something in it */
    }
    begin(&queue->put, next);
    return true;
}

/* The get side has read its chunk to the end, and there is more. */
void fifo_next_to_read(thrum_queue *queue)
{
    struct chunk *old = queue->get.chunk;
    begin(&queue->get, old->next);
    if (old != queue->get.chunk)
        /* Release: pairs with fifo_next_to_fill. */
        free(os_exchange_release(&queue->spare, old));
}

void fifo_restart(thrum_queue *queue)
{
    begin(&queue->put, queue->put.chunk);
    begin(&queue->get, queue->put.chunk);
}

static size_t lesser(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t fifo_push(thrum_queue *queue, const char *items, size_t n)
{
    struct side *put = &queue->put;
    size_t left = n * queue->item_size;
    while (left > 0 && (put->at != put->end || fifo_next_to_fill(queue))) {
        size_t part = lesser(left, (size_t)(put->end - put->at));
        memcpy(put->at, items, part);
        put->at += part;
        items += part;
        left -= part;
    }
    if (left > 0)
        n -= left / queue->item_size;
    /* Release: pairs with get's look at our index; the items are there before it says so. */
    os_store_release(&put->index, os_load_relaxed(&put->index) + n); /* relaxed: only we write it */
    return n;
}

void fifo_pop(thrum_queue *queue, char *ret_items, size_t n)
{
    struct side *get = &queue->get;
    size_t left = n * queue->item_size;
    while (left > 0) {
        if (get->at == get->end)
            fifo_next_to_read(queue);
        size_t part = lesser(left, (size_t)(get->end - get->at));
        memcpy(ret_items, get->at, part);
        get->at += part;
        ret_items += part;
        left -= part;
    }
    /* Release: pairs with put's look at our index; the room is free before it says so. */
    os_store_release(&get->index, os_load_relaxed(&get->index) + n); /* relaxed: only we write it */
}

void fifo_drop_all(thrum_queue *queue)
{
    struct side *get = &queue->get;
    while (get->chunk != queue->put.chunk)
        fifo_next_to_read(queue);
    get->at = queue->put.at;
    /* Release: as in fifo_pop; relaxed: both locks are held. */
    os_store_release(&get->index, os_load_relaxed(&queue->put.index));
}
