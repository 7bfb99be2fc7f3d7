/*
 * test_map.c - one task over many inputs, into an array
 */
#include "pools.h"

#include <sched.h>

#define THREADS 4

static atomic_int runs, running; /* how often a task ran, how many do now */

static int square(const int *x, int64_t *y)
{
    *y = (int64_t)*x * *x;
    return 0;
}
THRUM_TASK(square, int, int64_t);

/* Fails, after it has written its output, where the input is below zero. */
static int picky(const int *x, int64_t *y)
{
    atomic_fetch_add(&runs, 1);
    *y = *x;
    return *x < 0 ? thrum_fail(-*x, "%d will not do", *x) : 0;
}
THRUM_TASK(picky, int, int64_t);

static int *range_of(int n)
{
    int *numbers = calloc((size_t)n, sizeof *numbers);
    for (int i = 0; i < n; i++)
        numbers[i] = i + 1;
    return numbers;
}

/* ---- Success ------------------------------------------------------------------------ */

static void map_squares(thrum_executor *pool, int n, size_t window, size_t chunksize)
{
    int *x = range_of(n);
    int64_t *y = malloc((size_t)n * sizeof *y);
    memset(y, 0xaa, (size_t)n * sizeof *y);
    thrum_error error = {.code = 99};
    check_result(thrum_map(pool, square, x, y, (size_t)n, .window = window, .chunksize = chunksize, .error = &error),
                 0);
    for (int i = 0; i < n; i++)
        check_int(y[i], (int64_t)x[i] * x[i]);
    check_int(error.code, 99); /* there was none to tell */
    free(x);
    free(y);
}

TEST(each_output_stands_beside_its_input)
{
    static const int sizes[] = {1, 2, 3, 10, 1000, 100000};
    static const size_t windows[] = {0, 1, 2, 1000000}, chunks[] = {0, 1, 7, 1000000};
    FOR_EACH_SPEC(spec)
    {
        thrum_executor *pool = open_pool(*spec);
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
            for (size_t w = 0; w < 4; w++)
                for (size_t c = 0; c < 4; c++)
                    map_squares(pool, sizes[s] == 100000 && (w > 0 || c > 1) ? ROUNDS(5000) : sizes[s], windows[w],
                                chunks[c]);
        close_pool(pool);
    }
}

TEST(nothing_is_soon_done)
{
    FOR_EACH_SPEC(spec)
    {
        thrum_executor *pool = open_pool(*spec);
        int x = 1;
        int64_t y = 99;
        check_result(thrum_map(pool, square, &x, &y, 0), 0);
        check_int(y, 99);
        thrum_error errors[1];
        check_result(thrum_map(pool, square, (int *)NULL, (int64_t *)NULL, 0, .errors = errors, .window = 3), 0);
        close_pool(pool);
    }
}

static int lengthen(const thrum_bytes *word, thrum_buffer *text)
{
    for (int i = 0; i < 3; i++)
        if (thrum_buffer_append(text, word->data, word->size) != 0)
            return 1;
    return 0;
}
THRUM_TASK(lengthen, thrum_bytes, thrum_buffer);

TEST(outputs_of_any_length_are_the_callers)
{
    FOR_EACH_SPEC(spec)
    {
        thrum_executor *pool = open_pool(*spec);
        thrum_bytes words[200];
        thrum_buffer texts[200];
        char letters[200];
        memset(letters, 'z', sizeof letters);
        memset(texts, 0xaa, sizeof texts);
        for (size_t i = 0; i < 200; i++)
            words[i] = (thrum_bytes){letters, i};
        check_result(thrum_map(pool, lengthen, words, texts, 200), 0);
        for (size_t i = 0; i < 200; i++) {
            check_int(texts[i].size, 3 * i);
            check(i == 0 || memcmp(texts[i].data, letters, i) == 0);
            thrum_buffer_free(&texts[i]);
        }
        close_pool(pool);
    }
}

struct mapping {
    thrum_executor *pool;
    int rounds;
};

static int map_often(void *arg)
{
    struct mapping *mapping = arg;
    for (int i = 0; i < mapping->rounds; i++)
        map_squares(mapping->pool, 1 + i * 37 % 500, (size_t)i % 3, (size_t)i % 4);
    return 0;
}

