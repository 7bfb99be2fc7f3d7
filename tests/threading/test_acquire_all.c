/*
 * test_acquire_all.c - many locks at once: all or none, in one order, and who would break it is told
 */
#include "harness.h"

static struct {
    atomic_int reports;
    char last[4096];
} told;

static void keep(void *arg, const char *text)
{
    (void)arg;
    (void)snprintf(told.last, sizeof told.last, "%s", text);
    atomic_fetch_add(&told.reports, 1);
}

static void listen(void)
{
    atomic_store(&told.reports, 0);
    told.last[0] = '\0';
    thrum_set_reporter(keep, NULL);
}

#define N 4

struct table {
    thrum_lock locks[N];
    thrum_event taken, go;
};

static int free_of(thrum_lock *lock)
{
    int result = thrum_lock_acquire(lock, THRUM_NOWAIT);
    return result == 0 ? thrum_lock_release(lock) : result;
}

static int probe(void *arg)
{
    return free_of(arg);
}

/* Whether another thread could take it. */
static bool is_free(thrum_lock *lock)
{
    return finish(start(probe, lock, NULL)) == 0;
}

TEST(all_are_taken_and_given_back)
{
    struct table table = {0};
    thrum_lock *all[N] = {&table.locks[2], &table.locks[0], &table.locks[3], &table.locks[1]};
    check_result(thrum_acquire_all(all, N, THRUM_FOREVER), 0);
    for (int i = 0; i < N; i++)
        check(!is_free(&table.locks[i]));
    check_result(thrum_release_all(all, N), 0);
    for (int i = 0; i < N; i++)
        check(is_free(&table.locks[i]));
    check_result(thrum_release_all(all, N), -EPERM);
    check_result(thrum_acquire_all(NULL, 0, THRUM_NOWAIT), 0);
    check_result(thrum_release_all(NULL, 0), 0);
}

#define MANY 1000

TEST(any_number_can_be_taken)
{
    static thrum_lock locks[MANY];
    static thrum_lock *all[MANY];
    for (int i = 0; i < MANY; i++)
        all[i] = &locks[i * 7 % MANY];
    check_result(thrum_acquire_all(all, MANY, THRUM_NOWAIT), 0);
    for (int i = 0; i < MANY; i++)
        check(thrum_lock_locked(&locks[i]));
    check_result(thrum_release_all(all + 1, MANY - 2), 0);
    check(thrum_lock_locked(all[0]) && thrum_lock_locked(all[MANY - 1]) && !thrum_lock_locked(all[1]));
    check_result(thrum_release_all(all, 1), 0);
    check_result(thrum_release_all(all + MANY - 1, 1), 0);
}

TEST(misuse_takes_nothing)
{
    thrum_lock locks[3] = {THRUM_LOCK_INIT, THRUM_LOCK_INIT, THRUM_LOCK_INIT_ANY};
    thrum_lock *twice[3] = {&locks[0], &locks[1], &locks[0]}, *hole[2] = {&locks[0], NULL};
    thrum_lock *anybody[2] = {&locks[0], &locks[2]}, *one[2] = {&locks[0], &locks[1]};
    check_result(thrum_acquire_all(twice, 3, THRUM_FOREVER), -EINVAL);
    check_result(thrum_acquire_all(hole, 2, THRUM_FOREVER), -EINVAL);
    check_result(thrum_acquire_all(anybody, 2, THRUM_FOREVER), -EINVAL);
    check_result(thrum_acquire_all(NULL, 1, THRUM_FOREVER), -EINVAL);
    check_result(thrum_acquire_all(one, 2, thrum_seconds(-1)), -EINVAL);
    check_result(thrum_acquire_all(one, SIZE_MAX / 2, THRUM_FOREVER), -ENOMEM);
    for (int i = 0; i < 3; i++)
        check(is_free(&locks[i]));

    check_result(thrum_release_all(one, 2), -EPERM);
    check_result(thrum_acquire_all(one, 2, THRUM_FOREVER), 0);
    check_result(thrum_release_all(twice, 3), -EINVAL);
    check_result(thrum_release_all(hole, 2), -EINVAL);
    check_result(thrum_release_all(anybody, 2), -EPERM);
    check_result(thrum_release_all(NULL, 1), -EINVAL);
    check(!is_free(&locks[0]) && !is_free(&locks[1]));
    check_result(thrum_release_all(one, 2), 0);
    check(is_free(&locks[0]) && is_free(&locks[1]));
}

static int hold_third(void *arg)
{
    struct table *table = arg;
    check_result(thrum_lock_acquire(&table->locks[2], THRUM_FOREVER), 0);
    thrum_event_set(&table->taken);
    check_result(thrum_event_wait(&table->go, THRUM_FOREVER), 0);
    return thrum_lock_release(&table->locks[2]);
}

