/*
 * poller.c - pollers on Linux: an epoll set, with an eventfd as its bell
 *
 * A descriptor is watched for one event at a time (EPOLLONESHOT), so what is ready and not waited for costs nothing,
 * and each wait says anew what it waits for: a number that was closed and is another file's by now is found out then.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "platform/os.h"

#define ROOM 64

int os_poller_open(struct os_poller *ret_poller)
{
    struct os_poller made = {.set = epoll_create1(EPOLL_CLOEXEC)};
    if (made.set < 0)
        return -errno;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = -1};
    made.bell = eventfd(0, EFD_CLOEXEC);
    if (made.bell >= 0 && epoll_ctl(made.set, EPOLL_CTL_ADD, made.bell, &event) == 0) {
        *ret_poller = made;
        return 0;
    }
    int error = errno;
    if (made.bell >= 0)
        (void)close(made.bell);
    (void)close(made.set);
    return -error;
}

/* A child that has been forked may have closed all descriptors, and have others by these numbers. Then the set of that
 * number, if it is one, does not know the bell. */
void os_poller_close(struct os_poller *poller)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = -1};
    if (epoll_ctl(poller->set, EPOLL_CTL_MOD, poller->bell, &event) != 0)
        return;
    (void)close(poller->bell);
    (void)close(poller->set);
}

void os_poller_ring(struct os_poller *poller)
{
    int bell = poller->bell; /* with the ring the poller may go */
    const uint64_t one = 1;
    while (write(bell, &one, sizeof one) < 0 && errno == EINTR)
        continue;
}

void os_poller_hush(struct os_poller *poller)
{
    uint64_t count;
    while (read(poller->bell, &count, sizeof count) < 0 && errno == EINTR)
        continue;
}

static int wait_for(const struct os_poller *poller, int64_t deadline, struct epoll_event *events, int room)
{
    if (deadline >= OS_FOREVER)
        return epoll_wait(poller->set, events, room, -1);
    int64_t left = deadline - os_now();
    if (left <= 0)
        return epoll_wait(poller->set, events, room, 0);
    struct timespec time = {left / 1000000000, left % 1000000000};
    int n = epoll_pwait2(poller->set, events, room, &time, NULL);
    if (n >= 0 || errno == EINTR)
        return n;
    /* A kernel before 5.11, or a guard over system calls that does not know it: rounded up, and no longer than it can
     * be told. */
    int64_t ms = left / 1000000 + 1;
    return epoll_wait(poller->set, events, room, ms < 1000000000 ? (int)ms : 1000000000);
}

static uint32_t how_of(uint32_t events)
{
    uint32_t how = 0;
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLRDHUP | EPOLLERR)) != 0)
        how |= OS_READABLE;
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0)
        how |= OS_WRITABLE;
    return how;
}

int os_poller_wait(struct os_poller *poller, int64_t deadline, struct os_ready *ret_ready, int room, bool *ret_rung)
{
    struct epoll_event events[ROOM];
    *ret_rung = false;
    int n = wait_for(poller, deadline, events, room < ROOM ? room : ROOM), ready = 0;
    if (n < 0)
        return -EINTR; /* all else is about arguments, and those are ours */
    for (int i = 0; i < n; i++) {
        if (events[i].data.fd < 0) {
            os_poller_hush(poller);
            *ret_rung = true;
        } else {
            ret_ready[ready++] = (struct os_ready){events[i].data.fd, how_of(events[i].events)};
        }
    }
    return ready;
}

int os_poller_watch(struct os_poller *poller, int fd, uint32_t how)
{
    struct epoll_event event = {.events = EPOLLONESHOT | ((how & OS_READABLE) != 0 ? EPOLLIN | EPOLLRDHUP : 0u) |
                                          ((how & OS_WRITABLE) != 0 ? EPOLLOUT : 0u),
                                .data.fd = fd};
    if (epoll_ctl(poller->set, EPOLL_CTL_MOD, fd, &event) == 0)
        return 0;
    if (errno == ENOENT && epoll_ctl(poller->set, EPOLL_CTL_ADD, fd, &event) == 0)
        return OS_ANOTHER;
    return -errno;
}

void os_poller_forget(struct os_poller *poller, int fd)
{
    struct epoll_event none = {0};
    (void)epoll_ctl(poller->set, EPOLL_CTL_DEL, fd, &none);
}
