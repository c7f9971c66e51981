/* exec/type_reg.h - names behind oids: regclass, regnamespace, regrole, regproc.
 *
 * exec/ knows types and functions only; session/ sets the hooks that know tables, schemas, roles.
 * Without hooks only numbers are read and written.
 * Threads: set once before threads start. */
#ifndef SKULK_EXEC_TYPE_REG_H
#define SKULK_EXEC_TYPE_REG_H

#include "exec/type.h"

typedef struct RegHooks {
    /* `name` as written (may be qualified and quoted); kind: T_REGCLASS, T_REGNAMESPACE, T_REGROLE,
     * and T_REGTYPE for types that only catalogs have.
     * Fails with 42P01, 3F000, 42704 as PostgreSQL does. */
    bool (*find)(void *session, TypeId kind, Slice name, uint32_t *oid, Err *e);
    bool (*name)(void *session, TypeId kind, uint32_t oid,
                 Buf *dst); /* false: unknown, print the number */
} RegHooks;

/* The functions behind pg_type.typinput and so on: names for clients, nothing calls them. */
typedef enum TypeIo {
    IO_IN,
    IO_OUT,
    IO_RECV,
    IO_SEND,
    IO_TYPMOD_IN,
    IO_TYPMOD_OUT,
    IO_ANALYZE,
    TYPE_IO_COUNT
} TypeIo;
typedef struct IoFunction {
    uint32_t oid;
    const char *name;
} IoFunction;
uint32_t type_io_oid(const TypeDef *def, TypeIo which); /* 0: none */
size_t type_io_count(void);
const IoFunction *type_io_at(size_t i);

void type_set_reg_hooks(const RegHooks *hooks);

#endif
