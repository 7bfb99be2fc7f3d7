/*
 * token.h - cancel tokens, which call work off; a part of threading.h
 *
 * Python has none: a thread there can only be asked by a flag of its own. Here one call reaches a thread
 * wherever it waits, and leaves it to the thread how it comes to its end.
 */
#ifndef THRUM_TOKEN_H
#define THRUM_TOKEN_H

#include <thrum/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A token calls work off. It is level-triggered: once cancelled it stays so, and every
 * call that would have to wait, of a thread whose own it is, returns THRUM_CANCELLED,
 * those under way at once. Taking a lock or an rlock is no such call, so that clean-up
 * can be written; a condition's wait takes its lock again before it returns.
 *
 * Whoever made it frees it, when no thread or executor uses it any more. All calls are
 * safe from any thread; none blocks, but for the last two; none may be called from a signal handler.
 */
typedef struct thrum_token thrum_token;

THRUM_API THRUM_MUST_USE int thrum_token_new(thrum_token **ret_token); /* 0, -ENOMEM */
THRUM_API void thrum_token_free(thrum_token *token);                   /* NULL is allowed */
THRUM_API void thrum_token_cancel(thrum_token *token);
THRUM_API bool thrum_token_is_cancelled(const thrum_token *token);

/* Make `token` (or none, with NULL) the calling thread's own, and return the one that
 * was. A task of an executor starts with that of its submit or map. */
THRUM_API thrum_token *thrum_token_set(thrum_token *token);

/* Whether the calling thread's own token is cancelled: for loops that run long. */
THRUM_API bool thrum_cancelled(void);

/* Clean-up that must be able to wait: in the block that follows, the calling thread has no token of its own; on
 * every way out of it, by its end, break, return, goto or a C++ exception, it has the old one again.
 *
 *     THRUM_SHIELD { result = thrum_queue_put(queue, &last, thrum_seconds(1)); }
 */
#define THRUM_SHIELD THRUM_SHIELD_(__LINE__)

/* Cancel the token when that signal arrives: Ctrl-C, with SIGINT. It is cancelled as soon as the handler has run,
 * so that a read(2) that returns EINTR in its own thread finds thrum_cancelled; a thread that waits with it as its
 * own is woken, wherever it stood, with no gap. Several tokens may be bound to one signal, and one to several.
 *
 * The first sets a handler, without SA_RESTART, that afterwards calls the one that was there before, if that
 * is a function; with the last unbound, that one is put back, unless the program has set another meanwhile. Freeing a
 * token unbinds it. Both wait for a handler that is just running. Bindings are there in a forked child, too.
 * bind: 0; -EINVAL: it is no signal, or one that no handler can be set for (SIGKILL), or that a handler cannot
 * return from (SIGSEGV, SIGBUS, SIGFPE, SIGILL); -EALREADY: it is bound to it; -ENOMEM, -EAGAIN.
 * unbind: 0; -EINVAL: it is not bound to it. */
THRUM_API THRUM_MUST_USE int thrum_token_bind_signal(thrum_token *token, int signo);
THRUM_API int thrum_token_unbind_signal(thrum_token *token, int signo);

struct thrum_shield_ {
    thrum_token *token;
    bool inside;
};

static inline struct thrum_shield_ thrum_shield_begin_(void)
{
    struct thrum_shield_ shield;
    shield.token = thrum_token_set(NULL);
    shield.inside = true;
    return shield;
}

static inline void thrum_shield_end_(struct thrum_shield_ *shield)
{
    (void)thrum_token_set(shield->token);
}

/* Each line's has a name of its own, so that one may stand in another. */
#define THRUM_SHIELD_(n_) THRUM_SHIELD_AS_(n_)
#define THRUM_SHIELD_AS_(n_)                                                      \
    for (struct thrum_shield_ thrum_shield_##n_                                   \
         __attribute__((__cleanup__(thrum_shield_end_))) = thrum_shield_begin_(); \
         thrum_shield_##n_.inside; thrum_shield_##n_.inside = false)

#ifdef __cplusplus
}
#endif

#endif
