/*
 * test_future.c - submitting a task, its result, its callbacks and its end
 */
#include "tasks.h"

#define THREADS 6

static int repeat(const int *n, thrum_buffer *text)
{
    for (int i = 0; i < *n; i++)
        if (thrum_buffer_append(text, "ab", 2) != 0)
            return thrum_fail(1, "no memory");
    return 0;
}
THRUM_TASK(repeat, int, thrum_buffer);

/* ---- Results ------------------------------------------------------------------------ */

static void check_done(const thrum_future *future, bool cancelled)
{
    check(thrum_future_done(future));
    check(!thrum_future_running(future));
    check_int(thrum_future_cancelled(future), cancelled);
}

TEST(a_result_is_copied_out_as_often_as_asked_for)
{
    FOR_EACH_SPEC(spec)
    {
        thrum_executor *pool = open_pool(*spec);
        thrum_future *futures[100];
        for (int i = 0; i < 100; i++)
            futures[i] = submit_square(pool, i);
        for (int i = 0; i < 100; i++) {
            int y = -1;
            thrum_error error;
            memset(&error, 0xff, sizeof error);
            check_result(thrum_future_result(futures[i], &y, THRUM_FOREVER), 0);
            check_int(y, i * i);
            check_result(thrum_future_result(futures[i], &y, THRUM_NOWAIT), 0);
            check_result(thrum_future_result(futures[i], NULL, THRUM_NOWAIT), 0);
            check_done(futures[i], false);
            check_result(thrum_future_exception(futures[i], &error, THRUM_NOWAIT), 0);
            check_int(error.outcome, 0);
            check_int(error.code, 0);
            check(!thrum_future_cancel(futures[i]));
            check_done(futures[i], false);
            thrum_future_free(futures[i]);
        }
        thrum_future_free(NULL);
        close_pool(pool);
    }
}

TEST(a_failure_is_a_record)
{
    FOR_EACH_SPEC(spec)
    {
        thrum_executor *pool = open_pool(*spec);
        thrum_future *future = submit_square(pool, -7);
        thrum_error error;
        int y = 99;
        check_result(thrum_future_result(future, &y, THRUM_FOREVER), THRUM_FAILED);
        check_int(y, 99);
        check_done(future, false);
        for (int i = 0; i < 2; i++) {
            memset(&error, 0xff, sizeof error);
            check_result(thrum_future_exception(future, &error, THRUM_FOREVER), 0);
            check_int(error.outcome, THRUM_FAILED);
            check_int(error.code, 7);
            check_int(error.status, 0);
            check_int(error.reserved_, 0);
            check(error.index == THRUM_NO_INDEX);
            check_str(error.task, "square");
            check_str(error.message, "-7 is below zero");
            check_int(error.worker == thrum_get_native_id(), strcmp(*spec, "serial") == 0);
            check(error.worker != 0);
        }
        thrum_future_free(future);
        close_pool(pool);
    }
}

TEST(a_buffer_is_the_callers_copy)
{
    FOR_EACH_SPEC(spec)
    {
        thrum_executor *pool = open_pool(*spec);
        for (int n = 0; n <= 10000; n += 5000) {
            thrum_future *future;
            thrum_buffer first = {0}, second = {0};
            check_result(thrum_submit(pool, repeat, &n, &future), 0);
            check_result(thrum_future_result(future, &first, THRUM_FOREVER), 0);
            check_int(first.size, 2 * n);
            if (n > 0)
                memset(first.data, 'x', first.size);
            check_result(thrum_future_result(future, &second, THRUM_FOREVER), 0);
            check_int(second.size, 2 * n);
            check(n == 0 || memcmp(second.data, "abab", 4) == 0);
            thrum_future_free(future);
            thrum_buffer_free(&first);
            thrum_buffer_free(&second);
        }
        close_pool(pool);
    }
}

