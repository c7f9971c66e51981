#include "storage/expiry.h"

#include "storage/window.h"

enum { SPANS_PER_TTL = 8 }; /* how late a joined file goes: an eighth of the TTL */

ExpiryClass expiry_class(const TableDef *table)
{
    return (ExpiryClass){.ttl_ns = table->ttl_ns > 0 ? table->ttl_ns : 0,
                         .window_ns = window_length(table),
                         .own = table->window_ns > 0 ? table->id : 0};
}

int expiry_compare(const ExpiryClass *a, const ExpiryClass *b)
{
    if (a->ttl_ns != b->ttl_ns)
        return a->ttl_ns < b->ttl_ns ? -1 : 1;
    if (a->window_ns != b->window_ns)
        return a->window_ns < b->window_ns ? -1 : 1;
    return (a->own > b->own) - (a->own < b->own);
}

int64_t expiry_span_ns(const ExpiryClass *c)
{
    int64_t span = c->ttl_ns / SPANS_PER_TTL;
    span = span > EXPIRY_SPAN_NS ? EXPIRY_SPAN_NS : span;
    return span > c->window_ns ? span : c->window_ns;
}

int64_t expiry_span(const ExpiryClass *c, int64_t window)
{
    return c->ttl_ns ? floor_div(window, expiry_span_ns(c)) : 0;
}
