/*
 * executor.c - choosing an executor, and the common part of all
 *
 * The spec is a name and, behind a colon, a number of workers. Names are looked up
 * among thrum's own executors and those that the program has registered.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/object.h"
#include "base/options.h"
#include "futures/job.h"
#include "platform/state.h"

OPTIONS_ARE_DENSE(thrum_executor_options, 2 * sizeof(size_t) + sizeof(thrum_error *));
OPTIONS_ARE_DENSE(thrum_close_options, sizeof(size_t) + sizeof(thrum_timeout) + 2 * sizeof(uint32_t));

#define WORKERS_MAX 65536
#define DEFAULT_SPEC "threads"

/* ---- What the host does for executors ---- */

static bool host_start(thrum_job *job)
{
    return job->owner_->start(job);
}

static void host_fail(thrum_job *job, size_t item, const thrum_error *error)
{
    thrum_error record = *error;
    (void)snprintf(record.task, sizeof record.task, "%s", job->task->name);
    record.message[sizeof record.message - 1] = '\0';
    if (item < job->count)
        job->owner_->fail(job, item, &record);
}

static void host_finish(thrum_job *job)
{
    if (job->owner_->finish(job))
        job->owner_->again(job);
}

const thrum_host job_host = {
    .size = sizeof(thrum_host),
    .abi = THRUM_EXECUTOR_ABI,
    .job_start = host_start,
    .job_fail = host_fail,
    .job_finish = host_finish,
    .job_run = run_job,
};

/* ---- Registry ---- */

static const thrum_executor_ops *const own[] = {&thrum_serial_ops_, &thrum_threads_ops_};
#define OWN (sizeof own / sizeof own[0])

/* The registry's guard is held. */
static const thrum_executor_ops *nth(const struct executor_registry *registry, size_t n)
{
    if (n < OWN)
        return own[n];
    return n - OWN < registry->count ? registry->ops[n - OWN] : NULL;
}

static const thrum_executor_ops *look_up(const struct executor_registry *registry, const char *name, size_t length)
{
    const thrum_executor_ops *ops;
    for (size_t i = 0; (ops = nth(registry, i)) != NULL; i++)
        if (strlen(ops->name) == length && memcmp(ops->name, name, length) == 0)
            return ops;
    return NULL;
}

int thrum_executor_register(const thrum_executor_ops *ops)
{
    if (ops == NULL || ops->size < sizeof *ops || ops->abi != THRUM_EXECUTOR_ABI || ops->name == NULL ||
        ops->name[0] == '\0' || strchr(ops->name, ':') != NULL || ops->open == NULL || ops->submit == NULL ||
        ops->close == NULL || ops->workers == NULL)
        return -EINVAL;
    struct executor_registry *registry = &os_state()->executors;
    int result = 0;
    os_wordlock_acquire(&registry->guard);
    if (look_up(registry, ops->name, strlen(ops->name)) != NULL)
        result = -EEXIST;
    else if (registry->count == REGISTRY_MAX)
        result = -ENOSPC;
    else
        registry->ops[registry->count++] = ops;
    os_wordlock_release(&registry->guard);
    return result;
}

/* "serial, threads, ..." for an error's message. */
static void list_names(char *text, size_t size)
{
    struct executor_registry *registry = &os_state()->executors;
    const thrum_executor_ops *ops;
    size_t used = 0;
    os_wordlock_acquire(&registry->guard);
    for (size_t i = 0; (ops = nth(registry, i)) != NULL && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i > 0 ? ", " : "", ops->name);
    os_wordlock_release(&registry->guard);
}

/* ---- Open ---- */

struct spec {
    const char *text;
    const thrum_executor_ops *ops;
    size_t workers; /* 0: not said */
};

static int parse(struct spec *spec, thrum_error *error)
{
    size_t length = strcspn(spec->text, ":");
    struct executor_registry *registry = &os_state()->executors;
    os_wordlock_acquire(&registry->guard);
    spec->ops = look_up(registry, spec->text, length);
    os_wordlock_release(&registry->guard);
    if (spec->ops == NULL) {
        char names[160];
        list_names(names, sizeof names);
        (void)snprintf(error->message, sizeof error->message, "there is no executor '%.40s'; there are: %s", spec->text,
                       names);
        return -ENOENT;
    }
    if (spec->text[length] == '\0')
        return 0;
    const char *digits = spec->text + length + 1;
    size_t count = strspn(digits, "0123456789");
    if (count > 0 && count <= 5 && digits[count] == '\0')
        spec->workers = (size_t)strtoul(digits, NULL, 10);
    if (spec->workers > 0 && spec->workers <= WORKERS_MAX)
        return 0;
    (void)snprintf(error->message, sizeof error->message,
                   "'%.40s': behind the colon stands the number of workers, from 1 to %d, as in '%.40s:4'", spec->text,
                   WORKERS_MAX, spec->ops->name);
    return -EINVAL;
}

