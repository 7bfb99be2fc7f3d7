/*
 * uses.c - every macro and initialiser of the public headers, with and without options
 *
 * Compiled by check_headers.sh as strict C11 and C17 with all warnings as errors, and
 * not run: what the calls do is for the tests of their modules. uses.cc is the
 * same for C++.
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

static void free_value(void *value)
{
    (void)value;
}

int use_inits(int (*action)(void *), void *arg);
int use_with(int n);
int use_threading(int (*target)(void *), void *arg, thrum_token *token);
int use_queue(void);
int use_coroutine(int *limit);
int use_io(int fd, const struct sockaddr *address, size_t size);
int use_scheduler(int (*function)(void *), void *arg);
int use_futures(const int *in, double *out, size_t n);

int use_threading(int (*target)(void *), void *arg, thrum_token *token)
{
    thrum_thread *thread;
    thrum_local *local;
    thrum_timer *timer;
    int result = thrum_thread_new(&thread, target, arg);
    result |= thrum_thread_new(&thread, target, arg, .name = "one");
    result |= thrum_thread_run(&thread, target, arg);
    result |=
        thrum_thread_run(&thread, target, arg, .daemon = true, .name = "two", .token = token, .stack_size = 65536);
    result |= thrum_thread_run_with(&thread, target, arg, NULL);
    result |= thrum_thread_run(&thread, target, arg, .cpus = "0-3,8");
    result |= thrum_local_new(&local) | thrum_local_new(&local, .destroy = free_value);
    result |= thrum_timer_new(&timer, thrum_seconds(1), target, arg);
    result |= thrum_timer_new(&timer, thrum_seconds(1), target, arg, .name = "late");
    result |= thrum_timer_run(&timer, thrum_seconds(1), target, arg);
    result |= thrum_timer_run(&timer, thrum_seconds(1), target, arg, .daemon = true);
    result |= thrum_set_exit_policy();
    result |= thrum_set_exit_policy(.timeout = thrum_seconds(5), .token = token);
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
    int result = thrum_lock_init(&lock) | thrum_lock_init(&any, .any = true, .name = "any");
    result |= thrum_rlock_init(&rlock) | thrum_rlock_init(&rlock, .name = "one");
    result |= thrum_condition_init(&condition, &lock) | thrum_condition_init(&on_rlock, NULL, .rlock = &rlock);
    result |= thrum_semaphore_init(&semaphore, 2) | thrum_semaphore_init(&bounded, 2, .bounded = true, .name = "two");
    result |= thrum_event_init(&event) | thrum_event_init(&event, .name = "three");
    result |= thrum_barrier_init(&barrier, 2);
    result |=
        thrum_barrier_init(&barrier, 2, .action = action, .arg = arg, .timeout = thrum_seconds(1), .name = "four");
    result |= thrum_once_init(&once) | thrum_once_init(&once, .name = "five");
    result |= thrum_rwlock_init(&rwlock) | thrum_rwlock_init(&rwlock, .name = "six");
    result |= thrum_barrier_wait(&barrier, NULL, THRUM_NOWAIT) | thrum_once_call(&once, action, arg, THRUM_FOREVER);
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
        return set;
    }
    return 0;
}

static int compare_nothing(const void *a, const void *b, void *arg)
{
    return a == b && arg == a;
}

int use_queue(void)
{
    thrum_queue *queue;
    int result = thrum_queue_new(&queue);
    result |= thrum_queue_new(&queue, .maxsize = 8);
    result |= thrum_queue_new(&queue, .item_size = sizeof(int), .maxsize = 8);
    result |= thrum_queue_new(&queue, .order = THRUM_PRIORITY, .compare = compare_nothing);
    return result | thrum_queue_new_with(&queue, NULL);
}

static int count_up(thrum_generator *self, void *arg)
{
    int received, *limit = (int *)arg;
    for (int i = 0; i < *limit; i++)
        if (thrum_yield(self, &i, &received) != 0)
            return thrum_generator_fail(self, 1, "after %d", i);
    return thrum_yield_from(self, NULL);
}

int use_coroutine(int *limit)
{
    thrum_generator *generator, *other;
    int x, y, sum = 0;
    int result = thrum_generator_new(&generator, count_up, limit);
    result |=
        thrum_generator_new(&other, count_up, limit, .yields = sizeof x, .receives = sizeof(int), .name = "other");
    result |= thrum_generator_new_with(&generator, count_up, limit, NULL);
    result |= thrum_generator_next(generator, &x) | thrum_generator_send(generator, limit, NULL);
    result |= thrum_generator_throw(generator, 3, NULL, NULL) | thrum_synchronized(generator);
    THRUM_FOREACH(x, generator)
    THRUM_FOREACH(y, other)
    sum += x * y;
    return result | sum | thrum_generator_close(other) | thrum_generator_free(generator);
}

int use_io(int fd, const struct sockaddr *address, size_t size)
{
    char data[16];
    size_t n;
    unsigned how;
    int made, result = thrum_connect(fd, address, size, THRUM_FOREVER) | thrum_accept(fd, &made, THRUM_NOWAIT);
    result |= thrum_poll(fd, THRUM_READABLE | THRUM_WRITABLE, &how, thrum_seconds(1));
    result |= thrum_read(fd, data, sizeof data, &n, thrum_interruptible(THRUM_FOREVER));
    return result | thrum_write(fd, data, n, NULL, THRUM_FOREVER) | thrum_close(fd);
}

int use_scheduler(int (*function)(void *), void *arg)
{
    thrum_scheduler *scheduler;
    thrum_coroutine *coroutine;
    thrum_task_group *group;
    int result = thrum_scheduler_new(&scheduler);
    result |= thrum_coroutine_run(NULL, scheduler, function, arg);
    result |= thrum_coroutine_run(&coroutine, NULL, function, arg, .name = "one", .stack_size = 65536);
    result |= thrum_task_group_new(&group, scheduler);
    result |= thrum_task_group_start(group, function, arg);
    result |= thrum_task_group_start(group, function, arg, .name = "two");
    return result | thrum_blocking(function, arg) | thrum_task_group_wait(group, THRUM_NOWAIT) |
           thrum_task_group_free(group);
}

int use_futures(const int *in, double *out, size_t n)
{
    thrum_executor *pool;
    thrum_future *future;
    thrum_map_iterator *iterator;
    thrum_error error;
    thrum_buffer text = {0};
    int one = 1;
    int result = thrum_executor_open(&pool, NULL);
    result |= thrum_executor_open(&pool, "threads", .workers = 4, .error = &error);
    result |= thrum_submit(pool, half, in, &future);
    result |= thrum_submit(pool, half, &one, &future, .token = NULL);
    result |= thrum_submit(pool, upper, (&(thrum_bytes){"text", 4}), &future);
    result |= thrum_submit(pool, elsewhere, in, &future);
    result |= thrum_submit_with(pool, THRUM_TASK_OF(half), in, &future, NULL);
    result |= thrum_map(pool, half, in, out, n);
    result |= thrum_map(pool, half, &one, out, 1, .timeout = thrum_seconds(2), .chunksize = 16, .error = &error);
    result |= thrum_map(pool, upper, (&(thrum_bytes){"text", 4}), &text, 1);
    result |= thrum_imap(pool, half, in, n, &iterator);
    result |= thrum_imap(pool, half, in, n, &iterator, .window = 100, .unordered = true);
    result |= thrum_executor_close(pool);
    result |= thrum_executor_close(pool, .cancel_futures = true, .timeout = THRUM_NOWAIT);
    return error.index == THRUM_NO_INDEX ? 1 : result;
}
