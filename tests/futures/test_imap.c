/*
 * test_imap.c - one task over many inputs, results one by one
 */
#include "pools.h"

#include <sched.h>

static atomic_int runs, running;

static int square(const int *x, int64_t *y)
{
    atomic_fetch_add(&runs, 1);
    atomic_fetch_add(&running, 1);
    *y = (int64_t)*x * *x;
    atomic_fetch_sub(&running, 1);
    return *x % 10 == 9 ? thrum_fail(9, "%d will not do", *x) : 0;
}
THRUM_TASK(square, int, int64_t);

enum { N = 1000 };
static int inputs[N];

static int fill_inputs(void **state)
{
    (void)state;
    for (int i = 0; i < N; i++)
        inputs[i] = i;
    return 0;
}

/* Take the result that is next and check it against its input. Returns which one it was, or -1 for none. */
static int take(thrum_map_iterator *iterator)
{
    size_t index = 77777;
    int64_t y = -1;
    thrum_error error;
    memset(&error, 0xff, sizeof error);
    int result = thrum_map_iterator_next(iterator, &index, &y, &error, THRUM_FOREVER);
    if (result == THRUM_STOP_ITERATION) {
        check_int(index, 77777);
        return -1;
    }
    check(index < N);
    int x = inputs[index];
    check_result(result, x % 10 == 9 ? THRUM_FAILED : 0);
    check_int(y, result ? -1 : (int64_t)x * x);
    check_int(error.outcome, result);
    if (result) {
        char message[64];
        snprintf(message, sizeof message, "%d will not do", x);
        check_int(error.index, index);
        check_int(error.code, 9);
        check_str(error.task, "square");
        check_str(error.message, message);
        check(error.worker != 0);
    }
    return (int)index;
}

static void check_finished(thrum_map_iterator *iterator)
{
    for (int i = 0; i < 3; i++)
        check_result(thrum_map_iterator_next(iterator, NULL, NULL, NULL, THRUM_FOREVER), THRUM_STOP_ITERATION);
    check_result(thrum_map_iterator_next(iterator, NULL, NULL, NULL, THRUM_NOWAIT), THRUM_STOP_ITERATION);
    thrum_map_iterator_free(iterator);
}

static const size_t windows[] = {0, 1, 2, 7, N + 5};
#define FOR_EACH_WINDOW(window) \
    for (const size_t *window = windows; window < windows + sizeof windows / sizeof windows[0]; window++)

/* ---- All of it ------------------------------------------------------------------------ */

TEST(results_come_in_order)
{
    FOR_EACH_SPEC(spec)
    {
        thrum_executor *pool = open_pool(*spec);
        FOR_EACH_WINDOW(window)
        {
            thrum_map_iterator *iterator;
            check_result(thrum_imap(pool, square, inputs, N, &iterator, .window = *window), 0);
            for (int i = 0; i < N; i++)
                check_int(take(iterator), i);
            check_int(take(iterator), -1);
            check_finished(iterator);
        }
        close_pool(pool);
    }
}

TEST(unordered_each_comes_once)
{
    FOR_EACH_SPEC(spec)
    {
        thrum_executor *pool = open_pool(*spec);
        FOR_EACH_WINDOW(window)
        {
            thrum_map_iterator *iterator;
            bool seen[N] = {false};
            check_result(thrum_imap(pool, square, inputs, N, &iterator, .window = *window, .unordered = true), 0);
            for (int i = 0; i < N; i++) {
                int index = take(iterator);
                check(index >= 0 && !seen[index]);
                seen[index] = true;
            }
            check_finished(iterator);
        }
        close_pool(pool);
    }
}

static gate_ref gate_of_first;

/* The first input's task is held up. */
static int hold_first(const int *x, int *y)
{
    *y = *x;
    return *x == 0 ? thrum_event_wait(&gate_of_first->go, THRUM_FOREVER) : 0;
}
THRUM_TASK(hold_first, int, int);

