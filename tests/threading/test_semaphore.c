/*
 * test_semaphore.c - a count of permits
 */
#include "harness.h"

#define THREADS 8

/* How many can be taken now without waiting. They are given back. */
static unsigned permits(thrum_semaphore *semaphore)
{
    unsigned n = 0;
    while (thrum_semaphore_acquire(semaphore, THRUM_NOWAIT) == 0)
        n++;
    if (n > 0)
        check_result(thrum_semaphore_release(semaphore, n), 0);
    return n;
}

TEST(there_are_as_many_as_at_first_and_released)
{
    thrum_semaphore semaphore = THRUM_SEMAPHORE_INIT(3), zero;
    memset(&zero, 0, sizeof zero);
    check_int(permits(&zero), 0);
    check_int(permits(&semaphore), 3);
    check_result(thrum_semaphore_acquire(&semaphore, THRUM_FOREVER), 0);
    check_int(permits(&semaphore), 2);
    check_result(thrum_semaphore_release(&semaphore, 5), 0);
    check_int(permits(&semaphore), 7);
}

TEST(init_does_the_same_and_refuses_bad_counts)
{
    thrum_semaphore semaphore;
    check_result(thrum_semaphore_init(&semaphore, 3), 0);
    check_int(permits(&semaphore), 3);
    check_result(thrum_semaphore_release(&semaphore, 1), 0);
    check_result(thrum_semaphore_init(&semaphore, 3, .bounded = true, .name = "doors"), 0);
    check_result(thrum_semaphore_release(&semaphore, 1), -EOVERFLOW);
    check_int(permits(&semaphore), 3);
    check_result(thrum_semaphore_init(&semaphore, (size_t)-1), -EINVAL);
    check_result(thrum_semaphore_init(&semaphore, (size_t)THRUM_SEMAPHORE_MAX + 1), -EINVAL);
    thrum_semaphore_options unknown = {.reserved_ = 1};
    check_result(thrum_semaphore_init_with(&semaphore, 1, &unknown), -EINVAL);
    check_int(permits(&semaphore), 3);
    check_result(thrum_semaphore_init(&semaphore, THRUM_SEMAPHORE_MAX, .bounded = true), 0);
    check_result(thrum_semaphore_release(&semaphore, 1), -EOVERFLOW);
    check_result(thrum_semaphore_init_with(&semaphore, 0, NULL), 0);
    check_int(permits(&semaphore), 0);
}

TEST(none_is_had_in_time)
{
    thrum_semaphore semaphore = THRUM_SEMAPHORE_INIT(0);
    check_result(thrum_semaphore_acquire(&semaphore, THRUM_NOWAIT), THRUM_TIMEOUT);
    int64_t before = thrum_monotonic_ns();
    check_result(thrum_semaphore_acquire(&semaphore, thrum_seconds(0.02)), THRUM_TIMEOUT);
    check(thrum_monotonic_ns() - before >= 20 * MILLISECOND);
    check_result(thrum_semaphore_acquire(&semaphore, thrum_seconds(-1)), -EINVAL);
    check_int(permits(&semaphore), 0);
}

