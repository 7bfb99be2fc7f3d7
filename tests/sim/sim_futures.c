/*
 * sim_futures.c - scenarios of executors, futures and maps: every task once, every outcome once
 */
#include "runner.h"

#include <stdlib.h>

static int square(const int *x, int *y)
{
    sim_point();
    *y = *x * *x;
    return *x == 13 ? 5 : 0;
}
THRUM_TASK(square, int, int);

static thrum_executor *open_pool(size_t workers)
{
    thrum_executor *pool = NULL;
    thrum_executor_options options = {.workers = workers};
    must(thrum_executor_open_with(&pool, "threads", &options));
    return pool;
}

static void close_pool(thrum_executor *pool)
{
    must(thrum_executor_close_with(pool, NULL));
}

static thrum_future *submit(thrum_executor *pool, int x)
{
    thrum_future *future = NULL;
    must(thrum_submit_with(pool, THRUM_TASK_OF(square), &x, &future, NULL));
    return future;
}

static void future_delivers_its_result(void)
{
    thrum_executor *pool = open_pool(2);
    thrum_future *futures[3];
    for (int i = 0; i < 3; i++)
        futures[i] = submit(pool, i + 2);
    for (int i = 0; i < 3; i++) {
        int y = 0;
        must(thrum_future_result(futures[i], &y, THRUM_FOREVER));
        sim_check(y == (i + 2) * (i + 2));
        thrum_future_free(futures[i]);
    }
    close_pool(pool);
}

/* Submits that come while the workers fall asleep are not left lying. */
static void submit_wakes_a_sleeping_worker(void)
{
    thrum_executor *pool = open_pool(2);
    for (int i = 0; i < 3; i++) {
        thrum_future *future = submit(pool, 3);
        must(thrum_future_result(future, NULL, THRUM_FOREVER));
        thrum_future_free(future);
    }
    close_pool(pool);
}

static int submit_some(void *arg)
{
    for (int i = 0; i < 2; i++) {
        thrum_future *future = submit(arg, 3);
        if (i == 0)
            must(thrum_future_result(future, NULL, THRUM_FOREVER));
        thrum_future_free(future);
    }
    return 0;
}

static void many_submit_to_one_pool(void)
{
    thrum_executor *pool = open_pool(2);
    thrum_thread *threads[2] = {spawn(submit_some, pool), spawn(submit_some, pool)};
    finish(threads[0]);
    finish(threads[1]);
    close_pool(pool);
}

/* Bursts, as workers fall asleep: no worker is lost on the way, so at the end two tasks that wait for each
 * other have a worker each. */
static thrum_event here[2];

static int meet(const int *x, int *y)
{
    thrum_event_set(&here[*x]);
    *y = thrum_event_wait(&here[1 - *x], THRUM_FOREVER);
    return *y;
}
THRUM_TASK(meet, int, int);

static void no_worker_is_lost(void)
{
    thrum_executor *pool = open_pool(2);
    thrum_future *futures[2];
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 2; i++)
            thrum_future_free(submit(pool, 3));
    for (int i = 0; i < 2; i++)
        must(thrum_submit_with(pool, THRUM_TASK_OF(meet), &i, &futures[i], NULL));
    for (int i = 0; i < 2; i++) {
        must(thrum_future_result(futures[i], NULL, THRUM_FOREVER));
        thrum_future_free(futures[i]);
    }
    close_pool(pool);
}

/* A map whose time is over before or while its pieces are started. */
static void map_is_called_off(void)
{
    int x[4] = {1, 2, 3, 4}, y[4];
    thrum_executor *pool = open_pool(1);
    thrum_error errors[4];
    thrum_map_options options = {.timeout = thrum_seconds(0.000002), .errors = errors, .chunksize = 1};
    int result = thrum_map_with(pool, THRUM_TASK_OF(square), x, y, 4, &options);
    sim_check(result == 0 || result == THRUM_TIMEOUT);
    for (int i = 0; i < 4; i++)
        sim_check(errors[i].outcome == 0 ? y[i] == x[i] * x[i] : errors[i].outcome == THRUM_CANCELLED && y[i] == 0);
    close_pool(pool);
}

static struct {
    int called, early;
} told;

static void count_call(thrum_future *future, void *arg)
{
    (void)arg;
    told.called++;
    told.early += !thrum_future_done(future);
}

static int cancel_it(void *arg)
{
    return thrum_future_cancel(arg);
}

