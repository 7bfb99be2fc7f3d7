/*
 * stack.h - stacks for coroutines, from slabs
 *
 * A stack comes with the room for its owner's record, in one piece:
 *
 *     low             sp ->          record                  struct stack         end
 *      | guard |  ...  frames grow down | STACK_RECORD bytes |                     |
 *
 * So to make a coroutine is to take one thing, and a parked one that has not called deeply has one page.
 * What is between is never touched, and the guard is below it.
 *
 * Slabs. One mapping holds many stacks, for a process may have some 65,000 mappings and a million coroutines.
 * Sizes are powers of two; each has slabs of its own. A slab is never unmapped: an idle stack's pages are given back,
 * beyond a bounded number that stay warm, and what is left of it is its share of a page table, 128 bytes. So
 * the memory of a record stays memory, like a sleeper's: who comes late with a pointer to it reads nothing bad.
 *
 * What a parked one costs is that page and the 128 bytes: 4.2 KB, where a goroutine has 2.7. It needs less: the record
 * and what follows it are 1,088 bytes, the frames of a generator that has yielded 176, those of a wait for an event
 * 750. To have only these, they would have to lie elsewhere meanwhile, and be back at their place before it goes on.
 * Where the page is given back for it, a round takes 3 us, nearly all of it the kernel's; where many take turns on one
 * stack, 20 ns for 300 bytes, three times what next and yield take. But others have pointers into a stack that stands
 * still: its waiter is in the lot's queues, its children write into its variables, and what it yields may be the
 * address of one. Go can move a stack because its compiler knows the pointers; here nobody does, and nobody could say
 * when they are no more. So it is not done. Where memory is that short, compressed swap (zram) does it, and all
 * pointers hold.
 *
 * Guards, by what the machine has. A light guard costs no mapping (Linux 6.13). Before that, each of the first
 * 20,000 stacks has a page that is protected, which takes two mappings; beyond these there is one such page below each
 * slab, and an overflow into the neighbour is only found afterwards: the lowest words of a stack, which are zero as
 * long as nobody came there, are looked at when its coroutine is left (stack_is_sound).
 *
 * Where stacks come from: the calling thread's own idle ones, without a lock; else all threads' warm ones; else a cold
 * one of a slab; else a new slab. They go back the same way. Only stacks of the default size take the first way.
 *
 * Under the pool's lock are the warm lists and the slabs; what a thread keeps is its own. In a forked child both are as
 * they were, but for what other threads kept or had just in their hands, which is lost to it: each list is changed by
 * one store that leaves it whole.
 */
#ifndef COROUTINE_STACK_H_
#define COROUTINE_STACK_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STACK_CLASSES 16              /* from 16 KiB to 512 MiB, where a page has 4 KiB */
#define STACK_RECORD 1024             /* bytes of the owner's record; a multiple of a cache line */
#define STACK_SPLIT_GUARDS 20000      /* stacks that may take mappings for a guard of their own */
#define STACK_KEPT 32                 /* idle stacks that a thread keeps */
#define STACK_WARM 1024               /* and that all threads keep, of each size, with their pages */
#define STACK_SLAB ((size_t)64 << 20) /* bytes of stacks in a slab */
#define STACKS_A_SLAB 1024            /* but never more stacks than these */

struct stack_slab;

/* At the end of each, 64 bytes: between the record and the end of the last page. */
struct stack {
    struct stack *next; /* in the list of idle ones that it is in */
    struct stack_slab *slab;
    char *low;      /* the lowest byte of frames */
    size_t size;    /* bytes of frames, at most; the record stands above them */
    uint32_t index; /* in its slab */
    bool watched;   /* it has no guard of its own: see stack_is_sound */
    uint64_t reserved[3];
};

/* How stacks are guarded from now on; it only ever gets worse. */
enum stack_way { STACK_LIGHT, STACK_SPLIT, STACK_WATCHED };

/* All stacks of one size. */
struct stack_class {
    struct stack_slab *slabs; /* all of them */
    struct stack_slab *cold;  /* those that have cold stacks */
    struct stack *warm;
    uint32_t n_warm;
    uint32_t reserved;
};

struct stack_pool {
    uint32_t guard; /* a word lock over the rest */
    uint32_t way;
    uint32_t split;  /* stacks guarded by STACK_SPLIT */
    uint32_t faults; /* 1: faults are reported; see fault.c */
    struct stack_class classes[STACK_CLASSES];
};

/* The head of a slab's mapping, before its first stack. */
struct stack_slab {
    struct stack_slab *next, *next_cold;
    char *base;     /* the first stack's guard */
    size_t stride;  /* from one stack to the next: its size with guard and record */
    uint32_t class; /* which of the pool's */
    uint32_t stacks;
    uint32_t fresh;  /* those from here on were never used, and have no guard yet */
    uint32_t n_cold; /* cold ones among those that were */
    uint32_t places; /* of sleepers in its stacks' records: the first's place, or 0; sleeper.h */
    uint32_t reserved;
    uint64_t watched[STACKS_A_SLAB / 64]; /* a bit for each stack: it has no guard of its own */
    uint16_t cold_stacks[STACKS_A_SLAB];
    uint8_t lives[STACKS_A_SLAB]; /* of the sleeper in each stack's record; sleeper.h */
};

#define stack_take thrum_stack_take_
#define stack_give thrum_stack_give_
#define stack_of_address thrum_stack_of_address_
#define stacks_forked thrum_stacks_forked_
#define stack_place thrum_stack_place_

/* A stack with room for `size` bytes of frames; 0: the default. Its record is not cleared. NULL: there is no memory. */
struct stack *stack_take(size_t size);

/* Back; nobody runs on it any more. Any thread may. */
void stack_give(struct stack *stack);

/* The place (sleeper.h) of the sleeper that stands so many bytes into the stack's record: the same number of bytes for
 * all stacks. 0: there is no room for more. */
uint32_t stack_place(struct stack *stack, size_t into_record);

/* Whether the coroutine on it has kept within it, as far as can be known. Only for a watched one need it be asked. */
static inline bool stack_is_sound(const struct stack *stack)
{
    const uint64_t *low = (const uint64_t *)(const void *)stack->low;
    return (low[0] | low[1] | low[2] | low[3] | low[4] | low[5] | low[6] | low[7]) == 0;
}

/* That to which an address belongs, its guard included, or NULL. Takes no lock: for the handler of a fault, and
 * for debuggers. */
struct stack *stack_of_address(const void *address);

/* In a forked child. */
void stacks_forked(void);

static inline void *stack_record(struct stack *stack)
{
    return (char *)stack - STACK_RECORD;
}

static inline struct stack *stack_of_record(void *record)
{
    return (struct stack *)(void *)((char *)record + STACK_RECORD);
}

#endif
