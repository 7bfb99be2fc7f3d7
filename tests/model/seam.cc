/*
 * seam.cc - the seam of platform/os.h on the machine of the model, its heap, and how scenarios are run on it
 *
 * A helper lives until all others have ended: then its next sleep is its last.
 *
 * A futex wait looks at the newest value: the kernel's own ordering has it that a waiter either sees what
 * was written before the wake or gets the wake. Nothing else is ordered by it.
 */
#include "engine.h"

#include <sys/mman.h>

namespace
{

const size_t watched_most = 1024;
const unsigned late_turns_most = 100;

int thread_now()
{
    return rl::ctx().threadx_->index_;
}

/* ---- Runs ---- */

void sleep_for(made_thread &made)
{
    keep kept;
    made.waiting = thread_now();
    (void)rl::ctx().park_current_thread(false, false, false, place());
}

void wake_for(made_thread &made)
{
    if (made.waiting >= 0)
        rl::ctx().unpark_thread(made.waiting, false, place());
    made.waiting = -1;
}

/* All have ended: who was never started, and helpers, shall end too. */
void end_rest()
{
    for (made_thread &other : m.made)
        wake_for(other);
    for (size_t i = m.n_asleep; i-- > 0;) {
        rl::thread_id_t thread = m.asleep[i].thread;
        m.asleep[i] = m.asleep[--m.n_asleep];
        rl::ctx().unpark_thread(thread, false, place());
    }
}

/* A helper's sleep when all others have ended. */
void leave_if_last()
{
    made_thread &self = m.made[thread_now()];
    if (self.helper && m.living == 0)
        __builtin_longjmp(self.out, 1);
}

/* For this run. Who ends last ends first. */
void run_endings(unsigned i)
{
    for (size_t n = endings_max; n-- > 0;) {
        ending end = m.endings[i][n];
        if (end.ended != nullptr)
            end.ended(end.arg);
    }
}

void clear_stacks()
{
    if (m.stacks_used > 0)
        (void)madvise(m.stacks, m.stacks_used, MADV_DONTNEED);
    m.stacks_used = 0;
}

struct suite : rl::test_suite<suite, MODEL_THREADS> {
    void before()
    {
        m.run++;
        m.watching = false;
        m.n_numbered = m.n_asleep = 0;
        memset(m.heap, 0, m.heap_used);
        memset(m.freed, 0, m.heap_used / piece);
        m.heap_used = 0;
        clear_stacks();
        m.now = 1;
        m.late = int(rl::ctx().rand(2 * MODEL_THREADS, rl::sched_type_user)); /* in half of the runs it is nobody */
        m.late_turns = int(rl::ctx().rand(late_turns_most, rl::sched_type_user));
        m.n_bells = m.n_pollers = 0;
        for (auto &poller : m.pollers)
            poller.iteration_begin();
        m.leaving = nullptr;
        memset(m.handlers, 0, sizeof m.handlers);
        m.living = m.scenario->threads;
        for (made_thread &made : m.made) {
            made.state = made_thread::UNUSED;
            made.helper = false;
            made.waiting = -1;
            made.order.iteration_begin();
        }
        memset(m.endings, 0, sizeof m.endings);
        m.site = nullptr;
        clear_thread_locals();
        model_reset();
        if (m.scenario->before != nullptr)
            m.scenario->before();
        m.watching = true;
    }

    void thread(unsigned i)
    {
        m.site = nullptr;
        clear_thread_locals();
        made_thread &made = m.made[i];
        if (int(i) < m.scenario->threads) {
            m.scenario->thread(int(i));
        } else {
            while (made.state == made_thread::UNUSED && m.living > 0)
                sleep_for(made);
            if (made.state == made_thread::UNUSED)
                return;
            made.order.acquire(rl::ctx().threadx_);
            if (__builtin_setjmp(made.out) == 0)
                (void)made.run(made.arg);
        }
        run_endings(i);
        m.site = nullptr;
        made.order.release(rl::ctx().threadx_);
        made.state = made_thread::ENDED;
        wake_for(made);
        if (!made.helper && --m.living == 0)
            end_rest();
    }

    void after()
    {
        m.watching = false;
        for (word &w : m.words)
            if (w.used_in == m.run)
                end_word(w);
        clear_thread_locals();
        if (m.scenario->after != nullptr)
            m.scenario->after();
    }
};

struct nothing : std::streambuf {
    int overflow(int c) override
    {
        return c;
    }
};
} // namespace

