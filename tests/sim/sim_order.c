/*
 * sim_order.c - scenarios of orders: many locks at once, orders that are looked at, circles that close or nearly do
 */
#include "runner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define N 4

static struct {
    thrum_lock locks[N];
    int inside[N], counts[N];
    int threads, found, reports, orders;
} table;

/* Of every report: deadlocks, locks that will never be released, and orders. */
static void count_report(void *arg, const char *text)
{
    (void)arg;
    if (strstr(text, "lock order violation") != NULL)
        table.orders++;
    else
        table.reports++;
}

static void run_all(int n, int (*const *targets)(void *arg))
{
    static int numbers[N] = {0, 1, 2, 3};
    thrum_thread *threads[N];
    thrum_set_reporter(count_report, NULL);
    table.threads = n;
    for (int i = 0; i < n; i++)
        threads[i] = spawn(targets[i], &numbers[i]);
    for (int i = 0; i < n; i++)
        finish(threads[i]);
    for (int i = 0; i < N; i++)
        sim_check(!thrum_lock_locked(&table.locks[i]));
}

static void take(int i)
{
    must(thrum_lock_acquire(&table.locks[i], THRUM_FOREVER));
}

static void give(int i)
{
    must(thrum_lock_release(&table.locks[i]));
}

/* Be with a lock for longer than it takes to be handed over. */
static void linger(void)
{
    thrum_event never = THRUM_EVENT_INIT;
    sim_check(thrum_event_wait(&never, thrum_seconds(0.002)) == THRUM_TIMEOUT);
}

/* ---- Many locks at once ---- */

static void use(thrum_lock *const *locks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t place = (size_t)(locks[i] - table.locks);
        sim_check(table.inside[place]++ == 0);
        sim_point();
        table.counts[place]++;
        sim_check(--table.inside[place] == 0);
    }
}

/* Two neighbours, the left or the right named first. */
static int dine(void *arg)
{
    int seat = *(int *)arg, next = (seat + 1) % 3;
    thrum_lock *two[2] = {&table.locks[seat], &table.locks[next]};
    for (int i = 0; i < 2; i++) {
        must(thrum_acquire_all(two, 2, THRUM_FOREVER));
        use(two, 2);
        must(thrum_release_all(two, 2));
    }
    return 0;
}

static void acquire_all_never_sticks(void)
{
    run_all(3, (int (*const[])(void *)){dine, dine, dine});
    sim_check(table.counts[0] == 4 && table.counts[1] == 4 && table.counts[2] == 4);
    sim_check(table.reports + table.orders == 0);
}

static int dine_in_haste(void *arg)
{
    int seat = *(int *)arg;
    thrum_lock *three[3] = {&table.locks[seat], &table.locks[(seat + 1) % 3], &table.locks[(seat + 2) % 3]};
    for (int i = 0; i < 2; i++) {
        int result = thrum_acquire_all(three, 3, i == 0 ? thrum_seconds(0.00001) : THRUM_NOWAIT);
        sim_check(result == 0 || result == THRUM_TIMEOUT);
        if (result == 0) {
            use(three, 3);
            must(thrum_release_all(three, 3));
        }
    }
    return 0;
}

static int hold_each(void *arg)
{
    (void)arg;
    for (int i = 2; i >= 0; i--) {
        take(i);
        sim_point();
        give(i);
    }
    return 0;
}

static void acquire_all_takes_all_or_none(void)
{
    run_all(3, (int (*const[])(void *)){dine_in_haste, dine_in_haste, hold_each});
    sim_check(table.reports + table.orders == 0);
}

/* Whoever holds some by acquire_all is not let take an earlier one so, and does not wait to be told. */
static int go_back(void *arg)
{
    int first = *(int *)arg;
    thrum_lock *two[2] = {&table.locks[first], &table.locks[1 - first]};
    must(thrum_acquire_all(two, 1, THRUM_FOREVER));
    int result = thrum_acquire_all(two + 1, 1, THRUM_FOREVER);
    sim_check(result == 0 || result == -EDEADLK);
    if (result == 0)
        must(thrum_release_all(two + 1, 1));
    else
        table.found++;
    must(thrum_release_all(two, 1));
    return 0;
}

static void acquire_all_keeps_the_order(void)
{
    run_all(2, (int (*const[])(void *)){go_back, go_back});
    sim_check(table.found == 1 && table.orders == 1 && table.reports == 0);
}

/* ---- THRUM_LOCK_ORDER ---- */

static void nest(int outer, int inner)
{
    take(outer);
    int result = thrum_lock_acquire(&table.locks[inner], THRUM_FOREVER);
    sim_check(result == 0 || result == -EDEADLK);
    if (result == 0)
        give(inner);
    else
        table.found++;
    give(outer);
}

