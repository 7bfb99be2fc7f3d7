/*
 * test_switch.c - the switch alone: words, registers, modes of floating point, where it began
 *
 * No sanitizer is told of these switches (coroutine.c does that), so there are none of them here.
 */
#include "../harness.h"
#include "coroutine/switch.h"

#include <fenv.h>
#include <limits.h>

#if !HARNESS_ASAN && !HARNESS_TSAN

#define STACK_SIZE 65536

static char stack_of_other[STACK_SIZE] __attribute__((__aligned__(16)));
static void *test, *other; /* contexts */
static int seen;

static void *prepare(void (*begin)(void *arg, int value), void *arg)
{
    return switch_prepare(stack_of_other + STACK_SIZE, begin, arg);
}

static int go(int value)
{
    return switch_to(&test, other, value);
}

static int back(int value)
{
    return switch_to(&other, test, value);
}

static void echo(void *arg, int value)
{
    check(arg == &seen);
    for (;;)
        value = back(value * 2);
}

TEST(words_go_both_ways)
{
    other = prepare(echo, &seen);
    for (int i = -1000; i < 1000; i++)
        check_int(go(i), 2 * i);
    check_int(go(INT_MAX / 2), INT_MAX - 1);
}

static void where(void *arg, int value)
{
    char here __attribute__((__aligned__(16)));
    *(uintptr_t *)arg = (uintptr_t)&here;
    (void)back(value);
}

TEST(it_runs_on_its_own_stack_which_is_aligned)
{
    uintptr_t address = 0;
    other = prepare(where, &address);
    check_int(go(7), 7);
    check(address >= (uintptr_t)stack_of_other && address < (uintptr_t)stack_of_other + STACK_SIZE);
    check_int(address % 16, 0);
    check((uintptr_t)stack_of_other + STACK_SIZE - address < 256); /* nothing is wasted */
}

/* Has all callee-saved registers hold other values, in between of switches. */
static void churn(void *arg, int value)
{
    (void)arg;
    for (;;) {
#if defined(__x86_64__)
        __asm__ volatile("mov $1, %%rbx; mov $2, %%r12; mov $3, %%r13; mov $4, %%r14; mov $5, %%r15"
                         :
                         :
                         : "rbx", "r12", "r13", "r14", "r15");
#elif defined(__aarch64__)
        __asm__ volatile("mov x19, #1; mov x20, #2; mov x21, #3; mov x22, #4; mov x23, #5; mov x24, #6; mov x25, #7;"
                         "mov x26, #8; mov x27, #9; mov x28, #10; fmov d8, #1.0; fmov d9, #1.0; fmov d10, #1.0;"
                         "fmov d11, #1.0; fmov d12, #1.0; fmov d13, #1.0; fmov d14, #1.0; fmov d15, #1.0"
                         :
                         :
                         : "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "d8", "d9", "d10",
                           "d11", "d12", "d13", "d14", "d15");
#endif
        value = back(value);
    }
}

TEST(registers_of_the_caller_are_kept)
{
    other = prepare(churn, NULL);
    /* More values than scratch registers, all needed behind the switch. */
    volatile int source[12];
    volatile double reals[10];
    for (int i = 0; i < 12; i++)
        source[i] = i * 1000 + 17;
    for (int i = 0; i < 10; i++)
        reals[i] = i * 0.5;
    for (int round = 0; round < 100; round++) {
        int a = source[0], b = source[1], c = source[2], d = source[3], e = source[4], f = source[5];
        double p = reals[0], q = reals[1], r = reals[2], s = reals[3], t = reals[4], u = reals[5], v = reals[6];
        check_int(go(round), round);
        check(a == 17 && b == 1017 && c == 2017 && d == 3017 && e == 4017 && f == 5017);
        check(p + q + r + s + t + u + v == 10.5);
    }
}

/* 1 / 10, which is rounded up to the nearest; what fegetround says may be only half of the truth. */
static double tenth(void)
{
    volatile double one = 1, ten = 10;
    return one / ten;
}

static void round_down(void *arg, int value)
{
    (void)arg;
    for (;;) {
        check_int(fegetround(), value == 0 ? FE_UPWARD : FE_DOWNWARD); /* at first the maker's */
        check_int(fesetround(FE_DOWNWARD), 0);
        check(tenth() < 0.1);
        value = back(value);
        check(tenth() < 0.1);
    }
}

TEST(each_has_its_own_way_of_rounding)
{
    check_int(fesetround(FE_UPWARD), 0);
    other = prepare(round_down, NULL);
    check_int(fesetround(FE_TONEAREST), 0);
    for (int i = 0; i < 3; i++) {
        check_int(go(i), i);
        check_int(fegetround(), FE_TONEAREST);
        check(tenth() == 0.1);
    }
}

static void divide(void *arg, int value)
{
    volatile double zero = 0, result;
    (void)arg;
    for (;;) {
        check_int(fesetround(value % 2 == 0 ? FE_DOWNWARD : FE_TONEAREST), 0);
        result = 1 / zero;
        (void)result;
        value = back(value);
    }
}

TEST(what_has_happened_in_floating_point_is_seen_by_all)
{
    other = prepare(divide, NULL);
    for (int i = 0; i < 4; i++) {
        check_int(feclearexcept(FE_ALL_EXCEPT), 0);
        (void)go(i);
        check_int(fetestexcept(FE_DIVBYZERO), FE_DIVBYZERO);
    }
}

static int look(void *arg)
{
    char here __attribute__((__aligned__(16)));
    check(arg == &seen);
    check_int((uintptr_t)&here % 16, 0);
    check((uintptr_t)&here < (uintptr_t)stack_of_other || (uintptr_t)&here >= (uintptr_t)stack_of_other + STACK_SIZE);
    memset(stack_of_other, 0, 1024); /* nobody is on that stack any more */
    seen++;
    return 5;
}

static void call_back(void *arg, int value)
{
    for (;;)
        value = switch_call(&other, test, look, arg) + value;
}

TEST(a_call_runs_on_the_other_stack_before_it_goes_on)
{
    other = prepare(call_back, &seen);
    for (int i = 1; i <= 10; i++) {
        check_int(go(i), 5);
        check_int(seen, i);
    }
}

static int give_word(void *arg)
{
    return *(int *)arg;
}

TEST(a_call_can_come_before_a_beginning)
{
    int word = 21;
    other = prepare(echo, &seen);
    check_int(switch_call(&test, other, give_word, &word), 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_go_both_ways),
        cmocka_unit_test(it_runs_on_its_own_stack_which_is_aligned),
        cmocka_unit_test(registers_of_the_caller_are_kept),
        cmocka_unit_test(each_has_its_own_way_of_rounding),
        cmocka_unit_test(what_has_happened_in_floating_point_is_seen_by_all),
        cmocka_unit_test(a_call_runs_on_the_other_stack_before_it_goes_on),
        cmocka_unit_test(a_call_can_come_before_a_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    printf("skipped: sanitizers know nothing of the bare switch\n");
    return 77;
}

#endif
