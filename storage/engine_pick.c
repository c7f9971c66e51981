/* Which files are compacted when.
 *
 *   dead       a file with 30 % of dropped, deleted or expired rows is written again by itself, which
 *              leaves nothing of it if these are all
 *   L0 -> L1   ENGINE_L0_FILES flushes are split by group; files that are there already stay
 *   L1 -> L1   ENGINE_L1_FILES of one group become one
 *   L1 -> L2   a group whose window is over and quiet: all of it, encoded with full search
 *   L2 -> L2   ENGINE_L1_FILES small neighbours of one class become one
 *
 * Files that share a table and a window are *tied*; a set of inputs is closed under it, so whatever
 * is tied to a member but left out is older than all of the set, or newer than all of it, and the
 * order of layers survives (storage/version.h).  Files that cannot be read stay where they are: a
 * set then ends before the first write they may hold, or begins behind the last one. */
#include "storage/engine_private.h"

#include <stdlib.h>

enum { DEAD_PERCENT = 30 };

typedef struct Candidate {
    EngineFile *f;       /* referenced */
    int64_t first, last; /* of its windows */
    bool own;            /* one large table: shares nothing but with files that have that table */
    bool damaged;        /* cannot be an input */
    bool hidden;         /* has rows that a delete may hide */
    size_t root;         /* tied files have one root: the smallest index */
} Candidate;

typedef struct Candidates { /* by first window */
    Candidate *items;
    size_t count;
} Candidates;

typedef struct Group { /* candidates that are tied, or several such sets that are neighbours */
    size_t begin, end; /* Candidates */
    ExpiryClass class;
    int64_t first, last; /* of the windows */
    uint64_t bytes;
    size_t below; /* files below the last level */
    bool damaged;
    bool work;                    /* even a single file of the last level is worth writing again */
    int64_t newest_ns, oldest_ns; /* when made */
} Group;

typedef struct Groups { /* by class and first window */
    Candidates files;
    Group *items;
    size_t count;
} Groups;

/* ---- files and what is in them ---- */

static void file_look(EngineFile *f, const CatalogSnap *cat)
{
    if (f->class_seen == cat_version(cat) || !f->part)
        return;
    f->class_seen = cat_version(cat);
    f->mixed = f->has_class = false;
    f->dead_rows = 0;
    for (size_t i = 0; i < part_table_count(f->part); i++) {
        const TableDef *table = cat_table_by_id(cat, part_table_at(f->part, i));
        if (!table) {
            f->dead_rows += part_table_rows(f->part, i);
            continue;
        }
        ExpiryClass class = expiry_class(table);
        if (f->has_class)
            f->mixed |= expiry_compare(&class, &f->class) != 0;
        else
            f->class = class;
        f->has_class = true;
    }
}

static bool file_has_table(const EngineFile *f, TableId table)
{
    int64_t t_min, t_max;
    return f->part && part_has_table(f->part, table, &t_min, &t_max);
}

static bool share_table(const EngineFile *a, const EngineFile *b)
{
    if (!a->part || !b->part)
        return true; /* nobody knows */
    size_t i = 0, k = 0, n = part_table_count(a->part), m = part_table_count(b->part);
    while (i < n && k < m) {
        TableId x = part_table_at(a->part, i), y = part_table_at(b->part, k);
        if (x == y)
            return true;
        i += x < y;
        k += y < x;
    }
    return false;
}

static bool is_damaged(const EngineFile *f)
{
    return !f->part || f->quarantined;
}

static int by_first_window(const void *a, const void *b)
{
    const Candidate *x = a, *y = b;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return (x->f->info.number > y->f->info.number) - (x->f->info.number < y->f->info.number);
}

