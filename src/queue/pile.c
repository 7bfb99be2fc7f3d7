/*
 * pile.c - where the items of a queue lie that is not first-in, first-out
 *
 * In one array, under one lock. Last-in, first-out is a stack: the top is at the end. Priority is a
 * binary heap (J. W. J. Williams, "Algorithm 232: Heapsort", 1964), in which each place holds, behind its item,
 * the number of the put that brought it: of equal items the lower number goes first.
 *
 * The array of an unbounded queue grows by half or more and shrinks when three quarters of it are unused.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "queue/queue.h"

#define FIRST_ITEMS 16

/* Items in the array stand as they would in the user's: at a multiple of their alignment. */
static size_t stride_of(const thrum_queue *queue)
{
    if (queue->order == THRUM_LIFO)
        return queue->item_size;
    size_t alignment = queue->item_size % 16 == 0 ? 16 : 8;
    size_t size = (queue->item_size + 7) / 8 * 8 + sizeof(uint64_t);
    return (size + alignment - 1) / alignment * alignment;
}

static bool resize(thrum_queue *queue, size_t capacity)
{
    struct pile *pile = &queue->pile;
    char *items = capacity <= PTRDIFF_MAX / pile->stride ? realloc(pile->items, capacity * pile->stride) : NULL;
    if (items == NULL)
        return false;
    pile->items = items;
    pile->capacity = capacity;
    return true;
}

int pile_open(thrum_queue *queue)
{
    if (queue->item_size > PTRDIFF_MAX - 64)
        return -EOVERFLOW;
    queue->pile.stride = stride_of(queue);
    if (queue->maxsize > PTRDIFF_MAX / queue->pile.stride)
        return -EOVERFLOW;
    return resize(queue, queue->maxsize != 0 ? queue->maxsize : FIRST_ITEMS) ? 0 : -ENOMEM;
}

/* ---- Places ---- */

static char *place(const thrum_queue *queue, size_t i)
{
    return queue->pile.items + i * queue->pile.stride;
}

static uint64_t *number_at(const thrum_queue *queue, size_t i)
{
    return (uint64_t *)(void *)(place(queue, i) + (queue->item_size + 7) / 8 * 8);
}

static bool goes_before(const thrum_queue *queue, const void *a, uint64_t a_number, size_t b)
{
    int order = queue->compare(a, place(queue, b), queue->compare_arg);
    return order < 0 || (order == 0 && a_number < *number_at(queue, b));
}

static void fill(thrum_queue *queue, size_t hole, const void *item, uint64_t number)
{
    memcpy(place(queue, hole), item, queue->item_size);
    *number_at(queue, hole) = number;
}

static void move(thrum_queue *queue, size_t from, size_t to)
{
    memcpy(place(queue, to), place(queue, from), queue->pile.stride);
}

/* Where the item belongs when the place behind the n items is free: what it goes before has moved down. */
static size_t hole_for(thrum_queue *queue, size_t n, const void *item, uint64_t number)
{
    size_t hole = n;
    while (hole > 0 && goes_before(queue, item, number, (hole - 1) / 2)) {
        move(queue, (hole - 1) / 2, hole);
        hole = (hole - 1) / 2;
    }
    return hole;
}

/* The top has been taken: close the hole with the last of what was n + 1 items. */
static void close_hole(thrum_queue *queue, size_t n)
{
    size_t hole = 0;
    for (size_t child; (child = 2 * hole + 1) < n; hole = child) {
        if (child + 1 < n && goes_before(queue, place(queue, child + 1), *number_at(queue, child + 1), child))
            child++;
        if (goes_before(queue, place(queue, n), *number_at(queue, n), child))
            break;
        move(queue, child, hole);
    }
    if (hole != n)
        move(queue, n, hole);
}

/* ---- Push and pop; the lock is held, there is room or an item ---- */

int pile_push(thrum_queue *queue, const char *item)
{
    size_t n = queue_count(queue);
    if (n == queue->pile.capacity && !resize(queue, n + n / 2 + 1))
        return -ENOMEM;
    uint64_t number = os_load_relaxed(&queue->put.index); /* relaxed: the lock orders it */
    if (queue->order == THRUM_LIFO)
        memcpy(place(queue, n), item, queue->item_size);
    else
        fill(queue, hole_for(queue, n, item, number), item, number);
    os_store_release(&queue->put.index, number + 1); /* release: as get's in pile_pop, for full */
    return 0;
}

void pile_pop(thrum_queue *queue, char *ret_item)
{
    size_t n = queue_count(queue) - 1;
    if (queue->order == THRUM_LIFO) {
        memcpy(ret_item, place(queue, n), queue->item_size);
    } else {
        memcpy(ret_item, place(queue, 0), queue->item_size);
        close_hole(queue, n);
    }
    /* Relaxed: the lock orders it. Release: pairs with qsize's, which then sees put's no smaller. */
    os_store_release(&queue->get.index, os_load_relaxed(&queue->get.index) + 1);
    if (queue->maxsize == 0 && queue->pile.capacity > FIRST_ITEMS && n < queue->pile.capacity / 4)
        (void)resize(queue, queue->pile.capacity / 2); /* else it stays as it is */
}

void pile_drop_all(thrum_queue *queue)
{
    /* As in pile_pop. */
    os_store_release(&queue->get.index, os_load_relaxed(&queue->put.index));
    if (queue->maxsize == 0)
        (void)resize(queue, FIRST_ITEMS);
}
