/*
 * test_socket.c - accepting and connecting: TCP on the loopback, Unix domain sockets, a thousand connections
 */
#include "pairs.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/un.h>

static int listener;
static struct sockaddr_in address;

/* One that blocks, at a port of the system's choice. */
static void listen_somewhere(void)
{
    socklen_t size = sizeof address;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    check_int(bind(listener, (const struct sockaddr *)&address, sizeof address), 0);
    check_int(listen(listener, 1024), 0);
    check_int(getsockname(listener, (struct sockaddr *)&address, &size), 0);
}

static int connect_there(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check_result(thrum_connect(fd, (const struct sockaddr *)&address, sizeof address, thrum_seconds(30)), 0);
    check_int(fcntl(fd, F_GETFL) & O_NONBLOCK, 0); /* as it was */
    return fd;
}

/* ---- Echo ---- */

static int echo(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char data[4096];
    size_t n;
    for (;;) {
        check_result(thrum_read(fd, data, sizeof data, &n, thrum_seconds(60)), 0);
        if (n == 0)
            break;
        check_result(thrum_write(fd, data, n, NULL, thrum_seconds(60)), 0);
    }
    check_result(thrum_close(fd), 0);
    return 0;
}

static int connections; /* how many are to come */

/* In a coroutine each has a coroutine, in a thread a thread. */
static int serve(void *arg)
{
    thrum_thread **threads = arg;
    for (int i = 0; i < connections; i++) {
        int fd;
        check_result(thrum_accept(listener, &fd, thrum_seconds(60)), 0);
        check((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
        if (thrum_current_coroutine() != NULL)
            check_result(thrum_coroutine_run(NULL, NULL, echo, (void *)(intptr_t)fd), 0);
        else
            threads[i] = start(echo, (void *)(intptr_t)fd, NULL);
    }
    for (int i = 0; threads != NULL && i < connections; i++)
        check_int(finish(threads[i]), 0);
    return 0;
}

static int ask(void *arg)
{
    int fd = connect_there();
    for (int i = 0; i < 10; i++) {
        char said[32], heard[32];
        int length = snprintf(said, sizeof said, "%p says %d", arg, i);
        check_result(thrum_write(fd, said, (size_t)length, NULL, thrum_seconds(60)), 0);
        for (size_t at = 0, n; at < (size_t)length; at += n) {
            check_result(thrum_read(fd, heard + at, sizeof heard - at, &n, thrum_seconds(60)), 0);
            check(n > 0);
        }
        check(memcmp(said, heard, (size_t)length) == 0);
    }
    check_result(thrum_close(fd), 0);
    return 0;
}

TEST(a_thousand_connections_on_one_thread)
{
    thrum_scheduler *scheduler;
    struct rlimit limit;
    check_int(getrlimit(RLIMIT_NOFILE, &limit), 0);
    connections = ROUNDS(1000);
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < 2200 && connections > ((int)limit.rlim_cur - 100) / 2)
        connections = ((int)limit.rlim_cur - 100) / 2;
    listen_somewhere();
    size_t before = count_descriptors();
    check_result(thrum_scheduler_new(&scheduler), 0);
    check_result(thrum_coroutine_run(NULL, scheduler, serve, NULL), 0);
    for (intptr_t i = 0; i < connections; i++)
        check_result(thrum_coroutine_run(NULL, scheduler, ask, (void *)i), 0);
    check_result(thrum_scheduler_run(scheduler), 0);
    check_result(thrum_scheduler_free(scheduler), 0);
    check_int(count_descriptors(), before);
    check_result(thrum_close(listener), 0);
}

static int run_clients(void *arg)
{
    thrum_scheduler *scheduler;
    check_result(thrum_scheduler_new(&scheduler), 0);
    for (int i = 0; i < 10; i++)
        check_result(thrum_coroutine_run(NULL, scheduler, ask, arg), 0);
    check_result(thrum_scheduler_run(scheduler), 0);
    check_result(thrum_scheduler_free(scheduler), 0);
    return 0;
}

TEST(threads_and_coroutines_talk_by_sockets)
{
    thrum_thread *threads[40], *clients[11];
    connections = 20;
    listen_somewhere();
    for (int i = 0; i < 11; i++)
        clients[i] = start(i == 0 ? run_clients : ask, NULL, NULL);
    check_int(serve(threads), 0);
    for (int i = 0; i < 11; i++)
        check_int(finish(clients[i]), 0);
    check_result(thrum_close(listener), 0);
}

/* ---- Many accept from one, which blocks ---- */

static atomic_int accepted;

static int accept_some(void *arg)
{
    int fd, result;
    (void)arg;
    while ((result = thrum_accept(listener, &fd, THRUM_FOREVER)) == 0) {
        atomic_fetch_add(&accepted, 1);
        check_result(thrum_close(fd), 0);
    }
    check_result(result, -EBADF);
    return 0;
}

static int run_acceptors(void *arg)
{
    thrum_scheduler *scheduler;
    check_result(thrum_scheduler_new(&scheduler), 0);
    for (int i = 0; i < 3; i++)
        check_result(thrum_coroutine_run(NULL, scheduler, accept_some, arg), 0);
    check_result(thrum_scheduler_run(scheduler), 0);
    check_result(thrum_scheduler_free(scheduler), 0);
    return 0;
}

TEST(each_connection_is_accepted_once)
{
    thrum_thread *threads[5];
    int n = ROUNDS(500);
    accepted = 0;
    listen_somewhere();
    for (int i = 0; i < 5; i++)
        threads[i] = start(i < 2 ? run_acceptors : accept_some, NULL, NULL);
    for (int i = 0; i < n; i++)
        check_result(thrum_close(connect_there()), 0);
    until(atomic_load(&accepted) == n && count_waits(listener) == 9);
    check_result(thrum_close(listener), 0); /* the end for all of them */
    for (int i = 0; i < 5; i++)
        check_int(finish(threads[i]), 0);
}

/* ---- What goes wrong ---- */

static int connect_to_nobody(void *arg)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), made;
    (void)arg;
    check_result(thrum_connect(fd, (const struct sockaddr *)&address, sizeof address, THRUM_FOREVER), -ECONNREFUSED);
    check_result(thrum_connect(fd, NULL, 0, THRUM_FOREVER), -EINVAL);
    check_result(thrum_accept(fd, NULL, THRUM_FOREVER), -EINVAL);
    check_result(thrum_accept(fd, &made, THRUM_FOREVER), -EINVAL); /* it does not listen */
    check_result(thrum_close(fd), 0);
    return 0;
}

