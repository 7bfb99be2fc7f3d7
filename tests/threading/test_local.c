/*
 * test_local.c - variables of which each thread has its own
 */
#include "harness.h"

#include <pthread.h>

static atomic_int destroyed;

static void count(void *value)
{
    check(value != NULL);
    atomic_fetch_add(&destroyed, 1);
}

static thrum_local *make(void (*destroy)(void *value))
{
    thrum_local *local;
    check_result(thrum_local_new(&local, .destroy = destroy), 0);
    atomic_store(&destroyed, 0);
    return local;
}

static void set(thrum_local *local, void *value)
{
    check_result(thrum_local_set(local, value), 0);
    check(thrum_local_get(local) == value);
}

struct use {
    thrum_local *local;
    thrum_event set, end;
    int value;
};

static int use_one(void *arg)
{
    struct use *use = arg;
    check(thrum_local_get(use->local) == NULL);
    set(use->local, &use->value);
    thrum_event_set(&use->set);
    check_result(thrum_event_wait(&use->end, THRUM_FOREVER), 0);
    check(thrum_local_get(use->local) == &use->value);
    return 0;
}

TEST(each_thread_has_its_own)
{
    struct use uses[4] = {{.local = make(count)}};
    thrum_thread *threads[4];
    int mine;
    check(thrum_local_get(uses[0].local) == NULL);
    set(uses[0].local, &mine);
    for (size_t i = 0; i < 4; i++) {
        uses[i].local = uses[0].local;
        threads[i] = start(use_one, &uses[i], NULL);
    }
    for (size_t i = 0; i < 4; i++)
        check_result(thrum_event_wait(&uses[i].set, THRUM_FOREVER), 0);
    check(thrum_local_get(uses[0].local) == &mine);
    check_int(atomic_load(&destroyed), 0);
    for (size_t i = 0; i < 4; i++) {
        thrum_event_set(&uses[i].end);
        check_int(finish(threads[i]), 0);
        check_int(atomic_load(&destroyed), i + 1); /* when it ends, before it is joined */
    }
    thrum_local_free(uses[0].local);
    check_int(atomic_load(&destroyed), 5);
}

TEST(who_is_not_alive_has_destroyed_its_values)
{
    struct use use = {.local = make(count)};
    thrum_thread *thread = start(use_one, &use, NULL);
    thrum_event_set(&use.end);
    until(!thrum_thread_is_alive(thread));
    check_int(atomic_load(&destroyed), 1);
    check_int(finish(thread), 0);
    thrum_local_free(use.local);
    check_int(atomic_load(&destroyed), 1);
}

static void *use_one_abroad(void *arg)
{
    check_int(use_one(arg), 0);
    return NULL;
}

TEST(a_foreign_thread_destroys_its_own_too)
{
    struct use use = {.local = make(count)};
    pthread_t thread;
    thrum_event_set(&use.end);
    check_int(pthread_create(&thread, NULL, use_one_abroad, &use), 0);
    check_int(pthread_join(thread, NULL), 0);
    check_int(atomic_load(&destroyed), 1);
    thrum_local_free(use.local);
}

TEST(what_is_set_is_the_callers_again_when_it_is_replaced)
{
    thrum_local *local = make(count);
    int one, two;
    set(local, &one);
    set(local, &two);
    set(local, NULL);
    check_int(atomic_load(&destroyed), 0);
    thrum_local_free(local);
    check_int(atomic_load(&destroyed), 0); /* NULL is nothing to destroy */
    thrum_local_free(NULL);
}

TEST(misuse_is_named)
{
    thrum_local *local = make(NULL);
    int value;
    check_result(thrum_local_set(NULL, &value), -EINVAL);
    check(thrum_local_get(NULL) == NULL);
    set(local, &value); /* without a destructor it is only forgotten */
    thrum_local_free(local);
}

#define MANY 300

TEST(many_locals_keep_apart)
{
    static thrum_local *locals[MANY];
    static int values[MANY];
    for (size_t i = 0; i < MANY; i++)
        locals[i] = make(count);
    for (size_t i = MANY; i-- > 0;)
        if (i % 3)
            set(locals[i], &values[i]);
    for (size_t i = 0; i < MANY; i++)
        check(thrum_local_get(locals[i]) == (i % 3 ? &values[i] : NULL));
    for (size_t i = 0; i < MANY; i++) {
        thrum_local_free(locals[i]);
        for (size_t other = i + 1; i % 50 == 0 && other < MANY; other++)
            check(thrum_local_get(locals[other]) == (other % 3 ? &values[other] : NULL));
    }
    check_int(atomic_load(&destroyed), MANY / 3 * 2);
}

