/*
 * test_set.c - the set of strings that findrobots finds
 */
#include "findrobots.h"
#include "harness.h"

TEST(each_string_once_and_sorted_by_bytes)
{
    static const char *const strings[] = {"b", "a", "ab", "b", "", "\xff", "a", "B"};
    static const char *const sorted[] = {"", "B", "a", "ab", "b", "\xff"};
    struct set set = {.n = 0};
    for (size_t i = 0; i < 8; i++)
        check_result(set_add(&set, strings[i], strlen(strings[i])), 0);
    check_result(set_add(&set, "a\0", 2), 0); /* another one than "a" */
    check_int(set.n, 7);
    thrum_bytes *all;
    check_result(set_sorted(&set, &all), 0);
    check(all[3].size == 2 && memcmp(all[3].data, "a\0", 2) == 0);
    for (size_t i = 0; i < 6; i++) {
        size_t at = i < 3 ? i : i + 1;
        check(all[at].size == strlen(sorted[i]) && memcmp(all[at].data, sorted[i], all[at].size) == 0);
    }
    free(all);
    set_free(&set);
}

/* Strings of all sizes around the eight bytes that are hashed at once. */
TEST(many_strings)
{
    struct set set = {.n = 0}, copy = {.n = 0};
    int n = ROUNDS(100000);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < n; i++) {
            char text[64];
            int size = snprintf(text, sizeof text, "%d%.*s", i, i % 20, "--------------------");
            check_result(set_add(&set, text, (size_t)size), 0);
        }
    check_int(set.n, n);
    check_result(set_add_records(&copy, set.records.data, set.records.size), 0);
    check_result(set_add_records(&copy, set.records.data, set.records.size), 0);
    check_int(copy.n, n);
    check_int(copy.records.size, set.records.size);
    set_free(&set);
    set_free(&copy);
}

TEST(records_that_are_cut_off_are_refused)
{
    struct set set = {.n = 0}, copy = {.n = 0};
    check_result(set_add(&set, "first", 5), 0);
    check_result(set_add(&set, "second", 6), 0);
    for (size_t size = 0; size <= set.records.size; size++) {
        bool whole = size == 0 || size == 9 || size == set.records.size;
        check_result(set_add_records(&copy, set.records.data, size), whole ? 0 : -EINVAL);
    }
    set_free(&set);
    set_free(&copy);
}

TEST(without_memory_it_stays_as_it_was)
{
    for (unsigned fault = 0;; fault++) {
        struct set set = {.n = 0};
        int added = 0;
        fault_arm(FAULT_MEMORY, fault);
        for (int i = 0; i < 200; i++) {
            int result = set_add(&set, &i, sizeof i);
            check(result == 0 || result == -ENOMEM);
            added += result == 0;
            check_int(set.n, added);
        }
        bool refused = fault_disarm();
        check_int(added, refused ? 199 : 200);
        set_free(&set);
        if (!refused)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_string_once_and_sorted_by_bytes),
        cmocka_unit_test(many_strings),
        cmocka_unit_test(records_that_are_cut_off_are_refused),
        cmocka_unit_test(without_memory_it_stays_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
