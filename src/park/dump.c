/*
 * dump.c - what every thread does at the moment
 *
 * Threads are looked at one after the other. One that waits is looked at under the lock of its bucket, so that
 * its wait stays, and what it waits for with it; names are copied under the guard of the roll, so that records
 * stay with their threads. Nothing is put into words or written meanwhile.
 */
#include <errno.h>
#include <string.h>

#include "park/lockword.h"
#include "park/report.h"
#include "park/signal.h"
#include "platform/state.h"

#define TRIES 10

/* Who holds the lock; 0: nobody, or anybody may release it. */
static uint32_t holder_of(const thrum_lock *lock)
{
    /* Relaxed: a number is all that is wanted. */
    uint32_t state = lock != NULL ? os_load_relaxed(&lock->state_) : 0;
    return (state & LOCK_ANY) == 0 ? state & LOCK_OWNER : 0;
}

/* What the sleeper waits for. False: it runs, or has ended. */
static bool look(struct sleeper *sleeper, struct seen_wait *seen)
{
    for (int tries = 0; tries < TRIES; tries++) {
        /* Relaxed: a hint of where to look; what counts is seen under the bucket's lock. */
        const void *key = os_load_relaxed(&sleeper->waits_at);
        if (key == NULL)
            return false;
        struct park_bucket *bucket = park_bucket_of(key);
        bool locked = !os_planted("dump-unlocked");
        if (locked)
            os_wordlock_acquire(&bucket->guard);
        /* Relaxed: it changes under this lock. */
        bool found = os_load_relaxed(&sleeper->waits_at) == key;
        if (found)
            see_wait(seen, sleeper->wait, holder_of(sleeper->wait->held_by));
        if (locked)
            os_wordlock_release(&bucket->guard);
        if (found)
            return true;
    }
    return false; /* whoever comes and goes so fast runs */
}

/* Whether it is in the system's join, and for whom. */
static bool look_for_join(const struct sleeper *sleeper, struct seen_wait *seen)
{
    struct seen_thread joined;
    /* Relaxed, all: it is told as a hint, and nothing is followed. */
    uint32_t number = os_load_relaxed(&sleeper->joins);
    if (number == 0 || !see_thread(&joined, number))
        return false;
    *seen = (struct seen_wait){.key = os_load_relaxed(&sleeper->joins_thread),
                               .site = os_load_relaxed(&sleeper->joins_at),
                               .what = "end of thread",
                               .since = os_load_relaxed(&sleeper->asleep),
                               .deadline = OS_FOREVER};
    memcpy(seen->name, joined.name, sizeof seen->name);
    return see_thread(&seen->waiter, os_load_relaxed(&sleeper->owner));
}

static void add_times(struct report *report, const struct seen_wait *seen)
{
    int64_t now = os_now();
    if (seen->since != 0)
        report_add(report, ", for %.3f s", (double)(now - seen->since) / 1e9);
    if ((seen->deadline & ~PARK_INTERRUPTIBLE) == OS_FOREVER)
        report_add(report, ", without a time-out");
    else
        report_add(report, ", %.3f s left", seen->deadline > now ? (double)(seen->deadline - now) / 1e9 : 0.0);
    if (seen->cancellable)
        report_add(report, ", can be cancelled");
}

static int write_thread(int fd, const struct seen_wait *seen, bool waits)
{
    struct report report;
    report_begin(&report, NULL);
    report_add(&report, "  ");
    if (waits) {
        report_wait(&report, seen);
        add_times(&report, seen);
    } else {
        report_thread(&report, &seen->waiter);
        report_add(&report, seen->waiter.can_run ? " can run" : " runs");
    }
    report_add(&report, "\n");
    int result = os_write(fd, report.text, report.used);
    report_end(&report);
    return result;
}

static int dump(int fd)
{
    static const char head[] = "thrum: threads:\n";
    int result = os_write(fd, head, sizeof head - 1);
    struct sleeper *sleeper;
    for (uint32_t place = 0; result == 0 && (sleeper = sleeper_next(&place)) != NULL;) {
        struct seen_wait seen;
        /* Relaxed: a record that has changed hands since is not listed under this number. */
        uint32_t owner = os_load_relaxed(&sleeper->owner);
        bool waits = look(sleeper, &seen) || look_for_join(sleeper, &seen);
        bool known = waits || see_thread(&seen.waiter, owner);
        if (known && seen.waiter.native_id != 0 && !seen.waiter.ended)
            result = write_thread(fd, &seen, waits);
    }
    return result;
}

int thrum_dump(int fd)
{
    (void)sleeper_self(); /* this one is known, too */
    return dump(fd);
}

/* ---- On a signal ---- */

#define STANDARD_ERROR 2

/* In the helper thread, which need not be in it. */
static void dump_to_stderr(void *arg)
{
    (void)arg;
    (void)dump(STANDARD_ERROR);
}

int thrum_dump_on_signal(int signo)
{
    struct signal_errand *errand;
    if (signo == 0) {
        while (signal_errand_remove(0, NULL, os_state()) == 0)
            continue;
        return 0;
    }
    int result = signal_errand_add(&errand, signo, NULL, dump_to_stderr, os_state());
    return result == -EALREADY ? 0 : result;
}
