/*
 * test_thread.c - starting threads and waiting for their end
 */
#include "harness.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

static int give(void *arg)
{
    return *(int *)arg;
}

TEST(join_gives_what_it_returned)
{
    static int codes[] = {0, 1, -1, 4711, INT32_MIN, INT32_MAX};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        thrum_thread *thread;
        int code = 99;
        check_result(thrum_thread_new(&thread, give, &codes[i]), 0);
        check_result(thrum_thread_start(thread), 0);
        check_result(thrum_thread_join(thread, &code, THRUM_FOREVER), 0);
        check_int(code, codes[i]);
        thrum_thread_free(thread);
        check_result(thrum_thread_run(&thread, give, &codes[i]), 0);
        check_result(thrum_thread_join(thread, NULL, THRUM_FOREVER), 0);
        thrum_thread_free(thread);
    }
}

struct busy {
    thrum_event running, end;
    thrum_thread *self; /* its own handle, set before running is waited for */
    uint64_t native_id;
    char system_name[32];
    size_t stack_size;
    thrum_token *token;
    bool alive_inside;
    int self_join;
};

static int run_until_told(void *arg)
{
    struct busy *busy = arg;
    busy->native_id = thrum_get_native_id();
    check_int(busy->native_id, gettid());
    check_int(pthread_getname_np(pthread_self(), busy->system_name, sizeof busy->system_name), 0);
    pthread_attr_t attributes;
    check_int(pthread_getattr_np(pthread_self(), &attributes), 0);
    check_int(pthread_attr_getstacksize(&attributes, &busy->stack_size), 0);
    pthread_attr_destroy(&attributes);
    busy->token = thrum_token_set(NULL);
    thrum_event_set(&busy->running);
    check_result(thrum_event_wait(&busy->end, THRUM_FOREVER), 0);
    if (busy->self) {
        busy->alive_inside = thrum_thread_is_alive(busy->self);
        busy->self_join = thrum_thread_join(busy->self, NULL, THRUM_FOREVER);
    }
    return 5;
}

TEST(it_is_alive_from_start_to_end)
{
    struct busy busy = {.native_id = 0};
    thrum_thread *thread;
    check_result(thrum_thread_new(&thread, run_until_told, &busy), 0);
    check(!thrum_thread_is_alive(thread));
    check_int(thrum_thread_native_id(thread), 0);
    check_result(thrum_thread_start(thread), 0);
    check(thrum_thread_is_alive(thread));
    check(thrum_thread_native_id(thread) != 0);
    check_result(thrum_event_wait(&busy.running, THRUM_FOREVER), 0);
    check_int(thrum_thread_native_id(thread), busy.native_id);
    check(busy.native_id != thrum_get_native_id());
    busy.self = thread;
    thrum_event_set(&busy.end);
    int code;
    check_result(thrum_thread_join(thread, &code, THRUM_FOREVER), 0);
    check_int(code, 5);
    check(!thrum_thread_is_alive(thread));
    check(busy.alive_inside);
    check_result(busy.self_join, -EDEADLK);
    check_int(thrum_thread_native_id(thread), busy.native_id);
    thrum_thread_free(thread);
}

TEST(join_in_vain_is_not_cut_short)
{
    struct busy busy = {.native_id = 0};
    thrum_thread *thread = start(run_until_told, &busy, NULL);
    int code = 99;
    check_result(thrum_thread_join(thread, &code, THRUM_NOWAIT), THRUM_TIMEOUT);
    int64_t before = thrum_monotonic_ns();
    check_result(thrum_thread_join(thread, &code, thrum_seconds(0.02)), THRUM_TIMEOUT);
    check(thrum_monotonic_ns() - before >= 20 * MILLISECOND);
    check_result(thrum_thread_join(thread, &code, thrum_seconds(-1)), -EINVAL);
    check_int(code, 99);
    check(thrum_thread_is_alive(thread));
    thrum_event_set(&busy.end);
    check_int(finish(thread), 5);
}

