/*
 * group.h - what tasks and their groups are to each other (group.c)
 */
#ifndef COROUTINE_GROUP_H_
#define COROUTINE_GROUP_H_

#include "coroutine/scheduler.h"

#define group_token thrum_group_token_
#define group_call_off thrum_group_call_off_
#define group_begins thrum_group_begins_
#define group_ends thrum_group_ends_

/* By which all of the group are called off. */
thrum_token *group_token(struct thrum_task_group *group);

/* For that reason, unless it has been before: an outcome of thrum_task_group_wait. */
void group_call_off(struct thrum_task_group *group, int outcome);

/* Of this one it is the first turn; and the end, with which the group may go. On the scheduler's own stack. */
void group_begins(struct thrum_task_group *group, const struct thrum_coroutine *task);
void group_ends(struct thrum_task_group *group, const struct thrum_coroutine *task);

#endif
