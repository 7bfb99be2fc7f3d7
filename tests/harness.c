/*
 * harness.c - the checks, waits, children and faults of harness.h
 *
 * The test programs are linked with the static library and the linker's --wrap, so that
 * each request of the library for memory or a thread comes through here, and none
 * of libc's or cmocka's own.
 */
#include "harness.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* THRUM_TEST='a_test*' runs only the tests of such names. */
__attribute__((__constructor__)) static void choose_tests(void)
{
    const char *pattern = getenv("THRUM_TEST");
    if (pattern)
        cmocka_set_test_filter(pattern);
}

void harness_fail(const char *file, int line, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fflush(NULL);
    fprintf(stderr, "%s:%d: check failed: %s\n", file, line, text);
    abort();
}

void harness_check_int(const char *file, int line, const char *text, intmax_t actual, intmax_t expected)
{
    if (actual != expected)
        harness_fail(file, line, "%s is %jd, not %jd", text, actual, expected);
}

void harness_check_str(const char *file, int line, const char *text, const char *actual, const char *expected)
{
    if (!actual || strcmp(actual, expected) != 0)
        harness_fail(file, line, "%s is \"%s\", not \"%s\"", text, actual ? actual : "(null)", expected);
}

void harness_check_result(const char *file, int line, const char *text, int actual, int expected)
{
    if (actual != expected)
        harness_fail(file, line, "%s is %d (%s), not %d (%s)", text, actual, thrum_strerror(actual), expected,
                     thrum_strerror(expected));
}

/* ---- Waiting ------------------------------------------------------------------- */

void harness_poll(const char *file, int line, const char *text, int64_t limit)
{
    if (thrum_monotonic_ns() > limit)
        harness_fail(file, line, "never came true: %s", text);
    sched_yield();
}

/* The letter of the thread's state, which stands behind its name in parentheses; 0 when it is gone. */
static char thread_state(uint64_t native_id)
{
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/self/task/%ju/stat", (uintmax_t)native_id);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    char *got = fgets(line, sizeof line, file);
    fclose(file);
    char *name_end = got ? strrchr(line, ')') : NULL;
    return name_end && name_end[1] == ' ' ? name_end[2] : 0;
}

void settle(uint64_t native_id)
{
    int64_t limit = thrum_monotonic_ns() + 1000 * MILLISECOND;
    for (char now = 'R'; now != 0 && now != 'S' && thrum_monotonic_ns() < limit; now = thread_state(native_id))
        sched_yield();
}

void settle_others(void)
{
    DIR *tasks = opendir("/proc/self/task");
    check(tasks != NULL);
    for (struct dirent *entry = readdir(tasks); entry; entry = readdir(tasks)) {
        uint64_t native_id = strtoull(entry->d_name, NULL, 10); /* 0: "." and ".." */
        if (native_id != 0 && native_id != thrum_get_native_id())
            settle(native_id);
    }
    closedir(tasks);
}

/* By what thrum_dump says of it. */
static bool waits(uint64_t native_id)
{
    char words[64], line[1024];
    snprintf(words, sizeof words, "(%ju) waits for ", (uintmax_t)native_id);
    int fd = memfd_create("dump", MFD_CLOEXEC);
    check(fd >= 0);
    check_result(thrum_dump(fd), 0);
    check(lseek(fd, 0, SEEK_SET) == 0);
    FILE *file = fdopen(fd, "r");
    check(file != NULL);
    bool found = false;
    while (!found && fgets(line, sizeof line, file))
        found = strstr(line, words) != NULL;
    fclose(file);
    return found;
}

void await_wait(uint64_t native_id)
{
    until(waits(native_id));
}

void busy(int64_t nanoseconds)
{
    int64_t end = thrum_monotonic_ns() + nanoseconds;
    while (thrum_monotonic_ns() < end)
        continue;
}

/* ---- Threads and children -------------------------------------------------------- */

thrum_thread *start(int (*target)(void *arg), void *arg, thrum_token *token)
{
    thrum_thread *thread;
    check_result(thrum_thread_run(&thread, target, arg, .token = token), 0);
    return thread;
}

int finish(thrum_thread *thread)
{
    int code = -1;
    check_result(thrum_thread_join(thread, &code, THRUM_FOREVER), 0);
    thrum_thread_free(thread);
    return code;
}

