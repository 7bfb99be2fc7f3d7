/*
 * sleeper.c - the records of sleepers, and how a thread of the system sleeps
 *
 * A thread gets its record when it first waits or takes a lock, so threads that were
 * not made by thrum need no call to be known. It sleeps on the futex word in it.
 */
#include "park/sleeper.h"

#include <stdlib.h>
#include <string.h>

#include "park/deadlock.h"
#include "park/lockword.h"
#include "park/order.h"
#include "platform/state.h"

__thread struct thrum_self_ thrum_self_;
__thread struct sleeper *sleeper_current;

static int thread_sleep(struct sleeper *sleeper, int64_t deadline)
{
    if (os_load_relaxed(&sleeper->asleep) == 0) /* relaxed: a hint for reports */
        os_store_relaxed(&sleeper->asleep, os_now());
    if ((deadline & PARK_INTERRUPTIBLE) != 0) /* see park_deadline */
        return os_futex_wait_interruptible(&sleeper->wake, 0, deadline);
    return os_futex_wait(&sleeper->wake, 0, deadline);
}

static void thread_wake(struct sleeper *sleeper, bool counted)
{
    /* Release: pairs with sleep_until_woken and await_wakers. A store need not wait for the record's line. */
    if (counted)
        (void)os_add_release(&sleeper->wake, 1);
    else
        os_store_release(&sleeper->wake, 1);
    os_futex_wake(&sleeper->wake, 1);
}

const struct sleeper_ops sleeper_thread_ops = {thread_sleep, thread_wake, NULL, NULL, NULL};

_Static_assert((uint64_t)(SLEEPER_LIVES + 1) << (ROLL_PLACE_BITS + LOCK_BITS) <= UINT64_C(1) << 32,
               "a number has room for a place's lives");

/* The guard of the roll is held in these. Whoever holds it finds a record's number, name and native id as they
 * are, if the record is listed or has ended. */

/* The number of one more, + 1; 0: there is no room. */
static uint32_t add_block(struct sleeper_roll *roll, void *first, size_t stride)
{
    if (roll->used == ROLL_BLOCKS)
        return 0;
    roll->blocks[roll->used] = (struct roll_block){first, stride, 0};
    /* Release: pairs with sleeper_at, so the block is seen. */
    os_store_release(&roll->used, roll->used + 1);
    return roll->used;
}

static uint32_t add_own_block(struct sleeper_roll *roll)
{
    size_t size = ROLL_BLOCK * sizeof(struct sleeper);
    void *records = aligned_alloc(_Alignof(struct sleeper), size);
    if (records == NULL)
        return 0;
    memset(records, 0, size);
    uint32_t block = add_block(roll, records, sizeof(struct sleeper));
    if (block == 0)
        free(records);
    return block;
}

/* A record never used before. */
static struct sleeper *fresh(struct sleeper_roll *roll)
{
    if (roll->filling == 0 || roll->blocks[roll->filling - 1].used == ROLL_BLOCK) {
        uint32_t added = add_own_block(roll);
        if (added == 0)
            return NULL;
        roll->filling = added;
    }
    struct roll_block *block = &roll->blocks[roll->filling - 1];
    struct sleeper *sleeper = (struct sleeper *)(void *)block->first + block->used;
    /* Relaxed, both: who has a number of its block, or sees that it is counted, may look at it before it begins. It is
     * zero there since before the block was counted, and nobody's; and who wants to be sure asks again under the guard
     * (sleeper_has_ended, see_thread). */
    os_store_relaxed(&sleeper->owner, ((roll->filling - 1) * ROLL_BLOCK + block->used) << LOCK_BITS);
    os_store_relaxed(&block->used, block->used + 1);
    return sleeper;
}

/* The record that has rested longest. */
static struct sleeper *rested(struct sleeper_roll *roll)
{
    struct sleeper *sleeper = roll->oldest;
    if (sleeper != NULL) {
        roll->oldest = sleeper->next;
        roll->resting--;
    }
    return sleeper;
}

static void lay_to_rest(struct sleeper_roll *roll, struct sleeper *sleeper)
{
    sleeper->next = NULL;
    if (roll->oldest == NULL)
        roll->oldest = sleeper;
    else
        roll->newest->next = sleeper;
    roll->newest = sleeper;
    roll->resting++;
}

/* A record's next number: used once more. Never 0, for the count is not. */
static uint32_t next_number(uint32_t owner)
{
    const uint32_t one = 1u << (LOCK_BITS + ROLL_PLACE_BITS);
    owner += one;
    return owner >= one ? owner : owner + one;
}

static void copy_name(struct sleeper *sleeper, const char *name)
{
    size_t length = strnlen(name, sizeof sleeper->name - 1);
    memcpy(sleeper->name, name, length);
    sleeper->name[length] = '\0';
}

