/*
 * schedule.h - the threads of the simulated machine, and what its side of the seam asks of their scheduler
 *
 * Only the thread that holds the baton runs, so all this needs no lock.
 *
 * A thread is ready, or blocked at a futex word or on another's end, perhaps with a deadline, or
 * has ended.
 */
#ifndef PLATFORM_SCHEDULE_H_
#define PLATFORM_SCHEDULE_H_

#include "platform/sim.h"

#define THREADS_MAX 32
#define CHOICES_MAX (1u << 20)
#define ENDINGS_MAX 8

#define schedule thrum_schedule_
#define schedule_begin thrum_schedule_begin_
#define schedule_end thrum_schedule_end_
#define schedule_add thrum_schedule_add_
#define schedule_step thrum_schedule_step_
#define schedule_block thrum_schedule_block_
#define schedule_wake thrum_schedule_wake_

enum state { READY, BLOCKED, ENDED };

struct ending {
    void (*ended)(void *arg);
    void *arg;
};

struct thread {
    uint32_t baton; /* a futex word: 1 when it may run */
    enum state state;
    const uint32_t *word; /* what it is blocked at; NULL: at joined's end */
    const struct thread *joined;
    int64_t deadline;
    bool timed_out;
    bool helper;           /* the run does not wait for its end */
    void (*handler)(void); /* of a signal that has arrived for it, or NULL */
    bool interrupted;      /* its sleep ended for that */
    bool in_handler;
    int64_t priority; /* PCT: the highest ready one runs */
    void *(*run)(void *arg);
    void *arg;
    struct ending endings[ENDINGS_MAX];
};

extern struct schedule {
    bool active;
    struct sim_plan plan;
    struct thread threads[THREADS_MAX];
    size_t n_threads;
    struct thread *current;
    uint64_t random, steps, hash;
    int64_t now, lowest; /* lowest: of all priorities so far */
    uint64_t changes[16];
    uint8_t choices[CHOICES_MAX];
    uint32_t n_choices;
} schedule;

static inline size_t index_of(const struct thread *thread)
{
    return (size_t)(thread - schedule.threads);
}

/* The calling thread is the first of a run by that plan; and has come to its end as the last. */
void schedule_begin(const struct sim_plan *plan);
void schedule_end(void);

/* One thread more: its index. -EAGAIN: there are too many. */
int schedule_add(void *(*run)(void *arg), void *arg, bool helper);

/* One step of the running thread is over. It goes on when it is chosen again, with a signal's handler first.
 * `elsewhere`: it would rather have another run. */
void schedule_step(bool elsewhere);

/* Block until somebody makes us ready; false: the deadline came. At a word, or, where it is NULL, at joined's end. */
bool schedule_block(const uint32_t *word, const struct thread *joined, int64_t deadline);

/* Make n of those ready, at the most, that are blocked at the word. */
void schedule_wake(const uint32_t *word, int n);

#endif
