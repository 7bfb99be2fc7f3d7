/*
 * interrupt.c - Ctrl-C
 *
 * SIGINT and SIGTERM are blocked in all threads but for one that waits for them, in sigwait:
 * so no code of ours runs in a signal handler, and no system call is cut short. What
 * that thread does is cancel the token that all tasks have. They stop at the next piece of
 * their file, main puts everything away, and the process ends by the signal, as a shell
 * that runs it in a loop needs to see.
 *
 * A task may be in a read that never returns (a pipe that nobody writes to, a server that has
 * gone), and main in a write. Nothing that this program holds outlives it, so after a fifth
 * of a second the process ends as it is.
 */
#include "findrobots.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#define PATIENCE 0.2 /* seconds */

static struct {
    sigset_t signals;
    _Atomic int caught;
    thrum_event all_put_away;
    thrum_token *token; /* for as long as the process lives, as the thread that may cancel it */
} watch;

static int run_watch(void *unused)
{
    (void)unused;
    int caught;
    if (sigwait(&watch.signals, &caught) != 0)
        return 1;
    atomic_store(&watch.caught, caught);
    thrum_token_cancel(watch.token);
    (void)thrum_event_wait(&watch.all_put_away, thrum_seconds(PATIENCE));
    say_last(caught == SIGINT ? "interrupted" : "terminated");

    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, caught);
    pthread_sigmask(SIG_UNBLOCK, &only, NULL);
    raise(caught); /* its action is the default one, see below */
    return 0;
}

/* A signal that the parent has had ignored, as nohup and `&` in scripts do, stays ignored. */
static void watch_for(int signal)
{
    struct sigaction action;
    if (sigaction(signal, NULL, &action) == 0 && action.sa_handler == SIG_DFL)
        sigaddset(&watch.signals, signal);
}

int interrupt_watch(thrum_token *token)
{
    watch.token = token;
    sigemptyset(&watch.signals);
    watch_for(SIGINT);
    watch_for(SIGTERM);
    pthread_sigmask(SIG_BLOCK, &watch.signals, NULL);
    thrum_thread *thread;
    int result = thrum_thread_run(&thread, run_watch, NULL, .name = "interrupt", .daemon = true);
    if (result == 0)
        thrum_thread_free(thread);
    return result;
}

bool interrupt_came(void)
{
    return atomic_load(&watch.caught) != 0;
}

_Noreturn void interrupt_end(void)
{
    thrum_event_set(&watch.all_put_away);
    for (;;)
        pause(); /* the other thread ends the process */
}
