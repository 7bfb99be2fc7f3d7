/*
 * test_interrupt.c - signal handlers that run during each blocking call of the library
 *
 * Each call waits in a thread that is stormed with signals, behind a handler with SA_RESTART and one without.
 * It must go on as if there had been none, or, where it was asked to, end with THRUM_INTERRUPTED
 * and leave its object as it was.
 *
 * ThreadSanitizer keeps handlers back until the thread calls something that it knows, which a wait
 * does not; there it is the system's calls alone that are disturbed, and nobody counts.
 */
#include "harness.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

static atomic_int handled;

static void count(int signo)
{
    (void)signo;
    atomic_fetch_add(&handled, 1);
}

static void set_handler(int flags)
{
    struct sigaction action = {.sa_handler = count, .sa_flags = flags};
    check_int(sigaction(SIGUSR1, &action, NULL), 0);
}

/* ---- The calls ----------------------------------------------------------------------- */

/* A call that waits in its thread; another thread makes ready what it waits for, and lets go of it again. */
struct call {
    const char *name;
    void (*prepare)(void);
    int (*wait)(thrum_timeout timeout);
    void (*satisfy)(void); /* so that one wait ends with `result` */
    int result;
    void (*finish)(void);
};

static void nothing(void)
{
}

static thrum_lock lock;
static thrum_rlock rlock;
static thrum_condition condition = THRUM_CONDITION_INIT(&lock), own_condition;
static thrum_semaphore semaphore;
static thrum_rwlock rwlock;
static thrum_barrier barrier = THRUM_BARRIER_INIT(2);
static thrum_once once;
static thrum_event event;
static thrum_queue *queue;
static bool predicate_holds;

static void take_lock(void)
{
    check_result(thrum_lock_acquire(&lock, THRUM_FOREVER), 0);
}

static void give_lock(void)
{
    check_result(thrum_lock_release(&lock), 0);
}

static int wait_lock(thrum_timeout timeout)
{
    int result = thrum_lock_acquire(&lock, timeout);
    if (result == 0)
        give_lock();
    else
        check_result(thrum_lock_release(&lock), -EPERM);
    return result;
}

static int wait_all(thrum_timeout timeout)
{
    thrum_lock free = THRUM_LOCK_INIT, *both[2] = {&lock, &free};
    int result = thrum_acquire_all(both, 2, timeout);
    check_result(thrum_release_all(both, 2), result == 0 ? 0 : -EPERM);
    check(!thrum_lock_locked(&free));
    return result;
}

static void take_rlock(void)
{
    check_result(thrum_rlock_acquire(&rlock, THRUM_FOREVER), 0);
}

static void give_rlock(void)
{
    check_result(thrum_rlock_release(&rlock), 0);
}

static int wait_rlock(thrum_timeout timeout)
{
    int result = thrum_rlock_acquire(&rlock, timeout);
    if (result == 0)
        give_rlock();
    else
        check_result(thrum_rlock_release(&rlock), -EPERM);
    return result;
}

static void take_condition(void)
{
    check_result(thrum_condition_acquire(&own_condition, THRUM_FOREVER), 0);
}

static void give_condition(void)
{
    check_result(thrum_condition_release(&own_condition), 0);
}

static int wait_condition_acquire(thrum_timeout timeout)
{
    int result = thrum_condition_acquire(&own_condition, timeout);
    if (result == 0)
        give_condition();
    return result;
}

static int wait_condition(thrum_timeout timeout)
{
    take_lock();
    int result = thrum_condition_wait(&condition, timeout);
    give_lock(); /* it is held again, however the wait ended */
    return result;
}

static void notify(void)
{
    take_lock();
    check_result(thrum_condition_notify(&condition, 1), 0);
    give_lock();
}

static int wait_own_condition(thrum_timeout timeout)
{
    take_condition();
    take_condition();
    int result = thrum_condition_wait(&own_condition, timeout);
    give_condition();
    give_condition(); /* both levels are back */
    check_result(thrum_condition_release(&own_condition), -EPERM);
    return result;
}

static void notify_own(void)
{
    take_condition();
    check_result(thrum_condition_notify_all(&own_condition), 0);
    give_condition();
}

static bool holds(void *arg)
{
    (void)arg;
    return predicate_holds;
}

static int wait_for(thrum_timeout timeout)
{
    take_lock();
    int result = thrum_condition_wait_for(&condition, holds, NULL, timeout);
    check_int(predicate_holds, result == 0);
    predicate_holds = false;
    give_lock();
    return result;
}

