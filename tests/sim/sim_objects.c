/*
 * sim_objects.c - scenarios of once, barriers and reader-writer locks
 */
#include "runner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SHORT thrum_seconds(0.00001)

static void run_all(thrum_thread **threads, int n, int (*target)(void *arg), void *arg)
{
    for (int i = 0; i < n; i++)
        threads[i] = spawn(target, arg);
    for (int i = 0; i < n; i++)
        finish(threads[i]);
}

/* ---- Once ---- */

static struct {
    thrum_once once, other;
    int runs, failures, value, found;
} deed;

static int do_it(void *arg)
{
    (void)arg;
    sim_point();
    deed.runs++;
    deed.value = 5;
    return 0;
}

static int have_it_done(void *arg)
{
    (void)arg;
    must(thrum_once_call(&deed.once, do_it, NULL, THRUM_FOREVER));
    sim_check(deed.value == 5);
    return 0;
}

static void once_is_done_once(void)
{
    thrum_thread *threads[4];
    run_all(threads, 4, have_it_done, NULL);
    sim_check(deed.runs == 1);
}

static int fail_twice(void *arg)
{
    (void)arg;
    sim_check(deed.runs == 0);
    sim_point();
    return deed.failures++ < 2 ? -EIO : do_it(NULL);
}

static int have_it_tried(void *arg)
{
    int result = thrum_once_call(&deed.once, fail_twice, NULL, arg != NULL ? SHORT : THRUM_FOREVER);
    sim_check(result == 0 || result == -EIO || (arg != NULL && result == THRUM_TIMEOUT));
    sim_check(result != 0 || deed.value == 5);
    return result == -EIO;
}

/* Whose turn failed is told; another tries at once; and nobody is forgotten, or done for twice. */
static void once_is_tried_by_the_next(void)
{
    thrum_thread *threads[4];
    int told = 0;
    for (int i = 0; i < 4; i++)
        threads[i] = spawn(have_it_tried, i == 3 ? &deed : NULL);
    for (int i = 0; i < 4; i++)
        told += finish(threads[i]);
    sim_check(told == 2 && deed.failures >= 2 && deed.runs <= 1);
    must(thrum_once_call(&deed.once, fail_twice, NULL, THRUM_NOWAIT));
    sim_check(deed.runs == 1);
}

static int free_if_last(void *arg)
{
    static int left = 3;
    thrum_once *once = arg;
    must(thrum_once_call(once, do_it, NULL, THRUM_FOREVER));
    if (__atomic_sub_fetch(&left, 1, __ATOMIC_ACQ_REL) == 0)
        free(once);
    return 0;
}

/* It may be gone as soon as all calls of it have returned, and one's own is no exception. */
static void once_may_go_after_its_calls(void)
{
    thrum_thread *threads[3];
    run_all(threads, 3, free_if_last, calloc(1, sizeof(thrum_once)));
}

static int need_other(void *arg)
{
    thrum_once *other = arg == &deed.once ? &deed.other : &deed.once;
    int result = thrum_once_call(other, need_other, other, THRUM_FOREVER);
    sim_check(result == 0 || result == -EDEADLK);
    deed.found += result == -EDEADLK;
    return 0;
}

static int begin_with(void *arg)
{
    must(thrum_once_call(arg, need_other, arg, THRUM_FOREVER));
    return 0;
}

static void hear_report(void *arg, const char *text)
{
    (void)arg;
    sim_check(strstr(text, "deadlock") != NULL);
    deed.failures++;
}

/* Two deeds that need each other: who closes the circle is told, also where that is one thread alone. */
static void once_deadlock_is_found(void)
{
    thrum_set_reporter(hear_report, NULL);
    thrum_thread *threads[2] = {spawn(begin_with, &deed.once), spawn(begin_with, &deed.other)};
    finish(threads[0]);
    finish(threads[1]);
    sim_check(deed.found >= 1 && deed.found == deed.failures);
}

/* ---- Barrier ---- */

static struct {
    thrum_barrier barrier;
    int before, after, actions, seen[2][3], timed_out, broken, passed, cancelled;
} court;

static int meet_twice(void *arg)
{
    (void)arg;
    for (int round = 0; round < 2; round++) {
        size_t index = 9;
        court.before++;
        must(thrum_barrier_wait(&court.barrier, &index, THRUM_FOREVER));
        sim_check(index < 3 && court.seen[round][index]++ == 0);
        sim_check(court.before >= 3 * (round + 1) && court.actions == round + 1);
        court.after++;
        must(thrum_barrier_wait(&court.barrier, NULL, THRUM_FOREVER));
        sim_check(court.after == 3 * (round + 1));
        court.actions = round + 1;
    }
    return 0;
}

