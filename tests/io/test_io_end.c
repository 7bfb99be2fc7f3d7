/*
 * test_io_end.c - how waits for descriptors end otherwise: closed by another, cancelled, interrupted, out of memory or
 * descriptors; and life after fork
 */
#include "pairs.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static thrum_scheduler *sched;

static int set_up(void **state)
{
    (void)state;
    return thrum_scheduler_new(&sched);
}

static int tear_down(void **state)
{
    (void)state;
    check_result(thrum_scheduler_free(sched), 0);
    return 0;
}

static void go(int (*function)(void *arg), void *arg)
{
    check_result(thrum_coroutine_run(NULL, sched, function, arg), 0);
}

static void run_all(void)
{
    check_result(thrum_scheduler_run(sched), 0);
}

/* ---- Closed by another ---- */

static struct {
    int fds[2];
    atomic_int waiting;
} closing;

static int read_until_closed(void *arg)
{
    char byte;
    size_t n;
    (void)arg;
    check_result(thrum_read(closing.fds[0], &byte, 1, &n, THRUM_FOREVER), -EBADF);
    return 0;
}

static int write_until_closed(void *arg)
{
    static char data[1 << 20];
    size_t n;
    (void)arg;
    check_result(thrum_write(closing.fds[0], data, sizeof data, &n, THRUM_FOREVER), -EBADF);
    return 0;
}

static int run_both(void *arg)
{
    thrum_scheduler *scheduler;
    check_result(thrum_scheduler_new(&scheduler), 0);
    check_result(thrum_coroutine_run(NULL, scheduler, read_until_closed, arg), 0);
    check_result(thrum_coroutine_run(NULL, scheduler, read_until_closed, arg), 0);
    check_result(thrum_coroutine_run(NULL, scheduler, write_until_closed, arg), 0);
    check_result(thrum_scheduler_run(scheduler), 0);
    check_result(thrum_scheduler_free(scheduler), 0);
    return 0;
}

static void all_are_told(void (*end)(void))
{
    thrum_thread *threads[5];
    make_sockets(closing.fds);
    for (int i = 0; i < 5; i++)
        threads[i] = start(i < 2 ? run_both : i < 4 ? read_until_closed : write_until_closed, NULL, NULL);
    until(count_waits(closing.fds[0]) == 9);
    end();
    for (int i = 0; i < 5; i++)
        check_int(finish(threads[i]), 0);
}

static void close_it(void)
{
    check_result(thrum_close(closing.fds[0]), 0);
    check_int(count_waits(closing.fds[0]), 0); /* at once */
}

TEST(all_who_wait_are_told_that_it_is_closed)
{
    for (int i = 0; i < 20; i++) {
        all_are_told(close_it);
        check_result(thrum_close(closing.fds[1]), 0);
    }
}

static void close_it_plainly(void)
{
    check_int(close(closing.fds[0]), 0);
}

/* The peer's end stays open, so nothing happens to the file. */
static void put_another_there(void)
{
    int other[2];
    make_sockets(other);
    check_int(dup2(other[0], closing.fds[0]), closing.fds[0]);
    check_int(close(other[0]), 0);
    check_result(thrum_write(other[1], "x", 1, NULL, THRUM_FOREVER), 0); /* it is ready */
    check_result(thrum_write(closing.fds[1], "y", 1, NULL, THRUM_NOWAIT), -EPIPE);
    check_result(thrum_close(closing.fds[1]), 0);
    closing.fds[1] = other[1];
}

TEST(what_others_close_is_found_out)
{
    all_are_told(close_it_plainly);
    check_result(thrum_close(closing.fds[1]), 0);
    all_are_told(put_another_there);
    char byte;
    size_t n;
    check_result(thrum_read(closing.fds[0], &byte, 1, &n, THRUM_NOWAIT), 0); /* nobody has taken it */
    check_int(byte, 'x');
    close_pair(closing.fds);
}

