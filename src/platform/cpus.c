/*
 * cpus.c - how many CPUs this process may use
 *
 * The affinity mask says which CPUs it may run on; a cgroup may also give it less time
 * than those have, as a container with `--cpus 2` on a machine of 64 does. More
 * workers than either only wait for each other.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "platform/os.h"

static size_t affinity(void)
{
    /* The kernel refuses a mask smaller than its own, so grow until it fits. */
    for (int cpus = CPU_SETSIZE; cpus <= CPU_SETSIZE << 10; cpus *= 2) {
        cpu_set_t *set = CPU_ALLOC((size_t)cpus);
        if (set == NULL)
            return 1;
        size_t size = CPU_ALLOC_SIZE((size_t)cpus);
        int result = sched_getaffinity(0, size, set);
        int error = errno;
        size_t count = result == 0 ? (size_t)CPU_COUNT_S(size, set) : 0;
        CPU_FREE(set);
        if (count > 0)
            return count;
        if (error != EINVAL)
            break;
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (size_t)online : 1;
}

/* CPUs' worth of time that one cgroup's cpu.max gives, rounded up; SIZE_MAX: no limit. */
static size_t cgroup_limit(const char *directory)
{
    char path[4200], line[64];
    (void)snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", directory);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return SIZE_MAX;
    unsigned long long quota, period;
    size_t limit = SIZE_MAX;
    if (fgets(line, sizeof line, file) != NULL && sscanf(line, "%llu %llu", &quota, &period) == 2 && period > 0)
        limit = (size_t)((quota + period - 1) / period);
    (void)fclose(file);
    return limit > 0 ? limit : 1;
}

/* The tightest limit from this process's cgroup (version 2) up to the root. */
static size_t cgroup(void)
{
    char line[4128];
    size_t tightest = SIZE_MAX;
    FILE *file = fopen("/proc/self/cgroup", "re");
    if (file == NULL)
        return SIZE_MAX;
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "0::", 3) != 0)
            continue;
        char *directory = line + 3;
        directory[strcspn(directory, "\n")] = '\0';
        for (char *end = directory + strlen(directory); end != NULL; end = strrchr(directory, '/')) {
            *end = '\0';
            size_t limit = cgroup_limit(directory);
            if (limit < tightest)
                tightest = limit;
        }
    }
    (void)fclose(file);
    return tightest;
}

size_t os_cpu_count(void)
{
    size_t cpus = affinity(), limit = cgroup();
    return cpus < limit ? cpus : limit;
}
