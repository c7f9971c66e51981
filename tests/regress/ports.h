/* The ports that a server started with --pg-port 0 and --http-port 0 was given, from its log. */
#ifndef SKULK_TESTS_PORTS_H
#define SKULK_TESTS_PORTS_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

/* Size of the log, 0: there is none.  What a server writes after it is this one's. */
static inline long log_size(const char *log)
{
    struct stat st;
    return stat(log, &st) == 0 ? (long)st.st_size : 0;
}

/* false: they do not stand in the log behind `from` yet. */
static inline bool ports_of(const char *log, long from, int *pg, int *http)
{
    char line[4096];
    FILE *f = fopen(log, "r");
    bool found = false;
    if (!f)
        return false;
    if (fseek(f, from, SEEK_SET) == 0)
        while (!found && fgets(line, sizeof line, f))
            found =
                sscanf(
                    line,
                    "%*s info server: listening on %*[^ ] PostgreSQL on port %d, HTTP on port %d",
                    pg, http) == 2;
    fclose(f);
    return found;
}

#endif
