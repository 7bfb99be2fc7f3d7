/*
 * test_dump.c - what each thread does, as told to whoever asks
 */
#include "../harness.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

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
    check(strncmp(text, "thrum: threads:\n", 16) == 0);
    check(text[size - 1] == '\n');
}

/* The line of that thread, without the newline; NULL: it is not listed. */
static const char *line_of(const char *name)
{
    static char line[1024];
    char begin[80];
    (void)snprintf(begin, sizeof begin, "  thread '%s' (", name);
    const char *at = strstr(text, begin);
    if (at == NULL)
        return NULL;
    (void)snprintf(line, sizeof line, "%.*s", (int)strcspn(at, "\n"), at);
    return line;
}

/* Dump until the thread's line says so, and all of these. */
static bool says(const char *name, const char *words)
{
    dump();
    const char *line = line_of(name);
    return line != NULL && strstr(line, words) != NULL;
}

#define check_line(name, words)           \
    (strstr(line_of(name), words) != NULL \
         ? (void)0                        \
         : harness_fail(__FILE__, __LINE__, "'%s' is not in: %s", words, line_of(name)))

static struct {
    thrum_lock lock, free;
    thrum_event event;
    thrum_semaphore semaphore;
    thrum_condition condition;
    thrum_token *token;
    thrum_thread *holder;
} world = {.condition = THRUM_CONDITION_INIT(&world.free)};

static int hold(void *arg)
{
    (void)arg;
    check_result(thrum_lock_acquire(&world.lock, THRUM_FOREVER), 0);
    check_result(thrum_event_wait(&world.event, THRUM_FOREVER), 0);
    return thrum_lock_release(&world.lock);
}

static int want_lock(void *arg)
{
    (void)arg;
    check_result(thrum_lock_acquire(&world.lock, thrum_seconds(100)), 0);
    return thrum_lock_release(&world.lock);
}

static int want_permit(void *arg)
{
    (void)arg;
    return thrum_semaphore_acquire(&world.semaphore, THRUM_FOREVER);
}

static int want_permit_unless_interrupted(void *arg)
{
    (void)arg;
    return thrum_semaphore_acquire(&world.semaphore, thrum_interruptible(THRUM_FOREVER));
}

static int want_news(void *arg)
{
    (void)arg;
    check_result(thrum_condition_acquire(&world.condition, THRUM_FOREVER), 0);
    check_result(thrum_condition_wait(&world.condition, THRUM_FOREVER), 0);
    return thrum_condition_release(&world.condition);
}

static int want_end(void *arg)
{
    (void)arg;
    return thrum_thread_join(world.holder, NULL, THRUM_FOREVER);
}

static thrum_thread *named(const char *name, int (*target)(void *arg))
{
    thrum_thread *thread;
    check_result(thrum_thread_run(&thread, target, NULL, .name = name, .token = world.token), 0);
    return thread;
}

static void nothing_else(void *arg)
{
    (void)arg;
    dump();
    check(line_of("holder") == NULL && line_of("locker") == NULL);
    check(strstr(text, " runs\n") != NULL);
    const char *second = strchr(strchr(text, '\n') + 1, '\n') + 1;
    check_str(second, "");
}

static thrum_event over;

static int wait_for_over(void *arg)
{
    (void)arg;
    return thrum_event_wait(&over, THRUM_FOREVER);
}

static int join_it(void *arg)
{
    return thrum_thread_join(arg, NULL, THRUM_FOREVER);
}

/* Without a token it sleeps in the system's join. */
TEST(who_joins_for_as_long_as_it_takes_is_told_with_since_when)
{
    thrum_thread *joined, *joiner;
    check_result(thrum_thread_run(&joined, wait_for_over, NULL, .name = "joined"), 0);
    check_result(thrum_thread_run(&joiner, join_it, joined, .name = "patient"), 0);
    until(says("patient", " waits for end of thread 'joined' (0x") && says("patient", ", for "));
    thrum_event_set(&over);
    check_result(finish(joiner), 0);
    thrum_thread_free(joined);
}

