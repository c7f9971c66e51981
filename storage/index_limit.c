/* storage/index_limit.c - limits on the number of series, and messages that name table and tag.
 * Names come from a callback that may take locks of its own: it is called without the index's. */
#include "storage/index_private.h"

#include "base/log.h"

enum { NEAR_PERCENT = 80 };

/* The tag with most values: that is what made so many series. */
static void most_values(const TableIndex *t, LimitHit *out)
{
    for (uint32_t i = 0; t && i < t->dict_count; i++) {
        if (t->dicts[i]->count <= out->values)
            continue;
        out->values = t->dicts[i]->count;
        out->column = t->dicts[i]->column;
    }
}

static uint64_t database_series(const SeriesIndex *idx, ObjectId database)
{
    for (size_t i = 0; i < idx->database_count; i++)
        if (idx->databases[i].id == database)
            return idx->databases[i].series;
    return 0;
}

bool limit_hit(const SeriesIndex *idx, TableId table, LimitHit *out)
{
    const TableIndex *t = idx_table_find(idx, table);
    uint64_t here = t ? t->series : 0, all = database_series(idx, t ? t->database : 0);
    *out = (LimitHit){.table = table, .series = here};
    if (idx->limit_table && here >= idx->limit_table) {
        out->limit = idx->limit_table;
    } else if (idx->limit_database && all >= idx->limit_database) {
        out->limit = idx->limit_database;
        out->of_database = true;
    } else if (idx->last >= UINT32_MAX - 1 && roaring_bitmap_is_empty(idx->usable)) {
        out->limit = UINT32_MAX - 1;
        out->of_database = true;
    } else {
        return false;
    }
    most_values(t, out);
    return true;
}

static bool just_near(uint64_t series, uint64_t limit)
{
    return limit && series == limit / 100 * NEAR_PERCENT + limit % 100 * NEAR_PERCENT / 100;
}

bool limit_near(const SeriesIndex *idx, const TableIndex *t, LimitHit *out)
{
    bool table = just_near(t->series, idx->limit_table);
    uint64_t all = database_series(idx, t->database);
    if (!table && !just_near(all, idx->limit_database))
        return false;
    *out = (LimitHit){.table = t->id,
                      .limit = table ? idx->limit_table : idx->limit_database,
                      .series = table ? t->series : all,
                      .of_database = !table,
                      .warn = true};
    most_values(t, out);
    return true;
}

static void names_of(const SeriesIndex *idx, const LimitHit *hit, SeriesName *out)
{
    *out = (SeriesName){0};
    if (idx->names.find && idx->names.find(idx->names.arg, hit->table, hit->column, out))
        return;
    snprintf(out->table_name, sizeof out->table_name, "%u", hit->table);
    snprintf(out->column_name, sizeof out->column_name, "%u", hit->column);
}

bool limit_error(const SeriesIndex *idx, const LimitHit *hit, Err *e)
{
    SeriesName name;
    names_of(idx, hit, &name);
    const char *whose = hit->of_database ? "database" : "table";
    if (hit->warn) {
        log_warn(
            "index",
            "%s \"%s\" has %llu of at most %llu series; tag \"%s\" of table \"%s\" has %u values",
            whose, hit->of_database ? name.database_name : name.table_name,
            (unsigned long long)hit->series, (unsigned long long)hit->limit, name.column_name,
            name.table_name, hit->values);
        return true;
    }
    err_set(e, ERR_LIMIT_EXCEEDED,
            "table \"%s\" cannot take a new series: the limit of the %s is %llu", name.table_name,
            whose, (unsigned long long)hit->limit);
    if (hit->column)
        err_detail(e, "Tag \"%s\" of this table has %u different values.", name.column_name,
                   hit->values);
    return err_hint(
        e, "Leave tags out that have a new value with nearly every point, or raise the limit.");
}
