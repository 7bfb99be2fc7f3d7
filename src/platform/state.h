/*
 * state.h - all mutable state of the library
 *
 * One structure, all zero at the start, so that a process (or a simulated one) has
 * exactly one of it, a forked child knows what to reset, and nothing has to be
 * initialised in any order. Each module declares its part in a header of its own and
 * alone touches it.
 */
#ifndef OS_STATE_H_
#define OS_STATE_H_

#include "base/object.h"
#include "coroutine/descriptors.h"
#include "coroutine/blocking.h"
#include "coroutine/stack.h"
#include "coroutine/watchdog.h"
#include "futures/registry.h"
#include "park/label.h"
#include "park/lot.h"
#include "park/orders.h"
#include "park/roll.h"
#include "park/signal.h"
#include "platform/os.h"
#include "threading/roll.h"

struct os_state {
    struct park_lot lot; /* first: it is whole pages */
    struct sleeper_roll sleepers;
    struct thread_roll threads;
    struct local_roll locals;
    struct executor_registry executors;
    struct label_roll labels;
    struct lock_orders orders;
    struct reporter reporter;
    struct stack_pool stacks;
    struct descriptor_roll descriptors;
    struct blocking_roll blocking;
    struct watchdog_roll watchdog;
#ifdef THRUM_CHECKED
    struct object_table objects;
#endif
    struct signals signals;
    uint32_t generation; /* forks between the first process and this one */
};

/* Which process this is: what was made in another generation is a parent's. */
static inline uint32_t os_generation(void)
{
    return os_load_relaxed(&os_state()->generation); /* relaxed: it changes in fork(2) only, when we are alone */
}

#endif
