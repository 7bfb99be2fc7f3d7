/*
 * thread.c - a thread's life
 *
 * Its state says where it is; two events, `begun` and `over`, are there to wait for a change of it, so join has
 * time-outs and can be cancelled. Then the system is asked to join, which no longer blocks for long; who joins for as
 * long as it takes sleeps there at once (await_end).
 * Few wait for either, and where nobody does, setting an event costs one operation: to start and join a thread costs
 * little more than the system's part.
 *
 * Once set, the events stay so until the thread is started again, after a start that has failed; were they cleared
 * at once, who comes to wait only then would wait for ever. So it is started by one at a time, in CHANGING.
 *
 * The order at the end: values of locals are destroyed, then it is no longer counted among the living, then ENDED.
 * What is left is done with the last of the thread (thread_ending), when destructors of others' thread-locals have
 * run and may have used us.
 */
#include "threading/thread.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digits.h"
#include "base/object.h"
#include "base/options.h"
#include "park/park.h"
#include "park/report.h"
#include "platform/state.h"
#include "threading/event.h"
#include "threading/local.h"

OPTIONS_ARE_DENSE(thrum_thread_options, 2 * sizeof(size_t) + 3 * sizeof(void *) + 2 * sizeof(uint32_t));

__thread thrum_thread *thread_self;

void thread_let_go(thrum_thread *thread)
{
    /* Release, so that our last use of it is over before the other frees it; acquire, so that
     * its uses are over before we do. */
    if (os_sub_acq_rel(&thread->holders, 1) != 1 && !os_planted("thread-early-free"))
        return;
    while (thread->names != NULL) {
        struct thread_name *name = thread->names;
        thread->names = name->older;
        free(name);
    }
    free((void *)(uintptr_t)thread->system_options.cpus); /* ours, though constant to the system */
    object_free(thread);
}

/* ---- Making ---- */

void thread_set_first_name(thrum_thread *thread, const char *name)
{
    size_t length = strnlen(name, sizeof thread->first_name - 1);
    memcpy(thread->first_name, name, length);
    thread->first_name[length] = '\0';
    thread->name = thread->first_name;
}

/* "Thread-N". */
static void number_name(thrum_thread *thread)
{
    static const char begin[7] = "Thread-";
    char text[sizeof begin + DIGITS_MAX];
    /* Relaxed: the number need only be another each time. */
    uint32_t number = os_add_relaxed(&os_state()->threads.made, 1) + 1;
    char *name = digits(number, text + sizeof text) - sizeof begin;
    memcpy(name, begin, sizeof begin);
    thread_set_first_name(thread, name);
}

int thrum_thread_new_with(thrum_thread **ret_thread, int (*target)(void *arg), void *arg,
                          const thrum_thread_options *options)
{
    thrum_thread_options o;
    struct os_cpus *cpus = NULL;
    if (ret_thread == NULL || OPTIONS_READ_RESERVED(&o, thrum_thread_options, options) != 0 || target == NULL ||
        (o.stack_size != 0 && o.stack_size < os_smallest_stack()))
        return -EINVAL;
    int result = o.cpus != NULL ? os_cpus_parse(o.cpus, &cpus) : 0;
    if (result != 0)
        return result;
    thrum_thread *thread = malloc(sizeof *thread);
    if (thread == NULL || !object_born(thread, OBJECT_THREAD)) {
        free(thread);
        free(cpus);
        return -ENOMEM;
    }
    memset(thread, 0, offsetof(thrum_thread, first_name));
    thread->message[0] = '\0';
    thread->holders = 1;
    thread->daemon = o.daemon;
    thread->target = target;
    thread->arg = arg;
    thread->token = o.token;
    thread->system_options = (struct os_thread_options){.stack_size = o.stack_size, .cpus = cpus};
    thread->named = o.name != NULL;
    if (thread->named)
        thread_set_first_name(thread, o.name);
    else
        number_name(thread);
    *ret_thread = thread;
    return 0;
}

/* ---- Running ---- */

static void end(thrum_thread *thread)
{
    /* Release: who sees that it has ended sees its code and all its work. */
    os_store_release(&thread->state, THREAD_ENDED);
    thrum_event_set(&thread->over);
}

