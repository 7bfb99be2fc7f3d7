/*
 * park.c - the parking lot (park.h says what it is for)
 *
 * A bucket's `keys` is a list, by next_key, of the first wait of each address in it.
 * The first wait's ring, by next and prev, holds the others of that address in order of
 * arrival; its prev is the last. Only the first in a ring has a next_key.
 */
#include "park/park.h"

#include <errno.h>

#include "park/deadlock.h"
#include "platform/state.h"

/* Each look takes the cache line from those who are about to change it, so it is better to look seldom: a
 * submitter is faster by a fifth with these than with ever shorter pauses. Some 5 us, then turns. */
#define PAUSING_LOOKS 3
#define FIRST_PAUSES 64
#define LOOKS OS_SPINS(40)

#define FAVOUR_AFTER 1000000   /* ns */
#define FAVOUR_ANYHOW 10000000 /* ns: also one who is not at hand */
#define NOT_AT_HAND 15         /* so many are woken in vain, at most, to wake one who is */

/* ---- Buckets ---- */

/* The block of memory that the address is in is hashed by Fibonacci's way (Knuth, TAOCP 3, 6.4): the top bits mix
 * all the block's number. The words of a block have buckets side by side, so that objects that lie together
 * have them in the same few lines. */
#define BLOCK 64 /* words */

struct park_bucket *park_bucket_of(const void *key)
{
    uint64_t word = os_number(key) / 8;
    uint64_t block = word / BLOCK * UINT64_C(0x9E3779B97F4A7C15) >> 32;
    return &os_state()->lot.buckets[(block * BLOCK + word % BLOCK) % PARK_BUCKETS];
}

static struct park_bucket *lock_bucket(const void *key)
{
    struct park_bucket *bucket = park_bucket_of(key);
    os_wordlock_acquire(&bucket->guard);
    return bucket;
}

static void unlock_bucket(struct park_bucket *bucket)
{
    os_wordlock_release(&bucket->guard);
}

/* The bucket of a wait that somebody may be moving. Relaxed: the key counts only when it is
 * found unchanged under its bucket's lock, and it changes only under that. */
static struct park_bucket *lock_bucket_of(struct park_wait *wait)
{
    for (;;) {
        const void *key = os_load_relaxed(&wait->key);
        struct park_bucket *bucket = lock_bucket(key);
        if (os_load_relaxed(&wait->key) == key)
            return bucket;
        unlock_bucket(bucket);
    }
}

/* ---- Queues; the bucket's lock is held, so keys are loaded relaxed: see lock_bucket_of ---- */

/* Where the list of keys points to the first wait at this address; *result is NULL if there is none. */
static struct park_wait **find(struct park_bucket *bucket, const void *key)
{
    struct park_wait **at = &bucket->keys;
    while (*at != NULL && os_load_relaxed(&(*at)->key) != key)
        at = &(*at)->next_key;
    return at;
}

/* Behind those who wait at that address, if there are any. */
static void append(struct park_bucket *bucket, struct park_wait *wait)
{
    struct park_wait **at = find(bucket, wait->key), *first = *at;
    wait->queued = true;
    wait->next_key = NULL;
    if (!wait->hidden) {
        wait->sleeper->wait = wait;
        os_store_relaxed(&wait->sleeper->asleep, 0); /* relaxed: a hint for reports */
        /* Relaxed: who goes by it comes behind us by deadlock_count or by the bucket's lock. */
        os_store_relaxed(&wait->sleeper->waits_at, wait->key);
    }
    if (first == NULL) {
        wait->next = wait->prev = wait;
        *at = wait;
    } else {
        wait->next = first;
        wait->prev = first->prev;
        wait->prev->next = wait;
        first->prev = wait;
    }
}

