/*
 * Row T2: a thread told to stop between blocking reads
 *
 * A thread is not stopped, it is asked to stop: here by an event of the task's own, as in
 * IOTask.terminate, and then once more by the thread's cancel token, which would call off any
 * wait of thrum's as well. A read blocks for one time-out at most, so the thread ends within
 * one. It counts the time-outs, to show that.
 */
#include "must.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <thrum/thrum.h>
#include <unistd.h>

struct io_task {
    int sock;
    thrum_event terminated, received;
    atomic_int timeouts;
};

static void terminate(struct io_task *task)
{
    thrum_event_set(&task->terminated);
}

static int run(void *arg)
{
    struct io_task *task = arg;
    int status = 0;
    while (status == 0 && !thrum_event_is_set(&task->terminated) && !thrum_cancelled()) {
        char data[8192];
        ssize_t n = recv(task->sock, data, sizeof data, 0);
        if (n > 0) {
            printf("received: %.*s\n", (int)n, data);
            thrum_event_set(&task->received);
        } else if (n == 0) {
            break; /* the peer has closed */
        } else if (errno == EAGAIN) {
            atomic_fetch_add(&task->timeouts, 1);
        } else if (errno != EINTR) {
            status = errno;
        }
    }
    thrum_event_set(&task->received); /* nothing more will be: who waits for it need not */
    return status;
}

/* Let a task receive a message, have it stop, and see that it does. Its status. */
static int demonstrate(int sock, int peer, const char *message, thrum_token *token)
{
    struct io_task task = {.sock = sock};
    thrum_thread *thread;
    int status;
    must(thrum_thread_run(&thread, run, &task, .name = "io", .token = token));
    must_system(send(peer, message, strlen(message), MSG_NOSIGNAL));
    must(thrum_event_wait(&task.received, THRUM_FOREVER));

    if (token != NULL)
        thrum_token_cancel(token);
    else
        terminate(&task);
    int before = atomic_load(&task.timeouts);
    must(thrum_thread_join(thread, &status, THRUM_FOREVER));
    thrum_thread_free(thread);
    if (status == 0)
        printf("stopped, time-outs it took: %d\n", atomic_load(&task.timeouts) - before);
    else
        fprintf(stderr, "io: %s\n", strerror(status));
    return status;
}

int main(void)
{
    int ends[2];
    struct timeval timeout = {.tv_usec = 100000};
    thrum_token *token;
    must_system(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
    must_system(setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout));
    must(thrum_token_new(&token));

    int status = demonstrate(ends[0], ends[1], "until terminate", NULL);
    if (status == 0)
        status = demonstrate(ends[0], ends[1], "until cancel", token);

    thrum_token_free(token);
    close(ends[0]);
    close(ends[1]);
    return status != 0;
}
