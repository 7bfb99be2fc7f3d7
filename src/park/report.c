/*
 * report.c - telling people who waits for what
 */
#include "park/report.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "park/label.h"
#include "platform/state.h"

/* ---- What is seen ---- */

const char *report_lock_name(const thrum_lock *lock)
{
    /* Relaxed: a name is there for good, and a number is none (order.c). */
    return label_name(os_load_relaxed(&lock->label_));
}

bool see_thread(struct seen_thread *seen, uint32_t owner)
{
    struct sleeper_roll *roll = &os_state()->sleepers;
    const struct sleeper *sleeper = sleeper_of(owner);
    *seen = (struct seen_thread){.ended = sleeper_has_ended(owner)};
    os_wordlock_acquire(&roll->guard);
    /* Relaxed: a record comes into other hands under the guard. Acquire: pairs with sleeper_begin; and with
     * deadlock_owner_ends, which comes behind that, but before the guard. */
    bool mine = os_load_relaxed(&sleeper->owner) == owner, listed = os_load_acquire(&sleeper->listed) != 0;
    bool known = mine && (listed || os_load_acquire(&sleeper->ended) != 0);
    if (known) {
        memcpy(seen->name, sleeper->name, sizeof seen->name);
        seen->native_id = sleeper->native_id;
        seen->hosted = sleeper->host != NULL;
        seen->can_run = seen->hosted && sleeper->ops->runs != NULL && !sleeper->ops->runs(sleeper);
    }
    os_wordlock_release(&roll->guard);
    return known;
}

void see_wait(struct seen_wait *seen, const struct park_wait *wait, uint32_t holder)
{
    *seen = (struct seen_wait){.held = holder != 0,
                               .cancellable = wait->token != NULL,
                               .key = os_load_relaxed(&wait->key), /* relaxed: its bucket is locked */
                               .site = wait->site,
                               .what = wait->what,
                               .since = wait->since != 0 ? wait->since : os_load_relaxed(&wait->sleeper->asleep),
                               .deadline = wait->deadline};
    /* Relaxed: it is the number of one that waits. */
    (void)see_thread(&seen->waiter, os_load_relaxed(&wait->sleeper->owner));
    if (holder != 0)
        (void)see_thread(&seen->holder, holder);
    const char *name = wait->held_by != NULL ? report_lock_name(wait->held_by) : wait->name;
    if (name != NULL)
        (void)snprintf(seen->name, sizeof seen->name, "%s", name);
}

/* ---- Words ---- */

/* Twice the room, or false. */
static bool grow(struct report *report)
{
    char *text = malloc(report->room * 2);
    if (text == NULL)
        return false;
    memcpy(text, report->text, report->used + 1);
    report_end(report);
    report->text = text;
    report->room *= 2;
    return true;
}

void report_add(struct report *report, const char *format, ...)
{
    for (;;) {
        va_list arguments;
        size_t room = report->room - report->used;
        va_start(arguments, format);
        int length = vsnprintf(report->text + report->used, room, format, arguments);
        va_end(arguments);
        if (length < 0)
            return;
        if ((size_t)length < room) {
            report->used += (size_t)length;
            return;
        }
        if (!grow(report)) {
            report->used = report->room - 1;
            return;
        }
    }
}

void report_begin(struct report *report, const char *what)
{
    report->used = 0;
    report->room = sizeof report->first;
    report->text = report->first;
    report->first[0] = '\0';
    if (what != NULL)
        report_add(report, "thrum: %s:\n", what);
}

void report_thread(struct report *report, const struct seen_thread *thread)
{
    if (thread->hosted)
        report_add(report, "coroutine '%s' on thread %llu", thread->name, (unsigned long long)thread->native_id);
    else if (thread->native_id != 0)
        report_add(report, "thread '%s' (%llu)", thread->name, (unsigned long long)thread->native_id);
    else
        report_add(report, "a thread"); /* its record is another's by now */
    if (thread->ended)
        report_add(report, thread->native_id != 0 ? ", which has ended" : " which has ended");
}

void report_object(struct report *report, const char *what, const char *name, const void *address)
{
    if (name != NULL && name[0] != '\0')
        report_add(report, "%s '%s' (%p)", what, name, address);
    else
        report_add(report, "%s %p", what, address);
}

void report_site(struct report *report, const void *site)
{
    Dl_info info;
    if (site == NULL)
        return;
    if (dladdr(site, &info) == 0)
        report_add(report, " at %p", site);
    else if (info.dli_sname != NULL)
        report_add(report, " in %s+%#zx (%s)", info.dli_sname,
                   (size_t)((const char *)site - (const char *)info.dli_saddr), info.dli_fname);
    else
        report_add(report, " at %s+%#zx", info.dli_fname, (size_t)((const char *)site - (const char *)info.dli_fbase));
}

void report_wait(struct report *report, const struct seen_wait *wait)
{
    report_thread(report, &wait->waiter);
    report_add(report, " waits for ");
    report_object(report, wait->what != NULL ? wait->what : "something", wait->name, wait->key);
    report_site(report, wait->site);
    if (wait->held) {
        report_add(report, ", held by ");
        report_thread(report, &wait->holder);
    }
}

/* ---- Where it goes ---- */

void thrum_set_reporter(void (*report)(void *arg, const char *text), void *arg)
{
    struct reporter *reporter = &os_state()->reporter;
    os_wordlock_acquire(&reporter->guard);
    reporter->report = report;
    reporter->arg = arg;
    os_wordlock_release(&reporter->guard);
}

void report_end(struct report *report)
{
    if (report->text != report->first)
        free(report->text);
}

void report_send(struct report *report)
{
    struct reporter *reporter = &os_state()->reporter, now;
    os_wordlock_acquire(&reporter->guard);
    now = *reporter;
    os_wordlock_release(&reporter->guard);
    if (now.report != NULL)
        now.report(now.arg, report->text);
    else
        os_complain(report->text);
    report_end(report);
}
