/*
 * test_token.c - calling off what a thread waits for
 *
 * What cancelling does to each kind of wait stands with that wait's tests. Here is what it is for all
 * of them, with the event as the example, and the race between a cancel and a wake-up.
 */
#include "harness.h"

#include <signal.h>

#define THREADS 8

TEST(it_is_cancelled_once_and_for_all)
{
    thrum_token *token;
    check_result(thrum_token_new(&token), 0);
    check(!thrum_token_is_cancelled(token));
    for (int i = 0; i < 3; i++) {
        thrum_token_cancel(token);
        check(thrum_token_is_cancelled(token));
    }
    thrum_token_free(token);
    thrum_token_free(NULL);
}

TEST(set_gives_the_one_that_was)
{
    thrum_token *first, *second;
    check_result(thrum_token_new(&first), 0);
    check_result(thrum_token_new(&second), 0);
    check(!thrum_cancelled());
    check(thrum_token_set(first) == NULL);
    check(!thrum_cancelled());
    check(thrum_token_set(second) == first);
    thrum_token_cancel(first);
    check(!thrum_cancelled());
    check(thrum_token_set(first) == second);
    check(thrum_cancelled());
    check(thrum_token_set(NULL) == first);
    check(!thrum_cancelled());
    check(thrum_token_set(NULL) == NULL);
    thrum_token_free(first);
    thrum_token_free(second);
}

static int set_at_once(void *event)
{
    thrum_event_set(event);
    return 0;
}

TEST(each_wait_ends_while_it_is_set)
{
    thrum_event event = THRUM_EVENT_INIT;
    thrum_semaphore semaphore = THRUM_SEMAPHORE_INIT(0);
    thrum_queue *queue;
    void *item;
    check_result(thrum_queue_new(&queue), 0);
    thrum_token *token;
    check_result(thrum_token_new(&token), 0);
    thrum_token_cancel(token);
    thrum_token_set(token);
    for (int i = 0; i < 3; i++) {
        check_result(thrum_event_wait(&event, THRUM_FOREVER), THRUM_CANCELLED);
        check_result(thrum_semaphore_acquire(&semaphore, THRUM_FOREVER), THRUM_CANCELLED);
        check_result(thrum_queue_get(queue, &item, THRUM_FOREVER), THRUM_CANCELLED);
        check_result(thrum_event_wait(&event, thrum_seconds(60)), THRUM_CANCELLED);
    }
    /* Clean-up that must be able to wait puts it away meanwhile. */
    check(thrum_token_set(NULL) == token);
    check_result(thrum_event_wait(&event, thrum_seconds(0.001)), THRUM_TIMEOUT);
    check(thrum_token_set(token) == NULL);
    check_result(thrum_event_wait(&event, THRUM_FOREVER), THRUM_CANCELLED);
    thrum_token_set(NULL);
    thrum_queue_free(queue);
    thrum_token_free(token);
}

/* Only a call that would have to wait is called off. */
TEST(what_need_not_wait_is_done)
{
    thrum_event event = THRUM_EVENT_INIT;
    thrum_semaphore semaphore = THRUM_SEMAPHORE_INIT(1);
    thrum_queue *queue;
    void *item = &event;
    check_result(thrum_queue_new(&queue), 0);
    thrum_token *token;
    check_result(thrum_token_new(&token), 0);
    thrum_token_cancel(token);
    thrum_token_set(token);
    thrum_event_set(&event);
    check_result(thrum_event_wait(&event, THRUM_FOREVER), 0);
    check_result(thrum_semaphore_acquire(&semaphore, THRUM_FOREVER), 0);
    check_result(thrum_queue_put(queue, &item, THRUM_FOREVER), 0);
    check_result(thrum_queue_get(queue, &item, THRUM_FOREVER), 0);
    thrum_queue_close(queue, THRUM_DRAIN);
    check_result(thrum_queue_get(queue, &item, THRUM_FOREVER), THRUM_CLOSED);
    check_result(thrum_queue_put(queue, &item, THRUM_FOREVER), THRUM_CLOSED);
    thrum_thread *thread = start(set_at_once, &event, NULL);
    until(!thrum_thread_is_alive(thread));
    check_int(finish(thread), 0);
    thrum_token_set(NULL);
    thrum_queue_free(queue);
    thrum_token_free(token);
}

