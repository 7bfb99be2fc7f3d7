/*
 * threading.h - threads, locks and the other things that threads wait for
 *
 * Answers to Python's module threading, without the interpreter lock: threads run
 * in parallel. Locks, conditions, semaphores, events, barriers and the like are plain structures
 * that own nothing: they are put where they are needed and need no clean-up. All but
 * the barrier are ready when all their bytes are zero; an initialiser or a call of _init
 * does the same, and says more. While a thread waits for one, it must not be moved or
 * go away; as soon as nobody does any more, it may.
 *
 * Every call that may block ends in one place, which gives all of them the same
 * ends: what was waited for, THRUM_TIMEOUT, THRUM_CANCELLED when the waiting thread's
 * token is cancelled (but for taking a lock, see token.h), and THRUM_INTERRUPTED where the
 * time-out asks for it by thrum_interruptible (see sync.h, 'Signals').
 *
 * After fork(2), in the child: threads of the parent are gone, nobody waits for
 * anything, and a lock that another thread held stays held, so that to wait for it is -EDEADLK. The child may use
 * what the forking thread could use; handles of the parent's threads it may only free.
 */
#ifndef THRUM_THREADING_H
#define THRUM_THREADING_H

#include <thrum/base.h>   /* time-outs, outcomes, errors */
#include <thrum/token.h>  /* cancel tokens: calling work off */
#include <thrum/lock.h>   /* lock, many locks at once, rlock, rwlock; reports of deadlocks */
#include <thrum/sync.h>   /* condition, semaphore, event, barrier, once; signals */
#include <thrum/thread.h> /* thread, the end of the process, local, timer */
#include <thrum/with.h>   /* THRUM_WITH(&lock) { ... } */

#endif
