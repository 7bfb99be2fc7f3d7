/*
 * test_sleeper.c - the records of those who wait
 */
#include "fake.h"
#include "platform/state.h"

#include <pthread.h>

static int number(void *arg)
{
    (void)arg;
    const struct sleeper *self = sleeper_self();
    check(self == sleeper_self());
    check(self->owner != 0);
    check_int(self->owner, thrum_self_.owner);
    return (int)self->owner;
}

/* Let records come and go until all of them have been used again. */
static void use_up_rest(void)
{
    for (int i = 0; i < 3 * ROLL_RESTING; i++)
        sleeper_drop(sleeper_new(&fake_ops));
}

TEST(record_is_used_again_under_another_number)
{
    uint32_t first = (uint32_t)finish(start(number, NULL, NULL)), used = os_state()->sleepers.used;
    check(sleeper_has_ended(first));
    for (int i = 0; i < 20; i++) {
        uint32_t next = (uint32_t)finish(start(number, NULL, NULL));
        check(next != first);
    }
    use_up_rest();
    check(os_state()->sleepers.used <= used + ROLL_RESTING);
    check(sleeper_of(first)->owner != first);
    check(sleeper_has_ended(first) && !sleeper_has_ended(sleeper_self()->owner));
}

static int end_with_it(void *arg)
{
    check_result(thrum_lock_acquire(arg, THRUM_FOREVER), 0);
    return number(NULL);
}

static char told[1000];

static void note_report(void *arg, const char *text)
{
    (void)arg;
    (void)snprintf(told, sizeof told, "%s", text);
}

TEST(lock_names_the_ended_one_when_its_record_is_anothers)
{
    thrum_lock lock = THRUM_LOCK_INIT;
    uint32_t owner = (uint32_t)finish(start(end_with_it, &lock, NULL));
    thrum_set_reporter(note_report, NULL);
    check_result(thrum_lock_acquire(&lock, THRUM_FOREVER), -EDEADLK);
    check(strstr(told, "thread 'Thread-") != NULL && strstr(told, "which has ended") != NULL);
    use_up_rest();
    check(sleeper_of(owner)->owner != owner);
    check(thrum_lock_locked(&lock));
    check_result(thrum_lock_acquire(&lock, THRUM_NOWAIT), THRUM_TIMEOUT);
    check_result(thrum_lock_release(&lock), -EPERM);
    check_result(thrum_lock_acquire(&lock, THRUM_FOREVER), -EDEADLK);
    check(strstr(told, "held by a thread which has ended") != NULL);
    thrum_set_reporter(NULL, NULL);
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
    check(first != 0 && second != 0 && first != second);
    check(sleeper_has_ended((uint32_t)first) && sleeper_has_ended((uint32_t)second));
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
    const struct sleeper *sleeper;
    for (uint32_t place = 0; (sleeper = sleeper_next(&place)) != NULL;) /* given back the second time too */
        check(sleeper == sleeper_self() || sleeper_has_ended(sleeper->owner));
}

#define MANY 3000 /* more than a block */

TEST(records_are_distinct_and_come_back)
{
    static struct sleeper *records[MANY];
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < MANY; i++) {
            records[i] = sleeper_new(&fake_ops);
            check(records[i] != NULL && records[i]->token == NULL && records[i]->report == NULL);
            check(sleeper_of(records[i]->owner) == records[i] && !sleeper_has_ended(records[i]->owner));
            records[i]->report = told;
        }
        for (size_t i = 0; i < MANY; i++) {
            check(records[i]->report == told); /* nobody else's */
            records[i]->report = NULL;
            sleeper_drop(records[i]);
        }
    }
    check(os_state()->sleepers.used <= MANY + 2 * ROLL_RESTING);
}

int main(void)
{
    (void)number(NULL); /* this thread has its own from the start */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(record_is_used_again_under_another_number),
        cmocka_unit_test(lock_names_the_ended_one_when_its_record_is_anothers),
        cmocka_unit_test(thread_that_is_not_ours_gets_one_by_itself_and_gives_it_back),
        cmocka_unit_test(destructor_that_runs_after_ours_can_use_locks),
        cmocka_unit_test(records_are_distinct_and_come_back),
    };
    return cmocka_run_group_tests_name("sleeper", tests, NULL, NULL);
}
