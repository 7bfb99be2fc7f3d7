/*
 * map_plain.c - tasks on a pool that one writes oneself: a list, one mutex, two conditions
 *
 * The baseline: what a C program has when it uses no library. Each task is a record from malloc
 * that can be waited for and is freed by who waited, as a future is. The maps are the loop that
 * one would write without threads.
 */
#include "../bench.h"

#include <pthread.h>

struct task {
    struct task *next;
    void (*run)(void *arg);
    void *arg;
    bool done;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work_came = PTHREAD_COND_INITIALIZER;
static pthread_cond_t work_done = PTHREAD_COND_INITIALIZER;
static struct task *first, **last = &first;
static struct task *waited_for; /* by the one thread that submits */
static bool closed;

static void *work(void *unused)
{
    pthread_mutex_lock(&lock);
    for (;;) {
        while (!first && !closed)
            pthread_cond_wait(&work_came, &lock);
        struct task *task = first;
        if (!task)
            break;
        first = task->next;
        if (!first)
            last = &first;
        pthread_mutex_unlock(&lock);
        task->run(task->arg);
        pthread_mutex_lock(&lock);
        task->done = true;
        if (task == waited_for)
            pthread_cond_signal(&work_done);
    }
    pthread_mutex_unlock(&lock);
    return unused;
}

static struct task *submit_one(void (*run)(void *arg), void *arg)
{
    struct task *task = malloc(sizeof *task);
    bench_need(task != NULL, "memory");
    *task = (struct task){.run = run, .arg = arg};
    pthread_mutex_lock(&lock);
    *last = task;
    last = &task->next;
    pthread_cond_signal(&work_came);
    pthread_mutex_unlock(&lock);
    return task;
}

static void wait_and_free(struct task *task)
{
    pthread_mutex_lock(&lock);
    waited_for = task;
    while (!task->done)
        pthread_cond_wait(&work_done, &lock);
    waited_for = NULL;
    pthread_mutex_unlock(&lock);
    free(task);
}

static void nothing(void *arg)
{
    (void)arg;
}

static int64_t submit(size_t n)
{
    int64_t start = bench_now();
    struct task **tasks = malloc(n * sizeof(*tasks));
    bench_need(tasks != NULL, "memory");
    for (size_t i = 0; i < n; i++)
        tasks[i] = submit_one(nothing, NULL);
    for (size_t i = 0; i < n; i++)
        wait_and_free(tasks[i]);
    free(tasks);
    return bench_now() - start;
}

static int64_t ping(size_t n)
{
    int64_t start = bench_now();
    for (size_t i = 0; i < n; i++)
        wait_and_free(submit_one(nothing, NULL));
    return bench_now() - start;
}

static int square(const double *x, double *y)
{
    *y = *x * *x;
    return 0;
}

/* `f` is volatile: a call an item through a pointer, which is what a library's map has to do,
 * against the loop into which the compiler folds the function. */
static int64_t loop(size_t n, int (*volatile f)(const double *x, double *y))
{
    double *in, *out;
    bench_map_arrays(&in, &out);
    int64_t start = bench_now();
    for (size_t done = 0; done < n; done += BENCH_MAP_ITEMS) {
        if (f) {
            for (size_t i = 0; i < BENCH_MAP_ITEMS; i++)
                bench_need(f(&in[i], &out[i]) == 0, "the function");
        } else {
            for (size_t i = 0; i < BENCH_MAP_ITEMS; i++)
                out[i] = in[i] * in[i];
        }
        __asm__ volatile("" ::: "memory"); /* each pass is done, and not only the last */
    }
    int64_t time = bench_now() - start;
    bench_map_done(in, out);
    return time;
}

static int64_t map_inline(size_t n)
{
    return loop(n, NULL);
}

static int64_t map_call(size_t n)
{
    return loop(n, square);
}

int main(int argc, char **argv)
{
    static const struct bench_case cases[] = {
        {"submit", submit}, {"ping", ping}, {"map-inline", map_inline}, {"map-call", map_call}, {0}};
    pthread_t threads[BENCH_WORKERS];
    for (int i = 0; i < BENCH_WORKERS; i++)
        bench_need(pthread_create(&threads[i], NULL, work, NULL) == 0, "pthread_create");
    int status = bench_main(argc, argv, "mutex, condition, malloc", cases);
    pthread_mutex_lock(&lock);
    closed = true;
    pthread_cond_broadcast(&work_came);
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < BENCH_WORKERS; i++)
        pthread_join(threads[i], NULL);
    return status;
}