static void candidate_init(Candidate *c, EngineFile *f, const CatalogSnap *cat)
{
    ExpiryClass day = {.window_ns = NS_PER_DAY};
    file_look(f, cat);
    const ExpiryClass *class = f->has_class ? &f->class : &day;
    *c = (Candidate){.f = file_ref(f),
                     .own = f->part && part_table_count(f->part) == 1 &&
                            f->info.bytes >= COMPACT_OWN_MIN,
                     .damaged = is_damaged(f)};
    int64_t ignored;
    window_bounds(class->window_ns, f->info.t_min, &c->first, &ignored);
    window_bounds(class->window_ns, f->info.t_max, &ignored, &c->last);
}

/* Files from this level on, and all that cannot be merged. */
static Candidates list_files(Engine *eng, const CatalogSnap *cat, int level_min)
{
    Candidates l = {0};
    mutex_lock(&eng->mutex);
    l.items = mem_zero((eng->file_count + 1) * sizeof *l.items);
    for (size_t i = 0; i < eng->file_count; i++)
        if (eng->files[i]->info.level >= level_min || is_damaged(eng->files[i]))
            candidate_init(&l.items[l.count++], eng->files[i], cat);
    TombList *tombs = tombs_ref(eng->tombs);
    mutex_unlock(&eng->mutex);
    for (size_t i = 0; i < l.count; i++)
        l.items[i].hidden = file_has_hidden(l.items[i].f, tombs);
    tombs_unref(tombs);
    if (l.count)
        qsort(l.items, l.count, sizeof *l.items, by_first_window);
    return l;
}

static void list_free(Candidates *l)
{
    for (size_t i = 0; i < l->count; i++)
        file_unref(l->items[i].f);
    mem_free(l->items);
}

/* ---- groups ---- */

static bool belong_together(const Candidate *a, const Candidate *b)
{
    if (a->last < b->first || b->last < a->first)
        return false;
    bool one_class = a->f->has_class && b->f->has_class && !a->own && !b->own &&
                     expiry_compare(&a->f->class, &b->f->class) == 0;
    return one_class || share_table(a->f, b->f);
}

static size_t root_of(Candidates *l, size_t i)
{
    while (l->items[i].root != i)
        i = l->items[i].root = l->items[l->items[i].root].root;
    return i;
}

static void join(Candidates *l, size_t a, size_t b)
{
    a = root_of(l, a);
    b = root_of(l, b);
    if (a < b)
        l->items[b].root = a;
    else
        l->items[a].root = b;
}

static void tie_files(Candidates *l)
{
    size_t *open = mem_zero((l->count + 1) * sizeof *open), open_count = 0;
    for (size_t i = 0; i < l->count; i++) {
        size_t kept = 0;
        l->items[i].root = i;
        for (size_t k = 0; k < open_count; k++) {
            if (l->items[open[k]].last < l->items[i].first)
                continue;
            open[kept++] = open[k];
            if (belong_together(&l->items[open[k]], &l->items[i]))
                join(l, open[k], i);
        }
        open_count = kept;
        open[open_count++] = i;
    }
    for (size_t i = 0; i < l->count; i++)
        l->items[i].root = root_of(l, i);
    mem_free(open);
}

static int by_root(const void *a, const void *b)
{
    const Candidate *x = a, *y = b;
    if (x->root != y->root)
        return x->root < y->root ? -1 : 1;
    return by_first_window(a, b);
}

static Group group_empty(size_t begin)
{
    return (Group){.begin = begin,
                   .end = begin,
                   .first = INT64_MAX,
                   .last = INT64_MIN,
                   .newest_ns = INT64_MIN,
                   .oldest_ns = INT64_MAX};
}

static void group_add(Group *g, const Candidate *c)
{
    const EngineFile *f = c->f;
    if (g->begin == g->end++)
        g->class = f->class;
    g->bytes += f->info.bytes;
    g->first = c->first < g->first ? c->first : g->first;
    g->last = c->last > g->last ? c->last : g->last;
    g->below += f->info.level < 2;
    g->damaged |= c->damaged;
    g->work |= f->info.level < 2 || f->mixed || f->dead_rows > 0 || c->hidden;
    g->newest_ns = f->created_ns > g->newest_ns ? f->created_ns : g->newest_ns;
    g->oldest_ns = f->created_ns < g->oldest_ns ? f->created_ns : g->oldest_ns;
}

