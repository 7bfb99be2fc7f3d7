/*
 * test_park.c - the parking lot: what it promises, with fake sleepers where the order of events
 * is the point, with threads where chance is
 */
#include "fake.h"

#include <unistd.h>

#define KEY(n) ((const void *)(uintptr_t)(0x10000 + (n)*4)) /* never read or written through */

/* ---- What one wait promises ---- */

static bool no(void *arg)
{
    (*(int *)arg)++;
    return false;
}

TEST(is_not_begun_when_validate_says_no)
{
    int asked = 0;
    struct park_call call = {.key = KEY(1), .validate = no, .arg = &asked, .deadline = OS_FOREVER};
    check_int(park(&call), PARK_CHANGED);
    check_int(asked, 1);
    check_int(unpark(KEY(1), 1, NULL, NULL), 0); /* nobody was left behind */
}

static int before;
static void count_before(void *arg)
{
    (void)arg;
    before++;
}

TEST(times_out_not_early_and_leaves_the_queue)
{
    before = 0;
    int64_t deadline = park_after(os_now(), 5 * MILLISECOND);
    struct park_call call = {.key = KEY(1), .before_sleep = count_before, .deadline = deadline};
    check_result(park(&call), THRUM_TIMEOUT);
    check(os_now() >= deadline);
    check_int(before, 1);
    check_int(unpark(KEY(1), 1, NULL, NULL), 0);
}

TEST(whose_time_is_over_still_shows_itself_first)
{
    /* Conditions rely on it: the lock is given back and taken again even by a wait of no time. */
    before = 0;
    struct park_call call = {.key = KEY(1), .before_sleep = count_before, .deadline = 0};
    check_result(park(&call), THRUM_TIMEOUT);
    check_int(before, 1);
}

static uintptr_t note(void *arg, const struct unparked *done)
{
    *(struct unparked *)arg = *done;
    return 77;
}

static void wake_one(struct fake *fake)
{
    check_int(unpark(KEY(1), 1, note, fake->arg), 1);
}

TEST(is_ended_by_unpark_with_its_word)
{
    struct unparked done;
    struct fake fake;
    fake_new(&fake, wake_one, &done);
    struct park_call call = {.key = KEY(1), .deadline = OS_FOREVER, .since = 5};
    check_result(park_as(&fake, &call), 0);
    check_int(call.ret_word, 77);
    check(!call.ret_moved);
    check_int(done.woken, 1);
    check(!done.more);
    check(done.favour);
    check_int(done.first->owner, fake.sleeper->owner);
    check_int(fake.wakes, 1);
    fake_free(&fake);
}

/* Where all have waited for long, one of them is favoured now and then. */
TEST(favours_are_seldom)
{
    struct unparked done;
    struct fake fake;
    fake_new(&fake, wake_one, &done);
    int64_t start = thrum_monotonic_ns(), favours = 0;
    for (int i = 0; i < 100; i++) {
        struct park_call call = {.key = KEY(1), .deadline = OS_FOREVER, .since = 5};
        check_result(park_as(&fake, &call), 0);
        favours += done.favour;
    }
    check(favours <= 2 + (thrum_monotonic_ns() - start) / MILLISECOND);
    struct park_call untold = {.key = KEY(1), .deadline = OS_FOREVER};
    check_result(park_as(&fake, &untold), 0);
    check(!done.favour);
    fake_free(&fake);
}

TEST(commit_is_called_where_nobody_waits)
{
    struct unparked done = {9, true, NULL, true, true};
    check_int(unpark(KEY(1), 3, note, &done), 0);
    check_int(done.woken, 0);
    check(!done.more);
}

/* The waker comes when the time is over, but before the wait has been taken out. */
static void wake_late(struct fake *fake)
{
    if (fake->sleeps == 1)
        check_int(unpark(KEY(1), 1, NULL, NULL), 1);
}

TEST(woken_as_the_time_ends_is_woken)
{
    struct fake fake;
    fake_new(&fake, wake_late, NULL);
    struct park_call call = {.key = KEY(1), .deadline = 1};
    check_result(park_as(&fake, &call), 0);
    fake_free(&fake);
}

/* ---- Many waits ---- */

