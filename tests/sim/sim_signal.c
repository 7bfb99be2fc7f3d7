/*
 * sim_signal.c - scenarios of signal handlers: what they set and cut short, at any point of any thread
 *
 * A handler is run in a thread by sim_signal, wherever that stands: in the middle of a change of the same event,
 * with a bucket's lock held, asleep.
 */
#include "runner.h"

#include <errno.h>
#include <string.h>

#include "park/park.h"
#include "park/signal.h"

#define SIGNO 10

static void signal_thread(thrum_thread *thread, void (*handler)(void))
{
    (void)sim_signal(thrum_thread_native_id(thread), handler); /* or it has ended */
}

/* ---- An event ---- */

static thrum_event event;

static void set_event(void)
{
    must(thrum_event_set_from_signal(&event));
}

static int await_it(void *arg)
{
    must(thrum_event_wait(arg, THRUM_FOREVER));
    return 0;
}

/* Two wait; a handler in one of them, which may stand anywhere in its wait, sets it. */
static void event_is_set_in_a_waiter(void)
{
    thrum_thread *threads[2];
    must(thrum_signals_start());
    for (int i = 0; i < 2; i++)
        threads[i] = spawn(await_it, &event);
    signal_thread(threads[0], set_event);
    for (int i = 0; i < 2; i++)
        finish(threads[i]);
    sim_check(thrum_event_is_set(&event));
}

static int set_and_clear(void *arg)
{
    (void)arg;
    thrum_event_set(&event);
    thrum_event_clear(&event);
    return 0;
}

static uint32_t handled;

static void set_and_tell(void)
{
    set_event();
    os_store_release(&handled, 1);
}

/* The handler comes in the middle of a set or clear of the same event. If it came last, the event is
 * set; the waiter goes on in any case. */
static void event_is_set_in_a_setter(void)
{
    must(thrum_signals_start());
    thrum_thread *setter = spawn(set_and_clear, NULL);
    thrum_thread *waiter = spawn(await_it, &event);
    signal_thread(setter, set_and_tell);
    finish(setter);
    if (handled == 0 || !thrum_event_is_set(&event))
        set_event(); /* it was cleared again before the waiter came */
    finish(waiter);
}

static struct sleeper *waiter_record;

static int await_known(void *arg)
{
    os_store_release(&waiter_record, sleeper_self());
    return await_it(arg);
}

static void until_it_waits(void)
{
    const struct sleeper *record;
    while ((record = os_load_acquire(&waiter_record)) == NULL || os_load_acquire(&record->waits_at) != &event)
        os_yield();
}

static void set_and_clear_at_once(void)
{
    set_event();
    sim_check(thrum_event_is_set(&event));
    thrum_event_clear(&event);
    sim_check(!thrum_event_is_set(&event));
}

/* Who was asleep when a handler set it goes on, though it is cleared before the helper comes. */
static void event_is_cleared_at_once(void)
{
    must(thrum_signals_start());
    thrum_thread *waiter = spawn(await_known, &event);
    until_it_waits();
    set_and_clear_at_once();
    finish(waiter);
}

static int await_any(void *arg)
{
    thrum_waitable things[] = {thrum_event_waitable(&event), thrum_event_waitable(arg)};
    size_t index = 9;
    os_store_release(&waiter_record, sleeper_self());
    must(thrum_wait_any(things, 2, &index, THRUM_FOREVER));
    sim_check(index == 0);
    return 0;
}

/* Also who was asleep at several, and also when the helper came first, and that one has not yet looked. */
static void any_hears_of_what_is_cleared_at_once(void)
{
    static thrum_event other;
    must(thrum_signals_start());
    thrum_thread *waiter = spawn(await_any, &other);
    until_it_waits();
    set_and_clear_at_once();
    finish(waiter);
}

static uint32_t waits_over;

static int await_twice(void *arg)
{
    must(await_known(arg));
    while (thrum_event_is_set(&event))
        os_yield();
    os_store_release(&waits_over, 1);
    return await_it(arg);
}

static int clear_event(void *arg)
{
    (void)arg;
    thrum_event_clear(&event);
    return 0;
}

