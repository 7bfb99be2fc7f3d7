/*
 * report.c - telling people who waits for what
 */
#include "park/report.h"

#include <dlfcn.h>
#include <stdio.h>

#include "park/label.h"
#include "platform/state.h"

void report_add(struct report *report, const char *format, ...)
{
    va_list arguments;
    size_t room = sizeof report->text - report->used;
    va_start(arguments, format);
    int length = vsnprintf(report->text + report->used, room, format, arguments);
    va_end(arguments);
    if (length > 0)
        report->used += (size_t)length < room ? (size_t)length : room - 1;
}

void report_begin(struct report *report, const char *what)
{
    report->used = 0;
    report_add(report, "thrum: %s:\n", what);
}

static void add_thread(struct report *report, uint32_t owner)
{
    const struct sleeper *sleeper = sleeper_of(owner);
    /* Relaxed: a record used again since has the name of another. */
    if (os_load_relaxed(&sleeper->owner) != owner) {
        report_add(report, "a thread which has ended");
        return;
    }
    report_add(report, "thread '%s' (%llu)", sleeper->name, (unsigned long long)sleeper->native_id);
    if (sleeper_has_ended(owner))
        report_add(report, ", which has ended");
}

static void add_lock(struct report *report, const thrum_lock *lock)
{
    const char *name = label_name(lock->label_);
    if (name != NULL)
        report_add(report, "lock '%s' (%p)", name, (const void *)lock);
    else
        report_add(report, "lock %p", (const void *)lock);
}

static void add_site(struct report *report, const void *site)
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

void report_wait(struct report *report, const struct park_wait *wait, uint32_t holder)
{
    report_add(report, "  ");
    add_thread(report, wait->sleeper->owner);
    report_add(report, " waits for ");
    add_lock(report, wait->held_by);
    add_site(report, wait->site);
    report_add(report, ", held by ");
    add_thread(report, holder);
    report_add(report, "\n");
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

void report_send(const struct report *report)
{
    struct reporter *reporter = &os_state()->reporter, now;
    os_wordlock_acquire(&reporter->guard);
    now = *reporter;
    os_wordlock_release(&reporter->guard);
    if (now.report != NULL)
        now.report(now.arg, report->text);
    else
        os_complain(report->text);
}