/* ---- Races ---------------------------------------------------------------------------- */

struct call_off {
    thrum_event event, begin;
    thrum_token *token;
};

static int wait_at_event(void *arg)
{
    struct call_off *off = arg;
    int result = thrum_event_wait(&off->event, THRUM_FOREVER);
    check(result == 0 || result == THRUM_CANCELLED);
    check((result == THRUM_CANCELLED && thrum_cancelled()) || (result == 0 && thrum_event_is_set(&off->event)));
    return result;
}

static int set_at_begin(void *arg)
{
    struct call_off *off = arg;
    check_result(thrum_event_wait(&off->begin, THRUM_FOREVER), 0);
    thrum_event_set(&off->event);
    return 0;
}

/* Both at once: each waiter gets the one or the other, and none is forgotten. */
TEST(a_cancel_and_a_wake_up_race)
{
    int cancelled = 0, woken = 0;
    for (int round = 0; round < ROUNDS(1000); round++) {
        struct call_off off = {.token = NULL};
        thrum_thread *threads[4];
        check_result(thrum_token_new(&off.token), 0);
        for (size_t i = 0; i < 4; i++)
            threads[i] = start(wait_at_event, &off, i == 0 ? NULL : off.token);
        thrum_thread *setter = start(set_at_begin, &off, NULL);
        thrum_event_set(&off.begin);
        busy(round % 50 * 1000);
        thrum_token_cancel(off.token);
        check_result(finish(threads[0]), 0);
        for (size_t i = 1; i < 4; i++) {
            int result = finish(threads[i]);
            cancelled += result == THRUM_CANCELLED;
            woken += result == 0;
        }
        check_int(finish(setter), 0);
        thrum_token_free(off.token);
    }
    check_int(cancelled + woken, 3 * ROUNDS(1000));
}

static int cancel_at_begin(void *arg)
{
    struct call_off *off = arg;
    check_result(thrum_event_wait(&off->begin, THRUM_FOREVER), 0);
    thrum_token_cancel(off->token);
    check(thrum_token_is_cancelled(off->token));
    return 0;
}

TEST(many_cancel_what_many_wait_with)
{
    for (int round = 0; round < ROUNDS(300); round++) {
        struct call_off off = {.token = NULL};
        thrum_thread *waiting[THREADS], *cancelling[3];
        check_result(thrum_token_new(&off.token), 0);
        for (size_t i = 0; i < 3; i++)
            cancelling[i] = start(cancel_at_begin, &off, NULL);
        for (size_t i = 0; i < THREADS / 2; i++)
            waiting[i] = start(wait_at_event, &off, off.token);
        thrum_event_set(&off.begin);
        for (size_t i = THREADS / 2; i < THREADS; i++) /* these come while or after it is cancelled */
            waiting[i] = start(wait_at_event, &off, off.token);
        for (size_t i = 0; i < THREADS; i++)
            check_result(finish(waiting[i]), THRUM_CANCELLED);
        for (size_t i = 0; i < 3; i++)
            check_int(finish(cancelling[i]), 0);
        thrum_token_free(off.token);
    }
}

struct changing {
    thrum_token *tokens[2];
    atomic_bool stop;
    thrum_event never;
};

/* A thread that changes its token between short waits, while one of them is cancelled. */
static int change_and_wait(void *arg)
{
    struct changing *changing = arg;
    int cancelled = 0;
    for (unsigned i = 0; !atomic_load(&changing->stop); i++) {
        thrum_token_set(changing->tokens[i % 2]);
        int result = thrum_event_wait(&changing->never, thrum_seconds(1e-5));
        check(result == THRUM_TIMEOUT || result == THRUM_CANCELLED);
        if (result == THRUM_CANCELLED) {
            check_int(i % 2, 1);
            check(thrum_cancelled());
            cancelled++;
        }
    }
    thrum_token_set(NULL);
    return cancelled;
}

