/*
 * coroutine.h - a function with a stack of its own, which stands still and goes on
 *
 * The core on which generators and the scheduler's tasks stand. A coroutine is resumed by somebody, runs on its own
 * stack in the resumer's thread, and suspends itself back to its resumer, or ends there. Each way carries one word.
 * That is all there is: who is to be resumed when is not known here, and nothing here waits or takes a lock.
 *
 * One piece of memory. The record lies at the upper end of the stack (stack.h), and whoever needs more of a record
 * begins his own structure with this one, as thrum_generator does, within STACK_RECORD bytes. The record's memory
 * stays memory when the coroutine is gone.
 *
 * Nobody resumes a coroutine that runs. state says RUNNING from before the switch into it until it has decided to
 * leave; then it is stored with release, as the last thing that the coroutine does on its own stack but for saving its
 * registers. So another thread must not go by state alone: it may see SUSPENDED a moment before `context` is there.
 * What makes it sound is that only one party at a time has the right to resume: the generator's caller,
 * or the thread to which the scheduler has tied the task. A waker in another thread only puts the task into that
 * thread's list of what may run; that thread takes it from there when it is back on its own stack, and so behind the
 * switch. Who wants to hand a suspended coroutine over to anybody at all has suspend_call run on the
 * resumer's stack, where the context is saved.
 *
 * Who am I? Locks are held and waits are made by a sleeper (park/sleeper.h), and the thread-locals sleeper_current
 * and thrum_self_ say which. A generator runs on its resumer's behalf and has no sleeper: it borrows the identity of
 * who resumes it. A lock that it takes belongs to that thread (or task), also when it yields with the lock held; and
 * when it blocks, the resumer blocks. A task of the scheduler has COROUTINE_IDENTITY, and a sleeper of its own, whose
 * two functions make `sleep` a suspend and `wake` a `may run`. To resume it is to exchange its identity with the
 * thread's, to leave it is to exchange them back.
 *
 * So a task may be suspended from within a generator that it has resumed: park() asks the sleeper to sleep, which is
 * the task's, while the generator's stack is the one that runs. coroutine_suspend(task) then saves that stack as the
 * place where the task goes on, and remembers in `innermost` which coroutine is to be the current one there. The
 * generators between stay RUNNING, which they are: their resumer waits in them. For everything else innermost is the
 * coroutine itself.
 *
 * A coroutine ends when its function returns. To drop one that stands half-way is to forget what its frames have in
 * hand; so generators are closed first, and tasks cancelled. Neither longjmp nor an exception may leave the function.
 *
 * Compilers keep the address of a thread-local, so errno's too, over a call. So whoever uses these in a coroutine has
 * it resumed by one thread only; and nothing here uses one behind a switch.
 *
 * The quick way. coroutine_switch_in and ..._out are for who has found flags to be zero: nothing is
 * done behind the switch, which is therefore a jump (switch.h). resume and suspend do all the rest.
 */
#ifndef COROUTINE_COROUTINE_H_
#define COROUTINE_COROUTINE_H_

#include "coroutine/sanitizer.h"
#include "coroutine/stack.h"
#include "coroutine/switch.h"
#include "park/sleeper.h"
#include "platform/os.h"

#define COROUTINE_NAME 32

enum coroutine_state {
    COROUTINE_GONE, /* there is none on this stack */
    COROUTINE_SUSPENDED,
    COROUTINE_RUNNING,
    COROUTINE_ENDED
};

/* What keeps a coroutine from the quick way, above the bits of its state. Others are for those who build on this. */
enum coroutine_flag {
    COROUTINE_WATCHED = 4,  /* its stack has no guard of its own */
    COROUTINE_IDENTITY = 8, /* it has a sleeper of its own */
    COROUTINE_OTHERS = 16   /* this, and all above it */
};

/* Who a line of execution is: what the thread-locals of these names hold while it runs. */
struct coroutine_identity {
    struct sleeper *sleeper;
    struct thrum_self_ self;
};

struct coroutine {
    void *context;               /* while it stands still: where it goes on */
    void *resumer;               /* while it runs: where its resumer goes on */
    struct coroutine *below;     /* while it runs: the coroutine that resumed it, or NULL */
    struct coroutine *innermost; /* while it stands still: which is the current one when it goes on */
    uint32_t state;
    uint32_t flags;
    int (*function)(struct coroutine *self, int first);
    struct coroutine_identity identity; /* with COROUTINE_IDENTITY: its own; while it runs, its resumer's */
    char name[COROUTINE_NAME];
#if SANITIZER_ASAN || SANITIZER_TSAN
    struct sanitizer_side sanitizer;
#endif
};