TEST(misuse_is_named)
{
    struct busy busy = {.native_id = 0};
    thrum_thread *thread;
    check_result(thrum_thread_new(&thread, run_until_told, &busy), 0);
    check_result(thrum_thread_join(thread, NULL, THRUM_NOWAIT), -EINVAL);
    check_result(thrum_thread_join(thread, NULL, THRUM_FOREVER), -EINVAL);
    check_result(thrum_thread_start(thread), 0);
    check_result(thrum_thread_start(thread), -EALREADY);
    thrum_event_set(&busy.end);
    check_result(thrum_thread_join(thread, NULL, THRUM_FOREVER), 0);
    check_result(thrum_thread_join(thread, NULL, THRUM_FOREVER), -EINVAL);
    check_result(thrum_thread_join(thread, NULL, THRUM_NOWAIT), -EINVAL);
    check_result(thrum_thread_start(thread), -EALREADY);
    thrum_thread_free(thread);
    thrum_thread_free(NULL);
}

struct joiner {
    thrum_thread *thread;
    int code;
};

/* The other thread's short tries may come first. */
static int join_it(void *arg)
{
    struct joiner *joiner = arg;
    int result;
    do {
        result = thrum_thread_join(joiner->thread, &joiner->code, THRUM_FOREVER);
    } while (result == -EINVAL);
    return result;
}

TEST(two_may_not_join_at_once)
{
    struct busy busy = {.native_id = 0};
    struct joiner joiner = {.thread = start(run_until_told, &busy, NULL)};
    thrum_token *token;
    check_result(thrum_token_new(&token), 0);
    thrum_thread *other = start(join_it, &joiner, token);
    until(thrum_thread_join(joiner.thread, NULL, THRUM_NOWAIT) == -EINVAL);
    check_result(thrum_thread_join(joiner.thread, NULL, THRUM_FOREVER), -EINVAL);
    thrum_token_cancel(token); /* it gives up, and we may */
    check_result(finish(other), THRUM_CANCELLED);
    thrum_event_set(&busy.end);
    check_int(finish(joiner.thread), 5);
    thrum_token_free(token);
}

TEST(a_cancelled_join_can_be_made_again)
{
    struct busy busy = {.native_id = 0};
    thrum_thread *thread = start(run_until_told, &busy, NULL);
    thrum_token *token;
    check_result(thrum_token_new(&token), 0);
    thrum_token_cancel(token);
    check(thrum_token_set(token) == NULL);
    check_result(thrum_thread_join(thread, NULL, THRUM_FOREVER), THRUM_CANCELLED);
    check(thrum_token_set(NULL) == token);
    thrum_event_set(&busy.end);
    check_int(finish(thread), 5);
    thrum_token_free(token);
}

/* ---- Options ----------------------------------------------------------------------- */

TEST(it_has_a_name)
{
    struct busy busy = {.native_id = 0};
    char name[] = "a name of more than fifteen";
    thrum_thread *thread;
    check_result(thrum_thread_run(&thread, run_until_told, &busy, .name = name), 0);
    memset(name, 'x', sizeof name - 1); /* it has a copy */
    check_str(thrum_thread_name(thread), "a name of more than fifteen");
    check_result(thrum_event_wait(&busy.running, THRUM_FOREVER), 0);
    check_str(busy.system_name, "a name of more ");
    thrum_event_set(&busy.end);
    check_result(thrum_thread_join(thread, NULL, THRUM_FOREVER), 0);
    check_str(thrum_thread_name(thread), "a name of more than fifteen");
    thrum_thread_free(thread);
}

TEST(a_long_name_is_cut)
{
    char name[201];
    thrum_thread *thread;
    memset(name, 'n', 200);
    name[200] = '\0';
    check_result(thrum_thread_new(&thread, give, NULL, .name = name), 0);
    name[63] = '\0';
    check_str(thrum_thread_name(thread), name);
    thrum_thread_free(thread);
}

TEST(threads_are_numbered_that_have_no_name)
{
    thrum_thread *threads[2];
    for (size_t i = 0; i < 2; i++) {
        check_result(thrum_thread_new(&threads[i], give, NULL), 0);
        const char *name = thrum_thread_name(threads[i]);
        check(strncmp(name, "Thread-", 7) == 0);
        check(name[7] >= '1' && name[7] <= '9');
        check_int(strspn(name + 7, "0123456789"), strlen(name + 7));
    }
    check(strcmp(thrum_thread_name(threads[0]), thrum_thread_name(threads[1])) != 0);
    for (size_t i = 0; i < 2; i++)
        thrum_thread_free(threads[i]);
}

