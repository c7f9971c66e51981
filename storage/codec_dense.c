/* storage/codec_dense.c - entropy coding of small symbols: rANS (Duda 2013), four states in turn.
 *
 * Frequencies are out of 1,024, so a full block needs no rounding.  The encoder runs backward from
 * states of STATE_MIN; a decoder that does not end there has read damaged bytes. */
#include "storage/codec_private.h"

#include <math.h>

enum {
    SCALE_BITS = 10,
    SCALE = 1 << SCALE_BITS,
    STATES = 4,
    STATE_MIN = 1 << 16,
    FREQ_CLASS_BITS = 4, /* bit length of a frequency, 0 to 11 */
};

size_t dense_bound(size_t n)
{
    return 1 + (DENSE_SYMBOLS * (FREQ_CLASS_BITS + SCALE_BITS) + 7) / 8 + STATES * 4 + n * 2 + 8;
}

/* Frequencies of exactly SCALE in all, at least 1 for each symbol that occurs. */
static void normalise(uint16_t freq[DENSE_SYMBOLS], const uint32_t count[DENSE_SYMBOLS], size_t n)
{
    int left = SCALE;
    size_t most = 0;
    for (size_t s = 0; s < DENSE_SYMBOLS; s++) {
        uint32_t f = (uint32_t)(((uint64_t)count[s] * SCALE + n / 2) / n);
        freq[s] = (uint16_t)(count[s] && f == 0 ? 1 : f);
        left -= freq[s];
        most = freq[s] > freq[most] ? s : most;
    }
    if (left >= 0) {
        freq[most] = (uint16_t)(freq[most] + left);
        return;
    }
    for (size_t s = 0; left < 0; s = (s + 1) % DENSE_SYMBOLS) /* rounded up too often */
        if (freq[s] > 1 && freq[s] >= freq[most] / 8) {
            freq[s]--;
            left++;
        }
}

static uint8_t *write_table(uint8_t *p, const uint16_t freq[DENSE_SYMBOLS])
{
    size_t used = DENSE_SYMBOLS;
    while (used > 1 && freq[used - 1] == 0)
        used--;
    *p++ = (uint8_t)used;
    uint64_t acc = 0;
    unsigned have = 0;
    for (size_t s = 0; s < used; s++) {
        unsigned len = bit_length(freq[s]);
        acc |= (uint64_t)len << have;
        have += FREQ_CLASS_BITS;
        if (len > 1) { /* the highest bit is known */
            acc |= (freq[s] & low_bits(len - 1)) << have;
            have += len - 1;
        }
        for (; have >= 8; have -= 8, acc >>= 8)
            *p++ = (uint8_t)acc;
    }
    if (have)
        *p++ = (uint8_t)acc;
    return p;
}

uint8_t *dense_write(uint8_t *p, const uint8_t *sym, size_t n)
{
    uint32_t count[DENSE_SYMBOLS] = {0}, start[DENSE_SYMBOLS + 1] = {0};
    uint16_t freq[DENSE_SYMBOLS], words[CODEC_VALUES_MAX];
    for (size_t i = 0; i < n; i++)
        count[sym[i]]++;
    normalise(freq, count, n);
    for (size_t s = 0; s < DENSE_SYMBOLS; s++)
        start[s + 1] = start[s] + freq[s];
    uint32_t x[STATES];
    for (size_t l = 0; l < STATES; l++)
        x[l] = STATE_MIN;
    size_t emitted = 0;
    for (size_t i = n; i-- > 0;) {
        uint32_t *state = &x[i % STATES], f = freq[sym[i]];
        if (*state >= (uint64_t)f << (32 - SCALE_BITS)) {
            words[emitted++] = (uint16_t)*state;
            *state >>= 16;
        }
        *state = (*state / f << SCALE_BITS) + *state % f + start[sym[i]];
    }
    p = write_table(p, freq);
    memcpy(p, x, sizeof x);
    p += sizeof x;
    while (emitted) {
        memcpy(p, &words[--emitted], 2);
        p += 2;
    }
    return p;
}

