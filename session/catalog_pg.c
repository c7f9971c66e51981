/* session/catalog_pg.c - registers pg_catalog and information_schema. */
#include "session/session_private.h"

void catalog_register(void)
{
}
