/*
 * descriptors.c - reading and writing without waiting, whatever the descriptor's mode
 *
 * Whether a call waits belongs to the open file, which others may have in common with us, other processes too; so it
 * is left as it is. Sockets are asked by MSG_DONTWAIT, pipes and many others by RWF_NOWAIT. What knows neither, a
 * terminal, a named pipe, accept, can only be looked at first.
 *
 * A socket and a file are told apart by asking: the first question is the one that fits what is commonest.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "platform/os.h"

int os_poll(int fd, uint32_t how)
{
    struct pollfd asked = {.fd = fd,
                           .events = (short)(((how & OS_READABLE) != 0 ? POLLIN | POLLRDHUP : 0) |
                                             ((how & OS_WRITABLE) != 0 ? POLLOUT : 0))};
    int n;
    do
        n = poll(&asked, 1, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    if (fd < 0 || (asked.revents & POLLNVAL) != 0)
        return -EBADF;
    uint32_t ready = 0;
    if ((asked.revents & (POLLIN | POLLRDHUP | POLLHUP | POLLERR)) != 0)
        ready |= OS_READABLE;
    if ((asked.revents & (POLLOUT | POLLHUP | POLLERR)) != 0)
        ready |= OS_WRITABLE;
    return (int)(ready & how);
}

/* Whether the system's plain calls do not wait. */
static bool is_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && (flags & O_NONBLOCK) != 0;
}

/* That kind of file, or this kernel, does not know RWF_NOWAIT. */
static bool knows_no_nowait(int error)
{
    return error == EOPNOTSUPP || error == ENOSYS;
}

/* ---- Reading ---- */

static ssize_t read_at_once(int fd, void *data, size_t size)
{
    struct iovec part = {data, size};
    ssize_t n = preadv2(fd, &part, 1, -1, RWF_NOWAIT); /* sockets, pipes */
    if (n >= 0 || !knows_no_nowait(errno))
        return n;
    n = recv(fd, data, size, MSG_DONTWAIT); /* sockets of an old kernel */
    if (n >= 0 || errno != ENOTSOCK)
        return n;
    if (is_nonblocking(fd))
        return read(fd, data, size);
    errno = EOPNOTSUPP;
    return -1;
}

/* What a call has come to that did n bytes. */
static int result_of(ssize_t n, size_t *ret_n, bool at_once)
{
    if (n >= 0) {
        *ret_n = (size_t)n;
        return 0;
    }
    return at_once && knows_no_nowait(errno) ? OS_UNKNOWN : -errno;
}

int os_read_some(int fd, void *ret_data, size_t size, size_t *ret_n, bool at_once)
{
    ssize_t n;
    do
        n = at_once ? read_at_once(fd, ret_data, size) : read(fd, ret_data, size);
    while (n < 0 && errno == EINTR);
    return result_of(n, ret_n, at_once);
}

/* ---- Writing ---- */

/* Not to a socket. */
static ssize_t write_quietly(int fd, const void *data, size_t size, bool at_once)
{
    sigset_t pipe, before, pending;
    const struct timespec none = {0, 0};
    struct iovec part = {(void *)(uintptr_t)data, size};
    (void)sigemptyset(&pipe);
    (void)sigaddset(&pipe, SIGPIPE);
    (void)pthread_sigmask(SIG_BLOCK, &pipe, &before);
    /* If the caller has it blocked, one may be there already: there is but one, and that is not ours to take. */
    bool theirs =
        sigismember(&before, SIGPIPE) == 1 && sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
    ssize_t n = -1;
    if (!at_once)
        n = write(fd, data, size);
    else if ((n = pwritev2(fd, &part, 1, -1, RWF_NOWAIT)) < 0 && knows_no_nowait(errno) && is_nonblocking(fd))
        n = write(fd, data, size);
    int error = errno;
    /* It came to this thread, unless it is ignored. */
    if (n < 0 && error == EPIPE && !theirs && sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1)
        (void)sigtimedwait(&pipe, NULL, &none);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return n;
}

/* A pipe that is writable takes so much without waiting, and so does all else that is not a file. */
static size_t that_goes_in(int fd, size_t size)
{
    return size <= PIPE_BUF || os_is_file(fd) ? size : PIPE_BUF;
}

int os_write_some(int fd, const void *data, size_t size, size_t *ret_n, bool at_once)
{
    ssize_t n;
    do {
        n = send(fd, data, size, MSG_NOSIGNAL | (at_once ? MSG_DONTWAIT : 0));
        if (n < 0 && errno == ENOTSOCK)
            n = write_quietly(fd, data, at_once ? size : that_goes_in(fd, size), at_once);
    } while (n < 0 && errno == EINTR);
    return result_of(n, ret_n, at_once);
}

/* ---- Sockets ---- */

int os_accept(int fd, int *ret_fd, bool at_once)
{
    int made, flags = fcntl(fd, F_GETFL);
    if (flags < 0)
        return -errno;
    bool waits = (flags & O_NONBLOCK) == 0;
    if (at_once && waits)
        return OS_UNKNOWN;
    do
        made = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    while (made < 0 && (errno == EINTR || (errno == ECONNABORTED && !waits)));
    if (made < 0) /* Who has gone before he was let in may have been the only one: it is to be looked again. */
        return errno == ECONNABORTED ? -EAGAIN : -errno;
    *ret_fd = made;
    return 0;
}

int os_connect(int fd, const struct sockaddr *address, size_t size)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0)
        return -errno;
    if (size > UINT_MAX)
        return -EINVAL;
    /* There is no other way; a socket that is not connected is nobody else's. */
    if ((flags & O_NONBLOCK) == 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
        return -errno;
    int result = connect(fd, address, (socklen_t)size) == 0 ? 0 : -errno;
    if ((flags & O_NONBLOCK) == 0)
        (void)fcntl(fd, F_SETFL, flags);
    return result == -EALREADY ? -EINPROGRESS : result;
}

int os_connected(int fd)
{
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        return -errno;
    return -error;
}

/* ---- All of them ---- */

bool os_is_file(int fd)
{
    struct stat about;
    return fstat(fd, &about) == 0 && (S_ISREG(about.st_mode) || S_ISBLK(about.st_mode) || S_ISDIR(about.st_mode));
}

int os_close(int fd)
{
    /* Closed in any case: to try again would be to close another's. */
    return close(fd) == 0 || errno == EINTR ? 0 : -errno;
}