/*
 * A tower of fake sleepers: each one's sleep parks the next, and the topmost runs the script. When
 * it returns, all come down again, each with its result.
 */
#define TOWER 2000

static struct tower {
    struct fake fakes[TOWER];
    const void *keys[TOWER];
    bool shared[TOWER];
    int results[TOWER];
    bool moved[TOWER];
    uintptr_t words[TOWER];
    int64_t deadline;
    size_t height, level;
    void (*script)(void);
} tower;

static void climb(struct fake *below)
{
    (void)below;
    size_t level = tower.level++;
    if (level == tower.height) {
        tower.script();
        return;
    }
    struct park_call call = {.key = tower.keys[level], .deadline = tower.deadline, .shared = tower.shared[level]};
    tower.results[level] = park_as(&tower.fakes[level], &call);
    tower.moved[level] = call.ret_moved;
    tower.words[level] = call.ret_word;
}

static void run_tower(size_t height, void (*script)(void), int64_t deadline)
{
    tower.height = height;
    tower.level = 0;
    tower.script = script;
    tower.deadline = deadline;
    for (size_t i = 0; i < height; i++)
        fake_new(&tower.fakes[i], climb, NULL);
    climb(NULL);
    for (size_t i = height; i-- > 0;)
        fake_free(&tower.fakes[i]);
}

static void wake_in_random_order(void)
{
    static size_t order[TOWER];
    unsigned seed = (unsigned)os_now();
    for (size_t i = 0; i < tower.height; i++)
        order[i] = i;
    for (size_t i = tower.height; i > 1; i--) {
        size_t other = (size_t)rand_r(&seed) % i, kept = order[i - 1];
        order[i - 1] = order[other];
        order[other] = kept;
    }
    for (size_t i = 0; i < tower.height; i++)
        check_int(unpark(tower.keys[order[i]], SIZE_MAX, NULL, NULL), 1);
}

TEST(on_different_addresses_are_woken_in_any_order)
{
    for (size_t i = 0; i < TOWER; i++)
        tower.keys[i] = KEY(i * 7);
    run_tower(TOWER, wake_in_random_order, OS_FOREVER);
    for (size_t i = 0; i < TOWER; i++)
        check_result(tower.results[i], 0);
}

static void wake_by_threes(void)
{
    struct unparked done;
    for (size_t left = 10; left > 0; left -= done.woken) {
        check_int(unpark(KEY(1), 3, note, &done), left < 3 ? left : 3);
        check_int(done.more, left > 3);
        /* Longest first: the first of those that are left. */
        check_int(done.first->owner, tower.fakes[10 - left].sleeper->owner);
    }
}

TEST(on_one_address_are_woken_longest_first)
{
    for (size_t i = 0; i < 10; i++)
        tower.keys[i] = KEY(1);
    run_tower(10, wake_by_threes, OS_FOREVER);
    for (size_t i = 0; i < 10; i++)
        check_result(tower.results[i], 0);
}

enum { ADDRESSES = 8 };

static void wake_each_address(void)
{
    struct unparked done;
    for (size_t i = ADDRESSES; i-- > 0;) {
        check_int(unpark(tower.keys[i], 1, note, &done), 1);
        check(done.more);
        check_int(done.first->owner, tower.fakes[i].sleeper->owner);
        check_int(unpark(tower.keys[i], SIZE_MAX, note, &done), 1);
        check_int(done.first->owner, tower.fakes[ADDRESSES + i].sleeper->owner);
        check_int(unpark(tower.keys[i], 1, note, &done), 0);
    }
}

/* Two waits each, and whoever comes second has to find the first behind all those of other addresses. */
TEST(on_addresses_that_share_a_bucket_are_told_apart)
{
    size_t found = 0;
    for (size_t i = 0; found < ADDRESSES; i++)
        if (park_bucket_of(KEY(i)) == park_bucket_of(KEY(0)))
            tower.keys[found++] = KEY(i);
    for (size_t i = 0; i < ADDRESSES; i++)
        tower.keys[ADDRESSES + i] = tower.keys[i];
    for (int round = 0; round < 3; round++) {
        run_tower(2 * ADDRESSES, wake_each_address, OS_FOREVER);
        for (size_t i = 0; i < 2 * ADDRESSES; i++)
            check_result(tower.results[i], 0);
    }
}

