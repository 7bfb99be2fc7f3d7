/*
 * sim_poller.c - pollers on the simulated machine: a word to sleep at
 *
 * There are no descriptors but bells there, and nobody watches these by a poller.
 */
#include <errno.h>

#include "platform/os.h"

int os_poller_open(struct os_poller *ret_poller)
{
    *ret_poller = (struct os_poller){.rung = 0};
    return 0;
}

void os_poller_close(struct os_poller *poller)
{
    *poller = (struct os_poller){.set = -1};
}

int os_poller_wait(struct os_poller *poller, int64_t deadline, struct os_ready *ret_ready, int room, bool *ret_rung)
{
    (void)ret_ready;
    (void)room;
    *ret_rung = false;
    int result = 0;
    /* Acquire: pairs with the ring. An expired deadline is a look. */
    while (os_load_acquire(&poller->rung) == 0 && result == 0 && deadline > os_now())
        result = os_futex_wait_interruptible(&poller->rung, 0, deadline);
    if (os_load_acquire(&poller->rung) != 0) {
        os_store_relaxed(&poller->rung, 0); /* relaxed: nobody rings before he is asked to */
        *ret_rung = true;
        return 0;
    }
    return result == -EINTR ? -EINTR : 0;
}

void os_poller_ring(struct os_poller *poller)
{
    uint32_t *rung = &poller->rung;
    os_point_();
    if (poller->set != 0)
        sim_fail("a poller is rung that is closed");
    os_store_release(rung, 1); /* release: as the eventfd of the other side would */
    os_futex_wake(rung, 1);
}

void os_poller_hush(struct os_poller *poller)
{
    while (os_load_acquire(&poller->rung) == 0) /* acquire: as above */
        (void)os_futex_wait(&poller->rung, 0, OS_FOREVER);
    os_store_relaxed(&poller->rung, 0);
}

int os_poller_watch(struct os_poller *poller, int fd, uint32_t how)
{
    (void)poller;
    (void)fd;
    (void)how;
    return -EPERM;
}

void os_poller_forget(struct os_poller *poller, int fd)
{
    (void)poller;
    (void)fd;
}
