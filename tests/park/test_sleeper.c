/*
 * test_sleeper.c - the records of those who wait
 */
#include "fake.h"

#include <pthread.h>

static int number(void *arg)
{
    (void)arg;
    const struct sleeper *self = sleeper_self();
    check(self == sleeper_self());
    check_int(self->owner & 3, 0);
    check(self->owner != 0);
    check_int(self->owner, thrum_self_.owner);
    return (int)self->owner;
}

TEST(number_is_used_again_after_its_thread)
{
    int first = finish(start(number, NULL, NULL));
    for (int i = 0; i < 10; i++)
        check_int(finish(start(number, NULL, NULL)), first);
}

static int end_with_it(void *arg)
{
    check_result(thrum_lock_acquire(arg, THRUM_FOREVER), 0);
    return number(NULL);
}

TEST(number_is_not_used_again_while_a_lock_names_it)
{
    thrum_lock lock = THRUM_LOCK_INIT;
    int owner = finish(start(end_with_it, &lock, NULL));
    for (int i = 0; i < 10; i++)
        check(finish(start(number, NULL, NULL)) != owner);
    check(thrum_lock_locked(&lock));
    check_result(thrum_lock_acquire(&lock, THRUM_NOWAIT), THRUM_TIMEOUT);
    check_result(thrum_lock_release(&lock), -EPERM);
}

static void *foreign(void *arg)
{
    int *owner = arg;
    *owner = number(NULL);
    return NULL;
}

TEST(thread_that_is_not_ours_gets_one_by_itself_and_gives_it_back)
{
    int first = 0, second = 0;
    pthread_t thread;
    check_int(pthread_create(&thread, NULL, foreign, &first), 0);
    check_int(pthread_join(thread, NULL), 0);
    check_int(pthread_create(&thread, NULL, foreign, &second), 0);
    check_int(pthread_join(thread, NULL), 0);
    check(first != 0);
    check_int(first, second);
}

static pthread_key_t late;

static void use_after(void *arg)
{
    static thrum_lock lock;
    check_result(thrum_lock_acquire(&lock, THRUM_FOREVER), 0);
    check_result(thrum_lock_release(&lock), 0);
    (void)arg;
}

static void *leaves_late(void *arg)
{
    check_int(pthread_setspecific(late, &late), 0);
    return foreign(arg);
}

TEST(destructor_that_runs_after_ours_can_use_locks)
{
    int owner = 0;
    pthread_t thread;
    check_int(pthread_key_create(&late, use_after), 0);
    for (int i = 0; i < 3; i++) {
        check_int(pthread_create(&thread, NULL, leaves_late, &owner), 0);
        check_int(pthread_join(thread, NULL), 0);
    }
    check_int(pthread_key_delete(late), 0);
    check_int(finish(start(number, NULL, NULL)), owner); /* given back the second time too */
}

#define MANY 3000 /* more than a block */

TEST(records_are_distinct_and_come_back)
{
    static struct sleeper *records[MANY];
    uint64_t sum = 0, again = 0;
    for (size_t i = 0; i < MANY; i++) {
        records[i] = sleeper_new(&fake_ops);
        check(records[i] != NULL && records[i]->token == NULL && records[i]->report == NULL);
        for (size_t other = i; other-- > 0 && other + 3 > i;)
            check(records[other]->owner != records[i]->owner);
        sum += records[i]->owner;
    }
    for (size_t i = 0; i < MANY; i++)
        sleeper_drop(records[i]);
    for (size_t i = 0; i < MANY; i++) {
        records[i] = sleeper_new(&fake_ops);
        again += records[i]->owner;
    }
    check_int(again, sum);
    for (size_t i = 0; i < MANY; i++)
        sleeper_drop(records[i]);
}

int main(void)
{
    (void)number(NULL); /* this thread has its own from the start */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(number_is_used_again_after_its_thread),
        cmocka_unit_test(number_is_not_used_again_while_a_lock_names_it),
        cmocka_unit_test(thread_that_is_not_ours_gets_one_by_itself_and_gives_it_back),
        cmocka_unit_test(destructor_that_runs_after_ours_can_use_locks),
        cmocka_unit_test(records_are_distinct_and_come_back),
    };
    return cmocka_run_group_tests_name("sleeper", tests, NULL, NULL);
}