/* The sequences that the damaged files of a group may hold, with all files that reach into them. */
static void blocked_range(const Candidates *l, const Group *g, Lsn *min, Lsn *max)
{
    *min = UINT64_MAX;
    *max = 0;
    for (bool grew = true; grew;) {
        grew = false;
        for (size_t i = g->begin; i < g->end; i++) {
            const ManifestPart *m = &l->items[i].f->info;
            if (!l->items[i].damaged && (m->seq_min > *max || m->seq_max < *min))
                continue;
            grew |= m->seq_min < *min || m->seq_max > *max;
            *min = m->seq_min < *min ? m->seq_min : *min;
            *max = m->seq_max > *max ? m->seq_max : *max;
        }
    }
}

static int by_write(const void *a, const void *b)
{
    const ManifestPart *x = &((const Candidate *)a)->f->info, *y = &((const Candidate *)b)->f->info;
    if (x->seq_min != y->seq_min)
        return x->seq_min < y->seq_min ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

static void groups_add(Groups *gs, size_t begin, size_t end)
{
    Group g = group_empty(begin);
    while (g.end < end)
        group_add(&g, &gs->files.items[g.end]);
    if (end > begin)
        gs->items[gs->count++] = g;
}

/* Tied files as one group; with damaged ones among them as two: older than these, newer than these. */
static void add_tied(Groups *gs, size_t begin, size_t end)
{
    Candidate *l = gs->files.items;
    Group all = group_empty(begin);
    while (all.end < end)
        group_add(&all, &l[all.end]);
    if (!all.damaged) {
        groups_add(gs, begin, end);
        return;
    }
    Lsn min, max;
    size_t older = begin, newer = end;
    blocked_range(&gs->files, &all, &min, &max);
    qsort(l + begin, end - begin, sizeof *l, by_write);
    while (older < end && l[older].f->info.seq_max < min)
        older++;
    while (newer > older && l[newer - 1].f->info.seq_min > max)
        newer--;
    groups_add(gs, begin, older);
    groups_add(gs, newer, end);
}

static int by_class_and_time(const void *a, const void *b)
{
    const Group *x = a, *y = b;
    int order = expiry_compare(&x->class, &y->class);
    if (order)
        return order;
    return (x->first > y->first) - (x->first < y->first);
}

/* All files from level 1 on; flushes only where they are in the way. */
static Groups find_groups(Engine *eng, const CatalogSnap *cat)
{
    Groups gs = {.files = list_files(eng, cat, 1)};
    Candidates *l = &gs.files;
    tie_files(l);
    if (l->count)
        qsort(l->items, l->count, sizeof *l->items, by_root);
    gs.items = mem_zero((l->count + 1) * sizeof *gs.items);
    for (size_t begin = 0, end; begin < l->count; begin = end) {
        for (end = begin + 1; end < l->count; end++)
            if (l->items[end].root != l->items[begin].root)
                break;
        add_tied(&gs, begin, end);
    }
    if (gs.count)
        qsort(gs.items, gs.count, sizeof *gs.items, by_class_and_time);
    return gs;
}

static void groups_free(Groups *gs)
{
    list_free(&gs->files);
    mem_free(gs->items);
}

/* The sum of the groups from `at` on that are small enough, together, for one file. */
static size_t neighbours(const Groups *gs, size_t at, Group *sum)
{
    size_t end = at;
    *sum = gs->items[at];
    for (end++; end < gs->count; end++) {
        const Group *g = &gs->items[end];
        if (sum->bytes + g->bytes >= COMPACT_FILE_MIN ||
            expiry_compare(&sum->class, &g->class) != 0 ||
            expiry_span(&sum->class, sum->first) != expiry_span(&g->class, g->first))
            break;
        sum->bytes += g->bytes;
        sum->last = g->last > sum->last ? g->last : sum->last;
        sum->below += g->below;
        sum->work = true;
        sum->newest_ns = g->newest_ns > sum->newest_ns ? g->newest_ns : sum->newest_ns;
        sum->oldest_ns = g->oldest_ns < sum->oldest_ns ? g->oldest_ns : sum->oldest_ns;
    }
    return end;
}

/* ---- picks ---- */

static int by_sequence(const void *a, const void *b)
{
    const EngineFile *x = *(EngineFile *const *)a, *y = *(EngineFile *const *)b;
    if (x->info.seq_min != y->info.seq_min)
        return x->info.seq_min < y->info.seq_min ? -1 : 1;
    return (x->info.number > y->info.number) - (x->info.number < y->info.number);
}

static void pick_add(Pick *p, EngineFile *f)
{
    p->files = mem_realloc(p->files, (p->count + 1) * sizeof *p->files);
    p->files[p->count++] = file_ref(f);
}

void pick_free(Pick *p)
{
    for (size_t i = 0; i < p->count; i++)
        file_unref(p->files[i]);
    mem_free(p->files);
    mem_free(p->cuts);
    *p = (Pick){0};
}

static void pick_shorten(Pick *p, size_t drop) /* without the oldest ones */
{
    for (size_t i = 0; i < drop; i++)
        file_unref(p->files[i]);
    p->count -= drop;
    memmove(p->files, p->files + drop, p->count * sizeof *p->files);
}

static void take_groups(Pick *p, const Groups *gs, size_t begin, size_t end, int level_below)
{
    for (size_t i = begin; i < end; i++)
        for (size_t k = gs->items[i].begin; k < gs->items[i].end; k++)
            if (gs->files.items[k].f->info.level < level_below)
                pick_add(p, gs->files.items[k].f);
    if (p->count)
        qsort(p->files, p->count, sizeof *p->files, by_sequence);
}

static bool concerns(const Groups *gs, size_t begin, size_t end, TableId table)
{
    for (size_t i = begin; table && i < end; i++)
        for (size_t k = gs->items[i].begin; k < gs->items[i].end; k++)
            if (file_has_table(gs->files.items[k].f, table))
                return true;
    return !table;
}

/* Flushes in order of writing, up to one that cannot be read or behind it. */
static bool pick_level0(Engine *eng, const CatalogSnap *cat, size_t least, Pick *p)
{
    Candidates l = list_files(eng, cat, 0);
    EngineFile **files = mem_zero((l.count + 1) * sizeof *files);
    size_t n = 0;
    for (size_t i = 0; i < l.count; i++)
        if (l.items[i].f->info.level == 0)
            files[n++] = l.items[i].f;
    if (n)
        qsort(files, n, sizeof *files, by_sequence);
    for (size_t begin = 0, end; begin < n && !p->count; begin = end + 1) {
        for (end = begin; end < n && !is_damaged(files[end]); end++)
            ;
        bool enough = end - begin >= least || (end < n && end > begin);
        for (size_t i = begin; enough && i < end; i++)
            pick_add(p, files[i]);
    }
    p->level = 1;
    mem_free(files);
    list_free(&l);
    return p->count > 0;
}

static bool pick_vacuum(Engine *eng, const Compactor *c, const CatalogSnap *cat, Pick *p)
{
    if (pick_level0(eng, cat, 1, p)) /* split by group first: it may touch few of them */
        return true;
    Groups gs = find_groups(eng, cat);
    Group sum;
    for (size_t i = 0, end; !p->count && i < gs.count; i = end) {
        end = neighbours(&gs, i, &sum);
        bool work = sum.work || sum.end - sum.begin > 1;
        bool todo = work && (sum.below || sum.oldest_ns < c->vacuum_ns); /* each file once */
        if (todo && concerns(&gs, i, end, c->vacuum_table))
            take_groups(p, &gs, i, end, INT32_MAX);
    }
    p->level = 2;
    groups_free(&gs);
    return p->count > 0;
}

/* Rows that would not be written again. */
static uint64_t useless_rows(const Candidate *c, const TombList *tombs)
{
    uint64_t rows = c->f->dead_rows;
    for (size_t i = 0; c->hidden && i < part_table_count(c->f->part); i++) {
        TombView v = tombs_of_table(tombs, part_table_at(c->f->part, i));
        rows += tombs_share(&v, c->f->part, i, c->f->info.seq_max);
    }
    return rows;
}

static bool pick_dead(Engine *eng, const CatalogSnap *cat, Pick *p)
{
    Candidates l = list_files(eng, cat, 0);
    mutex_lock(&eng->mutex);
    TombList *tombs = tombs_ref(eng->tombs);
    mutex_unlock(&eng->mutex);
    for (size_t i = 0; !p->count && i < l.count; i++) {
        EngineFile *f = l.items[i].f;
        uint64_t rows = l.items[i].damaged ? 0 : useless_rows(&l.items[i], tombs);
        if (!rows || rows * 100 < f->info.rows * DEAD_PERCENT)
            continue;
        pick_add(p, f);
        p->level = f->info.level; /* its place among the layers stays the same */
        p->reason = "dead rows";
    }
    tombs_unref(tombs);
    list_free(&l);
    return p->count > 0;
}

/* Of files of one group, the newest ones that have about one size: a large result is not written
 * again for every few small ones. */
static void keep_tier(Pick *p)
{
    uint64_t bytes = 0;
    size_t keep = 0;
    for (size_t i = p->count; i-- > 0;) {
        const ManifestPart *m = &p->files[i]->info;
        bool apart = i + 1 == p->count || m->seq_max < p->files[i + 1]->info.seq_min;
        if (apart && p->count - i > ENGINE_L1_FILES && m->bytes > bytes)
            break;
        bytes += m->bytes;
        keep = p->count - i;
    }
    pick_shorten(p, p->count - keep);
}

static bool is_input(const Pick *p, const EngineFile *f)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->files[i] == f)
            return true;
    return false;
}