TEST(it_has_the_stack_that_was_asked_for)
{
    static const size_t sizes[] = {256 * 1024, 1024 * 1024 + 1, 32 * 1024 * 1024};
    thrum_thread *thread = (thrum_thread *)&thread;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct busy busy = {.native_id = 0};
        check_result(thrum_thread_run(&thread, run_until_told, &busy, .stack_size = sizes[i]), 0);
        thrum_event_set(&busy.end);
        check_int(finish(thread), 5);
        check(busy.stack_size >= sizes[i]);
    }
    thrum_thread *before = thread;
    check_result(thrum_thread_new(&thread, give, NULL, .stack_size = 1), -EINVAL);
    check_result(thrum_thread_run(&thread, give, NULL, .stack_size = 100), -EINVAL);
    check(thread == before);
}

TEST(it_starts_with_its_token)
{
    thrum_token *token;
    check_result(thrum_token_new(&token), 0);
    struct busy with = {.native_id = 0}, without = {.native_id = 0};
    thrum_event_set(&with.end);
    thrum_event_set(&without.end);
    check(thrum_token_set(token) == NULL); /* ours is not handed down */
    check_int(finish(start(run_until_told, &with, token)), 5);
    check_int(finish(start(run_until_told, &without, NULL)), 5);
    check(thrum_token_set(NULL) == token);
    check(with.token == token);
    check(without.token == NULL);
    thrum_token_free(token);
}

/* ---- Many threads -------------------------------------------------------------------- */

static int add_one(void *arg)
{
    atomic_fetch_add((atomic_uint *)arg, 1);
    return 0;
}

TEST(a_handle_can_be_given_up_before_the_end)
{
    atomic_uint count = 0;
    check_int(finish(start(add_one, &count, NULL)), 0);
    unsigned before = count_threads();
    atomic_store(&count, 0);
    for (int round = 0; round < ROUNDS(2000); round++) {
        thrum_thread *thread = start(add_one, &count, NULL);
        thrum_thread_free(thread);
    }
    until(atomic_load(&count) == ROUNDS(2000));
    until(count_threads() <= before);
}

TEST(what_it_wrote_is_seen_after_join)
{
    for (int round = 0; round < ROUNDS(2000); round++) {
        struct busy busy = {.native_id = 0};
        thrum_event_set(&busy.end);
        thrum_thread *thread = start(run_until_told, &busy, NULL);
        check_int(finish(thread), 5);
        check(busy.native_id != 0); /* a plain one */
    }
}

/* After a join nothing of it runs any more: its stack and its memory may go. */
TEST(nothing_of_it_is_left_after_join)
{
    atomic_uint count = 0;
    check_int(finish(start(add_one, &count, NULL)), 0);
    unsigned before = count_threads();
    for (int round = 0; round < ROUNDS(100); round++) {
        thrum_thread *threads[20];
        for (size_t i = 0; i < 20; i++)
            threads[i] = start(add_one, &count, NULL);
        for (size_t i = 0; i < 20; i++)
            check_int(finish(threads[i]), 0);
    }
    until(count_threads() <= before);
}

/* ---- Faults ---------------------------------------------------------------------------- */

TEST(without_memory_there_is_no_thread)
{
    static int code = 7;
    for (unsigned n = 0;; n++) {
        thrum_thread *mark = (thrum_thread *)&code, *thread = mark;
        fault_arm(FAULT_MEMORY, n);
        int result = thrum_thread_new(&thread, give, &code, .name = "short of memory");
        if (!fault_disarm()) {
            check_result(result, 0);
            thrum_thread_free(thread);
            break;
        }
        check_result(result, -ENOMEM);
        check(thread == mark);
    }
}

static int has_token(void *arg)
{
    return thrum_token_set(NULL) == arg;
}

/* It starts with its token or not at all: what cannot be called off is not what was asked for. This
 * test comes first: threads are registered many at a time, and only then is this one the first. */
TEST(without_memory_no_thread_loses_its_token)
{
    thrum_token *token;
    check_result(thrum_token_new(&token), 0);
    bool came_to_it = true;
    for (unsigned n = 0; came_to_it; n++) {
        thrum_thread *thread = NULL;
        fault_arm(FAULT_MEMORY, n);
        int result = thrum_thread_run(&thread, has_token, token, .token = token);
        if (result == 0)
            until(!thrum_thread_is_alive(thread));
        came_to_it = fault_disarm();
        check(result == 0 || (came_to_it && (result == -ENOMEM || result == -EAGAIN)));
        if (result == 0)
            check_int(finish(thread), true);
    }
    thrum_token_free(token);
}

