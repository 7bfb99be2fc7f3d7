/*
 * test_queue_poll.c - a queue's descriptor beside others in poll and epoll
 */
#include "queues.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

static int fileno_of(thrum_queue *queue)
{
    int fd = -1;
    check_result(thrum_queue_fileno(queue, &fd), 0);
    check(fd >= 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    return fd;
}

static bool readable(int fd, int milliseconds)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};
    int n = poll(&one, 1, milliseconds);
    check(n >= 0);
    check(n == 0 || one.revents == POLLIN);
    return n == 1;
}

TEST(it_is_readable_while_something_can_be_got)
{
    for (uint32_t order = THRUM_FIFO; order <= THRUM_LIFO; order++) {
        thrum_queue *queue;
        check_result(thrum_queue_new(&queue, .maxsize = 3, .item_size = sizeof(uint64_t), .order = order), 0);
        int fd = fileno_of(queue);
        check_int(fileno_of(queue), fd);
        for (int round = 0; round < 3; round++) {
            check(!readable(fd, 0));
            check_result(put(queue, 1, THRUM_NOWAIT), 0);
            check(readable(fd, 0));
            check(readable(fd, -1)); /* and stays so */
            check_result(put(queue, 1, THRUM_NOWAIT), 0);
            expect(queue, 1);
            check(readable(fd, 0));
            expect(queue, 1);
        }
        uint64_t items[3] = {1, 2, 3};
        size_t n;
        check_result(thrum_queue_put_many(queue, items, 3, NULL, THRUM_NOWAIT), 0);
        check(readable(fd, 0));
        check_result(thrum_queue_get_many(queue, items, 2, &n, THRUM_NOWAIT), 0);
        check(readable(fd, 0));
        check_result(thrum_queue_get_many(queue, items, 2, &n, THRUM_NOWAIT), 0);
        check(!readable(fd, 0));
        thrum_queue_free(queue);
        check(fcntl(fd, F_GETFD) == -1);
    }
}

TEST(it_may_be_asked_for_late)
{
    thrum_queue *queue = new_queue(0, sizeof(uint64_t));
    check_result(put(queue, 1, THRUM_NOWAIT), 0);
    int fd = fileno_of(queue);
    check(readable(fd, 0));
    expect(queue, 1);
    check(!readable(fd, 0));
    thrum_queue_free(queue);
}

TEST(a_closed_queue_is_readable)
{
    for (int discard = 0; discard < 2; discard++) {
        thrum_queue *queue = new_queue(0, sizeof(uint64_t));
        uint64_t got;
        int fd = fileno_of(queue);
        check_result(put(queue, 1, THRUM_NOWAIT), 0);
        check_result(thrum_queue_close(queue, discard ? THRUM_DISCARD : THRUM_DRAIN), 0);
        check(readable(fd, 0));
        if (!discard)
            expect(queue, 1);
        check(readable(fd, 0));
        check_result(thrum_queue_get(queue, &got, THRUM_NOWAIT), THRUM_CLOSED);
        check(readable(fd, 0));
        thrum_queue_free(queue);
    }
}

static int get_two(void *queue)
{
    return get_one(queue) | get_one(queue);
}

/* An item that goes to who waits in get is none that could be got. */
TEST(it_is_not_readable_for_what_a_getter_took)
{
    thrum_queue *queue = new_queue(0, sizeof(uint64_t));
    int fd = fileno_of(queue);
    for (int round = 0; round < ROUNDS(200); round++) {
        thrum_thread *getter = start(get_two, queue, NULL);
        if (round % 2)
            settle(thrum_thread_native_id(getter));
        check_result(put(queue, 1, THRUM_NOWAIT), 0);
        check_result(put(queue, 2, THRUM_NOWAIT), 0);
        check_result(finish(getter), 0);
        check(!readable(fd, 0));
    }
    thrum_queue_free(queue);
}

#define MANY ((uint64_t)ROUNDS(20000))

static int put_numbers(void *queue)
{
    for (uint64_t i = 1; i <= MANY; i++)
        check_result(put(queue, i, THRUM_FOREVER), 0);
    return 0;
}

static int write_bytes(void *fd)
{
    for (int i = 0; i < 1000; i++)
        check(write(*(int *)fd, "x", 1) == 1);
    return 0;
}

