/*
 * sim_poller.c - descriptors and pollers on the simulated machine
 *
 * The only descriptors there are bells. To read one silences it, to write one rings it: so it is also a pipe that has
 * room for one write, readable while it rings and writable while it is silent. A number that was freed is given to the
 * next one, as the system does it.
 *
 * A poller sleeps at a word: somebody has rung, or something has become ready. Whatever stands between two operations
 * of the seam is one step, so what is here needs no lock.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "platform/os.h"

#define BELLS_MAX 4
#define WATCHED_MAX 32

enum { NO_BELL, SILENT, RINGING };

enum { RUNG = 1, STIRRED = 2 }; /* a poller's word */

struct watched {
    int set; /* the poller's number; 0: not in use */
    int fd;
    uint32_t file;
    uint32_t how; /* 0: it was told of */
    uint32_t *word;
};

static struct {
    uint32_t bells[BELLS_MAX];
    uint32_t files[BELLS_MAX]; /* which of those that had this number it is */
    uint32_t n_files;
    bool blocks[BELLS_MAX];
    int n_sets;
    struct watched watched[WATCHED_MAX];
} machine;

/* ---- Bells ---- */

static bool is_bell(int fd)
{
    return fd >= 0 && fd < BELLS_MAX && machine.bells[fd] != NO_BELL;
}

static uint32_t state_of(int fd)
{
    return machine.bells[fd] == RINGING ? OS_READABLE : OS_WRITABLE;
}

static void set(int bell, uint32_t to)
{
    machine.bells[bell] = to;
    for (size_t i = 0; i < WATCHED_MAX; i++) {
        const struct watched *watched = &machine.watched[i];
        if (watched->set != 0 && watched->fd == bell && watched->file == machine.files[bell]) {
            *watched->word |= STIRRED;
            os_futex_wake(watched->word, 1);
        }
    }
    os_futex_wake(&machine.bells[bell], INT_MAX);
}

int os_bell_new(void)
{
    for (int bell = 0; bell < BELLS_MAX; bell++) {
        if (machine.bells[bell] == NO_BELL) {
            machine.bells[bell] = SILENT;
            machine.files[bell] = ++machine.n_files;
            machine.blocks[bell] = false;
            return bell;
        }
    }
    return -EMFILE;
}

void os_bell_ring(int bell, bool on)
{
    os_point_();
    if (machine.bells[bell] != (on ? SILENT : RINGING))
        sim_fail("a bell is told twice the same");
    set(bell, on ? RINGING : SILENT);
}

/* Pollers forget it by themselves. */
void os_bell_free(int bell)
{
    for (size_t i = 0; i < WATCHED_MAX; i++)
        if (machine.watched[i].fd == bell && machine.watched[i].file == machine.files[bell])
            machine.watched[i] = (struct watched){0};
    machine.bells[bell] = NO_BELL;
}

void sim_bell_blocks(int bell)
{
    machine.blocks[bell] = true;
}

bool sim_bell_rings(int bell)
{
    os_point_();
    return machine.bells[bell] == RINGING;
}

void sim_bell_wait(int bell)
{
    while (!sim_bell_rings(bell))
        (void)os_futex_wait(&machine.bells[bell], SILENT, OS_FOREVER);
}

/* ---- Descriptors ---- */

int os_poll(int fd, uint32_t how)
{
    os_point_();
    return is_bell(fd) ? (int)(state_of(fd) & how) : -EBADF;
}

static int change(int fd, uint32_t how, size_t *ret_n, bool at_once)
{
    os_point_();
    if (!is_bell(fd))
        return -EBADF;
    if (at_once && machine.blocks[fd])
        return OS_UNKNOWN;
    if (state_of(fd) != how && !at_once)
        sim_fail("somebody waits in the system");
    if (state_of(fd) != how)
        return -EAGAIN;
    *ret_n = 1;
    set(fd, how == OS_READABLE ? SILENT : RINGING);
    return 0;
}

int os_read_some(int fd, void *ret_data, size_t size, size_t *ret_n, bool at_once)
{
    memset(ret_data, 0, size < 1 ? size : 1);
    return change(fd, OS_READABLE, ret_n, at_once);
}

