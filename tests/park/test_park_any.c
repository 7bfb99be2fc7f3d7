/*
 * test_park_any.c - waiting at several places at once, and waking in two halves
 */
#include "fake.h"

#define KEY(n) ((const void *)(uintptr_t)(0x10000 + (n)*4)) /* never read or written through */
#define PLACES 5

/* A sleeper whose every sleep does what the test says next. */
static struct {
    struct sleeper *sleeper, *own;
    int (*steps[4])(void); /* what sleep returns */
    unsigned sleeps;
} one;

static int step_sleep(struct sleeper *sleeper, int64_t deadline)
{
    (void)deadline;
    check(sleeper == one.sleeper);
    check(one.sleeps < 4 && one.steps[one.sleeps] != NULL); /* else it would sleep for ever */
    sleeper_current = one.own;                              /* the rest of the world is this thread itself */
    int result = one.steps[one.sleeps++]();
    sleeper_current = sleeper;
    return result;
}

static void step_wake(struct sleeper *sleeper, bool counted)
{
    check(counted);
    (void)os_add_release(&sleeper->wake, 1);
}

static const struct sleeper_ops step_ops = {step_sleep, step_wake, NULL, NULL, NULL};
static struct park_place places[PLACES];

/* park_any at all places, as that sleeper, by these steps. */
static int park_by(struct park_call *call, size_t *ret_place, int (*first)(void), int (*second)(void),
                   int (*third)(void))
{
    struct sleeper *self = sleeper_self();
    one.sleeper = sleeper_new(&step_ops);
    one.own = self;
    one.sleeps = 0;
    one.steps[0] = first;
    one.steps[1] = second;
    one.steps[2] = third;
    for (size_t i = 0; i < PLACES; i++)
        places[i] = (struct park_place){.key = KEY(i)};
    one.sleeper->token = self->token;
    sleeper_current = one.sleeper;
    int result = park_any(call, places, PLACES, ret_place);
    sleeper_current = self;
    for (size_t i = 0; i < PLACES; i++)
        check_int(unpark(KEY(i), SIZE_MAX, NULL, NULL), 0); /* nothing is left behind */
    check(one.sleeper->wait == NULL && one.sleeper->waits_at == NULL);
    sleeper_drop(one.sleeper);
    return result;
}

static int wake_fourth(void)
{
    check_int(unpark(KEY(3), SIZE_MAX, NULL, NULL), 1);
    return 0;
}

TEST(is_woken_at_any_place)
{
    struct park_call call = {.deadline = OS_FOREVER};
    size_t place = 99;
    check_result(park_by(&call, &place, wake_fourth, NULL, NULL), 0);
    check_int(place, 3);
}

static struct park_wait *chains[2];

static int take_two_wake_one(void)
{
    chains[0] = unpark_take(KEY(2), SIZE_MAX, NULL, NULL);
    chains[1] = unpark_take(KEY(4), SIZE_MAX, NULL, NULL);
    check(chains[0] != NULL && chains[1] != NULL);
    unpark_wake(chains[1]);
    return 0;
}

static int for_no_reason(void)
{
    return 0;
}

static int wake_other(void)
{
    unpark_wake(chains[0]);
    return 0;
}

/* Else the second would wake it from a later wait. */
TEST(stays_till_all_have_come_who_took_it_out)
{
    struct park_call call = {.deadline = OS_FOREVER};
    size_t place = 99;
    check_result(park_by(&call, &place, take_two_wake_one, for_no_reason, wake_other), 0);
    check_int(place, 2);
    check_int(one.sleeps, 3);
}

static int time_passes(void)
{
    return -ETIMEDOUT;
}

static int is_taken_as_time_passes(void)
{
    chains[0] = unpark_take(KEY(1), SIZE_MAX, NULL, NULL);
    return time_passes();
}

TEST(times_out_unless_it_was_taken_out)
{
    struct park_call call = {.deadline = park_after(os_now(), MILLISECOND)};
    size_t place = 99;
    check_result(park_by(&call, &place, time_passes, NULL, NULL), THRUM_TIMEOUT);
    check_int(place, 99);
    check_result(park_by(&call, &place, is_taken_as_time_passes, wake_other, NULL), 0);
    check_int(place, 1);
}

static thrum_token *token;

static int cancel(void)
{
    thrum_token_cancel(token);
    return for_no_reason();
}

static int wake_and_cancel(void)
{
    check_int(unpark(KEY(1), SIZE_MAX, NULL, NULL), 1);
    return cancel();
}

TEST(is_cancelled_at_all_places_at_once)
{
    struct park_call call = {.deadline = OS_FOREVER};
    size_t place = 99;
    for (int woken = 0; woken < 2; woken++) {
        check_result(thrum_token_new(&token), 0);
        thrum_token *old = thrum_token_set(token);
        check_result(park_by(&call, &place, woken ? wake_and_cancel : cancel, NULL, NULL), woken ? 0 : THRUM_CANCELLED);
        check_int(place, woken ? 1 : 99);
        check_result(park_by(&call, &place, NULL, NULL, NULL), THRUM_CANCELLED); /* at once */
        (void)thrum_token_set(old);
        thrum_token_free(token);
    }
}

static bool no(void *arg)
{
    return *(bool *)arg;
}

TEST(is_not_begun_when_one_place_says_no)
{
    struct park_call call = {.deadline = OS_FOREVER};
    for (size_t bad = 0; bad < PLACES; bad++) {
        struct park_place some[PLACES];
        bool yes[PLACES];
        size_t place = 99;
        for (size_t i = 0; i < PLACES; i++) {
            yes[i] = i != bad;
            some[i] = (struct park_place){.key = KEY(i), .validate = no, .arg = &yes[i]};
        }
        check_int(park_any(&call, some, PLACES, &place), PARK_CHANGED);
        check_int(place, 99);
        for (size_t i = 0; i < PLACES; i++)
            check_int(unpark(KEY(i), SIZE_MAX, NULL, NULL), 0);
    }
}

/* ---- Waking in two halves ---- */

static void take_and_wake(struct fake *fake)
{
    struct park_wait *chain = unpark_take(KEY(1), 1, NULL, NULL);
    check(chain != NULL && chain->next == NULL && chain->arg == fake->arg);
    check_int(unpark(KEY(1), 1, NULL, NULL), 0); /* it is out */
    chain->word = 5;
    check_int(fake->wakes, 0);
    unpark_wake(chain);
    check_int(fake->wakes, 1);
}

TEST(a_wait_that_was_taken_out_is_there_till_it_is_woken)
{
    struct fake fake;
    fake_new(&fake, take_and_wake, &fake);
    struct park_call call = {.key = KEY(1), .arg = &fake, .deadline = OS_FOREVER};
    check_result(park_as(&fake, &call), 0);
    check_int(call.ret_word, 5);
    fake_free(&fake);
    check(unpark_take(KEY(1), 1, NULL, NULL) == NULL);
    unpark_wake(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_woken_at_any_place),
        cmocka_unit_test(stays_till_all_have_come_who_took_it_out),
        cmocka_unit_test(times_out_unless_it_was_taken_out),
        cmocka_unit_test(is_cancelled_at_all_places_at_once),
        cmocka_unit_test(is_not_begun_when_one_place_says_no),
        cmocka_unit_test(a_wait_that_was_taken_out_is_there_till_it_is_woken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