/* Files below the last level that have windows in common with another one; only these become fewer.  Others
 * are in the group for an old file of many windows, made when the table had no TTL or another one. */
static size_t piled(const Groups *gs, const Group *g, const Pick *p)
{
    const Candidate *l = gs->files.items + g->begin;
    size_t count = g->end - g->begin, n = 0;
    bool *in = mem_zero(count + 1);
    for (size_t i = 0; i < count; i++)
        in[i] = is_input(p, l[i].f);
    for (size_t i = 0; i < count; i++) {
        bool shares = false;
        for (size_t k = 0; in[i] && k < count && !shares; k++)
            shares = k != i && in[k] && belong_together(&l[i], &l[k]);
        n += shares;
    }
    mem_free(in);
    return n;
}

/* Inputs that were not all written after the files of the last level are left out. */
static void keep_newer(Pick *p, const Groups *gs, const Group *g)
{
    Lsn last = 0;
    size_t drop = 0;
    for (size_t k = g->begin; k < g->end; k++)
        if (!is_input(p, gs->files.items[k].f) && gs->files.items[k].f->info.seq_max > last)
            last = gs->files.items[k].f->info.seq_max;
    for (size_t i = 0; i < p->count; i++)
        drop = p->files[i]->info.seq_min <= last ? i + 1 : drop;
    pick_shorten(p, drop);
}

