/*
 * lock_pthread.c - the system's mutex, as lock.h asks it
 */
#include <gnu/libc-version.h>
#include <pthread.h>

typedef pthread_mutex_t lock_type;
#include "../lock.h"

static inline void take(lock_type *lock)
{
    bench_need(pthread_mutex_lock(lock) == 0, "pthread_mutex_lock");
}

static inline void give(lock_type *lock)
{
    bench_need(pthread_mutex_unlock(lock) == 0, "pthread_mutex_unlock");
}

int main(int argc, char **argv)
{
    char label[64];
    snprintf(label, sizeof label, "pthread_mutex, glibc %s", gnu_get_libc_version());
    return lock_main(argc, argv, label);
}
