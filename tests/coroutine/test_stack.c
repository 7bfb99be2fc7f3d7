/*
 * test_stack.c - the pool of stacks: sizes, reuse, guards in each way, memory given back, no memory
 */
#include "../harness.h"
#include "coroutine/coroutine.h"
#include "platform/state.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#define SANITIZED (HARNESS_ASAN || HARNESS_TSAN)
#ifdef EMULATED /* the emulator's memory is not the program's */
#define MEMORY_IS_KNOWN false
#else
#define MEMORY_IS_KNOWN (!SANITIZED)
#endif

static struct stack_pool *pool(void)
{
    return &os_state()->stacks;
}

/* Resident bytes of this process. */
static size_t resident(void)
{
    size_t total, pages;
    FILE *file = fopen("/proc/self/statm", "re");
    check(file != NULL);
    check_int(fscanf(file, "%zu %zu", &total, &pages), 2);
    fclose(file);
    return pages * os_page_size();
}

static unsigned mappings(void)
{
    unsigned lines = 0;
    FILE *file = fopen("/proc/self/maps", "re");
    check(file != NULL);
    for (int c = getc(file); c != EOF; c = getc(file))
        lines += c == '\n';
    fclose(file);
    return lines;
}

static void fill(struct stack *stack, char byte)
{
    memset(stack->low + 64, byte, stack->size - 64); /* the lowest are looked at, where there is no guard */
    memset(stack_record(stack), byte, STACK_RECORD);
}

TEST(each_has_the_room_that_was_asked_for)
{
    for (size_t size = 1; size <= (size_t)4 << 20; size *= 3) {
        struct stack *stack = stack_take(size);
        check(stack != NULL);
        check(stack->size >= size);
        check(stack->low + stack->size == (char *)stack_record(stack));
        check_int((uintptr_t)stack_record(stack) % 64, 0);
        check(stack_of_record(stack_record(stack)) == stack);
        fill(stack, 1);
        check(stack->low + stack->size == (char *)stack_record(stack));
        stack_give(stack);
    }
}

TEST(the_default_is_what_the_header_says)
{
    struct stack *stack = stack_take(0);
    check(stack->size >= 56 * 1024);
    stack_give(stack);
}

TEST(there_is_none_that_is_too_large)
{
    check(stack_take((size_t)1 << 40) == NULL);
    check(stack_take(SIZE_MAX) == NULL);
}

TEST(it_is_used_again)
{
    struct stack *first = stack_take(0);
    fill(first, 1);
    stack_give(first);
    check(stack_take(0) == first);            /* while it is warm */
    struct stack *second = stack_take(50000); /* the same size, and another stack */
    check(second != first);
    stack_give(second);
    stack_give(first);
}

TEST(stacks_do_not_overlap)
{
    enum { MANY = 3000 };
    static struct stack *all[MANY];
    for (int i = 0; i < MANY; i++) {
        all[i] = stack_take(i % 3 == 0 ? 4096 : 0);
        check(all[i] != NULL);
        all[i]->low[all[i]->size - 1] = (char)i;
        memset(stack_record(all[i]), i, STACK_RECORD);
    }
    for (int i = 0; i < MANY; i++) {
        check_int(all[i]->low[all[i]->size - 1], (char)i);
        check_int(*(char *)stack_record(all[i]), (char)i);
        check(stack_of_address(all[i]->low) == all[i]);
        check(stack_of_address(all[i]->low - 1) == all[i]); /* its guard */
        check(stack_of_address(stack_record(all[i])) == all[i]);
        check(stack_of_address((char *)(all[i] + 1) - 1) == all[i]);
    }
    for (int i = 0; i < MANY; i++)
        stack_give(all[i]);
    check(stack_of_address(&all) == NULL);
    check(stack_of_address(NULL) == NULL);
}

/* ---- Memory ---- */

