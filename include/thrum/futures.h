/*
 * futures.h - tasks, the executors that run them, and the futures of their results
 *
 * Answers to Python's module concurrent.futures and to multiprocessing.Pool. A task is
 * a plain function from one input to one output that is given a name:
 *
 *     static int square(const double *x, double *y) { *y = *x * *x; return 0; }
 *     THRUM_TASK(square, double, double);
 *
 * The same calls run it in this thread or on a pool of threads; which is one word,
 * or one environment variable (THRUM_EXECUTOR=threads:4).
 *
 *     thrum_executor *pool;
 *     if (thrum_executor_open(&pool, "threads", .workers = 4) == 0) {
 *         result = thrum_map(pool, square, in, out, 1000);
 *         thrum_executor_close(pool);
 *     }
 *
 * Each task's outcome is delivered exactly once, and each task is started at most once.
 */
#ifndef THRUM_FUTURES_H
#define THRUM_FUTURES_H

#include <thrum/base.h>
#include <thrum/threading.h>

#ifdef __cplusplus
#include <type_traits>
extern "C" {
#endif

/* ---- Task ------------------------------------------------------------------- */

enum thrum_task_flags {
    THRUM_PORTABLE = 1,  /* no pointers inside its data: it may run in another process */
    THRUM_RETRYABLE = 2, /* it may be run again when its worker died */
};

/* How an input or output lies in memory. Found from its type by THRUM_TASK. */
enum thrum_kind {
    THRUM_KIND_PLAIN = 0, /* as many bytes as its type has */
    THRUM_KIND_BYTES = 1, /* a thrum_bytes, whose bytes belong to it */
    THRUM_KIND_BUFFER = 2 /* a thrum_buffer, likewise */
};

/* What there is to know of a task: constant, and the same for all executors. THRUM_TASK
 * makes it; by hand it is a structure like any other, and goes to the ..._with calls. */
typedef struct thrum_task {
    size_t size; /* of this structure */
    const char *name;
    int (*run)(const void *input, void *output); /* 0, or a code of the task's own */
    size_t input_size;                           /* bytes of one input; not 0 */
    size_t output_size;                          /* bytes of one output; not 0 */
    uint32_t input_kind;                         /* enum thrum_kind; an input may not be a buffer */
    uint32_t output_kind;                        /* an output may not be a view */
    uint32_t flags;
    uint32_t mark_; /* by which thrum_task_find knows a descriptor that THRUM_TASK made; else 0 */
} thrum_task;

#define THRUM_TASK_MARK_ 0x7461736bu

/*
 * THRUM_TASK(function, input type, output type [, flags])
 *
 * at file level, behind the function, which has the form
 *
 *     int function(const INPUT *input, OUTPUT *output);
 *
 * and can still be called by hand. The types are single words or typedef names, no
 * arrays, and aligned to 16 bytes at most. The output is zeroed before each call; a task that fails leaves nothing in
 * it that would have to be freed. An input of type thrum_bytes and an output of type thrum_buffer are of any length.
 * The descriptor is the external symbol `<function>_task_`: a task's name is unique in its program.
 * THRUM_TASK_DECLARE(function, input type, output type) in a header lets other files submit it.
 */
#define THRUM_TASK(...) THRUM_TASK_(__VA_ARGS__, 0, 0)
#define THRUM_TASK_(function, input_t, output_t, task_flags, ...)                           \
    THRUM_HAS_TYPES_(function, input_t, output_t)                                           \
    THRUM_ALIGNED_(input_t)                                                                 \
    THRUM_ALIGNED_(output_t)                                                                \
    THRUM_TASK_DECLARE_(function, input_t, output_t)                                        \
    static int function##_run_(const void *input, void *output)                             \
    {                                                                                       \
        return function((const input_t *)input, (output_t *)output);                        \
    }                                                                                       \
    const thrum_task function##_task_ = {sizeof(thrum_task),       #function,               \
                                         function##_run_,          sizeof(input_t),         \
                                         sizeof(output_t),         THRUM_KIND_OF_(input_t), \
                                         THRUM_KIND_OF_(output_t), (uint32_t)(task_flags),  \
                                         THRUM_TASK_MARK_};                                 \
    THRUM_TASK_DECLARE_(function, input_t, output_t) struct thrum_semicolon_

