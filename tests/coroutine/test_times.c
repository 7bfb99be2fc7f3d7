/*
 * test_times.c - the heap of points of time beside a list that is searched from end to end
 */
#include "coroutine/times.h"
#include "harness.h"

#define MOST 300

static struct times times;
static struct wake_time nodes[MOST];
static bool there[MOST];
static uint32_t random_state;

static uint32_t draw(uint32_t n)
{
    random_state = random_state * 1664525u + 1013904223u; /* Numerical Recipes' */
    return (random_state >> 8) % n;
}

static void begin(void)
{
    times = (struct times){NULL};
    memset(nodes, 0xA5, sizeof nodes); /* they need not be cleared */
    memset(there, 0, sizeof there);
    random_state = 1;
}

static void add(uint32_t i, int64_t at)
{
    nodes[i].at = at;
    times_add(&times, &nodes[i]);
    there[i] = true;
}

static void take(uint32_t i)
{
    times_remove(&times, &nodes[i]);
    memset(&nodes[i], 0xA5, sizeof nodes[i]); /* nobody goes by what is out */
    there[i] = false;
}

/* None of those that are there is before that which is told. */
static void compare(void)
{
    int64_t earliest = INT64_MAX;
    bool any = false;
    for (uint32_t i = 0; i < MOST; i++) {
        if (there[i] && nodes[i].at < earliest)
            earliest = nodes[i].at;
        any = any || there[i];
    }
    check(any == (times.earliest != NULL));
    if (any) {
        check(there[times.earliest - nodes]);
        check_int(times.earliest->at, earliest);
        check(times.earliest->previous == NULL);
    }
}

/* How many hang below, each not before the one above, and each known to its neighbours; without recursion, for the
 * heap may be a list. */
static size_t count(void)
{
    static const struct wake_time *left[MOST];
    size_t n = 0, waiting = 0;
    if (times.earliest != NULL)
        left[waiting++] = times.earliest;
    while (waiting > 0) {
        const struct wake_time *node = left[--waiting], *before = node;
        n++;
        for (const struct wake_time *child = node->child; child != NULL; before = child, child = child->next) {
            check(child->previous == before && child->at >= node->at);
            left[waiting++] = child;
        }
    }
    return n;
}

static size_t how_many(void)
{
    size_t n = 0;
    for (uint32_t i = 0; i < MOST; i++)
        n += there[i];
    return n;
}

/* `range`: how many points of time there are, so how many are equal. */
static void come_and_go(int rounds, uint32_t nodes_used, uint32_t range)
{
    for (int round = 0; round < rounds; round++) {
        uint32_t i = draw(nodes_used);
        if (!there[i])
            add(i, draw(range));
        else if (draw(2) == 0)
            take(i);
        else
            take((uint32_t)(times.earliest - nodes));
        compare();
        check_int(count(), how_many());
    }
}

TEST(earliest_is_told_whoever_comes_and_goes)
{
    begin();
    come_and_go(ROUNDS(20000), 10, 1000);
}

TEST(earliest_is_told_among_many)
{
    begin();
    come_and_go(ROUNDS(20000), MOST, 1000000);
}

TEST(equal_times_are_each_there)
{
    begin();
    come_and_go(ROUNDS(20000), 50, 3);
}

static void all_come_out_in_order(void)
{
    int64_t last = INT64_MIN;
    for (uint32_t n = 0; n < MOST; n++) {
        check(times.earliest != NULL);
        check(times.earliest->at >= last);
        last = times.earliest->at;
        take((uint32_t)(times.earliest - nodes));
    }
    check(times.earliest == NULL);
}

TEST(those_in_order_come_out_in_order)
{
    begin();
    for (uint32_t i = 0; i < MOST; i++)
        add(i, i);
    all_come_out_in_order();
}

TEST(those_in_the_other_order_come_out_in_order)
{
    begin();
    for (uint32_t i = 0; i < MOST; i++)
        add(i, -(int64_t)i);
    all_come_out_in_order();
}

TEST(latest_goes_first)
{
    begin();
    for (uint32_t i = 0; i < MOST; i++)
        add(i, draw(1000));
    for (uint32_t n = 0; n < MOST; n++) {
        uint32_t latest = MOST;
        for (uint32_t i = 0; i < MOST; i++)
            if (there[i] && (latest == MOST || nodes[i].at > nodes[latest].at))
                latest = i;
        take(latest);
        compare();
        check_int(count(), how_many());
    }
}

TEST(extremes_are_times_like_others)
{
    static const int64_t at[] = {INT64_MAX, 0, INT64_MIN, INT64_MAX - 1, 1};
    static const uint32_t order[] = {2, 1, 4, 3, 0};
    begin();
    for (uint32_t i = 0; i < 5; i++)
        add(i, at[i]);
    for (uint32_t i = 0; i < 5; i++) {
        check(times.earliest == &nodes[order[i]]);
        take(order[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(earliest_is_told_whoever_comes_and_goes),
        cmocka_unit_test(earliest_is_told_among_many),
        cmocka_unit_test(equal_times_are_each_there),
        cmocka_unit_test(those_in_order_come_out_in_order),
        cmocka_unit_test(those_in_the_other_order_come_out_in_order),
        cmocka_unit_test(latest_goes_first),
        cmocka_unit_test(extremes_are_times_like_others),
    };
    return cmocka_run_group_tests_name("times", tests, NULL, NULL);
}
