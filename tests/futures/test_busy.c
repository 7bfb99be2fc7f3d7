/*
 * test_busy.c - maps over a pool that is busy with other things
 *
 * What an executor has not started is taken back when the time is over or the caller is called off.
 * The inputs and outputs here are freed as soon as the call returns, while the pool still has the
 * jobs: AddressSanitizer sees whether one of them is touched, or lost, when the pool comes to it.
 */
#include "pools.h"

enum { N = 50 };

static atomic_int runs;

static int number(const int *x, int *y)
{
    atomic_fetch_add(&runs, 1);
    *y = *x;
    return 0;
}
THRUM_TASK(number, int, int);

/* What a map of N works on, each in memory of its own. */
struct load {
    int *x, *y;
    thrum_error *errors;
};

static struct load new_load(void)
{
    struct load load = {malloc(N * sizeof(int)), malloc(N * sizeof(int)), malloc(N * sizeof(thrum_error))};
    check(load.x != NULL && load.y != NULL && load.errors != NULL);
    for (int i = 0; i < N; i++)
        load.x[i] = i + 1;
    memset(load.y, 0xaa, N * sizeof(int));
    memset(load.errors, 0xaa, N * sizeof(thrum_error));
    return load;
}

/* How many were done; the others are marked. It is gone afterwards. */
static int count_and_free(struct load *load)
{
    int done = 0;
    for (int i = 0; i < N; i++) {
        const thrum_error *error = &load->errors[i];
        check_int(load->y[i], error->outcome == 0 ? load->x[i] : 0);
        check(error->outcome == 0 || (error->outcome == THRUM_CANCELLED && error->index == (uint64_t)i));
        done += error->outcome == 0;
    }
    free(load->x);
    free(load->y);
    free(load->errors);
    return done;
}

/* A pool of one worker, which stands at a gate. */
struct busy_pool {
    thrum_executor *pool;
    struct gate gate;
    thrum_future *running;
};

static void occupy(struct busy_pool *busy)
{
    memset(busy, 0, sizeof *busy);
    busy->pool = open_pool("threads:1");
    busy->running = stand_at_gate(busy->pool, &busy->gate, NULL);
    atomic_store(&runs, 0);
}

/* The calls have all returned before the worker was free; now it finds what they left, and runs none of it. */
static void let_go(struct busy_pool *busy)
{
    check_int(atomic_load(&busy->gate.passed), 0);
    open_gate(&busy->gate, busy->running);
    close_pool(busy->pool);
    check_int(atomic_load(&runs), 0);
}

/* ---- The time is over -------------------------------------------------------------------- */

TEST(a_map_out_of_time_does_not_wait_for_others_work)
{
    static const struct {
        size_t window, chunksize;
    } cases[] = {{0, 0}, {1, 1}, {N, 1}, {2, N}, {3, 7}};
    struct busy_pool busy;
    occupy(&busy);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int round = 0; round < 2; round++) {
            struct load load = new_load();
            check_result(thrum_map(busy.pool, number, load.x, load.y, N, .errors = load.errors,
                                   .timeout = round ? thrum_seconds(0.002) : THRUM_NOWAIT, .window = cases[i].window,
                                   .chunksize = cases[i].chunksize),
                         THRUM_TIMEOUT);
            check_int(count_and_free(&load), 0);
        }
    }
    let_go(&busy);
}

typedef thrum_executor *executor_ref;

/* In the pool's only worker, so that nobody else can run what it hands out. */
static int map_inside(const executor_ref *pool, int *result)
{
    struct load load = new_load();
    *result = thrum_map(*pool, number, load.x, load.y, N, .errors = load.errors, .timeout = thrum_seconds(0.002));
    return count_and_free(&load);
}
THRUM_TASK(map_inside, executor_ref, int);

TEST(a_map_inside_a_task_of_the_only_worker_ends_in_time)
{
    thrum_executor *pool = open_pool("threads:1");
    atomic_store(&runs, 0);
    for (int round = 0; round < 10; round++) {
        thrum_future *future;
        int result = 0;
        check_result(thrum_submit(pool, map_inside, &pool, &future), 0);
        check_result(thrum_future_result(future, &result, THRUM_FOREVER), 0);
        check_result(result, THRUM_TIMEOUT);
        thrum_future_free(future);
    }
    close_pool(pool);
    check_int(atomic_load(&runs), 0);
}

