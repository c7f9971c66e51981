/* storage/catalog_private.h - what the catalog's files share: nodes, maps, bytes of a table.
 *
 * A snapshot holds a map each of databases, schemas, tables, settings, roles, rights and tokens.  A map is
 * a persistent structure: nodes in id order in chunks of at most CAT_CHUNK, and buckets by hash of (parent,
 * name); a new snapshot copies the two spines and shares every chunk and bucket that no edit
 * touches, so that one more table among 50,000 costs microseconds.
 * Chunks count their nodes; buckets do not: who holds a bucket holds the chunk as well. */
#ifndef SKULK_STORAGE_CATALOG_PRIVATE_H
#define SKULK_STORAGE_CATALOG_PRIVATE_H

#include "storage/catalog.h"

typedef struct CatSetting {
    ObjectId database;
    Slice name, value;
} CatSetting;

typedef struct CatNode { /* immutable; one allocation with all its bytes */
    Ref ref;
    ObjectId id, parent;
    uint64_t hash; /* of (parent, name) */
    Slice name;
    union {
        DatabaseDef database;
        SchemaDef schema;
        TableDef table;
        CatSetting setting;
        RoleDef role;
        AclDef acl;
        TokenDef token;
    } u;
} CatNode;

enum { CAT_CHUNK = 128, CAT_BUCKET_AVG = 16 };

typedef struct CatChunk {
    Ref ref;
    uint32_t count;
    CatNode *nodes[CAT_CHUNK];
} CatChunk;

typedef struct CatChunkRef {
    CatChunk *chunk;
    ObjectId first;  /* id of its first node */
    uint32_t before; /* nodes in the chunks before; set by map_seal */
} CatChunkRef;

typedef struct CatEntry {
    uint64_t hash;
    CatNode *node;
} CatEntry;

typedef struct CatBucket {
    Ref ref;
    uint32_t count, cap;
    CatEntry entries[];
} CatBucket;

typedef struct CatMap {
    size_t count;
    CatChunkRef *chunks;
    size_t chunk_count, chunk_cap;
    CatBucket **buckets; /* NULL = empty */
    size_t bucket_count; /* a power of two, or 0 */
} CatMap;

struct CatalogSnap {
    Ref ref;
    uint64_t version;
    uint64_t plan_version; /* not stored */
    ObjectId next_id;
    uint32_t next_setting, next_acl;
    CatMap databases, schemas, tables, settings, roles, acls, tokens;
};
void snap_seal(CatalogSnap *c);

/* ---- catalog_map.c ---- */
void map_copy(CatMap *to, const CatMap *from);
void map_free(CatMap *m);
void map_seal(CatMap *m); /* after the last change: makes map_at work */
CatNode *map_find(const CatMap *m, ObjectId id);
CatNode *map_find_name(const CatMap *m, ObjectId parent, Slice name);
CatNode *map_at(const CatMap *m, size_t i);
void map_put(CatMap *m, CatNode *take_node); /* replaces the node of the same id */
void map_remove(CatMap *m, ObjectId id);     /* must be there */
void node_unref(CatNode *n);
uint64_t node_hash(ObjectId parent, Slice name);

/* ---- catalog_table.c ---- */
/* Bytes are laid out in two passes: base = NULL counts, then the same calls copy. */
typedef struct Pack {
    char *base;
    size_t used;
} Pack;
void *pack_bytes(Pack *p, const void *src, size_t size);
Slice pack_slice(Pack *p, Slice s);
void table_pack(Pack *p, TableDef *to, const TableDef *from);
size_t table_lookup_size(
    const TableDef *t); /* bytes that table_lookup_build takes; 0: too small for hashes */
void table_lookup_build(TableDef *t, void *memory);
bool table_def_check(const TableDef *t, Err *e) MUST_CHECK; /* names, ids, ranges, limits */

/* ---- catalog_codec.c ---- */
CatalogSnap *snap_new(void);
bool snap_put(CatalogSnap *c, const CatEdit *edit, uint32_t version,
              Err *e) MUST_CHECK; /* version 0: the next one */

#endif
