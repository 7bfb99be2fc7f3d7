/*
 * uses.cc - every macro and initialiser of the public headers from C++, with and without options
 *
 * What uses.c is for C: compiled by check_headers.sh as strict C++17, and not run. Options
 * are a last argument here, which may be left out.
 */
#include <thrum/plugin.h>
#include <thrum/thrum.h>

static int half(const int *x, double *y)
{
    *y = *x / 2.0;
    return *x < 0 ? thrum_fail(3, "%d is negative", *x) : 0;
}
THRUM_TASK_DECLARE(half, int, double);
THRUM_TASK(half, int, double);
THRUM_TASK_DECLARE(half, int, double);

static int upper(const thrum_bytes *text, thrum_buffer *result)
{
    return thrum_buffer_append(result, text->data, text->size);
}
THRUM_TASK(upper, thrum_bytes, thrum_buffer, THRUM_PORTABLE | THRUM_RETRYABLE);

THRUM_TASK_DECLARE(elsewhere, int, double);

static thrum_lock lock = THRUM_LOCK_INIT;
static thrum_lock any = THRUM_LOCK_INIT_ANY;
static thrum_rlock rlock = THRUM_RLOCK_INIT;
static thrum_condition condition = THRUM_CONDITION_INIT(&lock);
static thrum_semaphore semaphore = THRUM_SEMAPHORE_INIT(3);
static thrum_semaphore bounded = THRUM_BOUNDED_SEMAPHORE_INIT(3);
static thrum_event event = THRUM_EVENT_INIT;
static thrum_condition on_rlock = THRUM_CONDITION_INIT_RLOCK(&rlock);
static thrum_barrier barrier = THRUM_BARRIER_INIT(2);
static thrum_once once = THRUM_ONCE_INIT;
static thrum_rwlock rwlock = THRUM_RWLOCK_INIT;

static void free_value(void *)
{
}

int use_inits(int (*action)(void *), void *arg);
int use_with(int n);
int use_threading(int (*target)(void *), void *arg, thrum_token *token);
int use_queue();
int use_coroutine(int *limit);
int use_scheduler(int (*function)(void *), void *arg);
int use_futures(const int *in, double *out, size_t n);

int use_threading(int (*target)(void *), void *arg, thrum_token *token)
{
    thrum_thread *thread;
    thrum_local *local;
    thrum_timer *timer;
    thrum_local_options destroyed = {};
    destroyed.destroy = free_value;
    thrum_exit_policy policy = {};
    policy.timeout = thrum_seconds(5);
    thrum_thread_options options = {};
    options.name = "two";
    options.daemon = true;
    options.token = token;
    options.cpus = "0-3,8";
    int result = thrum_thread_new(&thread, target, arg);
    result |= thrum_thread_new(&thread, target, arg, options);
    result |= thrum_thread_run(&thread, target, arg);
    result |= thrum_thread_run(&thread, target, arg, options);
    result |= thrum_thread_run_with(&thread, target, arg, nullptr);
    result |= thrum_local_new(&local) | thrum_local_new(&local, destroyed);
    result |= thrum_timer_new(&timer, thrum_seconds(1), target, arg);
    result |= thrum_timer_new(&timer, thrum_seconds(1), target, arg, options);
    result |= thrum_timer_run(&timer, thrum_seconds(1), target, arg);
    result |= thrum_timer_run(&timer, thrum_seconds(1), target, arg, options);
    result |= thrum_set_exit_policy() | thrum_set_exit_policy(policy);
    result |= thrum_lock_acquire(&lock, THRUM_FOREVER) | thrum_lock_release(&lock);
    result |= thrum_lock_acquire(&any, THRUM_NOWAIT) | thrum_lock_release(&any);
    result |= thrum_rlock_acquire(&rlock, thrum_seconds(0.5)) | thrum_rlock_release(&rlock);
    result |= thrum_condition_wait(&condition, thrum_until(thrum_monotonic_ns() + 1000));
    result |= thrum_semaphore_acquire(&semaphore, thrum_seconds(1)) | thrum_semaphore_release(&bounded, 1);
    result |= thrum_event_wait(&event, thrum_interruptible(thrum_seconds(1)));
    result |= thrum_signals_start() | thrum_event_set_from_signal(&event);
    result |= thrum_token_bind_signal(token, 2) | thrum_token_unbind_signal(token, 2);
    THRUM_SHIELD
    {
        THRUM_SHIELD
        result |= thrum_event_wait(&event, THRUM_NOWAIT);
    }
    return result | thrum_event_wait(&event, THRUM_FOREVER);
}

