/*
 * test_plugin.c - executors that a program or a plugin adds
 *
 * Two of the test's own stand for them: "reverse" runs what it is given the last first on one thread, and "losing"
 * has a worker die under each second item.
 */
#include "pools.h"

#include <thrum/plugin.h>

static int square(const int *x, int *y)
{
    *y = *x * *x;
    return 0;
}
THRUM_TASK(square, int, int);

static int square_anywhere(const int *x, int *y)
{
    return square(x, y);
}
THRUM_TASK(square_anywhere, int, int, THRUM_PORTABLE);

/* ---- Two executors ---------------------------------------------------------------------- */

/* One thread that takes the last job first, once it is told to begin or to close. */
struct reverse {
    const thrum_host *host;
    thrum_lock lock;
    thrum_condition changed;
    thrum_job *jobs;
    bool begin, closing;
    thrum_thread *thread;
};

static bool reverse_can_go_on(void *arg)
{
    const struct reverse *reverse = arg;
    return (reverse->begin && reverse->jobs) || reverse->closing;
}

static int reverse_work(void *arg)
{
    struct reverse *reverse = arg;
    for (;;) {
        check_result(thrum_lock_acquire(&reverse->lock, THRUM_FOREVER), 0);
        check_result(thrum_condition_wait_for(&reverse->changed, reverse_can_go_on, reverse, THRUM_FOREVER), 0);
        thrum_job *job = reverse->jobs;
        if (job)
            reverse->jobs = job->next;
        check_result(thrum_lock_release(&reverse->lock), 0);
        if (!job)
            return 0;
        reverse->host->job_run(job);
    }
}

static size_t last_hint;
static struct reverse *last_reverse; /* so that a test can tell it to begin */

static int reverse_open(void **ret_self, const thrum_host *host, const thrum_executor_config *config,
                        thrum_error *error)
{
    check(host->size >= sizeof *host && host->abi == THRUM_EXECUTOR_ABI);
    check(config->size >= sizeof *config && error != NULL);
    last_hint = config->hint;
    if (config->workers > 1) {
        strcpy(error->message, "reverse has one thread");
        return -ERANGE;
    }
    struct reverse *reverse = calloc(1, sizeof *reverse);
    if (!reverse)
        return -ENOMEM;
    reverse->host = host;
    thrum_condition_init(&reverse->changed, &reverse->lock);
    reverse->thread = start(reverse_work, reverse, NULL);
    *ret_self = last_reverse = reverse;
    return 0;
}

static void reverse_tell(struct reverse *reverse, bool *what)
{
    check_result(thrum_lock_acquire(&reverse->lock, THRUM_FOREVER), 0);
    *what = true;
    check_result(thrum_condition_notify_all(&reverse->changed), 0);
    check_result(thrum_lock_release(&reverse->lock), 0);
}

static int reverse_submit(void *self, thrum_job *job)
{
    struct reverse *reverse = self;
    check_result(thrum_lock_acquire(&reverse->lock, THRUM_FOREVER), 0);
    job->next = reverse->jobs;
    reverse->jobs = job;
    check_result(thrum_condition_notify_all(&reverse->changed), 0);
    check_result(thrum_lock_release(&reverse->lock), 0);
    return 0;
}

static int reverse_close(void *self, thrum_timeout timeout)
{
    struct reverse *reverse = self;
    if (thrum_thread_native_id(reverse->thread) == thrum_get_native_id())
        return -EDEADLK;
    reverse_tell(reverse, &reverse->closing);
    int result = thrum_thread_join(reverse->thread, NULL, timeout);
    if (result == 0) {
        thrum_thread_free(reverse->thread);
        free(reverse);
    }
    return result;
}

static size_t reverse_workers(void *self)
{
    (void)self;
    return 1;
}

static const thrum_executor_ops reverse_ops = {
    .size = sizeof(thrum_executor_ops),
    .abi = THRUM_EXECUTOR_ABI,
    .name = "reverse",
    .open = reverse_open,
    .submit = reverse_submit,
    .close = reverse_close,
    .workers = reverse_workers,
};