TEST(refused_connections_are_told)
{
    listen_somewhere();
    check_result(thrum_close(listener), 0); /* nobody is at that port now */
    run_in_both(connect_to_nobody, NULL);
}

static int accept_from_nobody(void *arg)
{
    int made = 77;
    (void)arg;
    check_result(thrum_accept(listener, &made, THRUM_NOWAIT), THRUM_TIMEOUT);
    check_result(thrum_accept(listener, &made, thrum_seconds(0.005)), THRUM_TIMEOUT);
    check_int(made, 77);
    return 0;
}

TEST(accept_waits_no_longer_than_it_shall)
{
    listen_somewhere();
    run_in_both(accept_from_nobody, NULL);
    check_int(fcntl(listener, F_GETFL) & O_NONBLOCK, 0); /* as it was */
    check_int(fcntl(listener, F_SETFL, O_NONBLOCK), 0);
    run_in_both(accept_from_nobody, NULL);
    check_result(thrum_close(listener), 0);
}

static int fill_backlog(void *arg)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int sockets[20], n = 0, result = 0, made;
    (void)arg;
    (void)snprintf(at.sun_path + 1, sizeof at.sun_path - 1, "thrum_test_socket_%ld", (long)getpid()); /* abstract */
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check_int(bind(listener, (const struct sockaddr *)&at, sizeof at), 0);
    check_int(listen(listener, 2), 0);
    while (result == 0) {
        check(n < 20);
        sockets[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        result = thrum_connect(sockets[n++], (const struct sockaddr *)&at, sizeof at, THRUM_FOREVER);
    }
    check_result(result, -EAGAIN);
    for (int i = 0; i + 1 < n; i++) {
        check_result(thrum_accept(listener, &made, THRUM_FOREVER), 0);
        check_result(thrum_write(made, "x", 1, NULL, THRUM_FOREVER), 0);
        check_result(thrum_close(made), 0);
        check_result(thrum_poll(sockets[i], THRUM_READABLE, NULL, THRUM_FOREVER), 0);
    }
    check_result(thrum_connect(sockets[n - 1], (const struct sockaddr *)&at, sizeof at, THRUM_FOREVER), 0);
    for (int i = 0; i < n; i++)
        check_result(thrum_close(sockets[i]), 0);
    check_result(thrum_close(listener), 0);
    return 0;
}

