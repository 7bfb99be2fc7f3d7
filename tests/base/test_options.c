/*
 * test_options.c - optional arguments of programs older and newer than the library
 *
 * Every call that takes options is put through the same rules: a structure of the same size, an
 * older and smaller one, and a newer and larger one, whose unknown bytes must be zero
 * because the library cannot do what they ask for.
 */
#include "harness.h"

static int twice(const int *x, int *y)
{
    *y = *x * 2;
    return 0;
}
THRUM_TASK(twice, int, int);

static thrum_executor *serial;

static int new_queue(const void *options)
{
    thrum_queue *queue = NULL;
    int result = thrum_queue_new_with(&queue, options);
    check((result == 0) == (queue != NULL));
    thrum_queue_free(queue);
    return result;
}

static int do_nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int new_thread(const void *options)
{
    thrum_thread *thread = NULL;
    int result = thrum_thread_new_with(&thread, do_nothing, NULL, options);
    check((result == 0) == (thread != NULL));
    thrum_thread_free(thread);
    return result;
}

static int run_thread(const void *options)
{
    thrum_thread *thread = NULL;
    int result = thrum_thread_run_with(&thread, do_nothing, NULL, options);
    check((result == 0) == (thread != NULL));
    if (thread)
        check_int(finish(thread), 0);
    return result;
}

static int new_timer(const void *options)
{
    thrum_timer *timer = NULL;
    int result = thrum_timer_new_with(&timer, THRUM_NOWAIT, do_nothing, NULL, options);
    check((result == 0) == (timer != NULL));
    thrum_timer_free(timer);
    return result;
}

static int run_timer(const void *options)
{
    thrum_timer *timer = NULL;
    int result = thrum_timer_run_with(&timer, THRUM_NOWAIT, do_nothing, NULL, options);
    check((result == 0) == (timer != NULL));
    if (timer)
        check_result(thrum_timer_join(timer, NULL, THRUM_FOREVER), 0);
    thrum_timer_free(timer);
    return result;
}

static int new_local(const void *options)
{
    thrum_local *local = NULL;
    int result = thrum_local_new_with(&local, options);
    check((result == 0) == (local != NULL));
    thrum_local_free(local);
    return result;
}

static int set_exit_policy(const void *options)
{
    return thrum_set_exit_policy_with(options);
}

static int open_executor(const void *options)
{
    thrum_executor *executor = NULL;
    int result = thrum_executor_open_with(&executor, "serial", options);
    check((result == 0) == (executor != NULL));
    check_result(thrum_executor_close(executor), 0);
    return result;
}

static int close_executor(const void *options)
{
    thrum_executor *executor;
    check_result(thrum_executor_open(&executor, "serial"), 0);
    int result = thrum_executor_close_with(executor, options);
    if (result != 0)
        check_result(thrum_executor_close(executor), 0);
    return result;
}

static int submit(const void *options)
{
    thrum_future *future = NULL;
    int x = 21, y = 0;
    int result = thrum_submit_with(serial, THRUM_TASK_OF(twice), &x, &future, options);
    check((result == 0) == (future != NULL));
    if (future) {
        check_result(thrum_future_result(future, &y, THRUM_FOREVER), 0);
        check_int(y, 42);
    }
    thrum_future_free(future);
    return result;
}

static int map(const void *options)
{
    int x[3] = {1, 2, 3}, y[3] = {-1, -1, -1};
    int result = thrum_map_with(serial, THRUM_TASK_OF(twice), x, y, 3, options);
    if (result == 0)
        check(y[0] == 2 && y[1] == 4 && y[2] == 6);
    return result;
}

static int imap(const void *options)
{
    thrum_map_iterator *iterator = NULL;
    int x = 21, y = 0;
    int result = thrum_imap_with(serial, THRUM_TASK_OF(twice), &x, 1, &iterator, options);
    check((result == 0) == (iterator != NULL));
    if (iterator) {
        check_result(thrum_map_iterator_next(iterator, NULL, &y, NULL, THRUM_FOREVER), 0);
        check_int(y, 42);
    }
    thrum_map_iterator_free(iterator);
    return result;
}

static const struct call {
    const char *name;
    int (*call)(const void *options);
    size_t size;
} calls[] = {
    {"queue_new", new_queue, sizeof(thrum_queue_options)},
    {"thread_new", new_thread, sizeof(thrum_thread_options)},
    {"thread_run", run_thread, sizeof(thrum_thread_options)},
    {"timer_new", new_timer, sizeof(thrum_thread_options)},
    {"timer_run", run_timer, sizeof(thrum_thread_options)},
    {"local_new", new_local, sizeof(thrum_local_options)},
    {"set_exit_policy", set_exit_policy, sizeof(thrum_exit_policy)},
    {"executor_open", open_executor, sizeof(thrum_executor_options)},
    {"executor_close", close_executor, sizeof(thrum_close_options)},
    {"submit", submit, sizeof(thrum_submit_options)},
    {"map", map, sizeof(thrum_map_options)},
    {"imap", imap, sizeof(thrum_map_options)},
};

