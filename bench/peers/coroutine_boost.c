/*
 * coroutine_boost.c - Boost.Context's functions in assembly, which have C's calling convention and no header for C
 */
#include "../bench.h"

struct transfer {
    void *context, *data;
};
struct transfer jump_fcontext(void *to, void *data);
void *make_fcontext(void *top, size_t size, void (*run)(struct transfer from));

static char stack[65536] __attribute__((__aligned__(16)));

static void count(struct transfer from)
{
    for (;;) {
        ++*(uint64_t *)from.data;
        from = jump_fcontext(from.context, from.data);
    }
}

static int64_t next(size_t n)
{
    uint64_t number = 0;
    struct transfer there = {make_fcontext(stack + sizeof stack, sizeof stack, count), NULL};
    int64_t start = bench_now();
    for (size_t i = 0; i < n; i++)
        there = jump_fcontext(there.context, &number);
    int64_t elapsed = bench_now() - start;
    bench_need(number == n, "a wrong count");
    return elapsed;
}

static void nothing(struct transfer from)
{
    (void)jump_fcontext(from.context, NULL);
}

/* A pool of one stack is the quickest that there is. */
static int64_t make(size_t n)
{
    int64_t start = bench_now();
    for (size_t i = 0; i < n; i++)
        (void)jump_fcontext(make_fcontext(stack + sizeof stack, sizeof stack, nothing), NULL);
    return bench_now() - start;
}

int main(int argc, char **argv)
{
    static const struct bench_case cases[] = {{"next", next}, {"make", make}, {NULL, NULL}};
    return bench_main(argc, argv, "Boost.Context, jump alone", cases);
}
