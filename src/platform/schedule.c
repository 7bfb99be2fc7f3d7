/*
 * schedule.c - the scheduler of the simulated machine (schedule.h says what it is for)
 *
 * It is a function that the running thread calls: it picks who is next, wakes that one, and sleeps until it is
 * picked itself.
 *
 * To pick a blocked thread that has a deadline is to let its time come: the clock
 * jumps there. That may happen at any point, for the others may be as slow as you like.
 */
#include "platform/schedule.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "platform/os.h"

#define STEP_NS 20 /* what an operation takes on the virtual clock */
#define TIME_COMES_ONE_IN 50

struct schedule schedule;

static uint64_t draw(void)
{
    /* splitmix64: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators" (2014). */
    uint64_t z = schedule.random += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* ---- Failure ---- */

static void print_choices(void)
{
    /* As runs: "0*12,1*3" is twelve times thread 0, then three times thread 1. */
    fprintf(stderr, "choices: ");
    for (uint32_t i = 0, n; i < schedule.n_choices; i += n) {
        for (n = 1; i + n < schedule.n_choices && schedule.choices[i + n] == schedule.choices[i]; n++)
            continue;
        fprintf(stderr, "%s%u*%u", i > 0 ? "," : "", schedule.choices[i], n);
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
    for (size_t i = 0; i < schedule.n_threads; i++) {
        const struct thread *thread = &schedule.threads[i];
        fprintf(stderr, "  thread %zu: ", i);
        if (thread == schedule.current)
            fprintf(stderr, "running\n");
        else if (thread->state != BLOCKED)
            fprintf(stderr, "%s\n", thread->state == READY ? "ready" : "ended");
        else if (thread->word == NULL)
            fprintf(stderr, "joining thread %zu\n", index_of(thread->joined));
        else
            fprintf(stderr, "asleep at word %llu, %s\n", (unsigned long long)sim_number(thread->word),
                    thread->deadline == OS_FOREVER ? "for ever" : "for a time");
    }
    fprintf(stderr, "seed %llu depth %u step %llu\n", (unsigned long long)schedule.plan.seed, schedule.plan.depth,
            (unsigned long long)schedule.steps);
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
    for (size_t i = 0; i < schedule.n_threads; i++)
        n += fits(&schedule.threads[i]);
    return n;
}

static struct thread *nth(bool (*fits)(const struct thread *thread), size_t n)
{
    struct thread *thread = schedule.threads;
    while (!fits(thread) || n-- > 0)
        thread++;
    return thread;
}

static struct thread *highest(void)
{
    struct thread *best = NULL;
    for (size_t i = 0; i < schedule.n_threads; i++)
        if (can_run(&schedule.threads[i]) && (best == NULL || schedule.threads[i].priority > best->priority))
            best = &schedule.threads[i];
    return best;
}

static struct thread *soonest(void)
{
    struct thread *best = NULL;
    for (size_t i = 0; i < schedule.n_threads; i++)
        if (can_time_out(&schedule.threads[i]) && (best == NULL || schedule.threads[i].deadline < best->deadline))
            best = &schedule.threads[i];
    return best;
}

static void demote(struct thread *thread)
{
    thread->priority = --schedule.lowest;
}

/* By the seed. `elsewhere`: the running thread would rather have another run. */
static struct thread *decide(size_t ready, size_t timed, bool elsewhere)
{
    for (uint32_t i = 0; i + 1 < schedule.plan.depth; i++)
        if (schedule.changes[i] == schedule.steps)
            demote(schedule.current);
    if (ready == 0)
        return soonest();
    if (timed > 0 && draw() % TIME_COMES_ONE_IN == 0)
        return nth(can_time_out, draw() % timed);
    if (schedule.plan.depth > 0) {
        if (elsewhere)
            demote(schedule.current);
        return highest();
    }
    struct thread *next = nth(can_run, draw() % ready);
    while (elsewhere && ready > 1 && next == schedule.current)
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
    if (schedule.n_choices < schedule.plan.n_choices && schedule.plan.choices[schedule.n_choices] < schedule.n_threads)
        next = &schedule.threads[schedule.plan.choices[schedule.n_choices]];
    if (next == NULL || !(can_run(next) || can_time_out(next)))
        next = decide(ready, timed, elsewhere);
    if (schedule.n_choices == CHOICES_MAX)
        sim_fail("livelock: more than %u choices", CHOICES_MAX);
    schedule.choices[schedule.n_choices++] = (uint8_t)index_of(next);
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
    schedule.steps++;
    schedule.now += STEP_NS;
    if (schedule.steps > schedule.plan.max_steps)
        sim_fail("livelock: more than %llu steps", (unsigned long long)schedule.plan.max_steps);
    struct thread *next = choose(elsewhere);
    schedule.hash = (schedule.hash ^ (index_of(next) + 1)) * UINT64_C(0x100000001B3); /* FNV-1a */
    if (can_time_out(next)) {
        if (schedule.now < next->deadline)
            schedule.now = next->deadline;
        next->state = READY;
        next->timed_out = true;
    }
    if (next == self)
        return;
    schedule.current = next;
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

void schedule_step(bool elsewhere)
{
    struct thread *self = schedule.current;
    change_over(self, elsewhere);
    if (self->state == READY)
        run_handler(self);
}

void sim_point(void)
{
    if (schedule.active)
        schedule_step(false);
}

bool schedule_block(const uint32_t *word, const struct thread *joined, int64_t deadline)
{
    struct thread *self = schedule.current;
    if (self->in_handler)
        sim_fail("a signal handler blocks");
    self->word = word;
    self->joined = joined;
    self->deadline = deadline;
    self->timed_out = self->interrupted = false;
    self->state = BLOCKED;
    schedule_step(false);
    return !self->timed_out;
}

static const uint32_t *woken_word;

static bool sleeps_there(const struct thread *thread)
{
    return thread->state == BLOCKED && thread->word == woken_word;
}

void schedule_wake(const uint32_t *word, int n)
{
    woken_word = word;
    for (size_t sleepers; n > 0 && (sleepers = count(sleeps_there)) > 0; n--)
        nth(sleeps_there, draw() % sleepers)->state = READY;
}

/* ---- A thread's life ---- */

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
    for (size_t i = 0; i < schedule.n_threads; i++)
        if (schedule.threads[i].state == BLOCKED && schedule.threads[i].word == NULL &&
            schedule.threads[i].joined == thread)
            schedule.threads[i].state = READY;
}

static void *trampoline(void *arg)
{
    struct thread *self = arg;
    await_baton(self);
    (void)self->run(self->arg);
    end(self);
    schedule_step(false);
    return NULL;
}

int schedule_add(void *(*run)(void *arg), void *arg, bool helper)
{
    pthread_t thread;
    if (schedule.n_threads == THREADS_MAX)
        return -EAGAIN;
    struct thread *made = &schedule.threads[schedule.n_threads];
    *made = (struct thread){.run = run, .arg = arg, .helper = helper};
    int error = pthread_create(&thread, NULL, trampoline, made);
    if (error != 0)
        return -error;
    (void)pthread_detach(thread);
    begin(made);
    return (int)schedule.n_threads++;
}

void schedule_begin(const struct sim_plan *plan)
{
    struct thread *self = &schedule.threads[0];
    schedule.plan = *plan;
    schedule.random = plan->seed;
    schedule.now = 1000000000;
    schedule.hash = UINT64_C(0xCBF29CE484222325);
    schedule.n_threads = 1;
    schedule.current = self;
    for (size_t i = 0; i < sizeof schedule.changes / sizeof schedule.changes[0]; i++)
        schedule.changes[i] = 1 + draw() % (plan->usual_steps + 1);
    begin(self);
    schedule.active = true;
}

void schedule_end(void)
{
    end(schedule.current);
    schedule.active = false;
}
