/*
 * pairs.h - what the tests of descriptors share: pairs of them, and each test in a coroutine and in a thread
 */
#ifndef THRUM_TESTS_PAIRS_H
#define THRUM_TESTS_PAIRS_H

#include "harness.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* Two ends that are connected; what is written to [1] is read from [0]. */
typedef void make_pair(int *ret_fds);

static inline void make_pipe(int *ret_fds)
{
    check_int(pipe2(ret_fds, O_CLOEXEC), 0);
}

static inline void make_nonblocking_pipe(int *ret_fds)
{
    check_int(pipe2(ret_fds, O_CLOEXEC | O_NONBLOCK), 0);
}

static inline void make_sockets(int *ret_fds)
{
    check_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret_fds), 0);
}

static inline void close_pair(const int *fds)
{
    check_result(thrum_close(fds[0]), 0);
    check_result(thrum_close(fds[1]), 0);
}

/* In a coroutine, and in a thread. */
static inline void run_in_coroutine(int (*body)(void *arg), void *arg)
{
    thrum_scheduler *scheduler;
    check_result(thrum_scheduler_new(&scheduler), 0);
    check_result(thrum_coroutine_run(NULL, scheduler, body, arg), 0);
    check_result(thrum_scheduler_run(scheduler), 0);
    check_result(thrum_scheduler_free(scheduler), 0);
}

static inline void run_in_both(int (*body)(void *arg), void *arg)
{
    check_int(finish(start(body, arg, NULL)), 0);
    run_in_coroutine(body, arg);
}

/* How many wait for it: what thrum_dump says. */
static inline int count_waits(int fd)
{
    char text[32], dump[16384];
    int out = memfd_create("dump", MFD_CLOEXEC), n = 0;
    check_result(thrum_dump(out), 0);
    ssize_t size = pread(out, dump, sizeof dump - 1, 0);
    check(size > 0 && close(out) == 0);
    dump[size] = '\0';
    (void)snprintf(text, sizeof text, "able descriptor '%d'", fd);
    for (const char *at = dump; (at = strstr(at, text)) != NULL; at++)
        n++;
    return n;
}

static inline size_t count_descriptors(void)
{
    size_t n = 0;
    for (int fd = 0; fd < 4096; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

#endif
