/*
 * os.h - the one seam to the machine
 *
 * Atomics, futex, clock, threads and what a process is told of its fork,
 * exit and CPUs are reached through this header and by nothing else in src/. That
 * is what lets a second side be put behind it: a simulation, in which a seeded
 * scheduler runs one thread at a time and decides at every operation who is next.
 *
 * Two rules follow. Every operation on memory that threads share is one of the
 * os_ macros below, for each is a point at which the simulation may switch. And all
 * mutable state of the library is in one structure (platform/state.h), reached by
 * os_state(), for a simulated process has one of its own.
 *
 * The names in the object files carry the library's prefix, because a static
 * program has one name space for all.
 */
#ifndef OS_H_
#define OS_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef THRUM_SIM
#include "platform/sim.h"
/* Where the simulation may switch to another thread. */
#define os_point_() sim_point()
/* Whether a fault is planted here, for the tests that show that the simulation finds it. */
#define os_planted(name) sim_planted(name)
/* What stands for an address where an order or a hash is made of it. */
#define os_number(address) sim_number(address)
/* How often to look before sleeping: when one thread runs at a time, looking again is only a longer run. */
#define OS_SPINS(n) 1
#else
#define os_point_() ((void)0)
#define os_planted(name) false
#define os_number(address) ((uint64_t)(uintptr_t)(address))
#define OS_SPINS(n) (n)
#endif

/* ---- Atomics --------------------------------------------------------------------
 *
 * Named by the order that they give; the comment at each use says why that order is
 * enough. A relaxed load that only begins a loop around a compare-and-swap needs none: a stale value
 * makes the exchange fail, and the exchange has its own. There are no fences: ThreadSanitizer cannot see them. They
 * work on plain integers and pointers of 32 or 64 bits.
 *
 * os_cas_...(p, expected, new): expected is a pointer, and gets the value found when the
 * exchange fails. A failed exchange is always relaxed.
 */
#define os_load_relaxed(p) (os_point_(), __atomic_load_n((p), __ATOMIC_RELAXED))
#define os_load_seq_cst(p) (os_point_(), __atomic_load_n((p), __ATOMIC_SEQ_CST))
#define os_store_seq_cst(p, value) (os_point_(), __atomic_store_n((p), (value), __ATOMIC_SEQ_CST))
#define os_load_acquire(p) (os_point_(), __atomic_load_n((p), __ATOMIC_ACQUIRE))
#define os_store_relaxed(p, value) (os_point_(), __atomic_store_n((p), (value), __ATOMIC_RELAXED))
#define os_store_release(p, value) (os_point_(), __atomic_store_n((p), (value), __ATOMIC_RELEASE))
#define os_exchange_acquire(p, value) (os_point_(), __atomic_exchange_n((p), (value), __ATOMIC_ACQUIRE))
#define os_exchange_release(p, value) (os_point_(), __atomic_exchange_n((p), (value), __ATOMIC_RELEASE))
#define os_exchange_acq_rel(p, value) (os_point_(), __atomic_exchange_n((p), (value), __ATOMIC_ACQ_REL))
#define os_add_acq_rel(p, value) (os_point_(), __atomic_fetch_add((p), (value), __ATOMIC_ACQ_REL))
#define os_or_acq_rel(p, value) (os_point_(), __atomic_fetch_or((p), (value), __ATOMIC_ACQ_REL))
#define os_add_seq_cst(p, value) (os_point_(), __atomic_fetch_add((p), (value), __ATOMIC_SEQ_CST))
#define os_add_relaxed(p, value) (os_point_(), __atomic_fetch_add((p), (value), __ATOMIC_RELAXED))
#define os_add_release(p, value) (os_point_(), __atomic_fetch_add((p), (value), __ATOMIC_RELEASE))
#define os_sub_acq_rel(p, value) (os_point_(), __atomic_fetch_sub((p), (value), __ATOMIC_ACQ_REL))
#define os_sub_release(p, value) (os_point_(), __atomic_fetch_sub((p), (value), __ATOMIC_RELEASE))
#define os_sub_relaxed(p, value) (os_point_(), __atomic_fetch_sub((p), (value), __ATOMIC_RELAXED))
#define os_or_release(p, value) (os_point_(), __atomic_fetch_or((p), (value), __ATOMIC_RELEASE))
#define os_or_relaxed(p, value) (os_point_(), __atomic_fetch_or((p), (value), __ATOMIC_RELAXED))

