/*
 * Row T8: an RLock knows its owner, who may take it again, and how often it did
 *
 * Functions that lock for themselves can call each other. The lock is free when it has been
 * released as often as it was taken, and nobody but its owner can release it.
 */
#include "must.h"

#include <thrum/thrum.h>

static thrum_rlock lock = THRUM_RLOCK_INIT;
static int balance;

static void deposit(int amount)
{
    must(thrum_rlock_acquire(&lock, THRUM_FOREVER));
    balance += amount;
    thrum_rlock_release(&lock);
}

/* Both halves or none: nobody sees the balance between them, though each locks for itself. */
static void exchange(int out, int in)
{
    must(thrum_rlock_acquire(&lock, THRUM_FOREVER));
    deposit(-out);
    deposit(in);
    thrum_rlock_release(&lock);
}

/* What another thread gets. */
static int stranger(void *arg)
{
    (void)arg;
    printf("  another thread takes it: %s\n", thrum_strerror(thrum_rlock_acquire(&lock, THRUM_NOWAIT)));
    printf("  another thread releases it: %s\n", thrum_strerror(thrum_rlock_release(&lock)));
    return 0;
}

static void ask_stranger(void)
{
    thrum_thread *thread;
    must(thrum_thread_run(&thread, stranger, NULL));
    must(thrum_thread_join(thread, NULL, THRUM_FOREVER));
    thrum_thread_free(thread);
}

int main(void)
{
    deposit(100);
    exchange(30, 50);
    printf("balance: %d\n", balance);

    for (int count = 1; count <= 2; count++) {
        must(thrum_rlock_acquire(&lock, THRUM_FOREVER));
        printf("taken, count %d\n", count);
    }
    for (int count = 1; count >= 0; count--) {
        must(thrum_rlock_release(&lock));
        printf("released, count %d\n", count);
        ask_stranger();
    }
    printf("released once more: %s\n", thrum_strerror(thrum_rlock_release(&lock)));
}
