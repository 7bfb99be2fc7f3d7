/*
 * sim_threading.c - scenarios of locks, conditions, semaphores, events, threads and tokens
 */
#include "runner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- Lock ---- */

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
        sim_point();
        area.count++;
        sim_check(--area.inside == 0);
        must(thrum_lock_release(&area.lock));
    }
    return 0;
}

static void lock_excludes(void)
{
    thrum_thread *threads[3];
    for (int i = 0; i < 3; i++)
        threads[i] = spawn(enter_twice, NULL);
    for (int i = 0; i < 3; i++)
        finish(threads[i]);
    sim_check(area.count == 6);
    sim_check(!thrum_lock_locked(&area.lock));
}

static int hold_long(void *arg)
{
    (void)arg;
    must(thrum_lock_acquire(&area.lock, THRUM_FOREVER));
    sim_check(area.inside++ == 0);
    thrum_event never = THRUM_EVENT_INIT;
    sim_check(thrum_event_wait(&never, thrum_seconds(0.002)) == THRUM_TIMEOUT);
    sim_check(--area.inside == 0);
    must(thrum_lock_release(&area.lock));
    return 0;
}

/* Who waited for longer than a millisecond is handed the lock. */
static void lock_is_handed_over(void)
{
    thrum_thread *threads[3];
    for (int i = 0; i < 3; i++)
        threads[i] = spawn(i == 2 ? enter_twice : hold_long, NULL);
    for (int i = 0; i < 3; i++)
        finish(threads[i]);
    sim_check(!thrum_lock_locked(&area.lock));
}

static int try_for_a_time(void *arg)
{
    (void)arg;
    int result = thrum_lock_acquire(&area.lock, thrum_seconds(0.001));
    if (result == 0) {
        sim_check(area.inside++ == 0);
        sim_point();
        sim_check(--area.inside == 0);
        must(thrum_lock_release(&area.lock));
    } else {
        sim_check(result == THRUM_TIMEOUT);
    }
    return 0;
}

static void lock_times_out(void)
{
    thrum_thread *threads[4];
    for (int i = 0; i < 4; i++)
        threads[i] = spawn(i == 0 ? hold_long : i == 1 ? enter_twice : try_for_a_time, NULL);
    for (int i = 0; i < 4; i++)
        finish(threads[i]);
    sim_check(!thrum_lock_locked(&area.lock));
}

/* ---- Event ---- */

static struct {
    thrum_event event;
    int value;
} news;

static int hear(void *arg)
{
    (void)arg;
    must(thrum_event_wait(&news.event, THRUM_FOREVER));
    sim_check(news.value == 5);
    return 0;
}

static int hear_for_a_time(void *arg)
{
    (void)arg;
    int result = thrum_event_wait(&news.event, thrum_seconds(0.00001));
    sim_check(result == THRUM_TIMEOUT || (result == 0 && news.value == 5));
    return 0;
}

static void event_wakes_all(void)
{
    thrum_thread *threads[3];
    for (int i = 0; i < 3; i++)
        threads[i] = spawn(i == 2 ? hear_for_a_time : hear, NULL);
    news.value = 5;
    thrum_event_set(&news.event);
    for (int i = 0; i < 3; i++)
        finish(threads[i]);
}

static int set_mine(void *arg)
{
    thrum_event_set(arg);
    return 0;
}

/* An event may be gone as soon as its wait has returned. */
static void event_may_go_after_its_wait(void)
{
    thrum_event *event = calloc(1, sizeof *event);
    thrum_thread *thread = spawn(set_mine, event);
    must(thrum_event_wait(event, THRUM_FOREVER));
    free(event);
    finish(thread);
}

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

/* A wait ends by a set of its own, not by the late wake-up of an earlier one. */
static void event_goes_to_and_fro(void)
{
    thrum_thread *partner = spawn(play, NULL);
    for (int i = 0; i < 3; i++) {
        sim_check(table.ball++ == 2 * i);
        thrum_event_set(&table.ping);
        must(thrum_event_wait(&table.pong, THRUM_FOREVER));
        thrum_event_clear(&table.pong);
    }
    finish(partner);
}

/* ---- Condition ---- */

