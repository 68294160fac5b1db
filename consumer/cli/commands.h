/* commands.h: the commands, and what argv says to them.
 *
 * What:    run, plan, verify, cache, dead-letters, each in the file of its name; they return the
 * exit code.
 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/common.h"

#include <signal.h>

#define ARGUMENTS_MAX 4

struct cli {
    const char *command; /* "run", "plan", "verify"...; NULL: none given */
    /* cache: "verify", the task, if given; dead-letters: "add", topic, partition, offset */
    const char *arguments[ARGUMENTS_MAX];
    size_t argument_count;
    const char *config_file;
    const char **sets; /* --set name=value */
    size_t set_count;
    bool help, version, print_config;
    bool apply_sink, apply_topics;      /* plan */
    bool list, connector, json;         /* ... */
    bool check_source, check_connector; /* ... */
    const char *rows;                   /* ... --rows, as it is given; NULL: not */
    bool ask_rows;                      /* ... */
    const char *connector_file;         /* --check-connector=FILE; NULL: standard input */
    bool all;                           /* verify */
    const char *view, *task, *sample;   /* ... as they are given; NULL: not */
    const char *settle, *wait, *snapshot;
    const char **keys; /* --key column=value */
    size_t key_count;
};

/* Set by the signal handlers of main, read by the commands. */
struct cli_signals {
    volatile sig_atomic_t stop;   /* SIGTERM or SIGINT came; 0: neither */
    volatile sig_atomic_t resume; /* SIGHUP */
    sigset_t waiting;             /* the signal mask for ppoll(2), which unblocks them */
};

int cli_run(const struct config *config, struct cli_signals *signals);
int cli_plan(const struct cli *cli, const struct config *config);
int cli_verify(const struct cli *cli, const struct config *config, struct cli_signals *signals);
int cli_cache(const struct cli *cli, const struct config *config);
int cli_dead_letters(const struct cli *cli, const struct config *config);

/* The connector's configuration as plan prints it; the caller frees it. */
MUST_CHECK enum err_kind cli_connector_json(const struct config *config, const struct plan *plan,
                                            char **ret_json, struct err *reterr);

#endif