/* In one scheduler there is nobody who could come between. */
static int close_it_and_put_another_there(void *arg)
{
    (void)arg;
    int other[2], closed = closing.fds[0];
    make_pipe(other);
    check_result(thrum_write(other[1], "x", 1, NULL, THRUM_FOREVER), 0);
    check_result(thrum_close(closed), 0);
    check_int(dup2(other[0], closed), closed);
    check_int(close(other[0]), 0);
    check_int(close(closing.fds[1]), 0);
    closing.fds[1] = other[1];
    return 0;
}

TEST(who_waits_for_a_closed_one_does_not_read_the_next)
{
    make_pipe(closing.fds);
    go(read_until_closed, NULL);
    go(close_it_and_put_another_there, NULL);
    run_all();
    close_pair(closing.fds);
}

static int copy;

static int read_next(void *arg)
{
    char byte;
    size_t n;
    (void)arg;
    check_result(thrum_read(closing.fds[0], &byte, 1, &n, THRUM_FOREVER), 0);
    check_int(byte, 'x');
    return 0;
}

/* The old file is still open, as a copy, and becomes ready: that ends nothing of the next one's. */
static int put_a_pipe_there(void *arg)
{
    int other[2];
    (void)arg;
    make_pipe(other);
    copy = dup(closing.fds[0]);
    check_int(dup2(other[0], closing.fds[0]), closing.fds[0]);
    check_int(close(other[0]), 0);
    check_result(thrum_coroutine_run(NULL, sched, read_next, NULL), 0);
    check_result(thrum_coroutine_yield(), 0);
    check_int(count_waits(closing.fds[0]), 1); /* the one who waited for the old one has been told */
    check_result(thrum_write(closing.fds[1], "y", 1, NULL, THRUM_FOREVER), 0);
    for (int i = 0; i < 200; i++)
        check_result(thrum_coroutine_yield(), 0);
    check_result(thrum_write(other[1], "x", 1, NULL, THRUM_FOREVER), 0);
    check_result(thrum_close(other[1]), 0);
    return 0;
}

TEST(next_file_of_that_number_is_another)
{
    make_pipe(closing.fds);
    go(read_until_closed, NULL);
    go(put_a_pipe_there, NULL);
    int64_t begin = thrum_monotonic_ns();
    run_all();
    check(thrum_monotonic_ns() - begin < 30 * 1000 * MILLISECOND);
    check_int(close(copy), 0);
    close_pair(closing.fds);
}

/* Close, and open anew, while others begin to wait: each is told, or has the next one's byte. */
static int read_any(void *arg)
{
    char byte;
    size_t n;
    /* From now on the numbers are free for the test's files alone. */
    check_result(thrum_read(*(const int *)arg, &byte, 1, &n, thrum_seconds(0.001)), THRUM_TIMEOUT);
    atomic_fetch_add(&closing.waiting, 1);
    for (;;) {
        int result = thrum_read(closing.fds[0], &byte, 1, &n, THRUM_FOREVER);
        if (result == 0 && n == 1 && byte == 'e')
            return 0;
        check(result == -EBADF || (result == 0 && (n == 0 || byte == 'x')));
    }
}

static int run_read_any(void *arg)
{
    thrum_scheduler *scheduler;
    check_result(thrum_scheduler_new(&scheduler), 0);
    check_result(thrum_coroutine_run(NULL, scheduler, read_any, arg), 0);
    check_result(thrum_coroutine_run(NULL, scheduler, read_any, arg), 0);
    check_result(thrum_scheduler_run(scheduler), 0);
    check_result(thrum_scheduler_free(scheduler), 0);
    return 0;
}