/* Runs at once, item by item through the other half of the host's table; each second item is lost. It says that it
 * runs elsewhere. */
struct losing {
    const thrum_host *host;
    atomic_int items;
    bool refuses;
};

static struct losing *last_losing;

static int losing_open(void **ret_self, const thrum_host *host, const thrum_executor_config *config, thrum_error *error)
{
    (void)config;
    (void)error;
    struct losing *losing = calloc(1, sizeof *losing);
    if (!losing)
        return -ENOMEM;
    losing->host = host;
    *ret_self = last_losing = losing;
    return 0;
}

static int losing_submit(void *self, thrum_job *job)
{
    struct losing *losing = self;
    if (losing->refuses)
        return -ECONNREFUSED;
    if (!losing->host->job_start(job))
        return 0;
    for (size_t i = 0; i < job->count; i++) {
        const char *input = job->input;
        char *output = job->output;
        thrum_error error = {.outcome = THRUM_LOST, .status = -9, .worker = 4711, .index = 12345};
        strcpy(error.message, "it was killed");
        if (atomic_fetch_add(&losing->items, 1) % 2 == 1) {
            output[i * job->task->output_size] = 1; /* half written */
            losing->host->job_fail(job, i, &error);
            continue;
        }
        error.outcome = THRUM_FAILED;
        error.code = job->task->run(input + i * job->task->input_size, output + i * job->task->output_size);
        if (error.code != 0)
            losing->host->job_fail(job, i, &error);
    }
    losing->host->job_finish(job);
    return 0;
}

static int losing_close(void *self, thrum_timeout timeout)
{
    (void)timeout;
    free(self);
    return 0;
}

static size_t losing_workers(void *self)
{
    (void)self;
    return 2;
}

static const thrum_executor_ops losing_ops = {
    .size = sizeof(thrum_executor_ops),
    .abi = THRUM_EXECUTOR_ABI,
    .portable = true,
    .name = "losing",
    .open = losing_open,
    .submit = losing_submit,
    .close = losing_close,
    .workers = losing_workers,
};

static int register_ours(void **state)
{
    (void)state;
    check_result(thrum_executor_register(&reverse_ops), 0);
    check_result(thrum_executor_register(&losing_ops), 0);
    return 0;
}

/* ---- Registering ------------------------------------------------------------------------ */

static void expect_none(const char *name)
{
    thrum_executor *executor = NULL;
    check_result(thrum_executor_open(&executor, name), -ENOENT);
    check(executor == NULL);
}

TEST(what_is_no_executor_is_refused)
{
    thrum_executor_ops bad[8];
    for (size_t i = 0; i < 8; i++) {
        bad[i] = reverse_ops;
        bad[i].name = "bad";
    }
    bad[0].abi++;
    bad[1].name = NULL;
    bad[2].name = "";
    bad[3].open = NULL;
    bad[4].submit = NULL;
    bad[5].close = NULL;
    bad[6].workers = NULL;
    bad[7].size = offsetof(thrum_executor_ops, workers); /* so that it has none */
    for (size_t i = 0; i < 8; i++)
        check_result(thrum_executor_register(&bad[i]), -EINVAL);
    expect_none("bad");
    check_result(thrum_executor_register(&reverse_ops), -EEXIST);
    thrum_executor_ops again = reverse_ops;
    check_result(thrum_executor_register(&again), -EEXIST);
    again.name = "threads";
    check_result(thrum_executor_register(&again), -EEXIST);
}

static int order_in[8], order_count;

static int note(const int *x, int *y)
{
    order_in[order_count++] = *x; /* one thread, so no more is needed */
    *y = *x;
    return 0;
}
THRUM_TASK(note, int, int);

