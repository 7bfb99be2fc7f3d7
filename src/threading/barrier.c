/*
 * barrier.c - threads that wait for each other
 *
 * Who comes puts a note of his arrival, on his own stack, on the barrier's list, and waits until it says how
 * that ended: all have come, or somebody gave up. The list and the counts are changed under the lock of the barrier's
 * bucket in the lot, all together; so each round ends once, for all who were in it, and the next can begin at
 * once: nobody of it needs the barrier any more, for he has his own note to read. That is
 * also why it may go as soon as all waits have returned.
 *
 * When all have come, the last acts: `acting` is his number from that moment until he has run the action and let the
 * others go. Meanwhile nobody gives up, and whoever comes waits before the door, as in Python, where the action runs
 * under the lock.
 *
 * A wake-up is only a reason to look at one's note: giving up may come so late that it wakes the next round.
 *
 * In a forked child the others are not there, and their stacks are used again: it begins with an empty list.
 */
#include <errno.h>

#include "base/options.h"
#include "park/label.h"
#include "park/park.h"
#include "platform/state.h"

OPTIONS_ARE_DENSE(thrum_barrier_options, sizeof(size_t) + 3 * sizeof(void *) + sizeof(thrum_timeout));

enum { WAITS, ALL_CAME, BROKEN };

struct thrum_arrival_ {
    struct thrum_arrival_ *next;
    thrum_barrier *barrier;
    uint32_t self; /* its thread's number */
    uint32_t index;
    uint32_t outcome; /* stored last: then the note may go */
    int result;       /* of an attempt to come, to leave or to act, for whoever made it */
};

int thrum_barrier_init_with(thrum_barrier *barrier, size_t parties, const thrum_barrier_options *options)
{
    thrum_barrier_options o;
    int64_t deadline;
    if (barrier == NULL || OPTIONS_READ(&o, options) != 0 || parties == 0 || parties > THRUM_PARTIES_MAX ||
        park_deadline(o.timeout, &deadline) != 0)
        return -EINVAL;
    *barrier = (thrum_barrier){.parties_ = (uint32_t)parties,
                               .label_ = label_of(o.name),
                               .action_ = o.action,
                               .arg_ = o.arg,
                               .timeout_ = o.timeout};
    return 0;
}

/* ---- Under the lock of the barrier's bucket; what hints read is stored relaxed, for it carries no data ---- */

static void forget_the_parents(thrum_barrier *barrier)
{
    uint32_t generation = os_generation();
    if (os_load_relaxed(&barrier->generation_) == generation)
        return;
    os_store_relaxed(&barrier->generation_, generation);
    os_store_relaxed(&barrier->count_, 0);
    os_store_relaxed(&barrier->acting_, 0);
    barrier->come_ = NULL;
}

/* The round is over for all who have come. The barrier is done with before the last of them can know. */
static void end_round(thrum_barrier *barrier, uint32_t outcome)
{
    struct thrum_arrival_ *arrival = barrier->come_, *next;
    barrier->come_ = NULL;
    os_store_relaxed(&barrier->count_, 0);
    for (; arrival != NULL; arrival = next) {
        next = arrival->next;
        /* Release: who reads it sees what the others did before they came, and the action. */
        os_store_release(&arrival->outcome, outcome);
    }
}

static void break_round(thrum_barrier *barrier)
{
    os_store_relaxed(&barrier->broken_, 1);
    end_round(barrier, BROKEN);
}

/* ---- Coming ---- */

static uintptr_t arrive(void *arg, const struct unparked *done)
{
    struct thrum_arrival_ *me = arg;
    thrum_barrier *barrier = me->barrier;
    (void)done;
    forget_the_parents(barrier);
    /* Relaxed, here and below: changed under this bucket's lock. */
    if (os_load_relaxed(&barrier->acting_) == me->self) {
        me->result = -EDEADLK;
    } else if (os_load_relaxed(&barrier->broken_) != 0) {
        me->result = THRUM_BROKEN;
    } else if (os_load_relaxed(&barrier->acting_) != 0) {
        me->result = PARK_CHANGED;
    } else {
        me->index = os_load_relaxed(&barrier->count_);
        me->next = barrier->come_;
        barrier->come_ = me;
        os_store_relaxed(&barrier->count_, me->index + 1);
        if (me->index + 1 == barrier->parties_)
            os_store_relaxed(&barrier->acting_, me->self);
        me->result = 0;
    }
    return 0;
}

static bool door_is_shut(void *arg)
{
    const thrum_barrier *barrier = arg;
    return os_load_relaxed(&barrier->acting_) != 0 &&
           os_load_relaxed(&barrier->broken_) == 0; /* relaxed: as in arrive */
}

/* 0: this one has come. */
static int come(struct thrum_arrival_ *me, const void *site)
{
    struct park_call call = {.key = me->barrier,
                             .validate = door_is_shut,
                             .arg = me->barrier,
                             .what = "barrier",
                             .name = label_name(me->barrier->label_),
                             .site = site,
                             .deadline = OS_FOREVER,
                             .uncancellable = true};
    for (;;) {
        (void)unpark(me->barrier, 0, arrive, me);
        if (me->result != PARK_CHANGED)
            return me->result;
        (void)park(&call);
    }
}

/* ---- Acting: the last to come ---- */

