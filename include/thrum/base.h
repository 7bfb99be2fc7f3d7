/*
 * base.h - the conventions that every other header of thrum keeps
 *
 * Results.   A function that can fail returns an int: 0 when it is done, a
 *            positive outcome (below) that the caller is meant to handle, or a
 *            negative errno for misuse (-EINVAL, -EPERM, -EDEADLK) and for a
 *            failure of the system (-ENOMEM, -EAGAIN). ret_... arguments are
 *            left untouched unless the result is 0.
 * Time.      A function that may block takes a thrum_timeout last.
 * Options.   A function with optional arguments is a macro that takes them as
 *            designated initialisers after the required ones, in any order:
 *
 *                thrum_thread_run(&t, work, &job, .name = "io", .daemon = true);
 *
 *            The same function under its plain name with `_with` at the end takes a
 *            pointer to the options structure, or NULL. An option left out, or
 *            zero, means its default. In C++ the options are a last argument of
 *            the structure's type, which may be left out.
 * Objects.   `_new` makes an object, `_free` gives it up. What is small and hot is
 *            a plain structure, ready when its bytes are zero. NULL for an object is
 *            -EINVAL, or false where there is no int to say so; and so is, in a debug build of the
 *            library, one that was freed or never made.
 *
 * Names that end in an underscore belong to the library.
 */
#ifndef THRUM_BASE_H
#define THRUM_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define THRUM_VERSION_MAJOR 0
#define THRUM_VERSION_MINOR 1
#define THRUM_VERSION_PATCH 0

#define THRUM_API __attribute__((__visibility__("default")))
#define THRUM_MUST_USE __attribute__((__warn_unused_result__))
/* A function that is inline in the header and stands in the library as a symbol too, for
 * callers that cannot inline. THRUM_NO_INLINE leaves only the symbol. */
#ifdef THRUM_NO_INLINE
#define THRUM_INLINE_
#else
#define THRUM_INLINE_ inline
#endif
#define THRUM_PRINTF(fmt_, args_) __attribute__((__format__(__printf__, fmt_, args_)))

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Outcomes ---------------------------------------------------------- */

enum thrum_outcome {
    THRUM_OK = 0,
    THRUM_TIMEOUT = 1,        /* the time-out passed first (Python's TimeoutError) */
    THRUM_EMPTY = 2,          /* nothing to get (queue.Empty) */
    THRUM_FULL = 3,           /* no room to put (queue.Full) */
    THRUM_CLOSED = 4,         /* closed, and nothing is left in it (queue.ShutDown) */
    THRUM_CANCELLED = 5,      /* called off before it was done (CancelledError) */
    THRUM_FAILED = 6,         /* a task returned non-zero; its thrum_error says what */
    THRUM_LOST = 7,           /* a task's worker died while it ran it */
    THRUM_BROKEN = 8,         /* the object can no longer be used (BrokenBarrierError, ...) */
    THRUM_OWNER_DIED = 9,     /* got, but its last holder died while it held it */
    THRUM_INTERRUPTED = 10,   /* a signal arrived in a wait that had asked to be told */
    THRUM_STOP_ITERATION = 11 /* an iterator has no more (StopIteration) */
};

/* What a result of this library means, in a few words ("timed out", "Invalid argument").
 * The text is constant, never NULL and never to be freed. Safe from any thread. */
THRUM_API const char *thrum_strerror(int result);

/* "MAJOR.MINOR.PATCH" of the library that the program runs with, which may be
 * another than the THRUM_VERSION_... that it was built with. */
THRUM_API const char *thrum_version(void);

/* ---- Time --------------------------------------------------------------- */

/*
 * How long a call may block. A structure, so that a bare `5` whose unit nobody
 * knows does not compile. The clock is CLOCK_MONOTONIC: setting the time of day
 * changes no wait. A time-out is turned into a deadline once, at the start of the
 * call. Make one with:
 *
 *     THRUM_FOREVER           no limit (all bytes zero, so also the default of options)
 *     THRUM_NOWAIT            do not block
 *     thrum_seconds(0.25)     from the start of the call; 0 does not block; a negative
 *                             number or NaN makes the call fail with -EINVAL;
 *                             more than 292 years is for ever
 *     thrum_until(deadline)   until thrum_monotonic_ns() reaches deadline, for loops
 *                             that share one limit between many calls
 *     thrum_interruptible(t)  as t, but a wait in which a signal handler has run in the waiting
 *                             thread ends with THRUM_INTERRUPTED; others go on as if there
 *                             had been none. See sync.h, 'Signals'.
 */
