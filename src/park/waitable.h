/*
 * waitable.h - what thrum_wait_any needs to know of a thing that can be waited for
 *
 * It is level-triggered and takes nothing: who waits for anything parks at an address of the thing at which each
 * wake-up is for all who wait there.
 */
#ifndef PARK_WAITABLE_H_
#define PARK_WAITABLE_H_

#include "park/park.h"

struct thrum_waitable_kind_ {
    bool (*exists)(const void *object); /* it is one, as far as can be told */
    bool (*ready)(const void *object);
    /* Have the next who makes it ready come to the lot. 0; PARK_CHANGED: it is ready; a negative errno. */
    int (*announce)(void *object);
    /* Under the bucket's lock: what announce did still holds. Else, whether it was seen to be ready, though it
     * may have been undone before the waiter runs; false: look again. */
    bool (*waiting)(const void *object, bool *ret_was_ready);
    const void *(*key)(const void *object);
};

#define waitable_event thrum_waitable_event_
extern const struct thrum_waitable_kind_ waitable_event;

#endif
