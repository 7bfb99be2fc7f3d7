/*
 * current.c - which threads there are, and which one this is
 *
 * The sleepers' list has them all (park/sleeper.h): threads of ours, the process's first one, and those of others that
 * have come by. What is asked of it is copied under its guard, so nobody's lifetime is at stake.
 *
 * A thread that thrum did not make gets a handle when it asks for one, which goes when it ends.
 */
#include <stdlib.h>
#include <string.h>

#include "base/object.h"
#include "platform/state.h"
#include "threading/thread.h"

static struct thread_roll *roll(void)
{
    return &os_state()->threads;
}

/* ---- Handles for those who have none ---- */

/* A running thread's, which nobody made and nobody can join. */
static void describe(thrum_thread *thread, const char *name, uint64_t ident, uint64_t native_id)
{
    memset(thread, 0, sizeof *thread);
    thread->holders = 1;
    thread->joining = 1;
    thread->foreign = true;
    thread->daemon = 1;
    thread->generation = os_generation();
    thread->ident = ident;
    thread->native_id = native_id;
    thread_set_first_name(thread, name);
    thrum_event_set(&thread->begun);
    /* Relaxed: it comes to others with the handle. */
    os_store_relaxed(&thread->state, THREAD_STARTED);
}

thrum_thread *thrum_main_thread(void)
{
    struct thread_roll *mine = roll();
    os_wordlock_acquire(&mine->guard);
    if (mine->main == NULL) {
        mine->main = &mine->first_;
        (void)object_born(mine->main, OBJECT_THREAD); /* without memory for that, a checked build refuses it */
        describe(mine->main, "MainThread", sleeper_main_ident(), os_main_id());
        mine->main->holders = 2; /* so that it is never freed */
        mine->main->daemon = 0;
    }
    os_wordlock_release(&mine->guard);
    return mine->main;
}

static thrum_thread *make_foreign(struct sleeper *self)
{
    thrum_thread *thread = malloc(sizeof *thread);
    if (thread != NULL && !object_born(thread, OBJECT_THREAD)) {
        free(thread);
        return NULL;
    }
    if (thread != NULL)
        describe(thread, self->name, self->ident, self->native_id);
    return thread;
}

thrum_thread *thrum_current_thread(void)
{
    if (thread_self != NULL)
        return thread_self;
    struct sleeper *self = sleeper_thread();
    if (self == NULL)
        return NULL;
    thrum_thread *thread = self->ident == sleeper_main_ident() ? thrum_main_thread() : make_foreign(self);
    if (thread != NULL) {
        self->ending = thread_ending;
        thread_self = thread;
    }
    return thread;
}

uint64_t thrum_get_ident(void)
{
    const struct sleeper *self = sleeper_self();
    return self != NULL ? self->ident : 0;
}

uint64_t thrum_get_native_id(void)
{
    return os_native_id();
}

/* The forking thread is the main thread of its child, and stays what it was otherwise. */
void threads_forked(void)
{
    thrum_thread *self = thread_self;
    roll()->guard = 0;
    exit_forked();
    roll()->main = self;
    if (self == NULL)
        return;
    /* Relaxed: nobody else is here. */
    os_store_relaxed(&self->generation, os_generation());
    self->native_id = os_native_id();
    self->joining = 1; /* nobody may, whether or not one of the parent's was about to: it would wait for the process */
    if (self->foreign)
        self->daemon = 0;
    (void)os_add_relaxed(&self->holders, 1); /* thrum_main_thread hands it out as long as the process lives */
}

/* ---- Who is there ---- */

struct listing {
    thrum_thread_info *infos;
    size_t max, n;
};

static thrum_thread_info *next_of(struct listing *listing)
{
    thrum_thread_info *info = listing->n < listing->max ? &listing->infos[listing->n] : NULL;
    listing->n++;
    if (info != NULL)
        memset(info, 0, sizeof *info);
    return info;
}

static void add(void *arg, const struct sleeper *sleeper)
{
    thrum_thread_info *info = next_of(arg);
    if (info == NULL)
        return;
    info->ident = sleeper->ident;
    info->native_id = os_load_relaxed(&sleeper->native_id); /* relaxed: see sleeper_begin */
    info->main = sleeper->ident == sleeper_main_ident();
    info->foreign = (sleeper->flags & SLEEPER_FOREIGN) != 0 && !info->main;
    info->daemon = info->foreign || (sleeper->flags & SLEEPER_DAEMON) != 0;
    memcpy(info->name, sleeper->name, sizeof info->name);
}

_Static_assert(sizeof(((thrum_thread_info *)0)->name) == SLEEPER_NAME, "a name fits");

/* Before the first thread has called us, it is there all the same. */
static void add_main(struct listing *listing)
{
    thrum_thread_info *info = next_of(listing);
    const char *name = thrum_thread_name(thrum_main_thread());
    if (info == NULL)
        return;
    info->ident = sleeper_main_ident();
    info->native_id = os_main_id();
    info->main = 1;
    memcpy(info->name, name, strlen(name));
}

size_t thrum_enumerate(thrum_thread_info *ret_infos, size_t max)
{
    struct listing listing = {ret_infos, ret_infos != NULL ? max : 0, 0};
    bool has_main;
    (void)sleeper_self(); /* who asks is there */
    (void)sleeper_list(add, &listing, &has_main);
    if (!has_main)
        add_main(&listing);
    return listing.n;
}

size_t thrum_active_count(void)
{
    bool has_main;
    (void)sleeper_self();
    size_t listed = sleeper_list(NULL, NULL, &has_main);
    return listed + !has_main;
}
