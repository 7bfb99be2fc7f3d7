/*
 * deadlock.h - who waits for whom, and when that is a circle
 *
 * A wait for a lock can be ended by the lock's owner alone, and that one may itself wait. Whoever
 * has just queued up for a lock without a time-out follows the chain: lock, its owner, the
 * lock that this one waits for, and so on. If it comes back to itself, nobody in the circle
 * can ever go on: the last to come is told -EDEADLK, and a report names all of them.
 *
 * Nothing is reported that is not so. On the way, a wait is looked at only under the lock of its
 * bucket, where it can neither end nor its memory go away; but the chain is looked at
 * link by link, and may change behind us. So when it closes, the buckets of the whole circle are locked, in
 * order, and every link is looked at again; then all of it holds at one moment, and
 * the caller is taken out of its queue in that moment, so that nobody else reports the same.
 *
 * Nothing is missed: each queues up, counts itself, and then looks. All count by changing one word, so the last one
 * in that word's order sees all the others in their queues.
 *
 * An owner that ends: its locks are never released. It marks its record, then looks at the count, and where it is not
 * zero, at all waits for those that are for locks of its; a waiter queues up and counts itself, then looks at
 * the owner's mark. Of mark and count each writes one first and reads the other then, sequentially consistently, so at
 * least one of them sees the other.
 *
 * A wait that is moved to a lock's queue looks for nobody. Whoever moves it holds that lock, and looks when it waits
 * itself; and so do all who hold the lock after it.
 *
 * After PostgreSQL's lock manager (check when about to sleep) and FreeBSD's turnstiles (walk from
 * lock to owner); the second look is what Linux's rtmutex once lacked.
 */
#ifndef PARK_DEADLOCK_H_
#define PARK_DEADLOCK_H_

#include "park/park.h"

/* Whether the caller's endless wait for this lock, which is in its queue, can never end. If so it has been
 * taken out, and a report has been made. */
#define deadlock_found thrum_deadlock_found_
bool deadlock_found(struct sleeper *self, const thrum_lock *lock);

/* Waits without end for a lock have begun, or are over. */
#define deadlock_count thrum_deadlock_count_
void deadlock_count(uint32_t begun);

/* The sleeper ends: end the waits for locks that it leaves behind. */
#define deadlock_owner_ends thrum_deadlock_owner_ends_
void deadlock_owner_ends(struct sleeper *sleeper);

#endif