static int count_action(void *arg)
{
    (void)arg;
    sim_check(court.before % 3 == 0 && thrum_barrier_n_waiting(&court.barrier) == 3);
    sim_point();
    court.actions = court.before / 3;
    return 0;
}

static void barrier_lets_all_go_together(void)
{
    thrum_thread *threads[3];
    thrum_barrier_options options = {.action = count_action};
    must(thrum_barrier_init_with(&court.barrier, 3, &options));
    run_all(threads, 3, meet_twice, NULL);
    sim_check(thrum_barrier_n_waiting(&court.barrier) == 0);
}

static int come_once(void *arg)
{
    thrum_timeout timeout = arg != NULL ? *(thrum_timeout *)arg : THRUM_FOREVER;
    size_t index = 9;
    int result = thrum_barrier_wait(&court.barrier, &index, timeout);
    sim_check(result == 0 || result == THRUM_BROKEN || result == THRUM_CANCELLED || (arg && result == THRUM_TIMEOUT));
    sim_check((result == 0) == (index < 3));
    court.passed += result == 0;
    court.broken += result == THRUM_BROKEN;
    court.timed_out += result == THRUM_TIMEOUT;
    court.cancelled += result == THRUM_CANCELLED;
    return 0;
}

/* Either all go on, or one is told that his time was over and the others that it is broken. */
static void barrier_time_out_breaks_it_for_all(void)
{
    thrum_timeout brief = SHORT;
    thrum_thread *threads[3];
    must(thrum_barrier_init_with(&court.barrier, 3, NULL));
    for (int i = 0; i < 3; i++)
        threads[i] = spawn(come_once, i == 0 ? &brief : NULL);
    for (int i = 0; i < 3; i++)
        finish(threads[i]);
    sim_check(court.passed == 3 || (court.timed_out == 1 && court.broken == 2));
    sim_check(thrum_barrier_broken(&court.barrier) == (court.passed == 0));
}

static void barrier_cancelled_breaks_it_for_all(void)
{
    thrum_thread *threads[3];
    thrum_token *token;
    thrum_barrier_options options = {.action = count_action};
    must(thrum_token_new(&token));
    must(thrum_barrier_init_with(&court.barrier, 3, &options));
    court.before = 3;
    thrum_thread_options with_token = {.token = token};
    must(thrum_thread_run_with(&threads[0], come_once, NULL, &with_token));
    threads[1] = spawn(come_once, NULL);
    threads[2] = spawn(come_once, NULL);
    thrum_token_cancel(token);
    for (int i = 0; i < 3; i++)
        finish(threads[i]);
    sim_check(court.passed == 3 || (court.cancelled == 1 && court.broken == 2));
    thrum_token_free(token);
}

static int reset_it(void *arg)
{
    (void)arg;
    thrum_barrier_reset(&court.barrier);
    return 0;
}

/* Time-outs, a reset and a next round in any order: whoever comes is told something, and it can be used again. */
static void barrier_survives_a_reset(void)
{
    thrum_timeout brief = SHORT;
    thrum_thread *threads[4];
    must(thrum_barrier_init_with(&court.barrier, 2, NULL));
    for (int i = 0; i < 3; i++)
        threads[i] = spawn(come_once, &brief);
    threads[3] = spawn(reset_it, NULL);
    for (int i = 0; i < 4; i++)
        finish(threads[i]);
    sim_check(court.passed + court.broken + court.timed_out == 3 && court.passed % 2 == 0);
    thrum_barrier_reset(&court.barrier);
    threads[0] = spawn(come_once, NULL);
    must(thrum_barrier_wait(&court.barrier, NULL, THRUM_FOREVER));
    finish(threads[0]);
}

/* More threads than parties: who comes while the action runs waits for the next round. */
static void barrier_has_many_rounds(void)
{
    thrum_thread *threads[4];
    thrum_barrier_options options = {.action = do_it};
    must(thrum_barrier_init_with(&court.barrier, 2, &options));
    run_all(threads, 4, come_once, NULL);
    sim_check(court.passed == 4 && deed.runs == 2);
}

static struct {
    thrum_barrier *barrier;
    int left;
} visit;

