/* Codecs on foreign bytes: u8 codec id, u16 count, then the chunk.  What decodes must be decoded
 * the same way again after encoding. */
#include "storage/codec_private.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void reencode(const CodecDef *def, const void *v, size_t n, Arena *arena)
{
    uint8_t *bytes = mem_zero(def->bound(v, n) + CODEC_SLACK);
    int64_t again[CODEC_VALUES_MAX * 2];
    Err e;
    size_t len = def->encode(bytes, v, n);
    if (len) {
        must(def->decode(again, n, slice_of((char *)bytes, len), arena, &e));
        if (def->kind == CODEC_STR)
            for (size_t i = 0; i < n; i++)
                must(slice_eq(((const Slice *)v)[i], ((Slice *)(void *)again)[i]));
        else
            must(memcmp(v, again, n * (def->kind == CODEC_BOOL ? 1 : 8)) == 0);
    }
    mem_free(bytes);
}

/* What decodes can be asked. */
static void answers(const CodecChunk *c, Arena *arena)
{
    const uint32_t cuts[] = {(uint32_t)c->n / 5, (uint32_t)c->n / 3, (uint32_t)c->n};
    ChunkStats st[ARRAY_LEN(cuts) + 1];
    uint64_t bits[BITMAP_WORDS(CODEC_VALUES_MAX)];
    size_t passed;
    Err e;
    must(codec_stats(st, c, c->n / 3, c->n, arena, &e));
    for (int sums = 0; sums < 2; sums++)
        must(codec_stats_cuts(st, c, &(RowCuts){cuts, ARRAY_LEN(cuts), sums, false}, arena, &e));
    must(codec_filter(bits, &passed, c, &(CodecFilter){CODEC_GT, {.i = 1000}}, arena, &e));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    const CodecDef *def = codec_find(data[0]);
    size_t n = (data[1] | (size_t)data[2] << 8) % CODEC_VALUES_MAX + 1;
    if (!def)
        return 0;
    /* Exactly the promised slack, so that ASan sees more. */
    char *copy = mem_zero(size - 3 + CODEC_SLACK);
    memcpy(copy, data + 3, size - 3);
    Slice src = slice_of(copy, size - 3);
    Arena arena;
    Budget budget;
    Err e;
    budget_init(&budget, "fuzz", NULL, 256 << 20);
    arena_init(&arena, &budget);
    int64_t v[CODEC_VALUES_MAX * 2]; /* room for slices */
    if (def->decode(v, n, src, &arena, &e)) {
        reencode(def, v, n, &arena);
        if (def->kind == CODEC_INT || def->kind == CODEC_FLOAT || def->kind == CODEC_TIME)
            answers(&(CodecChunk){def->id, def->kind == CODEC_FLOAT ? PHYS_F64 : PHYS_I64, n, src},
                    &arena);
    } else {
        must(e.code == ERR_DATA_CORRUPTED || e.code == ERR_OUT_OF_MEMORY);
    }
    arena_free(&arena);
    mem_free(copy);
    return 0;
}
