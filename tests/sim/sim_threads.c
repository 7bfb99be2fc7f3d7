/*
 * sim_threads.c - scenarios of threads' lives: who is there, how they end, what they keep for themselves, timers
 */
#include "runner.h"

#include <errno.h>
#include <string.h>

/* ---- Starts and ends ---- */

static struct {
    thrum_thread *thread;
    thrum_event started;
    int code;
} life;

static int give(void *arg)
{
    return *(int *)arg;
}

static int join_for_a_time(void *arg)
{
    int *joined = arg, code = 0, result;
    do {
        result = thrum_thread_join(life.thread, &code, thrum_seconds(0.00001));
        sim_check(result == 0 || result == THRUM_TIMEOUT || result == -EINVAL);
    } while (result == THRUM_TIMEOUT);
    sim_check(result != 0 || code == 7);
    *joined = result == 0;
    return 0;
}

static void end_meets_joins(void)
{
    int joined[2] = {0, 0};
    life.code = 7;
    must(thrum_thread_run(&life.thread, give, &life.code));
    thrum_thread *joiners[2] = {spawn(join_for_a_time, &joined[0]), spawn(join_for_a_time, &joined[1])};
    thrum_error error;
    int result = thrum_thread_error(life.thread, &error);
    sim_check(result == -EINVAL || (result == 0 && error.code == 7));
    finish(joiners[0]);
    finish(joiners[1]);
    sim_check(joined[0] + joined[1] == 1);
    sim_check(!thrum_thread_is_alive(life.thread));
    thrum_thread_free(life.thread);
}

static int join_what_never_starts(void *arg)
{
    (void)arg;
    sim_check(thrum_thread_join(life.thread, NULL, THRUM_FOREVER) == -EINVAL);
    return 0;
}

static int ask_what_never_starts(void *arg)
{
    (void)arg;
    sim_check(thrum_thread_native_id(life.thread) == 0);
    return 0;
}

static void failed_start_keeps_nobody_waiting(void)
{
    must(thrum_thread_new(&life.thread, give, NULL, .cpus = "0-2")); /* this machine has two */
    thrum_thread *joiner = spawn(join_what_never_starts, NULL), *asker = spawn(ask_what_never_starts, NULL);
    sim_check(thrum_thread_start(life.thread) == -ENODEV);
    sim_check(thrum_thread_start(life.thread) == -ENODEV);
    sim_check(thrum_thread_ident(life.thread) == 0);
    finish(joiner);
    finish(asker);
    sim_check(thrum_active_count() == 1);
    thrum_thread_free(life.thread);
}

/* ---- Who is there ---- */

static int start_one(void *arg)
{
    finish(spawn(give, arg));
    return 0;
}

static void counts_follow_lives(void)
{
    static int code = 3;
    thrum_thread_info infos[5];
    thrum_thread *threads[2] = {spawn(start_one, &code), spawn(start_one, &code)};
    for (int i = 0; i < 2; i++) {
        bool alive[2] = {thrum_thread_is_alive(threads[0]), thrum_thread_is_alive(threads[1])};
        size_t n = thrum_enumerate(infos, 5);
        sim_check(n >= 1 && n <= 5 && infos[0].main && infos[0].ident == thrum_get_ident());
        for (size_t one = 1; one < n; one++) {
            sim_check(infos[one].ident > infos[one - 1].ident);
            for (int which = 0; which < 2; which++)
                sim_check(alive[which] || infos[one].ident != thrum_thread_ident(threads[which]));
        }
        finish(threads[i]);
        sim_check(thrum_active_count() <= (i == 0 ? 3u : 1u));
        threads[i] = thrum_main_thread(); /* which stays */
    }
}

static int find_oneself(void *arg)
{
    thrum_thread *self = thrum_current_thread();
    (void)arg;
    must(thrum_thread_set_name(self, "found"));
    thrum_thread_info infos[4];
    size_t n = thrum_enumerate(infos, 4), found = 0;
    for (size_t i = 0; i < n; i++)
        found += infos[i].ident == thrum_get_ident() && strcmp(infos[i].name, "found") == 0;
    sim_check(found == 1);
    return 0;
}

static void names_are_seen_whole(void)
{
    thrum_thread *threads[2] = {spawn(find_oneself, NULL), spawn(find_oneself, NULL)};
    thrum_thread_info infos[4];
    size_t n = thrum_enumerate(infos, 4);
    for (size_t i = 1; i < n; i++)
        sim_check(strcmp(infos[i].name, "found") == 0 || strncmp(infos[i].name, "Thread-", 7) == 0);
    finish(threads[0]);
    finish(threads[1]);
    sim_check(thrum_active_count() == 1);
}

/* ---- Exit ---- */

static struct {
    int done, reports;
    thrum_event end;
} last;

static int do_it(void *arg)
{
    (void)arg;
    sim_point();
    last.done++;
    return 0;
}

/* Called after the library's wait, having been arranged before it. */
static void all_are_done(void)
{
    sim_check(last.done == 2);
}

