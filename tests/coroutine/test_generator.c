/*
 * test_generator.c - generators: Python's promises one by one, misuse, lack of memory
 */
#include "../harness.h"

#include <signal.h>

static thrum_generator *made(int (*function)(thrum_generator *self, void *arg), void *arg)
{
    thrum_generator *generator;
    check_result(
        thrum_generator_new(&generator, function, arg, .yields = sizeof(int), .receives = sizeof(int), .name = "test"),
        0);
    return generator;
}

static void is_next(thrum_generator *generator, int value)
{
    int got = -1;
    check_result(thrum_generator_next(generator, &got), 0);
    check_int(got, value);
}

static void is_over(thrum_generator *generator)
{
    int got = -1;
    check_result(thrum_generator_next(generator, &got), THRUM_STOP_ITERATION);
    check_int(got, -1);
}

static void free_clean(thrum_generator *generator)
{
    check_result(thrum_generator_free(generator), 0);
}

static enum thrum_generator_state state_of(thrum_generator *generator)
{
    enum thrum_generator_state now;
    check_result(thrum_generator_state(generator, &now), 0);
    return now;
}

/* ---- next ---- */

static int count(thrum_generator *self, void *arg)
{
    for (int i = 0; i < *(int *)arg; i++) {
        int result = thrum_yield(self, &i, NULL);
        if (result != 0)
            return result;
    }
    return 0;
}

TEST(next_gives_each_value_and_then_says_that_it_is_over)
{
    int limit = 3, code = -1;
    thrum_generator *numbers = made(count, &limit);
    check_int(state_of(numbers), THRUM_GENERATOR_CREATED);
    check_result(thrum_generator_result(numbers, &code), THRUM_EMPTY);
    for (int i = 0; i < 3; i++) {
        is_next(numbers, i);
        check_int(state_of(numbers), THRUM_GENERATOR_SUSPENDED);
    }
    is_over(numbers);
    check_int(state_of(numbers), THRUM_GENERATOR_CLOSED);
    is_over(numbers);
    is_over(numbers);
    check_result(thrum_generator_result(numbers, &code), 0);
    check_int(code, 0);
    free_clean(numbers);
}

TEST(nobody_need_want_the_value)
{
    int limit = 3;
    thrum_generator *numbers = made(count, &limit);
    check_result(thrum_generator_next(numbers, NULL), 0);
    check_result(thrum_generator_send(numbers, NULL, NULL), 0);
    is_next(numbers, 2);
    free_clean(numbers);
}

static int nothing(thrum_generator *self, void *arg)
{
    ++*(int *)arg;
    int result = thrum_yield(self, NULL, NULL);
    ++*(int *)arg;
    return result;
}

TEST(it_runs_only_when_it_is_resumed)
{
    int ran = 0;
    thrum_generator *generator;
    check_result(thrum_generator_new(&generator, nothing, &ran), 0);
    check_int(ran, 0);
    check_result(thrum_generator_next(generator, NULL), 0);
    check_int(ran, 1);
    check_result(thrum_generator_next(generator, NULL), THRUM_STOP_ITERATION);
    check_int(ran, 2);
    free_clean(generator);
}

struct large {
    char text[300];
};

static int yield_large(thrum_generator *self, void *arg)
{
    struct large mine = {"a"}, sent = {""};
    (void)arg;
    while (thrum_yield(self, &mine, &sent) == 0)
        (void)snprintf(mine.text, sizeof mine.text, "%.100s and %.100s", sent.text, sent.text);
    return 0;
}

TEST(values_have_any_size)
{
    thrum_generator *generator;
    struct large got = {""}, sent = {"x"};
    check_result(
        thrum_generator_new(&generator, yield_large, NULL, .yields = sizeof got, .receives = sizeof(struct large)), 0);
    check_result(thrum_generator_next(generator, &got), 0);
    check_str(got.text, "a");
    check_result(thrum_generator_send(generator, &sent, &got), 0);
    check_str(got.text, "x and x");
    check_result(thrum_generator_next(generator, &got), THRUM_STOP_ITERATION);
    free_clean(generator);
}

static int yield_bytes(thrum_generator *self, void *arg)
{
    (void)arg;
    for (char c = 'a'; c <= 'c'; c++) {
        int result = thrum_yield(self, &c, NULL);
        if (result != 0)
            return result;
    }
    return 0;
}

TEST(values_may_be_small)
{
    thrum_generator *generator;
    char c, text[4] = "";
    size_t n = 0;
    check_result(thrum_generator_new(&generator, yield_bytes, NULL, .yields = 1), 0);
    THRUM_FOREACH(c, generator)
    text[n++] = c;
    check_str(text, "abc");
    free_clean(generator);
}

#define SIZES 40

