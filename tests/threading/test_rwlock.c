/*
 * test_rwlock.c - many may read, or one may write
 */
#include "harness.h"

#define THREADS 8

struct probe {
    thrum_rwlock *rwlock;
    thrum_timeout timeout;
    bool write;
};

static int try_it(void *arg)
{
    const struct probe *probe = arg;
    int result = probe->write ? thrum_rwlock_acquire_write(probe->rwlock, probe->timeout)
                              : thrum_rwlock_acquire_read(probe->rwlock, probe->timeout);
    if (result == 0)
        check_result(thrum_rwlock_release(probe->rwlock), 0);
    return result;
}

static int from_elsewhere(thrum_rwlock *rwlock, bool write)
{
    struct probe probe = {rwlock, THRUM_NOWAIT, write};
    return finish(start(try_it, &probe, NULL));
}

TEST(many_may_read_or_one_may_write)
{
    thrum_rwlock rwlock = THRUM_RWLOCK_INIT;
    check_result(thrum_rwlock_acquire_read(&rwlock, THRUM_FOREVER), 0);
    check_result(from_elsewhere(&rwlock, false), 0);
    check_result(from_elsewhere(&rwlock, true), THRUM_TIMEOUT);
    check_result(thrum_rwlock_release(&rwlock), 0);
    check_result(from_elsewhere(&rwlock, true), 0);
    check_result(thrum_rwlock_acquire_write(&rwlock, THRUM_FOREVER), 0);
    check_result(from_elsewhere(&rwlock, false), THRUM_TIMEOUT);
    check_result(from_elsewhere(&rwlock, true), THRUM_TIMEOUT);
    check_result(thrum_rwlock_release(&rwlock), 0);
    check_result(thrum_rwlock_release(&rwlock), -EPERM);
}

TEST(zero_is_free_and_a_name_changes_nothing)
{
    thrum_rwlock rwlock;
    memset(&rwlock, 0, sizeof rwlock);
    check_result((thrum_rwlock_acquire_read)(&rwlock, THRUM_NOWAIT), 0);
    check_result((thrum_rwlock_release)(&rwlock), 0);
    check_result(thrum_rwlock_init(&rwlock, .name = "book"), 0);
    check_result(thrum_rwlock_acquire_write(&rwlock, THRUM_NOWAIT), 0);
    check_result(thrum_rwlock_release(&rwlock), 0);
    thrum_init_options unknown = {.size = 3};
    check_result(thrum_rwlock_init_with(&rwlock, &unknown), -EINVAL);
}

static int release_it(void *arg)
{
    return thrum_rwlock_release(arg);
}

TEST(who_does_not_hold_it_cannot_release_it)
{
    thrum_rwlock rwlock = THRUM_RWLOCK_INIT;
    check_result(thrum_rwlock_release(&rwlock), -EPERM);
    check_result(finish(start(release_it, &rwlock, NULL)), -EPERM);
    check_result(thrum_rwlock_acquire_write(&rwlock, THRUM_FOREVER), 0);
    check_result(finish(start(release_it, &rwlock, NULL)), -EPERM);
    check_result(thrum_rwlock_release(&rwlock), 0);
}