/* A clear that comes late, when the next wait has begun, leaves that wait where it is. */
static void event_is_cleared_late(void)
{
    must(thrum_signals_start());
    thrum_thread *waiter = spawn(await_twice, &event);
    until_it_waits();
    set_event();
    thrum_thread *clearer = spawn(clear_event, NULL);
    thrum_event_clear(&event);
    while (os_load_acquire(&waits_over) == 0)
        os_yield();
    until_it_waits();
    thrum_event_set(&event);
    thrum_event_clear(&event);
    finish(waiter);
    finish(clearer);
}

static int await_two(void *arg)
{
    must(thrum_event_wait(&event, THRUM_FOREVER));
    os_store_relaxed(&event.state_, 0); /* as if another one were in its place */
    sim_check(thrum_event_wait(&event, thrum_seconds(0.0001)) == THRUM_TIMEOUT);
    return arg != NULL;
}

/* What the helper does late ends no wait for another event in the same place. */
static void event_may_go_after_its_wait(void)
{
    must(thrum_signals_start());
    thrum_thread *waiter = spawn(await_two, NULL);
    signal_thread(waiter, set_event);
    finish(waiter);
}

static thrum_event second;

static void set_second(void)
{
    must(thrum_event_set_from_signal(&second));
}

/* What is rung while the helper looks is not lost. */
static void two_events_are_set(void)
{
    must(thrum_signals_start());
    thrum_thread *one = spawn(await_it, &event), *other = spawn(await_it, &second);
    signal_thread(one, set_second);
    if (!sim_signal(thrum_thread_native_id(other), set_event))
        set_event(); /* it has ended */
    finish(one);
    finish(other);
}

/* ---- Interrupted waits ---- */

static void nothing(void)
{
}

static thrum_semaphore semaphore;

static int take_permit(void *arg)
{
    int result;
    (void)arg;
    while ((result = thrum_semaphore_acquire(&semaphore, thrum_interruptible(THRUM_FOREVER))) != 0)
        sim_check(result == THRUM_INTERRUPTED);
    return 0;
}

/* A permit that comes with a signal is had, once. */
static void semaphore_loses_no_permit(void)
{
    thrum_thread *threads[2];
    for (int i = 0; i < 2; i++)
        threads[i] = spawn(take_permit, NULL);
    signal_thread(threads[0], nothing);
    must(thrum_semaphore_release(&semaphore, 1));
    signal_thread(threads[1], nothing);
    must(thrum_semaphore_release(&semaphore, 1));
    for (int i = 0; i < 2; i++)
        finish(threads[i]);
    sim_check(thrum_semaphore_acquire(&semaphore, THRUM_NOWAIT) == THRUM_TIMEOUT);
}

static struct {
    thrum_lock lock;
    thrum_condition changed;
    int items, inside;
} store = {.changed = THRUM_CONDITION_INIT(&store.lock)};

static bool stocked(void *arg)
{
    (void)arg;
    sim_check(store.inside == 1);
    return store.items > 0;
}

static int take_item(void *arg)
{
    int result;
    (void)arg;
    must(thrum_lock_acquire(&store.lock, THRUM_FOREVER));
    do {
        store.inside++;
        result = 0;
        while (!stocked(NULL) && result == 0) {
            store.inside--;
            result = thrum_condition_wait(&store.changed, thrum_interruptible(THRUM_FOREVER));
            sim_check(store.inside++ == 0); /* the lock is held again */
        }
        sim_check(result == 0 || result == THRUM_INTERRUPTED);
        store.inside--;
    } while (store.items == 0);
    store.items--;
    must(thrum_lock_release(&store.lock));
    return 0;
}

/* One notify for each item: none may be lost to a waiter that was interrupted. */
static void condition_loses_no_notify(void)
{
    thrum_thread *threads[2];
    for (int i = 0; i < 2; i++)
        threads[i] = spawn(take_item, NULL);
    signal_thread(threads[0], nothing);
    for (int i = 0; i < 2; i++) {
        must(thrum_lock_acquire(&store.lock, THRUM_FOREVER));
        sim_check(store.inside == 0);
        store.items++;
        must(thrum_condition_notify(&store.changed, 1));
        must(thrum_lock_release(&store.lock));
    }
    for (int i = 0; i < 2; i++)
        finish(threads[i]);
    sim_check(store.items == 0);
}

