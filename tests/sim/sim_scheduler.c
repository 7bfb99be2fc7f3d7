/*
 * sim_scheduler.c - scenarios of tasks that wait for threads, for one another and for the tasks of others' schedulers
 *
 * The scenario's own thread runs the first scheduler. What must hold in every order stands at each.
 */
#include "runner.h"

#include <errno.h>
#include <stdlib.h>

#include "park/park.h"
#include "platform/state.h"

#define SOON thrum_seconds(0.00001)

static thrum_scheduler *scheds[2];

static void open_schedulers(int n)
{
    for (int i = 0; i < n; i++)
        must(thrum_scheduler_new_with(&scheds[i], NULL));
}

static void close_schedulers(int n)
{
    for (int i = 0; i < n; i++)
        must(thrum_scheduler_free(scheds[i]));
}

static void go(int i, int (*function)(void *arg), void *arg)
{
    must(thrum_coroutine_run_with(NULL, scheds[i], function, arg, NULL));
}

static int run_second(void *arg)
{
    (void)arg;
    must(thrum_scheduler_run(scheds[1]));
    return 0;
}

/* Both, side by side, until neither has a task. */
static void run_both(void)
{
    thrum_thread *host = spawn(run_second, NULL);
    must(thrum_scheduler_run(scheds[0]));
    finish(host);
}

/* For longer than it takes to be handed a lock. */
static void linger(void)
{
    must(thrum_sleep(thrum_seconds(0.002)));
}

/* ---- Switch, wake-up, time-out, cancellation ---- */

static struct {
    thrum_event ping, pong;
    int ball;
} table;

static int play(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++) {
        must(thrum_event_wait(&table.ping, THRUM_FOREVER));
        thrum_event_clear(&table.ping);
        sim_check(table.ball++ == 2 * i + 1);
        thrum_event_set(&table.pong);
    }
    return 0;
}

static int serve(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++) {
        sim_check(table.ball++ == 2 * i);
        thrum_event_set(&table.ping);
        must(thrum_event_wait(&table.pong, THRUM_FOREVER));
        thrum_event_clear(&table.pong);
    }
    return 0;
}

/* The waker comes before, while, or after the task leaves its stack: each wait ends, by its own set. */
static void wake_meets_switch(void)
{
    open_schedulers(1);
    go(0, play, NULL);
    thrum_thread *thread = spawn(serve, NULL);
    must(thrum_scheduler_run(scheds[0]));
    finish(thread);
    sim_check(table.ball == 6);
    close_schedulers(1);
}

static void wake_meets_switch_between_schedulers(void)
{
    open_schedulers(2);
    go(0, play, NULL);
    go(1, serve, NULL);
    run_both();
    sim_check(table.ball == 6);
    close_schedulers(2);
}

static struct {
    thrum_semaphore permits;
    int got, turns;
} store;

static int take_twice_in_time(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        int result = thrum_semaphore_acquire(&store.permits, SOON);
        sim_check(result == 0 || result == THRUM_TIMEOUT);
        store.got += result == 0;
        store.turns++;
    }
    return 0;
}

static int give_one(void *arg)
{
    (void)arg;
    must(thrum_semaphore_release(&store.permits, 1));
    return 0;
}

static int permits_left(void)
{
    int left = 0;
    while (thrum_semaphore_acquire(&store.permits, THRUM_NOWAIT) == 0)
        left++;
    return left;
}

/* A permit that reaches a task whose time ends is had, or is there still; and each wait ends once. */
static void wake_meets_time_out(void)
{
    must(thrum_semaphore_init_with(&store.permits, 0, NULL));
    open_schedulers(1);
    for (int i = 0; i < 2; i++)
        go(0, take_twice_in_time, NULL);
    thrum_thread *threads[2];
    for (int i = 0; i < 2; i++)
        threads[i] = spawn(give_one, NULL);
    must(thrum_scheduler_run(scheds[0]));
    for (int i = 0; i < 2; i++)
        finish(threads[i]);
    sim_check(store.turns == 4 && store.got + permits_left() == 2);
    close_schedulers(1);
}

static int take_unless_cancelled(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        int result = thrum_semaphore_acquire(&store.permits, THRUM_FOREVER);
        sim_check(result == 0 || result == THRUM_CANCELLED);
        store.got += result == 0;
    }
    return 0;
}