static int meet_and_free(void *arg)
{
    (void)arg;
    must(thrum_barrier_wait(visit.barrier, NULL, THRUM_FOREVER));
    if (__atomic_sub_fetch(&visit.left, 1, __ATOMIC_ACQ_REL) == 0)
        free(visit.barrier);
    return 0;
}

static void barrier_may_go_after_its_waits(void)
{
    thrum_thread *threads[3];
    visit.barrier = calloc(1, sizeof *visit.barrier);
    visit.left = 3;
    must(thrum_barrier_init_with(visit.barrier, 3, NULL));
    run_all(threads, 3, meet_and_free, NULL);
}

/* ---- Reader-writer lock ---- */

static struct {
    thrum_rwlock rwlock;
    thrum_event event;
    int reading, writing, written, got;
} book;

/* So that the others come while this one is inside. */
static void linger(void)
{
    for (int i = 0; i < 10; i++)
        sim_point();
}

static int read_it(void *arg)
{
    (void)arg;
    must(thrum_rwlock_acquire_read(&book.rwlock, THRUM_FOREVER));
    book.reading++;
    int written = book.written;
    sim_check(book.writing == 0);
    linger();
    sim_check(book.writing == 0 && book.written == written);
    book.reading--;
    must(thrum_rwlock_release(&book.rwlock));
    return 0;
}

static int write_it(void *arg)
{
    (void)arg;
    must(thrum_rwlock_acquire_write(&book.rwlock, THRUM_FOREVER));
    sim_check(book.reading == 0 && book.writing++ == 0);
    linger();
    book.written++;
    sim_check(book.reading == 0 && --book.writing == 0);
    must(thrum_rwlock_release(&book.rwlock));
    return 0;
}

static int read_twice(void *arg)
{
    return read_it(arg) + read_it(arg);
}

static int write_twice(void *arg)
{
    return write_it(arg) + write_it(arg);
}

static void check_free(void)
{
    must(thrum_rwlock_acquire_write(&book.rwlock, THRUM_NOWAIT));
    must(thrum_rwlock_release(&book.rwlock));
    sim_check(thrum_rwlock_release(&book.rwlock) == -EPERM);
}

static void rwlock_excludes(void)
{
    thrum_thread *threads[4];
    for (int i = 0; i < 4; i++)
        threads[i] = spawn(i < 2 ? write_twice : read_twice, NULL);
    for (int i = 0; i < 4; i++)
        finish(threads[i]);
    sim_check(book.written == 4);
    check_free();
}

static int write_long(void *arg)
{
    (void)arg;
    must(thrum_rwlock_acquire_write(&book.rwlock, THRUM_FOREVER));
    sim_check(book.reading == 0 && book.writing++ == 0);
    sim_check(thrum_event_wait(&book.event, thrum_seconds(0.002)) == THRUM_TIMEOUT);
    sim_check(book.reading == 0 && --book.writing == 0);
    must(thrum_rwlock_release(&book.rwlock));
    return 0;
}

/* Who waited for longer than a millisecond is handed it, writer or readers. */
static void rwlock_is_handed_over(void)
{
    thrum_thread *threads[4];
    for (int i = 0; i < 4; i++)
        threads[i] = spawn(i < 2 ? write_long : i == 2 ? write_twice : read_twice, NULL);
    for (int i = 0; i < 4; i++)
        finish(threads[i]);
    check_free();
}

static int try_either(void *arg)
{
    bool write = arg != NULL;
    int result =
        write ? thrum_rwlock_acquire_write(&book.rwlock, SHORT) : thrum_rwlock_acquire_read(&book.rwlock, SHORT);
    sim_check(result == 0 || result == THRUM_TIMEOUT);
    if (result != 0)
        return 0;
    sim_check(book.writing == 0 && (!write || book.reading == 0));
    *(write ? &book.writing : &book.reading) += 1;
    sim_point();
    *(write ? &book.writing : &book.reading) -= 1;
    must(thrum_rwlock_release(&book.rwlock));
    return 0;
}

static void rwlock_times_out(void)
{
    thrum_thread *threads[4];
    for (int i = 0; i < 4; i++)
        threads[i] = spawn(i == 0 ? write_long : i == 1 ? read_it : try_either, i == 2 ? &book : NULL);
    for (int i = 0; i < 4; i++)
        finish(threads[i]);
    check_free();
}

