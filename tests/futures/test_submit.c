/*
 * test_submit.c - handing tasks over
 */
#include "tasks.h"

#define THREADS 6

static int sum_bytes(const thrum_bytes *bytes, uint64_t *sum)
{
    const unsigned char *at = bytes->data;
    for (size_t i = 0; i < bytes->size; i++)
        *sum += at[i];
    return 0;
}
THRUM_TASK(sum_bytes, thrum_bytes, uint64_t);

struct shared {
    thrum_executor *pool;
    thrum_future *future;
    atomic_int *counter;
    int rounds;
};

TEST(inputs_are_copied_with_their_bytes)
{
    thrum_executor *pool = open_pool("threads:1");
    struct gate gate = {.passed = 0};
    thrum_future *busy_one = stand_at_gate(pool, &gate, NULL), *futures[3];
    static unsigned char memory[100000];
    static const size_t sizes[3] = {0, 5, sizeof memory};
    int x = 6;
    for (size_t i = 0; i < 3; i++) {
        memset(memory, 3, sizeof memory);
        thrum_bytes bytes = {sizes[i] ? memory : NULL, sizes[i]};
        check_result(thrum_submit(pool, sum_bytes, &bytes, &futures[i]), 0);
        memset(memory, 99, sizeof memory);
        bytes = (thrum_bytes){NULL, 77};
    }
    thrum_future *plain = submit_square(pool, x);
    x = 1000;
    open_gate(&gate, busy_one);
    for (size_t i = 0; i < 3; i++) {
        uint64_t sum = 1;
        check_result(thrum_future_result(futures[i], &sum, THRUM_FOREVER), 0);
        check_int(sum, 3 * sizes[i]);
        thrum_future_free(futures[i]);
    }
    check_result(thrum_future_result(plain, &x, THRUM_FOREVER), 0);
    check_int(x, 36);
    thrum_future_free(plain);
    close_pool(pool);
}

/* ---- Many ---------------------------------------------------------------------------------- */

TEST(a_task_runs_whose_future_was_given_up)
{
    FOR_EACH_SPEC(spec)
    {
        thrum_executor *pool = open_pool(*spec);
        atomic_int counter = 0, *counter_at = &counter;
        for (int i = 0; i < 1000; i++) {
            thrum_future *future;
            check_result(thrum_submit(pool, count, &counter_at, &future), 0);
            thrum_future_free(future);
        }
        close_pool(pool);
        check_int(atomic_load(&counter), 1000);
    }
}

static int submit_many(void *arg)
{
    struct shared *shared = arg;
    thrum_future *futures[50];
    for (int round = 0; round < shared->rounds; round++) {
        for (int i = 0; i < 50; i++)
            futures[i] = submit_square(shared->pool, round + i);
        for (int i = 0; i < 50; i++) {
            int y = -1, x = round + i;
            check_result(thrum_future_result(futures[i], &y, THRUM_FOREVER), 0);
            check_int(y, x * x);
            thrum_future_free(futures[i]);
            atomic_fetch_add(shared->counter, 1);
        }
    }
    return 0;
}

TEST(many_threads_submit)
{
    FOR_EACH_SPEC(spec)
    {
        atomic_int counter = 0;
        struct shared shared = {.pool = open_pool(*spec), .rounds = ROUNDS(300), .counter = &counter};
        thrum_thread *threads[THREADS];
        for (size_t i = 0; i < THREADS; i++)
            threads[i] = start(submit_many, &shared, NULL);
        for (size_t i = 0; i < THREADS; i++)
            check_int(finish(threads[i]), 0);
        check_int(atomic_load(&counter), THREADS * shared.rounds * 50);
        close_pool(shared.pool);
    }
}

/* ---- Faults ----------------------------------------------------------------------------------- */

/* Submit what `x` is to the task until memory suffices; a refused one is not run. */
static thrum_future *submit_at_last(thrum_executor *pool, const thrum_task *task, const void *input, atomic_int *runs)
{
    for (unsigned n = 0;; n++) {
        thrum_future *future = NULL;
        int before = atomic_load(runs);
        fault_arm(FAULT_MEMORY, n);
        int result = thrum_submit_with(pool, task, input, &future, NULL);
        if (result == 0)
            check_result(thrum_future_result(future, NULL, THRUM_FOREVER), 0);
        bool came_to_it = fault_disarm();
        if (result == 0 && !came_to_it) {
            check_int(atomic_load(runs), before + 1);
            return future;
        }
        check(came_to_it);
        if (result == 0) { /* the worker's request was refused, and it managed */
            check_int(atomic_load(runs), before + 1);
            thrum_future_free(future);
            continue;
        }
        check_result(result, -ENOMEM);
        check(future == NULL);
        check_int(atomic_load(runs), before);
    }
}