static void make_hold(void)
{
    take_lock();
    predicate_holds = true;
    check_result(thrum_condition_notify_all(&condition), 0);
    give_lock();
}

static int wait_semaphore(thrum_timeout timeout)
{
    return thrum_semaphore_acquire(&semaphore, timeout);
}

static void release_semaphore(void)
{
    check_result(thrum_semaphore_release(&semaphore, 1), 0);
}

static void write_rwlock(void)
{
    check_result(thrum_rwlock_acquire_write(&rwlock, THRUM_FOREVER), 0);
}

static void give_rwlock(void)
{
    check_result(thrum_rwlock_release(&rwlock), 0);
}

static int wait_to_read(thrum_timeout timeout)
{
    int result = thrum_rwlock_acquire_read(&rwlock, timeout);
    return result == 0 ? thrum_rwlock_release(&rwlock) : result;
}

static int wait_to_write(thrum_timeout timeout)
{
    int result = thrum_rwlock_acquire_write(&rwlock, timeout);
    return result == 0 ? thrum_rwlock_release(&rwlock) : result;
}

/* Who is interrupted has given up, and broken it. */
static int wait_barrier(thrum_timeout timeout)
{
    if (thrum_barrier_broken(&barrier))
        thrum_barrier_reset(&barrier);
    return thrum_barrier_wait(&barrier, NULL, timeout);
}

static void come_last(void)
{
    check_result(thrum_barrier_wait(&barrier, NULL, THRUM_FOREVER), 0);
}

static thrum_thread *doer;
static thrum_event doing, do_it;

static int deed(void *arg)
{
    (void)arg;
    thrum_event_set(&doing);
    return thrum_event_wait(&do_it, THRUM_FOREVER);
}

static int wait_once(thrum_timeout timeout)
{
    return thrum_once_call(&once, deed, NULL, timeout);
}

static int call_once(void *arg)
{
    (void)arg;
    return wait_once(THRUM_FOREVER);
}

static void begin_deed(void)
{
    check_result(thrum_once_init(&once), 0);
    thrum_event_clear(&doing);
    thrum_event_clear(&do_it);
    doer = start(call_once, NULL, NULL);
    check_result(thrum_event_wait(&doing, THRUM_FOREVER), 0);
}

static void end_deed(void)
{
    thrum_event_set(&do_it);
}

static void join_doer(void)
{
    check_int(finish(doer), 0);
}

static int wait_event(thrum_timeout timeout)
{
    return thrum_event_wait(&event, timeout);
}

static void set_event(void)
{
    thrum_event_set(&event);
}

static void clear_event(void)
{
    thrum_event_clear(&event);
}

static thrum_thread *sleeper;
static thrum_event sleeper_goes;

static int sleep_on(void *arg)
{
    (void)arg;
    return thrum_event_wait(&sleeper_goes, THRUM_FOREVER);
}

static void start_sleeper(void)
{
    sleeper = start(sleep_on, NULL, NULL);
}

static int wait_join(thrum_timeout timeout)
{
    return thrum_thread_join(sleeper, NULL, timeout);
}

static void wake_sleeper(void)
{
    thrum_event_set(&sleeper_goes);
}

static void free_sleeper(void)
{
    thrum_thread_free(sleeper);
    thrum_event_clear(&sleeper_goes);
}

static void make_queue(void)
{
    check_result(thrum_queue_new(&queue, .maxsize = 1, .item_size = sizeof(int)), 0);
}

static void make_full_queue(void)
{
    int one = 1;
    make_queue();
    check_result(thrum_queue_put(queue, &one, THRUM_NOWAIT), 0);
}

static int wait_get(thrum_timeout timeout)
{
    int item = 77, result = thrum_queue_get(queue, &item, timeout);
    check_int(item, result == 0 ? 5 : 77);
    return result;
}

static void put_item(void)
{
    int item = 5;
    check_result(thrum_queue_put(queue, &item, THRUM_FOREVER), 0);
}

static int wait_put(thrum_timeout timeout)
{
    int two = 2;
    return thrum_queue_put(queue, &two, timeout);
}

static void get_item(void)
{
    int item;
    check_result(thrum_queue_get(queue, &item, THRUM_FOREVER), 0);
    check_int(item, 1);
}

static void check_two_left(void)
{
    int item = 0;
    check_result(thrum_queue_get(queue, &item, THRUM_NOWAIT), 0);
    check_int(item, 2);
    check_result(thrum_queue_get(queue, &item, THRUM_NOWAIT), THRUM_EMPTY);
    thrum_queue_free(queue);
}

