/*
 * test_lock.c - mutual exclusion
 */
#include "harness.h"

#define THREADS 8

TEST(zero_and_both_initialisers_are_free_locks)
{
    thrum_lock locks[3] = {THRUM_LOCK_INIT, THRUM_LOCK_INIT_ANY};
    memset(&locks[2], 0, sizeof locks[2]);
    for (size_t i = 0; i < 3; i++) {
        check(!thrum_lock_locked(&locks[i]));
        for (int round = 0; round < 3; round++) {
            check_result(thrum_lock_acquire(&locks[i], THRUM_FOREVER), 0);
            check(thrum_lock_locked(&locks[i]));
            check_result(thrum_lock_release(&locks[i]), 0);
            check(!thrum_lock_locked(&locks[i]));
        }
    }
}

/* The inline functions stand in the library too. */
TEST(the_functions_have_addresses)
{
    int (*volatile acquire)(thrum_lock *, thrum_timeout) = thrum_lock_acquire;
    int (*volatile release)(thrum_lock *) = thrum_lock_release;
    thrum_lock lock = THRUM_LOCK_INIT;
    check_result(acquire(&lock, THRUM_NOWAIT), 0);
    check(thrum_lock_locked(&lock));
    check_result(release(&lock), 0);
    check_result(release(&lock), -EPERM);
}

/* ---- A lock that another thread holds ---------------------------------------- */

struct held {
    thrum_lock *lock;
    thrum_event taken, give_back;
};

static int hold(void *arg)
{
    struct held *held = arg;
    check_result(thrum_lock_acquire(held->lock, THRUM_FOREVER), 0);
    thrum_event_set(&held->taken);
    check_result(thrum_event_wait(&held->give_back, THRUM_FOREVER), 0);
    return thrum_lock_release(held->lock);
}

static thrum_thread *let_hold(struct held *held)
{
    thrum_thread *holder = start(hold, held, NULL);
    check_result(thrum_event_wait(&held->taken, THRUM_FOREVER), 0);
    return holder;
}

TEST(a_held_lock_is_not_had_in_time)
{
    thrum_lock lock = THRUM_LOCK_INIT;
    struct held held = {.lock = &lock};
    thrum_thread *holder = let_hold(&held);
    check_result(thrum_lock_acquire(&lock, THRUM_NOWAIT), THRUM_TIMEOUT);
    check_result(thrum_lock_acquire(&lock, thrum_seconds(0)), THRUM_TIMEOUT);
    check_result(thrum_lock_acquire(&lock, thrum_until(1)), THRUM_TIMEOUT);
    int64_t before = thrum_monotonic_ns();
    check_result(thrum_lock_acquire(&lock, thrum_seconds(0.03)), THRUM_TIMEOUT);
    check(thrum_monotonic_ns() - before >= 30 * MILLISECOND);
    before = thrum_monotonic_ns();
    check_result(thrum_lock_acquire(&lock, thrum_until(before + 20 * MILLISECOND)), THRUM_TIMEOUT);
    check(thrum_monotonic_ns() - before >= 20 * MILLISECOND);
    thrum_event_set(&held.give_back);
    check_result(thrum_lock_acquire(&lock, THRUM_FOREVER), 0);
    check_result(thrum_lock_release(&lock), 0);
    check_result(finish(holder), 0);
}

TEST(only_the_owner_gives_it_back)
{
    thrum_lock lock = THRUM_LOCK_INIT;
    check_result(thrum_lock_release(&lock), -EPERM);
    struct held held = {.lock = &lock};
    thrum_thread *holder = let_hold(&held);
    check_result(thrum_lock_release(&lock), -EPERM);
    check(thrum_lock_locked(&lock));
    check_result(thrum_lock_acquire(&lock, THRUM_NOWAIT), THRUM_TIMEOUT);
    thrum_event_set(&held.give_back);
    check_result(finish(holder), 0);
    check(!thrum_lock_locked(&lock));
    check_result(thrum_lock_release(&lock), -EPERM);
}

TEST(bad_times_are_refused)
{
    thrum_lock lock = THRUM_LOCK_INIT;
    check_result(thrum_lock_acquire(&lock, thrum_seconds(-1)), -EINVAL);
    check(!thrum_lock_locked(&lock));
    struct held held = {.lock = &lock};
    thrum_thread *holder = let_hold(&held);
    check_result(thrum_lock_acquire(&lock, thrum_seconds(-0.1)), -EINVAL);
    thrum_event_set(&held.give_back);
    check_result(finish(holder), 0);
}