TEST(too_many_are_refused)
{
    thrum_semaphore semaphore = THRUM_SEMAPHORE_INIT(1), bounded = THRUM_BOUNDED_SEMAPHORE_INIT(3);
    check_result(thrum_semaphore_release(&semaphore, 0), -EINVAL);
    check_result(thrum_semaphore_release(&bounded, 0), -EINVAL);
    check_result(thrum_semaphore_release(&bounded, 1), -EOVERFLOW);
    check_result(thrum_semaphore_acquire(&bounded, THRUM_FOREVER), 0);
    check_result(thrum_semaphore_acquire(&bounded, THRUM_FOREVER), 0);
    check_result(thrum_semaphore_release(&bounded, 3), -EOVERFLOW);
    check_result(thrum_semaphore_release(&bounded, UINT32_MAX), -EOVERFLOW);
    check_int(permits(&bounded), 1);
    check_result(thrum_semaphore_release(&bounded, 2), 0);
    check_int(permits(&bounded), 3);
    thrum_semaphore never = THRUM_BOUNDED_SEMAPHORE_INIT(0);
    check_result(thrum_semaphore_release(&never, 1), -EOVERFLOW);
    check_result(thrum_semaphore_release(&never, UINT32_MAX), -EOVERFLOW);
    check_int(permits(&never), 0);

    thrum_semaphore none = THRUM_BOUNDED_SEMAPHORE_INIT(0);
    check_result(thrum_semaphore_release(&none, 1), -EOVERFLOW);
    check_int(permits(&none), 0);

    check_result(thrum_semaphore_release(&semaphore, THRUM_SEMAPHORE_MAX), -EOVERFLOW);
    check_result(thrum_semaphore_release(&semaphore, UINT32_MAX), -EOVERFLOW);
    check_int(permits(&semaphore), 1);
    check_result(thrum_semaphore_release(&semaphore, THRUM_SEMAPHORE_MAX - 1), 0);
    check_result(thrum_semaphore_release(&semaphore, 1), -EOVERFLOW);
    check_result(thrum_semaphore_acquire(&semaphore, THRUM_NOWAIT), 0);
    check_result(thrum_semaphore_release(&semaphore, 1), 0);
    check_result(thrum_semaphore_release(&semaphore, 1), -EOVERFLOW);
}

/* ---- Many threads ---------------------------------------------------------------- */

struct club {
    thrum_semaphore doors;
    int rounds;
    atomic_int inside, most, visits;
};

static void visit(struct club *club)
{
    int inside = atomic_fetch_add(&club->inside, 1) + 1, most = atomic_load(&club->most);
    while (inside > most && !atomic_compare_exchange_weak(&club->most, &most, inside))
        continue;
    atomic_fetch_add(&club->visits, 1);
    atomic_fetch_sub(&club->inside, 1);
}

static int visit_often(void *arg)
{
    struct club *club = arg;
    for (int i = 0; i < club->rounds;) {
        int result = thrum_semaphore_acquire(&club->doors, i % 3 ? THRUM_FOREVER : thrum_seconds(1e-5));
        if (result == THRUM_TIMEOUT)
            continue;
        check_result(result, 0);
        visit(club);
        check_result(thrum_semaphore_release(&club->doors, 1), 0);
        i++;
    }
    return 0;
}

TEST(never_more_inside_than_there_are)
{
    for (int capacity = 1; capacity <= 4; capacity++) {
        struct club club = {.rounds = ROUNDS(10000)};
        check_result(thrum_semaphore_init(&club.doors, (size_t)capacity, .bounded = true), 0);
        thrum_thread *threads[THREADS];
        for (size_t i = 0; i < THREADS; i++)
            threads[i] = start(visit_often, &club, NULL);
        for (size_t i = 0; i < THREADS; i++)
            check_int(finish(threads[i]), 0);
        check(atomic_load(&club.most) <= capacity);
        check_int(atomic_load(&club.visits), THREADS * club.rounds);
        check_int(permits(&club.doors), capacity);
    }
}

struct supply {
    thrum_semaphore permits;
    int rounds;
};

static int release_often(void *arg)
{
    struct supply *supply = arg;
    for (int i = 0; i < supply->rounds; i++)
        check_result(thrum_semaphore_release(&supply->permits, 1), 0);
    return 0;
}

static int acquire_often(void *arg)
{
    struct supply *supply = arg;
    for (int i = 0; i < supply->rounds; i++)
        check_result(thrum_semaphore_acquire(&supply->permits, THRUM_FOREVER), 0);
    return 0;
}

/* Many release at once, while few or none wait: each of their permits counts. */
TEST(permits_add_up)
{
    for (int round = 0; round < ROUNDS(20); round++) {
        struct supply supply = {.rounds = ROUNDS(20000)};
        thrum_thread *threads[THREADS];
        for (size_t i = 0; i < THREADS; i++)
            threads[i] = start(i % 2 ? release_often : acquire_often, &supply, NULL);
        for (size_t i = 0; i < THREADS; i++)
            check_int(finish(threads[i]), 0);
        check_int(permits(&supply.permits), 0);
    }
}

