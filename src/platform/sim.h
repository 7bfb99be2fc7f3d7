/*
 * sim.h - the simulated side of the seam: one thread at a time, in an order that a seed decides
 *
 * Threads are real, so thread-locals, errno and debuggers work, but only the one that
 * holds the baton runs. At every operation of the seam it asks who is next. Time is virtual:
 * it moves when nobody can run, or when the scheduler decides that somebody's time has
 * come. So a run depends on nothing but the seed, and any run can be had again.
 *
 * What this finds: orders of events that are wrong in any memory model. What it does not
 * see: memory orders (every run is sequentially consistent), and races on plain data;
 * ThreadSanitizer is for those.
 *
 * Scheduling by random choice, or by priorities with a few random changes (PCT: Burckhardt,
 * Kothari, Musuvathi, Nagarakatte, "A Randomized Scheduler with Probabilistic Guarantees
 * of Finding Bugs", ASPLOS 2010): a bug that takes d changes in n threads and k steps is hit
 * with probability at least 1 / (n k^(d-1)).
 */
#ifndef OS_SIM_H_
#define OS_SIM_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How one run is to be scheduled. */
struct sim_plan {
    uint64_t seed;
    uint32_t depth;         /* 0: random; d: PCT with d - 1 changes of priority */
    uint32_t n_choices;     /* replay: so many choices are given, and the seed decides after them */
    uint64_t usual_steps;   /* PCT: over so many steps the changes are spread */
    uint64_t max_steps;     /* more is a livelock */
    const uint8_t *choices; /* which thread was next, at each point where there was a choice */
};

/* What came of it. Equal hashes: the same threads did the same number of operations in the same order. */
struct sim_result {
    uint64_t steps, hash;
};

/* Run the scenario and all the threads that it makes, until all have ended. One run a process. */
#define sim_run thrum_sim_run_
struct sim_result sim_run(const struct sim_plan *plan, void (*scenario)(void));

/* The run has failed: say what, who stands where, and the choices that bring it about again, on stderr;
 * end the process with status SIM_FAILED. Deadlock and livelock come here by themselves. */
#define SIM_FAILED 99
#define sim_fail thrum_sim_fail_
_Noreturn void sim_fail(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));

#define sim_check(condition) \
    ((condition) ? (void)0 : sim_fail("%s:%d: check failed: %s", __FILE__, __LINE__, #condition))

/* Where another thread may be let run. */
#define sim_point thrum_sim_point_
void sim_point(void);

/* Whether that planted fault is on: the environment's THRUM_SIM_PLANT names it. */
#define sim_planted thrum_sim_planted_
bool sim_planted(const char *name);

/* Have a signal handler run in the thread of that native id: at the point where it stands, which may be in the middle
 * of anything, before it does another operation. Its sleep at a futex word ends. False: it has ended, or has
 * one to run already. The handler may do what one may, and let others run meanwhile. */
#define sim_signal thrum_sim_signal_
bool sim_signal(uint64_t native_id, void (*handler)(void));

/* A signal arrives for the calling thread: the handler that os_signal_take has set runs. */
#define sim_raise thrum_sim_raise_
void sim_raise(int signo);

/* Wait until the bell rings, as poll would. */
#define sim_bell_wait thrum_sim_bell_wait_
void sim_bell_wait(int bell);

/* Whether it rings now. */
#define sim_bell_rings thrum_sim_bell_rings_
bool sim_bell_rings(int bell);

/* From now on it is a device that cannot be read or written without waiting, if it comes to that; whoever would have to
 * wait there fails the run. */
#define sim_bell_blocks thrum_sim_bell_blocks_
void sim_bell_blocks(int bell);

/* A number for an address, by order of first use, so that no run depends on where things lie. */
#define sim_number thrum_sim_number_
uint64_t sim_number(const void *address);

#endif