TEST(bad_input_is_refused_and_times_are_kept)
{
    thrum_rwlock rwlock = THRUM_RWLOCK_INIT;
    check_result(thrum_rwlock_acquire_read(&rwlock, thrum_seconds(-1)), -EINVAL);
    check_result(thrum_rwlock_acquire_write(&rwlock, thrum_seconds(0.0 / 0.0)), -EINVAL);
    check_result(thrum_rwlock_release(&rwlock), -EPERM);
    check_result(thrum_rwlock_acquire_read(NULL, THRUM_FOREVER), -EINVAL);
    check_result(thrum_rwlock_acquire_write(NULL, THRUM_FOREVER), -EINVAL);
    check_result(thrum_rwlock_release(NULL), -EINVAL);
    check_result(thrum_rwlock_init(NULL), -EINVAL);
    check_result(thrum_rwlock_acquire_read(&rwlock, THRUM_FOREVER), 0);
    int64_t before = thrum_monotonic_ns();
    check_result(thrum_rwlock_acquire_write(&rwlock, thrum_seconds(0.02)), THRUM_TIMEOUT);
    check(thrum_monotonic_ns() - before >= 20 * MILLISECOND);
    check_result(thrum_rwlock_acquire_read(&rwlock, THRUM_NOWAIT), 0); /* the writer has left nothing behind */
    check_result(thrum_rwlock_release(&rwlock), 0);
    check_result(thrum_rwlock_release(&rwlock), 0);
    check_result(thrum_rwlock_acquire_write(&rwlock, THRUM_FOREVER), 0);
    struct probe probe = {&rwlock, thrum_seconds(0.02), false};
    before = thrum_monotonic_ns();
    check_result(finish(start(try_it, &probe, NULL)), THRUM_TIMEOUT);
    check(thrum_monotonic_ns() - before >= 20 * MILLISECOND);
    check_result(thrum_rwlock_release(&rwlock), 0);
    check_result(from_elsewhere(&rwlock, true), 0);
}

TEST(too_many_readers_are_refused)
{
    thrum_rwlock rwlock = THRUM_RWLOCK_INIT;
    uint32_t n = 1;
    check_result(thrum_rwlock_acquire_read(&rwlock, THRUM_FOREVER), 0);
    rwlock.lock_.state_ = UINT32_MAX - 9; /* as if 2^30 - 3 read */
    for (; thrum_rwlock_acquire_read(&rwlock, THRUM_FOREVER) == 0; n++)
        check(n < 3);
    check_int(n, 2);
    check_result(thrum_rwlock_acquire_read(&rwlock, THRUM_NOWAIT), -EOVERFLOW);
    check_result(thrum_rwlock_acquire_write(&rwlock, THRUM_NOWAIT), THRUM_TIMEOUT);
    check_result(thrum_rwlock_release(&rwlock), 0);
    check_result(thrum_rwlock_acquire_read(&rwlock, THRUM_NOWAIT), 0);
}

/* ---- Deadlock ---- */

static atomic_int reports;

static void count_report(void *arg, const char *text)
{
    check(arg == &reports);
    check(strstr(text, "'book'") != NULL);
    atomic_fetch_add(&reports, 1);
}

TEST(who_writes_cannot_wait_for_himself)
{
    thrum_rwlock rwlock;
    atomic_store(&reports, 0);
    thrum_set_reporter(count_report, &reports);
    check_result(thrum_rwlock_init(&rwlock, .name = "book"), 0);
    check_result(thrum_rwlock_acquire_write(&rwlock, THRUM_FOREVER), 0);
    check_result(thrum_rwlock_acquire_write(&rwlock, THRUM_FOREVER), -EDEADLK);
    check_result(thrum_rwlock_acquire_read(&rwlock, THRUM_FOREVER), -EDEADLK);
    check_int(reports, 2);
    check_result(thrum_rwlock_acquire_read(&rwlock, thrum_seconds(0.001)), THRUM_TIMEOUT);
    check_result(thrum_rwlock_release(&rwlock), 0);
    check_result(from_elsewhere(&rwlock, true), 0);
    check_int(reports, 2);
    thrum_set_reporter(NULL, NULL);
}

static int write_and_end(void *arg)
{
    return thrum_rwlock_acquire_write(arg, THRUM_FOREVER);
}

TEST(one_whose_writer_has_ended_is_reported)
{
    thrum_rwlock rwlock;
    atomic_store(&reports, 0);
    thrum_set_reporter(count_report, &reports);
    check_result(thrum_rwlock_init(&rwlock, .name = "book"), 0);
    check_result(finish(start(write_and_end, &rwlock, NULL)), 0);
    check_result(thrum_rwlock_acquire_write(&rwlock, THRUM_FOREVER), -EDEADLK);
    check_result(thrum_rwlock_acquire_read(&rwlock, THRUM_FOREVER), -EDEADLK);
    check_int(reports, 2);
    thrum_set_reporter(NULL, NULL);
}

/* ---- Who comes first ---- */