/* `at` is find()'s of the wait's key. */
static void take_out(struct park_wait **at, struct park_wait *wait)
{
    if (*at == wait) {
        if (wait->next == wait) {
            *at = wait->next_key;
        } else {
            wait->next->next_key = wait->next_key;
            *at = wait->next;
        }
    }
    wait->next->prev = wait->prev;
    wait->prev->next = wait->next;
    wait->queued = false;
    if (!wait->hidden) {
        wait->sleeper->wait = NULL;
        /* Relaxed: who goes by it looks again under the bucket's lock, which we hold. */
        os_store_relaxed(&wait->sleeper->waits_at, NULL);
    }
}

void park_take_out(struct park_wait *wait)
{
    take_out(find(park_bucket_of(wait->key), wait->key), wait);
}

/* ---- Waiting ---- */

bool park_withdraw(struct park_wait *wait)
{
    struct park_bucket *bucket = lock_bucket_of(wait);
    bool queued = wait->queued;
    if (queued)
        take_out(find(bucket, wait->key), wait);
    unlock_bucket(bucket);
    return queued;
}

int park_enqueue(struct park_wait *wait, bool (*validate)(void *arg), void *arg, thrum_token *token)
{
    int result = 0;
    struct park_bucket *bucket = lock_bucket(wait->key);
    /* A canceller that came before we could be found has set its mark by now: it locks our
     * bucket, before or after us, only behind that. */
    if (token != NULL && token_cancelled(token))
        result = THRUM_CANCELLED;
    else if (validate != NULL && !validate(arg))
        result = PARK_CHANGED;
    else
        append(bucket, wait);
    unlock_bucket(bucket);
    return result;
}

/* A time-out or a signal ends nothing until the wait has been taken out: before that, a waker may have it. */
static int sleep_until_woken(struct park_wait *wait, int64_t deadline)
{
    struct sleeper *self = wait->sleeper;
    /* Acquire: pairs with the waker's release, so its result and all it did before are seen. */
    while (os_load_acquire(&self->wake) == 0) {
        int result = self->ops->sleep(self, deadline);
        if (result != 0) {
            if (park_withdraw(wait) || os_planted("interrupt-takes-wake"))
                return result == -EINTR ? THRUM_INTERRUPTED : THRUM_TIMEOUT;
            deadline = OS_FOREVER; /* the waker that took us out is about to store its 1 */
        }
    }
    return wait->result;
}

/* What no handler can end, like a wait for a lock, needs no helper. */
bool park_lacks_helper(const struct park_call *call)
{
    bool needed = call->reviewed || !call->uncancellable;
    /* Relaxed: it is set in fork(2) only, when there is no other thread. */
    return needed && os_load_relaxed(&os_state()->signals.missing) != 0 && thrum_signals_start() != 0;
}

int park(struct park_call *call)
{
    struct sleeper *self = sleeper_self();
    if (self == NULL || park_lacks_helper(call))
        return -EAGAIN;
    thrum_token *token = call->uncancellable ? NULL : self->token;
    struct park_wait wait = {.key = call->key,
                             .sleeper = self,
                             .ops = self->ops,
                             .held_by = call->held_by,
                             .what = call->what,
                             .name = call->name,
                             .site = call->site,
                             .review = call->reviewed ? call->validate : NULL,
                             .arg = call->arg,
                             .token = token,
                             .deadline = call->deadline,
                             .shared = call->shared,
                             .since = call->since};
    if (token != NULL && !token_enlist(token, &wait))
        return THRUM_CANCELLED;

    /* Relaxed: a waker finds the wait under the bucket's lock, which orders this before it. */
    os_store_relaxed(&self->wake, 0);
    int result = park_enqueue(&wait, call->validate, call->arg, token);
    if (result == 0) {
        if (call->before_sleep != NULL)
            call->before_sleep(call->arg);
        bool endless = call->held_by != NULL && wait.deadline == OS_FOREVER;
        if (endless)
            deadlock_count(1);
        if (endless && deadlock_found(self, call->held_by))
            result = -EDEADLK;
        else
            result = sleep_until_woken(&wait, call->deadline);
        if (wait.deadline == OS_FOREVER && wait.held_by != NULL) /* by now: it may have been moved */
            deadlock_count((uint32_t)-1);
    }
    if (token != NULL)
        token_delist(token, &wait);
    call->ret_moved = wait.moved;
    call->ret_word = wait.word;
    return result;
}