static void prepare(struct sleeper *sleeper, uint32_t number, const struct sleeper_ops *ops)
{
    /* Relaxed, then release: who still has the old number and sees that the record has not ended sees
     * that it has another number. And under the guard: see sleeper_has_ended. */
    os_store_relaxed(&sleeper->owner, number);
    os_store_release(&sleeper->ended, 0);
    sleeper->ops = ops;
    sleeper->host = NULL;
    sleeper->locks = 0;
    os_store_relaxed(&sleeper->process, 0); /* relaxed: see is_of_parent */
    os_store_relaxed(&sleeper->joins, 0);   /* relaxed: a hint for reports */
    sleeper->token = NULL;
    sleeper->report = NULL;
    os_store_relaxed(&sleeper->native_id, 0); /* relaxed: see sleeper_begin */
    sleeper->name[0] = '\0';
    sleeper->flags = 0;
    sleeper->ident = 0;
    sleeper->locals = NULL;
    sleeper->n_locals = 0;
    sleeper->destroying = NULL;
    sleeper->ending = NULL;
}

static struct sleeper *take(struct sleeper_roll *roll, const struct sleeper_ops *ops)
{
    struct sleeper *sleeper = roll->resting >= ROLL_RESTING ? rested(roll) : fresh(roll);
    if (sleeper == NULL)
        sleeper = rested(roll);
    if (sleeper != NULL)
        prepare(sleeper, next_number(sleeper->owner), ops);
    return sleeper;
}

struct sleeper *sleeper_new(const struct sleeper_ops *ops)
{
    struct sleeper_roll *roll = &os_state()->sleepers;
    os_wordlock_acquire(&roll->guard);
    struct sleeper *sleeper = take(roll, ops);
    os_wordlock_release(&roll->guard);
    return sleeper;
}

static struct sleeper *in_block(const struct roll_block *block, uint32_t index)
{
    return (struct sleeper *)(void *)(block->first + index * block->stride);
}

/* The process we are in, as it stands in those who have a host. */
static uint32_t this_process(void)
{
    return os_generation() + 1;
}

/* Whether it took turns in a parent process. A forked child leaves all of those as they are: there may be a million,
 * each on a page of its own, and to write there is to copy it. */
static bool is_of_parent(const struct sleeper *sleeper)
{
    /* Relaxed: it is there before the number is, and of one that begins meanwhile it is ours or 0. */
    uint32_t process = os_load_relaxed(&sleeper->process);
    return process != 0 && process != this_process();
}

/* Relaxed: one that has none yet has done nothing yet. */
static bool has_number(const struct sleeper *sleeper)
{
    return os_load_relaxed(&sleeper->owner) != 0;
}

struct sleeper *sleeper_next(uint32_t *place)
{
    struct sleeper_roll *roll = &os_state()->sleepers;
    uint32_t block = *place / ROLL_BLOCK, index = *place % ROLL_BLOCK;
    /* Acquire: pairs with add_block; a block is never moved. Relaxed: see fresh; and who must not be missed has done
     * something since that whoever looks has seen (deadlock.h). */
    for (; block < os_load_acquire(&roll->used); block++, index = 0) {
        for (; index < os_load_relaxed(&roll->blocks[block].used); index++) {
            struct sleeper *sleeper = in_block(&roll->blocks[block], index);
            if (has_number(sleeper) && !is_of_parent(sleeper)) {
                *place = block * ROLL_BLOCK + index + 1;
                return sleeper;
            }
        }
    }
    return NULL;
}

struct sleeper *sleeper_of(uint32_t owner)
{
    struct sleeper_roll *roll = &os_state()->sleepers;
    uint32_t place = (owner >> LOCK_BITS) & ((1u << ROLL_PLACE_BITS) - 1), block = place / ROLL_BLOCK;
    /* Acquire: as in sleeper_next. */
    if (block >= os_load_acquire(&roll->used)) {
        /* The count may be an old one. What came to us by any way at all, like a number in a lock's word, was
         * counted under the guard before it set out, and so before we have the guard now. */
        os_wordlock_acquire(&roll->guard);
        os_wordlock_release(&roll->guard);
    }
    return in_block(&roll->blocks[block], place % ROLL_BLOCK);
}

uint32_t sleeper_block(void *first, size_t stride)
{
    struct sleeper_roll *roll = &os_state()->sleepers;
    os_wordlock_acquire(&roll->guard);
    if (roll->used == 0)
        (void)add_own_block(roll); /* so that the place of the first is never 0 */
    uint32_t added = roll->used > 0 ? add_block(roll, first, stride) : 0;
    os_wordlock_release(&roll->guard);
    return added > 0 ? (added - 1) * ROLL_BLOCK : 0;
}

