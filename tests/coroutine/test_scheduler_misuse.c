/*
 * test_scheduler_misuse.c - what is done wrong with schedulers and coroutines, and what they have of their own
 */
#include "harness.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "thrum/coroutine.h"

static thrum_scheduler *sched;
static char report[4096];

static void hear(void *arg, const char *text)
{
    (void)arg;
    (void)snprintf(report, sizeof report, "%s", text);
}

static int set_up(void **state)
{
    (void)state;
    report[0] = '\0';
    thrum_set_reporter(hear, NULL);
    return thrum_scheduler_new(&sched);
}

static int tear_down(void **state)
{
    (void)state;
    check_result(thrum_scheduler_free(sched), 0);
    thrum_set_reporter(NULL, NULL);
    return 0;
}

static void go(int (*function)(void *arg), void *arg, const char *name)
{
    check_result(thrum_coroutine_run(NULL, sched, function, arg, .name = name), 0);
}

static void run_all(void)
{
    check_result(thrum_scheduler_run(sched), 0);
}

static int do_nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int end_badly(void *arg)
{
    (void)arg;
    return 5;
}

static int yield_thrice(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++)
        check_result(thrum_coroutine_yield(), 0);
    return 0;
}

/* ---- Arguments ---- */

TEST(nulls_are_refused)
{
    thrum_coroutine *made = NULL;
    thrum_error error;
    int code;
    check_result(thrum_scheduler_new(NULL), -EINVAL);
    check_result(thrum_scheduler_run(NULL), -EINVAL);
    check_result(thrum_scheduler_free(NULL), 0);
    check_result(thrum_scheduler_error(NULL, &error), -EINVAL);
    check_result(thrum_scheduler_error(sched, NULL), -EINVAL);
    check_result(thrum_coroutine_run(&made, NULL, do_nothing, NULL), -EINVAL); /* no scheduler runs the caller */
    check_result(thrum_coroutine_run(&made, sched, NULL, NULL), -EINVAL);
    check_result(thrum_coroutine_run(&made, sched, do_nothing, NULL, .stack_size = 4095), -EINVAL);
    check_result(thrum_coroutine_run(&made, sched, do_nothing, NULL, .stack_size = SIZE_MAX), -ENOMEM);
    check(made == NULL);
    check_result(thrum_scheduler_new_task(sched, NULL), -EINVAL);
    check_result(thrum_coroutine_join(NULL, &code, THRUM_NOWAIT), -EINVAL);
    check_result(thrum_coroutine_cancel(NULL), -EINVAL);
    check_result(thrum_coroutine_error(NULL, &error), -EINVAL);
    check(!thrum_coroutine_done(NULL));
    check_str(thrum_coroutine_name(NULL), "");
    thrum_coroutine_free(NULL);
    check(thrum_current_coroutine() == NULL);
    run_all();
}

TEST(smallest_stack_is_enough_for_a_little)
{
    check_result(thrum_coroutine_run(NULL, sched, yield_thrice, NULL, .stack_size = 4096), 0);
    run_all();
}

TEST(ended_ones_are_as_they_were)
{
    thrum_coroutine *made;
    thrum_error error;
    int code = 0;
    check_result(thrum_coroutine_run(&made, sched, end_badly, NULL), 0);
    check_result(thrum_coroutine_join(made, &code, thrum_seconds(-1)), -EINVAL);
    run_all();
    check_result(thrum_coroutine_cancel(made), 0);
    check_result(thrum_coroutine_join(made, &code, THRUM_NOWAIT), 0);
    check_int(code, 5);
    check_result(thrum_coroutine_join(made, NULL, THRUM_NOWAIT), 0);
    check_result(thrum_coroutine_error(made, NULL), -EINVAL);
    check_result(thrum_coroutine_error(made, &error), 0);
    check_int(error.code, 5);
    thrum_coroutine_free(made);
#ifdef THRUM_CHECKED
    thrum_coroutine_free(made);
    check_result(thrum_coroutine_join(made, &code, THRUM_NOWAIT), -EINVAL);
    check_result(thrum_coroutine_cancel(made), -EINVAL);
    check_result(thrum_coroutine_error(made, &error), -EINVAL);
    check(!thrum_coroutine_done(made));
    check_str(thrum_coroutine_name(made), "");
#endif
}

