/* cli.h: argv → a command.
 *
 * What:    run, plan, cache; --help, --version, --print-config.
 * Errors:  printed on stderr; the exit code says what they mean, see below.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/buf.h"
#include "config/config.h"
#include "plan/plan.h"

#include <signal.h>

#define EXIT_CODE_OK     0
#define EXIT_CODE_FAILED 1 /* the command failed: the message says why */
#define EXIT_CODE_CONFIG 2 /* the operator must change something; nothing was touched */
/* plan --check-...: what exists differs from what plan derives; the differences are on stdout */
#define EXIT_CODE_DIFFERENT 3

#define ARGUMENTS_MAX 4

struct cli {
    const char *command; /* "run", "plan", "cache", "dead-letters"; NULL: none given */
    /* cache: the task, if one; dead-letters: "add", topic, partition, offset */
    const char *arguments[ARGUMENTS_MAX];
    size_t argument_count;
    const char *config_file;
    const char **sets; /* --set name=value */
    size_t set_count;
    bool help, version, print_config;
    bool apply_sink, apply_topics, connector; /* plan */
    bool check_source, check_connector;       /* ... */
    const char *connector_file;               /* --check-connector=FILE; NULL: standard input */
};

/* Set by the signal handlers of main, read by the commands. */
struct cli_signals {
    volatile sig_atomic_t stop;   /* SIGTERM, SIGINT */
    volatile sig_atomic_t resume; /* SIGHUP */
    sigset_t waiting;             /* the signal mask for ppoll(2), which unblocks them */
};

/* Runs what argv asks for; returns the exit code. */
int cli_main(int argc, char **argv, char *const *env, struct cli_signals *signals);

int cli_run(const struct config *config, struct cli_signals *signals);
int cli_plan(const struct cli *cli, const struct config *config);
int cli_cache(const struct cli *cli, const struct config *config);
int cli_dead_letters(const struct cli *cli, const struct config *config);

/* The connector's configuration as plan prints it; the caller frees it. */
MUST_CHECK enum err_kind cli_connector_json(const struct config *config, const struct plan *plan,
                                            char **ret_json, struct err *reterr);
/* Both SQL files by the settings. On failure *ret_place (NULL before) is what to print below the
 * message, by cli_print_place: the place with its caret, and what is supported. */
MUST_CHECK enum err_kind cli_load_view(const struct config *config, struct plan **ret_view,
                                       char **ret_place, struct err *reterr);
/* Prints it on stderr and frees it. */
void cli_print_place(char **place);
/* What a cache belongs to (state.h's identity), without the cluster's id before it. */
void cli_identity_tail(const struct config *config, const struct plan *plan, struct buf *out);
/* Prints "oltp-olap-sync: message" and returns the exit code of err. */
int cli_fail(const struct err *err);

#endif
