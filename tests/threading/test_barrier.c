/*
 * test_barrier.c - threads that wait for each other
 */
#include "harness.h"

#define PARTIES 5

struct party {
    thrum_barrier barrier;
    thrum_timeout timeout;
    atomic_int actions, seen[PARTIES];
    int rounds, result;
};

static int act(void *arg)
{
    struct party *party = arg;
    check_int(thrum_barrier_n_waiting(&party->barrier), thrum_barrier_parties(&party->barrier));
    atomic_fetch_add(&party->actions, 1);
    return party->result;
}

static int meet(void *arg)
{
    struct party *party = arg;
    size_t index = 77;
    int result = thrum_barrier_wait(&party->barrier, &index, party->timeout);
    check((result == 0) == (index != 77)); /* untouched on failure */
    if (result == 0)
        atomic_fetch_add(&party->seen[index], 1);
    return result;
}

static void start_some(struct party *party, thrum_thread **threads, size_t n)
{
    for (size_t i = 0; i < n; i++)
        threads[i] = start(meet, party, NULL);
    until(thrum_barrier_n_waiting(&party->barrier) == n);
}

/* It can be used by all its parties. */
static void check_whole(struct party *party)
{
    thrum_thread *threads[PARTIES];
    size_t n = thrum_barrier_parties(&party->barrier);
    check(!thrum_barrier_broken(&party->barrier));
    for (size_t i = 0; i < n; i++)
        threads[i] = start(meet, party, NULL);
    for (size_t i = 0; i < n; i++)
        check_result(finish(threads[i]), 0);
    check_int(thrum_barrier_n_waiting(&party->barrier), 0);
}

TEST(all_go_on_when_all_have_come_each_with_its_index)
{
    struct party party = {.barrier = THRUM_BARRIER_INIT(PARTIES)};
    thrum_thread *threads[PARTIES];
    size_t index = 0;
    check_int(thrum_barrier_parties(&party.barrier), PARTIES);
    start_some(&party, threads, PARTIES - 1);
    check_result(thrum_barrier_wait(&party.barrier, &index, THRUM_FOREVER), 0);
    check_int(index, PARTIES - 1);
    for (size_t i = 0; i < PARTIES - 1; i++)
        check_result(finish(threads[i]), 0);
    for (size_t i = 0; i < PARTIES; i++)
        check_int(party.seen[i], i < PARTIES - 1);
    check_int(thrum_barrier_n_waiting(&party.barrier), 0);
    check_whole(&party);
}

TEST(one_party_never_waits)
{
    struct party party = {.result = 0};
    check_result(thrum_barrier_init(&party.barrier, 1, .action = act, .arg = &party, .name = "alone"), 0);
    for (int i = 0; i < 3; i++)
        check_result(thrum_barrier_wait(&party.barrier, NULL, THRUM_NOWAIT), 0);
    check_int(party.actions, 3);
}

TEST(bad_input_is_refused)
{
    thrum_barrier barrier, zero;
    memset(&zero, 0, sizeof zero);
    check_result(thrum_barrier_wait(&zero, NULL, THRUM_FOREVER), -EINVAL);
    check_result(thrum_barrier_init(&barrier, 0), -EINVAL);
    check_result(thrum_barrier_init(&barrier, (size_t)-1), -EINVAL);
    check_result(thrum_barrier_init(&barrier, (size_t)THRUM_PARTIES_MAX + 1), -EINVAL);
    check_result(thrum_barrier_init(&barrier, 2, .timeout = thrum_seconds(-1)), -EINVAL);
    check_result(thrum_barrier_init_with(&barrier, 2, NULL), 0);
    check_result(thrum_barrier_wait(&barrier, NULL, thrum_seconds(-1)), -EINVAL);
    check_result(thrum_barrier_wait(&barrier, NULL, thrum_seconds(0.0 / 0.0)), -EINVAL);
    check_int(thrum_barrier_n_waiting(&barrier), 0);
    check(!thrum_barrier_broken(&barrier));
    check_result(thrum_barrier_init(NULL, 2), -EINVAL);
    check_result(thrum_barrier_wait(NULL, NULL, THRUM_FOREVER), -EINVAL);
    thrum_barrier_reset(NULL);
    thrum_barrier_abort(NULL);
    check_int(thrum_barrier_parties(NULL) + thrum_barrier_n_waiting(NULL), 0);
    check(!thrum_barrier_broken(NULL));
}