static thrum_lock locks[2];
static thrum_semaphore both;
static uint32_t done;

static int lock_crosswise(void *arg)
{
    int mine = arg != NULL;
    thrum_timeout timeout = mine == 0 ? thrum_interruptible(THRUM_FOREVER) : THRUM_FOREVER;
    must(thrum_lock_acquire(&locks[mine], THRUM_FOREVER));
    must(thrum_semaphore_release(&both, 1));
    int result = thrum_lock_acquire(&locks[!mine], timeout);
    sim_check(result == 0 || (mine == 0 && result == THRUM_INTERRUPTED));
    if (result == 0)
        must(thrum_lock_release(&locks[!mine]));
    must(thrum_lock_release(&locks[mine]));
    if (mine == 0)
        os_store_release(&done, 1);
    return 0;
}

/* A circle that a signal can open is no deadlock, and is not said to be one. */
static void circle_is_opened_by_a_signal(void)
{
    thrum_thread *threads[2];
    for (int i = 0; i < 2; i++)
        threads[i] = spawn(lock_crosswise, i == 0 ? NULL : &locks);
    while (os_load_acquire(&done) == 0) {
        signal_thread(threads[0], nothing); /* one that comes before the sleep is missed */
        os_yield();
    }
    for (int i = 0; i < 2; i++)
        finish(threads[i]);
    sim_check(!thrum_lock_locked(&locks[0]) && !thrum_lock_locked(&locks[1]));
}

/* ---- Errands and tokens ---- */

static thrum_token *token;

static int wait_in_vain(void *arg)
{
    thrum_event never = THRUM_EVENT_INIT;
    (void)arg;
    (void)thrum_token_set(token);
    int result = thrum_event_wait(&never, THRUM_FOREVER);
    sim_check(result == THRUM_CANCELLED);
    sim_check(thrum_cancelled());
    return 0;
}

static void raise_signal(void)
{
    sim_raise(SIGNO);
}

static void signal_cancels_a_token(void)
{
    thrum_thread *threads[2];
    must(thrum_token_new(&token));
    must(thrum_token_bind_signal(token, SIGNO));
    for (int i = 0; i < 2; i++)
        threads[i] = spawn(wait_in_vain, NULL);
    signal_thread(threads[0], raise_signal);
    for (int i = 0; i < 2; i++)
        finish(threads[i]);
    thrum_token_free(token);
}

static struct thing {
    uint32_t alive, seen, seen_to;
} thing;

static void see(void *arg)
{
    const struct thing *it = arg;
    sim_check(os_load_relaxed(&it->alive) == 1);
    os_store_relaxed(&thing.seen, 1);
}

static void see_to(void *arg)
{
    const struct thing *it = arg;
    sim_check(os_load_relaxed(&it->alive) == 1);
    sim_point();
    sim_check(os_load_relaxed(&it->alive) == 1);
    os_store_relaxed(&thing.seen_to, 1);
}

static int idle(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++)
        sim_point();
    return 0;
}

/* Once it is taken back, neither handler nor helper knows the object. */
static void errand_is_taken_back(void)
{
    struct signal_errand *errand;
    thing.alive = 1;
    must(signal_errand_add(&errand, SIGNO, see, see_to, &thing));
    sim_check(signal_errand_add(&errand, SIGNO, see, see_to, &thing) == -EALREADY);
    thrum_thread *threads[2];
    for (int i = 0; i < 2; i++) {
        threads[i] = spawn(idle, NULL);
        signal_thread(threads[i], raise_signal);
    }
    must(signal_errand_remove(SIGNO, see_to, &thing));
    thing.alive = 0;
    for (int i = 0; i < 2; i++)
        finish(threads[i]);
    sim_check(signal_errand_remove(SIGNO, see_to, &thing) == -EINVAL);
}

static int raise_some(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++)
        sim_raise(SIGNO);
    return 0;
}

