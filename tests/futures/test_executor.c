/*
 * test_executor.c - choosing and closing executors
 */
#include "tasks.h"

#include <sched.h>

/* ---- Open ----------------------------------------------------------------------------- */

static void expect_open(const char *spec, size_t workers, const char *name, size_t expected_workers)
{
    thrum_executor *executor;
    thrum_error error = {.code = 99};
    check_result(thrum_executor_open(&executor, spec, .workers = workers, .error = &error), 0);
    check_str(thrum_executor_name(executor), name);
    if (expected_workers > 0)
        check_int(thrum_executor_workers(executor), expected_workers);
    check(thrum_executor_workers(executor) >= 1);
    check_int(error.code, 99);
    int x = 3, y = 0;
    check_result(thrum_map(executor, square, &x, &y, 1), 0);
    check_int(y, 9);
    close_pool(executor);
}

TEST(a_spec_names_an_executor_and_its_workers)
{
    expect_open("serial", 0, "serial", 1);
    expect_open("threads", 3, "threads", 3);
    expect_open("threads:4", 0, "threads", 4);
    expect_open("threads:4", 2, "threads", 4);
    expect_open("threads:1", 7, "threads", 1);
    expect_open("threads", 0, "threads", 0);
    expect_open("serial", 5, "serial", 1);
    expect_open("serial:1", 5, "serial", 1);
}

static void expect_refusal(const char *spec, int expected)
{
    thrum_executor *mark = (thrum_executor *)&mark, *executor = mark;
    thrum_error error;
    memset(&error, 0xff, sizeof error);
    check_result(thrum_executor_open(&executor, spec, .error = &error), expected);
    check(executor == mark);
    check_int(error.outcome, expected);
    check_int(error.worker, 0);
    check(error.index == THRUM_NO_INDEX);
    check(memchr(error.message, '\0', sizeof error.message) != NULL);
    if (expected == -ENOENT) /* what is allowed */
        check(strstr(error.message, "serial") != NULL && strstr(error.message, "threads") != NULL);
    check(error.message[0] != '\0');
    check_result(thrum_executor_open(&executor, spec), expected); /* and without a place for it */
}

TEST(a_spec_that_cannot_be_had_says_what_can)
{
    static const char *const unknown[] = {"thread", "threadsx", "Threads", "processes:3", "x", " threads", ""};
    static const char *const nonsense[] = {"serial:2",   "threads:",   "threads:x",  "threads:4x",
                                           "threads:-1", "threads: 4", "threads:+4", "threads:99999999999999999999999",
                                           "threads::4", "threads:4:", "threads:4 ", "threads:0x4",
                                           "threads:1.5"};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        expect_refusal(unknown[i], -ENOENT);
    for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++)
        expect_refusal(nonsense[i], -EINVAL);
    char longer[2000];
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    expect_refusal(longer, -ENOENT);
}

TEST(the_environment_decides_where_the_program_does_not)
{
    setenv("THRUM_EXECUTOR", "serial", 1);
    expect_open(NULL, 0, "serial", 1);
    expect_open(NULL, 4, "serial", 1); /* a hint, which it need not take */
    expect_open("threads:2", 0, "threads", 2);
    setenv("THRUM_EXECUTOR", "threads:3", 1);
    expect_open(NULL, 2, "threads", 3);
    expect_open("serial", 0, "serial", 1);
    setenv("THRUM_EXECUTOR", "threads", 1);
    expect_open(NULL, 2, "threads", 2);
    setenv("THRUM_EXECUTOR", "nowhere", 1);
    expect_refusal(NULL, -ENOENT);
    setenv("THRUM_EXECUTOR", "threads:many", 1);
    expect_refusal(NULL, -EINVAL);
    setenv("THRUM_EXECUTOR", "", 1);
    expect_open(NULL, 2, "threads", 2);
    unsetenv("THRUM_EXECUTOR");
    expect_open(NULL, 2, "threads", 2);
}