#define THRUM_TASK_DECLARE(function, input_t, output_t) \
    THRUM_TASK_DECLARE_(function, input_t, output_t) struct thrum_semicolon_

/* The descriptor of a task made by THRUM_TASK. */
#define THRUM_TASK_OF(task) (&task##_task_)

/* A task's name for another process or machine that runs the same files: where its
 * descriptor lies in the module (program or library) with that build-id. */
typedef struct thrum_task_key {
    uint8_t build_id[32];
    uint32_t build_id_size;
    uint32_t reserved_;
    uint64_t offset;
} thrum_task_key;

/* 0; -ENOENT when the descriptor lies in no loaded module; -ENOTSUP when its module was
 * linked without a build-id (-Wl,--build-id). */
THRUM_API THRUM_MUST_USE int thrum_task_get_key(const thrum_task *task, thrum_task_key *ret_key);

/* The task of that key here. 0; -ENOENT when no loaded module has that build-id, or no
 * descriptor lies at that place of it. */
THRUM_API THRUM_MUST_USE int thrum_task_find(const thrum_task_key *key, const thrum_task **ret_task);

/* ---- Executor ------------------------------------------------------------------ */

/* Runs tasks (concurrent.futures.Executor). All calls but close are safe from any thread. */
typedef struct thrum_executor thrum_executor;

typedef struct thrum_executor_options {
    size_t size;        /* set by the macro; 0 is taken for sizeof this structure */
    size_t workers;     /* where the spec names no number; 0: the CPUs that this process may use, by
                           affinity and cgroup. "serial" has one, whatever this says. */
    thrum_error *error; /* where to say what was wrong with the request; may be NULL */
} thrum_executor_options;

/*
 * Open the executor that `spec` names: "serial" runs each task within the call that submits it,
 * "threads" on a pool of threads. "threads:4" asks for four workers. NULL leaves the choice to
 * the environment variable THRUM_EXECUTOR, and where that is not set or empty, to "threads".
 * A forked child may use none that its parent opened: it has none of the workers.
 *
 * 0; -EINVAL for a spec that cannot be understood and -ENOENT for an executor that there is
 * not, and *.error says what is allowed; -ENOMEM; -EAGAIN when the system has no more threads.
 */
THRUM_API THRUM_MUST_USE int thrum_executor_open_with(thrum_executor **ret_executor, const char *spec,
                                                      const thrum_executor_options *options);

typedef struct thrum_close_options {
    size_t size;             /* set by the macro; 0 is taken for sizeof this structure */
    thrum_timeout timeout;   /* how long to wait for tasks that have been submitted */
    uint32_t cancel_futures; /* true: cancel those that have not been started */
    uint32_t reserved_;
} thrum_close_options;

/*
 * Wait for all tasks that were submitted, end the workers and free the executor
 * (Executor.shutdown). Futures stay valid. 0, and the handle is gone; THRUM_TIMEOUT, THRUM_CANCELLED or
 * THRUM_INTERRUPTED: nothing can be submitted any more (THRUM_CLOSED), what was goes on, and
 * close can be called again; -EDEADLK from a task of this executor; -EINVAL. Nobody else may be calling it
 * or submitting by then. NULL is allowed.
 */
THRUM_API int thrum_executor_close_with(thrum_executor *executor, const thrum_close_options *options);

THRUM_API size_t thrum_executor_workers(const thrum_executor *executor);
THRUM_API const char *thrum_executor_name(const thrum_executor *executor); /* "threads" */

/* ---- Future ------------------------------------------------------------------------ */

/* The result of a task to come (concurrent.futures.Future). Made by submit, given up by
 * _free, at any time: the task then runs all the same. All calls are safe from any thread. */
typedef struct thrum_future thrum_future;

typedef struct thrum_submit_options {
    size_t size;        /* set by the macro; 0 is taken for sizeof this structure */
    thrum_token *token; /* the task's cancel token; it must outlive the task */
} thrum_submit_options;

