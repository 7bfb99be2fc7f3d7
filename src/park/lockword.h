/*
 * lockword.h - what a lock's word says
 *
 * Two bits below; the rest is the owner's number (struct sleeper.owner), zero exactly when the
 * lock is free. Whoever finds it free may take it, also with LOCK_PARKED set; while it is held, all
 * that others may do is to set LOCK_PARKED. So the holder may change the word by a plain store under
 * the bucket's lock once LOCK_PARKED is set.
 *
 * LOCK_PARKED: somebody is parked whom nobody awake answers for. A release wakes one waiter and clears the
 * bit, even if others are still parked: the woken one answers for them, and sets it again when it takes
 * the lock or parks once more. Until then the lock comes and goes without a look at the lot, and nobody else
 * is woken only to compete with the one that is already on its way (nsync's designated waker).
 */
#ifndef PARK_LOCKWORD_H_
#define PARK_LOCKWORD_H_

#define LOCK_PARKED 1u
#define LOCK_ANY 2u  /* anybody may release it; never changes */
#define LOCK_BITS 2u /* so many; the owner's number stands above them */
#define LOCK_OWNER (~0u << LOCK_BITS)

#endif
