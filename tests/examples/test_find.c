/*
 * test_find.c - the task itself, as an executor calls it
 */
#include "findrobots.h"
#include "harness.h"

#include <fcntl.h>
#include <unistd.h>

static const struct query robots = {.where = 1, .text = {"/robots.txt", 11}, .count = true};

/* A log of 2,000 hosts, each twice, and as many that do not count. */
static void write_log(const char *path)
{
    FILE *file = fopen(path, "w");
    check(file != NULL);
    for (int i = 0; i < 4000; i++)
        fprintf(file, "host-%d /robots.txt\nother-%d /index.html\n\n", i % 2000, i);
    check_int(fclose(file), 0);
}

static int find(const char *path, const struct query *query, thrum_buffer *result)
{
    thrum_bytes job;
    check_result(job_new(&job, query, path), 0);
    int code = THRUM_TASK_OF(find_robots)->run(&job, result);
    job_free(job);
    return code;
}

TEST(a_result_holds_what_was_found)
{
    char path[] = "/tmp/test_find_XXXXXX";
    close(mkstemp(path));
    write_log(path);
    thrum_buffer result = {.size = 0};
    struct totals totals;
    struct set found = {.n = 0};
    check_int(find(path, &robots, &result), 0);
    check_result(result_read(&result, &totals, &found), 0);
    check_int(found.n, 2000);
    check_int(totals.matches, 4000);
    check_int(totals.lines, 12000);
    check_int(totals.short_lines, 4000);
    check_int(totals.first_short, 3);
    check_int(totals.text, totals.read);
    result.size = sizeof totals - 1;
    check_result(result_read(&result, &totals, &found), -EINVAL);
    thrum_buffer_free(&result);
    set_free(&found);
    unlink(path);
}

TEST(the_task_may_leave_the_process)
{
    check_int(THRUM_TASK_OF(find_robots)->flags, THRUM_PORTABLE);
    check_int(THRUM_TASK_OF(find_robots)->input_kind, THRUM_KIND_BYTES);
    check_int(THRUM_TASK_OF(find_robots)->output_kind, THRUM_KIND_BUFFER);
}

TEST(without_memory_it_fails_and_keeps_nothing)
{
    char path[] = "/tmp/test_find_XXXXXX";
    close(mkstemp(path));
    write_log(path);
    thrum_bytes job;
    check_result(job_new(&job, &robots, path), 0);
    for (unsigned fault = 0;; fault++) {
        thrum_buffer result = {.size = 0};
        fault_arm(FAULT_MEMORY, fault);
        int code = THRUM_TASK_OF(find_robots)->run(&job, &result);
        if (!fault_disarm()) {
            check_int(code, 0);
            check(fault >= 4);
            thrum_buffer_free(&result);
            break;
        }
        check_int(code, ENOMEM);
        check(result.data == NULL && result.size == 0);
    }
    job_free(job);
    unlink(path);
}

/* Called off between two pieces, not at the end: the file has none. */
TEST(a_cancelled_task_stops)
{
    thrum_token *token;
    check_result(thrum_token_new(&token), 0);
    thrum_token_cancel(token);
    thrum_token *before = thrum_token_set(token);
    thrum_buffer result = {.size = 0};
    check_int(find("/dev/zero", &robots, &result), ECANCELED);
    check(result.data == NULL);
    thrum_token_set(before);
    thrum_token_free(token);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_result_holds_what_was_found),
        cmocka_unit_test(the_task_may_leave_the_process),
        cmocka_unit_test(without_memory_it_fails_and_keeps_nothing),
        cmocka_unit_test(a_cancelled_task_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
