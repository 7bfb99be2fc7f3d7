/*
 * future.c - the result of a task to come
 *
 * One piece of memory: the future, its job, the task's input and its output. It has two
 * holders, the handle and the executor; whoever is last frees it.
 *
 * The state goes from PENDING to RUNNING to FINISHED, or from PENDING to CANCELLED,
 * each by one compare-and-swap, so a task is started or called off and never both. In the same
 * word stand PARKED, while somebody may be waiting, and CALLBACKS, when some were added; neither
 * is set once it is done, so whoever finishes it learns of all of them in the same step. And the
 * number of holders, in units of HOLDER, for the executor mostly lets go as it finishes.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/object.h"
#include "base/options.h"
#include "futures/job.h"
#include "park/park.h"

OPTIONS_ARE_DENSE(thrum_submit_options, sizeof(size_t) + sizeof(thrum_token *));

/* clang-format off */
enum { PENDING = 0, RUNNING = 1, FINISHED = 2, CANCELLED = 3, STATE = 3, PARKED = 4, CALLBACKS = 8, HOLDER = 16 };
/* clang-format on */

struct callback {
    struct callback *next;
    void (*call)(thrum_future *future, void *arg);
    void *arg;
};

/* What few futures have. */
struct extra {
    struct callback *callbacks;
    thrum_error error; /* if `failed` */
};

struct thrum_future {
    thrum_job job; /* first: a job's owner finds its future there */
    uint32_t state;
    uint32_t guard; /* a word lock over extra */
    int failed;     /* the outcome, also where there was no memory for the record */
    int code;
    struct extra *extra;
    unsigned char data[]; /* input, output, the input's bytes */
};

/* A million of them are a million times this: fresh memory is the most of what a submit costs. */
_Static_assert(sizeof(void *) != 8 || offsetof(struct thrum_future, data) == 88, "a future is small");

/* The place of `size` bytes of any type at or behind `offset`: a type's size is a multiple of its
 * alignment. */
static size_t place(size_t offset, size_t size)
{
    size_t alignment = size % 16 == 0 ? 16 : 8;
    return (offset + alignment - 1) / alignment * alignment;
}

static uint32_t state_of(const thrum_future *future)
{
    /* Acquire: who sees it finished sees the output. */
    return os_load_acquire(&future->state) & STATE;
}

static bool is_done(const thrum_future *future)
{
    return state_of(future) >= FINISHED;
}

/* ---- Making and freeing ---- */

static void release(thrum_future *future)
{
    if (future->job.task->output_kind == THRUM_KIND_BUFFER)
        thrum_buffer_free(future->job.output);
    free(future->extra);
    object_free(future);
}

static void drop(thrum_future *future)
{
    /* Acquire and release: each holder's uses are over before the last one frees it. */
    if (os_sub_acq_rel(&future->state, HOLDER) / HOLDER == 1)
        release(future);
}

void thrum_future_free(thrum_future *future)
{
    if (object_is(future, OBJECT_FUTURE))
        drop(future);
}

static const struct thrum_job_owner_ owner;

static thrum_future *make(const thrum_task *task, const void *input)
{
    thrum_bytes bytes = {0};
    if (task->input_kind == THRUM_KIND_BYTES)
        bytes = *(const thrum_bytes *)input;
    if (task->input_size > SIZE_MAX / 8 || task->output_size > SIZE_MAX / 8 || bytes.size > SIZE_MAX / 8)
        return NULL;
    size_t input_at = place(offsetof(struct thrum_future, data), task->input_size);
    size_t output_at = place(input_at + task->input_size, task->output_size);
    size_t bytes_at = place(output_at + task->output_size, bytes.size);
    thrum_future *future = malloc(bytes_at + bytes.size);
    if (future == NULL || !object_born(future, OBJECT_FUTURE)) {
        free(future);
        return NULL;
    }
    unsigned char *memory = (unsigned char *)future;
    *future = (thrum_future){.state = 2 * HOLDER};
    future->job = (thrum_job){
        .task = task, .input = memory + input_at, .output = memory + output_at, .count = 1, .owner_ = &owner};
    memcpy(memory + input_at, input, task->input_size);
    memset(memory + output_at, 0, task->output_size);
    if (bytes.size > 0) {
        memcpy(memory + bytes_at, bytes.data, bytes.size);
        ((thrum_bytes *)(void *)(memory + input_at))->data = memory + bytes_at;
    }
    return future;
}

int thrum_submit_with(thrum_executor *executor, const thrum_task *task, const void *input, thrum_future **ret_future,
                      const thrum_submit_options *options)
{
    thrum_submit_options o;
    int result = OPTIONS_READ(&o, options);
    if (input == NULL || ret_future == NULL)
        result = -EINVAL;
    if (result == 0)
        result = executor_takes(executor, task);
    if (result != 0)
        return result;
    thrum_future *future = make(task, input);
    if (future == NULL)
        return -ENOMEM;
    future->job.executor_ = executor;
    future->job.token = o.token;
    result = executor_submit(executor, &future->job);
    if (result != 0) {
        release(future); /* nobody else knows of it */
        return result;
    }
    *ret_future = future;
    return 0;
}

