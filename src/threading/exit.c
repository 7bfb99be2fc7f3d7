/*
 * exit.c - what the end of the process waits for
 *
 * exit(3) waits for the threads that are not daemons, by their count, for ever or as long as the policy says. The
 * count's lowest bit is set while exit waits, which it does once: till then, a thread that ends subtracts itself and
 * wakes nobody.
 */
#include <errno.h>

#include "base/options.h"
#include "park/park.h"
#include "park/report.h"
#include "platform/state.h"

OPTIONS_ARE_DENSE(thrum_exit_policy, sizeof(size_t) + sizeof(thrum_timeout) + sizeof(void *));

#define AWAITED 1u
#define ONE 2u

static struct thread_roll *roll(void)
{
    return &os_state()->threads;
}

/* ---- The count ---- */

static uint32_t not_waited_for(void)
{
    /* Exit may be called from such a thread. */
    return thread_self != NULL && !thread_self->daemon && !thread_self->foreign ? ONE : 0;
}

void exit_count_in(void)
{
    /* Relaxed: exit can only miss a thread whose start it races with anyway. */
    (void)os_add_relaxed(&roll()->alive, ONE);
}

/* Under the bucket's lock. */
static uintptr_t subtract(void *arg, const struct unparked *done)
{
    (void)arg;
    (void)done;
    /* Release: pairs with others_alive. */
    (void)os_sub_release(&roll()->alive, ONE);
    return 0;
}

void exit_count_out(void)
{
    uint32_t *alive = &roll()->alive, found = os_load_relaxed(alive);
    while ((found & AWAITED) == 0 || os_planted("exit-lost-wake"))
        /* Release: pairs with others_alive. */
        if (os_cas_release(alive, &found, found - ONE))
            return;
    (void)unpark(alive, SIZE_MAX, subtract, NULL);
}

void exit_forked(void)
{
    roll()->alive = not_waited_for();
}

/* ---- Exit ---- */

static bool others_alive(void *arg)
{
    (void)arg;
    /* Acquire: pairs with the release of each thread's end, so its work is seen. */
    return (os_load_acquire(&roll()->alive) & ~AWAITED) > not_waited_for();
}

static void name_thread(void *arg, const struct sleeper *sleeper)
{
    if ((sleeper->flags & (SLEEPER_FOREIGN | SLEEPER_DAEMON)) == 0 && sleeper != sleeper_current)
        report_add(arg, "  thread '%s' (%llu)\n", sleeper->name,
                   (unsigned long long)os_load_relaxed(&sleeper->native_id)); /* relaxed: see sleeper_begin */
}

static void leave(void)
{
    struct report report;
    struct park_call call = {
        .key = &roll()->alive, .validate = others_alive, .what = "the others, to exit", .uncancellable = true};
    os_wordlock_acquire(&roll()->guard);
    thrum_timeout patience = roll()->patience;
    thrum_token *token = roll()->exit_token;
    os_wordlock_release(&roll()->guard);
    if (token != NULL)
        thrum_token_cancel(token);
    (void)park_deadline(patience, &call.deadline); /* it was found good when it was set */

    (void)os_or_relaxed(&roll()->alive, AWAITED); /* relaxed: the bit carries no data */
    int result = 0;
    while (others_alive(NULL) && result != THRUM_TIMEOUT) {
        result = call.deadline > 0 ? park(&call) : THRUM_TIMEOUT;
        if (result == -EAGAIN)
            os_yield();
        if (result == -EAGAIN && call.deadline != OS_FOREVER && os_now() >= call.deadline)
            result = THRUM_TIMEOUT;
    }
    if (result != THRUM_TIMEOUT)
        return;
    report_begin(&report, "exit waits no longer for threads that still run");
    (void)sleeper_list(name_thread, &report, NULL);
    report_send(&report);
}

int exit_arrange(void)
{
    int result = 0;
    /* Relaxed: who sees that it is arranged need do nothing. */
    if (os_load_relaxed(&roll()->leaving) != 0)
        return 0;
    os_wordlock_acquire(&roll()->guard);
    if (os_load_relaxed(&roll()->leaving) == 0) /* relaxed: it changes under the guard */
        result = os_at_exit(leave);
    if (result == 0)
        os_store_relaxed(&roll()->leaving, 1);
    os_wordlock_release(&roll()->guard);
    return result;
}

int thrum_set_exit_policy_with(const thrum_exit_policy *policy)
{
    thrum_exit_policy p;
    int64_t deadline;
    if (OPTIONS_READ(&p, policy) != 0 || park_deadline(p.timeout, &deadline) != 0)
        return -EINVAL;
    int result = exit_arrange();
    if (result != 0)
        return result;
    os_wordlock_acquire(&roll()->guard);
    roll()->patience = p.timeout;
    roll()->exit_token = p.token;
    os_wordlock_release(&roll()->guard);
    return 0;
}
