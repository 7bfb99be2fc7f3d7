/*
 * io.h - an operation on a descriptor, which is tried until it need not wait
 */
#ifndef IO_IO_H_
#define IO_IO_H_

#include "platform/os.h"
#include "thrum/io.h"

/* Each operation's own structure begins with this. */
struct io_try {
    int (*once)(struct io_try *self, bool at_once); /* as os_read_some: also OS_UNKNOWN */
    int fd;
    uint32_t how; /* what it waits for: OS_... */
};

#define io_perform thrum_io_perform_

/* 0, or what the operation says, or why it is not to be waited for (descriptor_await). */
int io_perform(struct io_try *self, int64_t deadline, const void *site);

#endif
