/*
 * test_lock_order.c - THRUM_LOCK_ORDER: opposite orders are reported though nothing hung, and nothing else is
 */
#include "fake.h"

#include <unistd.h>

#include "park/order.h"
#include "platform/state.h"

static struct {
    atomic_int reports;
    char last[8192];
} told;

static void keep(void *arg, const char *text)
{
    (void)arg;
    (void)snprintf(told.last, sizeof told.last, "%s", text);
    atomic_fetch_add(&told.reports, 1);
}

static int listen(void **state)
{
    (void)state;
    atomic_store(&told.reports, 0);
    told.last[0] = '\0';
    thrum_set_reporter(keep, NULL);
    return 0;
}

static void check_says(const char *words)
{
    if (strstr(told.last, words) == NULL)
        harness_fail(__FILE__, __LINE__, "the report says nothing of '%s':\n%s", words, told.last);
}

static void set_mode(enum order_mode mode)
{
    os_store_relaxed(&os_state()->orders.mode, (uint32_t)mode);
}

/* Take one while another is held, and give both back. */
static int nest(thrum_lock *outer, thrum_lock *inner)
{
    check_result(thrum_lock_acquire(outer, THRUM_FOREVER), 0);
    int result = thrum_lock_acquire(inner, THRUM_FOREVER);
    if (result == 0)
        check_result(thrum_lock_release(inner), 0);
    check_result(thrum_lock_release(outer), 0);
    return result;
}

struct pair {
    thrum_lock *outer, *inner;
};

static int nest_pair(void *arg)
{
    struct pair *pair = arg;
    return nest(pair->outer, pair->inner);
}

/* By a thread of that name, from its beginning to its end. */
static int nest_as(const char *name, thrum_lock *outer, thrum_lock *inner)
{
    thrum_thread *thread;
    struct pair pair = {outer, inner};
    check_result(thrum_thread_run(&thread, nest_pair, &pair, .name = name), 0);
    return finish(thread);
}

TEST(opposite_orders_are_reported_once_with_both)
{
    thrum_lock apples, pears;
    check_result(thrum_lock_init(&apples, .name = "apples"), 0);
    check_result(thrum_lock_init(&pears, .name = "pears"), 0);
    check_int(nest_as("picker", &apples, &pears), 0);
    check_int(nest_as("picker", &apples, &pears), 0);
    check_int(told.reports, 0);
    check_int(nest_as("packer", &pears, &apples), 0);
    check_int(told.reports, 1);
    check(strncmp(told.last, "thrum: lock order violation:\n  thread 'packer' (", 46) == 0);
    check_says(" takes lock 'apples' (0x");
    check_says(", while it holds lock 'pears' (0x");
    check_says("  before, thread 'picker' (");
    check_says(" took lock 'pears' (0x");
    check_says(", while it held lock 'apples' (0x");
    check_says("test_lock_order");
    check_int(nest_as("packer", &pears, &apples), 0);
    check_int(nest_as("another", &pears, &apples), 0);
    check_int(told.reports, 1);
}