TEST(to_close_and_open_again_and_again_loses_nobody)
{
    thrum_thread *threads[3];
    int quiet[2];
    if (HARNESS_TSAN) /* takes it for a race that a number changes hands */
        return;
    make_pipe(quiet);
    make_pipe(closing.fds);
    closing.waiting = 0;
    for (int i = 0; i < 3; i++)
        threads[i] = start(i == 0 ? run_read_any : read_any, &quiet[0], NULL);
    until(atomic_load(&closing.waiting) == 4);
    for (int i = 0; i < ROUNDS(2000); i++) {
        int next[2];
        if (i % 2 == 0)
            check_result(thrum_write(closing.fds[1], "x", 1, NULL, THRUM_FOREVER), 0);
        check_result(thrum_close(closing.fds[0]), 0);
        check_result(thrum_close(closing.fds[1]), 0);
        make_pipe(next);
        check_int(next[0], closing.fds[0]);
        check_int(next[1], closing.fds[1]);
    }
    check_result(thrum_write(closing.fds[1], "eeee", 4, NULL, THRUM_FOREVER), 0);
    for (int i = 0; i < 3; i++)
        check_int(finish(threads[i]), 0);
    close_pair(closing.fds);
    close_pair(quiet);
}

/* ---- Cancelled ---- */

static int read_until_cancelled(void *arg)
{
    char byte;
    size_t n;
    check_result(thrum_read(*(const int *)arg, &byte, 1, &n, thrum_seconds(60)), THRUM_CANCELLED);
    check_result(thrum_read(*(const int *)arg, &byte, 1, &n, thrum_seconds(60)), THRUM_CANCELLED);
    return 0;
}

static int cancel_it(void *arg)
{
    check_result(thrum_coroutine_cancel(arg), 0);
    return 0;
}

TEST(cancelled_ones_wait_no_longer)
{
    int fds[2], code = 77;
    thrum_token *token;
    thrum_coroutine *reader;
    make_pipe(fds);
    check_result(thrum_token_new(&token), 0);
    thrum_thread *thread = start(read_until_cancelled, &fds[0], token);
    settle(thrum_thread_native_id(thread));
    thrum_token_cancel(token);
    check_int(finish(thread), 0);
    thrum_token_free(token);
    check_result(thrum_coroutine_run(&reader, sched, read_until_cancelled, &fds[0]), 0);
    go(cancel_it, reader);
    run_all();
    check_result(thrum_coroutine_join(reader, &code, THRUM_NOWAIT), 0);
    check_int(code, 0);
    thrum_coroutine_free(reader);
    close_pair(fds);
}

/* ---- Times and bytes ---- */

static struct {
    int fds[2];
    int bytes;
    atomic_int got;
} hasty;

static int read_hastily(void *arg)
{
    char data[4];
    size_t n = 1;
    (void)arg;
    while (n > 0) {
        int result = thrum_read(hasty.fds[0], data, sizeof data, &n, thrum_seconds(0.00003));
        check(result == 0 || result == THRUM_TIMEOUT);
        if (result == 0)
            atomic_fetch_add(&hasty.got, (int)n);
    }
    return 0;
}

static int write_now_and_then(void *arg)
{
    (void)arg;
    for (int i = 0; i < hasty.bytes; i++) {
        check_result(thrum_write(hasty.fds[1], "x", 1, NULL, THRUM_FOREVER), 0);
        check_result(thrum_sleep(thrum_seconds(i % 3 * 0.00003)), 0);
    }
    check_result(thrum_close(hasty.fds[1]), 0);
    return 0;
}

TEST(time_outs_lose_nothing)
{
    make_pipe(hasty.fds);
    hasty.bytes = ROUNDS(3000);
    hasty.got = 0;
    thrum_thread *threads[3];
    for (int i = 0; i < 3; i++)
        threads[i] = start(i == 2 ? write_now_and_then : read_hastily, NULL, NULL);
    go(read_hastily, NULL);
    go(read_hastily, NULL);
    run_all();
    for (int i = 0; i < 3; i++)
        check_int(finish(threads[i]), 0);
    check_int(hasty.got, hasty.bytes);
    check_result(thrum_close(hasty.fds[0]), 0);
}

/* ---- Signals ---- */

static atomic_int handled;

static void count(int signo)
{
    (void)signo;
    atomic_fetch_add(&handled, 1);
}

struct interrupted {
    int fd;
    pthread_t thread;
    atomic_int state;
    int result;
};

