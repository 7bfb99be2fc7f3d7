/*
 * token.h - cancel tokens that lie in something else (token.c)
 */
#ifndef PARK_TOKEN_H_
#define PARK_TOKEN_H_

#include "park/park.h"

struct thrum_token {
    uint32_t guard; /* a word lock over waits */
    uint32_t cancelled;
    uint32_t generation; /* of the process that waits belongs to */
    uint32_t bound;      /* 1: it was bound to a signal, and may be still */
    struct park_wait *waits;
};

#define token_init thrum_token_init_
#define token_cancel thrum_token_cancel_

/* Not cancelled. There is nothing to be done at its end, when nobody waits with it. */
void token_init(thrum_token *token);

/* thrum_token_cancel. */
void token_cancel(thrum_token *token);

#endif
