/*
 * test_watchdog.c - coroutines that do not let the others go on, and what is told of all of them
 */
#include "harness.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "thrum/coroutine.h"

/* ---- Reports ---- */

static struct {
    atomic_int told;
    pthread_mutex_t mutex; /* of text; a reporter takes none of thrum's */
    char text[1024];
} reported = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* Of the watchdog's thread. */
static void hear(void *arg, const char *text)
{
    (void)arg;
    (void)pthread_mutex_lock(&reported.mutex);
    (void)snprintf(reported.text, sizeof reported.text, "%s", text);
    (void)pthread_mutex_unlock(&reported.mutex);
    atomic_fetch_add(&reported.told, 1);
}

static int set_up(void **state)
{
    (void)state;
    atomic_store(&reported.told, 0);
    thrum_set_reporter(hear, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    thrum_set_reporter(NULL, NULL);
    return 0;
}

/* It runs until it has been told of so often. */
static int run_on(void *arg)
{
    until(atomic_load(&reported.told) == *(const int *)arg);
    return 0;
}

static int run_on_twice(void *arg)
{
    int once = *(const int *)arg - 1;
    until(atomic_load(&reported.told) == once);
    check_result(thrum_coroutine_yield(), 0);
    return run_on(arg);
}

/* The seconds that the last report tells, if it is of that one; else -1. */
static double told_of(const char *name)
{
    char begin[100];
    double seconds = -1;
    (void)snprintf(begin, sizeof begin, "thrum: coroutine '%s' on thread ", name);
    (void)pthread_mutex_lock(&reported.mutex);
    const char *for_long = strstr(reported.text, " has run for ");
    if (strncmp(reported.text, begin, strlen(begin)) == 0 && for_long != NULL)
        seconds = strtod(for_long + strlen(" has run for "), NULL);
    (void)pthread_mutex_unlock(&reported.mutex);
    return seconds;
}

/* Never long in one turn. */
static int run_in_pieces(void *arg)
{
    int64_t end = thrum_monotonic_ns() + *(const int *)arg * MILLISECOND;
    while (thrum_monotonic_ns() < end)
        check_result(thrum_coroutine_yield(), 0);
    return 0;
}

static void run_one(thrum_scheduler *sched, int (*function)(void *arg), const int *arg, const char *name)
{
    check_result(thrum_coroutine_run(NULL, sched, function, (void *)(uintptr_t)arg, .name = name), 0);
    check_result(thrum_scheduler_run(sched), 0);
}

TEST(slow_one_is_told_once_a_turn)
{
    thrum_scheduler *sched;
    char expected[100];
    const int once = 1, thrice = 3;
    check_result(thrum_scheduler_new(&sched, .slow_after = thrum_seconds(0.01)), 0);
    run_one(sched, run_on, &once, "dawdler");
    (void)snprintf(expected, sizeof expected, "thrum: coroutine 'dawdler' on thread %llu has run for ",
                   (unsigned long long)thrum_get_native_id());
    check(strncmp(reported.text, expected, strlen(expected)) == 0);
    check(strstr(reported.text, " s without a wait\n") != NULL);
    run_one(sched, run_on_twice, &thrice, "twice");
    check(strstr(reported.text, "coroutine 'twice'") != NULL);
    check_result(thrum_scheduler_free(sched), 0);
    check_int(atomic_load(&reported.told), 3);
}

struct walker {
    const char *name;
    int turns;
};

/* A new report has come: of that one, and it has been at it for no longer than it has. One of an earlier turn may
 * come late. */
static bool is_told_rightly(const char *name, int64_t begin, int *seen)
{
    int told = atomic_load(&reported.told);
    if (told == *seen)
        return false;
    *seen = told;
    double seconds = told_of(name);
    return seconds >= 0 && seconds <= (double)(thrum_monotonic_ns() - begin) / 1e9 + 0.001; /* as it is rounded */
}

/* It yields so often, and then runs on until it is told of: by its name, and for that turn only. */
static int walk_and_run_on(void *arg)
{
    const struct walker *walker = arg;
    for (int i = 0; i < walker->turns; i++) {
        busy(MILLISECOND);
        check_result(thrum_coroutine_yield(), 0);
    }
    int64_t begin = thrum_monotonic_ns();
    int seen = atomic_load(&reported.told);
    until(is_told_rightly(walker->name, begin, &seen));
    return 0;
}

TEST(it_is_told_who_and_for_how_long)
{
    static const struct walker walkers[] = {{"one", 7}, {"two", 10}, {"three", 12}, {"four", 15}};
    thrum_scheduler *sched;
    check_result(thrum_scheduler_new(&sched, .slow_after = thrum_seconds(0.1)), 0);
    for (size_t i = 0; i < sizeof walkers / sizeof walkers[0]; i++)
        check_result(
            thrum_coroutine_run(NULL, sched, walk_and_run_on, (void *)(uintptr_t)&walkers[i], .name = walkers[i].name),
            0);
    check_result(thrum_scheduler_run(sched), 0);
    check_result(thrum_scheduler_free(sched), 0);
}

static int sleep_long(void *arg)
{
    return thrum_sleep(thrum_seconds(*(const int *)arg * 0.001));
}

TEST(who_waits_or_yields_is_not_slow)
{
    thrum_scheduler *sched;
    const int ms = 50;
    /* So long that even a slow machine gives each its turn in time. */
    check_result(thrum_scheduler_new(&sched, .slow_after = thrum_seconds(10)), 0);
    run_one(sched, run_in_pieces, &ms, "runner");
    check_result(thrum_scheduler_free(sched), 0);
    check_result(thrum_scheduler_new(&sched, .slow_after = thrum_seconds(0.001)), 0);
    run_one(sched, sleep_long, &ms, "sleeper");
    check_result(thrum_scheduler_free(sched), 0);
    check(strstr(reported.text, "runner") == NULL);
}

static int run_two(void *arg)
{
    thrum_scheduler *sched;
    check_result(thrum_scheduler_new(&sched, .slow_after = thrum_seconds(0.005)), 0);
    run_one(sched, run_on, arg, "one of two");
    return thrum_scheduler_free(sched);
}

TEST(many_schedulers_are_watched)
{
    const int two = 2;
    thrum_thread *threads[2];
    for (int i = 0; i < 2; i++)
        threads[i] = start(run_two, (void *)(uintptr_t)&two, NULL);
    for (int i = 0; i < 2; i++)
        check_int(finish(threads[i]), 0);
}

TEST(environment_asks_for_all)
{
    thrum_scheduler *sched;
    const int once = 1, ms = 5;
    check_int(setenv("THRUM_SLOW_AFTER", "0.01", 1), 0);
    check_result(thrum_scheduler_new(&sched), 0);
    run_one(sched, run_on, &once, "dawdler");
    check_result(thrum_scheduler_free(sched), 0);
    check_int(setenv("THRUM_SLOW_AFTER", "soon", 1), 0); /* said on standard error, and off */
    check_result(thrum_scheduler_new(&sched), 0);
    run_one(sched, run_in_pieces, &ms, "not watched");
    check_result(thrum_scheduler_free(sched), 0);
    check_int(unsetenv("THRUM_SLOW_AFTER"), 0);
    check_int(atomic_load(&reported.told), 1);
}

TEST(spans_that_are_none_are_refused)
{
    thrum_scheduler *sched = NULL;
    check_result(thrum_scheduler_new(&sched, .slow_after = THRUM_NOWAIT), -EINVAL);
    check_result(thrum_scheduler_new(&sched, .slow_after = thrum_seconds(-1)), -EINVAL);
    check_result(thrum_scheduler_new(&sched, .slow_after = thrum_until(1)), -EINVAL);
    check_result(thrum_scheduler_new(&sched, .slow_after = thrum_interruptible(thrum_seconds(1))), -EINVAL);
    check(sched == NULL);
}

/* In a child, where there is no watchdog yet. */
static void ask_in_child(void *arg)
{
    thrum_scheduler *sched = NULL;
    atomic_store(&reported.told, 0);
    fault_arm(FAULT_THREAD, 0);
    check_result(thrum_scheduler_new(&sched, .slow_after = thrum_seconds(0.01)), -EAGAIN);
    check(fault_disarm());
    check(sched == NULL);
    check_result(thrum_scheduler_new(&sched, .slow_after = thrum_seconds(0.01)), 0);
    run_one(sched, run_on, arg, "in the child");
    check_result(thrum_scheduler_free(sched), 0);
}

/* The child's is another; and it leaves its parent's scheduler, which no watchdog knows there. */
static int fork_while_watched(void *arg)
{
    pid_t child = fork();
    if (child == 0) {
        (void)thrum_sleep(THRUM_FOREVER);
        _exit(1);
    }
    *(pid_t *)arg = child;
    return 0;
}

TEST(child_has_a_watchdog_of_its_own)
{
    thrum_scheduler *sched;
    int once = 1;
    if (!THREADS_IN_CHILD)
        return;
    check_int(in_child(ask_in_child, &once), 0);
    pid_t child = 0;
    int status = 0;
    check_result(thrum_scheduler_new(&sched, .slow_after = thrum_seconds(10)), 0);
    check_result(thrum_coroutine_run(NULL, sched, fork_while_watched, &child), 0);
    int result = thrum_scheduler_run(sched);
    if (result == -ECHILD)
        _exit(0);
    check_result(result, 0);
    check_int(waitpid(child, &status, 0), child);
    check_int(status, 0);
    check_result(thrum_scheduler_free(sched), 0);
}

/* ---- Dumps ---- */

static char text[65536];

static void dump(void)
{
    int fd = memfd_create("dump", MFD_CLOEXEC);
    check(fd >= 0);
    check_result(thrum_dump(fd), 0);
    ssize_t size = pread(fd, text, sizeof text - 1, 0);
    check(size > 0);
    text[size] = '\0';
    check(close(fd) == 0);
}

static void check_line(const char *name, const char *words)
{
    char begin[100];
    (void)snprintf(begin, sizeof begin, "  coroutine '%s' on thread %llu%s", name,
                   (unsigned long long)thrum_get_native_id(), words);
    if (strstr(text, begin) == NULL)
        harness_fail(__FILE__, __LINE__, "no line begins with '%s' in:\n%s", begin, text);
}

static struct {
    thrum_event event;
    thrum_lock lock;
} world;

static int wait_for_event(void *arg)
{
    (void)arg;
    return thrum_event_wait(&world.event, THRUM_FOREVER);
}

static int wait_for_lock(void *arg)
{
    (void)arg;
    check_result(thrum_lock_acquire(&world.lock, THRUM_FOREVER), 0);
    return thrum_lock_release(&world.lock);
}

static int yield_until_then(void *arg)
{
    (void)arg;
    while (!thrum_event_is_set(&world.event))
        check_result(thrum_coroutine_yield(), 0);
    return 0;
}

static int dump_all(void *arg)
{
    (void)arg;
    check_result(thrum_lock_acquire(&world.lock, THRUM_FOREVER), 0);
    for (int i = 0; i < 5; i++) /* until the others stand where they wait */
        check_result(thrum_coroutine_yield(), 0);
    dump();
    check_line("sleeper", " waits for event");
    check_line("locked out", " waits for lock");
    check(strstr(text, ", held by coroutine 'dumper' on thread ") != NULL);
    check_line("yielder", " can run");
    check_line("dumper", " runs");
    thrum_event_set(&world.event);
    return thrum_lock_release(&world.lock);
}

TEST(dump_names_coroutines)
{
    static const struct {
        const char *name;
        int (*function)(void *arg);
    } all[] = {{"dumper", dump_all},
               {"sleeper", wait_for_event},
               {"locked out", wait_for_lock},
               {"yielder", yield_until_then}};
    thrum_scheduler *sched;
    check_result(thrum_scheduler_new(&sched), 0);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        check_result(thrum_coroutine_run(NULL, sched, all[i].function, NULL, .name = all[i].name), 0);
    check_result(thrum_scheduler_run(sched), 0);
    dump();
    check(strstr(text, "coroutine") == NULL);
    check_result(thrum_scheduler_free(sched), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        WITH(slow_one_is_told_once_a_turn),    WITH(it_is_told_who_and_for_how_long),
        WITH(who_waits_or_yields_is_not_slow), WITH(many_schedulers_are_watched),
        WITH(environment_asks_for_all),        WITH(spans_that_are_none_are_refused),
        WITH(child_has_a_watchdog_of_its_own), WITH(dump_names_coroutines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
