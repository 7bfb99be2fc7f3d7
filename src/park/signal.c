/*
 * signal.c - what a signal handler begins, and a helper thread carries on (signal.h says how)
 */
#include "park/signal.h"

#include <errno.h>
#include <stdlib.h>

#include "park/park.h"
#include "platform/state.h"

/*
 * Its word: TAKEN from add to the end of remove; ON while it can be set off, so that what is below is
 * there and stays; and USER for each that is just using it, who came while it was ON.
 */
struct signal_errand {
    uint32_t word;
    uint32_t due; /* 1: carried on, and not seen to yet */
    int signo;    /* 0: tied to none */
    void (*at_once)(void *object);
    void (*later)(void *object);
    void *object;
    struct signal_errand *next; /* never changed once it is in the list */
};

enum { TAKEN = 1, ON = 2, USER = 4 };

static struct signals *signals(void)
{
    return &os_state()->signals;
}

/* ---- The bell ---- */

static void ring(void)
{
    int before = errno;
    /* Release: what was noted down before. Where it is 1 already, the helper has yet to take it, and
     * with it, by the chain of exchanges, what we have noted. */
    if (os_exchange_release(&signals()->bell, 1) == 0 && !os_planted("signal-not-rung"))
        os_futex_wake(&signals()->bell, 1);
    errno = before;
}

static void await_bell(void)
{
    /* Acquire: pairs with ring. It is silenced before anything is looked at, so what is noted
     * while we look rings again. */
    while (os_exchange_acquire(&signals()->bell, 0) == 0)
        (void)os_futex_wait(&signals()->bell, 0, OS_FOREVER);
}

void signal_review(const void *key)
{
    park_note(key);
    ring();
}

/* ---- Errands ---- */

bool signal_errand_enter(struct signal_errand *errand)
{
    uint32_t word = os_load_relaxed(&errand->word);
    while ((word & ON) != 0)
        /* Acquire: pairs with switch_on, so the errand is seen as it was made. */
        if (os_cas_acquire(&errand->word, &word, word + USER))
            return true;
    return false;
}

void signal_errand_leave(struct signal_errand *errand)
{
    /* Release: our use is over before it is removed. */
    if (os_sub_release(&errand->word, USER) == TAKEN + USER)
        signal_review(&errand->word); /* the last, and somebody is removing it */
}

static struct signal_errand *first(void)
{
    return os_load_acquire(&signals()->errands); /* acquire: pairs with fresh */
}

void signal_carry_on(struct signal_errand *errand)
{
    /* Release: the helper may find it before the bell, and once only. */
    os_store_release(&errand->due, 1);
    ring();
}

/* The handler of all signals that errands are tied to. */
static void arrived(int signo)
{
    for (struct signal_errand *errand = first(); errand != NULL; errand = errand->next) {
        if (!signal_errand_enter(errand))
            continue;
        if (errand->signo == signo) {
            if (errand->at_once != NULL)
                errand->at_once(errand->object);
            signal_carry_on(errand);
        }
        signal_errand_leave(errand);
    }
}

static void see_to(struct signal_errand *errand)
{
    /* Relaxed: what was noted before the bell is seen; the rest rings again. */
    if (os_load_relaxed(&errand->due) == 0 || !signal_errand_enter(errand))
        return;
    if (os_exchange_acquire(&errand->due, 0) != 0) /* acquire: pairs with signal_carry_on */
        errand->later(errand->object);
    signal_errand_leave(errand);
}

/* ---- The helper ---- */

static void *help(void *arg)
{
    (void)arg;
    os_thread_set_name("thrum-signals");
    for (;;) {
        await_bell();
        park_review();
        for (struct signal_errand *errand = first(); errand != NULL; errand = errand->next)
            see_to(errand);
        if (os_planted("signal-silenced-late"))
            (void)os_exchange_acquire(&signals()->bell, 0);
    }
    return NULL;
}

bool signals_started(void)
{
    return os_load_relaxed(&signals()->started) != 0; /* relaxed: nothing else is read by it */
}

/* The guard is held. */
static int start(void)
{
    if (signals_started() && os_load_relaxed(&signals()->missing) == 0) /* relaxed: changed under the guard */
        return 0;
    int result = os_helper_create(help, NULL);
    if (result != 0)
        return result;
    os_store_relaxed(&signals()->missing, 0); /* relaxed: as above, and else a hint */
    os_store_relaxed(&signals()->started, 1);
    return 0;
}

int thrum_signals_start(void)
{
    os_wordlock_acquire(&signals()->guard);
    int result = start();
    os_wordlock_release(&signals()->guard);
    return result;
}

void signals_keep_from_forking(void)
{
    os_wordlock_acquire(&signals()->forking);
}

void signals_let_fork(void)
{
    os_wordlock_release(&signals()->forking);
}

