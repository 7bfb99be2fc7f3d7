/*
 * rwlock.c - many may read, or one may write
 *
 * One word, in a lock's form (lockword.h). Written: the owner's number. Read: LOCK_ANY and the number of readers in
 * the place of the owner, so that for the deadlock walk it is a lock that anybody may release, and no link. 0:
 * free. LOCK_PARKED: somebody may be parked at its address, readers and writers in one queue; nobody answers
 * for others here, and the bit stays until the queue is empty.
 *
 * A writer may take it whenever it is free. A reader may come in while nobody writes and LOCK_PARKED is not set: so a
 * writer that waits is not overtaken by readers. What the last to leave finds in front of the queue decides:
 * readers are let in, all up to the next writer, by the change of the word itself; a writer is woken to try,
 * as for a lock, or handed the lock when it has waited for long. So it is free with LOCK_PARKED set only while
 * a woken writer is on its way.
 *
 * To wake somebody who then must wait again is never wrong, only slow: it happens where a writer gives up.
 *
 * A release is one change of the word, and the last use of the object.
 */
#include <errno.h>

#include "park/label.h"
#include "threading/lockword.h"

#define READER 4u
#define READERS_MAX (UINT32_MAX / READER - 1)

int thrum_rwlock_init_with(thrum_rwlock *rwlock, const thrum_init_options *options)
{
    uint32_t label;
    int result = rwlock != NULL ? label_from(options, &label) : -EINVAL;
    if (result == 0)
        *rwlock = (thrum_rwlock){{0, label}};
    return result;
}

#ifndef THRUM_NO_INLINE
extern inline int thrum_rwlock_acquire_read(thrum_rwlock *rwlock, thrum_timeout timeout);
extern inline int thrum_rwlock_release(thrum_rwlock *rwlock);
#else
int thrum_rwlock_acquire_read(thrum_rwlock *rwlock, thrum_timeout timeout)
{
    return thrum_rwlock_acquire_read_slow_(rwlock, timeout);
}

int thrum_rwlock_release(thrum_rwlock *rwlock)
{
    return thrum_rwlock_release_slow_(rwlock);
}
#endif

static bool is_read(uint32_t state)
{
    return (state & LOCK_ANY) != 0;
}

static uint32_t readers(uint32_t state)
{
    return is_read(state) ? state / READER : 0;
}

/* The word with so many readers. */
static uint32_t read_by(uint32_t n)
{
    return n > 0 ? n * READER | LOCK_ANY : 0;
}

/* ---- Coming in ---- */

/* What one thread wants of it. */
struct wish {
    thrum_rwlock *rwlock;
    uint32_t writer; /* its number; 0: to read */
};

static bool may_enter(uint32_t state, const struct wish *wish)
{
    if (wish->writer != 0)
        return (state & ~LOCK_PARKED) == 0;
    return state == 0 || (is_read(state) && (state & LOCK_PARKED) == 0);
}

/* 0; -EOVERFLOW; PARK_CHANGED: not now. */
static int try_to_enter(const struct wish *wish)
{
    uint32_t *word = &wish->rwlock->lock_.state_, state = os_load_relaxed(word);
    while (may_enter(state, wish)) {
        if (readers(state) == READERS_MAX)
            return -EOVERFLOW;
        uint32_t mine = wish->writer != 0 ? state | wish->writer : read_by(readers(state) + 1);
        /* Acquire: the section must not begin before the lock is ours. */
        if (os_cas_acquire(word, &state, mine))
            return 0;
    }
    return PARK_CHANGED;
}

/* For park_look: it is worth trying, or, where others have parked already, late. */
static bool look(void *arg)
{
    const struct wish *wish = arg;
    /* Relaxed: a hint. */
    uint32_t state = os_load_relaxed(&wish->rwlock->lock_.state_);
    return (state & LOCK_PARKED) != 0 || may_enter(state, wish);
}

static bool must_wait(void *arg)
{
    const struct wish *wish = arg;
    /* Relaxed: LOCK_PARKED is cleared under this bucket's lock only; and while it is set, who leaves last comes there.
     */
    uint32_t state = os_load_relaxed(&wish->rwlock->lock_.state_);
    return (state & LOCK_PARKED) != 0 && !may_enter(state, wish);
}

/* Make the last to leave come to the lot. False: it may be entered now. */
static bool announce(const struct wish *wish)
{
    uint32_t *word = &wish->rwlock->lock_.state_, state = os_load_relaxed(word);
    while (!may_enter(state, wish)) {
        /* Relaxed: the bit carries no data; must_wait looks again under the bucket's lock. */
        if ((state & LOCK_PARKED) != 0 || os_cas_relaxed(word, &state, state | LOCK_PARKED))
            return true;
    }
    return false;
}

/* ---- Leaving ---- */

/* Who goes: one of the readers, or the writer, or a writer that has only waited. */
enum who { READS, WRITES, WAITED };

