/*
 * test_current.c - which threads there are, and which one this is
 */
#include "harness.h"

#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#define MANY 64

/* What enumerate has of that thread; false: it is not among them. */
static bool find(uint64_t ident, thrum_thread_info *ret_info)
{
    thrum_thread_info infos[MANY];
    size_t n = thrum_enumerate(infos, MANY);
    check(n <= MANY);
    for (size_t i = 0; i < n; i++)
        if (infos[i].ident == ident) {
            if (ret_info)
                *ret_info = infos[i];
            return true;
        }
    return false;
}

/* The first test: nobody has called the library yet. */
TEST(main_is_there_from_the_first)
{
    thrum_thread_info infos[2];
    check_int(thrum_active_count(), 1);
    check_int(thrum_enumerate(infos, 2), 1);
    check_int(infos[0].main, true);
    check_int(infos[0].daemon, false);
    check_int(infos[0].foreign, false);
    check_int(infos[0].native_id, gettid());
    check_int(infos[0].ident, thrum_get_ident());
    check_str(infos[0].name, "MainThread");
}

TEST(main_has_a_handle)
{
    thrum_thread *main_thread = thrum_main_thread();
    check(main_thread != NULL);
    check(thrum_current_thread() == main_thread);
    check(thrum_current_thread() == main_thread);
    check_str(thrum_thread_name(main_thread), "MainThread");
    check_int(thrum_thread_ident(main_thread), thrum_get_ident());
    check_int(thrum_thread_native_id(main_thread), gettid());
    check(thrum_thread_is_alive(main_thread));
    check(!thrum_thread_daemon(main_thread));
    check_result(thrum_thread_join(main_thread, NULL, THRUM_FOREVER), -EDEADLK);
    check_result(thrum_thread_start(main_thread), -EALREADY);
    thrum_thread_free(main_thread); /* not ours to give up: nothing happens */
    check(thrum_current_thread() == main_thread);
    check_str(thrum_thread_name(main_thread), "MainThread");
}

struct seen {
    thrum_event known, end;
    thrum_thread *handle;
    uint64_t ident, native_id;
};

static int look_at_oneself(void *arg)
{
    struct seen *seen = arg;
    thrum_thread_info info;
    seen->handle = thrum_current_thread();
    seen->ident = thrum_get_ident();
    seen->native_id = thrum_get_native_id();
    check_int(thrum_thread_ident(seen->handle), seen->ident);
    check_int(thrum_thread_native_id(seen->handle), gettid());
    check(thrum_thread_is_alive(seen->handle));
    check(find(seen->ident, &info));
    check_int(info.native_id, gettid());
    check(!info.main);
    check(thrum_main_thread() != seen->handle);
    check_result(thrum_thread_join(thrum_main_thread(), NULL, THRUM_FOREVER), -EINVAL);
    thrum_event_set(&seen->known);
    check_result(thrum_event_wait(&seen->end, THRUM_FOREVER), 0);
    return 0;
}

TEST(a_thread_finds_its_handle)
{
    struct seen seen = {.ident = 0};
    thrum_thread *thread;
    thrum_thread_info info;
    size_t before = thrum_active_count();
    check_result(thrum_thread_new(&thread, look_at_oneself, &seen, .name = "looker", .daemon = true), 0);
    check_int(thrum_thread_ident(thread), 0);
    check_int(thrum_active_count(), before); /* made is not started */
    check_result(thrum_thread_start(thread), 0);
    check_int(thrum_active_count(), before + 1);
    check(thrum_thread_ident(thread) != 0);
    check_result(thrum_event_wait(&seen.known, THRUM_FOREVER), 0);
    check(seen.handle == thread);
    check_int(seen.ident, thrum_thread_ident(thread));
    check(seen.ident != thrum_get_ident());
    check(thrum_thread_daemon(thread));
    check(find(seen.ident, &info));
    check_str(info.name, "looker");
    check(info.daemon && !info.foreign && !info.main);
    thrum_event_set(&seen.end);
    check_result(thrum_thread_join(thread, NULL, THRUM_FOREVER), 0);
    check_int(thrum_active_count(), before);
    check(!find(seen.ident, NULL));
    check_int(thrum_thread_ident(thread), seen.ident); /* kept, and never another's */
    thrum_thread_free(thread);
}

static int look_when_given_up(void *arg)
{
    struct seen *seen = arg;
    check_result(thrum_event_wait(&seen->end, THRUM_FOREVER), 0);
    check_str(thrum_thread_name(thrum_current_thread()), "nobody's");
    check(thrum_thread_is_alive(thrum_current_thread()));
    thrum_event_set(&seen->known);
    return 0;
}

