/*
 * task.c - a task of a scheduler: its life, its sleep, and what others may do with it (scheduler.h)
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/object.h"
#include "base/options.h"
#include "coroutine/generator.h"
#include "coroutine/group.h"
#include "coroutine/scheduler.h"
#include "platform/state.h"
#include "threading/event.h"
#include "threading/local.h"

_Static_assert(sizeof(struct thrum_coroutine) <= STACK_RECORD, "the record has room");
_Static_assert(sizeof(struct thrum_generator) <= offsetof(struct thrum_coroutine, sleeper),
               "a generator has nothing where a task has its sleeper");
OPTIONS_ARE_DENSE(thrum_coroutine_options, 2 * sizeof(size_t) + sizeof(char *));

#define LEAST_STACK 4096

/* ---- Sleeping ---- */

static struct thrum_coroutine *task_of(const struct sleeper *sleeper)
{
    return (struct thrum_coroutine *)(void *)((char *)(uintptr_t)sleeper - offsetof(struct thrum_coroutine, sleeper));
}

/* Let the next one go on. Only now and then, or when there is none, the scheduler itself looks what there is. In a
 * forked child there are none who could, and who left would never come back: so to yield there is to go on. */
static void leave(struct thrum_coroutine *task, int word)
{
    if (word == TASK_YIELDS && !scheduler_is_here(task->scheduler))
        return;
    struct thrum_coroutine *next = scheduler_pass_to(task->scheduler);
    if (next == NULL) {
        task->scheduler->left = task;
        (void)coroutine_suspend(&task->base, word);
        return;
    }
    if (word == TASK_YIELDS) /* nobody takes it from there before it has been left */
        scheduler_make_ready(task->scheduler, task);
    coroutine_pass(&task->base, &next->base);
}

static int task_sleep(struct sleeper *sleeper, int64_t deadline)
{
    struct thrum_coroutine *task = task_of(sleeper);
    struct thrum_scheduler *scheduler = task->scheduler;
    /* In a forked child it never goes on; so no waker shall have it, for its scheduler may be gone by then. */
    uint32_t awake = 0, suspended = scheduler_is_here(scheduler) ? TASK_SUSPENDED : 0;
    task->slept = 0;
    /* Release: pairs with task_wake, who then writes in the record. */
    if (!os_planted("task-suspended-untold") && !os_cas_release(&sleeper->wake, &awake, suspended))
        return 0;
    task->timed = deadline != OS_FOREVER;
    if (task->timed) {
        task->time.at = deadline;
        times_add(&scheduler->times, &task->time);
    }
    os_store_relaxed(&sleeper->asleep, scheduler->now); /* relaxed: a hint for reports */
    leave(task, TASK_WAITS);
    if (task->timed) {
        times_remove(&scheduler->times, &task->time);
        task->timed = false;
    }
    /* Relaxed, both: the mark is ours, and what comes with the count park orders. */
    if ((os_load_relaxed(&sleeper->wake) & TASK_SUSPENDED) != 0)
        (void)os_sub_relaxed(&sleeper->wake, TASK_SUSPENDED);
    return task->slept;
}

static void task_wake(struct sleeper *sleeper, bool counted)
{
    struct thrum_coroutine *task = task_of(sleeper);
    struct thrum_scheduler *scheduler = task->scheduler; /* before it can go on */
    uint32_t was;
    if (scheduler == scheduler_current && !counted) { /* then nobody else has it, and it does not run */
        was = os_load_relaxed(&sleeper->wake);        /* relaxed, both: of this thread */
        os_store_relaxed(&sleeper->wake, 1);
    } else if (counted) {
        /* Release: pairs with await_wakers. Acquire: pairs with task_sleep. The same below. */
        was = os_add_acq_rel(&sleeper->wake, 1);
    } else {
        was = os_exchange_acq_rel(&sleeper->wake, 1);
    }
    if (was == TASK_SUSPENDED)
        scheduler_give(scheduler, task);
}

static bool task_at_hand(const struct sleeper *sleeper)
{
    return scheduler_is_at_hand(task_of(sleeper)->scheduler);
}

static bool task_turn(struct sleeper *sleeper)
{
    struct thrum_coroutine *task = task_of(sleeper);
    if (task->scheduler->ready == NULL || !scheduler_is_here(task->scheduler))
        return false;
    leave(task, TASK_YIELDS);
    return true;
}

static bool task_runs(const struct sleeper *sleeper)
{
    return os_load_relaxed(&task_of(sleeper)->base.state) == COROUTINE_RUNNING; /* relaxed: it may change at once */
}

const struct sleeper_ops task_ops = {task_sleep, task_wake, task_at_hand, task_turn, task_runs};

/* ---- Its life ---- */

static int drive(void *arg);

/* On its own stack. One that was cancelled before its first turn never begins, but for the sake of what it has to
 * free. */
