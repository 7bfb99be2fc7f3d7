/*
 * test_serial.c - the executor without threads: what else a map's caller does, it does between the tasks
 *
 * The time-out of such a map is in test_map.c.
 */
#include "pools.h"

enum { N = 10, CANCELS = 3 };

typedef struct order {
    thrum_token *token; /* to be cancelled, or NULL */
    int64_t ns;         /* how long it takes */
} order;

static int obey(const order *given, int *y)
{
    *y = 1;
    busy(given->ns);
    if (given->token)
        thrum_token_cancel(given->token);
    return 0;
}
THRUM_TASK(obey, order, int);

/* While its tasks run the caller has their token; its own counts all the same. */
TEST(the_callers_own_token_ends_a_serial_map)
{
    thrum_executor *pool = open_pool("serial");
    thrum_token *token;
    order orders[N] = {{NULL, 0}};
    thrum_error errors[N];
    int y[N];
    check_result(thrum_token_new(&token), 0);
    orders[CANCELS].token = token;
    thrum_token_set(token);
    check_result(thrum_map(pool, obey, orders, y, N, .chunksize = 1, .errors = errors), THRUM_CANCELLED);
    check(thrum_token_set(NULL) == token);
    for (int i = 0; i < N; i++) {
        check_int(y[i], i <= CANCELS);
        check_int(errors[i].outcome, i <= CANCELS ? 0 : THRUM_CANCELLED);
    }
    orders[CANCELS].token = NULL;
    check_result(thrum_map(pool, obey, orders, y, N), 0);
    thrum_token_free(token);
    close_pool(pool);
}

struct progress {
    size_t done, calls;
};

static void show(size_t done, size_t total, void *arg)
{
    struct progress *progress = arg;
    check_int(total, N);
    check(done > progress->done && done <= total);
    progress->done = done;
    progress->calls++;
}

/* The tasks take three times as long as the caller has to wait for the next news. */
TEST(progress_is_shown_while_a_serial_map_runs)
{
    thrum_executor *pool = open_pool("serial");
    struct progress progress = {.calls = 0};
    order orders[N];
    int y[N];
    for (int i = 0; i < N; i++)
        orders[i] = (order){NULL, 30 * MILLISECOND};
    check_result(thrum_map(pool, obey, orders, y, N, .progress = show, .progress_arg = &progress), 0);
    check_int(progress.done, N);
    check(progress.calls >= 2);
    close_pool(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_callers_own_token_ends_a_serial_map),
        cmocka_unit_test(progress_is_shown_while_a_serial_map_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
