#include "cli/help.h"

#include "config/config.h"

#include <string.h>

struct command {
    const char *name, *line, *usage, *text;
};

static const struct command commands[] = {
    {"run", "joins the consumer group and keeps the table up to date", "run",
     "Joins the consumer group as one member and keeps its part of the table up to date. Several\n"
     "members share the work. It runs until a signal:\n"
     "  SIGTERM, SIGINT  finishes the transaction in flight, leaves the group, exits\n"
     "  SIGHUP           retries halted tasks\n"},
    {"plan", "shows what is derived from the SQL files, or applies it", "plan [OPTION...]",
     "Prints what is derived from the SQL files: the sink's DDL, the connector's configuration,\n"
     "the statements that write; of each plan, where views can't share one. Connects to nothing\n"
     "and changes nothing, unless one of these is given; all but the first three are about the\n"
     "plan that schemas.plan names, where there are several:\n"
     "  --list           prints a line for each plan, with tabs between: its name, what its "
     "topics\n"
     "                   begin with, its replication slot\n"
     "  --rows T=N,...   also says what the state caches will take with so many rows\n"
     "  --ask-rows       the same with rows and lengths as the OLTP database (oltp.*) has them\n"
     "  --apply-sink     creates the tables in the OLAP database\n"
     "  --apply-topics   creates the topics in Kafka\n"
     "  --connector      prints only the connector's configuration, as JSON\n"
     "  --json           prints all of it as JSON\n"
     "  --check-source   compares the source tables in the OLTP database (oltp.*) with\n"
     "                   schemas.oltp: prints each difference and what to do\n"
     "  --check-connector[=FILE]\n"
     "                   compares a running connector with --connector; reads its configuration,\n"
     "                   as GET /connectors/NAME/config of Kafka Connect returns it, from FILE or\n"
     "                   standard input\n"
     "The last two exit with code 3 if there are differences.\n"},
    {"verify", "compares the table with the view, row by row", "verify [OPTION...]",
     "Compares the rows of the view in the OLTP database (oltp.*) with the table in the OLAP\n"
     "database, while everything runs. It only reads: its roles need SELECT. What differs is "
     "looked\n"
     "at again until the changes on their way have arrived; what stays is printed.\n"
     "  --all             prints every row that differs, not only the first 20\n"
     "  --json            prints one JSON object a line: the rows, then the summary\n"
     "  --view NAME       only this one of several views\n"
     "  --task P          only the rows of task P\n"
     "  --key COLUMN=VALUE\n"
     "                    only rows with this value in a column of the table's key; may be "
     "repeated\n"
     "  --sample SECONDS  rows of keys by chance, for so long\n"
     "  --settle SECONDS  how long a change may take from Kafka to the table (5)\n"
     "  --wait SECONDS    how long to wait besides for a connector that is behind (60)\n"
     "  --snapshot SECONDS\n"
     "                    after so long new snapshots are taken in both databases (300)\n"
     "Exit code 0: equal, but for refused rows and dead letters, which are printed; 3: rows "
     "differ;\n"
     "1: it failed; 2: a setting, an option or a right.\n"},
    {"cache", "prints what the state caches hold", "cache [verify] [TASK]",
     "Prints the state caches under state.dir, or one task's, without changing them: the offsets "
     "of\n"
     "each, then its rows, one JSON object per line. Stop the member that uses a cache first.\n"
     "  verify           checks all of a cache instead of printing its rows: that they are what\n"
     "                   was written, and that the indexes over them agree\n"},
    {"dead-letters", "sets aside a record that halts its task",
     "dead-letters add TOPIC PARTITION OFFSET",
     "Marks the record at this offset to be set aside: its task puts it into sync_dead_letter "
     "when\n"
     "it reads it, and the row keeps its previous version. Halt messages name the offset.\n"
     "Members may be running. Afterwards send them SIGHUP, or restart them.\n"},
};

#define COMMAND_COUNT (sizeof commands / sizeof *commands)

static void print_options(FILE *out) {
    (void)fputs("\n"
                "Options of every command:\n"
                "  --config FILE      settings from a JSON file\n"
                "  --set NAME=VALUE   one setting; overrides the environment, which overrides the\n"
                "                     file\n"
                "  --print-config     prints the effective settings and where each comes from\n"
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
        "oltp-olap-sync keeps a table in an OLAP PostgreSQL database equal to a SQL join of\n"
        "tables in an OLTP PostgreSQL database, from the changes that Debezium writes to\n"
        "Kafka.\n"
        "\n"
        "Usage: oltp-olap-sync COMMAND [OPTION...]\n"
        "\n"
        "Commands (COMMAND --help shows details):\n",
        out);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        (void)fprintf(out, "  %-13s %s\n", commands[i].name, commands[i].line);
    }
    print_options(out);
    (void)fputs("\n"
                "Exit codes: 0 success (run: stopped by a signal), 1 failure, 2 a setting or an\n"
                "SQL file must be corrected, 3 plan --check-... found differences.\n"
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
