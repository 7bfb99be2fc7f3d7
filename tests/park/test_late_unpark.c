/*
 * test_late_unpark.c - a wake-up belongs to the change that it tells of
 *
 * Who changes an object and then wakes may be late, and find another wait at that address: of the next round,
 * or for another object, because the first one is gone. Here is the event's source once more, with a waker who is
 * always late; a wait that begins after the change must not end by it.
 */
#include "fake.h"
#include "park/waitable.h"
#include "threading/event.h"

static size_t late_unpark(const void *key, size_t n, uintptr_t (*commit)(void *arg, const struct unparked *done),
                          void *arg)
{
    busy(MILLISECOND / 20);
    return unpark(key, n, commit, arg);
}

void late_event_set(thrum_event *event);
int late_event_init_with(thrum_event *event, const thrum_init_options *options);
int late_event_park(thrum_event *event, struct park_call *call);
int late_event_set_from_signal(thrum_event *event);
void late_event_clear(thrum_event *event);
bool late_event_is_set(const thrum_event *event);
int late_event_wait(thrum_event *event, thrum_timeout timeout);

#undef unpark
#define unpark late_unpark
#define thrum_event_set late_event_set
#define thrum_event_init_with late_event_init_with
#undef waitable_event
#define waitable_event late_waitable_event
extern const struct thrum_waitable_kind_ late_waitable_event;
#undef event_park
#define event_park late_event_park
#define thrum_event_set_from_signal late_event_set_from_signal
#define thrum_event_clear late_event_clear
#define thrum_event_is_set late_event_is_set
#define thrum_event_wait late_event_wait
#include "threading/event.c"

/* Different things in the same place, one after the other, as on a stack. */
struct stage {
    union {
        thrum_event event;
        thrum_semaphore semaphore;
    } place;
    atomic_int asked, set; /* rounds */
    int rounds;
};

static int set_late(void *arg)
{
    struct stage *stage = arg;
    for (int round = 1; round <= stage->rounds; round++) {
        until(atomic_load(&stage->asked) == round);
        thrum_event_set(&stage->place.event);
        atomic_store(&stage->set, round);
    }
    return 0;
}

/* The event is left with the mark that somebody may be waiting, and set; nobody waits for it any more. */
static void see_it_set(struct stage *stage, int round)
{
    stage->place.event = (thrum_event)THRUM_EVENT_INIT;
    check_result(thrum_event_wait(&stage->place.event, thrum_seconds(1e-6)), THRUM_TIMEOUT);
    atomic_store(&stage->asked, round);
    until(thrum_event_is_set(&stage->place.event));
}

TEST(a_set_ends_no_wait_that_began_after_it)
{
    struct stage stage = {.rounds = ROUNDS(400)};
    thrum_thread *thread = start(set_late, &stage, NULL);
    for (int round = 1; round <= stage.rounds; round++) {
        see_it_set(&stage, round);
        if (round % 2) {
            thrum_event_clear(&stage.place.event);
            check_result(thrum_event_wait(&stage.place.event, thrum_seconds(2e-4)), THRUM_TIMEOUT);
        } else {
            stage.place.semaphore = (thrum_semaphore)THRUM_SEMAPHORE_INIT(0);
            check_result(thrum_semaphore_acquire(&stage.place.semaphore, thrum_seconds(2e-4)), THRUM_TIMEOUT);
        }
        until(atomic_load(&stage.set) == round);
    }
    check_int(finish(thread), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_ends_no_wait_that_began_after_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
