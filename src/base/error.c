/*
 * error.c - outcomes and errors in words
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "platform/os.h"
#include "thrum/base.h"

#define STRING_(x) #x
#define STRING(x) STRING_(x)

const char *thrum_version(void)
{
    return STRING(THRUM_VERSION_MAJOR) "." STRING(THRUM_VERSION_MINOR) "." STRING(THRUM_VERSION_PATCH);
}

int64_t thrum_monotonic_ns(void)
{
    return os_now();
}

static const char *const outcomes[] = {
    [THRUM_OK] = "done",
    [THRUM_TIMEOUT] = "timed out",
    [THRUM_EMPTY] = "empty",
    [THRUM_FULL] = "full",
    [THRUM_CLOSED] = "closed",
    [THRUM_CANCELLED] = "cancelled",
    [THRUM_FAILED] = "failed",
    [THRUM_LOST] = "lost with its worker",
    [THRUM_BROKEN] = "broken",
    [THRUM_OWNER_DIED] = "its owner died",
    [THRUM_INTERRUPTED] = "interrupted by a signal",
    [THRUM_STOP_ITERATION] = "no more items",
};

const char *thrum_strerror(int result)
{
    if (result >= 0 && (size_t)result < sizeof outcomes / sizeof outcomes[0])
        return outcomes[result];
    const char *text = result < 0 && result != INT32_MIN ? strerrordesc_np(-result) : NULL;
    return text != NULL ? text : "unknown result";
}

/* Append to a text of `size` bytes of which `*used` are taken; what does not fit is dropped. */
static THRUM_PRINTF(4, 5) void add(char *text, size_t size, size_t *used, const char *format, ...)
{
    if (*used >= size)
        return;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text + *used, size - *used, format, arguments);
    va_end(arguments);
    *used += length > 0 ? (size_t)length : 0;
}

const char *thrum_error_format(const thrum_error *error, char *text, size_t size)
{
    size_t used = 0;
    if (size > 0)
        text[0] = '\0';
    if (error->task[0] != '\0')
        add(text, size, &used, "%.*s", (int)sizeof error->task, error->task);
    if (error->index != THRUM_NO_INDEX)
        add(text, size, &used, "%sinput %llu", used > 0 ? ", " : "", (unsigned long long)error->index);
    add(text, size, &used, "%s%s", used > 0 ? ": " : "", thrum_strerror(error->outcome));
    if (error->outcome == THRUM_FAILED)
        add(text, size, &used, " with code %d", error->code);
    if (error->outcome == THRUM_LOST && error->status < 0)
        add(text, size, &used, ": worker %llu was killed by signal %d", (unsigned long long)error->worker,
            -error->status);
    if (error->outcome == THRUM_LOST && error->status >= 0)
        add(text, size, &used, ": worker %llu exited with status %d", (unsigned long long)error->worker, error->status);
    if (error->message[0] != '\0')
        add(text, size, &used, ": %.*s", (int)sizeof error->message, error->message);
    for (char *at = text; size > 0 && *at != '\0'; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = ' '; /* one line, whatever the task said */
    return text;
}
