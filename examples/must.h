/*
 * must.h - for calls that the examples cannot go on without
 *
 *     must(thrum_thread_run(&thread, work, &job));
 *
 * ends the program, and says which call failed and how, unless the call returns 0; must_system
 * does so for a call of the system that returns -1. What a program is meant to handle
 * (THRUM_TIMEOUT, THRUM_CLOSED, ...) the examples handle.
 */
#ifndef MUST_H
#define MUST_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <thrum/base.h>

#define must(...) must_((__VA_ARGS__), #__VA_ARGS__)
#define must_system(...) must_((__VA_ARGS__) < 0 ? -errno : 0, #__VA_ARGS__)

static inline void must_(int result, const char *call)
{
    if (result == 0)
        return;
    fflush(stdout);
    fprintf(stderr, "%s: %s\n", call, thrum_strerror(result));
    _Exit(EXIT_FAILURE); /* exit would wait for threads that now wait for ever */
}

#endif
