/*
 * test_queue_signal.c - items that signal handlers put
 *
 * ThreadSanitizer keeps handlers back until the thread calls something that it knows. So there a handler
 * cannot be seen to run in a thread that waits: raise(3) is used where that is enough.
 */
#include "queues.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "park/signal.h"

/* What the handler puts, and where: its numbers go up by one with each that is in. */
static thrum_queue *_Atomic target;
static atomic_uint_fast64_t next, refused;

static void put_next(int signo)
{
    int before = errno;
    (void)signo;
    errno = 4711;
    uint64_t number = atomic_fetch_add(&next, 1);
    int result = thrum_queue_try_put_from_signal(atomic_load(&target), &number);
    if (errno != 4711 || (result != 0 && result != THRUM_FULL && result != THRUM_CLOSED))
        abort();
    if (result != 0)
        atomic_fetch_add(&refused, 1);
    errno = before;
}

static thrum_queue *new_target(size_t maxsize, uint32_t slots)
{
    thrum_queue *queue;
    struct sigaction action = {.sa_handler = put_next, .sa_flags = SA_RESTART};
    check_result(thrum_queue_new(&queue, .maxsize = maxsize, .item_size = sizeof(uint64_t), .signal_slots = slots), 0);
    check_int(sigaction(SIGUSR1, &action, NULL), 0);
    atomic_store(&target, queue);
    atomic_store(&next, 1);
    atomic_store(&refused, 0);
    return queue;
}

static void handle(int times)
{
    for (int i = 0; i < times; i++)
        check_int(raise(SIGUSR1), 0);
}

static int try_put(thrum_queue *queue, uint64_t number)
{
    return thrum_queue_try_put_from_signal(queue, &number);
}

/* ---- What it promises --------------------------------------------------------------------- */

TEST(what_is_put_is_got_in_its_order)
{
    thrum_queue *queue = new_target(0, 4);
    for (int round = 0; round < 100; round++) {
        uint64_t got;
        atomic_store(&next, 1);
        handle(1);
        check_result(put(queue, 2, THRUM_NOWAIT), 0);
        atomic_store(&next, 3);
        handle(2);
        check_result(put(queue, 5, THRUM_NOWAIT), 0);
        for (uint64_t i = 1; i <= 5; i++)
            expect(queue, i);
        check_result(thrum_queue_get(queue, &got, THRUM_NOWAIT), THRUM_EMPTY);
    }
    check_int(atomic_load(&refused), 0);
    thrum_queue_free(queue);
}

static int by_number(const void *a, const void *b, void *arg)
{
    uint64_t one, other;
    (void)arg;
    check((uintptr_t)a % _Alignof(uint64_t) == 0 && (uintptr_t)b % _Alignof(uint64_t) == 0);
    memcpy(&one, a, sizeof one);
    memcpy(&other, b, sizeof other);
    return one < other ? -1 : one > other;
}

TEST(each_order_takes_them)
{
    static const uint64_t then[][3] = {{2, 1, 3}, {3, 1, 2}, {1, 2, 3}};
    for (uint32_t order = THRUM_FIFO; order <= THRUM_PRIORITY; order++) {
        thrum_queue *queue;
        check_result(thrum_queue_new(&queue, .item_size = sizeof(uint64_t), .order = order, .signal_slots = 5,
                                     .compare = order == THRUM_PRIORITY ? by_number : NULL),
                     0);
        check_result(try_put(queue, 2), 0);
        check_result(try_put(queue, 1), 0);
        check_result(put(queue, 3, THRUM_NOWAIT), 0);
        for (int i = 0; i < 3; i++)
            expect(queue, order == THRUM_LIFO ? (uint64_t[]){3, 1, 2}[i] : then[order][i]);
        thrum_queue_free(queue);
    }
}

