/*
 * test_io.c - reading, writing and polling, in coroutines and in threads
 */
#include "pairs.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#define LARGE ((size_t)1 << 20)

static make_pair *const makers[] = {make_pipe, make_nonblocking_pipe, make_sockets};
#define MAKERS (sizeof makers / sizeof makers[0])

/* ---- One end ---- */

static int read_what_is_there(void *arg)
{
    int fds[2];
    char data[16];
    size_t n = 77;
    (*(make_pair *const *)arg)(fds);
    check_result(thrum_read(fds[0], data, sizeof data, &n, THRUM_NOWAIT), THRUM_TIMEOUT);
    check_int(n, 77);
    check_result(thrum_write(fds[1], "hello", 5, &n, THRUM_NOWAIT), 0);
    check_int(n, 5);
    check_result(thrum_read(fds[0], data, 2, &n, THRUM_NOWAIT), 0);
    check_int(n, 2);
    check_result(thrum_read(fds[0], data + 2, sizeof data - 2, &n, THRUM_FOREVER), 0);
    check_int(n, 3);
    check(memcmp(data, "hello", 5) == 0);
    check_result(thrum_close(fds[1]), 0);
    check_result(thrum_read(fds[0], data, sizeof data, &n, THRUM_FOREVER), 0);
    check_int(n, 0);
    check_result(thrum_read(fds[0], data, sizeof data, &n, THRUM_NOWAIT), 0);
    check_int(n, 0);
    check_result(thrum_close(fds[0]), 0);
    return 0;
}

TEST(what_is_there_is_read_and_the_end_is_nothing)
{
    for (size_t i = 0; i < MAKERS; i++)
        run_in_both(read_what_is_there, (void *)(uintptr_t)&makers[i]);
}

static int time_out(void *arg)
{
    int fds[2];
    char data[16];
    size_t n;
    (*(make_pair *const *)arg)(fds);
    int64_t begin = thrum_monotonic_ns();
    check_result(thrum_read(fds[0], data, sizeof data, &n, thrum_seconds(0.02)), THRUM_TIMEOUT);
    check(thrum_monotonic_ns() - begin >= 20 * MILLISECOND);
    check_result(thrum_read(fds[0], data, sizeof data, &n, thrum_seconds(-1)), -EINVAL);
    close_pair(fds);
    return 0;
}

TEST(time_passes_though_nothing_comes)
{
    for (size_t i = 0; i < MAKERS; i++)
        run_in_both(time_out, (void *)(uintptr_t)&makers[i]);
}

static int write_too_much(void *arg)
{
    static char data[LARGE];
    int fds[2];
    size_t n = 0;
    (*(make_pair *const *)arg)(fds);
    check_result(thrum_write(fds[1], data, sizeof data, &n, thrum_seconds(0.01)), THRUM_TIMEOUT);
    check(n > 0 && n < sizeof data);
    size_t first = n;
    check_result(thrum_write(fds[1], data, sizeof data, &n, THRUM_NOWAIT), THRUM_TIMEOUT);
    check(n < first);
    check_result(thrum_poll(fds[1], THRUM_WRITABLE, NULL, THRUM_NOWAIT), THRUM_TIMEOUT);
    size_t sum = 0;
    for (first += n; sum < first; sum += n)
        check_result(thrum_read(fds[0], data, sizeof data, &n, THRUM_NOWAIT), 0);
    check_int(sum, first);
    check_result(thrum_close(fds[0]), 0);
    check_result(thrum_write(fds[1], data, 10, &n, THRUM_FOREVER), -EPIPE); /* and no signal */
    check_int(n, 0);
    check_result(thrum_write(fds[1], data, 10, NULL, THRUM_FOREVER), -EPIPE);
    check_result(thrum_close(fds[1]), 0);
    return 0;
}

TEST(writing_tells_how_far_it_came)
{
    for (size_t i = 0; i < MAKERS; i++)
        run_in_both(write_too_much, (void *)(uintptr_t)&makers[i]);
}

