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

#ifdef THRUM_SIM
#define LINKS_KEPT 2 /* so that both ways are gone */
#else
#define LINKS_KEPT 32
#endif
#define FEW 8

/* One link of the chain: this sleeper waits, for ever, at this address. */
struct link {
    struct sleeper *sleeper;
    const void *key;
};

/* What was found on the way: the first is the caller, the last waits for a lock of `end`, which is the caller
 * again, or one that has ended, by its number. */
struct chain {
    struct link links[LINKS_KEPT]; /* as many of the n as there is room for */
    size_t n;
    uint32_t end;
};

/* A lock that anybody may release is no link: nobody can be named whose turn it is. */
static uint32_t owner_of(const thrum_lock *lock)
{
    /* Relaxed: all that is wanted is the number, and sleeper_of finds its record. */
    uint32_t state = os_load_relaxed(&lock->state_);
    return (state & LOCK_ANY) != 0 ? 0 : state & LOCK_OWNER;
}

/* Its wait, if it waits for ever for a lock; the lock of the key's bucket is held. */
static const struct park_wait *endless(const struct link *link)
{
    /* Relaxed: it comes to be this key and ceases to be it under this bucket's lock. */
    if (link->key == NULL || os_load_relaxed(&link->sleeper->waits_at) != link->key)
        return NULL; /* and its wait is none of ours */
    const struct park_wait *wait = link->sleeper->wait;
    return wait->deadline == OS_FOREVER && wait->held_by != NULL ? wait : NULL;
}