/* ---- Action ---- */

TEST(one_runs_the_action_before_any_goes_on)
{
    struct party party = {.result = 0};
    thrum_thread *threads[PARTIES];
    check_result(thrum_barrier_init(&party.barrier, PARTIES, .action = act, .arg = &party), 0);
    start_some(&party, threads, PARTIES - 1);
    check_int(party.actions, 0);
    check_result(thrum_barrier_wait(&party.barrier, NULL, THRUM_FOREVER), 0);
    check_int(party.actions, 1);
    for (size_t i = 0; i < PARTIES - 1; i++)
        check_result(finish(threads[i]), 0);
    check_whole(&party);
    check_int(party.actions, 2);
}

TEST(an_action_that_fails_breaks_it)
{
    struct party party = {.result = -EIO};
    thrum_thread *threads[PARTIES];
    check_result(thrum_barrier_init(&party.barrier, PARTIES, .action = act, .arg = &party), 0);
    start_some(&party, threads, PARTIES - 1);
    check_result(thrum_barrier_wait(&party.barrier, NULL, THRUM_FOREVER), -EIO);
    for (size_t i = 0; i < PARTIES - 1; i++)
        check_result(finish(threads[i]), THRUM_BROKEN);
    check(thrum_barrier_broken(&party.barrier));
    check_result(thrum_barrier_wait(&party.barrier, NULL, THRUM_FOREVER), THRUM_BROKEN);
    check_int(party.actions, 1);
    party.result = 0;
    thrum_barrier_reset(&party.barrier);
    check_whole(&party);
}

static int use_it_inside(void *arg)
{
    thrum_barrier *barrier = arg;
    check_result(thrum_barrier_wait(barrier, NULL, THRUM_FOREVER), -EDEADLK);
    check_result(thrum_barrier_wait(barrier, NULL, THRUM_NOWAIT), -EDEADLK);
    return 0;
}

TEST(to_wait_in_its_action_is_a_deadlock)
{
    thrum_barrier barrier;
    check_result(thrum_barrier_init(&barrier, 1, .action = use_it_inside, .arg = &barrier), 0);
    check_result(thrum_barrier_wait(&barrier, NULL, THRUM_FOREVER), 0);
}

static int abort_inside(void *arg)
{
    thrum_barrier_abort(arg);
    return 0;
}

static int reset_inside(void *arg)
{
    thrum_barrier_reset(arg);
    return 0;
}

TEST(an_action_may_break_or_reset_it)
{
    for (int reset = 0; reset < 2; reset++) {
        struct party party = {.result = 0};
        thrum_thread *thread;
        check_result(
            thrum_barrier_init(&party.barrier, 2, .action = reset ? reset_inside : abort_inside, .arg = &party.barrier),
            0);
        start_some(&party, &thread, 1);
        check_result(thrum_barrier_wait(&party.barrier, NULL, THRUM_FOREVER), THRUM_BROKEN);
        check_result(finish(thread), THRUM_BROKEN);
        check_int(thrum_barrier_broken(&party.barrier), !reset);
    }
}

struct slow {
    struct party party;
    thrum_event begun, go_on;
};

static int act_slowly(void *arg)
{
    struct slow *slow = arg;
    thrum_event_set(&slow->begun);
    check_result(thrum_event_wait(&slow->go_on, THRUM_FOREVER), 0);
    return 0;
}