static void exit_waits_for_the_last(void)
{
    sim_check(os_at_exit(all_are_done) == 0);
    for (int i = 0; i < 2; i++) {
        thrum_thread *thread = spawn(do_it, NULL);
        thrum_thread_free(thread);
    }
}

static int wait_for_the_end(void *arg)
{
    (void)arg;
    must(thrum_event_wait(&last.end, THRUM_FOREVER));
    last.done++;
    return 0;
}

static void count_report(void *arg, const char *text)
{
    (void)arg;
    sim_check(strstr(text, "thread 'Thread-") != NULL);
    last.reports++;
}

static void one_has_been_left_behind(void)
{
    sim_check(last.done == 0 && last.reports == 1);
    thrum_event_set(&last.end);
}

static void exit_waits_no_longer_than_told(void)
{
    sim_check(os_at_exit(one_has_been_left_behind) == 0);
    thrum_set_reporter(count_report, NULL);
    must(thrum_set_exit_policy(.timeout = thrum_seconds(0.001)));
    thrum_thread_free(spawn(wait_for_the_end, NULL));
}

/* ---- Local ---- */

static struct {
    thrum_local *local;
    thrum_event set[2], go_on;
    int values, begun, destroyed;
} own;

static void destroy(void *value)
{
    int *times = value;
    sim_check((*times)++ == 0);
    own.begun++;
    sim_point();
    own.destroyed++;
}

static int set_one(void *arg)
{
    int i = *(int *)arg;
    static int times[2];
    sim_check(thrum_local_get(own.local) == NULL);
    must(thrum_local_set(own.local, &times[i]));
    sim_check(thrum_local_get(own.local) == &times[i]);
    thrum_event_set(&own.set[i]);
    return 0;
}

static void local_value_is_destroyed_once(void)
{
    static int numbers[2] = {0, 1};
    must(thrum_local_new(&own.local, .destroy = destroy));
    thrum_thread *threads[2] = {spawn(set_one, &numbers[0]), spawn(set_one, &numbers[1])};
    must(thrum_event_wait(&own.set[0], THRUM_FOREVER));
    must(thrum_event_wait(&own.set[1], THRUM_FOREVER));
    thrum_local_free(own.local); /* while they end */
    sim_check(own.begun == 2 && own.destroyed == 2);
    finish(threads[0]);
    finish(threads[1]);
    sim_check(own.destroyed == 2);
}

static int set_two(void *arg)
{
    thrum_local *mine;
    int times = 0;
    (void)arg;
    must(thrum_local_new(&mine, .destroy = destroy));
    sim_check(thrum_local_get(mine) == NULL);
    must(thrum_local_set(mine, &times));
    sim_check(thrum_local_get(mine) == &times);
    thrum_local_free(mine);
    sim_check(times == 1);
    return 0;
}

static void local_place_is_used_again(void)
{
    thrum_thread *threads[2] = {spawn(set_two, NULL), spawn(set_two, NULL)};
    set_two(NULL);
    finish(threads[0]);
    finish(threads[1]);
    sim_check(own.destroyed == 3);
}

/* ---- Timer ---- */

static struct {
    thrum_timer *timer;
    int calls;
} later;

static int be_called(void *arg)
{
    (void)arg;
    later.calls++;
    return 5;
}

static int cancel_it(void *arg)
{
    *(bool *)arg = thrum_timer_cancel(later.timer);
    return 0;
}

static void timer_cancel_is_exact(void)
{
    bool cancelled[2];
    int code;
    must(thrum_timer_run(&later.timer, thrum_seconds(0.000001), be_called, NULL));
    thrum_thread *other = spawn(cancel_it, &cancelled[0]);
    cancel_it(&cancelled[1]);
    finish(other);
    must(thrum_timer_join(later.timer, &code, THRUM_FOREVER));
    sim_check(cancelled[0] == cancelled[1]);
    sim_check(later.calls == (cancelled[0] ? 0 : 1));
    sim_check(code == (cancelled[0] ? 0 : 5));
    thrum_timer_free(later.timer);
}

static void timer_handle_goes_first(void)
{
    must(thrum_timer_run(&later.timer, thrum_seconds(0.000001), be_called, NULL));
    bool cancelled = thrum_timer_cancel(later.timer);
    thrum_timer_free(later.timer);
    sim_check(!cancelled || later.calls == 0);
}

int main(int argc, char **argv)
{
    static const struct scenario scenarios[] = {
        SCENARIO(end_meets_joins),
        SCENARIO(failed_start_keeps_nobody_waiting),
        SCENARIO(counts_follow_lives),
        SCENARIO(names_are_seen_whole),
        SCENARIO(exit_waits_for_the_last),
        SCENARIO(exit_waits_no_longer_than_told),
        SCENARIO(local_value_is_destroyed_once),
        SCENARIO(local_place_is_used_again),
        SCENARIO(timer_cancel_is_exact),
        SCENARIO(timer_handle_goes_first),
    };
    return sim_main(argc, argv, scenarios, sizeof scenarios / sizeof scenarios[0]);
}
