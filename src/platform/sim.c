/*
 * sim.c - the simulated side of the seam (sim.h says what for)
 *
 * The scheduler is a function that the running thread calls: it picks who is next, wakes
 * that one, and sleeps until it is picked itself. So its own state needs no lock.
 *
 * A thread is ready, or blocked at a futex word or on another's end, perhaps with a deadline, or
 * has ended. To pick a blocked thread that has a deadline is to let its time come: the clock
 * jumps there. That may happen at any point, for the others may be as slow as you like.
 */
#include "platform/sim.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "platform/os.h"

#define THREADS_MAX 32
#define CHOICES_MAX (1u << 20)
#define ENDINGS_MAX 4
#define NUMBERS_MAX 4096
#define SIGNALS_MAX 64
#define FIRST_NATIVE_ID 1000
#define BELLS_MAX 4
#define STEP_NS 20 /* what an operation takes on the virtual clock */
#define TIME_COMES_ONE_IN 50

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

static struct {
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
    void (*leaving[ENDINGS_MAX])(void);
    size_t n_leaving;
    const void *numbered[NUMBERS_MAX];
    size_t n_numbered;
    void (*arrived[SIGNALS_MAX])(int signo);
    uint32_t bells[BELLS_MAX]; /* 1: silent, 2: it rings; 0: not in use */
} sim;

static uint64_t draw(void)
{
    /* splitmix64: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators" (2014). */
    uint64_t z = sim.random += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static size_t index_of(const struct thread *thread)
{
    return (size_t)(thread - sim.threads);
}

/* ---- Failure ---- */

static void print_choices(void)
{
    /* As runs: "0*12,1*3" is twelve times thread 0, then three times thread 1. */
    fprintf(stderr, "choices: ");
    for (uint32_t i = 0, n; i < sim.n_choices; i += n) {
        for (n = 1; i + n < sim.n_choices && sim.choices[i + n] == sim.choices[i]; n++)
            continue;
        fprintf(stderr, "%s%u*%u", i > 0 ? "," : "", sim.choices[i], n);
    }
    fprintf(stderr, "\n");
}

_Noreturn void sim_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "simulation failed: ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    for (size_t i = 0; i < sim.n_threads; i++) {
        const struct thread *thread = &sim.threads[i];
        fprintf(stderr, "  thread %zu: ", i);
        if (thread == sim.current)
            fprintf(stderr, "running\n");
        else if (thread->state != BLOCKED)
            fprintf(stderr, "%s\n", thread->state == READY ? "ready" : "ended");
        else if (thread->word == NULL)
            fprintf(stderr, "joining thread %zu\n", index_of(thread->joined));
        else
            fprintf(stderr, "asleep at word %llu, %s\n", (unsigned long long)sim_number(thread->word),
                    thread->deadline == OS_FOREVER ? "for ever" : "for a time");
    }
    fprintf(stderr, "seed %llu depth %u step %llu\n", (unsigned long long)sim.plan.seed, sim.plan.depth,
            (unsigned long long)sim.steps);
    print_choices();
    fflush(NULL);
    _exit(SIM_FAILED);
}

/* ---- Who is next ---- */

static bool can_run(const struct thread *thread)
{
    return thread->state == READY;
}

static bool can_time_out(const struct thread *thread)
{
    return thread->state == BLOCKED && thread->deadline != OS_FOREVER;
}

static size_t count(bool (*fits)(const struct thread *thread))
{
    size_t n = 0;
    for (size_t i = 0; i < sim.n_threads; i++)
        n += fits(&sim.threads[i]);
    return n;
}

static struct thread *nth(bool (*fits)(const struct thread *thread), size_t n)
{
    struct thread *thread = sim.threads;
    while (!fits(thread) || n-- > 0)
        thread++;
    return thread;
}

static struct thread *highest(void)
{
    struct thread *best = NULL;
    for (size_t i = 0; i < sim.n_threads; i++)
        if (can_run(&sim.threads[i]) && (best == NULL || sim.threads[i].priority > best->priority))
            best = &sim.threads[i];
    return best;
}

static struct thread *soonest(void)
{
    struct thread *best = NULL;
    for (size_t i = 0; i < sim.n_threads; i++)
        if (can_time_out(&sim.threads[i]) && (best == NULL || sim.threads[i].deadline < best->deadline))
            best = &sim.threads[i];
    return best;
}

static void demote(struct thread *thread)
{
    thread->priority = --sim.lowest;
}

/* By the seed. `elsewhere`: the running thread would rather have another run. */
static struct thread *decide(size_t ready, size_t timed, bool elsewhere)
{
    for (uint32_t i = 0; i + 1 < sim.plan.depth; i++)
        if (sim.changes[i] == sim.steps)
            demote(sim.current);
    if (ready == 0)
        return soonest();
    if (timed > 0 && draw() % TIME_COMES_ONE_IN == 0)
        return nth(can_time_out, draw() % timed);
    if (sim.plan.depth > 0) {
        if (elsewhere)
            demote(sim.current);
        return highest();
    }
    struct thread *next = nth(can_run, draw() % ready);
    while (elsewhere && ready > 1 && next == sim.current)
        next = nth(can_run, draw() % ready);
    return next;
}

