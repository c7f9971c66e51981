/* storage/index_cache.c - what tests (regular expressions) said about the values of a tag.
 *
 * Dashboards ask the same expressions again and again.  Codes are given in order and keep their
 * meaning while the table lives, so an answer stays right and is only extended by newer values. */
#include "storage/index_private.h"

enum { VALUES_MAX = 1 << 20 }; /* answers for more values are not kept */

void tests_init(TestCache *c)
{
    mutex_init(&c->mutex, RANK_LEAF);
}

void tests_forget(TestCache *c)
{
    mutex_lock(&c->mutex);
    for (size_t i = 0; i < TESTS_KEPT; i++) {
        buf_free(&c->items[i].said.passed);
        c->items[i] = (TestKept){0};
    }
    mutex_unlock(&c->mutex);
}

void tests_free(TestCache *c)
{
    tests_forget(c);
    mutex_destroy(&c->mutex);
}

static bool is_kept(const TestKept *k, TableId table, const TagMatch *m)
{
    return k->table == table && k->column == m->column && k->key.lo == m->key.lo &&
           k->key.hi == m->key.hi;
}

bool tests_find(TestCache *c, TableId table, const TagMatch *m, Tested *out)
{
    bool found = false;
    mutex_lock(&c->mutex);
    for (size_t i = 0; i < TESTS_KEPT && !found; i++) {
        TestKept *k = &c->items[i];
        if (!is_kept(k, table, m))
            continue;
        buf_put(&out->passed, k->said.passed.ptr, k->said.passed.len);
        out->passes = k->said.passes;
        out->absent_passes = k->said.absent_passes;
        k->used = ++c->clock;
        found = true;
    }
    mutex_unlock(&c->mutex);
    return found;
}

/* Replaces the same test with fewer values, else the one that was used longest ago. */
void tests_keep(TestCache *c, TableId table, const TagMatch *m, const Tested *said)
{
    if (said->passed.len > VALUES_MAX)
        return;
    mutex_lock(&c->mutex);
    TestKept *at = &c->items[0];
    for (size_t i = 0; i < TESTS_KEPT; i++) {
        TestKept *k = &c->items[i];
        if (is_kept(k, table, m)) {
            at = k;
            break;
        }
        at = k->used < at->used ? k : at;
    }
    if (!is_kept(at, table, m) || at->said.passed.len < said->passed.len) {
        buf_clear(&at->said.passed);
        buf_put(&at->said.passed, said->passed.ptr, said->passed.len);
        at->said.passes = said->passes;
        at->said.absent_passes = said->absent_passes;
        at->table = table;
        at->column = m->column;
        at->key = m->key;
    }
    at->used = ++c->clock;
    mutex_unlock(&c->mutex);
}