static int open_spec(thrum_executor *executor, struct spec *spec, size_t workers, thrum_error *error)
{
    int result = parse(spec, error);
    if (result != 0)
        return result;
    if (workers > WORKERS_MAX) {
        (void)snprintf(error->message, sizeof error->message, "%zu workers are more than %d", workers, WORKERS_MAX);
        return -EINVAL;
    }
    thrum_executor_config config = {.size = sizeof config, .workers = spec->workers, .hint = workers};
    executor->ops = spec->ops;
    return spec->ops->open(&executor->self, &job_host, &config, error);
}

static const char *chosen(const char *spec)
{
    if (spec != NULL)
        return spec;
    spec = getenv("THRUM_EXECUTOR");
    return spec != NULL && spec[0] != '\0' ? spec : DEFAULT_SPEC;
}

int thrum_executor_open_with(thrum_executor **ret_executor, const char *spec, const thrum_executor_options *options)
{
    thrum_executor_options o;
    if (OPTIONS_READ(&o, options) != 0 || ret_executor == NULL)
        return -EINVAL;
    thrum_error error = {.index = THRUM_NO_INDEX};
    struct spec choice = {.text = chosen(spec)};
    thrum_executor *executor = object_new(sizeof *executor, OBJECT_EXECUTOR);
    int result = executor != NULL ? open_spec(executor, &choice, o.workers, &error) : -ENOMEM;
    if (result == 0) {
        *ret_executor = executor;
        return 0;
    }
    object_free(executor);
    error.outcome = result;
    if (error.message[0] == '\0')
        (void)snprintf(error.message, sizeof error.message, "'%.40s' cannot be opened", choice.text);
    if (o.error != NULL)
        *o.error = error;
    return result;
}

/* ---- Use ---- */

bool is_task(const thrum_task *task)
{
    return task != NULL && task->size >= sizeof *task && task->name != NULL && task->run != NULL &&
           task->input_size > 0 && task->output_size > 0 && task->input_kind <= THRUM_KIND_BYTES &&
           (task->output_kind == THRUM_KIND_PLAIN || task->output_kind == THRUM_KIND_BUFFER) &&
           (task->input_kind == THRUM_KIND_PLAIN || task->input_size == sizeof(thrum_bytes)) &&
           (task->output_kind == THRUM_KIND_PLAIN || task->output_size == sizeof(thrum_buffer));
}

int executor_takes(const thrum_executor *executor, const thrum_task *task)
{
    if (!is_task(task) || !object_is(executor, OBJECT_EXECUTOR))
        return -EINVAL;
    if (executor->ops->portable && (task->flags & THRUM_PORTABLE) == 0)
        return -ENOTSUP;
    /* Relaxed: who closes an executor sees to it that nobody submits any more. */
    return os_load_relaxed(&executor->closing) != 0 ? THRUM_CLOSED : 0;
}

int executor_submit(thrum_executor *executor, thrum_job *job)
{
    return executor->ops->submit(executor->self, job);
}

size_t thrum_executor_workers(const thrum_executor *executor)
{
    return object_is(executor, OBJECT_EXECUTOR) ? executor->ops->workers(executor->self) : 0;
}

const char *thrum_executor_name(const thrum_executor *executor)
{
    return object_is(executor, OBJECT_EXECUTOR) ? executor->ops->name : NULL;
}

/* ---- Close ---- */

static __thread const struct inside *innermost;

void executor_enter(struct inside *inside, const thrum_executor *executor)
{
    *inside = (struct inside){executor, innermost};
    innermost = inside;
}

void executor_leave(const struct inside *inside)
{
    innermost = inside->outer;
}

static bool is_inside(const thrum_executor *executor)
{
    const struct inside *at = innermost;
    while (at != NULL && at->executor != executor)
        at = at->outer;
    return at != NULL;
}

bool executor_cancels(const thrum_executor *executor)
{
    return os_load_relaxed(&executor->cancelling) != 0; /* relaxed: see close */
}

int thrum_executor_close_with(thrum_executor *executor, const thrum_close_options *options)
{
    thrum_close_options o;
    if (OPTIONS_READ_RESERVED(&o, thrum_close_options, options) != 0 || o.timeout.kind_ == THRUM_TIMEOUT_INVALID_)
        return -EINVAL;
    if (executor == NULL)
        return 0;
    if (!object_is(executor, OBJECT_EXECUTOR))
        return -EINVAL;
    if (is_inside(executor))
        return -EDEADLK; /* it would wait for itself */
    /* Relaxed: a worker that is about to start a job may still miss it and start that one. */
    os_store_relaxed(&executor->closing, 1);
    if (o.cancel_futures)
        os_store_relaxed(&executor->cancelling, 1);
    int result = executor->ops->close(executor->self, o.timeout);
    if (result == 0)
        object_free(executor);
    return result;
}
