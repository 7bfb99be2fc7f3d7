/*
 * times.c - points of time in a pairing heap (times.h)
 */
#include "coroutine/times.h"

#include <stddef.h>

/* Two heaps, either of which may be NULL, become one; what the next of its first is, is the caller's to say. */
static struct wake_time *meld(struct wake_time *one, struct wake_time *other)
{
    if (one == NULL || other == NULL)
        return one != NULL ? one : other;
    if (other->at < one->at) {
        struct wake_time *later = one;
        one = other;
        other = later;
    }
    other->next = one->child;
    if (other->next != NULL)
        other->next->previous = other;
    other->previous = one;
    one->child = other;
    return one;
}

/* Siblings become one heap: two and two from the left, and these from the right. */
static struct wake_time *meld_all(struct wake_time *first)
{
    struct wake_time *pairs = NULL, *all = NULL;
    while (first != NULL) {
        struct wake_time *other = first->next, *rest = other != NULL ? other->next : NULL;
        struct wake_time *pair = meld(first, other);
        pair->next = pairs;
        pairs = pair;
        first = rest;
    }
    while (pairs != NULL) {
        struct wake_time *rest = pairs->next;
        all = meld(all, pairs);
        pairs = rest;
    }
    return all;
}

void times_add(struct times *times, struct wake_time *time)
{
    time->child = time->next = time->previous = NULL;
    times->earliest = meld(times->earliest, time);
}

void times_remove(struct times *times, struct wake_time *time)
{
    struct wake_time *below = meld_all(time->child);
    if (time->previous == NULL) {
        times->earliest = below;
    } else {
        if (time->previous->child == time)
            time->previous->child = time->next;
        else
            time->previous->next = time->next;
        if (time->next != NULL)
            time->next->previous = time->previous;
        times->earliest = meld(times->earliest, below);
    }
    if (times->earliest != NULL)
        times->earliest->previous = times->earliest->next = NULL;
}
