/*
 * sim.c - the simulated side of the seam (sim.h says what for)
 *
 * What linux.c and its like ask of the system is here answered by the scheduler (schedule.h) and by a machine that is
 * a few variables: so small that a run depends on nothing but the plan.
 */
#include "platform/sim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "platform/os.h"
#include "platform/schedule.h"

#define NUMBERS_MAX 4096
#define SIGNALS_MAX 64
#define FIRST_NATIVE_ID 1000

static struct {
    void (*leaving[ENDINGS_MAX])(void);
    size_t n_leaving;
    const void *numbered[NUMBERS_MAX];
    size_t n_numbered;
    void (*arrived[SIGNALS_MAX])(int signo);
} machine;

/* ---- Futex, clock, turns ---- */

int os_futex_wait(const uint32_t *word, uint32_t expected, int64_t deadline)
{
    sim_point();
    if (*word != expected)
        return 0;
    if (deadline <= schedule.now)
        return -ETIMEDOUT;
    return schedule_block(word, NULL, deadline) ? 0 : -ETIMEDOUT;
}

int os_futex_wait_interruptible(const uint32_t *word, uint32_t expected, int64_t deadline)
{
    schedule.current->interrupted = false;
    int result = os_futex_wait(word, expected, deadline < OS_FOREVER ? deadline : OS_FOREVER);
    return result == 0 && schedule.current->interrupted ? -EINTR : result;
}

void os_futex_wake(const uint32_t *word, int n)
{
    sim_point();
    schedule_wake(word, n);
}

int64_t os_now(void)
{
    return schedule.now;
}

void os_yield(void)
{
    if (schedule.active)
        schedule_step(true);
}

/* ---- Threads ---- */

/* The simulated machine has CPUs 0 and 1. */
static bool has_cpus(const struct os_cpus *cpus)
{
    unsigned long others = cpus->bits[0] & ~3ul;
    for (size_t i = 1; i < sizeof cpus->bits / sizeof cpus->bits[0]; i++)
        others |= cpus->bits[i];
    return others == 0;
}

static int create(os_thread *ret_thread, void *(*run)(void *arg), void *arg, bool helper)
{
    sim_point();
    int thread = schedule_add(run, arg, helper);
    if (thread < 0)
        return thread;
    *ret_thread = (os_thread)thread;
    return 0;
}

int os_thread_create(os_thread *ret_thread, void *(*run)(void *arg), void *arg, const struct os_thread_options *options)
{
    if (options != NULL && options->cpus != NULL && !has_cpus(options->cpus))
        return -ENODEV;
    return create(ret_thread, run, arg, false);
}

int os_helper_create(void *(*run)(void *arg), void *arg)
{
    os_thread thread;
    return create(&thread, run, arg, true);
}

os_thread os_thread_self(void)
{
    return index_of(schedule.current);
}

void os_thread_join(os_thread thread)
{
    sim_point();
    if (schedule.threads[thread].state != ENDED)
        (void)schedule_block(NULL, &schedule.threads[thread], OS_FOREVER);
}

void os_thread_detach(os_thread thread)
{
    (void)thread;
    sim_point();
}

void os_thread_set_name(const char *name)
{
    (void)name;
}

void os_thread_get_name(char *ret_name, size_t size)
{
    (void)snprintf(ret_name, size, "sim-%zu", index_of(schedule.current));
}

uint64_t os_native_id(void)
{
    return FIRST_NATIVE_ID + index_of(schedule.current);
}

uint64_t os_main_id(void)
{
    return FIRST_NATIVE_ID;
}

size_t os_smallest_stack(void)
{
    return 16384;
}

int os_on_thread_exit(void (*ended)(void *arg), void *arg)
{
    struct ending *endings = schedule.current->endings;
    size_t at = 0;
    while (at < ENDINGS_MAX - 1 && endings[at].ended != NULL && endings[at].ended != ended)
        at++;
    endings[at] = (struct ending){ended, arg};
    return 0;
}

/* ---- Signals ---- */

int os_signal_take(int signo, void (*arrived)(int signo))
{
    sim_point();
    if (signo <= 0 || signo >= SIGNALS_MAX)
        return -EINVAL;
    machine.arrived[signo] = arrived;
    return 0;
}

void os_signal_give_back(int signo)
{
    sim_point();
    machine.arrived[signo] = NULL;
}

void sim_raise(int signo)
{
    if (machine.arrived[signo] != NULL)
        machine.arrived[signo](signo);
}

bool sim_signal(uint64_t native_id, void (*handler)(void))
{
    struct thread *thread = &schedule.threads[native_id - FIRST_NATIVE_ID];
    bool takes = thread->state != ENDED && !thread->helper && thread->handler == NULL;
    if (takes) {
        thread->handler = handler;
        if (thread->state == BLOCKED && thread->word != NULL) {
            thread->state = READY;
            thread->interrupted = true;
        }
    }
    sim_point();
    return takes;
}

/* ---- Process ---- */

size_t os_cpu_count(void)
{
    return 2;
}

int os_at_exit(void (*leaving)(void))
{
    if (machine.n_leaving == ENDINGS_MAX)
        return -ENOMEM;
    machine.leaving[machine.n_leaving++] = leaving;
    return 0;
}

void os_complain(const char *text)
{
    (void)text; /* a scenario that wants to see it sets a reporter */
}

int os_write(int fd, const char *text, size_t size)
{
    return write(fd, text, size) == (ssize_t)size ? 0 : -errno;
}

void os_forget_pages(void *memory, size_t size)
{
    memset(memory, 0, size);
}

uint64_t sim_number(const void *address)
{
    for (size_t i = 0; i < machine.n_numbered; i++)
        if (machine.numbered[i] == address)
            return (i + 1) * 8;
    if (machine.n_numbered == NUMBERS_MAX)
        sim_fail("more than %d addresses are waited for", NUMBERS_MAX);
    machine.numbered[machine.n_numbered++] = address;
    return machine.n_numbered * 8;
}

bool sim_planted(const char *name)
{
    const char *planted = getenv("THRUM_SIM_PLANT");
    return planted != NULL && strcmp(planted, name) == 0;
}

/* ---- The run ---- */

static bool others_run(void)
{
    size_t live = 0;
    for (size_t i = 1; i < schedule.n_threads; i++)
        live += schedule.threads[i].state != ENDED && !schedule.threads[i].helper;
    return live > 0;
}

struct sim_result sim_run(const struct sim_plan *plan, void (*scenario)(void))
{
    schedule_begin(plan);
    scenario();
    while (machine.n_leaving > 0)
        machine.leaving[--machine.n_leaving]();
    for (size_t i = 1; others_run(); i = i % (schedule.n_threads - 1) + 1)
        if (schedule.threads[i].state != ENDED && !schedule.threads[i].helper)
            os_thread_join(i);
    schedule_end();
    return (struct sim_result){schedule.steps, schedule.hash};
}