static struct {
    thrum_lock lock;
    thrum_condition condition;
    int items, taken;
    thrum_token *token;
} store = {.condition = THRUM_CONDITION_INIT(&store.lock)};

static bool has_item(void *arg)
{
    (void)arg;
    return store.items > 0;
}

static int take_one(void *arg)
{
    (void)arg;
    must(thrum_condition_acquire(&store.condition, THRUM_FOREVER));
    must(thrum_condition_wait_for(&store.condition, has_item, NULL, THRUM_FOREVER));
    store.items--;
    store.taken++;
    must(thrum_condition_release(&store.condition));
    return 0;
}

static void bring(int n)
{
    must(thrum_condition_acquire(&store.condition, THRUM_FOREVER));
    store.items += n;
    must(thrum_condition_notify(&store.condition, (size_t)n));
    must(thrum_condition_release(&store.condition));
}

static void condition_loses_no_notify(void)
{
    thrum_thread *threads[3];
    for (int i = 0; i < 3; i++)
        threads[i] = spawn(take_one, NULL);
    bring(1);
    bring(2);
    for (int i = 0; i < 3; i++)
        finish(threads[i]);
    sim_check(store.taken == 3 && store.items == 0);
}

static int take_if_in_time(void *arg)
{
    (void)arg;
    must(thrum_condition_acquire(&store.condition, THRUM_FOREVER));
    int result = thrum_condition_wait_for(&store.condition, has_item, NULL, thrum_seconds(0.00001));
    sim_check(result == THRUM_TIMEOUT || result == 0);
    if (result == 0) {
        store.items--;
        store.taken++;
    }
    must(thrum_condition_release(&store.condition));
    return 0;
}

/* A notify that reaches somebody whose time ends is not lost: another must get the item. */
static void condition_notify_meets_time_out(void)
{
    thrum_thread *late = spawn(take_if_in_time, NULL), *patient = spawn(take_one, NULL);
    bring(1);
    must(thrum_thread_join(late, NULL, THRUM_FOREVER));
    thrum_thread_free(late);
    bring(1);
    finish(patient);
    sim_check(store.taken + store.items == 2);
}

static int take_unless_cancelled(void *arg)
{
    (void)arg;
    must(thrum_condition_acquire(&store.condition, THRUM_FOREVER));
    int result = thrum_condition_wait_for(&store.condition, has_item, NULL, THRUM_FOREVER);
    if (result == 0) {
        store.items--;
        store.taken++;
    } else {
        sim_check(result == THRUM_CANCELLED);
    }
    must(thrum_condition_release(&store.condition));
    return 0;
}

static void condition_notify_meets_cancel(void)
{
    thrum_thread *threads[2];
    must(thrum_token_new(&store.token));
    thrum_thread_options options = {.token = store.token};
    must(thrum_thread_run_with(&threads[0], take_unless_cancelled, NULL, &options));
    threads[1] = spawn(take_one, NULL);
    bring(1);
    thrum_token_cancel(store.token);
    finish(threads[0]);
    bring(1);
    finish(threads[1]);
    sim_check(store.taken + store.items == 2);
    thrum_token_free(store.token);
}

/* ---- Semaphore ---- */

static struct {
    thrum_semaphore semaphore;
    int inside, got;
} gate;

static int pass(void *arg)
{
    (void)arg;
    must(thrum_semaphore_acquire(&gate.semaphore, THRUM_FOREVER));
    sim_check(++gate.inside <= 2);
    sim_point();
    gate.inside--;
    must(thrum_semaphore_release(&gate.semaphore, 1));
    return 0;
}

static void semaphore_admits_two(void)
{
    thrum_thread *threads[4];
    gate.semaphore = (thrum_semaphore)THRUM_BOUNDED_SEMAPHORE_INIT(2);
    for (int i = 0; i < 4; i++)
        threads[i] = spawn(pass, NULL);
    for (int i = 0; i < 4; i++)
        finish(threads[i]);
    must(thrum_semaphore_acquire(&gate.semaphore, THRUM_NOWAIT));
    must(thrum_semaphore_acquire(&gate.semaphore, THRUM_NOWAIT));
    sim_check(thrum_semaphore_acquire(&gate.semaphore, THRUM_NOWAIT) == THRUM_TIMEOUT);
}