#ifdef THRUM_CHECKED
TEST(freed_schedulers_are_known)
{
    thrum_scheduler *other;
    thrum_error error;
    check_result(thrum_scheduler_new(&other), 0);
    check_result(thrum_scheduler_free(other), 0);
    check_result(thrum_scheduler_free(other), -EINVAL);
    check_result(thrum_scheduler_run(other), -EINVAL);
    check_result(thrum_scheduler_error(other, &error), -EINVAL);
    check_result(thrum_coroutine_run(NULL, other, do_nothing, NULL), -EINVAL);
    check_result(thrum_scheduler_run((thrum_scheduler *)(void *)"no scheduler"), -EINVAL);
}
#endif

static int sleep_badly(void *arg)
{
    (void)arg;
    check_result(thrum_sleep(thrum_seconds(-1)), -EINVAL);
    check_result(thrum_sleep(thrum_seconds(0.0 / 0.0)), -EINVAL);
    check_result(thrum_sleep(THRUM_NOWAIT), 0);
    check_result(thrum_sleep(thrum_until(1)), 0);
    check_result(thrum_sleep(thrum_interruptible(thrum_seconds(0.001))), 0);
    return 0;
}

TEST(bad_times_are_refused)
{
    go(sleep_badly, NULL, NULL);
    run_all();
    check_int(sleep_badly(NULL), 0); /* in a thread */
    check_result(thrum_coroutine_yield(), 0);
}

/* ---- Who runs it ---- */

static int try_to_run(void *arg)
{
    thrum_scheduler *other;
    (void)arg;
    check_result(thrum_scheduler_run(sched), -EALREADY);
    check_result(thrum_scheduler_free(sched), -EALREADY);
    check_result(thrum_scheduler_new(&other), 0);
    check_result(thrum_scheduler_run(other), -EALREADY);
    check_result(thrum_scheduler_free(other), -EALREADY);
    *(thrum_scheduler **)arg = other;
    return 0;
}

TEST(nobody_runs_it_within_a_run)
{
    thrum_scheduler *other = NULL;
    go(try_to_run, &other, NULL);
    run_all();
    check_result(thrum_scheduler_free(other), 0);
}

static int run_elsewhere(void *arg)
{
    int expected = *(const int *)arg;
    check_result(thrum_scheduler_run(sched), expected);
    check_result(thrum_scheduler_free(sched), expected);
    return 0;
}

static int try_from_a_thread(void *arg)
{
    check_int(finish(start(run_elsewhere, arg, NULL)), 0);
    return 0;
}

TEST(one_thread_runs_it)
{
    int already = -EALREADY, other = -EPERM;
    go(try_from_a_thread, &already, NULL);
    run_all();
    go(end_badly, NULL, NULL);
    go(yield_thrice, NULL, NULL);
    check_result(thrum_coroutine_run(NULL, sched, end_badly, NULL), 0);
    check_result(thrum_scheduler_run(sched), THRUM_FAILED);
    check_result(thrum_scheduler_run(sched), THRUM_FAILED); /* one has begun */
    check_int(try_from_a_thread(&other), 0);
    run_all(); /* that of the other thread has cancelled nobody: they check */
}

static int join_myself(void *arg)
{
    thrum_coroutine *self = *(thrum_coroutine **)arg;
    check(self == thrum_current_coroutine());
    check_result(thrum_coroutine_join(self, NULL, THRUM_FOREVER), -EDEADLK);
    return 0;
}

TEST(nobody_joins_himself)
{
    thrum_coroutine *self, *left;
    check_result(thrum_coroutine_run(&self, sched, join_myself, &self), 0);
    check_result(thrum_coroutine_run(&left, sched, yield_thrice, NULL), 0);
    go(end_badly, NULL, NULL);
    check_result(thrum_scheduler_run(sched), THRUM_FAILED);
    check_result(thrum_coroutine_join(left, NULL, THRUM_FOREVER), -EDEADLK); /* this thread has to run it */
    run_all();
    check_result(thrum_coroutine_join(left, NULL, THRUM_FOREVER), 0);
    thrum_coroutine_free(self);
    thrum_coroutine_free(left);
}