TEST(a_wait_in_vain_is_not_cut_short)
{
    thrum_executor *pool = open_pool("threads:1");
    struct gate gate = {.passed = 0};
    thrum_future *future = stand_at_gate(pool, &gate, NULL);
    uint64_t output = 99;
    thrum_error error = {.code = 99};
    check(thrum_future_running(future));
    check(!thrum_future_done(future) && !thrum_future_cancelled(future));
    check_result(thrum_future_result(future, &output, THRUM_NOWAIT), THRUM_TIMEOUT);
    check_result(thrum_future_exception(future, &error, THRUM_NOWAIT), THRUM_TIMEOUT);
    int64_t before = thrum_monotonic_ns();
    check_result(thrum_future_result(future, &output, thrum_seconds(0.02)), THRUM_TIMEOUT);
    check(thrum_monotonic_ns() - before >= 20 * MILLISECOND);
    before = thrum_monotonic_ns();
    check_result(thrum_future_exception(future, &error, thrum_seconds(0.02)), THRUM_TIMEOUT);
    check(thrum_monotonic_ns() - before >= 20 * MILLISECOND);
    check_result(thrum_future_result(future, &output, thrum_seconds(-1)), -EINVAL);
    check_result(thrum_future_exception(future, &error, thrum_seconds(-1)), -EINVAL);
    check_int(output, 99);
    check_int(error.code, 99);
    open_gate(&gate, future);
    close_pool(pool);
}

TEST(the_callers_own_wait_can_be_called_off)
{
    thrum_executor *pool = open_pool("threads:1");
    struct gate gate = {.passed = 0};
    thrum_future *future = stand_at_gate(pool, &gate, NULL);
    thrum_token *token;
    thrum_error error;
    check_result(thrum_token_new(&token), 0);
    thrum_token_cancel(token);
    thrum_token_set(token);
    check_result(thrum_future_result(future, NULL, THRUM_FOREVER), THRUM_CANCELLED);
    check_result(thrum_future_exception(future, &error, THRUM_FOREVER), THRUM_CANCELLED);
    thrum_token_set(NULL);
    check(!thrum_future_cancelled(future)); /* which tells whose it was */
    open_gate(&gate, future);
    thrum_token_free(token);
    close_pool(pool);
}

struct shared {
    thrum_executor *pool;
    thrum_future *future;
    atomic_int *counter;
    int rounds;
};

static int wait_for_it(void *arg)
{
    uint64_t output;
    return thrum_future_result(((struct shared *)arg)->future, &output, THRUM_FOREVER);
}

TEST(many_may_wait_for_one)
{
    thrum_executor *pool = open_pool("threads:1");
    for (int round = 0; round < ROUNDS(200); round++) {
        struct gate gate = {.passed = 0};
        struct shared shared = {.future = stand_at_gate(pool, &gate, NULL)};
        thrum_thread *threads[THREADS];
        for (size_t i = 0; i < THREADS; i++)
            threads[i] = start(wait_for_it, &shared, NULL);
        if (round % 2)
            settle(thrum_thread_native_id(threads[THREADS - 1]));
        thrum_event_set(&gate.go);
        for (size_t i = 0; i < THREADS; i++)
            check_result(finish(threads[i]), 0);
        thrum_future_free(shared.future);
    }
    close_pool(pool);
}

/* ---- Cancelling ------------------------------------------------------------------------ */

struct told {
    int number;
    int *next; /* what the next number has to be */
    thrum_future *future;
    uint64_t thread;
};

static void tell(thrum_future *future, void *arg)
{
    struct told *told = arg;
    check_int((*told->next)++, told->number);
    check(thrum_future_done(future));
    told->future = future;
    told->thread = thrum_get_native_id();
}

