/*
 * local.c - variables of which each thread has its own
 *
 * A local has a place in an array of values that hangs on each sleeper's record, so to get is to index, and a
 * coroutine, which is a sleeper, has its own. A value that is there is also on a list of its local. Two may
 * want to destroy it, its thread at its end and whoever frees the local; the links between locals and values
 * change under one guard, and who takes the value off the list destroys it. So it is destroyed once, and a place
 * whose local is freed is empty everywhere before it is given to another local.
 *
 * To free a local is to wait until no ending thread is in its destructor any more: after that, what the
 * destructor needs may go too. Locals are type-stable: one that is freed is used again, never given back.
 *
 * The value itself and the array are the thread's own: it reads and writes a value that is there without the guard, and
 * takes it only to link one.
 */
#include "threading/local.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/object.h"
#include "base/options.h"
#include "park/park.h"
#include "park/report.h"
#include "platform/state.h"
#include "threading/thread.h"

OPTIONS_ARE_DENSE(thrum_local_options, sizeof(size_t) + sizeof(void (*)(void *)));

/* Destructors may set values again, but not without end: as many rounds as POSIX promises. */
#define ROUNDS 4

struct thrum_local {
    uint32_t place;
    uint32_t live;       /* 0: freed or being freed */
    uint32_t destroying; /* threads that are in its destructor; parked at by free; atomic */
    void (*destroy)(void *value);
    struct local_value *values;
    thrum_local *next_of_all, *next_free;
};

struct local_value {
    thrum_local *local; /* whose list it is on; NULL: none, and value is NULL */
    void *value;
    struct local_value *next, **at;
};

static struct local_roll *roll(void)
{
    return &os_state()->locals;
}

/* ---- Links; the guard is held ---- */

static void link_value(struct local_value *entry, thrum_local *local)
{
    entry->local = local;
    entry->next = local->values;
    entry->at = &local->values;
    if (entry->next != NULL)
        entry->next->at = &entry->next;
    local->values = entry;
}

/* Empty the place, and give its value. */
static void *unlink_value(struct local_value *entry)
{
    void *value = entry->value;
    *entry->at = entry->next;
    if (entry->next != NULL)
        entry->next->at = entry->at;
    *entry = (struct local_value){0};
    return value;
}

/* ---- Making ---- */

/* The guard is held. */
static thrum_local *take(void)
{
    thrum_local *local = roll()->free;
    if (local != NULL) {
        roll()->free = local->next_free;
        return local;
    }
    local = calloc(1, sizeof *local);
    if (local != NULL) {
        local->place = roll()->made++;
        local->next_of_all = roll()->all;
        roll()->all = local;
    }
    return local;
}

/* The guard is held. */
static void give_back(thrum_local *local)
{
    local->next_free = roll()->free;
    roll()->free = local;
}

int thrum_local_new_with(thrum_local **ret_local, const thrum_local_options *options)
{
    thrum_local_options o;
    if (ret_local == NULL || OPTIONS_READ(&o, options) != 0)
        return -EINVAL;
    os_wordlock_acquire(&roll()->guard);
    thrum_local *local = take();
    if (local != NULL && !object_born(local, OBJECT_LOCAL)) {
        give_back(local);
        local = NULL;
    }
    if (local != NULL) {
        local->destroy = o.destroy;
        os_store_relaxed(&local->live, 1); /* relaxed: it comes to others with the handle */
    }
    os_wordlock_release(&roll()->guard);
    if (local == NULL)
        return -ENOMEM;
    *ret_local = local;
    return 0;
}

/* ---- Using ---- */

void *thrum_local_get(const thrum_local *local)
{
    const struct sleeper *self = sleeper_current;
    return object_is(local, OBJECT_LOCAL) && self != NULL && local->place < self->n_locals
               ? self->locals[local->place].value
               : NULL;
}

static bool make_room(struct sleeper *self, uint32_t place)
{
    uint32_t n = self->n_locals * 2 > place ? self->n_locals * 2 : place + 1;
    struct local_value *old = self->locals, *values = calloc(n, sizeof *values);
    if (values == NULL)
        return false;
    os_wordlock_acquire(&roll()->guard);
    for (uint32_t i = 0; i < self->n_locals; i++) {
        struct local_value *entry = &values[i];
        if (old[i].local == NULL)
            continue;
        *entry = old[i];
        *entry->at = entry;
        if (entry->next != NULL)
            entry->next->at = &entry->next;
    }
    self->locals = values;
    self->n_locals = n;
    os_wordlock_release(&roll()->guard);
    free(old);
    return true;
}

int thrum_local_set(thrum_local *local, void *value)
{
    /* Relaxed: only who misuses it can find it otherwise. */
    if (!object_is(local, OBJECT_LOCAL) || os_load_relaxed(&local->live) == 0)
        return -EINVAL;
    struct sleeper *self = sleeper_self();
    if (self == NULL)
        return -EAGAIN;
    bool linked = local->place < self->n_locals && self->locals[local->place].local != NULL;
    if (!linked && value == NULL)
        return 0;
    if (local->place >= self->n_locals && !make_room(self, local->place))
        return -ENOMEM;
    struct local_value *entry = &self->locals[local->place];
    entry->value = value;
    if (!linked) {
        if (self->ending == NULL)
            self->ending = thread_ending;
        os_wordlock_acquire(&roll()->guard);
        link_value(entry, local);
        os_wordlock_release(&roll()->guard);
    }
    return 0;
}

