/*
 * switch.h - from one stack to another, in assembly
 *
 * A context is a line of execution that stands still: all that it needs to go on lies on its stack, and
 * its name is the address where that ends. switch_to saves the caller as a context and goes on with
 * another one, there as the return of the switch_to that it stands in; so nothing is saved but what a call has
 * to leave as it was: the callee-saved registers.
 *
 * The rounding mode and the masks of floating-point exceptions (x86: mxcsr and the x87 control word; aarch64:
 * fpcr) belong to them by both machines' ABI: a generator that rounds down must not make its caller do so. To load
 * them is dear and almost never needed, so they are compared and loaded only where they differ. The sticky flags of
 * what has happened are no part of this, and go on from one context into the next as from a function to its caller.
 *
 * The switch ends in pop and jump, not in `ret`: the processor predicts a return by the call that it has seen
 * last, which here is always another one, and a wrong prediction costs three times what the rest does. For the
 * same reason callers make it their last act, so that the compiler jumps to it: then it is the public call itself that
 * returns by that jump.
 *
 * Why it is not inline. Inline, it could leave to the compiler which registers are worth saving, and bare it costs a
 * third of this one. But what next and yield look at, the thread's current coroutine and the modes are most of what
 * they cost: with all that, a loop that has both sides inline takes 0.85 of its time, and with THRUM_FOREACH's side
 * alone 0.97. For that the record and the switch would be part of the public interface, for ever.
 *
 * A jump into the middle of a function is what indirect-branch tracking is there to prevent, so on x86 it is
 * marked `notrack`, and a shadow stack would still hold the returns of the other context. The objects therefore say
 * that they can do with branch tracking, and not that they can with a shadow stack. On aarch64 they say neither.
 *
 * A new context's first frame is switch_start, whose description for unwinders says that nothing called it. That
 * ends a backtrace inside a coroutine, in a debugger as in a C++ exception that nobody catches.
 */
#ifndef COROUTINE_SWITCH_H_
#define COROUTINE_SWITCH_H_

#include <stdint.h>

#define switch_to thrum_switch_to_
#define switch_call thrum_switch_call_
#define switch_start thrum_switch_start_

/* Save the caller in *ret_from and go on with `to`. What is returned is the value that somebody switches back with. */
int switch_to(void **ret_from, void *to, int value);

/* The same, but on the new stack, before its context goes on, call(arg) runs, and its result is the value that
 * arrives. The caller is saved by then: call may let others have it, or free the stack that it stood on. */
int switch_call(void **ret_from, void *to, int (*call)(void *arg), void *arg);

/* Where a new context begins. Never called. */
void switch_start(void);

#define SWITCH_STACK_ALIGNMENT 16

#if defined(__x86_64__)

/* As switch_x86_64.S has it on the stack, upwards. */
struct switch_frame {
    uint32_t mxcsr;
    uint16_t x87;
    uint16_t reserved;
    uint64_t r15, r14, r13, r12, rbx, rbp;
    void (*rip)(void);
};

static inline void switch_modes(struct switch_frame *frame)
{
    __asm__("stmxcsr %0" : "=m"(frame->mxcsr));
    __asm__("fnstcw %0" : "=m"(frame->x87));
}

#define SWITCH_PC rip
#define SWITCH_FUNCTION r12
#define SWITCH_ARGUMENT rbx

#elif defined(__aarch64__)

/* As switch_aarch64.S has it on the stack, upwards. */
struct switch_frame {
    uint64_t fpcr;
    void (*pc)(void);
    uint64_t d[8]; /* d8 to d15, their lower halves */
    uint64_t x19, x20, x21, x22, x23, x24, x25, x26, x27, x28, x29, x30;
};

static inline void switch_modes(struct switch_frame *frame)
{
    __asm__("mrs %0, fpcr" : "=r"(frame->fpcr));
}

#define SWITCH_PC pc
#define SWITCH_FUNCTION x19
#define SWITCH_ARGUMENT x20

#else
#error "thrum has no switch for this machine: see src/coroutine/switch_x86_64.S"
#endif

/* A context at the end of the stack below `top`, a multiple of SWITCH_STACK_ALIGNMENT: it begins by
 * begin(arg, value), which never returns, with the caller's modes of floating point. */
static inline void *switch_prepare(void *top, void (*begin)(void *arg, int value), void *arg)
{
    struct switch_frame *frame = (struct switch_frame *)top - 1;
    *frame = (struct switch_frame){.SWITCH_PC = switch_start,
                                   .SWITCH_FUNCTION = (uint64_t)(uintptr_t)begin,
                                   .SWITCH_ARGUMENT = (uint64_t)(uintptr_t)arg};
    switch_modes(frame);
    return frame;
}

#endif
