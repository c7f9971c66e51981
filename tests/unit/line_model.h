/* tests/unit/line_model.h - line protocol once more, byte by byte and without any haste, to compare with.
 *
 * A body becomes lines: refused, or a row with its tags and fields as text.  The types of fields are
 * remembered as the server remembers them: by the first line that was taken.  It knows int, float,
 * bool and text fields and leaves the wording of refusals to the server. */
#ifndef SKULK_TESTS_LINE_MODEL_H
#define SKULK_TESTS_LINE_MODEL_H

#include "base/mem.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { MODEL_PAIRS = 64, MODEL_TEXT = 600, MODEL_TYPES = 4096 };

typedef struct ModelPair {
    char key[MODEL_TEXT],
        value[MODEL_TEXT]; /* value: "i:5", "f:0.5", "b:1", "s:text"; a tag's as it is */
} ModelPair;

typedef struct ModelRow {
    char measurement[MODEL_TEXT];
    ModelPair tags[MODEL_PAIRS], fields[MODEL_PAIRS];
    size_t tag_count, field_count;
    int64_t time;
} ModelRow;

typedef struct ModelTypes { /* of fields, 'T' for tags: "measurement\1key" */
    char names[MODEL_TYPES][2 * MODEL_TEXT];
    char kinds[MODEL_TYPES];
    size_t count;
} ModelTypes;

/* Copies up to an unescaped byte of `stop`; a backslash before a byte of `special` goes away. */
static inline const char *model_name(const char *p, const char *end, const char *stop,
                                     const char *special, char *out)
{
    size_t n = 0;
    while (p < end && !strchr(stop, *p) && n < MODEL_TEXT - 2) {
        if (*p == '\\' && p + 1 < end) {
            if (!strchr(special, p[1]))
                out[n++] = '\\';
            p++;
        }
        out[n++] = *p++;
    }
    out[n] = 0;
    return p;
}

static inline bool model_number(const char *s, char *out)
{
    size_t n = strlen(s);
    char *end;
    if (s[n - 1] == 'i') {
        errno = 0;
        snprintf(out, MODEL_TEXT, "i:%lld", strtoll(s, &end, 10));
        return end == s + n - 1 && errno == 0;
    }
    if (strspn(s, "0123456789+-.eE") != n)
        return false;
    double v = strtod(s, &end);
    snprintf(out, MODEL_TEXT, "f:%a", v);
    return end == s + n && v - v == 0;
}

static inline bool model_bool(const char *s, char *out)
{
    static const char *const words[] = {"t", "T", "true",  "True",  "TRUE",
                                        "f", "F", "false", "False", "FALSE"};
    for (size_t i = 0; i < 10; i++)
        if (strcmp(s, words[i]) == 0) {
            snprintf(out, MODEL_TEXT, "b:%d", i < 5);
            return true;
        }
    return false;
}

/* p is behind the opening quote; the end of the line moves over line ends inside. */
static inline const char *model_string(const char *p, const char **end, const char *limit,
                                       char *out)
{
    size_t n = (size_t)snprintf(out, MODEL_TEXT, "s:");
    while (p < limit && *p != '"' && n < MODEL_TEXT - 2) {
        if (*p == '\\' && p + 1 < limit && (p[1] == '"' || p[1] == '\\'))
            p++;
        out[n++] = *p++;
    }
    out[n] = 0;
    if (p == limit || *p != '"')
        return NULL;
    if (++p > *end) {
        *end = memchr(p, '\n', (size_t)(limit - p));
        *end = *end ? *end : limit;
    }
    return p;
}

static inline const char *model_value(const char *p, const char **end, const char *limit, char *out)
{
    if (p < *end && *p == '"')
        return model_string(p + 1, end, limit, out);
    char word[MODEL_TEXT];
    size_t n = 0;
    while (p < *end && *p != ',' && *p != ' ' && n < MODEL_TEXT - 1)
        word[n++] = *p++;
    word[n] = 0;
    if (n == 0 || strlen(word) != n)
        return NULL;
    bool number = isdigit((unsigned char)word[0]) || strchr("+-.", word[0]);
    return (number ? model_number(word, out) : model_bool(word, out)) ? p : NULL;
}

static inline bool model_tags(ModelRow *r, const char **p, const char *end)
{
    while (*p < end && **p == ',') {
        if (r->tag_count == MODEL_PAIRS)
            return false;
        ModelPair *t = &r->tags[r->tag_count++];
        *p = model_name(*p + 1, end, "=, ", ",= ", t->key);
        if (*p >= end || **p != '=' || !t->key[0] || strcmp(t->key, "time") == 0)
            return false;
        *p = model_name(*p + 1, end, "=, ", ",= ", t->value);
        if (!t->value[0] || (*p < end && **p == '='))
            return false;
        if (!slice_utf8_valid(slice_cstr(t->value)) || !slice_utf8_valid(slice_cstr(t->key)))
            return false;
        for (size_t i = 0; i + 1 < r->tag_count; i++)
            if (strcmp(r->tags[i].key, t->key) == 0)
                return false;
    }
    return true;
}

