/*
 * test_object.c - the table of living objects, in debug builds
 */
#include "harness.h"

#include "base/object.h"

#ifdef THRUM_CHECKED

#define MANY 5000

static char place[MANY];

TEST(one_is_what_it_was_born_as_until_it_dies)
{
    check(!object_is(&place[0], OBJECT_QUEUE));
    check(object_born(&place[0], OBJECT_QUEUE));
    check(object_is(&place[0], OBJECT_QUEUE));
    check(!object_is(&place[0], OBJECT_TOKEN));
    check(!object_is(&place[1], OBJECT_QUEUE));
    check(!object_is(NULL, OBJECT_QUEUE));
    object_dies(&place[0]);
    check(!object_is(&place[0], OBJECT_QUEUE));
    object_dies(&place[0]);
    object_dies(&place[1]);
    object_dies(NULL);
    check(object_born(&place[0], OBJECT_TOKEN));
    check(object_is(&place[0], OBJECT_TOKEN));
    object_dies(&place[0]);
}

TEST(many_are_kept_apart)
{
    for (size_t i = 0; i < MANY; i++)
        check(object_born(&place[i], i % 2 == 0 ? OBJECT_QUEUE : OBJECT_TOKEN));
    for (size_t i = 0; i < MANY; i += 3)
        object_dies(&place[i]);
    for (size_t i = 0; i < MANY; i++) {
        check_int(object_is(&place[i], OBJECT_QUEUE), i % 3 != 0 && i % 2 == 0);
        check_int(object_is(&place[i], OBJECT_TOKEN), i % 3 != 0 && i % 2 != 0);
    }
    for (size_t i = 0; i < MANY; i++)
        object_dies(&place[i]);
}

TEST(who_comes_and_goes_takes_no_room)
{
    for (int i = 0; i < 100 * MANY; i++) {
        check(object_born(&place[i % MANY], OBJECT_QUEUE));
        object_dies(&place[i % MANY]);
    }
    for (size_t i = 0; i < MANY; i++)
        check(!object_is(&place[i], OBJECT_QUEUE));
}

TEST(without_memory_nothing_is_born)
{
    int refused = 0;
    for (size_t i = 0; i < MANY; i++) {
        fault_arm(FAULT_MEMORY, 0);
        bool born = object_born(&place[i], OBJECT_QUEUE);
        check_int(fault_disarm(), !born);
        check_int(object_is(&place[i], OBJECT_QUEUE), born);
        refused += !born;
        if (!born)
            check(object_born(&place[i], OBJECT_QUEUE));
    }
    check(refused > 0);
    for (size_t i = 0; i < MANY; i++)
        object_dies(&place[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_is_what_it_was_born_as_until_it_dies),
        cmocka_unit_test(many_are_kept_apart),
        cmocka_unit_test(who_comes_and_goes_takes_no_room),
        cmocka_unit_test(without_memory_nothing_is_born),
    };
    return cmocka_run_group_tests_name("object", tests, NULL, NULL);
}

#else

int main(void)
{
    puts("skipped: only a debug build knows its objects (meson -Dbuildtype=debugoptimized)");
    return 77;
}

#endif