/* Hand a task over (Executor.submit). The input is copied, a thrum_bytes with its bytes.
 * 0; THRUM_CLOSED; -ENOMEM; -EINVAL for a descriptor that is none; -ENOTSUP when the executor
 * runs tasks elsewhere and this one is not THRUM_PORTABLE. */
THRUM_API THRUM_MUST_USE int thrum_submit_with(thrum_executor *executor, const thrum_task *task, const void *input,
                                               thrum_future **ret_future, const thrum_submit_options *options);

/* Wait for the result and copy it out (Future.result); ret_output may be NULL. A thrum_buffer
 * gets a copy, which the caller frees. 0; THRUM_FAILED, THRUM_LOST, THRUM_CANCELLED (the
 * future's: thrum_future_cancelled; else the caller's own wait was called off); THRUM_TIMEOUT; -ENOMEM. */
THRUM_API THRUM_MUST_USE int thrum_future_result(thrum_future *future, void *ret_output, thrum_timeout timeout);

/* Wait until it is done and copy its error record (Future.exception): outcome 0 when the task
 * succeeded. 0, THRUM_TIMEOUT, THRUM_CANCELLED (the caller's own wait), -EINVAL. */
THRUM_API int thrum_future_exception(thrum_future *future, thrum_error *ret_error, thrum_timeout timeout);

/* Call it off unless it has been started (Future.cancel). Whether it is cancelled now. */
THRUM_API bool thrum_future_cancel(thrum_future *future);

THRUM_API bool thrum_future_cancelled(const thrum_future *future); /* called off before it started */
THRUM_API bool thrum_future_running(const thrum_future *future);   /* started and not done */
THRUM_API bool thrum_future_done(const thrum_future *future);      /* finished or cancelled */

/* Have callback(future, arg) called once when it is done, in the order added, by the thread that
 * finishes it, or at once when it is done already (Future.add_done_callback). 0, -ENOMEM. */
THRUM_API THRUM_MUST_USE int thrum_future_add_done_callback(thrum_future *future,
                                                            void (*callback)(thrum_future *future, void *arg),
                                                            void *arg);

THRUM_API void thrum_future_free(thrum_future *future); /* NULL is allowed */

/* ---- Map --------------------------------------------------------------------------------- */

typedef struct thrum_map_options {
    size_t size;           /* set by the macro; 0 is taken for sizeof this structure */
    thrum_timeout timeout; /* for the whole call */
    thrum_token *token;    /* the tasks' cancel token; when it is cancelled no more inputs are started */
    size_t window;         /* how many pieces may be under way at once; 0: three a worker;
                              imap on "serial": one */
    size_t chunksize;      /* map: inputs to a piece; 0: large ones first, then smaller */
    void (*progress)(size_t done, size_t total, void *arg); /* map: see there */
    void *progress_arg;
    thrum_error *error;  /* map: the record of the first failure, by place in the input */
    thrum_error *errors; /* map: n records, one an input; then no failure stops the rest */
    uint32_t unordered;  /* imap: results come as they are completed */
    uint32_t reserved_;
} thrum_map_options;

/*
 * Run the task on each of n inputs, and write the results side by side, in order (map,
 * Pool.map). Returns when no task of it runs any more.
 *
 * 0: all are done. THRUM_FAILED: at least one failed; the first failure stops the handing out
 * of inputs, unless .errors is given. THRUM_CANCELLED, THRUM_TIMEOUT, THRUM_INTERRUPTED: called off; what ran has
 * ended, the sooner the more a task heeds thrum_cancelled: when the time is over, or the caller's wait is
 * cancelled or interrupted, the call cancels .token, or one of its own where none is given. -EINVAL, -ENOMEM, -ENOTSUP,
 * THRUM_CLOSED: nothing was run. Outputs of inputs that came to no result are zero; an
 * .errors record of one that was never started has the outcome THRUM_CANCELLED.
 *
 * .progress is called in the calling thread, at most ten times a second while tasks run, and
 * once at the end when all are done.
 */
THRUM_API THRUM_MUST_USE int thrum_map_with(thrum_executor *executor, const thrum_task *task, const void *inputs,
                                            void *outputs, size_t n, const thrum_map_options *options);