struct leaver {
    thrum_rwlock *rwlock;
    enum who who;
};

/* Under the bucket's lock: the new word, by who goes and who waits. */
static uintptr_t pass_on(void *arg, const struct unparked *done)
{
    const struct leaver *leaver = arg;
    uint32_t *word = &leaver->rwlock->lock_.state_, state = os_load_relaxed(word), next;
    bool given;
    do {
        uint32_t left = leaver->who == WRITES ? 0 : state & ~LOCK_PARKED;
        if (leaver->who == READS)
            left = read_by(readers(left) - 1);
        given = done->shared ? left == 0 || is_read(left) : done->favour && left == 0;
        if (given)
            left = done->shared ? read_by(readers(left) + (uint32_t)done->woken) : done->first->owner;
        next = left | (done->more ? LOCK_PARKED : 0);
        /* Release: who comes in next sees what was written, or does not write before it was read. Acquire: who is let
         * in has that from us, also for the readers that left before. It fails where a reader that is not the last has
         * left meanwhile. */
    } while (!os_cas_acq_rel(word, &state, next));
    return given ? LOCK_HANDED_OVER : 0;
}

static void leave(thrum_rwlock *rwlock, enum who who)
{
    struct leaver leaver = {rwlock, who};
    if (who == WAITED)
        (void)unpark_shared(rwlock, pass_on, &leaver); /* another writer keeps its place */
    else
        (void)unpark_group(rwlock, pass_on, &leaver);
}

int thrum_rwlock_release_slow_(thrum_rwlock *rwlock)
{
    if (rwlock == NULL)
        return -EINVAL;
    uint32_t *word = &rwlock->lock_.state_, state = os_load_relaxed(word);
    while (is_read(state)) {
        if (readers(state) == 1 && (state & LOCK_PARKED) != 0 && !os_planted("rwlock-lost-writer")) {
            leave(rwlock, READS);
            return 0;
        }
        /* Release: a writer must not begin before the reading is over. */
        if (os_cas_release(word, &state, read_by(readers(state) - 1) | (state & LOCK_PARKED)))
            return 0;
    }
    if ((state & LOCK_OWNER) == 0 || (state & LOCK_OWNER) != sleeper_number())
        return -EPERM;
    /* Release: who comes next sees what was written. */
    if ((state & LOCK_PARKED) != 0 || !os_cas_release(word, &state, 0))
        leave(rwlock, WRITES);
    return 0;
}

/* ---- Waiting ---- */

/* A writer that gives up no longer keeps the readers out who came behind it. */
static void give_up(const struct wish *wish)
{
    if (os_planted("rwlock-keeps-readers-out"))
        return;
    if (wish->writer != 0 && is_read(os_load_relaxed(&wish->rwlock->lock_.state_))) /* relaxed: a hint, see pass_on */
        leave(wish->rwlock, WAITED);
}

static int wait_to_enter(struct wish *wish, int64_t deadline, const void *site)
{
    struct park_call call = {.key = wish->rwlock,
                             .validate = must_wait,
                             .arg = wish,
                             .held_by = &wish->rwlock->lock_,
                             .what = "rwlock",
                             .site = site,
                             .deadline = deadline,
                             .since = wish->writer != 0 ? os_now() : 0, /* readers are let in anyway */
                             .uncancellable = true,
                             .shared = wish->writer == 0};
    for (;;) {
        int result = try_to_enter(wish);
        if (result != PARK_CHANGED)
            return result;
        if (!announce(wish))
            continue;
        result = park(&call);
        if (result == 0 && call.ret_word == LOCK_HANDED_OVER)
            return 0;
        if (result != 0 && result != PARK_CHANGED) {
            give_up(wish);
            return result;
        }
    }
}

static int enter(struct wish *wish, int64_t deadline, const void *site)
{
    int result = try_to_enter(wish);
    if (result != PARK_CHANGED)
        return result;
    if (deadline <= 0)
        return THRUM_TIMEOUT;
    (void)park_look(look, wish);
    return wait_to_enter(wish, deadline, site);
}

int thrum_rwlock_acquire_read_slow_(thrum_rwlock *rwlock, thrum_timeout timeout)
{
    struct wish wish = {rwlock, 0};
    int64_t deadline;
    int result = rwlock != NULL ? park_deadline(timeout, &deadline) : -EINVAL;
    return result != 0 ? result : enter(&wish, deadline, __builtin_return_address(0));
}

int thrum_rwlock_acquire_write(thrum_rwlock *rwlock, thrum_timeout timeout)
{
    struct wish wish = {rwlock, 0};
    int64_t deadline;
    int result = rwlock != NULL ? park_deadline(timeout, &deadline) : -EINVAL;
    if (result != 0)
        return result;
    const struct sleeper *self = sleeper_self();
    if (self == NULL)
        return -EAGAIN;
    wish.writer = self->owner;
    return enter(&wish, deadline, __builtin_return_address(0));
}