/* Each thread's lock and the next one's, in a circle. */
static int nest_next(void *arg)
{
    int mine = *(int *)arg;
    nest(mine, (mine + 1) % table.threads);
    return 0;
}

/* Whoever comes first has the right order: the other does not get so far as to wait. */
static void order_of_two_is_refused(void)
{
    must(setenv("THRUM_LOCK_ORDER", "error", 1));
    run_all(2, (int (*const[])(void *)){nest_next, nest_next});
    sim_check(table.found == 1 && table.orders == 1 && table.reports == 0);
}

static void order_of_three_is_refused(void)
{
    must(setenv("THRUM_LOCK_ORDER", "error", 1));
    run_all(3, (int (*const[])(void *)){nest_next, nest_next, nest_next});
    sim_check(table.found == 1 && table.orders == 1 && table.reports == 0);
}

/* Reported in any case; and where it comes to the worst, the deadlock is found as well. */
static void order_of_two_is_reported(void)
{
    must(setenv("THRUM_LOCK_ORDER", "warn", 1));
    run_all(2, (int (*const[])(void *)){nest_next, nest_next});
    sim_check(table.orders == 1 && table.found == table.reports && table.found <= 1);
}

static thrum_condition news = THRUM_CONDITION_INIT(&table.locks[1]);

static int hear_in_order(void *arg)
{
    (void)arg;
    take(0);
    take(1);
    int result = thrum_condition_wait(&news, thrum_seconds(0.00001));
    sim_check(result == 0 || result == THRUM_TIMEOUT);
    take(2);
    give(1);
    give(2);
    give(0);
    return 0;
}

static int tell_in_order(void *arg)
{
    (void)arg;
    take(1);
    must(thrum_condition_notify_all(&news));
    take(2);
    /* Against the order, but not to wait. */
    int result = thrum_lock_acquire(&table.locks[0], THRUM_NOWAIT);
    sim_check(result == 0 || result == THRUM_TIMEOUT);
    if (result == 0)
        give(0);
    give(2);
    give(1);
    return 0;
}

static int reverse_in_turn(void *arg)
{
    thrum_lock *all[3] = {&table.locks[2], &table.locks[1], &table.locks[0]};
    (void)arg;
    /* A lock that comes and goes in one place has no order. */
    for (int i = 0; i < 2; i++) {
        thrum_lock fresh[2] = {THRUM_LOCK_INIT, THRUM_LOCK_INIT};
        must(thrum_lock_acquire(&fresh[i], THRUM_FOREVER));
        must(thrum_lock_acquire(&fresh[1 - i], THRUM_FOREVER));
        must(thrum_lock_release(&fresh[0]));
        must(thrum_lock_release(&fresh[1]));
    }
    must(thrum_acquire_all(all, 3, THRUM_FOREVER));
    must(thrum_release_all(all, 3));
    return 0;
}

static void order_that_is_kept_is_not_reported(void)
{
    must(setenv("THRUM_LOCK_ORDER", "warn", 1));
    for (int i = 0; i < 3; i++)
        (void)sim_number(&table.locks[i]); /* acquire_all's order is theirs, too */
    run_all(3, (int (*const[])(void *)){hear_in_order, tell_in_order, reverse_in_turn});
    sim_check(table.orders == 0 && table.reports == 0);
}

/* ---- Circles that nearly close ---- */

/* It wants what closes the circle, but not for ever. */
static int nearly(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        take(2);
        int result = thrum_lock_acquire(&table.locks[0], thrum_seconds(0.000001));
        sim_check(result == 0 || result == THRUM_TIMEOUT);
        if (result == 0)
            give(0);
        give(2);
    }
    return 0;
}

/* Or it has just given up what would close it. */
static int just_not(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        take(2);
        give(2);
        take(0);
        give(0);
    }
    return 0;
}

static int step_up(void *arg)
{
    int mine = *(int *)arg;
    for (int i = 0; i < 2; i++) {
        take(mine);
        take(mine + 1);
        give(mine);
        give(mine + 1);
    }
    return 0;
}

static int step_up_slowly(void *arg)
{
    int mine = *(int *)arg;
    take(mine);
    linger();
    take(mine + 1);
    linger();
    give(mine);
    give(mine + 1);
    return 0;
}

static void no_report_of_a_timed_link(void)
{
    run_all(3, (int (*const[])(void *)){step_up, step_up, nearly});
    sim_check(table.reports == 0);
}

static void no_report_of_a_link_that_was(void)
{
    run_all(3, (int (*const[])(void *)){step_up, step_up, just_not});
    sim_check(table.reports == 0);
}

static void no_report_while_locks_are_handed_over(void)
{
    run_all(4, (int (*const[])(void *)){step_up_slowly, step_up_slowly, just_not, nearly});
    sim_check(table.reports == 0);
}

/* ---- Circles through other things ---- */

