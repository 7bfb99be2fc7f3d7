/*
 * Row T11: philosophers who take both forks at once, and never wait for each other in a ring
 *
 * thrum_acquire_all takes any number of locks in one order that is the same for all, in whatever
 * order they are named. Who holds some of them may not go back in that order, and is told so at once,
 * when it can still be mended, and not when the program stands.
 */
#include "must.h"

#include <string.h>
#include <thrum/thrum.h>

#define SEATS 5
#define MEALS 2000

static thrum_lock forks[SEATS];
static int worn[SEATS]; /* how often each has been used, under its lock */

static void eat(thrum_lock *const *two)
{
    must(thrum_acquire_all(two, 2, THRUM_FOREVER));
    worn[two[0] - forks]++;
    worn[two[1] - forks]++;
    must(thrum_release_all(two, 2));
}

static int dine(void *seat)
{
    size_t left = (size_t)((thrum_lock *)seat - forks), right = (left + 1) % SEATS;
    for (int meal = 0; meal < MEALS; meal++)
        eat((thrum_lock *[2]){&forks[left], &forks[right]});
    return 0;
}

static int one_way(void *arg)
{
    (void)arg;
    for (int meal = 0; meal < MEALS; meal++)
        eat((thrum_lock *[2]){&forks[0], &forks[1]});
    return 0;
}

static int other_way(void *arg)
{
    (void)arg;
    for (int meal = 0; meal < MEALS; meal++)
        eat((thrum_lock *[2]){&forks[1], &forks[0]});
    return 0;
}

static void join(thrum_thread *thread)
{
    must(thrum_thread_join(thread, NULL, THRUM_FOREVER));
    thrum_thread_free(thread);
}

/* The report also has addresses and where it was. */
static void report(void *arg, const char *text)
{
    (void)arg;
    printf("reported: %.*s\n", (int)strcspn(text, "\n"), text);
    printf("  names 'knife' %d, 'spoon' %d, 'greedy' %d\n", strstr(text, "lock 'knife'") != NULL,
           strstr(text, "lock 'spoon'") != NULL, strstr(text, "thread 'greedy'") != NULL);
}

/* It holds the later one, and wants the earlier one as well. */
static int go_back(void *arg)
{
    thrum_lock *both = arg, *knife = &both[0], *spoon = &both[1];
    must(thrum_acquire_all(&spoon, 1, THRUM_FOREVER));
    printf("the knife behind the spoon: %s\n", thrum_strerror(thrum_acquire_all(&knife, 1, THRUM_FOREVER)));
    must(thrum_release_all(&spoon, 1));
    must(thrum_acquire_all((thrum_lock *[2]){spoon, knife}, 2, THRUM_FOREVER));
    puts("both at once: done");
    must(thrum_release_all((thrum_lock *[2]){knife, spoon}, 2));
    return 0;
}

int main(void)
{
    thrum_thread *threads[SEATS];
    for (int i = 0; i < SEATS; i++)
        must(thrum_thread_run(&threads[i], dine, &forks[i]));
    for (int i = 0; i < SEATS; i++)
        join(threads[i]);
    printf("%d philosophers, %d meals each; forks were used", SEATS, MEALS);
    for (int i = 0; i < SEATS; i++)
        printf(" %d", worn[i]);
    puts("");

    must(thrum_thread_run(&threads[0], one_way, NULL));
    must(thrum_thread_run(&threads[1], other_way, NULL));
    join(threads[0]);
    join(threads[1]);
    printf("two threads, opposite orders: used %d and %d\n", worn[0], worn[1]);

    thrum_lock both[2];
    thrum_set_reporter(report, NULL);
    must(thrum_lock_init(&both[0], .name = "knife"));
    must(thrum_lock_init(&both[1], .name = "spoon"));
    must(thrum_thread_run(&threads[0], go_back, both, .name = "greedy"));
    join(threads[0]);
}