/* One that cannot be tied to its signal is as if it had never been, though a handler of another passes it meanwhile. */
static void errand_is_refused_in_passing(void)
{
    struct signal_errand *errand;
    thing.alive = 1;
    must(signal_errand_add(&errand, SIGNO, see, see_to, &thing));
    thrum_thread *thread = spawn(raise_some, NULL);
    for (int i = 0; i < 3; i++)
        sim_check(signal_errand_add(&errand, -1, see, see_to, &thing) == -EINVAL);
    must(signal_errand_add(&errand, SIGNO + 1, see, see_to, &thing));
    finish(thread);
    must(signal_errand_remove(SIGNO + 1, see_to, &thing));
    must(signal_errand_remove(SIGNO, see_to, &thing));
}

/* Each time it is carried on, its end comes after. */
static void errand_is_seen_to_after_each_signal(void)
{
    struct signal_errand *errand;
    thing.alive = 1;
    must(signal_errand_add(&errand, 0, NULL, see_to, &thing));
    thrum_thread *thread = spawn(idle, NULL);
    for (int i = 0; i < 2; i++) {
        os_store_relaxed(&thing.seen_to, 0);
        signal_carry_on(errand);
        while (os_load_relaxed(&thing.seen_to) == 0)
            os_yield();
    }
    finish(thread);
    must(signal_errand_remove(0, NULL, &thing));
}

/* ---- Queues ---- */

static struct {
    thrum_queue *queue;
    int next, in, got, sum; /* one thread runs at a time */
} q;

static void open_queue(size_t maxsize, uint32_t slots)
{
    thrum_queue_options options = {.maxsize = maxsize, .item_size = sizeof(int), .signal_slots = slots};
    must(thrum_queue_new_with(&q.queue, &options));
}

/* Each is twice the one before, so that the sum tells of each. */
static void put_next(void)
{
    int item = 1 << q.next++, result = thrum_queue_try_put_from_signal(q.queue, &item);
    sim_check(result == 0 || result == THRUM_FULL || result == THRUM_CLOSED);
    q.in += result == 0 ? item : 0;
}

static int get_some(void *arg)
{
    int item, result = 0;
    for (int left = *(int *)arg; left > 0 && result == 0; left--) {
        result = thrum_queue_get(q.queue, &item, THRUM_FOREVER);
        if (result == 0) {
            q.got++;
            q.sum += item;
        }
    }
    return result;
}

/* Two get; the handler runs in one of them and in this thread. */
static void queue_item_of_a_handler_is_got_once(void)
{
    static int one = 1;
    open_queue(0, 2);
    thrum_thread *threads[2] = {spawn(get_some, &one), spawn(get_some, &one)};
    if (!sim_signal(thrum_thread_native_id(threads[0]), put_next))
        put_next();
    put_next();
    for (int i = 0; i < 2; i++)
        finish(threads[i]);
    sim_check(q.got == 2);
    thrum_queue_free(q.queue);
}

static int put_big(void *arg)
{
    int item = 1 << 20;
    (void)arg;
    must(thrum_queue_put(q.queue, &item, THRUM_FOREVER));
    return 0;
}

static int collect(void *arg)
{
    static int all = 100;
    (void)arg;
    sim_check(get_some(&all) == THRUM_CLOSED);
    return 0;
}

/* Handlers come in the middle of puts and gets, take slots from each other, and find them taken. */
static void queue_handlers_interrupt_puts_and_gets(void)
{
    thrum_thread *threads[3];
    open_queue(1, 2);
    for (int i = 0; i < 2; i++)
        threads[i] = spawn(put_big, NULL);
    threads[2] = spawn(collect, NULL);
    for (int i = 0; i < 3; i++)
        signal_thread(threads[i], put_next);
    finish(threads[0]);
    finish(threads[1]);
    put_next();
    thrum_queue_close(q.queue, THRUM_DRAIN);
    put_next();
    finish(threads[2]);
    sim_check(q.sum == q.in + 2 * (1 << 20));
    thrum_queue_free(q.queue);
}