/* A place that is used again shows nothing of before, in any thread. */
struct again {
    thrum_local *local;
    thrum_event next, done;
};

static int look_again(void *arg)
{
    struct again *again = arg;
    int value;
    for (int round = 0; round < 20; round++) {
        check_result(thrum_event_wait(&again->next, THRUM_FOREVER), 0);
        thrum_event_clear(&again->next);
        check(thrum_local_get(again->local) == NULL);
        set(again->local, &value);
        thrum_event_set(&again->done);
    }
    return 0;
}

TEST(a_place_that_is_used_again_is_empty)
{
    struct again again = {.local = NULL};
    thrum_thread *thread = start(look_again, &again, NULL);
    int value;
    for (int round = 0; round < 20; round++) {
        again.local = make(round % 2 ? count : NULL);
        check(thrum_local_get(again.local) == NULL);
        set(again.local, &value);
        thrum_event_set(&again.next);
        check_result(thrum_event_wait(&again.done, THRUM_FOREVER), 0);
        thrum_event_clear(&again.done);
        thrum_local_free(again.local);
        check_int(atomic_load(&destroyed), round % 2 ? 2 : 0);
    }
    check_int(finish(thread), 0);
}

/* ---- Destructors ---- */

static thrum_local *first, *second;
static char token_of_first, token_of_second;
static uint64_t destroyer;

/* It may use locals, its own among them, and everything else. */
static void set_second(void *value)
{
    check(value == &token_of_first);
    check(thrum_local_get(first) == NULL);
    check_result(thrum_local_set(second, &token_of_second), 0);
    destroyer = thrum_get_ident();
    atomic_fetch_add(&destroyed, 1);
}

static int set_first(void *arg)
{
    set(first, &token_of_first);
    *(uint64_t *)arg = thrum_get_ident();
    return 0;
}

TEST(a_destructor_runs_in_its_thread_and_may_use_locals)
{
    uint64_t ident = 0;
    for (int order = 0; order < 2; order++) {
        first = make(set_second);
        second = make(count);
        if (order == 1) { /* the other one's place first */
            thrum_local_free(first);
            thrum_local_free(second);
            second = make(count);
            first = make(set_second);
        }
        check_int(finish(start(set_first, &ident, NULL)), 0);
        check_int(atomic_load(&destroyed), 2);
        check(destroyer == ident);
        thrum_local_free(first);
        thrum_local_free(second);
        check_int(atomic_load(&destroyed), 2);
    }
}

static void set_again(void *value)
{
    atomic_fetch_add(&destroyed, 1);
    check_result(thrum_local_set(first, value), 0);
}

static char report[4096];

static void keep(void *arg, const char *text)
{
    (void)arg;
    snprintf(report, sizeof report, "%s", text);
}

TEST(a_destructor_that_goes_on_for_ever_is_stopped_and_told_of)
{
    uint64_t ident;
    first = make(set_again);
    thrum_set_reporter(keep, NULL);
    check_int(finish(start(set_first, &ident, NULL)), 0);
    thrum_set_reporter(NULL, NULL);
    check_int(atomic_load(&destroyed), 4);
    check(strstr(report, "thread 'Thread-") != NULL && strstr(report, "1 of them") != NULL);
    thrum_local_free(first);
    check_int(atomic_load(&destroyed), 4);
}

static void use_much(void *value)
{
    thrum_lock lock = THRUM_LOCK_INIT;
    thrum_event event = THRUM_EVENT_INIT;
    check(value == thrum_current_thread());
    check(thrum_thread_is_alive(value));
    check_result(thrum_lock_acquire(&lock, THRUM_FOREVER), 0);
    check_result(thrum_event_wait(&event, thrum_seconds(0.001)), THRUM_TIMEOUT);
    check_result(thrum_lock_release(&lock), 0);
    atomic_fetch_add(&destroyed, 1);
}

static int set_oneself(void *arg)
{
    check_result(thrum_local_set(arg, thrum_current_thread()), 0);
    return 0;
}

