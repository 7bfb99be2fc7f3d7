/*
 * test_signal.c - what may be done in a signal handler, and tokens bound to signals
 *
 * ThreadSanitizer keeps handlers back until the thread calls something that it knows. So there a handler
 * cannot be seen to run in a thread that waits: raise(3) is used where that is enough.
 */
#include "harness.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

static thrum_event event;
static atomic_int handled;

static void set_handler(int signo, void (*handler)(int signo))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    check_int(sigaction(signo, &action, NULL), 0);
}

static void set_event(int signo)
{
    int before = errno;
    (void)signo;
    errno = 4711;
    if (thrum_event_set_from_signal(&event) != 0 || errno != 4711)
        abort();
    errno = before;
    atomic_fetch_add(&handled, 1);
}

static int await_event(void *arg)
{
    (void)arg;
    return thrum_event_wait(&event, THRUM_FOREVER);
}

/* ---- Events --------------------------------------------------------------------------- */

/* First of all tests: afterwards there is a helper. */
TEST(without_a_helper_nothing_is_set)
{
    check_result(thrum_event_set_from_signal(&event), -EINVAL);
    check(!thrum_event_is_set(&event));
    check_result(thrum_signals_start(), 0);
    check_result(thrum_signals_start(), 0);
    check_result(thrum_event_set_from_signal(NULL), -EINVAL);
    check_result(thrum_event_set_from_signal(&event), 0);
    check(thrum_event_is_set(&event));
    thrum_event_clear(&event);
    check(!thrum_event_is_set(&event));
}

TEST(a_handler_in_another_thread_sets_it)
{
    set_handler(SIGUSR1, set_event);
    for (int round = 0; round < ROUNDS(300); round++) {
        thrum_thread *threads[4];
        for (size_t i = 0; i < 4; i++)
            threads[i] = start(await_event, NULL, NULL);
        if (round % 2)
            settle(thrum_thread_native_id(threads[3]));
        check_int(raise(SIGUSR1), 0);
        check(thrum_event_is_set(&event));
        if (round % 3 == 0) /* who waited goes on; who comes later waits */
            check_result(await_event(NULL), 0);
        for (size_t i = 0; i < 4; i++)
            check_result(finish(threads[i]), 0);
        thrum_event_clear(&event);
        check(!thrum_event_is_set(&event));
    }
}

static void *await_in_thread(void *arg)
{
    atomic_uint_fast64_t *native_id = arg;
    atomic_store(native_id, thrum_get_native_id());
    /* It is interrupted, and finds it set, though the helper may not have come yet. */
    check_result(thrum_event_wait(&event, thrum_interruptible(THRUM_FOREVER)), 0);
    return NULL;
}

TEST(a_handler_in_the_waiting_thread_itself_sets_it)
{
    if (HARNESS_TSAN)
        skip();
    set_handler(SIGUSR1, set_event);
    for (int round = 0; round < ROUNDS(300); round++) {
        pthread_t thread;
        atomic_uint_fast64_t native_id = 0;
        check_int(pthread_create(&thread, NULL, await_in_thread, &native_id), 0);
        until(atomic_load(&native_id) != 0);
        if (round % 2)
            settle(atomic_load(&native_id));
        check_int(pthread_kill(thread, SIGUSR1), 0);
        check_int(pthread_join(thread, NULL), 0);
        thrum_event_clear(&event);
    }
}

TEST(who_waited_goes_on_though_it_is_cleared_at_once)
{
    set_handler(SIGUSR1, set_event);
    for (int round = 0; round < ROUNDS(200); round++) {
        thrum_thread *threads[4];
        for (size_t i = 0; i < 4; i++)
            threads[i] = start(await_event, NULL, NULL);
        for (size_t i = 0; i < 4; i++)
            await_wait(thrum_thread_native_id(threads[i]));
        check_int(raise(SIGUSR1), 0);
        thrum_event_clear(&event);
        for (size_t i = 0; i < 4; i++)
            check_result(finish(threads[i]), 0);
    }
}

/* ---- A handler in the middle of the very same event's calls ----------------------------- */

struct storm {
    pthread_t target;
    atomic_bool over;
};

static void *rain(void *arg)
{
    struct storm *storm = arg;
    while (!atomic_load(&storm->over)) {
        check_int(pthread_kill(storm->target, SIGUSR1), 0);
        sched_yield();
    }
    return NULL;
}

