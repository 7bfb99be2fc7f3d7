/*
 * blocking.h - the spare threads' part of the library's state (see blocking.c)
 *
 * In a forked child, where there are none, it is all zero again.
 */
#ifndef COROUTINE_BLOCKING_H_
#define COROUTINE_BLOCKING_H_

#include <stdint.h>

struct blocking_call;
struct spare;

struct blocking_roll {
    uint32_t guard;                     /* a word lock over the rest */
    uint32_t threads;                   /* spare ones, those about to begin included */
    struct spare *idle;                 /* the one that has been for the shortest time first */
    struct blocking_call *first, *last; /* which nobody carries out yet */
};

#endif