TEST(waiting_for_oneself_is_said)
{
    thrum_lock lock = THRUM_LOCK_INIT;
    check_result(thrum_lock_acquire(&lock, THRUM_FOREVER), 0);
    check_result(thrum_lock_acquire(&lock, THRUM_FOREVER), -EDEADLK);
    check_result(thrum_lock_acquire(&lock, THRUM_NOWAIT), THRUM_TIMEOUT);
    int64_t before = thrum_monotonic_ns();
    check_result(thrum_lock_acquire(&lock, thrum_seconds(0.01)), THRUM_TIMEOUT);
    check(thrum_monotonic_ns() - before >= 10 * MILLISECOND);
    check(thrum_lock_locked(&lock));
    check_result(thrum_lock_release(&lock), 0);
    check(!thrum_lock_locked(&lock));
}

/* ---- A lock that any thread may give back -------------------------------------- */

static int give_back(void *lock)
{
    return thrum_lock_release(lock);
}

TEST(a_lock_for_any_is_given_back_by_another)
{
    thrum_lock lock = THRUM_LOCK_INIT_ANY;
    check_result(thrum_lock_release(&lock), -EPERM);
    for (int round = 0; round < ROUNDS(200); round++) {
        check_result(thrum_lock_acquire(&lock, THRUM_FOREVER), 0);
        check_result(thrum_lock_acquire(&lock, THRUM_NOWAIT), THRUM_TIMEOUT);
        thrum_thread *other = start(give_back, &lock, NULL);
        /* Its holder waits for it, which is no deadlock. */
        check_result(thrum_lock_acquire(&lock, THRUM_FOREVER), 0);
        check_result(finish(other), 0);
        check_result(thrum_lock_release(&lock), 0);
        check(!thrum_lock_locked(&lock));
    }
    check_result(thrum_lock_release(&lock), -EPERM);
    check_result(thrum_lock_acquire(&lock, thrum_seconds(-1)), -EINVAL);
}

/* ---- No cancellation point -------------------------------------------------------- */

struct cancelled {
    thrum_lock lock;
    atomic_bool tried;
};

static int take_and_give_back(void *arg)
{
    struct cancelled *cancelled = arg;
    check(thrum_cancelled());
    check_result(thrum_lock_acquire(&cancelled->lock, thrum_seconds(0.01)), THRUM_TIMEOUT);
    atomic_store(&cancelled->tried, true);
    int result = thrum_lock_acquire(&cancelled->lock, THRUM_FOREVER);
    return result ? result : thrum_lock_release(&cancelled->lock);
}

TEST(a_cancelled_thread_can_still_take_it)
{
    struct cancelled cancelled = {.lock = THRUM_LOCK_INIT};
    thrum_token *token;
    check_result(thrum_token_new(&token), 0);
    thrum_token_cancel(token);
    check_result(thrum_lock_acquire(&cancelled.lock, THRUM_FOREVER), 0);
    thrum_thread *other = start(take_and_give_back, &cancelled, token);
    until(atomic_load(&cancelled.tried));
    settle(thrum_thread_native_id(other));
    check(thrum_thread_is_alive(other));
    check_result(thrum_lock_release(&cancelled.lock), 0);
    check_result(finish(other), 0);
    thrum_token_free(token);
}

static int take_for_ever(void *lock)
{
    int result = thrum_lock_acquire(lock, THRUM_FOREVER);
    return result ? result : thrum_lock_release(lock);
}

TEST(a_cancel_under_way_does_not_reach_it)
{
    thrum_lock lock = THRUM_LOCK_INIT;
    for (int round = 0; round < ROUNDS(50); round++) {
        thrum_token *token;
        check_result(thrum_token_new(&token), 0);
        check_result(thrum_lock_acquire(&lock, THRUM_FOREVER), 0);
        thrum_thread *other = start(take_for_ever, &lock, token);
        settle(thrum_thread_native_id(other));
        thrum_token_cancel(token);
        check(thrum_thread_is_alive(other));
        check_result(thrum_lock_release(&lock), 0);
        check_result(finish(other), 0);
        thrum_token_free(token);
    }
}

/* ---- Many threads -------------------------------------------------------------------- */

struct shared {
    thrum_lock lock;
    uint64_t count; /* a plain one: only the lock keeps it right */
    int rounds;
    atomic_uint inside;
    thrum_event begin;
};

static int count_up(void *arg)
{
    struct shared *shared = arg;
    check_result(thrum_event_wait(&shared->begin, THRUM_FOREVER), 0);
    for (int i = 0; i < shared->rounds; i++) {
        check_result(thrum_lock_acquire(&shared->lock, THRUM_FOREVER), 0);
        check_int(atomic_fetch_add(&shared->inside, 1), 0);
        shared->count++;
        atomic_fetch_sub(&shared->inside, 1);
        check_result(thrum_lock_release(&shared->lock), 0);
    }
    return 0;
}