/* ---- The caller is called off --------------------------------------------------------------- */

static int map_for_ever(void *arg)
{
    const struct busy_pool *busy = arg;
    struct load load = new_load();
    int result = thrum_map(busy->pool, number, load.x, load.y, N, .errors = load.errors);
    check_int(count_and_free(&load), 0);
    return result;
}

TEST(a_cancelled_map_does_not_wait_for_others_work)
{
    struct busy_pool busy;
    occupy(&busy);
    for (int round = 0; round < 20; round++) {
        thrum_token *token;
        check_result(thrum_token_new(&token), 0);
        if (round % 2)
            thrum_token_cancel(token); /* before it begins */
        thrum_thread *thread = start(map_for_ever, &busy, token);
        settle(thrum_thread_native_id(thread));
        thrum_token_cancel(token);
        check_result(finish(thread), THRUM_CANCELLED);
        thrum_token_free(token);
    }
    let_go(&busy);
}

/* ---- Some have been started -------------------------------------------------------------------- */

/* Whether a worker or the caller gets to a piece first: what is counted as done was run, and the rest was not. */
TEST(each_input_is_either_run_or_taken_back)
{
    thrum_executor *pool = open_pool("threads:2");
    int in_time = 0;
    for (int round = 0; round < ROUNDS(4000); round++) {
        struct load load = new_load();
        atomic_store(&runs, 0);
        int result =
            thrum_map(pool, number, load.x, load.y, N, .errors = load.errors, .chunksize = 1 + (size_t)round % 9,
                      .window = (size_t)round % 5, .timeout = thrum_seconds((round % 40) * 1e-6));
        int done = count_and_free(&load);
        check_int(done, atomic_load(&runs));
        check_result(result, done == N && result == 0 ? 0 : THRUM_TIMEOUT);
        in_time += result == 0;
    }
    check(in_time < ROUNDS(4000));
    close_pool(pool);
}

/* ---- Iterators ------------------------------------------------------------------------------- */

static void begin_and_free(thrum_executor *pool, size_t window, uint32_t unordered)
{
    struct load load = new_load();
    thrum_map_iterator *iterator;
    check_result(thrum_imap(pool, number, load.x, N, &iterator, .window = window, .unordered = unordered), 0);
    check_result(thrum_map_iterator_next(iterator, NULL, NULL, NULL, thrum_seconds(0.0005)), THRUM_TIMEOUT);
    thrum_map_iterator_free(iterator);
    free(load.x);
    free(load.y);
    free(load.errors);
}

TEST(an_iterator_is_freed_while_others_work)
{
    static const size_t windows[] = {0, 1, 7, N};
    struct busy_pool busy;
    occupy(&busy);
    for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++)
        for (uint32_t unordered = 0; unordered < 2; unordered++)
            begin_and_free(busy.pool, windows[i], unordered);
    let_go(&busy);
}

static int iterate_inside(const executor_ref *pool, int *result)
{
    begin_and_free(*pool, 0, 0);
    begin_and_free(*pool, 0, 1);
    *result = 1;
    return 0;
}
THRUM_TASK(iterate_inside, executor_ref, int);

TEST(an_iterator_is_freed_inside_a_task_of_the_only_worker)
{
    thrum_executor *pool = open_pool("threads:1");
    int result = 0;
    atomic_store(&runs, 0);
    check_result(thrum_map(pool, iterate_inside, &pool, &result, 1), 0);
    check_int(result, 1);
    close_pool(pool);
    check_int(atomic_load(&runs), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_map_out_of_time_does_not_wait_for_others_work),
        cmocka_unit_test(a_map_inside_a_task_of_the_only_worker_ends_in_time),
        cmocka_unit_test(a_cancelled_map_does_not_wait_for_others_work),
        cmocka_unit_test(each_input_is_either_run_or_taken_back),
        cmocka_unit_test(an_iterator_is_freed_while_others_work),
        cmocka_unit_test(an_iterator_is_freed_inside_a_task_of_the_only_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
