/*
 * Row M2: a coroutine, which is resumed by next and by send
 *
 * Its yield tells what it was sent, and whether it was sent anything: a bare next sends nothing. Then
 * two workers take turns at what is left of 50 units of work; how much each does at a time comes from a fixed sequence.
 */
#include "must.h"

#include <thrum/thrum.h>

typedef const char *word;

/* What is not 0 or THRUM_EMPTY means that it is to end. */
static int greet(thrum_generator *self, void *arg)
{
    (void)arg;
    for (;;) {
        word message = "None"; /* stays so when nothing is sent */
        int result = thrum_yield(self, NULL, &message);
        if (result != 0 && result != THRUM_EMPTY)
            return result;
        printf("Hello, your input message is %s\n", message);
    }
}

static void say_hello(void)
{
    thrum_generator *c;
    word test = "Test", coroutine = "Coroutine";
    must(thrum_generator_new(&c, greet, NULL, .receives = sizeof(word)));
    must(thrum_generator_next(c, NULL)); /* to its first yield */
    must(thrum_generator_next(c, NULL));
    must(thrum_generator_send(c, &test, NULL));
    must(thrum_generator_send(c, &coroutine, NULL));
    must(thrum_generator_free(c));
}

/* ---- Sharing work ---- */

enum { TOTAL_WORK_LOAD = 50 };

struct load {
    const char *worker;
    int total;
};

struct sequence {
    size_t next;
    int numbers[10];
};

static int work(thrum_generator *self, void *arg)
{
    struct sequence *random = arg;
    struct load load = {"", 0};
    for (;;) {
        int result = thrum_yield(self, &load, &load);
        if (result != 0)
            return result;
        int done = random->numbers[random->next++ % 10];
        if (done > load.total)
            done = load.total;
        load.total -= done;
        printf("[%s] Total : %d, work : %d\n", load.worker, load.total, done);
        result = thrum_yield(self, &load, NULL);
        if (result != 0)
            return result;
    }
}

static int have_done(thrum_generator *worker, const char *name, int left)
{
    struct load load = {name, left};
    must(thrum_generator_next(worker, NULL)); /* to where it receives */
    must(thrum_generator_send(worker, &load, &load));
    return load.total;
}

int main(void)
{
    say_hello();

    struct sequence random = {0, {5, 4, 5, 3, 5, 3, 6, 8, 9, 7}};
    thrum_generator *w1, *w2;
    must(thrum_generator_new(&w1, work, &random, .yields = sizeof(struct load), .receives = sizeof(struct load)));
    must(thrum_generator_new(&w2, work, &random, .yields = sizeof(struct load), .receives = sizeof(struct load)));
    for (int left = TOTAL_WORK_LOAD; left > 0;) {
        left = have_done(w1, "w1", left);
        left = have_done(w2, "w2", left);
    }
    must(thrum_generator_free(w1));
    must(thrum_generator_free(w2));
}
