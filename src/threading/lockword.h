/*
 * lockword.h - a lock's word, for those who share its protocol
 */
#ifndef THREADING_LOCKWORD_H_
#define THREADING_LOCKWORD_H_

#include "park/lockword.h"
#include "park/park.h"

/* What a parked waiter is told when it is woken: it holds the lock; or it may compete, and answers
 * for others who are still parked, or for nobody. */
#define LOCK_HANDED_OVER 2u
#define LOCK_OTHERS_PARKED LOCK_PARKED
#define LOCK_NONE_PARKED 0u

/* Whether the calling thread may release it. */
#define lock_is_mine thrum_lock_is_mine_
bool lock_is_mine(const thrum_lock *lock);

/* Take it back after a condition's wait, for however long that takes. `told` is what the waiter was told, if it was
 * moved to the lock and woken there, else LOCK_NONE_PARKED. 0, or -EDEADLK: it can never be had. */
#define lock_take_again thrum_lock_take_again_
int lock_take_again(thrum_lock *lock, uintptr_t told);

#endif