unsigned count_threads(void)
{
    unsigned count = 0;
    DIR *tasks = opendir("/proc/self/task");
    check(tasks != NULL);
    for (struct dirent *entry = readdir(tasks); entry; entry = readdir(tasks))
        count += entry->d_name[0] != '.';
    closedir(tasks);
    return count;
}

int in_child(void (*body)(void *arg), void *arg)
{
    int status = 0;
    fflush(NULL); /* or the child would write it too */
    pid_t child = fork();
    check(child >= 0);
    if (child == 0) {
        alarm(60);
        body(arg);
        _exit(0);
    }
    while (waitpid(child, &status, 0) < 0)
        check_int(errno, EINTR);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* ---- Faults ---------------------------------------------------------------------- */

static atomic_int fault_what = -1;
static atomic_uint fault_left;
static atomic_bool fault_came;

void fault_arm(enum fault what, unsigned n)
{
    atomic_store(&fault_came, false);
    atomic_store(&fault_left, n);
    atomic_store(&fault_what, (int)what);
}

bool fault_disarm(void)
{
    atomic_store(&fault_what, -1);
    return atomic_load(&fault_came);
}

static bool refused(enum fault what)
{
    if (atomic_load(&fault_what) != (int)what || atomic_fetch_sub(&fault_left, 1) != 0)
        return false;
    atomic_store(&fault_came, true);
    return true;
}

struct newcomer {
    bool (*arrive)(void *arg, unsigned n);
    void *arg;
    unsigned n;
    bool came_to_it;
};

static void *run_newcomer(void *arg)
{
    struct newcomer *newcomer = arg;
    newcomer->came_to_it = newcomer->arrive(newcomer->arg, newcomer->n);
    return NULL;
}

void fault_each_newcomer(bool (*arrive)(void *arg, unsigned n), void *arg)
{
    struct newcomer newcomer = {arrive, arg, 0, true};
    for (; newcomer.came_to_it; newcomer.n++) {
        pthread_t thread;
        check_int(pthread_create(&thread, NULL, run_newcomer, &newcomer), 0);
        check_int(pthread_join(thread, NULL), 0);
    }
    check(newcomer.n > 1);
}

static bool no_memory(void)
{
    if (!refused(FAULT_MEMORY))
        return false;
    errno = ENOMEM;
    return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
int __real_posix_memalign(void **ret, size_t alignment, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t size);
void *__real_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset);
void *__real_mmap64(void *at, size_t size, int protection, int flags, int file, off_t offset);
int __real_pthread_join(pthread_t thread, void **ret);
int __real_pthread_detach(pthread_t thread);
int __real_pthread_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*target)(void *), void *arg);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
int __wrap_posix_memalign(void **ret, size_t alignment, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t size);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_mmap64(void *at, size_t size, int protection, int flags, int file, off_t offset);
int __wrap_pthread_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*target)(void *), void *arg);
int __wrap_pthread_join(pthread_t thread, void **ret);
int __wrap_pthread_detach(pthread_t thread);

void *__wrap_malloc(size_t size)
{
    return no_memory() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return no_memory() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return no_memory() ? NULL : __real_realloc(old, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return no_memory() ? NULL : __real_aligned_alloc(alignment, size);
}

int __wrap_posix_memalign(void **ret, size_t alignment, size_t size)
{
    return no_memory() ? ENOMEM : __real_posix_memalign(ret, alignment, size);
}

char *__wrap_strdup(const char *text)
{
    return no_memory() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t size)
{
    return no_memory() ? NULL : __real_strndup(text, size);
}

void *__wrap_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset)
{
    return no_memory() ? MAP_FAILED : __real_mmap(at, size, protection, flags, file, offset);
}

/* The same, where off_t has 64 bits by another name. */
void *__wrap_mmap64(void *at, size_t size, int protection, int flags, int file, off_t offset)
{
    return no_memory() ? MAP_FAILED : __real_mmap64(at, size, protection, flags, file, offset);
}

int __wrap_pthread_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*target)(void *), void *arg)
{
    return refused(FAULT_THREAD) ? EAGAIN : __real_pthread_create(ret, attributes, target, arg);
}

/* Each thread is joined or detached once: the second time it may be another's that has its place. */
int __wrap_pthread_join(pthread_t thread, void **ret)
{
    int error = __real_pthread_join(thread, ret);
    check_int(error, 0);
    return error;
}

int __wrap_pthread_detach(pthread_t thread)
{
    int error = __real_pthread_detach(thread);
    check_int(error, 0);
    return error;
}
