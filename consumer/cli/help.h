/* help.h: what --help prints, for the program and for each command.
 *
 * What:    one table of commands: name, a line for the overview, the rest for COMMAND --help.
 * Owns:    static storage.
 * Threads: any.
 */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include <stdbool.h>
#include <stdio.h>

/* command NULL: the overview, with all settings. False: there is no such command. */
bool help_print(const char *command, FILE *out);
bool help_has(const char *command);
/* "run, plan and cache" */
void help_commands(char *out, size_t size);

#endif
