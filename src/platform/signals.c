/*
 * signals.c - handlers on the Linux side of the seam
 *
 * What is kept of the handler from before is two words, each written and read in one piece: a handler
 * that is still running in another thread when its signal is given back and taken anew sees
 * one or the other.
 */
#include <errno.h>
#include <signal.h>

#include "platform/os.h"

static struct {
    uintptr_t function; /* 0: there was none */
    bool takes_info;
    struct sigaction action;
} before[NSIG];

static void (*arrived_)(int signo);

static void on_signal(int signo, siginfo_t *info, void *context)
{
    int error = errno;
    os_load_acquire (&arrived_)(signo); /* acquire: pairs with take; it was there before the handler */
    /* Relaxed: see above. */
    uintptr_t function = os_load_relaxed(&before[signo].function);
    if (function != 0 && os_load_relaxed(&before[signo].takes_info))
        ((void (*)(int, siginfo_t *, void *))function)(signo, info, context);
    else if (function != 0)
        ((void (*)(int))function)(signo);
    errno = error;
}

int os_signal_take(int signo, void (*arrived)(int signo))
{
    struct sigaction old, ours = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    if (signo == SIGSEGV || signo == SIGBUS || signo == SIGFPE || signo == SIGILL || signo <= 0 || signo >= NSIG ||
        sigaction(signo, NULL, &old) != 0)
        return -EINVAL;
    bool takes_info = (old.sa_flags & SA_SIGINFO) != 0;
    uintptr_t function = takes_info ? (uintptr_t)old.sa_sigaction : (uintptr_t)old.sa_handler;
    if (!takes_info && (old.sa_handler == SIG_DFL || old.sa_handler == SIG_IGN))
        function = 0;
    before[signo].action = old;
    os_store_relaxed(&before[signo].takes_info, takes_info);
    os_store_relaxed(&before[signo].function, function);
    os_store_release(&arrived_, arrived);
    (void)sigemptyset(&ours.sa_mask);
    return sigaction(signo, &ours, NULL) == 0 ? 0 : -EINVAL;
}

void os_signal_give_back(int signo)
{
    struct sigaction now;
    if (sigaction(signo, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == on_signal)
        (void)sigaction(signo, &before[signo].action, NULL);
}
