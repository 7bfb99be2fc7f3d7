/*
 * stack.c - the pool of stacks (stack.h says how it is laid out, and why)
 */
#include "coroutine/stack.h"

#include "coroutine/sanitizer.h"
#include "platform/state.h"

_Static_assert(sizeof(struct stack) == 64 && STACK_RECORD % 64 == 0, "records begin at a cache line");
_Static_assert(STACKS_A_SLAB <= UINT16_MAX, "a stack's place fits a slab's list");

/* AddressSanitizer puts much around what lies on the stack. */
#if SANITIZER_ASAN || SANITIZER_TSAN
#define DEFAULT_CLASS 4
#else
#define DEFAULT_CLASS 2
#endif

/* What the calling thread keeps. */
struct kept {
    struct stack *first;
    uint32_t count;
    bool arranged; /* it is given back when the thread ends */
};

static __thread struct kept kept;

static struct stack_pool *pool(void)
{
    return &os_state()->stacks;
}

/* ---- Sizes ---- */

static size_t stride_of(uint32_t class)
{
    size_t page = os_page_size();
    return (page > 4096 ? 4 * page : (size_t)16384) << class;
}

static size_t room_of(uint32_t class)
{
    return stride_of(class) - os_page_size() - STACK_RECORD - sizeof(struct stack);
}

/* STACK_CLASSES: there is none that large. */
static uint32_t class_of(size_t size)
{
    uint32_t class = 0;
    while (class < STACK_CLASSES && room_of(class) < size)
        class ++;
    return class;
}

/* ---- Slabs; the pool's lock is held ---- */

static void offer_cold(struct stack_class *class, struct stack_slab *slab)
{
    slab->next_cold = class->cold;
    /* Release: in a child forked meanwhile the list is whole. */
    os_store_release(&class->cold, slab);
}

/* The head is whole pages before the first stack; of watched stacks the lowest has its guard in it. */
static bool add_slab(uint32_t n)
{
    struct stack_class *class = &pool()->classes[n];
    size_t page = os_page_size(), stride = stride_of(n);
    size_t stacks = STACK_SLAB / stride;
    stacks = stacks < 1 ? 1 : stacks > STACKS_A_SLAB ? STACKS_A_SLAB : stacks;
    size_t head = (sizeof(struct stack_slab) + page - 1) / page * page;
    char *memory = os_map(head + page + stacks * stride);
    if (memory == NULL)
        return false;
    struct stack_slab *slab = (struct stack_slab *)(void *)memory;
    *slab = (struct stack_slab){.base = memory + head + page, .stride = stride, .class = n, .stacks = (uint32_t)stacks};
    (void)os_guard(memory + head, page, OS_GUARD_SPLIT); /* for the way that has no other */
    slab->next = class->slabs;
    /* Release: pairs with stack_of_address, which sees what is in it. */
    os_store_release(&class->slabs, slab);
    offer_cold(class, slab);
    return true;
}

static struct stack *at_index(const struct stack_slab *slab, uint32_t index)
{
    return (struct stack *)(void *)(slab->base + (index + 1) * slab->stride) - 1;
}

/* One that nobody has; *ret_fresh: nobody ever had it. */
static struct stack *pick_cold(uint32_t n, bool *ret_fresh)
{
    struct stack_class *class = &pool()->classes[n];
    if (class->cold == NULL && !add_slab(n))
        return NULL;
    struct stack_slab *slab = class->cold;
    uint32_t index = slab->fresh;
    *ret_fresh = slab->n_cold == 0;
    if (*ret_fresh)
        slab->fresh++;
    else
        index = slab->cold_stacks[--slab->n_cold];
    if (slab->n_cold == 0 && slab->fresh == slab->stacks)
        os_store_release(&class->cold, slab->next_cold); /* as in offer_cold */
    struct stack *stack = at_index(slab, index);
    *stack = (struct stack){.slab = slab,
                            .low = slab->base + index * slab->stride + os_page_size(),
                            .size = room_of(n),
                            .index = index,
                            .watched = (slab->watched[index / 64] >> index % 64 & 1) != 0};
    return stack;
}

static void put_cold(struct stack_slab *slab, uint32_t index)
{
    bool was_full = slab->n_cold == 0 && slab->fresh == slab->stacks;
    slab->cold_stacks[slab->n_cold] = (uint16_t)index;
    /* Release: in a child forked meanwhile the place is filled that is counted. */
    os_store_release(&slab->n_cold, slab->n_cold + 1);
    if (was_full)
        offer_cold(&pool()->classes[slab->class], slab);
}

/* ---- Guards ---- */

/* Try to guard in that way; if it cannot be had, the next one is the pool's from now on. */
static bool guard_by(struct stack_pool *stacks, char *lowest, enum stack_way way)
{
    if (way == STACK_LIGHT && os_guard(lowest, os_page_size(), OS_GUARD_LIGHT) == 0)
        return true;
    /* Relaxed: it is a count, and one stack more or less is no matter. */
    if (way == STACK_SPLIT && os_add_relaxed(&stacks->split, 1) < STACK_SPLIT_GUARDS &&
        os_guard(lowest, os_page_size(), OS_GUARD_SPLIT) == 0)
        return true;
    /* Relaxed: who misses it finds out by himself. */
    os_store_relaxed(&stacks->way, (uint32_t)way + 1);
    return false;
}