/* Yields what it was sent last. */
static int echo(thrum_generator *self, void *arg)
{
    unsigned char value[SIZES + 1] = {0};
    const size_t *size = arg;
    int result;
    do {
        result = thrum_yield(self, value, value);
        check_int(value[*size], 0); /* behind it nothing is touched */
    } while (result == 0);
    return 0;
}

TEST(values_of_each_size_arrive_whole)
{
    for (size_t size = 1; size <= SIZES; size++) {
        thrum_generator *generator;
        unsigned char sent[SIZES], got[SIZES + 1];
        for (size_t i = 0; i < SIZES; i++)
            sent[i] = (unsigned char)(size + i);
        memset(got, 0xee, sizeof got);
        check_result(thrum_generator_new(&generator, echo, &size, .yields = size, .receives = size), 0);
        check_result(thrum_generator_next(generator, got), 0);
        check_result(thrum_generator_send(generator, sent, got), 0);
        check(memcmp(sent, got, size) == 0);
        check_int(got[size], 0xee);
        check_result(thrum_generator_next(generator, got), THRUM_STOP_ITERATION);
        free_clean(generator);
    }
}

/* ---- send ---- */

/* Yields what it was sent, doubled; -1 for a bare next. */
static int twice(thrum_generator *self, void *arg)
{
    int value = 0, received = 12345;
    (void)arg;
    for (;;) {
        int result = thrum_yield(self, &value, &received);
        if (result == 0)
            value = 2 * received;
        else if (result == THRUM_EMPTY)
            value = -1;
        else
            return result;
        if (result == THRUM_EMPTY)
            check_int(received, 12345);
        received = 12345;
    }
}

TEST(what_is_sent_is_told_from_a_bare_next)
{
    thrum_generator *generator = made(twice, NULL);
    int got;
    is_next(generator, 0);
    for (int i = 1; i < 100; i++) {
        check_result(thrum_generator_send(generator, &i, &got), 0);
        check_int(got, 2 * i);
        is_next(generator, -1);
    }
    check_result(thrum_generator_send(generator, NULL, &got), 0);
    check_int(got, -1);
    free_clean(generator);
}

/* Asks for what is sent here, not at all, and there. */
static int ask_here_and_there(thrum_generator *self, void *arg)
{
    int here = 0, there = 0, value = 0;
    (void)arg;
    for (int i = 0; i < 9; i++) {
        int *in[] = {&here, NULL, &there};
        int result = thrum_yield(self, &value, in[i % 3]);
        if (result == THRUM_CLOSED)
            return result;
        check_result(result, in[i % 3] != NULL && i >= 6 ? THRUM_EMPTY : 0);
        value = 100 * here + there;
    }
    return 0;
}

TEST(each_yield_says_anew_where_it_wants_what_is_sent)
{
    thrum_generator *generator = made(ask_here_and_there, NULL);
    const int expected[] = {100, 100, 103, 403, 403, 406};
    int got;
    is_next(generator, 0);
    for (int i = 1; i <= 6; i++) {
        check_result(thrum_generator_send(generator, &i, &got), 0);
        check_int(got, expected[i - 1]);
    }
    is_next(generator, 406);
    is_next(generator, 406);
    check_result(thrum_generator_next(generator, &got), THRUM_STOP_ITERATION);
    free_clean(generator);
}

TEST(nothing_can_be_sent_to_one_that_has_not_begun)
{
    int limit = 1, value = 5, got = -1;
    thrum_generator *generator = made(count, &limit);
    check_result(thrum_generator_send(generator, &value, &got), -EINVAL);
    check_int(got, -1);
    check_int(state_of(generator), THRUM_GENERATOR_CREATED);
    check_result(thrum_generator_send(generator, NULL, &got), 0); /* like send(None) */
    check_int(got, 0);
    check_result(thrum_generator_send(generator, &value, &got), THRUM_STOP_ITERATION); /* nobody asked for it */
    check_result(thrum_generator_send(generator, &value, &got), THRUM_STOP_ITERATION);
    free_clean(generator);
}

TEST(nothing_can_be_sent_to_one_that_receives_nothing)
{
    int limit = 2, value = 5, got = -1;
    thrum_generator *generator;
    check_result(thrum_generator_new(&generator, count, &limit, .yields = sizeof(int)), 0);
    is_next(generator, 0);
    check_result(thrum_generator_send(generator, &value, &got), -EINVAL);
    is_next(generator, 1);
    free_clean(generator);
}

/* ---- throw, and failing ---- */

static void check_error(thrum_generator *generator, int code, const char *message)
{
    thrum_error error;
    check_result(thrum_generator_error(generator, &error), 0);
    check_int(error.outcome, THRUM_FAILED);
    check_int(error.code, code);
    check_str(error.message, message);
}

