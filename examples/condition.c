/*
 * Row T10: a condition, on which consumers wait until a producer has something for them
 *
 * notify_all wakes both consumers when the shop opens; notify wakes one of them for each
 * thing that is put out. Who waits says what for, as a function; so it does not matter
 * whether the consumer or the producer comes first. Every call needs the condition's lock.
 */
#include "must.h"

#include <thrum/thrum.h>

struct shop {
    thrum_condition changed;
    bool open;
    int goods;
};

struct consumer {
    struct shop *shop;
    const char *name;
};

static bool is_open(void *shop)
{
    return ((struct shop *)shop)->open;
}

static bool has_goods(void *shop)
{
    return ((struct shop *)shop)->goods > 0;
}

static int consume(void *arg)
{
    struct consumer *self = arg;
    struct shop *shop = self->shop;
    must(thrum_condition_acquire(&shop->changed, THRUM_FOREVER));
    must(thrum_condition_wait_for(&shop->changed, is_open, shop, THRUM_FOREVER));
    printf("%s: it is open\n", self->name);
    must(thrum_condition_wait_for(&shop->changed, has_goods, shop, THRUM_FOREVER));
    shop->goods--;
    printf("%s: got one\n", self->name);
    thrum_condition_release(&shop->changed);
    return 0;
}

static int produce(void *arg)
{
    struct shop *shop = arg;
    must(thrum_condition_acquire(&shop->changed, THRUM_FOREVER));
    puts("producer: opening");
    shop->open = true;
    must(thrum_condition_notify_all(&shop->changed));
    thrum_condition_release(&shop->changed);

    for (int i = 0; i < 2; i++) {
        must(thrum_condition_acquire(&shop->changed, THRUM_FOREVER));
        shop->goods++;
        must(thrum_condition_notify(&shop->changed, 1));
        thrum_condition_release(&shop->changed);
    }
    return 0;
}

int main(void)
{
    struct shop shop = {0};
    struct consumer c1 = {&shop, "c1"}, c2 = {&shop, "c2"};
    thrum_thread *threads[3];

    must(thrum_thread_run(&threads[0], consume, &c1, .name = c1.name));
    must(thrum_thread_run(&threads[1], consume, &c2, .name = c2.name));
    must(thrum_thread_run(&threads[2], produce, &shop, .name = "producer"));
    for (int i = 0; i < 3; i++) {
        must(thrum_thread_join(threads[i], NULL, THRUM_FOREVER));
        thrum_thread_free(threads[i]);
    }
    printf("left: %d\n", shop.goods);

    printf("wait without the lock: %s\n", thrum_strerror(thrum_condition_wait(&shop.changed, THRUM_FOREVER)));
    printf("notify without the lock: %s\n", thrum_strerror(thrum_condition_notify(&shop.changed, 1)));
    printf("notify_all without the lock: %s\n", thrum_strerror(thrum_condition_notify_all(&shop.changed)));
    printf("release without the lock: %s\n", thrum_strerror(thrum_condition_release(&shop.changed)));
}