TEST(a_full_queue_leaves_them_in_their_slots)
{
    thrum_queue *queue = new_target(2, 3);
    uint64_t got[9];
    size_t n;
    for (uint64_t i = 1; i <= 2; i++)
        check_result(put(queue, i, THRUM_NOWAIT), 0);
    for (uint64_t i = 3; i <= 5; i++)
        check_result(try_put(queue, i), 0);
    check_result(try_put(queue, 6), THRUM_FULL);
    check_result(put(queue, 6, THRUM_NOWAIT), THRUM_FULL);
    check_int((int)thrum_queue_qsize(queue), 5);
    check(thrum_queue_full(queue));
    for (int i = 0; i < 5; i++)
        check_result(thrum_queue_task_done(queue), 0);
    check_result(thrum_queue_task_done(queue), -EINVAL);
    expect(queue, 1); /* which makes room */
    check_result(try_put(queue, 6), 0);
    check_result(try_put(queue, 7), THRUM_FULL);
    check_result(thrum_queue_get_many(queue, got, 9, &n, THRUM_NOWAIT), 0);
    check_int((int)n, 5);
    for (size_t i = 0; i < n; i++)
        check_int(got[i], 2 + i);
    check(thrum_queue_empty(queue) && !thrum_queue_full(queue));
    thrum_queue_free(queue);
}

/* Who waits to put comes behind what is in a slot already. */
TEST(nothing_overtakes_what_is_in_a_slot)
{
    thrum_queue *queue = new_target(1, 2);
    check_result(put(queue, 1, THRUM_NOWAIT), 0);
    check_result(try_put(queue, 2), 0);
    thrum_thread *putter = start(put_one, queue, NULL);
    settle(thrum_thread_native_id(putter));
    check_result(try_put(queue, 3), 0);
    for (uint64_t i = 1; i <= 3; i++)
        expect(queue, i);
    check_result(finish(putter), 0);
    expect(queue, 7);
    thrum_queue_free(queue);
}

TEST(misuse_is_refused)
{
    thrum_queue *queue = new_queue(0, sizeof(uint64_t));
    check_result(try_put(queue, 1), -EINVAL);
    check_int((int)thrum_queue_qsize(queue), 0);
    thrum_queue_free(queue);
    check_result(try_put(NULL, 1), -EINVAL);
    queue = new_target(0, 1);
    check_result(thrum_queue_try_put_from_signal(queue, NULL), -EINVAL);
    check(thrum_queue_empty(queue));
    thrum_queue_free(queue);
    check_result(thrum_queue_new(&queue, .signal_slots = UINT32_MAX), -EOVERFLOW);
}

/* ---- Waiting ------------------------------------------------------------------------------ */

TEST(a_getter_is_woken)
{
    for (int round = 0; round < ROUNDS(300); round++) {
        thrum_queue *queue = new_target(0, 2);
        thrum_thread *getters[2] = {start(get_one, queue, NULL), start(get_one, queue, NULL)};
        if (round % 2)
            settle(thrum_thread_native_id(getters[1]));
        handle(2);
        for (int i = 0; i < 2; i++)
            check_result(finish(getters[i]), 0);
        check(thrum_queue_empty(queue));
        thrum_queue_free(queue);
    }
}

static void *get_in_thread(void *arg)
{
    atomic_uint_fast64_t *native_id = arg;
    uint64_t got = 0;
    atomic_store(native_id, thrum_get_native_id());
    check_result(thrum_queue_get(atomic_load(&target), &got, THRUM_FOREVER), 0);
    check_int(got, 1);
    thrum_queue_free(atomic_load(&target)); /* though the helper may not have left it yet */
    return NULL;
}

TEST(a_getter_is_woken_by_its_own_handler)
{
    if (HARNESS_TSAN)
        skip();
    for (int round = 0; round < ROUNDS(300); round++) {
        pthread_t thread;
        atomic_uint_fast64_t native_id = 0;
        (void)new_target(0, 2);
        check_int(pthread_create(&thread, NULL, get_in_thread, &native_id), 0);
        until(atomic_load(&native_id) != 0);
        if (round % 2)
            settle(atomic_load(&native_id));
        check_int(pthread_kill(thread, SIGUSR1), 0);
        check_int(pthread_join(thread, NULL), 0);
    }
}

static int put_from_thread(void *queue)
{
    return try_put(queue, 1);
}