/* Counts; an error thrown into it is yielded as a value if its code is even, and passed on if not. */
static int catch_even(thrum_generator *self, void *arg)
{
    thrum_error error;
    (void)arg;
    for (int i = 0;; i++) {
        int result = thrum_yield(self, &i, NULL);
        if (result == THRUM_FAILED) {
            check_result(thrum_generator_error(self, &error), 0);
            if (error.code % 2 != 0)
                return result;
            i = error.code;
        } else if (result != 0) {
            return result;
        }
    }
}

TEST(an_error_is_thrown_into_its_yield)
{
    thrum_generator *generator = made(catch_even, NULL);
    thrum_error error = {.code = 77, .index = 4, .task = "another", .message = "no more"};
    int got = -1, code;
    is_next(generator, 0);
    check_result(thrum_generator_throw(generator, 10, NULL, &got), 0); /* it has dealt with it */
    check_int(got, 11);
    is_next(generator, 12);
    check_result(thrum_generator_throw(generator, 5, &error, &got), THRUM_FAILED);
    check_int(got, 11);
    check_error(generator, 5, "no more");
    check_result(thrum_generator_error(generator, &error), 0);
    check_str(error.task, "another");
    check_int(error.index, 4);
    is_over(generator);
    check_result(thrum_generator_result(generator, &code), 0);
    check_int(code, THRUM_FAILED);
    free_clean(generator);
}

TEST(an_error_thrown_before_it_has_begun_ends_it)
{
    int limit = 3, got = -1, code;
    thrum_generator *generator = made(count, &limit);
    check_result(thrum_generator_throw(generator, 3, NULL, &got), THRUM_FAILED);
    check_error(generator, 3, "");
    check_result(thrum_generator_result(generator, &code), THRUM_EMPTY); /* its function never ran */
    is_over(generator);
    free_clean(generator);
}

TEST(an_error_thrown_when_it_is_over_comes_back)
{
    int limit = 0, got = -1;
    thrum_generator *generator = made(count, &limit);
    is_over(generator);
    check_result(thrum_generator_throw(generator, 3, NULL, &got), THRUM_FAILED);
    check_result(thrum_generator_throw(generator, 0, NULL, &got), -EINVAL);
    is_over(generator);
    free_clean(generator);
}

static int fail_later(thrum_generator *self, void *arg)
{
    int one = 1;
    int result = thrum_yield(self, &one, NULL);
    return result != 0 ? result : thrum_generator_fail(self, 7, "%s", (const char *)arg);
}

static int fail_silently(thrum_generator *self, void *arg)
{
    (void)self;
    return *(int *)arg;
}

TEST(it_fails_once_and_says_how)
{
    char reason[] = "out of numbers";
    thrum_generator *generator = made(fail_later, reason);
    int got = -1, code = 0;
    thrum_error error;
    check_result(thrum_generator_error(generator, &error), THRUM_EMPTY);
    is_next(generator, 1);
    check_result(thrum_generator_next(generator, &got), THRUM_FAILED);
    check_error(generator, 7, "out of numbers");
    check_result(thrum_generator_error(generator, &error), 0);
    check_str(error.task, "test");
    check(error.worker == thrum_get_native_id());
    is_over(generator);
    check_result(thrum_generator_result(generator, &code), 0);
    check_int(code, 7);
    free_clean(generator);

    code = -ENOENT;
    generator = made(fail_silently, &code);
    check_result(thrum_generator_next(generator, &got), THRUM_FAILED);
    check_error(generator, -ENOENT, "");
    free_clean(generator);
}

/* ---- close and free ---- */

static int with_clean_up(thrum_generator *self, void *arg)
{
    char *log = arg;
    int zero = 0;
    int result = thrum_yield(self, &zero, NULL);
    strcat(log, result == THRUM_CLOSED ? "closed " : "went on ");
    strcat(log, thrum_yield(self, &zero, NULL) == -EINVAL ? "refused " : "yielded ");
    strcat(log, "cleaned");
    return result;
}

TEST(closed_it_cleans_up)
{
    char log[100] = "";
    int code;
    thrum_generator *generator = made(with_clean_up, log);
    is_next(generator, 0);
    check_result(thrum_generator_close(generator), 0);
    check_str(log, "closed refused cleaned");
    check_int(state_of(generator), THRUM_GENERATOR_CLOSED);
    check_result(thrum_generator_close(generator), 0);
    check_result(thrum_generator_result(generator, &code), 0);
    check_int(code, THRUM_CLOSED);
    is_over(generator);
    free_clean(generator);
}

TEST(freed_half_way_it_cleans_up)
{
    char log[100] = "";
    thrum_generator *generator = made(with_clean_up, log);
    is_next(generator, 0);
    free_clean(generator);
    check_str(log, "closed refused cleaned");
}

