/*
 * socket.c - accepting and connecting (thrum/io.h)
 */
#include <errno.h>

#include "io/io.h"
#include "park/park.h"

struct acceptance {
    struct io_try io;
    int made;
};

static int accept_once(struct io_try *io, bool at_once)
{
    return os_accept(io->fd, &((struct acceptance *)(void *)io)->made, at_once);
}

int thrum_accept(int fd, int *ret_fd, thrum_timeout timeout)
{
    struct acceptance acceptance = {{accept_once, fd, OS_READABLE}, -1};
    int64_t deadline;
    if (ret_fd == NULL || park_deadline(timeout, &deadline) != 0)
        return -EINVAL;
    int result = io_perform(&acceptance.io, deadline, __builtin_return_address(0));
    if (result == 0)
        *ret_fd = acceptance.made;
    return result;
}

/* It is writable when it is connected, or will never be. */
static int see_connected(struct io_try *io, bool at_once)
{
    (void)at_once;
    int found = os_poll(io->fd, io->how);
    if (found <= 0)
        return found < 0 ? found : -EAGAIN;
    return os_connected(io->fd);
}

int thrum_connect(int fd, const struct sockaddr *address, size_t size, thrum_timeout timeout)
{
    struct io_try connection = {see_connected, fd, OS_WRITABLE};
    int64_t deadline;
    if (address == NULL || park_deadline(timeout, &deadline) != 0)
        return -EINVAL;
    int result = os_connect(fd, address, size);
    if (result != -EINPROGRESS)
        return result;
    return io_perform(&connection, deadline, __builtin_return_address(0));
}