/* What is left out has to be older than all inputs, or newer.  A file of the last level may lie in between: late
 * rows have tied it to files of other windows that were written before it.  Such ones become inputs, too. */
static void close_order(Pick *p, const Groups *gs, const Group *g)
{
    for (bool grew = p->count > 0; grew;) {
        Lsn min = UINT64_MAX, max = 0;
        grew = false;
        for (size_t i = 0; i < p->count; i++) {
            const ManifestPart *m = &p->files[i]->info;
            min = m->seq_min < min ? m->seq_min : min;
            max = m->seq_max > max ? m->seq_max : max;
        }
        for (size_t k = g->begin; k < g->end; k++) {
            EngineFile *f = gs->files.items[k].f;
            if (is_input(p, f) || f->info.seq_max < min || f->info.seq_min > max)
                continue;
            pick_add(p, f);
            p->level = f->info.level > p->level ? f->info.level : p->level;
            grew = true;
        }
    }
    if (p->count)
        qsort(p->files, p->count, sizeof *p->files, by_sequence);
}

/* An open group, at level 1; false: its files stay what they are.  The cheapest way that makes them fewer. */
static bool take_piled(Pick *p, const Groups *gs, size_t at)
{
    enum { NEWER = 1, TIER = 2 };
    static const int ways[] = {NEWER | TIER, NEWER, TIER, 0};
    const Group *g = &gs->items[at];
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        p->level = 1;
        take_groups(p, gs, at, at + 1, 2);
        if (ways[i] & NEWER)
            keep_newer(p, gs, g);
        if (ways[i] & TIER)
            keep_tier(p);
        size_t before = p->count;
        close_order(p, gs, g);
        if (piled(gs, g, p) >= ENGINE_L1_FILES && (p->count == before || !(ways[i] & NEWER)))
            return true;
        pick_free(p);
    }
    return false;
}

