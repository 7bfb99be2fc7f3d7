/*
 * sim_order.c - scenarios of orders: circles that close or nearly do, and who waits for what
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
    int found, reports;
} table;

static void count_report(void *arg, const char *text)
{
    (void)arg;
    (void)text;
    table.reports++;
}

static void run_all(int n, int (*const *targets)(void *arg))
{
    static int numbers[N] = {0, 1, 2, 3};
    thrum_thread *threads[N];
    thrum_set_reporter(count_report, NULL);
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

static thrum_condition news = THRUM_CONDITION_INIT(&table.locks[1]);

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
        sim_check(head || strncmp(line, "  thread 'Thread-", 17) == 0 || strncmp(line, "  thread 'sim-0'", 16) == 0);
        dumps += head;
    }
    sim_check(dumps == 4);
}

int main(int argc, char **argv)
{
    static const struct scenario scenarios[] = {
        SCENARIO(no_report_of_a_timed_link),
        SCENARIO(no_report_of_a_link_that_was),
        SCENARIO(no_report_while_locks_are_handed_over),
        SCENARIO(circle_through_a_condition_is_found),
        SCENARIO(only_who_waits_for_what_was_forgotten_is_told),
        SCENARIO(dump_sees_each_thread_as_it_is),
    };
    return sim_main(argc, argv, scenarios, sizeof scenarios / sizeof scenarios[0]);
}
