/*
 * generator.c - generators, resumed from outside and from within (generator.h has the record)
 *
 * Each call has a quick way, for a generator that stands still, has begun, and is nobody else's; it ends in the switch.
 * All else is asked in the second function of each.
 */
#include "coroutine/generator.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/object.h"
#include "base/options.h"

_Static_assert(sizeof(struct thrum_generator) <= STACK_RECORD, "the record has room");
OPTIONS_ARE_DENSE(thrum_generator_options, 4 * sizeof(size_t) + sizeof(char *));

#define LEAST_STACK 4096
#define REFUSED_MAX 1000
#define SMALL 64 /* bytes that yield_from hands on without memory */

/* What is not the quick way. To call it cold keeps even the jump to it out of the quick one's line. */
#define SLOW __attribute__((__noinline__, __cold__))

/* ---- What both sides look at ---- */

static uint32_t flags_of(const thrum_generator *generator)
{
    /* Relaxed: they count only for who has the turn; others see that they have to wait for it. */
    return os_load_relaxed(&generator->coroutine.flags);
}

static void set_flags(thrum_generator *generator, uint32_t on, uint32_t off)
{
    os_store_relaxed(&generator->coroutine.flags, (flags_of(generator) | on) & ~off); /* as in flags_of */
}

static uint32_t state_of(const thrum_generator *generator)
{
    /* Acquire: pairs with coroutine_leave, so who goes on sees all that it has done. */
    return os_load_acquire(&generator->coroutine.state);
}

/* Whether it stands still, and nothing else is to be thought of. */
static bool is_ready(const thrum_generator *generator)
{
    return object_is(generator, OBJECT_GENERATOR) && (state_of(generator) | flags_of(generator)) == COROUTINE_SUSPENDED;
}

/* Such a one. The last act of its caller: see switch.h. */
static int resume_ready(thrum_generator *generator, int word, void *ret_value)
{
    generator->out = ret_value;
    return coroutine_switch_in(&generator->coroutine, word);
}

/* Copy a value whose size is common, which takes no call and so no register to be saved; false: it is another. */
static bool copy_common(void *to, const void *from, size_t size)
{
    if (size == sizeof(uint64_t))
        memcpy(to, from, sizeof(uint64_t));
    else if (size == sizeof(uint32_t))
        memcpy(to, from, sizeof(uint32_t));
    else if (size == 2 * sizeof(uint64_t))
        memcpy(to, from, 2 * sizeof(uint64_t));
    else
        return false;
    return true;
}

/* Copy one of any size. */
static __attribute__((__noinline__)) void copy(void *to, const void *from, size_t size)
{
    memcpy(to, from, size);
}

/* ---- Making ---- */

static void set_error(thrum_generator *generator, int code, const char *message)
{
    generator->has_error = true;
    generator->error =
        (thrum_error){.outcome = THRUM_FAILED, .code = code, .worker = os_native_id(), .index = THRUM_NO_INDEX};
    (void)snprintf(generator->error.task, sizeof generator->error.task, "%s", generator->coroutine.name);
    (void)snprintf(generator->error.message, sizeof generator->error.message, "%s", message);
}

/* What next says when its function has returned that code. THRUM_FAILED passes on an error that is there; a message
 * may have been left for another code. */
static int verdict(thrum_generator *generator, int code)
{
    bool closing = (flags_of(generator) & GENERATOR_CLOSING) != 0;
    if (code == 0 || (closing && code == THRUM_CLOSED))
        return THRUM_STOP_ITERATION;
    if (!generator->has_error || (code != THRUM_FAILED && generator->error.code != code))
        set_error(generator, code, "");
    return THRUM_FAILED;
}

static int run(struct coroutine *coroutine, int first)
{
    thrum_generator *self = (thrum_generator *)coroutine;
    (void)first;
    int code = self->function(self, self->arg);
    self->code = code;
    self->returned = true;
    return code == 0 ? THRUM_STOP_ITERATION : verdict(self, code);
}

