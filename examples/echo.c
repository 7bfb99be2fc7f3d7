/*
 * Row M4: one that waits does not stop the rest, with sockets
 *
 * An echo server and its clients, a coroutine each, all on one thread: `echo CLIENTS` (default 100). Each client says
 * three words, and waits for each to come back. `echo --serve` serves for ever, at a port that it prints; try it with
 * nc 127.0.0.1 PORT.
 */
#include "must.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <thrum/thrum.h>

static int listener;
static struct sockaddr_in address = {.sin_family = AF_INET};
static int answered; /* all of them are on one thread: no lock */

static void listen_on_the_loopback(void)
{
    socklen_t size = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must_system(listener);
    must_system(bind(listener, (struct sockaddr *)&address, sizeof address));
    must_system(listen(listener, SOMAXCONN));
    must_system(getsockname(listener, (struct sockaddr *)&address, &size));
}

/* ---- The server ---- */

static int echo(void *arg)
{
    int fd = (int)(intptr_t)arg, result;
    char data[4096];
    size_t n;
    do {
        result = thrum_read(fd, data, sizeof data, &n, THRUM_FOREVER);
        if (result == 0 && n > 0)
            result = thrum_write(fd, data, n, NULL, THRUM_FOREVER);
    } while (result == 0 && n > 0);
    (void)thrum_close(fd);
    return 0; /* a client that breaks off is no failure of ours */
}

/* Until somebody closes the listener. */
static int serve(void *arg)
{
    int fd, result;
    (void)arg;
    while ((result = thrum_accept(listener, &fd, THRUM_FOREVER)) == 0)
        must(thrum_coroutine_run(NULL, NULL, echo, (void *)(intptr_t)fd));
    return result == -EBADF ? 0 : thrum_fail(result, "accept: %s", thrum_strerror(result));
}

/* ---- The clients ---- */

static int ask(void *arg)
{
    static const char *const words[] = {"one", "two", "three"};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)arg;
    must_system(fd);
    must(thrum_connect(fd, (struct sockaddr *)&address, sizeof address, thrum_seconds(60)));
    for (int i = 0; i < 3; i++) {
        char answer[8];
        size_t size = strlen(words[i]), got = 0, n = 1;
        must(thrum_write(fd, words[i], size, NULL, thrum_seconds(60)));
        for (; got < size && n > 0; got += n)
            must(thrum_read(fd, answer + got, size - got, &n, thrum_seconds(60)));
        if (got == size && memcmp(answer, words[i], size) == 0)
            answered++;
    }
    must(thrum_close(fd));
    return 0;
}

/* All at once; and then there is no more to serve. */
static int run_clients(void *arg)
{
    int n = *(const int *)arg;
    thrum_coroutine **clients = calloc((size_t)n, sizeof *clients);
    if (clients == NULL)
        return thrum_fail(1, "no memory");
    for (int i = 0; i < n; i++)
        must(thrum_coroutine_run(&clients[i], NULL, ask, NULL));
    for (int i = 0; i < n; i++) {
        must(thrum_coroutine_join(clients[i], NULL, THRUM_FOREVER));
        thrum_coroutine_free(clients[i]);
    }
    free(clients);
    return thrum_close(listener);
}

int main(int argc, char **argv)
{
    int clients = argc > 1 ? atoi(argv[1]) : 100;
    bool serves = argc > 1 && strcmp(argv[1], "--serve") == 0;
    if (argc > 2 || (!serves && clients < 1)) {
        fprintf(stderr, "usage: echo [CLIENTS | --serve]\n");
        return 2;
    }
    listen_on_the_loopback();
    thrum_scheduler *scheduler;
    must(thrum_scheduler_new(&scheduler));
    must(thrum_coroutine_run(NULL, scheduler, serve, NULL));
    if (serves)
        printf("port %d\n", ntohs(address.sin_port));
    else
        must(thrum_coroutine_run(NULL, scheduler, run_clients, &clients));
    fflush(stdout);
    must(thrum_scheduler_run(scheduler));
    must(thrum_scheduler_free(scheduler));
    printf("%d clients, %d right answers\n", clients, answered);
}