static void guard(struct stack *stack)
{
    struct stack_pool *stacks = pool();
    char *lowest = stack->low - os_page_size();
    bool guarded = false;
    /* Relaxed: see guard_by. */
    for (uint32_t way; !guarded && (way = os_load_relaxed(&stacks->way)) != STACK_WATCHED;)
        guarded = guard_by(stacks, lowest, (enum stack_way)way);
    if (guarded)
        return;
    stack->watched = true;
    os_wordlock_acquire(&stacks->guard);
    stack->slab->watched[stack->index / 64] |= UINT64_C(1) << stack->index % 64;
    os_wordlock_release(&stacks->guard);
}

/* ---- Taking ---- */

/* The first warm ones, at most `most`, as a list. */
static struct stack *take_warm(struct stack_class *class, uint32_t most, uint32_t *ret_count)
{
    struct stack *first = class->warm, *last = first;
    if (first == NULL)
        return NULL;
    for (*ret_count = 1; *ret_count < most && last->next != NULL; ++*ret_count)
        last = last->next;
    /* Release: in a child forked meanwhile the list is whole. */
    os_store_release(&class->warm, last->next);
    class->n_warm -= *ret_count;
    last->next = NULL;
    return first;
}

static struct stack *take_from_pool(uint32_t n)
{
    struct stack_pool *stacks = pool();
    bool fresh = false;
    uint32_t count = 0, most = n == DEFAULT_CLASS && kept.arranged ? STACK_KEPT / 2 : 1;
    if (!os_planted("stack-given-early"))
        os_wordlock_acquire(&stacks->guard);
    struct stack *stack = take_warm(&stacks->classes[n], most, &count);
    if (stack == NULL)
        stack = pick_cold(n, &fresh);
    if (!os_planted("stack-given-early"))
        os_wordlock_release(&stacks->guard);
    if (count > 1) {
        kept.first = stack->next;
        kept.count = count - 1;
    }
    if (fresh)
        guard(stack);
    return stack;
}

struct stack *stack_take(size_t size)
{
    struct stack *stack = kept.first;
    uint32_t n = size == 0 ? DEFAULT_CLASS : class_of(size);
    if (n == DEFAULT_CLASS && stack != NULL) {
        kept.first = stack->next;
        kept.count--;
        return stack;
    }
    return n < STACK_CLASSES ? take_from_pool(n) : NULL;
}

/* ---- Giving back ---- */

/* Keep as many as may stay warm; the others, which are returned, are of the same size. */
static struct stack *put_warm(struct stack *list)
{
    struct stack_pool *stacks = pool();
    struct stack_class *class = &stacks->classes[list->slab->class];
    os_wordlock_acquire(&stacks->guard);
    while (list != NULL && class->n_warm < STACK_WARM) {
        struct stack *next = list->next;
        list->next = class->warm;
        os_store_release(&class->warm, list); /* as in take_warm */
        class->n_warm++;
        list = next;
    }
    os_wordlock_release(&stacks->guard);
    return list;
}

static void give_to_pool(struct stack *list)
{
    struct stack_pool *stacks = pool();
    list = put_warm(list);
    while (list != NULL) {
        struct stack *next = list->next; /* before it is forgotten */
        struct stack_slab *slab = list->slab;
        uint32_t index = list->index;
        os_forget_pages(list->low, slab->stride - os_page_size());
        os_wordlock_acquire(&stacks->guard);
        put_cold(slab, index);
        os_wordlock_release(&stacks->guard);
        list = next;
    }
}

static void give_kept(void *arg)
{
    struct stack *list = kept.first;
    (void)arg;
    kept = (struct kept){0};
    if (list != NULL)
        give_to_pool(list);
}

/* The first half of what is kept. */
static void give_half(void)
{
    struct stack *list = kept.first, *last = list;
    for (uint32_t i = 1; i < STACK_KEPT / 2; i++)
        last = last->next;
    kept.first = last->next;
    kept.count -= STACK_KEPT / 2;
    last->next = NULL;
    give_to_pool(list);
}

void stack_give(struct stack *stack)
{
    if (!kept.arranged)
        kept.arranged = os_on_thread_exit(give_kept, NULL) == 0;
    if (stack->slab->class != DEFAULT_CLASS || !kept.arranged) {
        stack->next = NULL;
        give_to_pool(stack);
        return;
    }
    if (kept.count == STACK_KEPT)
        give_half();
    stack->next = kept.first;
    kept.first = stack;
    kept.count++;
}

/* ---- The rest ---- */

struct stack *stack_of_address(const void *address)
{
    uintptr_t at = (uintptr_t)address;
    for (uint32_t n = 0; n < STACK_CLASSES; n++) {
        /* Acquire: pairs with add_slab. A slab stays, and its place in the list. */
        const struct stack_slab *slab = os_load_acquire(&pool()->classes[n].slabs);
        for (; slab != NULL; slab = slab->next)
            if (at - (uintptr_t)slab->base < slab->stride * slab->stacks)
                return at_index(slab, (uint32_t)((at - (uintptr_t)slab->base) / slab->stride));
    }
    return NULL;
}

uint32_t stack_place(struct stack *stack, size_t into_record)
{
    struct stack_slab *slab = stack->slab;
    struct stack_pool *stacks = pool();
    /* Acquire, and release below: the block is there before its number. */
    uint32_t places = os_load_acquire(&slab->places);
    if (places == 0) {
        os_wordlock_acquire(&stacks->guard);
        places = slab->places;
        if (places == 0) {
            places = sleeper_block((char *)stack_record(at_index(slab, 0)) + into_record, slab->stride);
            os_store_release(&slab->places, places);
        }
        os_wordlock_release(&stacks->guard);
    }
    return places != 0 ? places + stack->index : 0;
}

void stacks_forked(void)
{
    pool()->guard = 0;
}
