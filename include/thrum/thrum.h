/*
 * thrum.h - all of thrum: Python's concurrency toolbox for C
 *
 * Each header answers to one module of Python's standard library, and can be
 * included alone.
 */
#ifndef THRUM_THRUM_H
#define THRUM_THRUM_H

#include <thrum/base.h>
#include <thrum/coroutine.h>
#include <thrum/futures.h>
#include <thrum/io.h>
#include <thrum/queue.h>
#include <thrum/threading.h>

#endif
