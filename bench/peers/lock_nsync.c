/*
 * lock_nsync.c - Google's nsync_mu, as lock.h asks it
 */
#include <nsync.h>

typedef nsync_mu lock_type;
#include "../lock.h"

static inline void take(lock_type *lock)
{
    nsync_mu_lock(lock);
}

static inline void give(lock_type *lock)
{
    nsync_mu_unlock(lock);
}

int main(int argc, char **argv)
{
    return lock_main(argc, argv, "nsync_mu");
}