TEST(a_thread_whose_handle_was_given_up_still_finds_it)
{
    struct seen seen = {.ident = 0};
    thrum_thread *thread;
    size_t before = thrum_active_count();
    check_result(thrum_thread_run(&thread, look_when_given_up, &seen, .name = "nobody's"), 0);
    thrum_thread_free(thread);
    thrum_event_set(&seen.end);
    check_result(thrum_event_wait(&seen.known, THRUM_FOREVER), 0);
    until(thrum_active_count() == before);
}

static void *look_at_oneself_as_a_foreigner(void *arg)
{
    struct seen *seen = arg;
    check_int(pthread_setname_np(pthread_self(), "foreigner"), 0);
    seen->handle = thrum_current_thread();
    check(seen->handle != NULL && seen->handle == thrum_current_thread());
    check_str(thrum_thread_name(seen->handle), "foreigner");
    check(thrum_thread_daemon(seen->handle));
    thrum_thread_free(seen->handle); /* nothing happens */
    check_int(look_at_oneself(seen), 0);
    return NULL;
}

TEST(a_foreign_thread_has_one_too)
{
    size_t before = thrum_active_count();
    for (int round = 0; round < 3; round++) {
        struct seen seen = {.ident = 0};
        pthread_t thread;
        thrum_thread_info info;
        check_int(pthread_create(&thread, NULL, look_at_oneself_as_a_foreigner, &seen), 0);
        check_result(thrum_event_wait(&seen.known, THRUM_FOREVER), 0);
        check_int(thrum_active_count(), before + 1);
        check(find(seen.ident, &info));
        check_str(info.name, "foreigner");
        check(info.foreign && info.daemon && !info.main);
        check_int(info.native_id, seen.native_id);
        check_result(thrum_thread_join(seen.handle, NULL, THRUM_FOREVER), -EINVAL);
        check_result(thrum_thread_start(seen.handle), -EALREADY);
        thrum_event_set(&seen.end);
        check_int(pthread_join(thread, NULL), 0);
        check_int(thrum_active_count(), before);
    }
}

static void *look_without_memory(void *arg)
{
    bool *came_to_it = arg;
    for (unsigned n = 0; *came_to_it; n++) {
        fault_arm(FAULT_MEMORY, n);
        thrum_thread *handle = thrum_current_thread();
        *came_to_it = fault_disarm();
        check(handle != NULL || *came_to_it);
    }
    return NULL;
}

TEST(without_memory_there_is_no_handle)
{
    bool came_to_it = true;
    pthread_t thread;
    check_int(pthread_create(&thread, NULL, look_without_memory, &came_to_it), 0);
    check_int(pthread_join(thread, NULL), 0);
}