/* All have come, so no time-out and no cancelling ends it; who comes meanwhile is of the next round. */
TEST(nobody_gives_up_while_the_action_runs)
{
    struct slow slow = {.party.timeout = thrum_seconds(0.3)};
    thrum_token *token;
    check_result(thrum_token_new(&token), 0);
    check_result(thrum_barrier_init(&slow.party.barrier, 3, .action = act_slowly, .arg = &slow), 0);
    thrum_thread *brief = start(meet, &slow.party, NULL), *cancelled = start(meet, &slow.party, token);
    until(thrum_barrier_n_waiting(&slow.party.barrier) == 2 || thrum_barrier_broken(&slow.party.barrier));
    thrum_thread *last = start(meet, &slow.party, NULL);
    until(thrum_event_is_set(&slow.begun) || thrum_barrier_broken(&slow.party.barrier));
    bool in_time = thrum_event_is_set(&slow.begun); /* else the machine was too slow */
    if (in_time) {
        thrum_token_cancel(token);
        settle(thrum_thread_native_id(cancelled));
        int64_t end = thrum_monotonic_ns() + 310 * MILLISECOND;
        until(thrum_monotonic_ns() > end);
        thrum_thread *next = start(meet, &slow.party, NULL);
        settle(thrum_thread_native_id(next));
        check_int(thrum_barrier_n_waiting(&slow.party.barrier), 3);
        thrum_event_set(&slow.go_on);
        check_result(finish(next), THRUM_TIMEOUT);
    }
    int results = (finish(brief) == 0) + (finish(cancelled) == 0) + (finish(last) == 0);
    check_int(results, in_time ? 3 : 0);
    thrum_token_free(token);
}

/* ---- Giving up ---- */

TEST(a_time_out_breaks_it_for_all)
{
    struct party party = {.barrier = THRUM_BARRIER_INIT(PARTIES)};
    thrum_thread *threads[PARTIES];
    start_some(&party, threads, PARTIES - 2);
    int64_t before = thrum_monotonic_ns();
    check_result(thrum_barrier_wait(&party.barrier, NULL, thrum_seconds(0.02)), THRUM_TIMEOUT);
    check(thrum_monotonic_ns() - before >= 20 * MILLISECOND);
    for (size_t i = 0; i < PARTIES - 2; i++)
        check_result(finish(threads[i]), THRUM_BROKEN);
    check(thrum_barrier_broken(&party.barrier));
    check_int(thrum_barrier_n_waiting(&party.barrier), 0);
    check_result(thrum_barrier_wait(&party.barrier, NULL, THRUM_FOREVER), THRUM_BROKEN);
    thrum_barrier_reset(&party.barrier);
    check_result(thrum_barrier_wait(&party.barrier, NULL, THRUM_NOWAIT), THRUM_TIMEOUT);
    check(thrum_barrier_broken(&party.barrier));
}

TEST(its_own_time_out_is_for_waits_without_one)
{
    thrum_barrier barrier;
    check_result(thrum_barrier_init(&barrier, 2, .timeout = thrum_seconds(0.01)), 0);
    check_result(thrum_barrier_wait(&barrier, NULL, THRUM_FOREVER), THRUM_TIMEOUT);
    thrum_barrier_reset(&barrier);
    int64_t before = thrum_monotonic_ns();
    check_result(thrum_barrier_wait(&barrier, NULL, thrum_seconds(0.05)), THRUM_TIMEOUT);
    check(thrum_monotonic_ns() - before >= 50 * MILLISECOND);
}

