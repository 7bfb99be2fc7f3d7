/*
 * object.h - telling an object from NULL, from one that was freed, and from what never was one
 *
 * Every public call on an opaque object asks first. NULL is always found. In a debug build (meson's -Ddebug=true)
 * the library also keeps a table of the objects that are alive, by address and kind, so that a handle
 * that was freed, or is of another kind, or is no address of ours at all, is -EINVAL and never followed.
 * The objects themselves have nothing of it, and other builds pay for the test of NULL alone.
 *
 * Not with ThreadSanitizer: the table's lock would order what is not ordered, and hide races.
 */
#ifndef BASE_OBJECT_H_
#define BASE_OBJECT_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

enum object_kind {
    OBJECT_TOKEN = 1,
    OBJECT_THREAD,
    OBJECT_LOCAL,
    OBJECT_TIMER,
    OBJECT_QUEUE,
    OBJECT_EXECUTOR,
    OBJECT_FUTURE,
    OBJECT_MAP_ITERATOR,
    OBJECT_GENERATOR,
    OBJECT_SCHEDULER,
    OBJECT_COROUTINE,
    OBJECT_TASK_GROUP
};

#ifdef THRUM_CHECKED

#define object_born thrum_object_born_
#define object_dies thrum_object_dies_
#define object_is thrum_object_is_

/* The table, a part of the library's state. */
struct object_table {
    uint32_t guard; /* a word lock over the map */
    uint32_t reserved;
    struct object_map *map; /* NULL: nothing was ever alive */
};

/* It is alive from now on. False: there is no memory to know it. */
bool object_born(const void *object, enum object_kind kind);

/* No longer; nothing happens to one that is not alive. */
void object_dies(const void *object);

/* Whether it is alive, and of that kind. */
bool object_is(const void *object, enum object_kind kind);

#else

static inline bool object_born(const void *object, enum object_kind kind)
{
    (void)object;
    (void)kind;
    return true;
}

static inline void object_dies(const void *object)
{
    (void)object;
}

static inline bool object_is(const void *object, enum object_kind kind)
{
    (void)kind;
    return object != NULL;
}

#endif

/* Zeroed memory for one, known as alive; NULL: there is none. And back. */
static inline void *object_new(size_t size, enum object_kind kind)
{
    void *object = calloc(1, size);
    if (object != NULL && !object_born(object, kind)) {
        free(object);
        object = NULL;
    }
    return object;
}

static inline void object_free(void *object)
{
    object_dies(object);
    free(object);
}

#endif
