/*
 * refused.c - what the headers must not let pass, in C and in C++
 *
 * check_headers.sh compiles each case twice: as it should be written, which has to
 * compile without a warning, and with BAD defined, which has to be an error. A case
 * whose error only a warning option makes says so behind its number.
 */
#include <thrum/thrum.h>

#ifdef BAD
#define PICK(good, bad) bad
#else
#define PICK(good, bad) good
#endif

static int half(const int *x, double *y)
{
    *y = *x / 2.0;
    return 0;
}
THRUM_TASK(half, int, double);

#if CASE == 19 /* a task whose types are not its function's: -Werror=incompatible-pointer-types */
static int third(const int *x, double *y)
{
    *y = *x / 3.0;
    return 0;
}
THRUM_TASK(third, int, PICK(double, float));
#endif

#if CASE == 20 /* a task whose type needs more than malloc's alignment */
typedef struct vector {
    float at[16] __attribute__((__aligned__(PICK(16, 64))));
} vector;

static int fourth(const vector *x, vector *y)
{
    *y = *x;
    return 0;
}
THRUM_TASK(fourth, vector, vector);
#endif

int use(thrum_executor *pool, thrum_lock *lock, thrum_queue *queue, int *ints, float *floats, double *doubles,
        void *any);

int use(thrum_executor *pool, thrum_lock *lock, thrum_queue *queue, int *ints, float *floats, double *doubles,
        void *any)
{
    thrum_future *future = 0;
    thrum_map_iterator *iterator = 0;
    int item = 0, result = 0;
    (void)pool, (void)lock, (void)queue, (void)ints, (void)floats, (void)doubles, (void)any;
    (void)future, (void)iterator, (void)item;
#if CASE == 1 /* a time-out whose unit nobody knows */
    result = thrum_lock_acquire(lock, PICK(thrum_seconds(5), 5));
#elif CASE == 2
    result = thrum_queue_get(queue, &item, PICK(THRUM_NOWAIT, 0));
#elif CASE == 3 /* inputs and outputs of another type than the task's */
    result = thrum_map(pool, half, PICK(ints, floats), doubles, 1);
#elif CASE == 4
    result = thrum_map(pool, half, ints, PICK(doubles, floats), 1);
#elif CASE == 5
    result = thrum_map(pool, half, PICK(ints, any), doubles, 1);
#elif CASE == 6
    result = thrum_map(pool, half, ints, PICK(doubles, any), 1);
#elif CASE == 7
    result = thrum_map(pool, half, ints, PICK(doubles, (const double *)doubles), 1);
#elif CASE == 8
    result = thrum_submit(pool, half, PICK(&item, doubles), &future);
#elif CASE == 9
    result = thrum_submit(pool, half, PICK(&item, (unsigned *)ints), &future);
#elif CASE == 10
    result = thrum_imap(pool, half, PICK(ints, doubles), 1, &iterator);
#elif CASE == 11                          /* a result in place of the task's name */
    result = thrum_submit(pool, PICK(half, result), ints, &future);
#elif CASE == 12                          /* -Werror=unused-result */
    PICK(result =, ) thrum_lock_acquire(lock, THRUM_FOREVER);
#elif CASE == 13                          /* -Werror=unused-result */
    PICK(result =, ) thrum_map(pool, half, ints, doubles, 1);
#elif CASE == 14                          /* -Werror=unused-result */
    PICK(result =, ) thrum_queue_put(queue, &item, THRUM_FOREVER);
#elif CASE == 15                          /* -Werror=format */
    result = thrum_fail(1, "%d", PICK(item, "text"));
#elif CASE == 16 && !defined(__cplusplus) /* an option that there is not */
    result = thrum_executor_open(&pool, "threads", PICK(.workers, .wokers) = 4);
#elif CASE == 17 && !defined(__cplusplus) /* an option of another type: -Werror=int-conversion */
    result = thrum_executor_open(&pool, "threads", .error = PICK(0, item));
#elif CASE == 18                          /* a constructor that is given no place for its object */
    result = thrum_queue_new(PICK(&queue, ));
#elif CASE == 21                          /* a count that is out of range */
    thrum_semaphore few = THRUM_SEMAPHORE_INIT(PICK(0, -1));
    return thrum_semaphore_release(&few, 1);
#elif CASE == 22 && !defined(__cplusplus) /* a count that nobody knows yet; C++ only warns */
    thrum_semaphore some = THRUM_SEMAPHORE_INIT(PICK(1, *ints));
    return thrum_semaphore_release(&some, 1);
#elif CASE == 23
    thrum_semaphore many = THRUM_BOUNDED_SEMAPHORE_INIT(PICK(THRUM_SEMAPHORE_MAX, THRUM_SEMAPHORE_MAX + 1ull));
    return thrum_semaphore_release(&many, 1);
#elif CASE == 24
    thrum_barrier barrier = THRUM_BARRIER_INIT(PICK(1, 0));
    return thrum_barrier_wait(&barrier, NULL, THRUM_NOWAIT);
#elif CASE == 25 /* a with of what is not acquired, or in no such way */
    THRUM_WITH(PICK(lock, ints))
        item++;
#elif CASE == 26
    THRUM_WITH(PICK(lock, queue))
        item++;
#elif CASE == 27 /* -Werror=incompatible-pointer-types */
    thrum_rwlock rwlock = THRUM_RWLOCK_INIT;
    THRUM_WITH_READ(PICK(&rwlock, &item))
        item++;
#elif CASE == 28 /* -Werror=unused-result */
    thrum_rwlock rwlock = THRUM_RWLOCK_INIT;
    PICK(result =, ) thrum_rwlock_acquire_read(&rwlock, THRUM_FOREVER);
    result += thrum_rwlock_release(&rwlock);
#elif CASE == 29 /* -Werror=unused-result */
    thrum_once once = THRUM_ONCE_INIT;
    PICK(result =, ) thrum_once_call(&once, 0, any, THRUM_FOREVER);
#elif CASE == 30 /* -Werror=unused-result */
    thrum_barrier barrier = THRUM_BARRIER_INIT(2);
    PICK(result =, ) thrum_barrier_wait(&barrier, 0, THRUM_FOREVER);
#elif CASE != 19 && CASE != 20
#error "there is no such case"
#endif
    return result;
}