TEST(readers_do_not_overtake_a_writer_that_waits)
{
    thrum_rwlock rwlock = THRUM_RWLOCK_INIT;
    struct probe writer = {&rwlock, THRUM_FOREVER, true};
    check_result(thrum_rwlock_acquire_read(&rwlock, THRUM_FOREVER), 0);
    thrum_thread *thread = start(try_it, &writer, NULL);
    until(from_elsewhere(&rwlock, false) == THRUM_TIMEOUT);
    check_result(from_elsewhere(&rwlock, false), THRUM_TIMEOUT);
    check_result(thrum_rwlock_release(&rwlock), 0);
    check_result(finish(thread), 0);
    check_result(from_elsewhere(&rwlock, false), 0);
}

struct reading {
    thrum_rwlock rwlock;
    thrum_barrier together;
};

static int read_together(void *arg)
{
    struct reading *reading = arg;
    check_result(thrum_rwlock_acquire_read(&reading->rwlock, THRUM_FOREVER), 0);
    check_result(thrum_barrier_wait(&reading->together, NULL, THRUM_FOREVER), 0);
    return thrum_rwlock_release(&reading->rwlock);
}

/* They meet inside, which they could not if one had to leave before the next. */
TEST(readers_that_wait_go_in_together)
{
    for (int round = 0; round < ROUNDS(50); round++) {
        struct reading reading = {.together = THRUM_BARRIER_INIT(THREADS)};
        thrum_thread *threads[THREADS];
        check_result(thrum_rwlock_acquire_write(&reading.rwlock, THRUM_FOREVER), 0);
        for (size_t i = 0; i < THREADS; i++)
            threads[i] = start(read_together, &reading, NULL);
        settle(thrum_thread_native_id(threads[THREADS - 1]));
        check_result(thrum_rwlock_release(&reading.rwlock), 0);
        for (size_t i = 0; i < THREADS; i++)
            check_result(finish(threads[i]), 0);
    }
}

TEST(a_writer_that_gives_up_lets_readers_in)
{
    thrum_rwlock rwlock = THRUM_RWLOCK_INIT;
    struct probe writer = {&rwlock, thrum_seconds(0.05), true}, reader = {&rwlock, THRUM_FOREVER, false};
    check_result(thrum_rwlock_acquire_read(&rwlock, THRUM_FOREVER), 0);
    thrum_thread *gives_up = start(try_it, &writer, NULL);
    settle(thrum_thread_native_id(gives_up));
    check_result(finish(start(try_it, &reader, NULL)), 0); /* while this one goes on reading */
    check_result(finish(gives_up), THRUM_TIMEOUT);
    check_result(thrum_rwlock_release(&rwlock), 0);
}

struct turns {
    thrum_rwlock rwlock;
    atomic_int taken;
};

static int write_in_turn(void *arg)
{
    struct turns *turns = arg;
    check_result(thrum_rwlock_acquire_write(&turns->rwlock, THRUM_FOREVER), 0);
    int place = atomic_fetch_add(&turns->taken, 1);
    check_result(thrum_rwlock_release(&turns->rwlock), 0);
    return place;
}

static int read_in_turn(void *arg)
{
    struct turns *turns = arg;
    check_result(thrum_rwlock_acquire_read(&turns->rwlock, THRUM_FOREVER), 0);
    int place = atomic_fetch_add(&turns->taken, 1);
    check_result(thrum_rwlock_release(&turns->rwlock), 0);
    return place;
}

/* A writer, one behind it that gives up, and a reader: whether the writer is still the first. */
static bool writer_keeps_its_place(void)
{
    struct turns turns = {.rwlock = THRUM_RWLOCK_INIT};
    struct probe hasty = {&turns.rwlock, thrum_seconds(0.05), true};
    check_result(thrum_rwlock_acquire_read(&turns.rwlock, THRUM_FOREVER), 0);
    thrum_thread *writer = start(write_in_turn, &turns, NULL);
    settle(thrum_thread_native_id(writer));
    thrum_thread *gives_up = start(try_it, &hasty, NULL);
    settle(thrum_thread_native_id(gives_up));
    thrum_thread *reader = start(read_in_turn, &turns, NULL);
    settle(thrum_thread_native_id(reader));
    check_result(finish(gives_up), THRUM_TIMEOUT);
    settle(thrum_thread_native_id(writer));
    check_result(thrum_rwlock_release(&turns.rwlock), 0);
    bool first = finish(writer) == 0;
    (void)finish(reader);
    return first;
}

