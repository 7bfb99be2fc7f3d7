/*
 * test_rlock.c - a lock that its owner may take again
 */
#include "harness.h"

#define THREADS 6

struct probe {
    thrum_rlock *lock;
    thrum_timeout timeout;
    int released; /* what another thread's release gave */
};

static int try_it(void *arg)
{
    struct probe *probe = arg;
    probe->released = thrum_rlock_release(probe->lock);
    int result = thrum_rlock_acquire(probe->lock, probe->timeout);
    if (result == 0)
        check_result(thrum_rlock_release(probe->lock), 0);
    return result;
}

/* What another thread gets that asks for it. */
static int from_elsewhere(thrum_rlock *lock, thrum_timeout timeout)
{
    struct probe probe = {lock, timeout, 0};
    int result = finish(start(try_it, &probe, NULL));
    check_result(probe.released, -EPERM);
    return result;
}

TEST(it_is_free_when_released_as_often)
{
    thrum_rlock lock = THRUM_RLOCK_INIT;
    for (int depth = 1; depth <= 5; depth++) {
        for (int level = 0; level < depth; level++)
            check_result(thrum_rlock_acquire(&lock, level % 2 ? THRUM_NOWAIT : THRUM_FOREVER), 0);
        for (int level = 0; level < depth; level++) {
            check_result(from_elsewhere(&lock, THRUM_NOWAIT), THRUM_TIMEOUT);
            check_result(thrum_rlock_release(&lock), 0);
        }
        check_result(thrum_rlock_release(&lock), -EPERM);
        check_result(from_elsewhere(&lock, THRUM_NOWAIT), 0);
    }
}

TEST(zero_is_a_free_one)
{
    thrum_rlock lock;
    memset(&lock, 0, sizeof lock);
    check_result(thrum_rlock_release(&lock), -EPERM);
    check_result(thrum_rlock_acquire(&lock, THRUM_FOREVER), 0);
    check_result(thrum_rlock_release(&lock), 0);
}

static void listen(void *arg, const char *text)
{
    *(bool *)arg = strstr(text, "lock 'ledger'") != NULL && strstr(text, "has ended") != NULL;
}

static int take_along(void *lock)
{
    return thrum_rlock_acquire(lock, THRUM_FOREVER);
}

TEST(one_with_a_name_is_reported_by_it)
{
    thrum_rlock lock;
    bool named = false;
    check_result(thrum_rlock_init(&lock, .name = "ledger"), 0);
    check_result(from_elsewhere(&lock, THRUM_NOWAIT), 0);
    check_result(finish(start(take_along, &lock, NULL)), 0);
    thrum_set_reporter(listen, &named);
    check_result(thrum_rlock_acquire(&lock, THRUM_FOREVER), -EDEADLK);
    thrum_set_reporter(NULL, NULL);
    check(named);
    thrum_init_options unknown = {.size = 1};
    check_result(thrum_rlock_init_with(&lock, &unknown), -EINVAL);
}

TEST(a_held_one_is_not_had_in_time)
{
    thrum_rlock lock = THRUM_RLOCK_INIT;
    check_result(thrum_rlock_acquire(&lock, THRUM_FOREVER), 0);
    int64_t before = thrum_monotonic_ns();
    check_result(from_elsewhere(&lock, thrum_seconds(0.02)), THRUM_TIMEOUT);
    check(thrum_monotonic_ns() - before >= 20 * MILLISECOND);
    check_result(from_elsewhere(&lock, thrum_seconds(-1)), -EINVAL);
    check_result(thrum_rlock_release(&lock), 0);
}

TEST(bad_times_are_refused_at_each_level)
{
    thrum_rlock lock = THRUM_RLOCK_INIT;
    check_result(thrum_rlock_acquire(&lock, thrum_seconds(-1)), -EINVAL);
    check_result(thrum_rlock_acquire(&lock, THRUM_FOREVER), 0);
    check_result(thrum_rlock_acquire(&lock, thrum_seconds(-1)), -EINVAL);
    check_result(thrum_rlock_release(&lock), 0);
    check_result(thrum_rlock_release(&lock), -EPERM);
}

