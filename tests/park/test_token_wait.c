/*
 * test_token_wait.c - cancelling a wait, at every point of it
 */
#include "fake.h"

#define KEY ((const void *)(uintptr_t)0x4000)

static thrum_token *token;

static void cancel(void *arg)
{
    (void)arg;
    thrum_token_cancel(token);
}

static bool cancel_and_go_on(void *arg)
{
    (void)arg;
    return true;
}

/* Park as a fake sleeper whose token is `token`. */
static int park_cancellable(struct fake *fake, struct park_call *call)
{
    fake->sleeper->token = token;
    return park_as(fake, call);
}

TEST(token_cancelled_before_ends_the_wait_before_it_shows_itself)
{
    struct fake fake;
    check_result(thrum_token_new(&token), 0);
    thrum_token_cancel(token);
    fake_new(&fake, NULL, NULL);
    struct park_call call = {.key = KEY, .validate = cancel_and_go_on, .deadline = OS_FOREVER};
    check_result(park_cancellable(&fake, &call), THRUM_CANCELLED);
    check_int(fake.sleeps, 0);
    check_int(unpark(KEY, 1, NULL, NULL), 0);
    fake_free(&fake);
    thrum_token_free(token);
}

TEST(cancelled_between_showing_and_sleeping)
{
    struct fake fake;
    check_result(thrum_token_new(&token), 0);
    fake_new(&fake, NULL, NULL);
    struct park_call call = {.key = KEY, .before_sleep = cancel, .deadline = OS_FOREVER};
    check_result(park_cancellable(&fake, &call), THRUM_CANCELLED);
    check_int(fake.sleeps, 0);
    check_int(unpark(KEY, 1, NULL, NULL), 0);
    fake_free(&fake);
    thrum_token_free(token);
}

static void cancel_asleep(struct fake *fake)
{
    (void)fake;
    thrum_token_cancel(token);
    thrum_token_cancel(token); /* again changes nothing */
}

TEST(cancelled_asleep)
{
    struct fake fake;
    check_result(thrum_token_new(&token), 0);
    fake_new(&fake, cancel_asleep, NULL);
    struct park_call call = {.key = KEY, .deadline = OS_FOREVER};
    check_result(park_cancellable(&fake, &call), THRUM_CANCELLED);
    check_int(fake.wakes, 1);
    check_int(unpark(KEY, 1, NULL, NULL), 0);
    fake_free(&fake);
    thrum_token_free(token);
}

static void wake_then_cancel(struct fake *fake)
{
    (void)fake;
    check_int(unpark(KEY, 1, NULL, NULL), 1);
    thrum_token_cancel(token);
}

TEST(woken_before_it_is_cancelled_is_woken)
{
    struct fake fake;
    check_result(thrum_token_new(&token), 0);
    fake_new(&fake, wake_then_cancel, NULL);
    struct park_call call = {.key = KEY, .deadline = OS_FOREVER};
    check_result(park_cancellable(&fake, &call), 0);
    check_int(fake.wakes, 1);
    fake_free(&fake);
    thrum_token_free(token);
}

static void cancel_then_wake(struct fake *fake)
{
    (void)fake;
    thrum_token_cancel(token);
    check_int(unpark(KEY, 1, NULL, NULL), 0); /* the wake goes to somebody else, if there is one */
}

TEST(cancelled_before_it_is_woken_takes_no_wake)
{
    struct fake fake;
    check_result(thrum_token_new(&token), 0);
    fake_new(&fake, cancel_then_wake, NULL);
    struct park_call call = {.key = KEY, .deadline = OS_FOREVER};
    check_result(park_cancellable(&fake, &call), THRUM_CANCELLED);
    fake_free(&fake);
    thrum_token_free(token);
}

static void cancel_and_wake(struct fake *fake)
{
    (void)fake;
    thrum_token_cancel(token);
    check_int(unpark(KEY, 1, NULL, NULL), 1);
}

TEST(uncancellable_wait_is_not_ended)
{
    struct fake fake;
    check_result(thrum_token_new(&token), 0);
    fake_new(&fake, cancel_and_wake, NULL);
    struct park_call call = {.key = KEY, .deadline = OS_FOREVER, .uncancellable = true};
    check_result(park_cancellable(&fake, &call), 0);
    fake_free(&fake);
    thrum_token_free(token);
}

/* ---- Against chance ---- */

#define WAITERS 3

static struct race {
    thrum_token *token;
    uint32_t ready, woken, cancelled;
} race;

static int wait_once(void *arg)
{
    (void)arg;
    struct park_call call = {.key = &race, .deadline = OS_FOREVER};
    (void)os_add_relaxed(&race.ready, 1);
    int result = park(&call);
    check(result == 0 || result == THRUM_CANCELLED);
    (void)os_add_relaxed(result == 0 ? &race.woken : &race.cancelled, 1);
    return 0;
}

TEST(each_wait_ends_once_by_wake_or_cancel)
{
    for (int round = 0; round < ROUNDS(2000); round++) {
        thrum_thread *threads[WAITERS];
        race = (struct race){0};
        check_result(thrum_token_new(&race.token), 0);
        for (size_t i = 0; i < WAITERS; i++)
            threads[i] = start(wait_once, NULL, race.token);
        until(os_load_relaxed(&race.ready) >= (uint32_t)(round % (WAITERS + 1)));
        size_t unparked = unpark(&race, 1, NULL, NULL);
        thrum_token_cancel(race.token);
        for (size_t i = 0; i < WAITERS; i++)
            check_int(finish(threads[i]), 0);
        check_int(race.woken, unparked);
        check_int(race.woken + race.cancelled, WAITERS);
        thrum_token_free(race.token);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(token_cancelled_before_ends_the_wait_before_it_shows_itself),
        cmocka_unit_test(cancelled_between_showing_and_sleeping),
        cmocka_unit_test(cancelled_asleep),
        cmocka_unit_test(woken_before_it_is_cancelled_is_woken),
        cmocka_unit_test(cancelled_before_it_is_woken_takes_no_wake),
        cmocka_unit_test(uncancellable_wait_is_not_ended),
        cmocka_unit_test(each_wait_ends_once_by_wake_or_cancel),
    };
    return cmocka_run_group_tests_name("token_wait", tests, NULL, NULL);
}