TEST(a_destructor_may_use_everything)
{
    thrum_local *local = make(use_much);
    check_int(finish(start(set_oneself, local, NULL)), 0);
    check_int(atomic_load(&destroyed), 1);
    thrum_local_free(local);
}

/* Others' destructors run later than the target; what they set is destroyed too. */
static pthread_key_t late;

static void set_late(void *arg)
{
    check_result(thrum_local_set(arg, &token_of_first), 0);
}

static int leave_late(void *arg)
{
    check_int(pthread_setspecific(late, arg), 0);
    return 0;
}

TEST(what_is_set_late_is_destroyed_too)
{
    thrum_local *local = make(count);
    check_int(pthread_key_create(&late, set_late), 0);
    check_int(finish(start(leave_late, local, NULL)), 0);
    check_int(atomic_load(&destroyed), 1);
    check_int(pthread_key_delete(late), 0);
    thrum_local_free(local);
}

/* ---- Freeing while threads end ---- */

static thrum_event inside, go_on;

static void take_time(void *value)
{
    (void)value;
    thrum_event_set(&inside);
    check_result(thrum_event_wait(&go_on, THRUM_FOREVER), 0);
    atomic_fetch_add(&destroyed, 1);
}

static int set_value(void *arg)
{
    set(arg, &token_of_first);
    return 0;
}

static int free_it(void *arg)
{
    thrum_local_free(arg);
    return atomic_load(&destroyed);
}

TEST(free_waits_for_destructors_under_way)
{
    for (int round = 0; round < 3; round++) {
        thrum_local *local = make(take_time);
        thrum_event_clear(&inside);
        thrum_event_clear(&go_on);
        thrum_thread *thread = start(set_value, local, NULL);
        check_result(thrum_event_wait(&inside, THRUM_FOREVER), 0);
        thrum_thread *freer = start(free_it, local, NULL);
        check_result(thrum_thread_join(freer, NULL, thrum_seconds(0.005)), THRUM_TIMEOUT);
        thrum_event_set(&go_on);
        check_int(finish(freer), 1); /* not before it was over */
        check_int(finish(thread), 0);
    }
}

struct crowd {
    thrum_local *local;
    thrum_event end;
    atomic_int ready;
};

static int set_and_end(void *arg)
{
    struct crowd *crowd = arg;
    set(crowd->local, crowd);
    atomic_fetch_add(&crowd->ready, 1);
    check_result(thrum_event_wait(&crowd->end, THRUM_FOREVER), 0);
    return 0;
}

TEST(each_value_is_destroyed_once_while_threads_end)
{
    for (int round = 0; round < ROUNDS(200); round++) {
        struct crowd crowd = {.local = make(count)};
        thrum_thread *threads[8];
        for (size_t i = 0; i < 8; i++)
            threads[i] = start(set_and_end, &crowd, NULL);
        until(atomic_load(&crowd.ready) == 8);
        thrum_event_set(&crowd.end);
        thrum_local_free(crowd.local);
        check_int(atomic_load(&destroyed), 8); /* all over, by whomever */
        for (size_t i = 0; i < 8; i++)
            check_int(finish(threads[i]), 0);
        check_int(atomic_load(&destroyed), 8);
    }
}

/* Others grow their arrays while one is freed. */
static int make_and_free(void *arg)
{
    thrum_local *locals[10];
    (void)arg;
    for (int round = 0; round < ROUNDS(300); round++) {
        for (size_t i = 0; i < 10; i++) {
            check_result(thrum_local_new(&locals[i], .destroy = count), 0);
            set(locals[i], &locals[i]);
        }
        for (size_t i = 0; i < 10; i++) {
            check(thrum_local_get(locals[i]) == &locals[i]);
            thrum_local_free(locals[i]);
        }
    }
    return 0;
}

TEST(locals_come_and_go_in_all_threads)
{
    thrum_thread *threads[4];
    atomic_store(&destroyed, 0);
    for (size_t i = 0; i < 4; i++)
        threads[i] = start(make_and_free, NULL, NULL);
    for (size_t i = 0; i < 4; i++)
        check_int(finish(threads[i]), 0);
    check_int(atomic_load(&destroyed), 4 * 10 * ROUNDS(300));
}

/* ---- Lack of memory ---- */

