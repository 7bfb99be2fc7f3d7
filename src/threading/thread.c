/*
 * thread.c - a thread's life
 *
 * A thread's record has two holders: the handle, and the running thread; whoever is last
 * frees it. Its end is an ordinary thing to wait for: the thread stores ENDED and
 * unparks `state`, so join has time-outs and can be cancelled; only then is the system asked
 * to join, which no longer blocks for long.
 *
 * exit(3) waits for the threads that are not daemons, by their count.
 */
#include "threading/thread.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "park/park.h"
#include "platform/state.h"

OPTIONS_ARE_DENSE(thrum_thread_options, 2 * sizeof(size_t) + 2 * sizeof(void *) + 2 * sizeof(uint32_t));

enum { UNSTARTED, STARTING, RUNNING, ENDED };

struct thrum_thread {
    uint32_t state; /* parked at by join and native_id */
    uint32_t holders;
    uint32_t joining; /* 1: a join is under way or has been done */
    uint32_t daemon;
    uint32_t generation; /* of the process that it was started in */
    int (*target)(void *arg);
    void *arg;
    thrum_token *token;
    struct sleeper *sleeper; /* its record: made by start, so that the thread cannot lack one */
    size_t stack_size;
    uint64_t native_id;
    os_thread system;
    int code;
    char name[64];
};

static __thread thrum_thread *current;

static struct thread_roll *roll(void)
{
    return &os_state()->threads;
}

static void let_go(thrum_thread *thread)
{
    /* Release, so that our last use of it is over before the other frees it; acquire, so that
     * its uses are over before we do. */
    if (os_sub_acq_rel(&thread->holders, 1) == 1 || os_planted("thread-early-free"))
        free(thread);
}

/* ---- Exit and fork ---- */

static uint32_t not_waited_for(void)
{
    return current != NULL && !current->daemon ? 1 : 0; /* exit called from such a thread */
}

static bool others_alive(void *arg)
{
    (void)arg;
    /* Acquire: pairs with the release of each thread's end, so its work is seen. */
    return os_load_acquire(&roll()->alive) > not_waited_for();
}

static void leave(void)
{
    struct park_call call = {.key = &roll()->alive,
                             .validate = others_alive,
                             .what = "the others, to exit",
                             .deadline = OS_FOREVER,
                             .uncancellable = true};
    while (others_alive(NULL))
        if (park(&call) == -EAGAIN)
            os_yield();
}

void threads_forked(void)
{
    roll()->guard = 0;
    roll()->alive = not_waited_for();
}

static int arrange_exit(void)
{
    int result = 0;
    os_wordlock_acquire(&roll()->guard);
    if (roll()->leaving == 0)
        result = os_at_exit(leave);
    if (result == 0)
        roll()->leaving = 1;
    os_wordlock_release(&roll()->guard);
    return result;
}

/* Under the bucket's lock. */
static uintptr_t subtract(void *arg, const struct unparked *done)
{
    (void)arg;
    (void)done;
    /* Release: pairs with others_alive. */
    (void)os_sub_acq_rel(&roll()->alive, 1);
    return 0;
}

static void count_out(void)
{
    (void)unpark(&roll()->alive, SIZE_MAX, subtract, NULL);
}

/* ---- Running ---- */

struct change {
    thrum_thread *thread;
    uint32_t state;
};

/* Under the bucket's lock. */
static uintptr_t store_state(void *arg, const struct unparked *done)
{
    const struct change *change = arg;
    (void)done;
    /* Release: who sees the state sees system and native_id, or code and all the thread's work. */
    os_store_release(&change->thread->state, change->state);
    return 0;
}

static void set_state(thrum_thread *thread, uint32_t state)
{
    struct change change = {thread, state};
    (void)unpark(&thread->state, SIZE_MAX, store_state, &change);
}

static void *run(void *arg)
{
    thrum_thread *thread = arg;
    current = thread;
    os_thread_set_name(thread->name);
    bool leaves_by_itself = sleeper_begin(thread->sleeper) == 0;
    thread->system = os_thread_self();
    thread->native_id = os_native_id();
    set_state(thread, RUNNING);

    thread->code = thread->target(thread->arg);

    struct sleeper *sleeper = leaves_by_itself ? NULL : thread->sleeper;
    bool counted = !thread->daemon;
    set_state(thread, ENDED);
    let_go(thread);
    current = NULL;
    if (sleeper != NULL)
        sleeper_end(sleeper);
    if (counted)
        count_out();
    return NULL;
}

int thrum_thread_new_with(thrum_thread **ret_thread, int (*target)(void *arg), void *arg,
                          const thrum_thread_options *options)
{
    thrum_thread_options o;
    if (OPTIONS_READ_RESERVED(&o, thrum_thread_options, options) != 0 || target == NULL ||
        (o.stack_size != 0 && o.stack_size < os_smallest_stack()))
        return -EINVAL;
    thrum_thread *thread = calloc(1, sizeof *thread);
    if (thread == NULL)
        return -ENOMEM;
    thread->holders = 1;
    thread->daemon = o.daemon;
    thread->target = target;
    thread->arg = arg;
    thread->token = o.token;
    thread->stack_size = o.stack_size;
    /* Relaxed: the number need only be another each time. */
    if (o.name != NULL)
        (void)snprintf(thread->name, sizeof thread->name, "%s", o.name);
    else
        (void)snprintf(thread->name, sizeof thread->name, "Thread-%u", os_add_relaxed(&roll()->made, 1) + 1);
    *ret_thread = thread;
    return 0;
}