/*
 * Run the task on each of n inputs and hand out the results one by one (Executor.map, Pool.imap,
 * and imap_unordered by .unordered = true, which also answers to as_completed). At most .window results
 * are under way or not yet taken, so memory stays bounded however many inputs there are. The
 * inputs must stay until the iterator is freed, and the executor open. For one thread at a time. Options used:
 * token, window, unordered.
 */
typedef struct thrum_map_iterator thrum_map_iterator;

THRUM_API THRUM_MUST_USE int thrum_imap_with(thrum_executor *executor, const thrum_task *task, const void *inputs,
                                             size_t n, thrum_map_iterator **ret_iterator,
                                             const thrum_map_options *options);

/* The next result. ret_index (which input), ret_output (a thrum_buffer is the caller's) and
 * ret_error may be NULL. 0: a result; THRUM_FAILED, THRUM_LOST, THRUM_CANCELLED: this input came to
 * none; ret_index and ret_error (whose index is set) are filled in, and the iteration can go on;
 * THRUM_STOP_ITERATION: there are no more; THRUM_TIMEOUT: none is ready yet. When the caller's own
 * wait is cancelled: THRUM_CANCELLED with ret_index set to SIZE_MAX. */
THRUM_API THRUM_MUST_USE int thrum_map_iterator_next(thrum_map_iterator *iterator, size_t *ret_index, void *ret_output,
                                                     thrum_error *ret_error, thrum_timeout timeout);

/* Give it up, finished or not: no more inputs are started, and those that run are waited for. NULL is
 * allowed. */
THRUM_API void thrum_map_iterator_free(thrum_map_iterator *iterator);

/* ---- The macros' inner part ------------------------------------------------------------------ */

struct thrum_semicolon_;

#ifndef __cplusplus

/* The typedefs are what _Generic holds a pointer against: a wrong element type is an error. */
#define THRUM_TASK_DECLARE_(function, input_t, output_t) \
    typedef input_t function##_input_;                   \
    typedef output_t function##_output_;                 \
    extern const thrum_task function##_task_;
#define THRUM_KIND_OF_(type)                    \
    _Generic((type *)0, thrum_bytes *           \
             : THRUM_KIND_BYTES, thrum_buffer * \
             : THRUM_KIND_BUFFER, default       \
             : THRUM_KIND_PLAIN)
/* Memory for inputs and outputs comes from malloc. */
#define THRUM_ALIGNED_(type) _Static_assert(_Alignof(type) <= 16, "a task's types are aligned to 16 bytes at most");
#define THRUM_HAS_TYPES_(function, input_t, output_t)                                            \
    _Static_assert(_Generic(&(function), int (*)(const input_t *, output_t *) : 1, default : 0), \
                   "a task is int function(const INPUT *, OUTPUT *), of the types given to THRUM_TASK");
#define THRUM_INPUT_(task, pointer) _Generic((pointer), task##_input_ * : (pointer), const task##_input_ * : (pointer))
#define THRUM_OUTPUT_(task, pointer) _Generic((pointer), task##_output_ * : (pointer))

#define thrum_executor_open(...) thrum_executor_open_(__VA_ARGS__, .size = sizeof(thrum_executor_options))
#define thrum_executor_open_(ret, spec, ...) thrum_executor_open_with(ret, spec, &(thrum_executor_options){__VA_ARGS__})
#define thrum_executor_close(...) thrum_executor_close_(__VA_ARGS__, .size = sizeof(thrum_close_options))
#define thrum_executor_close_(executor, ...) thrum_executor_close_with(executor, &(thrum_close_options){__VA_ARGS__})
#define thrum_submit(...) thrum_submit_(__VA_ARGS__, .size = sizeof(thrum_submit_options))
#define thrum_submit_(executor, task, input, ret, ...)                               \
    thrum_submit_with(executor, THRUM_TASK_OF(task), THRUM_INPUT_(task, input), ret, \
                      &(thrum_submit_options){__VA_ARGS__})
