/*
 * state.c - the one structure of state, and what a forked child does to it
 *
 * Only the thread that called fork(2) is in the child. Nobody waits there, so the
 * parking lot is emptied; the other threads have ended, as far as the child can tell, and a lock
 * that one of them held can never be had there.
 */
#include "platform/state.h"

#include "park/park.h"
#include "platform/fork.h"
#include "threading/local.h"
#include "threading/thread.h"

struct os_state thrum_os_state_;

void os_forking(void)
{
    signals_keep_from_forking();
}

void os_has_forked(void)
{
    signals_let_fork();
}

void os_forked(void)
{
    struct os_state *state = os_state();
    /* Relaxed: there is no other thread yet. */
    os_store_relaxed(&state->generation, os_load_relaxed(&state->generation) + 1);
    park_forked();
    sleepers_forked();
    signals_forked();
    threads_forked();
    locals_forked();
    stacks_forked();
    descriptors_forked();
    state->executors.guard = 0;
    state->labels.guard = 0;
    state->orders.guard = 0;
    state->reporter.guard = 0;
    state->blocking = (struct blocking_roll){0}; /* its threads are not here */
    state->watchdog = (struct watchdog_roll){0};
#ifdef THRUM_CHECKED
    state->objects.guard = 0;
#endif
}
