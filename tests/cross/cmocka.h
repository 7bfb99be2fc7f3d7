/*
 * cmocka.h - as much of cmocka as our tests take, for machines that Debian has no cmocka for
 *
 * A test that fails ends the program (harness.h), so all there is to do is to call them.
 */
#ifndef TESTS_CROSS_CMOCKA_H_
#define TESTS_CROSS_CMOCKA_H_

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

struct CMUnitTest {
    const char *name;
    void (*run)(void **state);
    int (*setup)(void **state), (*teardown)(void **state); /* or NULL */
};

#define cmocka_unit_test(test) cmocka_unit_test_setup_teardown(test, NULL, NULL)
#define cmocka_unit_test_setup_teardown(test, setup, teardown) \
    {                                                          \
#test, test, setup, teardown                           \
    }
#define cmocka_set_test_filter(pattern) ((void)(pattern))
#define cmocka_run_group_tests(tests, setup, teardown) cross_run((tests), sizeof(tests) / sizeof((tests)[0]))

#define cmocka_run_group_tests_name(name, tests, setup, teardown) cmocka_run_group_tests(tests, setup, teardown)

static inline int cross_run(const struct CMUnitTest *tests, size_t n)
{
    void *state = NULL;
    for (size_t i = 0; i < n; i++) {
        printf("[ RUN      ] %s\n", tests[i].name);
        fflush(stdout);
        if (tests[i].setup != NULL && tests[i].setup(&state) != 0)
            abort();
        tests[i].run(&state);
        if (tests[i].teardown != NULL && tests[i].teardown(&state) != 0)
            abort();
    }
    printf("[  PASSED  ] %zu test(s).\n", n);
    return 0;
}

#endif