static int cancel_it(void *task)
{
    must(thrum_coroutine_cancel(task));
    return 0;
}

/* The same for one that is cancelled, before its first turn or in any wait. */
static void wake_meets_cancel(void)
{
    thrum_coroutine *task;
    must(thrum_semaphore_init_with(&store.permits, 0, NULL));
    open_schedulers(1);
    must(thrum_coroutine_run_with(&task, scheds[0], take_unless_cancelled, NULL, NULL));
    thrum_thread *threads[2] = {spawn(give_one, NULL), spawn(cancel_it, task)};
    must(thrum_scheduler_run(scheds[0]));
    for (int i = 0; i < 2; i++)
        finish(threads[i]);
    sim_check(thrum_coroutine_done(task) && store.got + permits_left() == 1);
    thrum_coroutine_free(task);
    close_schedulers(1);
}

/* ---- Waiting for any ---- */

static struct {
    thrum_queue *queues[2];
    thrum_event event;
    thrum_waitable all[3];
} any;

static void open_any(void)
{
    thrum_queue_options options = {.maxsize = 1, .item_size = sizeof(int)};
    for (int i = 0; i < 2; i++) {
        must(thrum_queue_new_with(&any.queues[i], &options));
        any.all[i] = thrum_queue_waitable(any.queues[i]);
    }
    any.all[2] = thrum_event_waitable(&any.event);
}

static void close_any(void)
{
    for (int i = 0; i < 2; i++)
        thrum_queue_free(any.queues[i]);
}

static int put_into(void *queue)
{
    int item = 5;
    must(thrum_queue_put(queue, &item, THRUM_FOREVER));
    return 0;
}

static int set_event(void *event)
{
    thrum_event_set(event);
    return 0;
}

/* The timeout is for each wait. */
static int hear_of_all(void *timeout)
{
    bool had[3] = {false};
    int item;
    while (!(had[0] && had[1] && had[2])) {
        size_t i = 9;
        int result = thrum_wait_any(any.all, 3, &i, *(thrum_timeout *)timeout);
        sim_check(result == THRUM_TIMEOUT || (result == 0 && i < 3));
        if (result != 0)
            continue;
        if (i < 2)
            must(thrum_queue_get(any.queues[i], &item, THRUM_NOWAIT));
        else
            thrum_event_clear(&any.event);
        sim_check(!had[i]);
        had[i] = true;
    }
    return 0;
}

static void hear_in_a_task(thrum_timeout timeout)
{
    open_any();
    open_schedulers(1);
    go(0, hear_of_all, &timeout);
    go(0, put_into, any.queues[1]);
    thrum_thread *threads[2] = {spawn(put_into, any.queues[0]), spawn(set_event, &any.event)};
    must(thrum_scheduler_run(scheds[0]));
    for (int i = 0; i < 2; i++)
        finish(threads[i]);
    close_schedulers(1);
    close_any();
}

/* A task that waits at three places has three wakers, of its own thread and others: it is given once, stays until all
 * have come, and hears of each. */
static void task_hears_of_all(void)
{
    hear_in_a_task(THRUM_FOREVER);
}

static void task_hears_of_all_or_time_is_over(void)
{
    hear_in_a_task(SOON);
}

/* ---- Conditions ---- */

static struct {
    thrum_lock lock;
    thrum_condition condition;
    int items, taken;
} shop = {.condition = THRUM_CONDITION_INIT(&shop.lock)};

static bool has_item(void *arg)
{
    (void)arg;
    return shop.items > 0;
}

/* As long as it takes, or so long. */
static int buy(void *timeout)
{
    must(thrum_condition_acquire(&shop.condition, THRUM_FOREVER));
    int result = thrum_condition_wait_for(&shop.condition, has_item, NULL,
                                          timeout != NULL ? *(thrum_timeout *)timeout : THRUM_FOREVER);
    sim_check(result == 0 || (result == THRUM_TIMEOUT && timeout != NULL));
    if (result == 0) {
        shop.items--;
        shop.taken++;
    }
    must(thrum_condition_release(&shop.condition));
    return 0;
}