TEST(each_thread_is_told_with_what_it_waits_for_and_who_holds_it)
{
    check_result(thrum_lock_init(&world.lock, .name = "ledger"), 0);
    check_result(thrum_token_new(&world.token), 0);
    world.holder = named("holder", hold);
    until(says("holder", " waits for event 0x"));
    thrum_thread *threads[4] = {named("locker", want_lock), named("diver", want_permit), named("reader", want_news),
                                named("joiner", want_end)};
    until(says("locker", " waits for lock 'ledger' (0x"));
    until(says("diver", " waits for semaphore 0x"));
    until(says("reader", " waits for condition 0x"));
    until(says("joiner", " waits for end of thread 'holder' (0x"));

    dump();
    char holder[80];
    (void)snprintf(holder, sizeof holder, ", held by thread 'holder' (%llu), for ",
                   (unsigned long long)thrum_thread_native_id(world.holder));
    check_line("locker", holder);
    check_line("locker", " s left");
    check_line("locker", "test_dump");                     /* where it waits */
    check(strstr(line_of("locker"), "cancelled") == NULL); /* taking a lock is no cancellation point */
    check_line("holder", ", without a time-out, can be cancelled");
    check_line("diver", "test_dump");
    check(strstr(text, " runs\n") != NULL); /* this one */
    check_int(in_child(nothing_else, NULL), 0);

    thrum_event_set(&world.event);
    check_result(thrum_semaphore_release(&world.semaphore, 1), 0);
    check_result(thrum_condition_acquire(&world.condition, THRUM_FOREVER), 0);
    check_result(thrum_condition_notify_all(&world.condition), 0);
    /* It has been moved to the lock, which this thread holds. */
    check(says("reader", " waits for lock 0x"));
    check(strstr(line_of("reader"), ", held by thread '") != NULL);
    check_result(thrum_condition_release(&world.condition), 0);
    for (int i = 0; i < 4; i++)
        check_int(finish(threads[i]), 0);
    thrum_thread_free(world.holder);
    dump();
    check(line_of("locker") == NULL && line_of("joiner") == NULL && line_of("holder") == NULL);
    thrum_token_free(world.token);
    world.token = NULL;
}

TEST(wait_that_a_handler_may_end_has_no_time_out_for_that)
{
    thrum_thread *thread = named("listener", want_permit_unless_interrupted);
    until(says("listener", " waits for semaphore 0x"));
    check_line("listener", ", without a time-out");
    check_result(thrum_semaphore_release(&world.semaphore, 1), 0);
    check_int(finish(thread), 0);
}

TEST(bad_descriptor_is_an_error)
{
    check_result(thrum_dump(-1), -EBADF);
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    check(fd >= 0);
    check_result(thrum_dump(fd), -ENOSPC);
    check(close(fd) == 0);
}

/* ---- On a signal ---- */

static int error_fd, real_stderr;

static bool told(const char *words)
{
    ssize_t size = pread(error_fd, text, sizeof text - 1, 0);
    check(size >= 0);
    text[size] = '\0';
    return strstr(text, words) != NULL;
}

static void forget(void)
{
    check(ftruncate(error_fd, 0) == 0);
}

static int await(void *event)
{
    return thrum_event_wait(event, THRUM_FOREVER);
}

static void dump_in_child(void *arg)
{
    thrum_event event = THRUM_EVENT_INIT;
    (void)arg;
    check_int(raise(SIGUSR2), 0);
    do /* it has a helper from its first wait on */
        check_result(thrum_event_wait(&event, thrum_seconds(0.001)), THRUM_TIMEOUT);
    while (!told("thrum: threads:\n"));
}

