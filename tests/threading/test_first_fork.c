/*
 * test_first_fork.c - a fork before the program's main thread has waited for anything
 *
 * In a program of its own: once any thread of thrum has run, this cannot be seen any more. So the fork comes at
 * once, most often before the other thread has begun, and each try has a process of its own.
 */
#include "harness.h"

#include <unistd.h>

static atomic_uint_fast64_t reader;
static int ends[2];

static int read_one(void *arg)
{
    char letter;
    (void)arg;
    atomic_store(&reader, (uint64_t)gettid());
    return (int)read(ends[0], &letter, 1);
}

static void leave(void *arg)
{
    (void)arg;
    exit(7); /* which must not wait for the thread that only the parent has */
}

static void fork_first(void *arg)
{
    (void)arg;
    check_int(pipe(ends), 0);
    thrum_thread *thread = start(read_one, NULL, NULL);
    if (HARNESS_ASAN || HARNESS_TSAN) { /* see in_child */
        until(atomic_load(&reader) != 0);
        settle(atomic_load(&reader));
    }
    check_int(in_child(leave, NULL), 7);
    check_int(write(ends[1], "x", 1), 1);
    check_int(finish(thread), 1);
}

TEST(the_child_does_not_wait_for_its_parents_threads)
{
    for (int round = 0; THREADS_IN_CHILD && round < 10; round++)
        check_int(in_child(fork_first, NULL), 0);
    fork_first(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_child_does_not_wait_for_its_parents_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