static int set_without_memory(void *arg)
{
    int value, result;
    bool came_to_it = true;
    for (unsigned n = 0; came_to_it; n++) {
        fault_arm(FAULT_MEMORY, n);
        result = thrum_local_set(arg, &value);
        came_to_it = fault_disarm();
        if (came_to_it) {
            check_result(result, -ENOMEM);
            check(thrum_local_get(arg) == NULL);
        }
    }
    check_result(result, 0);
    check(thrum_local_get(arg) == &value);
    return 0;
}

TEST(without_memory_nothing_is_set)
{
    thrum_local *local = make(count), *other = local;
    check_int(finish(start(set_without_memory, local, NULL)), 0);
    check_int(atomic_load(&destroyed), 1);
    fault_arm(FAULT_MEMORY, 0);
    int result = thrum_local_new(&other);
    if (fault_disarm()) { /* else one was left over */
        check_result(result, -ENOMEM);
        check(other == local);
    } else {
        thrum_local_free(other);
    }
    thrum_local_free(local);
}

static void *set_as_a_newcomer(void *arg)
{
    int value;
    fault_arm(FAULT_MEMORY, 0);
    int result = thrum_local_set(arg, &value);
    bool came_to_it = fault_disarm();
    check(result == 0 || (came_to_it && (result == -EAGAIN || result == -ENOMEM)));
    check(thrum_local_get(arg) == (result == 0 ? &value : NULL));
    return NULL;
}

TEST(a_newcomer_without_memory_is_told)
{
    thrum_local *local = make(count);
    pthread_t thread;
    check_int(pthread_create(&thread, NULL, set_as_a_newcomer, local), 0);
    check_int(pthread_join(thread, NULL), 0);
    thrum_local_free(local);
}

/* ---- After fork ---- */

static void use_in_child(void *arg)
{
    struct use *use = arg;
    check(thrum_local_get(use->local) == &use->value); /* the forking thread's */
    if (THREADS_IN_CHILD) {
        check_int(finish(start(set_value, use->local, NULL)), 0);
        check_int(atomic_load(&destroyed), 1);
    }
    int before = atomic_load(&destroyed);
    thrum_local_free(use->local);
    check_int(atomic_load(&destroyed), before + 1); /* ours, and not what the others had in the parent */
    use->local = make(count);
    check(thrum_local_get(use->local) == NULL);
    set(use->local, use);
    thrum_local_free(use->local);
    check_int(atomic_load(&destroyed), 1);
}

TEST(the_child_has_the_forking_threads_values)
{
    struct use mine = {.local = make(count)}, other = {.local = mine.local};
    thrum_thread *thread = start(use_one, &other, NULL);
    check_result(thrum_event_wait(&other.set, THRUM_FOREVER), 0);
    settle(thrum_thread_native_id(thread));
    set(mine.local, &mine.value);
    check_int(in_child(use_in_child, &mine), 0);
    thrum_event_set(&other.end);
    check_int(finish(thread), 0);
    check_int(atomic_load(&destroyed), 1);
    thrum_local_free(mine.local);
    check_int(atomic_load(&destroyed), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_thread_has_its_own),
        cmocka_unit_test(who_is_not_alive_has_destroyed_its_values),
        cmocka_unit_test(a_foreign_thread_destroys_its_own_too),
        cmocka_unit_test(what_is_set_is_the_callers_again_when_it_is_replaced),
        cmocka_unit_test(misuse_is_named),
        cmocka_unit_test(many_locals_keep_apart),
        cmocka_unit_test(a_place_that_is_used_again_is_empty),
        cmocka_unit_test(a_destructor_runs_in_its_thread_and_may_use_locals),
        cmocka_unit_test(a_destructor_that_goes_on_for_ever_is_stopped_and_told_of),
        cmocka_unit_test(a_destructor_may_use_everything),
        cmocka_unit_test(what_is_set_late_is_destroyed_too),
        cmocka_unit_test(free_waits_for_destructors_under_way),
        cmocka_unit_test(each_value_is_destroyed_once_while_threads_end),
        cmocka_unit_test(locals_come_and_go_in_all_threads),
        cmocka_unit_test(without_memory_nothing_is_set),
        cmocka_unit_test(a_newcomer_without_memory_is_told),
        cmocka_unit_test(the_child_has_the_forking_threads_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
