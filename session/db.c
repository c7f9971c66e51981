#include "base/log.h"
#include "session/advisory.h"
#include "session/promql_kept.h"
#include "session/session_private.h"
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

/* 60 % of what the cgroup or the machine has. */
static int64_t memory_default(void)
{
    int64_t total = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGE_SIZE);
    FILE *f = fopen("/sys/fs/cgroup/memory.max", "r");
    long long cgroup;
    if (f && fscanf(f, "%lld", &cgroup) == 1 && cgroup > 0 && cgroup < total)
        total = cgroup;
    if (f)
        fclose(f);
    return total / 10 * 6;
}

static void budgets_init(Db *db)
{
    int64_t memory = db->options.memory > 0 ? db->options.memory : memory_default();
    budget_init(&db->memory, "limits.memory", NULL, memory);
    budget_init(&db->query_pool, "query pool", &db->memory, memory / 2);
    budget_init(&db->ingest_pool, "ingest pool", &db->memory, memory / 4);
    budget_init(&db->cache_pool, "cache", &db->memory, memory / 16);
    budget_init(&db->mapped_pool, "mapped files", NULL, memory / 4);
}

static void register_all(void)
{
    exec_init();
    session_register();
}

/* Spill files of a killed process; nobody reads them again. */
static bool drop_spill_file(void *arg, const char *name)
{
    const Db *db = arg;
    char path[4096];
    Err ignored;
    if (name[0] != '.' &&
        snprintf(path, sizeof path, "%s/%s", db->spill_dir, name) < (int)sizeof path)
        (void)!db->io->unlink(db->io, path, &ignored);
    return true;
}

static bool open_spill_dir(Db *db, Err *e)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/spill", db->data_dir) >= (int)sizeof path)
        return err_set(e, ERR_INVALID_PARAMETER, "the path of the data directory is too long");
    db->spill_dir = mem_strdup(slice_cstr(path));
    db->spill = (SpillSpace){.io = db->io, .dir = db->spill_dir, .limit = db->options.spill_max};
    return db->io->mkdir(db->io, path, e) && db->io->list(db->io, path, drop_spill_file, db, e);
}

bool db_open(Db **out, const DbOptions *o, Err *e)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, register_all);
    Db *db = MEM_NEW(Db);
    db->options = *o;
    db->sched = o->sched;
    db->clock = o->clock ? o->clock : &clock_real;
    db->io = o->io ? o->io : &io_real;
    db->features = o->features ? mem_strdup(slice_cstr(o->features)) : NULL;
    db->data_dir = mem_strdup(slice_cstr(o->data_dir));
    atomic_init(&db->next_pid, 1000);
    atomic_init(&db->next_transaction, db->clock->wall_ns(db->clock) / NS_PER_MS);
    mutex_init(&db->mutex, RANK_DB);
    mutex_init(&db->sequence_mutex, RANK_DB);
    db->advisory = advisory_new();
    db->prom_kept = prom_kept_new();
    budgets_init(db);
    EngineOptions eo = {
        .dir = db->data_dir,
        .flags = o->engine_flags,
        .io = o->io,
        .sched = o->sched,
        .memtable_max = o->memtable_max,
        .log_max = o->log_max,
        .archive_dir = o->archive_dir,
        .archive_hold_max = o->archive_hold_max,
        .series_max = o->series_max,
        .series_max_per_table = o->series_max_per_table,
        .budget = &db->memory,
        .cache = &db->cache_pool,
        .mapped = &db->mapped_pool,
    };
    bool writes = !(o->engine_flags & ENGINE_READ_ONLY);
    if (!engine_open(&db->engine, &eo, e) || (writes && !open_spill_dir(db, e))) {
        db_close(db);
        return false;
    }
    if (!roles_init(db, e)) {
        db_close(db);
        return false;
    }
    *out = db;
    return true;
}

void db_close(Db *db)
{
    if (!db)
        return;
    must(!db->sessions);
    query_drain(db->sched); /* pieces of parallel queries that are still queued */
    if (db->engine)
        sequences_settle(db), engine_close(db->engine, true);
    mutex_destroy(&db->mutex);
    mutex_destroy(&db->sequence_mutex);
    advisory_free(db->advisory);
    prom_kept_free(db->prom_kept);
    mem_free(db->rejected);
    login_stop(db);
    mem_free(db->features);
    mem_free(db->data_dir);
    mem_free(db->spill_dir);
    mem_free(db);
}

Engine *db_engine(Db *db)
{
    return db->engine;
}

Sched *db_sched(Db *db)
{
    return db->sched;
}

const Clock *db_clock(Db *db)
{
    return db->clock;
}

Budget *db_query_pool(Db *db)
{
    return &db->query_pool;
}

Budget *db_ingest_pool(Db *db)
{
    return &db->ingest_pool;
}

static bool find_database(Db *db, Slice name, ObjectId *database, ObjectId *schema)
{
    CatalogSnap *cat = engine_catalog(db->engine);
    const DatabaseDef *d = cat_database(cat, name);
    const SchemaDef *s = d ? cat_schema(cat, d->id, SLICE_LIT("public")) : NULL;
    if (s) {
        *database = d->id;
        *schema = s->id;
    }
    cat_unref(cat);
    return s != NULL;
}

