/*
 * once.c - something that is to be done once
 *
 * While it is being done, the word is a lock's, held by the thread that does it, and the others wait as they
 * would for that lock: so they are told of a deadlock through it, or of a doer that has ended. What
 * ends it is one change of the word, behind which the object is not touched any more: to DONE, which wakes all;
 * or, where it has failed, to the longest waiting thread's number, whose turn it is now; or to 0.
 */
#include <errno.h>

#include "park/label.h"
#include "threading/lockword.h"

#define DONE LOCK_ANY /* anybody's lock that nobody holds: no state of a lock of its own */

/* What a parked waiter is told: that it is done, or that it is his turn to do it. */
enum { IS_DONE, YOUR_TURN };

int thrum_once_init_with(thrum_once *once, const thrum_init_options *options)
{
    uint32_t label;
    int result = once != NULL ? label_from(options, &label) : -EINVAL;
    if (result == 0)
        *once = (thrum_once){{0, label}};
    return result;
}

#ifndef THRUM_NO_INLINE
extern inline int thrum_once_call(thrum_once *once, int (*function)(void *arg), void *arg, thrum_timeout timeout);
#else
int thrum_once_call(thrum_once *once, int (*function)(void *arg), void *arg, thrum_timeout timeout)
{
    return thrum_once_call_slow_(once, function, arg, timeout);
}
#endif

/* ---- Waiting ---- */

static bool being_done(void *arg)
{
    const thrum_once *once = arg;
    /* Relaxed: while LOCK_PARKED is set, the word changes only under this bucket's lock. */
    uint32_t state = os_load_relaxed(&once->lock_.state_);
    return (state & LOCK_OWNER) != 0 && (state & LOCK_PARKED) != 0;
}

/* 0: it is done; PARK_CHANGED: it is this thread's turn; else what the call ends with. */
static int wait_for_turn(thrum_once *once, uint32_t self, int64_t deadline, const void *site)
{
    uint32_t *word = &once->lock_.state_;
    struct park_call call = {.key = once,
                             .validate = being_done,
                             .arg = once,
                             .held_by = &once->lock_,
                             .what = "once",
                             .site = site,
                             .uncancellable = true};
    uint32_t state;
    /* Acquire: pairs with the release of who did it. And so it is DONE here only: an exchange that fails has seen no
     * more than the word. */
    while ((state = os_load_acquire(word)) != DONE) {
        if (state == 0) {
            /* Acquire: what a failed attempt has left is seen. */
            if (os_cas_acquire(word, &state, self))
                return PARK_CHANGED;
            continue;
        }
        /* Who waits for himself waits for ever, whatever the time-out: the lot finds that out, and says so. */
        call.deadline = (state & LOCK_OWNER) == self ? OS_FOREVER : deadline;
        if (call.deadline <= 0)
            return THRUM_TIMEOUT;
        /* Relaxed: the bit carries no data; validate looks again under the bucket's lock. */
        if ((state & LOCK_PARKED) == 0 && !os_cas_relaxed(word, &state, state | LOCK_PARKED))
            continue;
        int result = park(&call);
        if (result == 0)
            return call.ret_word == YOUR_TURN ? PARK_CHANGED : 0;
        if (result != PARK_CHANGED)
            return result;
    }
    return 0;
}

/* ---- Doing ---- */

struct ending {
    thrum_once *once;
    bool done;
};

/* Under the bucket's lock. */
static uintptr_t store_end(void *arg, const struct unparked *parked)
{
    const struct ending *ending = arg;
    uint32_t state = ending->done ? DONE : 0;
    bool turn = !ending->done && parked->woken > 0;
    if (turn)
        state = parked->first->owner | (parked->more ? LOCK_PARKED : 0);
    /* Release: who sees it sees all that was done. Store: while LOCK_PARKED is set, nobody else changes the word. */
    os_store_release(&ending->once->lock_.state_, state);
    return turn ? YOUR_TURN : IS_DONE;
}

static void end(thrum_once *once, uint32_t self, bool done)
{
    struct ending ending = {once, done};
    /* Release: as in store_end. It fails where LOCK_PARKED is set. */
    if (!os_cas_release(&once->lock_.state_, &self, done ? DONE : 0))
        (void)unpark(once, done && !os_planted("once-wakes-one") ? SIZE_MAX : 1, store_end, &ending);
}

int thrum_once_call_slow_(thrum_once *once, int (*function)(void *arg), void *arg, thrum_timeout timeout)
{
    int64_t deadline;
    int result = once != NULL && function != NULL ? park_deadline(timeout, &deadline) : -EINVAL;
    if (result != 0)
        return result;
    const struct sleeper *self = sleeper_self();
    if (self == NULL)
        return -EAGAIN;
    result = wait_for_turn(once, self->owner, deadline, __builtin_return_address(0));
    if (result != PARK_CHANGED)
        return result;
    result = function(arg);
    end(once, self->owner, result == 0);
    return result;
}