TEST(who_runs_out_of_time_has_none)
{
    struct table table = {0};
    thrum_lock *all[N] = {&table.locks[0], &table.locks[1], &table.locks[2], &table.locks[3]};
    thrum_thread *holder = start(hold_third, &table, NULL);
    check_result(thrum_event_wait(&table.taken, THRUM_FOREVER), 0);
    check_result(thrum_acquire_all(all, N, THRUM_NOWAIT), THRUM_TIMEOUT);
    int64_t before = thrum_monotonic_ns();
    check_result(thrum_acquire_all(all, N, thrum_seconds(0.01)), THRUM_TIMEOUT);
    check(thrum_monotonic_ns() - before >= 10 * MILLISECOND);
    check(is_free(&table.locks[0]) && is_free(&table.locks[1]) && is_free(&table.locks[3]));
    thrum_event_set(&table.go);
    check_result(thrum_acquire_all(all, N, THRUM_FOREVER), 0);
    check_result(thrum_release_all(all, N), 0);
    check_int(finish(holder), 0);
}

TEST(who_would_wait_for_himself_has_none)
{
    struct table table = {0};
    thrum_lock *all[2] = {&table.locks[0], &table.locks[1]};
    listen();
    check_result(thrum_lock_acquire(&table.locks[1], THRUM_FOREVER), 0);
    check_result(thrum_acquire_all(all, 2, THRUM_FOREVER), -EDEADLK);
    check_int(told.reports, 1);
    check(is_free(&table.locks[0]));
    check_result(thrum_lock_release(&table.locks[1]), 0);
}

/* ---- The order ---- */

static thrum_lock named[2];

static int go_back(void *arg)
{
    thrum_lock *first[1] = {&named[0]}, *second[1] = {&named[1]};
    (void)arg;
    check_result(thrum_acquire_all(second, 1, THRUM_FOREVER), 0);
    check_result(thrum_acquire_all(first, 1, THRUM_FOREVER), -EDEADLK);
    check_result(thrum_acquire_all(second, 1, thrum_seconds(1)), -EDEADLK);
    check(thrum_lock_locked(&named[1]) && !thrum_lock_locked(&named[0]));
    return thrum_release_all(second, 1);
}

TEST(against_the_order_is_an_error_at_once_and_reported)
{
    thrum_thread *thread;
    check_result(thrum_lock_init(&named[0], .name = "spoon"), 0);
    check_result(thrum_lock_init(&named[1], .name = "fork"), 0);
    listen();
    check_result(thrum_thread_run(&thread, go_back, NULL, .name = "eater"), 0);
    check_int(finish(thread), 0);
    check_int(told.reports, 2); /* of the latter */
    check(strncmp(told.last, "thrum: lock order violation:\n  thread 'eater' (", 46) == 0);
    check(strstr(told.last, "wants lock 'fork' (") != NULL);
    check(strstr(told.last, "which is lock 'fork' (") != NULL);
    check(strstr(told.last, "that it holds, taken") != NULL);
}

TEST(in_order_more_can_be_taken)
{
    struct table table = {0};
    thrum_lock *low[2] = {&table.locks[1], &table.locks[0]}, *high[2] = {&table.locks[2], &table.locks[3]};
    listen();
    for (int i = 0; i < 3; i++) {
        check_result(thrum_acquire_all(low, 2, THRUM_FOREVER), 0);
        check_result(thrum_acquire_all(high, 2, THRUM_FOREVER), 0);
        check_result(thrum_release_all(i == 1 ? low : high, 2), 0);
        check_result(thrum_acquire_all(high, 2, THRUM_NOWAIT), i == 1 ? -EDEADLK : 0);
        if (i != 1)
            check_result(thrum_release_all(high, 2), 0);
        check_result(thrum_release_all(i == 1 ? high : low, 2), 0);
    }
    check_int(told.reports, 1);
    check_result(thrum_acquire_all(low, 2, THRUM_FOREVER), 0);
    check_result(thrum_release_all(low, 2), 0);
}

TEST(one_that_is_released_alone_is_forgotten)
{
    struct table table = {0};
    thrum_lock *high[2] = {&table.locks[2], &table.locks[3]}, *low[1] = {&table.locks[0]};
    listen();
    check_result(thrum_acquire_all(high, 2, THRUM_FOREVER), 0);
    check_result(thrum_lock_release(&table.locks[3]), 0);
    check_result(thrum_acquire_all(low, 1, THRUM_FOREVER), -EDEADLK);
    check_result(thrum_release_all(high, 2), -EPERM);
    check_result(thrum_lock_release(&table.locks[2]), 0);
    check_result(thrum_acquire_all(low, 1, THRUM_FOREVER), 0);
    check_result(thrum_lock_acquire(&table.locks[1], THRUM_FOREVER), 0); /* not taken so: no order */
    check_result(thrum_lock_release(&table.locks[1]), 0);
    check_result(thrum_release_all(low, 1), 0);
    check_int(told.reports, 1);
}

struct desk {
    thrum_lock locks[2];
    thrum_condition changed;
    int waiting;
};

static int wait_at_desk(void *arg)
{
    struct desk *desk = arg;
    thrum_lock *all[2] = {&desk->locks[0], &desk->locks[1]};
    check_result(thrum_acquire_all(all, 2, THRUM_FOREVER), 0);
    check_result(thrum_lock_release(&desk->locks[0]), 0);
    desk->waiting = 1;
    while (desk->waiting == 1)
        check_result(thrum_condition_wait(&desk->changed, THRUM_FOREVER), 0);
    check_result(thrum_acquire_all(all, 1, THRUM_FOREVER), -EDEADLK); /* the second is still held so */
    return thrum_release_all(all + 1, 1);
}

