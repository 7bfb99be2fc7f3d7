/*
 * Row T7: a lock round a counter by `with`, a function that locks for itself, and a lock that was forgotten
 *
 * Counts are exact however many threads count. A thread that ends without giving its lock back
 * leaves everybody else waiting for ever in other libraries; here who waits is told, and a report names the
 * lock, and the thread that took it away.
 */
#include "must.h"

#include <string.h>
#include <thrum/thrum.h>

#define THREADS 4
#define ROUNDS 25000

static thrum_lock lock;
static long count;

static int add(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        THRUM_WITH(&lock) {
            count++;
        }
    }
    return 0;
}

/* Python's @synchronized: whoever calls it need not know of its lock. */
static long next_ticket(void)
{
    static thrum_lock desk;
    static long last;
    long ticket = 0;
    THRUM_WITH(&desk) {
        ticket = ++last;
    }
    return ticket;
}

static char seen[THREADS * ROUNDS + 1];

static int draw(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++)
        seen[next_ticket()]++;
    return 0;
}

static void run(int (*target)(void *arg))
{
    thrum_thread *threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        must(thrum_thread_run(&threads[i], target, NULL));
    for (int i = 0; i < THREADS; i++) {
        must(thrum_thread_join(threads[i], NULL, THRUM_FOREVER));
        thrum_thread_free(threads[i]);
    }
}

static int forget(void *ledger)
{
    must(thrum_lock_acquire(ledger, THRUM_FOREVER));
    return 0;
}

/* The report also has addresses and where it was; of this program only names are to be printed. */
static void report(void *arg, const char *text)
{
    (void)arg;
    printf("reported: %.*s\n", (int)strcspn(text, "\n"), text);
    printf("  names 'ledger' %d, 'clerk' %d, 'auditor' %d\n", strstr(text, "lock 'ledger'") != NULL,
           strstr(text, "thread 'clerk'") != NULL, strstr(text, "thread 'auditor'") != NULL);
}

static int audit(void *ledger)
{
    printf("the auditor: %s\n", thrum_strerror(thrum_lock_acquire(ledger, THRUM_FOREVER)));
    return 0;
}

int main(void)
{
    run(add);
    printf("counted %ld\n", count);

    run(draw);
    long twice = 0;
    for (int i = 1; i <= THREADS * ROUNDS; i++)
        twice += seen[i] != 1;
    printf("tickets %ld, wrong ones %ld\n", next_ticket() - 1, twice);

    thrum_lock ledger;
    thrum_thread *thread;
    thrum_set_reporter(report, NULL);
    must(thrum_lock_init(&ledger, .name = "ledger"));
    must(thrum_thread_run(&thread, forget, &ledger, .name = "clerk"));
    must(thrum_thread_join(thread, NULL, THRUM_FOREVER));
    thrum_thread_free(thread);
    must(thrum_thread_run(&thread, audit, &ledger, .name = "auditor"));
    must(thrum_thread_join(thread, NULL, THRUM_FOREVER));
    thrum_thread_free(thread);
}
