/*
 * orders.h - the lock orders' part of the library's state (see order.h)
 */
#ifndef PARK_ORDERS_H_
#define PARK_ORDERS_H_

#include <stdint.h>

struct order_graph;

struct lock_orders {
    uint32_t guard; /* a word lock over the rest */
    uint32_t mode;  /* enum order_mode */
    struct order_graph *graph;
};

#endif
