/*
 * Row T15: work in threads really runs in parallel, here as a map over numbers
 *
 * The divisors of four numbers, found by trying all that could be one: in this thread, and
 * then by the same call on a pool of threads.
 */
#include "must.h"

#include <thrum/thrum.h>
#include <time.h>

enum { NUMBERS = 4, ROOM = 256 }; /* no number below 2 million has more than 240 divisors */

typedef struct factors {
    int n;
    int factor[ROOM];
} factors;

static int factorize(const int *number, factors *found)
{
    for (int i = 1; i <= *number; i++)
        if (*number % i == 0)
            found->factor[found->n++] = i;
    return 0;
}
THRUM_TASK(factorize, int, factors);

static void run(const char *executor, const int *numbers, factors *found)
{
    thrum_executor *pool;
    must(thrum_executor_open(&pool, executor));
    int64_t start = thrum_monotonic_ns();
    clock_t used = clock();
    must(thrum_map(pool, factorize, numbers, found, NUMBERS));
    double cpu_time = (double)(clock() - used) / CLOCKS_PER_SEC;
    double seconds = (double)(thrum_monotonic_ns() - start) / 1e9;
    printf("%s: %.4f seconds, with %.4f seconds of CPU time\n", executor, seconds, cpu_time);
    must(thrum_executor_close(pool));
}

int main(void)
{
    static const int numbers[NUMBERS] = {2139079, 1214759, 1516637, 1852285};
    factors found[NUMBERS];
    run("serial", numbers, found);
    run("threads", numbers, found);
    for (int i = 0; i < NUMBERS; i++) {
        printf("%d:", numbers[i]);
        for (int j = 0; j < found[i].n; j++)
            printf(" %d", found[i].factor[j]);
        printf("\n");
    }
}