static int pass_if_in_time(void *arg)
{
    (void)arg;
    int result = thrum_semaphore_acquire(&gate.semaphore, thrum_seconds(0.00001));
    sim_check(result == 0 || result == THRUM_TIMEOUT);
    gate.got += result == 0;
    return 0;
}

static int give_one(void *arg)
{
    (void)arg;
    must(thrum_semaphore_release(&gate.semaphore, 1));
    return 0;
}

/* Two releases, two waiters whose time may end: no permit is lost or made. */
static void semaphore_counts_exactly(void)
{
    thrum_thread *threads[4];
    for (int i = 0; i < 4; i++)
        threads[i] = spawn(i < 2 ? pass_if_in_time : give_one, NULL);
    for (int i = 0; i < 4; i++)
        finish(threads[i]);
    int left = 0;
    while (thrum_semaphore_acquire(&gate.semaphore, THRUM_NOWAIT) == 0)
        left++;
    sim_check(gate.got + left == 2);
}

/* ---- Thread ---- */

static int nothing(void *arg)
{
    (void)arg;
    sim_point();
    return 7;
}

static int join_it(void *arg)
{
    int code = 0, result = thrum_thread_join(arg, &code, thrum_seconds(0.00001));
    sim_check(result == THRUM_TIMEOUT || result == -EINVAL || (result == 0 && code == 7));
    return result == 0;
}

static void thread_is_joined_once(void)
{
    thrum_thread *thread = spawn(nothing, NULL);
    thrum_thread *joiners[2] = {spawn(join_it, thread), spawn(join_it, thread)};
    int joined = finish(joiners[0]) + finish(joiners[1]);
    sim_check(joined <= 1);
    if (joined == 0)
        must(thrum_thread_join(thread, NULL, THRUM_FOREVER));
    thrum_thread_free(thread);
}

static void thread_handle_goes_first(void)
{
    thrum_thread_free(spawn(nothing, NULL));
    thrum_thread_free(spawn(nothing, NULL)); /* exit waits for both */
}

/* ---- Token ---- */

static int wait_cancelled(void *arg)
{
    int result = thrum_event_wait(&news.event, THRUM_FOREVER);
    sim_check(result == 0 || result == THRUM_CANCELLED);
    (void)arg;
    return 0;
}

static void token_ends_each_wait(void)
{
    thrum_thread *threads[2];
    thrum_token *token;
    must(thrum_token_new(&token));
    thrum_thread_options options = {.token = token};
    for (int i = 0; i < 2; i++)
        must(thrum_thread_run_with(&threads[i], wait_cancelled, NULL, &options));
    thrum_thread *setter = spawn(set_mine, &news.event);
    thrum_token_cancel(token);
    for (int i = 0; i < 2; i++)
        finish(threads[i]);
    finish(setter);
    thrum_token_free(token);
}

/* ---- Deadlock ---- */

#define RING 4

static struct {
    thrum_lock locks[RING];
    int n, found, reports, turned_back;
} ring;

static void count_report(void *arg, const char *text)
{
    (void)arg;
    sim_check(strstr(text, "deadlock") != NULL);
    ring.reports++;
}

/* Take one's own lock, then the next one's; who is told of the deadlock gives way. */
static int take_two(void *arg)
{
    int mine = *(int *)arg, next = (mine + 1) % ring.n;
    must(thrum_lock_acquire(&ring.locks[mine], THRUM_FOREVER));
    int result = thrum_lock_acquire(&ring.locks[next], THRUM_FOREVER);
    sim_check(result == 0 || result == -EDEADLK);
    if (result == 0)
        must(thrum_lock_release(&ring.locks[next]));
    else
        ring.found++;
    must(thrum_lock_release(&ring.locks[mine]));
    return 0;
}

static void run_ring(int n, int (*target)(void *arg))
{
    static int numbers[RING] = {0, 1, 2, 3};
    thrum_thread *threads[RING];
    ring.n = n;
    thrum_set_reporter(count_report, NULL);
    for (int i = 0; i < n; i++)
        threads[i] = spawn(target, &numbers[i]);
    for (int i = 0; i < n; i++)
        finish(threads[i]);
    sim_check(ring.found == ring.reports);
}

