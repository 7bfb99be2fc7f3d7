/*
 * lock_glib.c - GMutex, as lock.h asks it
 */
#include <glib.h>

typedef GMutex lock_type;
#include "../lock.h"

static inline void take(lock_type *lock)
{
    g_mutex_lock(lock);
}

static inline void give(lock_type *lock)
{
    g_mutex_unlock(lock);
}

int main(int argc, char **argv)
{
    char label[64];
    snprintf(label, sizeof label, "GMutex, GLib %u.%u.%u", glib_major_version, glib_minor_version, glib_micro_version);
    return lock_main(argc, argv, label);
}
