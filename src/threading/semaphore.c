/*
 * semaphore.c - a count of permits
 *
 * state_ is permits * 2, plus 1 while somebody may be parked. Somebody parks only when there
 * are no permits, and while the 1 is set every release goes through the bucket's
 * lock, where permits are given to waiters directly; so there are never waiters
 * and permits at once, and nobody is overtaken.
 */
#include <errno.h>

#include "base/options.h"
#include "park/label.h"
#include "park/park.h"

OPTIONS_ARE_DENSE(thrum_semaphore_options, sizeof(size_t) + sizeof(char *) + 2 * sizeof(uint32_t));

#define PARKED 1u
#define PERMIT 2u

int thrum_semaphore_init_with(thrum_semaphore *semaphore, size_t value, const thrum_semaphore_options *options)
{
    thrum_semaphore_options o;
    if (semaphore == NULL || OPTIONS_READ_RESERVED(&o, thrum_semaphore_options, options) != 0 ||
        value > THRUM_SEMAPHORE_MAX)
        return -EINVAL;
    uint32_t permits = (uint32_t)value;
    *semaphore = (thrum_semaphore){permits * PERMIT, label_of(o.name), o.bounded ? permits + 1 : 0, 0};
    return 0;
}

static bool none_left(void *arg)
{
    const thrum_semaphore *semaphore = arg;
    /* Relaxed: while PARKED is set, the word changes only under this bucket's lock. */
    return os_load_relaxed(&semaphore->state_) == PARKED;
}

int thrum_semaphore_acquire(thrum_semaphore *semaphore, thrum_timeout timeout)
{
    struct park_call call = {.key = semaphore,
                             .validate = none_left,
                             .arg = semaphore,
                             .what = "semaphore",
                             .site = __builtin_return_address(0)};
    int result = semaphore != NULL ? park_deadline(timeout, &call.deadline) : -EINVAL;
    if (result != 0)
        return result;
    call.name = label_name(semaphore->label_);
    uint32_t state = os_load_relaxed(&semaphore->state_);
    for (;;) {
        if (state >= PERMIT) {
            /* Acquire: pairs with the release that gave the permit. */
            if (os_cas_acquire(&semaphore->state_, &state, state - PERMIT))
                return 0;
            continue;
        }
        if (call.deadline <= 0)
            return THRUM_TIMEOUT;
        /* Relaxed: the bit carries no data; validate looks again under the bucket's lock. */
        if (state == 0 && !os_cas_relaxed(&semaphore->state_, &state, PARKED))
            continue;
        result = park(&call);
        if (result != PARK_CHANGED)
            return result; /* 0: a permit was given to us */
        state = os_load_relaxed(&semaphore->state_);
    }
}

struct gift {
    thrum_semaphore *semaphore;
    uint32_t permits;
    bool given;
};

/* Under the bucket's lock, behind the waking: what the waiters did not need. */
static uintptr_t put_rest(void *arg, const struct unparked *done)
{
    struct gift *gift = arg;
    /* Relaxed: PARKED is cleared only under this bucket's lock, so another release did it if it
     * is clear now; then nobody was waiting. */
    gift->given = (os_load_relaxed(&gift->semaphore->state_) & PARKED) != 0;
    if (gift->given) {
        uint32_t rest = gift->permits - (uint32_t)done->woken;
        /* Release: pairs with the acquire of whoever takes these permits. */
        os_store_release(&gift->semaphore->state_, rest * PERMIT + (done->more ? PARKED : 0));
    }
    return 0;
}

int thrum_semaphore_release(thrum_semaphore *semaphore, uint32_t n)
{
    if (semaphore == NULL || n == 0)
        return -EINVAL;
    uint32_t bound = semaphore->bound_ != 0 ? semaphore->bound_ - 1 : THRUM_SEMAPHORE_MAX;
    for (;;) {
        uint32_t state = os_load_relaxed(&semaphore->state_);
        if (n > bound || state / PERMIT > bound - n)
            return -EOVERFLOW;
        if ((state & PARKED) != 0) {
            struct gift gift = {semaphore, n, false};
            (void)unpark(semaphore, n, put_rest, &gift);
            if (gift.given)
                return 0;
        } else if (os_cas_release(&semaphore->state_, &state, state + n * PERMIT)) { /* release: as in put_rest */
            return 0;
        }
    }
}
