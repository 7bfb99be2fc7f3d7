/*
 * test_queue_misuse.c - NULL everywhere; and in debug builds what was freed, or is something else
 */
#include "queues.h"

static void refuses(thrum_queue *queue)
{
    uint64_t item = 7;
    size_t n = 7;
    int fd = 7;
    thrum_waitable waitable = thrum_queue_waitable(queue);
    check_result(thrum_queue_put(queue, &item, THRUM_NOWAIT), -EINVAL);
    check_result(thrum_queue_get(queue, &item, THRUM_NOWAIT), -EINVAL);
    check_result(thrum_queue_put_nowait(queue, &item), -EINVAL);
    check_result(thrum_queue_get_nowait(queue, &item), -EINVAL);
    check_result(thrum_queue_put_many(queue, &item, 1, &n, THRUM_NOWAIT), -EINVAL);
    check_result(thrum_queue_get_many(queue, &item, 1, &n, THRUM_NOWAIT), -EINVAL);
    check_result(thrum_queue_task_done(queue), -EINVAL);
    check_result(thrum_queue_join(queue, THRUM_NOWAIT), -EINVAL);
    check_result(thrum_queue_close(queue, THRUM_DRAIN), -EINVAL);
    check_result(thrum_queue_fileno(queue, &fd), -EINVAL);
    check_result(thrum_wait_any(&waitable, 1, &n, THRUM_NOWAIT), -EINVAL);
    check(thrum_queue_qsize(queue) == 0 && thrum_queue_empty(queue) && !thrum_queue_full(queue));
    check(!thrum_queue_is_closed(queue));
    thrum_queue_free(queue);
    check(item == 7 && n == 7 && fd == 7);
}

TEST(null_is_no_queue)
{
    refuses(NULL);
    check_result(thrum_queue_new_with(NULL, NULL), -EINVAL);
}

TEST(null_is_no_item)
{
    thrum_queue *queue = new_queue(2, sizeof(uint64_t));
    check_result(thrum_queue_put(queue, NULL, THRUM_NOWAIT), -EINVAL);
    check_result(thrum_queue_get(queue, NULL, THRUM_NOWAIT), -EINVAL);
    check_result(thrum_queue_close(queue, (enum thrum_close)7), -EINVAL);
    check(!thrum_queue_is_closed(queue) && thrum_queue_empty(queue));
    thrum_queue_free(queue);
}

#ifdef THRUM_CHECKED
TEST(in_a_debug_build_a_freed_or_foreign_one_is_refused)
{
    thrum_queue *queue = new_queue(2, sizeof(uint64_t));
    int no_queue = 0;
    thrum_queue_free(queue);
    refuses(queue);
    refuses((thrum_queue *)(void *)&no_queue);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(null_is_no_queue),
        cmocka_unit_test(null_is_no_item),
#ifdef THRUM_CHECKED
        cmocka_unit_test(in_a_debug_build_a_freed_or_foreign_one_is_refused),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
