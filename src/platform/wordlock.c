/*
 * wordlock.c - the lock of one word
 *
 * The three-state futex mutex of Ulrich Drepper, "Futexes Are Tricky" (2011): 0 free, 1
 * held, 2 held and somebody may be asleep. What it guards takes some tens of
 * nanoseconds, so a short spin usually does; the sleep is there for a holder that
 * has lost its CPU.
 */
#include "platform/os.h"

enum { FREE, HELD, AWAITED };

#define SPINS OS_SPINS(40)

void os_wordlock_acquire(uint32_t *word)
{
    for (int spin = 0; spin < SPINS; spin++) {
        uint32_t found = FREE;
        /* Acquire: pairs with the release below, so what the last holder wrote is seen. */
        if (os_load_relaxed(word) == FREE && os_cas_acquire(word, &found, HELD))
            return;
        os_pause();
    }
    /* Acquire, as above. From here on we say AWAITED, since we cannot know that we were the
     * only sleeper. */
    while (os_exchange_acquire(word, AWAITED) != FREE)
        (void)os_futex_wait(word, AWAITED, OS_FOREVER);
}

void os_wordlock_release(uint32_t *word)
{
    /* Release: pairs with the acquires above. */
    if (os_exchange_release(word, FREE) == AWAITED)
        os_futex_wake(word, 1);
}
