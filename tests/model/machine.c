/*
 * machine.c - what the model has to know of the library's insides
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "platform/state.h"

const int model_timed_out = -ETIMEDOUT, model_interrupted = -EINTR, model_no_signal = -EINVAL,
          model_no_thread = -EAGAIN;

void model_reset(void)
{
    (void)unsetenv("THRUM_LOCK_ORDER");
    memset(os_state(), 0, sizeof(struct os_state));
}
