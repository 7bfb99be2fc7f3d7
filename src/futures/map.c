/*
 * map.c - one task over many inputs, into the caller's array
 *
 * A few pieces are under way at once, the window, and each is filled again with the next
 * range of inputs when it is done, until none are left: so the cost of handing out
 * is paid for a range and not for an input, and what is under way stays bounded.
 * Unless a chunk size is given, ranges are a share of what is left: large at first,
 * single inputs at the end, so that all workers end together (guided self-scheduling:
 * Polychronopoulos and Kuck, 1987).
 *
 * Pieces share nothing but the claim of the next range, counters, and the record of the
 * first failure. The caller waits until none is under way, or takes back those that the
 * executor has not started; a piece taken back still lies with the executor, and keeps the
 * memory, but touches nothing of the caller's any more.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "futures/job.h"
#include "park/park.h"

OPTIONS_ARE_DENSE(thrum_map_options,
                  3 * sizeof(size_t) + sizeof(thrum_timeout) + 5 * sizeof(void *) + 2 * sizeof(uint32_t));

#define PIECES_PER_WORKER 3
#define RANGES_LEFT_PER_WORKER 8
#define PROGRESS_NS 100000000

struct map;

/* A piece that the executor has not started yet can be taken back by the caller, so that one who is out
 * of time does not wait for a pool that is busy with other things. */
enum { IDLE, QUEUED, STARTED, REVOKED };

struct piece {
    thrum_job job; /* first: a job's owner finds its piece there */
    struct map *map;
    size_t begin;
    uint32_t state;
};

struct map {
    thrum_executor *executor;
    const thrum_task *task;
    const char *inputs;
    char *outputs;
    size_t n, chunksize, workers, window;
    thrum_token *token, *own; /* the caller's or our own; our own or NULL */
    thrum_error *errors;      /* the caller's array, or NULL */
    size_t next;              /* the first input that nobody has claimed */
    size_t done;              /* inputs that are dealt with, well or not */
    uint32_t stopped;         /* 1: nothing more is claimed */
    uint32_t pieces;          /* under way; the caller parks here */
    uint32_t holders;         /* the caller, and each piece that the executor has: the last one frees */
    int outcome;              /* why it was called off; only the caller writes it */
    int64_t deadline, tick;   /* when the call is to end, when the caller wants to be told next */
    const struct sleeper *caller;
    size_t told; /* the caller's, for progress */
    const thrum_map_options *options;
    uint32_t guard;    /* a word lock over first */
    thrum_error first; /* the failure at the lowest place; outcome 0: none */
    struct piece slots[];
};

static void drop(struct map *map)
{
    /* Acquire and release: all uses are over before the last holder frees it. */
    if (os_sub_acq_rel(&map->holders, 1) != 1)
        return;
    thrum_token_free(map->own);
    free(map);
}

/* ---- What became of inputs ---- */

static void record(struct map *map, const thrum_error *error)
{
    if (map->errors != NULL)
        map->errors[error->index] = *error;
    os_wordlock_acquire(&map->guard);
    if (map->first.outcome == 0 || error->index < map->first.index)
        map->first = *error;
    os_wordlock_release(&map->guard);
}

/* Inputs [begin, begin + count) were never run. */
static void skip(struct map *map, size_t begin, size_t count, int outcome)
{
    if (count > 0)
        memset(map->outputs + begin * map->task->output_size, 0, count * map->task->output_size);
    for (size_t i = begin; map->errors != NULL && i < begin + count; i++)
        map->errors[i] = error_plain(outcome, map->task, i);
}

/* ---- Pieces ---- */

static bool still_pieces(void *arg)
{
    const struct map *map = arg;
    /* Acquire: pairs with retire, so the outputs are seen. */
    return os_load_acquire(&map->pieces) != 0;
}

/* Under the bucket's lock. */
static uintptr_t subtract(void *arg, const struct unparked *done)
{
    struct map *map = arg;
    (void)done;
    (void)os_sub_acq_rel(&map->pieces, 1); /* as below */
    return 0;
}

/* The map may be gone after this. */
static void retire(struct map *map)
{
    uint32_t pieces = os_load_relaxed(&map->pieces);
    while (pieces > 1)
        /* Acquire and release: the last one's release hands on all that each piece did. */
        if (os_cas_acq_rel(&map->pieces, &pieces, pieces - 1))
            return;
    (void)unpark(&map->pieces, SIZE_MAX, subtract, map);
}

/* A piece that the executor had is at its end. */
static void end(struct map *map)
{
    retire(map);
    drop(map);
}

/* ---- Handing out ---- */

static void stop(struct map *map)
{
    os_store_seq_cst(&map->stopped, 1); /* see again */
}

