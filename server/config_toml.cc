/* server/config_toml.cc - toml++ behind a C seam; the only C++ file.  See config_toml.h. */
#include "server/config_toml.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <toml++/toml.h>

namespace
{
using Each = bool (*)(void *, const TomlValue *);

const char *type_name(const toml::node &node)
{
    switch (node.type()) {
    case toml::node_type::table:
        return "a table";
    case toml::node_type::array:
        return "an array";
    case toml::node_type::string:
        return "a string";
    case toml::node_type::integer:
        return "an integer";
    case toml::node_type::floating_point:
        return "a number with a point";
    case toml::node_type::boolean:
        return "a boolean";
    default:
        return "a date or time";
    }
}

bool walk(const toml::table &table, const std::string &prefix, Each each, void *arg)
{
    for (auto &&[key, node] : table) {
        const std::string name = prefix + std::string(key.str());
        if (const toml::table *inner = node.as_table()) {
            if (!walk(*inner, name + ".", each, arg))
                return false;
            continue;
        }
        TomlValue v{};
        std::string text;
        v.key = name.c_str();
        v.type = TOML_OTHER;
        v.type_name = type_name(node);
        v.line = node.source().begin.line;
        if (auto s = node.as_string()) {
            text = s->get();
            v.type = TOML_STRING;
            v.string = text.c_str();
        } else if (auto i = node.as_integer()) {
            v.type = TOML_INTEGER;
            v.integer = i->get();
        } else if (auto f = node.as_floating_point()) {
            v.type = TOML_FLOAT;
            v.number = f->get();
        } else if (auto b = node.as_boolean()) {
            v.type = TOML_BOOLEAN;
            v.boolean = b->get();
        }
        if (!each(arg, &v))
            return false;
    }
    return true;
}
} // namespace

extern "C" bool toml_walk(const char *path, Each each, void *arg, char *message,
                          size_t message_size, unsigned *line)
{
    *line = 0;
    FILE *f = std::fopen(path, "rb");
    if (!f) {
        std::snprintf(message, message_size, "%s", std::strerror(errno));
        return false;
    }
    std::string text;
    char piece[4096];
    size_t n;
    while ((n = std::fread(piece, 1, sizeof piece, f)) > 0 && text.size() < (1u << 20))
        text.append(piece, n);
    const bool broken = std::ferror(f) != 0;
    std::fclose(f);
    if (broken || text.size() >= (1u << 20)) {
        std::snprintf(message, message_size, "%s", broken ? "cannot be read" : "larger than 1 MiB");
        return false;
    }
    try {
        walk(toml::parse(text), "", each, arg);
        return true;
    } catch (const toml::parse_error &e) {
        *line = e.source().begin.line;
        std::snprintf(message, message_size, "%.*s", static_cast<int>(e.description().size()),
                      e.description().data());
    } catch (const std::exception &e) {
        std::snprintf(message, message_size, "%s", e.what());
    }
    return false;
}
