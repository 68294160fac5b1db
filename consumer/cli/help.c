#include "cli/help.h"

#include "config/config.h"

#include <string.h>

struct command {
    const char *name, *line, *usage, *text;
};

static const struct command commands[] = {
    {"run", "joins the consumer group and keeps the table", "run",
     "Joins the consumer group as one member and keeps its part of the table. More members share\n"
     "the work. It ends by a signal:\n"
     "  SIGTERM, SIGINT  finishes the transaction in flight, leaves the group\n"
     "  SIGHUP           tries halted tasks again\n"},
    {"plan", "shows what follows from the two SQL files, or applies it", "plan [OPTION...]",
     "Prints what follows from the two SQL files: the sink's DDL, the connector's configuration,\n"
     "the statements that write. Nothing is contacted or changed, unless one of these is given:\n"
     "  --apply-sink     makes the tables in the OLAP database\n"
     "  --apply-topics   makes the topics in Kafka\n"
     "  --connector      prints the connector's configuration alone, as JSON\n"
     "  --check-source   compares the source tables in the OLTP database (oltp.*) with\n"
     "                   schemas.oltp: prints each difference and the ways out\n"
     "  --check-connector[=FILE]\n"
     "                   compares a running connector with --connector: its configuration, as\n"
     "                   GET /connectors/NAME/config of Kafka Connect gives it, is read from FILE\n"
     "                   or standard input\n"
     "Exit code 3 of the last two: there are differences.\n"},
    {"cache", "prints what the state caches hold", "cache [TASK]",
     "Prints the state caches under state.dir, or one task's, without changing them: where each\n"
     "stands, then its rows, one JSON object a line. Stop the member that uses a cache first.\n"},
    {"dead-letters", "puts a record aside that halts its task",
     "dead-letters add TOPIC PARTITION OFFSET",
     "Decides that the record at this place is to be put aside: it goes to sync_dead_letter when\n"
     "its task comes to it, and its row keeps the version before it. Halt messages name the "
     "place.\n"
     "Then send SIGHUP to the members, or restart them. Members may run meanwhile.\n"},
};

#define COMMAND_COUNT (sizeof commands / sizeof *commands)

static void print_options(FILE *out) {
    (void)fputs("\n"
                "Options of every command:\n"
                "  --config FILE      settings from a JSON file\n"
                "  --set NAME=VALUE   one setting; wins over the environment, which wins over the\n"
                "                     file\n"
                "  --print-config     prints the settings in force and where each comes from\n"
                "  --help, --version\n",
                out);
}

static const struct command *find(const char *name) {
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

bool help_has(const char *command) {
    return find(command) != NULL;
}

void help_commands(char *out, size_t size) {
    size_t used = 0;
    for (size_t i = 0; i < COMMAND_COUNT && used < size; i++) {
        const char *before = i == 0 ? "" : i + 1 < COMMAND_COUNT ? ", " : " and ";
        int length = snprintf(out + used, size - used, "%s%s", before, commands[i].name);
        used += length > 0 ? (size_t)length : 0;
    }
}

static void print_overview(FILE *out) {
    (void)fputs(
        "oltp-olap-sync keeps a joined table in an OLAP PostgreSQL database equal to a SQL\n"
        "join over tables of an OLTP PostgreSQL database, from the changes that Debezium\n"
        "writes to Kafka.\n"
        "\n"
        "Usage: oltp-olap-sync COMMAND [OPTION...]\n"
        "\n"
        "Commands (COMMAND --help says more):\n",
        out);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        (void)fprintf(out, "  %-13s %s\n", commands[i].name, commands[i].line);
    }
    print_options(out);
    (void)fputs("\n"
                "Exit codes: 0 done (run: stopped by a signal), 1 failed, 2 a setting or an SQL\n"
                "file must be changed, 3 plan --check-...: there are differences.\n"
                "\n",
                out);
    config_help(out);
}

bool help_print(const char *command, FILE *out) {
    const struct command *found = command ? find(command) : NULL;
    if (!command) {
        print_overview(out);
    } else if (found) {
        (void)fprintf(out, "Usage: oltp-olap-sync %s\n\n%s", found->usage, found->text);
        print_options(out);
        (void)fputs("\noltp-olap-sync --help lists all settings, as does docs/configuration.md.\n",
                    out);
    }
    return !command || found;
}