/* Else writers that come and give up would keep another out for ever. */
TEST(a_writer_that_gives_up_costs_no_other_its_place)
{
    until(writer_keeps_its_place()); /* unless they have parked in another order */
}

TEST(a_cancelled_thread_can_still_take_it)
{
    thrum_rwlock rwlock = THRUM_RWLOCK_INIT;
    thrum_token *token;
    check_result(thrum_token_new(&token), 0);
    thrum_token_cancel(token);
    check_result(thrum_rwlock_acquire_write(&rwlock, THRUM_FOREVER), 0);
    struct probe write = {&rwlock, THRUM_FOREVER, true}, read = {&rwlock, THRUM_FOREVER, false};
    thrum_thread *writer = start(try_it, &write, token), *reader = start(try_it, &read, token);
    settle(thrum_thread_native_id(writer));
    settle(thrum_thread_native_id(reader));
    check_result(thrum_rwlock_release(&rwlock), 0);
    check_result(finish(writer), 0);
    check_result(finish(reader), 0);
    thrum_token_free(token);
}

/* ---- Many ---- */

struct shared {
    thrum_rwlock rwlock;
    uint64_t a, b; /* equal, but while somebody writes */
    atomic_bool done;
    int rounds, writers;
    atomic_uint reads;
};

static int acquire(struct shared *shared, bool write, int round)
{
    int result = THRUM_TIMEOUT;
    while (result == THRUM_TIMEOUT) {
        thrum_timeout timeout = round % 3 ? THRUM_FOREVER : thrum_seconds(2e-5);
        result = write ? thrum_rwlock_acquire_write(&shared->rwlock, timeout)
                       : thrum_rwlock_acquire_read(&shared->rwlock, timeout);
    }
    return result;
}

static int write_often(void *arg)
{
    struct shared *shared = arg;
    for (int i = 0; i < shared->rounds; i++) {
        check_result(acquire(shared, true, i), 0);
        shared->a++;
        shared->b++;
        check_result(thrum_rwlock_release(&shared->rwlock), 0);
    }
    return 0;
}

static int read_often(void *arg)
{
    struct shared *shared = arg;
    for (int i = 0; i < shared->rounds; i++) {
        check_result(acquire(shared, false, i), 0);
        check(shared->a == shared->b);
        check_result(thrum_rwlock_release(&shared->rwlock), 0);
    }
    return 0;
}

TEST(nobody_reads_what_is_being_written)
{
    for (int writers = 1; writers < THREADS; writers += 3) {
        struct shared shared = {.rounds = ROUNDS(20000)};
        thrum_thread *threads[THREADS];
        for (int i = 0; i < THREADS; i++)
            threads[i] = start(i < writers ? write_often : read_often, &shared, NULL);
        for (size_t i = 0; i < THREADS; i++)
            check_int(finish(threads[i]), 0);
        check_int(shared.a, (uint64_t)writers * (uint64_t)shared.rounds);
        check_result(from_elsewhere(&shared.rwlock, true), 0);
    }
}

static int read_until_done(void *arg)
{
    struct shared *shared = arg;
    while (!atomic_load(&shared->done)) {
        check_result(thrum_rwlock_acquire_read(&shared->rwlock, THRUM_FOREVER), 0);
        check(shared->a == shared->b);
        atomic_fetch_add(&shared->reads, 1);
        check_result(thrum_rwlock_release(&shared->rwlock), 0);
    }
    return 0;
}

static int write_until_done(void *arg)
{
    struct shared *shared = arg;
    while (!atomic_load(&shared->done)) {
        check_result(thrum_rwlock_acquire_write(&shared->rwlock, THRUM_FOREVER), 0);
        shared->a++, shared->b++;
        check_result(thrum_rwlock_release(&shared->rwlock), 0);
    }
    return 0;
}