TEST(without_a_thread_start_can_be_tried_again)
{
    static int code = 7;
    check_int(finish(start(give, &code, NULL)), 7);
    unsigned before = count_threads();
    thrum_thread *thread;
    check_result(thrum_thread_new(&thread, give, &code), 0);
    for (int round = 0; round < 3; round++) {
        fault_arm(FAULT_THREAD, 0);
        int result = thrum_thread_start(thread);
        check(fault_disarm());
        check_result(result, -EAGAIN);
        check(!thrum_thread_is_alive(thread));
        check_int(thrum_thread_native_id(thread), 0);
        check_result(thrum_thread_join(thread, NULL, THRUM_NOWAIT), -EINVAL);
    }
    check_result(thrum_thread_start(thread), 0);
    check_int(finish(thread), 7);

    thread = NULL;
    fault_arm(FAULT_THREAD, 0);
    int result = thrum_thread_run(&thread, give, &code);
    check(fault_disarm());
    check_result(result, -EAGAIN);
    check(thread == NULL);
    until(count_threads() <= before);
}

struct unstarted {
    thrum_thread *thread;
    atomic_int running;
    atomic_bool end;
};

static int ask(void *arg)
{
    struct unstarted *unstarted = arg;
    atomic_fetch_add(&unstarted->running, 1);
    while (!atomic_load(&unstarted->end))
        check_int(thrum_thread_native_id(unstarted->thread), 0);
    return 0;
}

static int try_to_join(void *arg)
{
    struct unstarted *unstarted = arg;
    atomic_fetch_add(&unstarted->running, 1);
    while (!atomic_load(&unstarted->end))
        check_result(thrum_thread_join(unstarted->thread, NULL, THRUM_FOREVER), -EINVAL);
    return 0;
}

/* Whoever found it about to start, and waits, is told that it has not come to that. The system takes its time
 * to find that it has no such stack, so there is time to wait. */
TEST(a_start_in_vain_keeps_nobody_waiting)
{
    struct unstarted unstarted = {.running = 0};
    check_result(thrum_thread_new(&unstarted.thread, give, NULL, .stack_size = (size_t)1 << 60), 0);
    thrum_thread *asking = start(ask, &unstarted, NULL), *joining = start(try_to_join, &unstarted, NULL);
    until(atomic_load(&unstarted.running) == 2);
    for (int round = 0; round < ROUNDS(20000); round++)
        check_result(thrum_thread_start(unstarted.thread), -EAGAIN);
    atomic_store(&unstarted.end, true);
    check_int(finish(asking), 0);
    check_int(finish(joining), 0);
    thrum_thread_free(unstarted.thread);
}

/* ---- The end of the process, and fork ------------------------------------------------------ */

struct last_words {
    atomic_bool main_is_leaving, said;
    thrum_event never;
};

static int speak_late(void *arg)
{
    struct last_words *words = arg;
    while (!atomic_load(&words->main_is_leaving))
        sched_yield();
    for (int i = 0; i < 1000; i++) /* so that main would have been gone */
        sched_yield();
    atomic_store(&words->said, true);
    return 0;
}

static int wait_for_ever(void *arg)
{
    return thrum_event_wait(&((struct last_words *)arg)->never, THRUM_FOREVER);
}

static void leave_a_thread(void *arg)
{
    struct last_words *words = arg;
    thrum_thread_free(start(speak_late, words, NULL));
    atomic_store(&words->main_is_leaving, true);
    exit(3);
}

static int leave_from_here(void *arg)
{
    (void)arg;
    exit(6); /* which must not wait for the thread that calls it */
}

static void leave_from_a_thread(void *arg)
{
    thrum_thread_free(start(leave_from_here, arg, NULL));
    for (;;)
        sched_yield();
}

static void leave_a_daemon(void *arg)
{
    thrum_thread *thread;
    check_result(thrum_thread_run(&thread, wait_for_ever, arg, .daemon = true), 0);
    thrum_thread_free(thread);
    exit(4);
}

