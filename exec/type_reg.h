/* exec/type_reg.h - names behind oids: regclass, regnamespace, regrole, regproc.
 *
 * exec/ knows types and functions only; session/ sets the hooks that know tables, schemas, roles.
 * Without hooks only numbers are read and written.
 * Threads: set once before threads start. */
#ifndef SKULK_EXEC_TYPE_REG_H
#define SKULK_EXEC_TYPE_REG_H

#include "exec/type.h"

typedef struct RegHooks {
    /* `name` as written (may be qualified and quoted); kind: T_REGCLASS, T_REGNAMESPACE, T_REGROLE.
     * Fails with 42P01, 3F000, 42704 as PostgreSQL does. */
    bool (*find)(void *session, TypeId kind, Slice name, uint32_t *oid, Err *e);
    bool (*name)(void *session, TypeId kind, uint32_t oid,
                 Buf *dst); /* false: unknown, print the number */
} RegHooks;

void type_set_reg_hooks(const RegHooks *hooks);

#endif
