/*
 * thread.h - what the rest of the library is told of threads
 */
#ifndef THREADING_THREAD_H_
#define THREADING_THREAD_H_

#include "thrum/threading.h"

#define threads_forked thrum_threads_forked_
void threads_forked(void);

#endif