bool sleeper_has_ended(uint32_t owner)
{
    const struct sleeper *sleeper = sleeper_of(owner);
    if (is_of_parent(sleeper))
        return true;
    /* Sequentially consistent: see deadlock.h. Relaxed: the load before it has seen what sleeper_new wrote. */
    if (os_load_seq_cst(&sleeper->ended) == 0 && os_load_relaxed(&sleeper->owner) == owner)
        return false;
    /* That may be how it was before this number was given to it: see sleeper_of. Relaxed: it was under the guard. */
    os_wordlock_acquire(&os_state()->sleepers.guard);
    bool ended = os_load_relaxed(&sleeper->ended) != 0 || os_load_relaxed(&sleeper->owner) != owner;
    os_wordlock_release(&os_state()->sleepers.guard);
    return ended;
}

/* ---- The list of threads; the roll's guard is held ---- */

static void enlist(struct sleeper_roll *roll, struct sleeper *sleeper)
{
    sleeper->present = true;
    sleeper->present_next = NULL;
    sleeper->present_prev = roll->last;
    if (roll->last != NULL)
        roll->last->present_next = sleeper;
    else
        roll->first = sleeper;
    roll->last = sleeper;
    roll->present++;
}

static void delist(struct sleeper_roll *roll, struct sleeper *sleeper)
{
    if (!sleeper->present)
        return;
    if (sleeper->present_next != NULL)
        sleeper->present_next->present_prev = sleeper->present_prev;
    else
        roll->last = sleeper->present_prev;
    if (sleeper->present_prev != NULL)
        sleeper->present_prev->present_next = sleeper->present_next;
    else
        roll->first = sleeper->present_next;
    sleeper->present = false;
    roll->present--;
}

static uint64_t main_ident(const struct sleeper_roll *roll)
{
    return roll->main_ident != 0 ? roll->main_ident : SLEEPER_MAIN;
}

/* ---- The same for others ---- */

void sleeper_leave(struct sleeper *sleeper)
{
    struct sleeper_roll *roll = &os_state()->sleepers;
    os_wordlock_acquire(&roll->guard);
    delist(roll, sleeper);
    os_wordlock_release(&roll->guard);
}

size_t sleeper_list(void (*see)(void *arg, const struct sleeper *sleeper), void *arg, bool *ret_main)
{
    struct sleeper_roll *roll = &os_state()->sleepers;
    os_wordlock_acquire(&roll->guard);
    for (const struct sleeper *sleeper = roll->first; see != NULL && sleeper != NULL; sleeper = sleeper->present_next)
        see(arg, sleeper);
    size_t present = roll->present;
    if (ret_main != NULL)
        *ret_main = roll->main_known;
    os_wordlock_release(&roll->guard);
    return present;
}

void sleeper_rename(uint64_t ident, const char *name)
{
    struct sleeper_roll *roll = &os_state()->sleepers;
    os_wordlock_acquire(&roll->guard);
    struct sleeper *sleeper = roll->first;
    while (sleeper != NULL && sleeper->ident != ident)
        sleeper = sleeper->present_next;
    if (sleeper != NULL)
        copy_name(sleeper, name);
    os_wordlock_release(&roll->guard);
}

uint64_t sleeper_main_ident(void)
{
    return main_ident(&os_state()->sleepers); /* it changes in fork(2) only */
}

/* ---- Ends ---- */

struct sleeper *sleeper_hosted(uint32_t place, uint32_t life, const struct sleeper_ops *ops, const char *name,
                               struct sleeper *host)
{
    struct sleeper_roll *roll = &os_state()->sleepers;
    struct roll_block *block = &roll->blocks[place / ROLL_BLOCK];
    struct sleeper *sleeper = in_block(block, place % ROLL_BLOCK);
    os_wordlock_acquire(&roll->guard);
    if (block->used <= place % ROLL_BLOCK)
        os_store_relaxed(&block->used, place % ROLL_BLOCK + 1); /* relaxed: as in fresh */
    /* Never 0 above the place, as by next_number. */
    prepare(sleeper, ((life + 1) << ROLL_PLACE_BITS | place) << LOCK_BITS, ops);
    os_store_relaxed(&sleeper->process, this_process()); /* relaxed: see is_of_parent */
    sleeper->host = host;
    sleeper->ident = host->ident;
    os_store_relaxed(&sleeper->native_id, os_load_relaxed(&host->native_id)); /* relaxed: as in sleeper_begin */
    copy_name(sleeper, name);
    os_store_relaxed(&sleeper->listed, 1); /* relaxed: who goes by it holds the guard */
    os_wordlock_release(&roll->guard);
    return sleeper;
}

