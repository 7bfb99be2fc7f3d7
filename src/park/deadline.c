/*
 * deadline.c - how long to wait: time-outs as points of time, and back (park.h says what a deadline is)
 */
#include <errno.h>

#include "park/park.h"

int64_t park_after(int64_t now, int64_t ns)
{
    return ns < OS_FOREVER - now ? (now + ns + 1) & ~PARK_INTERRUPTIBLE : OS_FOREVER;
}

int park_deadline(thrum_timeout timeout, int64_t *ret_deadline)
{
    int64_t deadline;
    switch (timeout.kind_ & ~(int64_t)THRUM_TIMEOUT_INTERRUPTIBLE_) {
    case THRUM_TIMEOUT_FOREVER_:
        deadline = OS_FOREVER;
        break;
    case THRUM_TIMEOUT_AFTER_:
        deadline = timeout.ns_ > 0 ? park_after(os_now(), timeout.ns_) : 0;
        break;
    case THRUM_TIMEOUT_UNTIL_:
        deadline = timeout.ns_ > 0 ? park_after(0, timeout.ns_) : 0;
        break;
    default:
        return -EINVAL;
    }
    if (deadline > 0 && (timeout.kind_ & THRUM_TIMEOUT_INTERRUPTIBLE_) != 0)
        deadline |= PARK_INTERRUPTIBLE;
    *ret_deadline = deadline;
    return 0;
}

thrum_timeout park_timeout(int64_t deadline)
{
    thrum_timeout timeout = thrum_until(deadline & ~PARK_INTERRUPTIBLE);
    return (deadline & PARK_INTERRUPTIBLE) != 0 ? thrum_interruptible(timeout) : timeout;
}