static void count_on_one_cpu(void *arg)
{
    cpu_set_t one;
    (void)arg;
    check_int(sched_getaffinity(0, sizeof one, &one), 0);
    for (size_t cpu = 0, kept = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &one) && kept++ > 0)
            CPU_CLR(cpu, &one);
    check_int(sched_setaffinity(0, sizeof one, &one), 0);
    expect_open("threads", 0, "threads", 1);
}

TEST(workers_are_as_many_as_the_cpus_that_may_be_used)
{
    cpu_set_t all;
    check_int(sched_getaffinity(0, sizeof all, &all), 0);
    thrum_executor *pool = open_pool("threads");
    check((int)thrum_executor_workers(pool) <= CPU_COUNT(&all)); /* fewer where a cgroup has a limit */
    close_pool(pool);
    check_int(in_child(count_on_one_cpu, NULL), 0);
}

TEST(serial_runs_in_the_call_that_submits)
{
    thrum_executor *pool = open_pool("serial");
    struct gate gate = {.passed = 0};
    gate_ref at = &gate;
    thrum_future *future;
    uint64_t worker = 0;
    thrum_event_set(&gate.go);
    check_result(thrum_submit(pool, pass_gate, &at, &future), 0);
    check(thrum_future_done(future));
    check_result(thrum_future_result(future, &worker, THRUM_NOWAIT), 0);
    check_int(worker, thrum_get_native_id());
    thrum_future_free(future);
    close_pool(pool);
}

TEST(threads_run_elsewhere)
{
    thrum_executor *pool = open_pool("threads:1");
    struct gate gate = {.passed = 0};
    uint64_t worker = 0;
    thrum_future *future = stand_at_gate(pool, &gate, NULL);
    thrum_event_set(&gate.go);
    check_result(thrum_future_result(future, &worker, THRUM_FOREVER), 0);
    check(worker != 0 && worker != thrum_get_native_id());
    thrum_future_free(future);
    close_pool(pool);
}

/* ---- Close ------------------------------------------------------------------------------ */

TEST(close_waits_for_all_that_was_submitted)
{
    check_result(thrum_executor_close(NULL), 0);
    FOR_EACH_SPEC(spec)
    {
        for (int round = 0; round < ROUNDS(100); round++) {
            thrum_executor *pool = open_pool(*spec);
            atomic_int counter = 0, *at = &counter;
            for (int i = 0; i < 100; i++) {
                thrum_future *future;
                check_result(thrum_submit(pool, count, &at, &future), 0);
                thrum_future_free(future);
            }
            close_pool(pool);
            check_int(atomic_load(&counter), 100);
        }
    }
}

static void check_closed(thrum_executor *pool)
{
    int x = 1, y = 99;
    thrum_future *future = NULL;
    thrum_map_iterator *iterator = NULL;
    check_result(thrum_submit(pool, square, &x, &future), THRUM_CLOSED);
    check_result(thrum_map(pool, square, &x, &y, 1), THRUM_CLOSED);
    check_result(thrum_imap(pool, square, &x, 1, &iterator), THRUM_CLOSED);
    check(future == NULL && iterator == NULL && y == 99);
}

TEST(a_close_in_vain_can_be_made_again)
{
    thrum_executor *pool = open_pool("threads:1");
    struct gate gate = {.passed = 0};
    thrum_future *running = stand_at_gate(pool, &gate, NULL), *pending;
    atomic_int counter = 0, *at = &counter;
    thrum_token *token;
    check_result(thrum_token_new(&token), 0);
    check_result(thrum_submit(pool, count, &at, &pending), 0);
    check_result(thrum_executor_close(pool, .timeout = thrum_seconds(-1)), -EINVAL);
    check_result(thrum_executor_close(pool, .timeout = THRUM_NOWAIT), THRUM_TIMEOUT);
    check_closed(pool);
    int64_t before = thrum_monotonic_ns();
    check_result(thrum_executor_close(pool, .timeout = thrum_seconds(0.02)), THRUM_TIMEOUT);
    check(thrum_monotonic_ns() - before >= 20 * MILLISECOND);
    thrum_token_cancel(token);
    thrum_token_set(token);
    check_result(thrum_executor_close(pool), THRUM_CANCELLED);
    thrum_token_set(NULL);
    check_closed(pool);
    check_int(atomic_load(&counter), 0);
    thrum_event_set(&gate.go);
    check_result(thrum_executor_close(pool), 0);
    check_int(atomic_load(&counter), 1); /* what was submitted went on */
    check_result(thrum_future_result(running, NULL, THRUM_NOWAIT), 0);
    check_result(thrum_future_result(pending, NULL, THRUM_NOWAIT), 0);
    thrum_future_free(running);
    thrum_future_free(pending);
    thrum_token_free(token);
}

