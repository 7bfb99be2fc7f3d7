/*
 * test_os.c - the seam's Linux side
 */
#include "../harness.h"
#include "platform/os.h"

#include <sched.h>
#include <signal.h>
#include <unistd.h>

TEST(clock_does_not_go_back)
{
    int64_t last = os_now();
    for (int i = 0; i < 1000; i++) {
        int64_t now = os_now();
        check(now >= last);
        last = now;
    }
}

/* ---- Futex ---- */

TEST(futex_wait_ends_at_its_deadline_and_not_before)
{
    uint32_t word = 1;
    int64_t deadline = os_now() + 5 * MILLISECOND;
    while (os_futex_wait(&word, 1, deadline) == 0)
        continue; /* for no reason: allowed */
    check(os_now() >= deadline);
    check_int(os_futex_wait(&word, 1, 0), -ETIMEDOUT);
    check_int(os_futex_wait(&word, 1, -5), -ETIMEDOUT);
    check_int(os_futex_wait(&word, 2, OS_FOREVER), 0); /* another value: no wait */
}

static uint32_t bell;

static int wait_for_bell(void *arg)
{
    (void)arg;
    while (os_load_acquire(&bell) == 0)
        (void)os_futex_wait(&bell, 0, OS_FOREVER);
    return 0;
}

TEST(futex_wake_wakes)
{
    thrum_thread *thread = start(wait_for_bell, NULL, NULL);
    settle(thrum_thread_native_id(thread));
    os_store_release(&bell, 1);
    os_futex_wake(&bell, 1);
    check_int(finish(thread), 0);
}

/* ---- Memory ---- */

static void touch(void *arg)
{
    (void)signal(SIGSEGV, SIG_DFL);
    *(volatile char *)arg = 1;
}

TEST(mapped_memory_is_zero_and_guards_are_not_touched)
{
    size_t page = os_page_size();
    char *memory = os_map(16 * page);
    check(memory != NULL);
    for (size_t i = 0; i < 16 * page; i++)
        check_int(memory[i], 0);
    for (int way = OS_GUARD_LIGHT; way <= OS_GUARD_SPLIT; way++) {
        char *guard = memory + (way + 1) * 4 * (int)page;
        int result = os_guard(guard, page, (enum os_guard)way);
        check(result == 0 || (way == OS_GUARD_LIGHT && result == -ENOTSUP));
        check_int(in_child(touch, guard), result == 0 ? -SIGSEGV : 0);
        check_int(in_child(touch, guard - 1), 0);
        check_int(in_child(touch, guard + page), 0);
    }
    check(os_map(SIZE_MAX / 2) == NULL);
}

/* ---- The lock of one word ---- */

static uint32_t guard;
static uint64_t guarded;

static int count_up(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS(200000); i++) {
        os_wordlock_acquire(&guard);
        guarded++;
        if (i % 1000 == 0)
            os_yield(); /* with the lock held: the others must sleep */
        os_wordlock_release(&guard);
    }
    return 0;
}

TEST(wordlock_excludes)
{
    thrum_thread *threads[4];
    for (int i = 0; i < 4; i++)
        threads[i] = start(count_up, NULL, NULL);
    for (int i = 0; i < 4; i++)
        check_int(finish(threads[i]), 0);
    check_int(guarded, 4 * ROUNDS(200000));
    check_int(guard, 0);
}

/* ---- Process ---- */

static void on_one_cpu(void *arg)
{
    cpu_set_t all, one;
    (void)arg;
    check_int(sched_getaffinity(0, sizeof all, &all), 0);
    CPU_ZERO(&one);
    for (size_t cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; cpu++)
        if (CPU_ISSET(cpu, &all))
            CPU_SET(cpu, &one);
    check_int(sched_setaffinity(0, sizeof one, &one), 0);
    check_int(os_cpu_count(), 1);
}

TEST(cpu_count_respects_affinity)
{
    cpu_set_t all;
    check_int(sched_getaffinity(0, sizeof all, &all), 0);
    check(os_cpu_count() >= 1);
    check(os_cpu_count() <= (size_t)CPU_COUNT(&all));
    check_int(in_child(on_one_cpu, NULL), 0);
}

TEST(forgotten_pages_are_zero)
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE) * 4;
    unsigned char *pages = aligned_alloc(size / 4, size);
    check(pages != NULL);
    memset(pages, 7, size);
    os_forget_pages(pages, size);
    for (size_t i = 0; i < size; i++)
        check_int(pages[i], 0);
    free(pages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clock_does_not_go_back),   cmocka_unit_test(futex_wait_ends_at_its_deadline_and_not_before),
        cmocka_unit_test(futex_wake_wakes),         cmocka_unit_test(mapped_memory_is_zero_and_guards_are_not_touched),
        cmocka_unit_test(wordlock_excludes),        cmocka_unit_test(cpu_count_respects_affinity),
        cmocka_unit_test(forgotten_pages_are_zero),
    };
    return cmocka_run_group_tests_name("os", tests, NULL, NULL);
}
