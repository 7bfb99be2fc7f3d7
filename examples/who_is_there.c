/*
 * Row T4: which threads there are
 *
 * Every thread that is alive is counted and can be listed: the main thread, daemons, and one of pthreads that has
 * called thrum. What enumerate gives are copies, so nobody has to stay alive for them.
 */
#include "must.h"

#include <pthread.h>
#include <unistd.h>

#include <thrum/thrum.h>

struct visit {
    thrum_semaphore arrived;
    thrum_event leave;
};

static int stay(void *arg)
{
    struct visit *visit = arg;
    if (thrum_current_thread() == thrum_main_thread())
        puts("this cannot be");
    must(thrum_semaphore_release(&visit->arrived, 1));
    return thrum_event_wait(&visit->leave, THRUM_FOREVER);
}

static void *stay_abroad(void *arg)
{
    stay(arg);
    return NULL;
}

static void list(void)
{
    thrum_thread_info infos[8];
    size_t n = thrum_enumerate(infos, 8);
    printf("%zu threads:", n);
    for (size_t i = 0; i < n && i < 8; i++)
        printf(" %s%s%s", infos[i].foreign ? "a foreign one" : infos[i].name, infos[i].main ? " (main)" : "",
               infos[i].daemon && !infos[i].foreign ? " (daemon)" : "");
    printf("\n");
}

int main(void)
{
    struct visit visit = {.arrived = THRUM_SEMAPHORE_INIT(0)};
    thrum_thread *reader, *writer;
    pthread_t foreigner;

    printf("this is the main thread: %s\n", thrum_current_thread() == thrum_main_thread() ? "yes" : "no");
    printf("its native id is the process's: %s\n", thrum_get_native_id() == (uint64_t)getpid() ? "yes" : "no");
    list();

    must(thrum_thread_run(&reader, stay, &visit, .name = "reader"));
    must(thrum_thread_run(&writer, stay, &visit, .name = "writer", .daemon = true));
    must(thrum_semaphore_acquire(&visit.arrived, THRUM_FOREVER));
    must(thrum_semaphore_acquire(&visit.arrived, THRUM_FOREVER));
    must(-pthread_create(&foreigner, NULL, stay_abroad, &visit));
    must(thrum_semaphore_acquire(&visit.arrived, THRUM_FOREVER));
    list();
    printf("another native id: %s\n", thrum_thread_native_id(reader) != thrum_get_native_id() ? "yes" : "no");

    thrum_event_set(&visit.leave);
    must(thrum_thread_join(reader, NULL, THRUM_FOREVER));
    must(thrum_thread_join(writer, NULL, THRUM_FOREVER));
    must(-pthread_join(foreigner, NULL));
    printf("active: %zu\n", thrum_active_count());
    thrum_thread_free(reader);
    thrum_thread_free(writer);
}