TEST(who_is_cancelled_breaks_it_for_all)
{
    struct party party = {.barrier = THRUM_BARRIER_INIT(4)};
    thrum_thread *threads[2];
    thrum_token *token;
    check_result(thrum_token_new(&token), 0);
    start_some(&party, threads, 2);
    thrum_thread *cancelled = start(meet, &party, token);
    until(thrum_barrier_n_waiting(&party.barrier) == 3);
    thrum_token_cancel(token);
    check_result(finish(cancelled), THRUM_CANCELLED);
    for (size_t i = 0; i < 2; i++)
        check_result(finish(threads[i]), THRUM_BROKEN);
    thrum_barrier_reset(&party.barrier);
    start_some(&party, threads, 2);
    check_result(finish(start(meet, &party, token)), THRUM_CANCELLED); /* it was before it came */
    for (size_t i = 0; i < 2; i++)
        check_result(finish(threads[i]), THRUM_BROKEN);
    thrum_barrier_reset(&party.barrier);
    thrum_thread *three[3];
    start_some(&party, three, 3);
    check_result(finish(start(meet, &party, token)), 0); /* the last to come does not wait */
    for (size_t i = 0; i < 3; i++)
        check_result(finish(three[i]), 0);
    thrum_token_free(token);
}

TEST(abort_leaves_it_broken_and_reset_makes_it_as_new)
{
    struct party party = {.barrier = THRUM_BARRIER_INIT(PARTIES)};
    thrum_thread *threads[PARTIES];
    start_some(&party, threads, PARTIES - 1);
    thrum_barrier_abort(&party.barrier);
    for (size_t i = 0; i < PARTIES - 1; i++)
        check_result(finish(threads[i]), THRUM_BROKEN);
    check(thrum_barrier_broken(&party.barrier));
    thrum_barrier_reset(&party.barrier);
    start_some(&party, threads, PARTIES - 1);
    thrum_barrier_reset(&party.barrier);
    for (size_t i = 0; i < PARTIES - 1; i++)
        check_result(finish(threads[i]), THRUM_BROKEN);
    check_whole(&party);
}

/* ---- Many ---- */

static int meet_often(void *arg)
{
    struct party *party = arg;
    for (int i = 0; i < party->rounds; i++) {
        size_t index;
        check_result(thrum_barrier_wait(&party->barrier, &index, i % 2 ? THRUM_FOREVER : thrum_seconds(100)), 0);
        atomic_fetch_add(&party->seen[index], 1);
    }
    return 0;
}

TEST(rounds_do_not_mix)
{
    struct party party = {.rounds = ROUNDS(3000)};
    thrum_thread *threads[PARTIES];
    check_result(thrum_barrier_init(&party.barrier, PARTIES, .action = act, .arg = &party), 0);
    for (size_t i = 0; i < PARTIES; i++)
        threads[i] = start(meet_often, &party, NULL);
    for (size_t i = 0; i < PARTIES; i++)
        check_result(finish(threads[i]), 0);
    check_int(party.actions, party.rounds);
    for (size_t i = 0; i < PARTIES; i++)
        check_int(party.seen[i], party.rounds);
}

static int meet_on_heap(void *arg)
{
    struct party *party = arg;
    int result = thrum_barrier_wait(&party->barrier, NULL, THRUM_FOREVER);
    if (atomic_fetch_add(&party->actions, 1) == PARTIES - 1)
        free(party);
    return result;
}

TEST(it_may_go_as_soon_as_all_waits_have_returned)
{
    for (int round = 0; round < ROUNDS(500); round++) {
        struct party *party = calloc(1, sizeof *party);
        thrum_thread *threads[PARTIES];
        check_result(thrum_barrier_init(&party->barrier, PARTIES), 0);
        for (size_t i = 0; i < PARTIES; i++)
            threads[i] = start(meet_on_heap, party, NULL);
        for (size_t i = 0; i < PARTIES; i++)
            check_result(finish(threads[i]), 0);
    }
}

struct chaos {
    struct party party;
    atomic_int results[9];
};

