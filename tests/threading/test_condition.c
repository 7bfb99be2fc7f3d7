/*
 * test_condition.c - waiting until something has changed
 *
 * A waiter that has counted itself under the lock waits by the time that somebody else
 * has the lock: wait gives it back in one step. So most of these tests are exact.
 */
#include "harness.h"

#define WAITERS 8

/* Waiters at one condition, counted under its lock. */
struct hall {
    thrum_condition condition;
    thrum_timeout timeout;
    int waiting, woken, late, cancelled;
    int order[WAITERS + 1]; /* the number of each that woke */
};

struct waiter {
    struct hall *hall;
    int number;
    thrum_thread *thread;
};

static int wait_once(void *arg)
{
    struct waiter *waiter = arg;
    struct hall *hall = waiter->hall;
    check_result(thrum_condition_acquire(&hall->condition, THRUM_FOREVER), 0);
    hall->waiting++;
    int result = thrum_condition_wait(&hall->condition, hall->timeout);
    hall->waiting--;
    if (result == 0)
        hall->order[hall->woken++] = waiter->number;
    hall->late += result == THRUM_TIMEOUT;
    hall->cancelled += result == THRUM_CANCELLED;
    check_result(thrum_condition_release(&hall->condition), 0);
    return result;
}

/* What a field of the hall is now, as seen under the lock. */
static int seen(struct hall *hall, const int *field)
{
    check_result(thrum_condition_acquire(&hall->condition, THRUM_FOREVER), 0);
    int value = *field;
    check_result(thrum_condition_release(&hall->condition), 0);
    return value;
}

static void notify(struct hall *hall, size_t n)
{
    check_result(thrum_condition_acquire(&hall->condition, THRUM_FOREVER), 0);
    check_result(thrum_condition_notify(&hall->condition, n), 0);
    check_result(thrum_condition_release(&hall->condition), 0);
}

/* They come in the order of their numbers. */
static void fill(struct hall *hall, struct waiter *waiters, thrum_token *token)
{
    for (int i = 0; i < WAITERS; i++) {
        waiters[i] = (struct waiter){hall, i, NULL};
        waiters[i].thread = start(wait_once, &waiters[i], token);
        until(seen(hall, &hall->waiting) == i + 1);
    }
}

static void empty(struct waiter *waiters, int expected)
{
    for (int i = 0; i < WAITERS; i++)
        check_result(finish(waiters[i].thread), expected);
}

TEST(notify_wakes_that_many_the_longest_first)
{
    static const size_t numbers[] = {1, 1, 0, 3, 1, 1, 100};
    struct hall hall = {.timeout = THRUM_FOREVER};
    struct waiter waiters[WAITERS];
    fill(&hall, waiters, NULL);
    int expected = 0;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        notify(&hall, numbers[i]);
        expected = numbers[i] < 100 ? expected + (int)numbers[i] : WAITERS;
        until(seen(&hall, &hall.woken) == expected);
        /* One more would have to show up while others pass through the lock. */
        for (int round = 0; round < 20; round++)
            check_int(seen(&hall, &hall.woken), expected);
        check_int(seen(&hall, &hall.waiting), WAITERS - expected);
    }
    empty(waiters, 0);
    /* Those that were woken alone must have been in order: 0 and 1, then 2 to 4 in any, then 5 and 6. */
    check(hall.order[0] == 0 && hall.order[1] == 1);
    check_int(hall.order[2] + hall.order[3] + hall.order[4], 2 + 3 + 4);
    check(hall.order[5] == 5 && hall.order[6] == 6 && hall.order[7] == 7);
}

TEST(notify_all_wakes_all)
{
    for (int round = 0; round < ROUNDS(100); round++) {
        struct hall hall = {.timeout = THRUM_FOREVER};
        struct waiter waiters[WAITERS];
        fill(&hall, waiters, NULL);
        check_result(thrum_condition_acquire(&hall.condition, THRUM_FOREVER), 0);
        check_result(thrum_condition_notify_all(&hall.condition), 0);
        check_int(hall.waiting, WAITERS); /* none goes on before the lock is given back */
        check_result(thrum_condition_release(&hall.condition), 0);
        empty(waiters, 0);
        check_int(hall.woken, WAITERS);
    }
}