bool park_look(bool (*ready)(void *arg), void *arg)
{
    struct sleeper *self = sleeper_current;
    if (self != NULL && self->host != NULL)
        return ready(arg) || (sleeper_turn(self) && ready(arg));
    for (int look = 0; look < LOOKS; look++) {
        if (ready(arg))
            return true;
        if (look >= PAUSING_LOOKS)
            os_yield();
        for (int pause = 0; look < PAUSING_LOOKS && pause < FIRST_PAUSES << look; pause++)
            os_pause();
    }
    return ready(arg);
}

/* ---- Waking ---- */

void park_wake(struct sleeper *sleeper)
{
    sleeper->ops->wake(sleeper, false);
}

static void wake(struct park_wait *wait)
{
    wait->ops->wake(wait->sleeper, wait->counted);
}

static bool is_at_hand(const struct park_wait *wait)
{
    return wait->ops->at_hand == NULL || os_planted("lock-left-to-busy-host") || wait->ops->at_hand(wait->sleeper);
}

/* Whether it takes turns with the caller, and so has one when the caller has done. */
static bool is_beside(const struct park_wait *wait)
{
    const struct sleeper *self = sleeper_current;
    return self != NULL && self->host != NULL && self->host == wait->sleeper->host;
}

/* Whether one who has tried for long is to be favoured. Not more often than that, for where many wait all have
 * waited for long, and to favour each of them is to wait for each of them to wake up. What is given to one whose host
 * does something else lies idle meanwhile: he has to have waited much longer, unless it is the caller that comes before
 * him, and would else come before him each time. */
static bool favour(struct park_bucket *bucket, const struct park_wait *wait)
{
    int64_t now = os_now(), waited = now - wait->since;
    uint32_t tick = (uint32_t)(now / FAVOUR_AFTER);
    if (waited < FAVOUR_AFTER || tick == bucket->favoured)
        return false;
    if (waited < FAVOUR_ANYHOW && !is_at_hand(wait) && !is_beside(wait))
        return false;
    bucket->favoured = tick;
    return true;
}

/* Whom to wake: */
enum whom { AT_MOST_N, A_GROUP, THE_SHARED, ONE_AT_HAND };

/* How many there are in front that go together: one, or all the shared ones, or only these. */
static size_t group_size(struct park_bucket *bucket, const void *key, enum whom whom)
{
    const struct park_wait *first = *find(bucket, key), *wait = first;
    size_t n = 0;
    if (first == NULL || (whom == THE_SHARED && !first->shared))
        return 0;
    do {
        n++;
        wait = wait->next;
    } while (first->shared && wait->shared && wait != first);
    return n;
}

/* How many are in front of the first who is at hand, and that one, if there are not too many; else one. And one where
 * that one is to be favoured anyhow. */
static size_t up_to_one_at_hand(struct park_bucket *bucket, const void *key)
{
    const struct park_wait *first = *find(bucket, key), *wait = first;
    if (first == NULL || is_at_hand(first) || (first->since != 0 && os_now() - first->since >= FAVOUR_ANYHOW))
        return 1;
    for (size_t n = 1; wait != NULL && n <= NOT_AT_HAND + 1; n++) {
        if (is_at_hand(wait))
            return n;
        wait = wait->next != first ? wait->next : NULL;
    }
    return 1;
}

static size_t how_many(struct park_bucket *bucket, const void *key, size_t n, enum whom whom)
{
    if (whom == AT_MOST_N)
        return n;
    return whom == ONE_AT_HAND ? up_to_one_at_hand(bucket, key) : group_size(bucket, key, whom);
}

