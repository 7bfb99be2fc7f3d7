/*
 * cpulist.c - CPUs by their numbers, from the kernel's text for a list of them
 *
 * "0-3,8", as it stands in /sys/devices/system/node/node0/cpulist, whose newline at the end is taken along.
 * The set lies in memory as the system wants it: bits in words of a long.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "platform/os.h"

#define WORD_BITS (8 * sizeof(unsigned long))

/* A decimal number below OS_CPUS_MAX at *text, which then points behind it; -1: there is none. */
static long number(const char **text)
{
    long value = 0;
    const char *at = *text;
    for (; *at >= '0' && *at <= '9' && value < OS_CPUS_MAX; at++)
        value = value * 10 + (*at - '0');
    if (at == *text || value >= OS_CPUS_MAX)
        return -1;
    *text = at;
    return value;
}

static int parse(const char *text, struct os_cpus *cpus)
{
    for (;;) {
        long first = number(&text), last = first;
        if (*text == '-') {
            text++;
            last = number(&text);
        }
        if (first < 0 || last < first)
            return -EINVAL;
        for (long cpu = first; cpu <= last; cpu++)
            cpus->bits[(size_t)cpu / WORD_BITS] |= 1ul << ((size_t)cpu % WORD_BITS);
        if (*text != ',')
            break;
        text++;
    }
    return strcmp(text, "") == 0 || strcmp(text, "\n") == 0 ? 0 : -EINVAL;
}

int os_cpus_parse(const char *text, struct os_cpus **ret_cpus)
{
    struct os_cpus *cpus = calloc(1, sizeof *cpus);
    if (cpus == NULL)
        return -ENOMEM;
    int result = parse(text, cpus);
    if (result == 0)
        *ret_cpus = cpus;
    else
        free(cpus);
    return result;
}
