/*
 * registry.h - the executors' part of the library's state (see executor.c)
 */
#ifndef FUTURES_REGISTRY_H_
#define FUTURES_REGISTRY_H_

#include <stdint.h>

#define REGISTRY_MAX 16

struct thrum_executor_ops;

struct executor_registry {
    uint32_t guard; /* a word lock over the rest */
    uint32_t count;
    const struct thrum_executor_ops *ops[REGISTRY_MAX]; /* added by the program; our own are constants */
};

#endif