static int run(struct coroutine *base, int first)
{
    struct thrum_coroutine *task = (struct thrum_coroutine *)base;
    (void)first;
    bool begins = !token_cancelled(task->cancel) || task->function == drive;
    task->code = begins ? task->function(task->arg) : THRUM_CANCELLED;
    task->sleeper.report = NULL;
    task->sleeper.ending(&task->sleeper);
    held_free(&task->sleeper.ordered);
    held_free(&task->sleeper.held);
    task->scheduler->left = task;
    return TASK_ENDED;
}

void task_cancel(struct thrum_coroutine *task)
{
    if (task->group != NULL)
        group_call_off(task->group, THRUM_CANCELLED);
    else
        token_cancel(&task->token);
}

void task_begin(struct thrum_coroutine *task)
{
    struct thrum_scheduler *scheduler = task->scheduler;
    const struct stack *stack = coroutine_stack(&task->base);
    uint8_t *life = &stack->slab->lives[stack->index];
    *life = (uint8_t)((*life + 1) % SLEEPER_LIVES);
    struct sleeper *sleeper = sleeper_hosted(task->place, *life, &task_ops, task->base.name, scheduler->host);
    os_store_relaxed(&task->host, scheduler->host); /* relaxed: see would_wait_for_itself */
    sleeper->token = task->cancel;
    sleeper->report = task->report;
    sleeper->ending = locals_end;
    task->base.identity = (struct coroutine_identity){sleeper, {0}};
    task->base.flags |= COROUTINE_IDENTITY;
    task->all_previous = NULL;
    task->all_next = scheduler->all;
    if (task->all_next != NULL)
        task->all_next->all_previous = task;
    scheduler->all = task;
    if (scheduler->closing)
        task_cancel(task);
    if (task->group != NULL)
        group_begins(task->group, task);
}

static void drop(struct thrum_coroutine *task)
{
    object_dies(task);
    coroutine_drop(&task->base);
}

thrum_error task_error(const struct thrum_coroutine *task)
{
    /* Relaxed: it was there before it began. */
    thrum_error error = {.index = THRUM_NO_INDEX, .worker = os_load_relaxed(&task->sleeper.native_id)};
    (void)snprintf(error.task, sizeof error.task, "%s", task->base.name);
    if (task->code != 0) {
        error.outcome = THRUM_FAILED;
        error.code = task->code;
        (void)snprintf(error.message, sizeof error.message, "%s", task->report);
    }
    return error;
}

void task_finish(struct thrum_coroutine *task)
{
    if (task->all_previous != NULL)
        task->all_previous->all_next = task->all_next;
    else
        task->scheduler->all = task->all_next;
    if (task->all_next != NULL)
        task->all_next->all_previous = task->all_previous;
    sleeper_drop(&task->sleeper);
    /* Relaxed: whoever has given it up later was not there to be told. */
    bool alone = (os_load_relaxed(&task->life) & TASK_GIVEN_UP) != 0;
    thrum_event_set(&task->over);
    if (task->group != NULL) {
        group_ends(task->group, task);
    } else if (alone && task->code != 0 && !token_cancelled(task->cancel)) {
        task->scheduler->failed = true;
        task->scheduler->error = task_error(task);
    }
    /* Acquire and release: the second to let go comes behind all that the first has done. */
    if ((os_or_acq_rel(&task->life, TASK_HAS_ENDED) & TASK_GIVEN_UP) != 0 || os_planted("task-let-go-by-one"))
        drop(task);
}

int task_run(thrum_coroutine **ret_coroutine, thrum_scheduler *scheduler, int (*function)(void *arg), void *arg,
             const thrum_coroutine_options *options, struct thrum_task_group *group)
{
    thrum_coroutine_options o;
    if (scheduler == NULL)
        scheduler = scheduler_current;
    if (!object_is(scheduler, OBJECT_SCHEDULER) || function == NULL || OPTIONS_READ(&o, options) != 0 ||
        (o.stack_size != 0 && o.stack_size < LEAST_STACK))
        return -EINVAL;
    if (!scheduler_is_here(scheduler))
        return -ECHILD;
    struct thrum_coroutine *made = (struct thrum_coroutine *)coroutine_new(run, o.stack_size, o.name);
    if (made == NULL)
        return -ENOMEM;
    made->place = stack_place(coroutine_stack(&made->base), offsetof(struct thrum_coroutine, sleeper));
    if (made->place == 0 || !object_born(made, OBJECT_COROUTINE)) {
        drop(made);
        return -ENOMEM;
    }
    made->base.identity = (struct coroutine_identity){NULL, {0}};
    made->scheduler = scheduler;
    made->generation = scheduler->generation;
    made->function = function;
    made->arg = arg;
    made->group = group;
    made->cancel = group != NULL ? group_token(group) : &made->token;
    made->life = ret_coroutine != NULL ? 0 : TASK_GIVEN_UP;
    made->code = 0;
    made->timed = false;
    made->host = NULL;
    made->over = (thrum_event)THRUM_EVENT_INIT;
    made->report[0] = '\0';
    token_init(&made->token);
    if (ret_coroutine != NULL)
        *ret_coroutine = made;
    scheduler_give(scheduler, made);
    return 0;
}

