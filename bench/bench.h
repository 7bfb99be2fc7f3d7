/*
 * bench.h - what the measuring programs have in common
 *
 * Every contestant is a program of its own, so that none inherits another's heap, threads or
 * settings. All speak the same two sentences, also those in other languages:
 *
 *     PROGRAM label      prints what it is, with the version that it runs with
 *     PROGRAM CASE N     does the case N times and prints one number: nanoseconds each
 *
 * and those in C a third for the report, `PROGRAM compiler`.
 *
 * The clock runs inside the program, behind a first pass of a tenth of the work which is not
 * counted: starting the process and its threads is no part of the figure. All that the work
 * itself needs is: the memory for a task's record too.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BENCH_TEXT_(x) #x
#define BENCH_TEXT(x) BENCH_TEXT_(x)
#ifdef __clang__
#define BENCH_COMPILER \
    "clang " BENCH_TEXT(__clang_major__) "." BENCH_TEXT(__clang_minor__) "." BENCH_TEXT(__clang_patchlevel__)
#else
#define BENCH_COMPILER "gcc " BENCH_TEXT(__GNUC__) "." BENCH_TEXT(__GNUC_MINOR__) "." BENCH_TEXT(__GNUC_PATCHLEVEL__)
#endif

/* The work of a case, n times. What it returns is nanoseconds in all. */
struct bench_case {
    const char *name;
    int64_t (*run)(size_t n);
};

#define BENCH_WORKERS 2
/* The array that a map goes over; n is in items, and a pass is one array. */
#define BENCH_MAP_ITEMS 1000000

static inline int64_t bench_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* A benchmark that failed has no figure. */
static inline void bench_need(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "failed: %s\n", what);
        exit(1);
    }
}

/* Two arrays for the map of x to x * x, touched, so that no page is first seen by the clock. */
static inline void bench_map_arrays(double **ret_in, double **ret_out)
{
    double *in = malloc(BENCH_MAP_ITEMS * sizeof *in), *out = malloc(BENCH_MAP_ITEMS * sizeof *out);
    bench_need(in && out, "memory");
    for (size_t i = 0; i < BENCH_MAP_ITEMS; i++) {
        in[i] = (double)i;
        out[i] = -1;
    }
    *ret_in = in;
    *ret_out = out;
}

/* The result is looked at, so that no compiler and no lost piece can leave the work out. */
static inline void bench_map_done(double *in, double *out)
{
    for (size_t i = 0; i < BENCH_MAP_ITEMS; i++)
        bench_need(out[i] == (double)i * (double)i, "a wrong result of map");
    free(in);
    free(out);
}

/* Kilobytes that stand behind that word of the process's status. */
static inline int64_t bench_status(const char *word)
{
    char line[256];
    long long kilobytes = -1;
    FILE *file = fopen("/proc/self/status", "r");
    bench_need(file != NULL, "/proc/self/status");
    while (fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, word, strlen(word)) == 0)
            bench_need(sscanf(line + strlen(word), "%lld", &kilobytes) == 1, word);
    fclose(file);
    bench_need(kilobytes >= 0, word);
    return kilobytes;
}

/* Bytes of memory that the process has, page tables counted. */
static inline int64_t bench_memory(void)
{
    return (bench_status("VmRSS:") + bench_status("VmPTE:")) * 1024;
}

static inline int bench_main(int argc, char **argv, const char *label, const struct bench_case *cases)
{
    if (argc == 2 && (strcmp(argv[1], "label") == 0 || strcmp(argv[1], "compiler") == 0)) {
        printf("%s\n", argv[1][0] == 'l' ? label : BENCH_COMPILER);
        return 0;
    }
    size_t n = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
    for (; n > 0 && cases->name; cases++) {
        if (strcmp(cases->name, argv[1]) == 0) {
            cases->run(n / 10 + 1);
            printf("%.3f\n", (double)cases->run(n) / (double)n);
            return 0;
        }
    }
    fprintf(stderr, "usage: %s label | CASE N\n", argv[0]);
    return 2;
}

#endif