static bool may_enter(Db *db, Rights *rights, ObjectId database, Err *e)
{
    CatalogSnap *cat = engine_catalog(db->engine);
    const DatabaseDef *d = cat_database_by_id(cat, database);
    bool ok = !d || rights_may_connect(rights, cat, d, e);
    cat_unref(cat);
    return ok;
}

static bool may_create(Db *db, Rights *rights, Err *e)
{
    CatalogSnap *cat = engine_catalog(db->engine);
    bool ok = rights_may_create_database(rights, cat, e);
    cat_unref(cat);
    return ok;
}

bool db_resolve_database(Db *db, Rights *rights, Slice name, ObjectId *database,
                         ObjectId *schema_public, Err *e)
{
    if (name.len == 0) {
        if (db->options.require_db)
            return err_set(e, ERR_INVALID_PARAMETER, "database is required");
        name = SLICE_LIT("skulk");
    }
    if (find_database(db, name, database, schema_public))
        return may_enter(db, rights, *database, e);
    if (!db->options.create_databases)
        return err_set(e, ERR_DATABASE_NAME, "database not found: \"%.*s\"", SLICE_ARG(name));
    return db_create_database(db, rights, name, e) &&
           find_database(db, name, database, schema_public);
}

bool db_create_database(Db *db, Rights *rights, Slice name, Err *e)
{
    if (name.len == 0 || name.len > NAME_MAX_BYTES)
        return err_set(e, ERR_INVALID_NAME, "database name of %zu bytes is not in 1..%d", name.len,
                       NAME_MAX_BYTES);
    ObjectId found, schema_id;
    if (find_database(db, name, &found, &schema_id))
        return true;
    if (!may_create(db, rights, e))
        return false;
    DatabaseDef d = {.id = engine_new_id(db->engine), .name = name};
    SchemaDef s = {.id = engine_new_id(db->engine), .database = d.id, .name = SLICE_LIT("public")};
    const AclDef owner = {.kind = GRANT_DATABASE, .object = d.id, .owner = rights_role(rights)};
    CatEdit edits[] = {
        {.op = CAT_PUT_DATABASE, .id = d.id, .database = &d},
        {.op = CAT_PUT_SCHEMA, .id = s.id, .schema = &s},
        {.op = CAT_PUT_ACL, .acl = &owner},
    };
    if (engine_edit_catalog(db->engine, edits, owner.owner ? 3 : 2, e))
        return true;
    return e->code == ERR_DUPLICATE_DATABASE; /* another client was quicker */
}

bool db_feature(const Db *db, const char *name)
{
    if (!db->features)
        return false;
    size_t len = strlen(name);
    for (const char *p = db->features; *p;) {
        size_t n = strcspn(p, ",");
        if ((n == len && memcmp(p, name, n) == 0) || (n == 3 && memcmp(p, "all", 3) == 0))
            return true;
        p += n + (p[n] == ',');
    }
    return false;
}

int32_t db_new_pid(Db *db)
{
    return atomic_fetch_add(&db->next_pid, 1);
}

bool db_session_find(Db *db, int32_t pid, ObjectId *role, int32_t *secret)
{
    const Session *s;
    mutex_lock(&db->mutex);
    for (s = db->sessions; s && s->pid != pid;)
        s = s->next;
    *role = s ? s->login_role : 0;
    *secret = s ? s->secret : 0;
    mutex_unlock(&db->mutex);
    return s != NULL;
}

void db_terminate(Db *db, int32_t pid)
{
    mutex_lock(&db->mutex);
    for (Session *s = db->sessions; s; s = s->next) {
        if (s->pid != pid)
            continue;
        atomic_store(&s->terminated, true);
        if (s->running)
            query_cancel(s->running);
        if (s->waiter)
            task_wake(s->waiter);
    }
    mutex_unlock(&db->mutex);
}

bool session_terminated(const Session *s)
{
    return atomic_load_explicit(&s->terminated, memory_order_relaxed);
}

void db_cancel(Db *db, int32_t pid, int32_t secret)
{
    mutex_lock(&db->mutex);
    for (Session *s = db->sessions; s; s = s->next) {
        if (s->pid != pid || s->secret != secret)
            continue;
        s->cancel = true;
        if (s->running)
            query_cancel(s->running);
        if (s->waiter)
            task_wake(s->waiter);
    }
    mutex_unlock(&db->mutex);
}

void session_register(void)
{
    func_register(session_functions);
    func_register(admin_functions);
    func_register(sequence_functions);
    func_register(notify_functions);
    func_register(advisory_functions);
    func_register(comment_functions);
    func_register(job_functions);
    view_register(skulk_views);
    view_register(job_views);
    view_register(continuous_views);
    view_register(tier_views);
    view_register(timescale_views);
    view_register(retention_views);
    catalog_register();
    promql_register();
}