TEST(of_many_idle_ones_only_some_stay_in_memory)
{
    enum { MANY = SANITIZED ? 3000 : 20000 };
    static struct stack *all[MANY];
    for (int i = 0; i < MANY; i++) {
        all[i] = stack_take(0);
        check(all[i] != NULL);
        memset(stack_record(all[i]), 1, STACK_RECORD);
    }
    size_t busy = resident();
    for (int i = 0; i < MANY; i++)
        stack_give(all[i]);
    check(pool()->classes[2].n_warm + pool()->classes[4].n_warm <= 2 * STACK_WARM);
    if (MEMORY_IS_KNOWN)
        check(resident() < busy - (size_t)(MANY - 2 * STACK_WARM) * os_page_size());
    for (int i = 0; i < MANY; i++) {
        all[i] = stack_take(0);
        check(all[i] != NULL);
        check(stack_is_sound(all[i]));
    }
    for (int i = 0; i < MANY; i++)
        stack_give(all[i]);
}

TEST(far_more_at_once_than_there_are_mappings)
{
    enum { MANY = SANITIZED ? 5000 : 250000 };
    struct stack **all = malloc(MANY * sizeof(struct stack *)); /* of the smallest size: page tables take time */
    size_t before = resident();
    unsigned maps_before = mappings();
    check(all != NULL);
    for (int i = 0; i < MANY; i++) {
        all[i] = stack_take(4096);
        check(all[i] != NULL);
        if (i % 100 == 0)
            memset(stack_record(all[i]), 1, STACK_RECORD);
    }
    /* Their ends, which have been touched, and no more; and a few mappings. */
    if (MEMORY_IS_KNOWN)
        check(resident() - before < MANY * (os_page_size() + 64));
    check(mappings() - maps_before < 5000);
    for (int i = 0; i < MANY; i++)
        stack_give(all[i]);
    free(all);
}

/* Each request for memory in turn is refused. */
TEST(without_memory_there_is_none_and_then_there_is)
{
    static struct stack *all[STACKS_A_SLAB * 2];
    bool came = true;
    for (unsigned n = 0; came; n++) {
        size_t count = 0;
        fault_arm(FAULT_MEMORY, n);
        while (count < STACKS_A_SLAB * 2 && (all[count] = stack_take(100000)) != NULL)
            count++;
        came = fault_disarm();
        check(came == (count < STACKS_A_SLAB * 2));
        if (came) {
            struct stack *stack = stack_take(100000);
            check(stack != NULL);
            stack_give(stack);
        }
        while (count > 0)
            stack_give(all[--count]);
        check(n < 10);
    }
}

/* ---- Guards ---- */

static void touch_below(void *arg)
{
    struct stack *stack = arg;
    check(freopen("/dev/null", "w", stderr) != NULL);
    (void)signal(SIGSEGV, SIG_DFL); /* a sanitizer would report it and exit */
    *(volatile char *)(stack->low - 1) = 1;
}

static bool is_guarded(struct stack *stack)
{
    return in_child(touch_below, stack) == -SIGSEGV;
}

/* Fresh ones, so that they are guarded in the way that is set: of a size that no other test uses. */
static void check_way(enum stack_way way, size_t size, bool guarded)
{
    struct stack *stack;
    uint32_t split = pool()->split;
    pool()->way = way;
    pool()->split = 0;
    stack = stack_take(size);
    check(stack != NULL);
    check_int(stack->watched, !guarded);
    check_int(is_guarded(stack), guarded);
    check(stack_is_sound(stack));
    stack->low[20] = 1;
    check(!stack_is_sound(stack));
    stack->low[20] = 0;
    stack_give(stack);
    pool()->split = split;
}

TEST(each_way_of_guarding_does_so)
{
    check_way(STACK_LIGHT, 3000000, true); /* or the next, on an older kernel */
    check_way(STACK_SPLIT, 6000000, true);
    check_int(pool()->way, STACK_SPLIT);
    struct stack *stack = stack_take(12000000); /* the lowest of its slab has a guard anyway */
    pool()->way = STACK_WATCHED;
    struct stack *watched = stack_take(12000000);
    check(watched->watched);
    check(!is_guarded(watched));
    stack_give(watched);
    stack_give(stack);
    pool()->way = STACK_LIGHT;
}

