/*
 * pools.h - the executors and the tasks that the tests of this folder share
 */
#ifndef THRUM_TESTS_POOLS_H
#define THRUM_TESTS_POOLS_H

#include "../harness.h"

/* What must be the same on all executors is tried on each of these. */
static const char *const specs[] = {"serial", "threads:1", "threads:3"};
#define FOR_EACH_SPEC(spec) for (const char *const *spec = specs; spec < specs + sizeof specs / sizeof specs[0]; spec++)

static inline thrum_executor *open_pool(const char *spec)
{
    thrum_executor *pool;
    check_result(thrum_executor_open(&pool, spec), 0);
    return pool;
}

static inline void close_pool(thrum_executor *pool)
{
    check_result(thrum_executor_close(pool), 0);
}

/* A task that has begun and goes on when it is told to: it keeps a worker busy. */
struct gate {
    thrum_event begun, go;
    atomic_int passed;
};
typedef struct gate *gate_ref;

static int pass_gate(const gate_ref *gate, uint64_t *output)
{
    thrum_event_set(&(*gate)->begun);
    int result = thrum_event_wait(&(*gate)->go, THRUM_FOREVER);
    atomic_fetch_add(&(*gate)->passed, 1);
    *output = thrum_get_native_id();
    return result;
}
THRUM_TASK(pass_gate, gate_ref, uint64_t);

/* Submit it, and wait until it has begun. */
static inline thrum_future *stand_at_gate(thrum_executor *pool, struct gate *gate, thrum_token *token)
{
    thrum_future *future;
    check_result(thrum_submit(pool, pass_gate, &gate, &future, .token = token), 0);
    check_result(thrum_event_wait(&gate->begun, THRUM_FOREVER), 0);
    return future;
}

static inline void open_gate(struct gate *gate, thrum_future *future)
{
    thrum_event_set(&gate->go);
    check_result(thrum_future_result(future, NULL, THRUM_FOREVER), 0);
    thrum_future_free(future);
}

#endif
