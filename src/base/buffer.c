/*
 * buffer.c - bytes that grow
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "thrum/base.h"

#define SMALLEST 64

int thrum_buffer_reserve(thrum_buffer *buffer, size_t more)
{
    if (more <= buffer->capacity - buffer->size)
        return 0;
    if (more > SIZE_MAX / 2 - buffer->size)
        return -ENOMEM;
    /* By half as much again, so that appending costs the same on the average however long it grows. */
    size_t capacity = buffer->capacity + buffer->capacity / 2;
    if (capacity < buffer->size + more)
        capacity = buffer->size + more;
    if (capacity < SMALLEST)
        capacity = SMALLEST;
    void *data = realloc(buffer->data, capacity);
    if (data == NULL)
        return -ENOMEM;
    buffer->data = data;
    buffer->capacity = capacity;
    return 0;
}

int thrum_buffer_append(thrum_buffer *buffer, const void *data, size_t size)
{
    if (size == 0)
        return 0;
    /* The bytes may be the buffer's own, which reserve may move. */
    uintptr_t start = (uintptr_t)buffer->data, from = (uintptr_t)data;
    bool own = buffer->data != NULL && from >= start && from - start < buffer->size;
    int result = thrum_buffer_reserve(buffer, size);
    if (result != 0)
        return result;
    char *bytes = buffer->data;
    memcpy(bytes + buffer->size, own ? bytes + (from - start) : data, size);
    buffer->size += size;
    return 0;
}

void thrum_buffer_free(thrum_buffer *buffer)
{
    if (buffer == NULL)
        return;
    free(buffer->data);
    *buffer = (thrum_buffer){0};
}
