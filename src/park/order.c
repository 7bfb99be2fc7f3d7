/*
 * order.c - which lock was held while which was taken (order.h says what is looked at, and why)
 *
 * The graph only grows, up to a limit, in memory that is asked for once. Whether an edge is known is
 * answered without a lock, by an open hash table of edges: the usual case by far. A new
 * edge is added under the guard, after a search, breadth first, for a way back: so the graph has no circles.
 * An edge is never changed once it can be found, nor goes away, so whoever found one may read it.
 *
 * A thread that takes C while it holds A and, taken later, B adds B -> C only, for A -> B is there: all that were
 * held below B are before it, and so before C. B is `mark`ed when that is so.
 */
#include "park/order.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "park/label.h"
#include "park/report.h"

#define NUMBERED 0x80000000u /* in a label: what follows is the number of a lock without a name */
#ifdef THRUM_SIM
#define NUMBERS_MAX 64
#define ORDERS_MAX 64
#else
#define NUMBERS_MAX 65536
#define ORDERS_MAX 65536
#endif
#define CLASSES (LABELS_MAX + 1 + NUMBERS_MAX) /* 1 ... LABELS_MAX: names */
#define SLOTS (2 * ORDERS_MAX)
#define WAY_MAX 16

struct taking {
    const thrum_lock *lock;
    const void *site;
};

/* An edge. */
struct order {
    uint32_t from, to;         /* classes */
    uint32_t next;             /* the place of another from the same, or 0 */
    uint32_t wrong;            /* 1: it would close a circle; reported, and not part of the graph */
    struct taking held, taken; /* when it was first seen, */
    struct seen_thread thread; /* and by whom */
};

struct order_graph {
    uint32_t n_numbers, n_orders, full, round;
    const thrum_lock *numbered[NUMBERS_MAX]; /* where each lock without a name is */
    uint32_t slots[SLOTS];                   /* a hash table of places in orders; 0: none */
    struct order orders[1 + ORDERS_MAX];
    uint32_t first[CLASSES]; /* the place of an edge from it, or 0 */
    /* For a search: */
    uint32_t reached[CLASSES]; /* in which round, */
    uint32_t by[CLASSES];      /* by which edge */
    uint32_t queue[CLASSES];
};

static struct lock_orders *book(void)
{
    return &os_state()->orders;
}

/* ---- On or off ---- */

/* The guard is held. */
static uint32_t read_environment(void)
{
    char text[200];
    const char *wanted = getenv("THRUM_LOCK_ORDER");
    if (wanted == NULL || wanted[0] == '\0')
        return ORDER_OFF;
    bool warn = strcmp(wanted, "warn") == 0;
    if (!warn && strcmp(wanted, "error") != 0) {
        (void)snprintf(text, sizeof text, "thrum: THRUM_LOCK_ORDER is '%.100s', neither warn nor error: it is off\n",
                       wanted);
        os_complain(text);
        return ORDER_OFF;
    }
    if (book()->graph == NULL) /* there may be one in a forked child */
        book()->graph = calloc(1, sizeof *book()->graph);
    if (book()->graph == NULL) {
        os_complain("thrum: THRUM_LOCK_ORDER is off: there is no memory for it\n");
        return ORDER_OFF;
    }
    return warn ? ORDER_WARN : ORDER_ERROR;
}

uint32_t order_settle(void)
{
    os_wordlock_acquire(&book()->guard);
    uint32_t now = os_load_relaxed(&book()->mode); /* relaxed: it changes under the guard */
    if (now == ORDER_UNREAD) {
        now = read_environment();
        os_store_release(&book()->mode, now); /* release: pairs with order_mode */
    }
    os_wordlock_release(&book()->guard);
    return now;
}

/* ---- Classes; 0: none is left ---- */

static void is_full(struct order_graph *graph)
{
    if (graph->full == 0)
        os_complain("thrum: THRUM_LOCK_ORDER: too many locks or orders to remember; new ones are not looked at\n");
    graph->full = 1;
}

/* The guard is held. */
static uint32_t new_number(struct order_graph *graph, thrum_lock *lock)
{
    if (graph->n_numbers == NUMBERS_MAX) {
        is_full(graph);
        return 0;
    }
    uint32_t number = graph->n_numbers++;
    /* Relaxed: who finds the one and not yet the other looks again under the guard. */
    os_store_relaxed(&graph->numbered[number], lock);
    os_store_relaxed(&lock->label_, NUMBERED | number);
    return LABELS_MAX + 1 + number;
}