void sleeper_drop(struct sleeper *sleeper)
{
    struct sleeper_roll *roll = &os_state()->sleepers;
    if (sleeper->host == NULL || (sleeper->locks > 0 && !os_planted("task-leaves-locks-untold")))
        deadlock_owner_ends(sleeper);
    else
        os_store_relaxed(&sleeper->ended, 1); /* relaxed: it leaves no lock behind, so nobody asks */
    os_wordlock_acquire(&roll->guard);
    os_store_relaxed(&sleeper->listed, 0); /* relaxed: who goes by it holds the guard */
    delist(roll, sleeper);
    if (sleeper->host == NULL)
        lay_to_rest(roll, sleeper);
    os_wordlock_release(&roll->guard);
}

void sleeper_end(struct sleeper *sleeper)
{
    if (sleeper->ending != NULL)
        sleeper->ending(sleeper);
    held_free(&sleeper->ordered);
    held_free(&sleeper->held);
    sleeper_drop(sleeper);
    thrum_self_ = (struct thrum_self_){0};
    sleeper_current = NULL;
}

/* The lists may have been left half-way, and are made anew. Nobody else waits, and what waits there were lay on
 * stacks that the child's threads are given. Who has a host is there together with it. */
void sleepers_forked(void)
{
    struct sleeper_roll *roll = &os_state()->sleepers;
    struct sleeper *self = sleeper_current, *thread = self != NULL && self->host != NULL ? self->host : self;
    bool present = thread != NULL && thread->present;
    roll->guard = 0;
    roll->oldest = NULL;
    roll->resting = 0;
    roll->first = roll->last = NULL;
    roll->present = 0;
    struct sleeper *sleeper;
    if (self != thread)
        os_store_relaxed(&self->process, this_process()); /* relaxed: there is no other thread yet */
    for (uint32_t place = 0; (sleeper = sleeper_next(&place)) != NULL;) {
        if (sleeper == self || sleeper == thread)
            continue;
        sleeper->present = false;
        /* Relaxed: there is no other thread yet. */
        os_store_relaxed(&sleeper->ended, 1);
        os_store_relaxed(&sleeper->listed, 0);
        os_store_relaxed(&sleeper->waits_at, NULL);
        sleeper->ordered = sleeper->held = (struct held_locks){0}; /* it may have been about to change: not freed */
        lay_to_rest(roll, sleeper);
    }
    roll->main_known = self != NULL;
    roll->main_ident = self != NULL ? self->ident : 0;
    if (self != NULL) {
        /* Relaxed: as in sleeper_begin. */
        os_store_relaxed(&self->native_id, os_native_id());
        os_store_relaxed(&thread->native_id, os_native_id());
    }
    if (present)
        enlist(roll, thread);
}

static void thread_ended(void *arg)
{
    sleeper_end(arg);
}

int sleeper_begin(struct sleeper *sleeper)
{
    sleeper_current = sleeper;
    sleeper_watch(sleeper);
    /* Relaxed: who lists the threads may see it or not. */
    os_store_relaxed(&sleeper->native_id, os_native_id());
    /* Release: pairs with see_thread, which sees that. */
    os_store_release(&sleeper->listed, 1);
    return os_on_thread_exit(thread_ended, sleeper);
}

void sleeper_watch(struct sleeper *self)
{
    bool watched = self->ordered.n > 0 || self->host != NULL || order_is_checked();
    thrum_self_.owner = watched ? 0 : self->owner;
}

/* `first`: it is the process's first thread. */
static struct sleeper *admit(thrum_token *token, const char *name, uint32_t flags, bool first)
{
    struct sleeper_roll *roll = &os_state()->sleepers;
    os_wordlock_acquire(&roll->guard);
    struct sleeper *sleeper = take(roll, &sleeper_thread_ops);
    if (sleeper != NULL) {
        sleeper->token = token;
        sleeper->flags = flags;
        sleeper->ident = first ? main_ident(roll) : ++roll->idents + SLEEPER_MAIN;
        copy_name(sleeper, name);
        enlist(roll, sleeper);
        roll->main_known = roll->main_known || first;
    }
    os_wordlock_release(&roll->guard);
    return sleeper;
}

struct sleeper *sleeper_for_thread(thrum_token *token, const char *name, uint32_t flags)
{
    return admit(token, name, flags, false);
}

struct sleeper *sleeper_attach(void)
{
    char name[SLEEPER_NAME] = "MainThread";
    bool first = os_native_id() == os_main_id();
    if (!first)
        os_thread_get_name(name, sizeof name);
    struct sleeper *self = admit(NULL, name, SLEEPER_FOREIGN, first);
    if (self != NULL && sleeper_begin(self) != 0)
        sleeper_end(self);
    return sleeper_current;
}