/* It is run or cancelled, never both, and its callbacks are called once. */
static void cancel_meets_start(void)
{
    thrum_executor *pool = open_pool(1);
    thrum_future *future = submit(pool, 3);
    thrum_thread *canceller = spawn(cancel_it, future);
    must(thrum_future_add_done_callback(future, count_call, NULL));
    int y = 0, result = thrum_future_result(future, &y, THRUM_FOREVER);
    int cancelled = finish(canceller);
    sim_check(cancelled ? result == THRUM_CANCELLED : result == 0 && y == 9);
    close_pool(pool);
    sim_check(told.called == 1 && told.early == 0);
    thrum_future_free(future);
}

static int read_result(void *arg)
{
    int y = 0, result = thrum_future_result(arg, &y, thrum_seconds(0.00001));
    sim_check(result == THRUM_TIMEOUT || (result == 0 && y == 16));
    return 0;
}

static void many_wait_for_one_future(void)
{
    thrum_executor *pool = open_pool(1);
    thrum_future *future = submit(pool, 4);
    thrum_thread *readers[2] = {spawn(read_result, future), spawn(read_result, future)};
    must(thrum_future_result(future, NULL, THRUM_FOREVER));
    finish(readers[0]);
    finish(readers[1]);
    thrum_future_free(future);
    close_pool(pool);
}

static void map_fills_every_output(void)
{
    int x[5] = {1, 2, 3, 4, 5}, y[5];
    thrum_executor *pool = open_pool(2);
    must(thrum_map_with(pool, THRUM_TASK_OF(square), x, y, 5, NULL));
    for (int i = 0; i < 5; i++)
        sim_check(y[i] == x[i] * x[i]);
    close_pool(pool);
}

static void map_stops_at_a_failure(void)
{
    int x[4] = {1, 13, 3, 4}, y[4];
    thrum_error error;
    thrum_executor *pool = open_pool(2);
    thrum_map_options options = {.error = &error, .chunksize = 1};
    sim_check(thrum_map_with(pool, THRUM_TASK_OF(square), x, y, 4, &options) == THRUM_FAILED);
    sim_check(error.index == 1 && error.code == 5);
    for (int i = 0; i < 4; i++)
        sim_check(y[i] == 0 || (i != 1 && y[i] == x[i] * x[i]));
    close_pool(pool);
}

static void imap(bool unordered, size_t take)
{
    int x[4] = {1, 2, 3, 4}, seen = 0;
    thrum_executor *pool = open_pool(2);
    thrum_map_iterator *iterator;
    thrum_map_options options = {.window = 2, .unordered = unordered};
    must(thrum_imap_with(pool, THRUM_TASK_OF(square), x, 4, &iterator, &options));
    for (size_t i = 0; i < take; i++) {
        size_t index = 99;
        int y = 0;
        must(thrum_map_iterator_next(iterator, &index, &y, NULL, THRUM_FOREVER));
        sim_check(index < 4 && y == x[index] * x[index] && (unordered || index == i) && (seen & 1 << index) == 0);
        seen |= 1 << index;
    }
    if (take == 4)
        sim_check(thrum_map_iterator_next(iterator, NULL, NULL, NULL, THRUM_FOREVER) == THRUM_STOP_ITERATION);
    thrum_map_iterator_free(iterator);
    close_pool(pool);
}

static void imap_in_order(void)
{
    imap(false, 4);
}

static void imap_as_completed(void)
{
    imap(true, 4);
}

static void imap_dropped_half_way(void)
{
    imap(true, 1);
}

static void close_finishes_what_was_submitted(void)
{
    thrum_executor *pool = open_pool(2);
    thrum_future *futures[2] = {submit(pool, 3), submit(pool, 4)};
    close_pool(pool);
    for (int i = 0; i < 2; i++) {
        must(thrum_future_result(futures[i], NULL, THRUM_NOWAIT));
        thrum_future_free(futures[i]);
    }
}

int main(int argc, char **argv)
{
    static const struct scenario scenarios[] = {
        SCENARIO(future_delivers_its_result),
        SCENARIO(submit_wakes_a_sleeping_worker),
        SCENARIO(many_submit_to_one_pool),
        SCENARIO(cancel_meets_start),
        SCENARIO(many_wait_for_one_future),
        SCENARIO(map_fills_every_output),
        SCENARIO(map_stops_at_a_failure),
        SCENARIO(map_is_called_off),
        SCENARIO(no_worker_is_lost),
        SCENARIO(imap_in_order),
        SCENARIO(imap_as_completed),
        SCENARIO(imap_dropped_half_way),
        SCENARIO(close_finishes_what_was_submitted),
    };
    return sim_main(argc, argv, scenarios, sizeof scenarios / sizeof scenarios[0]);
}
