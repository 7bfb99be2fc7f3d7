/*
 * held.h - a list of the locks that a thread holds
 *
 * Most threads have none: what a lock's word says is enough. Those that are watched (order.h) have.
 */
#ifndef PARK_HELD_H_
#define PARK_HELD_H_

#include <stdbool.h>
#include <stddef.h>

#include "thrum/threading.h"

struct held_lock {
    thrum_lock *lock;
    const void *site; /* where it was taken */
    bool mark;        /* for the list's own use */
};

struct held_locks {
    struct held_lock *items; /* n of them, in memory for `room` */
    size_t n, room;
};

#define held_reserve thrum_held_reserve_
#define held_remove thrum_held_remove_
#define held_free thrum_held_free_

/* Make room for so many more. False: there is no memory, and nothing has changed. */
bool held_reserve(struct held_locks *held, size_t more);

/* Take the one at this place off, closing the gap. */
void held_remove(struct held_locks *held, size_t place);

/* It is empty, and owns nothing. */
void held_free(struct held_locks *held);

#endif