/* Who has got the item may free the queue, though the handler has not returned. */
TEST(the_queue_may_go_with_its_last_item)
{
    for (int round = 0; round < ROUNDS(500); round++) {
        thrum_queue *queue = new_target(0, 1);
        thrum_thread *putter = start(put_from_thread, queue, NULL);
        check_result(get_one(queue), 0);
        thrum_queue_free(queue);
        check_result(finish(putter), 0);
    }
}

static int wait_any_of(void *queue)
{
    thrum_waitable things[] = {thrum_queue_waitable(queue)};
    size_t index;
    return thrum_wait_any(things, 1, &index, THRUM_FOREVER);
}

TEST(who_watches_it_and_who_polls_it_hear_of_it)
{
    thrum_queue *queue = new_target(0, 2);
    struct pollfd one = {.events = POLLIN};
    check_result(thrum_queue_fileno(queue, &one.fd), 0);
    for (int round = 0; round < ROUNDS(200); round++) {
        thrum_thread *watcher = start(wait_any_of, queue, NULL);
        if (round % 2)
            settle(thrum_thread_native_id(watcher));
        check_int(poll(&one, 1, 0), 0);
        atomic_store(&next, 5);
        handle(1);
        check_int(poll(&one, 1, -1), 1);
        check_result(finish(watcher), 0);
        expect(queue, 5);
        check_int(poll(&one, 1, 0), 0);
    }
    thrum_queue_free(queue);
}

/* ---- Close and join ------------------------------------------------------------------------- */

TEST(a_closed_queue_gives_what_was_put_before)
{
    thrum_queue *queue = new_target(1, 2);
    uint64_t got;
    for (uint64_t i = 1; i <= 3; i++)
        check_result(i == 1 ? put(queue, i, THRUM_NOWAIT) : try_put(queue, i), 0);
    check_result(thrum_queue_close(queue, THRUM_DRAIN), 0);
    for (int i = 0; i < 5; i++)
        check_result(try_put(queue, 4), THRUM_CLOSED);
    for (uint64_t i = 1; i <= 3; i++)
        expect(queue, i);
    check_result(thrum_queue_get(queue, &got, THRUM_FOREVER), THRUM_CLOSED);
    check_result(try_put(queue, 4), THRUM_CLOSED);
    thrum_queue_free(queue);
}

TEST(join_waits_for_them_and_a_discard_drops_them)
{
    for (size_t maxsize = 0; maxsize < 2; maxsize++) {
        thrum_queue *queue = new_target(maxsize, 3);
        uint64_t got;
        for (uint64_t i = 1; i <= 3; i++)
            check_result(try_put(queue, i), 0);
        check_result(thrum_queue_join(queue, thrum_seconds(0.001)), THRUM_TIMEOUT);
        check_result(thrum_queue_task_done(queue), 0);
        check_result(thrum_queue_task_done(queue), 0); /* also of such as are still in slots */
        check_result(thrum_queue_join(queue, THRUM_NOWAIT), THRUM_TIMEOUT);
        check_result(thrum_queue_task_done(queue), 0);
        check_result(thrum_queue_task_done(queue), -EINVAL);
        check_result(thrum_queue_join(queue, THRUM_NOWAIT), 0);
        for (uint64_t i = 1; i <= 3; i++)
            expect(queue, i);

        for (uint64_t i = 1; i <= 3; i++)
            check_result(try_put(queue, i), 0);
        expect(queue, 1);
        check_result(thrum_queue_task_done(queue), 0);
        check_result(thrum_queue_close(queue, THRUM_DRAIN), 0);
        check_result(thrum_queue_join(queue, THRUM_NOWAIT), THRUM_TIMEOUT);
        check_result(thrum_queue_close(queue, THRUM_DISCARD), 0);
        check_int((int)thrum_queue_qsize(queue), 0);
        check_result(thrum_queue_join(queue, THRUM_NOWAIT), 0);
        check_result(thrum_queue_task_done(queue), -EINVAL);
        check_result(thrum_queue_get(queue, &got, THRUM_FOREVER), THRUM_CLOSED);
        thrum_queue_free(queue);
    }
}