static int answer(void *arg)
{
    atomic_bool *over = arg;
    while (!atomic_load(over)) {
        check_result(thrum_event_wait(&event, THRUM_FOREVER), 0);
        thrum_event_clear(&event);
    }
    return 0;
}

TEST(a_handler_may_interrupt_any_call_of_the_same_event)
{
    atomic_bool over = false;
    struct storm storm = {.target = pthread_self()};
    pthread_t cloud;
    set_handler(SIGUSR1, set_event);
    thrum_thread *threads[2];
    for (size_t i = 0; i < 2; i++)
        threads[i] = start(answer, &over, NULL);
    check_int(pthread_create(&cloud, NULL, rain, &storm), 0);
    for (int i = 0; i < ROUNDS(20000); i++) {
        thrum_event_set(&event);
        thrum_event_clear(&event);
        int result = thrum_event_wait(&event, thrum_seconds(1e-5));
        check(result == 0 || result == THRUM_TIMEOUT);
    }
    atomic_store(&over, true);
    for (size_t i = 0; i < 2; i++) {
        while (thrum_thread_join(threads[i], NULL, thrum_seconds(0.001)) != 0)
            thrum_event_set(&event);
        thrum_thread_free(threads[i]);
    }
    atomic_store(&storm.over, true);
    check_int(pthread_join(cloud, NULL), 0);
    thrum_event_clear(&event);
}

/* The event may be gone as soon as its wait has returned. */
static _Atomic(thrum_event *) passing;

static void set_passing(int signo)
{
    (void)signo;
    thrum_event *now = atomic_load(&passing);
    if (now != NULL && thrum_event_set_from_signal(now) != 0)
        abort();
}

static int raise_in_thread(void *arg)
{
    (void)arg;
    return raise(SIGUSR1);
}

TEST(an_event_may_go_after_its_wait)
{
    set_handler(SIGUSR1, set_passing);
    for (int round = 0; round < ROUNDS(500); round++) {
        thrum_event *now = calloc(1, sizeof *now);
        check(now != NULL);
        atomic_store(&passing, now);
        thrum_thread *setter = start(raise_in_thread, NULL, NULL);
        check_result(thrum_event_wait(now, THRUM_FOREVER), 0);
        if (round % 2)
            finish(setter);
        else
            until(!thrum_thread_is_alive(setter)); /* the handler has ended, the helper perhaps not begun */
        memset(now, 0xFF, sizeof *now);
        free(now);
        if (round % 2 == 0)
            finish(setter);
    }
    atomic_store(&passing, NULL);
}

/* ---- Tokens --------------------------------------------------------------------------- */

static thrum_token *new_token(int signo)
{
    thrum_token *token;
    check_result(thrum_token_new(&token), 0);
    check_result(thrum_token_bind_signal(token, signo), 0);
    return token;
}

static void count(int signo)
{
    (void)signo;
    atomic_fetch_add(&handled, 1);
}

static void count_info(int signo, siginfo_t *info, void *context)
{
    check_int(info->si_signo, signo);
    check(context != NULL);
    atomic_fetch_add(&handled, 1);
}

TEST(a_signal_cancels_all_tokens_bound_to_it_and_no_others)
{
    thrum_token *one = new_token(SIGUSR1), *two = new_token(SIGUSR1), *other = new_token(SIGUSR2);
    check_int(raise(SIGUSR1), 0);
    check(thrum_token_is_cancelled(one));
    check(thrum_token_is_cancelled(two));
    check(!thrum_token_is_cancelled(other));
    thrum_token_free(one);
    thrum_token_free(two);
    check_result(thrum_token_bind_signal(other, SIGUSR1), 0);
    check_int(raise(SIGUSR1), 0);
    check(thrum_token_is_cancelled(other));
    thrum_token_free(other);
}

TEST(each_wait_of_a_thread_with_that_token_ends)
{
    for (int round = 0; round < ROUNDS(200); round++) {
        thrum_token *token = new_token(SIGUSR1);
        thrum_thread *threads[4];
        thrum_event_clear(&event);
        for (size_t i = 0; i < 4; i++)
            threads[i] = start(await_event, NULL, token);
        if (round % 2)
            settle(thrum_thread_native_id(threads[3]));
        check_int(raise(SIGUSR1), 0);
        for (size_t i = 0; i < 4; i++)
            check_result(finish(threads[i]), THRUM_CANCELLED);
        thrum_token_free(token);
    }
}