TEST(an_executor_of_ones_own_runs_jobs_as_it_likes)
{
    thrum_executor *pool;
    check_result(thrum_executor_open(&pool, "reverse:1", .workers = 7), 0);
    check_int(last_hint, 7); /* it need not heed it */
    struct reverse *reverse = last_reverse;
    thrum_future *futures[8];
    check_str(thrum_executor_name(pool), "reverse");
    check_int(thrum_executor_workers(pool), 1);
    order_count = 0;
    for (int i = 0; i < 8; i++)
        check_result(thrum_submit(pool, note, &i, &futures[i]), 0);
    check(thrum_future_cancel(futures[3]));
    reverse_tell(reverse, &reverse->begin);
    for (int i = 0; i < 8; i++) {
        int y = -1;
        check_result(thrum_future_result(futures[i], &y, THRUM_FOREVER), i == 3 ? THRUM_CANCELLED : 0);
        check_int(y, i == 3 ? -1 : i);
        thrum_future_free(futures[i]);
    }
    static const int expected[] = {7, 6, 5, 4, 2, 1, 0};
    check_int(order_count, 7);
    check(memcmp(order_in, expected, sizeof expected) == 0);
    close_pool(pool);
}

typedef thrum_executor *executor_ref;
static int close_own(const executor_ref *own, int *result)
{
    *result = thrum_executor_close(*own);
    return 0;
}
THRUM_TASK(close_own, executor_ref, int);

TEST(maps_work_on_it_too)
{
    enum { N = 1000 };
    thrum_executor *pool = open_pool("reverse");
    int x[N], y[N];
    reverse_tell(last_reverse, &last_reverse->begin);
    for (int i = 0; i < N; i++)
        x[i] = i;
    for (size_t chunk = 0; chunk < 3; chunk++) {
        memset(y, 0xaa, sizeof y);
        check_result(thrum_map(pool, square, x, y, N, .chunksize = chunk), 0);
        for (int i = 0; i < N; i++)
            check_int(y[i], i * i);
    }
    for (uint32_t unordered = 0; unordered < 2; unordered++) {
        thrum_map_iterator *iterator;
        int64_t sum = 0;
        check_result(thrum_imap(pool, square, x, N, &iterator, .unordered = unordered), 0);
        for (int i = 0; i < N; i++) {
            size_t index;
            check_result(thrum_map_iterator_next(iterator, &index, &y[0], NULL, THRUM_FOREVER), 0);
            check_int(y[0], (int)(index * index));
            sum += (int64_t)index;
        }
        check_int(sum, (int64_t)N * (N - 1) / 2);
        thrum_map_iterator_free(iterator);
    }
    int result;
    check_result(thrum_map(pool, close_own, &pool, &result, 1), 0);
    check_result(result, -EDEADLK);
    close_pool(pool);
}

TEST(what_its_open_says_is_passed_on)
{
    thrum_executor *executor = NULL;
    thrum_error error;
    check_result(thrum_executor_open(&executor, "reverse:2", .error = &error), -ERANGE);
    check_str(error.message, "reverse has one thread");
    check_int(error.outcome, -ERANGE);
    check(executor == NULL);
    expect_none("revers");
    check_result(thrum_executor_open(&executor, "nowhere", .error = &error), -ENOENT);
    check(strstr(error.message, "reverse") != NULL && strstr(error.message, "losing") != NULL);
}

static void check_lost(const thrum_error *error, uint64_t index)
{
    check_int(error->outcome, THRUM_LOST);
    check_int(error->status, -9);
    check_int(error->worker, 4711);
    check(error->index == index);
    check_str(error->task, "square_anywhere");
    check_str(error->message, "it was killed");
}

