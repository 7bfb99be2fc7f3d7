/*
 * lockword.h - what a lock's word says, for those who share its protocol
 *
 * Bits 0 and 1 are below; the rest is the owner's number (struct sleeper.owner), zero
 * exactly when the lock is free. Whoever finds it free may take it, also with LOCK_PARKED set;
 * while it is held, all that others may do is to set LOCK_PARKED. So the holder may
 * change the word by a plain store under the bucket's lock once LOCK_PARKED is set.
 */
#ifndef THREADING_LOCKWORD_H_
#define THREADING_LOCKWORD_H_

#include "park/park.h"

#define LOCK_PARKED 1u /* somebody may be parked at the lock's address */
#define LOCK_ANY 2u    /* anybody may release it; never changes */
#define LOCK_OWNER (~3u)

/* What a parked waiter is told when it need not compete: it holds the lock. */
#define LOCK_HANDED_OVER 1u

/* Whether the calling thread may release it. */
#define lock_is_mine thrum_lock_is_mine_
bool lock_is_mine(const thrum_lock *lock);

/* Take it back after a condition's wait, for however long that takes; or accept that it
 * was handed over. 0, or -EDEADLK: it can never be had. */
#define lock_take_again thrum_lock_take_again_
int lock_take_again(thrum_lock *lock, bool handed_over);

#endif
