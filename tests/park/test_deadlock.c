/*
 * test_deadlock.c - deadlocks among real threads: who is told, what is reported, and who is left alone
 */
#include "fake.h"

#include <pthread.h>
#include <unistd.h>

static struct {
    atomic_int reports;
    char text[65536];
} told;

/* In two threads at once, if both have something to report. */
static void keep(void *arg, const char *text)
{
    static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
    check(arg == &told);
    check_int(pthread_mutex_lock(&one_at_a_time), 0);
    (void)snprintf(told.text, sizeof told.text, "%s", text);
    check_int(pthread_mutex_unlock(&one_at_a_time), 0);
    atomic_fetch_add(&told.reports, 1);
}

static void listen(void)
{
    atomic_store(&told.reports, 0);
    told.text[0] = '\0';
    thrum_set_reporter(keep, &told);
}

static void check_says(const char *words)
{
    if (strstr(told.text, words) == NULL)
        harness_fail(__FILE__, __LINE__, "the report says nothing of '%s':\n%s", words, told.text);
}

/* ---- A circle ---- */

struct side {
    thrum_lock *mine, *other;
    thrum_event *ready, *go;
    int result;
};

static int close_circle(void *arg)
{
    struct side *side = arg;
    check_result(thrum_lock_acquire(side->mine, THRUM_FOREVER), 0);
    thrum_event_set(side->ready);
    check_result(thrum_event_wait(side->go, THRUM_FOREVER), 0);
    side->result = thrum_lock_acquire(side->other, THRUM_FOREVER);
    if (side->result == 0)
        check_result(thrum_lock_release(side->other), 0);
    check_result(thrum_lock_release(side->mine), 0);
    return 0;
}

TEST(one_of_a_circle_is_told_and_all_are_named)
{
    thrum_lock apples, pears;
    check_result(thrum_lock_init(&apples, .name = "apples"), 0);
    check_result(thrum_lock_init(&pears, .name = "pears"), 0);
    for (int round = 0; round < ROUNDS(100); round++) {
        thrum_event ready[2] = {THRUM_EVENT_INIT, THRUM_EVENT_INIT}, go = THRUM_EVENT_INIT;
        struct side sides[2] = {{&apples, &pears, &ready[0], &go, 1}, {&pears, &apples, &ready[1], &go, 1}};
        thrum_thread *threads[2];
        listen();
        check_result(thrum_thread_run(&threads[0], close_circle, &sides[0], .name = "picker"), 0);
        check_result(thrum_thread_run(&threads[1], close_circle, &sides[1], .name = "packer"), 0);
        check_result(thrum_event_wait(&ready[0], THRUM_FOREVER), 0);
        check_result(thrum_event_wait(&ready[1], THRUM_FOREVER), 0);
        thrum_event_set(&go);
        check_int(finish(threads[0]) + finish(threads[1]), 0);
        /* Either of them, or, where one was done before the other asked, neither: both is too many. */
        check((sides[0].result == 0) + (sides[1].result == 0) == 1);
        check((sides[0].result == -EDEADLK) + (sides[1].result == -EDEADLK) == 1);
        check_int(told.reports, 1);
        check_says("deadlock");
        check_says("'picker'");
        check_says("'packer'");
        check_says("'apples'");
        check_says("'pears'");
    }
}

/* More than are looked at one by one. */
#define LONG 100

static struct {
    thrum_lock locks[LONG];
    thrum_semaphore ready, go;
    atomic_int refused;
} ring;

static int want_next(void *arg)
{
    size_t place = (size_t)((thrum_lock *)arg - ring.locks);
    check_result(thrum_lock_acquire(arg, THRUM_FOREVER), 0);
    check_result(thrum_semaphore_release(&ring.ready, 1), 0);
    check_result(thrum_semaphore_acquire(&ring.go, THRUM_FOREVER), 0);
    int result = thrum_lock_acquire(&ring.locks[(place + 1) % LONG], THRUM_FOREVER);
    check(result == 0 || result == -EDEADLK);
    atomic_fetch_add(&ring.refused, result != 0);
    if (result == 0)
        check_result(thrum_lock_release(&ring.locks[(place + 1) % LONG]), 0);
    return thrum_lock_release(arg);
}

