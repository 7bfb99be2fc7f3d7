/*
 * blocking.c - calls that block a thread, on spare ones, while the coroutine waits
 *
 * A call is put into one queue for all, and somebody is seen to who will look there: the spare thread that has been
 * idle for the shortest time, so that the others come to their end; or a new one; or, when there are as many as there
 * may be, any of these when it has done what it does. Each looks before it lies idle. So none is overlooked.
 *
 * A spare thread is a daemon like any other thread of thrum's, so that what runs there is no other than it would be
 * elsewhere: it has locks, locals and an ident of its own, its signal mask is that of the thread that made it, and it
 * keeps nobody from leaving the process. For the time of a call it has the caller's token and error record. Values of
 * locals end with the call: the next one is another's.
 *
 * Idle ones lie on their own stacks, in a list under the guard, and so does their event: it is set under
 * the guard by who takes one from the list. So one whose time is over knows whether it has been taken.
 */
#include "coroutine/blocking.h"

#include <errno.h>

#include "coroutine/scheduler.h"
#include "platform/state.h"
#include "threading/event.h"
#include "threading/local.h"

#ifdef THRUM_SIM
#define SPARES_MAX 2
#else
#define SPARES_MAX 512
#endif
#define IDLE_FOR INT64_C(10000000000) /* ns */

struct blocking_call {
    struct blocking_call *next;
    int (*function)(void *arg);
    void *arg;
    thrum_token *token;
    char *report;
    int result, error; /* what it has returned, and errno then */
    thrum_event over;
};

struct spare {
    struct spare *next;
    bool idle; /* it is in the list */
    thrum_event called;
};

static struct blocking_roll *roll(void)
{
    return &os_state()->blocking;
}

/* ---- Lists; the guard is held ---- */

static void append(struct blocking_call *call)
{
    call->next = NULL;
    if (roll()->first == NULL)
        roll()->first = call;
    else
        roll()->last->next = call;
    roll()->last = call;
}

static struct blocking_call *take(void)
{
    struct blocking_call *call = roll()->first;
    if (call != NULL)
        roll()->first = call->next;
    return call;
}

static void lie_idle(struct spare *spare)
{
    thrum_event_clear(&spare->called);
    spare->idle = true;
    spare->next = roll()->idle;
    roll()->idle = spare;
}

static void get_up(struct spare *spare)
{
    struct spare **at = &roll()->idle;
    while (*at != spare)
        at = &(*at)->next;
    *at = spare->next;
    spare->idle = false;
}

/* ---- Spare threads ---- */

static void carry_out(struct blocking_call *call)
{
    struct sleeper *self = sleeper_current;
    char *report = self->report;
    self->report = call->report;
    self->token = call->token;
    call->result = call->function(call->arg);
    call->error = errno;
    self->report = report;
    self->token = NULL;
    locals_end(self);
}

static void tell(struct blocking_call *done)
{
    if (done != NULL)
        thrum_event_set(&done->over);
}

/* The one that is done has its result, and who waits for it is told when others can find us: so calls that
 * follow each other go to one thread. NULL: there was none for a long time, and this thread is counted out. */
static struct blocking_call *next_call(struct spare *self, struct blocking_call *done)
{
    struct blocking_call *call = NULL;
    struct park_call idle = {.what = "call"};
    bool over = false;
    os_wordlock_acquire(&roll()->guard);
    while (!over && (call = take()) == NULL) {
        lie_idle(self);
        os_wordlock_release(&roll()->guard);
        tell(done);
        done = NULL;
        idle.deadline = park_after(os_now(), IDLE_FOR);
        (void)event_park(&self->called, &idle);
        os_wordlock_acquire(&roll()->guard);
        over = self->idle || os_planted("blocking-ends-though-called");
        if (self->idle)
            get_up(self);
    }
    if (call == NULL)
        roll()->threads--;
    os_wordlock_release(&roll()->guard);
    tell(done);
    return call;
}

static int serve(void *arg)
{
    struct spare self = {0};
    struct blocking_call *call = NULL;
    uint32_t generation = os_generation(); /* one that has forked is no spare thread in the child */
    (void)arg;
    while (generation == os_generation() && (call = next_call(&self, call)) != NULL)
        carry_out(call);
    return 0;
}

/* None could be made. If there is no other, nobody will carry out what there is. */
static void do_without(int result)
{
    struct blocking_call *call, *chain = NULL;
    os_wordlock_acquire(&roll()->guard);
    if (--roll()->threads == 0) {
        chain = roll()->first;
        roll()->first = NULL;
    }
    os_wordlock_release(&roll()->guard);
    while ((call = chain) != NULL) {
        chain = call->next; /* before it is gone */
        call->result = result;
        thrum_event_set(&call->over);
    }
}

static void make_spare(void)
{
    thrum_thread *thread;
    const thrum_thread_options options = {.name = "thrum-blocking", .daemon = true};
    int result = thrum_thread_run_with(&thread, serve, NULL, &options);
    if (result == 0)
        thrum_thread_free(thread);
    else
        do_without(result);
}

static void hand_over(struct blocking_call *call)
{
    os_wordlock_acquire(&roll()->guard);
    append(call);
    struct spare *spare = roll()->idle;
    bool more = spare == NULL && roll()->threads < SPARES_MAX;
    if (spare != NULL) {
        get_up(spare);
        thrum_event_set(&spare->called);
    }
    roll()->threads += more;
    os_wordlock_release(&roll()->guard);
    if (more)
        make_spare();
}

int thrum_blocking(int (*function)(void *arg), void *arg)
{
    const struct thrum_coroutine *task = task_current();
    if (function == NULL)
        return -EINVAL;
    if (task == NULL)
        return function(arg);
    if (!scheduler_is_here(task->scheduler))
        return -ECHILD;
    struct blocking_call call = {
        .function = function, .arg = arg, .token = task->sleeper.token, .report = task->sleeper.report};
    struct park_call wait = {
        .what = "blocking call", .site = __builtin_return_address(0), .deadline = OS_FOREVER, .uncancellable = true};
    hand_over(&call);
    while (event_park(&call.over, &wait) != 0) /* -EAGAIN: a helper is missing */
        os_yield();
    errno = call.error;
    return call.result;
}
