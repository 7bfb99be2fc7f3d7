/*
 * test_coroutine.c - the core: resume and suspend, who one is, what may be nested in what
 */
#include "../harness.h"
#include "coroutine/coroutine.h"
#include "platform/state.h"

#include <signal.h>

static int count_up(struct coroutine *self, int word)
{
    check(coroutine_current == self);
    for (int i = 0; i < 3; i++)
        word += coroutine_suspend(self, word);
    return -word;
}

TEST(it_stands_still_and_goes_on)
{
    struct coroutine *one = coroutine_new(count_up, 0, "one");
    check(one != NULL);
    check_int(one->state, COROUTINE_SUSPENDED);
    check_int(coroutine_resume(one, 1), 1);
    check_int(coroutine_resume(one, 2), 3);
    check_int(coroutine_resume(one, 4), 7);
    check(coroutine_current == NULL);
    check_int(one->state, COROUTINE_SUSPENDED);
    check_int(coroutine_resume(one, 8), -15);
    check_int(one->state, COROUTINE_ENDED);
    coroutine_drop(one);
}

TEST(many_stand_still_at_once)
{
    enum { MANY = 1000 };
    static struct coroutine *all[MANY];
    for (int i = 0; i < MANY; i++) {
        all[i] = coroutine_new(count_up, 0, NULL);
        check(all[i] != NULL);
        check_int(coroutine_resume(all[i], i), i);
    }
    for (int i = MANY; i-- > 0;)
        check_int(coroutine_resume(all[i], i), 2 * i);
    for (int i = 0; i < MANY; i++)
        coroutine_drop(all[i]);
}

static int use_outer(struct coroutine *self, int word)
{
    struct coroutine *inner = coroutine_new(count_up, 0, "inner");
    check(inner != NULL);
    word = coroutine_resume(inner, word);
    check(coroutine_current == self);
    check_int(inner->state, COROUTINE_SUSPENDED);
    word = coroutine_suspend(self, word + 1);
    word = coroutine_resume(inner, word);
    coroutine_drop(inner);
    return word;
}

TEST(one_resumes_another)
{
    struct coroutine *outer = coroutine_new(use_outer, 0, "outer");
    check_int(coroutine_resume(outer, 10), 11);
    check_int(coroutine_resume(outer, 5), 15);
    coroutine_drop(outer);
}

/* ---- Identity ---- */

static struct coroutine *task;

static struct sleeper *seen;

static int who(struct coroutine *self, int word)
{
    struct sleeper *mine = sleeper_current;
    uint32_t owner = thrum_self_.owner;
    for (int i = 0; i < 3; i++) {
        seen = sleeper_current;
        check_int(coroutine_suspend(self, 0), word);
        check(sleeper_current == mine);
        check_int(thrum_self_.owner, owner);
    }
    return 1;
}

TEST(without_an_identity_it_borrows_the_resumers)
{
    struct coroutine *borrower = coroutine_new(who, 0, NULL);
    struct sleeper *self = sleeper_self();
    for (int i = 0; i < 4; i++, seen = i < 3 ? NULL : seen) {
        check_int(coroutine_resume(borrower, 7), i == 3);
        check(seen == self);
    }
    check(sleeper_current == self);
    coroutine_drop(borrower);
}

TEST(with_an_identity_it_has_its_own)
{
    static const struct sleeper_ops ops;
    struct sleeper *self = sleeper_self(), *own = sleeper_new(&ops);
    struct thrum_self_ mine = thrum_self_;
    struct coroutine *made = coroutine_new(who, 0, NULL);
    made->identity = (struct coroutine_identity){own, {own->owner}};
    made->flags |= COROUTINE_IDENTITY;
    for (int i = 0; i < 4; i++, seen = i < 3 ? NULL : seen) {
        check_int(coroutine_resume(made, 7), i == 3);
        check(seen == own);
        check(sleeper_current == self);
        check_int(thrum_self_.owner, mine.owner);
        check(made->identity.sleeper == own);
    }
    coroutine_drop(made);
    sleeper_drop(own);
}

/* A generator, run by a task, in which the task is suspended. */
static int suspend_the_task(struct coroutine *self, int word)
{
    struct sleeper *mine = sleeper_current;
    for (int i = 0; i < 3; i++) {
        word = coroutine_suspend(task, word);
        check(coroutine_current == self);
        check(sleeper_current == mine);
    }
    word = coroutine_suspend(self, word + 100);
    return word;
}