static int read_interruptibly(void *arg)
{
    struct interrupted *it = arg;
    char byte;
    size_t n;
    it->thread = pthread_self();
    atomic_store(&it->state, 1);
    it->result = thrum_read(it->fd, &byte, 1, &n, thrum_interruptible(THRUM_FOREVER));
    atomic_store(&it->state, 2);
    return 0;
}

static int run_interruptibly(void *arg)
{
    run_in_coroutine(read_interruptibly, arg);
    return 0;
}

TEST(handlers_end_what_has_asked_for_it)
{
    int (*const how[])(void *arg) = {read_interruptibly, run_interruptibly};
    struct sigaction action = {.sa_handler = count, .sa_flags = SA_RESTART};
    check_int(sigaction(SIGUSR1, &action, NULL), 0);
    for (int i = 0; i < 2; i++) {
        int fds[2];
        make_pipe(fds);
        struct interrupted it = {.fd = fds[0]};
        thrum_thread *thread = start(how[i], &it, NULL);
        until(atomic_load(&it.state) > 0);
        while (atomic_load(&it.state) == 1) { /* one that comes too early interrupts nothing */
            check_int(pthread_kill(it.thread, SIGUSR1), 0);
            settle(thrum_thread_native_id(thread));
        }
        check_int(finish(thread), 0);
        check_result(it.result, THRUM_INTERRUPTED);
        close_pair(fds);
    }
}

static int read_undisturbed(void *arg)
{
    struct interrupted *it = arg;
    char byte;
    size_t n;
    it->thread = pthread_self();
    atomic_store(&it->state, 1);
    it->result = thrum_read(it->fd, &byte, 1, &n, THRUM_FOREVER);
    atomic_store(&it->state, 2);
    return 0;
}

static int run_undisturbed(void *arg)
{
    run_in_coroutine(read_undisturbed, arg);
    return 0;
}

TEST(handlers_disturb_no_other)
{
    int (*const how[])(void *arg) = {read_undisturbed, run_undisturbed};
    struct sigaction action = {.sa_handler = count};
    check_int(sigaction(SIGUSR1, &action, NULL), 0);
    for (int i = 0; i < 2; i++) {
        int fds[2];
        make_pipe(fds);
        struct interrupted it = {.fd = fds[0]};
        thrum_thread *thread = start(how[i], &it, NULL);
        until(atomic_load(&it.state) > 0);
        for (int k = 0; k < 50; k++) {
            check_int(pthread_kill(it.thread, SIGUSR1), 0);
            settle(thrum_thread_native_id(thread));
        }
        check_result(thrum_write(fds[1], "x", 1, NULL, THRUM_FOREVER), 0);
        check_int(finish(thread), 0);
        check_result(it.result, 0);
        close_pair(fds);
    }
}

/* ---- Reports ---- */

static int dump_it(void *arg)
{
    check_result(thrum_dump(*(const int *)arg), 0);
    return 0;
}

static int read_one(void *arg)
{
    char byte;
    size_t n;
    check_result(thrum_read(*(const int *)arg, &byte, 1, &n, THRUM_FOREVER), 0);
    return 0;
}

static int write_one(void *arg)
{
    check_result(thrum_write(*(const int *)arg, "xx", 2, NULL, THRUM_FOREVER), 0);
    return 0;
}

TEST(dump_names_the_descriptor)
{
    int fds[2];
    char text[8192] = "", line[64];
    make_pipe(fds);
    FILE *file = tmpfile();
    check(file != NULL);
    int out = fileno(file);
    thrum_thread *thread = start(read_one, &fds[0], NULL);
    settle(thrum_thread_native_id(thread));
    check_result(thrum_coroutine_run(NULL, sched, read_one, &fds[0], .name = "reader"), 0);
    go(dump_it, &out);
    go(write_one, &fds[1]);
    run_all();
    check_int(finish(thread), 0);
    rewind(file);
    check(fread(text, 1, sizeof text - 1, file) > 0);
    (void)fclose(file);
    (void)snprintf(line, sizeof line, " waits for readable descriptor '%d'", fds[0]);
    char *first = strstr(text, line), *reader = strstr(text, "'reader'");
    check(first != NULL && strstr(first + 1, line) != NULL);
    check(reader != NULL && strstr(reader, line) != NULL);
    close_pair(fds);
}