int use_inits(int (*action)(void *), void *arg)
{
    thrum_init_options name = {};
    name.name = "one";
    thrum_condition_options over = {};
    over.rlock = &rlock;
    thrum_semaphore_options bound = {};
    bound.bounded = true;
    thrum_barrier_options act = {};
    act.action = action;
    act.arg = arg;
    act.timeout = thrum_seconds(1);
    int result = thrum_lock_init(&lock);
    result |= thrum_rlock_init(&rlock) | thrum_rlock_init(&rlock, name);
    result |= thrum_condition_init(&condition, &lock) | thrum_condition_init(&on_rlock, nullptr, over);
    result |= thrum_semaphore_init(&semaphore, 2) | thrum_semaphore_init(&bounded, 2, bound);
    result |= thrum_event_init(&event) | thrum_event_init(&event, name);
    result |= thrum_barrier_init(&barrier, 2) | thrum_barrier_init(&barrier, 2, act);
    result |= thrum_once_init(&once) | thrum_once_init(&once, name);
    result |= thrum_rwlock_init(&rwlock) | thrum_rwlock_init(&rwlock, name);
    result |= thrum_barrier_wait(&barrier, nullptr, THRUM_NOWAIT) | thrum_once_call(&once, action, arg, THRUM_FOREVER);
    result |= thrum_rwlock_acquire_read(&rwlock, THRUM_NOWAIT) | thrum_rwlock_acquire_write(&rwlock, THRUM_NOWAIT);
    return result | thrum_rwlock_release(&rwlock);
}

int use_with(int n)
{
    int set;
    THRUM_WITH(&lock) {
        THRUM_WITH(&rlock)
            THRUM_WITH(&condition)
                set = n;
    }
    for (int i = 0; i < n; i++)
        THRUM_WITH(&semaphore) {
            if (i == 1)
                continue;
            if (i == 2)
                break;
            set++;
            if (i == 3)
                goto out;
        }
out:
    THRUM_WITH(&rwlock)
        set++;
    THRUM_WITH_READ(&rwlock) {
        return [&] {
            THRUM_WITH(&lock)
                set++;
            return set;
        }();
    }
    return 0;
}

static int count_up(thrum_generator *self, void *arg)
{
    int received, *limit = static_cast<int *>(arg);
    for (int i = 0; i < *limit; i++)
        if (thrum_yield(self, &i, &received) != 0)
            return thrum_generator_fail(self, 1, "after %d", i);
    return thrum_yield_from(self, nullptr);
}

int use_coroutine(int *limit)
{
    thrum_generator *generator, *other;
    thrum_generator_options options = {};
    options.yields = sizeof(int);
    options.receives = sizeof(int);
    int x, y, sum = 0;
    int result = thrum_generator_new(&generator, count_up, limit);
    result |= thrum_generator_new(&other, count_up, limit, options);
    result |= thrum_generator_new_with(&generator, count_up, limit, nullptr);
    result |= thrum_generator_next(generator, &x) | thrum_generator_send(generator, limit, nullptr);
    result |= thrum_generator_throw(generator, 3, nullptr, nullptr) | thrum_synchronized(generator);
    THRUM_FOREACH(x, generator)
    THRUM_FOREACH(y, other)
    sum += x * y;
    return result | sum | thrum_generator_close(other) | thrum_generator_free(generator);
}

int use_scheduler(int (*function)(void *), void *arg)
{
    thrum_scheduler *scheduler;
    thrum_coroutine *coroutine;
    thrum_task_group *group;
    thrum_coroutine_options options = {};
    options.name = "one";
    int result = thrum_scheduler_new(&scheduler);
    result |= thrum_coroutine_run(nullptr, scheduler, function, arg);
    result |= thrum_coroutine_run(&coroutine, nullptr, function, arg, options);
    result |= thrum_task_group_new(&group, scheduler);
    result |= thrum_task_group_start(group, function, arg);
    result |= thrum_task_group_start(group, function, arg, options);
    return result | thrum_task_group_wait(group, THRUM_NOWAIT) | thrum_task_group_free(group);
}

int use_queue()
{
    thrum_queue *queue;
    thrum_queue_options options = {};
    options.order = THRUM_LIFO;
    options.maxsize = 8;
    return thrum_queue_new(&queue) | thrum_queue_new(&queue, options) | thrum_queue_new_with(&queue, nullptr);
}

int use_futures(const int *in, double *out, size_t n)
{
    thrum_executor *pool;
    thrum_future *future;
    thrum_map_iterator *iterator;
    thrum_error error;
    thrum_bytes view = {"text", 4};
    thrum_buffer text = {};
    thrum_executor_options open = {};
    open.workers = 4;
    open.error = &error;
    thrum_submit_options submit = {};
    thrum_map_options map = {};
    map.timeout = thrum_seconds(2);
    map.window = 100;
    thrum_close_options close = {};
    close.cancel_futures = true;
    int one = 1;
    int result = thrum_executor_open(&pool, nullptr);
    result |= thrum_executor_open(&pool, "threads", open);
    result |= thrum_submit(pool, half, in, &future);
    result |= thrum_submit(pool, half, &one, &future, submit);
    result |= thrum_submit(pool, upper, &view, &future);
    result |= thrum_submit(pool, elsewhere, in, &future);
    result |= thrum_submit_with(pool, THRUM_TASK_OF(half), in, &future, nullptr);
    result |= thrum_map(pool, half, in, out, n);
    result |= thrum_map(pool, half, &one, out, 1, map);
    result |= thrum_map(pool, upper, &view, &text, 1);
    result |= thrum_imap(pool, half, in, n, &iterator);
    result |= thrum_imap(pool, half, in, n, &iterator, map);
    result |= thrum_executor_close(pool);
    result |= thrum_executor_close(pool, close);
    return error.index == THRUM_NO_INDEX ? 1 : result;
}