TEST(a_signal_has_it_written_to_standard_error)
{
    static thrum_event event;
    thrum_thread *waiter;
    check_result(thrum_thread_run(&waiter, await, &event, .name = "sitter"), 0);
    until(says("sitter", " waits for event 0x"));
    error_fd = memfd_create("stderr", MFD_CLOEXEC);
    real_stderr = dup(2);
    check(error_fd >= 0 && real_stderr >= 0 && fcntl(error_fd, F_SETFL, O_APPEND) == 0 && dup2(error_fd, 2) == 2);
    check_result(thrum_dump_on_signal(SIGUSR1), 0);
    check_result(thrum_dump_on_signal(SIGUSR1), 0);
    check_result(thrum_dump_on_signal(SIGUSR2), 0);
    for (int round = 0; round < 3; round++) {
        check_int(raise(round % 2 ? SIGUSR2 : SIGUSR1), 0);
        until(told("  thread 'sitter' (") && told(" waits for event 0x") && told(" runs\n"));
        forget();
    }
    if (THREADS_IN_CHILD)
        check_int(in_child(dump_in_child, NULL), 0);
    check_result(thrum_dump_on_signal(0), 0);
    check_result(thrum_dump_on_signal(0), 0);
    struct sigaction now;
    check_int(sigaction(SIGUSR1, NULL, &now), 0);
    check(now.sa_handler == SIG_DFL);
    check(dup2(real_stderr, 2) == 2);
    check(close(real_stderr) == 0 && close(error_fd) == 0);
    thrum_event_set(&event);
    check_result(finish(waiter), 0);
}

TEST(what_is_no_signal_to_dump_on_is_refused)
{
    static const int never[] = {-1, SIGKILL, SIGSTOP, SIGSEGV, NSIG, 100000};
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        check_result(thrum_dump_on_signal(never[i]), -EINVAL);
    check_result(thrum_dump_on_signal(0), 0);
}

/* ---- While all of it changes ---- */

static struct {
    thrum_lock locks[3];
    thrum_condition condition;
    atomic_bool over;
} churn = {.condition = THRUM_CONDITION_INIT(&churn.locks[0])};

static int come_and_go(void *arg)
{
    check_result(thrum_lock_acquire(arg, THRUM_FOREVER), 0);
    if (arg == &churn.locks[0]) {
        int result = thrum_condition_wait(&churn.condition, thrum_seconds(0.0001));
        check(result == 0 || result == THRUM_TIMEOUT);
        check_result(thrum_condition_notify_all(&churn.condition), 0);
    }
    return thrum_lock_release(arg);
}

static int keep_coming(void *arg)
{
    while (!atomic_load(&churn.over)) {
        thrum_thread *children[2] = {start(come_and_go, arg, NULL), start(come_and_go, arg, NULL)};
        check_int(finish(children[0]) + finish(children[1]), 0);
    }
    return 0;
}

TEST(dump_meets_threads_that_come_wait_and_go)
{
    thrum_thread *threads[3];
    for (int i = 0; i < 3; i++)
        threads[i] = start(keep_coming, &churn.locks[i], NULL);
    for (int round = 0; round < ROUNDS(500); round++)
        dump();
    atomic_store(&churn.over, true);
    for (int i = 0; i < 3; i++)
        check_int(finish(threads[i]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_joins_for_as_long_as_it_takes_is_told_with_since_when),
        cmocka_unit_test(each_thread_is_told_with_what_it_waits_for_and_who_holds_it),
        cmocka_unit_test(wait_that_a_handler_may_end_has_no_time_out_for_that),
        cmocka_unit_test(bad_descriptor_is_an_error),
        cmocka_unit_test(a_signal_has_it_written_to_standard_error),
        cmocka_unit_test(what_is_no_signal_to_dump_on_is_refused),
        cmocka_unit_test(dump_meets_threads_that_come_wait_and_go),
    };
    return cmocka_run_group_tests_name("dump", tests, NULL, NULL);
}
