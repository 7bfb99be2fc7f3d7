/*
 * thread.h - a thread's record, and what the parts of threads are to each other
 *
 * thread.c has its life, current.c the question who is there, exit.c the process's end, local.c what a thread
 * keeps for itself.
 *
 * A thread made by thrum has two holders: the handle, and the running thread; whoever is last frees the record.
 * One that thrum did not make has a record when it asks who it is, held by itself alone; that of the process's
 * first thread lies in the library's state and is never freed.
 */
#ifndef THREADING_THREAD_H_
#define THREADING_THREAD_H_

#include "park/sleeper.h"

/* From UNSTARTED by CHANGING to STARTED; then to ENDED, or, when the start has failed, by CHANGING back. */
enum thread_state { THREAD_UNSTARTED, THREAD_CHANGING, THREAD_STARTED, THREAD_ENDED };

struct thread_name {
    struct thread_name *older;
    char text[SLEEPER_NAME];
};

struct thrum_thread {
    uint32_t state; /* enum thread_state */
    uint32_t holders;
    uint32_t joining; /* 1: a join is under way or has been done, or nobody may */
    uint32_t daemon;
    uint32_t generation; /* of the process that it was started in */
    bool foreign;        /* not made by thrum */
    bool given_up;       /* its handle: the thread itself may use it on */
    bool joined;         /* by the system; for who has set joining */
    bool named;          /* by its maker, and not by us */
    thrum_event begun;   /* native_id is there, or the start has failed */
    thrum_event over;    /* it has ended, or the start has failed: see state */
    int (*target)(void *arg);
    void *arg;
    thrum_token *token;
    struct sleeper *sleeper; /* its record there: made by start, so that the thread cannot lack one */
    struct os_thread_options system_options;
    os_thread system;
    uint32_t created; /* 1: system is there */
    uint64_t ident, native_id;
    const char *name;          /* the newest */
    struct thread_name *names; /* those after the first; all are kept, for somebody may be reading one */
    int code;
    char first_name[SLEEPER_NAME];
    char message[REPORT_SIZE]; /* of thrum_fail */
};

#define thread_self thrum_thread_self_
#define thread_let_go thrum_thread_let_go_
#define thread_ending thrum_thread_ending_
#define thread_set_first_name thrum_thread_set_first_name_
#define threads_forked thrum_threads_forked_
#define exit_arrange thrum_exit_arrange_
#define exit_count_in thrum_exit_count_in_
#define exit_count_out thrum_exit_count_out_
#define exit_forked thrum_exit_forked_

/* The calling thread's record, or NULL: one that nobody made. Hidden, so that it is reached without a call. */
extern __thread thrum_thread *thread_self;

void thread_let_go(thrum_thread *thread);
void thread_set_first_name(thrum_thread *thread, const char *name);

/* What is to be done at a thread's end: the `ending` of its sleeper. */
void thread_ending(struct sleeper *sleeper);

void threads_forked(void);

/* The count of threads that exit waits for. arrange: 0, -ENOMEM. */
int exit_arrange(void);
void exit_count_in(void);
void exit_count_out(void);
void exit_forked(void);

#endif