void thread_ending(struct sleeper *sleeper)
{
    thrum_thread *thread = thread_self;
    locals_end(sleeper);
    if (thread == NULL)
        return;
    bool counted = !thread->daemon && !thread->foreign;
    /* Relaxed: only this thread makes it ENDED. It has done so, but if it is foreign, or left by pthread_exit: nobody
     * shall wait for ever for one that did what it must not. */
    if (os_load_relaxed(&thread->state) != THREAD_ENDED) {
        sleeper_leave(sleeper);
        end(thread);
    }
    thread_self = NULL;
    thread_let_go(thread);
    if (counted)
        exit_count_out();
}

/* The record's name may be about to be changed by another. */
static void tell_name(const struct sleeper *self)
{
    struct seen_thread seen;
    if (see_thread(&seen, self->owner))
        os_thread_set_name(seen.name);
}

static void begin(thrum_thread *thread)
{
    /* Relaxed: as in launch, which stores the same. */
    os_store_relaxed(&thread->system, os_thread_self());
    os_store_release(&thread->native_id, thread->sleeper->native_id); /* release: pairs with native_id; and as above */
    if (thread->named)
        tell_name(thread->sleeper);
    thread->sleeper->report = thread->message;
    thrum_event_set(&thread->begun);
}

static void *run(void *arg)
{
    thrum_thread *thread = arg;
    struct sleeper *sleeper = thread->sleeper;
    thread_self = thread;
    bool leaves_by_itself = sleeper_begin(sleeper) == 0;
    begin(thread);

    thread->code = thread->target(thread->arg);

    sleeper->report = NULL;
    locals_end(sleeper);
    sleeper_leave(sleeper);
    end(thread);
    if (!leaves_by_itself)
        sleeper_end(sleeper);
    return NULL;
}

static uint32_t state_of(const thrum_thread *thread)
{
    /* Acquire: who sees that it was started sees with what. */
    return os_load_acquire(&thread->state);
}

static bool is_here(const thrum_thread *thread)
{
    /* Relaxed: it is there before STARTED can be seen. */
    return os_load_relaxed(&thread->generation) == os_generation();
}

static int create(thrum_thread *thread)
{
    os_thread system;
    if (!thread->daemon)
        exit_count_in();
    (void)os_add_relaxed(&thread->holders, 1); /* before it can end; the new thread sees all we did */
    int result = os_thread_create(&system, run, thread, &thread->system_options);
    if (result == 0) {
        /* Relaxed: for whoever gives the handle up before the thread itself has stored the same; it
         * comes to that one with the handle. */
        os_store_relaxed(&thread->system, system);
        os_store_release(&thread->created, 1); /* release: pairs with may_sleep_in_system */
        return 0;
    }
    /* Relaxed: never the last, for the caller has the handle. */
    (void)os_sub_relaxed(&thread->holders, 1);
    if (!thread->daemon)
        exit_count_out();
    return result;
}

static int launch(thrum_thread *thread)
{
    int result = exit_arrange();
    if (result != 0)
        return result;
    (void)sleeper_self(); /* who starts threads is one, and comes before those in the list */
    /* Relaxed: nobody may be renaming it now. */
    thread->sleeper =
        sleeper_for_thread(thread->token, os_load_relaxed(&thread->name), thread->daemon ? SLEEPER_DAEMON : 0);
    if (thread->sleeper == NULL)
        return -EAGAIN;
    thread->sleeper->ending = thread_ending;
    /* Relaxed: it is there before start returns, which is all that is promised. */
    os_store_relaxed(&thread->ident, thread->sleeper->ident);
    result = create(thread);
    if (result != 0) {
        os_store_relaxed(&thread->ident, 0); /* relaxed: likewise */
        sleeper_drop(thread->sleeper);
    }
    return result;
}