TEST(unix_sockets_connect_at_once_or_not)
{
    run_in_both(fill_backlog, NULL);
}

/* ---- A connection that takes its time ---- */

/* Whose backlog is full does not answer, on the loopback, until somebody accepts. */
static int connect_slowly(void *arg)
{
    int sockets[8], n = 0, result = 0, made;
    (void)arg;
    listen_somewhere();
    check_int(listen(listener, 0), 0);
    while (result == 0 && n < 8) {
        sockets[n] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        result = thrum_connect(sockets[n++], (const struct sockaddr *)&address, sizeof address, thrum_seconds(0.05));
    }
    check_result(result, THRUM_TIMEOUT);
    check_result(thrum_connect(sockets[n - 1], (const struct sockaddr *)&address, sizeof address, THRUM_NOWAIT),
                 THRUM_TIMEOUT);
    for (int i = 0; i + 1 < n; i++) {
        check_result(thrum_accept(listener, &made, THRUM_FOREVER), 0);
        check_result(thrum_close(made), 0);
    }
    /* The attempt has gone on. */
    check_result(thrum_connect(sockets[n - 1], (const struct sockaddr *)&address, sizeof address, THRUM_FOREVER), 0);
    check_result(thrum_write(sockets[n - 1], "x", 1, NULL, THRUM_FOREVER), 0);
    for (int i = 0; i < n; i++)
        check_result(thrum_close(sockets[i]), 0);
    check_result(thrum_close(listener), 0);
    return 0;
}

TEST(to_connect_again_is_to_wait_on)
{
    run_in_both(connect_slowly, NULL);
}

static int send_datagrams(void *arg)
{
    int fds[2];
    char data[16];
    size_t n = 77;
    (void)arg;
    check_int(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds), 0);
    check_result(thrum_write(fds[1], "one", 3, NULL, THRUM_FOREVER), 0);
    check_result(thrum_write(fds[1], "", 0, NULL, THRUM_FOREVER), 0);
    check_result(thrum_write(fds[1], "three", 5, NULL, THRUM_FOREVER), 0);
    check_result(thrum_read(fds[0], data, sizeof data, &n, THRUM_FOREVER), 0);
    check_int(n, 3);
    check_result(thrum_read(fds[0], data, sizeof data, &n, THRUM_FOREVER), 0);
    check_int(n, 0);
    check_result(thrum_read(fds[0], data, sizeof data, &n, THRUM_FOREVER), 0);
    check_int(n, 5);
    close_pair(fds);
    return 0;
}

TEST(datagrams_stay_apart)
{
    run_in_both(send_datagrams, NULL);
}

/* ---- An error that stays ---- */

/* What is in the socket's queue of errors makes it ready, though there is nothing to read. */
static int read_beside_an_error(void *arg)
{
    char byte;
    size_t n;
    int one = 1, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
        nobody = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof there;
    (void)arg;
    check_int(bind(nobody, (const struct sockaddr *)&there, sizeof there), 0);
    check_int(getsockname(nobody, (struct sockaddr *)&there, &size), 0);
    check_int(setsockopt(fd, IPPROTO_IP, IP_RECVERR, &one, sizeof one), 0);
    check_result(thrum_connect(fd, (const struct sockaddr *)&there, sizeof there, THRUM_FOREVER), 0);
    check_result(thrum_close(nobody), 0);
    check_result(thrum_write(fd, "x", 1, NULL, THRUM_FOREVER), 0);
    check_result(thrum_read(fd, &byte, 1, &n, THRUM_FOREVER), -ECONNREFUSED);
    check_result(thrum_read(fd, &byte, 1, &n, thrum_seconds(0.02)), THRUM_TIMEOUT);
    check_result(thrum_close(fd), 0);
    return 0;
}

TEST(time_passes_though_an_error_stays)
{
    run_in_both(read_beside_an_error, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thousand_connections_on_one_thread),
        cmocka_unit_test(threads_and_coroutines_talk_by_sockets),
        cmocka_unit_test(each_connection_is_accepted_once),
        cmocka_unit_test(refused_connections_are_told),
        cmocka_unit_test(accept_waits_no_longer_than_it_shall),
        cmocka_unit_test(unix_sockets_connect_at_once_or_not),
        cmocka_unit_test(to_connect_again_is_to_wait_on),
        cmocka_unit_test(datagrams_stay_apart),
        cmocka_unit_test(time_passes_though_an_error_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