TEST(what_has_not_begun_can_be_called_off)
{
    thrum_executor *pool = open_pool("threads:1");
    struct gate gate = {.passed = 0};
    thrum_future *running = stand_at_gate(pool, &gate, NULL), *pending;
    atomic_int counter = 0, *counter_at = &counter;
    check_result(thrum_submit(pool, count, &counter_at, &pending), 0);
    int next = 0;
    struct told told[4];
    for (int i = 0; i < 3; i++) {
        told[i] = (struct told){.number = i, .next = &next};
        check_result(thrum_future_add_done_callback(pending, tell, &told[i]), 0);
    }
    check(!thrum_future_done(pending) && !thrum_future_running(pending) && !thrum_future_cancelled(pending));
    struct shared shared = {.future = pending};
    thrum_thread *waiting = start(wait_for_it, &shared, NULL);
    settle(thrum_thread_native_id(waiting));

    check(!thrum_future_cancel(running));
    check_int(next, 0);
    check(thrum_future_cancel(pending));
    check_int(next, 3);
    for (int i = 0; i < 3; i++) {
        check(told[i].future == pending);
        check_int(told[i].thread, thrum_get_native_id());
    }
    check_result(finish(waiting), THRUM_CANCELLED);
    check(thrum_future_cancel(pending)); /* it is, so the answer stays */
    check_int(next, 3);
    check_done(pending, true);
    told[3] = (struct told){.number = 3, .next = &next};
    check_result(thrum_future_add_done_callback(pending, tell, &told[3]), 0);
    check_int(next, 4);

    int output = 99;
    thrum_error error;
    check_result(thrum_future_result(pending, &output, THRUM_FOREVER), THRUM_CANCELLED);
    check_int(output, 99);
    check_result(thrum_future_exception(pending, &error, THRUM_FOREVER), 0);
    check_int(error.outcome, THRUM_CANCELLED);
    check_int(error.worker, 0);
    check_str(error.task, "count");
    check_str(error.message, "");
    open_gate(&gate, running);
    close_pool(pool);
    check_int(atomic_load(&counter), 0);
    check_done(pending, true);
    thrum_future_free(pending);
}

TEST(a_token_calls_off_what_has_not_begun)
{
    thrum_token *token;
    check_result(thrum_token_new(&token), 0);
    thrum_token_cancel(token);
    FOR_EACH_SPEC(spec)
    {
        thrum_executor *pool = open_pool(*spec);
        atomic_int counter = 0, *counter_at = &counter;
        thrum_future *future;
        int next = 0;
        struct told told = {.number = 0, .next = &next};
        check_result(thrum_submit(pool, count, &counter_at, &future, .token = token), 0);
        check_result(thrum_future_result(future, NULL, THRUM_FOREVER), THRUM_CANCELLED);
        check_result(thrum_future_add_done_callback(future, tell, &told), 0);
        check_done(future, true);
        close_pool(pool);
        check_int(next, 1);
        thrum_future_free(future);
        check_int(atomic_load(&counter), 0);
    }
    thrum_token_free(token);
}

/* Its waits end, and what it makes of that is its own affair: here it fails. */
TEST(a_token_reaches_a_task_that_runs)
{
    thrum_executor *pool = open_pool("threads:1");
    struct gate gate = {.passed = 0};
    thrum_token *token;
    thrum_error error;
    check_result(thrum_token_new(&token), 0);
    thrum_future *future = stand_at_gate(pool, &gate, token);
    thrum_token_cancel(token);
    check_result(thrum_future_exception(future, &error, THRUM_FOREVER), 0);
    check_int(error.outcome, THRUM_FAILED);
    check_int(error.code, THRUM_CANCELLED);
    check_done(future, false);
    thrum_future_free(future);
    close_pool(pool);
    thrum_token_free(token);
}

/* Either it is called off and does not run, or it runs: and both come up. */
TEST(a_cancel_and_a_start_race)
{
    thrum_executor *pool = open_pool("threads:3");
    atomic_int counter = 0, *counter_at = &counter;
    int cancelled = 0, rounds = ROUNDS(20000);
    for (int round = 0; round < rounds; round++) {
        thrum_future *future;
        int output = -1;
        check_result(thrum_submit(pool, count, &counter_at, &future), 0);
        if (round % 2)
            busy(round % 50 * 100);
        bool called_off = thrum_future_cancel(future);
        cancelled += called_off;
        check_result(thrum_future_result(future, &output, THRUM_FOREVER), called_off ? THRUM_CANCELLED : 0);
        check((output == -1) == called_off);
        check_done(future, called_off);
        thrum_future_free(future);
    }
    close_pool(pool);
    check_int(cancelled + atomic_load(&counter), rounds);
}