static void bring(int n)
{
    must(thrum_condition_acquire(&shop.condition, THRUM_FOREVER));
    shop.items += n;
    must(thrum_condition_notify(&shop.condition, (size_t)n));
    must(thrum_condition_release(&shop.condition));
}

static int bring_two(void *arg)
{
    (void)arg;
    bring(1);
    bring(1);
    return 0;
}

/* A condition's waits are moved to its lock's queue, threads and tasks in one: each notify reaches somebody. */
static void condition_moves_tasks_and_threads(void)
{
    open_schedulers(1);
    go(0, buy, NULL);
    go(0, buy, NULL);
    thrum_thread *threads[2] = {spawn(buy, NULL), spawn(bring_two, NULL)};
    go(0, bring_two, NULL);
    must(thrum_scheduler_run(scheds[0]));
    for (int i = 0; i < 2; i++)
        finish(threads[i]);
    sim_check(shop.taken == 3 && shop.items == 1);
    sim_check(!thrum_lock_locked(&shop.lock));
    close_schedulers(1);
}

/* Also if one's time ends meanwhile: the item is there for another. */
static void condition_moves_one_whose_time_ends(void)
{
    thrum_timeout soon = SOON;
    open_schedulers(1);
    go(0, buy, &soon);
    thrum_thread *threads[2] = {spawn(buy, NULL), spawn(bring_two, NULL)};
    must(thrum_scheduler_run(scheds[0]));
    for (int i = 0; i < 2; i++)
        finish(threads[i]);
    sim_check(shop.taken + shop.items == 2 && shop.taken >= 1);
    close_schedulers(1);
}

/* ---- Locks ---- */

static struct {
    thrum_lock lock;
    int inside, count;
} area;

static int enter_twice(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        must(thrum_lock_acquire(&area.lock, THRUM_FOREVER));
        sim_check(area.inside++ == 0);
        must(thrum_coroutine_yield());
        area.count++;
        sim_check(--area.inside == 0);
        must(thrum_lock_release(&area.lock));
    }
    return 0;
}

static void lock_excludes_tasks_and_threads(void)
{
    open_schedulers(2);
    go(0, enter_twice, NULL);
    go(0, enter_twice, NULL);
    go(1, enter_twice, NULL);
    thrum_thread *thread = spawn(enter_twice, NULL);
    run_both();
    finish(thread);
    sim_check(area.count == 8 && !thrum_lock_locked(&area.lock));
    close_schedulers(2);
}

static int enter_long(void *arg)
{
    (void)arg;
    must(thrum_lock_acquire(&area.lock, THRUM_FOREVER));
    sim_check(area.inside++ == 0);
    linger();
    area.count++;
    sim_check(--area.inside == 0);
    must(thrum_lock_release(&area.lock));
    return 0;
}

static int enter_for_a_time(void *arg)
{
    (void)arg;
    int result = thrum_lock_acquire(&area.lock, thrum_seconds(0.001));
    sim_check(result == 0 || result == THRUM_TIMEOUT);
    if (result == 0) {
        sim_check(area.inside++ == 0 && --area.inside == 0);
        must(thrum_lock_release(&area.lock));
    }
    return 0;
}

/* Who has waited for long is handed it, task or thread, and knows that it has it. */
static void lock_is_handed_over_to_tasks(void)
{
    open_schedulers(2);
    go(0, enter_long, NULL);
    go(0, enter_twice, NULL);
    go(1, enter_long, NULL);
    go(1, enter_for_a_time, NULL);
    run_both();
    sim_check(area.count == 4 && !thrum_lock_locked(&area.lock));
    close_schedulers(2);
}

static struct sleeper *parked[2]; /* a task, and then a thread, that want the lock */
static uint32_t let_in;

/* Until it is in the lock's queue. */
static void until_parked(int i)
{
    const struct sleeper *sleeper;
    while ((sleeper = os_load_acquire(&parked[i])) == NULL || os_load_acquire(&sleeper->waits_at) != &area.lock)
        os_yield();
}

static int enter_known(void *arg)
{
    int i = *(const int *)arg;
    if (i == 1)
        until_parked(0);
    os_store_release(&parked[i], sleeper_self());
    must(thrum_lock_acquire(&area.lock, THRUM_FOREVER));
    sim_check(area.inside++ == 0);
    os_store_release(&let_in, 1);
    sim_check(--area.inside == 0);
    must(thrum_lock_release(&area.lock));
    return 0;
}

