/*
 * watchdog.c - telling of coroutines that do not let the others go on
 *
 * One helper thread looks at all schedulers that are being run and want to be watched, some times in the span that is
 * too long for one turn. A scheduler says in one word whose turn it is and which: who stands there unchanged from
 * one look to another, and for that span, is told of. His name is found by his number, which is
 * never another's meanwhile; nothing of his is touched.
 *
 * While none is run it sleeps; and where nobody asks, there is none.
 */
#include "coroutine/watchdog.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "park/report.h"
#include "platform/state.h"

#define LOOKS_A_SPAN 4

static struct watchdog_roll *roll(void)
{
    return &os_state()->watchdog;
}

/* ---- Looking ---- */

/* One to be told of. */
struct slow {
    uint32_t number;
    int64_t time;
};

/* The guard is held. */
static bool look_at(struct watched *watched, int64_t now, struct slow *ret_slow)
{
    uint64_t turn = os_load_relaxed(&watched->turn); /* relaxed: see watchdog_turn */
    if (turn != watched->seen) {
        watched->seen = turn;
        watched->since = now;
        watched->told = false;
    }
    if ((uint32_t)turn == 0 || watched->told || now - watched->since < watched->slow_after)
        return false;
    watched->told = true;
    *ret_slow = (struct slow){(uint32_t)turn, now - watched->since};
    return true;
}

/* Whether there is one to be told of; if not, *ret_next is when to look again. */
static bool look(struct slow *ret_slow, int64_t *ret_next)
{
    bool found = false;
    int64_t now = os_now();
    *ret_next = OS_FOREVER;
    os_wordlock_acquire(&roll()->guard);
    for (struct watched *watched = roll()->running; watched != NULL && !found; watched = watched->next) {
        int64_t next = park_after(now, watched->slow_after / LOOKS_A_SPAN + 1);
        found = look_at(watched, now, ret_slow);
        if (next < *ret_next)
            *ret_next = next;
    }
    os_wordlock_release(&roll()->guard);
    return found;
}

static void tell(const struct slow *slow)
{
    struct report report;
    struct seen_thread seen;
    if (!see_thread(&seen, slow->number))
        return; /* it has ended just now */
    report_begin(&report, NULL);
    report_add(&report, "thrum: ");
    report_thread(&report, &seen);
    report_add(&report, " has run for %.3f s without a wait\n", (double)slow->time / 1e9);
    report_send(&report);
}

static void *watch(void *arg)
{
    (void)arg;
    os_thread_set_name("thrum-watchdog");
    for (;;) {
        struct slow slow;
        int64_t next;
        uint32_t bell = os_load_acquire(&roll()->bell); /* acquire: pairs with watchdog_enter */
        if (look(&slow, &next))
            tell(&slow);
        else
            (void)os_futex_wait(&roll()->bell, bell, next);
    }
    return NULL;
}

/* ---- Being watched ---- */

/* By the environment; 0: not. */
static int64_t read_environment(void)
{
    char text[200], *end;
    const char *wanted = getenv("THRUM_SLOW_AFTER");
    if (wanted == NULL || wanted[0] == '\0')
        return 0;
    double seconds = strtod(wanted, &end);
    if (*end == '\0' && seconds >= 1e-9 && seconds < 9.2e9)
        return (int64_t)(seconds * 1e9);
    (void)snprintf(text, sizeof text, "thrum: THRUM_SLOW_AFTER is '%.100s', no number of seconds: it is off\n", wanted);
    os_complain(text);
    return 0;
}

int watchdog_start(struct watched *watched, thrum_timeout slow_after)
{
    int result = 0;
    if (slow_after.kind_ == THRUM_TIMEOUT_FOREVER_)
        watched->slow_after = read_environment();
    else if (slow_after.kind_ == THRUM_TIMEOUT_AFTER_ && slow_after.ns_ > 0)
        watched->slow_after = slow_after.ns_;
    else
        return -EINVAL;
    if (watched->slow_after == 0)
        return 0;
    os_wordlock_acquire(&roll()->guard);
    if (roll()->started == 0)
        result = os_helper_create(watch, NULL);
    roll()->started = result == 0;
    os_wordlock_release(&roll()->guard);
    return result;
}

void watchdog_enter(struct watched *watched)
{
    if (watched->slow_after == 0)
        return;
    os_wordlock_acquire(&roll()->guard);
    watched->next = roll()->running;
    roll()->running = watched;
    os_wordlock_release(&roll()->guard);
    (void)os_add_release(&roll()->bell, 1); /* release: pairs with watch */
    os_futex_wake(&roll()->bell, 1);
}

void watchdog_leave(struct watched *watched)
{
    if (watched->slow_after == 0)
        return;
    os_wordlock_acquire(&roll()->guard);
    struct watched **at = &roll()->running;
    while (*at != NULL && *at != watched)
        at = &(*at)->next;
    if (*at != NULL) /* in a forked child there is none */
        *at = watched->next;
    os_wordlock_release(&roll()->guard);
}