int thrum_generator_new_with(thrum_generator **ret_generator, int (*function)(thrum_generator *self, void *arg),
                             void *arg, const thrum_generator_options *options)
{
    thrum_generator_options read;
    const thrum_generator_options *o = options;
    if (options == NULL || options->size != sizeof *options) { /* else it is from the macro, and need not be copied */
        if (OPTIONS_READ(&read, options) != 0)
            return -EINVAL;
        o = &read;
    }
    if (function == NULL || (o->stack_size != 0 && o->stack_size < LEAST_STACK))
        return -EINVAL;
    thrum_generator *made = (thrum_generator *)coroutine_new(run, o->stack_size, o->name);
    if (made == NULL)
        return -ENOMEM;
    made->in = NULL;
    made->on_next = 0;
    made->yields = o->yields;
    made->receives = o->receives;
    made->function = function;
    made->arg = arg;
    made->lock = (thrum_lock)THRUM_LOCK_INIT;
    made->refused = 0;
    made->returned = made->has_error = false;
    made->coroutine.flags |= GENERATOR_NEW;
    if (!object_born(made, OBJECT_GENERATOR)) {
        coroutine_drop(&made->coroutine);
        return -ENOMEM;
    }
    *ret_generator = made;
    return 0;
}

/* ---- Turns ---- */

/* Whether the calling thread is in it. */
static bool am_in(const thrum_generator *generator)
{
    const struct coroutine *at = coroutine_current;
    while (at != NULL && at != &generator->coroutine)
        at = at->below;
    return at != NULL;
}

static int end_turn(thrum_generator *generator, int result)
{
    if ((flags_of(generator) & GENERATOR_SHARED) != 0)
        (void)thrum_lock_release(&generator->lock);
    return result;
}

/* Have the turn: 0, and end_turn is to follow; or what is wrong. */
static int take_turn(thrum_generator *generator)
{
    int result = 0;
    if (!object_is(generator, OBJECT_GENERATOR))
        return -EINVAL;
    if (am_in(generator))
        return -EALREADY;
    if ((flags_of(generator) & GENERATOR_SHARED) != 0 && !os_planted("generator-turn-not-taken"))
        result = thrum_lock_acquire(&generator->lock, THRUM_FOREVER);
    if (result == 0 && state_of(generator) == COROUTINE_RUNNING)
        result = end_turn(generator, -EALREADY);
    return result;
}

/* It never runs, or never again. */
static void end_here(thrum_generator *generator)
{
    /* Release: as in coroutine_leave. */
    os_store_release(&generator->coroutine.state, COROUTINE_ENDED);
    set_flags(generator, 0, GENERATOR_NEW);
}

/* ---- From outside; with the turn had ---- */

/* Resume it with that word, unless it has ended. */
static int resume(thrum_generator *generator, int word, void *ret_value)
{
    if (state_of(generator) == COROUTINE_ENDED)
        return THRUM_STOP_ITERATION;
    set_flags(generator, 0, GENERATOR_NEW);
    generator->out = ret_value;
    return coroutine_resume(&generator->coroutine, word);
}

static int send(thrum_generator *generator, const void *value, void *ret_value)
{
    if (value == NULL)
        return resume(generator, generator->on_next, ret_value);
    if (generator->receives == 0 || (flags_of(generator) & GENERATOR_NEW) != 0)
        return -EINVAL;
    if (generator->in != NULL && state_of(generator) == COROUTINE_SUSPENDED)
        copy(generator->in, value, generator->receives);
    return resume(generator, 0, ret_value);
}

static int throw(thrum_generator * generator, int code, const thrum_error *error, void *ret_value)
{
    if (error != NULL) {
        generator->error = *error;
        generator->error.outcome = THRUM_FAILED;
        generator->error.code = code;
        generator->has_error = true;
    } else {
        set_error(generator, code, "");
    }
    if ((flags_of(generator) & GENERATOR_NEW) != 0)
        end_here(generator);
    if (state_of(generator) == COROUTINE_ENDED)
        return THRUM_FAILED;
    return resume(generator, THRUM_FAILED, ret_value);
}

static int close(thrum_generator *generator)
{
    if ((flags_of(generator) & GENERATOR_NEW) != 0)
        end_here(generator);
    if (state_of(generator) == COROUTINE_ENDED)
        return 0;
    set_flags(generator, GENERATOR_CLOSING, 0);
    int result = resume(generator, THRUM_CLOSED, NULL);
    if (result == THRUM_BROKEN)
        end_here(generator);
    return result == THRUM_STOP_ITERATION ? 0 : result;
}

/* ---- From outside ---- */

