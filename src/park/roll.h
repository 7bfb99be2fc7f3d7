/*
 * roll.h - the sleepers' part of the library's state (see sleeper.h)
 */
#ifndef PARK_ROLL_H_
#define PARK_ROLL_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 4,096 blocks of 1,024 records: more sleepers than the system has threads. */
#define ROLL_BLOCKS 4096
#define ROLL_BLOCK 1024
#define ROLL_PLACE_BITS 22

/* Records given back rest until so many others have come behind them: see sleeper.h. */
#ifdef THRUM_SIM
#define ROLL_RESTING 1
#else
#define ROLL_RESTING 1024
#endif

struct sleeper;

struct sleeper_roll {
    uint32_t guard;   /* a word lock over the rest */
    uint32_t used;    /* records handed out at least once */
    uint32_t resting; /* records in the list of those given back */
    uint32_t reserved;
    struct sleeper *oldest, *newest; /* of that list */

    struct sleeper *first, *last; /* the threads there are */
    size_t present;
    uint64_t idents;     /* given to threads, but for the process's first one */
    uint64_t main_ident; /* 0: SLEEPER_MAIN */
    bool main_known;     /* the process's first thread is or was among them */
    struct sleeper *blocks[ROLL_BLOCKS];
};

#endif