TEST(only_the_threads_own_token_counts)
{
    for (int round = 0; round < ROUNDS(100); round++) {
        struct changing changing = {.stop = false};
        check_result(thrum_token_new(&changing.tokens[0]), 0);
        check_result(thrum_token_new(&changing.tokens[1]), 0);
        thrum_thread *thread = start(change_and_wait, &changing, NULL);
        busy(MILLISECOND / 2);
        thrum_token_cancel(changing.tokens[1]);
        busy(MILLISECOND / 2);
        atomic_store(&changing.stop, true);
        finish(thread);
        thrum_token_free(changing.tokens[0]);
        thrum_token_free(changing.tokens[1]);
    }
}

/* ---- Faults, and fork --------------------------------------------------------------------- */

TEST(without_memory_there_is_none)
{
    for (unsigned n = 0;; n++) {
        thrum_token *token = NULL;
        fault_arm(FAULT_MEMORY, n);
        int result = thrum_token_new(&token);
        if (!fault_disarm()) {
            check_result(result, 0);
            thrum_token_free(token);
            check(n > 0);
            break;
        }
        check_result(result, -ENOMEM);
        check(token == NULL);
    }
}

static void cancel_in_child(void *arg)
{
    struct call_off *off = arg;
    check(!thrum_token_is_cancelled(off->token));
    thrum_thread *thread = THREADS_IN_CHILD ? start(wait_at_event, off, off->token) : NULL;
    if (thread)
        settle(thrum_thread_native_id(thread));
    thrum_token_cancel(off->token); /* those who waited with it in the parent are not here */
    check(thrum_token_set(off->token) == NULL);
    check_result(thrum_event_wait(&off->event, THRUM_FOREVER), THRUM_CANCELLED);
    check(thrum_token_set(NULL) == off->token);
    if (thread)
        check_result(finish(thread), THRUM_CANCELLED);
}

TEST(the_child_can_use_one_that_others_waited_with)
{
    struct call_off off = {.token = NULL};
    thrum_thread *threads[THREADS];
    check_result(thrum_token_new(&off.token), 0);
    for (size_t i = 0; i < THREADS; i++)
        threads[i] = start(wait_at_event, &off, off.token);
    for (size_t i = 0; i < THREADS; i++)
        settle(thrum_thread_native_id(threads[i]));
    check_int(in_child(cancel_in_child, &off), 0);
    check(!thrum_token_is_cancelled(off.token));
    thrum_token_cancel(off.token);
    for (size_t i = 0; i < THREADS; i++)
        check_result(finish(threads[i]), THRUM_CANCELLED);
    thrum_token_free(off.token);
}

static void refuses(thrum_token *token)
{
    thrum_token_cancel(token);
    check(!thrum_token_is_cancelled(token));
    check_result(thrum_token_bind_signal(token, SIGUSR1), -EINVAL);
    check_result(thrum_token_unbind_signal(token, SIGUSR1), -EINVAL);
    thrum_token_free(token);
}

TEST(what_is_no_token_is_refused)
{
    check_result(thrum_token_new(NULL), -EINVAL);
    refuses(NULL);
#ifdef THRUM_CHECKED
    thrum_token *token;
    thrum_queue *queue;
    check_result(thrum_token_new(&token), 0);
    check_result(thrum_queue_new(&queue), 0);
    thrum_token_free(token);
    refuses(token);
    refuses((thrum_token *)queue);
    thrum_queue_free(queue);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_cancelled_once_and_for_all),
        cmocka_unit_test(set_gives_the_one_that_was),
        cmocka_unit_test(each_wait_ends_while_it_is_set),
        cmocka_unit_test(what_need_not_wait_is_done),
        cmocka_unit_test(a_cancel_and_a_wake_up_race),
        cmocka_unit_test(many_cancel_what_many_wait_with),
        cmocka_unit_test(only_the_threads_own_token_counts),
        cmocka_unit_test(without_memory_there_is_none),
        cmocka_unit_test(the_child_can_use_one_that_others_waited_with),
        cmocka_unit_test(what_is_no_token_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
