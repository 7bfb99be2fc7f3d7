/*
 * test_queue_turns.c - who waits first is served first
 *
 * Fake sleepers wait one inside the other's sleep, so the order in which they came is certain.
 */
#include "../park/fake.h"
#include "queues.h"

#define SLEEPERS 4

static struct {
    thrum_queue *queue;
    struct fake fakes[SLEEPERS];
    uint64_t numbers[SLEEPERS];
    int begun;
    int (*call)(uint64_t *number); /* what each does */
    void (*world)(void);           /* what happens when all wait */
} turns;

static void begin_next(void)
{
    int i = turns.begun++;
    struct sleeper *self = sleeper_self();
    turns.fakes[i].sleeps = 0;
    sleeper_current = turns.fakes[i].sleeper;
    check_result(turns.call(&turns.numbers[i]), 0);
    sleeper_current = self;
}

static void next(struct fake *fake)
{
    struct sleeper *self = sleeper_current;
    sleeper_current = fake->arg; /* the thread's own */
    if (turns.begun < SLEEPERS)
        begin_next();
    else
        turns.world();
    sleeper_current = self;
}

static void take_turns(thrum_queue *queue, int (*call)(uint64_t *number), void (*world)(void))
{
    turns.queue = queue;
    turns.call = call;
    turns.world = world;
    turns.begun = 0;
    struct sleeper *self = sleeper_self();
    for (int i = 0; i < SLEEPERS; i++)
        fake_new(&turns.fakes[i], next, self);
    begin_next();
    check_int(turns.begun, SLEEPERS);
    for (int i = SLEEPERS; i-- > 0;)
        fake_free(&turns.fakes[i]);
    thrum_queue_free(queue);
}

static int get_it(uint64_t *number)
{
    return thrum_queue_get(turns.queue, number, THRUM_FOREVER);
}

static int put_it(uint64_t *number)
{
    return thrum_queue_put(turns.queue, number, THRUM_FOREVER);
}

static void put_all(void)
{
    uint64_t item;
    for (uint64_t i = 0; i < SLEEPERS; i++)
        check_result(put(turns.queue, i + 1, THRUM_NOWAIT), 0);
    check_result(thrum_queue_get_nowait(turns.queue, &item), THRUM_EMPTY); /* each is somebody's */
}

static void put_all_at_once(void)
{
    uint64_t items[SLEEPERS + 1] = {1, 2, 3, 4, 5};
    check_result(thrum_queue_put_many(turns.queue, items, SLEEPERS + 1, NULL, THRUM_NOWAIT), 0);
    expect(turns.queue, 5);
}

TEST(getters_are_served_in_turn)
{
    for (size_t maxsize = 0; maxsize < 2; maxsize++) {
        memset(turns.numbers, 0, sizeof turns.numbers);
        take_turns(new_queue(maxsize, sizeof(uint64_t)), get_it, maxsize == 0 ? put_all : put_all_at_once);
        for (uint64_t i = 0; i < SLEEPERS; i++)
            check_int(turns.numbers[i], i + 1);
    }
}

static void get_all(void)
{
    for (uint64_t i = 0; i <= SLEEPERS; i++) {
        check_result(put(turns.queue, 99, THRUM_NOWAIT), THRUM_FULL);
        expect(turns.queue, i);
    }
}

static void get_all_at_once(void)
{
    uint64_t items[3];
    size_t n;
    check_result(thrum_queue_get_many(turns.queue, items, 1, &n, THRUM_NOWAIT), 0);
    check_int(items[0], 0);
    for (uint64_t i = 1; i <= SLEEPERS; i++)
        expect(turns.queue, i);
}

TEST(putters_are_served_in_turn)
{
    for (int round = 0; round < 2; round++) {
        thrum_queue *queue = new_queue(1, sizeof(uint64_t));
        check_result(put(queue, 0, THRUM_NOWAIT), 0);
        for (uint64_t i = 0; i < SLEEPERS; i++)
            turns.numbers[i] = i + 1;
        take_turns(queue, put_it, round == 0 ? get_all : get_all_at_once);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(getters_are_served_in_turn),
        cmocka_unit_test(putters_are_served_in_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