static void run_long_ring(bool without_memory)
{
    thrum_thread *threads[LONG];
    listen();
    ring.refused = 0;
    for (int i = 0; i < LONG; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "link-%02d", i);
        check_result(thrum_thread_run(&threads[i], want_next, &ring.locks[i], .name = name), 0);
    }
    for (int i = 0; i < LONG; i++)
        check_result(thrum_semaphore_acquire(&ring.ready, THRUM_FOREVER), 0);
    if (without_memory)
        fault_arm(FAULT_MEMORY, 0);
    check_result(thrum_semaphore_release(&ring.go, LONG), 0);
    for (int i = 0; i < LONG; i++)
        check_int(finish(threads[i]), 0);
    if (without_memory)
        check(fault_disarm());
    check_int(ring.refused, 1);
    check_int(told.reports, 1);
}

static int count_named(void)
{
    int named = 0;
    for (const char *at = told.text; (at = strstr(at, " waits for lock ")) != NULL; at++)
        named++;
    return named;
}

TEST(circle_of_any_length_is_found_and_named_whole)
{
    run_long_ring(false);
    check_int(count_named(), LONG);
    check_says("'link-00'");
    check_says("'link-99'");
    /* What is missing for want of memory is the names. Two may look at once, and the other be the one that lacks it. */
    int rounds = 0, named = LONG;
    while (named == LONG) {
        check(rounds++ < 100);
        run_long_ring(true);
        named = count_named();
    }
    check(named > 0);
    check_says(" more threads");
}

TEST(who_waits_for_himself_is_told)
{
    thrum_lock lock = THRUM_LOCK_INIT;
    listen();
    check_result(thrum_lock_acquire(&lock, THRUM_FOREVER), 0);
    check_result(thrum_lock_acquire(&lock, THRUM_FOREVER), -EDEADLK);
    check_int(told.reports, 1);
    check_result(thrum_lock_acquire(&lock, thrum_seconds(0.001)), THRUM_TIMEOUT); /* ends by itself: no report */
    check_int(told.reports, 1);
    check_result(thrum_lock_release(&lock), 0);
}

/* ---- A forgotten lock ---- */

static int forget(void *arg)
{
    return thrum_lock_acquire(arg, THRUM_FOREVER);
}

static int want(void *arg)
{
    return thrum_lock_acquire(arg, THRUM_FOREVER);
}

TEST(lock_of_an_ended_thread_is_reported_with_its_name)
{
    thrum_lock lock;
    check_result(thrum_lock_init(&lock, .name = "ledger"), 0);
    thrum_thread *thread;
    listen();
    check_result(thrum_thread_run(&thread, forget, &lock, .name = "clerk"), 0);
    check_int(finish(thread), 0);
    check_result(thrum_lock_acquire(&lock, THRUM_FOREVER), -EDEADLK);
    check_int(told.reports, 1);
    check_says("'ledger'");
    check_says("'clerk'");
    check_says("has ended");
}

struct shift {
    thrum_lock lock;
    thrum_event held, end;
};

static int hold_and_end(void *arg)
{
    struct shift *shift = arg;
    check_result(thrum_lock_acquire(&shift->lock, THRUM_FOREVER), 0);
    thrum_event_set(&shift->held);
    return thrum_event_wait(&shift->end, THRUM_FOREVER);
}

TEST(who_waits_as_the_owner_ends_is_told_too)
{
    struct shift shift = {THRUM_LOCK_INIT, THRUM_EVENT_INIT, THRUM_EVENT_INIT};
    listen();
    thrum_thread *owner = start(hold_and_end, &shift, NULL);
    check_result(thrum_event_wait(&shift.held, THRUM_FOREVER), 0);
    thrum_thread *waiters[2] = {start(want, &shift.lock, NULL), start(want, &shift.lock, NULL)};
    settle(thrum_thread_native_id(waiters[1]));
    thrum_event_set(&shift.end);
    check_int(finish(owner), 0);
    check_result(finish(waiters[0]), -EDEADLK);
    check_result(finish(waiters[1]), -EDEADLK);
    check_int(told.reports, 2);
}

static int hold_and_wait(void *arg)
{
    thrum_lock *locks = arg;
    check_result(thrum_lock_acquire(&locks[0], THRUM_FOREVER), 0);
    check_result(thrum_lock_acquire(&locks[1], THRUM_FOREVER), 0);
    check_result(thrum_lock_release(&locks[1]), 0);
    return thrum_lock_release(&locks[0]);
}

static void want_in_child(void *arg)
{
    listen();
    check_result(thrum_lock_acquire(arg, THRUM_FOREVER), -EDEADLK);
    check_int(told.reports, 1);
    check_says(", held by thread 'parent-worker' (");
    check_says("which has ended");
}

