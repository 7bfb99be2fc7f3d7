/*
 * event.h - what the rest of the library is told of events
 */
#ifndef THREADING_EVENT_H_
#define THREADING_EVENT_H_

#include "park/park.h"

#define event_park thrum_event_park_

/* Wait until it is set, as the call says by its what, name, site, deadline and uncancellable. Results as for
 * thrum_event_wait. */
int event_park(thrum_event *event, struct park_call *call);

#endif