TEST(closed_before_it_has_begun_it_never_runs)
{
    char log[100] = "";
    thrum_generator *generator = made(with_clean_up, log);
    check_result(thrum_generator_close(generator), 0);
    is_over(generator);
    free_clean(generator);
    generator = made(with_clean_up, log);
    free_clean(generator);
    check_str(log, "");
}

static int fail_to_clean_up(thrum_generator *self, void *arg)
{
    int zero = 0;
    (void)arg;
    return thrum_yield(self, &zero, NULL) == THRUM_CLOSED ? thrum_generator_fail(self, 9, "stuck") : 0;
}

TEST(a_clean_up_that_fails_is_told)
{
    thrum_generator *generator = made(fail_to_clean_up, NULL);
    is_next(generator, 0);
    check_result(thrum_generator_close(generator), THRUM_FAILED);
    check_error(generator, 9, "stuck");
    check_result(thrum_generator_close(generator), 0);
    free_clean(generator);
    generator = made(fail_to_clean_up, NULL);
    is_next(generator, 0);
    check_result(thrum_generator_free(generator), THRUM_FAILED);
}

static int will_not_end(thrum_generator *self, void *arg)
{
    while (arg != NULL)
        *(int *)arg = thrum_yield(self, arg, NULL);
    return 0;
}

TEST(one_that_will_not_end_is_given_up)
{
    int told = 0, code;
    thrum_generator *generator = made(will_not_end, &told);
    is_next(generator, 0);
    check_result(thrum_generator_close(generator), THRUM_BROKEN);
    check_int(told, -EINVAL);
    is_over(generator);
    check_result(thrum_generator_close(generator), 0);
    check_result(thrum_generator_result(generator, &code), THRUM_EMPTY);
    free_clean(generator);
    generator = made(will_not_end, &told);
    check_result(thrum_generator_next(generator, NULL), 0);
    check_result(thrum_generator_free(generator), THRUM_BROKEN);
}

/* ---- yield from ---- */

static int chain_two(thrum_generator *self, void *arg)
{
    thrum_generator **inner = arg;
    int result = thrum_yield_from(self, inner[0]);
    if (result == 0)
        result = thrum_yield_from(self, inner[1]);
    return result;
}

TEST(yield_from_gives_all_that_the_others_give)
{
    int two = 2, three = 3, number, sum = 0, n = 0;
    thrum_generator *inner[2] = {made(count, &two), made(count, &three)};
    thrum_generator *outer = made(chain_two, inner);
    is_next(outer, 0);
    is_next(outer, 1);
    THRUM_FOREACH(number, outer)
    {
        check_int(number, n);
        sum += number;
        n++;
    }
    check_int(n, 3);
    check_int(sum, 3);
    for (int i = 0; i < 2; i++) {
        check_int(state_of(inner[i]), THRUM_GENERATOR_CLOSED);
        free_clean(inner[i]);
    }
    free_clean(outer);
}

static int from(thrum_generator *self, void *arg)
{
    return thrum_yield_from(self, arg);
}

TEST(what_is_sent_goes_through_to_the_inner_one)
{
    thrum_generator *inner = made(twice, NULL), *middle = made(from, inner), *outer = made(from, middle);
    int got;
    is_next(outer, 0);
    for (int i = 1; i < 10; i++) {
        check_result(thrum_generator_send(outer, &i, &got), 0);
        check_int(got, 2 * i);
        is_next(outer, -1);
    }
    free_clean(outer);
    check_int(state_of(middle), THRUM_GENERATOR_CLOSED); /* by closing the outer one */
    check_int(state_of(inner), THRUM_GENERATOR_CLOSED);
    free_clean(middle);
    free_clean(inner);
}

TEST(so_does_what_is_thrown)
{
    thrum_generator *inner = made(catch_even, NULL), *outer = made(from, inner);
    int got = -1;
    is_next(outer, 0);
    check_result(thrum_generator_throw(outer, 6, NULL, &got), 0);
    check_int(got, 7);
    thrum_error error = {.message = "odd"};
    check_result(thrum_generator_throw(outer, 7, &error, &got), THRUM_FAILED);
    check_error(outer, 7, "odd");
    check_error(inner, 7, "odd");
    is_over(outer);
    is_over(inner);
    free_clean(outer);
    free_clean(inner);
}

TEST(an_inner_ones_failure_is_passed_on)
{
    char reason[] = "inside";
    thrum_generator *inner = made(fail_later, reason), *outer = made(from, inner);
    int got;
    is_next(outer, 1);
    check_result(thrum_generator_next(outer, &got), THRUM_FAILED);
    check_error(outer, 7, "inside");
    free_clean(outer);
    free_clean(inner);
}

static int from_with_result(thrum_generator *self, void *arg)
{
    int result = thrum_yield_from(self, arg), code = -1;
    check_result(result, THRUM_FAILED);
    check_result(thrum_generator_result(arg, &code), 0);
    check_result(thrum_yield(self, &code, NULL), 0);
    return 0;
}