/* In order everything waits behind the first; unordered it does not. */
TEST(unordered_does_not_wait_for_the_slow_one)
{
    thrum_executor *pool = open_pool("threads:2");
    for (int round = 0; round < ROUNDS(50); round++) {
        struct gate gate = {.passed = 0};
        thrum_map_iterator *iterator;
        size_t index;
        gate_of_first = &gate;
        check_result(thrum_imap(pool, hold_first, inputs, 20, &iterator, .window = 4, .unordered = true), 0);
        for (int i = 1; i < 20; i++) {
            check_result(thrum_map_iterator_next(iterator, &index, NULL, NULL, THRUM_FOREVER), 0);
            check_int(index, i); /* the one other worker takes them in order */
        }
        check_result(thrum_map_iterator_next(iterator, &index, NULL, NULL, thrum_seconds(0.001)), THRUM_TIMEOUT);
        thrum_event_set(&gate.go);
        check_result(thrum_map_iterator_next(iterator, &index, NULL, NULL, THRUM_FOREVER), 0);
        check_int(index, 0);
        check_finished(iterator);
    }
    close_pool(pool);
}

TEST(a_wait_in_vain_is_not_cut_short)
{
    thrum_executor *pool = open_pool("threads:2");
    struct gate gate = {.passed = 0};
    thrum_map_iterator *iterator;
    size_t index = 77;
    int y = 78;
    thrum_error error = {.code = 79};
    gate_of_first = &gate;
    check_result(thrum_imap(pool, hold_first, inputs, 10, &iterator), 0);
    check_result(thrum_map_iterator_next(iterator, &index, &y, &error, THRUM_NOWAIT), THRUM_TIMEOUT);
    int64_t before = thrum_monotonic_ns();
    check_result(thrum_map_iterator_next(iterator, &index, &y, &error, thrum_seconds(0.02)), THRUM_TIMEOUT);
    check(thrum_monotonic_ns() - before >= 20 * MILLISECOND);
    check_result(thrum_map_iterator_next(iterator, &index, &y, &error, thrum_seconds(-1)), -EINVAL);
    check(index == 77 && y == 78 && error.code == 79);

    thrum_token *token; /* and the caller's own wait called off */
    check_result(thrum_token_new(&token), 0);
    thrum_token_cancel(token);
    thrum_token_set(token);
    check_result(thrum_map_iterator_next(iterator, NULL, NULL, NULL, THRUM_FOREVER), THRUM_CANCELLED);
    check_result(thrum_map_iterator_next(iterator, &index, &y, &error, THRUM_FOREVER), THRUM_CANCELLED);
    check(index == SIZE_MAX && y == 78);
    thrum_token_set(NULL);
    thrum_token_free(token);

    thrum_event_set(&gate.go);
    for (int i = 0; i < 10; i++) {
        check_result(thrum_map_iterator_next(iterator, &index, &y, NULL, THRUM_FOREVER), 0);
        check(index == (size_t)i && y == i);
    }
    check_finished(iterator);
    close_pool(pool);
}

TEST(no_inputs_no_results)
{
    FOR_EACH_SPEC(spec)
    {
        thrum_executor *pool = open_pool(*spec);
        for (int unordered = 0; unordered < 2; unordered++) {
            thrum_map_iterator *iterator;
            check_result(thrum_imap(pool, square, inputs, 0, &iterator, .unordered = (uint32_t)unordered), 0);
            check_finished(iterator);
        }
        thrum_map_iterator_free(NULL);
        close_pool(pool);
    }
}

/* ---- A part of it ------------------------------------------------------------------------ */

/* At most the window is under way or not yet taken, however long the consumer stays away. */
TEST(the_window_bounds_what_is_run_ahead)
{
    FOR_EACH_SPEC(spec)
    {
        thrum_executor *pool = open_pool(*spec);
        for (int unordered = 0; unordered < 2; unordered++) {
            for (int window = 1; window <= 5; window += 2) {
                thrum_map_iterator *iterator;
                atomic_store(&runs, 0);
                check_result(thrum_imap(pool, square, inputs, N, &iterator, .window = (size_t)window,
                                        .unordered = (uint32_t)unordered),
                             0);
                for (int taken = 1; taken <= 50; taken++) {
                    check(take(iterator) >= 0);
                    check(atomic_load(&runs) <= taken + window);
                }
                for (int i = 0; i < 100; i++) {
                    sched_yield();
                    check(atomic_load(&runs) <= 50 + window);
                }
                thrum_map_iterator_free(iterator);
                check(atomic_load(&runs) <= 50 + window);
            }
        }
        close_pool(pool);
    }
}