TEST(after_so_many_guards_they_are_watched)
{
    uint32_t split = pool()->split;
    pool()->way = STACK_SPLIT;
    pool()->split = STACK_SPLIT_GUARDS - 1;
    struct stack *guarded = stack_take(24000000), *watched = stack_take(24000000);
    check(!guarded->watched);
    check(watched->watched);
    check_int(pool()->way, STACK_WATCHED);
    stack_give(watched);
    stack_give(guarded);
    pool()->way = STACK_LIGHT;
    guarded = stack_take(24000000);
    watched = stack_take(24000000);
    check_int(guarded->watched + watched->watched, 1); /* it stays as it was made */
    stack_give(watched);
    stack_give(guarded);
    pool()->split = split;
}

TEST(a_guard_is_there_when_the_stack_is_used_again)
{
    static struct stack *all[STACK_WARM + 2 * STACK_KEPT + 100];
    enum { MANY = sizeof all / sizeof all[0] };
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < MANY; i++)
            check((all[i] = stack_take(0)) != NULL);
        check(all[0]->watched || is_guarded(all[0]));
        check(all[MANY - 1]->watched || is_guarded(all[MANY - 1]));
        for (int i = MANY; i-- > 0;)
            stack_give(all[i]);
    }
}

/* ---- Threads and forks ---- */

static int take_and_give(void *arg)
{
    struct stack *mine[100];
    (void)arg;
    for (int round = 0; round < ROUNDS(200); round++) {
        for (int i = 0; i < 100; i++) {
            mine[i] = stack_take(i % 5 == 0 ? 4096 : 0);
            check(mine[i] != NULL);
            *(int *)stack_record(mine[i]) = i;
        }
        for (int i = 0; i < 100; i++) {
            check_int(*(int *)stack_record(mine[i]), i);
            stack_give(mine[i]);
        }
    }
    return 0;
}

TEST(threads_take_and_give_at_once)
{
    thrum_thread *threads[4];
    for (int i = 0; i < 4; i++)
        threads[i] = start(take_and_give, NULL, NULL);
    for (int i = 0; i < 4; i++)
        check_int(finish(threads[i]), 0);
}

static int give_one(void *arg)
{
    stack_give(arg);
    return 0;
}

TEST(what_a_thread_kept_is_there_when_it_has_ended)
{
    static struct stack *held[STACK_WARM + 3 * STACK_KEPT];
    size_t n = 0;
    while (n < STACK_WARM + STACK_KEPT) /* so that there are no warm ones */
        held[n++] = stack_take(0);
    struct stack *mine = stack_take(0);
    check_int(finish(start(give_one, mine, NULL)), 0);
    do
        held[n] = stack_take(0);
    while (held[n++] != mine && n < STACK_WARM + 3 * STACK_KEPT);
    check(held[n - 1] == mine); /* it came back to us */
    while (n > 0)
        stack_give(held[--n]);
}

static void use_in_child(void *arg)
{
    (void)arg;
    check_int(take_and_give(NULL), 0);
}

TEST(a_forked_child_has_stacks)
{
    os_wordlock_acquire(&pool()->guard); /* as a thread may that is not in the child */
    (void)sleeper_self();                /* so that the library knows of forks */
    int status = in_child(use_in_child, NULL);
    os_wordlock_release(&pool()->guard);
    check_int(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_has_the_room_that_was_asked_for),
        cmocka_unit_test(the_default_is_what_the_header_says),
        cmocka_unit_test(there_is_none_that_is_too_large),
        cmocka_unit_test(it_is_used_again),
        cmocka_unit_test(stacks_do_not_overlap),
        cmocka_unit_test(of_many_idle_ones_only_some_stay_in_memory),
        cmocka_unit_test(without_memory_there_is_none_and_then_there_is),
        cmocka_unit_test(each_way_of_guarding_does_so),
        cmocka_unit_test(after_so_many_guards_they_are_watched),
        cmocka_unit_test(a_guard_is_there_when_the_stack_is_used_again),
        cmocka_unit_test(threads_take_and_give_at_once),
        cmocka_unit_test(what_a_thread_kept_is_there_when_it_has_ended),
        cmocka_unit_test(a_forked_child_has_stacks),
        cmocka_unit_test(far_more_at_once_than_there_are_mappings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