void signals_forked(void)
{
    struct signals *child = signals();
    child->guard = 0;
    child->forking = 0;
    child->missing = child->started;
    child->bell = 1; /* so that a helper looks at what the parent's had not seen to */
    for (struct signal_errand *errand = child->errands; errand != NULL; errand = errand->next)
        errand->word &= TAKEN | ON; /* its users are not here */
}

/* ---- Adding and removing; the guard is held by those without a comment ---- */

static bool is_like(const struct signal_errand *errand, int signo, void (*later)(void *object))
{
    return errand->signo == signo && errand->later == later;
}

static struct signal_errand *find(int signo, void (*later)(void *object), const void *object)
{
    struct signal_errand *errand = first();
    /* Relaxed: this bit changes under the guard. */
    while (errand != NULL && !((os_load_relaxed(&errand->word) & ON) != 0 && errand->object == object &&
                               (later == NULL || is_like(errand, signo, later))))
        errand = errand->next;
    return errand;
}

static bool is_tied(int signo)
{
    for (struct signal_errand *errand = first(); errand != NULL; errand = errand->next)
        if ((os_load_relaxed(&errand->word) & ON) != 0 && errand->signo == signo) /* relaxed: as in find */
            return true;
    return false;
}

static struct signal_errand *fresh(void)
{
    struct signal_errand *errand = first();
    /* Acquire: pairs with the end of remove; its last use is over. */
    while (errand != NULL && os_load_acquire(&errand->word) != 0)
        errand = errand->next;
    if (errand != NULL)
        return errand;
    errand = calloc(1, sizeof *errand);
    if (errand != NULL) {
        errand->next = signals()->errands;
        /* Release: pairs with first. */
        os_store_release(&signals()->errands, errand);
    }
    return errand;
}

static bool in_use(void *arg)
{
    const struct signal_errand *errand = arg;
    return os_load_acquire(&errand->word) != TAKEN; /* acquire: pairs with leave */
}

/* Nobody comes to it any more; who is in it has to be waited for. */
static void switch_off(struct signal_errand *errand)
{
    /* Relaxed: it only keeps others out; those that are in are waited for. */
    (void)os_sub_relaxed(&errand->word, ON);
}

/* Wait for those who are in one that is off, handlers of whatever signal included, and have it used anew. The guard is
 * not held, for the wait may need the helper. */
static void clear_away(struct signal_errand *errand)
{
    struct park_call call = {.key = &errand->word,
                             .validate = in_use,
                             .arg = errand,
                             .reviewed = true,
                             .deadline = OS_FOREVER,
                             .uncancellable = true};
    while (!os_planted("errand-removed-in-use") && in_use(errand))
        if (park(&call) == -EAGAIN)
            os_yield();
    os_store_release(&errand->word, 0); /* release: pairs with fresh */
}

/* The errand, in *ret_errand, is ON; or, where that fails behind it, has to be cleared away. */
static int add(struct signal_errand **ret_errand, const struct signal_errand *as)
{
    if (find(as->signo, as->later, as->object) != NULL)
        return -EALREADY;
    int result = start();
    if (result != 0)
        return result;
    struct signal_errand *errand = fresh();
    if (errand == NULL)
        return -ENOMEM;
    bool tied = as->signo == 0 || is_tied(as->signo);
    os_store_relaxed(&errand->due, 0); /* relaxed: ordered by the word */
    errand->signo = as->signo;
    errand->at_once = as->at_once;
    errand->later = as->later;
    errand->object = as->object;
    /* Release: pairs with enter. Before the handler is there, so none of its signals is missed. */
    os_store_release(&errand->word, TAKEN | ON);
    *ret_errand = errand;
    if (!tied && (result = os_signal_take(as->signo, arrived)) != 0)
        switch_off(errand);
    return result;
}

int signal_errand_add(struct signal_errand **ret_errand, int signo, void (*at_once)(void *object),
                      void (*later)(void *object), void *object)
{
    struct signal_errand as = {.signo = signo, .at_once = at_once, .later = later, .object = object};
    struct signal_errand *errand = NULL;
    os_wordlock_acquire(&signals()->guard);
    int result = add(&errand, &as);
    os_wordlock_release(&signals()->guard);
    if (result == 0)
        *ret_errand = errand;
    else if (errand != NULL)
        clear_away(errand);
    return result;
}

int signal_errand_remove(int signo, void (*later)(void *object), const void *object)
{
    os_wordlock_acquire(&signals()->guard);
    struct signal_errand *errand = find(signo, later, object);
    if (errand != NULL) {
        switch_off(errand);
        if (errand->signo != 0 && !is_tied(errand->signo))
            os_signal_give_back(errand->signo);
    }
    os_wordlock_release(&signals()->guard);
    if (errand == NULL)
        return -EINVAL;
    clear_away(errand);
    return 0;
}