#define FOR_EACH_CALL(call) for (const struct call *call = calls; call < calls + sizeof calls / sizeof calls[0]; call++)

/* Room for any structure and 256 bytes that a newer header might have added. */
union room {
    size_t size;
    unsigned char bytes[sizeof(thrum_map_options) + 256];
    max_align_t align;
};

static void expect(const struct call *call, const union room *options, int expected, const char *what, size_t size)
{
    int result = call->call(options);
    if (result != expected)
        harness_fail(__FILE__, __LINE__, "%s with %s (%zu) gives %d (%s), not %d", call->name, what, size, result,
                     thrum_strerror(result), expected);
}

TEST(no_options_are_the_defaults)
{
    FOR_EACH_CALL(call)
    {
        union room options = {.size = 0};
        expect(call, NULL, 0, "NULL", 0);
        options.size = call->size;
        expect(call, &options, 0, "zeros", call->size);
    }
}

/* What lies behind the structure is not the library's to look at. */
TEST(size_zero_is_the_headers_size)
{
    FOR_EACH_CALL(call)
    {
        union room options;
        memset(&options, 0xff, sizeof options);
        memset(&options, 0, call->size);
        expect(call, &options, 0, "no size", 0);
    }
}

TEST(an_older_structure_ends_where_it_says)
{
    FOR_EACH_CALL(call)
    {
        for (size_t size = sizeof(size_t); size <= call->size; size += sizeof(size_t)) {
            union room options;
            memset(&options, 0xff, sizeof options);
            memset(&options, 0, size);
            options.size = size;
            expect(call, &options, 0, "an older structure", size);
        }
    }
}

TEST(a_newer_structure_is_taken_while_it_asks_for_nothing_new)
{
    FOR_EACH_CALL(call)
    {
        for (size_t size = call->size + 8; size <= call->size + 256; size += 8) {
            union room options = {.size = 0};
            options.size = size;
            expect(call, &options, 0, "zeros of a newer structure", size);
        }
    }
}

TEST(unknown_bytes_are_refused_each_of_them)
{
    FOR_EACH_CALL(call)
    {
        for (size_t at = call->size; at < call->size + 256; at++) {
            union room options = {.size = 0};
            options.size = call->size + 256;
            options.bytes[at] = 1;
            expect(call, &options, -EINVAL, "an unknown byte", at);
            options.size = at; /* now it is behind the end */
            expect(call, &options, 0, "a byte behind the end", at);
        }
    }
}

TEST(reserved_fields_are_unknown_bytes)
{
    check_result(new_thread(&(thrum_thread_options){.reserved_ = 1}), -EINVAL);
    check_result(close_executor(&(thrum_close_options){.reserved_ = 1}), -EINVAL);
    check_result(map(&(thrum_map_options){.reserved_ = 1}), -EINVAL);
    check_result(imap(&(thrum_map_options){.reserved_ = 1}), -EINVAL);
}

/* An older program's fields work: this one's queue options end before item_size. */
TEST(an_older_structure_is_heeded)
{
    thrum_queue_options options = {.size = offsetof(thrum_queue_options, item_size), .maxsize = 1, .item_size = 1};
    thrum_queue *queue;
    void *item = &options, *got = NULL;
    check_result(thrum_queue_new_with(&queue, &options), 0);
    check_result(thrum_queue_put(queue, &item, THRUM_NOWAIT), 0);
    check_result(thrum_queue_put(queue, &item, THRUM_NOWAIT), THRUM_FULL);
    check_result(thrum_queue_get(queue, &got, THRUM_NOWAIT), 0);
    check(got == item);
    thrum_queue_free(queue);
}

TEST(structures_have_no_padding)
{
    check_int(sizeof(thrum_queue_options), 3 * sizeof(size_t) + 2 * sizeof(void *) + 2 * sizeof(uint32_t));
    check_int(sizeof(thrum_executor_options), 3 * sizeof(size_t));
    check_int(sizeof(thrum_submit_options), 2 * sizeof(size_t));
    check_int(sizeof(thrum_close_options), sizeof(size_t) + 16 + 8);
    check_int(sizeof(thrum_thread_options), 5 * sizeof(size_t) + 8);
    check_int(sizeof(thrum_exit_policy), sizeof(size_t) + 16 + sizeof(void *));
    check_int(sizeof(thrum_local_options), 2 * sizeof(size_t));
    check_int(sizeof(thrum_map_options), sizeof(size_t) + 16 + 7 * sizeof(size_t) + 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_options_are_the_defaults),
        cmocka_unit_test(size_zero_is_the_headers_size),
        cmocka_unit_test(an_older_structure_ends_where_it_says),
        cmocka_unit_test(a_newer_structure_is_taken_while_it_asks_for_nothing_new),
        cmocka_unit_test(unknown_bytes_are_refused_each_of_them),
        cmocka_unit_test(reserved_fields_are_unknown_bytes),
        cmocka_unit_test(an_older_structure_is_heeded),
        cmocka_unit_test(structures_have_no_padding),
    };
    check_result(thrum_executor_open(&serial, "serial"), 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    check_result(thrum_executor_close(serial), 0);
    return failed;
}