TEST(condition_keeps_its_place_in_the_order)
{
    struct desk desk = {.changed = THRUM_CONDITION_INIT(&desk.locks[1])};
    bool told_it = false;
    listen();
    thrum_thread *thread = start(wait_at_desk, &desk, NULL);
    while (!told_it) {
        check_result(thrum_condition_acquire(&desk.changed, THRUM_FOREVER), 0);
        told_it = desk.waiting == 1;
        if (told_it) {
            desk.waiting = 2;
            check_result(thrum_condition_notify_all(&desk.changed), 0);
        }
        check_result(thrum_condition_release(&desk.changed), 0);
    }
    check_int(finish(thread), 0);
    check_int(told.reports, 1);
    check(is_free(&desk.locks[0]) && is_free(&desk.locks[1]));
}

/* ---- Many threads ---- */

static struct {
    thrum_lock locks[N];
    long counts[N];
} dinner;

/* Two neighbours each time, named left or right first. */
static int dine(void *arg)
{
    int seat = *(int *)arg;
    thrum_lock *two[2] = {&dinner.locks[seat], &dinner.locks[(seat + 1) % N]};
    thrum_lock *other[2] = {two[1], two[0]};
    for (int round = 0; round < ROUNDS(20000); round++) {
        thrum_lock **forks = round % 2 == 0 ? two : other;
        check_result(thrum_acquire_all(forks, 2, THRUM_FOREVER), 0);
        dinner.counts[seat]++;
        dinner.counts[(seat + 1) % N]++;
        check_result(thrum_release_all(round % 3 == 0 ? two : other, 2), 0);
    }
    return 0;
}

TEST(whoever_names_them_in_whatever_order_nobody_is_stuck)
{
    int seats[N];
    thrum_thread *threads[N];
    listen();
    for (int i = 0; i < N; i++) {
        seats[i] = i;
        threads[i] = start(dine, &seats[i], NULL);
    }
    for (int i = 0; i < N; i++)
        check_int(finish(threads[i]), 0);
    for (int i = 0; i < N; i++)
        check_int(dinner.counts[i], 2L * ROUNDS(20000));
    check_int(told.reports, 0);
}

/* ---- Failure and fork ---- */

TEST(without_memory_nothing_is_taken)
{
    static thrum_lock locks[100];
    thrum_lock *all[100];
    for (int i = 0; i < 100; i++)
        all[i] = &locks[99 - i];
    bool failed = true;
    (void)thrum_token_set(NULL); /* this thread is known */
    for (unsigned n = 0; failed; n++) {
        fault_arm(FAULT_MEMORY, n);
        int result = thrum_acquire_all(all, 100, THRUM_NOWAIT);
        failed = fault_disarm();
        check_result(result, failed ? result : 0);
        check(result == 0 || result == -ENOMEM);
        for (int i = 0; i < 100; i++)
            check(thrum_lock_locked(&locks[i]) == (result == 0));
        if (result == 0)
            check_result(thrum_release_all(all, 100), 0);
    }
}

static void go_on_in_child(void *arg)
{
    struct table *table = arg;
    thrum_lock *high[2] = {&table->locks[2], &table->locks[3]}, *low[1] = {&table->locks[0]};
    listen();
    check_result(thrum_acquire_all(low, 1, THRUM_FOREVER), -EDEADLK);
    check_result(thrum_release_all(high, 2), 0);
    check_result(thrum_acquire_all(low, 1, THRUM_FOREVER), 0);
    check_result(thrum_release_all(low, 1), 0);
    check_int(told.reports, 1);
}

TEST(forked_child_holds_what_it_held)
{
    struct table table = {0};
    thrum_lock *high[2] = {&table.locks[2], &table.locks[3]};
    check_result(thrum_acquire_all(high, 2, THRUM_FOREVER), 0);
    check_int(in_child(go_on_in_child, &table), 0);
    check_result(thrum_release_all(high, 2), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_memory_nothing_is_taken), /* first: later there is room already */
        cmocka_unit_test(all_are_taken_and_given_back),
        cmocka_unit_test(any_number_can_be_taken),
        cmocka_unit_test(misuse_takes_nothing),
        cmocka_unit_test(who_runs_out_of_time_has_none),
        cmocka_unit_test(who_would_wait_for_himself_has_none),
        cmocka_unit_test(against_the_order_is_an_error_at_once_and_reported),
        cmocka_unit_test(in_order_more_can_be_taken),
        cmocka_unit_test(one_that_is_released_alone_is_forgotten),
        cmocka_unit_test(condition_keeps_its_place_in_the_order),
        cmocka_unit_test(whoever_names_them_in_whatever_order_nobody_is_stuck),
        cmocka_unit_test(forked_child_holds_what_it_held),
    };
    return cmocka_run_group_tests_name("acquire_all", tests, NULL, NULL);
}