static bool is_stopped(const struct map *map)
{
    return os_load_relaxed(&map->stopped) != 0 || executor_cancels(map->executor) || token_cancelled(map->token);
}

/* In the calling thread: take back what has not been started. */
static void revoke(struct map *map)
{
    for (size_t i = 0; i < map->window; i++) {
        struct piece *piece = &map->slots[i];
        uint32_t state = QUEUED;
        /* Sequentially consistent: see again. It orders the range that is read below, too. */
        if (os_cas_seq_cst(&piece->state, &state, REVOKED)) {
            skip(map, piece->begin, piece->job.count, THRUM_CANCELLED);
            retire(map);
        }
    }
}

/* In the calling thread. */
static void call_off(struct map *map, int outcome)
{
    map->outcome = outcome;
    map->deadline = OS_FOREVER;
    stop(map);
    thrum_token_cancel(map->token);
    revoke(map);
}

static void look_at_clock(struct map *map)
{
    int64_t now = os_now();
    size_t done = os_load_relaxed(&map->done); /* relaxed: a hint */
    if (now >= map->deadline)
        call_off(map, THRUM_TIMEOUT);
    if (now < map->tick)
        return;
    map->tick = park_after(now, PROGRESS_NS);
    if (done > map->told && done < map->n) {
        map->told = done;
        map->options->progress(done, map->n, map->options->progress_arg);
    }
}

static size_t range(const struct map *map, size_t left)
{
    size_t size = map->chunksize != 0 ? map->chunksize : left / (map->workers * RANGES_LEFT_PER_WORKER);
    if (size == 0)
        size = 1;
    return size < left ? size : left;
}

/* Fill the piece with the next range. False: there is none, or it is over. */
static bool claim(struct piece *piece)
{
    struct map *map = piece->map;
    /* Where tasks run in the calling thread, it has no other time for this. */
    if (sleeper_current == map->caller) {
        if (thrum_cancelled() && map->outcome == 0)
            call_off(map, THRUM_CANCELLED);
        if (map->deadline != OS_FOREVER || map->tick != OS_FOREVER)
            look_at_clock(map);
    }
    size_t begin = os_load_relaxed(&map->next), count;
    do {
        if (begin == map->n || is_stopped(map))
            return false;
        count = range(map, map->n - begin);
        /* Relaxed: the inputs were there before the first piece was submitted. */
    } while (!os_cas_relaxed(&map->next, &begin, begin + count));
    piece->begin = begin;
    piece->job.input = map->inputs + begin * map->task->input_size;
    piece->job.output = map->outputs + begin * map->task->output_size;
    piece->job.count = count;
    os_store_seq_cst(&piece->state, QUEUED); /* see again */
    return true;
}

/* ---- The executor's side ---- */

static bool start(thrum_job *job)
{
    struct piece *piece = (struct piece *)(void *)job;
    struct map *map = piece->map;
    uint32_t state = QUEUED;
    /* Acquire: pairs with claim, where the piece may have been filled by another thread. */
    if (!os_cas_acquire(&piece->state, &state, STARTED)) {
        drop(map); /* revoked: the caller may be gone */
        return false;
    }
    if (is_stopped(map)) {
        skip(map, piece->begin, job->count, THRUM_CANCELLED);
        stop(map); /* also where only the executor said so: the rest is skipped too */
        end(map);
        return false;
    }
    memset(job->output, 0, job->count * map->task->output_size);
    if (map->errors != NULL)
        memset(&map->errors[piece->begin], 0, job->count * sizeof(thrum_error));
    return true;
}

static void fail(thrum_job *job, size_t item, const thrum_error *error)
{
    struct piece *piece = (struct piece *)(void *)job;
    struct map *map = piece->map;
    thrum_error mine = *error;
    mine.index = piece->begin + item;
    memset((char *)job->output + item * map->task->output_size, 0, map->task->output_size);
    record(map, &mine);
    if (map->errors == NULL)
        stop(map);
}

static bool finish(thrum_job *job)
{
    struct piece *piece = (struct piece *)(void *)job;
    struct map *map = piece->map;
    (void)os_add_relaxed(&map->done, job->count); /* relaxed: progress is a hint */
    if (claim(piece))
        return true;
    end(map);
    return false;
}

/* The executor does not take it: its range comes to nothing, and the rest is not handed out. */
static void refuse(struct piece *piece, int result)
{
    struct map *map = piece->map;
    thrum_error error = error_plain(result, map->task, piece->begin);
    uint32_t state = QUEUED;
    stop(map);
    if (!os_cas_acquire(&piece->state, &state, STARTED)) { /* acquire: as in start */
        drop(map);
        return;
    }
    skip(map, piece->begin, piece->job.count, result);
    if (result != THRUM_CANCELLED)
        record(map, &error);
    end(map);
}