/* Join and close see what handlers have put; what is in before the close is got, the rest refused. */
static void queue_close_meets_handlers(void)
{
    open_queue(1, 3);
    thrum_thread *threads[2] = {spawn(collect, NULL), spawn(idle, NULL)};
    put_next();
    signal_thread(threads[0], put_next);
    signal_thread(threads[1], put_next);
    thrum_queue_close(q.queue, THRUM_DRAIN);
    for (int i = 0; i < 2; i++)
        finish(threads[i]);
    put_next();
    sim_check(q.sum == q.in);
    for (int left = q.got; left > 0; left--)
        must(thrum_queue_task_done(q.queue));
    must(thrum_queue_join(q.queue, THRUM_NOWAIT));
    thrum_queue_free(q.queue);
}

static int put_thrice(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++)
        put_next();
    return 0;
}

/* Slots are filled and moved while somebody counts them. */
static void queue_is_never_larger_than_it_can_be(void)
{
    open_queue(1, 1);
    thrum_thread *threads[2] = {spawn(collect, NULL), spawn(put_thrice, NULL)};
    for (int i = 0; i < 3; i++)
        sim_check(thrum_queue_qsize(q.queue) <= 2);
    finish(threads[1]);
    thrum_queue_close(q.queue, THRUM_DRAIN);
    finish(threads[0]);
    sim_check(q.sum == q.in);
    thrum_queue_free(q.queue);
}

static void not_rung_for(void *arg)
{
    (void)arg;
    sim_fail("a handler has rung for another's errand");
}

static int get_and_free(void *arg)
{
    int item;
    (void)arg;
    struct signal_errand *errand;
    must(thrum_queue_get(q.queue, &item, THRUM_FOREVER));
    thrum_queue_free(q.queue);
    must(signal_errand_add(&errand, 0, NULL, not_rung_for, &q)); /* where the queue's was */
    return 0;
}

/* Who gets the item frees the queue, while the handler and the helper are on their way out: not to others' places. */
static void queue_goes_with_a_handlers_item(void)
{
    open_queue(0, 1);
    thrum_thread *threads[2] = {spawn(get_and_free, NULL), spawn(idle, NULL)};
    if (!sim_signal(thrum_thread_native_id(threads[1]), put_next))
        put_next();
    finish(threads[1]);
    if (q.next == 0)
        put_next(); /* it had ended before the handler */
    finish(threads[0]);
    must(signal_errand_remove(0, not_rung_for, &q));
}

static void queue_bell_rings_for_a_handler(void)
{
    int bell, item;
    open_queue(0, 1);
    must(thrum_queue_fileno(q.queue, &bell));
    thrum_thread *thread = spawn(idle, NULL);
    put_next();
    sim_bell_wait(bell);
    must(thrum_queue_get(q.queue, &item, THRUM_NOWAIT));
    sim_check(!sim_bell_rings(bell));
    finish(thread);
    thrum_queue_free(q.queue);
}

static const struct scenario scenarios[] = {
    SCENARIO(event_is_set_in_a_waiter),
    SCENARIO(event_is_set_in_a_setter),
    SCENARIO(event_is_cleared_at_once),
    SCENARIO(any_hears_of_what_is_cleared_at_once),
    SCENARIO(event_is_cleared_late),
    SCENARIO(event_may_go_after_its_wait),
    SCENARIO(two_events_are_set),
    SCENARIO(semaphore_loses_no_permit),
    SCENARIO(condition_loses_no_notify),
    SCENARIO(circle_is_opened_by_a_signal),
    SCENARIO(signal_cancels_a_token),
    SCENARIO(errand_is_taken_back),
    SCENARIO(errand_is_refused_in_passing),
    SCENARIO(errand_is_seen_to_after_each_signal),
    SCENARIO(queue_item_of_a_handler_is_got_once),
    SCENARIO(queue_handlers_interrupt_puts_and_gets),
    SCENARIO(queue_close_meets_handlers),
    SCENARIO(queue_is_never_larger_than_it_can_be),
    SCENARIO(queue_goes_with_a_handlers_item),
    SCENARIO(queue_bell_rings_for_a_handler),
};

int main(int argc, char **argv)
{
    return sim_main(argc, argv, scenarios, sizeof scenarios / sizeof scenarios[0]);
}
