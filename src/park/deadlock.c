/*
 * deadlock.c - who waits for whom (deadlock.h says how it is done and why it is right)
 */
#include "park/deadlock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "park/lockword.h"
#include "park/report.h"
#include "platform/state.h"

#define LINKS_MAX 32

/* One link of the chain: this sleeper waits, for ever, at this address. */
struct link {
    struct sleeper *sleeper;
    const void *key;
};

/* The first waits for a lock of the second, and so on; the last for one of the first or, in a chain of one,
 * for one of an owner that has ended. */
struct chain {
    struct link links[LINKS_MAX];
    size_t n;
    uint32_t ended; /* that owner's number, or 0 */
};

/* A lock that anybody may release is no link: nobody can be named whose turn it is. */
static uint32_t owner_of(const thrum_lock *lock)
{
    /* Acquire: the owner's record was made before it took the lock. */
    uint32_t state = os_load_acquire(&lock->state_);
    return (state & LOCK_ANY) != 0 ? 0 : state & LOCK_OWNER;
}

/* Its wait, if it waits for ever for a lock; the lock of the key's bucket is held. */
static const struct park_wait *endless(const struct link *link)
{
    /* Relaxed: it comes to be this key and ceases to be it under this bucket's lock. */
    if (os_load_relaxed(&link->sleeper->waits_at) != link->key)
        return NULL; /* and its wait is none of ours */
    const struct park_wait *wait = link->sleeper->wait;
    return wait->forever && wait->held_by != NULL ? wait : NULL;
}

/* The owner of the lock that the link's sleeper waits for; 0: it does not wait for one, or not for ever. */
static uint32_t next_owner(struct link *link)
{
    /* Acquire: a hint of where to look; what counts is seen under the bucket's lock. */
    link->key = os_load_acquire(&link->sleeper->waits_at);
    if (link->key == NULL)
        return 0;
    struct park_bucket *bucket = park_bucket_of(link->key);
    os_wordlock_acquire(&bucket->guard);
    const struct park_wait *wait = endless(link);
    uint32_t owner = wait != NULL ? owner_of(wait->held_by) : 0;
    os_wordlock_release(&bucket->guard);
    return owner;
}

/* ---- All buckets of a chain ---- */

static int by_address(const void *a, const void *b)
{
    const struct park_bucket *const *one = a, *const *other = b;
    return (*one > *other) - (*one < *other);
}

/* Locked in order of address, each once; how many. */
static size_t lock_all(const struct chain *chain, struct park_bucket **buckets)
{
    size_t n = 0;
    for (size_t i = 0; i < chain->n; i++)
        buckets[i] = park_bucket_of(chain->links[i].key);
    qsort(buckets, chain->n, sizeof *buckets, by_address);
    for (size_t i = 0; i < chain->n; i++)
        if (i == 0 || buckets[i] != buckets[i - 1])
            buckets[n++] = buckets[i];
    for (size_t i = 0; i < n; i++)
        os_wordlock_acquire(&buckets[i]->guard);
    return n;
}

static void unlock_all(struct park_bucket **buckets, size_t n)
{
    while (n-- > 0)
        os_wordlock_release(&buckets[n]->guard);
}

/* Whom the n-th of the chain waits for: the next, the last for the first; or one that has ended. */
static uint32_t holder_for(const struct chain *chain, size_t n)
{
    return chain->ended != 0 ? chain->ended : chain->links[(n + 1) % chain->n].sleeper->owner;
}

/* Each waits for a lock of its holder's. All buckets are locked. */
static bool still_closed(const struct chain *chain)
{
    for (size_t i = 0; i < chain->n; i++) {
        const struct park_wait *wait = endless(&chain->links[i]);
        if (wait == NULL || owner_of(wait->held_by) != holder_for(chain, i))
            return false;
    }
    return true;
}

static bool confirm(const struct chain *chain)
{
    struct park_bucket *buckets[LINKS_MAX];
    struct report report;
    size_t n = lock_all(chain, buckets);
    bool closed = still_closed(chain);
    if (closed) {
        report_begin(&report, chain->ended != 0 ? "a lock that will never be released" : "deadlock");
        for (size_t i = 0; i < chain->n; i++)
            report_wait(&report, chain->links[i].sleeper->wait, holder_for(chain, i));
        park_take_out(chain->links[0].sleeper->wait);
    }
    unlock_all(buckets, n);
    if (closed)
        report_send(&report);
    return closed;
}

/* ---- Looking ---- */

void deadlock_count(uint32_t begun)
{
    (void)os_add_seq_cst(&os_state()->lot.endless, begun); /* see deadlock.h */
}

bool deadlock_found(struct sleeper *self, const thrum_lock *lock)
{
    if (os_planted("deadlock-not-looked-for"))
        return false;
    struct chain chain = {.links = {{self, lock}}, .n = 1};
    uint32_t owner = owner_of(lock);
    for (; owner != 0 && chain.n < LINKS_MAX; chain.n++) {
        if (owner == self->owner)
            return confirm(&chain);
        if (sleeper_has_ended(owner)) {
            chain.n = 1; /* only its direct waiter is told: the others wait for that one */
            chain.ended = owner;
            return confirm(&chain);
        }
        struct link *link = &chain.links[chain.n];
        link->sleeper = sleeper_of(owner);
        owner = next_owner(link);
    }
    return false;
}

/* End this sleeper's wait, if it is for a lock of the one that ends. */
static void release_from(struct sleeper *waiter, uint32_t owner)
{
    struct link link = {waiter, os_load_seq_cst(&waiter->waits_at)}; /* see deadlock.h */
    if (link.key == NULL)
        return;
    struct park_bucket *bucket = park_bucket_of(link.key);
    struct report report;
    os_wordlock_acquire(&bucket->guard);
    const struct park_wait *wait = endless(&link);
    bool doomed = wait != NULL && owner_of(wait->held_by) == owner;
    if (doomed) {
        report_begin(&report, "a lock that will never be released");
        report_wait(&report, wait, owner);
        waiter->wait->result = -EDEADLK;
        park_take_out(waiter->wait);
    }
    os_wordlock_release(&bucket->guard);
    if (doomed) {
        report_send(&report);
        park_wake(waiter);
    }
}

void deadlock_owner_ends(struct sleeper *sleeper)
{
    /* Sequentially consistent: see deadlock.h. */
    os_store_seq_cst(&sleeper->ended, 1);
    if (os_load_seq_cst(&os_state()->lot.endless) == 0)
        return;
    struct sleeper *waiter;
    for (uint32_t place = 0; (waiter = sleeper_nth(place)) != NULL; place++)
        release_from(waiter, sleeper->owner);
}