/* ---- The way of a future ---- */

/* False: it is not pending any more. */
static bool begin(thrum_future *future)
{
    uint32_t state = os_load_relaxed(&future->state);
    while ((state & STATE) == PENDING)
        /* Relaxed: there is nothing to see yet. */
        if (os_cas_relaxed(&future->state, &state, state | RUNNING))
            return true;
    return false;
}

static void run_callbacks(thrum_future *future)
{
    os_wordlock_acquire(&future->guard);
    struct callback *callback = future->extra->callbacks; /* CALLBACKS says that it is there */
    future->extra->callbacks = NULL;
    os_wordlock_release(&future->guard);
    while (callback != NULL) {
        struct callback *next = callback->next;
        callback->call(future, callback->arg);
        free(callback);
        callback = next;
    }
}

struct change {
    thrum_future *future;
    uint32_t from, to;
    uint32_t was; /* the word, with the last of PARKED and CALLBACKS */
    bool made;
};

static bool try_change(struct change *change, uint32_t refused)
{
    uint32_t state = os_load_relaxed(&change->future->state);
    while (!change->made && (state & STATE) == change->from && (state & refused) == 0)
        /* Release: the output is there before the state says so. */
        change->made = os_cas_release(&change->future->state, &state, (state & ~(HOLDER - 1u)) | change->to);
    change->was = state;
    return change->made;
}

/* Under the bucket's lock. */
static uintptr_t change_and_wake(void *arg, const struct unparked *done)
{
    (void)done;
    (void)try_change(arg, 0);
    return 0;
}

/* It is done: wake who waits, call who wants to be called. False: it was not in state `from`. */
static bool settle(thrum_future *future, uint32_t from, uint32_t to)
{
    struct change change = {.future = future, .from = from, .to = to};
    if (!try_change(&change, PARKED) && (change.was & STATE) == from)
        (void)unpark(&future->state, SIZE_MAX, change_and_wake, &change);
    if (change.made && (change.was & CALLBACKS) != 0)
        run_callbacks(future);
    return change.made;
}

static bool cancel(thrum_future *future)
{
    return settle(future, PENDING, CANCELLED) || state_of(future) == CANCELLED;
}

bool thrum_future_cancel(thrum_future *future)
{
    return object_is(future, OBJECT_FUTURE) && cancel(future);
}

static bool start(thrum_job *job)
{
    thrum_future *future = (thrum_future *)(void *)job;
    if (executor_cancels(job->executor_) || (job->token != NULL && token_cancelled(job->token)))
        (void)cancel(future);
    if (begin(future))
        return true;
    drop(future); /* cancelled */
    return false;
}

/* The guard is held. NULL: there is no memory. */
static struct extra *extra_of(thrum_future *future)
{
    if (future->extra == NULL)
        future->extra = calloc(1, sizeof *future->extra);
    return future->extra;
}

static void fail(thrum_job *job, size_t item, const thrum_error *error)
{
    thrum_future *future = (thrum_future *)(void *)job;
    (void)item;
    future->failed = error->outcome;
    future->code = error->code;
    os_wordlock_acquire(&future->guard);
    struct extra *extra = extra_of(future);
    if (extra != NULL) {
        extra->error = *error;
        extra->error.index = THRUM_NO_INDEX;
    }
    os_wordlock_release(&future->guard);
}

/* Finish and let go in one step, where nobody waits or wants to be called. */
static bool finish_alone(thrum_future *future)
{
    uint32_t state = os_load_relaxed(&future->state);
    while ((state & (PARKED | CALLBACKS)) == 0) {
        uint32_t left = (state & ~(HOLDER - 1u)) - HOLDER;
        /* Release: the output is there before the state says so. Acquire: the last one's, as in drop. */
        if (os_cas_acq_rel(&future->state, &state, left | FINISHED)) {
            if (left == 0)
                release(future);
            return true;
        }
    }
    return false;
}

static bool finish(thrum_job *job)
{
    thrum_future *future = (thrum_future *)(void *)job;
    if (!finish_alone(future)) {
        (void)settle(future, RUNNING, FINISHED);
        drop(future);
    }
    return false;
}

static const struct thrum_job_owner_ owner = {.start = start, .fail = fail, .finish = finish, .again = NULL};

/* ---- Waiting ---- */

static bool looks_done(void *arg)
{
    return is_done(arg);
}

