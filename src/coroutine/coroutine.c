/*
 * coroutine.c - making, resuming and leaving coroutines (coroutine.h says what they are)
 */
#include "coroutine/coroutine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/state.h"

_Static_assert(sizeof(struct coroutine) <= STACK_RECORD, "the record has room");

__thread struct coroutine *coroutine_current;

/* ---- Identity, canary, sanitizers: what the quick way does without ---- */

static inline void exchange_identity(struct coroutine *coroutine)
{
    struct coroutine_identity other = coroutine->identity;
    coroutine->identity = (struct coroutine_identity){sleeper_current, thrum_self_};
    sleeper_current = other.sleeper;
    thrum_self_ = other.self;
}

static bool is_sound(struct coroutine *coroutine)
{
    return (coroutine->flags & COROUTINE_WATCHED) == 0 || stack_is_sound(coroutine_stack(coroutine));
}

static void enter(struct coroutine *coroutine)
{
    if ((coroutine->flags & COROUTINE_IDENTITY) != 0)
        exchange_identity(coroutine);
    coroutine_enter(coroutine, coroutine->innermost);
}

/* innermost is where it leaves from. */
static inline void note_innermost(struct coroutine *coroutine)
{
    struct coroutine *current = coroutine_current;
    if (!is_sound(current))
        coroutine_overflowed(current);
    if (!is_sound(coroutine))
        coroutine_overflowed(coroutine);
    coroutine->innermost = current;
}

static void leave(struct coroutine *coroutine, uint32_t state)
{
    note_innermost(coroutine);
    coroutine_leave(coroutine, state);
    if ((coroutine->flags & COROUTINE_IDENTITY) != 0)
        exchange_identity(coroutine);
}

#if SANITIZER_ASAN || SANITIZER_TSAN
#define BEFORE_RESUME(coroutine, ret_fake)                                                                        \
    sanitizer_resume(&(coroutine)->sanitizer, &(coroutine)->innermost->sanitizer,                                 \
                     coroutine_stack((coroutine)->innermost)->low, coroutine_stack((coroutine)->innermost)->size, \
                     ret_fake)
#define BEFORE_LEAVING(coroutine, ret_fake) sanitizer_leave(&(coroutine)->sanitizer, ret_fake)
#define ARRIVED(coroutine, fake) sanitizer_arrived(&(coroutine)->sanitizer, fake)
#define BORN(coroutine)                                                                                        \
    sanitizer_born(&(coroutine)->sanitizer, coroutine_stack(coroutine)->low, coroutine_stack(coroutine)->size, \
                   (coroutine)->name)
#define GONE(coroutine) sanitizer_gone(&(coroutine)->sanitizer)
#else
#define BEFORE_RESUME(coroutine, ret_fake) ((void)(ret_fake))
#define BEFORE_LEAVING(coroutine, ret_fake) ((void)(ret_fake))
#define ARRIVED(coroutine, fake) ((void)(fake))
#define BORN(coroutine) ((void)0)
#define GONE(coroutine) ((void)0)
#endif

/* ---- For debuggers ---- */

/* How scripts/gdb/thrum-gdb.py finds its way, in its order: it need have no debug information, only symbols. */
__attribute__((__used__)) const uint32_t coroutine_layout[] = {
    1, /* the layout's version */
    offsetof(struct os_state, stacks.classes),
    STACK_CLASSES,
    sizeof(struct stack_class),
    offsetof(struct stack_class, slabs),
    offsetof(struct stack_slab, next),
    offsetof(struct stack_slab, base),
    offsetof(struct stack_slab, stride),
    offsetof(struct stack_slab, fresh),
    STACK_RECORD + sizeof(struct stack),
    offsetof(struct coroutine, context),
    offsetof(struct coroutine, state),
    offsetof(struct coroutine, name),
    COROUTINE_NAME,
};

/* ---- Making and dropping ---- */

