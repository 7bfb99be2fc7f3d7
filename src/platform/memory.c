/*
 * memory.c - the seam's memory for stacks: one file for both of its sides
 *
 * MAP_NORESERVE, for a stack is mostly never touched. MADV_NOHUGEPAGE, for a huge page would make the first
 * touch of one stack bring in those of its neighbours.
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "platform/os.h"

#ifndef MADV_GUARD_INSTALL /* Linux 6.13 */
#define MADV_GUARD_INSTALL 102
#endif

size_t os_page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

void *os_map(size_t size)
{
    void *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    (void)madvise(memory, size, MADV_NOHUGEPAGE); /* fails where there are none */
    return memory;
}

/* An emulator may take the advice for a hint that it need not follow. The kernel cannot write into a guard. */
static bool is_guarded(void *memory)
{
    return getrandom(memory, 1, GRND_NONBLOCK) < 0 && errno == EFAULT;
}

int os_guard(void *memory, size_t size, enum os_guard how)
{
    static uint32_t proven;
    if (how == OS_GUARD_SPLIT)
        return mprotect(memory, size, PROT_NONE) == 0 ? 0 : -errno;
    if (madvise(memory, size, MADV_GUARD_INSTALL) != 0)
        return errno == EINVAL ? -ENOTSUP : -errno;
    /* Relaxed: to prove it twice does no harm. */
    if (os_load_relaxed(&proven) == 0 && !is_guarded(memory))
        return -ENOTSUP;
    os_store_relaxed(&proven, 1);
    return 0;
}
