/*
 * sleeper.h - who waits: the seam between the parking lot and what it puts to sleep
 *
 * A sleeper is a line of execution: a thread of the system, or something that takes turns with others on one, its
 * host. Its record says how it sleeps and how it is woken, two
 * functions, and holds what belongs to the line of execution rather than to one wait.
 *
 * Records are type-stable: their memory is never given back, only used for another
 * sleeper. So a waker may touch the record of a sleeper that has meanwhile gone, and a walk
 * from a lock to its owner never reads freed memory. Those of threads lie in blocks of the roll's. Others lie where
 * whoever makes them has room (on a coroutine's stack), if that stays memory too and they lie at even distances: a
 * block of places is theirs (sleeper_block). Memory that is zero is a record of nobody.
 *
 * A number is a record's place and, above it, how often the record has been used. So a lock
 * that still names a sleeper who has ended is known for what it is, also when the record is another's by
 * now, and nobody need count the locks that a thread holds: that would cost a fifth of each pair of lock and
 * unlock. For the report to have the name of the ended one, records rest for a while before they are used again;
 * and for that reason too a number comes again only after some 260,000 threads. A lock forgotten before that
 * is never released all the same; only whom the report names is then in doubt.
 *
 * The protocol of wake: the sleeper stores 0 before it can be found in the lot. Its waker, who alone took
 * it out, calls ops->wake, which stores 1 with release, and then sees to it that the sleeper looks. It returns from its
 * wait only when it has seen the 1, so there is never a wake of an earlier wait still to come; one that comes to look
 * late looks for no reason. One that waits at several places at once can be taken out at each: those wakers add 1, and
 * it stays until as many have come.
 */
#ifndef PARK_SLEEPER_H_
#define PARK_SLEEPER_H_

#include "park/held.h"
#include "platform/os.h"
#include "thrum/threading.h"

struct sleeper;

#define SLEEPER_NAME 64

struct sleeper_ops {
    /* Sleep while sleeper->wake is 0. 0: it may be 1 now; -ETIMEDOUT: the deadline has passed; -EINTR: it
     * has PARK_INTERRUPTIBLE, and a signal handler ran. */
    int (*sleep)(struct sleeper *sleeper, int64_t deadline);
    /* Store 1 in sleeper->wake, or add 1 where wakers are counted, and end its sleep. Whatever of the wait or the
     * sleeper is to be read has to be read before: afterwards both may be gone, all but the record's memory. */
    void (*wake)(struct sleeper *sleeper, bool counted);
    /* Of those with a host: whether it would go on at once if it were woken now, for its host does nothing else. It is
     * in the lot, and its bucket is locked. NULL: it would. */
    bool (*at_hand)(const struct sleeper *sleeper);
    /* Of those with a host, who calls it: let the others on it have a turn. False: there are none who could go on. */
    bool (*turn)(struct sleeper *sleeper);
    /* Of those with a host: whether it is the one whose turn it is. A hint. NULL: it runs. */
    bool (*runs)(const struct sleeper *sleeper);
};

struct sleeper {
    uint32_t wake;
    uint32_t owner; /* its number, as it stands in a lock's word (lockword.h): never 0 */
    const struct sleeper_ops *ops;

    /* For those who ask why nobody goes on. */
    struct park_wait *wait; /* its wait, while it is in a queue; under the lock of waits_at's bucket */
    const void *waits_at;   /* its address, or NULL */
    int64_t asleep;         /* since when it sleeps in that wait; 0: not yet, or nobody noted it */
    uint32_t ended;         /* 1: it has ended */
    uint32_t listed;        /* 1: it lives, and native_id and name stay while the roll's guard is held */

    thrum_token *token;   /* its own cancel token or NULL; only the sleeper itself touches it */
    char *report;         /* where thrum_fail writes; NULL outside a task and a thread's target */
    struct sleeper *next; /* in the list of records given back */

    /* For reports: since `asleep` it has been in the system's join, called from `joins_at`, for the thread of that
     * number (0: it is not), whose handle has that address. */
    uint32_t joins;
    const void *joins_thread, *joins_at;

    struct sleeper *host; /* the thread on which it takes turns with others, or NULL: it is one. Never changes */
    uint32_t locks;       /* with a host: how many locks it holds; else not counted */
    uint32_t process;     /* with a host: the generation of the process that it is in, + 1; else 0 */
    uint64_t native_id;
    char name[SLEEPER_NAME]; /* changed under the guard */

    /* Of threads, by the roll's guard. */
    bool present; /* it is in the list of those there are */
    uint32_t flags;
    uint64_t ident; /* never another's in this process */
    struct sleeper *present_next, *present_prev;

    /* For those above: what it has in thread-locals (threading/local.c), and what is to be done when it ends. */
    struct local_value *locals;
    uint32_t n_locals;
    thrum_local *destroying; /* whose value's destructor it is in */
    void (*ending)(struct sleeper *sleeper);

    /* For those who look at the order in which it takes locks; only the sleeper itself touches them. */
    struct held_locks ordered;  /* taken by thrum_acquire_all and held, in their order */
    struct held_locks held;     /* all that it holds, in order of taking; while THRUM_LOCK_ORDER is on */
} __attribute__((aligned(64))); /* what a waker goes to is in the first line, and in no other sleeper's */