static int run_generator(struct coroutine *self, int word)
{
    struct coroutine *generator = coroutine_new(suspend_the_task, 0, NULL);
    word = coroutine_resume(generator, word);
    check(coroutine_current == self);
    word = coroutine_suspend(self, word + 1000);
    word = coroutine_resume(generator, word);
    check_int(generator->state, COROUTINE_ENDED);
    coroutine_drop(generator);
    return word;
}

TEST(a_task_is_suspended_from_within_its_generator)
{
    static const struct sleeper_ops ops;
    struct sleeper *own = sleeper_new(&ops);
    task = coroutine_new(run_generator, 0, "task");
    task->identity = (struct coroutine_identity){own, {own->owner}};
    task->flags |= COROUTINE_IDENTITY;
    for (int i = 1; i <= 3; i++) {
        check_int(coroutine_resume(task, i), i);
        check(coroutine_current == NULL);
        check(task->innermost != task);
    }
    check_int(coroutine_resume(task, 4), 1104);
    check(task->innermost == task);
    check_int(coroutine_resume(task, 5), 5);
    check_int(task->state, COROUTINE_ENDED);
    coroutine_drop(task);
    sleeper_drop(own);
}

/* ---- Between threads ---- */

static int add(void *arg)
{
    check(coroutine_current == NULL); /* we are back on the resumer's stack */
    return ++*(int *)arg;
}

static int call_out(struct coroutine *self, int word)
{
    int calls = 0;
    while (word != 0)
        word = coroutine_suspend_call(self, add, &calls);
    return calls;
}

TEST(what_is_called_behind_the_switch_gives_the_word)
{
    struct coroutine *made = coroutine_new(call_out, 0, NULL);
    for (int i = 1; i < 10; i++)
        check_int(coroutine_resume(made, i), i);
    check_int(coroutine_resume(made, 0), 9);
    coroutine_drop(made);
}

static int resume_once(void *arg)
{
    return coroutine_resume(arg, 1);
}

TEST(another_thread_goes_on_with_it)
{
    struct coroutine *made = coroutine_new(count_up, 0, NULL);
    for (int i = 1; i <= 3; i++)
        check_int(finish(start(resume_once, made, NULL)), i);
    check_int(coroutine_resume(made, 1), -4);
    coroutine_drop(made);
}

static int make(void *arg)
{
    *(struct coroutine **)arg = coroutine_new(count_up, 0, "a name that is longer than there is room for, by far");
    return 0;
}

TEST(one_thread_makes_it_and_another_drops_it)
{
    for (int i = 0; i < ROUNDS(100); i++) {
        struct coroutine *made = NULL;
        check_int(finish(start(make, &made, NULL)), 0);
        check_str(made->name, "a name that is longer than ther");
        check_int(coroutine_resume(made, 3), 3);
        coroutine_drop(made);
    }
}

/* ---- A canary ---- */

static int dig(struct coroutine *self, int word)
{
    /* As an overflow would: the lowest words are not what they were. */
    coroutine_stack(self)->low[8] = (char)word;
    return coroutine_suspend(self, word);
}

static void overflow(void *arg)
{
    struct coroutine *made = arg;
    check(freopen("/dev/null", "w", stderr) != NULL);
    (void)coroutine_resume(made, 1);
}

TEST(a_watched_stack_that_was_left_is_reported)
{
    struct coroutine *made = coroutine_new(dig, 0, "digger");
    made->flags |= COROUTINE_WATCHED;
    if (THREADS_IN_CHILD) /* a fiber is one to ThreadSanitizer */
        check_int(in_child(overflow, made), -SIGABRT);
    check_int(coroutine_resume(made, 0), 0); /* all was well */
    coroutine_drop(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_stands_still_and_goes_on),
        cmocka_unit_test(many_stand_still_at_once),
        cmocka_unit_test(one_resumes_another),
        cmocka_unit_test(without_an_identity_it_borrows_the_resumers),
        cmocka_unit_test(with_an_identity_it_has_its_own),
        cmocka_unit_test(a_task_is_suspended_from_within_its_generator),
        cmocka_unit_test(what_is_called_behind_the_switch_gives_the_word),
        cmocka_unit_test(another_thread_goes_on_with_it),
        cmocka_unit_test(one_thread_makes_it_and_another_drops_it),
        cmocka_unit_test(a_watched_stack_that_was_left_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
