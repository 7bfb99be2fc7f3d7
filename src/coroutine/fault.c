/*
 * fault.c - an overflow is called by its name
 *
 * A coroutine that overflows its stack touches its guard, and has no stack left for a handler. So there has to be a
 * handler, and each thread has to have another stack for it: both are the program's to decide, which is why it has to
 * ask.
 */
#include <errno.h>

#include "coroutine/coroutine.h"
#include "platform/state.h"
#include "thrum/coroutine.h"

static __thread bool expecting;

/* In a signal handler. */
static void explain(const void *address)
{
    struct stack *stack = stack_of_address(address);
    if (stack == NULL || (const char *)address >= stack->low)
        return;
    const struct coroutine *coroutine = stack_record(stack);
    /* Relaxed: it is ours, or we are about to end anyway. */
    if (os_load_relaxed(&coroutine->state) == COROUTINE_RUNNING)
        coroutine_report_overflow(coroutine);
}

void coroutine_expect_faults(void)
{
    if (!expecting)
        expecting = os_signal_stack() == 0;
}

int thrum_faulthandler_enable(void)
{
    uint32_t off = 0;
    struct stack_pool *stacks = &os_state()->stacks;
    int result = os_signal_stack();
    /* Relaxed: it guards nothing. */
    if (result == 0 && os_cas_relaxed(&stacks->faults, &off, 1))
        result = os_on_fault(explain);
    if (result != 0 && off == 0)
        os_store_relaxed(&stacks->faults, 0);
    return result;
}
