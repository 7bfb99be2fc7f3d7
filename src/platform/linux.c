/*
 * linux.c - the Linux side of the seam
 */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "platform/fork.h"
#include "platform/os.h"

/* ---- Futex ---- */

/* 0, or minus what the system says. */
static int futex_wait(const uint32_t *word, uint32_t expected, int64_t deadline, bool endless)
{
    struct timespec at;
    if (deadline <= 0)
        return -ETIMEDOUT; /* the kernel would take its time to say so */
    at.tv_sec = (time_t)(deadline / 1000000000);
    at.tv_nsec = (long)(deadline % 1000000000);
    os_point_();
    /* The BITSET form takes a point on CLOCK_MONOTONIC, not a length of time. */
    long result = syscall(SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, expected, endless ? NULL : &at, NULL,
                          FUTEX_BITSET_MATCH_ANY);
    return result < 0 ? -errno : 0;
}

int os_futex_wait(const uint32_t *word, uint32_t expected, int64_t deadline)
{
    return futex_wait(word, expected, deadline, deadline == OS_FOREVER) == -ETIMEDOUT ? -ETIMEDOUT : 0;
}

/* Never without a time-out: behind a handler with SA_RESTART the kernel goes on with an endless wait by itself,
 * and says EINTR of one that has a time-out, be it 292 years. */
int os_futex_wait_interruptible(const uint32_t *word, uint32_t expected, int64_t deadline)
{
    int result = futex_wait(word, expected, deadline, false);
    return result == -ETIMEDOUT || result == -EINTR ? result : 0;
}

void os_futex_wake(const uint32_t *word, int n)
{
    os_point_();
    (void)syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, n, NULL, NULL, 0);
}

/* ---- Clock, turns ---- */

int64_t os_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void os_yield(void)
{
    os_point_();
    (void)sched_yield();
}

/* ---- Threads ---- */

_Static_assert(_Generic((pthread_t)0, os_thread : 1, default : 0), "a thread's handle is the system's");

/* A thread with CPUs of its own says whether it has got them before it runs anything. */
struct placement {
    void *(*run)(void *arg);
    void *arg;
    const struct os_cpus *cpus;
    uint32_t verdict; /* 0 until it is known; then 1, plus the error */
};

/* The kernel takes what it can of a set and says nothing of the rest; so look. */
static int take_cpus(const struct os_cpus *cpus)
{
    struct os_cpus got = {{0}};
    if (sched_setaffinity(0, sizeof *cpus, (const cpu_set_t *)cpus->bits) != 0)
        return errno == EINVAL ? ENODEV : errno;
    if (sched_getaffinity(0, sizeof got, (cpu_set_t *)got.bits) != 0)
        return errno;
    return memcmp(&got, cpus, sizeof got) == 0 ? 0 : ENODEV;
}

static void *run_placed(void *arg)
{
    struct placement *placement = arg, mine = *placement;
    int error = take_cpus(mine.cpus);
    /* Release: the maker, whose structure is gone from here on, may go on as if we had begun. */
    os_store_release(&placement->verdict, 1 + (uint32_t)error);
    os_futex_wake(&placement->verdict, 1);
    return error == 0 ? mine.run(mine.arg) : NULL;
}

static int create_placed(pthread_t *thread, const pthread_attr_t *attributes, struct placement *placement)
{
    uint32_t verdict;
    int error = pthread_create(thread, attributes, run_placed, placement);
    if (error != 0)
        return error;
    /* Acquire: pairs with run_placed. */
    while ((verdict = os_load_acquire(&placement->verdict)) == 0)
        (void)os_futex_wait(&placement->verdict, 0, OS_FOREVER);
    if (verdict != 1)
        (void)pthread_join(*thread, NULL);
    return (int)verdict - 1;
}

static int set_stack_size(pthread_attr_t *attributes, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (size > SIZE_MAX - page)
        return EINVAL;
    return pthread_attr_setstacksize(attributes, (size + page - 1) / page * page);
}

