/*
 * test_review.c - waits that are asked again, and waits that a signal ends
 *
 * With fake sleepers, so that each comes in an order that the test decides.
 */
#include "fake.h"

#include "park/signal.h"

static uint32_t thing, other;

struct asked {
    bool over;
    unsigned times;
};

static bool not_over(void *arg)
{
    struct asked *asked = arg;
    asked->times++;
    return !asked->over;
}

static int wait_at(struct fake *fake, const void *key, struct asked *asked, bool reviewed)
{
    struct park_call call = {
        .key = key, .validate = not_over, .arg = asked, .deadline = OS_FOREVER, .reviewed = reviewed};
    return park_as(fake, &call);
}

/* Five waits, of which the last to come plays the world: a and d are to go, b is not, c is not asked, e is elsewhere.
 */
static struct fake a, b, c, d, e;
static struct asked as_a, as_b, as_c, as_d, as_e;

static void play(struct fake *fake)
{
    (void)fake;
    as_a.over = as_c.over = as_d.over = true;
    park_review(); /* nothing was noted */
    check_int(as_a.times, 1);
    park_note(&thing);
    park_note(&thing);
    park_review();
    check_int(a.wakes, 1);
    check_int(b.wakes, 0);
    check_int(c.wakes, 0);
    check_int(d.wakes, 1);
    check_int(e.wakes, 0);
    check_int(as_a.times, 2);
    check_int(as_b.times, 2);
    check_int(as_c.times, 1);
    park_review(); /* it is noted no more */
    check_int(as_b.times, 2);
    check_int((int)unpark(&thing, 5, NULL, NULL), 2);
    check_int((int)unpark(&other, 5, NULL, NULL), 1);
}

static void wait_e(struct fake *fake)
{
    (void)fake;
    check_result(wait_at(&e, &other, &as_e, true), 0);
}

static void wait_d(struct fake *fake)
{
    (void)fake;
    check_result(wait_at(&d, &thing, &as_d, true), PARK_CHANGED);
}

static void wait_c(struct fake *fake)
{
    (void)fake;
    check_result(wait_at(&c, &thing, &as_c, false), 0);
}

static void wait_b(struct fake *fake)
{
    (void)fake;
    check_result(wait_at(&b, &thing, &as_b, true), 0);
}

TEST(those_that_are_over_end_and_no_others)
{
    fake_new(&a, wait_b, NULL);
    fake_new(&b, wait_c, NULL);
    fake_new(&c, wait_d, NULL);
    fake_new(&d, wait_e, NULL);
    fake_new(&e, play, NULL);
    check_result(wait_at(&a, &thing, &as_a, true), PARK_CHANGED);
    fake_free(&e);
    fake_free(&d);
    fake_free(&c);
    fake_free(&b);
    fake_free(&a);
}

/* ---- Interrupted ---- */

static bool woken_meanwhile;
static unsigned sleeps;

static int interrupted_sleep(struct sleeper *sleeper, int64_t deadline)
{
    (void)sleeper;
    check_int(sleeps++, 0);
    check_int(deadline, 4711);
    if (woken_meanwhile)
        check_int((int)unpark(&thing, 1, NULL, NULL), 1);
    return -EINTR;
}

static void only_store(struct sleeper *sleeper, bool counted)
{
    check(!counted);
    os_store_release(&sleeper->wake, 1);
}

static const struct sleeper_ops interrupted_ops = {interrupted_sleep, only_store, NULL, NULL, NULL};

static int wait_interrupted(void)
{
    struct fake fake = {.sleeper = sleeper_new(&interrupted_ops)};
    struct park_call call = {.key = &thing, .deadline = 4711};
    sleeps = 0;
    check(fake.sleeper != NULL);
    int result = park_as(&fake, &call);
    sleeper_drop(fake.sleeper);
    check_int(sleeps, 1);
    check_int((int)unpark(&thing, 5, NULL, NULL), 0);
    return result;
}

TEST(a_signal_ends_a_wait_unless_it_was_woken_first)
{
    check_result(wait_interrupted(), THRUM_INTERRUPTED);
    woken_meanwhile = true;
    check_result(wait_interrupted(), 0);
}

static int64_t deadline_of(thrum_timeout timeout)
{
    int64_t deadline = 77;
    int result = park_deadline(timeout, &deadline);
    check_result(result, deadline == 77 ? -EINVAL : 0);
    return deadline;
}

TEST(a_deadline_keeps_what_a_signal_does)
{
    check_int(deadline_of(thrum_interruptible(THRUM_FOREVER)), OS_FOREVER + 1);
    check_int(deadline_of(thrum_interruptible(THRUM_NOWAIT)), 0);
    check_int(deadline_of(thrum_interruptible(thrum_seconds(-1))), 77);
    for (int64_t at = 1; at < 9; at++) {
        int64_t plain = deadline_of(thrum_until(at)), marked = deadline_of(thrum_interruptible(thrum_until(at)));
        check(plain >= at && plain <= at + 1 && plain % 2 == 0);
        check_int(marked, plain + 1);
        check_int(deadline_of(park_timeout(plain)), plain);
        check_int(deadline_of(park_timeout(marked)), marked);
    }
    check_int(deadline_of(thrum_until(INT64_MAX)), OS_FOREVER);
    check_int(deadline_of(thrum_until(INT64_MAX - 3)), INT64_MAX - 3);
    check_int(deadline_of(park_timeout(OS_FOREVER)), OS_FOREVER);
    check_int(deadline_of(park_timeout(OS_FOREVER + 1)), OS_FOREVER + 1);
}

/* ---- Errands ---- */

static atomic_int seen_to;

static void see_to(void *arg)
{
    check(arg == &thing);
    check(os_load_relaxed(&thing) == 5); /* relaxed: signal_carry_on orders it */
    atomic_fetch_add(&seen_to, 1);
}

TEST(an_errand_is_seen_to_until_it_is_taken_back)
{
    struct signal_errand *errand, *another;
    check_result(signal_errand_add(&errand, 0, NULL, see_to, &thing), 0);
    check_result(signal_errand_add(&another, 0, NULL, see_to, &thing), -EALREADY);
    os_store_relaxed(&thing, 5); /* relaxed: as above */
    for (int i = 1; i <= 100; i++) {
        errno = 12;
        signal_carry_on(errand);
        check_int(errno, 12);
        until(atomic_load(&seen_to) >= i);
    }
    check_result(signal_errand_add(&another, 0, NULL, see_to, &other), 0);
    check_result(signal_errand_remove(0, see_to, &thing), 0);
    check_result(signal_errand_remove(0, see_to, &thing), -EINVAL);
    check_result(signal_errand_remove(0, NULL, &other), 0);
    check_result(signal_errand_add(&another, 0, NULL, see_to, &thing), 0);
    signal_carry_on(another);
    until(atomic_load(&seen_to) == 101);
    check_result(signal_errand_remove(0, see_to, &thing), 0);
    check_int(atomic_load(&seen_to), 101);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(those_that_are_over_end_and_no_others),
        cmocka_unit_test(a_signal_ends_a_wait_unless_it_was_woken_first),
        cmocka_unit_test(a_deadline_keeps_what_a_signal_does),
        cmocka_unit_test(an_errand_is_seen_to_until_it_is_taken_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