/* ---- Fork ---- */

static int fork_in_a_coroutine(void *arg)
{
    char byte;
    size_t n;
    const int *fds = arg;
    pid_t child = fork();
    check(child >= 0);
    if (child == 0)
        check_result(thrum_read(fds[0], &byte, 1, &n, THRUM_FOREVER), 77); /* its last wait: run is -ECHILD */
    int status;
    check_int(waitpid(child, &status, 0), child);
    check(WIFEXITED(status) && WEXITSTATUS(status) == 42);
    check_result(thrum_write(fds[1], "xx", 2, NULL, THRUM_FOREVER), 0);
    check_result(thrum_read(fds[0], &byte, 1, &n, THRUM_FOREVER), 0);
    return 0;
}

TEST(fork_ends_what_coroutines_wait_for)
{
    int fds[2];
    make_pipe(fds);
    go(read_one, &fds[0]);
    go(fork_in_a_coroutine, fds);
    int result = thrum_scheduler_run(sched);
    if (result == -ECHILD) {
        /* Who ends its wait then finds nobody to tell, not even the scheduler. */
        check_result(thrum_scheduler_free(sched), 0);
        check_result(thrum_close(fds[0]), 0);
        _exit(42);
    }
    check_result(result, 0);
    close_pair(fds);
}

/* It yields and writes many times, and is not lost by that: it has not had to wait. */
static int go_on_in_child(void *arg)
{
    int status, *fds = arg;
    pid_t child = fork();
    check(child >= 0);
    if (child == 0) {
        for (int i = 0; i < 200; i++) {
            check_result(thrum_write(fds[1], "x", 1, NULL, THRUM_FOREVER), 0);
            check_result(thrum_coroutine_yield(), 0);
        }
        _exit(43);
    }
    check_int(waitpid(child, &status, 0), child);
    check(WIFEXITED(status) && WEXITSTATUS(status) == 43);
    return 0;
}

TEST(forked_child_goes_on_while_it_need_not_wait)
{
    int fds[2];
    make_pipe(fds);
    go(go_on_in_child, fds);
    int result = thrum_scheduler_run(sched);
    if (result == -ECHILD)
        _exit(1);
    check_result(result, 0);
    close_pair(fds);
}

/* It had a poller of its own before. */
static void talk_in_child(void *arg)
{
    int fds[2];
    char byte;
    size_t n;
    (void)arg;
    make_pipe(fds);
    check_result(thrum_read(fds[0], &byte, 1, &n, thrum_seconds(0.001)), THRUM_TIMEOUT);
    check_result(thrum_write(fds[1], "x", 1, NULL, THRUM_FOREVER), 0);
    check_result(thrum_read(fds[0], &byte, 1, &n, THRUM_FOREVER), 0);
    close_pair(fds);
}

static void talk_with_others_in_child(void *arg)
{
    talk_in_child(arg);
    run_in_both(read_one, arg);
}

TEST(threads_wait_in_a_child_as_ever)
{
    int fds[2];
    make_pipe(fds);
    talk_in_child(NULL);
    check_result(thrum_write(fds[1], "xx", 2, NULL, THRUM_FOREVER), 0);
    check_int(in_child(THREADS_IN_CHILD ? talk_with_others_in_child : talk_in_child, &fds[0]), 0);
    talk_in_child(NULL);
    close_pair(fds);
}

/* As daemons do: it has closed all, and has others by these numbers. */
static void close_all_in_child(void *arg)
{
    struct stat null, now;
    int first = open("/dev/null", O_RDWR | O_CLOEXEC);
    check(first >= 0 && fstat(first, &null) == 0);
    for (int fd = 3; fd < 64; fd++)
        check(fd == first || dup2(first, fd) == fd);
    talk_in_child(arg);
    for (int fd = 3; fd < 64; fd++)
        check(fstat(fd, &now) == 0 && now.st_rdev == null.st_rdev && now.st_ino == null.st_ino);
}

