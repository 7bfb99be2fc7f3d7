/*
 * descriptors.h - a record for each descriptor's number: who waits for it
 *
 * A record is for all threads and schedulers of the process, since whoever closes a descriptor has to find all who wait
 * for it. It is made when its number is first waited for and stays, so that it can be found without a lock.
 */
#ifndef COROUTINE_DESCRIPTORS_H_
#define COROUTINE_DESCRIPTORS_H_

#include "platform/os.h"

struct descriptor {
    uint32_t guard;                /* a word lock over `waits` and what they have in common (watch.h) */
    uint32_t turn;                 /* a word lock: who looks whether it is ready and then uses it, alone */
    struct descriptor_wait *waits; /* the longest waiting one first */
};

/* A block holds twice as many as the one before it. */
#define DESCRIPTOR_BLOCKS 24
#define DESCRIPTOR_BLOCK 256 /* of the first */

struct descriptor_roll {
    uint32_t guard; /* for who adds a block */
    struct descriptor *blocks[DESCRIPTOR_BLOCKS];
};

#define descriptor_of thrum_descriptor_of_
#define descriptor_known thrum_descriptor_known_
#define descriptors_forked thrum_descriptors_forked_

/* That of a number, which is not negative. of: NULL, there is no memory. known: NULL, nobody has ever waited for it,
 * or for one near it. */
struct descriptor *descriptor_of(int fd);
struct descriptor *descriptor_known(int fd);

/* In a forked child: nobody waits. */
void descriptors_forked(void);

#endif
