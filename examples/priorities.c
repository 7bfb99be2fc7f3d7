/*
 * Row Q3: queues that do not hand out the oldest first
 *
 * A priority queue hands out what compares smallest, and of equals the oldest; a LIFO queue
 * the newest. What is smaller, a function of the program says: here more urgent is.
 */
#include "must.h"

#include <thrum/thrum.h>

struct item {
    int priority;
    const char *name;
};

static int more_urgent(const void *a, const void *b, void *arg)
{
    const struct item *x = a, *y = b;
    (void)arg;
    return (x->priority < y->priority) - (x->priority > y->priority);
}

/* Put all items, then get them. */
static void demonstrate(const char *title, thrum_queue *queue)
{
    static const struct item items[] = {{1, "sweep"}, {5, "fire"}, {3, "door"},
                                        {5, "flood"}, {1, "dust"}, {3, "phone"}};
    struct item item;
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++)
        must(thrum_queue_put(queue, &items[i], THRUM_FOREVER));
    printf("%s:", title);
    while (thrum_queue_get(queue, &item, THRUM_NOWAIT) == 0)
        printf(" %s(%d)", item.name, item.priority);
    printf("\n");
    thrum_queue_free(queue);
}

int main(void)
{
    thrum_queue *queue;
    must(thrum_queue_new(&queue, .item_size = sizeof(struct item)));
    demonstrate("fifo", queue);
    must(thrum_queue_new(&queue, .item_size = sizeof(struct item), .order = THRUM_LIFO));
    demonstrate("lifo", queue);
    must(thrum_queue_new(&queue, .item_size = sizeof(struct item), .order = THRUM_PRIORITY, .compare = more_urgent));
    demonstrate("priority", queue);
}