/* ---- In the middle of everything ------------------------------------------------------------ */

/* Those that rain one after the other. None interrupts its own handler, so that this many are as deep as they
 * nest: a storm goes on for as long as it likes, and a stack does not. */
static const int kinds_of_rain[] = {SIGUSR1, SIGUSR2, SIGHUP, SIGURG};

struct storm {
    pthread_t target;
    atomic_bool over;
    size_t more_kinds; /* than one */
};

static void *rain(void *arg)
{
    struct storm *storm = arg;
    for (size_t i = 0; !atomic_load(&storm->over); i = i < storm->more_kinds ? i + 1 : 0) {
        check_int(pthread_kill(storm->target, kinds_of_rain[i]), 0);
        sched_yield();
    }
    return NULL;
}

/* When it returns, all that have been sent have been handled: those that are pending are as a system call ends. */
static void end_rain(struct storm *storm, pthread_t cloud)
{
    atomic_store(&storm->over, true);
    check_int(pthread_join(cloud, NULL), 0);
    sched_yield();
}

#define MINE (UINT64_C(1) << 32) /* the threads' own numbers */

struct count {
    uint64_t mine, last, handlers;
};

static int get_all(void *arg)
{
    struct count *count = arg;
    uint64_t got;
    int result;
    while ((result = thrum_queue_get(atomic_load(&target), &got, THRUM_FOREVER)) == 0) {
        if (got >= MINE) {
            check_int(got - MINE, count->mine);
            count->mine++;
        } else {
            check(got > count->last); /* in their order */
            count->last = got;
            count->handlers++;
        }
        check_result(thrum_queue_task_done(atomic_load(&target)), 0);
    }
    return result;
}

/* Handlers in a thread that puts, and all is got by another, exactly once. */
static void storm_on(size_t maxsize, uint32_t slots)
{
    thrum_queue *queue = new_target(maxsize, slots);
    struct storm storm = {.target = pthread_self()};
    struct count count = {0, 0, 0};
    uint64_t puts = (uint64_t)ROUNDS(10000);
    pthread_t cloud;
    thrum_thread *getter = start(get_all, &count, NULL);
    check_int(pthread_create(&cloud, NULL, rain, &storm), 0);
    for (uint64_t i = 0; i < puts; i++)
        check_result(put(queue, MINE + i, THRUM_FOREVER), 0);
    end_rain(&storm, cloud);
    check_result(thrum_queue_close(queue, THRUM_DRAIN), 0);
    handle(1); /* too late */
    check_result(finish(getter), THRUM_CLOSED);
    check_int(count.mine, puts);
    check_int(count.handlers, atomic_load(&next) - 1 - atomic_load(&refused));
    thrum_queue_free(queue);
}

TEST(handlers_interrupt_a_thread_that_puts)
{
    storm_on(0, 8);
    storm_on(1, 1);
    storm_on(2, 64);
}

/* Handlers in a thread that gets, waits with a time-out, and puts; two more get and put beside it. */
static int put_and_get(void *arg)
{
    atomic_bool *over = arg;
    thrum_queue *queue = atomic_load(&target);
    uint64_t got, n = 0, in = 0;
    while (!atomic_load(over)) {
        in += put(queue, MINE, THRUM_NOWAIT) == 0;
        n += thrum_queue_get(queue, &got, thrum_seconds(1e-5)) == 0;
    }
    atomic_fetch_add(&next, in); /* as if handlers had put them */
    return (int)n;
}