/* It keeps its thread busy until somebody has been let in. */
static int keep_busy(void *arg)
{
    (void)arg;
    while (os_load_acquire(&let_in) == 0)
        os_yield();
    return 0;
}

/* The first in the queue is a task whose thread is at something else: the lock does not lie idle until that is done,
 * with a thread behind the task asleep. */
static void lock_does_not_wait_for_a_busy_host(void)
{
    static const int numbers[] = {0, 1};
    open_schedulers(2);
    must(thrum_lock_acquire(&area.lock, THRUM_FOREVER));
    go(1, enter_known, (void *)(uintptr_t)&numbers[0]);
    go(1, keep_busy, NULL);
    thrum_thread *threads[2] = {spawn(run_second, NULL), spawn(enter_known, (void *)(uintptr_t)&numbers[1])};
    until_parked(1);
    must(thrum_lock_release(&area.lock));
    for (int i = 0; i < 2; i++)
        finish(threads[i]);
    sim_check(!thrum_lock_locked(&area.lock));
    close_schedulers(2);
}

/* ---- Deadlocks ---- */

static struct {
    thrum_lock locks[2];
    int told, reports;
} circle;

static void count_report(void *arg, const char *text)
{
    (void)arg;
    (void)text;
    circle.reports++;
}

/* One lock and then the other; who is told that this can never be gives way. */
static int take_both(void *first)
{
    int mine = *(const int *)first;
    must(thrum_lock_acquire(&circle.locks[mine], THRUM_FOREVER));
    must(thrum_coroutine_yield());
    int result = thrum_lock_acquire(&circle.locks[1 - mine], THRUM_FOREVER);
    sim_check(result == 0 || result == -EDEADLK);
    if (result == 0)
        must(thrum_lock_release(&circle.locks[1 - mine]));
    else
        circle.told++;
    must(thrum_lock_release(&circle.locks[mine]));
    return 0;
}

static const int zero = 0, one = 1;

static void circle_is_open(void)
{
    sim_check(circle.told <= 1 && circle.reports == circle.told);
    for (int i = 0; i < 2; i++)
        sim_check(!thrum_lock_locked(&circle.locks[i]));
}

static void deadlock_of_task_and_thread_is_found(void)
{
    thrum_set_reporter(count_report, NULL);
    open_schedulers(1);
    go(0, take_both, (void *)(uintptr_t)&zero);
    thrum_thread *thread = spawn(take_both, (void *)(uintptr_t)&one);
    must(thrum_scheduler_run(scheds[0]));
    finish(thread);
    circle_is_open();
    close_schedulers(1);
}

static void deadlock_between_schedulers_is_found(void)
{
    thrum_set_reporter(count_report, NULL);
    open_schedulers(2);
    go(0, take_both, (void *)(uintptr_t)&zero);
    go(1, take_both, (void *)(uintptr_t)&one);
    run_both();
    circle_is_open();
    close_schedulers(2);
}

static int want_the_hosts(void *arg)
{
    (void)arg;
    sim_check(thrum_lock_acquire(&circle.locks[0], THRUM_FOREVER) == -EDEADLK);
    return 0;
}

/* A lock that the host holds is not given back while it runs tasks. */
static void deadlock_with_the_host_is_found(void)
{
    thrum_set_reporter(count_report, NULL);
    open_schedulers(1);
    must(thrum_lock_acquire(&circle.locks[0], THRUM_FOREVER));
    go(0, want_the_hosts, NULL);
    go(0, want_the_hosts, NULL);
    must(thrum_scheduler_run(scheds[0]));
    sim_check(circle.reports == 2);
    must(thrum_lock_release(&circle.locks[0]));
    close_schedulers(1);
}

static int keep_lock(void *arg)
{
    (void)arg;
    must(thrum_lock_acquire(&circle.locks[0], THRUM_FOREVER));
    must(thrum_coroutine_yield());
    return 0;
}

static int want_the_ended_ones(void *arg)
{
    (void)arg;
    int result = thrum_lock_acquire(&circle.locks[0], THRUM_FOREVER);
    if (result == 0)
        return thrum_lock_release(&circle.locks[0]);
    sim_check(result == -EDEADLK);
    return 0;
}