/* It stays one step ahead of the consumer at most: there is nobody else to do the work meanwhile. */
TEST(serial_does_not_run_ahead)
{
    thrum_executor *pool = open_pool("serial");
    thrum_map_iterator *iterator;
    atomic_store(&runs, 0);
    check_result(thrum_imap(pool, square, inputs, N, &iterator), 0);
    for (int taken = 1; taken <= 20; taken++) {
        check_int(take(iterator), taken - 1);
        check(atomic_load(&runs) <= taken + 1);
    }
    thrum_map_iterator_free(iterator);
    close_pool(pool);
}

TEST(given_up_half_way_nothing_of_it_runs_any_more)
{
    FOR_EACH_SPEC(spec)
    {
        thrum_executor *pool = open_pool(*spec);
        for (int round = 0; round < ROUNDS(300); round++) {
            thrum_map_iterator *iterator;
            check_result(thrum_imap(pool, square, inputs, N, &iterator, .unordered = (uint32_t)round % 2), 0);
            for (int i = 0; i < round % 20; i++)
                check(take(iterator) >= 0);
            thrum_map_iterator_free(iterator);
            int ran = atomic_load(&runs);
            check_int(atomic_load(&running), 0);
            sched_yield();
            check_int(atomic_load(&runs), ran);
        }
        close_pool(pool);
    }
}

/* Those that run are waited for, also by one that has been called off. */
TEST(giving_up_waits_for_those_that_run)
{
    thrum_executor *pool = open_pool("threads:2");
    thrum_token *token;
    check_result(thrum_token_new(&token), 0);
    thrum_token_cancel(token);
    for (int round = 0; round < ROUNDS(100); round++) {
        struct gate gate = {.passed = 0};
        gate_ref gates[4] = {&gate, &gate, &gate, &gate};
        thrum_map_iterator *iterator;
        check_result(thrum_imap(pool, pass_gate, gates, 4, &iterator, .window = 1), 0);
        check_result(thrum_map_iterator_next(iterator, NULL, NULL, NULL, THRUM_NOWAIT), THRUM_TIMEOUT);
        check_result(thrum_event_wait(&gate.begun, THRUM_FOREVER), 0);
        thrum_event_set(&gate.go);
        thrum_token_set(token);
        thrum_map_iterator_free(iterator);
        check(thrum_token_set(NULL) == token);
        check_int(atomic_load(&gate.passed), 1);
    }
    thrum_token_free(token);
    close_pool(pool);
}

static int lengthen(const thrum_bytes *word, thrum_buffer *text)
{
    for (int i = 0; i < 3; i++)
        if (thrum_buffer_append(text, word->data, word->size) != 0)
            return 1;
    return 0;
}
THRUM_TASK(lengthen, thrum_bytes, thrum_buffer);

/* What is taken is the caller's to free, what is not taken the iterator's. */
TEST(outputs_of_any_length_have_one_owner)
{
    char letters[100];
    thrum_bytes words[100];
    memset(letters, 'z', sizeof letters);
    for (size_t i = 0; i < 100; i++)
        words[i] = (thrum_bytes){letters, i};
    FOR_EACH_SPEC(spec)
    {
        thrum_executor *pool = open_pool(*spec);
        for (uint32_t unordered = 0; unordered < 2; unordered++) {
            thrum_map_iterator *iterator;
            check_result(thrum_imap(pool, lengthen, words, 100, &iterator, .unordered = unordered), 0);
            for (int i = 0; i < 60; i++) {
                thrum_buffer text = {0};
                size_t index;
                if (i % 3 == 0) {
                    check_result(thrum_map_iterator_next(iterator, &index, NULL, NULL, THRUM_FOREVER), 0);
                    continue;
                }
                check_result(thrum_map_iterator_next(iterator, &index, &text, NULL, THRUM_FOREVER), 0);
                check_int(text.size, 3 * index);
                thrum_buffer_free(&text);
            }
            thrum_map_iterator_free(iterator);
        }
        close_pool(pool);
    }
}

