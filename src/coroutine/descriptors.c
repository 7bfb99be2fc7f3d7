/*
 * descriptors.c - the records of descriptors (descriptors.h)
 */
#include "coroutine/descriptors.h"

#include "platform/state.h"

static size_t size_of_block(uint32_t block)
{
    size_t size = sizeof(struct descriptor) * DESCRIPTOR_BLOCK << block, page = os_page_size();
    return (size + page - 1) / page * page;
}

/* The blocks before the k-th hold 2^k - 1 times what the first one holds. */
static uint32_t block_of(int fd, size_t *ret_index)
{
    uint32_t nth = (uint32_t)fd / DESCRIPTOR_BLOCK + 1, block = 31 - (uint32_t)__builtin_clz(nth);
    *ret_index = (uint32_t)fd - DESCRIPTOR_BLOCK * ((1u << block) - 1);
    return block;
}

struct descriptor *descriptor_known(int fd)
{
    size_t index;
    uint32_t block = block_of(fd, &index);
    /* Acquire: pairs with add_block, so what it holds is zero, or what somebody made of it. */
    struct descriptor *first = os_load_acquire(&os_state()->descriptors.blocks[block]);
    return first != NULL ? first + index : NULL;
}

static void add_block(uint32_t block)
{
    struct descriptor_roll *roll = &os_state()->descriptors;
    os_wordlock_acquire(&roll->guard);
    if (os_load_relaxed(&roll->blocks[block]) == NULL) /* relaxed: it is stored under the guard */
        /* Release: pairs with descriptor_known. */
        os_store_release(&roll->blocks[block], os_map(size_of_block(block)));
    os_wordlock_release(&roll->guard);
}

struct descriptor *descriptor_of(int fd)
{
    struct descriptor *descriptor = descriptor_known(fd);
    if (descriptor == NULL) {
        size_t index;
        add_block(block_of(fd, &index));
        descriptor = descriptor_known(fd);
    }
    return descriptor;
}

void descriptors_forked(void)
{
    struct descriptor_roll *roll = &os_state()->descriptors;
    roll->guard = 0;
    for (uint32_t block = 0; block < DESCRIPTOR_BLOCKS; block++)
        if (os_load_relaxed(&roll->blocks[block]) != NULL) /* relaxed: there is no other thread yet */
            os_forget_pages(roll->blocks[block], size_of_block(block));
}