/* ---- Callbacks --------------------------------------------------------------------------- */

TEST(callbacks_run_once_each_in_order_where_it_finished)
{
    FOR_EACH_SPEC(spec)
    {
        if (strcmp(*spec, "serial") == 0)
            continue; /* where no task can be found running */
        thrum_executor *pool = open_pool(*spec);
        struct gate gate = {.passed = 0};
        thrum_future *future = stand_at_gate(pool, &gate, NULL);
        int next = 0;
        struct told told[21];
        for (int i = 0; i < 20; i++) {
            told[i] = (struct told){.number = i, .next = &next};
            check_result(thrum_future_add_done_callback(future, tell, &told[i]), 0);
        }
        check_int(next, 0);
        uint64_t worker = 0;
        thrum_event_set(&gate.go);
        check_result(thrum_future_result(future, &worker, THRUM_FOREVER), 0);
        close_pool(pool); /* result may come before them */
        check_int(next, 20);
        for (int i = 0; i < 20; i++) {
            check(told[i].future == future);
            check_int(told[i].thread, worker);
        }
        told[20] = (struct told){.number = 20, .next = &next};
        check_result(thrum_future_add_done_callback(future, tell, &told[20]), 0);
        check_int(next, 21); /* at once */
        check_int(told[20].thread, thrum_get_native_id());
        thrum_future_free(future);
    }
}

TEST(a_failed_task_has_its_callbacks_too)
{
    FOR_EACH_SPEC(spec)
    {
        thrum_executor *pool = open_pool(*spec);
        thrum_future *future = submit_square(pool, -1);
        int next = 0;
        struct told told = {.number = 0, .next = &next};
        check_result(thrum_future_add_done_callback(future, tell, &told), 0);
        close_pool(pool);
        check_int(next, 1);
        thrum_future_free(future);
    }
}

static void count_call(thrum_future *future, void *arg)
{
    check(thrum_future_done(future));
    atomic_fetch_add((atomic_int *)arg, 1);
}

static int add_callbacks(void *arg)
{
    struct shared *shared = arg;
    for (int i = 0; i < 10; i++)
        check_result(thrum_future_add_done_callback(shared->future, count_call, shared->counter), 0);
    return 0;
}

/* Added from many threads while the task ends. */
TEST(no_callback_is_missed_in_the_race_with_the_end)
{
    thrum_executor *pool = open_pool("threads:1");
    for (int round = 0; round < ROUNDS(500); round++) {
        struct gate gate = {.passed = 0};
        atomic_int counter = 0;
        struct shared shared = {.future = stand_at_gate(pool, &gate, NULL), .counter = &counter};
        thrum_thread *threads[3];
        for (size_t i = 0; i < 3; i++)
            threads[i] = start(add_callbacks, &shared, NULL);
        busy(round % 50 * 2000);
        thrum_event_set(&gate.go);
        for (size_t i = 0; i < 3; i++)
            check_int(finish(threads[i]), 0);
        until(atomic_load(&counter) == 30);
        thrum_future_free(shared.future);
    }
    close_pool(pool);
}

struct chain {
    thrum_executor *pool;
    atomic_int left;
    thrum_event done;
};

static void submit_next(thrum_future *future, void *arg)
{
    struct chain *chain = arg;
    (void)future;
    if (atomic_fetch_sub(&chain->left, 1) == 1) {
        thrum_event_set(&chain->done);
        return;
    }
    thrum_future *next = submit_square(chain->pool, 2);
    check_result(thrum_future_add_done_callback(next, submit_next, chain), 0);
    thrum_future_free(next);
}