/* Ctrl-C for a read that knows nothing of thrum. */
static int read_until_cancelled(void *pipe_end)
{
    char byte;
    while (!thrum_cancelled())
        check(read(*(int *)pipe_end, &byte, 1) < 0 && errno == EINTR);
    return THRUM_CANCELLED;
}

static int ends[2];
static atomic_uint_fast64_t reader_id;

static void *read_in_thread(void *token)
{
    check(thrum_token_set(token) == NULL);
    atomic_store(&reader_id, thrum_get_native_id());
    check_result(read_until_cancelled(&ends[0]), THRUM_CANCELLED);
    return NULL;
}

TEST(a_read_that_is_interrupted_finds_the_token_cancelled)
{
    check_int(pipe(ends), 0);
    for (int round = 0; round < ROUNDS(100); round++) {
        thrum_token *token = new_token(SIGUSR1);
        pthread_t thread;
        atomic_store(&reader_id, 0);
        check_int(pthread_create(&thread, NULL, read_in_thread, token), 0);
        until(atomic_load(&reader_id) != 0);
        settle(atomic_load(&reader_id));
        /* Once more where the first came just before the read: that gap is read(2)'s. */
        int64_t again = thrum_monotonic_ns() + 1000 * MILLISECOND;
        check_int(pthread_kill(thread, SIGUSR1), 0);
        while (pthread_tryjoin_np(thread, NULL) != 0)
            if (thrum_monotonic_ns() > again)
                (void)pthread_kill(thread, SIGUSR1);
        thrum_token_free(token);
    }
    close(ends[0]);
    close(ends[1]);
}

