/*
 * switch_aarch64.S - the switch for aarch64 (switch.h says what it does and why so)
 *
 * A context is 176 bytes of stack: fpcr and where to go on, d8 to d15, x19 to x30.
 */
    .section .note.GNU-stack, "", %progbits

#if defined(__aarch64__)

    .text

/* What both have to do: save the caller at *x0, and go over to the stack in x1. */
.macro CHANGE_STACK
    sub     sp, sp, #176
    .cfi_def_cfa_offset 176
    stp     d8, d9, [sp, #16]
    stp     d10, d11, [sp, #32]
    stp     d12, d13, [sp, #48]
    stp     d14, d15, [sp, #64]
    stp     x19, x20, [sp, #80]
    stp     x21, x22, [sp, #96]
    stp     x23, x24, [sp, #112]
    stp     x25, x26, [sp, #128]
    stp     x27, x28, [sp, #144]
    stp     x29, x30, [sp, #160]
    .cfi_rel_offset d8, 16
    .cfi_rel_offset d9, 24
    .cfi_rel_offset d10, 32
    .cfi_rel_offset d11, 40
    .cfi_rel_offset d12, 48
    .cfi_rel_offset d13, 56
    .cfi_rel_offset d14, 64
    .cfi_rel_offset d15, 72
    .cfi_rel_offset x19, 80
    .cfi_rel_offset x20, 88
    .cfi_rel_offset x21, 96
    .cfi_rel_offset x22, 104
    .cfi_rel_offset x23, 112
    .cfi_rel_offset x24, 120
    .cfi_rel_offset x25, 128
    .cfi_rel_offset x26, 136
    .cfi_rel_offset x27, 144
    .cfi_rel_offset x28, 152
    .cfi_rel_offset x29, 160
    .cfi_rel_offset x30, 168
    mrs     x9, fpcr
    stp     x9, x30, [sp]
    mov     x10, sp
    str     x10, [x0]
    mov     sp, x1
    ldr     x10, [sp]
    cmp     x9, x10
    b.eq    7f
    msr     fpcr, x10
7:
.endm

/* Go on where the context on this stack stands, with x0 as its value. */
.macro GO_ON
    ldr     x16, [sp, #8]
    .cfi_register x30, x16
    ldp     d8, d9, [sp, #16]
    ldp     d10, d11, [sp, #32]
    ldp     d12, d13, [sp, #48]
    ldp     d14, d15, [sp, #64]
    ldp     x19, x20, [sp, #80]
    ldp     x21, x22, [sp, #96]
    ldp     x23, x24, [sp, #112]
    ldp     x25, x26, [sp, #128]
    ldp     x27, x28, [sp, #144]
    ldp     x29, x30, [sp, #160]
    .cfi_restore d8
    .cfi_restore d9
    .cfi_restore d10
    .cfi_restore d11
    .cfi_restore d12
    .cfi_restore d13
    .cfi_restore d14
    .cfi_restore d15
    .cfi_restore x19
    .cfi_restore x20
    .cfi_restore x21
    .cfi_restore x22
    .cfi_restore x23
    .cfi_restore x24
    .cfi_restore x25
    .cfi_restore x26
    .cfi_restore x27
    .cfi_restore x28
    .cfi_restore x29
    add     sp, sp, #176
    .cfi_def_cfa_offset 0
    br      x16
.endm

/* int switch_to(void **ret_from, void *to, int value) */
    .globl  thrum_switch_to_
    .hidden thrum_switch_to_
    .type   thrum_switch_to_, %function
    .p2align 4
thrum_switch_to_:
    .cfi_startproc
    CHANGE_STACK
    mov     w0, w2
    GO_ON
    .cfi_endproc
    .size   thrum_switch_to_, . - thrum_switch_to_

/* int switch_call(void **ret_from, void *to, int (*call)(void *arg), void *arg) */
    .globl  thrum_switch_call_
    .hidden thrum_switch_call_
    .type   thrum_switch_call_, %function
    .p2align 4
thrum_switch_call_:
    .cfi_startproc
    CHANGE_STACK
    mov     x0, x3
    blr     x2
    GO_ON
    .cfi_endproc
    .size   thrum_switch_call_, . - thrum_switch_call_

/* The first frame of a new context: x19(x20, x0). */
    .globl  thrum_switch_start_
    .hidden thrum_switch_start_
    .type   thrum_switch_start_, %function
    .p2align 4
thrum_switch_start_:
    .cfi_startproc
    .cfi_undefined x30
    mov     w1, w0
    mov     x0, x20
    mov     x29, xzr
    mov     x30, xzr
    blr     x19
    brk     #1
    .cfi_endproc
    .size   thrum_switch_start_, . - thrum_switch_start_

#endif
