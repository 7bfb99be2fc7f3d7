/*
 * park.h - the one way to wait
 *
 * Everything in the library that blocks, blocks in park(), on the address of what it
 * waits for, and is woken by unpark() on that address. The parking lot keeps the queues;
 * a lock or event needs no more than a few bits of its own.
 *
 * The idea is WebKit's WTF::ParkingLot; Rust's parking_lot_core and CPython's
 * Python/parking_lot.c are its descendants. The queue of an address lies in a bucket, found by
 * a hash of the address, under the bucket's lock. The waits are on their waiters'
 * stacks, so waiting allocates nothing.
 *
 * What makes it safe: validate and commit run under the bucket's lock. A waiter looks
 * once more whether it should wait, and a waker changes the object's bits by whom it woke,
 * with nobody coming or going in between. So a bit that says 'somebody may be waiting'
 * is set by the waiter before it parks and can be cleared in commit. It may stay set after a
 * time-out, when nobody waits any more: the next waker finds nobody and clears it.
 *
 * So a waker changes the object in commit, in the same moment in which it takes the waits out, and
 * never before: else its unpark could come late, and end a wait that began after the change, or at
 * another object in the same place. Then a wait that is woken was meant, always.
 *
 * Two levels, as in Go's runtime/sema.go: in a bucket, waits of one address hang on the
 * first of them, so what waits elsewhere costs nothing beyond the first.
 *
 * Order of locks: a token's guard, then buckets by address, then that of the roll of sleepers. Nothing else is taken
 * in them, and nobody is woken under a bucket's lock.
 */
#ifndef PARK_PARK_H_
#define PARK_PARK_H_

#include "park/sleeper.h"

/* One wait, from the caller's side. */
struct park_call {
    const void *key;                 /* the address; never read or written through */
    bool (*validate)(void *arg);     /* under the bucket's lock: shall I still wait? NULL: yes */
    void (*before_sleep)(void *arg); /* when the wait can be found, before it sleeps; or NULL */
    void *arg;
    const thrum_lock *held_by; /* a lock whose owner alone can end this wait, or NULL; see deadlock.h */
    const char *what;          /* what is waited for, in a word ("event"), for reports; */
    const char *name;          /* its name, if it is no lock, or NULL; it stays as long as the wait; */
    const void *site;          /* and where in the program */
    int64_t deadline;          /* as by park_deadline */
    int64_t since;             /* since when the caller has been trying, for wakers that are fair; 0: untold */
    bool uncancellable;        /* true: the sleeper's cancel token does not end it */
    bool reviewed;             /* true: validate is asked again, as often as somebody likes, while it waits: signal.h */
    bool shared;               /* true: it can go on together with others of that kind; for unpark_group, _shared */
    bool ret_moved;            /* out: it was moved to another address meanwhile */
    uintptr_t ret_word;        /* out, when woken: what the waker's commit returned */
};

enum { PARK_CHANGED = 1000 };

/*
 * Wait. 0: woken by unpark; PARK_CHANGED: validate said no; THRUM_TIMEOUT; THRUM_INTERRUPTED; THRUM_CANCELLED: the
 * sleeper's token is cancelled; -EAGAIN: the calling thread could not be registered; -EDEADLK: held_by's owner waits
 * for us, by however many others, or has ended. A wait that was woken is never reported as one of the others: it left
 * the queue by one way only.
 */
#define park thrum_park_
int park(struct park_call *call);

/* Look for a moment whether ready(arg) comes true by itself, before parking: what is waited for often
 * comes soon, and to park and be woken costs many times that moment. Whether it did. */
#define park_look thrum_park_look_
bool park_look(bool (*ready)(void *arg), void *arg);

/*
 * Wait at several places at once, until woken at one of them. `call` says how (its key, validate, before_sleep and
 * held_by are not looked at), and the places say where; their waits are park_any's own, and need not be set. Results as
 * of park, and *ret_place is where it was woken. It may have been woken at others as well, so this is for wake-ups that
 * are meant for all who wait there and give nothing to anybody.
 */
