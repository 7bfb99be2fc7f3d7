/*
 * Row M3: a generator inside a generator
 *
 * One that yields another generator hands out that generator, from which the values are then to be had. One
 * that yields from it hands out its values.
 */
#include "must.h"

#include <thrum/thrum.h>

static int count_to_ten(thrum_generator *self, void *arg)
{
    (void)arg;
    for (int i = 0; i < 10; i++) {
        int result = thrum_yield(self, &i, NULL);
        if (result != 0)
            return result;
    }
    return 0;
}

static thrum_generator *numbers(void)
{
    thrum_generator *made;
    must(thrum_generator_new(&made, count_to_ten, NULL, .yields = sizeof(int), .name = "numbers"));
    return made;
}

static int yield_it(thrum_generator *self, void *arg)
{
    return thrum_yield(self, &arg, NULL);
}

static int yield_from_it(thrum_generator *self, void *arg)
{
    return thrum_yield_from(self, arg);
}

static void print_all(thrum_generator *generator)
{
    int number;
    must(thrum_generator_next(generator, &number));
    printf("%d\n", number);
    const char *before = "[";
    THRUM_FOREACH(number, generator)
    {
        printf("%s%d", before, number);
        before = ", ";
    }
    printf("]\n");
}

int main(void)
{
    thrum_generator *inner = numbers(), *outer, *got = NULL;
    must(thrum_generator_new(&outer, yield_it, inner, .yields = sizeof(thrum_generator *)));
    must(thrum_generator_next(outer, &got));
    printf("== It yields the other generator: %s ==\n", got == inner ? "yes" : "no");
    print_all(got);
    must(thrum_generator_free(outer));
    must(thrum_generator_free(inner));

    printf("== It yields from the other generator ==\n");
    inner = numbers();
    must(thrum_generator_new(&outer, yield_from_it, inner, .yields = sizeof(int)));
    print_all(outer);
    must(thrum_generator_free(outer));
    must(thrum_generator_free(inner));
}
