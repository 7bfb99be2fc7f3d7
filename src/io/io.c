/*
 * io.c - to try, to wait, to try again; and reading, writing, polling, closing (thrum/io.h)
 */
#include "io/io.h"

#include <errno.h>

#include "coroutine/descriptors.h"
#include "coroutine/watch.h"
#include "park/park.h"

_Static_assert((int)THRUM_READABLE == OS_READABLE && (int)THRUM_WRITABLE == OS_WRITABLE, "the same ways");

/* ---- To try, and to wait ---- */

/* The system cannot do it without waiting, if it should have to: we look first, one at a time. */
static int look_and_try(struct io_try *self)
{
    if (os_is_file(self->fd))
        return self->once(self, false);
    struct descriptor *descriptor = descriptor_of(self->fd);
    if (descriptor == NULL)
        return -ENOMEM;
    bool alone = !os_planted("descriptor-turn-not-taken");
    if (alone)
        os_wordlock_acquire(&descriptor->turn);
    int result = os_poll(self->fd, self->how);
    if (result > 0)
        result = self->once(self, false);
    else if (result == 0)
        result = -EAGAIN;
    if (alone)
        os_wordlock_release(&descriptor->turn);
    return result;
}

int io_perform(struct io_try *self, int64_t deadline, const void *site)
{
    int waited = deadline > 0 ? 0 : THRUM_TIMEOUT;
    if (self->fd < 0)
        return -EBADF;
    watch_let_others();
    for (bool again = false;; again = true) {
        int result = self->once(self, true);
        if (result == OS_UNKNOWN)
            result = look_and_try(self);
        if (result != -EAGAIN)
            return result;
        /* Once more after a time-out: where a scheduler is busy the time may be seen before what came first. */
        if (waited == THRUM_TIMEOUT)
            return os_is_file(self->fd) ? self->once(self, false) : THRUM_TIMEOUT;
        waited = descriptor_await(self->fd, self->how, again, deadline, site);
        if (waited == DESCRIPTOR_ALWAYS)
            return self->once(self, false);
        if (waited != 0 && waited != THRUM_TIMEOUT)
            return waited;
        /* It may be told ready again and again, for others who come first, or for good, for an error that it keeps. */
        if (deadline != OS_FOREVER && deadline <= os_now())
            waited = THRUM_TIMEOUT;
    }
}

/* ---- Reading and writing ---- */

struct transfer {
    struct io_try io;
    char *data;
    size_t size, n;
};

static struct transfer *transfer_of(struct io_try *io)
{
    return (struct transfer *)(void *)io;
}

static int read_once(struct io_try *io, bool at_once)
{
    struct transfer *transfer = transfer_of(io);
    return os_read_some(io->fd, transfer->data, transfer->size, &transfer->n, at_once);
}

static int write_once(struct io_try *io, bool at_once)
{
    struct transfer *transfer = transfer_of(io);
    return os_write_some(io->fd, transfer->data, transfer->size, &transfer->n, at_once);
}

int thrum_read(int fd, void *ret_data, size_t size, size_t *ret_n, thrum_timeout timeout)
{
    struct transfer transfer = {{read_once, fd, OS_READABLE}, ret_data, size, 0};
    int64_t deadline;
    if ((ret_data == NULL && size > 0) || ret_n == NULL || park_deadline(timeout, &deadline) != 0)
        return -EINVAL;
    int result = io_perform(&transfer.io, deadline, __builtin_return_address(0));
    if (result == 0)
        *ret_n = transfer.n;
    return result;
}

int thrum_write(int fd, const void *data, size_t size, size_t *ret_n, thrum_timeout timeout)
{
    struct transfer transfer = {{write_once, fd, OS_WRITABLE}, (char *)(uintptr_t)data, size, 0};
    const void *site = __builtin_return_address(0);
    int64_t deadline;
    int result;
    if ((data == NULL && size > 0) || park_deadline(timeout, &deadline) != 0)
        return -EINVAL;
    do {
        transfer.n = 0;
        result = io_perform(&transfer.io, deadline, site);
        transfer.data += transfer.n;
        transfer.size -= transfer.n;
    } while (result == 0 && transfer.size > 0);
    if (ret_n != NULL)
        *ret_n = size - transfer.size;
    return result;
}

/* ---- The rest ---- */

struct look {
    struct io_try io;
    unsigned found;
};

static int look_once(struct io_try *io, bool at_once)
{
    struct look *look = (struct look *)(void *)io;
    (void)at_once;
    int found = os_poll(io->fd, io->how);
    if (found <= 0)
        return found < 0 ? found : -EAGAIN;
    look->found = (unsigned)found;
    return 0;
}

int thrum_poll(int fd, unsigned how, unsigned *ret_how, thrum_timeout timeout)
{
    struct look look = {{look_once, fd, how}, 0};
    int64_t deadline;
    if (how == 0 || (how & ~(unsigned)(THRUM_READABLE | THRUM_WRITABLE)) != 0 || park_deadline(timeout, &deadline) != 0)
        return -EINVAL;
    int result = io_perform(&look.io, deadline, __builtin_return_address(0));
    if (result == 0 && ret_how != NULL)
        *ret_how = look.found;
    return result;
}

int thrum_close(int fd)
{
    if (fd < 0)
        return -EBADF;
    descriptor_wake(fd, -EBADF);
    int result = os_close(fd);
    /* Who came while we closed it may wait for what is gone: they try again. So may some who wait for the next file of
     * that number, in vain. */
    descriptor_wake(fd, 0);
    return result;
}