static struct thread *choose(bool elsewhere)
{
    size_t ready = count(can_run), timed = count(can_time_out);
    if (ready + timed == 0)
        sim_fail("deadlock: nobody can run");
    if (ready + timed == 1)
        return ready == 1 ? nth(can_run, 0) : nth(can_time_out, 0);
    struct thread *next = NULL;
    if (sim.n_choices < sim.plan.n_choices && sim.plan.choices[sim.n_choices] < sim.n_threads)
        next = &sim.threads[sim.plan.choices[sim.n_choices]];
    if (next == NULL || !(can_run(next) || can_time_out(next)))
        next = decide(ready, timed, elsewhere);
    if (sim.n_choices == CHOICES_MAX)
        sim_fail("livelock: more than %u choices", CHOICES_MAX);
    sim.choices[sim.n_choices++] = (uint8_t)index_of(next);
    return next;
}

/* ---- The baton ---- */

static void give_baton(struct thread *to)
{
    __atomic_store_n(&to->baton, 1, __ATOMIC_RELEASE);
    (void)syscall(SYS_futex, &to->baton, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void await_baton(struct thread *self)
{
    while (__atomic_load_n(&self->baton, __ATOMIC_ACQUIRE) == 0)
        (void)syscall(SYS_futex, &self->baton, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    self->baton = 0;
}

static void change_over(struct thread *self, bool elsewhere)
{
    sim.steps++;
    sim.now += STEP_NS;
    if (sim.steps > sim.plan.max_steps)
        sim_fail("livelock: more than %llu steps", (unsigned long long)sim.plan.max_steps);
    struct thread *next = choose(elsewhere);
    sim.hash = (sim.hash ^ (index_of(next) + 1)) * UINT64_C(0x100000001B3); /* FNV-1a */
    if (can_time_out(next)) {
        if (sim.now < next->deadline)
            sim.now = next->deadline;
        next->state = READY;
        next->timed_out = true;
    }
    if (next == self)
        return;
    sim.current = next;
    bool over = self->state == ENDED; /* before another runs */
    give_baton(next);
    if (!over)
        await_baton(self);
}

static void run_handler(struct thread *self)
{
    while (self->handler != NULL && !self->in_handler) {
        void (*handler)(void) = self->handler;
        self->handler = NULL;
        self->in_handler = true;
        handler();
        self->in_handler = false;
    }
}

/* One step of the running thread is over. It goes on when it is chosen again, with a signal's handler first. */
static void step(bool elsewhere)
{
    struct thread *self = sim.current;
    change_over(self, elsewhere);
    if (self->state == READY)
        run_handler(self);
}

void sim_point(void)
{
    if (sim.active)
        step(false);
}

/* Block until somebody makes us ready; false: the deadline came. */
static bool block(const uint32_t *word, const struct thread *joined, int64_t deadline)
{
    struct thread *self = sim.current;
    if (self->in_handler)
        sim_fail("a signal handler blocks");
    self->word = word;
    self->joined = joined;
    self->deadline = deadline;
    self->timed_out = self->interrupted = false;
    self->state = BLOCKED;
    step(false);
    return !self->timed_out;
}

/* ---- Futex, clock, turns ---- */

int os_futex_wait(const uint32_t *word, uint32_t expected, int64_t deadline)
{
    sim_point();
    if (*word != expected)
        return 0;
    if (deadline <= sim.now)
        return -ETIMEDOUT;
    return block(word, NULL, deadline) ? 0 : -ETIMEDOUT;
}

int os_futex_wait_interruptible(const uint32_t *word, uint32_t expected, int64_t deadline)
{
    sim.current->interrupted = false;
    int result = os_futex_wait(word, expected, deadline < OS_FOREVER ? deadline : OS_FOREVER);
    return result == 0 && sim.current->interrupted ? -EINTR : result;
}

static const uint32_t *woken_word;

static bool sleeps_there(const struct thread *thread)
{
    return thread->state == BLOCKED && thread->word == woken_word;
}

void os_futex_wake(const uint32_t *word, int n)
{
    sim_point();
    woken_word = word;
    for (size_t sleepers; n > 0 && (sleepers = count(sleeps_there)) > 0; n--)
        nth(sleeps_there, draw() % sleepers)->state = READY;
}

int64_t os_now(void)
{
    return sim.now;
}

void os_yield(void)
{
    if (sim.active)
        step(true);
}

/* ---- Threads ---- */

static void begin(struct thread *thread)
{
    /* Above or below all others, by chance. */
    thread->priority = (int64_t)(draw() % 1000000);
    thread->state = READY;
}

static void end(struct thread *thread)
{
    for (size_t i = ENDINGS_MAX; i-- > 0;) {
        struct ending last = thread->endings[i];
        thread->endings[i].ended = NULL;
        if (last.ended != NULL)
            last.ended(last.arg);
    }
    run_handler(thread);
    thread->state = ENDED;
    for (size_t i = 0; i < sim.n_threads; i++)
        if (sim.threads[i].state == BLOCKED && sim.threads[i].word == NULL && sim.threads[i].joined == thread)
            sim.threads[i].state = READY;
}

static void *trampoline(void *arg)
{
    struct thread *self = arg;
    await_baton(self);
    (void)self->run(self->arg);
    end(self);
    step(false);
    return NULL;
}

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
    pthread_t thread;
    sim_point();
    if (sim.n_threads == THREADS_MAX)
        return -EAGAIN;
    struct thread *made = &sim.threads[sim.n_threads];
    *made = (struct thread){.run = run, .arg = arg, .helper = helper};
    int error = pthread_create(&thread, NULL, trampoline, made);
    if (error != 0)
        return -error;
    (void)pthread_detach(thread);
    *ret_thread = sim.n_threads++;
    begin(made);
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
    return index_of(sim.current);
}

void os_thread_join(os_thread thread)
{
    sim_point();
    if (sim.threads[thread].state != ENDED)
        (void)block(NULL, &sim.threads[thread], OS_FOREVER);
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
    (void)snprintf(ret_name, size, "sim-%zu", index_of(sim.current));
}

uint64_t os_native_id(void)
{
    return FIRST_NATIVE_ID + index_of(sim.current);
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
    struct ending *endings = sim.current->endings;
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
    sim.arrived[signo] = arrived;
    return 0;
}

void os_signal_give_back(int signo)
{
    sim_point();
    sim.arrived[signo] = NULL;
}

void sim_raise(int signo)
{
    if (sim.arrived[signo] != NULL)
        sim.arrived[signo](signo);
}

bool sim_signal(uint64_t native_id, void (*handler)(void))
{
    struct thread *thread = &sim.threads[native_id - FIRST_NATIVE_ID];
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
    if (sim.n_leaving == ENDINGS_MAX)
        return -ENOMEM;
    sim.leaving[sim.n_leaving++] = leaving;
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

enum { NO_BELL, SILENT, RINGING };

int os_bell_new(void)
{
    for (int bell = 0; bell < BELLS_MAX; bell++) {
        if (sim.bells[bell] == NO_BELL) {
            sim.bells[bell] = SILENT;
            return bell;
        }
    }
    return -EMFILE;
}

void os_bell_ring(int bell, bool on)
{
    sim_point();
    if (sim.bells[bell] != (on ? SILENT : RINGING))
        sim_fail("a bell is told twice the same");
    sim.bells[bell] = on ? RINGING : SILENT;
    os_futex_wake(&sim.bells[bell], (int)sim.n_threads);
}

void os_bell_free(int bell)
{
    sim.bells[bell] = NO_BELL;
}

bool sim_bell_rings(int bell)
{
    sim_point();
    return sim.bells[bell] == RINGING;
}

void sim_bell_wait(int bell)
{
    while (!sim_bell_rings(bell))
        (void)os_futex_wait(&sim.bells[bell], SILENT, OS_FOREVER);
}

uint64_t sim_number(const void *address)
{
    for (size_t i = 0; i < sim.n_numbered; i++)
        if (sim.numbered[i] == address)
            return (i + 1) * 8;
    if (sim.n_numbered == NUMBERS_MAX)
        sim_fail("more than %d addresses are waited for", NUMBERS_MAX);
    sim.numbered[sim.n_numbered++] = address;
    return sim.n_numbered * 8;
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
    for (size_t i = 1; i < sim.n_threads; i++)
        live += sim.threads[i].state != ENDED && !sim.threads[i].helper;
    return live > 0;
}

struct sim_result sim_run(const struct sim_plan *plan, void (*scenario)(void))
{
    struct thread *self = &sim.threads[0];
    sim.plan = *plan;
    sim.random = plan->seed;
    sim.now = 1000000000;
    sim.hash = UINT64_C(0xCBF29CE484222325);
    sim.n_threads = 1;
    sim.current = self;
    for (size_t i = 0; i < sizeof sim.changes / sizeof sim.changes[0]; i++)
        sim.changes[i] = 1 + draw() % (plan->usual_steps + 1);
    begin(self);
    sim.active = true;
    scenario();
    while (sim.n_leaving > 0)
        sim.leaving[--sim.n_leaving]();
    for (size_t i = 1; others_run(); i = i % (sim.n_threads - 1) + 1)
        if (sim.threads[i].state != ENDED && !sim.threads[i].helper)
            os_thread_join(i);
    end(self);
    sim.active = false;
    return (struct sim_result){sim.steps, sim.hash};
}