struct park_place;
#define park_any thrum_park_any_
int park_any(const struct park_call *call, struct park_place *places, size_t n, size_t *ret_place);

/* What unpark did, for commit. */
struct unparked {
    size_t woken;                /* waits taken out of the queue */
    bool more;                   /* whether others are left in it */
    const struct sleeper *first; /* the longest waiting one, when woken > 0: for commit only */
    bool favour;                 /* it has waited for long enough to be given what it waits for */
    bool shared;                 /* the `shared` of all that were woken */
};

/* Wake at most n that wait at the address, longest first; how many were woken. commit (or NULL)
 * is called in any case; its result goes to each as ret_word. */
#define unpark thrum_unpark_
size_t unpark(const void *key, size_t n, uintptr_t (*commit)(void *arg, const struct unparked *done), void *arg);

/* The same for the longest waiting one; if that would not go on at once, for some behind it, too, up to one who would:
 * for what they compete for, which would lie idle else. */
#define unpark_at_hand thrum_unpark_at_hand_
size_t unpark_at_hand(const void *key, uintptr_t (*commit)(void *arg, const struct unparked *done), void *arg);

/* The same for the longest waiting one; if it is shared, for all shared ones up to the first that is not. */
#define unpark_group thrum_unpark_group_
size_t unpark_group(const void *key, uintptr_t (*commit)(void *arg, const struct unparked *done), void *arg);

/* The same, but nobody where the longest waiting one is not shared. */
#define unpark_shared thrum_unpark_shared_
size_t unpark_shared(const void *key, uintptr_t (*commit)(void *arg, const struct unparked *done), void *arg);

/* Change the object, under the bucket's lock, and, if it could be changed, wake all that wait there. */
#define unpark_if thrum_unpark_if_
size_t unpark_if(const void *key, bool (*change)(void *arg), void *arg);

/*
 * unpark in two halves, for an object with locks of its own: take the waits out under these, tell each what it is
 * woken with (its `word`), give the locks back, and then wake. Who waits there enters the queue under the same locks,
 * by a before_sleep that gives them back, so none comes between. A wait that was taken out must be woken; till then it
 * is there to be read and written.
 */
struct park_wait;
#define unpark_take thrum_unpark_take_
#define unpark_wake thrum_unpark_wake_
struct park_wait *unpark_take(const void *key, size_t n, uintptr_t (*commit)(void *arg, const struct unparked *done),
                              void *arg);
void unpark_wake(struct park_wait *chain); /* by `next`, ended by NULL */

/* Move at most n waits from one address to the end of a lock's queue, without waking them; how
 * many were moved. commit is called under the locks of both, in any case. Not for two
 * moves in opposite directions by design of the caller. */
#define unpark_requeue thrum_unpark_requeue_
size_t unpark_requeue(const void *from, const thrum_lock *to, size_t n,
                      void (*commit)(void *arg, size_t moved, bool more), void *arg);

/*
 * The deadline of a time-out that starts now, into *ret_deadline: 0, or -EINVAL. An expired one,
 * THRUM_NOWAIT included, is 0 or in the past; OS_FOREVER: none.
 *
 * Deadlines are even. One whose lowest bit is set is the same, but a signal handler that runs in the wait ends it:
 * so this goes wherever a deadline is handed on to, and is forgotten nowhere. Of no deadline it makes one in
 * 292 years, and that is not endless to those who look for deadlocks: a handler may end it. So deadlines are
 * made here and by park_after only, not by adding to os_now().
 */
#define PARK_INTERRUPTIBLE INT64_C(1)
#define park_deadline thrum_park_deadline_
int park_deadline(thrum_timeout timeout, int64_t *ret_deadline);

/* So many ns after a point of time, as a deadline, which is rounded up: no wait is cut short. And a deadline as
 * a time-out again. */
