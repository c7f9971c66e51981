/* storage/acl.c - lists of rights. */
#include "storage/acl.h"

static const struct {
    uint32_t owner, everybody;
} defaults[] = {
    [ACL_OF_TABLE] = {PRIV_SELECT | PRIV_INSERT | PRIV_UPDATE | PRIV_DELETE | PRIV_TRUNCATE |
                          PRIV_REFERENCES | PRIV_TRIGGER,
                      0},
    [ACL_OF_SEQUENCE] = {PRIV_SELECT | PRIV_UPDATE | PRIV_USAGE, 0},
    [ACL_OF_SCHEMA] = {PRIV_USAGE | PRIV_CREATE, 0},
    [ACL_OF_PUBLIC] = {PRIV_USAGE | PRIV_CREATE, PRIV_USAGE},
    [ACL_OF_DATABASE] = {PRIV_CREATE | PRIV_TEMPORARY | PRIV_CONNECT,
                         PRIV_TEMPORARY | PRIV_CONNECT},
    [ACL_OF_COLUMN] = {0, 0},
    [ACL_OF_ROLE] = {0, 0},
};

uint32_t acl_all(AclClass c)
{
    enum { OF_COLUMN = PRIV_SELECT | PRIV_INSERT | PRIV_UPDATE | PRIV_REFERENCES };
    return c == ACL_OF_COLUMN ? OF_COLUMN : c == ACL_OF_ROLE ? PRIV_MEMBER : defaults[c].owner;
}

size_t acl_default(AclClass c, ObjectId owner, AclItem out[ACL_DEFAULT_MAX])
{
    size_t n = 0;
    if (defaults[c].everybody)
        out[n++] = (AclItem){0, owner, defaults[c].everybody, 0};
    if (defaults[c].owner)
        out[n++] = (AclItem){owner, owner, defaults[c].owner, 0};
    return n;
}

AclDef *acl_given(Arena *a, const AclDef *d, AclClass c, size_t more)
{
    AclDef *out = ARENA_NEW(a, AclDef);
    AclItem *items = ARENA_ARRAY(a, AclItem, d->count + ACL_DEFAULT_MAX + more);
    *out = *d;
    if (d->count)
        memcpy(items, d->items, d->count * sizeof *items);
    if (!d->given)
        out->count = acl_default(c, d->owner, items);
    out->given = true;
    out->items = items;
    return out;
}

void acl_add(AclDef *d, ObjectId role, ObjectId grantor, uint32_t privileges, uint32_t grantable)
{
    AclItem *items = d->items;
    for (size_t i = 0; i < d->count; i++)
        if (items[i].role == role && items[i].grantor == grantor) {
            items[i].privileges |= privileges;
            items[i].grantable |= grantable;
            return;
        }
    items[d->count++] = (AclItem){role, grantor, privileges, grantable};
}

void acl_compact(AclDef *d)
{
    size_t n = 0;
    for (size_t i = 0; i < d->count; i++)
        if (d->items[i].privileges)
            d->items[n++] = d->items[i];
    d->count = n;
}

void acl_new_owner(AclDef *d, ObjectId old, ObjectId owner)
{
    size_t count = d->count;
    d->owner = owner;
    d->count = 0;
    for (size_t i = 0; i < count; i++) {
        AclItem x = d->items[i];
        acl_add(d, x.role == old ? owner : x.role, x.grantor == old ? owner : x.grantor,
                x.privileges, x.grantable);
    }
}