/* Set one of the bits beside the state; false: it is done already. */
static bool set_bit(thrum_future *future, uint32_t bit)
{
    uint32_t state = os_load_relaxed(&future->state);
    while ((state & STATE) < FINISHED)
        /* Relaxed: the bits carry no data; who acts on them takes a lock first. */
        if ((state & bit) != 0 || os_cas_relaxed(&future->state, &state, state | bit))
            return true;
    return false;
}

static bool still_waiting(void *arg)
{
    const thrum_future *future = arg;
    /* Relaxed: while PARKED is there, it is finished under this bucket's lock only. */
    uint32_t state = os_load_relaxed(&future->state);
    return (state & STATE) < FINISHED && (state & PARKED) != 0;
}

/* 0: it is done; THRUM_TIMEOUT, THRUM_CANCELLED, THRUM_INTERRUPTED, -EINVAL, -EAGAIN. */
static int await(thrum_future *future, thrum_timeout timeout, const void *site)
{
    struct park_call call = {.key = &future->state,
                             .validate = still_waiting,
                             .arg = future,
                             .what = "future of task",
                             .name = future->job.task->name,
                             .site = site};
    int result = park_deadline(timeout, &call.deadline);
    while (result == 0 && !is_done(future)) {
        if (call.deadline <= 0)
            return THRUM_TIMEOUT;
        if (park_look(looks_done, future) || !set_bit(future, PARKED))
            continue;
        result = park(&call);
        if (result == PARK_CHANGED)
            result = 0;
    }
    return result;
}

static int copy_out(const thrum_future *future, void *ret_output)
{
    const thrum_task *task = future->job.task;
    if (ret_output == NULL)
        return 0;
    if (task->output_kind == THRUM_KIND_PLAIN) {
        memcpy(ret_output, future->job.output, task->output_size);
        return 0;
    }
    const thrum_buffer *output = future->job.output;
    thrum_buffer copy = {0};
    int result = thrum_buffer_append(&copy, output->data, output->size);
    if (result == 0)
        memcpy(ret_output, &copy, sizeof copy);
    return result;
}

int thrum_future_result(thrum_future *future, void *ret_output, thrum_timeout timeout)
{
    int result = object_is(future, OBJECT_FUTURE) ? await(future, timeout, __builtin_return_address(0)) : -EINVAL;
    if (result != 0)
        return result;
    if (state_of(future) == CANCELLED)
        return THRUM_CANCELLED;
    return future->failed != 0 ? future->failed : copy_out(future, ret_output);
}

/* The record of a failure; false: there was no memory for one. */
static bool copy_error(thrum_future *future, thrum_error *ret_error)
{
    os_wordlock_acquire(&future->guard);
    bool there = future->extra != NULL && future->extra->error.outcome != 0;
    if (there)
        *ret_error = future->extra->error;
    os_wordlock_release(&future->guard);
    return there;
}

int thrum_future_exception(thrum_future *future, thrum_error *ret_error, thrum_timeout timeout)
{
    if (!object_is(future, OBJECT_FUTURE) || ret_error == NULL)
        return -EINVAL;
    int result = await(future, timeout, __builtin_return_address(0));
    if (result != 0)
        return result;
    int outcome = state_of(future) == CANCELLED ? THRUM_CANCELLED : future->failed;
    if (outcome == THRUM_OK || outcome == THRUM_CANCELLED || !copy_error(future, ret_error)) {
        *ret_error = error_plain(outcome, future->job.task, THRUM_NO_INDEX);
        ret_error->code = future->code;
    }
    return 0;
}

/* ---- Questions and callbacks ---- */

bool thrum_future_cancelled(const thrum_future *future)
{
    return object_is(future, OBJECT_FUTURE) && state_of(future) == CANCELLED;
}

bool thrum_future_running(const thrum_future *future)
{
    return object_is(future, OBJECT_FUTURE) && state_of(future) == RUNNING;
}

bool thrum_future_done(const thrum_future *future)
{
    return object_is(future, OBJECT_FUTURE) && is_done(future);
}

int thrum_future_add_done_callback(thrum_future *future, void (*call)(thrum_future *future, void *arg), void *arg)
{
    if (!object_is(future, OBJECT_FUTURE) || call == NULL)
        return -EINVAL;
    struct callback *callback = malloc(sizeof *callback);
    if (callback == NULL)
        return -ENOMEM;
    *callback = (struct callback){NULL, call, arg};
    os_wordlock_acquire(&future->guard);
    struct extra *extra = extra_of(future);
    bool late = extra != NULL && !set_bit(future, CALLBACKS); /* who sees the bit comes for the guard */
    if (extra != NULL && !late) {
        struct callback **end = &extra->callbacks;
        while (*end != NULL)
            end = &(*end)->next;
        *end = callback;
    }
    os_wordlock_release(&future->guard);
    if (extra == NULL) {
        free(callback);
        return -ENOMEM;
    }
    if (late) {
        free(callback);
        (void)is_done(future); /* acquire: the callback sees the output */
        call(future, arg);
    }
    return 0;
}
