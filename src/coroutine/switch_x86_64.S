/*
 * switch_x86_64.S - the switch for x86-64 (switch.h says what it does and why so)
 *
 * A context is 64 bytes of stack: the control words, r15 to r12, rbx, rbp and where to go on. The description for
 * unwinders is by rsp, and the frames of both contexts look alike, so it holds on either side of the change of rsp.
 *
 * The control words are asked for first, in the red zone, at the place where they belong when all is pushed: they take
 * the longest, and all else goes on meanwhile. There is no endbr64, for neither function is called indirectly.
 */
    .section .note.GNU-stack, "", @progbits

#if defined(__x86_64__)

    .text

/* What both have to do: save the caller at *rdi, and go over to the stack in rsi. */
.macro CHANGE_STACK
    stmxcsr -56(%rsp)
    fnstcw  -52(%rsp)
    pushq   %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset rbp, 0
    pushq   %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset rbx, 0
    pushq   %r12
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r12, 0
    pushq   %r13
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r13, 0
    pushq   %r14
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r14, 0
    pushq   %r15
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r15, 0
    subq    $8, %rsp
    .cfi_adjust_cfa_offset 8
    movl    (%rsp), %r8d
    movzwl  4(%rsp), %r9d
    movq    %rsp, (%rdi)
    movq    %rsi, %rsp
    /* Only the control bits of mxcsr count: the six lowest are flags. */
    movl    (%rsp), %r10d
    xorl    %r8d, %r10d
    testl   $0xffc0, %r10d
    jne     8f
    cmpw    %r9w, 4(%rsp)
    jne     8f
7:
.endm

/* Out of line: the control bits that are wanted, with the flags that there are. */
.macro LOAD_MODES
8:
    andl    $0xffc0, %r10d
    xorl    %r8d, %r10d
    movl    %r10d, (%rsp)
    ldmxcsr (%rsp)
    fldcw   4(%rsp)
    jmp     7b
.endm

/* Go on where the context on this stack stands, with rax as its value. */
.macro GO_ON
    .cfi_remember_state
    addq    $8, %rsp
    .cfi_adjust_cfa_offset -8
    popq    %r15
    .cfi_adjust_cfa_offset -8
    .cfi_restore r15
    popq    %r14
    .cfi_adjust_cfa_offset -8
    .cfi_restore r14
    popq    %r13
    .cfi_adjust_cfa_offset -8
    .cfi_restore r13
    popq    %r12
    .cfi_adjust_cfa_offset -8
    .cfi_restore r12
    popq    %rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore rbx
    popq    %rbp
    .cfi_adjust_cfa_offset -8
    .cfi_restore rbp
    popq    %rcx
    .cfi_adjust_cfa_offset -8
    .cfi_register rip, rcx
    notrack jmp *%rcx
    .cfi_restore_state
.endm

/* int switch_to(void **ret_from, void *to, int value) */
    .globl  thrum_switch_to_
    .hidden thrum_switch_to_
    .type   thrum_switch_to_, @function
    .p2align 4
thrum_switch_to_:
    .cfi_startproc
    CHANGE_STACK
    movl    %edx, %eax
    GO_ON
    LOAD_MODES
    .cfi_endproc
    .size   thrum_switch_to_, . - thrum_switch_to_

/* int switch_call(void **ret_from, void *to, int (*call)(void *arg), void *arg) */
    .globl  thrum_switch_call_
    .hidden thrum_switch_call_
    .type   thrum_switch_call_, @function
    .p2align 4
thrum_switch_call_:
    .cfi_startproc
    CHANGE_STACK
    movq    %rcx, %rdi
    call    *%rdx
    GO_ON
    LOAD_MODES
    .cfi_endproc
    .size   thrum_switch_call_, . - thrum_switch_call_

/* The first frame of a new context: r12(rbx, rax). */
    .globl  thrum_switch_start_
    .hidden thrum_switch_start_
    .type   thrum_switch_start_, @function
    .p2align 4
thrum_switch_start_:
    .cfi_startproc
    .cfi_undefined rip
    endbr64
    movq    %rbx, %rdi
    movl    %eax, %esi
    xorl    %ebp, %ebp
    call    *%r12
    ud2
    .cfi_endproc
    .size   thrum_switch_start_, . - thrum_switch_start_

/* GNU_PROPERTY_X86_FEATURE_1_AND: IBT, and not SHSTK. */
    .section .note.gnu.property, "a", @note
    .p2align 3
    .long   4
    .long   16
    .long   5
    .asciz  "GNU"
    .long   0xc0000002
    .long   4
    .long   1
    .long   0

#endif
