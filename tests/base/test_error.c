/*
 * test_error.c - what results and error records say of themselves
 */
#include "harness.h"

#include <limits.h>

TEST(each_outcome_has_words_of_its_own)
{
    for (int outcome = THRUM_OK; outcome <= THRUM_STOP_ITERATION; outcome++) {
        const char *text = thrum_strerror(outcome);
        check(text != NULL && text[0] != '\0');
        check(strchr(text, '\n') == NULL);
        for (int other = THRUM_OK; other < outcome; other++)
            check(strcmp(text, thrum_strerror(other)) != 0);
    }
    check_str(thrum_strerror(THRUM_TIMEOUT), "timed out");
    check_str(thrum_strerror(-EINVAL), "Invalid argument");
}

TEST(errors_of_the_system_keep_their_words)
{
    static const int errors[] = {EPERM,  ENOENT,  EAGAIN,  ENOMEM,   EEXIST,   EINVAL,
                                 ENOSPC, EDEADLK, ENOTSUP, EALREADY, EOVERFLOW};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        check_str(thrum_strerror(-errors[i]), strerror(errors[i]));
}

TEST(no_number_is_without_words)
{
    static const int strange[] = {THRUM_STOP_ITERATION + 1, 1000, INT_MAX, -4095, -100000, INT_MIN, INT_MIN + 1};
    for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++) {
        const char *text = thrum_strerror(strange[i]);
        check(text != NULL && text[0] != '\0');
        check_str(thrum_strerror(strange[i]), text);
    }
}

static int say_all(void *arg)
{
    const char **kept = arg;
    for (int round = 0; round < ROUNDS(2000); round++)
        for (int result = -150; result <= 20; result++)
            check_str(thrum_strerror(result), kept[result + 150]);
    return 0;
}

/* The text is constant: what one thread keeps, no other changes. */
TEST(words_are_safe_from_any_thread)
{
    const char *kept[171];
    thrum_thread *threads[4];
    for (int result = -150; result <= 20; result++)
        kept[result + 150] = thrum_strerror(result);
    for (size_t i = 0; i < 4; i++)
        threads[i] = start(say_all, kept, NULL);
    for (size_t i = 0; i < 4; i++)
        check_int(finish(threads[i]), 0);
    for (int result = -150; result <= 20; result++)
        check_str(kept[result + 150], thrum_strerror(result));
}

TEST(the_version_is_the_headers)
{
    char text[32];
    snprintf(text, sizeof text, "%d.%d.%d", THRUM_VERSION_MAJOR, THRUM_VERSION_MINOR, THRUM_VERSION_PATCH);
    check_str(thrum_version(), text);
}

static thrum_error example(void)
{
    thrum_error error = {.outcome = THRUM_FAILED, .code = 7, .worker = 4711, .index = 123456};
    strcpy(error.task, "read_robots");
    strcpy(error.message, "access.log: it is empty");
    return error;
}

TEST(a_record_is_plain_data_without_padding)
{
    check_int(sizeof(thrum_error), 4 * sizeof(int32_t) + 2 * sizeof(uint64_t) + 64 + 256);
}

TEST(a_failure_names_task_input_and_message)
{
    thrum_error error = example();
    char text[512];
    check(thrum_error_format(&error, text, sizeof text) == text);
    check(strstr(text, "read_robots") != NULL);
    check(strstr(text, "123456") != NULL);
    check(strstr(text, "access.log: it is empty") != NULL);
    check(strchr(text, '\n') == NULL);
}

TEST(no_input_is_named_outside_a_map)
{
    thrum_error error = example();
    char text[512], number[32];
    error.index = THRUM_NO_INDEX;
    snprintf(number, sizeof number, "%ju", (uintmax_t)THRUM_NO_INDEX);
    thrum_error_format(&error, text, sizeof text);
    check(strstr(text, number) == NULL);
    check(strstr(text, "-1") == NULL);
    check(strstr(text, "read_robots") != NULL);
}

TEST(each_outcome_reads_differently)
{
    static const int outcomes[] = {THRUM_FAILED, THRUM_LOST, THRUM_CANCELLED, THRUM_TIMEOUT, -ENOTSUP};
    char texts[5][512];
    for (size_t i = 0; i < 5; i++) {
        thrum_error error = {.outcome = outcomes[i], .index = 1};
        thrum_error_format(&error, texts[i], sizeof texts[i]);
        check(texts[i][0] != '\0');
        for (size_t other = 0; other < i; other++)
            check(strcmp(texts[i], texts[other]) != 0);
    }
}

TEST(a_lost_worker_is_named_with_its_end)
{
    thrum_error error = {.outcome = THRUM_LOST, .status = -9, .worker = 4711, .index = THRUM_NO_INDEX};
    char killed[512], ended[512];
    thrum_error_format(&error, killed, sizeof killed);
    error.status = 9;
    thrum_error_format(&error, ended, sizeof ended);
    check(strchr(killed, '9') != NULL);
    check(strcmp(killed, ended) != 0);
}

/* Each size, down to none: never a byte too many, always ended, always a beginning of the whole. */
TEST(a_small_place_cuts_the_line)
{
    thrum_error error = example();
    char whole[512], text[512];
    thrum_error_format(&error, whole, sizeof whole);
    size_t length = strlen(whole);
    for (size_t size = 0; size <= length + 2; size++) {
        memset(text, 'Z', sizeof text);
        check(thrum_error_format(&error, text, size) == text);
        for (size_t i = size; i < sizeof text; i++)
            check_int(text[i], 'Z');
        if (size == 0)
            continue;
        check_int(strnlen(text, size), size <= length ? size - 1 : length);
        check(strncmp(text, whole, strlen(text)) == 0);
    }
}

TEST(one_line_whatever_the_message)
{
    thrum_error error = example();
    char text[512];
    strcpy(error.message, "first\nsecond\r\nthird\n");
    thrum_error_format(&error, text, sizeof text);
    check(strchr(text, '\n') == NULL);
    check(strstr(text, "first") != NULL && strstr(text, "third") != NULL);
}

/* A record may come from another machine: its texts need not be ended. */
TEST(texts_without_an_end_stop_at_their_field)
{
    thrum_error error = {.outcome = THRUM_FAILED, .code = 1, .index = 1};
    char text[1024];
    memset(error.task, 't', sizeof error.task);
    memset(error.message, 'm', sizeof error.message);
    thrum_error_format(&error, text, sizeof text);
    char *tasks = strstr(text, "tttttttt"), *messages = strstr(text, "mmmmmmmm");
    check(tasks != NULL && messages != NULL);
    check(strspn(tasks, "t") <= sizeof error.task);
    check(strspn(messages, "m") <= sizeof error.message);
    check(strstr(messages + strspn(messages, "m"), "mmmmmmmm") == NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_outcome_has_words_of_its_own),
        cmocka_unit_test(errors_of_the_system_keep_their_words),
        cmocka_unit_test(no_number_is_without_words),
        cmocka_unit_test(words_are_safe_from_any_thread),
        cmocka_unit_test(the_version_is_the_headers),
        cmocka_unit_test(a_record_is_plain_data_without_padding),
        cmocka_unit_test(a_failure_names_task_input_and_message),
        cmocka_unit_test(no_input_is_named_outside_a_map),
        cmocka_unit_test(each_outcome_reads_differently),
        cmocka_unit_test(a_lost_worker_is_named_with_its_end),
        cmocka_unit_test(a_small_place_cuts_the_line),
        cmocka_unit_test(one_line_whatever_the_message),
        cmocka_unit_test(texts_without_an_end_stop_at_their_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