/* By its label as it stands. */
static uint32_t known_class(const struct order_graph *graph, const thrum_lock *lock)
{
    /* Relaxed: as in new_number. */
    uint32_t label = os_load_relaxed(&lock->label_), number = label & ~NUMBERED;
    if (label < NUMBERED)
        return label <= LABELS_MAX ? label : 0;
    /* Elsewhere: the lock was copied, or the place is yet to be seen. */
    bool mine = number < NUMBERS_MAX && os_load_relaxed(&graph->numbered[number]) == lock;
    return mine ? LABELS_MAX + 1 + number : 0;
}

static uint32_t class_of(struct order_graph *graph, thrum_lock *lock)
{
    uint32_t class = known_class(graph, lock);
    if (class != 0)
        return class;
    os_wordlock_acquire(&book()->guard);
    class = known_class(graph, lock);
    if (class == 0)
        class = new_number(graph, lock);
    os_wordlock_release(&book()->guard);
    return class;
}

static const char *class_name(uint32_t class)
{
    return class <= LABELS_MAX ? label_name(class) : NULL;
}

/* ---- Edges ---- */

static size_t slot_of(uint32_t from, uint32_t to)
{
    uint64_t hash = ((uint64_t)from << 32 | to) * UINT64_C(0x9E3779B97F4A7C15); /* as in park.c */
    return hash / (UINT64_MAX / SLOTS + 1);
}

/* The place of an edge, or 0 and the slot for it. */
static uint32_t find(const struct order_graph *graph, uint32_t from, uint32_t to, size_t *ret_slot)
{
    size_t slot = slot_of(from, to);
    uint32_t place;
    /* Acquire: pairs with add; the edge is seen whole. There always is an empty slot. */
    while ((place = os_load_acquire(&graph->slots[slot])) != 0 &&
           (graph->orders[place].from != from || graph->orders[place].to != to))
        slot = slot + 1 < SLOTS ? slot + 1 : 0;
    *ret_slot = slot;
    return place;
}

/* Whether a way leads from here to there; `by` has it, backwards. The guard is held. */
static bool reaches(struct order_graph *graph, uint32_t here, uint32_t there)
{
    size_t head = 0, tail = 0;
    graph->round++;
    graph->reached[here] = graph->round;
    graph->queue[tail++] = here;
    while (head < tail) {
        uint32_t at = graph->queue[head++];
        if (at == there)
            return true;
        for (uint32_t place = graph->first[at]; place != 0; place = graph->orders[place].next) {
            uint32_t to = graph->orders[place].to;
            if (graph->reached[to] == graph->round)
                continue;
            graph->reached[to] = graph->round;
            graph->by[to] = place;
            graph->queue[tail++] = to;
        }
    }
    return false;
}

/* The way that was found: its edges, from its end, and how many; those at its beginning may be left out. */
static size_t way(const struct order_graph *graph, uint32_t from, uint32_t to, uint32_t *ret_places)
{
    size_t n = 0;
    for (; to != from && n < WAY_MAX; to = graph->orders[ret_places[n++]].from)
        ret_places[n] = graph->by[to];
    return n;
}

/* A new edge; its place, or 0 when there is no room. The guard is held. */
static uint32_t add(struct order_graph *graph, const struct order *order, size_t slot)
{
    if (graph->n_orders == ORDERS_MAX) {
        is_full(graph);
        return 0;
    }
    uint32_t place = ++graph->n_orders;
    graph->orders[place] = *order;
    if (!order->wrong) {
        graph->orders[place].next = graph->first[order->from];
        graph->first[order->from] = place;
    }
    /* Release: pairs with find. */
    os_store_release(&graph->slots[slot], place);
    return place;
}

/* ---- Reports ---- */

static void report_order(struct report *report, const struct order *order, bool now)
{
    report_add(report, now ? "  " : "  before, ");
    report_thread(report, &order->thread);
    report_add(report, now ? " takes " : " took ");
    report_object(report, "lock", class_name(order->to), order->taken.lock);
    report_site(report, order->taken.site);
    report_add(report, now ? ", while it holds " : ", while it held ");
    report_object(report, "lock", class_name(order->from), order->held.lock);
    if (order->held.site != NULL)
        report_add(report, ", taken");
    report_site(report, order->held.site);
    report_add(report, "\n");
}

