/*
 * park_any.c - waiting at several places at once
 *
 * There is a wait at each place, all of the same sleeper. It can be woken at several of them before it runs, so its
 * wakers are counted, and it stays until each that took one of its waits out has come.
 */
#include "park/park.h"

#include <errno.h>

/* Take out the first n waits that are still in their queues; how many were not. */
static size_t withdraw_all(struct park_place *places, size_t n)
{
    size_t taken = 0;
    for (size_t i = 0; i < n; i++) {
        places[i].taken = !park_withdraw(&places[i].wait);
        taken += places[i].taken;
    }
    return taken;
}

/* Each who took one of our waits out comes to wake us; before all have, the waits must not go. */
static void await_wakers(struct sleeper *self, size_t n)
{
    for (size_t came = 0; came < n;) {
        /* Acquire: pairs with the wakers' release. */
        uint32_t more = os_exchange_acquire(&self->wake, 0);
        came += more;
        if (more == 0 && came < n)
            (void)self->ops->sleep(self, OS_FOREVER);
    }
}

/* Of those who were first to take out one of our waits, one that woke us counts before a canceller. */
static int outcome(const struct park_place *places, size_t n, int otherwise, size_t *ret_place)
{
    for (size_t i = 0; i < n; i++) {
        if (places[i].taken && places[i].wait.result == 0) {
            *ret_place = i;
            return 0;
        }
    }
    for (size_t i = 0; i < n; i++)
        if (places[i].taken)
            return places[i].wait.result;
    return otherwise;
}

/* The wait at the first place stands for all: it alone is on the token's list and in the sleeper's record. */
int park_any(const struct park_call *call, struct park_place *places, size_t n, size_t *ret_place)
{
    struct sleeper *self = sleeper_self();
    if (self == NULL || park_lacks_helper(call))
        return -EAGAIN;
    thrum_token *token = call->uncancellable ? NULL : self->token;
    for (size_t i = 0; i < n; i++)
        places[i].wait = (struct park_wait){.key = places[i].key,
                                            .sleeper = self,
                                            .ops = self->ops,
                                            .what = call->what,
                                            .name = call->name,
                                            .site = call->site,
                                            .review = call->reviewed ? places[i].validate : NULL,
                                            .arg = places[i].arg,
                                            .token = token,
                                            .deadline = call->deadline,
                                            .since = call->since,
                                            .hidden = i > 0,
                                            .counted = true};
    if (token != NULL && !token_enlist(token, &places[0].wait))
        return THRUM_CANCELLED;

    /* Relaxed: as in park. */
    os_store_relaxed(&self->wake, 0);
    int result = 0;
    size_t queued = 0;
    for (; queued < n; queued++) {
        struct park_place *place = &places[queued];
        result = park_enqueue(&place->wait, place->validate, place->arg, queued == 0 ? token : NULL);
        if (result != 0)
            break;
    }
    /* Relaxed: await_wakers orders it. */
    while (result == 0 && os_load_relaxed(&self->wake) == 0) {
        int ended = self->ops->sleep(self, call->deadline);
        if (ended != 0)
            result = ended == -EINTR ? THRUM_INTERRUPTED : THRUM_TIMEOUT;
    }
    size_t taken = withdraw_all(places, queued);
    if (!os_planted("park-any-early-return"))
        await_wakers(self, taken);
    result = outcome(places, queued, result, ret_place);
    if (token != NULL)
        token_delist(token, &places[0].wait);
    return result;
}