static int take_one(void *semaphore)
{
    return thrum_semaphore_acquire(semaphore, THRUM_FOREVER);
}

TEST(a_release_of_many_lets_as_many_through)
{
    for (int round = 0; round < ROUNDS(200); round++) {
        thrum_semaphore semaphore = THRUM_SEMAPHORE_INIT(0);
        thrum_thread *threads[THREADS];
        for (size_t i = 0; i < THREADS; i++)
            threads[i] = start(take_one, &semaphore, NULL);
        check_result(thrum_semaphore_release(&semaphore, 3), 0);
        check_result(thrum_semaphore_release(&semaphore, THREADS - 3 + 2), 0);
        for (size_t i = 0; i < THREADS; i++)
            check_result(finish(threads[i]), 0);
        check_int(permits(&semaphore), 2);
    }
}

struct line {
    thrum_semaphore semaphore;
    atomic_int served;
    int order[THREADS]; /* who was served */
};

struct place {
    struct line *line;
    int number;
};

static int stand_in_line(void *arg)
{
    struct place *place = arg;
    struct line *line = place->line;
    int result = thrum_semaphore_acquire(&line->semaphore, THRUM_FOREVER);
    int before = atomic_load(&line->served);
    line->order[before] = place->number; /* one at a time: the releasing thread waits for us */
    atomic_store(&line->served, before + 1);
    return result;
}

/* Permits go to those that wait, longest first, before anybody else can take them. */
TEST(who_waits_longest_is_first)
{
    for (int round = 0; round < ROUNDS(40); round++) {
        struct line line = {.semaphore = THRUM_SEMAPHORE_INIT(0)};
        struct place places[THREADS];
        thrum_thread *threads[THREADS];
        for (int i = 0; i < THREADS; i++) {
            places[i] = (struct place){&line, i};
            threads[i] = start(stand_in_line, &places[i], NULL);
            await_wait(thrum_thread_native_id(threads[i]));
        }
        for (int i = 0; i < THREADS; i++) {
            check_result(thrum_semaphore_release(&line.semaphore, 1), 0);
            check_result(thrum_semaphore_acquire(&line.semaphore, THRUM_NOWAIT), THRUM_TIMEOUT);
            until(atomic_load(&line.served) == i + 1);
            check_int(line.order[i], i);
        }
        for (int i = 0; i < THREADS; i++)
            check_result(finish(threads[i]), 0);
    }
}

/* ---- Cancelling -------------------------------------------------------------------- */

TEST(a_cancelled_wait_takes_none)
{
    thrum_semaphore semaphore = THRUM_SEMAPHORE_INIT(0);
    thrum_token *token;
    check_result(thrum_token_new(&token), 0);
    thrum_thread *threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        threads[i] = start(take_one, &semaphore, i % 2 ? token : NULL);
    settle(thrum_thread_native_id(threads[THREADS - 1]));
    thrum_token_cancel(token);
    for (size_t i = 1; i < THREADS; i += 2)
        check_result(finish(threads[i]), THRUM_CANCELLED);
    check_result(thrum_semaphore_release(&semaphore, THREADS / 2), 0);
    for (size_t i = 0; i < THREADS; i += 2)
        check_result(finish(threads[i]), 0);
    check_int(permits(&semaphore), 0);
    thrum_token_free(token);
}

struct race {
    thrum_semaphore semaphore;
    thrum_event begin;
    thrum_timeout timeout;
};

static int race_for_one(void *arg)
{
    struct race *race = arg;
    int result = thrum_event_wait(&race->begin, THRUM_FOREVER);
    return result ? result : thrum_semaphore_acquire(&race->semaphore, race->timeout);
}