TEST(exit_waits_for_threads_but_not_for_daemons)
{
    struct last_words *words = mmap(NULL, sizeof *words, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    check(words != MAP_FAILED);
    check_int(in_child(leave_a_thread, words), 3);
    check(atomic_load(&words->said));
    check_int(in_child(leave_a_daemon, words), 4);
    check_int(in_child(leave_from_a_thread, words), 6);
    munmap(words, sizeof *words);
}

/* The system gives what the parent's threads had to the child's: to give up theirs must not touch those. */
static void free_handle_in_child(void *arg)
{
    struct last_words words = {.said = false};
    thrum_thread *own[8];
    for (size_t i = 0; THREADS_IN_CHILD && i < 8; i++)
        own[i] = start(wait_for_ever, &words, NULL);
    check(!thrum_thread_is_alive(arg)); /* not here */
    check_result(thrum_thread_join(arg, NULL, THRUM_FOREVER), -EINVAL);
    thrum_thread_free(arg);
    thrum_event_set(&words.never);
    for (size_t i = 0; THREADS_IN_CHILD && i < 8; i++)
        check_int(finish(own[i]), 0);
}

TEST(the_child_can_give_up_the_parents_handles)
{
    struct busy busy = {.native_id = 0};
    thrum_thread *thread = start(run_until_told, &busy, NULL);
    check_result(thrum_event_wait(&busy.running, THRUM_FOREVER), 0);
    settle(thrum_thread_native_id(thread));
    check_int(in_child(free_handle_in_child, thread), 0);
    thrum_event_set(&busy.end);
    check_int(finish(thread), 5);
}

static void free_handle(void *thread)
{
    (void)thrum_thread_native_id(thread); /* which it may not have */
    thrum_thread_free(thread);
}

/* Forked while the thread is about to begin, which it never will in the child. A sanitizer's locks may be held
 * there. */
TEST(the_child_does_not_wait_for_a_thread_to_begin)
{
    static int code = 3;
    for (int round = 0; HARNESS_SLOWER == 1 && round < 100; round++) {
        thrum_thread *thread = start(give, &code, NULL);
        check_int(in_child(free_handle, thread), 0);
        check_int(finish(thread), 3);
    }
}

static void start_in_child(void *arg)
{
    static int code = 9;
    (void)arg;
    check_int(thrum_get_native_id(), gettid());
    for (int i = 0; THREADS_IN_CHILD && i < 10; i++)
        check_int(finish(start(give, &code, NULL)), 9);
    exit(5); /* which must not wait for threads that only the parent has */
}

TEST(the_child_can_start_threads_and_end)
{
    struct busy busy = {.native_id = 0};
    thrum_thread *thread = start(run_until_told, &busy, NULL);
    check_result(thrum_event_wait(&busy.running, THRUM_FOREVER), 0);
    check_int(in_child(start_in_child, NULL), 5);
    thrum_event_set(&busy.end);
    check_int(finish(thread), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_memory_no_thread_loses_its_token),
        cmocka_unit_test(join_gives_what_it_returned),
        cmocka_unit_test(it_is_alive_from_start_to_end),
        cmocka_unit_test(join_in_vain_is_not_cut_short),
        cmocka_unit_test(misuse_is_named),
        cmocka_unit_test(two_may_not_join_at_once),
        cmocka_unit_test(a_cancelled_join_can_be_made_again),
        cmocka_unit_test(it_has_a_name),
        cmocka_unit_test(a_long_name_is_cut),
        cmocka_unit_test(threads_are_numbered_that_have_no_name),
        cmocka_unit_test(it_has_the_stack_that_was_asked_for),
        cmocka_unit_test(it_starts_with_its_token),
        cmocka_unit_test(a_handle_can_be_given_up_before_the_end),
        cmocka_unit_test(what_it_wrote_is_seen_after_join),
        cmocka_unit_test(nothing_of_it_is_left_after_join),
        cmocka_unit_test(without_memory_there_is_no_thread),
        cmocka_unit_test(without_a_thread_start_can_be_tried_again),
        cmocka_unit_test(a_start_in_vain_keeps_nobody_waiting),
        cmocka_unit_test(exit_waits_for_threads_but_not_for_daemons),
        cmocka_unit_test(the_child_can_give_up_the_parents_handles),
        cmocka_unit_test(the_child_does_not_wait_for_a_thread_to_begin),
        cmocka_unit_test(the_child_can_start_threads_and_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
