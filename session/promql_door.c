/* session/promql_door.c - PromQL for http/, the library and SQL. */
#include "session/session_private.h"

void promql_register(void)
{
}
