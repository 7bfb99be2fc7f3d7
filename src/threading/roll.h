/*
 * roll.h - the threads' part of the library's state (see thread.c, current.c and exit.c)
 */
#ifndef THREADING_ROLL_H_
#define THREADING_ROLL_H_

#include "threading/thread.h"

struct thread_roll {
    uint32_t guard;         /* a word lock over what is not said otherwise */
    uint32_t leaving;       /* 1: the wait at exit is arranged */
    uint32_t alive;         /* twice the threads that exit waits for, plus 1 while it waits; parked at; atomic */
    uint32_t made;          /* for default names; atomic */
    thrum_timeout patience; /* the exit policy */
    thrum_token *exit_token;
    thrum_thread *main;  /* the process's first thread's record, once somebody has asked for it */
    thrum_thread first_; /* where it lies, but in a child forked by a thread that has another */
};

struct local_roll {
    uint32_t guard; /* a word lock over all links between locals and values */
    uint32_t made;
    thrum_local *all, *free;
};

#endif
