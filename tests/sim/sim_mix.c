/*
 * sim_mix.c - one lock, and all that may end a wait for it, at once
 *
 * Waiters of a lock that run out of time, are interrupted, are handed the lock, come from a condition by a notify, or
 * after a time-out or a cancelling of their own: whoever of them was woken to answer for the others (lockword.h)
 * leaves nobody behind, however he ends.
 */
#include "runner.h"

#include <errno.h>

static struct {
    thrum_lock lock;
    thrum_condition condition;
    thrum_token *token;
    int inside;
} hall = {.condition = THRUM_CONDITION_INIT(&hall.lock)};

static void be_alone(void)
{
    sim_check(hall.inside++ == 0);
    sim_point();
    sim_check(--hall.inside == 0);
}

static int enter(void *arg)
{
    (void)arg;
    must(thrum_lock_acquire(&hall.lock, THRUM_FOREVER));
    be_alone();
    return thrum_lock_release(&hall.lock);
}

static int enter_and_notify(void *arg)
{
    (void)arg;
    must(thrum_lock_acquire(&hall.lock, THRUM_FOREVER));
    must(thrum_condition_notify_all(&hall.condition));
    be_alone();
    return thrum_lock_release(&hall.lock);
}

static int enter_in_time(void *arg)
{
    (void)arg;
    int result = thrum_lock_acquire(&hall.lock, thrum_interruptible(thrum_seconds(0.001)));
    sim_check(result == 0 || result == THRUM_TIMEOUT || result == THRUM_INTERRUPTED);
    if (result == 0) {
        be_alone();
        must(thrum_lock_release(&hall.lock));
    }
    return 0;
}

static int wait_for_news(void *arg)
{
    (void)arg;
    (void)thrum_token_set(hall.token);
    must(thrum_lock_acquire(&hall.lock, THRUM_FOREVER));
    int result = thrum_condition_wait(&hall.condition, thrum_interruptible(thrum_seconds(0.001)));
    sim_check(result == 0 || result == THRUM_TIMEOUT || result == THRUM_INTERRUPTED || result == THRUM_CANCELLED);
    be_alone();
    return thrum_lock_release(&hall.lock);
}

static void nothing(void)
{
}

static void disturb(thrum_thread *thread)
{
    (void)sim_signal(thrum_thread_native_id(thread), nothing);
}

static void nobody_is_left_behind(void)
{
    static int (*const parts[4])(void *arg) = {wait_for_news, enter_in_time, enter_and_notify, enter};
    thrum_thread *threads[4];
    must(thrum_token_new(&hall.token));
    for (int i = 0; i < 4; i++)
        threads[i] = spawn(parts[i], NULL);
    disturb(threads[1]);
    thrum_token_cancel(hall.token);
    disturb(threads[0]);
    for (int i = 0; i < 4; i++)
        finish(threads[i]);
    sim_check(!thrum_lock_locked(&hall.lock));
    thrum_token_free(hall.token);
}

/* ---- A lock that is never released ---- */

static int enter_and_stay(void *arg)
{
    (void)arg;
    int result = thrum_lock_acquire(&hall.lock, THRUM_FOREVER);
    if (result == 0)
        (void)thrum_condition_notify_all(&hall.condition);
    return 0;
}

static int want(void *arg)
{
    (void)arg;
    int result = thrum_lock_acquire(&hall.lock, THRUM_FOREVER);
    sim_check(result == 0 || result == -EDEADLK);
    return result == 0 ? thrum_lock_release(&hall.lock) : 0;
}

static int want_news(void *arg)
{
    (void)arg;
    (void)thrum_token_set(hall.token);
    int result = thrum_lock_acquire(&hall.lock, THRUM_FOREVER);
    if (result == 0)
        result = thrum_condition_wait(&hall.condition, THRUM_FOREVER);
    if (result != -EDEADLK)
        must(thrum_lock_release(&hall.lock));
    return 0;
}

static void be_silent(void *arg, const char *text)
{
    (void)arg;
    (void)text;
}

/* Whoever waits for it without end is told, as the others end in their own ways. */
static void nobody_waits_for_what_was_forgotten(void)
{
    static int (*const parts[4])(void *arg) = {want_news, enter_in_time, want, enter_and_stay};
    thrum_thread *threads[4];
    thrum_set_reporter(be_silent, NULL);
    must(thrum_token_new(&hall.token));
    for (int i = 0; i < 4; i++)
        threads[i] = spawn(parts[i], NULL);
    disturb(threads[1]);
    thrum_token_cancel(hall.token);
    for (int i = 0; i < 4; i++)
        finish(threads[i]);
    sim_check(thrum_lock_locked(&hall.lock));
    thrum_token_free(hall.token);
}

static const struct scenario scenarios[] = {
    SCENARIO(nobody_is_left_behind),
    SCENARIO(nobody_waits_for_what_was_forgotten),
};

int main(int argc, char **argv)
{
    return sim_main(argc, argv, scenarios, sizeof scenarios / sizeof scenarios[0]);
}