#define thrum_map(...) thrum_map_(__VA_ARGS__, .size = sizeof(thrum_map_options))
#define thrum_map_(executor, task, inputs, outputs, n, ...)                                                    \
    thrum_map_with(executor, THRUM_TASK_OF(task), THRUM_INPUT_(task, inputs), THRUM_OUTPUT_(task, outputs), n, \
                   &(thrum_map_options){__VA_ARGS__})
#define thrum_imap(...) thrum_imap_(__VA_ARGS__, .size = sizeof(thrum_map_options))
#define thrum_imap_(executor, task, inputs, n, ret, ...)                               \
    thrum_imap_with(executor, THRUM_TASK_OF(task), THRUM_INPUT_(task, inputs), n, ret, \
                    &(thrum_map_options){__VA_ARGS__})

#else
}

/* The same for C++: a task's name stands for its types by a tag, and options come as a last argument. */
#define THRUM_TASK_DECLARE_(function, input_t, output_t) \
    typedef input_t function##_input_;                   \
    typedef output_t function##_output_;                 \
    extern "C" {                                         \
    extern const thrum_task function##_task_;            \
    }
#define THRUM_KIND_OF_(type)                                                              \
    (std::is_same<type, thrum_bytes>::value    ? static_cast<uint32_t>(THRUM_KIND_BYTES)  \
     : std::is_same<type, thrum_buffer>::value ? static_cast<uint32_t>(THRUM_KIND_BUFFER) \
                                               : static_cast<uint32_t>(THRUM_KIND_PLAIN))

#define THRUM_HAS_TYPES_(function, input_t, output_t) /* its call is checked */
#define THRUM_ALIGNED_(type) static_assert(alignof(type) <= 16, "a task's types are aligned to 16 bytes at most");

template <class Input, class Output> struct thrum_typed_task_ {
    const thrum_task *task;
};
#define THRUM_TYPED_(task) (thrum_typed_task_<task##_input_, task##_output_>{THRUM_TASK_OF(task)})

THRUM_MUST_USE inline int thrum_executor_open(thrum_executor **ret_executor, const char *spec,
                                              const thrum_executor_options &options = {})
{
    return thrum_executor_open_with(ret_executor, spec, &options);
}

inline int thrum_executor_close(thrum_executor *executor, const thrum_close_options &options = {})
{
    return thrum_executor_close_with(executor, &options);
}

/* Exact types: no void *, no derived class. */
template <class Input, class Output, class Given>
THRUM_MUST_USE int thrum_submit_typed_(thrum_executor *executor, thrum_typed_task_<Input, Output> task,
                                       const Given *input, thrum_future **ret_future,
                                       const thrum_submit_options &options = {})
{
    static_assert(std::is_same<Input, Given>::value, "the input has not the task's input type");
    return thrum_submit_with(executor, task.task, input, ret_future, &options);
}

template <class Input, class Output, class GivenIn, class GivenOut>
THRUM_MUST_USE int thrum_map_typed_(thrum_executor *executor, thrum_typed_task_<Input, Output> task,
                                    const GivenIn *inputs, GivenOut *outputs, size_t n,
                                    const thrum_map_options &options = {})
{
    static_assert(std::is_same<Input, GivenIn>::value, "the inputs have not the task's input type");
    static_assert(std::is_same<Output, GivenOut>::value, "the outputs have not the task's output type");
    return thrum_map_with(executor, task.task, inputs, outputs, n, &options);
}

template <class Input, class Output, class Given>
THRUM_MUST_USE int thrum_imap_typed_(thrum_executor *executor, thrum_typed_task_<Input, Output> task,
                                     const Given *inputs, size_t n, thrum_map_iterator **ret_iterator,
                                     const thrum_map_options &options = {})
{
    static_assert(std::is_same<Input, Given>::value, "the inputs have not the task's input type");
    return thrum_imap_with(executor, task.task, inputs, n, ret_iterator, &options);
}

#define thrum_submit(executor, task, ...) thrum_submit_typed_(executor, THRUM_TYPED_(task), __VA_ARGS__)
#define thrum_map(executor, task, ...) thrum_map_typed_(executor, THRUM_TYPED_(task), __VA_ARGS__)
#define thrum_imap(executor, task, ...) thrum_imap_typed_(executor, THRUM_TYPED_(task), __VA_ARGS__)

#endif
#endif
