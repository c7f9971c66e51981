/* session/acl.h - what the files about rights share: acl.c, role.c, grant.c, owner.c, rights.c, catalog_acl.c.
 *
 * Threads: as session_private.h. */
#ifndef SKULK_SESSION_ACL_H
#define SKULK_SESSION_ACL_H

#include "session/session_private.h"

enum { PG_READ_ALL_DATA = 6181, PG_WRITE_ALL_DATA = 6182 };

/* The role and all that it is in; `inherits`: whose rights it has without SET ROLE. */
void roles_include_all(RoleSet *r, const CatalogSnap *cat, ObjectId of, bool inherits);
bool roles_has(const RoleSet *r, ObjectId role);
bool role_can_become(const CatalogSnap *cat, ObjectId role, ObjectId other); /* SET ROLE */
const RoleSet *session_roles(Session *s, const CatalogSnap *cat);

AclClass acl_class_of(const CatalogSnap *cat, GrantKind kind, ObjectId object);
/* With its owner; of a column or a role with all that was granted. */
AclDef acl_of(const CatalogSnap *cat, GrantKind kind, ObjectId object, ObjectId of);
AclDef *acl_of_new(const CatalogSnap *cat, Arena *a, GrantKind kind, AclClass c, ObjectId object,
                   ObjectId schema, ObjectId owner);
bool acl_is_notable(const AclDef *d); /* has something to be kept */
bool acl_put(Session *s, const AclDef *d, Err *e) MUST_CHECK;
bool acl_denied(Err *e, const char *kind, Slice name); /* 42501; false */
const char *table_word(const TableDef *t);

uint32_t roles_options(const RoleSet *r, const CatalogSnap *cat, GrantKind kind, ObjectId object);
/* Rows as PromQL and ingest see them: the time, the tags and this column; NULL: all.  42501 */
bool roles_may_row(const RoleSet *r, const CatalogSnap *cat, const TableDef *t,
                   const ColumnDef *column, uint32_t wanted, Err *e);
uint32_t roles_column(const RoleSet *r, const CatalogSnap *cat, TableId table, size_t index,
                      bool options);
bool roles_allow(const RoleSet *r, const CatalogSnap *cat, const RelationUse *use,
                 Err *e) MUST_CHECK;
bool roles_may_create_in(const RoleSet *r, const CatalogSnap *cat, ObjectId schema,
                         Err *e) MUST_CHECK;
bool roles_may_create_schema(const RoleSet *r, const CatalogSnap *cat, ObjectId database,
                             Err *e) MUST_CHECK;
bool roles_may_connect(const RoleSet *r, const CatalogSnap *cat, const DatabaseDef *d,
                       Err *e) MUST_CHECK;

/* 2BP01, with what it owns or was granted as the detail. */
bool role_is_free(Session *s, const CatalogSnap *cat, const RoleDef *r, Err *e) MUST_CHECK;
bool role_settings_drop(Session *s, const CatalogSnap *cat, ObjectId role, Err *e) MUST_CHECK;
/* 0LP01 for a circle; a notice if it is one already. */
bool role_may_grant(Session *s, const CatalogSnap *cat, const RoleDef *r, Err *e) MUST_CHECK;
bool role_add_member(Session *s, const RoleDef *in, ObjectId member, bool admin, Err *e) MUST_CHECK;

#endif