TEST(what_the_inner_function_returned_can_be_had)
{
    int code = 42;
    thrum_generator *inner = made(fail_silently, &code), *outer = made(from_with_result, inner);
    is_next(outer, 42);
    is_over(outer);
    free_clean(outer);
    free_clean(inner);
}

static int from_large(thrum_generator *self, void *arg)
{
    int *result = ((int **)arg)[1];
    return *result = thrum_yield_from(self, ((thrum_generator **)arg)[0]);
}

TEST(large_values_go_through_or_there_is_no_memory_for_them)
{
    for (int turn = 0; turn < 2; turn++) {
        struct large got = {""}, sent = {"y"};
        int result = -1;
        thrum_generator *inner, *outer;
        check_result(
            thrum_generator_new(&inner, yield_large, NULL, .yields = sizeof got, .receives = sizeof(struct large)), 0);
        void *args[2] = {inner, &result};
        check_result(
            thrum_generator_new(&outer, from_large, args, .yields = sizeof got, .receives = sizeof(struct large)), 0);
        if (turn == 1) {
            fault_arm(FAULT_MEMORY, 0);
            check_result(thrum_generator_next(outer, &got), THRUM_FAILED);
            check(fault_disarm());
            check_result(result, -ENOMEM);
        } else {
            check_result(thrum_generator_next(outer, &got), 0);
            check_result(thrum_generator_send(outer, &sent, &got), 0);
            check_str(got.text, "y and y");
        }
        (void)thrum_generator_free(outer);
        free_clean(inner);
    }
}

static int from_wrong(thrum_generator *self, void *arg)
{
    thrum_generator **others = arg;
    check_result(thrum_yield_from(self, others[0]), -EINVAL); /* yields another size */
    check_result(thrum_yield_from(self, others[1]), -EINVAL); /* receives another size */
    check_result(thrum_yield_from(self, NULL), -EINVAL);
    check_result(thrum_yield_from(self, self), -EALREADY);
    check_result(thrum_yield_from(others[2], self), -EINVAL); /* not in that one */
    check_result(thrum_yield_from(self, others[2]), 0);       /* it is over */
    return 0;
}

TEST(yield_from_what_does_not_fit_is_refused)
{
    int limit = 0;
    thrum_generator *others[3], *outer;
    check_result(thrum_generator_new(&others[0], count, &limit, .yields = 8, .receives = sizeof(int)), 0);
    check_result(thrum_generator_new(&others[1], count, &limit, .yields = sizeof(int)), 0);
    others[2] = made(count, &limit);
    outer = made(from_wrong, others);
    is_over(others[2]);
    is_over(outer);
    free_clean(outer);
    for (int i = 0; i < 3; i++)
        free_clean(others[i]);
}

/* ---- From deep, and recursion ---- */

static int visit(thrum_generator *self, int depth)
{
    volatile char frame[200];
    frame[0] = (char)depth;
    if (depth == 0)
        return 0;
    int result = visit(self, depth - 1);
    if (result == 0)
        result = thrum_yield(self, &depth, NULL);
    return result != 0 ? result : visit(self, depth - 1) + 0 * frame[0];
}

static int walk(thrum_generator *self, void *arg)
{
    return visit(self, *(int *)arg);
}

TEST(it_yields_from_within_what_it_calls)
{
    int depth = 10, value, sum = 0, n = 0;
    thrum_generator *walker = made(walk, &depth);
    THRUM_FOREACH(value, walker)
    {
        sum += value;
        n++;
    }
    check_int(n, 1023);
    check_int(sum, 2036);
    free_clean(walker);
}

/* ---- foreach ---- */

TEST(a_break_leaves_it_where_it_stands)
{
    int limit = 10, x;
    thrum_generator *numbers = made(count, &limit);
    THRUM_FOREACH(x, numbers)
    if (x == 3)
        break;
    check_int(state_of(numbers), THRUM_GENERATOR_SUSPENDED);
    int first = -1;
    THRUM_FOREACH(x, numbers)
    if (first < 0)
        first = x;
    check_int(first, 4);
    check_int(x, 9);
    free_clean(numbers);
}

static void wrong_size(void *arg)
{
    double x;
    check(freopen("/dev/null", "w", stderr) != NULL);
    THRUM_FOREACH(x, arg)
    continue;
}

TEST(a_variable_of_another_size_is_no_empty_loop)
{
    int limit = 10;
    thrum_generator *numbers = made(count, &limit);
    check_int(in_child(wrong_size, numbers), -SIGABRT);
    check_int(in_child(wrong_size, NULL), -SIGABRT);
    free_clean(numbers);
}

/* ---- Misuse ---- */