/* ---- Destroying ---- */

static bool in_destructors(void *arg)
{
    const thrum_local *local = arg;
    const struct sleeper *self = sleeper_current;
    /* Our own is no reason to wait: it would be for ever. Acquire: pairs with leave_destructor. */
    return os_load_acquire(&local->destroying) > (self != NULL && self->destroying == local ? 1 : 0);
}

/* Under the bucket's lock. */
static uintptr_t leave_destructor(void *arg, const struct unparked *done)
{
    thrum_local *local = arg;
    (void)done;
    /* Release: what the destructor did is done for whoever frees the local. */
    (void)os_sub_release(&local->destroying, 1);
    return 0;
}

static void destroy_own(struct sleeper *self, thrum_local *local, void *value)
{
    thrum_local *outer = self->destroying;
    self->destroying = local;
    local->destroy(value);
    self->destroying = outer;
    (void)unpark(&local->destroying, SIZE_MAX, leave_destructor, local);
}

/* Take out the sleeper's next value from *place on that wants to be destroyed; NULL: there is none. */
static thrum_local *take_own(struct sleeper *self, uint32_t *place, void **ret_value)
{
    thrum_local *found = NULL;
    os_wordlock_acquire(&roll()->guard);
    for (; found == NULL && *place < self->n_locals; ++*place) {
        struct local_value *entry = &self->locals[*place];
        thrum_local *local = entry->local;
        if (local == NULL)
            continue;
        void *value = os_planted("local-destroyed-twice") ? entry->value : unlink_value(entry);
        if (value == NULL || local->destroy == NULL)
            continue;
        /* Relaxed: who frees the local comes for the guard first. */
        (void)os_add_relaxed(&local->destroying, 1);
        *ret_value = value;
        found = local;
    }
    os_wordlock_release(&roll()->guard);
    return found;
}

/* One round; whether there was anything to destroy. */
static bool destroy_all(struct sleeper *self)
{
    thrum_local *local;
    uint32_t place = 0;
    void *value;
    bool any = false;
    for (; (local = take_own(self, &place, &value)) != NULL; any = true)
        destroy_own(self, local, value);
    return any;
}

/* What is still there after the last round; how many. */
static size_t abandon(struct sleeper *self)
{
    size_t n = 0;
    os_wordlock_acquire(&roll()->guard);
    for (uint32_t place = 0; place < self->n_locals; place++)
        if (self->locals[place].local != NULL)
            n += unlink_value(&self->locals[place]) != NULL;
    struct local_value *values = self->locals;
    self->locals = NULL;
    self->n_locals = 0;
    os_wordlock_release(&roll()->guard);
    free(values);
    return n;
}

static void report_left(const struct sleeper *self, size_t left)
{
    struct report report;
    struct seen_thread seen;
    (void)see_thread(&seen, self->owner);
    report_begin(&report, "values that destructors of thread-locals set are given up");
    report_add(&report, "  ");
    report_thread(&report, &seen);
    report_add(&report, " had %zu of them after %d rounds\n", left, ROUNDS);
    report_send(&report);
}

void locals_end(struct sleeper *self)
{
    int rounds = 0;
    if (self->n_locals == 0)
        return;
    while (destroy_all(self) && ++rounds < ROUNDS)
        continue;
    size_t left = abandon(self);
    if (rounds == ROUNDS && left > 0)
        report_left(self, left);
}

void thrum_local_free(thrum_local *local)
{
    if (!object_is(local, OBJECT_LOCAL))
        return;
    object_dies(local);
    os_wordlock_acquire(&roll()->guard);
    os_store_relaxed(&local->live, 0); /* relaxed: see set */
    while (local->values != NULL) {
        void *value = unlink_value(local->values);
        os_wordlock_release(&roll()->guard);
        if (value != NULL && local->destroy != NULL)
            local->destroy(value);
        os_wordlock_acquire(&roll()->guard);
    }
    os_wordlock_release(&roll()->guard);

    struct park_call call = {.key = &local->destroying,
                             .validate = in_destructors,
                             .arg = local,
                             .what = "destructors of a thread-local",
                             .site = __builtin_return_address(0),
                             .deadline = OS_FOREVER,
                             .uncancellable = true};
    while (in_destructors(local) && !os_planted("local-free-does-not-wait"))
        if (park(&call) == -EAGAIN)
            os_yield();

    os_wordlock_acquire(&roll()->guard);
    give_back(local);
    os_wordlock_release(&roll()->guard);
}

static void link_values(struct sleeper *sleeper)
{
    for (uint32_t place = 0; place < sleeper->n_locals; place++)
        if (sleeper->locals[place].local != NULL)
            link_value(&sleeper->locals[place], sleeper->locals[place].local);
}

/* What the other threads had in locals is out of reach: they may have been about to change it. */
void locals_forked(void)
{
    struct sleeper *self = sleeper_current;
    roll()->guard = 0;
    for (thrum_local *local = roll()->all; local != NULL; local = local->next_of_all) {
        local->values = NULL;
        local->destroying = self != NULL && self->destroying == local ? 1 : 0;
    }
    if (self != NULL)
        link_values(self);
    if (self != NULL && self->host != NULL)
        link_values(self->host);
}