TEST(child_closes_nothing_of_others)
{
    talk_in_child(NULL);
    check_int(in_child(close_all_in_child, NULL), 0);
}

/* ---- Memory and descriptors ---- */

static int read_as_memory_allows(void *arg)
{
    int fds[2];
    char byte;
    size_t n, refused = 0;
    (void)arg;
    make_pipe(fds);
    size_t before = count_descriptors();
    for (;; refused++) {
        fault_arm(FAULT_MEMORY, (unsigned)refused);
        int result = thrum_read(fds[0], &byte, 1, &n, thrum_seconds(0.001));
        if (!fault_disarm())
            break;
        check(result == -ENOMEM || result == -EAGAIN);
        check_int(count_descriptors(), before);
    }
    check(refused > 0);
    check_int(count_descriptors(), before + 2); /* until the thread ends */
    close_pair(fds);
    return 0;
}

TEST(each_lack_of_memory_is_told)
{
    size_t before = count_descriptors();
    check_int(finish(start(read_as_memory_allows, NULL, NULL)), 0);
    check_int(count_descriptors(), before);
}

/* A number so high that the records for it are not there yet. */
static void read_high_up(void *arg)
{
    int fds[2], high = 3000;
    char byte;
    size_t n;
    struct rlimit limit;
    (void)arg;
    check_int(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    check_int(setrlimit(RLIMIT_NOFILE, &limit), 0);
    make_pipe(fds);
    if (dup2(fds[0], high) != high) /* not so many here */
        return;
    check_result(thrum_read(fds[0], &byte, 1, &n, thrum_seconds(0.001)), THRUM_TIMEOUT);
    fault_arm(FAULT_MEMORY, 0);
    check_result(thrum_read(high, &byte, 1, &n, thrum_seconds(0.001)), -ENOMEM);
    check(fault_disarm());
    check_result(thrum_read(high, &byte, 1, &n, thrum_seconds(0.001)), THRUM_TIMEOUT);
}

TEST(records_need_memory_too)
{
    check_int(in_child(read_high_up, NULL), 0);
}

static int read_without_descriptors(void *arg)
{
    char byte;
    size_t n;
    check_result(thrum_read(*(const int *)arg, &byte, 1, &n, thrum_seconds(0.001)), -EMFILE);
    return 0;
}

TEST(lack_of_descriptors_is_told)
{
    int fds[2];
    struct rlimit limit, low;
    check_int(getrlimit(RLIMIT_NOFILE, &limit), 0);
    make_pipe(fds);
    low = limit;
    for (rlim_t room = 0; room < 2; room++) { /* for none of two, and for one */
        int next = dup(fds[0]);
        check_int(close(next), 0);
        low.rlim_cur = (rlim_t)next + room;
        check_int(setrlimit(RLIMIT_NOFILE, &low), 0);
        check_int(finish(start(read_without_descriptors, &fds[0], NULL)), 0);
        check_int(setrlimit(RLIMIT_NOFILE, &limit), 0);
    }
    close_pair(fds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        WITH(all_who_wait_are_told_that_it_is_closed),
        WITH(what_others_close_is_found_out),
        WITH(who_waits_for_a_closed_one_does_not_read_the_next),
        WITH(next_file_of_that_number_is_another),
        WITH(to_close_and_open_again_and_again_loses_nobody),
        WITH(cancelled_ones_wait_no_longer),
        WITH(time_outs_lose_nothing),
        WITH(handlers_end_what_has_asked_for_it),
        WITH(handlers_disturb_no_other),
        WITH(dump_names_the_descriptor),
        WITH(fork_ends_what_coroutines_wait_for),
        WITH(forked_child_goes_on_while_it_need_not_wait),
        WITH(threads_wait_in_a_child_as_ever),
        WITH(child_closes_nothing_of_others),
        WITH(each_lack_of_memory_is_told),
        WITH(records_need_memory_too),
        WITH(lack_of_descriptors_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