static void wake_by_groups(void)
{
    static const size_t groups[] = {2, 1, 1, 3, 1};
    struct unparked done;
    for (size_t i = 0, left = 8; i < 5; left -= groups[i++]) {
        if (!tower.shared[8 - left]) {
            check_int(unpark_shared(KEY(1), note, &done), 0);
            check(done.more && done.woken == 0 && !done.shared);
        }
        check_int((tower.shared[8 - left] ? unpark_shared : unpark_group)(KEY(1), note, &done), groups[i]);
        check_int(done.woken, groups[i]);
        check_int(done.shared, tower.shared[8 - left]);
        check_int(done.more, left > groups[i]);
        check_int(done.first->owner, tower.fakes[8 - left].sleeper->owner);
    }
    check_int(unpark_group(KEY(1), note, &done), 0);
    check(!done.more);
}

TEST(shared_ones_in_front_are_woken_as_a_group)
{
    static const bool shared[8] = {true, true, false, false, true, true, true, false};
    for (size_t i = 0; i < 8; i++) {
        tower.keys[i] = KEY(1);
        tower.shared[i] = shared[i];
    }
    run_tower(8, wake_by_groups, OS_FOREVER);
    for (size_t i = 0; i < 8; i++)
        check_result(tower.results[i], 0);
    memset(tower.shared, 0, sizeof tower.shared);
}

static void nothing(void)
{
}

TEST(time_out_in_any_place_of_the_queue)
{
    /* The topmost times out first, the first in the queue last. */
    for (size_t i = 0; i < 50; i++)
        tower.keys[i] = KEY(i % 3);
    run_tower(50, nothing, 1);
    for (size_t i = 0; i < 50; i++)
        check_result(tower.results[i], THRUM_TIMEOUT);
    for (size_t i = 0; i < 3; i++)
        check_int(unpark(KEY(i), 1, NULL, NULL), 0);
}

/* ---- Moving ---- */

struct moves {
    size_t moved;
    bool more;
};

static void note_moves(void *arg, size_t moved, bool more)
{
    *(struct moves *)arg = (struct moves){moved, more};
}

static void move_two_wake_all(void)
{
    struct moves moves;
    struct unparked done;
    check_int(unpark_requeue(KEY(1), KEY(2), 2, note_moves, &moves), 2);
    check_int(moves.moved, 2);
    check(moves.more);
    check_int(unpark(KEY(2), SIZE_MAX, note, &done), 2);
    check_int(done.first->owner, tower.fakes[0].sleeper->owner);
    check(!done.favour); /* it has wanted the new thing only since it was moved */
    check_int(unpark(KEY(1), SIZE_MAX, NULL, NULL), 1);
}

TEST(moved_are_woken_at_the_other_address)
{
    for (size_t i = 0; i < 3; i++)
        tower.keys[i] = KEY(1);
    run_tower(3, move_two_wake_all, OS_FOREVER);
    for (size_t i = 0; i < 3; i++) {
        check_result(tower.results[i], 0);
        check_int(tower.moved[i], i < 2);
        check_int(tower.words[i], i < 2 ? 77 : 0);
    }
}

static void move_all(void)
{
    struct moves moves;
    check_int(unpark_requeue(KEY(1), KEY(2), SIZE_MAX, note_moves, &moves), 3);
    check(!moves.more);
}

TEST(moved_that_times_out_leaves_the_new_queue)
{
    for (size_t i = 0; i < 3; i++)
        tower.keys[i] = KEY(1);
    run_tower(3, move_all, 1);
    for (size_t i = 0; i < 3; i++) {
        check_result(tower.results[i], THRUM_TIMEOUT);
        check(tower.moved[i]);
    }
    check_int(unpark(KEY(1), 1, NULL, NULL), 0);
    check_int(unpark(KEY(2), 1, NULL, NULL), 0);
}

TEST(moving_nobody_still_commits)
{
    struct moves moves = {9, true};
    check_int(unpark_requeue(KEY(1), KEY(2), 5, note_moves, &moves), 0);
    check_int(moves.moved, 0);
    check(!moves.more);
}

