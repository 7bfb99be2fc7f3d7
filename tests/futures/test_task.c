/*
 * test_task.c - what a task is, what it starts with, what it reports, and how another process finds it
 */
#include "pools.h"

#include <dlfcn.h>
#include <unistd.h>

static int square(const double *x, double *y)
{
    *y = *x * *x;
    return 0;
}
THRUM_TASK(square, double, double);

static int count_zeros(const thrum_bytes *bytes, size_t *count)
{
    const char *at = bytes->data;
    for (size_t i = 0; i < bytes->size; i++)
        *count += at[i] == 0;
    return 0;
}
THRUM_TASK(count_zeros, thrum_bytes, size_t, THRUM_PORTABLE | THRUM_RETRYABLE);

static int repeat(const char *letter, thrum_buffer *text)
{
    for (int i = 0; i < 10; i++)
        if (thrum_buffer_append(text, letter, 1) != 0)
            return 1;
    return 0;
}
THRUM_TASK(repeat, char, thrum_buffer, THRUM_PORTABLE);

TEST(a_descriptor_says_what_there_is_to_know)
{
    const thrum_task *task = THRUM_TASK_OF(square);
    check_int(task->size, sizeof(thrum_task));
    check_str(task->name, "square");
    check_int(task->input_size, sizeof(double));
    check_int(task->output_size, sizeof(double));
    check_int(task->input_kind, THRUM_KIND_PLAIN);
    check_int(task->output_kind, THRUM_KIND_PLAIN);
    check_int(task->flags, 0);
    check_int(task->mark_, THRUM_TASK_MARK_);
    check_int(THRUM_TASK_OF(count_zeros)->input_kind, THRUM_KIND_BYTES);
    check_int(THRUM_TASK_OF(count_zeros)->flags, THRUM_PORTABLE | THRUM_RETRYABLE);
    check_int(THRUM_TASK_OF(repeat)->output_kind, THRUM_KIND_BUFFER);
    check_int(THRUM_TASK_OF(repeat)->flags, THRUM_PORTABLE);

    double x = 3, y = 0;
    check_int(task->run(&x, &y), 0);
    check(y == 9);
    check_int(square(&y, &x), 0); /* still a function like any other */
    check(x == 81);
}

TEST(what_is_no_task_is_refused)
{
    const thrum_task good = *THRUM_TASK_OF(square);
    thrum_task bad[9];
    for (size_t i = 0; i < 9; i++)
        bad[i] = good;
    bad[0].run = NULL;
    bad[1].input_size = 0;
    bad[2].output_size = 0;
    bad[3].size = 0;
    bad[4].input_kind = THRUM_KIND_BUFFER;
    bad[4].input_size = sizeof(thrum_buffer);
    bad[5].output_kind = THRUM_KIND_BYTES;
    bad[5].output_size = sizeof(thrum_bytes);
    bad[6].name = NULL;
    bad[7].input_kind = 77;
    bad[8].output_kind = 77;
    FOR_EACH_SPEC(spec)
    {
        thrum_executor *pool = open_pool(*spec);
        double x[8] = {3}, y[8] = {-1};
        thrum_future *future = NULL;
        thrum_map_iterator *iterator = NULL;
        for (size_t i = 0; i < 9; i++) {
            check_result(thrum_submit_with(pool, &bad[i], x, &future, NULL), -EINVAL);
            check_result(thrum_map_with(pool, &bad[i], x, y, 1, NULL), -EINVAL);
            check_result(thrum_imap_with(pool, &bad[i], x, 1, &iterator, NULL), -EINVAL);
        }
        check_result(thrum_submit_with(pool, NULL, x, &future, NULL), -EINVAL);
        check(future == NULL && iterator == NULL && y[0] == -1);
        check_result(thrum_map_with(pool, &good, x, y, 1, NULL), 0); /* one made by hand goes too */
        check(y[0] == 9);
        close_pool(pool);
    }
}

/* ---- What it starts with ----------------------------------------------------------- */

typedef struct block {
    unsigned char bytes[100];
} block;

/* Fails where the output is not zero, and makes it so for the next. */
static int find_zeros(const int *x, block *output)
{
    int dirty = 0;
    for (size_t i = 0; i < sizeof output->bytes; i++)
        dirty += output->bytes[i] != 0;
    memset(output, 0xff, sizeof *output);
    return dirty + *x;
}
THRUM_TASK(find_zeros, int, block);