TEST(a_lost_worker_costs_what_it_was_running)
{
    thrum_executor *pool = open_pool("losing");
    for (int i = 0; i < 10; i++) {
        thrum_future *future;
        thrum_error error;
        int y = 99;
        check_result(thrum_submit(pool, square_anywhere, &i, &future), 0);
        check_result(thrum_future_result(future, &y, THRUM_FOREVER), i % 2 ? THRUM_LOST : 0);
        check_int(y, i % 2 ? 99 : i * i);
        check_result(thrum_future_exception(future, &error, THRUM_FOREVER), 0);
        if (i % 2)
            check_lost(&error, THRUM_NO_INDEX);
        else
            check_int(error.outcome, 0);
        check(!thrum_future_cancelled(future));
        thrum_future_free(future);
    }

    enum { N = 100 };
    int x[N], y[N];
    thrum_error errors[N], error;
    for (int i = 0; i < N; i++)
        x[i] = i;
    check_result(thrum_map(pool, square_anywhere, x, y, N, .errors = errors, .error = &error), THRUM_FAILED);
    check_lost(&error, 1);
    for (int i = 0; i < N; i++) {
        check_int(y[i], i % 2 ? 0 : i * i);
        if (i % 2)
            check_lost(&errors[i], (uint64_t)i);
        else
            check_int(errors[i].outcome, 0);
    }

    thrum_map_iterator *iterator;
    check_result(thrum_imap(pool, square_anywhere, x, N, &iterator), 0);
    for (int i = 0; i < N; i++) {
        size_t index;
        y[0] = -1;
        check_result(thrum_map_iterator_next(iterator, &index, &y[0], &error, THRUM_FOREVER), i % 2 ? THRUM_LOST : 0);
        check_int(index, i);
        check_int(y[0], i % 2 ? -1 : i * i);
        if (i % 2)
            check_lost(&error, index);
    }
    thrum_map_iterator_free(iterator);
    close_pool(pool);
}

TEST(elsewhere_only_portable_tasks_are_taken)
{
    thrum_executor *pool = open_pool("losing");
    thrum_future *future = NULL;
    thrum_map_iterator *iterator = NULL;
    int x = 3, y = 99;
    check_result(thrum_submit(pool, square, &x, &future), -ENOTSUP);
    check_result(thrum_map(pool, square, &x, &y, 1), -ENOTSUP);
    check_result(thrum_imap(pool, square, &x, 1, &iterator), -ENOTSUP);
    check(future == NULL && iterator == NULL && y == 99);
    check_int(atomic_load(&last_losing->items), 0);
    close_pool(pool);
}

/* Whatever its submit gives but 0: the job was not taken, and the caller is told. */
TEST(what_it_refuses_is_not_lost)
{
    thrum_executor *pool = open_pool("losing");
    thrum_future *future = NULL;
    int x = 3, y = 99;
    last_losing->refuses = true;
    check_result(thrum_submit(pool, square_anywhere, &x, &future), -ECONNREFUSED);
    check(future == NULL);
    check_result(thrum_map(pool, square_anywhere, &x, &y, 1), -ECONNREFUSED);
    check_int(y, 0);
    close_pool(pool);
}

/* Last, for it takes all the places. */
TEST(sixteen_are_known_at_most)
{
    static thrum_executor_ops more[20];
    static char names[20][16];
    int taken = 2; /* ours */
    for (size_t i = 0; i < 20; i++) {
        snprintf(names[i], sizeof names[i], "more-%zu", i);
        more[i] = reverse_ops;
        more[i].name = names[i];
        int result = thrum_executor_register(&more[i]);
        check_result(result, taken < 16 ? 0 : -ENOSPC);
        taken += result == 0;
    }
    check_int(taken, 16);
    thrum_executor *pool = open_pool("more-13:1");
    check_str(thrum_executor_name(pool), "more-13");
    close_pool(pool);
    expect_none("more-14");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_executor_is_refused),
        cmocka_unit_test(an_executor_of_ones_own_runs_jobs_as_it_likes),
        cmocka_unit_test(maps_work_on_it_too),
        cmocka_unit_test(what_its_open_says_is_passed_on),
        cmocka_unit_test(a_lost_worker_costs_what_it_was_running),
        cmocka_unit_test(elsewhere_only_portable_tasks_are_taken),
        cmocka_unit_test(what_it_refuses_is_not_lost),
        cmocka_unit_test(sixteen_are_known_at_most),
    };
    return cmocka_run_group_tests(tests, register_ours, NULL);
}
