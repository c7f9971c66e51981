/* server/tools.h - the commands of alopex-skulk that need no server: backup, verify, restore.
 * Threads: the main thread, before anything else runs. */
#ifndef SKULK_SERVER_TOOLS_H
#define SKULK_SERVER_TOOLS_H

#include <stdbool.h>

/* argv[0] is the command; false: it is none of these. */
bool tool_run(int argc, char **argv, int *exit_status);

#endif
