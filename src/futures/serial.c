/*
 * serial.c - the executor that runs each task within the call that submits it
 *
 * For tests, for debugging, and for one file at a time. There is nothing to wait for
 * and nothing to close: when submit returns, the task is done.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "futures/job.h"

struct serial {
    const thrum_host *host;
};

static int serial_open(void **ret_self, const thrum_host *host, const thrum_executor_config *config, thrum_error *error)
{
    if (config->workers > 1) {
        (void)snprintf(error->message, sizeof error->message, "'serial' has one worker, not %zu", config->workers);
        return -EINVAL;
    }
    struct serial *serial = malloc(sizeof *serial);
    if (serial == NULL)
        return -ENOMEM;
    serial->host = host;
    *ret_self = serial;
    return 0;
}

static int serial_submit(void *self, thrum_job *job)
{
    const struct serial *serial = self;
    serial->host->job_run(job);
    return 0;
}

static int serial_close(void *self, thrum_timeout timeout)
{
    (void)timeout;
    free(self);
    return 0;
}

static size_t serial_workers(void *self)
{
    (void)self;
    return 1;
}

const thrum_executor_ops thrum_serial_ops_ = {
    .size = sizeof(thrum_executor_ops),
    .abi = THRUM_EXECUTOR_ABI,
    .immediate = true,
    .name = "serial",
    .open = serial_open,
    .submit = serial_submit,
    .close = serial_close,
    .workers = serial_workers,
};