TEST(handlers_interrupt_any_call_and_nothing_is_lost)
{
    thrum_queue *queue = new_target(4, 8);
    struct storm storm = {.target = pthread_self()};
    atomic_bool over = false;
    pthread_t cloud;
    uint64_t got[4], gets = 0;
    size_t n;
    thrum_thread *others[2] = {start(put_and_get, &over, NULL), start(put_and_get, &over, NULL)};
    check_int(pthread_create(&cloud, NULL, rain, &storm), 0);
    for (int i = 0; i < ROUNDS(10000); i++) {
        if (thrum_queue_get(queue, got, thrum_seconds(1e-5)) == 0)
            gets++;
        if (thrum_queue_get_many(queue, got, 4, &n, THRUM_NOWAIT) == 0)
            gets += n;
        size_t size = thrum_queue_qsize(queue);
        check(size <= 4 + 8 + 1);
    }
    end_rain(&storm, cloud);
    atomic_store(&over, true);
    for (int i = 0; i < 2; i++)
        gets += (uint64_t)finish(others[i]);
    while (thrum_queue_get(queue, got, THRUM_NOWAIT) == 0)
        gets++;
    check_int(gets, atomic_load(&next) - 1 - atomic_load(&refused));
    thrum_queue_free(queue);
}

/* A handler in a handler in a handler: each in the middle of the other's put. */
TEST(handlers_nest)
{
    thrum_queue *queue = new_target(0, 16);
    struct sigaction action = {.sa_handler = put_next, .sa_flags = SA_RESTART};
    for (size_t i = 0; i < 4; i++)
        check_int(sigaction(kinds_of_rain[i], &action, NULL), 0);
    struct storm storms[2] = {{.target = pthread_self(), .more_kinds = 3}, {.target = pthread_self(), .more_kinds = 3}};
    pthread_t clouds[2];
    uint64_t got, gets = 0;
    for (int i = 0; i < 2; i++)
        check_int(pthread_create(&clouds[i], NULL, rain, &storms[i]), 0);
    for (int i = 0; i < ROUNDS(10000); i++)
        gets += thrum_queue_get(queue, &got, thrum_seconds(1e-5)) == 0;
    for (int i = 0; i < 2; i++)
        end_rain(&storms[i], clouds[i]);
    while (thrum_queue_get(queue, &got, THRUM_NOWAIT) == 0)
        gets++;
    check_int(gets, atomic_load(&next) - 1 - atomic_load(&refused));
    thrum_queue_free(queue);
}

/* ---- Without memory, and in a child ---------------------------------------------------------- */

/* Keep the helper busy, so that it takes nothing in meanwhile. */
static thrum_event stalled, stall_over;
static struct signal_errand *stall_errand;

static void stall(void *arg)
{
    (void)arg;
    thrum_event_set(&stalled);
    check_result(thrum_event_wait(&stall_over, THRUM_FOREVER), 0);
}

static void begin_stall(void)
{
    thrum_event_clear(&stalled);
    thrum_event_clear(&stall_over);
    check_result(signal_errand_add(&stall_errand, 0, NULL, stall, &stalled), 0);
    signal_carry_on(stall_errand);
    check_result(thrum_event_wait(&stalled, THRUM_FOREVER), 0);
}

static void end_stall(void)
{
    thrum_event_set(&stall_over);
    check_result(signal_errand_remove(0, stall, &stalled), 0);
}

TEST(all_but_who_waits_find_it_without_the_helper)
{
    thrum_queue *queue = new_target(0, 2);
    thrum_waitable things[] = {thrum_queue_waitable(queue)};
    size_t index = 9;
    struct pollfd one = {.events = POLLIN};
    begin_stall();
    check_result(thrum_wait_any(things, 1, &index, THRUM_NOWAIT), THRUM_TIMEOUT);
    check_result(try_put(queue, 5), 0);
    check_result(thrum_wait_any(things, 1, &index, THRUM_NOWAIT), 0);
    check_int((int)thrum_queue_qsize(queue), 1);
    check_result(thrum_queue_fileno(queue, &one.fd), 0);
    check_int(poll(&one, 1, 0), 1);
    expect(queue, 5);
    check_int(poll(&one, 1, 0), 0);
    end_stall();
    thrum_queue_free(queue);
}