TEST(the_first_of_them_are_copied_and_all_are_counted)
{
    thrum_event end = THRUM_EVENT_INIT;
    thrum_thread *threads[5];
    thrum_thread_info infos[MANY];
    size_t before = thrum_active_count();
    struct seen seen[5] = {{.ident = 0}};
    for (size_t i = 0; i < 5; i++)
        threads[i] = start(look_at_oneself, &seen[i], NULL);
    check_int(thrum_enumerate(NULL, 0), before + 5);
    memset(infos, 'x', sizeof infos);
    check_int(thrum_enumerate(infos, 2), before + 5);
    check_int(infos[2].ident, UINT64_C(0x7878787878787878));
    check_int(infos[0].main, true);
    check_int(thrum_enumerate(infos, MANY), before + 5);
    for (size_t i = 0; i < 5; i++) /* in the order in which they came */
        check_int(infos[before + i].ident, thrum_thread_ident(threads[i]));
    for (size_t i = 0; i < 5; i++) {
        thrum_event_set(&seen[i].end);
        check_int(finish(threads[i]), 0);
        check_int(thrum_active_count(), before + 4 - i);
    }
    thrum_event_set(&end);
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int come_and_go(void *arg)
{
    for (int round = 0; round < ROUNDS(500); round++) {
        thrum_thread *thread;
        check_result(thrum_thread_run(&thread, nothing, NULL, .name = arg), 0);
        check(thrum_thread_ident(thread) != 0);
        check_int(finish(thread), 0);
    }
    return 0;
}

TEST(counts_are_right_while_threads_come_and_go)
{
    thrum_thread_info infos[MANY];
    size_t before = thrum_active_count();
    thrum_thread *threads[4];
    for (size_t i = 0; i < 4; i++)
        check_result(thrum_thread_run(&threads[i], come_and_go, "child", .name = "parent"), 0);
    size_t ended = 0;
    while (ended < 4) {
        size_t n = thrum_enumerate(infos, MANY), parents = 0, children = 0, alive = thrum_active_count();
        for (size_t i = 0; i < n; i++) {
            parents += strcmp(infos[i].name, "parent") == 0;
            children += strcmp(infos[i].name, "child") == 0;
            for (size_t other = 0; other < i; other++)
                check(infos[i].ident != infos[other].ident);
        }
        check_int(parents + children + before, n);
        check(parents <= 4 && children <= 4);
        check(alive >= before && alive <= before + 8);
        ended = 0;
        for (size_t i = 0; i < 4; i++)
            ended += !thrum_thread_is_alive(threads[i]);
    }
    check_int(thrum_active_count(), before); /* who is not alive is not counted, joined or not */
    for (size_t i = 0; i < 4; i++)
        check_int(finish(threads[i]), 0);
}

static pthread_key_t late;

static void linger(void *arg)
{
    while (!atomic_load((atomic_bool *)arg)) /* to call the library would make it known again */
        sched_yield();
}

static int leave_late(void *arg)
{
    check_int(pthread_setspecific(late, arg), 0);
    return 0;
}

/* Others' destructors still run. */
TEST(who_is_not_alive_is_not_counted)
{
    atomic_bool end = false;
    size_t before = thrum_active_count();
    check_int(pthread_key_create(&late, linger), 0);
    thrum_thread *thread = start(leave_late, &end, NULL);
    until(!thrum_thread_is_alive(thread));
    check_int(thrum_active_count(), before);
    check(!find(thrum_thread_ident(thread), NULL));
    atomic_store(&end, true);
    check_int(finish(thread), 0);
    check_int(thrum_active_count(), before);
    check_int(pthread_key_delete(late), 0);
}

static int wait_for(void *arg)
{
    return thrum_event_wait(arg, THRUM_FOREVER);
}

/* ---- Names ---- */

TEST(a_thread_can_be_renamed)
{
    thrum_event end = THRUM_EVENT_INIT;
    thrum_thread_info info;
    thrum_thread *thread;
    char longer[100] = {0};
    memset(longer, 'n', 99);
    check_result(thrum_thread_new(&thread, wait_for, &end, .name = "first"), 0);
    check_result(thrum_thread_set_name(thread, "second"), 0);
    const char *second = thrum_thread_name(thread);
    check_str(second, "second");
    check_result(thrum_thread_start(thread), 0);
    check(find(thrum_thread_ident(thread), &info));
    check_str(info.name, "second");
    check_result(thrum_thread_set_name(thread, longer), 0);
    longer[63] = '\0';
    check_str(thrum_thread_name(thread), longer);
    check_str(second, "second"); /* as long as the handle */
    check(find(thrum_thread_ident(thread), &info));
    check_str(info.name, longer);
    check_result(thrum_thread_set_name(thread, NULL), -EINVAL);
    check_result(thrum_thread_set_name(NULL, "x"), -EINVAL);
    await_wait(thrum_thread_native_id(thread)); /* so that it asks for no memory meanwhile */
    fault_arm(FAULT_MEMORY, 0);
    int result = thrum_thread_set_name(thread, "third");
    check(fault_disarm());
    check_result(result, -ENOMEM);
    check_str(thrum_thread_name(thread), longer);
    thrum_event_set(&end);
    check_result(thrum_thread_join(thread, NULL, THRUM_FOREVER), 0);
    check_result(thrum_thread_set_name(thread, "late"), 0);
    check_str(thrum_thread_name(thread), "late");
    thrum_thread_free(thread);
}

static int rename_oneself(void *arg)
{
    char system_name[16];
    (void)arg;
    check_result(thrum_thread_set_name(thrum_current_thread(), "a name of more than fifteen"), 0);
    check_int(pthread_getname_np(pthread_self(), system_name, sizeof system_name), 0);
    check_str(system_name, "a name of more ");
    return 0;
}

TEST(who_renames_itself_tells_the_system)
{
    check_int(finish(start(rename_oneself, NULL, NULL)), 0);
}

static int rename_often(void *arg)
{
    for (int i = 0; i < ROUNDS(2000); i++)
        check_result(thrum_thread_set_name(arg, i % 2 ? "aaaaaaaaaaaaaaaaaaaaaa" : "bbbbbbbbbbbbbbbbbbbbbb"), 0);
    return 0;
}

TEST(a_name_is_never_seen_half_changed)
{
    thrum_thread_info info;
    check_result(thrum_thread_set_name(thrum_main_thread(), "aaaaaaaaaaaaaaaaaaaaaa"), 0);
    thrum_thread *thread = start(rename_often, thrum_main_thread(), NULL);
    while (thrum_thread_is_alive(thread)) {
        const char *name = thrum_thread_name(thrum_main_thread());
        check_int(strspn(name, (char[]){name[0], '\0'}), 22);
        check(find(thrum_get_ident(), &info));
        check_int(strspn(info.name, (char[]){info.name[0], '\0'}), 22);
    }
    check_int(finish(thread), 0);
    check_result(thrum_thread_set_name(thrum_main_thread(), "MainThread"), 0);
}

/* ---- After fork ---- */

static void be_alone(void *arg)
{
    thrum_thread_info infos[4];
    uint64_t ident = *(uint64_t *)arg;
    check_int(thrum_active_count(), 1);
    check_int(thrum_enumerate(infos, 4), 1);
    check(infos[0].main && !infos[0].foreign);
    check_int(infos[0].native_id, gettid());
    check_int(infos[0].ident, thrum_get_ident());
    check(ident == 0 || infos[0].ident == ident);
    check(thrum_current_thread() == thrum_main_thread());
    check_int(thrum_thread_ident(thrum_current_thread()), thrum_get_ident());
    check_int(thrum_thread_native_id(thrum_current_thread()), gettid());
    check(thrum_thread_is_alive(thrum_current_thread()));
    check_result(thrum_thread_join(thrum_current_thread(), NULL, THRUM_FOREVER), -EDEADLK);
    if (THREADS_IN_CHILD) {
        struct seen seen = {.ident = 0};
        thrum_thread *thread = start(look_at_oneself, &seen, NULL);
        check_int(thrum_active_count(), 2);
        thrum_event_set(&seen.end);
        check_int(finish(thread), 0);
        check_int(thrum_active_count(), 1);
    }
}

static int fork_from_here(void *arg)
{
    uint64_t ident = thrum_get_ident();
    (void)arg;
    check_int(in_child(be_alone, &ident), 0);
    return 0;
}

/* Its join has not begun yet, which the child must not depend on. */
static int fork_before_the_join(void *event)
{
    (void)fork_from_here(NULL);
    thrum_event_set(event);
    return 0;
}

static void *fork_from_abroad(void *arg)
{
    uint64_t none = 0;
    if (arg) /* known, or not */
        (void)thrum_current_thread();
    check_int(in_child(be_alone, &none), 0);
    return NULL;
}

TEST(who_forks_is_alone_in_the_child_and_its_main_thread)
{
    struct seen seen = {.ident = 0};
    pthread_t foreigner;
    thrum_thread *thread = start(look_at_oneself, &seen, NULL);
    check_result(thrum_event_wait(&seen.known, THRUM_FOREVER), 0);
    settle(seen.native_id);
    check_int(fork_from_here(NULL), 0);
    for (uintptr_t known = 0; known < 2; known++) {
        check_int(pthread_create(&foreigner, NULL, fork_from_abroad, (void *)known), 0);
        check_int(pthread_join(foreigner, NULL), 0);
    }
    check_int(finish(start(fork_from_here, NULL, NULL)), 0);
    thrum_event forked = THRUM_EVENT_INIT;
    thrum_thread *forks = start(fork_before_the_join, &forked, NULL);
    check_result(thrum_event_wait(&forked, THRUM_FOREVER), 0);
    check_int(finish(forks), 0);
    thrum_event_set(&seen.end);
    check_int(finish(thread), 0);
}

static int fork_and_return(void *arg)
{
    pid_t *child = arg;
    *child = fork();
    check(*child >= 0);
    return *child == 0 ? 1 : 0;
}

/* A forked thread that ends in the child ends the process, as the last one. LeakSanitizer then looks without the
 * main thread's stack. */
TEST(a_thread_that_forked_can_end_in_the_child)
{
    pid_t child;
    int status;
    if (HARNESS_ASAN || !THREADS_IN_CHILD)
        return;
    check_int(finish(start(fork_and_return, &child, NULL)), 0);
    check_int(waitpid(child, &status, 0), child);
    check(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(main_is_there_from_the_first),
        cmocka_unit_test(main_has_a_handle),
        cmocka_unit_test(a_thread_finds_its_handle),
        cmocka_unit_test(a_thread_whose_handle_was_given_up_still_finds_it),
        cmocka_unit_test(a_foreign_thread_has_one_too),
        cmocka_unit_test(without_memory_there_is_no_handle),
        cmocka_unit_test(the_first_of_them_are_copied_and_all_are_counted),
        cmocka_unit_test(counts_are_right_while_threads_come_and_go),
        cmocka_unit_test(who_is_not_alive_is_not_counted),
        cmocka_unit_test(a_thread_can_be_renamed),
        cmocka_unit_test(who_renames_itself_tells_the_system),
        cmocka_unit_test(a_name_is_never_seen_half_changed),
        cmocka_unit_test(who_forks_is_alone_in_the_child_and_its_main_thread),
        cmocka_unit_test(a_thread_that_forked_can_end_in_the_child),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
