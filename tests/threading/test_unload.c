/*
 * test_unload.c - a thread that used the library ends after the library was closed
 *
 * usage: test_unload LIBTHRUM_SO
 *
 * A program that is not linked with thrum loads it as a plugin would be, lets a thread take a lock, which
 * leaves work to be done at the thread's end, and closes it before that end.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <thrum/threading.h>

static int (*acquire)(thrum_lock *lock, thrum_timeout timeout);
static int (*release)(thrum_lock *lock);
static pthread_barrier_t used, closed;

static void *use(void *arg)
{
    static const char done[] = "done";
    thrum_lock lock = THRUM_LOCK_INIT;
    int result = acquire(&lock, (thrum_timeout){0, THRUM_TIMEOUT_FOREVER_});
    if (result == 0)
        result = release(&lock);
    (void)arg;
    pthread_barrier_wait(&used);
    pthread_barrier_wait(&closed);
    return result == 0 ? (void *)(uintptr_t)done : NULL;
}

/* POSIX promises that a function's address fits; C has no cast for it. */
static int look_up(void *library, const char *name, void *ret_function)
{
    void *symbol = dlsym(library, name);
    memcpy(ret_function, &symbol, sizeof symbol);
    return symbol != NULL;
}

int main(int argc, char **argv)
{
    void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL, *result = NULL;
    pthread_t thread;
    if (library == NULL || !look_up(library, "thrum_lock_acquire", (void *)&acquire) ||
        !look_up(library, "thrum_lock_release", (void *)&release)) {
        fprintf(stderr, "test_unload: %s\n", argc == 2 ? dlerror() : "usage: test_unload LIBTHRUM_SO");
        return 2;
    }
    pthread_barrier_init(&used, NULL, 2);
    pthread_barrier_init(&closed, NULL, 2);
    if (pthread_create(&thread, NULL, use, NULL) != 0)
        return 2;
    pthread_barrier_wait(&used);
    int failed = dlclose(library);
    pthread_barrier_wait(&closed);
    pthread_join(thread, &result);
    return failed != 0 || result == NULL;
}
