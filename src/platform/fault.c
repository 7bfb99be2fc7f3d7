/*
 * fault.c - the seam's side of faults: a handler that others come behind, and stacks for it
 *
 * Both sides have it: a fault is no matter of order.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "platform/os.h"

#define SIGNAL_STACK 65536

static void (*explainer)(const void *address);
static struct sigaction before_segv, before_bus;

/* What would have happened. By default that is the end, of which the system makes the core: the handler goes, and the
 * fault comes again. */
static void go_on(int signal, siginfo_t *info, void *context)
{
    const struct sigaction *before = signal == SIGSEGV ? &before_segv : &before_bus;
    if ((before->sa_flags & SA_SIGINFO) != 0)
        before->sa_sigaction(signal, info, context);
    else if (before->sa_handler != SIG_DFL && before->sa_handler != SIG_IGN)
        before->sa_handler(signal);
    else
        (void)sigaction(signal, before, NULL);
    if (info->si_code <= 0 && (before->sa_flags & SA_SIGINFO) == 0 && before->sa_handler == SIG_DFL)
        (void)raise(signal); /* this one does not come by itself */
}

static void fault(int signal, siginfo_t *info, void *context)
{
    int saved = errno;
    if (info->si_code > 0) /* else somebody has sent it */
        explainer(info->si_addr);
    errno = saved;
    go_on(signal, info, context);
}

int os_on_fault(void (*explain)(const void *address))
{
    struct sigaction action = {.sa_sigaction = fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    explainer = explain;
    (void)sigemptyset(&action.sa_mask);
    if (sigaction(SIGSEGV, &action, &before_segv) != 0 || sigaction(SIGBUS, &action, &before_bus) != 0)
        return -errno;
    return 0;
}

static void drop_signal_stack(void *memory)
{
    stack_t none = {.ss_flags = SS_DISABLE};
    (void)sigaltstack(&none, NULL);
    (void)munmap(memory, SIGNAL_STACK);
}

int os_signal_stack(void)
{
    stack_t now;
    if (sigaltstack(NULL, &now) == 0 && (now.ss_flags & SS_DISABLE) == 0)
        return 0; /* it has one */
    stack_t made = {.ss_sp = os_map(SIGNAL_STACK), .ss_size = SIGNAL_STACK};
    if (made.ss_sp == NULL)
        return -ENOMEM;
    int result = sigaltstack(&made, NULL) == 0 ? 0 : -errno;
    if (result == 0)
        result = os_on_thread_exit(drop_signal_stack, made.ss_sp);
    if (result != 0)
        drop_signal_stack(made.ss_sp);
    return result;
}
