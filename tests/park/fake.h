/*
 * fake.h - sleepers that do not sleep
 *
 * A fake sleeper's sleep runs a script: what the rest of the world does meanwhile. So one
 * thread plays all parts, in an order that the test decides; nothing is left to chance.
 */
#ifndef TESTS_PARK_FAKE_H
#define TESTS_PARK_FAKE_H

#include "../harness.h"
#include "park/park.h"

struct fake {
    struct sleeper *sleeper;
    void (*script)(struct fake *fake); /* called when it goes to sleep; may be NULL */
    void *arg;
    unsigned sleeps, wakes;
    struct fake *all; /* list of all fakes, to find one by its sleeper */
};

static struct fake *fakes;

static inline struct fake *fake_of(const struct sleeper *sleeper)
{
    struct fake *fake = fakes;
    while (fake->sleeper != sleeper)
        fake = fake->all;
    return fake;
}

/* Run the script the first time; after that, time has come. */
static inline int fake_sleep(struct sleeper *sleeper, int64_t deadline)
{
    struct fake *fake = fake_of(sleeper);
    fake->sleeps++;
    if (fake->script != NULL && fake->sleeps == 1)
        fake->script(fake);
    else
        check(deadline != OS_FOREVER); /* else it would sleep for ever */
    return os_load_acquire(&sleeper->wake) != 0 || deadline == OS_FOREVER ? 0 : -ETIMEDOUT;
}

static inline void fake_wake(struct sleeper *sleeper, bool counted)
{
    (void)os_add_release(&sleeper->wake, counted || sleeper->wake == 0);
    fake_of(sleeper)->wakes++;
}

static const struct sleeper_ops fake_ops = {fake_sleep, fake_wake, NULL, NULL, NULL};

static inline void fake_new(struct fake *fake, void (*script)(struct fake *), void *arg)
{
    *fake = (struct fake){.sleeper = sleeper_new(&fake_ops), .script = script, .arg = arg, .all = fakes};
    check(fake->sleeper != NULL);
    fakes = fake;
}

static inline void fake_free(struct fake *fake)
{
    check(fakes == fake); /* in reverse order of making */
    fakes = fake->all;
    sleeper_drop(fake->sleeper);
}

/* park(), as that sleeper. */
static inline int park_as(struct fake *fake, struct park_call *call)
{
    struct sleeper *self = sleeper_self();
    fake->sleeps = 0;
    sleeper_current = fake->sleeper;
    int result = park(call);
    check(sleeper_current == fake->sleeper);
    sleeper_current = self;
    return result;
}

#endif