static SLOW int send_in_turn(thrum_generator *generator, const void *value, void *ret_value)
{
    if (value == NULL && object_is(generator, OBJECT_GENERATOR) && flags_of(generator) == GENERATOR_NEW) {
        set_flags(generator, 0, GENERATOR_NEW); /* to begin one is to be quick too */
        return resume_ready(generator, 0, ret_value);
    }
    int result = take_turn(generator);
    return result != 0 ? result : end_turn(generator, send(generator, value, ret_value));
}

int thrum_generator_next(thrum_generator *generator, void *ret_value)
{
    if (!is_ready(generator))
        return send_in_turn(generator, NULL, ret_value);
    return resume_ready(generator, generator->on_next, ret_value);
}

static __attribute__((__noinline__)) int send_any(thrum_generator *generator, const void *value, void *ret_value)
{
    copy(generator->in, value, generator->receives);
    return resume_ready(generator, 0, ret_value);
}

int thrum_generator_send(thrum_generator *generator, const void *value, void *ret_value)
{
    if (!is_ready(generator) || value == NULL || generator->in == NULL)
        return send_in_turn(generator, value, ret_value);
    if (!copy_common(generator->in, value, generator->receives))
        return send_any(generator, value, ret_value);
    return resume_ready(generator, 0, ret_value);
}

int thrum_generator_throw(thrum_generator *generator, int code, const thrum_error *error, void *ret_value)
{
    int result = code != 0 ? take_turn(generator) : -EINVAL;
    return result != 0 ? result : end_turn(generator, throw(generator, code, error, ret_value));
}

int thrum_generator_close(thrum_generator *generator)
{
    int result = take_turn(generator);
    return result != 0 ? result : end_turn(generator, close(generator));
}

int thrum_generator_free(thrum_generator *generator)
{
    int result = 0;
    if (generator == NULL)
        return 0;
    if (!object_is(generator, OBJECT_GENERATOR) || state_of(generator) != COROUTINE_ENDED)
        result = thrum_generator_close(generator);
    if (result >= 0) {
        object_dies(generator);
        coroutine_drop(&generator->coroutine);
    }
    return result;
}

int thrum_synchronized(thrum_generator *generator)
{
    int result = take_turn(generator);
    if (result == 0 && (flags_of(generator) & GENERATOR_SHARED) == 0)
        set_flags(generator, GENERATOR_SHARED, 0);
    else if (result == 0)
        result = end_turn(generator, 0);
    return result;
}

/* ---- Questions ---- */

/* Also from within, and then without a turn. */
static int ask(thrum_generator *generator)
{
    return object_is(generator, OBJECT_GENERATOR) && am_in(generator) ? 0 : take_turn(generator);
}

static int answer(thrum_generator *generator, int result)
{
    return am_in(generator) ? result : end_turn(generator, result);
}

int thrum_generator_result(thrum_generator *generator, int *ret_code)
{
    int result = ask(generator);
    if (result != 0)
        return result;
    if (generator->returned)
        *ret_code = generator->code;
    return answer(generator, generator->returned ? 0 : THRUM_EMPTY);
}

int thrum_generator_error(thrum_generator *generator, thrum_error *ret_error)
{
    int result = ask(generator);
    if (result != 0)
        return result;
    if (generator->has_error)
        *ret_error = generator->error;
    return answer(generator, generator->has_error ? 0 : THRUM_EMPTY);
}

int thrum_generator_state(thrum_generator *generator, enum thrum_generator_state *ret_state)
{
    if (!object_is(generator, OBJECT_GENERATOR))
        return -EINVAL;
    uint32_t state = state_of(generator);
    if (state == COROUTINE_SUSPENDED && (flags_of(generator) & GENERATOR_NEW) != 0)
        *ret_state = THRUM_GENERATOR_CREATED;
    else if (state == COROUTINE_ENDED)
        *ret_state = THRUM_GENERATOR_CLOSED;
    else
        *ret_state = state == COROUTINE_RUNNING ? THRUM_GENERATOR_RUNNING : THRUM_GENERATOR_SUSPENDED;
    return 0;
}

/* ---- From within ---- */

static bool is_self(thrum_generator *self)
{
    return object_is(self, OBJECT_GENERATOR) && coroutine_current == &self->coroutine;
}