/* Whoever loses the race, its permit is not lost: taken ones and those left are all that were released. */
static void race_with_release(thrum_timeout timeout, bool cancel)
{
    for (int round = 0; round < ROUNDS(400); round++) {
        struct race race = {.timeout = timeout};
        thrum_token *tokens[THREADS];
        thrum_thread *threads[THREADS];
        unsigned taken = 0;
        for (size_t i = 0; i < THREADS; i++) {
            check_result(thrum_token_new(&tokens[i]), 0);
            threads[i] = start(race_for_one, &race, tokens[i]);
        }
        thrum_event_set(&race.begin);
        for (size_t i = 0; i < THREADS; i++) {
            check_result(thrum_semaphore_release(&race.semaphore, 1), 0);
            if (cancel)
                thrum_token_cancel(tokens[i]);
        }
        for (size_t i = 0; i < THREADS; i++) {
            int result = finish(threads[i]);
            check(result == 0 || result == (cancel ? THRUM_CANCELLED : THRUM_TIMEOUT));
            taken += result == 0;
            thrum_token_free(tokens[i]);
        }
        check_int(permits(&race.semaphore), THREADS - taken);
    }
}

TEST(no_permit_is_lost_in_a_race)
{
    race_with_release(THRUM_FOREVER, true);
    race_with_release(thrum_seconds(2e-5), false);
    race_with_release(THRUM_NOWAIT, false);
}

/* ---- A thread that is new to thrum, and a child ---------------------------------------- */

static bool arrive(void *semaphore, unsigned n)
{
    fault_arm(FAULT_MEMORY, n);
    int result = thrum_semaphore_acquire(semaphore, thrum_seconds(0.0001));
    bool came_to_it = fault_disarm();
    check_result(result, came_to_it ? -EAGAIN : THRUM_TIMEOUT);
    return came_to_it;
}

TEST(a_newcomer_without_memory_is_told_to_try_again)
{
    thrum_semaphore semaphore = {0};
    fault_each_newcomer(arrive, &semaphore);
    check_int(permits(&semaphore), 0);
}

static void use_in_child(void *arg)
{
    thrum_semaphore *semaphore = arg;
    check_result(thrum_semaphore_release(semaphore, 2), 0);
    check_int(permits(semaphore), 2); /* those that waited are gone and took none */
    check_result(thrum_semaphore_acquire(semaphore, THRUM_FOREVER), 0);
    check_result(thrum_semaphore_acquire(semaphore, THRUM_FOREVER), 0);
    if (!THREADS_IN_CHILD)
        return;
    thrum_thread *thread = start(take_one, semaphore, NULL);
    settle(thrum_thread_native_id(thread));
    check_result(thrum_semaphore_release(semaphore, 1), 0);
    check_result(finish(thread), 0);
}

TEST(the_child_can_use_one_that_others_waited_for)
{
    thrum_semaphore semaphore = THRUM_SEMAPHORE_INIT(0);
    thrum_thread *threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        threads[i] = start(take_one, &semaphore, NULL);
    for (size_t i = 0; i < THREADS; i++)
        settle(thrum_thread_native_id(threads[i]));
    check_int(in_child(use_in_child, &semaphore), 0);
    check_result(thrum_semaphore_release(&semaphore, THREADS), 0);
    for (size_t i = 0; i < THREADS; i++)
        check_result(finish(threads[i]), 0);
    check_int(permits(&semaphore), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_newcomer_without_memory_is_told_to_try_again),
        cmocka_unit_test(there_are_as_many_as_at_first_and_released),
        cmocka_unit_test(init_does_the_same_and_refuses_bad_counts),
        cmocka_unit_test(none_is_had_in_time),
        cmocka_unit_test(too_many_are_refused),
        cmocka_unit_test(never_more_inside_than_there_are),
        cmocka_unit_test(permits_add_up),
        cmocka_unit_test(a_release_of_many_lets_as_many_through),
        cmocka_unit_test(who_waits_longest_is_first),
        cmocka_unit_test(a_cancelled_wait_takes_none),
        cmocka_unit_test(no_permit_is_lost_in_a_race),
        cmocka_unit_test(the_child_can_use_one_that_others_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
