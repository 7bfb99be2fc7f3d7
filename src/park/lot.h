/*
 * lot.h - the parking lot's part of the library's state (see park.h)
 */
#ifndef PARK_LOT_H_
#define PARK_LOT_H_

#include <stdint.h>

/*
 * So many buckets that a million waiters on different addresses still find 2 to a
 * bucket, for each is in no cache. The table is fixed, so no wait ever has to wait for it to grow, and is in
 * memory that the system gives page by page as it is touched: 8 MiB at the most.
 */
#ifdef THRUM_SIM
#define PARK_BUCKETS 4 /* so that addresses meet in buckets */
#else
#define PARK_BUCKETS 524288
#endif

struct park_wait;

struct park_bucket {
    uint32_t guard;         /* a word lock over this bucket and all waits in it */
    uint32_t favoured;      /* in which millisecond somebody here was last favoured for having waited long */
    struct park_wait *keys; /* one wait for each address here, the longest waiting; see park.c */
};

struct park_lot {
    struct park_bucket buckets[PARK_BUCKETS];
    uint32_t adopting; /* a word lock, see token.c */
    uint32_t endless;  /* waits for a lock without a time-out; see deadlock.h */
    /* One bit a bucket: handlers have noted it for park_review. */
    uint64_t noted[(PARK_BUCKETS + 63) / 64];
} __attribute__((aligned(4096)));

#endif
