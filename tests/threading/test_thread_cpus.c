/*
 * test_thread_cpus.c - threads that may run on some CPUs only
 */
#include "harness.h"

#include <sched.h>

/* CPUs that this process may use: the first of them; and one that it may not. */
static size_t usable(void)
{
    cpu_set_t set;
    size_t cpu = 0;
    check_int(sched_getaffinity(0, sizeof set, &set), 0);
    while (!CPU_ISSET(cpu, &set))
        check(++cpu < CPU_SETSIZE);
    return cpu;
}

#define UNUSABLE 16000 /* more than the kernel can be built for */

static int see_set(void *arg)
{
    return sched_getaffinity(0, sizeof(cpu_set_t), arg);
}

static int run_with(const char *cpus, cpu_set_t *ret_set)
{
    thrum_thread *thread = NULL;
    int code, result = thrum_thread_run(&thread, see_set, ret_set, .cpus = cpus);
    check((result == 0) == (thread != NULL));
    if (result == 0) {
        check_result(thrum_thread_join(thread, &code, THRUM_FOREVER), 0);
        check_int(code, 0);
        thrum_thread_free(thread);
    }
    return result;
}

TEST(it_runs_where_it_may)
{
    char text[64];
    cpu_set_t set;
    snprintf(text, sizeof text, "%zu", usable());
    check_result(run_with(text, &set), 0);
    check_int(CPU_COUNT(&set), 1);
    check(CPU_ISSET(usable(), &set));
    snprintf(text, sizeof text, "%zu-%zu,%zu\n", usable(), usable(), usable()); /* as a file of the kernel has it */
    check_result(run_with(text, &set), 0);
    check_int(CPU_COUNT(&set), 1);
}

TEST(it_may_have_all_of_them)
{
    char text[CPU_SETSIZE * 5] = "";
    cpu_set_t mine, its;
    check_int(sched_getaffinity(0, sizeof mine, &mine), 0);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &mine))
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%zu", *text ? "," : "", cpu);
    check_result(run_with(text, &its), 0);
    check(CPU_EQUAL(&mine, &its));
    check_result(run_with(NULL, &its), 0);
    check(CPU_EQUAL(&mine, &its));
}

TEST(its_starter_stays_where_it_is)
{
    char text[64];
    cpu_set_t before, after, its;
    check_int(sched_getaffinity(0, sizeof before, &before), 0);
    snprintf(text, sizeof text, "%zu", usable());
    check_result(run_with(text, &its), 0);
    check_int(sched_getaffinity(0, sizeof after, &after), 0);
    check(CPU_EQUAL(&before, &after));
}

TEST(bad_text_is_refused_when_it_is_made)
{
    static const char *const bad[] = {"",    " ",     "a",       "0,",  ",0",         "0-",
                                      "-1",  "3-1",   "0 ",      "0;1", "0--1",       "0-1-2",
                                      "0x1", "0.5",   "0\n\n",   "\n",  "1,",         "+1",
                                      "0-a", "16384", "0-99999", "all", "4294967296", "18446744073709551616"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        thrum_thread *mark = (thrum_thread *)&i, *thread = mark;
        int result = thrum_thread_new(&thread, see_set, NULL, .cpus = bad[i]);
        if (result != -EINVAL)
            harness_fail(__FILE__, __LINE__, "'%s' gives %d", bad[i], result);
        check(thread == mark);
    }
}

/* Also when it may use some of them: what it gets is what was asked for. */
TEST(cpus_that_there_are_not_are_told_at_its_start)
{
    char some[64], none[64];
    cpu_set_t set;
    thrum_thread *thread;
    snprintf(none, sizeof none, "%d", UNUSABLE);
    snprintf(some, sizeof some, "%zu,%d", usable(), UNUSABLE);
    check_result(run_with(NULL, &set), 0);
    unsigned before = count_threads();
    size_t alive = thrum_active_count();
    for (int round = 0; round < 3; round++) {
        check_result(run_with(none, &set), -ENODEV);
        check_result(run_with(some, &set), -ENODEV);
    }
    check_result(thrum_thread_new(&thread, see_set, &set, .cpus = some), 0);
    check_result(thrum_thread_start(thread), -ENODEV);
    check(!thrum_thread_is_alive(thread));
    check_int(thrum_thread_ident(thread), 0);
    check_result(thrum_thread_join(thread, NULL, THRUM_NOWAIT), -EINVAL);
    check_result(thrum_thread_start(thread), -ENODEV); /* it can be tried again */
    thrum_thread_free(thread);
    check_int(thrum_active_count(), alive);
    until(count_threads() <= before);
}

TEST(without_memory_or_thread_nothing_is_lost)
{
    char text[64];
    cpu_set_t set;
    bool came_to_it = true;
    snprintf(text, sizeof text, "%zu", usable());
    check_result(run_with(text, &set), 0);
    unsigned before = count_threads();
    for (unsigned n = 0; came_to_it; n++) {
        thrum_thread *thread = NULL;
        fault_arm(FAULT_MEMORY, n);
        int result = thrum_thread_run(&thread, see_set, &set, .cpus = text);
        if (result == 0)
            until(!thrum_thread_is_alive(thread));
        came_to_it = fault_disarm();
        check(result == 0 || (came_to_it && (result == -ENOMEM || result == -EAGAIN)));
        if (result == 0)
            check_int(finish(thread), 0);
    }
    thrum_thread *thread;
    fault_arm(FAULT_THREAD, 0);
    int result = thrum_thread_run(&thread, see_set, &set, .cpus = text);
    check(fault_disarm());
    check_result(result, -EAGAIN);
    until(count_threads() <= before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_runs_where_it_may),
        cmocka_unit_test(it_may_have_all_of_them),
        cmocka_unit_test(its_starter_stays_where_it_is),
        cmocka_unit_test(bad_text_is_refused_when_it_is_made),
        cmocka_unit_test(cpus_that_there_are_not_are_told_at_its_start),
        cmocka_unit_test(without_memory_or_thread_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
