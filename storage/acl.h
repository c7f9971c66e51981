/* storage/acl.h - lists of rights: pure functions over AclDef, as PostgreSQL's acl.c has them.
 *
 * An object has an owner and, once something was granted or revoked, a list of items (role, grantor,
 * what, what of it with the grant option).  While there is none the defaults hold.  An owner has
 * all grant options, whatever the list says.
 * Threads: every function is pure. */
#ifndef SKULK_STORAGE_ACL_H
#define SKULK_STORAGE_ACL_H

#include "storage/catalog.h"

enum { ACL_DEFAULT_MAX = 2 };

/* Which of the defaults: tables and sequences are both GRANT_TABLE. */
typedef enum AclClass {
    ACL_OF_TABLE,
    ACL_OF_SEQUENCE,
    ACL_OF_SCHEMA,
    ACL_OF_PUBLIC, /* the schema public */
    ACL_OF_DATABASE,
    ACL_OF_COLUMN,
    ACL_OF_ROLE,
} AclClass;

uint32_t acl_all(AclClass c); /* the privileges that such an object knows */
/* What holds while nothing was said; the count. */
size_t acl_default(AclClass c, ObjectId owner, AclItem out[ACL_DEFAULT_MAX]);
/* A copy in the arena with the defaults spelled out, and room for `more` items. */
AclDef *acl_given(Arena *a, const AclDef *d, AclClass c, size_t more);
/* What the old owner gave, and had, is the new one's; a role that stands twice is merged. */
void acl_new_owner(AclDef *d, ObjectId old, ObjectId owner);
/* Adds to (or makes) the item of this role and grantor; there must be room. */
void acl_add(AclDef *d, ObjectId role, ObjectId grantor, uint32_t privileges, uint32_t grantable);
void acl_compact(AclDef *d); /* drops items that hold nothing */

#endif