/* ---- Generators as tasks ---- */

static int yield_once(thrum_generator *self, void *arg)
{
    (void)arg;
    return thrum_yield(self, NULL, NULL);
}

static int hold_another(thrum_generator *self, void *arg)
{
    (void)self;
    return thrum_generator_next(arg, NULL);
}

/* Goes on with a generator whose turn never ends. */
static int wait_in_it(thrum_generator *self, void *arg)
{
    (void)self;
    return thrum_event_wait(arg, THRUM_FOREVER);
}

TEST(generator_that_runs_is_a_failure_as_a_task)
{
    thrum_event end = THRUM_EVENT_INIT;
    thrum_generator *inner, *outer;
    thrum_error error;
    check_result(thrum_generator_new(&inner, wait_in_it, &end), 0);
    check_result(thrum_generator_new(&outer, hold_another, inner), 0);
    check_result(thrum_scheduler_new_task(sched, outer), 0); /* it is in the inner one from then on */
    check_result(thrum_scheduler_new_task(sched, inner), 0);
    check_result(thrum_scheduler_run(sched), THRUM_FAILED);
    check_result(thrum_scheduler_error(sched, &error), 0);
    check_int(error.code, -EALREADY);
    thrum_event_set(&end);
    check_result(thrum_scheduler_run(sched), THRUM_FAILED); /* the outer one's end, which is that of the inner one */
    check_result(thrum_scheduler_error(sched, &error), 0);
    check_int(error.code, THRUM_STOP_ITERATION);
    check_result(thrum_generator_free(inner), 0);
}

/* ---- Lack of memory and of descriptors ---- */

TEST(lack_of_memory_is_named)
{
    thrum_scheduler *other = NULL;
    bool refused = true;
    for (unsigned n = 0; refused; n++) {
        fault_arm(FAULT_MEMORY, n);
        int result = thrum_scheduler_new(&other);
        refused = fault_disarm();
        check_result(result, refused ? -ENOMEM : 0);
    }
    refused = true;
    for (unsigned n = 0; refused; n++) {
        fault_arm(FAULT_MEMORY, n);
        /* Of a size that nobody has used. */
        int result = thrum_coroutine_run(NULL, other, yield_thrice, NULL, .stack_size = (size_t)1 << 21);
        refused = fault_disarm();
        check(result == 0 || (refused && result == -ENOMEM));
    }
    thrum_generator *generator;
    check_result(thrum_generator_new(&generator, yield_once, NULL), 0);
    refused = true;
    for (unsigned n = 0; refused; n++) {
        fault_arm(FAULT_MEMORY, n);
        int result = thrum_scheduler_new_task(other, generator);
        refused = fault_disarm();
        check(result == 0 || (refused && result == -ENOMEM));
        if (result == 0)
            break; /* it is the scheduler's now */
    }
    fault_arm(FAULT_MEMORY, 0);
    int result = thrum_scheduler_run(other); /* takes none */
    check(!fault_disarm());
    check_result(result, 0);
    check_result(thrum_scheduler_free(other), 0);
}

static int lowest_descriptor(void)
{
    int fd = dup(0);
    check(fd >= 0);
    close(fd);
    return fd;
}

TEST(lack_of_descriptors_is_named)
{
    struct rlimit before, few;
    thrum_scheduler *other = NULL;
    int lowest = lowest_descriptor();
    check_int(getrlimit(RLIMIT_NOFILE, &before), 0);
    for (int room = 0; room < 2; room++) {
        few = before;
        few.rlim_cur = (rlim_t)(lowest + room);
        check_int(setrlimit(RLIMIT_NOFILE, &few), 0);
        check_result(thrum_scheduler_new(&other), -EMFILE);
        check(other == NULL);
        check_int(setrlimit(RLIMIT_NOFILE, &before), 0);
        check_int(lowest_descriptor(), lowest);
    }
    check_result(thrum_scheduler_new(&other), 0);
    check_result(thrum_scheduler_free(other), 0);
    check_int(lowest_descriptor(), lowest);
}

