/*
 * test_map_called_off.c - a map whose time is over, or that is cancelled
 */
#include "pools.h"

#include <sched.h>

static atomic_int runs, running; /* how often a task ran, how many do now */

static int *range_of(int n)
{
    int *numbers = calloc((size_t)n, sizeof *numbers);
    for (int i = 0; i < n; i++)
        numbers[i] = i + 1;
    return numbers;
}

static thrum_event some_run;

/* Goes on until it is called off. */
static int never_ending(const int *x, int *y)
{
    atomic_fetch_add(&running, 1);
    atomic_fetch_add(&runs, 1);
    thrum_event_set(&some_run);
    while (!thrum_cancelled())
        sched_yield();
    *y = *x;
    atomic_fetch_sub(&running, 1);
    return 0;
}
THRUM_TASK(never_ending, int, int);

/* How many of n outputs there are, and that those of the rest are zero and have that record. */
static int count_done(const int *x, const int *y, const thrum_error *errors, int n)
{
    int done = 0;
    for (int i = 0; i < n; i++) {
        check(y[i] == 0 || y[i] == x[i]);
        check_int(errors[i].outcome, y[i] ? 0 : THRUM_CANCELLED);
        check(y[i] != 0 || errors[i].index == (uint64_t)i);
        done += y[i] != 0;
    }
    return done;
}

static int slow(const int *x, int *y)
{
    atomic_fetch_add(&runs, 1);
    *y = *x;
    busy(2 * MILLISECOND);
    return 0;
}
THRUM_TASK(slow, int, int);

/* By which the tasks hear of it. */
TEST(a_time_out_cancels_the_token)
{
    enum { N = 10 };
    int *x = range_of(N), y[N];
    thrum_executor *pool = open_pool("threads:2");
    thrum_token *token;
    check_result(thrum_token_new(&token), 0);
    check_result(thrum_map(pool, never_ending, x, y, N, .timeout = thrum_seconds(0.01), .token = token), THRUM_TIMEOUT);
    check(thrum_token_is_cancelled(token));
    thrum_token_free(token);
    close_pool(pool);
    free(x);
}

TEST(a_time_out_calls_the_tasks_off)
{
    enum { N = 100 };
    int *x = range_of(N), y[N];
    static thrum_error errors[N];
    thrum_executor *pool = open_pool("threads:2");
    atomic_store(&runs, 0);
    memset(y, 0xaa, sizeof y);
    int64_t before = thrum_monotonic_ns();
    check_result(thrum_map(pool, never_ending, x, y, N, .timeout = thrum_seconds(0.05), .errors = errors),
                 THRUM_TIMEOUT);
    check(thrum_monotonic_ns() - before >= 50 * MILLISECOND);
    check_int(atomic_load(&running), 0);
    int done = count_done(x, y, errors, N);
    check_int(done, atomic_load(&runs));
    check(done < N);
    check_result(thrum_map(pool, slow, x, y, N, .timeout = thrum_seconds(-1)), -EINVAL);
    check_result(thrum_map(pool, slow, x, y, 10), 0); /* the pool is as good as before */
    check_int(y[9], x[9]);
    close_pool(pool);
    free(x);
}

struct canceller {
    thrum_token *token;
};

static int cancel_when_some_run(void *arg)
{
    struct canceller *canceller = arg;
    check_result(thrum_event_wait(&some_run, THRUM_FOREVER), 0);
    thrum_token_cancel(canceller->token);
    return 0;
}

TEST(a_token_calls_the_tasks_off)
{
    enum { N = 100 };
    int *x = range_of(N), y[N];
    static thrum_error errors[N];
    FOR_EACH_SPEC(spec)
    {
        thrum_executor *pool = open_pool(*spec);
        for (int round = 0; round < ROUNDS(100); round++) {
            struct canceller canceller;
            check_result(thrum_token_new(&canceller.token), 0);
            atomic_store(&runs, 0);
            memset(y, 0xaa, sizeof y);
            thrum_event_clear(&some_run);
            thrum_thread *other = start(cancel_when_some_run, &canceller, NULL);
            check_result(
                thrum_map(pool, never_ending, x, y, N, .token = canceller.token, .chunksize = 1, .errors = errors),
                THRUM_CANCELLED);
            check_int(atomic_load(&running), 0);
            int done = count_done(x, y, errors, N);
            check_int(done, atomic_load(&runs));
            check(done > 0 && done < N);
            check_int(finish(other), 0);
            thrum_token_free(canceller.token);
        }
        close_pool(pool);
    }
    free(x);
}