TEST(a_callback_can_submit)
{
    FOR_EACH_SPEC(spec)
    {
        struct chain chain = {.pool = open_pool(*spec), .left = strcmp(*spec, "serial") == 0 ? 100 : ROUNDS(5000)};
        thrum_future *first = submit_square(chain.pool, 2);
        check_result(thrum_future_add_done_callback(first, submit_next, &chain), 0);
        thrum_future_free(first);
        check_result(thrum_event_wait(&chain.done, THRUM_FOREVER), 0);
        close_pool(chain.pool);
    }
}

TEST(a_future_outlives_its_executor)
{
    FOR_EACH_SPEC(spec)
    {
        thrum_executor *pool = open_pool(*spec);
        thrum_future *good = submit_square(pool, 4), *bad = submit_square(pool, -4);
        int y = 0;
        thrum_error error;
        close_pool(pool);
        check_result(thrum_future_result(good, &y, THRUM_NOWAIT), 0);
        check_int(y, 16);
        check_result(thrum_future_result(bad, &y, THRUM_NOWAIT), THRUM_FAILED);
        check_result(thrum_future_exception(bad, &error, THRUM_NOWAIT), 0);
        check_int(error.code, 4);
        check(!thrum_future_cancel(good));
        thrum_future_free(good);
        thrum_future_free(bad);
    }
}

TEST(without_memory_there_is_no_callback)
{
    thrum_executor *pool = open_pool("threads:1");
    struct gate gate = {.passed = 0};
    thrum_future *future = stand_at_gate(pool, &gate, NULL);
    atomic_int counter = 0;
    for (unsigned n = 0;; n++) {
        fault_arm(FAULT_MEMORY, n);
        int result = thrum_future_add_done_callback(future, count_call, &counter);
        if (!fault_disarm()) {
            check_result(result, 0);
            break;
        }
        check_result(result, -ENOMEM);
    }
    thrum_event_set(&gate.go);
    close_pool(pool);
    check_int(atomic_load(&counter), 1);
    thrum_future_free(future);
}

TEST(without_memory_a_buffer_stays_where_it_is)
{
    thrum_executor *pool = open_pool("serial");
    thrum_future *future;
    thrum_buffer text = {(void *)&pool, 1, 2};
    int n = 10;
    check_result(thrum_submit(pool, repeat, &n, &future), 0);
    fault_arm(FAULT_MEMORY, 0);
    int result = thrum_future_result(future, &text, THRUM_FOREVER);
    check(fault_disarm());
    check_result(result, -ENOMEM);
    check(text.data == (void *)&pool && text.size == 1 && text.capacity == 2);
    check_result(thrum_future_result(future, &text, THRUM_FOREVER), 0);
    check_int(text.size, 20);
    thrum_buffer_free(&text);
    thrum_future_free(future);
    close_pool(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_result_is_copied_out_as_often_as_asked_for),
        cmocka_unit_test(a_failure_is_a_record),
        cmocka_unit_test(a_buffer_is_the_callers_copy),
        cmocka_unit_test(a_wait_in_vain_is_not_cut_short),
        cmocka_unit_test(the_callers_own_wait_can_be_called_off),
        cmocka_unit_test(many_may_wait_for_one),
        cmocka_unit_test(what_has_not_begun_can_be_called_off),
        cmocka_unit_test(a_token_calls_off_what_has_not_begun),
        cmocka_unit_test(a_token_reaches_a_task_that_runs),
        cmocka_unit_test(a_cancel_and_a_start_race),
        cmocka_unit_test(callbacks_run_once_each_in_order_where_it_finished),
        cmocka_unit_test(a_failed_task_has_its_callbacks_too),
        cmocka_unit_test(no_callback_is_missed_in_the_race_with_the_end),
        cmocka_unit_test(a_callback_can_submit),
        cmocka_unit_test(a_future_outlives_its_executor),
        cmocka_unit_test(without_memory_there_is_no_callback),
        cmocka_unit_test(without_memory_a_buffer_stays_where_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