static uint32_t state_of(const thrum_thread *thread)
{
    /* Acquire: pairs with set_state. */
    return os_load_acquire(&thread->state);
}

/* In a forked child, its parent's threads are not there: neither to join nor to detach. */
static bool is_here(const thrum_thread *thread)
{
    /* Relaxed: the one is there before STARTING can be seen, the other changes in fork(2) only. */
    return os_load_relaxed(&thread->generation) == os_load_relaxed(&os_state()->generation);
}

static int launch(thrum_thread *thread)
{
    int result = arrange_exit();
    if (result != 0)
        return result;
    thread->sleeper = sleeper_for_thread(thread->token, thread->name);
    if (thread->sleeper == NULL)
        return -EAGAIN;
    /* Relaxed: exit can only miss a thread whose start it races with anyway. */
    if (!thread->daemon)
        (void)os_add_relaxed(&roll()->alive, 1);
    (void)os_add_relaxed(&thread->holders, 1); /* before it can end; the new thread sees all we did */
    os_thread system; /* which the thread writes down itself */
    result = os_thread_create(&system, run, thread, &(struct os_thread_options){.stack_size = thread->stack_size});
    if (result != 0) {
        sleeper_drop(thread->sleeper);
        /* As in let_go, but never the last: the caller has the handle. */
        (void)os_sub_acq_rel(&thread->holders, 1);
        if (!thread->daemon)
            count_out();
    }
    return result;
}

int thrum_thread_start(thrum_thread *thread)
{
    uint32_t state = UNSTARTED;
    if (state_of(thread) != UNSTARTED)
        return -EALREADY;
    /* Relaxed: whoever else is about to start it stores the same. */
    os_store_relaxed(&thread->generation, os_load_relaxed(&os_state()->generation));
    /* Release: who sees that it is started sees the generation. */
    if (!os_cas_release(&thread->state, &state, STARTING))
        return -EALREADY;
    int result = launch(thread);
    if (result != 0)
        set_state(thread, UNSTARTED);
    return result;
}

int thrum_thread_run_with(thrum_thread **ret_thread, int (*target)(void *arg), void *arg,
                          const thrum_thread_options *options)
{
    thrum_thread *thread;
    int result = thrum_thread_new_with(&thread, target, arg, options);
    if (result != 0)
        return result;
    result = thrum_thread_start(thread);
    if (result == 0)
        *ret_thread = thread;
    else
        thrum_thread_free(thread);
    return result;
}

/* ---- Join ---- */

static bool not_ended(void *arg)
{
    uint32_t state = state_of(arg);
    return state == STARTING || state == RUNNING;
}

static bool starting(void *arg)
{
    return state_of(arg) == STARTING;
}

/* Until the new thread has written down who it is, which takes no longer than its start. */
static void await_start(thrum_thread *thread)
{
    struct park_call call = {.key = &thread->state,
                             .validate = starting,
                             .arg = thread,
                             .what = "start of thread",
                             .name = thread->name,
                             .deadline = OS_FOREVER,
                             .uncancellable = true};
    while (is_here(thread) && starting(thread))
        if (park(&call) == -EAGAIN)
            os_yield();
}

int thrum_thread_join(thrum_thread *thread, int *ret_code, thrum_timeout timeout)
{
    struct park_call call = {.key = &thread->state,
                             .validate = not_ended,
                             .arg = thread,
                             .what = "end of thread",
                             .name = thread->name,
                             .site = __builtin_return_address(0)};
    int result = park_deadline(timeout, &call.deadline);
    if (result != 0 || state_of(thread) == UNSTARTED || !is_here(thread))
        return -EINVAL;
    if (thread == current)
        return -EDEADLK;
    uint32_t joining = 0;
    /* Acquire and, below, release: a join that gives up hands the thread on to the next. */
    if (!os_cas_acquire(&thread->joining, &joining, 1))
        return -EINVAL;

    while (result == 0 && not_ended(thread)) {
        result = call.deadline > 0 ? park(&call) : THRUM_TIMEOUT;
        if (result == PARK_CHANGED)
            result = 0;
    }
    if (result == 0 && state_of(thread) != ENDED)
        result = -EINVAL; /* its start has failed meanwhile */
    if (result != 0) {
        os_store_release(&thread->joining, 0);
        return result;
    }
    os_thread_join(thread->system);
    if (ret_code != NULL)
        *ret_code = thread->code;
    return 0;
}

void thrum_thread_free(thrum_thread *thread)
{
    if (thread == NULL)
        return;
    uint32_t joining = 0;
    /* Relaxed: nobody else may be using the handle. */
    if (state_of(thread) != UNSTARTED && is_here(thread) && os_cas_relaxed(&thread->joining, &joining, 1)) {
        await_start(thread);
        os_thread_detach(thread->system);
    }
    let_go(thread);
}

/* ---- Questions ---- */

bool thrum_thread_is_alive(const thrum_thread *thread)
{
    uint32_t state = state_of(thread);
    return is_here(thread) && (state == STARTING || state == RUNNING);
}

const char *thrum_thread_name(const thrum_thread *thread)
{
    return thread->name;
}

uint64_t thrum_thread_native_id(const thrum_thread *thread)
{
    await_start((thrum_thread *)(uintptr_t)thread); /* waiting changes nothing in it */
    return thread->native_id;
}

uint64_t thrum_get_native_id(void)
{
    return os_native_id();
}