/* ---- Fork ---- */

static thrum_lock fork_lock = THRUM_LOCK_INIT;

/* The child goes on until it would wait. */
static int fork_here(void *arg)
{
    thrum_coroutine *other = *(thrum_coroutine **)arg;
    thrum_event never = THRUM_EVENT_INIT;
    int status = 0;
    check_result(thrum_lock_acquire(&fork_lock, THRUM_FOREVER), 0);
    pid_t child = fork();
    check(child >= 0);
    if (child > 0) {
        check_int(waitpid(child, &status, 0), child);
        check_int(status, 0);
        return thrum_lock_release(&fork_lock);
    }
    check_result(thrum_lock_release(&fork_lock), 0);
    check(thrum_current_coroutine() != NULL);
    check_result(thrum_coroutine_join(other, NULL, THRUM_FOREVER), -ECHILD);
    check_result(thrum_coroutine_run(NULL, NULL, do_nothing, NULL), -ECHILD);
    check_result(thrum_scheduler_free(sched), -EALREADY);
    check_result(thrum_coroutine_cancel(other), 0);
    if (HARNESS_TSAN) /* which takes those on both sides of a switch for strangers after a fork */
        _exit(0);
    check_result(thrum_event_wait(&never, THRUM_FOREVER), 0); /* it never comes back */
    _exit(1);
}

TEST(child_goes_on_until_it_waits)
{
    thrum_coroutine *other;
    check_result(thrum_coroutine_run(&other, sched, yield_thrice, NULL), 0);
    go(fork_here, &other, NULL);
    int result = thrum_scheduler_run(sched);
    if (result == -ECHILD) { /* the child */
        check_result(thrum_scheduler_run(sched), -ECHILD);
        check_result(thrum_coroutine_join(other, NULL, THRUM_FOREVER), -ECHILD);
        check_result(thrum_scheduler_free(sched), 0);
        thrum_coroutine_free(other);
        thrum_scheduler *mine;
        check_result(thrum_scheduler_new(&mine), 0);
        check_result(thrum_coroutine_run(&other, mine, do_nothing, NULL), 0);
        check_result(thrum_scheduler_run(mine), 0);
        check_result(thrum_coroutine_join(other, NULL, THRUM_FOREVER), 0);
        _exit(0);
    }
    check_result(result, 0);
    thrum_coroutine_free(other);
}

/* ---- What a coroutine has of its own ---- */

static thrum_local *local;
static char order[16];

static void note_end(void *value)
{
    check(thrum_current_coroutine() != NULL); /* by itself */
    (void)strncat(order, value, 1);
}

static int have_a_value(void *arg)
{
    check(thrum_local_get(local) == NULL);
    check_result(thrum_local_set(local, arg), 0);
    check_result(thrum_coroutine_yield(), 0);
    check(thrum_local_get(local) == arg);
    return 0;
}

TEST(locals_end_with_their_coroutine)
{
    char a[] = "a", b[] = "b", host[] = "h";
    order[0] = '\0';
    check_result(thrum_local_new(&local, .destroy = note_end), 0);
    check_result(thrum_local_set(local, host), 0);
    go(have_a_value, a, NULL);
    go(have_a_value, b, NULL);
    run_all();
    check_str(order, "ab");
    check(thrum_local_get(local) == host);
    check_result(thrum_local_set(local, NULL), 0);
    thrum_local_free(local);
}

static struct {
    thrum_rlock rlock;
    thrum_lock one, other;
    int inside;
} shared;

static int enter_twice(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++)
        check_result(thrum_rlock_acquire(&shared.rlock, THRUM_FOREVER), 0);
    check_int(shared.inside++, 0);
    check_result(thrum_coroutine_yield(), 0);
    check_int(--shared.inside, 0);
    check_result(thrum_rlock_release(&shared.rlock), 0);
    check_result(thrum_coroutine_yield(), 0);
    check_result(thrum_rlock_release(&shared.rlock), 0);
    return 0;
}

