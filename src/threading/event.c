/*
 * event.c - a flag that threads wait for
 *
 * Bit 0: set. Bit 1: somebody may be parked, only while it is not set. While bit 1 is set, the
 * event is set under the bucket's lock, where the waiters are taken out in the same moment.
 */
#include "park/park.h"

#define SET 1u
#define PARKED 2u

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
    uint32_t state = os_load_relaxed(&event->state_);
    do {
        if (state == PARKED && !os_planted("event-missed-wake")) {
            (void)unpark(event, SIZE_MAX, set, event);
            return;
        }
        /* Release: as in set. Also where it is set already: who sees it now sees this thread's work. */
    } while (!os_cas_release(&event->state_, &state, SET));
}

void thrum_event_clear(thrum_event *event)
{
    uint32_t state = SET;
    /* Relaxed: it tells nobody of anything; and whoever waits while it is not set stays. */
    (void)os_cas_relaxed(&event->state_, &state, 0);
}

bool thrum_event_is_set(const thrum_event *event)
{
    /* Acquire: pairs with the release of set. */
    return os_load_acquire(&event->state_) == SET;
}

static bool not_set(void *arg)
{
    const thrum_event *event = arg;
    /* Relaxed: from PARKED it is set under this bucket's lock only. */
    return os_load_relaxed(&event->state_) == PARKED;
}

int thrum_event_wait(thrum_event *event, thrum_timeout timeout)
{
    struct park_call call = {.key = event, .validate = not_set, .arg = event};
    int result = park_deadline(timeout, &call.deadline);
    while (result == 0 && !thrum_event_is_set(event)) {
        if (call.deadline <= 0)
            return THRUM_TIMEOUT;
        uint32_t state = 0;
        /* Relaxed: the bit carries no data. */
        if (!os_cas_relaxed(&event->state_, &state, PARKED) && state == SET)
            continue;
        result = park(&call);
        if (result == 0)
            return 0; /* it was set, even if it is cleared again by now */
        if (result == PARK_CHANGED)
            result = 0;
    }
    return result;
}