static uintptr_t acted(void *arg, const struct unparked *done)
{
    struct thrum_arrival_ *me = arg;
    thrum_barrier *barrier = me->barrier;
    (void)done;
    forget_the_parents(barrier);
    os_store_relaxed(&barrier->acting_, 0);
    if (os_load_relaxed(&me->outcome) != WAITS)
        return 0; /* it was reset or aborted meanwhile */
    if (me->result != 0)
        break_round(barrier);
    else
        end_round(barrier, ALL_CAME);
    return 0;
}

static int act(struct thrum_arrival_ *me)
{
    thrum_barrier *barrier = me->barrier;
    me->result = barrier->action_ != NULL ? barrier->action_(barrier->arg_) : 0;
    (void)unpark(barrier, SIZE_MAX, acted, me);
    if (me->result != 0)
        return me->result;
    return os_load_relaxed(&me->outcome) == ALL_CAME ? 0 : THRUM_BROKEN; /* relaxed: we went through its lock */
}

/* ---- Waiting: the others ---- */

static bool waits(void *arg)
{
    const struct thrum_arrival_ *me = arg;
    return os_load_relaxed(&me->outcome) == WAITS; /* relaxed: as in arrive */
}

static uintptr_t leave(void *arg, const struct unparked *done)
{
    struct thrum_arrival_ *me = arg;
    (void)done;
    bool may = waits(me) && os_load_relaxed(&me->barrier->acting_) == 0; /* relaxed: as in arrive */
    me->result = may ? 0 : PARK_CHANGED;
    if (may)
        break_round(me->barrier);
    return 0;
}

/* Whether the round is broken by this; else all have come, or it has ended, before. */
static bool give_up(struct thrum_arrival_ *me)
{
    /* Relaxed: a hint, lest many be woken in vain. */
    if (!waits(me) || os_load_relaxed(&me->barrier->acting_) != 0)
        return false;
    (void)unpark(me->barrier, os_planted("barrier-breaks-alone") ? 0 : SIZE_MAX, leave, me);
    return me->result == 0;
}

static int wait_for_others(struct thrum_arrival_ *me, int64_t deadline, const void *site)
{
    struct park_call call = {.key = me->barrier,
                             .validate = waits,
                             .arg = me,
                             .what = "barrier",
                             .name = label_name(me->barrier->label_),
                             .site = site,
                             .deadline = deadline};
    uint32_t outcome;
    /* Acquire: pairs with end_round. */
    while ((outcome = os_load_acquire(&me->outcome)) == WAITS) {
        int result = call.deadline > 0 ? park(&call) : THRUM_TIMEOUT;
        if (result != THRUM_TIMEOUT && result != THRUM_CANCELLED && result != THRUM_INTERRUPTED)
            continue;
        if (give_up(me))
            return result;
        call.deadline = OS_FOREVER;
        call.uncancellable = true;
    }
    return outcome == ALL_CAME ? 0 : THRUM_BROKEN;
}

/* The barrier's own where none is given, and interruptible if the one given is. */
static thrum_timeout timeout_for(const thrum_barrier *barrier, thrum_timeout timeout)
{
    if (timeout.kind_ == THRUM_TIMEOUT_FOREVER_)
        return barrier->timeout_;
    if (timeout.kind_ == (THRUM_TIMEOUT_FOREVER_ | THRUM_TIMEOUT_INTERRUPTIBLE_))
        return thrum_interruptible(barrier->timeout_);
    return timeout;
}

int thrum_barrier_wait(thrum_barrier *barrier, size_t *ret_index, thrum_timeout timeout)
{
    int64_t deadline;
    if (barrier == NULL || barrier->parties_ == 0 || park_deadline(timeout_for(barrier, timeout), &deadline) != 0)
        return -EINVAL;
    const struct sleeper *self = sleeper_self();
    if (self == NULL)
        return -EAGAIN;
    struct thrum_arrival_ me = {.barrier = barrier, .self = self->owner};
    uint32_t last = barrier->parties_ - 1; /* now: later it may be gone */
    const void *site = __builtin_return_address(0);
    int result = come(&me, site);
    if (result == 0)
        result = me.index == last ? act(&me) : wait_for_others(&me, deadline, site);
    if (result == 0 && ret_index != NULL)
        *ret_index = me.index;
    return result;
}

/* ---- From outside ---- */

static uintptr_t renew(void *arg, const struct unparked *done)
{
    thrum_barrier *barrier = arg;
    (void)done;
    forget_the_parents(barrier);
    os_store_relaxed(&barrier->broken_, 0);
    end_round(barrier, BROKEN);
    return 0;
}

static uintptr_t destroy(void *arg, const struct unparked *done)
{
    (void)done;
    forget_the_parents(arg);
    break_round(arg);
    return 0;
}

void thrum_barrier_reset(thrum_barrier *barrier)
{
    if (barrier != NULL)
        (void)unpark(barrier, SIZE_MAX, renew, barrier);
}

void thrum_barrier_abort(thrum_barrier *barrier)
{
    if (barrier != NULL)
        (void)unpark(barrier, SIZE_MAX, destroy, barrier);
}

size_t thrum_barrier_parties(const thrum_barrier *barrier)
{
    return barrier != NULL ? barrier->parties_ : 0;
}

size_t thrum_barrier_n_waiting(const thrum_barrier *barrier)
{
    /* Relaxed: a hint. */
    if (barrier == NULL || os_load_relaxed(&barrier->generation_) != os_generation())
        return 0;
    return os_load_relaxed(&barrier->count_);
}

bool thrum_barrier_broken(const thrum_barrier *barrier)
{
    /* Relaxed: a hint. */
    return barrier != NULL && os_load_relaxed(&barrier->broken_) != 0;
}