/* Take out at most n; they are chained by next, ended by NULL. */
static struct park_wait *take_first(struct park_bucket *bucket, const void *key, size_t n, struct unparked *done)
{
    struct park_wait *chain = NULL, **end = &chain, **at = find(bucket, key);
    while (done->woken < n && *at != NULL && os_load_relaxed(&(*at)->key) == key) {
        struct park_wait *first = *at;
        take_out(at, first);
        *end = first;
        end = &first->next;
        done->woken++;
    }
    *end = NULL;
    done->more = *at != NULL && os_load_relaxed(&(*at)->key) == key;
    if (chain != NULL) {
        done->first = chain->sleeper;
        done->favour = chain->since != 0 && favour(bucket, chain);
        done->shared = chain->shared;
    }
    return chain;
}

/* They are chained as by take_first. */
static struct park_wait *take(const void *key, size_t n, enum whom whom,
                              uintptr_t (*commit)(void *arg, const struct unparked *done), void *arg,
                              struct unparked *done, uintptr_t *ret_word)
{
    struct park_bucket *bucket = lock_bucket(key);
    struct park_wait *chain = take_first(bucket, key, how_many(bucket, key, n, whom), done);
    if (whom == ONE_AT_HAND && done->woken > 1)
        done->favour = false; /* they compete */
    *ret_word = commit != NULL ? commit(arg, done) : 0;
    unlock_bucket(bucket);
    return chain;
}

static size_t take_and_wake(const void *key, size_t n, enum whom whom,
                            uintptr_t (*commit)(void *arg, const struct unparked *done), void *arg)
{
    struct unparked done = {0};
    uintptr_t word;
    struct park_wait *chain = take(key, n, whom, commit, arg, &done, &word);
    while (chain != NULL) {
        struct park_wait *next = chain->next; /* before the wait is gone */
        chain->word = word;
        wake(chain);
        chain = next;
    }
    return done.woken;
}

size_t unpark(const void *key, size_t n, uintptr_t (*commit)(void *arg, const struct unparked *done), void *arg)
{
    return take_and_wake(key, n, AT_MOST_N, commit, arg);
}

size_t unpark_at_hand(const void *key, uintptr_t (*commit)(void *arg, const struct unparked *done), void *arg)
{
    return take_and_wake(key, 0, ONE_AT_HAND, commit, arg);
}

size_t unpark_group(const void *key, uintptr_t (*commit)(void *arg, const struct unparked *done), void *arg)
{
    return take_and_wake(key, 0, A_GROUP, commit, arg);
}

size_t unpark_shared(const void *key, uintptr_t (*commit)(void *arg, const struct unparked *done), void *arg)
{
    return take_and_wake(key, 0, THE_SHARED, commit, arg);
}

struct park_wait *unpark_take(const void *key, size_t n, uintptr_t (*commit)(void *arg, const struct unparked *done),
                              void *arg)
{
    struct unparked done = {0};
    uintptr_t word;
    struct park_wait *chain = take(key, n, AT_MOST_N, commit, arg, &done, &word);
    for (struct park_wait *wait = chain; wait != NULL; wait = wait->next)
        wait->word = word;
    return chain;
}

size_t unpark_if(const void *key, bool (*change)(void *arg), void *arg)
{
    struct unparked done = {0};
    struct park_bucket *bucket = lock_bucket(key);
    struct park_wait *chain = change(arg) ? take_first(bucket, key, SIZE_MAX, &done) : NULL;
    unlock_bucket(bucket);
    unpark_wake(chain);
    return done.woken;
}

void unpark_wake(struct park_wait *chain)
{
    while (chain != NULL) {
        struct park_wait *next = chain->next; /* before the wait is gone */
        wake(chain);
        chain = next;
    }
}

