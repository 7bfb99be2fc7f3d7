/*
 * test_misuse.c - NULL everywhere; and in debug builds what was freed, or is something else
 */
#include "harness.h"

static int twice(const int *x, int *y)
{
    *y = 2 * *x;
    return 0;
}
THRUM_TASK(twice, int, int);

static void called(thrum_future *future, void *arg)
{
    (void)future;
    (void)arg;
    check(false);
}

static void refuses_future(thrum_future *future)
{
    int y = 7;
    thrum_error error = {.code = 7};
    check_result(thrum_future_result(future, &y, THRUM_FOREVER), -EINVAL);
    check_result(thrum_future_exception(future, &error, THRUM_FOREVER), -EINVAL);
    check(!thrum_future_cancel(future));
    check(!thrum_future_cancelled(future) && !thrum_future_running(future) && !thrum_future_done(future));
    check_result(thrum_future_add_done_callback(future, called, NULL), -EINVAL);
    thrum_future_free(future);
    check_int(y, 7);
    check_int(error.code, 7);
}

static void refuses_executor(thrum_executor *executor)
{
    int x[1] = {4}, y[1] = {7};
    thrum_future *future = NULL;
    thrum_map_iterator *iterator = NULL;
    check_int(thrum_executor_workers(executor), 0);
    check(thrum_executor_name(executor) == NULL);
    check_result(thrum_submit(executor, twice, x, &future), -EINVAL);
    check_result(thrum_map(executor, twice, x, y, 1), -EINVAL);
    check_result(thrum_imap(executor, twice, x, 1, &iterator), -EINVAL);
    check(future == NULL && iterator == NULL && y[0] == 7);
}

static void refuses_iterator(thrum_map_iterator *iterator)
{
    int y = 7;
    size_t index = 7;
    check_result(thrum_map_iterator_next(iterator, &index, &y, NULL, THRUM_FOREVER), -EINVAL);
    thrum_map_iterator_free(iterator);
    check(index == 7 && y == 7);
}

TEST(null_is_refused)
{
    refuses_future(NULL);
    refuses_executor(NULL);
    refuses_iterator(NULL);
    check_result(thrum_executor_close(NULL), 0); /* nothing to close */
}

TEST(null_for_a_result_is_refused)
{
    int x = 4;
    thrum_executor *pool;
    thrum_future *future;
    check_result(thrum_executor_open(NULL, "serial"), -EINVAL);
    check_result(thrum_executor_open(&pool, "threads:1"), 0);
    check_result(thrum_submit_with(pool, THRUM_TASK_OF(twice), &x, NULL, NULL), -EINVAL);
    check_result(thrum_submit_with(pool, THRUM_TASK_OF(twice), NULL, &future, NULL), -EINVAL);
    check_result(thrum_imap_with(pool, THRUM_TASK_OF(twice), &x, 1, NULL, NULL), -EINVAL);
    check_result(thrum_submit(pool, twice, &x, &future), 0);
    check_result(thrum_future_exception(future, NULL, THRUM_FOREVER), -EINVAL);
    check_result(thrum_future_add_done_callback(future, NULL, NULL), -EINVAL);
    check_result(thrum_future_result(future, NULL, THRUM_FOREVER), 0);
    thrum_future_free(future);
    check_result(thrum_executor_close(pool), 0);
}

#ifdef THRUM_CHECKED
TEST(what_was_freed_is_refused)
{
    int x[2] = {4, 5};
    thrum_executor *pool;
    thrum_future *future;
    thrum_map_iterator *iterator;
    check_result(thrum_executor_open(&pool, "threads:1"), 0);
    check_result(thrum_submit(pool, twice, &x[0], &future), 0);
    check_result(thrum_imap(pool, twice, x, 2, &iterator), 0);
    thrum_future_free(future);
    thrum_map_iterator_free(iterator);
    refuses_iterator(iterator);
    check_result(thrum_executor_close(pool), 0);
    refuses_executor(pool);
    refuses_future(future); /* the executor has let go of it too */
    check_result(thrum_executor_close(pool), -EINVAL);
}

TEST(what_is_something_else_is_refused)
{
    static struct {
        char zero[256];
    } never;
    thrum_executor *pool;
    check_result(thrum_executor_open(&pool, "serial"), 0);
    refuses_future((thrum_future *)pool);
    refuses_iterator((thrum_map_iterator *)&never);
    refuses_executor((thrum_executor *)&never);
    check_result(thrum_executor_close(pool), 0);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(null_is_refused),
        cmocka_unit_test(null_for_a_result_is_refused),
#ifdef THRUM_CHECKED
        cmocka_unit_test(what_was_freed_is_refused),
        cmocka_unit_test(what_is_something_else_is_refused),
#endif
    };
    return cmocka_run_group_tests_name("misuse", tests, NULL, NULL);
}
