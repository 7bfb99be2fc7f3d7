/*
 * event.c - a flag that threads wait for
 *
 * Bit 0: set. Bit 1: somebody may be parked, only while it is not set. The thread that
 * sets it takes both at once, so it knows whether it must wake.
 */
#include "park/park.h"

#define SET 1u
#define PARKED 2u

void thrum_event_set(thrum_event *event)
{
    /* Release: who sees it set sees what was done before. The event may be gone after
     * this, for a waiter may have returned; unpark uses its address only. */
    if ((os_exchange_release(&event->state_, SET) & PARKED) != 0)
        (void)unpark(event, SIZE_MAX, NULL, NULL);
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
    /* Relaxed: a set that we do not see comes for this bucket's lock after us, since PARKED is
     * there, and wakes us. */
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