TEST(nobody_overtakes_a_getter_that_waits)
{
    thrum_queue *queue = new_target(0, 2);
    uint64_t got;
    thrum_thread *getter = start(get_one, queue, NULL);
    await_wait(thrum_thread_native_id(getter));
    begin_stall();
    check_result(try_put(queue, 1), 0);
    int64_t begin = thrum_monotonic_ns();
    check_result(thrum_queue_get(queue, &got, thrum_seconds(0.02)), THRUM_EMPTY); /* but it takes it in */
    check(thrum_monotonic_ns() - begin >= 20 * MILLISECOND);
    check_result(finish(getter), 0);
    end_stall();
    thrum_queue_free(queue);
}

/* There was none for what is in a slot, and there is some for what comes next. */
TEST(memory_that_comes_back_lets_nothing_overtake)
{
    thrum_queue *queue = new_target(0, 2);
    for (uint64_t i = 1; i <= 16; i++)
        check_result(put(queue, i, THRUM_NOWAIT), 0);
    begin_stall();
    check_result(try_put(queue, 17), 0);
    fault_arm(FAULT_MEMORY, 0);
    check_result(put(queue, 18, THRUM_NOWAIT), -ENOMEM);
    check(fault_disarm());
    check_result(put(queue, 18, THRUM_NOWAIT), 0);
    for (uint64_t i = 1; i <= 18; i++)
        expect(queue, i);
    end_stall();
    thrum_queue_free(queue);
}

#define BIG 4194304 /* bytes: for 16 of them malloc asks the system each time */
static uint64_t big[BIG / sizeof(uint64_t)];

static void expect_big(thrum_queue *queue, uint64_t number)
{
    check_result(thrum_queue_get(queue, big, THRUM_NOWAIT), 0);
    check_int(big[0], number);
}

TEST(without_memory_nothing_is_lost_or_overtaken)
{
    if (HARNESS_TSAN || HARNESS_ASAN)
        skip(); /* they want memory of their own */
    struct rlimit limit, none;
    check(getrlimit(RLIMIT_AS, &limit) == 0);
    none = limit;
    none.rlim_cur = 0;
    for (uint64_t got = 0; got <= 16; got += 16) { /* full to the end of its memory, and empty there */
        thrum_queue *queue;
        uint64_t number = 0, next_out = 0;
        big[0] = 0;
        check_result(thrum_queue_new(&queue, .item_size = BIG, .signal_slots = 4), 0);
        for (; number < 16; big[0] = ++number)
            check_result(thrum_queue_put(queue, big, THRUM_NOWAIT), 0);
        for (; next_out < got; next_out++)
            expect_big(queue, next_out);
        begin_stall();
        check(setrlimit(RLIMIT_AS, &none) == 0);
        big[0] = 16;
        int first = thrum_queue_try_put_from_signal(queue, big);
        big[0] = 17;
        int second = thrum_queue_put(queue, big, THRUM_FOREVER);
        expect_big(queue, next_out++);
        check(setrlimit(RLIMIT_AS, &limit) == 0);
        check_result(first, 0);
        check_result(second, got == 0 ? -ENOMEM : 0);
        big[0] = 18; /* there is memory again */
        check_result(thrum_queue_put(queue, big, THRUM_FOREVER), 0);
        for (; next_out <= 18; next_out++)
            if (next_out != 17 || second == 0)
                expect_big(queue, next_out);
        check(thrum_queue_empty(queue));
        end_stall();
        thrum_queue_free(queue);
    }
}

static void make_without(void *arg)
{
    const enum fault *what = arg;
    thrum_queue *queue;
    unsigned n = 0;
    for (bool came = true; came; n++) {
        fault_arm(*what, n);
        int result = thrum_queue_new(&queue, .signal_slots = 2);
        came = fault_disarm();
        check_result(result, !came ? 0 : *what == FAULT_THREAD ? -EAGAIN : -ENOMEM);
    }
    check(n > 1);
    thrum_queue_free(queue);
}

/* First of all tests: in a child, before there is a helper. */
TEST(what_it_lacks_is_told)
{
    enum fault faults[] = {FAULT_MEMORY, FAULT_THREAD};
    for (size_t i = 0; i < 2; i++)
        check_int(in_child(make_without, &faults[i]), 0);
}