TEST(the_output_is_zero_at_first)
{
    FOR_EACH_SPEC(spec)
    {
        thrum_executor *pool = open_pool(*spec);
        int x[50] = {0};
        block y[50];
        memset(y, 0xaa, sizeof y);
        check_result(thrum_map(pool, find_zeros, x, y, 50), 0);
        check_result(thrum_map(pool, find_zeros, x, y, 50), 0);
        for (int i = 0; i < 50; i++) {
            thrum_future *future;
            check_result(thrum_submit(pool, find_zeros, x, &future), 0);
            check_result(thrum_future_result(future, NULL, THRUM_FOREVER), 0);
            thrum_future_free(future);
        }
        thrum_map_iterator *iterator; /* whose slots are used again */
        check_result(thrum_imap(pool, find_zeros, x, 50, &iterator, .window = 2), 0);
        for (int i = 0; i < 50; i++)
            check_result(thrum_map_iterator_next(iterator, NULL, NULL, NULL, THRUM_FOREVER), 0);
        thrum_map_iterator_free(iterator);
        close_pool(pool);
    }
}

static thrum_token *litter;
typedef thrum_token *token_ref;

/* Tells the token that it started with, and leaves another in its place. */
static int tell_token(const int *x, token_ref *output)
{
    *output = thrum_token_set(litter);
    return *x;
}
THRUM_TASK(tell_token, int, token_ref);

TEST(it_starts_with_the_token_of_its_submit_or_map)
{
    thrum_token *callers, *own;
    check_result(thrum_token_new(&litter), 0);
    check_result(thrum_token_new(&callers), 0);
    check_result(thrum_token_new(&own), 0);
    check(thrum_token_set(callers) == NULL);
    FOR_EACH_SPEC(spec)
    {
        thrum_executor *pool = open_pool(*spec);
        static const int x[40];
        thrum_token *y[40];
        for (int round = 0; round < 3; round++) {
            thrum_future *with, *without;
            check_result(thrum_submit(pool, tell_token, x, &with, .token = own), 0);
            check_result(thrum_submit(pool, tell_token, x, &without), 0);
            check_result(thrum_future_result(with, &y[0], THRUM_FOREVER), 0);
            check_result(thrum_future_result(without, &y[1], THRUM_FOREVER), 0);
            check(y[0] == own);
            check(y[1] == NULL);
            thrum_future_free(with);
            thrum_future_free(without);
            check_result(thrum_map(pool, tell_token, x, y, 40, .token = own), 0);
            for (size_t i = 0; i < 40; i++)
                check(y[i] == own);
        }
        close_pool(pool);
        check(thrum_token_set(callers) == callers); /* ours is left alone */
    }
    thrum_token_set(NULL);
    thrum_token_free(litter);
    thrum_token_free(callers);
    thrum_token_free(own);
}

/* ---- What it reports ------------------------------------------------------------------ */

static int complain(const int *code, int *output)
{
    char text[400];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    *output = 1;
    switch (*code) {
    case 1:
        return thrum_fail(1, "%s: number %d", "a message", 4711);
    case 2:
        return thrum_fail(2, "%s", text);
    case 3:
        return 3; /* without a word */
    case 4:
        (void)thrum_fail(4, "thought better of it");
        return 0;
    case 5:
        (void)thrum_fail(5, "first");
        return thrum_fail(-5, "second");
    default:
        return 0;
    }
}
THRUM_TASK(complain, int, int);

static void check_record(const thrum_error *error, int code, const char *message)
{
    check_int(error->outcome, code ? THRUM_FAILED : 0);
    check_int(error->code, code);
    check_int(error->status, 0);
    check_int(error->reserved_, 0);
    if (code)
        check_str(error->task, "complain");
    check_str(error->message, message);
}

