/* server/config_toml.h - the seam to toml++: walks a file and reports each value.
 * Threads: any; keeps nothing. */
#ifndef SKULK_SERVER_CONFIG_TOML_H
#define SKULK_SERVER_CONFIG_TOML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum TomlType { TOML_STRING, TOML_INTEGER, TOML_FLOAT, TOML_BOOLEAN, TOML_OTHER } TomlType;

typedef struct TomlValue {
    const char *key; /* "server.pg_port" */
    TomlType type;
    const char *type_name;
    const char *string;
    int64_t integer;
    double number;
    bool boolean;
    unsigned line;
} TomlValue;

/* each() returns false to stop.  False: the file cannot be read or parsed; `message` says why,
 * *line is where (0: the file as a whole). */
bool toml_walk(const char *path, bool (*each)(void *arg, const TomlValue *v), void *arg,
               char *message, size_t message_size, unsigned *line);

#ifdef __cplusplus
}
#endif
#endif
