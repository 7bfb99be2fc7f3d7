/*
 * test_threads.c - the pool of threads: no worker is lost, and none leaves while there may be work
 *
 * Some orders of events in the pool hang on a few nanoseconds. So besides "threads" there is "shaky" here: the same
 * source, in which a thread gives way now and then before it touches what threads share.
 */
#include "pools.h"

#include <sched.h>

#include "platform/os.h"

static void give_way(void)
{
    static __thread unsigned seed;
    seed = seed * 1664525 + 1013904223;
    if (seed >> 30 == 0)
        sched_yield();
}

#undef os_point_
#define os_point_() give_way()
#define thrum_threads_ops_ shaky_ops
#include "futures/threads.c"

static int register_shaky(void **state)
{
    static thrum_executor_ops ops;
    (void)state;
    ops = shaky_ops;
    ops.name = "shaky";
    check_result(thrum_executor_register(&ops), 0);
    return 0;
}

enum { WORKERS_MOST = 4, CLIENTS_MOST = 3 };

static int nothing(const int *x, int *y)
{
    *y = *x;
    return 0;
}
THRUM_TASK(nothing, int, int);

/* ---- All workers at once --------------------------------------------------------------- */

struct meeting {
    int expected;
    atomic_int here;
    thrum_event all_here;
};
typedef struct meeting *meeting_ref;

static int come(const meeting_ref *meeting, int *y)
{
    *y = atomic_fetch_add(&(*meeting)->here, 1) + 1;
    if (*y == (*meeting)->expected)
        thrum_event_set(&(*meeting)->all_here);
    return thrum_event_wait(&(*meeting)->all_here, thrum_seconds(30));
}
THRUM_TASK(come, meeting_ref, int);

/* As many tasks as there are workers, each of which waits for all: they end only if all workers run. */
static void all_meet(thrum_executor *pool)
{
    struct meeting meeting = {.expected = (int)thrum_executor_workers(pool)};
    meeting_ref at = &meeting;
    thrum_future *futures[WORKERS_MOST];
    for (int i = 0; i < meeting.expected; i++)
        check_result(thrum_submit(pool, come, &at, &futures[i]), 0);
    for (int i = 0; i < meeting.expected; i++) {
        check_result(thrum_future_result(futures[i], NULL, THRUM_FOREVER), 0);
        thrum_future_free(futures[i]);
    }
}

struct client {
    thrum_executor *pool;
    int bursts;
};

/* Each burst is waited for, so that the workers fall idle before the next, or are about to. */
static int submit_bursts(void *arg)
{
    const struct client *client = arg;
    for (int burst = 0; burst < client->bursts; burst++) {
        thrum_future *futures[3];
        int x = burst, count = 2 + burst % 2;
        for (int i = 0; i < count; i++)
            check_result(thrum_submit(client->pool, nothing, &x, &futures[i]), 0);
        for (int i = 0; i < count; i++) {
            check_result(thrum_future_result(futures[i], NULL, thrum_seconds(30)), 0);
            thrum_future_free(futures[i]);
        }
    }
    return 0;
}

static void serve(const char *spec, size_t clients, int bursts)
{
    struct client client = {open_pool(spec), bursts};
    for (int round = 0; round < 5; round++) {
        thrum_thread *threads[CLIENTS_MOST];
        for (size_t i = 0; i < clients; i++)
            threads[i] = start(submit_bursts, &client, NULL);
        for (size_t i = 0; i < clients; i++)
            check_int(finish(threads[i]), 0);
        all_meet(client.pool);
    }
    close_pool(client.pool);
}

TEST(bursts_cost_no_worker)
{
    static const char *const pools[] = {"threads:2", "shaky:1", "shaky:2", "shaky:4"};
    for (size_t i = 0; i < sizeof pools / sizeof pools[0]; i++) {
        serve(pools[i], 1, ROUNDS(500));
        serve(pools[i], CLIENTS_MOST, ROUNDS(200));
    }
}

/* ---- Close ------------------------------------------------------------------------------- */

typedef struct errand {
    thrum_executor *pool;
    struct gate *gate;
} errand;

/* The iterator was made before the close, and hands its inputs out after it. */
static int iterate_late(const errand *mine, int *count)
{
    static const int inputs[50];
    thrum_map_iterator *iterator;
    int result = thrum_imap(mine->pool, nothing, inputs, 50, &iterator);
    thrum_event_set(&mine->gate->begun);
    check_result(result, 0);
    check_result(thrum_event_wait(&mine->gate->go, THRUM_FOREVER), 0);
    while ((result = thrum_map_iterator_next(iterator, NULL, NULL, NULL, thrum_seconds(30))) == 0)
        ++*count;
    check_result(result, THRUM_STOP_ITERATION);
    thrum_map_iterator_free(iterator);
    return 0;
}
THRUM_TASK(iterate_late, errand, int);

/* Whoever is running may submit again: until it has ended, no worker leaves. */
TEST(a_task_that_runs_is_served_after_a_close)
{
    for (int round = 0; round < ROUNDS(100); round++) {
        struct gate gate = {.passed = 0};
        errand late = {open_pool(round % 2 ? "threads:4" : "shaky:2"), &gate};
        thrum_future *future;
        int count = 0;
        check_result(thrum_submit(late.pool, iterate_late, &late, &future), 0);
        check_result(thrum_event_wait(&gate.begun, THRUM_FOREVER), 0);
        check_result(thrum_executor_close(late.pool, .timeout = thrum_seconds(0.0005)), THRUM_TIMEOUT);
        thrum_event_set(&gate.go);
        if (round % 3 > 0) /* now and then the close waits all the while */
            check_result(thrum_future_result(future, &count, THRUM_FOREVER), 0);
        close_pool(late.pool);
        check_result(thrum_future_result(future, &count, THRUM_NOWAIT), 0);
        check_int(count, 50);
        thrum_future_free(future);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bursts_cost_no_worker),
        cmocka_unit_test(a_task_that_runs_is_served_after_a_close),
    };
    return cmocka_run_group_tests(tests, register_shaky, NULL);
}
