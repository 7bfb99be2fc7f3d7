/*
 * roll.h - the sleepers' part of the library's state (see sleeper.h)
 */
#ifndef PARK_ROLL_H_
#define PARK_ROLL_H_

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
    struct sleeper *blocks[ROLL_BLOCKS];
};

#endif
