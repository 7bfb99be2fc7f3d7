/*
 * io.h - descriptors: sockets, pipes, terminals, files, in coroutines and in threads
 *
 * One code for both: a coroutine that has to wait lets the others of its scheduler run meanwhile, a thread simply
 * blocks. It is what the methods of Python's sockets are to a thread, and asyncio's streams and loop.sock_...() to a
 * coroutine.
 *
 *     static int echo(void *arg)
 *     {
 *         int fd = *(int *)arg, result;
 *         char data[4096];
 *         size_t n;
 *         while ((result = thrum_read(fd, data, sizeof data, &n, thrum_seconds(60))) == 0 && n > 0)
 *             if ((result = thrum_write(fd, data, n, NULL, thrum_seconds(60))) != 0)
 *                 break;
 *         (void)thrum_close(fd);
 *         return result;
 *     }
 *
 * Descriptors are the system's, from socket(2), pipe(2), open(2), and may be used by the system's calls as well.
 * Whether they block (O_NONBLOCK) makes no difference, and is left as it is, for it belongs to all processes that have
 * the same file open. What is in a file system or on a disk is never waited for: there the call blocks its thread as
 * long as the disk needs, coroutine or not.
 *
 * All calls with a time-out are cancellation points where they have to wait, and end with THRUM_INTERRUPTED where
 * the time-out asks for it. What came first counts: after a time-out it is tried once more. In a coroutine each may let
 * others have their turn, even if it did not wait. Any number of threads and coroutines may wait for one descriptor, in
 * both directions, and one of them goes on when it is ready in a direction: the one that waits longest.
 *
 * Results beside those of each call: THRUM_TIMEOUT, THRUM_CANCELLED, THRUM_INTERRUPTED; -EBADF: the descriptor is none,
 * or was closed while we waited, by thrum_close, or by anything else, which is noticed within a second or a few, also
 * if another file has its number by then (but for one case: the old file is open elsewhere, by dup(2) or fork(2), and
 * becomes ready first; then the call is about the new one). -EMFILE, -ENFILE: a thread that waits for the first time
 * takes two descriptors, until it ends; -ENOSPC: more watches than /proc/sys/fs/epoll/max_user_watches; -ENOMEM;
 * -EAGAIN: no memory to know the thread by; or what the system says. -EINTR is never among them.
 *
 * The system has no way to accept from a blocking socket, or to read and write a terminal, a named pipe and some
 * devices that block, without waiting if it comes to that. There thrum looks first whether it is ready, and has one
 * caller at a time do that and the call; so callers of thrum do not come between each other. If another process, or a
 * call past thrum, takes what was there in that moment, the call blocks its thread until there is more, and with it all
 * who want the same. With O_NONBLOCK set this cannot be.
 *
 * A socket with something in its error queue (IP_RECVERR, time stamps) is ready, as the system sees it, though there is
 * nothing to read: who waits to read then looks again and again, until somebody has taken that, or the time is over.
 *
 * SIGPIPE is never raised by these calls, for pipes as for sockets: the result is -EPIPE.
 *
 * In a forked child, threads wait as ever; for coroutines see coroutine.h.
 */
#ifndef THRUM_IO_H
#define THRUM_IO_H

#include <thrum/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Read what is there, at most `size` bytes; wait until there is something (socket.recv, os.read). 0, and *ret_n is how
 * many: 0 is the end (the peer has closed its side; end of file), or a size of 0, or an empty datagram. Also
 * -ECONNRESET and others of read(2); -EINVAL: NULL.
 */
THRUM_API THRUM_MUST_USE int thrum_read(int fd, void *ret_data, size_t size, size_t *ret_n, thrum_timeout timeout);

/*
 * Write all of it; wait for room as often as that takes (socket.sendall). One time-out for all. To a socket of
 * datagrams it is one datagram. Two that write to one descriptor at the same time may have their bytes mixed; but
 * nobody's come between those of a write to a pipe of at most 4096 bytes (PIPE_BUF).
 *
 * ret_n (or NULL) gets how many bytes have gone, whatever the result is, but for -EINVAL: so after a time-out, or being
 * cancelled, one can go on behind them. 0; -EPIPE: there is nobody to read it any more; others of write(2); -EINVAL:
 * NULL.
 */
THRUM_API THRUM_MUST_USE int thrum_write(int fd, const void *data, size_t size, size_t *ret_n, thrum_timeout timeout);

/*
 * Wait for a connection to a listening socket and accept it (socket.accept). The new descriptor does not block, is
 * not there after exec(3), and is the caller's, to close; getpeername(2) has the address. 0; -EMFILE, -ENFILE, and
 * others of accept(2); -EINVAL: it does not listen; NULL.
 */
THRUM_API THRUM_MUST_USE int thrum_accept(int fd, int *ret_fd, thrum_timeout timeout);

/*
 * Connect a socket (socket.connect): `size` is the address's, as for connect(2). A socket that blocks is made
 * not to for a moment at the beginning, when it is nobody else's yet.
 *
 * 0; -ECONNREFUSED and others of connect(2): make a new socket to try again. After THRUM_TIMEOUT, THRUM_CANCELLED or
 * THRUM_INTERRUPTED the attempt goes on: call again to wait for it, or close the socket. -EAGAIN: the backlog of a Unix
 * domain socket is full, for which nobody can wait. -EINVAL: NULL.
 */
struct sockaddr;
THRUM_API THRUM_MUST_USE int thrum_connect(int fd, const struct sockaddr *address, size_t size, thrum_timeout timeout);

/* Ways for a descriptor to be ready. One in error or hung up is both: to read or write then tells. */
enum { THRUM_READABLE = 1, THRUM_WRITABLE = 2 };

/*
 * Wait until one can read or write without waiting (select.select for one descriptor): `how` is THRUM_READABLE,
 * THRUM_WRITABLE, or both, and *ret_how (or NULL) is which of them it was when we looked. For descriptors that others
 * read or write: a library's socket, an eventfd, a timerfd, inotify. What is in a file system always can. 0; -EINVAL:
 * no such ways.
 */
THRUM_API THRUM_MUST_USE int thrum_poll(int fd, unsigned how, unsigned *ret_how, thrum_timeout timeout);

/*
 * Close it, whoever waits for it: to all who do, in any thread or scheduler of the process, that is -EBADF. Does not
 * wait for them; may block as close(2) does. 0; -EBADF; other errors of close(2) (-EIO, -ENOSPC, -EDQUOT of a file),
 * and it is closed all the same.
 */
THRUM_API int thrum_close(int fd);

#ifdef __cplusplus
}
#endif
#endif