static void begin(void *arg, int first)
{
    struct coroutine *self = arg;
    void *nowhere;
    ARRIVED(self, NULL);
    int last = self->function(self, first);
    leave(self, COROUTINE_ENDED);
    BEFORE_LEAVING(self, NULL);
    (void)switch_to(&nowhere, self->resumer, last);
    abort(); /* it has ended: nobody resumes it */
}

struct coroutine *coroutine_new(int (*function)(struct coroutine *self, int first), size_t stack_size, const char *name)
{
    /* Relaxed: who misses it was not told in time. */
    if (os_load_relaxed(&os_state()->stacks.faults) != 0)
        coroutine_expect_faults();
    struct stack *stack = stack_take(stack_size);
    if (stack == NULL)
        return NULL;
    struct coroutine *made = stack_record(stack);
    made->innermost = made;
    made->flags = stack->watched ? COROUTINE_WATCHED : 0;
    made->function = function;
    made->name[0] = '\0';
    if (name != NULL)
        (void)snprintf(made->name, sizeof made->name, "%s", name);
    made->context = switch_prepare(made, begin, made);
    BORN(made);
    /* Relaxed: nobody has it yet. A debugger looks at it last. */
    os_store_relaxed(&made->state, COROUTINE_SUSPENDED);
    return made;
}

void coroutine_drop(struct coroutine *coroutine)
{
    if (!is_sound(coroutine))
        coroutine_overflowed(coroutine);
    GONE(coroutine);
    /* Relaxed: the stack goes to others under a lock, or stays with this thread. */
    os_store_relaxed(&coroutine->state, COROUTINE_GONE);
    stack_give(coroutine_stack(coroutine));
}

/* ---- Resuming and leaving ---- */

int coroutine_resume(struct coroutine *coroutine, int word)
{
    void *fake = NULL;
    enter(coroutine);
    BEFORE_RESUME(coroutine, &fake);
    word = switch_to(&coroutine->resumer, coroutine->context, word);
    sanitizer_back(fake);
    return word;
}

int coroutine_suspend(struct coroutine *coroutine, int word)
{
    void *fake = NULL;
    leave(coroutine, COROUTINE_SUSPENDED);
    BEFORE_LEAVING(coroutine, &fake);
    word = switch_to(&coroutine->context, coroutine->resumer, word);
    ARRIVED(coroutine, fake);
    return word;
}

int coroutine_suspend_call(struct coroutine *coroutine, int (*call)(void *arg), void *arg)
{
    void *fake = NULL;
    leave(coroutine, COROUTINE_SUSPENDED);
    BEFORE_LEAVING(coroutine, &fake);
    int word = switch_call(&coroutine->context, coroutine->resumer, call, arg);
    ARRIVED(coroutine, fake);
    return word;
}

void coroutine_pass(struct coroutine *coroutine, struct coroutine *other)
{
    note_innermost(coroutine);
    struct coroutine_identity resumer = coroutine->identity;
    coroutine->identity = (struct coroutine_identity){sleeper_current, thrum_self_};
    sleeper_current = other->identity.sleeper;
    thrum_self_ = other->identity.self;
    other->identity = resumer;
    other->resumer = coroutine->resumer;
    other->below = coroutine->below;
    coroutine_current = other->innermost;
    /* Relaxed and release: as in coroutine_enter and coroutine_leave. */
    os_store_relaxed(&other->state, COROUTINE_RUNNING);
    os_store_release(&coroutine->state, COROUTINE_SUSPENDED);
    (void)switch_to(&coroutine->context, other->context, 0);
}

/* ---- Overflow ---- */

void coroutine_report_overflow(const struct coroutine *coroutine)
{
    const struct stack *stack = (const struct stack *)(const void *)((const char *)coroutine + STACK_RECORD);
    char text[160];
    (void)snprintf(text, sizeof text, "thrum: coroutine '%s' at %p has overflowed its stack of %zu bytes\n",
                   coroutine->name, (const void *)coroutine, stack->size);
    os_complain(text);
}

void coroutine_overflowed(const struct coroutine *coroutine)
{
    coroutine_report_overflow(coroutine);
    abort();
}