static void tell(const struct order_graph *graph, const struct order *order, const uint32_t *places, size_t n)
{
    struct report report;
    report_begin(&report, "lock order violation");
    report_order(&report, order, true);
    for (size_t i = n; i-- > 0;)
        report_order(&report, &graph->orders[places[i]], false);
    report_send(&report);
}

/* ---- Taking ---- */

/* What is between a lock that is held and one that is to be taken. */
enum relation { BEFORE, UNKNOWN, WRONG };

static enum relation look(struct order_graph *graph, const struct sleeper *self, struct order *order)
{
    uint32_t places[WAY_MAX];
    size_t slot, n = 0;
    uint32_t place = find(graph, order->from, order->to, &slot);
    if (place != 0)
        return graph->orders[place].wrong ? WRONG : BEFORE;

    os_wordlock_acquire(&book()->guard);
    place = find(graph, order->from, order->to, &slot); /* it may have come meanwhile */
    if (place == 0) {
        (void)see_thread(&order->thread, self->owner);
        order->wrong = reaches(graph, order->to, order->from) && !os_planted("order-not-searched");
        if (order->wrong)
            n = way(graph, order->to, order->from, places);
        place = add(graph, order, slot);
    }
    os_wordlock_release(&book()->guard);
    if (n > 0 && place != 0)
        tell(graph, order, places, n);
    if (place == 0)
        return UNKNOWN;
    return graph->orders[place].wrong ? WRONG : BEFORE;
}

/* Two that thrum_acquire_all takes are in order, whatever their names are. */
static bool in_order(const struct sleeper *self, const thrum_lock *held, const thrum_lock *taken, uint32_t class)
{
    return class <= LABELS_MAX && order_find(self, taken) != SIZE_MAX && order_find(self, held) != SIZE_MAX;
}

/* Add the edges to this lock, which is the last of those held. Whether any of them is wrong. */
static bool look_at_all(struct order_graph *graph, struct sleeper *self, struct held_lock *taken)
{
    const struct held_locks *held = &self->held;
    uint32_t to = held->n > 1 ? class_of(graph, taken->lock) : 0;
    bool wrong = false;
    taken->mark = true;
    for (size_t i = held->n - 1; i-- > 0;) {
        const struct held_lock *before = &held->items[i];
        uint32_t from = class_of(graph, before->lock);
        if (from == 0 || to == 0 || (from != to && in_order(self, before->lock, taken->lock, from < to ? from : to))) {
            taken->mark = false;
            continue;
        }
        struct order order = {
            from, to, 0, 0, {before->lock, before->site}, {taken->lock, taken->site}, {.ended = false}};
        enum relation relation = from == to ? BEFORE : look(graph, self, &order);
        wrong = wrong || relation == WRONG;
        if (relation != BEFORE)
            taken->mark = false;
        else if (before->mark)
            break;
    }
    return wrong;
}

int order_take(struct sleeper *self, thrum_lock *lock, bool forever, const void *site)
{
    uint32_t now = order_mode();
    struct held_locks *held = &self->held;
    if (now <= ORDER_OFF || !held_reserve(held, 1))
        return 0; /* without memory we see less */
    struct held_lock *taken = &held->items[held->n++];
    *taken = (struct held_lock){lock, site, held->n == 1};
    bool wrong = forever && look_at_all(book()->graph, self, taken);
    return wrong && now == ORDER_ERROR ? -EDEADLK : 0;
}

void order_drop(struct sleeper *self, const thrum_lock *lock)
{
    for (size_t i = self->held.n; i-- > 0;)
        if (self->held.items[i].lock == lock) {
            held_remove(&self->held, i);
            return;
        }
}

size_t order_find(const struct sleeper *self, const thrum_lock *lock)
{
    const struct held_locks *ordered = &self->ordered;
    size_t low = 0, high = ordered->n;
    uint64_t wanted = os_number(lock);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (os_number(ordered->items[middle].lock) < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return low < ordered->n && ordered->items[low].lock == lock ? low : SIZE_MAX;
}
