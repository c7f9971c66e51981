/* Parts that are made in memory: sealed and folded segments of the memtable. */
#include "storage/part.h"

static bool memory_write(PartSink *sink, const void *ptr, size_t len, Err *e)
{
    (void)e;
    buf_put(&((MemorySink *)sink)->image, ptr, len);
    return true;
}

MemorySink memory_sink(void)
{
    return (MemorySink){.sink.write = memory_write};
}

static void memory_close(PartSource *s)
{
    mem_free((void *)(uintptr_t)s->base);
    mem_free(s);
}

bool memory_sink_open(MemorySink *m, Part **out, Err *e)
{
    PartSource *src = MEM_NEW(PartSource);
    src->base = mem_realloc(m->image.ptr, m->image.len);
    src->size = m->image.len;
    src->close = memory_close;
    memcpy(src->name, "memory", sizeof "memory");
    m->image = (Buf){0};
    return part_open(out, src, e);
}