static int misuse_self(thrum_generator *self, void *arg)
{
    int got = -1, *ran = arg;
    check_result(thrum_generator_next(self, &got), -EALREADY);
    check_result(thrum_generator_send(self, &got, &got), -EALREADY);
    check_result(thrum_generator_throw(self, 1, NULL, &got), -EALREADY);
    check_result(thrum_generator_close(self), -EALREADY);
    check_result(thrum_generator_free(self), -EALREADY);
    check_result(thrum_synchronized(self), -EALREADY);
    check_int(state_of(self), THRUM_GENERATOR_RUNNING);
    check_result(thrum_generator_result(self, &got), THRUM_EMPTY);
    check_int(got, -1);
    check_result(thrum_yield(self, NULL, NULL), -EINVAL); /* a value has a size */
    ++*ran;
    return 0;
}

TEST(from_inside_itself_it_cannot_be_resumed)
{
    for (int shared = 0; shared < 2; shared++) {
        int ran = 0;
        thrum_generator *generator = made(misuse_self, &ran);
        if (shared) {
            check_result(thrum_synchronized(generator), 0);
            check_result(thrum_synchronized(generator), 0); /* again is the same */
        }
        is_over(generator);
        check_int(ran, 1);
        free_clean(generator);
    }
}

static int resume_outer(thrum_generator *self, void *arg)
{
    int got = -1;
    (void)self;
    check_result(thrum_generator_next(arg, &got), -EALREADY);
    check_result(thrum_yield(arg, &got, NULL), -EINVAL); /* it is not ours to have stand still */
    return 0;
}

static int run_inner(thrum_generator *self, void *arg)
{
    (void)arg;
    thrum_generator *inner = made(resume_outer, self);
    is_over(inner);
    free_clean(inner);
    return 0;
}

TEST(from_inside_another_that_it_runs_neither)
{
    thrum_generator *outer = made(run_inner, NULL);
    is_over(outer);
    check_result(thrum_synchronized(outer), 0);
    free_clean(outer);
    outer = made(run_inner, NULL);
    check_result(thrum_synchronized(outer), 0);
    is_over(outer);
    free_clean(outer);
}

TEST(outside_of_it_there_is_no_yield)
{
    int limit = 3, value = 1;
    thrum_generator *generator = made(count, &limit);
    check_result(thrum_yield(generator, &value, NULL), -EINVAL);
    is_next(generator, 0);
    check_result(thrum_yield(generator, &value, NULL), -EINVAL);
    check_result(thrum_yield_from(generator, generator), -EINVAL);
    check_int(thrum_generator_fail(generator, 5, "not ours"), 5);
    thrum_error error;
    check_result(thrum_generator_error(generator, &error), THRUM_EMPTY);
    free_clean(generator);
}

TEST(null_is_refused)
{
    int value = 0;
    thrum_error error;
    enum thrum_generator_state now;
    thrum_generator *generator = NULL;
    check_result(thrum_generator_new(&generator, NULL, NULL), -EINVAL);
    check_result(thrum_generator_next(NULL, &value), -EINVAL);
    check_result(thrum_generator_send(NULL, &value, &value), -EINVAL);
    check_result(thrum_generator_throw(NULL, 1, NULL, &value), -EINVAL);
    check_result(thrum_generator_close(NULL), -EINVAL);
    check_result(thrum_generator_free(NULL), 0);
    check_result(thrum_generator_result(NULL, &value), -EINVAL);
    check_result(thrum_generator_error(NULL, &error), -EINVAL);
    check_result(thrum_generator_state(NULL, &now), -EINVAL);
    check_result(thrum_synchronized(NULL), -EINVAL);
    check_result(thrum_yield(NULL, &value, NULL), -EINVAL);
    check_result(thrum_yield_from(NULL, NULL), -EINVAL);
    check_int(thrum_generator_fail(NULL, 3, "nobody"), 3);
    check(generator == NULL);
}

TEST(options_are_checked)
{
    thrum_generator *generator = NULL;
    int limit = 1;
    struct {
        thrum_generator_options known;
        size_t unknown;
    } newer = {{.size = sizeof newer}, 1};
    check_result(thrum_generator_new_with(&generator, count, &limit, &newer.known), -EINVAL);
    check_result(thrum_generator_new(&generator, count, &limit, .stack_size = 4095), -EINVAL);
    check_result(thrum_generator_new(&generator, count, &limit, .stack_size = SIZE_MAX), -ENOMEM);
    check(generator == NULL);
    newer.unknown = 0;
    newer.known.yields = sizeof(int);
    check_result(thrum_generator_new_with(&generator, count, &limit, &newer.known), 0);
    is_next(generator, 0);
    free_clean(generator);
    check_result(thrum_generator_new_with(&generator, count, &limit, NULL), 0);
    check_result(thrum_generator_next(generator, NULL), 0);
    free_clean(generator);
}

