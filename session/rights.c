/* session/rights.c - whose rights count where there is no session: HTTP. */
#include "session/acl.h"

struct Rights {
    ObjectId role;
    RoleSet set;
};

Rights *rights_new(Db *db, ObjectId role)
{
    Rights *r = MEM_NEW(Rights);
    (void)db;
    r->role = role;
    return r;
}

void rights_free(Rights *r)
{
    if (!r)
        return;
    roles_free(&r->set);
    mem_free(r);
}

ObjectId rights_role(const Rights *r)
{
    return r ? r->role : 0;
}

static const RoleSet *rights_set(Rights *r, const CatalogSnap *cat)
{
    roles_of(&r->set, cat, r->role);
    return &r->set;
}

const AclDef *rights_of_new(void *rights, const CatalogSnap *cat, Arena *a, const TableDef *t)
{
    Rights *r = rights;
    Err denied;
    if (!r || !roles_may_create_in(rights_set(r, cat), cat, t->schema, &denied))
        return NULL; /* the first superuser's */
    AclDef *d = acl_of_new(cat, a, GRANT_TABLE, ACL_OF_TABLE, t->id, t->schema, r->role);
    return acl_is_notable(d) ? d : NULL;
}

bool rights_may_write(void *rights, const CatalogSnap *cat, const TableDef *t,
                      const ColumnDef *column, ObjectId schema, Err *e)
{
    if (!rights)
        return true;
    if (t)
        return roles_may_row(rights_set(rights, cat), cat, t, column, PRIV_INSERT, e);
    /* Whose rows go into any table writes on a fresh database as well. */
    const RoleSet *set = rights_set(rights, cat);
    return roles_has(set, PG_WRITE_ALL_DATA) || roles_may_create_in(set, cat, schema, e);
}

bool rights_may_read(void *rights, const CatalogSnap *cat, const TableDef *t,
                     const ColumnDef *column, Err *e)
{
    return !rights || roles_may_row(rights_set(rights, cat), cat, t, column, PRIV_SELECT, e);
}

bool rights_superuser(Rights *r, Db *db, Err *e)
{
    CatalogSnap *cat = engine_catalog(db->engine);
    const RoleDef *d = r ? cat_role_by_id(cat, r->role) : NULL;
    bool ok = !r || (d && d->flags & ROLE_SUPERUSER);
    cat_unref(cat);
    return ok || err_set(e, ERR_PRIVILEGE, "must be superuser");
}

bool rights_may_delete(void *rights, const CatalogSnap *cat, const TableDef *t, Err *e)
{
    return !rights || roles_may_row(rights_set(rights, cat), cat, t, NULL, PRIV_DELETE, e);
}

bool rights_may_connect(Rights *r, const CatalogSnap *cat, const DatabaseDef *d, Err *e)
{
    return !r || roles_may_connect(rights_set(r, cat), cat, d, e);
}

bool rights_may_create_database(Rights *r, const CatalogSnap *cat, Err *e)
{
    const RoleDef *d = r ? cat_role_by_id(cat, r->role) : NULL;
    return !r || (d && d->flags & (ROLE_CREATEDB | ROLE_SUPERUSER)) ||
           err_set(e, ERR_PRIVILEGE, "permission denied to create database");
}