/* One that is being closed is told so again, until it is clear that it does not listen. */
static int refuse(thrum_generator *self)
{
    if (++self->refused < REFUSED_MAX)
        return -EINVAL;
    return coroutine_suspend(&self->coroutine, THRUM_BROKEN);
}

/* What is sent is wanted there. In a loop it is the same each time. */
static void receive_in(thrum_generator *self, void *in)
{
    if (self->in != in) {
        self->in = in;
        self->on_next = in != NULL ? THRUM_EMPTY : 0;
    }
}

/* Stand still, with what it yields in its place. */
static int stand_still(thrum_generator *self, void *in)
{
    receive_in(self, in);
    if (flags_of(self) != 0)
        return coroutine_suspend(&self->coroutine, 0);
    return coroutine_switch_out(&self->coroutine, 0);
}

static __attribute__((__noinline__)) int yield_any(thrum_generator *self, const void *value, void *ret_received)
{
    if (self->out != NULL && self->yields != 0)
        copy(self->out, value, self->yields);
    return stand_still(self, ret_received);
}

static SLOW int yield_slowly(thrum_generator *self, const void *value, void *ret_received)
{
    if (!is_self(self) || (value == NULL && self->yields != 0))
        return -EINVAL;
    if ((flags_of(self) & GENERATOR_CLOSING) != 0)
        return refuse(self);
    return yield_any(self, value, ret_received);
}

int thrum_yield(thrum_generator *self, const void *value, void *ret_received)
{
    if (!is_self(self) || flags_of(self) != 0 || value == NULL || self->out == NULL)
        return yield_slowly(self, value, ret_received);
    if (!copy_common(self->out, value, self->yields))
        return yield_any(self, value, ret_received);
    receive_in(self, ret_received);
    return coroutine_switch_out(&self->coroutine, 0);
}

/* What the inner one has come to, and we are told next. */
static int pass_on(thrum_generator *self, thrum_generator *inner, void *buffer)
{
    int result = thrum_generator_next(inner, self->out);
    while (result == 0) {
        int told = stand_still(self, buffer);
        if (told == THRUM_CLOSED) {
            result = thrum_generator_close(inner);
            if (result == 0)
                result = THRUM_CLOSED;
        } else if (told == THRUM_FAILED) {
            result = thrum_generator_throw(inner, self->error.code, &self->error, self->out);
        } else {
            result = thrum_generator_send(inner, buffer != NULL && told == 0 ? buffer : NULL, self->out);
        }
    }
    return result;
}

int thrum_yield_from(thrum_generator *self, thrum_generator *inner)
{
    char small[SMALL] __attribute__((__aligned__(16)));
    void *buffer = small;
    if (!is_self(self) || (flags_of(self) & GENERATOR_CLOSING) != 0 || !object_is(inner, OBJECT_GENERATOR) ||
        inner->yields != self->yields || inner->receives != self->receives)
        return -EINVAL;
    if (self->receives > SMALL)
        buffer = malloc(self->receives);
    if (buffer == NULL)
        return -ENOMEM;
    int result = pass_on(self, inner, self->receives != 0 ? buffer : NULL);
    if (buffer != small)
        free(buffer);
    if (result == THRUM_FAILED)
        self->has_error = thrum_generator_error(inner, &self->error) == 0;
    return result == THRUM_STOP_ITERATION ? 0 : result;
}

int thrum_generator_fail(thrum_generator *self, int code, const char *format, ...)
{
    char message[sizeof self->error.message];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (is_self(self))
        set_error(self, code, message);
    return code;
}

/* ---- Use ---- */

static SLOW int next_or_abort(thrum_generator *generator, void *ret_value, size_t size)
{
    int result = -EINVAL;
    if (object_is(generator, OBJECT_GENERATOR) && generator->yields == size)
        result = thrum_generator_next(generator, ret_value);
    if (result >= 0)
        return result;
    char text[256];
    (void)snprintf(text, sizeof text, "thrum: THRUM_FOREACH over generator '%s' with a variable of %zu bytes: %s\n",
                   result == -EALREADY ? generator->coroutine.name : "", size, thrum_strerror(result));
    os_complain(text);
    abort();
}

int thrum_foreach_(thrum_generator *generator, void *ret_value, size_t size)
{
    if (!is_ready(generator) || generator->yields != size)
        return next_or_abort(generator, ret_value, size);
    return resume_ready(generator, generator->on_next, ret_value);
}
