#include "exec/explain_writer.h"
#include <stdio.h>

/* The rules of the formats are those of ExplainOpenGroup and its kin in PostgreSQL's explain.c. */

void ew_pad(ExplainWriter *w)
{
    buf_printf(w->out, "%*s", 2 * w->indent, "");
}

static void push(ExplainWriter *w, bool begun)
{
    must(w->depth < EXPLAIN_DEPTH_MAX);
    w->begun[w->depth++] = begun;
}

/* The comma and the new line between items. */
static void item(ExplainWriter *w)
{
    bool *begun = &w->begun[w->depth - 1];
    switch (w->format) {
    case EXPLAIN_TEXT:
        ew_pad(w);
        break;
    case EXPLAIN_XML:
        ew_pad(w);
        break;
    case EXPLAIN_JSON:
        buf_puts(w->out, *begun ? ",\n" : "\n");
        *begun = true;
        ew_pad(w);
        break;
    case EXPLAIN_YAML:
        if (*begun) {
            buf_puts(w->out, "\n");
            ew_pad(w);
        }
        *begun = true;
        break;
    }
}

static void tag(ExplainWriter *w, const char *name, const char *open, const char *close)
{
    buf_puts(w->out, open);
    for (const char *c = name; *c; c++)
        buf_put_u8(w->out, *c == ' ' || *c == '/' ? '-' : (uint8_t)*c);
    buf_puts(w->out, close);
}

static void put_xml(Buf *out, Slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        switch (s.ptr[i]) {
        case '&':
            buf_puts(out, "&amp;");
            break;
        case '<':
            buf_puts(out, "&lt;");
            break;
        case '>':
            buf_puts(out, "&gt;");
            break;
        default:
            buf_put_u8(out, (uint8_t)s.ptr[i]);
        }
    }
}

void ew_begin(ExplainWriter *w, Buf *out, ExplainFormat format)
{
    w->out = out;
    w->format = format;
    w->indent = 0;
    w->depth = 0;
    push(w, false);
    if (format == EXPLAIN_XML) {
        buf_puts(out, "<explain xmlns=\"http://www.postgresql.org/2009/explain\">\n");
        w->indent++;
    } else if (format == EXPLAIN_JSON) {
        buf_puts(out, "[");
        push(w, false);
        w->indent++;
    }
}

void ew_end(ExplainWriter *w)
{
    if (w->format == EXPLAIN_XML)
        buf_puts(w->out, "</explain>");
    else if (w->format == EXPLAIN_JSON)
        buf_puts(w->out, "\n]");
}

void ew_open(ExplainWriter *w, const char *type, const char *label, bool labeled)
{
    switch (w->format) {
    case EXPLAIN_TEXT:
        return;
    case EXPLAIN_XML:
        item(w);
        tag(w, type, "<", ">\n");
        w->indent++;
        return;
    case EXPLAIN_JSON:
        item(w);
        if (label) {
            buf_put_json(w->out, slice_cstr(label));
            buf_puts(w->out, ": ");
        }
        buf_puts(w->out, labeled ? "{" : "[");
        push(w, false);
        w->indent++;
        return;
    case EXPLAIN_YAML:
        item(w);
        if (label)
            buf_printf(w->out, "%s: ", label);
        else
            buf_puts(w->out, "- ");
        push(w, label != NULL);
        w->indent++;
        return;
    }
}

void ew_close(ExplainWriter *w, const char *type, bool labeled)
{
    if (w->format == EXPLAIN_TEXT)
        return;
    w->indent--;
    if (w->format == EXPLAIN_XML) {
        ew_pad(w);
        tag(w, type, "</", ">\n");
        return;
    }
    w->depth--;
    if (w->format == EXPLAIN_JSON) {
        buf_puts(w->out, "\n");
        ew_pad(w);
        buf_puts(w->out, labeled ? "}" : "]");
    }
}

static void property(ExplainWriter *w, const char *label, const char *unit, Slice value, bool raw)
{
    item(w);
    switch (w->format) {
    case EXPLAIN_TEXT:
        buf_printf(w->out, "%s: %.*s%s%s\n", label, SLICE_ARG(value), unit ? " " : "",
                   unit ? unit : "");
        break;
    case EXPLAIN_XML:
        tag(w, label, "<", ">");
        put_xml(w->out, value);
        tag(w, label, "</", ">\n");
        break;
    case EXPLAIN_JSON:
        buf_put_json(w->out, slice_cstr(label));
        buf_puts(w->out, ": ");
        break;
    case EXPLAIN_YAML:
        buf_printf(w->out, "%s: ", label);
        break;
    }
    if (w->format != EXPLAIN_JSON && w->format != EXPLAIN_YAML)
        return;
    if (raw)
        buf_put_slice(w->out, value);
    else
        buf_put_json(w->out, value);
}

void ew_text(ExplainWriter *w, const char *label, Slice value)
{
    property(w, label, NULL, value, false);
}

void ew_number(ExplainWriter *w, const char *label, const char *unit, double value, int digits)
{
    char buf[400];
    int n = snprintf(buf, sizeof buf, "%.*f", digits, value);
    property(w, label, unit, slice_of(buf, (size_t)n), true);
}

void ew_bool(ExplainWriter *w, const char *label, bool value)
{
    property(w, label, NULL, slice_cstr(value ? "true" : "false"), true);
}

void ew_list(ExplainWriter *w, const char *label, const Buf *values, const size_t *ends, size_t n)
{
    item(w);
    if (w->format == EXPLAIN_XML)
        tag(w, label, "<", ">\n");
    else if (w->format == EXPLAIN_JSON)
        buf_printf(w->out, "\"%s\": [", label);
    else
        buf_printf(w->out, "%s: ", label);
    for (size_t i = 0, from = 0; i < n; from = ends[i++]) {
        Slice v = slice_of(values->ptr + from, ends[i] - from);
        switch (w->format) {
        case EXPLAIN_TEXT:
            buf_printf(w->out, "%s%.*s", i ? ", " : "", SLICE_ARG(v));
            break;
        case EXPLAIN_XML:
            buf_printf(w->out, "%*s<Item>", 2 * w->indent + 2, "");
            put_xml(w->out, v);
            buf_puts(w->out, "</Item>\n");
            break;
        case EXPLAIN_JSON:
            buf_puts(w->out, i ? ", " : "");
            buf_put_json(w->out, v);
            break;
        case EXPLAIN_YAML:
            buf_printf(w->out, "\n%*s- ", 2 * w->indent + 2, "");
            buf_put_json(w->out, v);
            break;
        }
    }
    if (w->format == EXPLAIN_XML) {
        ew_pad(w);
        tag(w, label, "</", ">\n");
    } else {
        buf_puts(w->out, w->format == EXPLAIN_JSON ? "]" : w->format == EXPLAIN_TEXT ? "\n" : "");
    }
}
