/*
 * watch.c - waiting for descriptors (watch.h)
 */
#include "coroutine/watch.h"

#include <errno.h>
#include <stdlib.h>

#include "base/digits.h"
#include "coroutine/descriptors.h"
#include "coroutine/scheduler.h"
#include "platform/state.h"

#define LOOK_AFTER INT64_C(1000000000) /* ns */
#define LOOKS_AT_ONCE 1000             /* some 300 us, */
#define LOOK_PAUSE 30000000            /* ns: and not more often than that */
#define READY_AT_ONCE 4                /* of a thread, which waits for one */
#define AT_ONCE 64                     /* calls that did not wait */

struct descriptor_wait {
    struct descriptor_wait *next; /* in the descriptor's list */
    struct watch *watch;
    uint32_t how;
    int result;  /* once it is over: what it has come to */
    bool listed; /* in the descriptor's list. All that by its guard */

    bool over; /* it was taken out of the list, by the lock of its bucket */

    struct descriptor *descriptor;
    struct descriptor_wait *older, *newer; /* in the watch's list */
    int64_t looked;                        /* when its descriptor was looked at last */
    int fd;
};

/* ---- The descriptor's list; its guard is held ---- */

static void append(struct descriptor *descriptor, struct descriptor_wait *wait)
{
    struct descriptor_wait **at = &descriptor->waits;
    while (*at != NULL)
        at = &(*at)->next;
    wait->next = NULL;
    wait->listed = true;
    *at = wait;
}

static void take_out(struct descriptor_wait **at)
{
    struct descriptor_wait *wait = *at;
    *at = wait->next;
    wait->listed = false;
}

static uintptr_t end(void *arg, const struct unparked *done)
{
    struct descriptor_wait *wait = arg;
    (void)done;
    wait->over = true;
    return 0;
}

/* It has come to that. It may be about to park, and will see that it need not; else it is in front of the chain of
 * those that are to be woken when the guard is released. */
static void finish(struct descriptor_wait **at, int result, struct park_wait **chain)
{
    struct descriptor_wait *wait = *at;
    take_out(at);
    wait->result = result;
    struct park_wait *parked = unpark_take(wait, 1, end, wait);
    if (parked != NULL) {
        parked->next = *chain;
        *chain = parked;
    }
}

/* All those of a watch, or of all where it is NULL, but one. */
static void finish_all(struct descriptor *descriptor, const struct watch *watch, const struct descriptor_wait *but,
                       int result)
{
    struct park_wait *chain = NULL;
    os_wordlock_acquire(&descriptor->guard);
    for (struct descriptor_wait **at = &descriptor->waits; *at != NULL;) {
        if (*at != but && (watch == NULL || (*at)->watch == watch))
            finish(at, result, &chain);
        else
            at = &(*at)->next;
    }
    os_wordlock_release(&descriptor->guard);
    unpark_wake(chain);
}

void descriptor_wake(int fd, int result)
{
    struct descriptor *descriptor = fd >= 0 ? descriptor_known(fd) : NULL;
    if (descriptor != NULL)
        finish_all(descriptor, NULL, NULL, result);
}

/* ---- Asking the poller ---- */

/* Have the poller tell of all that is waited for by it; `mine` has just come, or is NULL. 0; OS_ANOTHER: the same, and
 * the poller has not known that file; or why `mine` cannot wait. */
static int ask(struct watch *watch, struct descriptor *descriptor, int fd, const struct descriptor_wait *mine)
{
    uint32_t how = 0;
    if (mine == NULL && os_planted("descriptor-not-asked-again"))
        return 0;
    os_wordlock_acquire(&descriptor->guard);
    for (const struct descriptor_wait *wait = descriptor->waits; wait != NULL; wait = wait->next)
        how |= wait->watch == watch ? wait->how : 0;
    os_wordlock_release(&descriptor->guard);
    if (how == 0) /* somebody has ended them meanwhile */
        return 0;
    int result = os_poller_watch(&watch->poller, fd, how);
    if (result == 0)
        return 0;
    bool closed = result == OS_ANOTHER || result == -EBADF || result == -EPERM;
    if (mine == NULL && result == OS_ANOTHER)
        os_poller_forget(&watch->poller, fd);
    /* What else it may say they are told when they try again. */
    finish_all(descriptor, watch, mine, closed ? -EBADF : 0);
    return result;
}

/* ---- The watch's list ---- */