TEST(the_handler_from_before_is_called_too_and_comes_back)
{
    struct sigaction now;
    set_handler(SIGUSR1, count);
    atomic_store(&handled, 0);
    thrum_token *one = new_token(SIGUSR1), *two = new_token(SIGUSR1);
    check_int(raise(SIGUSR1), 0);
    check_int(atomic_load(&handled), 1);
    check_result(thrum_token_unbind_signal(one, SIGUSR1), 0);
    check_int(raise(SIGUSR1), 0);
    check_int(atomic_load(&handled), 2);
    check_int(sigaction(SIGUSR1, NULL, &now), 0);
    check(now.sa_handler != count);
    thrum_token_free(two);
    check_int(sigaction(SIGUSR1, NULL, &now), 0);
    check(now.sa_handler == count && (now.sa_flags & SA_RESTART) != 0);
    thrum_token_free(one);

    struct sigaction with_info = {.sa_sigaction = count_info, .sa_flags = SA_SIGINFO};
    check_int(sigaction(SIGUSR1, &with_info, NULL), 0);
    one = new_token(SIGUSR1);
    check_int(raise(SIGUSR1), 0);
    check_int(atomic_load(&handled), 3);
    thrum_token_free(one);
    check_int(sigaction(SIGUSR1, NULL, &now), 0);
    check((now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == count_info);
}

TEST(a_handler_that_the_program_sets_meanwhile_stays)
{
    struct sigaction now;
    thrum_token *token = new_token(SIGUSR1);
    set_handler(SIGUSR1, count);
    thrum_token_free(token);
    check_int(sigaction(SIGUSR1, NULL, &now), 0);
    check(now.sa_handler == count);

    struct sigaction with_info = {.sa_sigaction = count_info, .sa_flags = SA_SIGINFO};
    token = new_token(SIGUSR1);
    check_int(sigaction(SIGUSR1, &with_info, NULL), 0);
    thrum_token_free(token);
    check_int(sigaction(SIGUSR1, NULL, &now), 0);
    check(now.sa_sigaction == count_info);
}

TEST(an_ignored_signal_is_ignored_again)
{
    struct sigaction now;
    set_handler(SIGUSR1, SIG_IGN);
    thrum_token *token = new_token(SIGUSR1);
    check_int(raise(SIGUSR1), 0);
    check(thrum_token_is_cancelled(token));
    thrum_token_free(token);
    check_int(sigaction(SIGUSR1, NULL, &now), 0);
    check(now.sa_handler == SIG_IGN);
    check_int(raise(SIGUSR1), 0);
}

TEST(what_cannot_be_bound_is_refused)
{
    static const int never[] = {0, -1, SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL, NSIG, 100000};
    thrum_token *token;
    check_result(thrum_token_new(&token), 0);
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        check_result(thrum_token_bind_signal(token, never[i]), -EINVAL);
    check_result(thrum_token_unbind_signal(token, SIGUSR1), -EINVAL);
    check_result(thrum_token_bind_signal(token, SIGUSR1), 0);
    check_result(thrum_token_bind_signal(token, SIGUSR1), -EALREADY);
    check_result(thrum_token_bind_signal(token, SIGUSR2), 0);
    check_result(thrum_token_unbind_signal(token, SIGUSR1), 0);
    check_result(thrum_token_unbind_signal(token, SIGUSR1), -EINVAL);
    check(!thrum_token_is_cancelled(token));
    check_result(thrum_token_bind_signal(NULL, SIGUSR1), -EINVAL);
    check_result(thrum_token_unbind_signal(NULL, SIGUSR1), -EINVAL);
    thrum_token_free(token);
    struct sigaction now;
    check_int(sigaction(SIGUSR2, NULL, &now), 0);
    check(now.sa_handler == SIG_DFL);
}

/* Bound and unbound, and freed, while its signals rain. */
TEST(tokens_come_and_go_in_a_storm)
{
    struct storm storm = {.target = pthread_self()};
    pthread_t cloud;
    set_handler(SIGUSR1, count);
    check_int(pthread_create(&cloud, NULL, rain, &storm), 0);
    for (int i = 0; i < ROUNDS(5000); i++) {
        thrum_token *token = new_token(SIGUSR1), *other = new_token(SIGUSR1);
        if (i % 3 == 0)
            check_int(pthread_kill(cloud, SIGUSR1), 0); /* its handlers run elsewhere, too */
        if (i % 2)
            check_result(thrum_token_unbind_signal(token, SIGUSR1), 0);
        thrum_token_free(token);
        thrum_token_free(other);
    }
    atomic_store(&storm.over, true);
    check_int(pthread_join(cloud, NULL), 0);
}

/* ---- Shield --------------------------------------------------------------------------- */

static int leave_by_return(thrum_token *token)
{
    THRUM_SHIELD
    {
        check(!thrum_cancelled());
        THRUM_SHIELD
        {
            check(!thrum_cancelled());
        }
        check(!thrum_cancelled());
        return thrum_token_is_cancelled(token);
    }
    return -1;
}

TEST(a_shield_lets_clean_up_wait)
{
    thrum_token *token;
    int times = 0;
    check_result(thrum_token_new(&token), 0);
    thrum_token_cancel(token);
    check(thrum_token_set(token) == NULL);
    thrum_event_clear(&event);
    check_result(thrum_event_wait(&event, thrum_seconds(0.001)), THRUM_CANCELLED);
    THRUM_SHIELD
    {
        check_result(thrum_event_wait(&event, thrum_seconds(0.001)), THRUM_TIMEOUT);
        times++;
    }
    check_int(times, 1);
    check(thrum_cancelled());
    check_int(leave_by_return(token), 1);
    check(thrum_cancelled());
    THRUM_SHIELD
    {
        if (times == 1)
            break;
        times++;
    }
    check_int(times, 1);
    check(thrum_cancelled());
    check(thrum_token_set(NULL) == token);
    thrum_token_free(token);
}

/* ---- In a child, and without memory ------------------------------------------------------ */

static void use_in_child(void *arg)
{
    thrum_token *token = arg;
    set_handler(SIGUSR2, set_event);
    check_int(raise(SIGUSR2), 0);
    check(thrum_event_is_set(&event));
    check_result(await_event(NULL), 0);
    thrum_event_clear(&event);
    check_int(raise(SIGUSR1), 0);
    check(thrum_token_is_cancelled(token));
    if (!THREADS_IN_CHILD)
        return;
    check_result(thrum_token_unbind_signal(token, SIGUSR1), 0);
    thrum_thread *threads[3];
    for (size_t i = 0; i < 3; i++)
        threads[i] = start(await_event, NULL, NULL);
    settle(thrum_thread_native_id(threads[2]));
    check_int(raise(SIGUSR2), 0);
    for (size_t i = 0; i < 3; i++)
        check_result(finish(threads[i]), 0);
    thrum_event_clear(&event);

    thrum_token *own = new_token(SIGUSR1);
    threads[0] = start(await_event, NULL, own);
    settle(thrum_thread_native_id(threads[0]));
    check_int(raise(SIGUSR1), 0);
    check_result(finish(threads[0]), THRUM_CANCELLED);
    thrum_token_free(own);
}

TEST(a_child_has_all_that_too)
{
    thrum_token *token = new_token(SIGUSR1);
    thrum_event_clear(&event);
    for (int i = 0; i < 5; i++)
        check_int(in_child(use_in_child, token), 0);
    check(!thrum_token_is_cancelled(token));
    thrum_token_free(token);
}

static void *rain_on_itself(void *arg)
{
    const struct storm *storm = arg;
    while (!atomic_load(&storm->over))
        check_int(raise(SIGUSR1), 0);
    return NULL;
}

/* A child is made while another thread is in our handler, and errands are under way. */
TEST(a_child_is_made_in_a_storm)
{
    if (!THREADS_IN_CHILD)
        skip();
    struct storm storm = {.over = false};
    pthread_t cloud;
    set_handler(SIGUSR1, count);
    for (int i = 0; i < ROUNDS(20); i++) {
        thrum_token *token = new_token(SIGUSR1);
        atomic_store(&storm.over, false);
        atomic_store(&handled, 0);
        check_int(pthread_create(&cloud, NULL, rain_on_itself, &storm), 0);
        until(atomic_load(&handled) > 0); /* AddressSanitizer's locks are free again: see in_child */
        check_int(in_child(use_in_child, token), 0);
        atomic_store(&storm.over, true);
        check_int(pthread_join(cloud, NULL), 0);
        thrum_token_free(token);
    }
}

static void fail_each(void *arg)
{
    const enum fault *what = arg;
    thrum_token *token;
    check_result(thrum_token_new(&token), 0);
    bool came = true;
    unsigned n = 0;
    for (; came; n++) {
        fault_arm(*what, n);
        int result = thrum_token_bind_signal(token, SIGUSR2);
        came = fault_disarm();
        check_result(result, !came ? 0 : *what == FAULT_THREAD ? -EAGAIN : -ENOMEM);
        check_result(thrum_event_set_from_signal(&event), came && *what == FAULT_THREAD ? -EINVAL : 0);
    }
    check(n > 1);
    check_int(raise(SIGUSR2), 0);
    check(thrum_token_is_cancelled(token));
    thrum_token_free(token);
}

/* In a child, before there is a helper. */
TEST(what_it_lacks_is_told_and_nothing_is_changed)
{
    enum fault faults[] = {FAULT_MEMORY, FAULT_THREAD};
    for (size_t i = 0; i < 2; i++)
        check_int(in_child(fail_each, &faults[i]), 0);
}

static void start_and_fork(void *arg)
{
    (void)arg;
    check_result(thrum_signals_start(), 0);
    thrum_token *token = new_token(SIGUSR1);
    check_int(in_child(use_in_child, token), 0);
}

TEST(a_child_of_one_that_never_waited_has_it_too)
{
    check_int(in_child(start_and_fork, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_lacks_is_told_and_nothing_is_changed),
        cmocka_unit_test(a_child_of_one_that_never_waited_has_it_too),
        cmocka_unit_test(without_a_helper_nothing_is_set),
        cmocka_unit_test(a_handler_in_another_thread_sets_it),
        cmocka_unit_test(a_handler_in_the_waiting_thread_itself_sets_it),
        cmocka_unit_test(who_waited_goes_on_though_it_is_cleared_at_once),
        cmocka_unit_test(a_handler_may_interrupt_any_call_of_the_same_event),
        cmocka_unit_test(an_event_may_go_after_its_wait),
        cmocka_unit_test(a_signal_cancels_all_tokens_bound_to_it_and_no_others),
        cmocka_unit_test(each_wait_of_a_thread_with_that_token_ends),
        cmocka_unit_test(a_read_that_is_interrupted_finds_the_token_cancelled),
        cmocka_unit_test(the_handler_from_before_is_called_too_and_comes_back),
        cmocka_unit_test(a_handler_that_the_program_sets_meanwhile_stays),
        cmocka_unit_test(an_ignored_signal_is_ignored_again),
        cmocka_unit_test(what_cannot_be_bound_is_refused),
        cmocka_unit_test(tokens_come_and_go_in_a_storm),
        cmocka_unit_test(a_shield_lets_clean_up_wait),
        cmocka_unit_test(a_child_has_all_that_too),
        cmocka_unit_test(a_child_is_made_in_a_storm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
