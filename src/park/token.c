/*
 * token.c - cancel tokens: calling off work that waits
 *
 * A token lists the waits that its cancelling must end. A wait is put on the list before it
 * can be found in the parking lot and taken off after it has left; the canceller marks the token
 * first and then expels every wait on the list. So a wait either sees the mark under its
 * bucket's lock, or is found there.
 */
#include <errno.h>
#include <stdlib.h>

#include "park/park.h"

struct thrum_token {
    uint32_t guard; /* a word lock over waits */
    uint32_t cancelled;
    struct park_wait *waits;
};

int thrum_token_new(thrum_token **ret_token)
{
    thrum_token *token = calloc(1, sizeof *token);
    if (token == NULL)
        return -ENOMEM;
    *ret_token = token;
    return 0;
}

void thrum_token_free(thrum_token *token)
{
    free(token);
}

bool token_cancelled(const thrum_token *token)
{
    /* Acquire: who sees the mark sees what the canceller did before. */
    return os_load_acquire(&token->cancelled) != 0;
}

bool thrum_token_is_cancelled(const thrum_token *token)
{
    return token_cancelled(token);
}

void thrum_token_cancel(thrum_token *token)
{
    os_wordlock_acquire(&token->guard);
    /* Release: pairs with token_cancelled. */
    os_store_release(&token->cancelled, 1);
    /* A waiter must take the guard to leave, so each wait stays while we look at it. */
    for (struct park_wait *wait = token->waits; wait != NULL; wait = wait->enlisted_next)
        park_expel(wait, THRUM_CANCELLED);
    os_wordlock_release(&token->guard);
}

bool token_enlist(thrum_token *token, struct park_wait *wait)
{
    if (token_cancelled(token))
        return false;
    os_wordlock_acquire(&token->guard);
    wait->enlisted_next = token->waits;
    wait->enlisted_at = &token->waits;
    if (token->waits != NULL)
        token->waits->enlisted_at = &wait->enlisted_next;
    token->waits = wait;
    os_wordlock_release(&token->guard);
    return true;
}

void token_delist(thrum_token *token, struct park_wait *wait)
{
    os_wordlock_acquire(&token->guard);
    *wait->enlisted_at = wait->enlisted_next;
    if (wait->enlisted_next != NULL)
        wait->enlisted_next->enlisted_at = wait->enlisted_at;
    os_wordlock_release(&token->guard);
}

thrum_token *thrum_token_set(thrum_token *token)
{
    struct sleeper *self = sleeper_self();
    if (self == NULL)
        return NULL;
    thrum_token *old = self->token;
    self->token = token;
    return old;
}

bool thrum_cancelled(void)
{
    const struct sleeper *self = sleeper_current;
    return self != NULL && self->token != NULL && token_cancelled(self->token);
}
