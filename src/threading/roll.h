/*
 * roll.h - the threads' part of the library's state (see thread.c)
 */
#ifndef THREADING_ROLL_H_
#define THREADING_ROLL_H_

#include <stdint.h>

struct thread_roll {
    uint32_t guard;   /* a word lock over leaving */
    uint32_t leaving; /* 1: the wait at exit is arranged */
    uint32_t alive;   /* threads that exit waits for; parked at by exit */
    uint32_t made;    /* for default names */
};

#endif
