/*
 * thread_glib.c - GThread: start one, join it
 */
#include <glib.h>

#include "../bench.h"

static gpointer nothing(gpointer arg)
{
    return arg;
}

static int64_t run(size_t n)
{
    int64_t start = bench_now();
    for (size_t i = 0; i < n; i++)
        g_thread_join(g_thread_new("nothing", nothing, NULL));
    return bench_now() - start;
}

int main(int argc, char **argv)
{
    static const struct bench_case cases[] = {{"run", run}, {0}};
    char label[64];
    snprintf(label, sizeof label, "GThread, GLib %u.%u.%u", glib_major_version, glib_minor_version, glib_micro_version);
    return bench_main(argc, argv, label, cases);
}