TEST(longer_circle_is_reported_with_each_step)
{
    thrum_lock locks[4] = {THRUM_LOCK_INIT, THRUM_LOCK_INIT, THRUM_LOCK_INIT, THRUM_LOCK_INIT};
    for (int i = 0; i < 3; i++)
        check_int(nest(&locks[i], &locks[i + 1]), 0);
    check_int(told.reports, 0);
    check_int(nest(&locks[3], &locks[0]), 0);
    check_int(told.reports, 1);
    int lines = 0;
    for (const char *at = told.last; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    check_int(lines, 1 + 4);
    check_int(nest(&locks[0], &locks[3]), 0);
    check_int(told.reports, 1);
}

TEST(with_error_the_lock_is_not_taken)
{
    thrum_lock a = THRUM_LOCK_INIT, b = THRUM_LOCK_INIT;
    set_mode(ORDER_ERROR);
    check_int(nest(&a, &b), 0);
    check_int(nest(&b, &a), -EDEADLK);
    check_int(nest(&b, &a), -EDEADLK);
    check_int(told.reports, 1);
    check(!thrum_lock_locked(&a) && !thrum_lock_locked(&b));
    check_int(nest(&a, &b), 0);
    /* It cannot wait for ever, so it may be tried. */
    check_result(thrum_lock_acquire(&b, THRUM_FOREVER), 0);
    check_result(thrum_lock_acquire(&a, THRUM_NOWAIT), 0);
    check_result(thrum_lock_release(&a), 0);
    check_result(thrum_lock_release(&b), 0);
    check_int(told.reports, 1);
    set_mode(ORDER_WARN);
}

TEST(all_that_are_held_count_in_whatever_order_they_are_released)
{
    thrum_lock a = THRUM_LOCK_INIT, b = THRUM_LOCK_INIT, c = THRUM_LOCK_INIT, d = THRUM_LOCK_INIT;
    check_result(thrum_lock_acquire(&a, THRUM_FOREVER), 0);
    check_result(thrum_lock_acquire(&b, THRUM_FOREVER), 0);
    check_result(thrum_lock_acquire(&c, THRUM_FOREVER), 0);
    check_result(thrum_lock_release(&b), 0);
    check_result(thrum_lock_acquire(&d, THRUM_FOREVER), 0);
    check_result(thrum_lock_release(&a), 0);
    check_result(thrum_lock_release(&c), 0);
    check_result(thrum_lock_release(&d), 0);
    check_int(nest(&d, &a), 0);
    check_int(told.reports, 1);
    check_int(nest(&d, &c), 0);
    check_int(told.reports, 2);
    check_int(nest(&d, &b), 0);
    check_int(told.reports, 3); /* b was before c, which was before d */
    check_int(nest(&b, &d), 0);
    check_int(told.reports, 3);
}

TEST(what_was_tried_counts_as_held)
{
    thrum_lock a = THRUM_LOCK_INIT, b = THRUM_LOCK_INIT, c = THRUM_LOCK_INIT;
    check_result(thrum_lock_acquire(&a, THRUM_FOREVER), 0);
    check_result(thrum_lock_acquire(&b, thrum_seconds(10)), 0);
    check_result(thrum_lock_acquire(&c, THRUM_FOREVER), 0);
    check_result(thrum_lock_release(&c), 0);
    check_result(thrum_lock_release(&b), 0);
    check_result(thrum_lock_release(&a), 0);
    check_int(nest(&b, &a), 0); /* nobody waited for b for ever */
    check_int(told.reports, 0);
    check_int(nest(&c, &a), 0);
    check_int(told.reports, 1);
    check_int(nest(&c, &b), 0);
    check_int(told.reports, 2);
}

/* ---- What must not be reported ---- */

static void twist(thrum_lock *one, thrum_lock *other, bool back)
{
    check_int(back ? nest(other, one) : nest(one, other), 0);
}

TEST(another_lock_in_the_same_place_is_another)
{
    for (int round = 0; round < 100; round++) {
        thrum_lock one = THRUM_LOCK_INIT, other = THRUM_LOCK_INIT;
        twist(&one, &other, round % 2 != 0);
    }
    for (int round = 0; round < 100; round++) {
        thrum_lock *two = calloc(2, sizeof *two);
        check(two != NULL);
        twist(&two[0], &two[1], round % 2 != 0);
        free(two);
    }
    check_int(told.reports, 0);
}

TEST(copied_lock_is_another)
{
    thrum_lock a = THRUM_LOCK_INIT, b = THRUM_LOCK_INIT;
    check_int(nest(&a, &b), 0);
    thrum_lock copy = a;
    check_int(nest(&b, &copy), 0);
    check_int(told.reports, 0);
    check_int(nest(&b, &a), 0);
    check_int(told.reports, 1);
}

TEST(locks_of_one_name_are_one)
{
    thrum_lock rooms[2], key = THRUM_LOCK_INIT;
    for (int i = 0; i < 2; i++)
        check_result(thrum_lock_init(&rooms[i], .name = "room"), 0);
    check_int(nest(&rooms[0], &rooms[1]), 0);
    check_int(nest(&rooms[1], &rooms[0]), 0);
    check_int(told.reports, 0);
    check_int(nest(&rooms[0], &key), 0);
    check_int(nest(&key, &rooms[1]), 0);
    check_int(told.reports, 1);
}

TEST(rlock_taken_again_is_no_order)
{
    thrum_rlock lock = THRUM_RLOCK_INIT;
    thrum_lock inner = THRUM_LOCK_INIT;
    for (int i = 0; i < 2; i++) {
        check_result(thrum_rlock_acquire(&lock, THRUM_FOREVER), 0);
        check_result(thrum_lock_acquire(&inner, THRUM_FOREVER), 0);
        check_result(thrum_rlock_acquire(&lock, THRUM_FOREVER), 0);
        check_result(thrum_rlock_release(&lock), 0);
        check_result(thrum_lock_release(&inner), 0);
        check_result(thrum_rlock_release(&lock), 0);
    }
    check_int(told.reports, 0);
    check_result(thrum_lock_acquire(&inner, THRUM_FOREVER), 0);
    check_result(thrum_rlock_acquire(&lock, THRUM_FOREVER), 0);
    check_result(thrum_rlock_release(&lock), 0);
    check_result(thrum_lock_release(&inner), 0);
    check_int(told.reports, 1);
}

TEST(lock_that_anybody_may_release_is_not_looked_at)
{
    thrum_lock a = THRUM_LOCK_INIT_ANY, b = THRUM_LOCK_INIT;
    check_int(nest(&a, &b), 0);
    check_int(nest(&b, &a), 0);
    check_int(told.reports, 0);
}

TEST(acquire_all_is_in_order_whatever_the_names)
{
    thrum_lock locks[4];
    const char *names[4] = {"even", "odd", "even", "odd"};
    for (int i = 0; i < 4; i++)
        check_result(thrum_lock_init(&locks[i], .name = names[i]), 0);
    thrum_lock *all[4] = {&locks[3], &locks[2], &locks[1], &locks[0]};
    check_result(thrum_acquire_all(all, 4, THRUM_FOREVER), 0);
    check_result(thrum_release_all(all, 4), 0);
    check_int(told.reports, 0);
    thrum_lock plain[2] = {THRUM_LOCK_INIT, THRUM_LOCK_INIT}, *both[2] = {&plain[1], &plain[0]};
    check_result(thrum_acquire_all(both, 2, THRUM_FOREVER), 0);
    check_result(thrum_release_all(both, 2), 0);
    check_int(nest(&plain[1], &plain[0]), 0); /* against the order that acquire_all takes */
    check_int(told.reports, 1);
}

/* ---- Conditions ---- */

struct desk {
    thrum_lock lock, before, after;
    thrum_condition changed;
    int waiting;
    bool takes_after;
};

static int wait_at_desk(void *arg)
{
    struct desk *desk = arg;
    check_result(thrum_lock_acquire(&desk->before, THRUM_FOREVER), 0);
    check_result(thrum_lock_acquire(&desk->lock, THRUM_FOREVER), 0);
    if (desk->takes_after)
        check_result(thrum_lock_acquire(&desk->after, THRUM_FOREVER), 0);
    desk->waiting = 1;
    while (desk->waiting == 1)
        check_result(thrum_condition_wait(&desk->changed, THRUM_FOREVER), 0);
    if (desk->takes_after)
        check_result(thrum_lock_release(&desk->after), 0);
    check_result(thrum_lock_release(&desk->lock), 0);
    return thrum_lock_release(&desk->before);
}

static void notify_desk(struct desk *desk)
{
    thrum_thread *thread = start(wait_at_desk, desk, NULL);
    bool done = false;
    while (!done) {
        check_result(thrum_lock_acquire(&desk->lock, THRUM_FOREVER), 0);
        done = desk->waiting == 1;
        if (done) {
            desk->waiting = 2;
            check_result(thrum_condition_notify_all(&desk->changed), 0);
        }
        check_result(thrum_lock_release(&desk->lock), 0);
    }
    check_int(finish(thread), 0);
}

TEST(condition_takes_its_lock_again_in_the_same_order)
{
    for (int round = 0; round < ROUNDS(100); round++) {
        struct desk desk = {.changed = THRUM_CONDITION_INIT(&desk.lock)};
        notify_desk(&desk);
    }
    check_int(told.reports, 0);
}

TEST(condition_that_takes_its_lock_again_under_a_later_one_is_reported)
{
    struct desk desk = {.changed = THRUM_CONDITION_INIT(&desk.lock), .takes_after = true};
    notify_desk(&desk);
    check_int(told.reports, 1);
    check(!thrum_lock_locked(&desk.lock));
}

/* ---- On and off ---- */

static void with_value(const char *value, const char *complaint, bool on)
{
    int ends[2];
    char text[512];
    check(pipe(ends) == 0 && dup2(ends[1], STDERR_FILENO) == STDERR_FILENO);
    check(value != NULL ? setenv("THRUM_LOCK_ORDER", value, 1) == 0 : unsetenv("THRUM_LOCK_ORDER") == 0);
    set_mode(ORDER_UNREAD);
    check(order_is_checked() == on);
    check(order_is_checked() == on);
    check(close(ends[1]) == 0 && close(STDERR_FILENO) == 0);
    ssize_t size = read(ends[0], text, sizeof text - 1);
    check(size >= 0);
    text[size] = '\0';
    check_str(text, complaint);
    if (!on) {
        struct sleeper *self = sleeper_self();
        sleeper_watch(self);
        check_int(thrum_self_.owner, self->owner);
        thrum_lock a = THRUM_LOCK_INIT, b = THRUM_LOCK_INIT;
        check_int(nest(&a, &b) + nest(&b, &a), 0);
        check_int(told.reports, 0);
    }
}

static void bad_value(void *arg)
{
    (void)arg;
    with_value("loud", "thrum: THRUM_LOCK_ORDER is 'loud', neither warn nor error: it is off\n", false);
}

static void no_value(void *arg)
{
    with_value(arg, "", false);
}

static void good_value(void *arg)
{
    with_value(arg, "", true);
}

static void no_memory(void *arg)
{
    (void)arg;
    os_state()->orders.graph = NULL;
    fault_arm(FAULT_MEMORY, 0);
    with_value("warn", "thrum: THRUM_LOCK_ORDER is off: there is no memory for it\n", false);
    check(fault_disarm());
}

TEST(environment_says_whether_it_is_on)
{
    check_int(in_child(bad_value, NULL), 0);
    check_int(in_child(no_value, NULL), 0);
    check_int(in_child(no_value, ""), 0);
    check_int(in_child(good_value, "warn"), 0);
    check_int(in_child(good_value, "error"), 0);
    check_int(in_child(no_memory, NULL), 0);
}

static int nest_without_memory(void *arg)
{
    thrum_lock *locks = arg;
    fault_arm(FAULT_MEMORY, 0); /* the list of what is held */
    check_result(thrum_lock_acquire(&locks[0], THRUM_FOREVER), 0);
    check(fault_disarm());
    check_result(thrum_lock_acquire(&locks[1], THRUM_FOREVER), 0);
    check_result(thrum_lock_release(&locks[1]), 0);
    return thrum_lock_release(&locks[0]);
}

TEST(without_memory_locks_are_taken_all_the_same)
{
    thrum_lock locks[2] = {THRUM_LOCK_INIT, THRUM_LOCK_INIT};
    check_int(finish(start(nest_without_memory, locks, NULL)), 0);
    check_int(nest(&locks[1], &locks[0]), 0);
    check_int(told.reports, 0);
}

static void nest_in_child(void *arg)
{
    struct pair *pair = arg;
    check_int(nest(pair->inner, pair->outer), 0);
    check_int(told.reports, 1);
    check_int(nest(pair->outer, pair->inner), 0);
}

TEST(forked_child_knows_the_orders)
{
    thrum_lock a = THRUM_LOCK_INIT, b = THRUM_LOCK_INIT;
    check_int(nest(&a, &b), 0);
    check_int(in_child(nest_in_child, &(struct pair){&a, &b}), 0);
}

/* ---- Many ---- */

#define THREADS 4

static struct {
    thrum_lock locks[8];
    int backwards;
} crowd;

/* Each pair in order, until one of them goes backwards. */
static int nest_all(void *arg)
{
    for (int round = 0; round < ROUNDS(300); round++)
        for (int i = 0; i < 8; i++)
            for (int j = i + 1; j < 8; j++)
                check_int(nest(&crowd.locks[i], &crowd.locks[j]), 0);
    (void)arg;
    return 0;
}

TEST(threads_that_nest_at_once_are_not_reported)
{
    thrum_thread *threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        threads[i] = start(nest_all, NULL, NULL);
    for (int i = 0; i < THREADS; i++)
        check_int(finish(threads[i]), 0);
    check_int(told.reports, 0);
    for (int i = 0; i < 7; i++)
        check_int(nest(&crowd.locks[7], &crowd.locks[i]), 0);
    check_int(told.reports, 7);
}

static void use_them_up(void *arg)
{
    int ends[2];
    char text[512];
    (void)arg;
    check(pipe(ends) == 0 && dup2(ends[1], STDERR_FILENO) == STDERR_FILENO);
    thrum_lock a = THRUM_LOCK_INIT, b = THRUM_LOCK_INIT;
    check_int(nest(&a, &b), 0);
    for (int i = 0; i < 70000; i++) {
        thrum_lock fresh = THRUM_LOCK_INIT;
        check_int(nest(&a, &fresh), 0);
    }
    check(close(ends[1]) == 0 && close(STDERR_FILENO) == 0);
    ssize_t size = read(ends[0], text, sizeof text - 1);
    check(size > 0);
    text[size] = '\0';
    check_str(text, "thrum: THRUM_LOCK_ORDER: too many locks or orders to remember; new ones are not looked at\n");
    check_int(told.reports, 0);
    check_int(nest(&b, &a), 0); /* what is known is known */
    check_int(told.reports, 1);
}

TEST(there_is_an_end_to_what_is_remembered)
{
    check_int(in_child(use_them_up, NULL), 0);
}

int main(void)
{
    check(setenv("THRUM_LOCK_ORDER", "warn", 1) == 0); /* before anything of thrum is used */
#define LISTENING(name) cmocka_unit_test_setup(name, listen)
    const struct CMUnitTest tests[] = {
        LISTENING(opposite_orders_are_reported_once_with_both),
        LISTENING(longer_circle_is_reported_with_each_step),
        LISTENING(with_error_the_lock_is_not_taken),
        LISTENING(all_that_are_held_count_in_whatever_order_they_are_released),
        LISTENING(what_was_tried_counts_as_held),
        LISTENING(another_lock_in_the_same_place_is_another),
        LISTENING(copied_lock_is_another),
        LISTENING(locks_of_one_name_are_one),
        LISTENING(rlock_taken_again_is_no_order),
        LISTENING(lock_that_anybody_may_release_is_not_looked_at),
        LISTENING(acquire_all_is_in_order_whatever_the_names),
        LISTENING(condition_takes_its_lock_again_in_the_same_order),
        LISTENING(condition_that_takes_its_lock_again_under_a_later_one_is_reported),
        LISTENING(environment_says_whether_it_is_on),
        LISTENING(without_memory_locks_are_taken_all_the_same),
        LISTENING(forked_child_knows_the_orders),
        LISTENING(threads_that_nest_at_once_are_not_reported),
        LISTENING(there_is_an_end_to_what_is_remembered),
    };
    return cmocka_run_group_tests_name("lock_order", tests, NULL, NULL);
}
