/* cli.h: argv → a command.
 *
 * What:    run, plan, verify, cache, dead-letters; --help, --version, --print-config.
 * Errors:  printed on stderr; the exit code says what they mean, see common.h.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "cli/commands.h"

/* Runs what argv asks for; returns the exit code. */
int cli_main(int argc, char **argv, char *const *env, struct cli_signals *signals);

#endif