static void check_empty(void)
{
    check_int((int)thrum_queue_qsize(queue), 0);
    thrum_queue_free(queue);
}

static int wait_get_many(thrum_timeout timeout)
{
    int items[3] = {77, 77, 77};
    size_t n = 9;
    int result = thrum_queue_get_many(queue, items, 3, &n, timeout);
    check_int(items[0], result == 0 ? 5 : 77);
    check_int((int)n, result == 0 ? 1 : 9);
    return result;
}

static int wait_put_many(thrum_timeout timeout)
{
    int two = 2;
    size_t n = 9;
    int result = thrum_queue_put_many(queue, &two, 1, &n, timeout);
    check_int((int)n, result == 0);
    return result;
}

static int wait_join_queue(thrum_timeout timeout)
{
    return thrum_queue_join(queue, timeout);
}

static void tell_done(void)
{
    check_result(thrum_queue_task_done(queue), 0);
}

static void free_queue(void)
{
    thrum_queue_free(queue);
}

static void check_one_left(void)
{
    check_int((int)thrum_queue_qsize(queue), 1);
    thrum_queue_free(queue);
}

static int wait_any_of(thrum_timeout timeout)
{
    thrum_waitable things[] = {thrum_queue_waitable(queue), thrum_event_waitable(&event)};
    size_t index = 9;
    int result = thrum_wait_any(things, 2, &index, timeout);
    check_int((int)index, result == 0 ? 0 : 9);
    return result;
}

/* ---- Futures ------------------------------------------------------------------------- */

static thrum_executor *pool;
static thrum_future *future;
static thrum_map_iterator *iterator;
static thrum_event task_goes;

static int obey(const int *in, int *out)
{
    *out = *in + 1;
    return thrum_event_wait(&task_goes, THRUM_FOREVER);
}
THRUM_TASK(obey, int, int);

static void open_pool(void)
{
    check_result(thrum_executor_open(&pool, "threads:1"), 0);
}

static void submit(void)
{
    int one = 1;
    open_pool();
    check_result(thrum_submit(pool, obey, &one, &future), 0);
}

static int wait_result(thrum_timeout timeout)
{
    int two = 0, result = thrum_future_result(future, &two, timeout);
    check_int(two, result == 0 ? 2 : 0);
    return result;
}

static int wait_exception(thrum_timeout timeout)
{
    thrum_error error;
    return thrum_future_exception(future, &error, timeout);
}

static void let_task_go(void)
{
    thrum_event_set(&task_goes);
}

static void close_pool(void)
{
    check_result(thrum_executor_close(pool), 0);
    thrum_event_clear(&task_goes);
}

static void drop_future(void)
{
    thrum_future_free(future);
    close_pool();
}

static int wait_map(thrum_timeout timeout)
{
    int in[3] = {1, 2, 3}, out[3] = {0};
    int result = thrum_map(pool, obey, in, out, 3, .timeout = timeout);
    for (int i = 0; i < 3; i++)
        check_int(out[i], result == 0 ? i + 2 : 0); /* obey was cancelled, or never began */
    return result;
}

static const int inputs[2] = {1, 2};

static void start_imap(void)
{
    open_pool();
    check_result(thrum_imap(pool, obey, inputs, 2, &iterator), 0);
}

static int wait_next(thrum_timeout timeout)
{
    int two = 0, result = thrum_map_iterator_next(iterator, NULL, &two, NULL, timeout);
    check_int(two, result == 0 ? 2 : 0);
    return result;
}

static void free_imap(void)
{
    thrum_map_iterator_free(iterator);
    close_pool();
}

static int wait_close(thrum_timeout timeout)
{
    return thrum_executor_close(pool, .timeout = timeout);
}

static void end_closed(void)
{
    thrum_future_free(future);
    thrum_event_clear(&task_goes);
}

static int ends[2];

static void open_pipe(void)
{
    check_int(pipe2(ends, O_CLOEXEC), 0);
}

static int wait_read(thrum_timeout timeout)
{
    char byte;
    size_t n;
    return thrum_read(ends[0], &byte, 1, &n, timeout);
}

static void write_byte(void)
{
    check_result(thrum_write(ends[1], "x", 1, NULL, THRUM_FOREVER), 0);
}

