/*
 * options.c - reading the structures of options that programs pass (see options.h)
 */
#include "base/options.h"

#include <errno.h>
#include <string.h>

int options_read(void *ret_options, size_t known, const void *given)
{
    size_t size = 0;
    const unsigned char *bytes = given;
    if (bytes != NULL)
        memcpy(&size, bytes, sizeof size);
    if (size == 0)
        size = bytes != NULL ? known : 0;
    else if (size < sizeof size)
        return -EINVAL;
    for (size_t i = known; i < size; i++)
        if (bytes[i] != 0)
            return -EINVAL;
    memset(ret_options, 0, known);
    if (bytes != NULL)
        memcpy(ret_options, bytes, size < known ? size : known);
    memcpy(ret_options, &known, sizeof known);
    return 0;
}