int thrum_thread_start(thrum_thread *thread)
{
    uint32_t state = THREAD_UNSTARTED;
    if (!object_is(thread, OBJECT_THREAD))
        return -EINVAL;
    /* Acquire: the last one who tried has finished. */
    if (!os_cas_acquire(&thread->state, &state, THREAD_CHANGING))
        return -EALREADY;
    thrum_event_clear(&thread->begun);
    thrum_event_clear(&thread->over);
    /* Relaxed: who still sees it started, before it failed, may look at it. */
    os_store_relaxed(&thread->generation, os_generation());
    /* Release: who sees that it is started sees all that. */
    os_store_release(&thread->state, THREAD_STARTED);
    int result = launch(thread);
    if (result == 0)
        return 0;
    /* Relaxed: who is woken has the rest from the events. */
    os_store_relaxed(&thread->state, THREAD_CHANGING);
    thrum_event_set(&thread->begun);
    if (!os_planted("thread-failed-start-untold"))
        thrum_event_set(&thread->over);
    /* Release: who tries next finds it as it was. */
    os_store_release(&thread->state, THREAD_UNSTARTED);
    return result;
}

int thrum_thread_run_with(thrum_thread **ret_thread, int (*target)(void *arg), void *arg,
                          const thrum_thread_options *options)
{
    thrum_thread *thread;
    int result = ret_thread != NULL ? thrum_thread_new_with(&thread, target, arg, options) : -EINVAL;
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

/*
 * A thread that joins for as long as it takes sleeps in the system's join itself: else it would be woken
 * as the other ends, only to sleep there again until it is gone, which is a tenth of all that start and join cost.
 */
static bool may_sleep_in_system(const thrum_thread *thread, const struct sleeper *self, int64_t deadline)
{
    return deadline == OS_FOREVER && self != NULL && self->token == NULL && self->ops == &sleeper_thread_ops &&
           os_load_acquire(&thread->created) != 0; /* acquire: pairs with create */
}

static void sleep_in_system(thrum_thread *thread, struct sleeper *self, const void *site)
{
    /* Relaxed, all: a hint for reports, in which the number comes last and goes first. */
    os_store_relaxed(&self->asleep, os_now());
    os_store_relaxed(&self->joins_at, site);
    os_store_relaxed(&self->joins_thread, (const void *)thread);
    os_store_relaxed(&self->joins, os_load_relaxed(&thread->sleeper->owner));
    os_thread_join(os_load_relaxed(&thread->system)); /* relaxed: see may_sleep_in_system */
    os_store_relaxed(&self->joins, 0);
    thread->joined = true;
}

/* Until it has ended, or its start has failed. */
static int await_end(thrum_thread *thread, int64_t deadline, const void *site)
{
    struct park_call call = {
        .what = "end of thread", .name = thrum_thread_name(thread), .site = site, .deadline = deadline};
    struct sleeper *self = sleeper_self();
    if (state_of(thread) == THREAD_STARTED && may_sleep_in_system(thread, self, deadline)) {
        sleep_in_system(thread, self, site);
        return 0;
    }
    int result = 0;
    while (result == 0 && state_of(thread) == THREAD_STARTED)
        result = event_park(&thread->over, &call);
    return result == 0 && state_of(thread) != THREAD_ENDED ? -EINVAL : result;
}

/* In a forked child, its parent's threads are not there: neither to join nor to detach. */
static bool was_started_here(const thrum_thread *thread)
{
    uint32_t state = state_of(thread);
    return (state == THREAD_STARTED || state == THREAD_ENDED) && is_here(thread);
}

int thrum_thread_join(thrum_thread *thread, int *ret_code, thrum_timeout timeout)
{
    uint32_t joining = 0;
    int64_t deadline;
    if (!object_is(thread, OBJECT_THREAD) || park_deadline(timeout, &deadline) != 0 || !was_started_here(thread))
        return -EINVAL;
    if (thread == thread_self)
        return -EDEADLK;
    /* Acquire and, below, release: a join that gives up hands the thread on to the next. */
    if (!os_cas_acquire(&thread->joining, &joining, 1))
        return -EINVAL;
    int result = await_end(thread, deadline, __builtin_return_address(0));
    if (result != 0) {
        os_store_release(&thread->joining, 0);
        return result;
    }
    if (!thread->joined)
        os_thread_join(os_load_relaxed(&thread->system)); /* relaxed: it was there before its end */
    if (ret_code != NULL)
        *ret_code = thread->code;
    return 0;
}

void thrum_thread_free(thrum_thread *thread)
{
    uint32_t joining = 0;
    if (!object_is(thread, OBJECT_THREAD) || thread->foreign || thread->given_up)
        return;
    thread->given_up = true;
    /* Relaxed: nobody else may be using the handle. */
    if (was_started_here(thread) && os_cas_relaxed(&thread->joining, &joining, 1))
        os_thread_detach(os_load_relaxed(&thread->system));
    thread_let_go(thread);
}

/* ---- Failure ---- */

int thrum_fail(int code, const char *format, ...)
{
    const struct sleeper *self = sleeper_current;
    if (self != NULL && self->report != NULL) {
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(self->report, REPORT_SIZE, format, arguments);
        va_end(arguments);
    }
    return code;
}

int thrum_thread_error(const thrum_thread *thread, thrum_error *ret_error)
{
    if (!object_is(thread, OBJECT_THREAD) || ret_error == NULL || thread->foreign || state_of(thread) != THREAD_ENDED)
        return -EINVAL;
    thrum_error error = {.index = THRUM_NO_INDEX, .worker = thread->native_id};
    (void)snprintf(error.task, sizeof error.task, "%s", thrum_thread_name(thread));
    if (thread->code != 0) {
        error.outcome = THRUM_FAILED;
        error.code = thread->code;
        (void)snprintf(error.message, sizeof error.message, "%s", thread->message);
    }
    *ret_error = error;
    return 0;
}

/* ---- Questions ---- */

bool thrum_thread_is_alive(const thrum_thread *thread)
{
    return object_is(thread, OBJECT_THREAD) && state_of(thread) == THREAD_STARTED && is_here(thread);
}

bool thrum_thread_daemon(const thrum_thread *thread)
{
    return object_is(thread, OBJECT_THREAD) && thread->daemon;
}

const char *thrum_thread_name(const thrum_thread *thread)
{
    /* Acquire: pairs with set_name, so the text is there. */
    return object_is(thread, OBJECT_THREAD) ? os_load_acquire(&thread->name) : NULL;
}

int thrum_thread_set_name(thrum_thread *thread, const char *name)
{
    uint32_t *guard = &os_state()->threads.guard;
    if (!object_is(thread, OBJECT_THREAD) || name == NULL)
        return -EINVAL;
    struct thread_name *newest = malloc(sizeof *newest);
    if (newest == NULL)
        return -ENOMEM;
    (void)snprintf(newest->text, sizeof newest->text, "%s", name);
    os_wordlock_acquire(guard);
    newest->older = thread->names;
    thread->names = newest;
    /* Release: pairs with thrum_thread_name. */
    os_store_release(&thread->name, newest->text);
    uint64_t ident = thrum_thread_ident(thread);
    if (ident != 0)
        sleeper_rename(ident, name);
    os_wordlock_release(guard);
    if (thread == thread_self)
        os_thread_set_name(name);
    return 0;
}

uint64_t thrum_thread_ident(const thrum_thread *thread)
{
    return object_is(thread, OBJECT_THREAD) ? os_load_relaxed(&thread->ident) : 0; /* relaxed: see launch */
}

static uint64_t known_native_id(const thrum_thread *thread)
{
    /* Acquire: pairs with begin; what it did before that is seen too. */
    return os_load_acquire(&thread->native_id);
}

/* Waits until the new thread has written it down, which takes no longer than its start. */
uint64_t thrum_thread_native_id(const thrum_thread *thread)
{
    if (!object_is(thread, OBJECT_THREAD))
        return 0;
    if (known_native_id(thread) != 0)
        return thread->native_id;
    thrum_event *begun = (thrum_event *)(uintptr_t)&thread->begun; /* waiting changes nothing in the thread */
    struct park_call call = {.what = "start of thread",
                             .name = thrum_thread_name(thread),
                             .site = __builtin_return_address(0),
                             .deadline = OS_FOREVER,
                             .uncancellable = true};
    while (known_native_id(thread) == 0 && thrum_thread_is_alive(thread))
        if (event_park(begun, &call) == -EAGAIN)
            os_yield();
    return known_native_id(thread);
}