static bool pick_ranges(Engine *eng, const CatalogSnap *cat, Pick *p)
{
    Groups gs = find_groups(eng, cat);
    int64_t closed = eng->clock->wall_ns(eng->clock) - ENGINE_CLOSED_NS;
    int64_t quiet = engine_now(eng) - ENGINE_QUIET_NS;
    for (size_t i = 0; !p->count && i < gs.count; i++) {
        const Group *g = &gs.items[i];
        bool over = g->last < closed && g->newest_ns < quiet;
        if (!g->below || (!over && g->below < ENGINE_L1_FILES))
            continue;
        if (!over && take_piled(p, &gs, i))
            break;
        if (!over)
            continue;
        p->level = 2;
        take_groups(p, &gs, i, i + 1, INT32_MAX);
    }
    Group sum;
    for (size_t i = 0, end; !p->count && i < gs.count; i = end) {
        end = neighbours(&gs, i, &sum);
        if (end - i < ENGINE_L1_FILES || sum.below || sum.last >= closed)
            continue;
        p->level = 2;
        take_groups(p, &gs, i, end, INT32_MAX);
    }
    groups_free(&gs);
    return p->count > 0;
}

/* ---- cuts ---- */

static void find_cuts(Engine *eng, const CatalogSnap *cat, Pick *p)
{
    Candidates l = list_files(eng, cat, 1);
    p->cuts = mem_zero((2 * l.count + 1) * sizeof *p->cuts);
    for (size_t i = 0; i < l.count; i++) {
        const Candidate *c = &l.items[i];
        if (!c->f->has_class || c->f->info.bytes < COMPACT_FILE_MIN || is_input(p, c->f))
            continue;
        p->cuts[p->cut_count++] = (CompactCut){c->f->class, c->first};
        if (c->last < INT64_MAX)
            p->cuts[p->cut_count++] = (CompactCut){c->f->class, c->last + 1};
    }
    list_free(&l);
}

bool engine_pick(Engine *eng, const Compactor *c, Pick *out)
{
    CatalogSnap *cat = engine_firm_catalog(eng);
    *out = (Pick){0};
    bool found = c->vacuum_ns
                     ? pick_vacuum(eng, c, cat, out)
                     : pick_dead(eng, cat, out) || pick_level0(eng, cat, ENGINE_L0_FILES, out) ||
                           pick_ranges(eng, cat, out);
    if (found && out->level > 0)
        find_cuts(eng, cat, out);
    cat_unref(cat);
    return found;
}