/* With times too short to be kept, so that waits are given up while others are handed the lock. */
static int count_up_impatiently(void *arg)
{
    struct shared *shared = arg;
    check_result(thrum_event_wait(&shared->begin, THRUM_FOREVER), 0);
    for (int i = 0; i < shared->rounds;) {
        int result = thrum_lock_acquire(&shared->lock, thrum_seconds(i % 7 * 1e-5));
        if (result == THRUM_TIMEOUT)
            continue;
        check_result(result, 0);
        check_int(atomic_fetch_add(&shared->inside, 1), 0);
        shared->count++;
        atomic_fetch_sub(&shared->inside, 1);
        check_result(thrum_lock_release(&shared->lock), 0);
        i++;
    }
    return 0;
}

static void crowd(thrum_lock lock, int (*other_half)(void *))
{
    struct shared shared = {.lock = lock, .rounds = ROUNDS(20000)};
    thrum_thread *threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        threads[i] = start(i % 2 ? other_half : count_up, &shared, NULL);
    thrum_event_set(&shared.begin);
    for (size_t i = 0; i < THREADS; i++)
        check_int(finish(threads[i]), 0);
    check_int(shared.count, THREADS * shared.rounds);
    check(!thrum_lock_locked(&shared.lock));
}

TEST(one_at_a_time)
{
    crowd((thrum_lock)THRUM_LOCK_INIT, count_up);
    crowd((thrum_lock)THRUM_LOCK_INIT, count_up_impatiently);
    crowd((thrum_lock)THRUM_LOCK_INIT_ANY, count_up_impatiently);
}

struct hammered {
    thrum_lock lock;
    atomic_bool stop;
    atomic_uint sections;
    unsigned passed_over; /* while somebody waits; under the lock */
};

/* Whether somebody waits, which the header says of this bit. */
static bool somebody_waits(const thrum_lock *lock)
{
    return (__atomic_load_n(&lock->state_, __ATOMIC_RELAXED) & 1) != 0;
}

static int hammer(void *arg)
{
    struct hammered *hammered = arg;
    while (!atomic_load(&hammered->stop)) {
        check_result(thrum_lock_acquire(&hammered->lock, THRUM_FOREVER), 0);
        atomic_fetch_add(&hammered->sections, 1);
        busy(MILLISECOND / 2);
        hammered->passed_over += somebody_waits(&hammered->lock);
        check_result(thrum_lock_release(&hammered->lock), 0);
    }
    return 0;
}

/*
 * The lock is free for a moment of each half millisecond. A waiter that was only woken would be passed over
 * until it is lucky; one that is given the lock after about a millisecond is passed over some two or three
 * times, however slow the machine is, for it is counted only while it stands in the queue.
 */
TEST(a_waiter_does_not_starve)
{
    struct hammered hammered = {.lock = THRUM_LOCK_INIT};
    check_result(thrum_lock_acquire(&hammered.lock, THRUM_FOREVER), 0);
    thrum_thread *thread = start(hammer, &hammered, NULL);
    for (int round = 0; round < 100; round++) {
        unsigned sections = atomic_load(&hammered.sections);
        hammered.passed_over = 0;
        check_result(thrum_lock_release(&hammered.lock), 0);
        /* Let it come by at least once, so that it is in its stride. */
        until(atomic_load(&hammered.sections) != sections);
        check_result(thrum_lock_acquire(&hammered.lock, THRUM_FOREVER), 0);
        check(hammered.passed_over <= 5);
    }
    atomic_store(&hammered.stop, true);
    check_result(thrum_lock_release(&hammered.lock), 0);
    check_int(finish(thread), 0);
}

static int take_and_end(void *lock)
{
    return thrum_lock_acquire(lock, THRUM_FOREVER);
}

static int fail_to_give_back(void *lock)
{
    check_result(thrum_lock_acquire(lock, THRUM_NOWAIT), THRUM_TIMEOUT);
    check_result(thrum_lock_release(lock), -EPERM);
    return 0;
}

/* The number of a thread that ended with a lock is not given to another, which would own it then. */
TEST(a_lock_outlives_its_holder)
{
    thrum_lock lock = THRUM_LOCK_INIT;
    check_int(finish(start(take_and_end, &lock, NULL)), 0);
    check(thrum_lock_locked(&lock));
    for (int i = 0; i < 50; i++)
        check_int(finish(start(fail_to_give_back, &lock, NULL)), 0);
    check(thrum_lock_locked(&lock));
}

/* ---- A thread that is new to thrum ------------------------------------------------------ */