static void add(struct watch *watch, struct descriptor_wait *wait)
{
    wait->looked = os_now();
    wait->newer = NULL;
    wait->older = watch->newest;
    if (wait->older != NULL)
        wait->older->newer = wait;
    else
        watch->oldest = wait;
    watch->newest = wait;
}

static void drop(struct watch *watch, struct descriptor_wait *wait)
{
    if (wait->older != NULL)
        wait->older->newer = wait->newer;
    else
        watch->oldest = wait->newer;
    if (wait->newer != NULL)
        wait->newer->older = wait->older;
    else
        watch->newest = wait->older;
}

/* When to look for closed ones. */
static int64_t due(const struct watch *watch)
{
    if (watch->oldest == NULL)
        return OS_FOREVER;
    int64_t at = watch->oldest->looked + LOOK_AFTER, next = watch->looked + LOOK_PAUSE;
    return at > next ? at : next;
}

static void look_for_closed(struct watch *watch)
{
    struct descriptor_wait *wait;
    int64_t now = watch->oldest != NULL ? os_now() : 0;
    if (now < due(watch))
        return;
    watch->looked = now;
    for (int i = 0; i < LOOKS_AT_ONCE && (wait = watch->oldest)->looked <= now - LOOK_AFTER; i++) {
        drop(watch, wait);
        add(watch, wait);
        (void)ask(watch, wait->descriptor, wait->fd, NULL);
    }
}

int64_t watch_until(const struct watch *watch, int64_t deadline)
{
    int64_t look = due(watch);
    return deadline < look ? deadline : look;
}

/* ---- What the poller tells ---- */

static void tell(struct watch *watch, const struct os_ready *ready)
{
    struct descriptor *descriptor = descriptor_known(ready->fd);
    struct park_wait *chain = NULL;
    uint32_t how = ready->how;
    bool left = false;
    if (descriptor == NULL)
        return;
    os_wordlock_acquire(&descriptor->guard);
    for (struct descriptor_wait **at = &descriptor->waits; *at != NULL;) {
        const struct descriptor_wait *wait = *at;
        uint32_t common = wait->watch == watch ? wait->how & how : 0;
        left = left || (wait->watch == watch && common == 0);
        how &= ~common;
        if (common != 0)
            finish(at, 0, &chain);
        else
            at = &(*at)->next;
    }
    os_wordlock_release(&descriptor->guard);
    unpark_wake(chain);
    if (left)
        (void)ask(watch, descriptor, ready->fd, NULL);
}

void watch_tell(struct watch *watch, const struct os_ready *ready, int n)
{
    for (int i = 0; i < n; i++)
        tell(watch, &ready[i]);
    look_for_closed(watch);
}

/* ---- Watches ---- */

int watch_open(struct watch *ret_watch)
{
    struct watch made = {.generation = os_generation()};
    int result = os_poller_open(&made.poller);
    if (result == 0)
        *ret_watch = made;
    return result;
}

void watch_close(struct watch *watch)
{
    os_poller_close(&watch->poller);
}

static bool is_here(const struct watch *watch)
{
    return watch->generation == os_generation();
}

/*
 * A thread's. While it waits for a descriptor its sleeper's `ops` are these, which are its own: by them its waker finds
 * the poller. In sleeper.wake IN_POLLER says that whoever wakes it has to ring, as SLEEPING does in a scheduler's
 * inbox, and for the same reason: who rings does it once, and the thread waits for that.
 */
struct thread_watch {
    struct sleeper_ops ops;
    struct watch watch;
};

#define IN_POLLER (1u << 31)

static __thread struct thread_watch *own;

static int sleep_in_poller(struct sleeper *sleeper, int64_t deadline)
{
    struct watch *watch = &own->watch;
    struct os_ready ready[READY_AT_ONCE];
    uint32_t word = 0;
    bool rung;
    if (os_load_relaxed(&sleeper->asleep) == 0) /* relaxed: a hint for reports */
        os_store_relaxed(&sleeper->asleep, os_now());
    /* Relaxed: whoever finds it looks for nothing of ours but the bell, which has been there since before the wait. */
    if (!os_cas_relaxed(&sleeper->wake, &word, IN_POLLER))
        return 0;
    int n = os_poller_wait(&watch->poller, watch_until(watch, deadline), ready, READY_AT_ONCE, &rung);
    word = IN_POLLER;
    /* Relaxed: what came with the wake park orders, by its own load. */
    if (!os_cas_relaxed(&sleeper->wake, &word, 0) && !rung)
        os_poller_hush(&watch->poller);
    watch_tell(watch, ready, n);
    if (n == -EINTR && (deadline & PARK_INTERRUPTIBLE) != 0)
        return -EINTR;
    return n == 0 && deadline <= os_now() ? -ETIMEDOUT : 0;
}

