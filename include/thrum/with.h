/*
 * with.h - Python's with statement for what is acquired and released
 *
 *     THRUM_WITH(&lock) {
 *         ...
 *     }
 *
 * takes the object, runs the block, and gives the object back on every way out of it: its end, break,
 * continue, return, goto, and in C++ an exception; not longjmp. Of a lock, rlock, condition (its lock), semaphore
 * (one permit) or rwlock (for writing; THRUM_WITH_READ for reading). Anything else does not
 * compile. `break` and `continue` leave this block, and not a loop around it. An `if` whose whole body it is needs
 * braces around it, or compilers warn of an ambiguous `else`.
 *
 * It waits as long as it takes and is no cancellation point, not even for a semaphore. The block is neither
 * run without the object nor skipped: where it cannot be taken or given back (-EDEADLK, -EPERM: it was
 * released inside, ...) one line goes to the reporter (thrum_set_reporter), and the process is
 * aborted. Where a program means to handle that, it makes the plain calls.
 */
#ifndef THRUM_WITH_H
#define THRUM_WITH_H

#include <thrum/lock.h>
#include <thrum/sync.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    THRUM_WITH_LOCK_,
    THRUM_WITH_RLOCK_,
    THRUM_WITH_CONDITION_,
    THRUM_WITH_SEMAPHORE_,
    THRUM_WITH_WRITE_,
    THRUM_WITH_READ_
};

struct thrum_with_ {
    void *object;
    const char *where;
    int kind;
};

/* For all kinds but the lock, whose fast path is inline. */
THRUM_API THRUM_MUST_USE int thrum_with_acquire_(void *object, int kind);
THRUM_API int thrum_with_release_(void *object, int kind);
THRUM_API __attribute__((__noreturn__)) void thrum_with_failed_(const char *where, const char *what, int result);

static inline struct thrum_with_ thrum_with_enter_(void *object, int kind, const char *where)
{
    struct thrum_with_ with;
    int result = kind == THRUM_WITH_LOCK_ ? thrum_lock_acquire((thrum_lock *)object, THRUM_FOREVER)
                                          : thrum_with_acquire_(object, kind);
    if (result != 0)
        thrum_with_failed_(where, "taken", result);
    with.object = object;
    with.where = where;
    with.kind = kind;
    return with;
}

static inline struct thrum_with_ thrum_with_enter_read_(thrum_rwlock *rwlock, const char *where)
{
    return thrum_with_enter_(rwlock, THRUM_WITH_READ_, where);
}

static inline void thrum_with_leave_(const struct thrum_with_ *with)
{
    int result = with->kind == THRUM_WITH_LOCK_ ? thrum_lock_release((thrum_lock *)with->object)
                                                : thrum_with_release_(with->object, with->kind);
    if (result != 0)
        thrum_with_failed_(with->where, "given back", result);
}

#ifdef __cplusplus
}

class thrum_with_guard_
{
  public:
    explicit thrum_with_guard_(const thrum_with_ &with) : with_(with)
    {
    }
    thrum_with_guard_(const thrum_with_guard_ &) = delete;
    thrum_with_guard_ &operator=(const thrum_with_guard_ &) = delete;
    ~thrum_with_guard_()
    {
        thrum_with_leave_(&with_);
    }

  private:
    thrum_with_ with_;
};

inline thrum_with_ thrum_with_of_(thrum_lock *object, const char *where)
{
    return thrum_with_enter_(object, THRUM_WITH_LOCK_, where);
}

inline thrum_with_ thrum_with_of_(thrum_rlock *object, const char *where)
{
    return thrum_with_enter_(object, THRUM_WITH_RLOCK_, where);
}

inline thrum_with_ thrum_with_of_(thrum_condition *object, const char *where)
{
    return thrum_with_enter_(object, THRUM_WITH_CONDITION_, where);
}

inline thrum_with_ thrum_with_of_(thrum_semaphore *object, const char *where)
{
    return thrum_with_enter_(object, THRUM_WITH_SEMAPHORE_, where);
}

inline thrum_with_ thrum_with_of_(thrum_rwlock *object, const char *where)
{
    return thrum_with_enter_(object, THRUM_WITH_WRITE_, where);
}

#define THRUM_WITH_GUARD_(name, entered) thrum_with_guard_ name(entered)
#else
/* clang-format off */
#define thrum_with_of_(object, where)                 \
    thrum_with_enter_((object), _Generic((object),    \
            thrum_lock *: THRUM_WITH_LOCK_,           \
            thrum_rlock *: THRUM_WITH_RLOCK_,         \
            thrum_condition *: THRUM_WITH_CONDITION_, \
            thrum_semaphore *: THRUM_WITH_SEMAPHORE_, \
            thrum_rwlock *: THRUM_WITH_WRITE_), where)
/* clang-format on */
#define THRUM_WITH_GUARD_(name, entered) \
    struct thrum_with_ name __attribute__((__cleanup__(thrum_with_leave_), __unused__)) = entered
#endif

#define THRUM_WITH(object) \
    THRUM_WITH_(thrum_with_of_(object, THRUM_WITH_WHERE_("THRUM_WITH(" #object ")")), __COUNTER__)
#define THRUM_WITH_READ(object) \
    THRUM_WITH_(thrum_with_enter_read_(object, THRUM_WITH_WHERE_("THRUM_WITH_READ(" #object ")")), __COUNTER__)

#define THRUM_WITH_WHERE_(what) __FILE__ ":" THRUM_WITH_TEXT_(__LINE__) ": " what
#define THRUM_WITH_TEXT_(number) THRUM_WITH_TEXT__(number)
#define THRUM_WITH_TEXT__(number) #number

/* A loop without a condition, so that compilers see that the block is run, and once: what it sets is set. */
#define THRUM_WITH_(entered, number) THRUM_WITH__(entered, number)
#define THRUM_WITH__(entered, number)                                                                              \
    for (THRUM_WITH_GUARD_(thrum_with_##number##_, entered);; __extension__({ goto thrum_with_end_##number##_; })) \
        if (0) {                                                                                                   \
            thrum_with_end_##number##_ : break;                                                                    \
        } else

#endif
