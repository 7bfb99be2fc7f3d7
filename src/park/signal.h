/*
 * signal.h - what a signal handler begins, and a helper thread carries on
 *
 * A handler may run in the middle of anything: in a thread that holds a bucket's lock, or one that is just
 * changing the object that the handler wants to change. So a handler takes no lock and wakes nobody
 * by itself. It changes words by atomic operations, notes down what is left to do, and rings a bell; a helper
 * thread wakes up and does the rest as any thread would.
 *
 * What is noted down takes no memory and can never be full, and to note it twice is to note it once:
 *
 *  - Waits to be asked again: one bit for each bucket of the parking lot (signal_review). The handler
 *    has changed the object already. The helper asks each wait in that bucket that was parked with .reviewed
 *    whether it shall still wait, by its own validate, and ends it with PARK_CHANGED if not. A wait's
 *    object is there as long as the wait is; so neither handler nor helper touches an object after
 *    the change, and it may be freed by whoever sees it. To ask once too often does nothing.
 *
 *  - Errands: a function to be called for an object that owns one (signal_errand_add). Their records are type-stable
 *    and stay in their list, so a handler walks it without a lock. Errands can be tied to a signal: then a
 *    handler of ours sets them off.
 *
 * The bell is a word and a futex, not a descriptor: nothing that a program which closes all its descriptors
 * could take away, or that a forked child would share with its parent. A wake by futex(2) is a plain system
 * call, as good in a handler as write(2).
 *
 * The helper is made by thrum_signals_start or the first errand, never by a handler. It blocks all
 * signals, belongs to no one, and is cut off at exit. A forked child has none, and nobody who waits; the first that is
 * about to wait there, for something that a handler may bring about, makes one. Until then there is nobody to be woken.
 *
 * All calls for handlers leave errno as it was. A public function made of them may not ask object_is either, which
 * takes a lock in debug builds: NULL is all it can tell.
 */
#ifndef PARK_SIGNAL_H_
#define PARK_SIGNAL_H_

#include <stdbool.h>
#include <stdint.h>

struct signal_errand;

/* This module's part of the library's state. */
struct signals {
    uint32_t guard;   /* a word lock over helper, adding errands and tying them; never taken by a handler */
    uint32_t started; /* 1: there is a helper, or, in a forked child, there shall be one again */
    uint32_t missing; /* 1: a forked child that shall have a helper has none yet */
    uint32_t bell;    /* 1: rung; the helper sleeps here while it is 0 */
    uint32_t forking; /* a word lock: who has it forks, or keeps others from it */
    struct signal_errand *errands;
};

/* ---- For handlers ---- */

/* Whether there is a helper, or will be before anybody can wait for it. */
#define signals_started thrum_signals_started_
bool signals_started(void);

/* Have the waits at this address asked again; the address is never read or written through. To be called
 * behind the change that they shall see. */
#define signal_review thrum_signal_review_
void signal_review(const void *key);

/* Have the errand's `later` called by the helper, once or more often, and behind this. */
#define signal_carry_on thrum_signal_carry_on_
void signal_carry_on(struct signal_errand *errand);

/* Keep the errand from being removed, until leave; false: it is being removed. For who lets go of its object before
 * it is carried on: the record would be another's by then. */
#define signal_errand_enter thrum_signal_errand_enter_
#define signal_errand_leave thrum_signal_errand_leave_
bool signal_errand_enter(struct signal_errand *errand);
void signal_errand_leave(struct signal_errand *errand);

/* ---- For threads ---- */

/* An errand for the object: later(object) is called by the helper thread after each signal_carry_on, and may do
 * what a thread may, but must not wait for what only another errand would bring about. With a signo other
 * than 0 it is tied to that signal: our handler calls at_once(object), which must be fit for one, or NULL, and then
 * carries it on. Makes the helper if there is none. 0; -EINVAL: no handler can be set for that
 * signal; -EALREADY: there is one for this signo, later and object; -ENOMEM, -EAGAIN. */
#define signal_errand_add thrum_signal_errand_add_
int signal_errand_add(struct signal_errand **ret_errand, int signo, void (*at_once)(void *object),
                      void (*later)(void *object), void *object);

/* Take it back, by what it was added with, or any of this object's with signo and later 0 and NULL: when this
 * returns it is not being called and will not be. With the last of a signal, the handler that
 * was there before us comes back. Not from an errand. 0; -EINVAL: there is none. */
#define signal_errand_remove thrum_signal_errand_remove_
int signal_errand_remove(int signo, void (*later)(void *object), const void *object);

/* For an errand: nobody forks between the two. What it is in the middle of would never be finished in the child, and
 * the locks that it holds never be given back; a program cannot know when the helper is at it. */
#define signals_keep_from_forking thrum_signals_keep_from_forking_
#define signals_let_fork thrum_signals_let_fork_
void signals_keep_from_forking(void);
void signals_let_fork(void);

/* In a forked child. */
#define signals_forked thrum_signals_forked_
void signals_forked(void);

#endif
