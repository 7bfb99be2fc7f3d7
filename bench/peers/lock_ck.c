/*
 * lock_ck.c - Concurrency Kit's plain spin lock, as lock.h asks it
 *
 * Who waits for it burns its processor, so it is here for what it costs when nobody does.
 */
#include <ck_spinlock.h>

typedef ck_spinlock_fas_t lock_type;
#include "../lock.h"

static inline void take(lock_type *lock)
{
    ck_spinlock_fas_lock(lock);
}

static inline void give(lock_type *lock)
{
    ck_spinlock_fas_unlock(lock);
}

int main(int argc, char **argv)
{
    return lock_main(argc, argv, "Concurrency Kit, spin lock");
}
