/*
 * Row T12: a connection for each thread, made when it is first wanted
 *
 * All threads use one lazy_connection. It has a thread-local, so each thread has a socket of its own, and the local's
 * destructor closes it when the thread ends. The other side is a server in this program that sends back what
 * it gets, and counts.
 */
#include "must.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thrum/thrum.h>

#define WORKERS 3
#define REQUESTS 2

/* ---- The connection ---- */

struct lazy_connection {
    struct sockaddr_in address;
    thrum_local *sockets; /* each thread's, plus 1: no descriptor is NULL */
};

static void close_socket(void *value)
{
    close((int)(intptr_t)value - 1);
}

/* The calling thread's socket; the first time it is connected. */
static int socket_of(struct lazy_connection *connection)
{
    void *value = thrum_local_get(connection->sockets);
    if (value == NULL) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        must_system(fd);
        must_system(connect(fd, (struct sockaddr *)&connection->address, sizeof connection->address));
        value = (void *)(intptr_t)(fd + 1);
        must(thrum_local_set(connection->sockets, value));
    }
    return (int)(intptr_t)value - 1;
}

/* ---- The workers ---- */

struct worker {
    struct lazy_connection *connection;
    int number, answers;
};

static int ask(void *arg)
{
    struct worker *worker = arg;
    char question[32], answer[32];
    for (int i = 0; i < REQUESTS; i++) {
        ssize_t length = snprintf(question, sizeof question, "worker %d asks", worker->number);
        must_system(send(socket_of(worker->connection), question, (size_t)length, MSG_NOSIGNAL));
        ssize_t got = recv(socket_of(worker->connection), answer, (size_t)length, MSG_WAITALL);
        must_system(got);
        worker->answers += got == length && memcmp(question, answer, (size_t)length) == 0;
    }
    return 0;
}

/* ---- The server ---- */

struct server {
    int listener, opened, closed;
};

/* One connection after the other is enough: each thread's waits in the queue until its turn. */
static int serve(void *arg)
{
    struct server *server = arg;
    char bytes[256];
    for (int fd; server->opened < WORKERS; server->closed++) {
        must_system(fd = accept(server->listener, NULL, NULL));
        server->opened++;
        for (ssize_t n; (n = recv(fd, bytes, sizeof bytes, 0)) > 0;)
            must_system(send(fd, bytes, (size_t)n, MSG_NOSIGNAL));
        close(fd); /* the other side has closed: its thread has ended */
    }
    return 0;
}

static void listen_to(struct server *server, struct sockaddr_in *ret_address)
{
    socklen_t size = sizeof *ret_address;
    *ret_address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    must_system(server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    must_system(bind(server->listener, (struct sockaddr *)ret_address, size));
    must_system(getsockname(server->listener, (struct sockaddr *)ret_address, &size)); /* which port it was given */
    must_system(listen(server->listener, WORKERS));
}

int main(void)
{
    struct lazy_connection connection;
    struct server server = {.opened = 0};
    struct worker workers[WORKERS];
    thrum_thread *serving, *threads[WORKERS];

    listen_to(&server, &connection.address);
    must(thrum_local_new(&connection.sockets, .destroy = close_socket));
    must(thrum_thread_run(&serving, serve, &server, .name = "server"));
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){.connection = &connection, .number = i + 1};
        must(thrum_thread_run(&threads[i], ask, &workers[i]));
    }
    for (int i = 0; i < WORKERS; i++) {
        must(thrum_thread_join(threads[i], NULL, THRUM_FOREVER));
        thrum_thread_free(threads[i]);
        printf("worker %d: %d answers\n", i + 1, workers[i].answers);
    }
    must(thrum_thread_join(serving, NULL, THRUM_FOREVER)); /* it ends when the last connection is closed */
    thrum_thread_free(serving);
    printf("connections opened: %d, closed: %d\n", server.opened, server.closed);
    printf("main has one: %s\n", thrum_local_get(connection.sockets) != NULL ? "yes" : "no");
    thrum_local_free(connection.sockets);
    close(server.listener);
}