static void wake_in_poller(struct sleeper *sleeper, bool counted)
{
    struct thread_watch *theirs = (struct thread_watch *)(uintptr_t)sleeper->ops; /* before it can go on */
    (void)counted;                                                                /* it waits at one place */
    /* Release: pairs with sleep_until_woken. */
    if (os_exchange_release(&sleeper->wake, 1) == IN_POLLER && !os_planted("descriptor-not-rung"))
        os_poller_ring(&theirs->watch.poller);
}

static void end_own(void *arg)
{
    struct thread_watch *ended = own;
    (void)arg;
    if (ended == NULL)
        return;
    watch_close(&ended->watch);
    free(ended);
    own = NULL;
}

static int make_own(void)
{
    struct thread_watch *made = malloc(sizeof *made);
    if (made == NULL)
        return -ENOMEM;
    int result = watch_open(&made->watch);
    if (result != 0) {
        free(made);
        return result;
    }
    made->ops = (struct sleeper_ops){sleep_in_poller, wake_in_poller, NULL, NULL, NULL};
    own = made;
    result = os_on_thread_exit(end_own, NULL);
    if (result != 0)
        end_own(NULL);
    return result;
}

/* The poller of a forked child would be its parent's, too. */
static int own_watch(struct watch **ret_watch)
{
    if (own != NULL && !is_here(&own->watch))
        end_own(NULL);
    int result = own == NULL ? make_own() : 0;
    if (result == 0)
        *ret_watch = &own->watch;
    return result;
}

/* ---- Waiting ---- */

static bool not_over(void *arg)
{
    const struct descriptor_wait *wait = arg;
    return !wait->over || os_planted("descriptor-end-unseen");
}

static int park_for(struct descriptor_wait *wait, bool task, int64_t deadline, const void *site)
{
    static const char *const what[] = {"", "readable descriptor", "writable descriptor", "ready descriptor"};
    char number[DIGITS_MAX];
    struct sleeper *self = sleeper_current;
    struct park_call call = {.key = wait,
                             .validate = not_over,
                             .arg = wait,
                             .what = what[wait->how],
                             .name = digits((uint32_t)wait->fd, number + sizeof number),
                             .site = site,
                             .deadline = deadline};
    const struct sleeper_ops *ops = self->ops;
    if (!task)
        self->ops = &own->ops;
    add(wait->watch, wait);
    int result = park(&call);
    drop(wait->watch, wait);
    if (!task) /* whose are never another's, and reports read them */
        self->ops = ops;
    return result;
}

int descriptor_await(int fd, uint32_t how, bool again, int64_t deadline, const void *site)
{
    struct descriptor *descriptor = descriptor_of(fd);
    struct descriptor_wait wait = {.descriptor = descriptor, .fd = fd, .how = how};
    const struct thrum_coroutine *task = task_current();
    if (descriptor == NULL || sleeper_self() == NULL)
        return descriptor == NULL ? -ENOMEM : -EAGAIN;
    if (task != NULL)
        wait.watch = &task->scheduler->watch;
    int result = task == NULL ? own_watch(&wait.watch) : 0;
    if (result != 0)
        return result;

    os_wordlock_acquire(&descriptor->guard);
    append(descriptor, &wait);
    os_wordlock_release(&descriptor->guard);
    if (is_here(wait.watch)) /* else it is in a coroutine of the parent process, which ends with its next wait */
        result = ask(wait.watch, descriptor, fd, &wait);
    if (result == OS_ANOTHER)
        result = again ? -EBADF : 0;
    if (result == 0)
        result = park_for(&wait, task != NULL, deadline, site);

    /* Who has ended it holds the guard for as long as he touches it. */
    os_wordlock_acquire(&descriptor->guard);
    if (wait.listed) {
        struct descriptor_wait **at = &descriptor->waits;
        while (*at != &wait)
            at = &(*at)->next;
        take_out(at);
    }
    os_wordlock_release(&descriptor->guard);
    if (result == 0 || result == PARK_CHANGED)
        return wait.result;
    return result != -EPERM ? result : DESCRIPTOR_ALWAYS;
}

void watch_let_others(void)
{
    struct thrum_coroutine *task = task_current();
    if (task != NULL && ++task->scheduler->watch.at_once % AT_ONCE == 0)
        task_yield(task);
}
