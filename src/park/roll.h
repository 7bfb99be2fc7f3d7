/*
 * roll.h - the sleepers' part of the library's state (see sleeper.h)
 */
#ifndef PARK_ROLL_H_
#define PARK_ROLL_H_

#include <stdint.h>

/* 4,096 blocks of 1,024 records: more sleepers than the system has threads. */
#define ROLL_BLOCKS 4096
#define ROLL_BLOCK 1024

struct sleeper;

struct sleeper_roll {
    uint32_t guard;       /* a word lock over the rest */
    uint32_t used;        /* records handed out at least once */
    struct sleeper *free; /* given back, newest first */
    struct sleeper *blocks[ROLL_BLOCKS];
};

#endif
