/*
 * generator.h - a generator's record: a coroutine, and what passes between it and who resumes it
 *
 * Values go straight from where they are to where they are wanted: while it runs, `out` is where the
 * resumer wants what it yields; while it stands still, `in` is where its yield wants what is sent. So each is
 * copied once, and by the side that leaves: behind a switch nothing is left to be done (switch.h).
 *
 * What its resumer tells it is the word of the switch, and is what its yield returns: 0, THRUM_EMPTY, THRUM_CLOSED,
 * THRUM_FAILED. What it tells is what next returns.
 *
 * Flags keep it from the quick way, in which next and yield look at one word each: see coroutine.h. Only who has the
 * turn writes them; others may look.
 */
#ifndef COROUTINE_GENERATOR_H_
#define COROUTINE_GENERATOR_H_

#include "coroutine/coroutine.h"
#include "thrum/coroutine.h"

enum {
    GENERATOR_NEW = COROUTINE_OTHERS,        /* it has not begun */
    GENERATOR_SHARED = COROUTINE_OTHERS * 2, /* resumers take turns by its lock */
    GENERATOR_CLOSING = COROUTINE_OTHERS * 4 /* it has been told to end */
};

struct thrum_generator {
    struct coroutine coroutine; /* first: they have one address */
    void *out;
    void *in;
    int on_next; /* what its yield returns when nothing is sent: THRUM_EMPTY, or 0 where nobody asks */
    int code;    /* what its function has returned, if returned */
    size_t yields, receives;
    int (*function)(thrum_generator *self, void *arg);
    void *arg;
    thrum_lock lock;  /* with GENERATOR_SHARED: held by who resumes it */
    uint32_t refused; /* yields since it was told to end */
    bool returned, has_error;
    thrum_error error; /* with has_error */
};

#endif