/* One loop serves two queues and a pipe; it sleeps for ever if a wake-up is lost, and never turns for nothing. */
TEST(one_loop_serves_queues_and_a_pipe)
{
    thrum_queue *queues[2] = {new_queue(16, sizeof(uint64_t)), new_queue(0, sizeof(uint64_t))};
    int pipe_fds[2], epoll = epoll_create1(EPOLL_CLOEXEC);
    check(pipe(pipe_fds) == 0 && epoll >= 0);
    for (uint32_t i = 0; i < 3; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        check(epoll_ctl(epoll, EPOLL_CTL_ADD, i < 2 ? fileno_of(queues[i]) : pipe_fds[0], &event) == 0);
    }
    uint64_t got[2] = {0, 0}, bytes = 0;
    thrum_thread *threads[3] = {start(put_numbers, queues[0], NULL), start(put_numbers, queues[1], NULL),
                                start(write_bytes, &pipe_fds[1], NULL)};
    while (got[0] < MANY || got[1] < MANY || bytes < 1000) {
        struct epoll_event events[3];
        int n = epoll_wait(epoll, events, 3, -1);
        check(n > 0 ||
              (n < 0 && errno == EINTR)); /* it is not taken up again when the process is stopped and goes on */
        for (int i = 0; i < n; i++) {
            uint32_t which = events[i].data.u32;
            char byte;
            if (which < 2)
                expect(queues[which], ++got[which]); /* it is there: we alone get from it */
            else
                bytes += read(pipe_fds[0], &byte, 1) == 1;
        }
    }
    for (int i = 0; i < 3; i++)
        check_result(finish(threads[i]), 0);
    check(!readable(epoll, 0));
    for (int i = 0; i < 2; i++) {
        thrum_queue_free(queues[i]);
        close(pipe_fds[i]);
    }
    close(epoll);
}

static void use_in_child(void *arg)
{
    thrum_queue *queue = arg;
    check_result(put(queue, 5, THRUM_NOWAIT), 0); /* which must not ring the parent's bell */
    int fd = fileno_of(queue);
    check(readable(fd, 0));
    expect(queue, 5);
    check(!readable(fd, 0));
    check_result(thrum_queue_close(queue, THRUM_DRAIN), 0);
    check(readable(fd, 0));
    thrum_queue_free(queue);
}

static void free_in_child(void *queue)
{
    thrum_queue_free(queue);
}

TEST(a_forked_child_has_a_descriptor_of_its_own)
{
    thrum_queue *queue = new_queue(0, sizeof(uint64_t));
    int fd = fileno_of(queue);
    check_int(in_child(use_in_child, queue), 0);
    check(!readable(fd, 0));
    check_result(put(queue, 1, THRUM_NOWAIT), 0);
    check(readable(fd, 0));
    check_int(in_child(free_in_child, queue), 0);
    check(readable(fd, 0));
    thrum_queue_free(queue);
}

TEST(without_descriptors_it_is_told)
{
    thrum_queue *queue = new_queue(0, sizeof(uint64_t));
    int fd = 77;
    struct rlimit limit, none;
    check(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    none = limit;
    none.rlim_cur = 0;
    check(setrlimit(RLIMIT_NOFILE, &none) == 0);
    check_result(thrum_queue_fileno(queue, &fd), -EMFILE);
    check_int(fd, 77);
    check(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    check_result(put(queue, 1, THRUM_NOWAIT), 0); /* and the queue is as it was */
    expect(queue, 1);
    check(!readable(fileno_of(queue), 0));
    check_result(thrum_queue_fileno(NULL, &fd), -EINVAL);
    check_result(thrum_queue_fileno(queue, NULL), -EINVAL);
    thrum_queue_free(queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_readable_while_something_can_be_got),
        cmocka_unit_test(it_may_be_asked_for_late),
        cmocka_unit_test(a_closed_queue_is_readable),
        cmocka_unit_test(it_is_not_readable_for_what_a_getter_took),
        cmocka_unit_test(one_loop_serves_queues_and_a_pipe),
        cmocka_unit_test(a_forked_child_has_a_descriptor_of_its_own),
        cmocka_unit_test(without_descriptors_it_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