#define park_after thrum_park_after_
#define park_timeout thrum_park_timeout_
int64_t park_after(int64_t now, int64_t ns);
thrum_timeout park_timeout(int64_t deadline);

/* Note that the waits at this address are to be asked again whether they shall still wait: lock-free, for signal
 * handlers. And ask all that were noted: those that were parked with .reviewed and whose validate says no
 * end with PARK_CHANGED. See signal.h. */
#define park_note thrum_park_note_
#define park_review thrum_park_review_
void park_note(const void *key);
void park_review(void);

/* Empty the lot: in a forked child, where nobody waits. */
#define park_forked thrum_park_forked_
void park_forked(void);

/* ---- For token.c and deadlock.c ---- */

/* A wait, on its waiter's stack. All but `enlisted` is guarded by the lock of the bucket of its key. What a
 * waker goes to stands together: among many waits, each line more is one that is in no cache. */
struct park_wait {
    const void *key;
    struct park_wait *next, *prev; /* ring of the waits at this address, in order of arrival */
    struct park_wait *next_key;    /* of the first in a ring: the first of another address here */
    struct sleeper *sleeper;
    const struct sleeper_ops *ops; /* the sleeper's, for its record is elsewhere */
    int64_t since;
    int result; /* 0, THRUM_CANCELLED, -EDEADLK or PARK_CHANGED, when it was taken out by somebody else */
    bool shared;
    bool queued;  /* it is in a bucket */
    bool counted; /* one of several of its sleeper, */
    bool hidden;  /* and not the one that its record points to */
    uintptr_t word;
    bool moved; /* from another address */
    const thrum_lock *held_by;
    int64_t deadline; /* OS_FOREVER: no time-out will end it */
    const char *what, *name;
    const void *site;
    bool (*review)(void *arg);                      /* the call's validate, if it is .reviewed; or NULL */
    void *arg;                                      /* the caller's, for review and for whoever takes it out */
    const thrum_token *token;                       /* that can end it, or NULL */
    struct park_wait *enlisted_next, **enlisted_at; /* with its token; by the token's guard */
} __attribute__((aligned(64)));

/* One of the places of park_any. */
struct park_place {
    const void *key;
    bool (*validate)(void *arg); /* as park_call's */
    void *arg;
    bool taken; /* out: the wait was taken out by somebody else */
    struct park_wait wait;
};

/* Take the wait out of its queue, if it is still there, with that result, and wake it. */
#define park_expel thrum_park_expel_
void park_expel(struct park_wait *wait, int result);

/* For park_any.c: put a wait in its queue, unless validate says no or the token is cancelled (0, PARK_CHANGED,
 * THRUM_CANCELLED); take it out, if it is still there; and whether a helper is missing that it needs, and cannot be
 * made. */
#define park_enqueue thrum_park_enqueue_
#define park_withdraw thrum_park_withdraw_
#define park_lacks_helper thrum_park_lacks_helper_
int park_enqueue(struct park_wait *wait, bool (*validate)(void *arg), void *arg, thrum_token *token);
bool park_withdraw(struct park_wait *wait);
bool park_lacks_helper(const struct park_call *call);

/* For deadlock.c: buckets, and taking a wait out of one whose lock is held. */
#define park_bucket_of thrum_park_bucket_of_
#define park_take_out thrum_park_take_out_
#define park_wake thrum_park_wake_
struct park_bucket *park_bucket_of(const void *key);
void park_take_out(struct park_wait *wait);
void park_wake(struct sleeper *sleeper); /* whose only wait was taken out; no bucket is locked */

/* Put a wait on its token's list; false: the token is cancelled. And take it off. */
#define token_enlist thrum_token_enlist_
#define token_delist thrum_token_delist_
#define token_cancelled thrum_token_cancelled_
bool token_enlist(thrum_token *token, struct park_wait *wait);
void token_delist(thrum_token *token, struct park_wait *wait);
bool token_cancelled(const thrum_token *token);

#endif
