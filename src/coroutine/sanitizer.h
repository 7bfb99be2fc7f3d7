/*
 * sanitizer.h - what the sanitizers are told of stacks and of switches between them
 *
 * AddressSanitizer has to know where the stack is that runs, and keeps a second one for locals of functions that have
 * returned. ThreadSanitizer has a history for each line of execution, which it calls a fiber. Both have to be told
 * before a switch where it leads, and AddressSanitizer behind it where it came from.
 *
 * ThreadSanitizer takes a switch for what it is: everything before it is done before everything behind it. That
 * hides nothing, since the two cannot run at once: a coroutine goes on in the thread that resumes it.
 *
 * Without a sanitizer there is nothing here, and the switch is the last act of its caller (switch.h).
 */
#ifndef COROUTINE_SANITIZER_H_
#define COROUTINE_SANITIZER_H_

#include <stddef.h>

#ifdef __has_feature
#define SANITIZER_FEATURE(name) __has_feature(name)
#else
#define SANITIZER_FEATURE(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || SANITIZER_FEATURE(address_sanitizer)
#define SANITIZER_ASAN 1
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#else
#define SANITIZER_ASAN 0
#endif
#if defined(__SANITIZE_THREAD__) || SANITIZER_FEATURE(thread_sanitizer)
#define SANITIZER_TSAN 1
#include <sanitizer/tsan_interface.h>
#else
#define SANITIZER_TSAN 0
#endif

/* Of one coroutine. */
struct sanitizer_side {
    const void *resumer_low; /* the stack of who resumed it */
    size_t resumer_size;
    void *fiber, *resumer_fiber;
};

/* The coroutine is new, on that stack; it is gone. */
static inline void sanitizer_born(struct sanitizer_side *side, const void *low, size_t size, const char *name)
{
    (void)side, (void)low, (void)size, (void)name;
#if SANITIZER_ASAN
    __asan_unpoison_memory_region(low, size); /* what was there before may never have returned */
#endif
#if SANITIZER_TSAN
    side->fiber = __tsan_create_fiber(0);
    __tsan_set_fiber_name(side->fiber, name);
#endif
}

static inline void sanitizer_gone(struct sanitizer_side *side)
{
    (void)side;
#if SANITIZER_TSAN
    __tsan_destroy_fiber(side->fiber);
#endif
}

/* The caller is about to resume `side`, to go on in the coroutine `innermost` on that stack; *ret_fake is for ..._back.
 */
static inline void sanitizer_resume(struct sanitizer_side *side, const struct sanitizer_side *innermost,
                                    const void *low, size_t size, void **ret_fake)
{
    (void)side, (void)innermost, (void)low, (void)size, (void)ret_fake;
#if SANITIZER_ASAN
    __sanitizer_start_switch_fiber(ret_fake, low, size);
#endif
#if SANITIZER_TSAN
    side->resumer_fiber = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(innermost->fiber, 0);
#endif
}

/* The caller is about to go back to who resumed `side`, for good if ret_fake is NULL. */
static inline void sanitizer_leave(struct sanitizer_side *side, void **ret_fake)
{
    (void)side, (void)ret_fake;
#if SANITIZER_ASAN
    __sanitizer_start_switch_fiber(ret_fake, side->resumer_low, side->resumer_size);
#endif
#if SANITIZER_TSAN
    __tsan_switch_to_fiber(side->resumer_fiber, 0);
#endif
}

/* The caller has been resumed, as a part of `side`; NULL for fake: for the first time. */
static inline void sanitizer_arrived(struct sanitizer_side *side, void *fake)
{
    (void)side, (void)fake;
#if SANITIZER_ASAN
    __sanitizer_finish_switch_fiber(fake, &side->resumer_low, &side->resumer_size);
#endif
}

/* The caller, who resumed somebody, goes on. */
static inline void sanitizer_back(void *fake)
{
    (void)fake;
#if SANITIZER_ASAN
    __sanitizer_finish_switch_fiber(fake, NULL, NULL);
#endif
}

#endif
