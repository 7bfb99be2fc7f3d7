/*
 * test_misuse.c - NULL in the place of an object
 *
 * Each call on a plain structure says -EINVAL, or false, or does nothing, where there is no int to say so.
 * What else can be wrong with an object is tested with that object.
 */
#include "harness.h"

/* The compiler knows nothing of these, and the inline functions are what is called. */
static thrum_lock *volatile no_lock;
static thrum_rlock *volatile no_rlock;
static thrum_condition *volatile no_condition;
static thrum_semaphore *volatile no_semaphore;
static thrum_event *volatile no_event;
static thrum_barrier *volatile no_barrier;
static thrum_once *volatile no_once;
static thrum_rwlock *volatile no_rwlock;

static bool always(void *arg)
{
    (void)arg;
    return true;
}

static int deed(void *arg)
{
    (void)arg;
    return 0;
}

#define refused(call) check_result(call, -EINVAL)

static void try_all(thrum_timeout timeout)
{
    size_t index = 7;
    thrum_lock *one[1] = {no_lock};
    thrum_waitable nothing = thrum_event_waitable(no_event);

    refused(thrum_lock_init(no_lock));
    refused(thrum_lock_acquire(no_lock, timeout));
    refused(thrum_lock_release(no_lock));
    check(!thrum_lock_locked(no_lock));
    refused(thrum_acquire_all(NULL, 1, timeout));
    refused(thrum_acquire_all(one, 1, timeout));
    refused(thrum_release_all(NULL, 1));
    refused(thrum_release_all(one, 1));

    refused(thrum_rlock_init(no_rlock));
    refused(thrum_rlock_acquire(no_rlock, timeout));
    refused(thrum_rlock_release(no_rlock));

    refused(thrum_condition_init(no_condition, NULL));
    refused(thrum_condition_acquire(no_condition, timeout));
    refused(thrum_condition_release(no_condition));
    refused(thrum_condition_wait(no_condition, timeout));
    refused(thrum_condition_wait_for(no_condition, always, NULL, timeout));
    refused(thrum_condition_notify(no_condition, 1));
    refused(thrum_condition_notify_all(no_condition));

    refused(thrum_semaphore_init(no_semaphore, 1));
    refused(thrum_semaphore_acquire(no_semaphore, timeout));
    refused(thrum_semaphore_release(no_semaphore, 1));

    refused(thrum_event_init(no_event));
    thrum_event_set(no_event);
    thrum_event_clear(no_event);
    check(!thrum_event_is_set(no_event));
    refused(thrum_event_wait(no_event, timeout));
    refused(thrum_event_set_from_signal(no_event));
    refused(thrum_wait_any(&nothing, 1, &index, timeout));
    refused(thrum_wait_any(NULL, 1, &index, timeout));

    refused(thrum_barrier_init(no_barrier, 1));
    refused(thrum_barrier_wait(no_barrier, &index, timeout));
    thrum_barrier_reset(no_barrier);
    thrum_barrier_abort(no_barrier);
    check(!thrum_barrier_broken(no_barrier));
    check_int(thrum_barrier_parties(no_barrier), 0);
    check_int(thrum_barrier_n_waiting(no_barrier), 0);

    refused(thrum_once_init(no_once));
    refused(thrum_once_call(no_once, deed, NULL, timeout));

    refused(thrum_rwlock_init(no_rwlock));
    refused(thrum_rwlock_acquire_read(no_rwlock, timeout));
    refused(thrum_rwlock_acquire_write(no_rwlock, timeout));
    refused(thrum_rwlock_release(no_rwlock));
    check_int(index, 7);
}

TEST(no_object_is_refused)
{
    try_all(THRUM_FOREVER);
    try_all(THRUM_NOWAIT);
}

/* Whether or not the fast paths are open: a thread that has not yet waited has no number for them, nor has one
 * whose locks are kept a list of. */
TEST(no_object_is_refused_to_every_thread)
{
    thrum_lock lock = THRUM_LOCK_INIT, *one[1] = {&lock};
    check_result(thrum_lock_acquire(&lock, THRUM_FOREVER), 0);
    check_result(thrum_lock_release(&lock), 0);
    try_all(THRUM_FOREVER);
    check_result(thrum_acquire_all(one, 1, THRUM_FOREVER), 0);
    try_all(THRUM_FOREVER);
    check_result(thrum_release_all(one, 1), 0);
}

/* And without one, a call that has to be made cannot be. */
TEST(no_function_is_refused)
{
    thrum_condition condition = {0};
    thrum_once once = THRUM_ONCE_INIT;
    check_result(thrum_condition_acquire(&condition, THRUM_FOREVER), 0);
    refused(thrum_condition_wait_for(&condition, NULL, NULL, THRUM_FOREVER));
    check_result(thrum_condition_release(&condition), 0);
    refused(thrum_once_call(&once, NULL, NULL, THRUM_FOREVER));
    check_result(thrum_once_call(&once, deed, NULL, THRUM_FOREVER), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_object_is_refused),
        cmocka_unit_test(no_object_is_refused_to_every_thread),
        cmocka_unit_test(no_function_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