/* The later of two fields of one name wins, in the place of the first. */
static inline ModelPair *model_field(ModelRow *r, const char *key)
{
    for (size_t i = 0; i < r->field_count; i++)
        if (strcmp(r->fields[i].key, key) == 0)
            return &r->fields[i];
    return r->field_count < MODEL_PAIRS ? &r->fields[r->field_count++] : NULL;
}

/* Does the value fit the type that the field has or gets?  An exact integer fits a float. */
static inline bool model_type(ModelTypes *types, const char *measurement, ModelPair *f)
{
    char name[2 * MODEL_TEXT];
    size_t i = 0;
    snprintf(name, sizeof name, "%s\1%s", measurement, f->key);
    while (i < types->count && strcmp(types->names[i], name) != 0)
        i++;
    if (i == types->count || types->kinds[i] == f->value[0])
        return true;
    if (types->kinds[i] != 'f' || f->value[0] != 'i')
        return false;
    long long v = atoll(f->value + 2);
    if (!((double)v < 0x1p63) || (long long)(double)v != v)
        return false;
    snprintf(f->value, sizeof f->value, "f:%a", (double)v);
    return true;
}

static inline void model_learn(ModelTypes *types, const char *measurement, const ModelPair *pairs,
                               size_t n, bool tags)
{
    for (size_t k = 0; k < n; k++) {
        char name[2 * MODEL_TEXT];
        size_t i = 0;
        snprintf(name, sizeof name, "%s\1%s", measurement, pairs[k].key);
        while (i < types->count && strcmp(types->names[i], name) != 0)
            i++;
        if (i < types->count)
            continue;
        must(types->count < MODEL_TYPES);
        memcpy(types->names[i], name, sizeof name);
        types->kinds[types->count++] = tags ? 'T' : pairs[k].value[0];
    }
}

static inline bool model_fields(ModelTypes *types, ModelRow *r, const char **p, const char **end,
                                const char *limit)
{
    for (;;) {
        char key[MODEL_TEXT], value[MODEL_TEXT];
        *p = model_name(*p, *end, "=, ", ",= ", key);
        if (*p >= *end || **p != '=' || !key[0] || strcmp(key, "time") == 0)
            return false;
        if (!slice_utf8_valid(slice_cstr(key)))
            return false;
        *p = model_value(*p + 1, end, limit, value);
        if (!*p || !slice_utf8_valid(slice_cstr(value)))
            return false;
        ModelPair *f = model_field(r, key), checked;
        for (size_t i = 0; i < r->tag_count; i++)
            if (strcmp(r->tags[i].key, key) == 0)
                return false;
        if (!f)
            return false;
        memcpy(checked.key, key, sizeof key);
        memcpy(checked.value, value, sizeof value);
        if (!model_type(types, r->measurement, &checked))
            return false;
        *f = checked;
        if (*p >= *end || **p == ' ')
            return true;
        if (*(*p)++ != ',')
            return false;
    }
}

static inline bool model_time(const char *p, const char *end, int64_t now, int64_t *ns)
{
    while (p < end && *p == ' ')
        p++;
    while (end > p && (end[-1] == ' ' || end[-1] == '\r'))
        end--;
    char text[64], *stop;
    size_t n = (size_t)(end - p);
    *ns = now;
    if (n == 0)
        return true;
    if (n >= sizeof text)
        return false;
    memcpy(text, p, n);
    text[n] = 0;
    long long v = strtoll(text, &stop, 10);
    *ns = v;
    return (isdigit((unsigned char)*text) || *text == '-' || *text == '+') && stop == text + n &&
           v < INT64_MAX && v > INT64_MIN;
}

/* One line from p on; *next: where the one after it begins.  0: blank or comment, 1: a row, -1: refused. */
static inline int model_line(ModelTypes *types, const char *p, const char *limit, int64_t now,
                             ModelRow *r, const char **next)
{
    const char *end = memchr(p, '\n', (size_t)(limit - p));
    end = end ? end : limit;
    *next = end < limit ? end + 1 : limit;
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\r'))
        p++;
    if (p == end || *p == '#')
        return 0;
    memset(r, 0, sizeof *r);
    p = model_name(p, end, ", ", ", ", r->measurement);
    if (!r->measurement[0] || !model_tags(r, &p, end) || p == end)
        return -1;
    while (p < end && *p == ' ')
        p++;
    if (p == end || !model_fields(types, r, &p, &end, limit) || !model_time(p, end, now, &r->time))
        return -1;
    if (!slice_utf8_valid(slice_cstr(r->measurement)))
        return -1;
    *next = end < limit ? end + 1 : limit;
    model_learn(types, r->measurement, r->tags, r->tag_count, true);
    model_learn(types, r->measurement, r->fields, r->field_count, false);
    return 1;
}

#endif