/* A task that ends with a lock: who waits for it is told, task or thread, wherever it stands. */
static void task_ends_with_a_lock(void)
{
    thrum_set_reporter(count_report, NULL);
    open_schedulers(1);
    go(0, keep_lock, NULL);
    go(0, want_the_ended_ones, NULL);
    thrum_thread *thread = spawn(want_the_ended_ones, NULL);
    must(thrum_scheduler_run(scheds[0]));
    finish(thread);
    sim_check(thrum_lock_locked(&circle.locks[0]));
    close_schedulers(1);
}

/* ---- Beginnings and ends ---- */

static int started, ended;

static int count_me(void *arg)
{
    (void)arg;
    ended++;
    return 0;
}

static int start_two(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++)
        go(0, count_me, NULL);
    os_store_release(&started, 2);
    return 0;
}

/* A task that another thread starts while the last one ends is run, by this run or by the next, once. */
static void start_meets_the_end_of_run(void)
{
    open_schedulers(1);
    go(0, count_me, NULL);
    thrum_thread *thread = spawn(start_two, NULL);
    must(thrum_scheduler_run(scheds[0]));
    sim_check(ended >= 1 && ended <= 3);
    finish(thread);
    must(thrum_scheduler_run(scheds[0]));
    sim_check(ended == 3);
    close_schedulers(1);
}

static thrum_event bell;

static int hear_and_end(void *arg)
{
    (void)arg;
    must(thrum_event_wait(&bell, THRUM_FOREVER));
    ended++;
    return 0;
}

static int sleep_a_little(void *arg)
{
    (void)arg;
    must(thrum_sleep(SOON));
    ended++;
    return 0;
}

/* The waker of the last task may still be about to ring when that has ended: the scheduler goes only behind the ring,
 * also if something else has ended its sleep. */
static void scheduler_goes_with_its_last_task(void)
{
    for (int i = 0; i < 5; i++) {
        thrum_event_clear(&bell);
        open_schedulers(1);
        go(0, hear_and_end, NULL);
        if (i > 0)
            go(0, sleep_a_little, NULL);
        thrum_thread *thread = spawn(set_event, &bell);
        must(thrum_scheduler_run(scheds[0]));
        close_schedulers(1);
        finish(thread);
    }
    sim_check(ended == 1 + 4 * 2);
}

/* The same where it is its end that is waited for, and where nobody but that thread has a handle. */
static int return_seven(void *arg)
{
    (void)arg;
    must(thrum_coroutine_yield());
    return 7;
}

static int join_and_free(void *task)
{
    int code = 0;
    must(thrum_coroutine_join(task, &code, THRUM_FOREVER));
    sim_check(code == 7 && thrum_coroutine_done(task));
    thrum_coroutine_free(task);
    return 0;
}

/* Of the scheduler and the holder of the handle the last one lets the task go, and not before. */
static void join_meets_the_end(void)
{
    thrum_coroutine *tasks[2];
    thrum_thread *threads[2];
    open_schedulers(1);
    for (int i = 0; i < 2; i++) {
        must(thrum_coroutine_run_with(&tasks[i], scheds[0], return_seven, NULL, NULL));
        threads[i] = spawn(join_and_free, tasks[i]);
    }
    must(thrum_scheduler_run(scheds[0]));
    close_schedulers(1);
    for (int i = 0; i < 2; i++)
        finish(threads[i]);
}

static int give_up(void *task)
{
    thrum_coroutine_free(task);
    return 0;
}

/* Given up at any time, it ends all the same, and its stack goes to the next one. */
static void handle_is_given_up_at_any_time(void)
{
    thrum_coroutine *task;
    open_schedulers(1);
    must(thrum_coroutine_run_with(&task, scheds[0], sleep_a_little, NULL, NULL));
    thrum_thread *thread = spawn(give_up, task);
    must(thrum_scheduler_run(scheds[0]));
    go(0, sleep_a_little, NULL);
    must(thrum_scheduler_run(scheds[0]));
    finish(thread);
    sim_check(ended == 2);
    close_schedulers(1);
}