enum {
    SLEEPER_FOREIGN = 1, /* made by somebody else; includes the process's first thread */
    SLEEPER_DAEMON = 2   /* the process does not wait for it at exit */
};

#define SLEEPER_MAIN 1 /* the ident of the process's first thread */

#define REPORT_SIZE 256

#define sleeper_thread_ops thrum_sleeper_thread_ops_
#define sleeper_attach thrum_sleeper_attach_
#define sleeper_current thrum_sleeper_current_
#define sleeper_new thrum_sleeper_new_
#define sleeper_drop thrum_sleeper_drop_
#define sleeper_for_thread thrum_sleeper_for_thread_
#define sleeper_block thrum_sleeper_block_
#define sleeper_hosted thrum_sleeper_hosted_
#define sleeper_begin thrum_sleeper_begin_
#define sleeper_end thrum_sleeper_end_
#define sleeper_leave thrum_sleeper_leave_
#define sleeper_rename thrum_sleeper_rename_
#define sleeper_list thrum_sleeper_list_
#define sleeper_main_ident thrum_sleeper_main_ident_
#define sleeper_next thrum_sleeper_next_
#define sleeper_of thrum_sleeper_of_
#define sleeper_has_ended thrum_sleeper_has_ended_
#define sleepers_forked thrum_sleepers_forked_
#define sleeper_watch thrum_sleeper_watch_

/* Hidden, so that it is reached without a call. */
extern __thread struct sleeper *sleeper_current;

/* How a thread of the system sleeps and is woken. */
extern const struct sleeper_ops sleeper_thread_ops;

/* A record for a new sleeper, and back: it has ended, or has never begun. new: NULL when memory or numbers are used up.
 */
struct sleeper *sleeper_new(const struct sleeper_ops *ops);
void sleeper_drop(struct sleeper *sleeper);

/* A record for a thread that is about to be made; it begins with it. 0: its end gives the record
 * back; else the thread must do so by sleeper_end, last of all. */
struct sleeper *sleeper_for_thread(thrum_token *token, const char *name, uint32_t flags);
int sleeper_begin(struct sleeper *sleeper);
void sleeper_end(struct sleeper *sleeper);

/* Give the calling thread, made by somebody else, a record; NULL when there is none to be had. */
struct sleeper *sleeper_attach(void);

/*
 * Records in others' memory, at most SLEEPER_BLOCK of them, so many bytes apart, for ever. block: the place of the
 * first, or 0: there is no room. hosted: the one at that place begins, by that name, on the calling thread, which is
 * its host; life: below SLEEPER_LIVES, each of which gives the place another number. It ends by sleeper_drop.
 */
#define SLEEPER_BLOCK 1024
#define SLEEPER_LIVES 255
uint32_t sleeper_block(void *first, size_t stride);
struct sleeper *sleeper_hosted(uint32_t place, uint32_t life, const struct sleeper_ops *ops, const char *name,
                               struct sleeper *host);

/* The first record at *place or behind it that was ever used, but for those that a forked child has of what took turns
 * in its parent, and *place is moved behind it; NULL: there is none. And that which has the number, or had it, if
 * sleeper_has_ended(number). */
struct sleeper *sleeper_next(uint32_t *place);
struct sleeper *sleeper_of(uint32_t owner);
bool sleeper_has_ended(uint32_t owner);

/*
 * The threads there are: from sleeper_for_thread to sleeper_leave, at the latest to the record's end, in
 * order of arrival. list: call see(arg, sleeper) for each (NULL: none), under the roll's guard; how many there are,
 * and in *ret_main (or NULL) whether the process's first thread was ever among them.
 */
void sleeper_leave(struct sleeper *sleeper);
size_t sleeper_list(void (*see)(void *arg, const struct sleeper *sleeper), void *arg, bool *ret_main);

/* Give the thread of that ident, if it is there, another name. */
void sleeper_rename(uint64_t ident, const char *name);

/* The ident of the process's first thread, which in a forked child is the one that forked. */
uint64_t sleeper_main_ident(void);

/* In a forked child: of all sleepers only the caller is there. */
void sleepers_forked(void);

/* Have the caller take and release locks the long way round, where it is seen what it holds, while there
 * is a reason to; and the short way when there is none. A watched one's number is not in thrum_self_. Who has a host is
 * watched always: so nobody need look for locks that it leaves behind when it ends. */
void sleeper_watch(struct sleeper *self);

/* The calling thread's number, watched or not; 0: it has none. */
static inline uint32_t sleeper_number(void)
{
    const struct sleeper *self = sleeper_current;
    return self != NULL ? self->owner : 0;
}

static inline struct sleeper *sleeper_self(void)
{
    struct sleeper *self = sleeper_current;
    return self != NULL ? self : sleeper_attach();
}

/* Instead of looking again and again whether something has come by itself, for one with a host: the others on it may be
 * the ones that it comes from. Whether it is worth looking. */
static inline bool sleeper_turn(struct sleeper *self)
{
    return self->ops->turn(self);
}

/* The thread itself, whoever takes his turn on it. */
static inline struct sleeper *sleeper_thread(void)
{
    struct sleeper *self = sleeper_self();
    return self != NULL && self->host != NULL ? self->host : self;
}

#endif