TEST(fail_says_what_was_wrong)
{
    char cut[256];
    memset(cut, 'x', 255);
    cut[255] = '\0';
    const struct {
        int input, code;
        const char *message;
    } cases[] = {{1, 1, "a message: number 4711"},
                 {3, 3, ""},
                 {2, 2, cut},
                 {4, 0, ""},
                 {3, 3, ""},
                 {0, 0, ""},
                 {5, -5, "second"}};
    enum { N = sizeof cases / sizeof cases[0] };
    FOR_EACH_SPEC(spec)
    {
        thrum_executor *pool = open_pool(*spec);
        int inputs[N], outputs[N];
        thrum_error errors[N];
        for (size_t i = 0; i < N; i++) {
            thrum_future *future;
            inputs[i] = cases[i].input;
            check_result(thrum_submit(pool, complain, &inputs[i], &future), 0);
            check_result(thrum_future_exception(future, &errors[i], THRUM_FOREVER), 0);
            check_record(&errors[i], cases[i].code, cases[i].message);
            check(errors[i].index == THRUM_NO_INDEX || cases[i].code == 0);
            thrum_future_free(future);
        }
        check_result(thrum_map(pool, complain, inputs, outputs, N, .errors = errors, .chunksize = N), THRUM_FAILED);
        for (size_t i = 0; i < N; i++) {
            check_record(&errors[i], cases[i].code, cases[i].message);
            check_int(outputs[i], cases[i].code ? 0 : 1);
            check(errors[i].index == i || cases[i].code == 0);
        }
        close_pool(pool);
    }
}

static int run_another(const int *code, int *output)
{
    thrum_executor *inner;
    thrum_future *future;
    check_result(thrum_executor_open(&inner, "serial"), 0);
    if (*code == 1)
        (void)thrum_fail(1, "of the outer one");
    check_result(thrum_submit(inner, complain, code, &future), 0);
    *output = thrum_future_result(future, NULL, THRUM_FOREVER);
    thrum_future_free(future);
    check_result(thrum_executor_close(inner), 0);
    return *code == 1 ? 8 : thrum_fail(8, "of the outer one");
}
THRUM_TASK(run_another, int, int);

/* A task run within a task keeps its message to itself. */
TEST(messages_do_not_mix)
{
    FOR_EACH_SPEC(spec)
    {
        thrum_executor *pool = open_pool(*spec);
        thrum_future *future;
        thrum_error error;
        for (int code = 1; code <= 3; code++) {
            check_result(thrum_submit(pool, run_another, &code, &future), 0);
            check_result(thrum_future_exception(future, &error, THRUM_FOREVER), 0);
            check_int(error.code, 8);
            check_str(error.message, "of the outer one");
            thrum_future_free(future);
        }
        close_pool(pool);
    }
}

TEST(outside_a_task_fail_only_gives_the_code)
{
    check_int(thrum_fail(7, "nobody hears %s", "this"), 7);
    check_int(thrum_fail(-3, "nor this"), -3);
}

/* ---- Keys ------------------------------------------------------------------------------- */

/* The tasks of this program: what a key of it may find. */
static bool known(const thrum_task *task)
{
    const thrum_task *all[] = {THRUM_TASK_OF(square),      THRUM_TASK_OF(count_zeros), THRUM_TASK_OF(repeat),
                               THRUM_TASK_OF(find_zeros),  THRUM_TASK_OF(tell_token),  THRUM_TASK_OF(complain),
                               THRUM_TASK_OF(run_another), THRUM_TASK_OF(pass_gate)};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (memcmp(task, all[i], sizeof *task) == 0) /* the compiler may have made copies */
            return true;
    return false;
}

TEST(a_key_finds_its_task_again)
{
    const thrum_task *tasks[] = {THRUM_TASK_OF(square), THRUM_TASK_OF(repeat), THRUM_TASK_OF(complain)};
    thrum_task_key keys[3];
    for (size_t i = 0; i < 3; i++) {
        const thrum_task *found = NULL;
        check_result(thrum_task_get_key(tasks[i], &keys[i]), 0);
        check(keys[i].build_id_size >= 8 && keys[i].build_id_size <= sizeof keys[i].build_id);
        check_result(thrum_task_find(&keys[i], &found), 0);
        check(found == tasks[i]);
        check(memcmp(keys[i].build_id, keys[0].build_id, keys[0].build_id_size) == 0);
        for (size_t other = 0; other < i; other++)
            check(keys[i].offset != keys[other].offset);
    }
    thrum_task_key again;
    check_result(thrum_task_get_key(tasks[0], &again), 0);
    check(memcmp(&again, &keys[0], sizeof again) == 0); /* as plain data, all of it */
}

