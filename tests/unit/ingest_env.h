/* tests/unit/ingest_env.h - an engine in a directory of its own, and one body through a format. */
#ifndef SKULK_TESTS_INGEST_ENV_H
#define SKULK_TESTS_INGEST_ENV_H

#include "ingest/ingest.h"
#include <stdio.h>
#include <stdlib.h>

#define ENV_NOW_NS INT64_C(1767225600123456789)

typedef struct IngestEnv {
    Sched *sched;
    Engine *engine;
    ObjectId database, schema;
    IngSeen *seen; /* mostly NULL */
    char dir[64];
} IngestEnv;

static inline void env_open(IngestEnv *v)
{
    snprintf(v->dir, sizeof v->dir, "/tmp/skulk-ingest.XXXXXX");
    must(mkdtemp(v->dir) != NULL);
    v->sched = sched_new(&clock_real, 1, 1, 0);
    EngineOptions o = {.dir = v->dir, .flags = ENGINE_CREATE | ENGINE_PREAD, .sched = v->sched};
    Err e;
    if (!engine_open(&v->engine, &o, &e)) {
        fprintf(stderr, "%s\n", e.message);
        abort();
    }
    CatalogSnap *cat = engine_catalog(v->engine);
    v->database = cat_database_at(cat, 0)->id;
    v->schema = cat_schema(cat, v->database, SLICE_LIT("public"))->id;
    cat_unref(cat);
}

static inline void env_close(IngestEnv *v)
{
    char cmd[128];
    engine_close(v->engine, false);
    sched_stop(v->sched);
    sched_free(v->sched);
    snprintf(cmd, sizeof cmd, "rm -rf '%s'", v->dir);
    must(system(cmd) == 0);
}

/* The caller frees the job. */
static inline IngJob *env_run_type(IngestEnv *v, const char *path, Slice type, Slice body,
                                   IngPrecision p, bool *ok, Err *e)
{
    IngContext c = {.engine = v->engine,
                    .seen = v->seen,
                    .database = v->database,
                    .schema = v->schema,
                    .precision = p,
                    .now_ns = ENV_NOW_NS,
                    .body_max = 1 << 20};
    IngJob *j = ing_job_new(ing_find(slice_cstr(path), type, e), &c, body);
    bool done = false;
    do {
        *ok = ing_job_step(j, &done, e);
    } while (*ok && !done);
    return j;
}

static inline IngJob *env_run(IngestEnv *v, const char *path, Slice body, IngPrecision p, bool *ok,
                              Err *e)
{
    return env_run_type(v, path, SLICE_NONE, body, p, ok, e);
}

#endif
