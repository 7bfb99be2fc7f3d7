/*
 * future.c - the result of a task to come
 *
 * One piece of memory: the future, its job, the task's input and its output. It has two
 * holders, the handle and the executor; whoever is last frees it.
 *
 * The state goes from PENDING to RUNNING to FINISHED, or from PENDING to CANCELLED,
 * each by one compare-and-swap, so a task is started or called off and never both. Beside it
 * stand PARKED, while somebody may be waiting, and CALLBACKS, when some were added; neither
 * is set once it is done, so whoever finishes it learns of all of them in the same step.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "futures/job.h"
#include "park/park.h"

enum { PENDING = 0, RUNNING = 1, FINISHED = 2, CANCELLED = 3, STATE = 3, PARKED = 4, CALLBACKS = 8 };

struct callback {
    struct callback *next;
    void (*call)(thrum_future *future, void *arg);
    void *arg;
};

struct thrum_future {
    thrum_job job; /* first: a job's owner finds its future there */
    uint32_t state;
    uint32_t holders;
    uint32_t guard; /* a word lock over callbacks */
    int failed;     /* the outcome, also where there was no memory for the record */
    struct callback *callbacks;
    thrum_error *error; /* NULL: none, or see `failed` and `code` */
    int code;
    int reserved;
    unsigned char data[]; /* input, output, the input's bytes */
};

/* With a small input and output it is 120 bytes, the most that glibc's malloc takes back without
 * looking at the neighbours. */
_Static_assert(sizeof(void *) != 8 || offsetof(struct thrum_future, data) == 104, "a future is small");

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

static void drop(thrum_future *future)
{
    /* Acquire and release: each holder's uses are over before the last one frees it. */
    if (os_sub_acq_rel(&future->holders, 1) != 1)
        return;
    if (future->job.task->output_kind == THRUM_KIND_BUFFER)
        thrum_buffer_free(future->job.output);
    free(future->error);
    free(future);
}

void thrum_future_free(thrum_future *future)
{
    if (future != NULL)
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
    if (future == NULL)
        return NULL;
    unsigned char *memory = (unsigned char *)future;
    *future = (thrum_future){.holders = 2};
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
        future->holders = 1;
        drop(future);
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
    struct callback *callback = future->callbacks;
    future->callbacks = NULL;
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
        change->made = os_cas_release(&change->future->state, &state, change->to);
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

bool thrum_future_cancel(thrum_future *future)
{
    return settle(future, PENDING, CANCELLED) || state_of(future) == CANCELLED;
}

static bool start(thrum_job *job)
{
    thrum_future *future = (thrum_future *)(void *)job;
    if (executor_cancels(job->executor_) || (job->token != NULL && token_cancelled(job->token)))
        (void)thrum_future_cancel(future);
    if (begin(future))
        return true;
    drop(future); /* cancelled */
    return false;
}

static void fail(thrum_job *job, size_t item, const thrum_error *error)
{
    thrum_future *future = (thrum_future *)(void *)job;
    (void)item;
    future->failed = error->outcome;
    future->code = error->code;
    if (future->error == NULL)
        future->error = malloc(sizeof *error);
    if (future->error != NULL) {
        *future->error = *error;
        future->error->index = THRUM_NO_INDEX;
    }
}

static bool finish(thrum_job *job)
{
    thrum_future *future = (thrum_future *)(void *)job;
    (void)settle(future, RUNNING, FINISHED);
    drop(future);
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

/* 0: it is done; THRUM_TIMEOUT, THRUM_CANCELLED, -EINVAL, -EAGAIN. */
static int await(thrum_future *future, thrum_timeout timeout)
{
    struct park_call call = {.key = &future->state, .validate = still_waiting, .arg = future};
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
    int result = await(future, timeout);
    if (result != 0)
        return result;
    if (state_of(future) == CANCELLED)
        return THRUM_CANCELLED;
    return future->failed != 0 ? future->failed : copy_out(future, ret_output);
}

int thrum_future_exception(thrum_future *future, thrum_error *ret_error, thrum_timeout timeout)
{
    int result = await(future, timeout);
    if (result != 0)
        return result;
    if (future->error != NULL) {
        *ret_error = *future->error;
    } else {
        int outcome = state_of(future) == CANCELLED ? THRUM_CANCELLED : future->failed;
        *ret_error = error_plain(outcome, future->job.task, THRUM_NO_INDEX);
        ret_error->code = future->code;
    }
    return 0;
}

/* ---- Questions and callbacks ---- */

bool thrum_future_cancelled(const thrum_future *future)
{
    return state_of(future) == CANCELLED;
}

bool thrum_future_running(const thrum_future *future)
{
    return state_of(future) == RUNNING;
}

bool thrum_future_done(const thrum_future *future)
{
    return is_done(future);
}

int thrum_future_add_done_callback(thrum_future *future, void (*call)(thrum_future *future, void *arg), void *arg)
{
    struct callback *callback = malloc(sizeof *callback);
    if (callback == NULL)
        return -ENOMEM;
    *callback = (struct callback){NULL, call, arg};
    os_wordlock_acquire(&future->guard);
    bool late = !set_bit(future, CALLBACKS); /* who sees the bit comes for the guard, and finds it all */
    struct callback **end = &future->callbacks;
    while (*end != NULL)
        end = &(*end)->next;
    if (!late)
        *end = callback;
    os_wordlock_release(&future->guard);
    if (late) {
        free(callback);
        (void)is_done(future); /* acquire: the callback sees the output */
        call(future, arg);
    }
    return 0;
}
