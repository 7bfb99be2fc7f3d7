/*
 * test_fault.c - an overflow is reported by name, and all other faults are as they were
 */
#include "../harness.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

static char said[4096]; /* on stderr, by the last child */

struct talk {
    void (*body)(void);
    int end;
};

static void talk(void *arg)
{
    const struct talk *talk = arg;
    check(dup2(talk->end, STDERR_FILENO) >= 0);
    check(signal(SIGSEGV, SIG_DFL) != SIG_ERR && signal(SIGBUS, SIG_DFL) != SIG_ERR); /* cmocka has handlers */
    talk->body();
}

static int status_of(void (*body)(void))
{
    int ends[2];
    check_int(pipe(ends), 0);
    struct talk to = {body, ends[1]};
    int status = in_child(talk, &to);
    close(ends[1]);
    size_t size = 0;
    for (ssize_t got = 1; got > 0 && size<sizeof said - 1; size += got> 0 ? (size_t)got : 0)
        got = read(ends[0], said + size, sizeof said - 1 - size);
    said[size] = '\0';
    close(ends[0]);
    return status;
}

static int sink_deeper(volatile char *above)
{
    volatile char frame[512];
    frame[0] = *above;
    return frame[0] != 0 ? sink_deeper(frame) + frame[0] : 0;
}

static int sink(thrum_generator *self, void *arg)
{
    volatile char start_here = 1;
    (void)self;
    (void)arg;
    return sink_deeper(&start_here);
}

static void overflow(void)
{
    thrum_generator *generator;
    check_result(thrum_generator_new(&generator, sink, NULL, .name = "too deep"), 0);
    check_result(thrum_generator_next(generator, NULL), 0);
}

static void enable(void)
{
    check_result(thrum_faulthandler_enable(), 0);
    check_result(thrum_faulthandler_enable(), 0); /* again is allowed */
}

static void enable_and_overflow(void)
{
    enable();
    overflow();
}

TEST(an_overflow_is_reported_by_name)
{
    check_int(status_of(enable_and_overflow), -SIGSEGV);
    check(strstr(said, "thrum: coroutine 'too deep' at 0x") != NULL);
    check(strstr(said, "has overflowed its stack of ") != NULL);
}

static int overflow_in_thread(void *arg)
{
    (void)arg;
    overflow();
    return 0;
}

static void enable_and_overflow_in_thread(void)
{
    enable();
    (void)finish(start(overflow_in_thread, NULL, NULL));
}

TEST(in_a_thread_too)
{
    if (!THREADS_IN_CHILD)
        return;
    check_int(status_of(enable_and_overflow_in_thread), -SIGSEGV);
    check(strstr(said, "'too deep'") != NULL);
}

TEST(unasked_nothing_is_said)
{
    check_int(status_of(overflow), -SIGSEGV);
    check(strstr(said, "thrum") == NULL);
}

static void touch_nothing(void)
{
    enable();
    volatile uintptr_t nowhere = 16;
    *(volatile char *)nowhere = 1;
}

static void send_to_itself(void)
{
    enable();
    (void)raise(SIGSEGV);
}

TEST(another_fault_ends_the_process_as_ever)
{
    check_int(status_of(touch_nothing), -SIGSEGV);
    check(strstr(said, "thrum") == NULL);
    check_int(status_of(send_to_itself), -SIGSEGV);
    check(strstr(said, "thrum") == NULL);
}

static char *page;

static void mend(int signal)
{
    (void)signal;
    (void)mprotect(page, 4096, PROT_READ | PROT_WRITE);
}

static void mend_with_info(int signal, siginfo_t *info, void *context)
{
    (void)context;
    if (info->si_addr == page)
        mend(signal);
}

static void have_it_mended(struct sigaction action)
{
    page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check(page != MAP_FAILED);
    check_int(sigaction(SIGSEGV, &action, NULL), 0);
    enable();
    page[0] = 1;
}

static void fault_before_handler(void)
{
    have_it_mended((struct sigaction){.sa_handler = mend});
    have_it_mended((struct sigaction){.sa_sigaction = mend_with_info, .sa_flags = SA_SIGINFO});
}

TEST(the_handler_that_was_there_before_has_its_say)
{
    check_int(status_of(fault_before_handler), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_overflow_is_reported_by_name),
        cmocka_unit_test(in_a_thread_too),
        cmocka_unit_test(unasked_nothing_is_said),
        cmocka_unit_test(another_fault_ends_the_process_as_ever),
        cmocka_unit_test(the_handler_that_was_there_before_has_its_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