static void count_done(thrum_future *future, void *arg)
{
    check(thrum_future_cancelled(future));
    atomic_fetch_add((atomic_int *)arg, 1);
}

TEST(close_can_call_off_what_has_not_begun)
{
    thrum_executor *pool = open_pool("threads:1");
    struct gate gate = {.passed = 0};
    thrum_future *running = stand_at_gate(pool, &gate, NULL), *pending[50];
    atomic_int counter = 0, *at = &counter, told = 0;
    for (int i = 0; i < 50; i++) {
        check_result(thrum_submit(pool, count, &at, &pending[i]), 0);
        check_result(thrum_future_add_done_callback(pending[i], count_done, &told), 0);
    }
    check_result(thrum_executor_close(pool, .timeout = thrum_seconds(0.001), .cancel_futures = true), THRUM_TIMEOUT);
    thrum_event_set(&gate.go);
    check_result(thrum_executor_close(pool, .cancel_futures = true), 0);
    check_int(atomic_load(&counter), 0);
    check_int(atomic_load(&told), 50);
    for (int i = 0; i < 50; i++) {
        thrum_error error;
        check(thrum_future_cancelled(pending[i]) && thrum_future_done(pending[i]));
        check_result(thrum_future_result(pending[i], NULL, THRUM_NOWAIT), THRUM_CANCELLED);
        check_result(thrum_future_exception(pending[i], &error, THRUM_NOWAIT), 0);
        check_int(error.outcome, THRUM_CANCELLED);
        thrum_future_free(pending[i]);
    }
    check_result(thrum_future_result(running, NULL, THRUM_NOWAIT), 0);
    thrum_future_free(running);
}

typedef struct suicide {
    thrum_executor *pool;
    uint32_t cancel_futures;
} suicide;

static int close_own(const suicide *order, int *result)
{
    *result = thrum_executor_close(order->pool, .cancel_futures = order->cancel_futures);
    return 0;
}
THRUM_TASK(close_own, suicide, int);

TEST(a_task_cannot_close_its_own_executor)
{
    FOR_EACH_SPEC(spec)
    {
        thrum_executor *pool = open_pool(*spec);
        suicide orders[20];
        int results[20];
        for (size_t i = 0; i < 20; i++)
            orders[i] = (suicide){pool, i % 2};
        check_result(thrum_map(pool, close_own, orders, results, 20), 0); /* goes on unharmed */
        for (size_t i = 0; i < 20; i++)
            check_result(results[i], -EDEADLK);
        int x = 5, y = 0;
        check_result(thrum_map(pool, square, &x, &y, 1), 0);
        check_int(y, 25);
        close_pool(pool);
    }
}

typedef struct late {
    struct gate *gate;
    thrum_executor *pool;
} late;

static int close_late(const late *order, int *result)
{
    thrum_event_set(&order->gate->begun);
    check_result(thrum_event_wait(&order->gate->go, THRUM_FOREVER), 0);
    *result = thrum_executor_close(order->pool);
    return 0;
}
THRUM_TASK(close_late, late, int);