TEST(lock_of_a_parents_thread_is_reported_in_a_forked_child)
{
    thrum_lock locks[2] = {THRUM_LOCK_INIT, THRUM_LOCK_INIT};
    thrum_thread *thread;
    check_result(thrum_lock_acquire(&locks[1], THRUM_FOREVER), 0);
    check_result(thrum_thread_run(&thread, hold_and_wait, locks, .name = "parent-worker"), 0);
    until(thrum_lock_locked(&locks[0]));
    settle(thrum_thread_native_id(thread));
    check_int(in_child(want_in_child, &locks[0]), 0);
    check_result(thrum_lock_release(&locks[1]), 0);
    check_int(finish(thread), 0);
}

/* ---- A condition ---- */

struct desk {
    thrum_lock lock;
    thrum_condition condition;
    bool waiting, notified;
};

static int wait_at_desk(void *arg)
{
    struct desk *desk = arg;
    check_result(thrum_condition_acquire(&desk->condition, THRUM_FOREVER), 0);
    desk->waiting = true;
    return thrum_condition_wait(&desk->condition, THRUM_FOREVER);
}

static int notify_and_end(void *arg)
{
    struct desk *desk = arg;
    bool waiting = false;
    while (!waiting) {
        check_result(thrum_lock_acquire(&desk->lock, THRUM_FOREVER), 0);
        waiting = desk->waiting;
        if (!waiting)
            check_result(thrum_lock_release(&desk->lock), 0);
    }
    desk->notified = true;
    return thrum_condition_notify_all(&desk->condition); /* and keeps the lock */
}

TEST(wait_of_a_condition_whose_lock_is_gone_ends)
{
    struct desk desk = {.lock = THRUM_LOCK_INIT, .condition = THRUM_CONDITION_INIT(&desk.lock)};
    listen();
    thrum_thread *waiter = start(wait_at_desk, &desk, NULL), *other = start(notify_and_end, &desk, NULL);
    check_int(finish(other), 0);
    check_result(finish(waiter), -EDEADLK);
    check_int(told.reports, 1);
}

static bool once_notified(void *arg)
{
    struct desk *desk = arg;
    /* Not asked again: only with the lock may it be, and who has notified keeps that. */
    check(!desk->notified);
    return false;
}

static int wait_for_news(void *arg)
{
    struct desk *desk = arg;
    check_result(thrum_condition_acquire(&desk->condition, THRUM_FOREVER), 0);
    desk->waiting = true;
    return thrum_condition_wait_for(&desk->condition, once_notified, desk, THRUM_FOREVER);
}

TEST(wait_for_does_not_look_without_the_lock)
{
    struct desk desk = {.lock = THRUM_LOCK_INIT, .condition = THRUM_CONDITION_INIT(&desk.lock)};
    listen();
    thrum_thread *waiter = start(wait_for_news, &desk, NULL), *other = start(notify_and_end, &desk, NULL);
    check_int(finish(other), 0);
    check_result(finish(waiter), -EDEADLK);
}

/* ---- Where it is reported ---- */

static void to_stderr(void *arg)
{
    int *ends = arg;
    thrum_lock lock = THRUM_LOCK_INIT;
    check(dup2(ends[1], STDERR_FILENO) == STDERR_FILENO);
    thrum_set_reporter(NULL, NULL);
    check_result(thrum_lock_acquire(&lock, THRUM_FOREVER), 0);
    check_result(thrum_lock_acquire(&lock, THRUM_FOREVER), -EDEADLK);
}

TEST(without_a_reporter_it_goes_to_standard_error)
{
    int ends[2];
    char text[4096];
    check(pipe(ends) == 0);
    check_int(in_child(to_stderr, ends), 0);
    check(close(ends[1]) == 0);
    ssize_t size = read(ends[0], text, sizeof text - 1);
    check(size > 0);
    text[size] = '\0';
    check(strncmp(text, "thrum: deadlock:\n", 17) == 0);
    check(text[size - 1] == '\n');
    check(close(ends[0]) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_of_a_circle_is_told_and_all_are_named),
        cmocka_unit_test(circle_of_any_length_is_found_and_named_whole),
        cmocka_unit_test(who_waits_for_himself_is_told),
        cmocka_unit_test(lock_of_an_ended_thread_is_reported_with_its_name),
        cmocka_unit_test(who_waits_as_the_owner_ends_is_told_too),
        cmocka_unit_test(lock_of_a_parents_thread_is_reported_in_a_forked_child),
        cmocka_unit_test(wait_of_a_condition_whose_lock_is_gone_ends),
        cmocka_unit_test(wait_for_does_not_look_without_the_lock),
        cmocka_unit_test(without_a_reporter_it_goes_to_standard_error),
    };
    return cmocka_run_group_tests_name("deadlock", tests, NULL, NULL);
}