/* Nobody hangs, whoever comes first; and one of a circle is enough. */
static void deadlock_of_two_is_found(void)
{
    run_ring(2, take_two);
    sim_check(ring.found <= 1);
}

static void deadlock_of_four_is_found(void)
{
    run_ring(4, take_two);
    sim_check(ring.found <= 1);
}

static int take_in_order(void *arg)
{
    int mine = *(int *)arg, next = (mine + 1) % ring.n;
    int low = mine < next ? mine : next, high = mine < next ? next : mine;
    for (int i = 0; i < 2; i++) {
        must(thrum_lock_acquire(&ring.locks[low], THRUM_FOREVER));
        must(thrum_lock_acquire(&ring.locks[high], THRUM_FOREVER));
        must(thrum_lock_release(&ring.locks[low]));
        must(thrum_lock_release(&ring.locks[high]));
    }
    return 0;
}

static void deadlock_is_not_reported_where_there_is_none(void)
{
    run_ring(3, take_in_order);
    sim_check(ring.reports == 0);
}

/* Who waits for a time only goes on by himself, so there is no circle. */
static int take_two_for_a_time(void *arg)
{
    int mine = *(int *)arg, next = (mine + 1) % ring.n;
    must(thrum_lock_acquire(&ring.locks[mine], THRUM_FOREVER));
    int result = thrum_lock_acquire(&ring.locks[next], mine == 0 ? thrum_seconds(0.0001) : THRUM_FOREVER);
    sim_check(result == 0 || (mine == 0 && result == THRUM_TIMEOUT));
    if (result == 0)
        must(thrum_lock_release(&ring.locks[next]));
    must(thrum_lock_release(&ring.locks[mine]));
    return 0;
}

static void deadlock_is_not_reported_of_a_timed_wait(void)
{
    run_ring(3, take_two_for_a_time);
    sim_check(ring.reports == 0);
}

static int take_it_along(void *arg)
{
    must(thrum_lock_acquire(arg, THRUM_FOREVER));
    return 0;
}

static int find_it_forgotten(void *arg)
{
    int result = thrum_lock_acquire(arg, THRUM_FOREVER);
    sim_check(result == 0 || result == -EDEADLK);
    if (result == 0)
        must(thrum_lock_release(arg));
    else
        ring.found++;
    return 0;
}

static void count_any_report(void *arg, const char *text)
{
    (void)arg;
    sim_check(strstr(text, "never be released") != NULL && strstr(text, "has ended") != NULL);
    ring.reports++;
}

static void lock_of_an_ended_thread_is_found(void)
{
    thrum_set_reporter(count_any_report, NULL);
    thrum_thread *waiters[2] = {spawn(find_it_forgotten, &area.lock), spawn(find_it_forgotten, &area.lock)};
    thrum_thread *owner = spawn(take_it_along, &area.lock);
    finish(owner);
    finish(waiters[0]);
    finish(waiters[1]);
    sim_check(thrum_lock_locked(&area.lock));
    sim_check(ring.found == ring.reports);
}

int main(int argc, char **argv)
{
    static const struct scenario scenarios[] = {
        SCENARIO(lock_excludes),
        SCENARIO(lock_is_handed_over),
        SCENARIO(lock_times_out),
        SCENARIO(event_wakes_all),
        SCENARIO(event_may_go_after_its_wait),
        SCENARIO(event_goes_to_and_fro),
        SCENARIO(condition_loses_no_notify),
        SCENARIO(condition_notify_meets_time_out),
        SCENARIO(condition_notify_meets_cancel),
        SCENARIO(semaphore_admits_two),
        SCENARIO(semaphore_counts_exactly),
        SCENARIO(thread_is_joined_once),
        SCENARIO(thread_handle_goes_first),
        SCENARIO(token_ends_each_wait),
        SCENARIO(deadlock_of_two_is_found),
        SCENARIO(deadlock_of_four_is_found),
        SCENARIO(deadlock_is_not_reported_where_there_is_none),
        SCENARIO(deadlock_is_not_reported_of_a_timed_wait),
        SCENARIO(lock_of_an_ended_thread_is_found),
    };
    return sim_main(argc, argv, scenarios, sizeof scenarios / sizeof scenarios[0]);
}
