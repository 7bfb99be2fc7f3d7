/*
 * coroutine_ucontext.c - libc's swapcontext, which saves the signal mask by a system call each time
 */
#include "../bench.h"

#include <ucontext.h>

static char stack[65536];
static ucontext_t here, there;
static uint64_t number;

static void count(void)
{
    for (;;) {
        number++;
        swapcontext(&there, &here);
    }
}

static void prepare(void (*run)(void))
{
    getcontext(&there);
    there.uc_stack.ss_sp = stack;
    there.uc_stack.ss_size = sizeof stack;
    there.uc_link = &here;
    makecontext(&there, run, 0);
}

static int64_t next(size_t n)
{
    number = 0;
    prepare(count);
    int64_t start = bench_now();
    for (size_t i = 0; i < n; i++)
        swapcontext(&here, &there);
    int64_t elapsed = bench_now() - start;
    bench_need(number == n, "a wrong count");
    return elapsed;
}

static void nothing(void)
{
    number++;
}

static int64_t make(size_t n)
{
    int64_t start = bench_now();
    for (size_t i = 0; i < n; i++) {
        prepare(nothing);
        swapcontext(&here, &there);
    }
    return bench_now() - start;
}

int main(int argc, char **argv)
{
    static const struct bench_case cases[] = {{"next", next}, {"make", make}, {NULL, NULL}};
    return bench_main(argc, argv, "swapcontext", cases);
}
