/*
 * sleeper.c - the records of sleepers, and how a thread of the system sleeps
 *
 * A thread gets its record when it first waits or takes a lock, so threads that were
 * not made by thrum need no call to be known. It sleeps on the futex word in it.
 */
#include "park/sleeper.h"

#include <stdio.h>
#include <stdlib.h>

#include "park/deadlock.h"
#include "platform/state.h"

__thread struct thrum_self_ thrum_self_;
__thread struct sleeper *sleeper_current;

static int thread_sleep(struct sleeper *sleeper, int64_t deadline)
{
    return os_futex_wait(&sleeper->wake, 0, deadline);
}

static void thread_wake(struct sleeper *sleeper)
{
    os_futex_wake(&sleeper->wake, 1);
}

static const struct sleeper_ops thread_ops = {thread_sleep, thread_wake};

/* A record never used before; the roll's guard is held. */
static struct sleeper *fresh(struct sleeper_roll *roll)
{
    if (roll->used == ROLL_BLOCKS * ROLL_BLOCK)
        return NULL;
    struct sleeper **block = &roll->blocks[roll->used / ROLL_BLOCK];
    if (*block == NULL)
        *block = calloc(ROLL_BLOCK, sizeof(struct sleeper));
    if (*block == NULL)
        return NULL;
    struct sleeper *sleeper = &(*block)[roll->used % ROLL_BLOCK];
    sleeper->owner = (roll->used + 1) << 2;
    /* Release: pairs with sleeper_nth, so the block is seen. */
    os_store_release(&roll->used, roll->used + 1);
    return sleeper;
}

struct sleeper *sleeper_new(const struct sleeper_ops *ops)
{
    struct sleeper_roll *roll = &os_state()->sleepers;
    os_wordlock_acquire(&roll->guard);
    struct sleeper *sleeper = roll->free;
    if (sleeper != NULL)
        roll->free = sleeper->next;
    else
        sleeper = fresh(roll);
    os_wordlock_release(&roll->guard);
    if (sleeper != NULL) {
        sleeper->ops = ops;
        sleeper->token = NULL;
        sleeper->report = NULL;
        sleeper->native_id = 0;
        sleeper->name[0] = '\0';
    }
    return sleeper;
}

struct sleeper *sleeper_nth(uint32_t place)
{
    struct sleeper_roll *roll = &os_state()->sleepers;
    /* Acquire: pairs with fresh; its block was there before it was counted, and is never moved. */
    if (place >= os_load_acquire(&roll->used))
        return NULL;
    return &roll->blocks[place / ROLL_BLOCK][place % ROLL_BLOCK];
}

struct sleeper *sleeper_of(uint32_t owner)
{
    return sleeper_nth((owner >> 2) - 1);
}

void sleeper_drop(struct sleeper *sleeper)
{
    struct sleeper_roll *roll = &os_state()->sleepers;
    os_wordlock_acquire(&roll->guard);
    sleeper->next = roll->free;
    roll->free = sleeper;
    os_wordlock_release(&roll->guard);
}

/* A thread that ends with locks held keeps its number: the locks name it. */
void sleeper_end(struct sleeper *sleeper)
{
    if (thrum_self_.held == 0)
        sleeper_drop(sleeper);
    else
        deadlock_owner_ended(sleeper);
    thrum_self_ = (struct thrum_self_){0, 0};
    sleeper_current = NULL;
}

static void thread_ended(void *arg)
{
    sleeper_end(arg);
}

int sleeper_begin(struct sleeper *sleeper)
{
    thrum_self_.owner = sleeper->owner;
    sleeper_current = sleeper;
    sleeper->native_id = os_native_id();
    if (sleeper->name[0] == '\0')
        os_thread_get_name(sleeper->name, sizeof sleeper->name);
    return os_on_thread_exit(thread_ended, sleeper);
}

struct sleeper *sleeper_for_thread(thrum_token *token, const char *name)
{
    struct sleeper *sleeper = sleeper_new(&thread_ops);
    if (sleeper != NULL) {
        sleeper->token = token;
        (void)snprintf(sleeper->name, sizeof sleeper->name, "%s", name);
    }
    return sleeper;
}

struct sleeper *sleeper_attach(void)
{
    struct sleeper *self = sleeper_for_thread(NULL, "");
    if (self != NULL && sleeper_begin(self) != 0)
        sleeper_end(self);
    return sleeper_current;
}
