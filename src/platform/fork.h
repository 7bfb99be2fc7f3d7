/*
 * fork.h - what the seam calls before a fork, and after it in the parent and in the child
 */
#ifndef OS_FORK_H_
#define OS_FORK_H_

#define os_forking thrum_os_forking_
#define os_has_forked thrum_os_has_forked_
#define os_forked thrum_os_forked_
void os_forking(void);
void os_has_forked(void);
void os_forked(void);

#endif
