/*
 * options.c - reading the structures of options that programs pass (see options.h)
 */
#include "base/options.h"

#include <errno.h>
#include <string.h>

int options_read(void *ret_options, size_t whole, size_t known, const void *given)
{
    const unsigned char *bytes = given;
    size_t size = 0;
    memset(ret_options, 0, whole);
    if (bytes == NULL)
        return 0;
    memcpy(&size, bytes, sizeof size);
    if (size == 0)
        size = whole;
    if (size < sizeof size)
        return -EINVAL;
    for (size_t i = known; i < size; i++)
        if (bytes[i] != 0)
            return -EINVAL;
    memcpy(ret_options, bytes, size < known ? size : known);
    return 0;
}