typedef struct thrum_timeout {
    int64_t ns_; /* by kind: 0 | nanoseconds from now | nanoseconds on the clock | 0 */
    int64_t kind_;
} thrum_timeout;

enum {
    THRUM_TIMEOUT_FOREVER_ = 0,
    THRUM_TIMEOUT_AFTER_ = 1,
    THRUM_TIMEOUT_UNTIL_ = 2,
    THRUM_TIMEOUT_INVALID_ = 3,
    THRUM_TIMEOUT_INTERRUPTIBLE_ = 4 /* added to one of the first three */
};

static inline thrum_timeout thrum_timeout_(int64_t kind, int64_t ns)
{
    thrum_timeout timeout;
    timeout.ns_ = ns;
    timeout.kind_ = kind;
    return timeout;
}

#define THRUM_FOREVER (thrum_timeout_(THRUM_TIMEOUT_FOREVER_, 0))
#define THRUM_NOWAIT (thrum_timeout_(THRUM_TIMEOUT_AFTER_, 0))

static inline thrum_timeout thrum_seconds(double seconds)
{
    if (!(seconds >= 0))
        return thrum_timeout_(THRUM_TIMEOUT_INVALID_, 0);
    if (seconds >= 9.2e9)
        return THRUM_FOREVER;
    return thrum_timeout_(THRUM_TIMEOUT_AFTER_, (int64_t)(seconds * 1e9));
}

static inline thrum_timeout thrum_until(int64_t deadline)
{
    return thrum_timeout_(THRUM_TIMEOUT_UNTIL_, deadline);
}

static inline thrum_timeout thrum_interruptible(thrum_timeout timeout)
{
    if (timeout.kind_ != THRUM_TIMEOUT_INVALID_)
        timeout.kind_ |= THRUM_TIMEOUT_INTERRUPTIBLE_;
    return timeout;
}

/* Now, in nanoseconds on CLOCK_MONOTONIC (Python's time.monotonic_ns). */
THRUM_API int64_t thrum_monotonic_ns(void);

/* ---- Bytes and buffers -------------------------------------------------- */

/* A view of bytes that somebody else owns, for inputs of unequal size. */
typedef struct thrum_bytes {
    const void *data; /* may be NULL when size is 0 */
    size_t size;
} thrum_bytes;

/* Bytes that grow, for outputs of unequal size. All zero is an empty one, which owns
 * nothing. Whoever holds it frees it; not for two threads at once. */
typedef struct thrum_buffer {
    void *data; /* from malloc: thrum_buffer_free, or take it and free(3) it */
    size_t size;
    size_t capacity;
} thrum_buffer;

/* Make room for `more` bytes behind the size. 0, -ENOMEM (the buffer is as before). */
THRUM_API THRUM_MUST_USE int thrum_buffer_reserve(thrum_buffer *buffer, size_t more);

/* Copy `size` bytes to the end, which may lie in the buffer itself. 0, -ENOMEM. */
THRUM_API THRUM_MUST_USE int thrum_buffer_append(thrum_buffer *buffer, const void *data, size_t size);

/* Give the memory back; the buffer is empty and can be used again. NULL is allowed. */
THRUM_API void thrum_buffer_free(thrum_buffer *buffer);

/* ---- Errors of tasks ---------------------------------------------------- */

#define THRUM_NO_INDEX UINT64_MAX

/*
 * What a task reports when it comes to no result, as plain data: it holds no pointer,
 * so it is copied with =, and travels between processes and machines as it is.
 */
typedef struct thrum_error {
    int32_t outcome; /* THRUM_FAILED, THRUM_LOST, THRUM_CANCELLED, THRUM_TIMEOUT;
                        0: no error; negative errno: it could not be run at all */
    int32_t code;    /* THRUM_FAILED: what the task returned */
    int32_t status;  /* THRUM_LOST: the worker's exit status, or minus the signal */
    int32_t reserved_;
    uint64_t worker;   /* who ran it: the thread's native id or the process's pid; 0: nobody */
    uint64_t index;    /* which input of the map, from 0; THRUM_NO_INDEX outside a map */
    char task[64];     /* the task's name */
    char message[256]; /* what the task said by thrum_fail; "" if nothing */
} thrum_error;

/* Write the error as one line without a newline: task, input, outcome, message.
 * Cut off, and always ended by a NUL, when `size` is too small. Returns `text`. */
THRUM_API const char *thrum_error_format(const thrum_error *error, char *text, size_t size);

#ifdef __cplusplus
}
#endif
#endif
