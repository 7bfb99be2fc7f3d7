/*
 * lock.c - thrum_lock, as lock.h asks it
 */
#include <thrum/threading.h>

typedef thrum_lock lock_type;
#include "lock.h"

static inline void take(lock_type *lock)
{
    bench_need(thrum_lock_acquire(lock, THRUM_FOREVER) == 0, "acquire");
}

static inline void give(lock_type *lock)
{
    bench_need(thrum_lock_release(lock) == 0, "release");
}

int main(int argc, char **argv)
{
    char label[64];
    snprintf(label, sizeof label, "thrum %s", thrum_version());
    return lock_main(argc, argv, label);
}
