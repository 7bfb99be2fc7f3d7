/*
 * acquire_all.c - many locks in one safe order
 *
 * If all threads take locks in one order, none waits for a lock while it holds a later one, so there is
 * no circle. The order is that of the addresses; in the simulation, that of their first use.
 *
 * Each thread knows what it has taken so, in that order (struct sleeper.ordered): what comes next must come
 * behind the last. While it has any, it is watched, so that a lock that is released alone is taken off
 * that list. A lock that waits are given back to (a condition's) stays on it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "park/order.h"
#include "park/report.h"
#include "threading/lockword.h"

#define FEW 16

static int by_number(const void *a, const void *b)
{
    uint64_t one = os_number(*(thrum_lock *const *)a), other = os_number(*(thrum_lock *const *)b);
    return (one > other) - (one < other);
}

/* In order, each once. */
static int sort(thrum_lock **locks, size_t n)
{
    for (size_t i = 0; i < n; i++)
        /* Relaxed: this bit never changes. */
        if (locks[i] == NULL || (os_load_relaxed(&locks[i]->state_) & LOCK_ANY) != 0)
            return -EINVAL;
    if (!os_planted("acquire-all-unsorted"))
        qsort(locks, n, sizeof *locks, by_number);
    for (size_t i = 1; i < n; i++)
        if (locks[i] == locks[i - 1])
            return -EINVAL;
    return 0;
}

static void report_violation(const struct sleeper *self, const struct held_lock *held, const thrum_lock *wanted,
                             const void *site)
{
    struct report report;
    struct seen_thread thread;
    (void)see_thread(&thread, self->owner);
    report_begin(&report, "lock order violation");
    report_add(&report, "  ");
    report_thread(&report, &thread);
    report_add(&report, " wants ");
    report_object(&report, "lock", report_lock_name(wanted), wanted);
    report_site(&report, site);
    report_add(&report, ", which %s ", held->lock == wanted ? "is" : "comes before");
    report_object(&report, "lock", report_lock_name(held->lock), held->lock);
    report_add(&report, " that it holds, taken");
    report_site(&report, held->site);
    report_add(&report, "\n");
    report_send(&report);
}

/* Take them, which are sorted; or none. */
static int take_all(struct sleeper *self, thrum_lock **locks, size_t n, thrum_timeout timeout, const void *site)
{
    struct held_locks *ordered = &self->ordered;
    size_t before = ordered->n, taken = 0;
    if (!held_reserve(ordered, n))
        return -ENOMEM;
    if (before > 0 && os_number(ordered->items[before - 1].lock) >= os_number(locks[0])) {
        report_violation(self, &ordered->items[before - 1], locks[0], site);
        return -EDEADLK;
    }
    for (size_t i = 0; i < n; i++)
        ordered->items[ordered->n++] = (struct held_lock){locks[i], site, false};
    sleeper_watch(self);
    int result = 0;
    while (result == 0 && taken < n) {
        result = lock_acquire_slow(locks[taken], timeout, site);
        taken += result == 0;
    }
    if (result != 0) {
        while (taken > 0 && !os_planted("acquire-all-keeps"))
            lock_let_go(locks[--taken]);
        ordered->n = before;
        sleeper_watch(self);
    }
    return result;
}

int thrum_acquire_all(thrum_lock *const *locks, size_t n, thrum_timeout timeout)
{
    thrum_lock *few[FEW], **sorted = few;
    int64_t deadline;
    int result = park_deadline(timeout, &deadline);
    if (result != 0 || n == 0)
        return result;
    if (locks == NULL)
        return -EINVAL;
    struct sleeper *self = sleeper_self();
    if (self == NULL)
        return -EAGAIN;
    if (n > FEW)
        sorted = n <= PTRDIFF_MAX / sizeof *sorted ? malloc(n * sizeof *sorted) : NULL;
    if (sorted == NULL)
        return -ENOMEM;
    memcpy(sorted, locks, n * sizeof *sorted);
    result = sort(sorted, n);
    if (result == 0) /* with one limit for all of them */
        result = take_all(self, sorted, n, park_timeout(deadline), __builtin_return_address(0));
    if (sorted != few)
        free(sorted);
    return result;
}

/* ---- Release ---- */

/* Mark all of them on the list of what is held, or none. */
static int mark(struct sleeper *self, thrum_lock *const *locks, size_t n)
{
    int result = 0;
    size_t marked = 0;
    for (; marked < n; marked++) {
        size_t place = locks[marked] != NULL ? order_find(self, locks[marked]) : SIZE_MAX;
        if (place == SIZE_MAX)
            result = locks[marked] != NULL ? -EPERM : -EINVAL;
        else if (self->ordered.items[place].mark)
            result = -EINVAL;
        if (result != 0)
            break;
        self->ordered.items[place].mark = true;
    }
    for (size_t i = 0; result != 0 && i < marked; i++)
        self->ordered.items[order_find(self, locks[i])].mark = false;
    return result;
}

int thrum_release_all(thrum_lock *const *locks, size_t n)
{
    struct sleeper *self = sleeper_current;
    if (n == 0)
        return 0;
    if (locks == NULL)
        return -EINVAL;
    if (self == NULL)
        return -EPERM;
    int result = mark(self, locks, n);
    if (result != 0)
        return result;
    struct held_locks *ordered = &self->ordered;
    for (size_t i = ordered->n; i-- > 0;)
        if (ordered->items[i].mark)
            lock_let_go(ordered->items[i].lock);
    size_t kept = 0;
    for (size_t i = 0; i < ordered->n; i++)
        if (!ordered->items[i].mark)
            ordered->items[kept++] = ordered->items[i];
    ordered->n = kept;
    sleeper_watch(self);
    return 0;
}
