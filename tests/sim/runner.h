/*
 * runner.h - many simulated runs of a scenario
 *
 * A program of scenarios lists them and calls sim_main. Each run is in a child process of its
 * own, so that it starts from nothing and may end in any way. See sim_main's usage.
 */
#ifndef TESTS_SIM_RUNNER_H
#define TESTS_SIM_RUNNER_H

#include <thrum/thrum.h>

#include "platform/os.h"
#include "platform/sim.h"

struct scenario {
    const char *name;
    void (*run)(void);
};

#define SCENARIO(name) \
    {                  \
#name, name    \
    }

int sim_main(int argc, char **argv, const struct scenario *scenarios, size_t n);

/* For scenarios: a thread, and its end. */
thrum_thread *spawn(int (*target)(void *arg), void *arg);
int finish(thrum_thread *thread);

/* A library call that must do what it says. */
#define must(call) sim_check((call) == 0)

#endif
