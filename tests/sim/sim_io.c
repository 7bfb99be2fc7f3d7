/*
 * sim_io.c - scenarios of descriptors: ready against time-out against cancel against close, in coroutines and threads
 *
 * A descriptor of the simulated machine is a bell: a pipe that has room for one write (platform/sim_poller.c).
 */
#include "runner.h"

#include <errno.h>

static struct {
    int fd;
    thrum_scheduler *scheduler;
    thrum_token *token;
    uint32_t got, timed_out, cancelled, closed;
} g;

static int in_scheduler(void *arg)
{
    (void)arg;
    must(thrum_scheduler_run(g.scheduler));
    return 0;
}

static void begin(void)
{
    g.fd = os_bell_new();
    sim_check(g.fd >= 0);
    must(thrum_scheduler_new_with(&g.scheduler, NULL));
}

static void add(int (*function)(void *arg), void *arg)
{
    must(thrum_coroutine_run_with(NULL, g.scheduler, function, arg, NULL));
}

static void end(void)
{
    must(thrum_scheduler_free(g.scheduler));
    sim_check(thrum_close(g.fd) == 0 || g.closed > 0);
}

/* One look at a result, by whom it may be. */
static void note(int result)
{
    uint32_t *which = result == 0                 ? &g.got
                      : result == THRUM_TIMEOUT   ? &g.timed_out
                      : result == THRUM_CANCELLED ? &g.cancelled
                      : result == -EBADF          ? &g.closed
                                                  : NULL;
    sim_check(which != NULL);
    (void)os_add_acq_rel(which, 1);
}

static int read_it(void *arg)
{
    char byte;
    size_t n;
    (void)arg;
    note(thrum_read(g.fd, &byte, 1, &n, THRUM_FOREVER));
    return 0;
}

static int read_for_a_time(void *arg)
{
    char byte;
    size_t n;
    (void)arg;
    note(thrum_read(g.fd, &byte, 1, &n, thrum_seconds(0.000002)));
    return 0;
}

static int write_n(void *arg)
{
    for (int i = 0; i < *(const int *)arg; i++)
        must(thrum_write(g.fd, "x", 1, NULL, THRUM_FOREVER));
    return 0;
}

static int read_n(void *arg)
{
    char byte;
    size_t n;
    for (int i = 0; i < *(const int *)arg; i++)
        must(thrum_read(g.fd, &byte, 1, &n, THRUM_FOREVER));
    return 0;
}

/* Whether there is something in it. */
static bool rings(void)
{
    char byte;
    size_t n;
    return thrum_read(g.fd, &byte, 1, &n, THRUM_NOWAIT) == 0;
}

/* ---- Scenarios ---- */

/* Each waits for the other, in turn. */
static void bytes_pass_one_by_one(void)
{
    static int three = 3;
    begin();
    add(read_n, &three);
    thrum_thread *threads[2] = {spawn(in_scheduler, NULL), spawn(write_n, &three)};
    must(finish(threads[0]));
    must(finish(threads[1]));
    sim_check(!rings());
    end();
}

/* Two in one scheduler and a thread wait for the same; what one of them leaves is for the next. */
static void each_reads_one(void)
{
    static int three = 3;
    begin();
    add(read_it, NULL);
    add(read_it, NULL);
    thrum_thread *threads[3] = {spawn(in_scheduler, NULL), spawn(read_it, NULL), spawn(write_n, &three)};
    for (int i = 0; i < 3; i++)
        must(finish(threads[i]));
    sim_check(g.got == 3 && !rings());
    end();
}

/* The system has no way to ask without waiting, and nobody waits there. */
static void each_reads_one_that_blocks(void)
{
    static int three = 3;
    begin();
    sim_bell_blocks(g.fd);
    add(read_it, NULL);
    thrum_thread *threads[4] = {spawn(in_scheduler, NULL), spawn(read_it, NULL), spawn(read_it, NULL),
                                spawn(write_n, &three)};
    for (int i = 0; i < 4; i++)
        must(finish(threads[i]));
    sim_check(g.got == 3 && !rings());
    end();
}

static int poll_it(void *arg)
{
    unsigned how;
    (void)arg;
    must(thrum_poll(g.fd, THRUM_READABLE, &how, THRUM_FOREVER));
    sim_check(how == THRUM_READABLE);
    return 0;
}