/* Hand a piece that was filled to the executor. If the map is called off meanwhile, either the caller sees
 * the piece as QUEUED and takes it back, or we see here that it is stopped: each of the two
 * writes first and reads then, sequentially consistently. */
static void again(thrum_job *job)
{
    struct piece *piece = (struct piece *)(void *)job;
    struct map *map = piece->map;
    int result = os_load_seq_cst(&map->stopped) != 0 ? THRUM_CANCELLED : executor_submit(map->executor, job);
    if (result != 0)
        refuse(piece, result);
}

static const struct thrum_job_owner_ owner = {start, fail, finish, again};

/* ---- The caller ---- */

static void hand_out(struct map *map)
{
    for (size_t i = 0; i < map->window; i++) {
        struct piece *piece = &map->slots[i];
        piece->map = map;
        piece->job = (thrum_job){.task = map->task, .token = map->token, .owner_ = &owner, .executor_ = map->executor};
        if (!claim(piece))
            return;
        (void)os_add_relaxed(&map->holders, 1); /* relaxed: this thread has its own hold */
        (void)os_add_relaxed(&map->pieces, 1);  /* relaxed: only this thread waits for zero */
        again(&piece->job);
    }
}

/* Wait until no piece is under way. Once the wait is called off, the tasks are, and it goes on
 * until they have ended. */
static void await(struct map *map)
{
    struct park_call call = {
        .key = &map->pieces, .validate = still_pieces, .arg = map, .what = "map of task", .name = map->task->name};
    while (still_pieces(map)) {
        call.deadline = map->tick < map->deadline ? map->tick | (map->deadline & PARK_INTERRUPTIBLE) : map->deadline;
        call.uncancellable = map->outcome != 0;
        int result = park(&call);
        if (result == THRUM_CANCELLED || result == THRUM_INTERRUPTED)
            call_off(map, result);
        else if (result != PARK_CHANGED)
            look_at_clock(map);
        if (result == -EAGAIN)
            os_yield();
    }
}

/* Run it, with everything in place. */
static int run(struct map *map)
{
    const thrum_map_options *o = map->options;
    hand_out(map);
    await(map);
    skip(map, map->next, map->n - map->next, THRUM_CANCELLED);
    if (map->first.outcome != 0 && o->error != NULL)
        *o->error = map->first;
    if (map->outcome != 0)
        return map->outcome;
    if (map->first.outcome != 0)
        return map->first.outcome < 0 || map->first.outcome == THRUM_CLOSED ? map->first.outcome : THRUM_FAILED;
    if (map->done < map->n)
        return THRUM_CANCELLED;
    if (o->progress != NULL)
        o->progress(map->n, map->n, o->progress_arg);
    return 0;
}

static int check(const thrum_executor *executor, const thrum_task *task, const void *inputs, const void *outputs,
                 size_t n, const thrum_map_options *o)
{
    int result = executor_takes(executor, task);
    if (result != 0)
        return result;
    bool fits = n <= PTRDIFF_MAX / task->input_size && n <= PTRDIFF_MAX / task->output_size;
    return !fits || (n > 0 && (inputs == NULL || outputs == NULL)) || o->unordered ? -EINVAL : 0;
}

int thrum_map_with(thrum_executor *executor, const thrum_task *task, const void *inputs, void *outputs, size_t n,
                   const thrum_map_options *options)
{
    thrum_map_options o;
    int64_t deadline;
    if (OPTIONS_READ_RESERVED(&o, thrum_map_options, options) != 0 || park_deadline(o.timeout, &deadline) != 0)
        return -EINVAL;
    int result = check(executor, task, inputs, outputs, n, &o);
    if (result != 0)
        return result;

    size_t workers = thrum_executor_workers(executor);
    size_t window = o.window != 0 ? o.window : workers * PIECES_PER_WORKER;
    if (window > n)
        window = n;
    if (window > PTRDIFF_MAX / 2 / sizeof(struct piece))
        return -ENOMEM;
    thrum_token *own = NULL;
    struct map *map = calloc(1, sizeof *map + window * sizeof(struct piece));
    if (map == NULL || (o.token == NULL && thrum_token_new(&own) != 0)) {
        free(map);
        return -ENOMEM;
    }
    map->executor = executor;
    map->task = task;
    map->inputs = inputs;
    map->outputs = outputs;
    map->n = n;
    map->chunksize = o.chunksize;
    map->workers = workers;
    map->window = window;
    map->holders = 1;
    map->own = own;
    map->token = own != NULL ? own : o.token;
    map->errors = o.errors;
    map->options = &o;
    map->deadline = deadline;
    map->tick = o.progress != NULL ? park_after(os_now(), PROGRESS_NS) : OS_FOREVER;
    map->caller = sleeper_self();
    result = run(map);
    drop(map);
    return result;
}
