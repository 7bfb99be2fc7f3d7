/*
 * map_glib.c - tasks on GLib's GThreadPool
 *
 * A GThreadPool has no futures: a counter and one condition say that all are done, which is the
 * least that a program can do.
 */
#include "../bench.h"

#include <glib.h>

static GThreadPool *pool;
static GMutex lock;
static GCond all_done;
static gint left;

static void nothing(gpointer item, gpointer unused)
{
    (void)item;
    (void)unused;
    if (g_atomic_int_dec_and_test(&left)) {
        g_mutex_lock(&lock);
        g_cond_signal(&all_done);
        g_mutex_unlock(&lock);
    }
}

static void push(size_t n)
{
    static char item;
    g_atomic_int_set(&left, (gint)n);
    for (size_t i = 0; i < n; i++)
        g_thread_pool_push(pool, &item, NULL);
    g_mutex_lock(&lock);
    while (g_atomic_int_get(&left) > 0)
        g_cond_wait(&all_done, &lock);
    g_mutex_unlock(&lock);
}

static int64_t submit(size_t n)
{
    int64_t start = bench_now();
    push(n);
    return bench_now() - start;
}

static int64_t ping(size_t n)
{
    int64_t start = bench_now();
    for (size_t i = 0; i < n; i++)
        push(1);
    return bench_now() - start;
}

int main(int argc, char **argv)
{
    static const struct bench_case cases[] = {{"submit", submit}, {"ping", ping}, {0}};
    pool = g_thread_pool_new(nothing, NULL, BENCH_WORKERS, TRUE, NULL);
    char label[64];
    snprintf(label, sizeof label, "GThreadPool, GLib %u.%u.%u", glib_major_version, glib_minor_version,
             glib_micro_version);
    int status = bench_main(argc, argv, label, cases);
    g_thread_pool_free(pool, FALSE, TRUE);
    return status;
}
