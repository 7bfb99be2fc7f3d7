/*
 * Row T5: what a thread can run
 *
 * A function; an object with a run function and state of its own; a function with its
 * arguments, bound for a later call; and a kind of thread whose code is in another file. To
 * thrum all are a function and a pointer, and what is behind the pointer makes the difference.
 */
#include "must.h"
#include "task_forms_worker.h"

/* A function. What it returns, join hands out. */
static int greet(void *text)
{
    return printf("%s\n", (const char *)text);
}

/* An object: run finds its own state behind the pointer, and leaves results there. */
struct destination {
    const char *name, *config;
    bool reached;
};

static int destination_run(void *arg)
{
    struct destination *self = arg;
    printf("in thread: %s, %s\n", self->name, self->config);
    self->reached = true;
    return 0;
}

/* A callable: any function, and what to call it with. */
struct call {
    int (*function)(int, int);
    int a, b;
};

static int call(void *arg)
{
    struct call *self = arg;
    return self->function(self->a, self->b);
}

static int add(int a, int b)
{
    return a + b;
}

int main(void)
{
    struct destination destination = {"destination_name", "destination_config", false};
    struct call addition = {add, 30, 12};
    thrum_thread *function, *object, *callable;
    struct worker workers[3];
    int printed, sum;

    must(thrum_thread_run(&function, greet, "Hello, World!"));
    must(thrum_thread_run(&object, destination_run, &destination));
    must(thrum_thread_run(&callable, call, &addition, .name = "my_service"));
    for (int i = 0; i < 3; i++)
        must(worker_start(&workers[i], i + 1));

    must(thrum_thread_join(function, &printed, THRUM_FOREVER));
    must(thrum_thread_join(object, NULL, THRUM_FOREVER));
    must(thrum_thread_join(callable, &sum, THRUM_FOREVER));
    for (int i = 0; i < 3; i++)
        must(worker_join(&workers[i]));

    printf("the function returned %d\n", printed);
    printf("the object was %s\n", destination.reached ? "reached" : "not reached");
    printf("%s returned %d\n", thrum_thread_name(callable), sum);
    for (int i = 0; i < 3; i++)
        printf("worker %d counted %d together\n", workers[i].num, workers[i].sum);
    thrum_thread_free(function);
    thrum_thread_free(object);
    thrum_thread_free(callable);
}