TEST(a_stack_may_be_larger)
{
    int depth = 3, value, n = 0;
    thrum_generator *generator;
    check_result(thrum_generator_new(&generator, walk, &depth, .yields = sizeof(int), .stack_size = 1 << 20), 0);
    THRUM_FOREACH(value, generator)
    n++;
    check_int(n, 7);
    free_clean(generator);
}

/* ---- Threads ---- */

struct shared {
    thrum_generator *generator;
    thrum_event inside, go_on;
};

static int hold_still(thrum_generator *self, void *arg)
{
    struct shared *shared = arg;
    int zero = 0;
    thrum_event_set(&shared->inside);
    check_result(thrum_event_wait(&shared->go_on, THRUM_FOREVER), 0);
    return thrum_yield(self, &zero, NULL);
}

static int run_next(void *arg)
{
    struct shared *shared = arg;
    int got;
    return thrum_generator_next(shared->generator, &got);
}

TEST(while_another_thread_is_in_it_it_cannot_be_resumed)
{
    struct shared shared = {.generator = NULL};
    int got = -1;
    shared.generator = made(hold_still, &shared);
    thrum_thread *thread = start(run_next, &shared, NULL);
    check_result(thrum_event_wait(&shared.inside, THRUM_FOREVER), 0);
    check_result(thrum_generator_next(shared.generator, &got), -EALREADY);
    check_result(thrum_generator_close(shared.generator), -EALREADY);
    check_result(thrum_generator_free(shared.generator), -EALREADY);
    check_int(state_of(shared.generator), THRUM_GENERATOR_RUNNING);
    check_result(thrum_yield(shared.generator, &got, NULL), -EINVAL);
    thrum_event_set(&shared.go_on);
    check_int(finish(thread), 0);
    is_over(shared.generator);
    free_clean(shared.generator);
}

TEST(synchronized_the_second_waits_for_its_turn)
{
    struct shared shared = {.generator = NULL};
    shared.generator = made(hold_still, &shared);
    check_result(thrum_synchronized(shared.generator), 0);
    thrum_thread *first = start(run_next, &shared, NULL);
    check_result(thrum_event_wait(&shared.inside, THRUM_FOREVER), 0);
    thrum_thread *second = start(run_next, &shared, NULL);
    settle(thrum_thread_native_id(second));
    thrum_event_set(&shared.go_on);
    check_int(finish(first), 0);
    check_int(finish(second), THRUM_STOP_ITERATION);
    free_clean(shared.generator);
}

static int sum_up(void *arg)
{
    int number, sum = 0;
    THRUM_FOREACH(number, arg)
    sum += number;
    return sum;
}

TEST(synchronized_each_value_goes_to_one_thread)
{
    int limit = ROUNDS(10000), sum = 0;
    thrum_generator *numbers = made(count, &limit);
    thrum_thread *threads[4];
    check_result(thrum_synchronized(numbers), 0);
    for (int i = 0; i < 4; i++)
        threads[i] = start(sum_up, numbers, NULL);
    for (int i = 0; i < 4; i++)
        sum += finish(threads[i]);
    check_int(sum, (intmax_t)limit * (limit - 1) / 2);
    free_clean(numbers);
}

static int take_lock(thrum_generator *self, void *arg)
{
    int zero = 0;
    check_result(thrum_lock_acquire(arg, THRUM_FOREVER), 0);
    int result = thrum_yield(self, &zero, NULL);
    check_result(thrum_lock_release(arg), 0);
    return result;
}

TEST(a_lock_that_it_takes_is_its_resumers)
{
    thrum_lock lock = THRUM_LOCK_INIT;
    thrum_generator *generator = made(take_lock, &lock);
    is_next(generator, 0);
    check_result(thrum_lock_release(&lock), 0);
    check_result(thrum_lock_acquire(&lock, THRUM_NOWAIT), 0);
    is_over(generator);
    check(!thrum_lock_locked(&lock));
    free_clean(generator);
}

static int wait_for_ever(thrum_generator *self, void *arg)
{
    (void)self;
    return thrum_event_wait(arg, THRUM_FOREVER);
}

static int fail_when_cancelled(void *arg)
{
    int got;
    return thrum_generator_next(arg, &got);
}

TEST(its_waits_are_called_off_by_its_resumers_token)
{
    thrum_event event = THRUM_EVENT_INIT;
    thrum_generator *generator = made(wait_for_ever, &event);
    thrum_token *token;
    check_result(thrum_token_new(&token), 0);
    thrum_thread *thread = start(fail_when_cancelled, generator, token);
    settle(thrum_thread_native_id(thread));
    thrum_token_cancel(token);
    check_int(finish(thread), THRUM_FAILED);
    check_error(generator, THRUM_CANCELLED, "");
    thrum_token_free(token);
    free_clean(generator);
}