static bool waits, told;

/* Holds 0 while it waits for news of 1. */
static int hear_under(void *arg)
{
    (void)arg;
    take(0);
    take(1);
    waits = true;
    int result = 0;
    while (!told && result == 0)
        result = thrum_condition_wait(&news, THRUM_FOREVER);
    sim_check(result == 0 || result == -EDEADLK);
    if (result == 0)
        give(1);
    else
        table.found++;
    give(0);
    return 0;
}

/* Tells, and wants 0 before it gives 1 back. */
static int tell_and_want(void *arg)
{
    (void)arg;
    for (bool done = false; !done;) {
        take(1);
        done = waits;
        if (done) {
            told = true;
            must(thrum_condition_notify_all(&news));
            int result = thrum_lock_acquire(&table.locks[0], THRUM_FOREVER);
            sim_check(result == -EDEADLK);
            table.found++;
        }
        give(1);
        os_yield();
    }
    return 0;
}

static void circle_through_a_condition_is_found(void)
{
    run_all(2, (int (*const[])(void *)){hear_under, tell_and_want});
    sim_check(table.found == 1 && table.reports == 1);
}

static int forget(void *arg)
{
    (void)arg;
    take(2);
    return 0;
}

/* Told if it comes to wait for what was forgotten; who waits for it goes on then. */
static int want_up(void *arg)
{
    int mine = *(int *)arg;
    take(mine);
    int result = thrum_lock_acquire(&table.locks[mine + 1], THRUM_FOREVER);
    sim_check(result == 0 || (mine == 1 && result == -EDEADLK));
    if (result == 0)
        give(mine + 1);
    else
        table.found++;
    give(mine);
    return 0;
}

static void only_who_waits_for_what_was_forgotten_is_told(void)
{
    static int numbers[3] = {0, 1, 2};
    thrum_set_reporter(count_report, NULL);
    thrum_thread *threads[3] = {spawn(want_up, &numbers[0]), spawn(want_up, &numbers[1]), spawn(forget, NULL)};
    for (int i = 0; i < 3; i++)
        finish(threads[i]);
    sim_check(table.found <= 1 && table.reports == table.found);
    sim_check(!thrum_lock_locked(&table.locks[0]) && !thrum_lock_locked(&table.locks[1]));
}

/* ---- Dump ---- */

static int come_and_go(void *arg)
{
    (void)arg;
    take(0);
    take(1);
    int result = thrum_condition_wait(&news, thrum_seconds(0.00001));
    sim_check(result == 0 || result == THRUM_TIMEOUT);
    must(thrum_condition_notify_all(&news));
    give(1);
    give(0);
    return 0;
}

static void dump_sees_each_thread_as_it_is(void)
{
    static char text[65536];
    int fd = memfd_create("dump", MFD_CLOEXEC);
    sim_check(fd >= 0);
    thrum_thread *threads[3];
    for (int i = 0; i < 3; i++)
        threads[i] = spawn(come_and_go, NULL);
    for (int i = 0; i < 4; i++)
        must(thrum_dump(fd));
    for (int i = 0; i < 3; i++)
        finish(threads[i]);
    ssize_t size = pread(fd, text, sizeof text - 1, 0);
    sim_check(size > 0 && close(fd) == 0);
    int dumps = 0;
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        bool head = strcmp(line, "thrum: threads:") == 0, runs = strstr(line, ") runs") != NULL;
        bool lock = strstr(line, " waits for lock ") != NULL, condition = strstr(line, " waits for condition ") != NULL;
        bool end = strstr(line, " waits for start of thread ") != NULL;
        sim_check(head || runs || lock || condition || end);
        sim_check(head || strncmp(line, "  thread 'Thread-", 17) == 0 ||
                  strncmp(line, "  thread 'MainThread'", 21) == 0);
        dumps += head;
    }
    sim_check(dumps == 4);
}

int main(int argc, char **argv)
{
    static const struct scenario scenarios[] = {
        SCENARIO(acquire_all_never_sticks),
        SCENARIO(acquire_all_takes_all_or_none),
        SCENARIO(acquire_all_keeps_the_order),
        SCENARIO(order_of_two_is_refused),
        SCENARIO(order_of_three_is_refused),
        SCENARIO(order_of_two_is_reported),
        SCENARIO(order_that_is_kept_is_not_reported),
        SCENARIO(no_report_of_a_timed_link),
        SCENARIO(no_report_of_a_link_that_was),
        SCENARIO(no_report_while_locks_are_handed_over),
        SCENARIO(circle_through_a_condition_is_found),
        SCENARIO(only_who_waits_for_what_was_forgotten_is_told),
        SCENARIO(dump_sees_each_thread_as_it_is),
    };
    return sim_main(argc, argv, scenarios, sizeof scenarios / sizeof scenarios[0]);
}
