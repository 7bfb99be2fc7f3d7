/*
 * watch.h - waiting for descriptors, in coroutines and in threads
 *
 * A watch is a poller and the waits whose descriptors it watches. A scheduler has one, for all its coroutines; a
 * thread has one, for itself: while it waits for a descriptor it sleeps in the poller instead of at its futex word. In
 * both a wait is a park(), so time-outs, tokens, signals and reports are park's, and what the poller tells is an
 * unpark.
 *
 * A wait is on its waiter's stack and in two lists. The descriptor's has those of all watches, and is guarded by its
 * record; who takes a wait out of that list says what it has come to, and wakes it. The watch's list has all that wait
 * by it, by when their descriptors were last looked at; only the watch's thread touches it.
 *
 * The poller tells once what was asked for, and so is asked again, for those that are left. One waiter of each
 * direction is woken at a time, the longest waiting: if it leaves something the poller will say so of the next, and if
 * it does not, the others need not have been woken.
 *
 * What the poller tells is a hint: it may be of a file that had the number before, and who is woken tries. When the
 * poller does not know the file that it is to watch, then all who have waited by it for that number wait for a closed
 * one. close(2) tells nobody. Therefore each descriptor that has been waited for for a second is asked for again, once
 * a second, or more seldom where there are so many that it would take much of the processor.
 */
#ifndef COROUTINE_WATCH_H_
#define COROUTINE_WATCH_H_

#include "platform/os.h"

struct watch {
    struct os_poller poller;
    struct descriptor_wait *oldest, *newest;
    int64_t looked;      /* when it was looked for closed ones */
    uint32_t at_once;    /* calls in coroutines, which may not have had to wait */
    uint32_t generation; /* of the process that it is in */
};

#define watch_open thrum_watch_open_
#define watch_close thrum_watch_close_
#define watch_until thrum_watch_until_
#define watch_tell thrum_watch_tell_
#define watch_let_others thrum_watch_let_others_
#define descriptor_await thrum_descriptor_await_
#define descriptor_wake thrum_descriptor_wake_

/* 0, or os_poller_open's error. */
int watch_open(struct watch *ret_watch);
void watch_close(struct watch *watch);

/* How long to be in the poller, for one who has time until that deadline. */
int64_t watch_until(const struct watch *watch, int64_t deadline);

/* Wake those of whom the poller has told (n may be negative: nothing), and look for closed ones if it is time. */
void watch_tell(struct watch *watch, const struct os_ready *ready, int n);

static inline bool watch_is_idle(const struct watch *watch)
{
    return watch->oldest == NULL;
}

/*
 * Wait until a descriptor is ready in one of those ways (OS_...), or may be: the caller tries. `again`: he has waited
 * for it and tried in vain, and so it has to be the same file still. 0; DESCRIPTOR_ALWAYS: it is of a kind that nobody
 * can wait for. THRUM_TIMEOUT, THRUM_CANCELLED, THRUM_INTERRUPTED; -EBADF: it was closed,
 * or is none; -ENOMEM, -EMFILE, -ENFILE, -ENOSPC, -EAGAIN.
 */
enum { DESCRIPTOR_ALWAYS = 1000 };
int descriptor_await(int fd, uint32_t how, bool again, int64_t deadline, const void *site);

/* End all waits for it with that result, 0 or -EBADF. */
void descriptor_wake(int fd, int result);

/* In a coroutine that has not had to wait for once more: let others have their turn now and then. */
void watch_let_others(void);

#endif