/* ---- Memory ---- */

/* So many that it takes new memory, each request for which is refused in turn. */
TEST(without_memory_none_is_made)
{
    enum { MANY = 3000 };
    static thrum_generator *all[MANY];
    bool came = true;
    int limit = 1;
    for (unsigned n = 0; came; n++) {
        int count_made = 0, result = 0;
        fault_arm(FAULT_MEMORY, n);
        while (count_made < MANY && result == 0) {
            all[count_made] = NULL;
            result = thrum_generator_new(&all[count_made], count, &limit, .yields = sizeof(int), .stack_size = 300000);
            count_made += result == 0;
        }
        came = fault_disarm();
        check_result(result, came ? -ENOMEM : 0);
        if (came)
            check(all[count_made] == NULL);
        for (int i = 0; i < count_made; i++) {
            if (i % 100 == 0)
                is_next(all[i], 0);
            free_clean(all[i]);
        }
        check(n < 50);
    }
}

TEST(many_are_made_and_dropped)
{
    int limit = 5;
    for (int i = 0; i < ROUNDS(100000); i++) {
        thrum_generator *generator = made(count, &limit);
        if (i % 3 != 0)
            is_next(generator, 0);
        free_clean(generator);
    }
}

static void use_in_child(void *arg)
{
    is_next(arg, 1);
    is_next(arg, 2);
    is_over(arg);
    free_clean(arg);
}

TEST(a_forked_child_goes_on_with_its_own_copy)
{
    int limit = 3;
    thrum_generator *numbers = made(count, &limit);
    is_next(numbers, 0);
    check_int(in_child(use_in_child, numbers), 0);
    use_in_child(numbers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(next_gives_each_value_and_then_says_that_it_is_over),
        cmocka_unit_test(nobody_need_want_the_value),
        cmocka_unit_test(it_runs_only_when_it_is_resumed),
        cmocka_unit_test(values_have_any_size),
        cmocka_unit_test(values_may_be_small),
        cmocka_unit_test(values_of_each_size_arrive_whole),
        cmocka_unit_test(what_is_sent_is_told_from_a_bare_next),
        cmocka_unit_test(each_yield_says_anew_where_it_wants_what_is_sent),
        cmocka_unit_test(nothing_can_be_sent_to_one_that_has_not_begun),
        cmocka_unit_test(nothing_can_be_sent_to_one_that_receives_nothing),
        cmocka_unit_test(an_error_is_thrown_into_its_yield),
        cmocka_unit_test(an_error_thrown_before_it_has_begun_ends_it),
        cmocka_unit_test(an_error_thrown_when_it_is_over_comes_back),
        cmocka_unit_test(it_fails_once_and_says_how),
        cmocka_unit_test(closed_it_cleans_up),
        cmocka_unit_test(freed_half_way_it_cleans_up),
        cmocka_unit_test(closed_before_it_has_begun_it_never_runs),
        cmocka_unit_test(a_clean_up_that_fails_is_told),
        cmocka_unit_test(one_that_will_not_end_is_given_up),
        cmocka_unit_test(yield_from_gives_all_that_the_others_give),
        cmocka_unit_test(what_is_sent_goes_through_to_the_inner_one),
        cmocka_unit_test(so_does_what_is_thrown),
        cmocka_unit_test(an_inner_ones_failure_is_passed_on),
        cmocka_unit_test(what_the_inner_function_returned_can_be_had),
        cmocka_unit_test(large_values_go_through_or_there_is_no_memory_for_them),
        cmocka_unit_test(yield_from_what_does_not_fit_is_refused),
        cmocka_unit_test(it_yields_from_within_what_it_calls),
        cmocka_unit_test(a_break_leaves_it_where_it_stands),
        cmocka_unit_test(a_variable_of_another_size_is_no_empty_loop),
        cmocka_unit_test(from_inside_itself_it_cannot_be_resumed),
        cmocka_unit_test(from_inside_another_that_it_runs_neither),
        cmocka_unit_test(outside_of_it_there_is_no_yield),
        cmocka_unit_test(null_is_refused),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(a_stack_may_be_larger),
        cmocka_unit_test(while_another_thread_is_in_it_it_cannot_be_resumed),
        cmocka_unit_test(synchronized_the_second_waits_for_its_turn),
        cmocka_unit_test(synchronized_each_value_goes_to_one_thread),
        cmocka_unit_test(a_lock_that_it_takes_is_its_resumers),
        cmocka_unit_test(its_waits_are_called_off_by_its_resumers_token),
        cmocka_unit_test(without_memory_none_is_made),
        cmocka_unit_test(many_are_made_and_dropped),
        cmocka_unit_test(a_forked_child_goes_on_with_its_own_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