/* The one that runs in the calling thread, or NULL. */
#define coroutine_current thrum_coroutine_current_
extern __thread struct coroutine *coroutine_current;

#define coroutine_new thrum_coroutine_new_
#define coroutine_drop thrum_coroutine_drop_
#define coroutine_resume thrum_coroutine_resume_
#define coroutine_suspend thrum_coroutine_suspend_
#define coroutine_suspend_call thrum_coroutine_suspend_call_
#define coroutine_pass thrum_coroutine_pass_
#define coroutine_overflowed thrum_coroutine_overflowed_
#define coroutine_report_overflow thrum_coroutine_report_overflow_
#define coroutine_expect_faults thrum_coroutine_expect_faults_

/*
 * A suspended coroutine that will run function(self, first), `first` being the word of the first resume; what it
 * returns is the last word to its resumer. name: cut; NULL: none. What its owner has behind the record is not cleared.
 * NULL: there is no memory for a stack of that size (bytes of frames; 0: the default).
 */
struct coroutine *coroutine_new(int (*function)(struct coroutine *self, int first), size_t stack_size,
                                const char *name);

/* Give it up. It does not run, and nobody can resume it any more. */
void coroutine_drop(struct coroutine *coroutine);

/* Run it until it suspends itself or ends, and return the word that it gives. It is suspended, and is the
 * caller's to resume. */
int coroutine_resume(struct coroutine *coroutine, int word);

/* Go back to who resumed that coroutine, with the word, and return that of the next resume. The caller runs in it, or
 * in generators that it runs. */
int coroutine_suspend(struct coroutine *coroutine, int word);

/* The same, but that call(arg) runs on the resumer's stack when all is saved, and gives the word. From there on the
 * coroutine may be resumed, by anybody. Not within a generator. */
int coroutine_suspend_call(struct coroutine *coroutine, int (*call)(void *arg), void *arg);

/* Suspend it, and go on in another one, which is suspended and the caller's to resume, with who has resumed this one as
 * its resumer: one switch in place of two. Both have COROUTINE_IDENTITY. Returns with this one's next resume.
 * Only where COROUTINE_CAN_PASS: sanitizers are told of resumes alone. */
#define COROUTINE_CAN_PASS (!SANITIZER_ASAN && !SANITIZER_TSAN)
void coroutine_pass(struct coroutine *coroutine, struct coroutine *other);

/* Report that it has left its stack; and abort. */
void coroutine_report_overflow(const struct coroutine *coroutine);
_Noreturn void coroutine_overflowed(const struct coroutine *coroutine);

#define coroutine_layout thrum_coroutine_layout_
extern const uint32_t coroutine_layout[];

/* Where faults are reported: the calling thread is to run coroutines, and so needs a stack for the report. */
void coroutine_expect_faults(void);

/* ---- The quick way ---- */

static inline struct stack *coroutine_stack(struct coroutine *coroutine)
{
    return stack_of_record(coroutine);
}

/* All that a resume and a suspend have to do before the switch where flags are zero. */
static inline void coroutine_enter(struct coroutine *coroutine, struct coroutine *innermost)
{
    /* Relaxed: it is told to those who ask out of turn, and orders nothing. */
    os_store_relaxed(&coroutine->state, COROUTINE_RUNNING);
    coroutine->below = coroutine_current;
    coroutine_current = innermost;
}

static inline void coroutine_leave(struct coroutine *coroutine, uint32_t state)
{
    coroutine_current = coroutine->below;
    /* Release: pairs with those who in another thread have seen that it is suspended, or has ended. */
    os_store_release(&coroutine->state, state);
}

#if SANITIZER_ASAN || SANITIZER_TSAN
#define coroutine_switch_in(coroutine, word) coroutine_resume(coroutine, word)
#define coroutine_switch_out(coroutine, word) coroutine_suspend(coroutine, word)
#else
static inline int coroutine_switch_in(struct coroutine *coroutine, int word)
{
    coroutine_enter(coroutine, coroutine);
    return switch_to(&coroutine->resumer, coroutine->context, word);
}

static inline int coroutine_switch_out(struct coroutine *coroutine, int word)
{
    coroutine_leave(coroutine, COROUTINE_SUSPENDED);
    return switch_to(&coroutine->context, coroutine->resumer, word);
}
#endif

#endif
