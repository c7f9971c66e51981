/* ingest/ing_keep.c - jobs of remote write are kept for the next body, with the tables they know.
 *
 * A sender's bodies name the same few hundred metrics again and again: finding each in the catalog, with its column
 * and the sender's right to write there, would cost more than its handful of samples.  A kept job holds no catalog:
 * a table is looked at again when a body first names it, by id and version (look_again in ing_schema.c).  Only jobs
 * whose rows were all stored are kept. */
#include "ingest/remote_private.h"

enum { KEPT_MAX = 8, KEPT_BYTES_MAX = 4 << 20 };

IngSeen *ing_seen_new(void)
{
    IngSeen *s = MEM_NEW(IngSeen);
    mutex_init(&s->mutex, RANK_LEAF);
    return s;
}

void ing_seen_free(IngSeen *s)
{
    if (!s)
        return;
    for (IngJob *j = s->kept, *next; j; j = next) {
        next = j->next;
        j->stored = false;
        ing_job_free(j);
    }
    mutex_destroy(&s->mutex);
    mem_free(s);
}

static bool fits(const IngJob *j, const IngFormat *f, const IngContext *c)
{
    return j->format == f && j->c.engine == c->engine && j->c.database == c->database &&
           j->c.schema == c->schema;
}

IngJob *ing_keep_take(IngSeen *s, const IngFormat *f, const IngContext *c)
{
    if (!s || f->step != ing_remote_step)
        return NULL;
    mutex_lock(&s->mutex);
    IngJob **link = &s->kept, *j;
    while (*link && !fits(*link, f, c))
        link = &(*link)->next;
    if ((j = *link)) {
        *link = j->next;
        s->kept_count--;
    }
    mutex_unlock(&s->mutex);
    return j;
}

/* As new, but for what it knows. */
static void job_reset(IngJob *j)
{
    j->pos = j->rows = 0;
    j->last_table = NULL;
    j->tables_dropped = 0;
    j->written = (IngWritten){0};
    j->stored = false;
    j->use++;
    buf_clear(&j->told);
    buf_clear(&j->scratch);
}

bool ing_keep(IngJob *j)
{
    IngSeen *s = j->c.seen;
    if (!s || !j->stored || j->error_count || j->denied.code != ERR_OK ||
        j->format->step != ing_remote_step || j->arena.used > KEPT_BYTES_MAX)
        return false;
    job_reset(j);
    mutex_lock(&s->mutex);
    bool room = s->kept_count < KEPT_MAX;
    if (room) {
        j->next = s->kept;
        s->kept = j;
        s->kept_count++;
    }
    mutex_unlock(&s->mutex);
    return room;
}
