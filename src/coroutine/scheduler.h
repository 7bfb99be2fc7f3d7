/*
 * scheduler.h - tasks that take turns on one thread
 *
 * A task is a coroutine with an identity: a sleeper of its own, whose sleep is a switch to the scheduler, and
 * whose wake puts the task where the scheduler finds it. So park() and all that stands on it, locks, queues,
 * events, futures, joins, time-outs, cancel tokens and reports, work between tasks and threads in any mix, and know
 * nothing of either.
 *
 * Three places. `ready` is the scheduler's own list of tasks that can go on, in their order; only its thread touches
 * it. `inbox` is where others put a task: one that they have started, or woken. It is one word: a stack of tasks, or
 * SLEEPING while the thread is in the poller; who finds that has to ring. `times` has the tasks that sleep until then.
 *
 * A task's sleep and its wakers meet in sleeper.wake. The task turns 0 into TASK_SUSPENDED, on its own stack, as the
 * last thing before it leaves that; whoever turns TASK_SUSPENDED into something else has the task, alone, and puts it
 * into a list: its waker (1), or the scheduler when its time has come (0). If the waker comes first the task never
 * leaves. Since only its own thread takes a task from a list, and does that on its own stack, the task has
 * been left by then, though whoever put it there may have come before.
 *
 * Who rings has turned SLEEPING into a task. The scheduler leaves the poller for any reason, takes the inbox, and if
 * it does not find SLEEPING there it knows that a ring is to come, and waits for that. So nobody rings late, at a
 * descriptor that is closed by then.
 *
 * One task hands over to the next without the scheduler's own stack in between (coroutine_pass), unless that has
 * something to look after.
 *
 * A turn costs no system call. The clock is looked at once in LOOK_EVERY turns, or in each turn while anybody sleeps or
 * waits for a descriptor; the poller, while there is such a wait, once in LOOK_EVERY turns and whenever it was not for
 * POLL_AFTER. Both are when nobody is ready.
 *
 * A task's record is in its stack, and has two holders: the scheduler until it has ended, and the handle until it is
 * given up. The second to let go gives the stack back.
 */
#ifndef COROUTINE_SCHEDULER_H_
#define COROUTINE_SCHEDULER_H_

#include "coroutine/coroutine.h"
#include "coroutine/times.h"
#include "coroutine/watch.h"
#include "coroutine/watchdog.h"
#include "park/token.h"
#include "thrum/coroutine.h"
#include "thrum/threading.h"

/* What a task tells the scheduler when it leaves. */
enum task_word {
    TASK_YIELDS, /* it can go on, and stands behind all that can */
    TASK_WAITS,  /* somebody has it, or will have it */
    TASK_ENDED
};

#define TASK_SUSPENDED (1u << 31) /* in sleeper.wake, above the count of wakers */

enum { TASK_HAS_ENDED = 1, TASK_GIVEN_UP = 2 };

struct thrum_coroutine {
    struct coroutine base;
    struct thrum_scheduler *scheduler;
    const struct sleeper *host;       /* the thread that runs it, or NULL: none yet */
    struct thrum_coroutine *next;     /* in a list of those that can go on */
    struct thrum_coroutine *all_next; /* of all tasks of the scheduler */
    struct thrum_coroutine *all_previous;
    int (*function)(void *arg);
    void *arg;
    struct thrum_task_group *group; /* or NULL */
    thrum_token *cancel;            /* by which it is called off: its own, or the group's */
    uint32_t place;                 /* of its sleeper */
    uint32_t generation;            /* of the process in which it was made */
    uint32_t life;                  /* TASK_HAS_ENDED, TASK_GIVEN_UP */
    int code;                       /* what its function has returned */
    int slept;                      /* what its last sleep comes to */
    bool timed;                     /* its time is among the scheduler's */
    struct wake_time time;
    thrum_event over;
    thrum_token token;
    char report[REPORT_SIZE];
    char reserved[64];
    struct sleeper sleeper; /* where nobody else's record on a stack has anything: who looks for sleepers sees it */
};

struct thrum_scheduler {
    struct thrum_coroutine *inbox;
    struct thrum_coroutine *ready, *ready_last;
    struct thrum_coroutine *left; /* which task has come back to the scheduler last */
    struct thrum_coroutine *all;
    struct sleeper *host; /* the thread that runs it, or has; NULL: none yet */
    uint64_t host_ident;  /* of it, which another that has its record later has not */
    struct times times;
    int64_t now;    /* as of the last look */
    int64_t polled; /* when the poller was looked at last */
    uint32_t turns;
    uint32_t running;
    uint32_t generation; /* of the process in which it was made */
    bool closing;
    bool failed; /* a task that nobody has a handle of has, and `error` says how */
    thrum_error error;
    struct watch watch; /* has the poller */
    struct watched watched;
};

#define task_ops thrum_task_ops_
#define scheduler_current thrum_scheduler_current_
#define scheduler_give thrum_scheduler_give_
#define scheduler_make_ready thrum_scheduler_make_ready_
#define scheduler_pass_to thrum_scheduler_pass_to_
#define scheduler_is_at_hand thrum_scheduler_is_at_hand_
#define scheduler_is_here thrum_scheduler_is_here_
#define task_run thrum_task_run_
#define task_begin thrum_task_begin_
#define task_finish thrum_task_finish_
#define task_yield thrum_task_yield_
#define task_cancel thrum_task_cancel_
#define task_error thrum_task_error_
#define task_current thrum_task_current_

/* That which the calling thread runs, or NULL. */
extern __thread struct thrum_scheduler *scheduler_current;

extern const struct sleeper_ops task_ops;

/* Let it go on: a task that the caller has. From any thread; and from the scheduler's own. */
void scheduler_give(struct thrum_scheduler *scheduler, struct thrum_coroutine *task);
void scheduler_make_ready(struct thrum_scheduler *scheduler, struct thrum_coroutine *task);

/* For a task that leaves: the one whose turn is next, taken from the list, if the scheduler has nothing else to do in
 * between; or NULL. */
struct thrum_coroutine *scheduler_pass_to(struct thrum_scheduler *scheduler);

/* Whether a task that is woken now goes on at once, for its thread sleeps. A hint. */
bool scheduler_is_at_hand(const struct thrum_scheduler *scheduler);

/* Whether it is this process's, and not its parent's. */
bool scheduler_is_here(const struct thrum_scheduler *scheduler);

/* thrum_coroutine_run_with, of a group or of none (NULL). */
int task_run(thrum_coroutine **ret_coroutine, thrum_scheduler *scheduler, int (*function)(void *arg), void *arg,
             const thrum_coroutine_options *options, struct thrum_task_group *group);

/* For the scheduler: a task has come to it, and has ended. */
void task_begin(struct thrum_coroutine *task);
void task_finish(struct thrum_coroutine *task);

/* For the task that calls: let all others have their turn. */
void task_yield(struct thrum_coroutine *task);
/* Call it off, with all its group if it is of one. */
void task_cancel(struct thrum_coroutine *task);

/* How it has ended. */
thrum_error task_error(const struct thrum_coroutine *task);

/* The one that calls, or NULL: the caller is a thread. */
static inline struct thrum_coroutine *task_current(void)
{
    struct sleeper *self = sleeper_current;
    if (self == NULL || self->ops != &task_ops)
        return NULL;
    return (struct thrum_coroutine *)(void *)((char *)self - offsetof(struct thrum_coroutine, sleeper));
}

#endif
