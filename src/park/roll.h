/*
 * roll.h - the sleepers' part of the library's state (see sleeper.h)
 */
#ifndef PARK_ROLL_H_
#define PARK_ROLL_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 4,096 blocks of 1,024 places: 4 million sleepers at once. */
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

/* Records at even distances. */
struct roll_block {
    char *first;
    size_t stride;
    uint32_t used; /* so many of the first ones may have been used */
};

struct sleeper_roll {
    uint32_t guard;                  /* a word lock over the rest */
    uint32_t used;                   /* blocks */
    uint32_t resting;                /* records in the list of those given back */
    uint32_t filling;                /* the block that threads' fresh records are from, + 1 */
    struct sleeper *oldest, *newest; /* of that list */

    struct sleeper *first, *last; /* the threads there are */
    size_t present;
    uint64_t idents;     /* given to threads, but for the process's first one */
    uint64_t main_ident; /* 0: SLEEPER_MAIN */
    bool main_known;     /* the process's first thread is or was among them */
    struct roll_block blocks[ROLL_BLOCKS];
};

#endif