static int wait_for_good(void *event)
{
    sim_check(thrum_event_wait(event, THRUM_FOREVER) == THRUM_CANCELLED);
    ended++;
    return 0;
}

static int cancel_and_free(void *task)
{
    must(thrum_coroutine_cancel(task));
    thrum_coroutine_free(task);
    return 0;
}

/* Free cancels what is left, while a thread does the same to one of them. */
static void free_meets_cancel(void)
{
    static thrum_event never;
    thrum_coroutine *task;
    open_schedulers(1);
    must(thrum_coroutine_run_with(&task, scheds[0], wait_for_good, &never, NULL));
    go(0, wait_for_good, &never);
    go(0, return_seven, NULL);
    sim_check(thrum_scheduler_run(scheds[0]) == THRUM_FAILED);
    thrum_thread *thread = spawn(cancel_and_free, task);
    close_schedulers(1);
    finish(thread);
    sim_check(ended == 2);
}

/* ---- Signals ---- */

static void handle_nothing(void)
{
}

static int take_interrupted(void *arg)
{
    int result, times = 0;
    (void)arg;
    while ((result = thrum_semaphore_acquire(&store.permits, thrum_interruptible(THRUM_FOREVER))) != 0) {
        sim_check(result == THRUM_INTERRUPTED);
        times++;
    }
    sim_check(times <= 2);
    store.got++;
    return 0;
}

static int interrupt_and_give(void *arg)
{
    for (int i = 0; i < 2; i++) {
        (void)sim_signal(*(const uint64_t *)arg, handle_nothing);
        must(thrum_semaphore_release(&store.permits, 1));
    }
    return 0;
}

/* A handler that runs in the host's sleep ends the waits that asked for it, and takes no permit with it. */
static void interrupt_meets_wake(void)
{
    uint64_t host = thrum_get_native_id();
    must(thrum_semaphore_init_with(&store.permits, 0, NULL));
    must(thrum_signals_start());
    open_schedulers(1);
    for (int i = 0; i < 2; i++)
        go(0, take_interrupted, NULL);
    thrum_thread *thread = spawn(interrupt_and_give, &host);
    must(thrum_scheduler_run(scheds[0]));
    finish(thread);
    sim_check(store.got == 2 && permits_left() == 0);
    close_schedulers(1);
}

static int await_event_interrupted(void *arg)
{
    must(thrum_event_wait(arg, thrum_interruptible(THRUM_FOREVER)));
    return 0;
}

static void set_bell(void)
{
    must(thrum_event_set_from_signal(&bell));
}

static int signal_host(void *arg)
{
    return !sim_signal(*(const uint64_t *)arg, set_bell);
}

/* A handler sets the event that tasks of the thread wait for, wherever that stands. */
static void event_is_set_in_the_host(void)
{
    uint64_t host = thrum_get_native_id();
    must(thrum_signals_start());
    open_schedulers(1);
    go(0, hear_and_end, NULL);
    go(0, await_event_interrupted, &bell);
    thrum_thread *thread = spawn(signal_host, &host);
    must(thrum_scheduler_run(scheds[0]));
    must(finish(thread));
    sim_check(ended == 1);
    close_schedulers(1);
}

/* ---- Objects that two schedulers' tasks share ---- */

static struct {
    thrum_queue *queue;
    thrum_barrier barrier;
    int got, sum, first;
} shared;

static int produce(void *from)
{
    for (int i = *(const int *)from; i < *(const int *)from + 2; i++)
        must(thrum_queue_put(shared.queue, &i, THRUM_FOREVER));
    return 0;
}

static int consume(void *arg)
{
    (void)arg;
    for (int i = 0, item; i < 2; i++) {
        must(thrum_queue_get(shared.queue, &item, THRUM_FOREVER));
        os_add_relaxed(&shared.sum, item);
        os_add_relaxed(&shared.got, 1);
    }
    return 0;
}

/* Each item goes to one of them. */
static void queue_between_schedulers(void)
{
    static const int from[] = {1, 10};
    thrum_queue_options options = {.maxsize = 1, .item_size = sizeof(int)};
    must(thrum_queue_new_with(&shared.queue, &options));
    open_schedulers(2);
    go(0, produce, (void *)(uintptr_t)&from[0]);
    go(1, produce, (void *)(uintptr_t)&from[1]);
    go(0, consume, NULL);
    go(1, consume, NULL);
    run_both();
    sim_check(shared.got == 4 && shared.sum == 1 + 2 + 10 + 11);
    thrum_queue_free(shared.queue);
    close_schedulers(2);
}

