/*
 * token.c - cancel tokens: calling off work that waits
 *
 * A token lists the waits that its cancelling must end. A wait is put on the list before it
 * can be found in the parking lot and taken off after it has left; the canceller marks the token
 * first and then expels every wait on the list. So a wait either sees the mark under its
 * bucket's lock, or is found there.
 *
 * A signal that a token is bound to marks it in the handler, so it is cancelled from then on; the
 * helper thread expels who waits.
 */
#include <errno.h>

#include "base/object.h"
#include "park/park.h"
#include "park/signal.h"
#include "park/token.h"
#include "platform/state.h"

/* In a forked child, the waits are those of threads that are not there, on stacks that are used
 * again, and one of them may have held the guard. The first to come starts anew. */
static void adopt(thrum_token *token, uint32_t generation)
{
    uint32_t *guard = &os_state()->lot.adopting;
    os_wordlock_acquire(guard);
    if (os_load_relaxed(&token->generation) != generation) { /* relaxed: changed under the guard */
        token->guard = 0;
        token->waits = NULL;
        /* Release: pairs with lock_token, which then finds the two above. */
        os_store_release(&token->generation, generation);
    }
    os_wordlock_release(guard);
}

static void lock_token(thrum_token *token)
{
    uint32_t generation = os_generation();
    /* Acquire: pairs with adopt. */
    if (os_load_acquire(&token->generation) != generation)
        adopt(token, generation);
    os_wordlock_acquire(&token->guard);
}

void token_init(thrum_token *token)
{
    *token = (thrum_token){.generation = os_generation()};
}

int thrum_token_new(thrum_token **ret_token)
{
    if (ret_token == NULL)
        return -EINVAL;
    thrum_token *token = object_new(sizeof *token, OBJECT_TOKEN);
    if (token == NULL)
        return -ENOMEM;
    token_init(token);
    *ret_token = token;
    return 0;
}

void thrum_token_free(thrum_token *token)
{
    if (!object_is(token, OBJECT_TOKEN))
        return;
    while (token->bound != 0 && signal_errand_remove(0, NULL, token) == 0)
        continue;
    object_free(token);
}

bool token_cancelled(const thrum_token *token)
{
    /* Acquire: who sees the mark sees what the canceller did before. */
    return os_load_acquire(&token->cancelled) != 0;
}

bool thrum_token_is_cancelled(const thrum_token *token)
{
    return object_is(token, OBJECT_TOKEN) && token_cancelled(token);
}

static void mark(void *arg)
{
    thrum_token *token = arg;
    /* Release: pairs with token_cancelled. */
    os_store_release(&token->cancelled, 1);
}

void token_cancel(thrum_token *token)
{
    lock_token(token);
    mark(token);
    /* A waiter must take the guard to leave, so each wait stays while we look at it. */
    for (struct park_wait *wait = token->waits; wait != NULL; wait = wait->enlisted_next)
        park_expel(wait, THRUM_CANCELLED);
    os_wordlock_release(&token->guard);
}

void thrum_token_cancel(thrum_token *token)
{
    if (object_is(token, OBJECT_TOKEN))
        token_cancel(token);
}

static void cancel(void *arg)
{
    token_cancel(arg);
}

int thrum_token_bind_signal(thrum_token *token, int signo)
{
    struct signal_errand *errand;
    if (!object_is(token, OBJECT_TOKEN) || signo == 0)
        return -EINVAL;
    int result = signal_errand_add(&errand, signo, mark, cancel, token);
    if (result == 0)
        os_store_relaxed(&token->bound, 1); /* relaxed: for who frees it, when nobody else uses it */
    return result;
}

int thrum_token_unbind_signal(thrum_token *token, int signo)
{
    return object_is(token, OBJECT_TOKEN) ? signal_errand_remove(signo, cancel, token) : -EINVAL;
}

bool token_enlist(thrum_token *token, struct park_wait *wait)
{
    if (token_cancelled(token))
        return false;
    lock_token(token);
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
    lock_token(token);
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
