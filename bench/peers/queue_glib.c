/*
 * queue_glib.c - GAsyncQueue, as queue.h asks it; but it has no capacity, so a put never waits
 */
#include <glib.h>

#include "../queue.h"

static GAsyncQueue *queue;

static void queue_make(int pairs)
{
    (void)pairs;
    queue = g_async_queue_new();
}

static void queue_drop(void)
{
    g_async_queue_unref(queue);
}

static inline void put(uint64_t item)
{
    g_async_queue_push(queue, (gpointer)(uintptr_t)item);
}

static inline uint64_t get(void)
{
    return (uintptr_t)g_async_queue_pop(queue);
}

int main(int argc, char **argv)
{
    char label[64];
    snprintf(label, sizeof label, "GAsyncQueue, GLib %u.%u.%u", glib_major_version, glib_minor_version,
             glib_micro_version);
    return queue_main(argc, argv, label);
}
