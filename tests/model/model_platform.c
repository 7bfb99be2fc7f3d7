/*
 * model_platform.c - the lock of one word
 */
#include "model.h"
#include "platform/os.h"

static struct {
    uint32_t word;
    int count; /* plain: guarded by the word */
} s;

static void before(void)
{
    s.word = 0;
    s.count = 0;
}

static void count(int i)
{
    (void)i;
    os_wordlock_acquire(&s.word);
    s.count++;
    os_wordlock_release(&s.word);
}

static void count_twice(int i)
{
    count(i);
    count(i);
}

static void three_counted(void)
{
    check(s.count == 3 && s.word == 0);
}

static void four_counted(void)
{
    check(s.count == 4 && s.word == 0);
}

const struct model_scenario platform_scenarios[] = {
    {"wordlock_excludes", 3, count, before, three_counted},
    {"wordlock_wakes_who_sleeps", 2, count_twice, before, four_counted},
    {0},
};