/* Four thousand million calls are made short by writing the count of levels beyond the first. */
TEST(too_many_levels_are_refused)
{
    thrum_rlock lock = THRUM_RLOCK_INIT;
    check_result(thrum_rlock_acquire(&lock, THRUM_FOREVER), 0);
    lock.count_ = UINT32_MAX - 2;
    check_result(thrum_rlock_acquire(&lock, THRUM_FOREVER), 0); /* level 2^32 - 1 */
    check_result(thrum_rlock_acquire(&lock, THRUM_FOREVER), -EOVERFLOW);
    check_result(thrum_rlock_acquire(&lock, THRUM_NOWAIT), -EOVERFLOW);
    check_int(lock.count_, UINT32_MAX - 1);
    lock.count_ = 0;
    check_result(thrum_rlock_release(&lock), 0);
    check_result(thrum_rlock_release(&lock), -EPERM);
}

TEST(a_cancelled_thread_can_still_take_it)
{
    thrum_rlock lock = THRUM_RLOCK_INIT;
    thrum_token *token;
    check_result(thrum_token_new(&token), 0);
    thrum_token_cancel(token);
    check_result(thrum_rlock_acquire(&lock, THRUM_FOREVER), 0);
    struct probe probe = {&lock, THRUM_FOREVER, 0};
    thrum_thread *other = start(try_it, &probe, token);
    settle(thrum_thread_native_id(other));
    check_result(thrum_rlock_release(&lock), 0);
    check_result(finish(other), 0);
    thrum_token_free(token);
}

struct shared {
    thrum_rlock lock;
    uint64_t count;
    int rounds;
};

static void add_in_depth(struct shared *shared, int depth)
{
    int result = THRUM_TIMEOUT;
    while (result == THRUM_TIMEOUT)
        result = thrum_rlock_acquire(&shared->lock, depth % 2 ? THRUM_FOREVER : thrum_seconds(1e-5));
    check_result(result, 0);
    shared->count++;
    if (depth > 0)
        add_in_depth(shared, depth - 1);
    check_result(thrum_rlock_release(&shared->lock), 0);
}

static int add_often(void *arg)
{
    struct shared *shared = arg;
    for (int i = 0; i < shared->rounds; i++)
        add_in_depth(shared, i % 4);
    return 0;
}

TEST(one_thread_at_a_time)
{
    struct shared shared = {.rounds = 4 * ROUNDS(5000)};
    thrum_thread *threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        threads[i] = start(add_often, &shared, NULL);
    for (size_t i = 0; i < THREADS; i++)
        check_int(finish(threads[i]), 0);
    check_int(shared.count, THREADS * (shared.rounds / 4) * (1 + 2 + 3 + 4));
    check_result(from_elsewhere(&shared.lock, THRUM_NOWAIT), 0);
}

static void give_back_two_levels(void *arg)
{
    thrum_rlock *lock = arg;
    check_result(thrum_rlock_acquire(lock, THRUM_FOREVER), 0);
    for (int i = 0; i < 3; i++) {
        if (THREADS_IN_CHILD)
            check_result(from_elsewhere(lock, THRUM_NOWAIT), THRUM_TIMEOUT);
        check_result(thrum_rlock_release(lock), 0);
    }
    check_result(thrum_rlock_release(lock), -EPERM);
    if (THREADS_IN_CHILD)
        check_result(from_elsewhere(lock, THRUM_NOWAIT), 0);
}

TEST(the_forking_threads_levels_are_its_own_in_the_child)
{
    thrum_rlock lock = THRUM_RLOCK_INIT;
    check_result(thrum_rlock_acquire(&lock, THRUM_FOREVER), 0);
    check_result(thrum_rlock_acquire(&lock, THRUM_FOREVER), 0);
    struct probe probe = {&lock, THRUM_FOREVER, 0};
    thrum_thread *waiting = start(try_it, &probe, NULL);
    settle(thrum_thread_native_id(waiting));
    check_int(in_child(give_back_two_levels, &lock), 0);
    check_result(thrum_rlock_release(&lock), 0);
    check_result(thrum_rlock_release(&lock), 0);
    check_result(finish(waiting), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_free_when_released_as_often),
        cmocka_unit_test(zero_is_a_free_one),
        cmocka_unit_test(one_with_a_name_is_reported_by_it),
        cmocka_unit_test(a_held_one_is_not_had_in_time),
        cmocka_unit_test(bad_times_are_refused_at_each_level),
        cmocka_unit_test(too_many_levels_are_refused),
        cmocka_unit_test(a_cancelled_thread_can_still_take_it),
        cmocka_unit_test(one_thread_at_a_time),
        cmocka_unit_test(the_forking_threads_levels_are_its_own_in_the_child),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