static int meet_twice(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        size_t index = 9;
        must(thrum_barrier_wait(&shared.barrier, &index, THRUM_FOREVER));
        sim_check(index < 3);
        os_add_relaxed(&shared.first, index == 0);
    }
    return 0;
}

/* Two of one scheduler and one of the other meet twice, and each time one of them is the first. */
static void barrier_between_schedulers(void)
{
    must(thrum_barrier_init_with(&shared.barrier, 3, NULL));
    open_schedulers(2);
    go(0, meet_twice, NULL);
    go(0, meet_twice, NULL);
    go(1, meet_twice, NULL);
    run_both();
    sim_check(shared.first == 2);
    close_schedulers(2);
}

static int pass_through(void *arg)
{
    (void)arg;
    must(thrum_semaphore_acquire(&store.permits, THRUM_FOREVER));
    sim_check(os_add_relaxed(&store.got, 1) < 2);
    must(thrum_coroutine_yield());
    (void)os_sub_relaxed(&store.got, 1);
    must(thrum_semaphore_release(&store.permits, 1));
    return 0;
}

/* At most two are inside, whoever runs them. */
static void semaphore_between_schedulers(void)
{
    must(thrum_semaphore_init_with(&store.permits, 2, NULL));
    open_schedulers(2);
    for (int i = 0; i < 4; i++)
        go(i % 2, pass_through, NULL);
    thrum_thread *thread = spawn(pass_through, NULL);
    run_both();
    finish(thread);
    sim_check(store.got == 0 && permits_left() == 2);
    close_schedulers(2);
}

static int set_bell_of_all(void *arg)
{
    (void)arg;
    thrum_event_set(&bell);
    return 0;
}

static int hear(void *arg)
{
    (void)arg;
    must(thrum_event_wait(&bell, THRUM_FOREVER));
    (void)os_add_relaxed(&shared.got, 1);
    return 0;
}

/* One set is for all. */
static void event_between_schedulers(void)
{
    open_schedulers(2);
    for (int i = 0; i < 4; i++)
        go(i % 2, hear, NULL);
    go(1, set_bell_of_all, NULL);
    thrum_thread *thread = spawn(hear, NULL);
    run_both();
    finish(thread);
    sim_check(shared.got == 5);
    close_schedulers(2);
}

int main(int argc, char **argv)
{
    static const struct scenario scenarios[] = {
        SCENARIO(wake_meets_switch),
        SCENARIO(wake_meets_switch_between_schedulers),
        SCENARIO(wake_meets_time_out),
        SCENARIO(wake_meets_cancel),
        SCENARIO(task_hears_of_all),
        SCENARIO(task_hears_of_all_or_time_is_over),
        SCENARIO(condition_moves_tasks_and_threads),
        SCENARIO(condition_moves_one_whose_time_ends),
        SCENARIO(lock_excludes_tasks_and_threads),
        SCENARIO(lock_is_handed_over_to_tasks),
        SCENARIO(lock_does_not_wait_for_a_busy_host),
        SCENARIO(deadlock_of_task_and_thread_is_found),
        SCENARIO(deadlock_between_schedulers_is_found),
        SCENARIO(deadlock_with_the_host_is_found),
        SCENARIO(task_ends_with_a_lock),
        SCENARIO(start_meets_the_end_of_run),
        SCENARIO(scheduler_goes_with_its_last_task),
        SCENARIO(join_meets_the_end),
        SCENARIO(handle_is_given_up_at_any_time),
        SCENARIO(free_meets_cancel),
        SCENARIO(interrupt_meets_wake),
        SCENARIO(event_is_set_in_the_host),
        SCENARIO(queue_between_schedulers),
        SCENARIO(barrier_between_schedulers),
        SCENARIO(semaphore_between_schedulers),
        SCENARIO(event_between_schedulers),
    };
    return sim_main(argc, argv, scenarios, sizeof scenarios / sizeof scenarios[0]);
}
