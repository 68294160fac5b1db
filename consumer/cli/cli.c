#include "cli/cli.h"
#include "base/memory.h"
#include "cli/help.h"

#include <stdlib.h>
#include <string.h>

#ifndef VERSION
#define VERSION "unknown"
#endif

/* The value of an option that takes one, "--set x" or "--set=x"; NULL: not this option. Moves *at.
 */
static const char *option_value(const char *name, int argc, char **argv, int *at) {
    size_t len = strlen(name);
    const char *arg = argv[*at];
    if (!arg || strncmp(arg, name, len) != 0) {
        return NULL;
    }
    if (arg[len] == '=') {
        return arg + len + 1;
    }
    if (arg[len] == '\0' && *at + 1 < argc) {
        return argv[++*at];
    }
    return NULL;
}

static bool take_flag(struct cli *cli, const char *arg) {
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {
        {"--help", &cli->help},
        {"-h", &cli->help},
        {"--version", &cli->version},
        {"--print-config", &cli->print_config},
        {"--apply-sink", &cli->apply_sink},
        {"--apply-topics", &cli->apply_topics},
        {"--list", &cli->list},
        {"--connector", &cli->connector},
        {"--json", &cli->json},
        {"--check-source", &cli->check_source},
        {"--ask-rows", &cli->ask_rows},
        {"--check-connector", &cli->check_connector},
        {"--all", &cli->all},
    };
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if (strcmp(arg, flags[i].name) == 0) {
            *flags[i].flag = true;
            return true;
        }
    }
    return false;
}

/* Options of one command that take a value. */
static bool take_value(struct cli *cli, int argc, char **argv, int *at) {
    const struct {
        const char *name;
        const char **value;
    } options[] = {
        {"--view", &cli->view},         {"--task", &cli->task},     {"--sample", &cli->sample},
        {"--rows", &cli->rows},         {"--settle", &cli->settle}, {"--wait", &cli->wait},
        {"--snapshot", &cli->snapshot},
    };
    const char *value = option_value("--key", argc, argv, at);
    if (value) {
        cli->keys[cli->key_count++] = value;
        return true;
    }
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if ((value = option_value(options[i].name, argc, argv, at))) {
            *options[i].value = value;
            return true;
        }
    }
    return false;
}

static size_t arguments_of(const char *command) {
    return strcmp(command, "cache") == 0          ? 2
           : strcmp(command, "dead-letters") == 0 ? ARGUMENTS_MAX
                                                  : 0;
}

/* Options of one command only. */
static enum err_kind options_check(const struct cli *cli, struct err *reterr) {
    bool plan = cli->command && strcmp(cli->command, "plan") == 0;
    bool verify = cli->command && strcmp(cli->command, "verify") == 0;
    bool apply = cli->apply_sink || cli->apply_topics;
    bool check = cli->check_source || cli->check_connector;
    bool print = cli->list || cli->connector || (cli->json && !verify);
    if ((cli->rows || cli->ask_rows) && (!plan || apply || check || print)) {
        return err_set(reterr, ERR_CONFIG,
                       "--rows and --ask-rows are options of the command plan, where it prints for "
                       "people");
    }
    if ((apply || check || print) && !plan) {
        return err_set(reterr, ERR_CONFIG,
                       "--apply-sink, --apply-topics, --list, --connector, --json, --check-source "
                       "and --check-connector are options of the command plan");
    }
    if (check && (apply || print)) {
        return err_set(reterr, ERR_CONFIG,
                       "--check-source and --check-connector change nothing: they "
                       "can't be combined with --apply-..., --list, --connector and --json");
    }
    if ((cli->all || cli->view || cli->task || cli->sample || cli->settle || cli->wait ||
         cli->snapshot || cli->key_count > 0) &&
        !verify) {
        return err_set(reterr, ERR_CONFIG,
                       "--all, --view, --task, --key, --sample, --settle, --wait and --snapshot "
                       "are options of the command verify");
    }
    return ERR_NONE;
}

static enum err_kind parse(int argc, char **argv, struct cli *cli, struct err *reterr) {
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i], *value;
        if (!arg || take_flag(cli, arg) || take_value(cli, argc, argv, &i)) {
            continue;
        }
        if ((value = option_value("--set", argc, argv, &i))) {
            cli->sets[cli->set_count++] = value;
        } else if ((value = option_value("--config", argc, argv, &i))) {
            cli->config_file = value;
        } else if (strncmp(arg, "--check-connector=", 18) == 0 && arg[18] != '\0') {
            cli->check_connector = true;
            cli->connector_file = arg + 18;
        } else if (arg[0] != '-' && !cli->command) {
            cli->command = arg;
        } else if (arg[0] != '-' && cli->argument_count < arguments_of(cli->command)) {
            cli->arguments[cli->argument_count++] = arg;
        } else {
            return err_set(reterr, ERR_CONFIG, "unknown argument '%s'; --help lists the arguments",
                           arg);
        }
    }
    return options_check(cli, reterr);
}

static const struct err *unknown_command(const char *command, struct err *err) {
    char known[128] = "";
    help_commands(known, sizeof known);
    (void)err_set(err, ERR_CONFIG, "unknown command '%s'; commands are %s", command, known);
    return err;
}

static int help(const struct cli *cli) {
    struct err err;
    return help_print(cli->command, stdout) ? EXIT_CODE_OK
                                            : cli_fail(unknown_command(cli->command, &err));
}

static int dispatch(const struct cli *cli, const struct config *config,
                    struct cli_signals *signals) {
    if (cli->print_config) {
        config_print(config, stdout);
        return EXIT_CODE_OK;
    }
    if (strcmp(cli->command, "run") == 0) {
        return cli_run(config, signals);
    }
    if (strcmp(cli->command, "plan") == 0) {
        return cli_plan(cli, config);
    }
    if (strcmp(cli->command, "verify") == 0) {
        return cli_verify(cli, config, signals);
    }
    if (strcmp(cli->command, "cache") == 0) {
        return cli_cache(cli, config);
    }
    if (strcmp(cli->command, "dead-letters") == 0) {
        return cli_dead_letters(cli, config);
    }
    struct err err;
    return cli_fail(unknown_command(cli->command, &err));
}

int cli_main(int argc, char **argv, char *const *env, struct cli_signals *signals) {
    struct cli cli = {0};
    struct err err;
    cli.sets = memory_new((size_t)argc + 1, sizeof *cli.sets);
    cli.keys = memory_new((size_t)argc + 1, sizeof *cli.keys);
    int code = EXIT_CODE_OK;
    struct config *config = NULL;
    if (parse(argc, argv, &cli, &err) != ERR_NONE) {
        code = cli_fail(&err);
    } else if (cli.help) {
        code = help(&cli);
    } else if (cli.version) {
        (void)puts("oltp-olap-sync " VERSION);
    } else if (!cli.command && !cli.print_config) {
        (void)help_print(NULL, stderr);
        code = EXIT_CODE_CONFIG;
    } else {
        struct config_sources sources = {cli.config_file, env, cli.sets, cli.set_count};
        code = config_load(&sources, &config, &err) == ERR_NONE ? dispatch(&cli, config, signals)
                                                                : cli_fail(&err);
    }
    config_destroy(&config);
    free(cli.sets);
    free(cli.keys);
    return code;
}
