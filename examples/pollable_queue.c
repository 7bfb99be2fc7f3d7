/*
 * Row Q6: one loop that waits for queues and sockets alike
 *
 * A queue has a descriptor on request, which can be read from while something can be got. It
 * goes into poll (or select, or epoll) beside any others. Here are two queues that threads put
 * things into, and a socket that another one writes to.
 */
#include "must.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <thrum/thrum.h>
#include <unistd.h>

enum { QUEUES = 2, SOCKET = QUEUES, SOURCES, ITEMS = 5 };

static int produce(void *queue)
{
    for (int i = 1; i <= ITEMS; i++)
        must(thrum_queue_put(queue, &i, THRUM_FOREVER));
    thrum_queue_close(queue, THRUM_DRAIN);
    return 0;
}

static int talk(void *sock)
{
    static const char text[] = "Hello, poll";
    int fd = *(int *)sock;
    must_system(send(fd, text, strlen(text), MSG_NOSIGNAL));
    must_system(shutdown(fd, SHUT_WR));
    return 0;
}

/* Take what is there. Whether more will come. */
static bool serve_queue(int number, thrum_queue *queue)
{
    int item, result;
    while ((result = thrum_queue_get_nowait(queue, &item)) == 0)
        printf("queue %d: %d\n", number, item);
    if (result == THRUM_CLOSED)
        printf("queue %d: closed\n", number);
    return result != THRUM_CLOSED;
}

static bool serve_socket(int sock)
{
    char data[100];
    ssize_t n;
    must_system(n = recv(sock, data, sizeof data, 0));
    if (n > 0)
        printf("socket: %.*s\n", (int)n, data);
    if (n == 0)
        puts("socket: closed");
    return n != 0;
}

int main(void)
{
    thrum_queue *queues[QUEUES];
    thrum_thread *threads[SOURCES];
    struct pollfd sources[SOURCES] = {0};
    int ends[2];

    for (int i = 0; i < QUEUES; i++) {
        must(thrum_queue_new(&queues[i], .item_size = sizeof(int)));
        must(thrum_queue_fileno(queues[i], &sources[i].fd));
        must(thrum_thread_run(&threads[i], produce, queues[i]));
    }
    must_system(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
    sources[SOCKET].fd = ends[0];
    must(thrum_thread_run(&threads[SOCKET], talk, &ends[1]));

    for (int i = 0; i < SOURCES; i++)
        sources[i].events = POLLIN;
    for (int left = SOURCES; left > 0;) {
        must_system(poll(sources, SOURCES, -1));
        for (int i = 0; i < SOURCES; i++) {
            if (sources[i].fd < 0 || sources[i].revents == 0)
                continue;
            bool more = i == SOCKET ? serve_socket(ends[0]) : serve_queue(i + 1, queues[i]);
            if (!more) {
                sources[i].fd = -1; /* poll looks at it no more */
                left--;
            }
        }
    }

    for (int i = 0; i < SOURCES; i++) {
        must(thrum_thread_join(threads[i], NULL, THRUM_FOREVER));
        thrum_thread_free(threads[i]);
    }
    for (int i = 0; i < QUEUES; i++)
        thrum_queue_free(queues[i]);
    close(ends[0]);
    close(ends[1]);
}