/* A slot: symbol in 6 bits, frequency in 11, place within the symbol's slots in 10. */
enum { SLOT_FREQ = 6, SLOT_PLACE = 17, FREQ_MASK = 0x7ff };

static bool read_table(uint32_t slot[SCALE], Reader *r, Err *e)
{
    size_t used = reader_u8(r);
    if (used == 0 || used > DENSE_SYMBOLS)
        return codec_damaged(e, "symbols: wrong number");
    uint64_t acc = 0;
    unsigned have = 0;
    size_t filled = 0;
    for (uint32_t s = 0; s < used; s++) {
        for (; have < FREQ_CLASS_BITS + SCALE_BITS && r->cur < r->end; have += 8)
            acc |= (uint64_t)reader_u8(r) << have;
        unsigned len = acc & low_bits(FREQ_CLASS_BITS), need = FREQ_CLASS_BITS;
        uint32_t f = len ? 1 : 0;
        if (len > 1) {
            f = (uint32_t)(1u << (len - 1) | (acc >> need & low_bits(len - 1)));
            need += len - 1;
        }
        if (len > SCALE_BITS + 1 || have < need || filled + f > SCALE)
            return codec_damaged(e, "symbols: wrong frequency");
        acc >>= need;
        have -= need;
        for (uint32_t k = 0; k < f; k++)
            slot[filled + k] = s | f << SLOT_FREQ | k << SLOT_PLACE;
        filled += f;
    }
    r->cur -= have / 8; /* whole bytes read too early */
    return filled == SCALE || codec_damaged(e, "symbols: wrong frequencies");
}

static inline uint32_t decode_step(uint32_t *x, const uint32_t *slot, const uint8_t **p)
{
    uint32_t at = slot[*x & (SCALE - 1)];
    uint32_t next = (at >> SLOT_FREQ & FREQ_MASK) * (*x >> SCALE_BITS) + (at >> SLOT_PLACE);
    uint16_t word;
    memcpy(&word, *p, sizeof word);
    uint32_t more = next < STATE_MIN; /* no branch: half of them would be guessed wrong */
    *p += 2 * more;
    *x = next << 16 * more | (word & -more);
    return at & (DENSE_SYMBOLS - 1);
}

bool dense_read(uint8_t *sym, size_t n, Slice src, Err *e)
{
    uint32_t slot[SCALE], x[STATES];
    Reader r = reader_of(src);
    if (!read_table(slot, &r, e))
        return false;
    for (size_t l = 0; l < STATES; l++)
        x[l] = reader_u32(&r);
    if (r.bad)
        return codec_damaged(e, "symbols: too short");
    const uint8_t *p = r.cur, *end = r.end;
    uint32_t a = x[0], b = x[1], c = x[2], d = x[3];
    size_t i = 0;
    for (; i + STATES <= n && p <= end; i += STATES) { /* may look 8 bytes behind the end */
        sym[i] = (uint8_t)decode_step(&a, slot, &p);
        sym[i + 1] = (uint8_t)decode_step(&b, slot, &p);
        sym[i + 2] = (uint8_t)decode_step(&c, slot, &p);
        sym[i + 3] = (uint8_t)decode_step(&d, slot, &p);
    }
    uint32_t *last[] = {&a, &b, &c};
    for (size_t l = 0; i < n && p <= end; i++, l++)
        sym[i] = (uint8_t)decode_step(last[l], slot, &p);
    bool ends = a == STATE_MIN && b == STATE_MIN && c == STATE_MIN && d == STATE_MIN;
    return (i == n && p == end && ends) || codec_damaged(e, "symbols: wrong end");
}

/* What dense_write() would take, in bits: the entropy and the table. */
uint64_t dense_cost(const uint32_t count[DENSE_SYMBOLS], size_t n)
{
    double bits = 8 * STATES * 2 + 16; /* a state holds about half its bits of symbols */
    size_t used = 0;
    for (size_t s = 0; s < DENSE_SYMBOLS; s++) {
        if (count[s] == 0)
            continue;
        bits += count[s] * log2((double)n / count[s]);
        bits += bit_length((uint64_t)count[s] * SCALE / n);
        used = s;
    }
    return (uint64_t)bits + FREQ_CLASS_BITS * (used + 1);
}