TEST(without_memory_nothing_is_submitted)
{
    FOR_EACH_SPEC(spec)
    {
        thrum_executor *pool = open_pool(*spec);
        atomic_int counter = 0, *counter_at = &counter;
        thrum_future *future = submit_square(pool, 1); /* so that thrum knows this thread and the worker */
        check_result(thrum_future_result(future, NULL, THRUM_FOREVER), 0);
        thrum_future_free(future);
        future = submit_at_last(pool, THRUM_TASK_OF(count), &counter_at, &counter);
        thrum_future_free(future);
        close_pool(pool);
    }
}

static atomic_int failures;

static int fail_and_count(const int *x, int *y)
{
    *y = *x;
    atomic_fetch_add(&failures, 1);
    return thrum_fail(*x, "with a message");
}
THRUM_TASK(fail_and_count, int, int);

/* The outcome needs no memory; the message may. */
TEST(without_memory_a_failure_is_still_one)
{
    FOR_EACH_SPEC(spec)
    {
        thrum_executor *pool = open_pool(*spec);
        int x = 3, y = 99;
        for (unsigned n = 0, done = 0; !done; n++) {
            thrum_future *future;
            fault_arm(FAULT_MEMORY, n);
            int result = thrum_submit(pool, fail_and_count, &x, &future);
            int outcome = result == 0 ? thrum_future_result(future, &y, THRUM_FOREVER) : 0;
            done = !fault_disarm();
            if (result != 0) {
                check_result(result, -ENOMEM);
                continue;
            }
            thrum_error error;
            check_result(outcome, THRUM_FAILED);
            check_result(thrum_future_exception(future, &error, THRUM_FOREVER), 0);
            check_int(error.outcome, THRUM_FAILED);
            check_int(error.code, 3);
            check_str(error.task, "fail_and_count");
            check(!done || strcmp(error.message, "with a message") == 0);
            thrum_future_free(future);
        }
        check_int(y, 99);
        close_pool(pool);
    }
}

/* ---- Fork --------------------------------------------------------------------------------------- */

static void go_on_in_child(void *arg)
{
    int y = 0;
    check_result(thrum_future_result(((struct shared *)arg)->future, &y, THRUM_FOREVER), 0);
    check_int(y, 25);
    thrum_executor *pool = open_pool("serial");
    thrum_future *future = submit_square(pool, 6);
    check_result(thrum_future_result(future, &y, THRUM_FOREVER), 0);
    check_int(y, 36);
    thrum_future_free(future);
    close_pool(pool);
    if (!THREADS_IN_CHILD)
        return;
    pool = open_pool("threads:2");
    future = submit_square(pool, 7);
    check_result(thrum_future_result(future, &y, THRUM_FOREVER), 0);
    check_int(y, 49);
    thrum_future_free(future);
    close_pool(pool);
}

/* The parent's pool is gone there, but results that it has brought are not, and a new one can be opened. */
TEST(the_child_keeps_results_and_can_open_executors)
{
    thrum_executor *pool = open_pool("threads:2");
    struct gate gate = {.passed = 0};
    struct shared shared = {.future = submit_square(pool, 5)};
    check_result(thrum_future_result(shared.future, NULL, THRUM_FOREVER), 0);
    thrum_future *at_gate = stand_at_gate(pool, &gate, NULL);
    check_int(in_child(go_on_in_child, &shared), 0);
    open_gate(&gate, at_gate);
    thrum_future_free(shared.future);
    close_pool(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inputs_are_copied_with_their_bytes),
        cmocka_unit_test(a_task_runs_whose_future_was_given_up),
        cmocka_unit_test(many_threads_submit),
        cmocka_unit_test(without_memory_nothing_is_submitted),
        cmocka_unit_test(without_memory_a_failure_is_still_one),
        cmocka_unit_test(the_child_keeps_results_and_can_open_executors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