TEST(a_notify_nobody_waits_for_is_not_kept)
{
    struct hall hall = {.timeout = thrum_seconds(0.01)};
    struct waiter waiter = {&hall, 0, NULL};
    notify(&hall, 1);
    check_result(thrum_condition_acquire(&hall.condition, THRUM_FOREVER), 0);
    check_result(thrum_condition_notify_all(&hall.condition), 0);
    check_result(thrum_condition_release(&hall.condition), 0);
    check_result(wait_once(&waiter), THRUM_TIMEOUT);
}

TEST(all_but_acquire_need_the_lock)
{
    static thrum_lock lock = THRUM_LOCK_INIT;
    static thrum_lock any = THRUM_LOCK_INIT_ANY;
    thrum_condition conditions[3] = {THRUM_CONDITION_INIT(&lock), THRUM_CONDITION_INIT(&any)};
    memset(&conditions[2], 0, sizeof conditions[2]);
    for (size_t i = 0; i < 3; i++) {
        check_result(thrum_condition_release(&conditions[i]), -EPERM);
        check_result(thrum_condition_wait(&conditions[i], THRUM_FOREVER), -EPERM);
        check_result(thrum_condition_wait(&conditions[i], THRUM_NOWAIT), -EPERM);
        check_result(thrum_condition_notify(&conditions[i], 1), -EPERM);
        check_result(thrum_condition_notify_all(&conditions[i]), -EPERM);
    }
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

static bool is_set(void *flag)
{
    return *(bool *)flag;
}

static int misuse_from_elsewhere(void *arg)
{
    thrum_condition *condition = arg;
    bool yes = true;
    check_result(thrum_condition_acquire(condition, THRUM_NOWAIT), THRUM_TIMEOUT);
    check_result(thrum_condition_release(condition), -EPERM);
    check_result(thrum_condition_wait(condition, THRUM_FOREVER), -EPERM);
    check_result(thrum_condition_wait_for(condition, never, NULL, THRUM_FOREVER), -EPERM);
    check_result(thrum_condition_wait_for(condition, is_set, &yes, THRUM_FOREVER), -EPERM);
    check_result(thrum_condition_notify(condition, 1), -EPERM);
    check_result(thrum_condition_notify_all(condition), -EPERM);
    return 0;
}

TEST(the_lock_of_another_thread_is_not_enough)
{
    thrum_lock lock = THRUM_LOCK_INIT;
    thrum_condition own, over;
    thrum_condition_init(&own, NULL);
    thrum_condition_init(&over, &lock);
    check_result(thrum_condition_acquire(&own, THRUM_FOREVER), 0);
    check_result(thrum_condition_acquire(&over, THRUM_FOREVER), 0);
    check(thrum_lock_locked(&lock));
    check_int(finish(start(misuse_from_elsewhere, &own, NULL)), 0);
    check_int(finish(start(misuse_from_elsewhere, &over, NULL)), 0);
    check_result(thrum_condition_release(&over), 0);
    check_result(thrum_condition_release(&own), 0);
    check(!thrum_lock_locked(&lock));
}

/* ---- Time ---------------------------------------------------------------------------- */

static void check_held(thrum_condition *condition)
{
    check_result(thrum_condition_notify(condition, 1), 0);
    check_result(thrum_condition_release(condition), 0);
    check_result(thrum_condition_acquire(condition, THRUM_FOREVER), 0);
}

static void wait_in_vain(thrum_condition *condition)
{
    check_result(thrum_condition_acquire(condition, THRUM_FOREVER), 0);
    check_result(thrum_condition_wait(condition, THRUM_NOWAIT), THRUM_TIMEOUT);
    check_held(condition);
    int64_t before = thrum_monotonic_ns();
    check_result(thrum_condition_wait(condition, thrum_seconds(0.02)), THRUM_TIMEOUT);
    check(thrum_monotonic_ns() - before >= 20 * MILLISECOND);
    check_held(condition);
    before = thrum_monotonic_ns();
    check_result(thrum_condition_wait_for(condition, never, NULL, thrum_seconds(0.02)), THRUM_TIMEOUT);
    check(thrum_monotonic_ns() - before >= 20 * MILLISECOND);
    check_result(thrum_condition_wait_for(condition, never, NULL, THRUM_NOWAIT), THRUM_TIMEOUT);
    check_result(thrum_condition_wait(condition, thrum_seconds(-1)), -EINVAL);
    check_held(condition);
    check_result(thrum_condition_wait_for(condition, never, NULL, thrum_seconds(-1)), -EINVAL);
    check_held(condition);
    bool yes = true;
    check_result(thrum_condition_wait_for(condition, is_set, &yes, THRUM_NOWAIT), 0);
    check_result(thrum_condition_wait_for(condition, is_set, &yes, THRUM_FOREVER), 0);
    check_held(condition);
    check_result(thrum_condition_release(condition), 0);
    check_result(thrum_condition_acquire(condition, thrum_seconds(-1)), -EINVAL);
    check_result(thrum_condition_release(condition), -EPERM);
}

TEST(waits_in_vain_end_with_the_lock_held)
{
    thrum_lock locks[2] = {THRUM_LOCK_INIT, THRUM_LOCK_INIT_ANY};
    thrum_condition condition;
    memset(&condition, 0, sizeof condition);
    wait_in_vain(&condition);
    for (size_t i = 0; i < 2; i++) {
        thrum_condition_init(&condition, &locks[i]);
        wait_in_vain(&condition);
    }
}

TEST(a_wait_ends_late_when_the_lock_is_taken)
{
    struct hall hall = {.timeout = thrum_seconds(0.005)};
    struct waiter waiters[WAITERS];
    for (int i = 0; i < WAITERS; i++) {
        waiters[i] = (struct waiter){&hall, i, NULL};
        waiters[i].thread = start(wait_once, &waiters[i], NULL);
    }
    check_result(thrum_condition_acquire(&hall.condition, THRUM_FOREVER), 0);
    int late = hall.late;
    busy(20 * MILLISECOND);
    check_int(hall.late, late); /* they have no business here while we hold it */
    check_result(thrum_condition_release(&hall.condition), 0);
    empty(waiters, THRUM_TIMEOUT);
    check_int(hall.late, WAITERS);
}

/* The lock is kept from a waiter that has been notified until its time is over, or it is called off: that came
 * too late, and the notify is not lost. Where the machine takes longer for all that than the waiter has, it has more
 * the next time, until the notify has come first once. */
static void notified_first(bool cancel)
{
    int64_t time = (cancel ? 1000 : 5) * MILLISECOND;
    int in_time = 0;
    for (int round = 0; round < ROUNDS(100) || in_time == 0; round++) {
        struct hall hall = {.timeout = thrum_until(thrum_monotonic_ns() + time)};
        struct waiter waiter = {&hall, 0, NULL};
        thrum_token *token;
        check_result(thrum_token_new(&token), 0);
        waiter.thread = start(wait_once, &waiter, token);
        check_result(thrum_condition_acquire(&hall.condition, THRUM_FOREVER), 0);
        while (hall.waiting == 0 && hall.late == 0) {
            check_result(thrum_condition_release(&hall.condition), 0);
            check_result(thrum_condition_acquire(&hall.condition, THRUM_FOREVER), 0);
        }
        check_result(thrum_condition_notify(&hall.condition, 1), 0);
        bool before = hall.waiting > 0 && thrum_monotonic_ns() < hall.timeout.ns_;
        if (cancel)
            thrum_token_cancel(token);
        else
            until(thrum_monotonic_ns() > hall.timeout.ns_);
        check_result(thrum_condition_release(&hall.condition), 0);
        int result = finish(waiter.thread);
        if (before)
            check_result(result, 0);
        in_time += before;
        if (in_time == 0)
            time *= 2;
        thrum_token_free(token);
    }
}

TEST(a_notify_that_came_first_is_not_lost)
{
    notified_first(false);
    notified_first(true);
}

/* ---- Its lock -------------------------------------------------------------------------- */

struct deep {
    thrum_condition condition;
    int levels;
    bool ready, go;
};

static int wait_in_depth(void *arg)
{
    struct deep *deep = arg;
    for (int i = 0; i < deep->levels; i++)
        check_result(thrum_condition_acquire(&deep->condition, THRUM_FOREVER), 0);
    deep->ready = true;
    check_result(thrum_condition_notify(&deep->condition, 1), 0);
    check_result(thrum_condition_wait_for(&deep->condition, is_set, &deep->go, THRUM_FOREVER), 0);
    for (int i = 0; i < deep->levels; i++)
        check_result(thrum_condition_release(&deep->condition), 0);
    check_result(thrum_condition_release(&deep->condition), -EPERM);
    return 0;
}

TEST(all_levels_of_an_rlock_are_given_back_and_taken_again)
{
    struct deep deep = {.levels = 4};
    check_result(thrum_condition_acquire(&deep.condition, THRUM_FOREVER), 0);
    thrum_thread *other = start(wait_in_depth, &deep, NULL);
    check_result(thrum_condition_wait_for(&deep.condition, is_set, &deep.ready, THRUM_FOREVER), 0);
    deep.go = true;
    check_result(thrum_condition_notify(&deep.condition, 1), 0);
    check_result(thrum_condition_release(&deep.condition), 0);
    check_int(finish(other), 0);
}

static int wait_on_rlock(void *arg)
{
    struct deep *deep = arg;
    thrum_rlock *rlock = deep->condition.rlock_;
    check_result(thrum_rlock_acquire(rlock, THRUM_FOREVER), 0);
    check_result(thrum_condition_acquire(&deep->condition, THRUM_FOREVER), 0);
    deep->ready = true;
    check_result(thrum_condition_wait_for(&deep->condition, is_set, &deep->go, THRUM_FOREVER), 0);
    check_result(thrum_condition_release(&deep->condition), 0);
    check_result(thrum_rlock_release(rlock), 0);
    check_result(thrum_rlock_release(rlock), -EPERM);
    return 0;
}

/* As Condition(RLock()): the rlock is the program's, which may use it apart from the condition. */
TEST(one_stands_on_an_rlock_of_the_programs)
{
    thrum_rlock rlock = THRUM_RLOCK_INIT;
    thrum_lock lock = THRUM_LOCK_INIT;
    struct deep deep = {.condition = THRUM_CONDITION_INIT_RLOCK(&rlock)};
    thrum_thread *other = start(wait_on_rlock, &deep, NULL);
    for (bool ready = false; !ready;) {
        check_result(thrum_rlock_acquire(&rlock, THRUM_FOREVER), 0);
        ready = deep.ready;
        deep.go = ready;
        check_result(thrum_condition_notify_all(&deep.condition), 0);
        check_result(thrum_rlock_release(&rlock), 0);
    }
    check_int(finish(other), 0);
    check_result(thrum_condition_notify_all(&deep.condition), -EPERM);

    check_result(thrum_condition_init(&deep.condition, NULL, .rlock = &rlock, .name = "both"), 0);
    check_result(thrum_condition_acquire(&deep.condition, THRUM_FOREVER), 0);
    check_result(thrum_rlock_release(&rlock), 0);
    check_result(thrum_condition_init(&deep.condition, &lock, .rlock = &rlock), -EINVAL);
    check_result(thrum_condition_init_with(&deep.condition, &lock, NULL), 0);
    check_result(thrum_condition_acquire(&deep.condition, THRUM_FOREVER), 0);
    check_result(thrum_lock_release(&lock), 0);
}

static int wait_for_flag(void *arg)
{
    struct deep *deep = arg;
    check_result(thrum_condition_acquire(&deep->condition, THRUM_FOREVER), 0);
    deep->ready = true;
    int result = thrum_condition_wait(&deep->condition, thrum_seconds(30));
    check_result(thrum_condition_release(&deep->condition), 0);
    return result;
}

/* Two conditions share a lock; a notify of one does not wake who waits at the other. */
TEST(conditions_that_share_a_lock_are_told_apart)
{
    thrum_lock lock = THRUM_LOCK_INIT;
    struct deep left = {.condition = THRUM_CONDITION_INIT(&lock)}, right = {.condition = THRUM_CONDITION_INIT(&lock)};
    thrum_thread *at_left = start(wait_for_flag, &left, NULL), *at_right = start(wait_for_flag, &right, NULL);
    bool both = false;
    while (!both) {
        check_result(thrum_lock_acquire(&lock, THRUM_FOREVER), 0);
        both = left.ready && right.ready;
        if (both)
            check_result(thrum_condition_notify_all(&left.condition), 0);
        check_result(thrum_lock_release(&lock), 0);
    }
    check_result(finish(at_left), 0);
    check(thrum_thread_is_alive(at_right));
    check_result(thrum_lock_acquire(&lock, THRUM_FOREVER), 0);
    check_result(thrum_condition_notify(&right.condition, 1), 0);
    check_result(thrum_lock_release(&lock), 0);
    check_result(finish(at_right), 0);
}

/* ---- Cancelling -------------------------------------------------------------------------- */

TEST(a_cancelled_wait_ends_with_the_lock_held)
{
    thrum_condition condition;
    thrum_condition_init(&condition, NULL);
    thrum_token *token;
    check_result(thrum_token_new(&token), 0);
    thrum_token_cancel(token);
    thrum_token *old = thrum_token_set(token);
    check_result(thrum_condition_acquire(&condition, THRUM_FOREVER), 0);
    check_result(thrum_condition_wait(&condition, THRUM_FOREVER), THRUM_CANCELLED);
    check_held(&condition);
    check_result(thrum_condition_wait_for(&condition, never, NULL, THRUM_FOREVER), THRUM_CANCELLED);
    check_held(&condition);
    check_result(thrum_condition_release(&condition), 0);
    check(thrum_token_set(old) == token);
    thrum_token_free(token);
}

TEST(a_cancel_under_way_ends_all_waits)
{
    for (int round = 0; round < ROUNDS(50); round++) {
        struct hall hall = {.timeout = THRUM_FOREVER};
        struct waiter waiters[WAITERS];
        thrum_token *token;
        check_result(thrum_token_new(&token), 0);
        fill(&hall, waiters, token);
        thrum_token_cancel(token);
        empty(waiters, THRUM_CANCELLED);
        check_int(hall.cancelled, WAITERS);
        thrum_token_free(token);
    }
}

/* The cancelled waiter stands first, and must not use up a notify that comes after the cancel. */
TEST(a_notify_after_a_cancel_goes_to_the_others)
{
    for (int round = 0; round < ROUNDS(200); round++) {
        struct hall hall = {.timeout = THRUM_FOREVER};
        struct waiter waiters[WAITERS], doomed = {&hall, WAITERS, NULL};
        thrum_token *token;
        check_result(thrum_token_new(&token), 0);
        doomed.thread = start(wait_once, &doomed, token);
        until(seen(&hall, &hall.waiting) == 1);
        for (int i = 0; i < WAITERS; i++) {
            waiters[i] = (struct waiter){&hall, i, NULL};
            waiters[i].thread = start(wait_once, &waiters[i], NULL);
        }
        until(seen(&hall, &hall.waiting) == WAITERS + 1);
        thrum_token_cancel(token);
        notify(&hall, WAITERS);
        check_result(finish(doomed.thread), THRUM_CANCELLED);
        empty(waiters, 0);
        check_int(hall.woken, WAITERS);
        thrum_token_free(token);
    }
}

/* ---- Many threads -------------------------------------------------------------------------- */

struct store {
    thrum_lock lock;
    thrum_condition not_empty, not_full;
    int stock, made, sold, to_make;
};

static bool has_room(void *arg)
{
    return ((struct store *)arg)->stock < 3;
}

static bool has_goods(void *arg)
{
    struct store *store = arg;
    return store->stock > 0 || store->sold == store->to_make;
}

static int produce(void *arg)
{
    struct store *store = arg;
    for (bool more = true; more;) {
        check_result(thrum_lock_acquire(&store->lock, THRUM_FOREVER), 0);
        check_result(thrum_condition_wait_for(&store->not_full, has_room, store, THRUM_FOREVER), 0);
        more = store->made < store->to_make;
        if (more) {
            store->made++;
            store->stock++;
            check_result(thrum_condition_notify(&store->not_empty, 1), 0);
        } else {
            check_result(thrum_condition_notify_all(&store->not_full), 0);
        }
        check_result(thrum_lock_release(&store->lock), 0);
    }
    return 0;
}

static int consume(void *arg)
{
    struct store *store = arg;
    for (bool more = true; more;) {
        check_result(thrum_lock_acquire(&store->lock, THRUM_FOREVER), 0);
        check_result(thrum_condition_wait_for(&store->not_empty, has_goods, store, THRUM_FOREVER), 0);
        check(store->stock >= 0 && store->stock <= 3);
        more = store->stock > 0;
        if (more) {
            store->stock--;
            if (++store->sold == store->to_make)
                check_result(thrum_condition_notify_all(&store->not_empty), 0);
            check_result(thrum_condition_notify(&store->not_full, 1), 0);
        }
        check_result(thrum_lock_release(&store->lock), 0);
    }
    return 0;
}

TEST(producers_and_consumers_agree)
{
    struct store store = {.lock = THRUM_LOCK_INIT, .to_make = ROUNDS(40000)};
    thrum_condition_init(&store.not_empty, &store.lock);
    thrum_condition_init(&store.not_full, &store.lock);
    thrum_thread *threads[8];
    for (size_t i = 0; i < 8; i++)
        threads[i] = start(i % 2 ? produce : consume, &store, NULL);
    for (size_t i = 0; i < 8; i++)
        check_int(finish(threads[i]), 0);
    check_int(store.made, store.to_make);
    check_int(store.sold, store.to_make);
    check_int(store.stock, 0);
}

/* ---- After fork ------------------------------------------------------------------------------ */

static void use_in_child(void *arg)
{
    struct hall *hall = arg;
    check_result(thrum_condition_notify_all(&hall->condition), 0); /* nobody is there any more */
    check_result(thrum_condition_wait(&hall->condition, thrum_seconds(0.001)), THRUM_TIMEOUT);
    check_result(thrum_condition_release(&hall->condition), 0);
    if (!THREADS_IN_CHILD)
        return;
    struct waiter waiters[WAITERS];
    hall->waiting = hall->woken = 0;
    fill(hall, waiters, NULL);
    notify(hall, WAITERS);
    empty(waiters, 0);
    check_int(hall->woken, WAITERS);
}

TEST(the_child_can_use_one_that_others_waited_at)
{
    struct hall hall = {.timeout = THRUM_FOREVER};
    struct waiter waiters[WAITERS];
    fill(&hall, waiters, NULL);
    for (int i = 0; i < WAITERS; i++)
        settle(thrum_thread_native_id(waiters[i].thread));
    check_result(thrum_condition_acquire(&hall.condition, THRUM_FOREVER), 0);
    check_int(in_child(use_in_child, &hall), 0);
    check_result(thrum_condition_notify_all(&hall.condition), 0);
    check_result(thrum_condition_release(&hall.condition), 0);
    empty(waiters, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(notify_wakes_that_many_the_longest_first),
        cmocka_unit_test(notify_all_wakes_all),
        cmocka_unit_test(a_notify_nobody_waits_for_is_not_kept),
        cmocka_unit_test(all_but_acquire_need_the_lock),
        cmocka_unit_test(the_lock_of_another_thread_is_not_enough),
        cmocka_unit_test(waits_in_vain_end_with_the_lock_held),
        cmocka_unit_test(a_wait_ends_late_when_the_lock_is_taken),
        cmocka_unit_test(a_notify_that_came_first_is_not_lost),
        cmocka_unit_test(all_levels_of_an_rlock_are_given_back_and_taken_again),
        cmocka_unit_test(one_stands_on_an_rlock_of_the_programs),
        cmocka_unit_test(conditions_that_share_a_lock_are_told_apart),
        cmocka_unit_test(a_cancelled_wait_ends_with_the_lock_held),
        cmocka_unit_test(a_cancel_under_way_ends_all_waits),
        cmocka_unit_test(a_notify_after_a_cancel_goes_to_the_others),
        cmocka_unit_test(producers_and_consumers_agree),
        cmocka_unit_test(the_child_can_use_one_that_others_waited_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