static void use_in_child(void *arg)
{
    thrum_queue *queue = arg;
    struct pollfd one = {.events = POLLIN};
    uint64_t got = 0;
    handle(1);
    while (thrum_queue_get(queue, &got, THRUM_NOWAIT) == 0) /* and what was in it at the fork */
        continue;
    check_int(got, atomic_load(&next) - 1);
    if (!THREADS_IN_CHILD)
        return;
    check_result(thrum_queue_fileno(queue, &one.fd), 0);
    handle(1);
    check_int(poll(&one, 1, -1), 1);
    check_result(thrum_queue_get(queue, &got, THRUM_NOWAIT), 0);
    thrum_thread *getter = start(get_one, queue, NULL);
    settle(thrum_thread_native_id(getter));
    handle(1);
    check_result(finish(getter), 0);
    thrum_queue_free(queue);
}

/* At the fork the helper is at any place of its work. */
TEST(a_child_can_use_it)
{
    thrum_queue *queue = new_target(0, 8);
    uint64_t got;
    for (int i = 0; i < ROUNDS(40); i++) {
        handle(1);
        check_int(in_child(use_in_child, queue), 0);
        check_result(thrum_queue_get(queue, &got, THRUM_NOWAIT), 0);
    }
    check(thrum_queue_empty(queue));
    thrum_queue_free(queue);
}

static atomic_bool helper_is_inside;

/* As by_number; slow where it is not this thread that asks. */
static int slow_by_number(const void *a, const void *b, void *arg)
{
    if (thrum_get_native_id() != *(uint64_t *)arg) {
        atomic_store(&helper_is_inside, true);
        busy(5 * MILLISECOND);
    }
    return by_number(a, b, NULL);
}

static void get_in_child(void *queue)
{
    for (uint64_t i = 1; i <= 3; i++)
        expect(queue, i);
}

/* At the fork the helper is in the middle of the queue. */
TEST(a_child_finds_it_whole)
{
    thrum_queue *queue;
    uint64_t self = thrum_get_native_id();
    check_result(thrum_queue_new(&queue, .item_size = sizeof(uint64_t), .order = THRUM_PRIORITY, .signal_slots = 4,
                                 .compare = slow_by_number, .compare_arg = &self),
                 0);
    for (int round = 0; round < 5; round++) {
        atomic_store(&helper_is_inside, false);
        for (uint64_t i = 3; i >= 1; i--)
            check_result(try_put(queue, i), 0);
        until(atomic_load(&helper_is_inside));
        check_int(in_child(get_in_child, queue), 0);
        get_in_child(queue);
    }
    thrum_queue_free(queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_lacks_is_told),
        cmocka_unit_test(what_is_put_is_got_in_its_order),
        cmocka_unit_test(each_order_takes_them),
        cmocka_unit_test(a_full_queue_leaves_them_in_their_slots),
        cmocka_unit_test(nothing_overtakes_what_is_in_a_slot),
        cmocka_unit_test(misuse_is_refused),
        cmocka_unit_test(a_getter_is_woken),
        cmocka_unit_test(a_getter_is_woken_by_its_own_handler),
        cmocka_unit_test(the_queue_may_go_with_its_last_item),
        cmocka_unit_test(who_watches_it_and_who_polls_it_hear_of_it),
        cmocka_unit_test(a_closed_queue_gives_what_was_put_before),
        cmocka_unit_test(join_waits_for_them_and_a_discard_drops_them),
        cmocka_unit_test(handlers_interrupt_a_thread_that_puts),
        cmocka_unit_test(handlers_interrupt_any_call_and_nothing_is_lost),
        cmocka_unit_test(handlers_nest),
        cmocka_unit_test(all_but_who_waits_find_it_without_the_helper),
        cmocka_unit_test(nobody_overtakes_a_getter_that_waits),
        cmocka_unit_test(memory_that_comes_back_lets_nothing_overtake),
        cmocka_unit_test(without_memory_nothing_is_lost_or_overtaken),
        cmocka_unit_test(a_child_can_use_it),
        cmocka_unit_test(a_child_finds_it_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