static int meet_or_not(void *arg)
{
    struct chaos *chaos = arg;
    for (int i = 0; i < chaos->party.rounds; i++) {
        int result = thrum_barrier_wait(&chaos->party.barrier, NULL, thrum_seconds(i % 3 ? 1e-3 : 1e-5));
        check(result == 0 || result == THRUM_TIMEOUT || result == THRUM_BROKEN);
        atomic_fetch_add(&chaos->results[result], 1);
        if (result != 0)
            thrum_barrier_reset(&chaos->party.barrier);
    }
    return 0;
}

/* Time-outs and resets at any moment: nobody is left behind, and who passes does not pass alone. */
TEST(time_outs_and_resets_leave_nobody_behind)
{
    struct chaos chaos = {.party = {.barrier = THRUM_BARRIER_INIT(2), .rounds = ROUNDS(5000)}};
    thrum_thread *threads[PARTIES];
    for (size_t i = 0; i < PARTIES; i++)
        threads[i] = start(meet_or_not, &chaos, NULL);
    for (size_t i = 0; i < PARTIES; i++)
        check_result(finish(threads[i]), 0);
    check_int(chaos.results[0] % 2, 0);
}

/* ---- A thread that is new to thrum, and a child ---- */

static bool arrive(void *barrier, unsigned n)
{
    fault_arm(FAULT_MEMORY, n);
    int result = thrum_barrier_wait(barrier, NULL, thrum_seconds(0.0001));
    bool came_to_it = fault_disarm();
    check_result(result, came_to_it ? -EAGAIN : THRUM_TIMEOUT);
    check_int(thrum_barrier_broken(barrier), !came_to_it);
    check_int(thrum_barrier_n_waiting(barrier), 0);
    return came_to_it;
}

TEST(a_newcomer_without_memory_is_told_to_try_again)
{
    thrum_barrier barrier = THRUM_BARRIER_INIT(2);
    fault_each_newcomer(arrive, &barrier);
}

static void use_in_child(void *arg)
{
    struct party *party = arg;
    check_int(thrum_barrier_n_waiting(&party->barrier), 0);
    check_result(thrum_barrier_wait(&party->barrier, NULL, THRUM_NOWAIT), THRUM_TIMEOUT);
    thrum_barrier_reset(&party->barrier);
    if (THREADS_IN_CHILD)
        check_whole(party);
}

TEST(in_a_child_nobody_has_come)
{
    struct party party = {.barrier = THRUM_BARRIER_INIT(3)};
    thrum_thread *threads[2];
    start_some(&party, threads, 2);
    for (size_t i = 0; i < 2; i++)
        settle(thrum_thread_native_id(threads[i]));
    check_int(in_child(use_in_child, &party), 0);
    check_result(thrum_barrier_wait(&party.barrier, NULL, THRUM_FOREVER), 0);
    for (size_t i = 0; i < 2; i++)
        check_result(finish(threads[i]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_newcomer_without_memory_is_told_to_try_again),
        cmocka_unit_test(all_go_on_when_all_have_come_each_with_its_index),
        cmocka_unit_test(one_party_never_waits),
        cmocka_unit_test(bad_input_is_refused),
        cmocka_unit_test(one_runs_the_action_before_any_goes_on),
        cmocka_unit_test(an_action_that_fails_breaks_it),
        cmocka_unit_test(to_wait_in_its_action_is_a_deadlock),
        cmocka_unit_test(an_action_may_break_or_reset_it),
        cmocka_unit_test(nobody_gives_up_while_the_action_runs),
        cmocka_unit_test(a_time_out_breaks_it_for_all),
        cmocka_unit_test(its_own_time_out_is_for_waits_without_one),
        cmocka_unit_test(who_is_cancelled_breaks_it_for_all),
        cmocka_unit_test(abort_leaves_it_broken_and_reset_makes_it_as_new),
        cmocka_unit_test(rounds_do_not_mix),
        cmocka_unit_test(it_may_go_as_soon_as_all_waits_have_returned),
        cmocka_unit_test(time_outs_and_resets_leave_nobody_behind),
        cmocka_unit_test(in_a_child_nobody_has_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