static void close_pipe(void)
{
    check_result(thrum_poll(ends[0], THRUM_READABLE, NULL, THRUM_NOWAIT), THRUM_TIMEOUT); /* nothing was taken twice */
    check_result(thrum_close(ends[0]) | thrum_close(ends[1]), 0);
}

static const struct call calls[] = {
    {"lock", take_lock, wait_lock, give_lock, 0, nothing},
    {"all of two locks", take_lock, wait_all, give_lock, 0, nothing},
    {"rlock", take_rlock, wait_rlock, give_rlock, 0, nothing},
    {"condition acquire", take_condition, wait_condition_acquire, give_condition, 0, nothing},
    {"condition wait", nothing, wait_condition, notify, 0, nothing},
    {"condition wait, own rlock", nothing, wait_own_condition, notify_own, 0, nothing},
    {"condition wait_for", nothing, wait_for, make_hold, 0, nothing},
    {"semaphore", nothing, wait_semaphore, release_semaphore, 0, nothing},
    {"rwlock read", write_rwlock, wait_to_read, give_rwlock, 0, nothing},
    {"rwlock write", write_rwlock, wait_to_write, give_rwlock, 0, nothing},
    {"barrier", nothing, wait_barrier, come_last, 0, nothing},
    {"once", begin_deed, wait_once, end_deed, 0, join_doer},
    {"event", nothing, wait_event, set_event, 0, clear_event},
    {"join", start_sleeper, wait_join, wake_sleeper, 0, free_sleeper},
    {"queue get", make_queue, wait_get, put_item, 0, check_empty},
    {"queue put", make_full_queue, wait_put, get_item, 0, check_two_left},
    {"queue get_many", make_queue, wait_get_many, put_item, 0, check_empty},
    {"queue put_many", make_full_queue, wait_put_many, get_item, 0, check_two_left},
    {"queue join", make_full_queue, wait_join_queue, tell_done, 0, check_one_left},
    {"any of a queue and an event", make_queue, wait_any_of, put_item, 0, free_queue},
    {"future result", submit, wait_result, let_task_go, 0, drop_future},
    {"future exception", submit, wait_exception, let_task_go, 0, drop_future},
    {"map", open_pool, wait_map, let_task_go, 0, close_pool},
    {"imap next", start_imap, wait_next, let_task_go, 0, free_imap},
    {"executor close", submit, wait_close, let_task_go, 0, end_closed},
    {"read", open_pipe, wait_read, write_byte, 0, close_pipe},
};
#define CALLS (sizeof calls / sizeof calls[0])

/* ---- The storm ----------------------------------------------------------------------- */

struct waiter {
    const struct call *call;
    thrum_timeout timeout;
    pthread_t thread;
    uint64_t native_id;
    atomic_bool ready, done;
    int result;
};

static void *wait_in_thread(void *arg)
{
    struct waiter *waiter = arg;
    waiter->native_id = thrum_get_native_id();
    atomic_store(&waiter->ready, true);
    waiter->result = waiter->call->wait(waiter->timeout);
    atomic_store(&waiter->done, true);
    return NULL;
}

static void begin(struct waiter *waiter, const struct call *call, thrum_timeout timeout)
{
    *waiter = (struct waiter){.call = call, .timeout = timeout};
    atomic_store(&handled, 0);
    check_int(pthread_create(&waiter->thread, NULL, wait_in_thread, waiter), 0);
    until(atomic_load(&waiter->ready));
    await_wait(waiter->native_id); /* for a condition's notify is lost on who does not wait yet */
}

static int end(struct waiter *waiter)
{
    check_int(pthread_join(waiter->thread, NULL), 0);
    return waiter->result;
}

#define STORM 20

static void check_goes_on(const struct call *call, thrum_timeout timeout)
{
    struct waiter waiter;
    call->prepare();
    begin(&waiter, call, timeout);
    for (int i = 1; i <= STORM; i++) {
        check_int(pthread_kill(waiter.thread, SIGUSR1), 0);
        if (!HARNESS_TSAN)
            until(atomic_load(&handled) == i);
        check(!atomic_load(&waiter.done));
        if (i % 5 == 0)
            settle(waiter.native_id);
    }
    call->satisfy();
    check_result(end(&waiter), call->result);
    call->finish();
}