/* Nobody takes anything: each is told all the same. */
static void all_who_poll_are_told(void)
{
    static int one = 1;
    begin();
    for (int i = 0; i < 3; i++)
        add(poll_it, NULL);
    thrum_thread *threads[3] = {spawn(in_scheduler, NULL), spawn(poll_it, NULL), spawn(write_n, &one)};
    for (int i = 0; i < 3; i++)
        must(finish(threads[i]));
    sim_check(rings());
    end();
}

/* What a time-out leaves is still there. */
static void ready_meets_time_out(void)
{
    static int one = 1;
    begin();
    add(read_for_a_time, NULL);
    thrum_thread *threads[3] = {spawn(in_scheduler, NULL), spawn(read_for_a_time, NULL), spawn(write_n, &one)};
    for (int i = 0; i < 3; i++)
        must(finish(threads[i]));
    sim_check(g.got + g.timed_out == 2 && g.got <= 1);
    sim_check(rings() == (g.got == 0));
    end();
}

static int read_with_token(void *arg)
{
    (void)thrum_token_set(g.token);
    return read_it(arg);
}

static int cancel(void *arg)
{
    (void)arg;
    thrum_token_cancel(g.token);
    return 0;
}

static void ready_meets_cancel(void)
{
    static int one = 1;
    begin();
    must(thrum_token_new(&g.token));
    add(read_with_token, NULL);
    thrum_thread *threads[4] = {spawn(in_scheduler, NULL), spawn(read_with_token, NULL), spawn(write_n, &one),
                                spawn(cancel, NULL)};
    for (int i = 0; i < 4; i++)
        must(finish(threads[i]));
    sim_check(g.got + g.cancelled == 2 && g.got <= 1);
    sim_check(rings() == (g.got == 0));
    thrum_token_free(g.token);
    end();
}

static int write_or_not(void *arg)
{
    (void)arg;
    int result = thrum_write(g.fd, "x", 1, NULL, THRUM_FOREVER);
    sim_check(result == 0 || result == -EBADF);
    return 0;
}

static int close_it(void *arg)
{
    (void)arg;
    must(thrum_close(g.fd));
    return 0;
}

static void ready_meets_close(void)
{
    begin();
    add(read_it, NULL);
    thrum_thread *threads[4] = {spawn(in_scheduler, NULL), spawn(read_it, NULL), spawn(write_or_not, NULL),
                                spawn(close_it, NULL)};
    for (int i = 0; i < 4; i++)
        must(finish(threads[i]));
    sim_check(g.got + g.closed == 2 && g.got <= 1);
    end();
}

/* By thrum_close, or past it; the number is the next one's. */
static int replace(void *arg)
{
    int fd = g.fd;
    if (arg != NULL)
        must(thrum_close(fd));
    else
        os_bell_free(fd);
    sim_check(os_bell_new() == fd);
    must(thrum_write(fd, "x", 1, NULL, THRUM_FOREVER));
    return 0;
}

static void meet_replacement(void *how)
{
    begin();
    add(read_it, NULL);
    thrum_thread *threads[3] = {spawn(in_scheduler, NULL), spawn(read_it, NULL), spawn(replace, how)};
    /* One may have come late enough to read the next one's; the other then waits for more. */
    must(finish(threads[2]));
    while (os_load_acquire(&g.got) + os_load_acquire(&g.closed) < 2) {
        int result = thrum_write(g.fd, "x", 1, NULL, thrum_seconds(0.000002));
        sim_check(result == 0 || result == THRUM_TIMEOUT);
    }
    must(finish(threads[0]));
    must(finish(threads[1]));
    must(thrum_scheduler_free(g.scheduler));
    must(thrum_close(g.fd));
}

static void number_is_closed_and_given_again(void)
{
    meet_replacement(&g);
}

static void number_is_given_again_unseen(void)
{
    meet_replacement(NULL);
}

int main(int argc, char **argv)
{
    static const struct scenario scenarios[] = {
        SCENARIO(bytes_pass_one_by_one),
        SCENARIO(each_reads_one),
        SCENARIO(each_reads_one_that_blocks),
        SCENARIO(all_who_poll_are_told),
        SCENARIO(ready_meets_time_out),
        SCENARIO(ready_meets_cancel),
        SCENARIO(ready_meets_close),
        SCENARIO(number_is_closed_and_given_again),
        SCENARIO(number_is_given_again_unseen),
    };
    return sim_main(argc, argv, scenarios, sizeof scenarios / sizeof scenarios[0]);
}