extern "C" {

/* ---- The seam (platform/os.h, and sim.h, for it is compiled as for a simulated machine) ---- */

void sim_point(void)
{
} /* the operation itself is the point */

bool sim_planted(const char *)
{
    return false;
}

uint64_t sim_number(const void *address)
{
    for (size_t i = 0; i < m.n_numbered; i++)
        if (m.numbered[i] == address)
            return (i + 1) * 8;
    if (m.n_numbered == numbers_max)
        abort();
    m.numbered[m.n_numbered++] = address;
    return m.n_numbered * 8;
}

static void leave_sleep(size_t i)
{
    m.asleep[i] = m.asleep[--m.n_asleep];
}

/* What it was that ended the sleep. */
static rl::unpark_reason sleep_at(const uint32_t *word, uint32_t expected, int64_t deadline)
{
    turn();
    leave_if_last();
    touch(word, sizeof *word, atomic_read, HERE);
    uint32_t found = uint32_t(read_memory(uintptr_t(word), sizeof *word));
    tell("%p futex wait for another than %#x: %#x", static_cast<const void *>(word), expected, found);
    if (found != expected)
        return rl::unpark_reason_normal;
    rl::unpark_reason reason;
    {
        keep kept;
        rl::thread_id_t self = thread_now();
        m.asleep[m.n_asleep++] = {word, self};
        reason = rl::ctx().park_current_thread(deadline < OS_FOREVER, true, false, place());
        for (size_t i = 0; i < m.n_asleep; i++) /* woken, it is not there any more */
            if (m.asleep[i].thread == self)
                leave_sleep(i);
    }
    leave_if_last();
    return reason;
}

int os_futex_wait(const uint32_t *word, uint32_t expected, int64_t deadline)
{
    return sleep_at(word, expected, deadline) == rl::unpark_reason_timeout ? model_timed_out : 0;
}

/* What ends a sleep for no reason may have been a handler. */
int os_futex_wait_interruptible(const uint32_t *word, uint32_t expected, int64_t deadline)
{
    rl::unpark_reason reason = sleep_at(word, expected, deadline);
    return reason == rl::unpark_reason_timeout                            ? model_timed_out
           : reason == rl::unpark_reason_spurious && model_choose(2) == 0 ? model_interrupted
                                                                          : 0;
}

void os_futex_wake(const uint32_t *word, int n)
{
    turn();
    tell("%p futex wake", static_cast<const void *>(word));
    for (; n > 0; n--) {
        size_t fit[MODEL_THREADS], n_fit = 0;
        for (size_t i = 0; i < m.n_asleep; i++)
            if (m.asleep[i].word == word)
                fit[n_fit++] = i;
        if (n_fit == 0)
            return;
        size_t chosen = fit[rl::ctx().rand(unsigned(n_fit), rl::sched_type_user)];
        rl::thread_id_t thread = m.asleep[chosen].thread;
        leave_sleep(chosen);
        rl::ctx().unpark_thread(thread, false, place());
    }
}

/* Sometimes much later than last time, for what is done only after long waits. */
int64_t os_now(void)
{
    return m.now += m.watching && rl::ctx().rand(2, rl::sched_type_user) == 0 ? 2000000 : 1;
}

void os_yield(void)
{
    if (!m.watching)
        return;
    keep kept;
    rl::ctx().yield(1, place());
}

uint64_t os_native_id(void)
{
    return uint64_t(thread_now()) + 1;
}

uint64_t os_main_id(void)
{
    return 1;
}

void os_thread_get_name(char *ret_name, size_t size)
{
    snprintf(ret_name, size, "thread-%d", thread_now());
}

int os_on_thread_exit(void (*ended)(void *arg), void *arg)
{
    ending *endings = m.endings[thread_now()];
    size_t at = 0;
    while (at < endings_max - 1 && endings[at].ended != nullptr && endings[at].ended != ended)
        at++;
    endings[at] = {ended, arg};
    return 0;
}

static int create(void *(*run)(void *arg), void *arg, bool helper)
{
    for (int i = m.scenario->threads; i < MODEL_THREADS; i++) {
        made_thread &made = m.made[i];
        if (made.state != made_thread::UNUSED)
            continue;
        made.state = made_thread::STARTED;
        made.helper = helper;
        made.run = run;
        made.arg = arg;
        m.living += !helper;
        if (m.watching) {
            made.order.release(rl::ctx().threadx_);
            wake_for(made);
        }
        return i;
    }
    return -1; /* no more than there are */
}

int os_thread_create(os_thread *ret_thread, void *(*run)(void *arg), void *arg, const os_thread_options *)
{
    int made = create(run, arg, false);
    *ret_thread = os_thread(made);
    return made < 0 ? model_no_thread : 0;
}

/* Also from a scenario's `before`, where there is nobody to wake. */
int os_helper_create(void *(*run)(void *arg), void *arg)
{
    return create(run, arg, true) < 0 ? model_no_thread : 0;
}

/* A handler runs when a scenario says so; nothing is blocked. */
int os_signal_take(int signo, void (*arrived)(int signo))
{
    if (size_t(signo) >= signals_max)
        return model_no_signal;
    m.handlers[signo] = arrived;
    return 0;
}

void os_signal_give_back(int signo)
{
    m.handlers[signo] = nullptr;
}

unsigned long os_thread_self(void)
{
    return (unsigned long)thread_now();
}

void os_thread_join(unsigned long thread)
{
    made_thread &made = m.made[thread];
    if (int(thread) < m.scenario->threads)
        model_fail("a thread is joined that nobody made");
    turn();
    while (made.state != made_thread::ENDED)
        sleep_for(made);
    made.order.acquire(rl::ctx().threadx_);
}

void os_thread_detach(unsigned long)
{
}

void os_thread_set_name(const char *)
{
}

size_t os_smallest_stack(void)
{
    return 1;
}

size_t os_cpu_count(void)
{
    return 1;
}

int os_at_exit(void (*leaving)(void))
{
    m.leaving = leaving;
    return 0;
}

void os_complain(const char *)
{
}

int os_write(int, const char *, size_t)
{
    return 0;
}

/* Bells are the kernel's: that they ring tells nobody of anything else. */
int os_bell_new(void)
{
    if (m.n_bells == bells_max)
        abort();
    m.bells[m.n_bells] = false;
    return m.n_bells++;
}

void os_bell_ring(int bell, bool on)
{
    turn();
    m.bells[bell] = on;
}

void os_bell_free(int)
{
}

void os_forget_pages(void *memory, size_t size)
{
    char *at = static_cast<char *>(memory);
    if (m.stacks != nullptr && at >= m.stacks && at < m.stacks + stacks_size)
        (void)madvise(memory, size, MADV_DONTNEED);
    else
        memset(memory, 0, size);
}

size_t os_page_size(void)
{
    return page;
}

void *os_map(size_t size)
{
    if (m.stacks == nullptr) {
        void *all =
            mmap(nullptr, stacks_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (all == MAP_FAILED)
            abort();
        m.stacks = static_cast<char *>(all);
    }
    if (size > stacks_size - m.stacks_used)
        return nullptr;
    char *memory = m.stacks + m.stacks_used;
    m.stacks_used += size;
    return memory;
}

int os_guard(void *, size_t, enum os_guard)
{
    return 0;
}

/* Pollers have no descriptors. A ring is an eventfd's, so the kernel's lock is between both ends of it. */

int os_poller_open(struct os_poller *ret_poller)
{
    if (m.n_pollers == int(pollers_max))
        abort();
    *ret_poller = {};
    ret_poller->set = m.n_pollers++;
    return 0;
}

void os_poller_close(struct os_poller *)
{
}

static void take_ring(struct os_poller *poller)
{
    poller->rung = 0;
    m.pollers[poller->set].acquire(rl::ctx().threadx_);
}

int os_poller_wait(struct os_poller *poller, int64_t deadline, struct os_ready *, int, bool *ret_rung)
{
    rl::unpark_reason reason = rl::unpark_reason_normal;
    if (poller->rung == 0)
        reason = sleep_at(&poller->rung, 0, deadline);
    *ret_rung = poller->rung != 0;
    if (*ret_rung)
        take_ring(poller);
    return reason == rl::unpark_reason_spurious && model_choose(2) == 0 ? model_interrupted : 0;
}

void os_poller_ring(struct os_poller *poller)
{
    turn();
    touch(poller, sizeof *poller, plain_read, HERE); /* it is not closed, nor is its memory another's */
    m.pollers[poller->set].release(rl::ctx().threadx_);
    poller->rung = 1;
    os_futex_wake(&poller->rung, 1);
}

void os_poller_hush(struct os_poller *poller)
{
    while (poller->rung == 0)
        (void)sleep_at(&poller->rung, 0, OS_FOREVER);
    take_ring(poller);
}

/* Nothing is ever ready, and nothing is known of what was there before. */
int os_poller_watch(struct os_poller *, int, uint32_t)
{
    turn();
    return OS_ANOTHER;
}

void os_poller_forget(struct os_poller *, int)
{
}

/* ---- For scenarios ---- */

void model_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(m.failure, sizeof m.failure, format, arguments);
    va_end(arguments);
    fail(rl::test_result_user_assert_failed);
}

unsigned model_choose(unsigned n)
{
    return rl::ctx().rand(n, rl::sched_type_user);
}

void model_dawdle(unsigned most)
{
    for (unsigned turns = model_choose(most + 1); turns > 0; turns--)
        turn();
}

void model_raise(int signo)
{
    if (m.handlers[signo] != nullptr)
        m.handlers[signo](signo);
}

void model_exit(void)
{
    if (m.leaving != nullptr)
        m.leaving();
}

bool model_rings(int bell)
{
    turn();
    return m.bells[bell];
}

void *model_calloc(size_t n, size_t size)
{
    size_t whole = (n * size + piece - 1) / piece * piece;
    if (m.heap_used + whole > heap_size) {
        fprintf(stderr, "model: the heap is too small\n");
        abort();
    }
    void *memory = m.heap + m.heap_used;
    m.sizes[m.heap_used / piece] = whole;
    m.heap_used += whole;
    return memory;
}

void *model_malloc(size_t size)
{
    return model_calloc(1, size);
}

void *model_aligned_alloc(size_t alignment, size_t size)
{
    m.heap_used = (m.heap_used + alignment - 1) / alignment * alignment;
    return model_calloc(1, size);
}

void *model_realloc(void *memory, size_t size)
{
    void *larger = model_malloc(size);
    if (memory != nullptr) {
        size_t had = m.sizes[size_t(static_cast<char *>(memory) - m.heap) / piece];
        model_memcpy(larger, memory, had < size ? had : size);
        model_free(memory);
    }
    return larger;
}

char *model_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    void *copy = model_malloc(size);
    touch(copy, size, plain_write, HERE);
    return static_cast<char *>(memcpy(copy, text, size));
}