TEST(what_lies_in_no_module_has_no_key)
{
    thrum_task_key key = {.offset = 77};
    thrum_task on_stack = *THRUM_TASK_OF(square), *on_heap = malloc(sizeof *on_heap);
    *on_heap = on_stack;
    check_result(thrum_task_get_key(&on_stack, &key), -ENOENT);
    check_result(thrum_task_get_key(on_heap, &key), -ENOENT);
    check_int(key.offset, 77);
    free(on_heap);
}

TEST(a_key_of_another_build_finds_nothing)
{
    thrum_task_key key, other;
    const thrum_task *found = NULL;
    check_result(thrum_task_get_key(THRUM_TASK_OF(square), &key), 0);
    for (uint32_t i = 0; i < key.build_id_size; i++) {
        other = key;
        other.build_id[i] ^= 1;
        check_result(thrum_task_find(&other, &found), -ENOENT);
    }
    for (uint32_t size = 0; size <= sizeof key.build_id + 8; size++) {
        other = key;
        other.build_id_size = size;
        check_result(thrum_task_find(&other, &found), size == key.build_id_size ? 0 : -ENOENT);
    }
    other.build_id_size = UINT32_MAX;
    check_result(thrum_task_find(&other, &found), -ENOENT);
}

/* A key is another process's word: whatever its offset, it finds a task or nothing. It is looked for between
 * objects, where AddressSanitizer lets nobody look. */
TEST(an_offset_without_a_task_finds_nothing)
{
    thrum_task_key key;
    const thrum_task *found;
    check_result(thrum_task_get_key(THRUM_TASK_OF(square), &key), 0);
    uint64_t right = key.offset;
    for (key.offset = 0; !HARNESS_ASAN && key.offset < right + 100000; key.offset++) {
        found = NULL;
        int result = thrum_task_find(&key, &found);
        if (result == 0)
            check(known(found));
        else
            check_result(result, -ENOENT);
    }
    const uint64_t far[] = {UINT64_MAX, UINT64_MAX - 7, UINT64_MAX / 2 + 1, (uint64_t)1 << 47, (uint64_t)1 << 40};
    for (size_t i = 0; i < sizeof far / sizeof far[0]; i++) {
        key.offset = far[i];
        check_result(thrum_task_find(&key, &found), -ENOENT);
    }
}

/* The task of a module that lies beside this program. */
static void *load(const char *name, const thrum_task **ret_task)
{
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 100);
    check(length > 0);
    path[length] = '\0';
    strcpy(strrchr(path, '/') + 1, name);
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!module)
        harness_fail(__FILE__, __LINE__, "%s", dlerror());
    *ret_task = dlsym(module, "triple_task_");
    check(*ret_task != NULL);
    return module;
}

TEST(a_task_of_a_module_is_found_while_it_is_loaded)
{
    thrum_task_key key;
    const thrum_task *task, *found = NULL;
    void *module = load("task_module.so", &task);
    check_result(thrum_task_get_key(task, &key), 0);
    check_result(thrum_task_find(&key, &found), 0);
    check(found == task);
    int x = 14, y = 0;
    check_int(found->run(&x, &y), 0);
    check_int(y, 42);
    check_int(dlclose(module), 0);
    check_result(thrum_task_find(&key, &found), -ENOENT);
}

TEST(a_module_without_a_build_id_is_named)
{
    thrum_task_key key;
    const thrum_task *task;
    void *module = load("task_module_without_id.so", &task);
    check_result(thrum_task_get_key(task, &key), -ENOTSUP);
    check_int(dlclose(module), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_descriptor_says_what_there_is_to_know),
        cmocka_unit_test(what_is_no_task_is_refused),
        cmocka_unit_test(the_output_is_zero_at_first),
        cmocka_unit_test(it_starts_with_the_token_of_its_submit_or_map),
        cmocka_unit_test(fail_says_what_was_wrong),
        cmocka_unit_test(messages_do_not_mix),
        cmocka_unit_test(outside_a_task_fail_only_gives_the_code),
        cmocka_unit_test(a_key_finds_its_task_again),
        cmocka_unit_test(what_lies_in_no_module_has_no_key),
        cmocka_unit_test(a_key_of_another_build_finds_nothing),
        cmocka_unit_test(an_offset_without_a_task_finds_nothing),
        cmocka_unit_test(a_task_of_a_module_is_found_while_it_is_loaded),
        cmocka_unit_test(a_module_without_a_build_id_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