TEST(a_token_that_was_cancelled_before_lets_nothing_run)
{
    enum { N = 50 };
    int *x = range_of(N), y[N];
    static thrum_error errors[N];
    thrum_token *token;
    check_result(thrum_token_new(&token), 0);
    thrum_token_cancel(token);
    FOR_EACH_SPEC(spec)
    {
        thrum_executor *pool = open_pool(*spec);
        atomic_store(&runs, 0);
        memset(y, 0xaa, sizeof y);
        check_result(thrum_map(pool, never_ending, x, y, N, .token = token, .errors = errors), THRUM_CANCELLED);
        check_int(atomic_load(&runs), 0);
        check_int(count_done(x, y, errors, N), 0);
        close_pool(pool);
    }
    thrum_token_free(token);
    free(x);
}

/* Where tasks run in the calling thread, there is time to look at the clock between them. */
TEST(a_time_out_ends_a_serial_map)
{
    enum { N = 100 };
    int *x = range_of(N), y[N];
    static thrum_error errors[N];
    thrum_executor *pool = open_pool("serial");
    atomic_store(&runs, 0);
    check_result(thrum_map(pool, slow, x, y, N, .timeout = thrum_seconds(0.01), .errors = errors), THRUM_TIMEOUT);
    check_int(count_done(x, y, errors, N), atomic_load(&runs));
    check(atomic_load(&runs) < N);
    close_pool(pool);
    free(x);
}

struct caller {
    thrum_executor *pool;
    thrum_token *token; /* the thread's own, and not the tasks' */
    int result;
};

/* Calls off the thread that maps, and then goes on until it hears of it, or on "serial", where it cannot, ends. */
static int call_off(struct caller *const *caller, int *y)
{
    atomic_fetch_add(&runs, 1);
    *y = 1;
    thrum_token_cancel((*caller)->token);
    while (thrum_executor_workers((*caller)->pool) > 1 && !thrum_cancelled())
        sched_yield();
    return 0;
}
typedef struct caller *caller_ref;
THRUM_TASK(call_off, caller_ref, int);

static int map_and_be_called_off(void *arg)
{
    enum { N = 20 };
    struct caller *caller = arg;
    caller_ref x[N];
    int y[N];
    for (size_t i = 0; i < N; i++)
        x[i] = caller;
    caller->result = thrum_map(caller->pool, call_off, x, y, N, .chunksize = 1);
    int done = 0;
    for (size_t i = 0; i < N; i++)
        done += y[i];
    check_int(done, atomic_load(&runs));
    check(done < N);
    return 0;
}

TEST(the_callers_own_token_ends_the_map)
{
    static const char *const own_specs[] = {"serial", "threads:2"};
    for (size_t s = 0; s < 2; s++) {
        for (int round = 0; round < ROUNDS(100); round++) {
            struct caller caller = {.pool = open_pool(own_specs[s])};
            check_result(thrum_token_new(&caller.token), 0);
            atomic_store(&runs, 0);
            check_int(finish(start(map_and_be_called_off, &caller, caller.token)), 0);
            check_result(caller.result, THRUM_CANCELLED);
            thrum_token_free(caller.token);
            close_pool(caller.pool);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_out_cancels_the_token),
        cmocka_unit_test(a_time_out_calls_the_tasks_off),
        cmocka_unit_test(a_token_calls_the_tasks_off),
        cmocka_unit_test(a_token_that_was_cancelled_before_lets_nothing_run),
        cmocka_unit_test(a_time_out_ends_a_serial_map),
        cmocka_unit_test(the_callers_own_token_ends_the_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