/* The misuse of a task does not open again what has been closed. */
TEST(closed_stays_closed)
{
    thrum_executor *pool = open_pool("threads:1");
    struct gate gate = {.passed = 0};
    late order = {&gate, pool};
    thrum_future *future;
    int result = 0;
    check_result(thrum_submit(pool, close_late, &order, &future), 0);
    check_result(thrum_event_wait(&gate.begun, THRUM_FOREVER), 0);
    check_result(thrum_executor_close(pool, .timeout = THRUM_NOWAIT), THRUM_TIMEOUT);
    thrum_event_set(&gate.go);
    check_result(thrum_future_result(future, &result, THRUM_FOREVER), 0);
    check_result(result, -EDEADLK);
    check_closed(pool);
    thrum_future_free(future);
    close_pool(pool);
}

static int close_another(const suicide *order, int *result)
{
    thrum_executor *other;
    (void)order;
    check_result(thrum_executor_open(&other, "threads:1"), 0);
    int x = 3, y = 0;
    check_result(thrum_map(other, square, &x, &y, 1), 0);
    *result = thrum_executor_close(other);
    return y == 9 ? 0 : 1;
}
THRUM_TASK(close_another, suicide, int);

TEST(a_task_can_open_and_close_another)
{
    FOR_EACH_SPEC(spec)
    {
        thrum_executor *pool = open_pool(*spec);
        suicide order = {NULL, 0};
        int result = 99;
        check_result(thrum_map(pool, close_another, &order, &result, 1), 0);
        check_result(result, 0);
        close_pool(pool);
    }
}

/* ---- Faults -------------------------------------------------------------------------------- */

static void open_with_faults(enum fault what, const char *spec, int expected)
{
    check_result(thrum_executor_close(open_pool("threads:1")), 0);
    unsigned before = count_threads();
    thrum_token *token; /* to be called off is no reason to leave threads behind */
    check_result(thrum_token_new(&token), 0);
    thrum_token_cancel(token);
    for (unsigned n = 0;; n++) {
        thrum_executor *executor = NULL;
        thrum_error error = {.outcome = 0};
        thrum_token_set(n % 2 ? token : NULL);
        fault_arm(what, n);
        int result = thrum_executor_open(&executor, spec, .error = &error);
        bool came_to_it = fault_disarm();
        thrum_token_set(NULL);
        if (result == 0) {
            check_result(thrum_executor_close(executor), 0);
            if (!came_to_it)
                break;
            continue; /* it was a worker's request, and it managed */
        }
        check(came_to_it);
        check_result(result, expected);
        check(executor == NULL);
        check_int(error.outcome, expected);
        until(count_threads() <= before);
    }
    thrum_token_free(token);
}

TEST(without_memory_no_executor_is_opened)
{
    open_with_faults(FAULT_MEMORY, "serial", -ENOMEM);
    open_with_faults(FAULT_MEMORY, "threads:3", -ENOMEM);
}

TEST(without_threads_none_is_opened_and_none_is_left)
{
    open_with_faults(FAULT_THREAD, "threads:4", -EAGAIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_spec_names_an_executor_and_its_workers),
        cmocka_unit_test(a_spec_that_cannot_be_had_says_what_can),
        cmocka_unit_test(the_environment_decides_where_the_program_does_not),
        cmocka_unit_test(workers_are_as_many_as_the_cpus_that_may_be_used),
        cmocka_unit_test(serial_runs_in_the_call_that_submits),
        cmocka_unit_test(threads_run_elsewhere),
        cmocka_unit_test(close_waits_for_all_that_was_submitted),
        cmocka_unit_test(a_close_in_vain_can_be_made_again),
        cmocka_unit_test(close_can_call_off_what_has_not_begun),
        cmocka_unit_test(a_task_cannot_close_its_own_executor),
        cmocka_unit_test(closed_stays_closed),
        cmocka_unit_test(a_task_can_open_and_close_another),
        cmocka_unit_test(without_memory_no_executor_is_opened),
        cmocka_unit_test(without_threads_none_is_opened_and_none_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