/* The owner of the lock that the link's sleeper waits for; 0: it does not wait for one, or not for ever. */
static uint32_t next_owner(struct link *link)
{
    /* Relaxed: we see it of all who counted themselves before us, and the others see ours. */
    link->key = os_load_relaxed(&link->sleeper->waits_at);
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

/* The buckets that are locked, in order of address, each once; or, where the chain is too long to be kept, all
 * that there are, which takes some milliseconds and no memory. */
struct locked {
    struct park_bucket *buckets[LINKS_KEPT];
    size_t n;
    bool all;
};

static struct park_bucket *nth_locked(const struct locked *locked, size_t n)
{
    return locked->all ? &os_state()->lot.buckets[n] : locked->buckets[n];
}

static void lock_all(const struct chain *chain, struct locked *locked)
{
    locked->all = chain->n > LINKS_KEPT;
    locked->n = locked->all ? PARK_BUCKETS : 0;
    if (!locked->all) {
        for (size_t i = 0; i < chain->n; i++)
            locked->buckets[i] = park_bucket_of(chain->links[i].key);
        qsort(locked->buckets, chain->n, sizeof locked->buckets[0], by_address);
        for (size_t i = 0; i < chain->n; i++)
            if (i == 0 || locked->buckets[i] != locked->buckets[i - 1])
                locked->buckets[locked->n++] = locked->buckets[i];
    }
    for (size_t i = 0; i < locked->n; i++)
        os_wordlock_acquire(&nth_locked(locked, i)->guard);
}

static void unlock_all(const struct locked *locked)
{
    for (size_t i = locked->n; i-- > 0;)
        os_wordlock_release(&nth_locked(locked, i)->guard);
}

/* The link behind the n-th; what is not kept is as it stands, for then every bucket is locked. */
static struct link behind(const struct chain *chain, size_t n, struct sleeper *sleeper)
{
    if (chain->n <= LINKS_KEPT)
        return chain->links[n + 1];
    /* Relaxed: as in endless. */
    return (struct link){sleeper, os_load_relaxed(&sleeper->waits_at)};
}

/* Whether each still waits for a lock of the next, the last for one of the end's; the buckets are locked. The
 * first `room` waits are copied to `seen`. */
static bool still_closed(const struct chain *chain, struct seen_wait *seen, size_t room)
{
    struct link link = chain->links[0];
    for (size_t i = 0; i < chain->n; i++) {
        const struct park_wait *wait = endless(&link);
        uint32_t owner = wait != NULL ? owner_of(wait->held_by) : 0;
        if (owner == 0)
            return false;
        if ((owner == chain->end) != (i + 1 == chain->n))
            return false;
        if (i < room)
            see_wait(&seen[i], wait, owner);
        if (owner == chain->end)
            return true;
        struct sleeper *next = sleeper_of(owner);
        link = behind(chain, i, next);
        /* Relaxed: one that waits here keeps its number meanwhile. */
        if (link.sleeper != next || os_load_relaxed(&next->owner) != owner)
            return false;
    }
    return false;
}

static void tell(const char *what, const struct seen_wait *seen, size_t n, size_t more)
{
    struct report report;
    report_begin(&report, what);
    for (size_t i = 0; i < n; i++) {
        report_add(&report, "  ");
        report_wait(&report, &seen[i]);
        report_add(&report, "\n");
    }
    if (more > 0)
        report_add(&report, "  and %zu more threads\n", more);
    report_send(&report);
}

#define NEVER_RELEASED "a lock that will never be released"

static bool confirm(const struct chain *chain)
{
    struct locked locked;
    struct seen_wait few[FEW], *seen = few;
    size_t room = FEW;
    if (chain->n > FEW) {
        seen = malloc(chain->n * sizeof *seen);
        room = seen != NULL ? chain->n : FEW;
        seen = seen != NULL ? seen : few;
    }
    lock_all(chain, &locked);
    bool closed = still_closed(chain, seen, room) || os_planted("deadlock-unconfirmed");
    if (closed)
        park_take_out(chain->links[0].sleeper->wait);
    unlock_all(&locked);
    size_t named = chain->n < room ? chain->n : room;
    if (closed)
        tell(chain->end != chain->links[0].sleeper->owner ? NEVER_RELEASED : "deadlock", seen, named, chain->n - named);
    if (seen != few)
        free(seen);
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
    const struct sleeper *passed = NULL; /* now and then one is remembered, so that a circle without us is seen */
    uint32_t owner = owner_of(lock);
    while (owner != 0) {
        chain.end = owner;
        if (owner == self->owner)
            return confirm(&chain);
        if (sleeper_has_ended(owner) || (self->host != NULL && owner == self->host->owner)) {
            chain.n = 1; /* only its direct waiter is told: the others wait for that one. A host goes on when all on
                          * it have ended, and so not before */
            return confirm(&chain);
        }
        struct link link = {.sleeper = sleeper_of(owner)};
        if (link.sleeper == passed)
            return false; /* who closed that one sees to it (Brent, "An improved Monte Carlo ...", 1980) */
        if ((chain.n & (chain.n - 1)) == 0)
            passed = link.sleeper;
        owner = next_owner(&link);
        if (chain.n < LINKS_KEPT)
            chain.links[chain.n] = link;
        chain.n++;
    }
    return false;
}

/* End this sleeper's wait, if it is for a lock of the one that ends. */
static void release_from(struct sleeper *waiter, uint32_t owner)
{
    /* Relaxed: it is there for all whom the look at the count has seen. */
    struct link link = {waiter, os_load_relaxed(&waiter->waits_at)};
    if (link.key == NULL)
        return;
    struct park_bucket *bucket = park_bucket_of(link.key);
    struct seen_wait seen;
    os_wordlock_acquire(&bucket->guard);
    const struct park_wait *wait = endless(&link);
    bool doomed = wait != NULL && owner_of(wait->held_by) == owner;
    if (doomed) {
        see_wait(&seen, wait, owner);
        waiter->wait->result = -EDEADLK;
        park_take_out(waiter->wait);
    }
    os_wordlock_release(&bucket->guard);
    if (doomed) {
        tell(NEVER_RELEASED, &seen, 1, 0);
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
    for (uint32_t place = 0; (waiter = sleeper_next(&place)) != NULL;)
        release_from(waiter, sleeper->owner);
}
