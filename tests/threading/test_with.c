/*
 * test_with.c - THRUM_WITH gives back what it took, on every way out
 */
#include "harness.h"

#include <signal.h>
#include <unistd.h>

static thrum_lock lock;
static thrum_rlock rlock;
static thrum_condition condition;
static thrum_semaphore semaphore = THRUM_BOUNDED_SEMAPHORE_INIT(1);
static thrum_rwlock rwlock;

TEST(it_is_held_inside_and_free_behind)
{
    THRUM_WITH(&lock) {
        check(thrum_lock_locked(&lock));
    }
    check(!thrum_lock_locked(&lock));
    THRUM_WITH(&rlock) {
        THRUM_WITH(&rlock) {
            check_result(thrum_rlock_acquire(&rlock, THRUM_NOWAIT), 0);
            check_result(thrum_rlock_release(&rlock), 0);
        }
        check(thrum_lock_locked(&rlock.lock_));
    }
    check(!thrum_lock_locked(&rlock.lock_));
    THRUM_WITH(&condition) {
        check_result(thrum_condition_notify_all(&condition), 0);
    }
    check_result(thrum_condition_notify_all(&condition), -EPERM);
    THRUM_WITH(&semaphore) {
        check_result(thrum_semaphore_acquire(&semaphore, THRUM_NOWAIT), THRUM_TIMEOUT);
    }
    check_result(thrum_semaphore_acquire(&semaphore, THRUM_NOWAIT), 0);
    check_result(thrum_semaphore_release(&semaphore, 1), 0);
}

TEST(a_rwlock_is_taken_for_writing_or_reading)
{
    THRUM_WITH(&rwlock) {
        check_result(thrum_rwlock_acquire_read(&rwlock, THRUM_NOWAIT), THRUM_TIMEOUT);
    }
    THRUM_WITH_READ(&rwlock) {
        check_result(thrum_rwlock_acquire_write(&rwlock, THRUM_NOWAIT), THRUM_TIMEOUT);
        check_result(thrum_rwlock_acquire_read(&rwlock, THRUM_NOWAIT), 0);
        check_result(thrum_rwlock_release(&rwlock), 0);
    }
    check_result(thrum_rwlock_release(&rwlock), -EPERM);
}

/* ---- Ways out ---- */

static int return_from_inside(int n)
{
    THRUM_WITH(&lock) {
        if (n > 2)
            return n;
        n += 10;
    }
    return n;
}

static int go_out(int n)
{
    THRUM_WITH(&lock)
        THRUM_WITH(&rlock) {
            if (n == 1)
                goto out;
            n = 5;
        }
    n++;
out:
    return n;
}

TEST(it_is_given_back_on_every_way_out)
{
    int rounds = 0;
    check_int(return_from_inside(3), 3);
    check(!thrum_lock_locked(&lock));
    check_int(return_from_inside(1), 11);
    check(!thrum_lock_locked(&lock));
    check_int(go_out(1), 1);
    check_int(go_out(2), 6);
    check(!thrum_lock_locked(&lock) && !thrum_lock_locked(&rlock.lock_));
    for (int i = 0; i < 4; i++) {
        THRUM_WITH(&lock) {
            if (i == 1)
                break;
            if (i == 2)
                continue;
            rounds += 1;
        }
        check(!thrum_lock_locked(&lock));
        rounds += 10;
    }
    check_int(rounds, 42); /* break and continue leave the block, not the loop */
}

TEST(what_the_block_sets_is_set_and_its_object_is_asked_for_once)
{
    thrum_lock locks[2] = {THRUM_LOCK_INIT, THRUM_LOCK_INIT}, *next = locks;
    int set; /* no warning: the block is run, and once */
    THRUM_WITH(next++)
        set = thrum_lock_locked(&locks[0]) && !thrum_lock_locked(&locks[1]);
    check(set);
    check(next == &locks[1]);
    if (set)
        THRUM_WITH(next) {
            set = 2;
        }
    else
        set = 3;
    check_int(set, 2);
}

/* ---- Waiting ---- */

struct count {
    uint64_t n;
    int rounds;
};

static int add(void *arg)
{
    struct count *count = arg;
    for (int i = 0; i < count->rounds; i++)
        THRUM_WITH(&lock) {
            count->n++;
        }
    return 0;
}

TEST(one_thread_at_a_time_is_inside)
{
    struct count count = {0, ROUNDS(20000)};
    thrum_thread *threads[4];
    for (int i = 0; i < 4; i++)
        threads[i] = start(add, &count, NULL);
    for (int i = 0; i < 4; i++)
        check_int(finish(threads[i]), 0);
    check_int(count.n, 4 * (uint64_t)count.rounds);
}

static int wait_for_permit(void *arg)
{
    THRUM_WITH(&semaphore) {
        check(thrum_cancelled());
        return *(int *)arg;
    }
    return -1;
}

TEST(a_cancelled_thread_waits_for_its_permit)
{
    int value = 7;
    thrum_token *token;
    check_result(thrum_token_new(&token), 0);
    thrum_token_cancel(token);
    check_result(thrum_semaphore_acquire(&semaphore, THRUM_FOREVER), 0);
    thrum_thread *thread = start(wait_for_permit, &value, token);
    settle(thrum_thread_native_id(thread));
    check_result(thrum_semaphore_release(&semaphore, 1), 0);
    check_int(finish(thread), 7);
    thrum_token_free(token);
}

/* ---- What cannot be ---- */

static int told; /* the writing end of a pipe: the child that tells is aborted */

static void tell(void *arg, const char *text)
{
    (void)arg;
    check(write(told, text, strlen(text)) == (ssize_t)strlen(text));
}

static void take_twice(void *arg)
{
    (void)arg;
    thrum_set_reporter(tell, NULL);
    THRUM_WITH(&lock)
        THRUM_WITH(&lock)
            _exit(3);
    _exit(4);
}

static void release_inside(void *arg)
{
    (void)arg;
    thrum_set_reporter(tell, NULL);
    THRUM_WITH(&rwlock) {
        check_result(thrum_rwlock_release(&rwlock), 0);
    }
    _exit(4);
}

static void check_aborts(void (*body)(void *arg), const char *words)
{
    int ends[2];
    char text[8192] = "";
    check_int(pipe(ends), 0);
    told = ends[1];
    check_int(in_child(body, NULL), -SIGABRT);
    close(ends[1]);
    size_t used = 0;
    for (ssize_t n = 1; n > 0; used += (size_t)n)
        n = read(ends[0], text + used, sizeof text - 1 - used);
    close(ends[0]);
    if (strstr(text, words) == NULL)
        harness_fail(__FILE__, __LINE__, "the report says nothing of '%s':\n%s", words, text);
    check(strstr(text, "test_with.c:") != NULL);
}

TEST(what_cannot_be_taken_or_given_back_aborts_with_a_report)
{
    check_aborts(take_twice, "THRUM_WITH(&lock) could not be taken: Resource deadlock avoided");
    check_aborts(release_inside, "THRUM_WITH(&rwlock) could not be given back: Operation not permitted");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_held_inside_and_free_behind),
        cmocka_unit_test(a_rwlock_is_taken_for_writing_or_reading),
        cmocka_unit_test(it_is_given_back_on_every_way_out),
        cmocka_unit_test(what_the_block_sets_is_set_and_its_object_is_asked_for_once),
        cmocka_unit_test(one_thread_at_a_time_is_inside),
        cmocka_unit_test(a_cancelled_thread_waits_for_its_permit),
        cmocka_unit_test(what_cannot_be_taken_or_given_back_aborts_with_a_report),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