/* One against many that come again and again: it comes through, each time. */
TEST(neither_readers_nor_writers_starve)
{
    for (int write = 0; write < 2; write++) {
        struct shared shared = {.rounds = ROUNDS(50)};
        thrum_thread *threads[THREADS];
        for (size_t i = 0; i < THREADS; i++)
            threads[i] = start(write ? read_until_done : write_until_done, &shared, NULL);
        check_int(write ? write_often(&shared) : read_often(&shared), 0);
        atomic_store(&shared.done, true);
        for (size_t i = 0; i < THREADS; i++)
            check_int(finish(threads[i]), 0);
    }
}

/* ---- A thread that is new to thrum, and a child ---- */

static bool arrive(void *rwlock, unsigned n)
{
    fault_arm(FAULT_MEMORY, n);
    int result = thrum_rwlock_acquire_write(rwlock, thrum_seconds(1e-4));
    bool came_to_it = fault_disarm();
    check_result(result, came_to_it ? -EAGAIN : THRUM_TIMEOUT);
    return came_to_it;
}

TEST(a_newcomer_without_memory_is_told_to_try_again)
{
    thrum_rwlock rwlock = THRUM_RWLOCK_INIT;
    check_result(thrum_rwlock_acquire_read(&rwlock, THRUM_FOREVER), 0); /* which needs no memory */
    fault_each_newcomer(arrive, &rwlock);
    check_result(thrum_rwlock_release(&rwlock), 0);
    check_result(from_elsewhere(&rwlock, true), 0);
}

static void release_in_child(void *arg)
{
    check_result(thrum_rwlock_release(arg), 0);
    check_result(thrum_rwlock_acquire_write(arg, THRUM_NOWAIT), 0);
    if (THREADS_IN_CHILD)
        check_result(from_elsewhere(arg, false), THRUM_TIMEOUT);
    check_result(thrum_rwlock_release(arg), 0);
}

TEST(what_the_forking_thread_holds_it_holds_in_the_child)
{
    thrum_rwlock rwlock = THRUM_RWLOCK_INIT;
    struct probe write = {&rwlock, THRUM_FOREVER, true}, read = {&rwlock, THRUM_FOREVER, false};
    for (int i = 0; i < 2; i++) {
        check_result(i ? thrum_rwlock_acquire_write(&rwlock, THRUM_FOREVER)
                       : thrum_rwlock_acquire_read(&rwlock, THRUM_FOREVER),
                     0);
        thrum_thread *writer = start(try_it, &write, NULL);
        settle(thrum_thread_native_id(writer));
        thrum_thread *reader = start(try_it, &read, NULL);
        settle(thrum_thread_native_id(reader));
        check_int(in_child(release_in_child, &rwlock), 0);
        check_result(thrum_rwlock_release(&rwlock), 0);
        check_result(finish(writer), 0);
        check_result(finish(reader), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_newcomer_without_memory_is_told_to_try_again),
        cmocka_unit_test(many_may_read_or_one_may_write),
        cmocka_unit_test(zero_is_free_and_a_name_changes_nothing),
        cmocka_unit_test(who_does_not_hold_it_cannot_release_it),
        cmocka_unit_test(bad_input_is_refused_and_times_are_kept),
        cmocka_unit_test(too_many_readers_are_refused),
        cmocka_unit_test(who_writes_cannot_wait_for_himself),
        cmocka_unit_test(one_whose_writer_has_ended_is_reported),
        cmocka_unit_test(readers_do_not_overtake_a_writer_that_waits),
        cmocka_unit_test(readers_that_wait_go_in_together),
        cmocka_unit_test(a_writer_that_gives_up_lets_readers_in),
        cmocka_unit_test(a_writer_that_gives_up_costs_no_other_its_place),
        cmocka_unit_test(a_cancelled_thread_can_still_take_it),
        cmocka_unit_test(nobody_reads_what_is_being_written),
        cmocka_unit_test(neither_readers_nor_writers_starve),
        cmocka_unit_test(what_the_forking_thread_holds_it_holds_in_the_child),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