static void check_ends(const struct call *call, thrum_timeout timeout)
{
    struct waiter waiter;
    call->prepare();
    begin(&waiter, call, thrum_interruptible(timeout));
    /* One that comes before its sleep interrupts nothing. */
    while (!atomic_load(&waiter.done)) {
        check_int(pthread_kill(waiter.thread, SIGUSR1), 0);
        settle(waiter.native_id);
    }
    check_result(end(&waiter), THRUM_INTERRUPTED);
    /* And all is as before: */
    begin(&waiter, call, timeout);
    check(!atomic_load(&waiter.done));
    call->satisfy();
    check_result(end(&waiter), call->result);
    call->finish();
}

static void each(void (*check_call)(const struct call *call, thrum_timeout timeout))
{
    static const int flags[] = {0, SA_RESTART};
    for (size_t i = 0; i < CALLS; i++) {
        for (size_t j = 0; j < 4; j++) {
            set_handler(flags[j % 2]);
            if (getenv("THRUM_TEST_VERBOSE") != NULL)
                fprintf(stderr, "%s, flags %x\n", calls[i].name, (unsigned)flags[j % 2]);
            check_call(&calls[i], j < 2 ? THRUM_FOREVER : thrum_seconds(600));
        }
    }
}

TEST(signals_disturb_no_wait)
{
    each(check_goes_on);
}

TEST(an_interruptible_wait_ends_and_takes_nothing)
{
    each(check_ends);
}

TEST(an_interruptible_wait_that_need_not_wait_is_as_any)
{
    check_result(thrum_lock_acquire(&lock, thrum_interruptible(THRUM_FOREVER)), 0);
    check_result(thrum_lock_release(&lock), 0);
    check_result(thrum_event_wait(&event, thrum_interruptible(THRUM_NOWAIT)), THRUM_TIMEOUT);
    check_result(thrum_event_wait(&event, thrum_interruptible(thrum_seconds(0.001))), THRUM_TIMEOUT);
    check_result(thrum_event_wait(&event, thrum_interruptible(thrum_until(5))), THRUM_TIMEOUT);
    check_result(thrum_event_wait(&event, thrum_interruptible(thrum_interruptible(THRUM_NOWAIT))), THRUM_TIMEOUT);
    thrum_timeout bad = thrum_interruptible(thrum_seconds(-1));
    check_result(thrum_lock_acquire(&lock, bad), -EINVAL);
    check_result(thrum_rlock_acquire(&rlock, bad), -EINVAL);
    check_result(thrum_event_wait(&event, bad), -EINVAL);
    check_result(thrum_semaphore_acquire(&semaphore, bad), -EINVAL);
    check(!thrum_lock_locked(&lock));
}

/* Nothing is lost between a permit or an item and a signal that come at the same time. */

static int take_all(void *arg)
{
    int *got = arg, item;
    while (*got < 1000) {
        int result = *got % 2 == 0 ? thrum_semaphore_acquire(&semaphore, thrum_interruptible(THRUM_FOREVER))
                                   : thrum_queue_get(queue, &item, thrum_interruptible(THRUM_FOREVER));
        if (result == 0)
            ++*got;
        else
            check_result(result, THRUM_INTERRUPTED);
    }
    return 0;
}

static void *disturb(void *arg)
{
    struct waiter *waiter = arg;
    while (!atomic_load(&waiter->done))
        check_int(pthread_kill(waiter->thread, SIGUSR1), 0);
    return NULL;
}

static int got;

static int take_as_call(thrum_timeout timeout)
{
    (void)timeout;
    return take_all(&got);
}

TEST(what_comes_with_a_signal_is_had_once)
{
    static const struct call all = {"all", nothing, take_as_call, nothing, 0, nothing};
    struct waiter waiter;
    pthread_t disturber;
    int item = 5;
    set_handler(SA_RESTART);
    make_queue();
    got = 0;
    begin(&waiter, &all, THRUM_FOREVER);
    check_int(pthread_create(&disturber, NULL, disturb, &waiter), 0);
    for (int i = 0; i < 500; i++) {
        release_semaphore();
        check_result(thrum_queue_put(queue, &item, THRUM_FOREVER), 0);
    }
    until(atomic_load(&waiter.done));
    check_int(pthread_join(disturber, NULL), 0);
    check_result(end(&waiter), 0);
    check_int(got, 1000);
    check_result(thrum_semaphore_acquire(&semaphore, THRUM_NOWAIT), THRUM_TIMEOUT);
    check_empty();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signals_disturb_no_wait),
        cmocka_unit_test(an_interruptible_wait_ends_and_takes_nothing),
        cmocka_unit_test(an_interruptible_wait_that_need_not_wait_is_as_any),
        cmocka_unit_test(what_comes_with_a_signal_is_had_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