TEST(rlocks_belong_to_a_coroutine)
{
    shared.rlock = (thrum_rlock)THRUM_RLOCK_INIT;
    for (int i = 0; i < 3; i++)
        go(enter_twice, NULL, NULL);
    check_result(thrum_rlock_acquire(&shared.rlock, THRUM_FOREVER), 0);
    check_result(thrum_rlock_release(&shared.rlock), 0);
    run_all();
}

static int use_tokens(void *arg)
{
    thrum_token *mine = arg, *own;
    check(!thrum_cancelled());
    own = thrum_token_set(mine);
    check(own != NULL && own != mine);
    check(thrum_cancelled());
    check_result(thrum_sleep(thrum_seconds(10)), THRUM_CANCELLED);
    THRUM_SHIELD
    check_result(thrum_sleep(thrum_seconds(0.001)), 0);
    check(thrum_token_set(own) == mine);
    check_result(thrum_coroutine_yield(), 0);
    check_result(thrum_coroutine_cancel(thrum_current_coroutine()), 0);
    check(thrum_cancelled());
    check_result(thrum_coroutine_yield(), THRUM_CANCELLED);
    THRUM_SHIELD
    check_result(thrum_coroutine_yield(), 0);
    check(thrum_token_set(NULL) == own);
    check_result(thrum_sleep(thrum_seconds(0.001)), 0);
    return 0;
}

TEST(tokens_are_a_coroutines_own)
{
    thrum_token *token, *of_thread;
    check_result(thrum_token_new(&token), 0);
    check_result(thrum_token_new(&of_thread), 0);
    thrum_token_cancel(token);
    thrum_token_cancel(of_thread);
    (void)thrum_token_set(of_thread); /* that of its thread is another's */
    go(use_tokens, token, NULL);
    run_all();
    check(thrum_token_set(NULL) == of_thread);
    thrum_token_free(token);
    thrum_token_free(of_thread);
}

/* ---- Signals ---- */

static struct {
    thrum_event over;
    atomic_int interrupted;
    pthread_t target;
    uint64_t target_id;
} signalled;

static void nothing(int signo)
{
    (void)signo;
}

static int wait_for_signal(void *arg)
{
    (void)arg;
    check_result(thrum_event_wait(&signalled.over, thrum_interruptible(THRUM_FOREVER)), THRUM_INTERRUPTED);
    atomic_fetch_add(&signalled.interrupted, 1);
    return 0;
}

static int wait_without(void *arg)
{
    (void)arg;
    check_result(thrum_event_wait(&signalled.over, THRUM_FOREVER), 0);
    return 0;
}

static int send_signals(void *arg)
{
    (void)arg;
    while (atomic_load(&signalled.interrupted) < 2) {
        settle(signalled.target_id);
        check_int(pthread_kill(signalled.target, SIGUSR1), 0);
    }
    thrum_event_set(&signalled.over);
    return 0;
}

TEST(signal_ends_waits_that_ask)
{
    struct sigaction action = {.sa_handler = nothing}, before;
    check_int(sigaction(SIGUSR1, &action, &before), 0);
    thrum_event_clear(&signalled.over);
    atomic_store(&signalled.interrupted, 0);
    signalled.target = pthread_self();
    signalled.target_id = thrum_get_native_id();
    go(wait_for_signal, NULL, NULL);
    go(wait_without, NULL, NULL);
    go(wait_for_signal, NULL, NULL);
    thrum_thread *sender = start(send_signals, NULL, NULL);
    run_all();
    check_int(finish(sender), 0);
    check_int(sigaction(SIGUSR1, &before, NULL), 0);
}

/* ---- Deadlocks ---- */

static atomic_int refused;

static int take_both(thrum_lock *first, thrum_lock *second)
{
    check_result(thrum_lock_acquire(first, THRUM_FOREVER), 0);
    check_result(thrum_coroutine_yield(), 0);
    int result = thrum_lock_acquire(second, THRUM_FOREVER);
    check(result == 0 || result == -EDEADLK);
    if (result == 0)
        check_result(thrum_lock_release(second), 0);
    else
        atomic_fetch_add(&refused, 1);
    return thrum_lock_release(first);
}

static int take_one_and_other(void *arg)
{
    (void)arg;
    return take_both(&shared.one, &shared.other);
}

