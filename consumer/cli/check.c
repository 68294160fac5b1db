/* plan --check-source and plan --check-connector: compare what exists with what plan derives. */
#include "cli/check.h"

#include "base/memory.h"
#include "cli/clients.h"
#include "oltp/compare.h"
#include "view/connector_check.h"
#include "view/trigger.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CONNECTOR_BYTES_MAX ((size_t)1024 * 1024)

/* ---- the source ---- */

static enum err_kind look_at(const struct link_options *options, const struct plan *plan,
                             struct look *look, struct err *reterr) {
    struct link *link = NULL;
    struct look_names names = {"", ""}; /* the connector makes them later */
    if (!link_is_set(options)) {
        return err_set(reterr, ERR_CONFIG,
                       "the OLTP database's address is not set: set oltp.host (SYNC_OLTP_HOST), "
                       "oltp.port, oltp.user, oltp.password and oltp.dbname");
    }
    enum err_kind kind = link_open(options, &link, reterr);
    if (kind == ERR_NONE) {
        kind = link_look(link, plan, &names, look, reterr);
    }
    link_close(&link);
    return kind;
}

static void print_source(const struct config *config, const struct plan *plan,
                         const struct findings *findings) {
    bool trigger = false, differs = findings_any(findings, FINDING_RED);
    for (size_t i = 0; i < findings->count; i++) {
        const struct finding *finding = &findings->items[i];
        (void)printf("%s: %s\n", finding->weight == FINDING_NOTE ? "note" : "different",
                     finding->text);
        trigger |= finding->kind == FINDING_TRIGGER;
    }
    if (findings->more > 0) {
        (void)printf("... and %zu more\n", findings->more);
    }
    if (trigger) {
        struct buf sql = {0};
        trigger_append(&sql, plan);
        (void)printf("\nThe trigger against TRUNCATE, for the OLTP database:\n\n" STR_FMT "\n",
                     STR_ARG(buf_view(&sql)));
        buf_clear(&sql);
    }
    if (!differs) {
        (void)printf("the OLTP database matches %s\n", config->schemas_oltp);
        return;
    }
    (void)printf(
        "\nWhat to do:\n"
        "  - if the database is right: correct %s (pg_dump --schema-only shows its tables)\n"
        "  - if the file is right: change the tables in the OLTP database\n"
        "  - if you mean another database or schema: correct oltp.* and connector.database.*\n",
        config->schemas_oltp);
}

enum err_kind check_source(const struct config *config, const struct plan *plan,
                           bool *ret_different, struct err *reterr) {
    struct clients_oltp oltp;
    struct look look = {0};
    struct findings *findings = memory_new(1, sizeof *findings);
    clients_oltp_init(&oltp, config);
    enum err_kind kind = look_at(&oltp.options, plan, &look, reterr);
    if (kind == ERR_NONE) {
        compare_tables(plan, &look, findings);
        print_source(config, plan, findings);
        *ret_different = findings_any(findings, FINDING_RED);
    }
    look_clear(&look);
    clients_oltp_clear(&oltp);
    free(findings);
    return kind;
}

/* ---- the connector ---- */

static enum err_kind file_read(const char *path, struct buf *text, struct err *reterr) {
    FILE *in = path ? fopen(path, "re") : stdin;
    if (!in) {
        return err_set(reterr, ERR_CONFIG, "--check-connector=%s: %s", path, strerror(errno));
    }
    size_t got = 1;
    while (got > 0 && text->len <= CONNECTOR_BYTES_MAX) {
        got = fread(buf_reserve(text, BUFSIZ), 1, BUFSIZ, in);
        text->len += got;
    }
    if (path) {
        (void)fclose(in);
    }
    return text->len <= CONNECTOR_BYTES_MAX
               ? ERR_NONE
               : err_set(reterr, ERR_CONFIG, "--check-connector: more than %zu bytes",
                         CONNECTOR_BYTES_MAX);
}

static void print_connector(const struct connector_report *report) {
    (void)printf(STR_FMT, STR_ARG(buf_view(&report->text)));
    if (report->different == 0) {
        (void)printf("the connector matches plan%s\n",
                     report->harmless > 0 ? ", except for settings that may be changed at any time"
                                          : "");
        return;
    }
    (void)printf(
        "\nThe connector was created for something else: if plan's configuration replaced its own, "
        "changes would be lost or misread. What to do:\n"
        "  - if it is right, or also serves others: set its settings as "
        "connector.NAME (SYNC_CONNECTOR_NAME), and the schemas.oltp, schemas.view and topic.prefix "
        "that it was created with\n"
        "  - for a view that brings further tables: CREATE MATERIALIZED VIEW name WITH (own_plan) "
        "AS ..., which gives it a connector of its own (docs/views.md, Several views)\n"
        "  - if it is no longer needed: delete it and start over with new topics "
        "(docs/operations.md, Starting over)\n");
}

enum err_kind check_connector(const struct cli *cli, const char *planned, bool *ret_different,
                              struct err *reterr) {
    struct buf text = {0};
    struct connector_report report = {0};
    if (!cli->connector_file && isatty(STDIN_FILENO)) {
        (void)fputs("reading the connector's configuration from the terminal; did you mean\n"
                    "  curl -fsS http://HOST:8083/connectors/NAME/config | oltp-olap-sync plan "
                    "--check-connector\n",
                    stderr);
    }
    enum err_kind kind = file_read(cli->connector_file, &text, reterr);
    if (kind == ERR_NONE) {
        kind = connector_compare(planned, buf_view(&text), &report, reterr);
    }
    if (kind == ERR_NONE) {
        print_connector(&report);
        *ret_different = report.different > 0;
    }
    buf_clear(&text);
    buf_clear(&report.text);
    return kind;
}
