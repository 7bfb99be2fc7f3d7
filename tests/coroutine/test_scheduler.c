/*
 * test_scheduler.c - tasks that take turns, and what they wait for
 */
#include "harness.h"

#include "thrum/coroutine.h"
#include "thrum/queue.h"

static thrum_scheduler *sched;
static char said[4096];

static void say(const char *format, ...)
{
    va_list arguments;
    size_t used = strlen(said);
    va_start(arguments, format);
    (void)vsnprintf(said + used, sizeof said - used, format, arguments);
    va_end(arguments);
}

static int set_up(void **state)
{
    (void)state;
    said[0] = '\0';
    return thrum_scheduler_new(&sched);
}

static int tear_down(void **state)
{
    (void)state;
    check_result(thrum_scheduler_free(sched), 0);
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

/* ---- Turns ---- */

static int count_down(thrum_generator *self, void *arg)
{
    for (int n = *(const int *)arg; n > 0; n--) {
        say("-%d ", n);
        int result = thrum_yield(self, NULL, NULL);
        if (result != 0)
            return result;
    }
    say("off ");
    return 0;
}

static int count_up(thrum_generator *self, void *arg)
{
    for (int n = 0; n < *(const int *)arg; n++) {
        say("+%d ", n);
        int result = thrum_yield(self, NULL, NULL);
        if (result != 0)
            return result;
    }
    return 0;
}

static void new_task(int (*function)(thrum_generator *self, void *arg), const int *n)
{
    thrum_generator *generator;
    check_result(thrum_generator_new(&generator, function, (void *)(uintptr_t)n), 0);
    check_result(thrum_scheduler_new_task(sched, generator), 0);
}

TEST(generators_take_turns_as_in_the_recipe)
{
    const int two = 2, one = 1, three = 3;
    new_task(count_down, &two);
    new_task(count_down, &one);
    new_task(count_up, &three);
    run_all();
    check_str(said, "-2 -1 +0 -1 off +1 off +2 ");
}

static int walk(void *arg)
{
    for (int i = 0; i < 3; i++) {
        say("%s%d ", (const char *)arg, i);
        check_result(thrum_coroutine_yield(), 0);
    }
    return 0;
}

TEST(those_that_yield_take_turns)
{
    go(walk, "a", NULL);
    go(walk, "b", NULL);
    run_all();
    check_str(said, "a0 b0 a1 b1 a2 b2 ");
    run_all(); /* there are none */
}

/* ---- Waiting ---- */

static int64_t last_due;

/* When it is due is known only once it has begun: another may have slept for long by then. */
static int sleep_well(void *arg)
{
    int64_t due = (thrum_monotonic_ns() / MILLISECOND + *(const int *)arg) * MILLISECOND;
    check_result(thrum_sleep(thrum_until(due)), 0);
    check(thrum_monotonic_ns() >= due);
    check(due >= last_due);
    last_due = due;
    int64_t begin = thrum_monotonic_ns();
    check_result(thrum_sleep(thrum_seconds(0.002)), 0);
    check(thrum_monotonic_ns() - begin >= 2 * MILLISECOND);
    say("woken ");
    return 0;
}

TEST(they_sleep_side_by_side_and_wake_as_they_are_due)
{
    static const int times[] = {30, 10, 20, 0, 40};
    last_due = 0;
    for (size_t i = 0; i < 5; i++)
        go(sleep_well, (void *)(uintptr_t)&times[i], NULL);
    run_all();
    check_str(said, "woken woken woken woken woken ");
}

struct pair {
    thrum_queue *there, *back;
    int rounds, sum;
};

static int serve(void *arg)
{
    struct pair *pair = arg;
    for (int i = 0; i < pair->rounds; i++) {
        void *item;
        check_result(thrum_queue_get(pair->there, &item, THRUM_FOREVER), 0);
        check_result(thrum_queue_put(pair->back, &item, THRUM_FOREVER), 0);
    }
    return 0;
}

static int ask(void *arg)
{
    struct pair *pair = arg;
    for (int i = 0; i < pair->rounds; i++) {
        void *item = arg;
        check_result(thrum_queue_put(pair->there, &item, THRUM_FOREVER), 0);
        check_result(thrum_queue_get(pair->back, &item, THRUM_FOREVER), 0);
        check(item == arg);
        pair->sum++;
    }
    return 0;
}

TEST(two_talk_by_queues)
{
    struct pair pair = {.rounds = ROUNDS(10000)};
    check_result(thrum_queue_new(&pair.there, .maxsize = 1), 0);
    check_result(thrum_queue_new(&pair.back, .maxsize = 1), 0);
    go(serve, &pair, NULL);
    go(ask, &pair, NULL);
    run_all();
    check_int(pair.sum, pair.rounds);
    thrum_queue_free(pair.there);
    thrum_queue_free(pair.back);
}

TEST(one_talks_with_a_thread)
{
    struct pair pair = {.rounds = ROUNDS(10000)};
    check_result(thrum_queue_new(&pair.there, .maxsize = 1), 0);
    check_result(thrum_queue_new(&pair.back, .maxsize = 1), 0);
    go(ask, &pair, NULL);
    thrum_thread *thread = start(serve, &pair, NULL);
    run_all();
    check_int(finish(thread), 0);
    check_int(pair.sum, pair.rounds);
    thrum_queue_free(pair.there);
    thrum_queue_free(pair.back);
}

static struct {
    thrum_lock lock;
    int inside, sum;
} shared;

static int add_in_turn(void *arg)
{
    for (int i = 0; i < *(const int *)arg; i++) {
        check_result(thrum_lock_acquire(&shared.lock, THRUM_FOREVER), 0);
        check_int(shared.inside++, 0);
        if (i % 2 == 0)
            check_result(thrum_coroutine_yield(), 0);
        shared.sum++;
        shared.inside--;
        check_result(thrum_lock_release(&shared.lock), 0);
        if (i % 3 == 0)
            check_result(thrum_coroutine_yield(), 0);
    }
    return 0;
}

TEST(a_lock_is_for_one_at_a_time)
{
    int rounds = ROUNDS(1000);
    shared.lock = (thrum_lock)THRUM_LOCK_INIT;
    shared.sum = 0;
    for (int i = 0; i < 10; i++)
        go(add_in_turn, &rounds, "adder");
    thrum_thread *threads[2] = {start(add_in_turn, &rounds, NULL), start(add_in_turn, &rounds, NULL)};
    run_all();
    for (int i = 0; i < 2; i++)
        check_int(finish(threads[i]), 0);
    check_int(shared.sum, 12 * rounds);
}

/* One that never lets go for longer than it takes to ask again. */
static int take_again_and_again(void *arg)
{
    while (!*(const bool *)arg) {
        check_result(thrum_lock_acquire(&shared.lock, THRUM_FOREVER), 0);
        check_result(thrum_coroutine_yield(), 0);
        check_result(thrum_lock_release(&shared.lock), 0);
    }
    return 0;
}

static int take_once(void *arg)
{
    check_result(thrum_lock_acquire(&shared.lock, THRUM_FOREVER), 0);
    check_result(thrum_lock_release(&shared.lock), 0);
    *(bool *)arg = true;
    return 0;
}

TEST(none_is_passed_over_for_ever)
{
    bool over = false;
    shared.lock = (thrum_lock)THRUM_LOCK_INIT;
    go(take_again_and_again, &over, NULL);
    go(take_once, &over, NULL);
    run_all();
}

/* ---- Join, cancel ---- */

static int return_seven(void *arg)
{
    (void)arg;
    check_result(thrum_coroutine_yield(), 0);
    return thrum_fail(7, "seven of %d", 8);
}

static int join_it(void *arg)
{
    int code = 0;
    check_result(thrum_coroutine_join(*(thrum_coroutine **)arg, &code, THRUM_FOREVER), 0);
    return code != 7;
}

TEST(join_gives_the_code_to_all_who_ask)
{
    thrum_coroutine *made;
    thrum_error error;
    int code = 0;
    check_result(thrum_coroutine_run(&made, sched, return_seven, NULL, .name = "seven"), 0);
    check(!thrum_coroutine_done(made));
    check_result(thrum_coroutine_error(made, &error), -EINVAL);
    check_result(thrum_coroutine_join(made, &code, thrum_seconds(0.001)), THRUM_TIMEOUT);
    go(join_it, &made, NULL);
    go(join_it, &made, NULL);
    thrum_thread *thread = start(join_it, &made, NULL);
    run_all();
    check_int(finish(thread), 0);
    check_result(thrum_coroutine_join(made, &code, THRUM_NOWAIT), 0);
    check_int(code, 7);
    check_result(thrum_coroutine_error(made, &error), 0);
    check_int(error.outcome, THRUM_FAILED);
    check_int(error.code, 7);
    check_str(error.message, "seven of 8");
    check_str(error.task, "seven");
    check_str(thrum_coroutine_name(made), "seven");
    check(thrum_coroutine_done(made));
    thrum_coroutine_free(made);
}

TEST(failure_that_nobody_would_hear_of_is_told_by_run)
{
    thrum_error error;
    check_result(thrum_scheduler_error(sched, &error), THRUM_EMPTY);
    go(return_seven, NULL, "seven");
    go(walk, "a", NULL);
    check_result(thrum_scheduler_run(sched), THRUM_FAILED);
    check_str(said, "a0 ");
    check_result(thrum_scheduler_error(sched, &error), 0);
    check_int(error.code, 7);
    check_str(error.message, "seven of 8");
    run_all();
    check_str(said, "a0 a1 a2 ");
}

static int wait_for_ever(void *arg)
{
    int result = thrum_event_wait(arg, THRUM_FOREVER);
    say("%s ", thrum_strerror(result));
    check_result(thrum_sleep(THRUM_FOREVER), THRUM_CANCELLED);
    check_result(thrum_coroutine_yield(), THRUM_CANCELLED);
    return result;
}

static int cancel_it(void *arg)
{
    check_result(thrum_coroutine_cancel(*(thrum_coroutine **)arg), 0);
    return 0;
}

TEST(cancelled_ones_are_told_in_all_that_they_wait_for)
{
    thrum_event never = THRUM_EVENT_INIT;
    thrum_coroutine *first, *second;
    int code = 0;
    check_result(thrum_coroutine_run(&first, sched, wait_for_ever, &never), 0);
    check_result(thrum_coroutine_run(&second, sched, wait_for_ever, &never), 0);
    check_result(thrum_coroutine_cancel(second), 0); /* before it has begun */
    go(cancel_it, &first, NULL);
    run_all();
    check_result(thrum_coroutine_join(first, &code, THRUM_FOREVER), 0);
    check_int(code, THRUM_CANCELLED);
    code = 0;
    check_result(thrum_coroutine_join(second, &code, THRUM_FOREVER), 0);
    check_int(code, THRUM_CANCELLED);
    check_str(said, "cancelled ");
    thrum_coroutine_free(first);
    thrum_coroutine_free(second);
}

TEST(free_ends_what_is_left)
{
    thrum_event never = THRUM_EVENT_INIT;
    thrum_coroutine *kept;
    thrum_scheduler *other;
    const int three = 3;
    int code = 0;
    check_result(thrum_scheduler_new(&other), 0);
    check_result(thrum_coroutine_run(&kept, other, wait_for_ever, &never), 0);
    check_result(thrum_coroutine_run(NULL, other, wait_for_ever, &never), 0);
    check_result(thrum_coroutine_run(NULL, other, return_seven, NULL), 0);
    check_result(thrum_scheduler_run(other), THRUM_FAILED);
    thrum_scheduler *mine = sched;
    sched = other;
    new_task(count_up, &three);
    check_result(thrum_coroutine_run(NULL, other, walk, "never"), 0);
    sched = mine;
    check_result(thrum_scheduler_free(other), 0);
    check_result(thrum_coroutine_join(kept, &code, THRUM_NOWAIT), 0);
    check_int(code, THRUM_CANCELLED);
    thrum_coroutine_free(kept);
    check_str(said, "cancelled cancelled ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        WITH(generators_take_turns_as_in_the_recipe),
        WITH(those_that_yield_take_turns),
        WITH(they_sleep_side_by_side_and_wake_as_they_are_due),
        WITH(two_talk_by_queues),
        WITH(one_talks_with_a_thread),
        WITH(a_lock_is_for_one_at_a_time),
        WITH(none_is_passed_over_for_ever),
        WITH(join_gives_the_code_to_all_who_ask),
        WITH(failure_that_nobody_would_hear_of_is_told_by_run),
        WITH(cancelled_ones_are_told_in_all_that_they_wait_for),
        WITH(free_ends_what_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
