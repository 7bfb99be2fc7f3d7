/*
 * watchdog.h - who tells of coroutines that do not let the others go on (watchdog.c)
 */
#ifndef COROUTINE_WATCHDOG_H_
#define COROUTINE_WATCHDOG_H_

#include "platform/os.h"
#include "thrum/base.h"

/* A scheduler as the watchdog sees it. */
struct watched {
    int64_t slow_after; /* ns; 0: it is not watched, and costs nothing */
    uint64_t turn;      /* how many there have been, and below, while one is on, the number of whose it is; else 0 */

    /* By the guard of the roll. */
    struct watched *next;
    uint64_t seen; /* the turn that it was in at the last look, */
    int64_t since; /* the first look at that, */
    bool told;     /* and whether that has been told */
};

/* The watchdog's part of the library's state. In a forked child, where there is none, it is all zero again. */
struct watchdog_roll {
    uint32_t guard; /* a word lock over the rest, but for bell */
    uint32_t started;
    uint32_t bell; /* another number when there is more to look at; it sleeps here */
    uint32_t reserved;
    struct watched *running; /* schedulers that are being run */
};

#define watchdog_start thrum_watchdog_start_
#define watchdog_enter thrum_watchdog_enter_
#define watchdog_leave thrum_watchdog_leave_

/* Have a scheduler watched by that option, or else by the environment. 0; -EINVAL; -EAGAIN, -ENOMEM. */
int watchdog_start(struct watched *watched, thrum_timeout slow_after);

/* It is being run from now on; and no longer. */
void watchdog_enter(struct watched *watched);
void watchdog_leave(struct watched *watched);

/* The turn of the sleeper of that number begins; with 0, it is over. */
static inline void watchdog_turn(struct watched *watched, uint32_t number)
{
    uint64_t turns = (watched->turn >> 32) + (number != 0);
    os_store_relaxed(&watched->turn, turns << 32 | number); /* relaxed: all that is told is in this one word */
}

#endif
