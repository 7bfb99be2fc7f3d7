/*
 * held.c - a list of the locks that a thread holds
 */
#include "park/held.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 8

bool held_reserve(struct held_locks *held, size_t more)
{
    if (more <= held->room - held->n)
        return true;
    if (more > PTRDIFF_MAX / sizeof(struct held_lock) / 2 - held->n)
        return false;
    size_t room = held->room > 0 ? held->room * 2 : FIRST_ROOM;
    if (room < held->n + more)
        room = held->n + more;
    struct held_lock *items = realloc(held->items, room * sizeof(struct held_lock));
    if (items == NULL)
        return false;
    held->items = items;
    held->room = room;
    return true;
}

void held_remove(struct held_locks *held, size_t place)
{
    held->n--;
    memmove(&held->items[place], &held->items[place + 1], (held->n - place) * sizeof(struct held_lock));
}

void held_free(struct held_locks *held)
{
    free(held->items);
    *held = (struct held_locks){0};
}