/* ---- Called off ----------------------------------------------------------------------------- */

TEST(a_token_calls_off_what_has_not_begun)
{
    FOR_EACH_SPEC(spec)
    {
        thrum_executor *pool = open_pool(*spec);
        for (uint32_t unordered = 0; unordered < 2; unordered++) {
            thrum_map_iterator *iterator;
            thrum_token *token;
            int done = 0, cancelled = 0;
            bool seen[N] = {false};
            check_result(thrum_token_new(&token), 0);
            check_result(
                thrum_imap(pool, square, inputs, N, &iterator, .token = token, .window = 4, .unordered = unordered), 0);
            for (int i = 0; i < N; i++) {
                size_t index = N;
                thrum_error error = {.outcome = 77};
                if (i == 10)
                    thrum_token_cancel(token);
                int result = thrum_map_iterator_next(iterator, &index, NULL, &error, THRUM_FOREVER);
                check(index < N && !seen[index]);
                seen[index] = true;
                check_int(error.outcome, result);
                cancelled += result == THRUM_CANCELLED;
                done += result == 0 || result == THRUM_FAILED;
                check(result != THRUM_CANCELLED || (error.index == index && error.worker == 0));
            }
            check_int(done + cancelled, N);
            check(done >= 10 && done <= 10 + 4);
            check_finished(iterator);
            thrum_token_free(token);
        }
        close_pool(pool);
    }
}

/* ---- Misuse and faults ------------------------------------------------------------------------- */

TEST(without_memory_there_is_no_iterator)
{
    FOR_EACH_SPEC(spec)
    {
        thrum_executor *pool = open_pool(*spec);
        for (unsigned n = 0;; n++) {
            thrum_map_iterator *iterator = NULL;
            atomic_store(&runs, 0);
            fault_arm(FAULT_MEMORY, n);
            int result = thrum_imap(pool, square, inputs, N, &iterator);
            if (!fault_disarm()) {
                check_result(result, 0);
                thrum_map_iterator_free(iterator);
                break;
            }
            check_result(result, -ENOMEM);
            check(iterator == NULL);
            check_int(atomic_load(&runs), 0);
        }
        close_pool(pool);
    }
}

/* Once it is there, it needs no more: each result is the same. */
TEST(an_iterator_allocates_once)
{
    FOR_EACH_SPEC(spec)
    {
        thrum_executor *pool = open_pool(*spec);
        thrum_map_iterator *iterator;
        check_result(thrum_imap(pool, square, inputs, N, &iterator), 0);
        check_int(take(iterator), 0); /* by now thrum knows all these threads */
        for (int i = 1; i < N; i++) {
            fault_arm(FAULT_MEMORY, 0);
            check_int(take(iterator), i);
            fault_disarm();
        }
        check_finished(iterator);
        close_pool(pool);
    }
}

TEST(bad_options_are_refused)
{
    thrum_executor *pool = open_pool("serial");
    thrum_map_iterator *iterator = NULL;
    check_result(thrum_imap(pool, square, inputs, SIZE_MAX / 2, &iterator), -EINVAL);
    check(iterator == NULL);
    close_pool(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_come_in_order),
        cmocka_unit_test(unordered_each_comes_once),
        cmocka_unit_test(unordered_does_not_wait_for_the_slow_one),
        cmocka_unit_test(a_wait_in_vain_is_not_cut_short),
        cmocka_unit_test(no_inputs_no_results),
        cmocka_unit_test(the_window_bounds_what_is_run_ahead),
        cmocka_unit_test(serial_does_not_run_ahead),
        cmocka_unit_test(given_up_half_way_nothing_of_it_runs_any_more),
        cmocka_unit_test(giving_up_waits_for_those_that_run),
        cmocka_unit_test(outputs_of_any_length_have_one_owner),
        cmocka_unit_test(a_token_calls_off_what_has_not_begun),
        cmocka_unit_test(without_memory_there_is_no_iterator),
        cmocka_unit_test(an_iterator_allocates_once),
        cmocka_unit_test(bad_options_are_refused),
    };
    return cmocka_run_group_tests(tests, fill_inputs, NULL);
}