static int give_up_writing(void *arg)
{
    (void)arg;
    int result = thrum_rwlock_acquire_write(&book.rwlock, SHORT);
    if (result == 0)
        must(thrum_rwlock_release(&book.rwlock)); /* it came when the others were done */
    else
        sim_check(result == THRUM_TIMEOUT);
    return 0;
}

static int read_and_tell(void *arg)
{
    read_it(arg);
    thrum_event_set(&book.event);
    return 0;
}

/* A reader that waits behind a writer, while others read, is let in when the writer goes. */
static void rwlock_writer_that_gives_up_lets_readers_in(void)
{
    must(thrum_rwlock_acquire_read(&book.rwlock, THRUM_FOREVER));
    thrum_thread *writer = spawn(give_up_writing, NULL);
    /* Let the writer come first, most times. */
    for (int i = 0; i < 100 && os_load_relaxed(&book.rwlock.lock_.state_) == 6; i++)
        os_yield();
    thrum_thread *reader = spawn(read_and_tell, NULL);
    must(thrum_event_wait(&book.event, THRUM_FOREVER));
    must(thrum_rwlock_release(&book.rwlock));
    finish(writer);
    finish(reader);
    check_free();
}

static int take_and_free(void *arg)
{
    thrum_rwlock *rwlock = arg;
    static int left = 3;
    int place = __atomic_fetch_add(&book.got, 1, __ATOMIC_RELAXED);
    must(place == 0 ? thrum_rwlock_acquire_write(rwlock, THRUM_FOREVER)
                    : thrum_rwlock_acquire_read(rwlock, THRUM_FOREVER));
    int now = __atomic_sub_fetch(&left, 1, __ATOMIC_ACQ_REL);
    must(thrum_rwlock_release(rwlock));
    if (now == 0 && place == 0)
        free(rwlock); /* the readers were gone before this one wrote */
    return 0;
}

/* The last to write may free it: whoever held it before has done with it. */
static void rwlock_may_go_after_its_release(void)
{
    thrum_thread *threads[3];
    thrum_rwlock *rwlock = calloc(1, sizeof *rwlock);
    run_all(threads, 3, take_and_free, rwlock);
}

static struct {
    thrum_rwlock rwlocks[2];
    int found, reports;
} pair;

static void hear_pair(void *arg, const char *text)
{
    (void)arg;
    sim_check(strstr(text, "deadlock") != NULL);
    pair.reports++;
}

static int write_both(void *arg)
{
    int mine = arg != NULL;
    must(thrum_rwlock_acquire_write(&pair.rwlocks[mine], THRUM_FOREVER));
    int result = mine ? thrum_rwlock_acquire_read(&pair.rwlocks[!mine], THRUM_FOREVER)
                      : thrum_rwlock_acquire_write(&pair.rwlocks[!mine], THRUM_FOREVER);
    sim_check(result == 0 || result == -EDEADLK);
    if (result == 0)
        must(thrum_rwlock_release(&pair.rwlocks[!mine]));
    pair.found += result != 0;
    must(thrum_rwlock_release(&pair.rwlocks[mine]));
    return 0;
}

static void rwlock_deadlock_is_found(void)
{
    thrum_set_reporter(hear_pair, NULL);
    thrum_thread *threads[2] = {spawn(write_both, NULL), spawn(write_both, &pair)};
    finish(threads[0]);
    finish(threads[1]);
    sim_check(pair.found <= 1 && pair.found == pair.reports);
}

int main(int argc, char **argv)
{
    static const struct scenario scenarios[] = {
        SCENARIO(once_is_done_once),
        SCENARIO(once_is_tried_by_the_next),
        SCENARIO(once_may_go_after_its_calls),
        SCENARIO(once_deadlock_is_found),
        SCENARIO(barrier_lets_all_go_together),
        SCENARIO(barrier_time_out_breaks_it_for_all),
        SCENARIO(barrier_cancelled_breaks_it_for_all),
        SCENARIO(barrier_survives_a_reset),
        SCENARIO(barrier_has_many_rounds),
        SCENARIO(barrier_may_go_after_its_waits),
        SCENARIO(rwlock_excludes),
        SCENARIO(rwlock_is_handed_over),
        SCENARIO(rwlock_times_out),
        SCENARIO(rwlock_writer_that_gives_up_lets_readers_in),
        SCENARIO(rwlock_may_go_after_its_release),
        SCENARIO(rwlock_deadlock_is_found),
    };
    return sim_main(argc, argv, scenarios, sizeof scenarios / sizeof scenarios[0]);
}