int os_thread_create(os_thread *ret_thread, void *(*run)(void *arg), void *arg, const struct os_thread_options *options)
{
    pthread_t thread;
    pthread_attr_t attributes;
    struct os_thread_options o = options != NULL ? *options : (struct os_thread_options){0};
    if (o.stack_size == 0 && o.cpus == NULL)
        return -pthread_create(ret_thread, NULL, run, arg);
    int error = pthread_attr_init(&attributes);
    if (error != 0)
        return -error;
    if (o.stack_size != 0)
        error = set_stack_size(&attributes, o.stack_size);
    struct placement placement = {run, arg, o.cpus, 0};
    if (error == 0 && o.cpus != NULL)
        error = create_placed(&thread, &attributes, &placement);
    else if (error == 0)
        error = pthread_create(&thread, &attributes, run, arg);
    (void)pthread_attr_destroy(&attributes);
    if (error == 0)
        *ret_thread = thread;
    return -error;
}

os_thread os_thread_self(void)
{
    return pthread_self();
}

void os_thread_join(os_thread thread)
{
    (void)pthread_join(thread, NULL);
}

void os_thread_detach(os_thread thread)
{
    (void)pthread_detach(thread);
}

void os_thread_set_name(const char *name)
{
    char cut[16];
    strncpy(cut, name, sizeof cut - 1);
    cut[sizeof cut - 1] = '\0';
    (void)pthread_setname_np(pthread_self(), cut);
}

size_t os_smallest_stack(void)
{
    long least = sysconf(_SC_THREAD_STACK_MIN);
    return least > 0 ? (size_t)least : 0;
}

void os_thread_get_name(char *ret_name, size_t size)
{
    if (pthread_getname_np(pthread_self(), ret_name, size) != 0 && size > 0)
        ret_name[0] = '\0';
}

uint64_t os_native_id(void)
{
    return (uint64_t)gettid();
}

uint64_t os_main_id(void)
{
    return (uint64_t)getpid();
}

/* ---- What ends with a thread ---- */

struct ending {
    void (*ended)(void *arg);
    void *arg;
};

#define ENDINGS_MAX 8

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static int key_error;
static __thread struct ending endings[ENDINGS_MAX];

static void run_endings(void *arg)
{
    struct ending *mine = arg;
    for (size_t i = ENDINGS_MAX; i-- > 0;) {
        struct ending last = mine[i];
        mine[i].ended = NULL;
        if (last.ended != NULL)
            last.ended(last.arg);
    }
}

static void make_key(void)
{
    key_error = pthread_key_create(&key, run_endings);
    if (key_error == 0)
        key_error = pthread_atfork(os_forking, os_has_forked, os_forked);
}

int os_on_thread_exit(void (*ended)(void *arg), void *arg)
{
    size_t at = 0;
    (void)pthread_once(&once, make_key);
    if (key_error != 0)
        return -key_error;
    int error = pthread_setspecific(key, endings);
    while (at < ENDINGS_MAX - 1 && endings[at].ended != NULL && endings[at].ended != ended)
        at++;
    if (error == 0)
        endings[at] = (struct ending){ended, arg};
    return -error;
}

/* ---- A thread of the library's own ---- */

int os_helper_create(void *(*run)(void *arg), void *arg)
{
    sigset_t all, before;
    pthread_t thread;
    (void)pthread_once(&once, make_key); /* a forked child has to know that it has no helper */
    if (key_error != 0)
        return -key_error;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* inherited */
    int error = pthread_create(&thread, NULL, run, arg);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0)
        (void)pthread_detach(thread);
    return -error;
}

/* ---- Process ---- */

int os_at_exit(void (*leaving)(void))
{
    (void)pthread_once(&once, make_key); /* what is to be done at exit is another thing in a forked child */
    return key_error != 0 ? -key_error : atexit(leaving) == 0 ? 0 : -ENOMEM;
}

int os_write(int fd, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, text, size);
        if (written < 0 && errno != EINTR)
            return -errno;
        if (written > 0) {
            text += written;
            size -= (size_t)written;
        }
    }
    return 0;
}

void os_complain(const char *text)
{
    (void)os_write(STDERR_FILENO, text, strlen(text));
}

void os_forget_pages(void *memory, size_t size)
{
    if (madvise(memory, size, MADV_DONTNEED) != 0)
        memset(memory, 0, size);
}

/* ---- Bells ---- */

int os_bell_new(void)
{
    int bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return bell >= 0 ? bell : -errno;
}

void os_bell_ring(int bell, bool on)
{
    uint64_t count = 1;
    ssize_t size;
    do /* a signal can come first, if the descriptor has been made to block */
        size = on ? write(bell, &count, sizeof count) : read(bell, &count, sizeof count);
    while (size < 0 && errno == EINTR);
}

void os_bell_free(int bell)
{
    (void)close(bell);
}