void park_expel(struct park_wait *wait, int result)
{
    struct park_bucket *bucket = lock_bucket_of(wait);
    bool queued = wait->queued;
    if (queued) {
        take_out(find(bucket, wait->key), wait);
        wait->result = result;
    }
    unlock_bucket(bucket);
    if (queued)
        wake(wait);
}

/* ---- Moving ---- */

static void lock_two(struct park_bucket *one, struct park_bucket *other)
{
    struct park_bucket *low = one < other ? one : other, *high = one < other ? other : one;
    os_wordlock_acquire(&low->guard);
    if (high != low)
        os_wordlock_acquire(&high->guard);
}

static void unlock_two(struct park_bucket *one, struct park_bucket *other)
{
    unlock_bucket(one);
    if (other != one)
        unlock_bucket(other);
}

size_t unpark_requeue(const void *from, const thrum_lock *to, size_t n,
                      void (*commit)(void *arg, size_t moved, bool more), void *arg)
{
    struct park_bucket *source = park_bucket_of(from), *target = park_bucket_of(to);
    struct unparked done = {0};
    int64_t now = os_now();
    lock_two(source, target);
    struct park_wait *chain = take_first(source, from, n, &done);
    while (chain != NULL) {
        struct park_wait *next = chain->next;
        chain->moved = true;
        if (chain->deadline == OS_FOREVER && chain->held_by == NULL)
            deadlock_count(1);
        chain->held_by = to;
        chain->what = "lock";
        chain->name = NULL;
        chain->since = now; /* it wants the new thing from now on */
        /* Relaxed: see lock_bucket_of. */
        os_store_relaxed(&chain->key, (const void *)to);
        append(target, chain);
        chain = next;
    }
    commit(arg, done.woken, done.more);
    unlock_two(source, target);
    return done.woken;
}

/* ---- Asking again ---- */

void park_note(const void *key)
{
    size_t place = (size_t)(park_bucket_of(key) - os_state()->lot.buckets);
    /* Release: the change that the waits shall see comes before. */
    (void)os_or_release(&os_state()->lot.noted[place / 64], UINT64_C(1) << place % 64);
}

static bool is_over(const struct park_wait *wait)
{
    return wait->review != NULL && !wait->review(wait->arg);
}

/* Take out those of one address that are over, in front of the chain; `at` is where the list of keys
 * points to them, and the next address is returned. */
static struct park_wait **take_over(struct park_wait **at, struct park_wait **chain)
{
    size_t n = 1, taken = 0;
    for (const struct park_wait *wait = (*at)->next; wait != *at; wait = wait->next)
        n++;
    struct park_wait *wait = *at;
    for (size_t i = 0; i < n; i++) {
        struct park_wait *next = wait->next;
        if (is_over(wait)) {
            take_out(at, wait);
            wait->result = PARK_CHANGED;
            wait->next = *chain;
            *chain = wait;
            taken++;
        }
        wait = next;
    }
    return taken == n ? at : &(*at)->next_key;
}

static void review(struct park_bucket *bucket)
{
    struct park_wait *chain = NULL;
    os_wordlock_acquire(&bucket->guard);
    for (struct park_wait **at = &bucket->keys; *at != NULL;)
        at = take_over(at, &chain);
    unlock_bucket(bucket);
    unpark_wake(chain);
}

void park_review(void)
{
    struct park_lot *lot = &os_state()->lot;
    for (size_t i = 0; i < sizeof lot->noted / sizeof lot->noted[0]; i++) {
        /* Relaxed: what was noted before the bell is seen; the rest rings again. Acquire: pairs with park_note. */
        uint64_t noted = os_load_relaxed(&lot->noted[i]) != 0 ? os_exchange_acquire(&lot->noted[i], 0) : 0;
        for (; noted != 0; noted &= noted - 1)
            review(&lot->buckets[i * 64 + (size_t)__builtin_ctzll(noted)]);
    }
}

/* ---- Fork ---- */

void park_forked(void)
{
    os_forget_pages(&os_state()->lot, sizeof(struct park_lot));
}