/* One that was blocked and pending before is not ours to take. */
TEST(pending_SIGPIPE_is_left_alone)
{
    int fds[2];
    sigset_t pipe, before, pending;
    const struct timespec none = {0, 0};
    check_int(sigemptyset(&pipe) | sigaddset(&pipe, SIGPIPE), 0);
    check_int(pthread_sigmask(SIG_BLOCK, &pipe, &before), 0);
    check_int(raise(SIGPIPE), 0);
    make_pipe(fds);
    check_result(thrum_close(fds[0]), 0);
    check_result(thrum_write(fds[1], "x", 1, NULL, THRUM_FOREVER), -EPIPE);
    check_result(thrum_close(fds[1]), 0);
    check_int(sigpending(&pending), 0);
    check_int(sigismember(&pending, SIGPIPE), 1);
    check_int(sigtimedwait(&pipe, NULL, &none), SIGPIPE);
    check_int(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
}

/* Nor is one left behind that was not there. */
TEST(blocked_SIGPIPE_does_not_come_later)
{
    int fds[2];
    sigset_t pipe, before, pending;
    check_int(sigemptyset(&pipe) | sigaddset(&pipe, SIGPIPE), 0);
    check_int(pthread_sigmask(SIG_BLOCK, &pipe, &before), 0);
    make_pipe(fds);
    check_result(thrum_close(fds[0]), 0);
    check_result(thrum_write(fds[1], "x", 1, NULL, THRUM_FOREVER), -EPIPE);
    check_result(thrum_close(fds[1]), 0);
    check_int(sigpending(&pending), 0);
    check_int(sigismember(&pending, SIGPIPE), 0);
    check_int(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
}

/* ---- Two ends ---- */

struct flow {
    int fd;
    size_t size;
    unsigned seed;
};

static int write_flow(void *arg)
{
    const struct flow *flow = arg;
    unsigned char *data = malloc(flow->size);
    size_t n;
    for (size_t i = 0; i < flow->size; i++)
        data[i] = (unsigned char)(i * 7 + i / 256 + flow->seed);
    check_result(thrum_write(flow->fd, data, flow->size, &n, THRUM_FOREVER), 0);
    check_int(n, flow->size);
    check_result(thrum_close(flow->fd), 0);
    free(data);
    return 0;
}

static int read_flow(void *arg)
{
    const struct flow *flow = arg;
    unsigned char data[5000];
    size_t at = 0, n;
    do {
        check_result(thrum_read(flow->fd, data, sizeof data, &n, THRUM_FOREVER), 0);
        for (size_t i = 0; i < n; i++, at++)
            check_int(data[i], (unsigned char)(at * 7 + at / 256 + flow->seed));
    } while (n > 0);
    check_int(at, flow->size);
    check_result(thrum_close(flow->fd), 0);
    return 0;
}

/* From a coroutine or a thread to a coroutine or a thread. */
static void flow_between(make_pair *maker, bool from_thread, bool to_thread)
{
    int fds[2];
    thrum_scheduler *scheduler;
    thrum_thread *threads[2] = {NULL, NULL};
    maker(fds);
    struct flow in = {fds[1], LARGE, 5}, out = {fds[0], LARGE, 5};
    check_result(thrum_scheduler_new(&scheduler), 0);
    if (from_thread)
        threads[0] = start(write_flow, &in, NULL);
    else
        check_result(thrum_coroutine_run(NULL, scheduler, write_flow, &in), 0);
    if (to_thread)
        threads[1] = start(read_flow, &out, NULL);
    else
        check_result(thrum_coroutine_run(NULL, scheduler, read_flow, &out), 0);
    check_result(thrum_scheduler_run(scheduler), 0);
    for (int i = 0; i < 2; i++)
        if (threads[i] != NULL)
            check_int(finish(threads[i]), 0);
    check_result(thrum_scheduler_free(scheduler), 0);
}

TEST(much_flows_between_coroutines_and_threads)
{
    for (size_t i = 0; i < MAKERS; i++)
        for (int who = 0; who < 4; who++)
            flow_between(makers[i], (who & 1) != 0, (who & 2) != 0);
}

/* ---- Many on one descriptor ---- */

static struct {
    int fds[2];
    atomic_int got, ended;
} crowd;

static int read_till_the_end(void *arg)
{
    size_t n;
    char byte;
    (void)arg;
    for (;;) {
        check_result(thrum_read(crowd.fds[0], &byte, 1, &n, THRUM_FOREVER), 0);
        if (n == 0)
            break;
        atomic_fetch_add(&crowd.got, 1);
    }
    atomic_fetch_add(&crowd.ended, 1);
    return 0;
}

static int write_bytes(void *arg)
{
    for (int i = 0; i < *(const int *)arg; i++) {
        check_result(thrum_write(crowd.fds[1], "x", 1, NULL, THRUM_FOREVER), 0);
        if (i % 3 == 0)
            check_result(thrum_coroutine_yield(), 0);
    }
    return 0;
}

static int run_readers(void *arg)
{
    thrum_scheduler *scheduler;
    check_result(thrum_scheduler_new(&scheduler), 0);
    for (int i = 0; i < 5; i++)
        check_result(thrum_coroutine_run(NULL, scheduler, read_till_the_end, NULL), 0);
    check_result(thrum_scheduler_run(scheduler), 0);
    check_result(thrum_scheduler_free(scheduler), 0);
    (void)arg;
    return 0;
}

/* Each byte is read once, and the end by all; a blocking pipe blocks nobody who came too late. */
TEST(many_read_from_one)
{
    int bytes = ROUNDS(3000);
    for (size_t i = 0; i < MAKERS; i++) {
        thrum_thread *threads[5];
        makers[i](crowd.fds);
        crowd.got = crowd.ended = 0;
        for (int k = 0; k < 5; k++)
            threads[k] = start(k < 2 ? run_readers : read_till_the_end, NULL, NULL);
        thrum_thread *writers[2] = {start(write_bytes, &bytes, NULL), start(write_bytes, &bytes, NULL)};
        for (int k = 0; k < 2; k++)
            check_int(finish(writers[k]), 0);
        check_result(thrum_close(crowd.fds[1]), 0);
        for (int k = 0; k < 5; k++)
            check_int(finish(threads[k]), 0);
        check_int(crowd.got, 2 * bytes);
        check_int(crowd.ended, 13);
        check_result(thrum_close(crowd.fds[0]), 0);
    }
}

static int read_till_cancelled(void *arg)
{
    size_t n;
    char byte;
    while (!thrum_cancelled()) {
        int result = thrum_read(crowd.fds[0], &byte, 1, &n, arg != NULL ? THRUM_FOREVER : THRUM_NOWAIT);
        if (result == 0)
            atomic_fetch_add(&crowd.got, 1);
        else
            check(result == (arg != NULL ? THRUM_CANCELLED : THRUM_TIMEOUT));
    }
    return 0;
}

/* Blocking named pipes know no call that does not wait: one at a time looks first. Who came too late for a byte would
 * be in read(2) otherwise, where he cannot be cancelled. */
TEST(many_read_from_a_named_pipe)
{
    char name[64];
    int bytes = ROUNDS(1000);
    thrum_thread *readers[4];
    thrum_token *token;
    (void)snprintf(name, sizeof name, "/tmp/thrum_test_io_%ld", (long)getpid());
    check_int(mkfifo(name, 0600), 0);
    int both = open(name, O_RDWR | O_CLOEXEC);
    crowd.fds[0] = open(name, O_RDONLY | O_CLOEXEC);
    crowd.fds[1] = open(name, O_WRONLY | O_CLOEXEC);
    check(both >= 0 && crowd.fds[0] >= 0 && crowd.fds[1] >= 0);
    check_int(close(both) | unlink(name), 0);
    crowd.got = crowd.ended = 0;
    check_result(thrum_token_new(&token), 0);
    for (int k = 0; k < 4; k++)
        readers[k] = start(read_till_cancelled, k < 2 ? token : NULL, token); /* some wait, some only look */
    check_int(write_bytes(&bytes), 0);
    until(atomic_load(&crowd.got) == bytes);
    thrum_token_cancel(token);
    for (int k = 0; k < 4; k++)
        check_int(finish(readers[k]), 0);
    thrum_token_free(token);
    close_pair(crowd.fds);
}

/* ---- Both directions at once ---- */

static int write_all_of_it(void *arg)
{
    static const char data[LARGE];
    check_result(thrum_write(*(const int *)arg, data, sizeof data, NULL, THRUM_FOREVER), 0);
    return 0;
}

static int read_a_byte(void *arg)
{
    char byte;
    size_t n;
    check_result(thrum_read(*(const int *)arg, &byte, 1, &n, THRUM_FOREVER), 0);
    check_int(n, 1);
    return 0;
}

static int be_the_peer(void *arg)
{
    static char data[LARGE];
    size_t sum = 0, n;
    check_result(thrum_write(*(const int *)arg, "x", 1, NULL, THRUM_FOREVER), 0);
    for (; sum < LARGE; sum += n)
        check_result(thrum_read(*(const int *)arg, data, sizeof data, &n, THRUM_FOREVER), 0);
    return 0;
}

TEST(one_is_read_and_written_at_once)
{
    int fds[2];
    thrum_scheduler *scheduler;
    make_sockets(fds);
    check_result(thrum_scheduler_new(&scheduler), 0);
    check_result(thrum_coroutine_run(NULL, scheduler, read_a_byte, &fds[0]), 0);
    check_result(thrum_coroutine_run(NULL, scheduler, write_all_of_it, &fds[0]), 0);
    check_result(thrum_coroutine_run(NULL, scheduler, be_the_peer, &fds[1]), 0);
    check_result(thrum_scheduler_run(scheduler), 0);
    check_result(thrum_scheduler_free(scheduler), 0);
    close_pair(fds);
}

/* ---- Polling ---- */

static int poll_it(void *arg)
{
    int fds[2], event = eventfd(0, EFD_CLOEXEC);
    const uint64_t one = 1;
    unsigned how = 77;
    (void)arg;
    make_sockets(fds);
    check_result(thrum_poll(fds[0], THRUM_READABLE, &how, THRUM_NOWAIT), THRUM_TIMEOUT);
    check_int(how, 77);
    check_result(thrum_poll(fds[0], THRUM_READABLE | THRUM_WRITABLE, &how, THRUM_FOREVER), 0);
    check_int(how, THRUM_WRITABLE);
    check_result(thrum_write(fds[1], "x", 1, NULL, THRUM_FOREVER), 0);
    check_result(thrum_poll(fds[0], THRUM_READABLE | THRUM_WRITABLE, &how, THRUM_FOREVER), 0);
    check_int(how, THRUM_READABLE | THRUM_WRITABLE);
    check_result(thrum_poll(fds[0], THRUM_READABLE, NULL, THRUM_FOREVER), 0);
    check_result(thrum_poll(event, THRUM_READABLE, &how, thrum_seconds(0.001)), THRUM_TIMEOUT);
    check_result(thrum_write(event, &one, sizeof one, NULL, THRUM_FOREVER), 0);
    check_result(thrum_poll(event, THRUM_READABLE, &how, THRUM_FOREVER), 0);
    check_int(how, THRUM_READABLE);
    check_result(thrum_poll(event, 0, &how, THRUM_FOREVER), -EINVAL);
    check_result(thrum_poll(event, 4, &how, THRUM_FOREVER), -EINVAL);
    check_result(thrum_close(event), 0);
    close_pair(fds);
    return 0;
}

TEST(polling_waits_for_either)
{
    run_in_both(poll_it, NULL);
}

/* ---- Files ---- */

static int use_a_file(void *arg)
{
    char name[] = "/tmp/thrum_test_io_XXXXXX", data[16];
    size_t n;
    unsigned how;
    int fd = mkstemp(name), none = open("/dev/null", O_RDWR | O_CLOEXEC),
        zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    (void)arg;
    check(fd >= 0 && unlink(name) == 0);
    check_result(thrum_write(fd, "hello", 5, &n, THRUM_NOWAIT), 0);
    check_int(lseek(fd, 0, SEEK_SET), 0);
    check_result(thrum_poll(fd, THRUM_READABLE, &how, THRUM_FOREVER), 0);
    check_result(thrum_read(fd, data, sizeof data, &n, THRUM_FOREVER), 0);
    check_int(n, 5);
    check_result(thrum_read(fd, data, sizeof data, &n, THRUM_FOREVER), 0);
    check_int(n, 0);
    check_result(thrum_close(fd), 0);
    check_result(thrum_read(none, data, sizeof data, &n, THRUM_FOREVER), 0);
    check_int(n, 0);
    check_result(thrum_write(none, data, sizeof data, &n, THRUM_FOREVER), 0);
    check_result(thrum_read(zero, data, sizeof data, &n, THRUM_FOREVER), 0);
    check_int(n, sizeof data);
    check_result(thrum_close(none), 0);
    check_result(thrum_close(zero), 0);
    return 0;
}

/* What is still on the disk is read from there, whatever the time-out; where the file system is no disk it passes. */
static int read_from_the_disk(void *arg)
{
    char name[] = "/tmp/thrum_test_io_XXXXXX", data[4096] = "hello";
    size_t n;
    int fd = mkstemp(name);
    (void)arg;
    check(fd >= 0 && unlink(name) == 0);
    for (int i = 0; i < 16; i++)
        check_result(thrum_write(fd, data, sizeof data, &n, THRUM_NOWAIT), 0);
    check_int(fsync(fd) | posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    check_int(lseek(fd, 0, SEEK_SET), 0);
    check_result(thrum_read(fd, data, 6, &n, THRUM_NOWAIT), 0);
    check_int(n, 6);
    check_result(thrum_close(fd), 0);
    return 0;
}

TEST(files_are_read_whatever_the_time_out)
{
    run_in_both(read_from_the_disk, NULL);
}

TEST(files_and_devices_do_not_wait)
{
    run_in_both(use_a_file, NULL);
}

/* A terminal's side, which blocks. */
static int use_a_terminal(void *arg)
{
    char data[16];
    size_t n;
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    (void)arg;
    if (master < 0) /* there are none to be had */
        return 0;
    check_int(grantpt(master) | unlockpt(master), 0);
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    check(slave >= 0);
    check_result(thrum_read(slave, data, sizeof data, &n, thrum_seconds(0.001)), THRUM_TIMEOUT);
    check_result(thrum_write(master, "hello\n", 6, NULL, THRUM_FOREVER), 0);
    check_result(thrum_read(slave, data, sizeof data, &n, THRUM_FOREVER), 0);
    check_int(n, 6);
    check_result(thrum_close(slave), 0);
    check_result(thrum_close(master), 0);
    return 0;
}

TEST(terminals_can_be_waited_for)
{
    run_in_both(use_a_terminal, NULL);
}

/* ---- Turns ---- */

static bool others_had_a_turn;

static int read_zeros(void *arg)
{
    char data[64];
    size_t n;
    while (!others_had_a_turn)
        check_result(thrum_read(*(const int *)arg, data, sizeof data, &n, THRUM_FOREVER), 0);
    return 0;
}

static int wait_for_a_byte(void *arg)
{
    char data[64];
    size_t n;
    check_result(thrum_read(*(const int *)arg, data, sizeof data, &n, THRUM_FOREVER), 0);
    others_had_a_turn = true;
    return 0;
}

static int write_soon(void *arg)
{
    check_result(thrum_coroutine_yield(), 0);
    check_result(thrum_write(*(const int *)arg, "x", 1, NULL, THRUM_FOREVER), 0);
    return 0;
}

TEST(one_that_never_has_to_wait_lets_others_go_on)
{
    int fds[2], zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    thrum_scheduler *scheduler;
    make_pipe(fds);
    others_had_a_turn = false;
    check_result(thrum_scheduler_new(&scheduler), 0);
    check_result(thrum_coroutine_run(NULL, scheduler, wait_for_a_byte, &fds[0]), 0);
    check_result(thrum_coroutine_run(NULL, scheduler, write_soon, &fds[1]), 0);
    check_result(thrum_coroutine_run(NULL, scheduler, read_zeros, &zero), 0);
    check_result(thrum_scheduler_run(scheduler), 0);
    check_result(thrum_scheduler_free(scheduler), 0);
    close_pair(fds);
    check_result(thrum_close(zero), 0);
}

/* ---- Misuse ---- */

static int misuse(void *arg)
{
    int fds[2];
    char data[16] = "";
    size_t n = 77;
    (void)arg;
    make_pipe(fds);
    check_result(thrum_read(fds[0], NULL, 1, &n, THRUM_FOREVER), -EINVAL);
    check_result(thrum_read(fds[0], data, 1, NULL, THRUM_FOREVER), -EINVAL);
    check_result(thrum_read(fds[0], data, 0, &n, THRUM_FOREVER), 0);
    check_int(n, 0);
    n = 77;
    check_result(thrum_write(fds[1], NULL, 1, &n, THRUM_FOREVER), -EINVAL);
    check_int(n, 77);
    check_result(thrum_write(fds[1], data, 0, &n, THRUM_FOREVER), 0);
    check_int(n, 0);
    check_result(thrum_read(fds[1], data, 1, &n, THRUM_FOREVER), -EBADF); /* it is for writing */
    check_result(thrum_write(fds[0], data, 1, &n, THRUM_FOREVER), -EBADF);
    close_pair(fds);
    static const int bad[] = {-1, INT32_MIN, 1 << 20, INT32_MAX};
    for (size_t i = 0; i < 4; i++) {
        int made;
        check_result(thrum_read(bad[i], data, 1, &n, THRUM_FOREVER), -EBADF);
        check_result(thrum_write(bad[i], data, 1, &n, THRUM_FOREVER), -EBADF);
        check_result(thrum_poll(bad[i], THRUM_READABLE, NULL, THRUM_FOREVER), -EBADF);
        check_result(thrum_accept(bad[i], &made, THRUM_FOREVER), -EBADF);
        check_result(thrum_connect(bad[i], (const struct sockaddr *)data, sizeof data, THRUM_FOREVER), -EBADF);
        check_result(thrum_close(bad[i]), -EBADF);
    }
    return 0;
}

TEST(misuse_has_its_results)
{
    run_in_both(misuse, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_there_is_read_and_the_end_is_nothing),
        cmocka_unit_test(time_passes_though_nothing_comes),
        cmocka_unit_test(writing_tells_how_far_it_came),
        cmocka_unit_test(pending_SIGPIPE_is_left_alone),
        cmocka_unit_test(blocked_SIGPIPE_does_not_come_later),
        cmocka_unit_test(much_flows_between_coroutines_and_threads),
        cmocka_unit_test(many_read_from_one),
        cmocka_unit_test(many_read_from_a_named_pipe),
        cmocka_unit_test(one_is_read_and_written_at_once),
        cmocka_unit_test(polling_waits_for_either),
        cmocka_unit_test(files_and_devices_do_not_wait),
        cmocka_unit_test(files_are_read_whatever_the_time_out),
        cmocka_unit_test(terminals_can_be_waited_for),
        cmocka_unit_test(one_that_never_has_to_wait_lets_others_go_on),
        cmocka_unit_test(misuse_has_its_results),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
