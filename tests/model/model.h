/*
 * model.h - the library's kernels under a weak memory model
 *
 * x86 hides most orders that are too weak, and the simulated machine is sequentially consistent. Here the
 * library's own sources, unchanged, run on a machine that may do whatever C11 allows: a load may return an
 * old value unless something forbids it, and two accesses to plain data that nothing orders are an error.
 *
 * The compiler does the translation: with -fsanitize=thread it makes a call of each atomic operation and of
 * each access to memory, for ThreadSanitizer's run-time library. That library is not linked; engine.cc has
 * these calls in its place, and leads them to relacy (Dmitry Vyukov's), which has the memory model and the
 * schedules. So nothing here mirrors a source, and nothing can drift from one.
 *
 * A scenario is a few threads that use the library, in plain C, whose own data is watched in the same way.
 *
 * That the check bites is shown by weakening each order in turn, one at a time: some scenario must find
 * it (main.cc). Where none does, the order is listed in stays.txt, with the reason why it stays.
 *
 * What the model does not have: loads that see the future, more than the three newest values of a word, another
 * order of the sequentially consistent operations than that in which they are made, and fork(2). What hangs on these
 * has to be argued by hand, as in sleeper_has_ended; what a forked child finds of the stacks' lists, a thread looks at
 * that takes no lock (model_coroutine.c).
 */
#ifndef TESTS_MODEL_H
#define TESTS_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "sites.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MODEL_THREADS 4

struct model_scenario {
    const char *name;
    int threads;
    void (*thread)(int i);
    void (*before)(void); /* these two run alone; or NULL */
    void (*after)(void);
};

/* Lists of scenarios end with one that has no name. */
extern const struct model_scenario platform_scenarios[], park_scenarios[], signal_scenarios[], order_scenarios[],
    threading_scenarios[], objects_scenarios[], queue_scenarios[], futures_scenarios[], coroutine_scenarios[],
    scheduler_scenarios[];

/* For scenarios. */
#define check(condition) ((condition) ? (void)0 : model_fail("%s:%d: check failed: %s", __FILE__, __LINE__, #condition))
void model_fail(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));
unsigned model_choose(unsigned n); /* one of n ways to go on */
void model_dawdle(unsigned most);  /* so that others come first, now and then */

void model_raise(int signo); /* the handler runs in this thread */
void model_exit(void);       /* what is arranged for exit(3) is done, and that is all */
bool model_rings(int bell);  /* as poll(2) would say */

/* ---- For engine.cc and main.cc ---- */

struct model_finding {
    bool found;
    unsigned long run;
    char text[512];
};

/* Runs of one scenario, until one fails. With a `print`, that one run is told in full. */
struct model_finding model_run(const struct model_scenario *scenario, unsigned index, unsigned long first,
                               unsigned long runs, bool print);

/* One order is weaker than it is written, until called with NULL. */
void model_weaken(const struct model_site *site, int order);

/* The library's state, as at the start of a process. */
void model_reset(void);

/* -ETIMEDOUT, -EINTR, -EINVAL and -EAGAIN, for which relacy has numbers of its own. */
extern const int model_timed_out, model_interrupted, model_no_signal, model_no_thread;

#ifdef __cplusplus
}
#endif
#endif
