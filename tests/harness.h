/*
 * harness.h - what the tests of thrum's modules share
 *
 * cmocka runs the tests; the checks are here, because cmocka's leave a failed test by a
 * jump, and the threads that the test had started would go on over its dead stack. These
 * end the program at once, and may be used from any thread and in a forked child.
 *
 * No test sleeps to bring about an order of events. Where the order cannot be made
 * certain, both orders are right, and the test is repeated so that both come up;
 * settle() only makes the interesting one likely. await_wait() makes it certain.
 */
#ifndef THRUM_TESTS_HARNESS_H
#define THRUM_TESTS_HARNESS_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <thrum/thrum.h>

#define TEST(name) static void name(__attribute__((__unused__)) void **state)

/* ---- Checks ------------------------------------------------------------------ */

#define check(condition) ((condition) ? (void)0 : harness_fail(__FILE__, __LINE__, "%s", #condition))
#define check_int(actual, expected) \
    harness_check_int(__FILE__, __LINE__, #actual, (intmax_t)(actual), (intmax_t)(expected))
#define check_str(actual, expected) harness_check_str(__FILE__, __LINE__, #actual, actual, expected)
/* The same as check_int for a result of the library, which a failure shows in words. */
#define check_result(actual, expected) harness_check_result(__FILE__, __LINE__, #actual, actual, expected)

_Noreturn void harness_fail(const char *file, int line, const char *format, ...) THRUM_PRINTF(3, 4);
void harness_check_int(const char *file, int line, const char *text, intmax_t actual, intmax_t expected);
void harness_check_str(const char *file, int line, const char *text, const char *actual, const char *expected);
void harness_check_result(const char *file, int line, const char *text, int actual, int expected);

/* ---- How much ------------------------------------------------------------------ */

#ifdef __has_feature
#define HARNESS_FEATURE(name) __has_feature(name)
#else
#define HARNESS_FEATURE(name) 0
#endif
#if defined(__SANITIZE_THREAD__) || HARNESS_FEATURE(thread_sanitizer)
#define HARNESS_TSAN 1
#else
#define HARNESS_TSAN 0
#endif
#if defined(__SANITIZE_ADDRESS__) || HARNESS_FEATURE(address_sanitizer)
#define HARNESS_ASAN 1
#else
#define HARNESS_ASAN 0
#endif
#define HARNESS_SLOWER (HARNESS_TSAN ? 20 : HARNESS_ASAN ? 4 : 1)
/* ThreadSanitizer takes a thread that a forked child starts for one of the parent's, and gives up. */
#define THREADS_IN_CHILD (!HARNESS_TSAN)
/* So many rounds, fewer where a sanitizer makes each of them slow. */
#define ROUNDS(n) ((n) / HARNESS_SLOWER + 1)

/* ---- Waiting ------------------------------------------------------------------- */

/* Poll until it is true; a test fails that polls for half a minute. */
#define until(condition)                                                      \
    do {                                                                      \
        int64_t harness_limit_ = thrum_monotonic_ns() + INT64_C(30000000000); \
        while (!(condition))                                                  \
            harness_poll(__FILE__, __LINE__, #condition, harness_limit_);     \
    } while (0)
void harness_poll(const char *file, int line, const char *text, int64_t limit);

/* Let the thread of that id fall asleep in the call that it is about to make, but for a
 * second at most: it may have been through already. */
void settle(uint64_t native_id);

/* The same for all threads but the calling one. */
void settle_others(void);

/* Until the thread of that id waits in the library: it is in a queue, and who wakes it finds it there. For tests where
 * it is no matter of likelihood that it does; it must. */
void await_wait(uint64_t native_id);

/* Run the processor for that long: a section that lasts. */
void busy(int64_t nanoseconds);

#define MILLISECOND INT64_C(1000000)

/* ---- Threads and children -------------------------------------------------------- */

/* Start a thread with that cancel token or NULL; wait for its end and give what it returned. */
thrum_thread *start(int (*target)(void *arg), void *arg, thrum_token *token);
int finish(thrum_thread *thread);

/* How many threads the process has, when each started with `start` has been joined. Start one before you
 * count: a sanitizer has a thread of its own from then on. */
unsigned count_threads(void);

/* Run body(arg) in a forked child, which must come to its end within a minute, and
 * return the child's exit status or minus its signal. A failed check ends it by SIGABRT. Let other threads settle
 * first: AddressSanitizer's locks stay held in the child if one of them holds them. */
int in_child(void (*body)(void *arg), void *arg);

/* ---- Faults ---------------------------------------------------------------------- */

/*
 * Refuse the n-th request from now on (0: the next), once: of memory (malloc and its kin) or of a
 * thread (pthread_create), made by the library or the test, in any thread. Disarm tells whether it came to that;
 * if it did not, the call under test had all that it asked for, and the loop over n is over.
 */
enum fault { FAULT_MEMORY, FAULT_THREAD };
void fault_arm(enum fault what, unsigned n);
bool fault_disarm(void);

/* That loop over arrive(arg, n), each in a thread that thrum does not know yet. It arms, and returns what disarm tells.
 * To be the program's first test: thrum has room for many threads at a time, and only the first needs memory. */
void fault_each_newcomer(bool (*arrive)(void *arg, unsigned n), void *arg);

#endif
