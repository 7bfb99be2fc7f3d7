/*
 * group.c - tasks that are waited for together, and called off together
 *
 * All tasks of a group have one cancel token, the group's. So there is no list of them: to call the group off is to
 * cancel that token, and the rest is a count. Who is started behind that finds the token cancelled, and never begins.
 *
 * `members` counts those that have not ended, and is where others wait for the end. The last takes itself out under
 * its bucket's lock, and touches the group no more: it may be gone by then.
 *
 * `outcome` says why the group was called off: it is set once, before the token is cancelled. So is the error, by the
 * scheduler's thread.
 */
#include "coroutine/group.h"

#include <errno.h>

#include "base/object.h"
#include "platform/state.h"

struct thrum_task_group {
    thrum_scheduler *scheduler;
    const struct sleeper *host; /* the thread that runs them, or NULL: none yet */
    uint32_t members;
    uint32_t outcome;
    uint32_t failed;     /* 1: there is an error */
    uint32_t generation; /* of the process in which it was made */
    thrum_token token;
    thrum_error error;
};

int thrum_task_group_new(thrum_task_group **ret_group, thrum_scheduler *scheduler)
{
    if (scheduler == NULL)
        scheduler = scheduler_current;
    if (ret_group == NULL || !object_is(scheduler, OBJECT_SCHEDULER))
        return -EINVAL;
    thrum_task_group *made = object_new(sizeof *made, OBJECT_TASK_GROUP);
    if (made == NULL)
        return -ENOMEM;
    made->scheduler = scheduler;
    made->generation = os_generation();
    token_init(&made->token);
    *ret_group = made;
    return 0;
}

thrum_token *group_token(struct thrum_task_group *group)
{
    return &group->token;
}

/* ---- Coming and going ---- */

void group_call_off(struct thrum_task_group *group, int outcome)
{
    uint32_t none = 0;
    /* Relaxed: it comes to those who read it with the last one's end, or is just happening. */
    (void)os_cas_relaxed(&group->outcome, &none, (uint32_t)outcome);
    token_cancel(&group->token);
}

/* Under the bucket's lock. */
static uintptr_t subtract(void *arg, const struct unparked *done)
{
    struct thrum_task_group *group = arg;
    (void)done;
    /* Release: pairs with somebody_runs. */
    (void)os_sub_release(&group->members, 1);
    return 0;
}

static void leave(struct thrum_task_group *group)
{
    uint32_t members = os_load_relaxed(&group->members);
    while (members > 1 || os_planted("group-last-untold"))
        /* Release: as in subtract. */
        if (os_cas_release(&group->members, &members, members - 1))
            return;
    (void)unpark(&group->members, SIZE_MAX, subtract, group);
}

void group_begins(struct thrum_task_group *group, const struct thrum_coroutine *task)
{
    os_store_relaxed(&group->host, task->sleeper.host); /* relaxed: see would_wait_for_itself */
}

void group_ends(struct thrum_task_group *group, const struct thrum_coroutine *task)
{
    bool called_off = task->code == THRUM_CANCELLED && token_cancelled(&group->token);
    if (task->code != 0 && !called_off) {
        if (os_load_relaxed(&group->failed) == 0) { /* relaxed: only this thread makes it 1 */
            group->error = task_error(task);
            /* Release: pairs with thrum_task_group_error. */
            os_store_release(&group->failed, 1);
        }
        group_call_off(group, THRUM_FAILED);
    }
    leave(group);
}

int thrum_task_group_start_with(thrum_task_group *group, int (*function)(void *arg), void *arg,
                                const thrum_coroutine_options *options)
{
    if (!object_is(group, OBJECT_TASK_GROUP))
        return -EINVAL;
    if (token_cancelled(&group->token))
        return THRUM_CANCELLED;
    (void)os_add_relaxed(&group->members, 1); /* relaxed: before it can end */
    int result = task_run(NULL, group->scheduler, function, arg, options, group);
    if (result != 0)
        leave(group);
    return result;
}

/* ---- Waiting ---- */

static bool somebody_runs(void *arg)
{
    const struct thrum_task_group *group = arg;
    /* Acquire: pairs with subtract, so all that they did is seen. */
    return os_load_acquire(&group->members) != 0;
}

/* Until all have ended. 0, or as for park. */
static int await_end(struct thrum_task_group *group, struct park_call *call)
{
    call->key = &group->members;
    call->validate = somebody_runs;
    call->arg = group;
    call->what = "end of task group";
    while (somebody_runs(group)) {
        int result = call->deadline > 0 ? park(call) : THRUM_TIMEOUT;
        if (result != 0 && result != PARK_CHANGED)
            return result;
    }
    return 0;
}

static void await_end_whatever_comes(struct thrum_task_group *group, const void *site)
{
    struct park_call call = {.site = site, .deadline = OS_FOREVER, .uncancellable = true};
    while (await_end(group, &call) == -EAGAIN)
        os_yield();
}

/* Whether the caller is of the group, or is the thread that should run it, and does something else. */
static bool would_wait_for_itself(const struct thrum_task_group *group)
{
    const struct thrum_coroutine *task = task_current();
    /* Relaxed: if it is this thread, it is this thread that has stored it. */
    return task != NULL ? task->group == group
                        : sleeper_current != NULL && sleeper_current == os_load_relaxed(&group->host);
}

static bool is_here(const struct thrum_task_group *group)
{
    return group->generation == os_generation();
}

int thrum_task_group_wait(thrum_task_group *group, thrum_timeout timeout)
{
    struct park_call call = {.site = __builtin_return_address(0)};
    if (!object_is(group, OBJECT_TASK_GROUP) || park_deadline(timeout, &call.deadline) != 0)
        return -EINVAL;
    if (!is_here(group))
        return -ECHILD;
    if (somebody_runs(group) && would_wait_for_itself(group))
        return -EDEADLK;
    int result = await_end(group, &call);
    if (result == THRUM_TIMEOUT || result == THRUM_CANCELLED) {
        group_call_off(group, result);
        await_end_whatever_comes(group, call.site);
    } else if (result != 0) {
        return result;
    }
    return (int)os_load_relaxed(&group->outcome); /* relaxed: as in group_call_off */
}

/* ---- The rest ---- */

int thrum_task_group_cancel(thrum_task_group *group)
{
    if (!object_is(group, OBJECT_TASK_GROUP))
        return -EINVAL;
    group_call_off(group, THRUM_CANCELLED);
    return 0;
}

int thrum_task_group_error(const thrum_task_group *group, thrum_error *ret_error)
{
    if (!object_is(group, OBJECT_TASK_GROUP) || ret_error == NULL)
        return -EINVAL;
    /* Acquire: pairs with group_ends. */
    if (os_load_acquire(&group->failed) == 0)
        return THRUM_EMPTY;
    *ret_error = group->error;
    return 0;
}

int thrum_task_group_free(thrum_task_group *group)
{
    if (group == NULL)
        return 0;
    if (!object_is(group, OBJECT_TASK_GROUP))
        return -EINVAL;
    if (is_here(group) && somebody_runs(group)) {
        if (would_wait_for_itself(group))
            return -EDEADLK;
        group_call_off(group, THRUM_CANCELLED);
        await_end_whatever_comes(group, __builtin_return_address(0));
    }
    object_free(group);
    return 0;
}
