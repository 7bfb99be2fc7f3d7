/*
 * local.h - what the rest of the library is told of locals
 */
#ifndef THREADING_LOCAL_H_
#define THREADING_LOCAL_H_

#include "park/sleeper.h"

#define locals_end thrum_locals_end_
#define locals_forked thrum_locals_forked_

/* Destroy the sleeper's values, by itself, at its end. Again when there are new ones. */
void locals_end(struct sleeper *sleeper);

void locals_forked(void);

#endif