#define os_cas_seq_cst(p, expected, value) \
    (os_point_(), __atomic_compare_exchange_n((p), (expected), (value), false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
#define os_cas_relaxed(p, expected, value) \
    (os_point_(), __atomic_compare_exchange_n((p), (expected), (value), false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
#define os_cas_acquire(p, expected, value) \
    (os_point_(), __atomic_compare_exchange_n((p), (expected), (value), false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
#define os_cas_acq_rel(p, expected, value) \
    (os_point_(), __atomic_compare_exchange_n((p), (expected), (value), false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
#define os_cas_release(p, expected, value) \
    (os_point_(), __atomic_compare_exchange_n((p), (expected), (value), false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))

/* ---- Futex ---------------------------------------------------------------------- */

#define os_futex_wait thrum_os_futex_wait_
#define os_futex_wait_interruptible thrum_os_futex_wait_interruptible_
#define os_futex_wake thrum_os_futex_wake_

#define OS_FOREVER (INT64_MAX - 1) /* even: see park_deadline */

/* Sleep while *word is `expected`, until woken or the clock reaches `deadline` (ns,
 * os_now; OS_FOREVER). 0: woken, or *word was another, or for no reason (signals
 * included): the caller looks again; -ETIMEDOUT. */
int os_futex_wait(const uint32_t *word, uint32_t expected, int64_t deadline);

/* The same, and -EINTR: a signal handler ran in this thread while it slept, restarting ones included. */
int os_futex_wait_interruptible(const uint32_t *word, uint32_t expected, int64_t deadline);

/* Wake at most n sleepers. May be called in a signal handler. The memory need no longer be what it was, or be there: a
 * wake that comes late is a wake for no reason. */
void os_futex_wake(const uint32_t *word, int n);

/* ---- A lock of one word, for a few instructions ------------------------------------
 *
 * It guards the parking lot itself and so cannot wait there. It has no owner: a
 * coroutine's wait may release it from another stack. Zero is free.
 */
#define os_wordlock_acquire thrum_os_wordlock_acquire_
#define os_wordlock_release thrum_os_wordlock_release_

void os_wordlock_acquire(uint32_t *word);
void os_wordlock_release(uint32_t *word);

/* ---- Clock, turns -------------------------------------------------------------------- */

#define os_now thrum_os_now_
#define os_yield thrum_os_yield_

int64_t os_now(void); /* nanoseconds on CLOCK_MONOTONIC */
void os_yield(void);  /* let another thread run on this CPU */

/* Tell the CPU that this is a spin. */
static inline void os_pause(void)
{
#if defined(THRUM_SIM)
    os_yield();
#elif defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Tell the CPU that this memory is about to be written: who has its line shall give it up by then. Any address will do.
 */
static inline void os_prefetch_write(const void *memory)
{
#if defined(__x86_64__)
    /* The compiler's own would only ask for a copy to read, unless told of the processor. One that does not know it
     * takes it for no operation. */
    __asm__ volatile("prefetchw %0" : : "m"(*(const char *)memory));
#else
    __builtin_prefetch(memory, 1);
#endif
}

/* ---- Threads -------------------------------------------------------------------------- */

#define os_cpus_parse thrum_os_cpus_parse_
#define os_thread_create thrum_os_thread_create_
#define os_thread_self thrum_os_thread_self_
#define os_thread_join thrum_os_thread_join_
#define os_thread_detach thrum_os_thread_detach_
#define os_thread_set_name thrum_os_thread_set_name_
#define os_thread_get_name thrum_os_thread_get_name_
#define os_native_id thrum_os_native_id_
#define os_main_id thrum_os_main_id_
#define os_smallest_stack thrum_os_smallest_stack_
#define os_on_thread_exit thrum_os_on_thread_exit_
#define os_helper_create thrum_os_helper_create_

typedef unsigned long os_thread;

#define OS_CPUS_MAX 16384 /* twice what the kernel can be built for */

struct os_cpus {
    unsigned long bits[OS_CPUS_MAX / (8 * sizeof(unsigned long))];
};

/* A set of CPUs, from malloc, by the kernel's text for one: "0-3,8". 0, -EINVAL, -ENOMEM. */
int os_cpus_parse(const char *text, struct os_cpus **ret_cpus);

struct os_thread_options {
    size_t stack_size;          /* bytes, at least os_smallest_stack(); 0: the system's default */
    const struct os_cpus *cpus; /* which it may run on, from its first instruction of ours; NULL: as its maker */
};

/* 0, -EAGAIN, -EINVAL, -ENOMEM; -ENODEV when the process may not use all of those CPUs. The options (NULL: none)
 * are not needed afterwards. */
int os_thread_create(os_thread *ret_thread, void *(*run)(void *arg), void *arg,
                     const struct os_thread_options *options);
os_thread os_thread_self(void);        /* the calling thread, for the two below */
void os_thread_join(os_thread thread); /* blocks until the system has ended it */
void os_thread_detach(os_thread thread);
void os_thread_set_name(const char *name); /* of the calling thread; cut at 15 characters */
void os_thread_get_name(char *ret_name, size_t size);
uint64_t os_native_id(void);
uint64_t os_main_id(void); /* the native id of the process's first thread, or of the one that forked it */
size_t os_smallest_stack(void);

/* Have `ended(arg)` called when the calling thread ends, also one that is not ours. Later than
 * most other destructors of thread-locals; set again by one that uses us after that. Of several the one
 * that was set last comes first; the same function again has a new argument. 0, -EAGAIN, -ENOMEM. */
int os_on_thread_exit(void (*ended)(void *arg), void *arg);

/* A thread of the library's own, that nobody joins and that ends with the process. All signals are blocked in
 * it, from the first. 0, -EAGAIN, -ENOMEM. */
int os_helper_create(void *(*run)(void *arg), void *arg);

/* ---- Signals ------------------------------------------------------------------------------
 *
 * Not for two threads at once.
 */
#define os_signal_take thrum_os_signal_take_
#define os_signal_give_back thrum_os_signal_give_back_

/* Have arrived(signo) called in a handler of that signal; then the handler that was there before is called, if
 * it is a function. System calls under way are not restarted. 0; -EINVAL: it is no signal, or one that cannot be
 * handled, or that a handler cannot return from. */
int os_signal_take(int signo, void (*arrived)(int signo));

/* Put the handler from before back, unless the program has set another one meanwhile. */
void os_signal_give_back(int signo);

/* ---- Process ---------------------------------------------------------------------------- */

#define os_cpu_count thrum_os_cpu_count_
#define os_at_exit thrum_os_at_exit_
#define os_complain thrum_os_complain_
#define os_write thrum_os_write_
#define os_forget_pages thrum_os_forget_pages_

/* CPUs that this process may use: its affinity, and the cgroup's limit rounded up; at least 1. */
size_t os_cpu_count(void);

/* Have `leaving` called at exit(3). 0, -ENOMEM. */
int os_at_exit(void (*leaving)(void));

/* Write a text to the standard error, whole. */
void os_complain(const char *text);

/* Write all of it to a descriptor. 0, or write(2)'s error. */
int os_write(int fd, const char *text, size_t size);

/* Make whole pages of private memory zero without touching them one by one. */
void os_forget_pages(void *memory, size_t size);

/* ---- Bells --------------------------------------------------------------------------------
 *
 * A descriptor that others poll: readable while it rings. Neither call blocks.
 */
#define os_bell_new thrum_os_bell_new_
#define os_bell_ring thrum_os_bell_ring_
#define os_bell_free thrum_os_bell_free_

int os_bell_new(void);                /* silent; the descriptor, -EMFILE, -ENFILE, -ENODEV, -ENOMEM */
void os_bell_ring(int bell, bool on); /* not twice the same */
void os_bell_free(int bell);

/* ---- Pollers ------------------------------------------------------------------------------
 *
 * Where a thread sleeps that has several things to wait for: until a descriptor is ready, or somebody rings, or the
 * time has come. One thread waits; any may ring, and watch or forget descriptors.
 */
#define os_poller_open thrum_os_poller_open_
#define os_poller_close thrum_os_poller_close_
#define os_poller_wait thrum_os_poller_wait_
#define os_poller_ring thrum_os_poller_ring_
#define os_poller_hush thrum_os_poller_hush_
#define os_poller_watch thrum_os_poller_watch_
#define os_poller_forget thrum_os_poller_forget_

enum { OS_READABLE = 1, OS_WRITABLE = 2 }; /* or in error, or hung up: whoever reads or writes is told */

struct os_poller {
    int set, bell;
    uint32_t rung;
    uint32_t reserved;
};

struct os_ready {
    int fd;
    uint32_t how; /* OS_... */
};

/* 0, -EMFILE, -ENFILE, -ENOMEM. */
int os_poller_open(struct os_poller *ret_poller);
void os_poller_close(struct os_poller *poller);

/* How many descriptors are ready, at most `room`: 0 also when the time has come or somebody has rung, which
 * *ret_rung says, once a ring; -EINTR: a signal handler ran in this thread meanwhile. */
int os_poller_wait(struct os_poller *poller, int64_t deadline, struct os_ready *ret_ready, int room, bool *ret_rung);
void os_poller_ring(struct os_poller *poller);

/* Take in a ring that is certain to come: wait for it. */
void os_poller_hush(struct os_poller *poller);

/* Have wait tell of that descriptor when it is so: once; what was said of it before counts no longer. 0; OS_ANOTHER:
 * the same, and the poller has not known the file of that number: if it has known one, that is closed; if it is open
 * elsewhere, the poller may still tell of it. -EBADF;
 * -EPERM: it is of a kind that is always ready; -ENOMEM; -ENOSPC. forget: no more, and nothing happens if it is not
 * known. */
enum { OS_ANOTHER = 1 };
int os_poller_watch(struct os_poller *poller, int fd, uint32_t how);
void os_poller_forget(struct os_poller *poller, int fd);

/* ---- Descriptors --------------------------------------------------------------------------
 *
 * What others have opened, blocking or not. Nobody is told by SIGPIPE. `at_once`: -EAGAIN, where the call would have to
 * wait; OS_UNKNOWN: the system cannot do this without waiting, if it should have to, and nothing was done. Without
 * it, it may block, and does not where the descriptor is ready and nobody comes between; then of what is to be written
 * no more is taken than goes in without waiting, where the kind of file has such a number. Else minus what the system
 * says.
 */
#define os_poll thrum_os_poll_
#define os_read_some thrum_os_read_some_
#define os_write_some thrum_os_write_some_
#define os_accept thrum_os_accept_
#define os_connect thrum_os_connect_
#define os_connected thrum_os_connected_
#define os_is_file thrum_os_is_file_
#define os_close thrum_os_close_

enum { OS_UNKNOWN = 1 };

/* Which of those it is now (OS_READABLE, OS_WRITABLE), 0: none; -EBADF. */
int os_poll(int fd, uint32_t how);

int os_read_some(int fd, void *ret_data, size_t size, size_t *ret_n, bool at_once);
int os_write_some(int fd, const void *data, size_t size, size_t *ret_n, bool at_once);

/* The new descriptor does not block, and is not there after exec(3). */
int os_accept(int fd, int *ret_fd, bool at_once);

/* Begin to connect, without waiting for it: also -EINPROGRESS. Then, if it is writable, what came of it. */
struct sockaddr;
int os_connect(int fd, const struct sockaddr *address, size_t size);
int os_connected(int fd);

/* Whether nothing ever waits for it, as it is in a file system or on a disk. */
bool os_is_file(int fd);

int os_close(int fd); /* closed, or -EBADF; or another error, and closed all the same */

/* ---- Memory for stacks --------------------------------------------------------------------
 *
 * Memory is the same on the simulated machine: what threads see of it does not depend on their order.
 */
#define os_page_size thrum_os_page_size_
#define os_map thrum_os_map_
#define os_guard thrum_os_guard_

size_t os_page_size(void);

/* So many bytes, whole pages, at a page's start: zero, and there when they are touched, a small page at a time;
 * nothing is set aside for them before. NULL: no address space, or no more mappings. */
void *os_map(size_t size);

/* Make whole pages of such memory a place that nobody may touch. OS_GUARD_LIGHT takes no mapping, but a kernel of
 * 6.13; OS_GUARD_SPLIT takes two, of which a process may have some 65,000. 0; -ENOTSUP: not by this kernel; -ENOMEM. */
enum os_guard { OS_GUARD_LIGHT, OS_GUARD_SPLIT };
int os_guard(void *memory, size_t size, enum os_guard how);

/* ---- Faults --------------------------------------------------------------------------------- */

#define os_on_fault thrum_os_on_fault_
#define os_signal_stack thrum_os_signal_stack_

/* From now on have explain(address) called when a thread touches what it may not, before what would happen anyway
 * happens: the handler that was there before, or the process's end. It runs as a signal handler. 0, or the system's
 * error. */
int os_on_fault(void (*explain)(const void *address));

/* Give the calling thread a stack for signal handlers, unless it has one, until it ends. 0, -ENOMEM, -EAGAIN. */
int os_signal_stack(void);

/* ---- State --------------------------------------------------------------------------------- */

struct os_state;

extern struct os_state thrum_os_state_;
#define os_state() (&thrum_os_state_)

#endif