static int take_other_and_one(void *arg)
{
    (void)arg;
    return take_both(&shared.other, &shared.one);
}

TEST(deadlock_of_two_coroutines_is_found)
{
    shared.one = shared.other = (thrum_lock)THRUM_LOCK_INIT;
    atomic_store(&refused, 0);
    go(take_one_and_other, NULL, "first");
    go(take_other_and_one, NULL, "second");
    run_all();
    check_int(atomic_load(&refused), 1);
    check(strncmp(report, "thrum: deadlock:\n", 17) == 0);
    check(strstr(report, "coroutine 'first' on thread ") != NULL);
    check(strstr(report, "coroutine 'second' on thread ") != NULL);
}

TEST(deadlock_with_another_thread_is_found)
{
    shared.one = shared.other = (thrum_lock)THRUM_LOCK_INIT;
    atomic_store(&refused, 0);
    for (int i = 0; i < ROUNDS(1000); i++) {
        go(take_one_and_other, NULL, "coroutine");
        thrum_thread *thread = start(take_other_and_one, NULL, NULL);
        run_all();
        check_int(finish(thread), 0);
    }
}

static int take_hosts_lock(void *arg)
{
    (void)arg;
    check_result(thrum_lock_acquire(&shared.one, thrum_seconds(0.001)), THRUM_TIMEOUT);
    check_result(thrum_lock_acquire(&shared.one, THRUM_FOREVER), -EDEADLK);
    return 0;
}

TEST(deadlock_with_its_own_thread_is_found)
{
    shared.one = (thrum_lock)THRUM_LOCK_INIT;
    check_result(thrum_lock_acquire(&shared.one, THRUM_FOREVER), 0);
    go(take_hosts_lock, NULL, "guest");
    run_all();
    check_result(thrum_lock_release(&shared.one), 0);
    check(strstr(report, "coroutine 'guest' on thread ") != NULL);
    check(strstr(report, ", held by thread '") != NULL);
}

static int keep_it(void *arg)
{
    (void)arg;
    check_result(thrum_lock_acquire(&shared.one, THRUM_FOREVER), 0);
    return thrum_coroutine_yield();
}

static int take_it_in_vain(void *arg)
{
    (void)arg;
    check_result(thrum_lock_acquire(&shared.one, THRUM_FOREVER), -EDEADLK);
    check_result(thrum_lock_release(&shared.one), -EPERM);
    return 0;
}

TEST(lock_of_one_that_ended_is_reported)
{
    shared.one = (thrum_lock)THRUM_LOCK_INIT;
    go(keep_it, NULL, "keeper");
    go(take_it_in_vain, NULL, "waiter"); /* it waits when the keeper ends */
    run_all();
    check(strstr(report, "never be released") != NULL);
    check(strstr(report, "coroutine 'keeper' on thread ") != NULL);
    check(strstr(report, ", which has ended") != NULL);
    report[0] = '\0';
    check_int(take_it_in_vain(NULL), 0); /* a thread, afterwards */
    go(take_it_in_vain, NULL, NULL);
    run_all();
    check(strstr(report, "never be released") != NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        WITH(nulls_are_refused),
        WITH(smallest_stack_is_enough_for_a_little),
        WITH(ended_ones_are_as_they_were),
#ifdef THRUM_CHECKED
        WITH(freed_schedulers_are_known),
#endif
        WITH(bad_times_are_refused),
        WITH(nobody_runs_it_within_a_run),
        WITH(one_thread_runs_it),
        WITH(nobody_joins_himself),
        WITH(generator_that_runs_is_a_failure_as_a_task),
        WITH(lack_of_memory_is_named),
        WITH(lack_of_descriptors_is_named),
        WITH(child_goes_on_until_it_waits),
        WITH(locals_end_with_their_coroutine),
        WITH(rlocks_belong_to_a_coroutine),
        WITH(tokens_are_a_coroutines_own),
        WITH(signal_ends_waits_that_ask),
        WITH(deadlock_of_two_coroutines_is_found),
        WITH(deadlock_with_another_thread_is_found),
        WITH(deadlock_with_its_own_thread_is_found),
        WITH(lock_of_one_that_ended_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
