/*
 * with.c - what THRUM_WITH calls (with.h says what it promises)
 */
#include "thrum/with.h"

#include <stdlib.h>

#include "park/report.h"

/* Its block must be run, so the wait for a permit cannot be called off. */
static int acquire_shielded(thrum_semaphore *semaphore)
{
    thrum_token *token = thrum_token_set(NULL);
    int result = thrum_semaphore_acquire(semaphore, THRUM_FOREVER);
    (void)thrum_token_set(token);
    return result;
}

int thrum_with_acquire_(void *object, int kind)
{
    switch (kind) {
    case THRUM_WITH_LOCK_:
        return thrum_lock_acquire(object, THRUM_FOREVER);
    case THRUM_WITH_RLOCK_:
        return thrum_rlock_acquire(object, THRUM_FOREVER);
    case THRUM_WITH_CONDITION_:
        return thrum_condition_acquire(object, THRUM_FOREVER);
    case THRUM_WITH_SEMAPHORE_:
        return acquire_shielded(object);
    case THRUM_WITH_WRITE_:
        return thrum_rwlock_acquire_write(object, THRUM_FOREVER);
    default:
        return thrum_rwlock_acquire_read(object, THRUM_FOREVER);
    }
}

int thrum_with_release_(void *object, int kind)
{
    switch (kind) {
    case THRUM_WITH_LOCK_:
        return thrum_lock_release(object);
    case THRUM_WITH_RLOCK_:
        return thrum_rlock_release(object);
    case THRUM_WITH_CONDITION_:
        return thrum_condition_release(object);
    case THRUM_WITH_SEMAPHORE_:
        return thrum_semaphore_release(object, 1);
    default:
        return thrum_rwlock_release(object);
    }
}

void thrum_with_failed_(const char *where, const char *what, int result)
{
    struct report report;
    report_begin(&report, NULL);
    report_add(&report, "thrum: %s could not be %s: %s\n", where, what, thrum_strerror(result));
    report_send(&report);
    abort();
}
