/*
 * event.c - a flag that threads wait for
 *
 * Bit 0: set. Bit 1: somebody may be parked. While bit 1 is set, the event is set and cleared under the
 * bucket's lock, where the waiters are taken out in the same moment.
 *
 * But for a signal handler, which can take no lock: it sets bit 0 and leaves bit 1, and has the helper
 * ask the waiters again (park/signal.h). The event is set from then on for all, and nobody can begin
 * to wait. Those who are parked belong to this set: it wakes them, or another set or clear does
 * that comes first, or they find it set when their time is over. Bit 1 stays until then, for the helper touches
 * no event, which may be gone: the waiters say what they see. So who parks at an event parks with .reviewed.
 */
#include <errno.h>

#include "park/label.h"
#include "park/signal.h"
#include "park/waitable.h"
#include "threading/event.h"

#define SET 1u
#define PARKED 2u

int thrum_event_init_with(thrum_event *event, const thrum_init_options *options)
{
    uint32_t label;
    int result = event != NULL ? label_from(options, &label) : -EINVAL;
    if (result == 0)
        *event = (thrum_event){0, label};
    return result;
}

/* Under the bucket's lock. */
static uintptr_t set(void *arg, const struct unparked *done)
{
    thrum_event *event = arg;
    (void)done;
    /* Release: who sees it set sees what was done before. The event may be gone after this, for
     * somebody may have seen it. Exchange: PARKED may have been taken along by another set. */
    (void)os_exchange_release(&event->state_, SET);
    return 0;
}

void thrum_event_set(thrum_event *event)
{
    if (event == NULL)
        return;
    uint32_t state = os_load_relaxed(&event->state_);
    do {
        if ((state & PARKED) != 0 && !os_planted("event-missed-wake")) {
            (void)unpark(event, SIZE_MAX, set, event);
            return;
        }
        /* Release: as in set. Also where it is set already: who sees it now sees this thread's work. */
    } while (!os_cas_release(&event->state_, &state, SET));
}

int thrum_event_set_from_signal(thrum_event *event)
{
    if (event == NULL || !signals_started())
        return -EINVAL;
    uint32_t state = os_load_relaxed(&event->state_);
    /* Release: as in set. The event may be gone after this. */
    while (!os_cas_release(&event->state_, &state, state | SET))
        continue;
    if (state == PARKED)
        signal_review(event);
    return 0;
}

/* Under the bucket's lock. False: it is another by now; who waits there belongs to a set that is yet to come. */
static bool clear(void *arg)
{
    thrum_event *event = arg;
    uint32_t state = SET | PARKED;
    /* Relaxed: it tells nobody of anything. */
    return os_cas_relaxed(&event->state_, &state, 0) && !os_planted("event-clear-forgets");
}

void thrum_event_clear(thrum_event *event)
{
    uint32_t state = SET;
    if (event == NULL)
        return;
    /* Relaxed: it tells nobody of anything; and whoever waits while it is not set stays. */
    if (!os_cas_relaxed(&event->state_, &state, 0) && state == (SET | PARKED))
        (void)unpark_if(event, clear, event);
}

bool thrum_event_is_set(const thrum_event *event)
{
    /* Acquire: pairs with the release of set. */
    return event != NULL && (os_load_acquire(&event->state_) & SET) != 0;
}

/* Whether a wait that was announced has to go on; else whether it was set, at that moment. */
static bool is_waiting(const void *object, bool *ret_was_set)
{
    const thrum_event *event = object;
    /* Acquire: it may be a handler's set, which comes from nowhere. Any other comes under this bucket's lock. */
    uint32_t state = os_load_acquire(&event->state_);
    *ret_was_set = (state & SET) != 0;
    return state == PARKED;
}

struct waiter {
    const thrum_event *event;
    bool was_set;
};

/* Under the bucket's lock; before the wait, and then whenever the helper asks. */
static bool not_set(void *arg)
{
    struct waiter *waiter = arg;
    return is_waiting(waiter->event, &waiter->was_set);
}

/* 0: it was set, even if it is cleared again by now; PARK_CHANGED: look again. */
static int park_once(thrum_event *event, struct park_call *call)
{
    uint32_t state = 0;
    /* Relaxed: the bit carries no data. */
    if (!os_cas_relaxed(&event->state_, &state, PARKED) && (state & SET) != 0)
        return PARK_CHANGED;
    struct waiter waiter = {event, false};
    call->arg = &waiter;
    int result = park(call);
    return result == PARK_CHANGED && waiter.was_set ? 0 : result;
}

int event_park(thrum_event *event, struct park_call *call)
{
    call->key = event;
    call->validate = not_set;
    call->reviewed = true;
    while (!thrum_event_is_set(event)) {
        int result = call->deadline > 0 ? park_once(event, call) : THRUM_TIMEOUT;
        if (result == 0)
            return 0;
        if (result != PARK_CHANGED)
            return thrum_event_is_set(event) ? 0 : result; /* by a handler, and the helper was yet to come */
    }
    return 0;
}

int thrum_event_wait(thrum_event *event, thrum_timeout timeout)
{
    struct park_call call = {.what = "event", .site = __builtin_return_address(0)};
    int result = event != NULL ? park_deadline(timeout, &call.deadline) : -EINVAL;
    if (result != 0)
        return result;
    call.name = label_name(event->label_);
    return event_park(event, &call);
}

/* ---- For thrum_wait_any ---- */

static bool exists(const void *object)
{
    return object != NULL;
}

static bool is_ready(const void *object)
{
    return thrum_event_is_set(object);
}

static const void *key_of(const void *object)
{
    return object;
}

static int announce(void *object)
{
    thrum_event *event = object;
    uint32_t state = 0;
    /* Relaxed: the bit carries no data. */
    return os_cas_relaxed(&event->state_, &state, PARKED) || (state & SET) == 0 ? 0 : PARK_CHANGED;
}

const struct thrum_waitable_kind_ waitable_event = {exists, is_ready, announce, is_waiting, key_of};