int thrum_coroutine_run_with(thrum_coroutine **ret_coroutine, thrum_scheduler *scheduler, int (*function)(void *arg),
                             void *arg, const thrum_coroutine_options *options)
{
    return task_run(ret_coroutine, scheduler, function, arg, options, NULL);
}

void thrum_coroutine_free(thrum_coroutine *coroutine)
{
    /* Acquire and release: as in task_finish. */
    if (object_is(coroutine, OBJECT_COROUTINE) &&
        os_or_acq_rel(&coroutine->life, TASK_GIVEN_UP) == TASK_HAS_ENDED) /* and not given up before */
        drop(coroutine);
}

/* ---- What others do with it ---- */

/* Whether the caller is the thread that should run it, and does something else. */
static bool would_wait_for_itself(const struct thrum_coroutine *task)
{
    const struct sleeper *self = sleeper_current;
    /* Relaxed: if it is this thread, it is this thread that has stored it. */
    return self != NULL && (self == &task->sleeper || self == os_load_relaxed(&task->host));
}

int thrum_coroutine_join(thrum_coroutine *coroutine, int *ret_code, thrum_timeout timeout)
{
    int64_t deadline;
    if (!object_is(coroutine, OBJECT_COROUTINE) || park_deadline(timeout, &deadline) != 0)
        return -EINVAL;
    if (!thrum_event_is_set(&coroutine->over)) {
        if (coroutine->generation != os_generation())
            return -ECHILD;
        if (would_wait_for_itself(coroutine))
            return -EDEADLK;
    }
    struct park_call call = {.what = "end of coroutine",
                             .name = coroutine->base.name,
                             .site = __builtin_return_address(0),
                             .deadline = deadline};
    int result = event_park(&coroutine->over, &call);
    if (result == 0 && ret_code != NULL)
        *ret_code = coroutine->code;
    return result;
}

int thrum_coroutine_cancel(thrum_coroutine *coroutine)
{
    if (!object_is(coroutine, OBJECT_COROUTINE))
        return -EINVAL;
    task_cancel(coroutine);
    return 0;
}

bool thrum_coroutine_done(const thrum_coroutine *coroutine)
{
    return object_is(coroutine, OBJECT_COROUTINE) && thrum_event_is_set(&coroutine->over);
}

int thrum_coroutine_error(const thrum_coroutine *coroutine, thrum_error *ret_error)
{
    if (!thrum_coroutine_done(coroutine) || ret_error == NULL)
        return -EINVAL;
    *ret_error = task_error(coroutine);
    return 0;
}

const char *thrum_coroutine_name(const thrum_coroutine *coroutine)
{
    return object_is(coroutine, OBJECT_COROUTINE) ? coroutine->base.name : "";
}

thrum_coroutine *thrum_current_coroutine(void)
{
    return task_current();
}

/* ---- What it does itself ---- */

void task_yield(struct thrum_coroutine *task)
{
    leave(task, TASK_YIELDS);
}

int thrum_coroutine_yield(void)
{
    struct thrum_coroutine *task = task_current();
    if (task == NULL) {
        if (thrum_cancelled())
            return THRUM_CANCELLED;
        os_yield();
        return 0;
    }
    if (task->sleeper.token != NULL && token_cancelled(task->sleeper.token))
        return THRUM_CANCELLED;
    leave(task, TASK_YIELDS);
    return 0;
}

int thrum_sleep(thrum_timeout time)
{
    int64_t deadline;
    if (park_deadline(time, &deadline) != 0)
        return -EINVAL;
    if (deadline <= 0)
        return thrum_coroutine_yield();
    struct park_call call = {
        .key = &deadline, .what = "time to pass", .site = __builtin_return_address(0), .deadline = deadline};
    int result = park(&call);
    return result == THRUM_TIMEOUT ? 0 : result;
}

/* ---- Generators as tasks ---- */

/* The seed's TaskScheduler resumes each in its turn; what it yields is dropped. */
static int drive(void *arg)
{
    thrum_generator *generator = arg;
    int result = thrum_cancelled() ? THRUM_CANCELLED : 0, code = 0;
    thrum_error error;
    while (result == 0) {
        result = thrum_generator_next(generator, NULL);
        if (result == 0)
            result = thrum_coroutine_yield();
    }
    if (result == THRUM_FAILED && thrum_generator_error(generator, &error) == 0)
        code = thrum_fail(error.code, "%s", error.message);
    else if (result < 0)
        code = thrum_fail(result, "the generator could not go on");
    (void)thrum_generator_free(generator);
    return code;
}

int thrum_scheduler_new_task(thrum_scheduler *scheduler, thrum_generator *generator)
{
    enum thrum_generator_state state;
    if (thrum_generator_state(generator, &state) != 0)
        return -EINVAL;
    const thrum_coroutine_options options = {.name = ((struct coroutine *)generator)->name};
    return thrum_coroutine_run_with(NULL, scheduler, drive, generator, &options);
}