TEST(many_threads_map_at_once)
{
    FOR_EACH_SPEC(spec)
    {
        struct mapping mapping = {open_pool(*spec), ROUNDS(200)};
        thrum_thread *threads[THREADS];
        for (size_t i = 0; i < THREADS; i++)
            threads[i] = start(map_often, &mapping, NULL);
        for (size_t i = 0; i < THREADS; i++)
            check_int(finish(threads[i]), 0);
        close_pool(mapping.pool);
    }
}

/* ---- The window ------------------------------------------------------------------------ */

static atomic_int most;

static int meet(const int *x, int *y)
{
    int now = atomic_fetch_add(&running, 1) + 1, seen = atomic_load(&most);
    while (now > seen && !atomic_compare_exchange_weak(&most, &seen, now))
        continue;
    for (int i = 0; i < 20; i++)
        sched_yield();
    atomic_fetch_sub(&running, 1);
    *y = *x;
    return 0;
}
THRUM_TASK(meet, int, int);

TEST(no_more_run_at_once_than_the_window_and_the_workers_allow)
{
    static const struct {
        const char *spec;
        size_t window;
        int most;
    } cases[] = {{"threads:4", 1, 1}, {"threads:4", 2, 2}, {"threads:2", 0, 2}, {"threads:1", 8, 1}, {"serial", 8, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        thrum_executor *pool = open_pool(cases[i].spec);
        int *x = range_of(500), y[500];
        atomic_store(&most, 0);
        check_result(thrum_map(pool, meet, x, y, 500, .window = cases[i].window, .chunksize = 1), 0);
        check(atomic_load(&most) <= cases[i].most);
        free(x);
        close_pool(pool);
    }
}

typedef struct rendezvous {
    thrum_event *mine, *others;
} rendezvous;

static int see_each_other(const rendezvous *place, int *y)
{
    thrum_event_set(place->mine);
    *y = 1;
    return thrum_event_wait(place->others, thrum_seconds(30));
}
THRUM_TASK(see_each_other, rendezvous, int);

/* Two tasks that wait for each other come to an end only if both run at once. */
TEST(tasks_run_at_once_on_several_workers)
{
    thrum_executor *pool = open_pool("threads:2");
    for (int round = 0; round < ROUNDS(200); round++) {
        thrum_event events[2] = {THRUM_EVENT_INIT, THRUM_EVENT_INIT};
        rendezvous places[2] = {{&events[0], &events[1]}, {&events[1], &events[0]}};
        int y[2];
        if (round % 2)
            settle_others(); /* so that both workers have to be woken */
        check_result(thrum_map(pool, see_each_other, places, y, 2), 0);
    }
    close_pool(pool);
}

/* ---- Failure ---------------------------------------------------------------------------- */

TEST(the_first_failure_stops_the_rest)
{
    enum { N = 100000, BAD = 10 };
    int *x = range_of(N);
    int64_t *y = malloc(N * sizeof *y);
    x[BAD] = -5;
    FOR_EACH_SPEC(spec)
    {
        thrum_executor *pool = open_pool(*spec);
        for (size_t chunk = 0; chunk < 3; chunk++) {
            thrum_error error = {.outcome = 0};
            atomic_store(&runs, 0);
            memset(y, 0xaa, N * sizeof *y);
            check_result(thrum_map(pool, picky, x, y, N, .error = &error, .chunksize = chunk), THRUM_FAILED);
            check_int(error.outcome, THRUM_FAILED);
            check_int(error.code, 5);
            check_int(error.index, BAD);
            check_str(error.task, "picky");
            check_str(error.message, "-5 will not do");
            check(error.worker != 0);
            int ran = 0;
            for (int i = 0; i < N; i++) {
                check(y[i] == 0 || (y[i] == x[i] && i != BAD));
                ran += y[i] != 0;
            }
            check_int(ran + 1, atomic_load(&runs));
            /* With more workers than one, the others may have been through before this one got so far. */
            check(ran + 1 < N || strcmp(*spec, "threads:3") == 0);
            if (strcmp(*spec, "serial") == 0 && chunk == 1)
                check_int(ran, BAD); /* one by one: nothing behind it was started */
        }
        close_pool(pool);
    }
    free(x);
    free(y);
}

static thrum_event first_began, second_fails;

/* The first input begins before the second fails, and fails behind it. */
static int fail_late(const int *x, int *y)
{
    *y = 1;
    thrum_event_set(*x == 0 ? &first_began : &second_fails);
    check_result(thrum_event_wait(*x == 0 ? &second_fails : &first_began, THRUM_FOREVER), 0);
    if (*x == 0)
        busy(MILLISECOND / 10);
    return *x + 1;
}
THRUM_TASK(fail_late, int, int);

TEST(first_means_by_place_in_the_input)
{
    thrum_executor *pool = open_pool("threads:2");
    for (int round = 0; round < ROUNDS(100); round++) {
        int x[2] = {0, 1}, y[2];
        thrum_error error;
        thrum_event_clear(&first_began);
        thrum_event_clear(&second_fails);
        check_result(thrum_map(pool, fail_late, x, y, 2, .error = &error, .chunksize = 1), THRUM_FAILED);
        check_int(error.index, 0);
        check_int(error.code, 1);
    }
    close_pool(pool);
}

TEST(with_errors_no_failure_stops_the_rest)
{
    enum { N = 1000 };
    int *x = range_of(N);
    thrum_error *errors = malloc(N * sizeof *errors), error;
    int64_t y[N];
    for (int i = 0; i < N; i++)
        x[i] = i % 7 == 3 ? -i : i + 1;
    FOR_EACH_SPEC(spec)
    {
        thrum_executor *pool = open_pool(*spec);
        atomic_store(&runs, 0);
        memset(errors, 0xaa, N * sizeof *errors);
        memset(y, 0xaa, sizeof y);
        check_result(thrum_map(pool, picky, x, y, N, .errors = errors, .error = &error), THRUM_FAILED);
        check_int(atomic_load(&runs), N);
        check_int(error.index, 3);
        for (int i = 0; i < N; i++) {
            check_int(errors[i].outcome, x[i] < 0 ? THRUM_FAILED : 0);
            check_int(y[i], x[i] < 0 ? 0 : x[i]);
            if (x[i] >= 0)
                continue;
            char message[64];
            snprintf(message, sizeof message, "%d will not do", x[i]);
            check_int(errors[i].code, i);
            check_int(errors[i].index, i);
            check_str(errors[i].task, "picky");
            check_str(errors[i].message, message);
        }
        for (int i = 0; i < N; i++)
            x[i] = i + 1;
        check_result(thrum_map(pool, picky, x, y, N, .errors = errors), 0);
        for (int i = 0; i < N; i++) {
            check_int(errors[i].outcome, 0);
            x[i] = i % 7 == 3 ? -i : i + 1;
        }
        close_pool(pool);
    }
    free(errors);
    free(x);
}

/* ---- Progress ------------------------------------------------------------------------------- */

struct progress {
    uint64_t thread;
    size_t done, total, calls;
    int64_t first, last;
};

static int slow(const int *x, int *y)
{
    *y = *x;
    busy(2 * MILLISECOND);
    return 0;
}
THRUM_TASK(slow, int, int);

static void show(size_t done, size_t total, void *arg)
{
    struct progress *progress = arg;
    check_int(thrum_get_native_id(), progress->thread);
    check_int(total, progress->total);
    check(done >= progress->done && done <= total);
    progress->done = done;
    progress->last = thrum_monotonic_ns();
    if (progress->calls++ == 0)
        progress->first = progress->last;
}

TEST(progress_is_shown_seldom_and_at_the_end)
{
    enum { N = 300 };
    int *x = range_of(N), y[N];
    FOR_EACH_SPEC(spec)
    {
        thrum_executor *pool = open_pool(*spec);
        struct progress progress = {.thread = thrum_get_native_id(), .total = N};
        int64_t begun = thrum_monotonic_ns();
        check_result(thrum_map(pool, slow, x, y, N, .chunksize = 1, .progress = show, .progress_arg = &progress), 0);
        check_int(progress.done, N);
        check(progress.calls >= 1);
        /* Ten a second while it runs, and the one at the end. */
        check((int64_t)progress.calls <= (progress.last - begun) / (100 * MILLISECOND) + 1);

        progress = (struct progress){.thread = thrum_get_native_id(), .total = N};
        check_result(thrum_map(pool, meet, x, y, N, .progress = show, .progress_arg = &progress), 0);
        check_int(progress.done, N);
        close_pool(pool);
    }
    free(x);
}

/* The earliest time there is lies as far back from the next news as can be. */
TEST(a_time_out_long_ago_shows_no_progress)
{
    enum { N = 50 };
    int *x = range_of(N), y[N];
    FOR_EACH_SPEC(spec)
    {
        thrum_executor *pool = open_pool(*spec);
        struct progress progress = {.thread = thrum_get_native_id(), .total = N};
        check_result(thrum_map(pool, slow, x, y, N, .timeout = thrum_until(INT64_MIN), .chunksize = 1, .progress = show,
                               .progress_arg = &progress),
                     THRUM_TIMEOUT);
        check(progress.done < N && progress.calls <= 1);
        close_pool(pool);
    }
    free(x);
}

/* ---- Misuse and faults -------------------------------------------------------------------------- */

TEST(without_memory_nothing_is_run)
{
    enum { N = 100 };
    int *x = range_of(N);
    int64_t y[N];
    FOR_EACH_SPEC(spec)
    {
        thrum_executor *pool = open_pool(*spec);
        check_result(thrum_map(pool, picky, x, y, N), 0); /* so that thrum knows all these threads */
        for (unsigned n = 0;; n++) {
            atomic_store(&runs, 0);
            memset(y, 0xaa, sizeof y);
            fault_arm(FAULT_MEMORY, n);
            int result = thrum_map(pool, picky, x, y, N);
            if (!fault_disarm()) {
                check_result(result, 0);
                check_int(atomic_load(&runs), N);
                break;
            }
            check_result(result, -ENOMEM);
            check_int(atomic_load(&runs), 0);
        }
        for (int i = 0; i < N; i++)
            check_int(y[i], x[i]);
        close_pool(pool);
    }
    free(x);
}

/* All that a failure needs is there before it happens. */
TEST(without_memory_failures_are_still_recorded)
{
    int x[10] = {1, -2, 3, -4, 5, -6, 7, 8, 9, 10};
    int64_t y[10];
    FOR_EACH_SPEC(spec)
    {
        thrum_executor *pool = open_pool(*spec);
        check_result(thrum_map(pool, picky, x, y, 1), 0);
        for (unsigned n = 0, done = 0; !done; n++) {
            thrum_error errors[10];
            fault_arm(FAULT_MEMORY, n);
            int result = thrum_map(pool, picky, x, y, 10, .errors = errors);
            done = !fault_disarm();
            if (result == -ENOMEM && !done)
                continue;
            check_result(result, THRUM_FAILED);
            for (int i = 0; i < 10; i++)
                check_int(errors[i].outcome, x[i] < 0 ? THRUM_FAILED : 0);
            check_int(errors[1].code, 2);
        }
        close_pool(pool);
    }
}

TEST(more_than_an_address_space_is_refused)
{
    thrum_executor *pool = open_pool("serial");
    int x = 1;
    int64_t y = 99;
    atomic_store(&runs, 0);
    int result = thrum_map(pool, picky, &x, &y, SIZE_MAX / 4);
    check(result == -EINVAL || result == -ENOMEM);
    result = thrum_map(pool, picky, &x, &y, SIZE_MAX);
    check(result == -EINVAL || result == -ENOMEM);
    check_int(atomic_load(&runs), 0);
    check_int(y, 99);
    close_pool(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_output_stands_beside_its_input),
        cmocka_unit_test(nothing_is_soon_done),
        cmocka_unit_test(outputs_of_any_length_are_the_callers),
        cmocka_unit_test(many_threads_map_at_once),
        cmocka_unit_test(no_more_run_at_once_than_the_window_and_the_workers_allow),
        cmocka_unit_test(tasks_run_at_once_on_several_workers),
        cmocka_unit_test(the_first_failure_stops_the_rest),
        cmocka_unit_test(first_means_by_place_in_the_input),
        cmocka_unit_test(with_errors_no_failure_stops_the_rest),
        cmocka_unit_test(progress_is_shown_seldom_and_at_the_end),
        cmocka_unit_test(a_time_out_long_ago_shows_no_progress),
        cmocka_unit_test(without_memory_nothing_is_run),
        cmocka_unit_test(without_memory_failures_are_still_recorded),
        cmocka_unit_test(more_than_an_address_space_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