int os_write_some(int fd, const void *data, size_t size, size_t *ret_n, bool at_once)
{
    (void)data;
    (void)size;
    return change(fd, OS_WRITABLE, ret_n, at_once);
}

int os_accept(int fd, int *ret_fd, bool at_once)
{
    (void)fd;
    (void)ret_fd;
    (void)at_once;
    return -ENOTSOCK;
}

int os_connect(int fd, const struct sockaddr *address, size_t size)
{
    (void)fd;
    (void)address;
    (void)size;
    return -ENOTSOCK;
}

int os_connected(int fd)
{
    (void)fd;
    return -ENOTSOCK;
}

bool os_is_file(int fd)
{
    (void)fd;
    return false;
}

int os_close(int fd)
{
    os_point_();
    if (!is_bell(fd))
        return -EBADF;
    os_bell_free(fd);
    return 0;
}

/* ---- Pollers ---- */

int os_poller_open(struct os_poller *ret_poller)
{
    *ret_poller = (struct os_poller){.set = ++machine.n_sets};
    return 0;
}

void os_poller_close(struct os_poller *poller)
{
    for (size_t i = 0; i < WATCHED_MAX; i++)
        if (machine.watched[i].set == poller->set)
            machine.watched[i] = (struct watched){0};
    *poller = (struct os_poller){.set = -1};
}

static int take_ready(const struct os_poller *poller, struct os_ready *ret_ready, int room)
{
    int n = 0;
    for (size_t i = 0; i < WATCHED_MAX && n < room; i++) {
        struct watched *watched = &machine.watched[i];
        if (watched->set != poller->set || (state_of(watched->fd) & watched->how) == 0)
            continue;
        ret_ready[n++] = (struct os_ready){watched->fd, state_of(watched->fd)};
        watched->how = 0;
    }
    return n;
}

int os_poller_wait(struct os_poller *poller, int64_t deadline, struct os_ready *ret_ready, int room, bool *ret_rung)
{
    int result = 0;
    for (;;) {
        bool late = result != 0 || deadline <= os_now();
        int n = take_ready(poller, ret_ready, room);
        *ret_rung = (poller->rung & RUNG) != 0;
        poller->rung = 0;
        if (n > 0 || *ret_rung)
            return n;
        if (late)
            return result == -EINTR ? -EINTR : 0;
        result = os_futex_wait_interruptible(&poller->rung, 0, deadline);
    }
}

void os_poller_ring(struct os_poller *poller)
{
    uint32_t *word = &poller->rung;
    os_point_();
    if (poller->set <= 0)
        sim_fail("a poller is rung that is closed");
    *word |= RUNG;
    os_futex_wake(word, 1);
}

void os_poller_hush(struct os_poller *poller)
{
    uint32_t word;
    while (((word = poller->rung) & RUNG) == 0)
        (void)os_futex_wait(&poller->rung, word, OS_FOREVER);
    poller->rung = word & ~(uint32_t)RUNG;
}

static struct watched *find(const struct os_poller *poller, int fd)
{
    for (size_t i = 0; i < WATCHED_MAX; i++)
        if (machine.watched[i].set == poller->set && machine.watched[i].fd == fd)
            return &machine.watched[i];
    return NULL;
}

static struct watched *find_free(void)
{
    for (size_t i = 0; i < WATCHED_MAX; i++)
        if (machine.watched[i].set == 0)
            return &machine.watched[i];
    return NULL;
}

int os_poller_watch(struct os_poller *poller, int fd, uint32_t how)
{
    os_point_();
    if (!is_bell(fd))
        return -EBADF;
    struct watched *watched = find(poller, fd);
    bool known = watched != NULL;
    if (!known && (watched = find_free()) == NULL)
        return -ENOSPC;
    *watched = (struct watched){poller->set, fd, machine.files[fd], how, &poller->rung};
    if ((state_of(fd) & how) != 0)
        poller->rung |= STIRRED;
    return known ? 0 : OS_ANOTHER;
}

void os_poller_forget(struct os_poller *poller, int fd)
{
    struct watched *watched = find(poller, fd);
    os_point_();
    if (watched != NULL)
        *watched = (struct watched){0};
}
