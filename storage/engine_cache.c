/* Memory of files: the pages of mapped ones.  The kernel counts them as the process's own, and would
 * keep them as long as nobody else wants the memory; beyond the budget the files that were read least
 * recently give theirs back. */
#include "storage/engine_private.h"

#include "storage/mapped.h"
#include <stdlib.h>

#define LOOK_NS (100 * NS_PER_MS)

static int by_use(const void *a, const void *b)
{
    uint64_t x = part_used(*(Part *const *)a), y = part_used(*(Part *const *)b);
    return (x > y) - (x < y);
}

static void drop_pages(Engine *eng, int64_t bytes)
{
    mutex_lock(&eng->mutex);
    PartList *l = part_list_ref(eng->parts);
    mutex_unlock(&eng->mutex);
    Part **parts = mem_alloc((l->count + 1) * sizeof *parts);
    for (size_t i = 0; i < l->count; i++)
        parts[i] = l->parts[i].part;
    qsort(parts, l->count, sizeof *parts, by_use);
    for (size_t i = 0; i < l->count && bytes > 0; i++)
        bytes -= part_drop_pages(parts[i]);
    mem_free(parts);
    part_list_unref(l);
}

void engine_trim_mapped(Engine *eng)
{
    Budget *b = eng->o.mapped;
    if (!b || !eng->store->mapped)
        return;
    int64_t now = engine_now(eng), due = atomic_load_explicit(&eng->look_ns, memory_order_relaxed);
    if (now < due || !atomic_compare_exchange_strong(&eng->look_ns, &due, now + LOOK_NS))
        return;
    int64_t resident = mapped_resident();
    budget_charge(b, resident - atomic_exchange(&eng->mapped_bytes, resident));
    if (b->limit && resident > b->limit)
        drop_pages(eng, resident - b->limit / 4 * 3);
}
