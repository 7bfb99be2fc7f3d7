/*
 * digits.h - a number in decimal digits
 *
 * By hand, for names that are made each time a thread is or a descriptor is waited for: there printing would cost more
 * than all the rest.
 */
#ifndef BASE_DIGITS_H_
#define BASE_DIGITS_H_

#include <stdint.h>

#define DIGITS_MAX 11 /* bytes of the longest, with its NUL */

/* Write it so that it ends, with a NUL, before `end`, behind DIGITS_MAX bytes of room; where it begins. */
static inline char *digits(uint32_t number, char *end)
{
    *--end = '\0';
    do
        *--end = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    return end;
}

#endif