/* ---- Threads ---- */

#define WAITERS 4

static struct race {
    uint32_t woken, timed_out, over;
    size_t unparked;
} race;

static int wait_often(void *arg)
{
    unsigned seed = (unsigned)os_now();
    (void)arg;
    while (os_load_acquire(&race.over) == 0) {
        struct park_call call = {.key = KEY(rand_r(&seed) % 2),
                                 .deadline = park_after(os_now(), rand_r(&seed) % 20000)};
        int result = park(&call);
        check(result == 0 || result == THRUM_TIMEOUT);
        (void)os_add_relaxed(result == 0 ? &race.woken : &race.timed_out, 1);
    }
    return 0;
}

TEST(each_wake_is_received_once_whatever_times_out)
{
    thrum_thread *threads[WAITERS];
    struct moves moves;
    unsigned seed = (unsigned)os_now();
    race = (struct race){0};
    for (size_t i = 0; i < WAITERS; i++)
        threads[i] = start(wait_often, NULL, NULL);
    for (int round = 0; round < ROUNDS(20000); round++) {
        race.unparked += unpark(KEY(round % 2), 1 + (size_t)rand_r(&seed) % 2, NULL, NULL);
        if (round % 3 == 0)
            (void)unpark_requeue(KEY(0), KEY(1), 1, note_moves, &moves);
        if (round % 16 == 0)
            os_yield();
    }
    until(os_load_relaxed(&race.timed_out) > 0);
    os_store_release(&race.over, 1);
    for (size_t i = 0; i < WAITERS; i++)
        check_int(finish(threads[i]), 0);
    check_int(race.woken, race.unparked);
}

/* ---- Fork ---- */

static uint32_t word;

static int wait_for_word(void *arg)
{
    struct park_call call = {.key = &word, .deadline = OS_FOREVER};
    (void)arg;
    return park(&call);
}

static void child(void *arg)
{
    (void)arg;
    check_int(unpark(&word, SIZE_MAX, NULL, NULL), 0); /* those who wait are not here */
    /* Nor does anybody's record lead to a wait: it lay on a stack that is another's soon. */
    const struct sleeper *sleeper;
    for (uint32_t place = 0; (sleeper = sleeper_next(&place)) != NULL;)
        check(sleeper->waits_at == NULL);
    if (!THREADS_IN_CHILD)
        return;
    thrum_thread *thread = start(wait_for_word, NULL, NULL);
    until(unpark(&word, 1, NULL, NULL) == 1);
    check_int(finish(thread), 0);
}

TEST(lot_is_empty_in_a_forked_child)
{
    thrum_thread *thread = start(wait_for_word, NULL, NULL);
    settle(thrum_thread_native_id(thread));
    check_int(in_child(child, NULL), 0);
    until(unpark(&word, 1, NULL, NULL) == 1);
    check_int(finish(thread), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_not_begun_when_validate_says_no),
        cmocka_unit_test(times_out_not_early_and_leaves_the_queue),
        cmocka_unit_test(whose_time_is_over_still_shows_itself_first),
        cmocka_unit_test(is_ended_by_unpark_with_its_word),
        cmocka_unit_test(favours_are_seldom),
        cmocka_unit_test(commit_is_called_where_nobody_waits),
        cmocka_unit_test(woken_as_the_time_ends_is_woken),
        cmocka_unit_test(on_different_addresses_are_woken_in_any_order),
        cmocka_unit_test(on_one_address_are_woken_longest_first),
        cmocka_unit_test(on_addresses_that_share_a_bucket_are_told_apart),
        cmocka_unit_test(shared_ones_in_front_are_woken_as_a_group),
        cmocka_unit_test(time_out_in_any_place_of_the_queue),
        cmocka_unit_test(moved_are_woken_at_the_other_address),
        cmocka_unit_test(moved_that_times_out_leaves_the_new_queue),
        cmocka_unit_test(moving_nobody_still_commits),
        cmocka_unit_test(each_wake_is_received_once_whatever_times_out),
        cmocka_unit_test(lot_is_empty_in_a_forked_child),
    };
    return cmocka_run_group_tests_name("park", tests, NULL, NULL);
}