static bool arrive(void *lock, unsigned n)
{
    fault_arm(FAULT_MEMORY, n);
    int result = thrum_lock_acquire(lock, THRUM_FOREVER);
    bool came_to_it = fault_disarm();
    if (came_to_it && result != 0) {
        check_result(result, -EAGAIN);
        check(!thrum_lock_locked(lock));
        check_result(thrum_lock_acquire(lock, THRUM_FOREVER), 0);
        result = 0;
    }
    check_result(result, 0);
    check_result(thrum_lock_release(lock), 0);
    return came_to_it;
}

TEST(a_newcomer_without_memory_is_told_to_try_again)
{
    thrum_lock lock = THRUM_LOCK_INIT;
    fault_each_newcomer(arrive, &lock);
}

/* ---- After fork ---------------------------------------------------------------------------- */

static void drop_report(void *arg, const char *text)
{
    (void)arg;
    check(strstr(text, "never be released") != NULL);
}

static void find_it_held(void *arg)
{
    struct held *held = arg;
    check(thrum_lock_locked(held->lock));
    check_result(thrum_lock_acquire(held->lock, THRUM_NOWAIT), THRUM_TIMEOUT);
    check_result(thrum_lock_acquire(held->lock, thrum_seconds(0.01)), THRUM_TIMEOUT);
    check_result(thrum_lock_release(held->lock), -EPERM);
    thrum_set_reporter(drop_report, NULL);
    check_result(thrum_lock_acquire(held->lock, THRUM_FOREVER), -EDEADLK); /* its holder is not here */
    thrum_lock other = THRUM_LOCK_INIT;
    check_result(thrum_lock_acquire(&other, THRUM_FOREVER), 0);
    check_result(thrum_lock_release(&other), 0);
}

TEST(what_another_thread_held_stays_held_in_the_child)
{
    thrum_lock lock = THRUM_LOCK_INIT;
    struct held held = {.lock = &lock};
    thrum_thread *holder = let_hold(&held);
    check_int(in_child(find_it_held, &held), 0);
    thrum_event_set(&held.give_back);
    check_result(finish(holder), 0);
}

static void go_on_with_it(void *arg)
{
    struct shared *shared = arg;
    check_result(thrum_lock_acquire(&shared->lock, THRUM_NOWAIT), THRUM_TIMEOUT);
    check_result(thrum_lock_release(&shared->lock), 0);
    check_result(thrum_lock_release(&shared->lock), -EPERM);
    if (!THREADS_IN_CHILD)
        return;
    shared->count = 0;
    shared->begin = (thrum_event)THRUM_EVENT_INIT;
    thrum_thread *threads[3];
    for (size_t i = 0; i < 3; i++)
        threads[i] = start(count_up, shared, NULL);
    thrum_event_set(&shared->begin);
    for (size_t i = 0; i < 3; i++)
        check_int(finish(threads[i]), 0);
    check_int(shared->count, 3 * shared->rounds);
}

/* The forking thread holds it, and others wait for it, who are gone in the child. */
TEST(what_the_forking_thread_held_is_its_own_in_the_child)
{
    struct shared shared = {.lock = THRUM_LOCK_INIT, .rounds = ROUNDS(2000)};
    thrum_thread *threads[3];
    check_result(thrum_lock_acquire(&shared.lock, THRUM_FOREVER), 0);
    for (size_t i = 0; i < 3; i++)
        threads[i] = start(count_up, &shared, NULL);
    thrum_event_set(&shared.begin);
    for (size_t i = 0; i < 3; i++)
        settle(thrum_thread_native_id(threads[i]));
    check_int(in_child(go_on_with_it, &shared), 0);
    check_result(thrum_lock_release(&shared.lock), 0);
    for (size_t i = 0; i < 3; i++)
        check_int(finish(threads[i]), 0);
    check_int(shared.count, 3 * shared.rounds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_newcomer_without_memory_is_told_to_try_again),
        cmocka_unit_test(zero_and_both_initialisers_are_free_locks),
        cmocka_unit_test(the_functions_have_addresses),
        cmocka_unit_test(a_held_lock_is_not_had_in_time),
        cmocka_unit_test(only_the_owner_gives_it_back),
        cmocka_unit_test(bad_times_are_refused),
        cmocka_unit_test(waiting_for_oneself_is_said),
        cmocka_unit_test(a_lock_for_any_is_given_back_by_another),
        cmocka_unit_test(a_cancelled_thread_can_still_take_it),
        cmocka_unit_test(a_cancel_under_way_does_not_reach_it),
        cmocka_unit_test(one_at_a_time),
        cmocka_unit_test(a_waiter_does_not_starve),
        cmocka_unit_test(a_lock_outlives_its_holder),
        cmocka_unit_test(what_another_thread_held_stays_held_in_the_child),
        cmocka_unit_test(what_the_forking_thread_held_is_its_own_in_the_child),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