void *model_memcpy(void *to, const void *from, size_t size)
{
    touch(from, size, plain_read, HERE);
    touch(to, size, plain_write, HERE);
    return memcpy(to, from, size);
}

void *model_memset(void *to, int value, size_t size)
{
    touch(to, size < watched_most ? size : watched_most, plain_write, HERE); /* a block of records: its beginning */
    return memset(to, value, size);
}

int model_snprintf(char *to, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(to, size, format, arguments);
    va_end(arguments);
    touch(to, size_t(length) < size ? size_t(length) + 1 : size, plain_write, HERE);
    return length;
}

void model_free(void *memory)
{
    if (memory == nullptr)
        return;
    size_t first = size_t(static_cast<char *>(memory) - m.heap) / piece;
    size_t *size = &m.sizes[first];
    touch(memory, *size, plain_write, HERE); /* whoever used it must be done */
    for (size_t i = 0; i < *size / piece; i++)
        m.freed[first + i] = true;
}

/* ---- For main.cc ---- */

model_finding model_run(const model_scenario *scenario, unsigned index, unsigned long first, unsigned long runs,
                        bool print)
{
    nothing nowhere;
    std::ostream silence(&nowhere);
    m.scenario = scenario;
    m.scenario_index = index;
    m.telling = print;
    m.failure[0] = '\0';

    rl::test_params params;
    params.iteration_count = first + runs - 1;
    params.output_stream = print ? &std::cout : &silence;
    params.progress_stream = &silence;
    params.execution_depth_limit = steps_max;
    params.collect_history = print;
    char start[32];
    snprintf(start, sizeof start, "%lu ", first);
    params.initial_state = start;
    rl::ostringstream state;
    rl::test_result_e result = rl::run_test<suite, rl::random_scheduler<MODEL_THREADS>>(params, state, print);

    model_finding finding = {};
    finding.found = result != rl::test_result_success;
    finding.run = params.stop_iteration;
    if (finding.found)
        snprintf(finding.text, sizeof finding.text, "%s%s%s", rl::test_result_str(result),
                 m.failure[0] != '\0' ? ": " : "", m.failure);
    return finding;
}

} // extern "C"
