/* The command plan: prints or applies what is derived from the two SQL files. */
#include "base/memory.h"
#include "cli/check.h"
#include "cli/clients.h"
#include "cli/estimate.h"
#include "view/connector.h"
#include "view/connector_check.h"
#include "view/plan_json.h"
#include "view/trigger.h"

#include <stdlib.h>
#include <unistd.h>

#define APPLY_WAIT_MS 15000

enum err_kind cli_connector_json(const struct config *config, const struct plan *plan,
                                 char **ret_json, struct err *reterr) {
    struct view_connector_setting *overrides =
        memory_new(config->connector.count + 1, sizeof *overrides);
    for (size_t i = 0; i < config->connector.count; i++) {
        overrides[i].key = str_from(config->connector.items[i].name);
        overrides[i].value = str_from(config->connector.items[i].value);
    }
    struct view_connector_options options = {
        .name = "oltp_olap_sync",
        .topic_prefix = plan->topic_prefix.ptr,
        .record_max_bytes = config->record_max_bytes,
        .overrides = overrides,
        .override_count = config->connector.count,
    };
    enum err_kind kind = view_connector_json(plan, &options, ret_json, reterr);
    free(overrides);
    return kind;
}

static void print_sql(const char *title, struct str sql) {
    if (sql.ptr) {
        (void)printf("-- %s\n" STR_FMT "%s\n\n", title, STR_ARG(sql),
                     sql.len > 0 && sql.ptr[sql.len - 1] == ';' ? "" : ";");
    }
}

static void print_lines(struct str lines) {
    while (lines.len > 0) {
        const char *end = memchr(lines.ptr, '\n', lines.len);
        size_t len = end ? (size_t)(end - lines.ptr) : lines.len;
        (void)printf("-- %.*s\n", (int)len, lines.ptr);
        len += end != NULL;
        lines = (struct str){lines.ptr + len, lines.len - len};
    }
}

static void print_sources(const struct plan *plan) {
    if (plan->target_count > 1) {
        (void)printf("-- Plan %s: %zu views, %d partitions (tasks)\n", plan->name.ptr,
                     plan->target_count, plan->partition_count);
    } else {
        (void)printf("-- View %s: fingerprint %s, %d partitions (tasks)\n", plan->name.ptr,
                     plan->targets[0].fingerprint.ptr, plan->partition_count);
    }
    for (size_t t = 0; t < plan->relation_count; t++) {
        const struct relation *table = &plan->relations[t];
        if (!table->filtered) { /* else its lookup says so */
            (void)printf("-- Source %s.%s: topic %s, %d partition%s\n", table->schema.ptr,
                         table->name.ptr, table->topic.ptr, table->partition_count,
                         table->partition_count == 1 ? "" : "s");
        }
    }
    print_lines(plan->notes);
    (void)printf("\n");
}

static void print_deletes(const struct plan *plan, const struct target *target) {
    for (size_t o = 0; o < target->core_count; o++) {
        const struct occurrence *of = &target->occurrences[o];
        (void)printf("-- Table %s\n", occurrence_relation(plan, target, (int)o)->name.ptr);
        print_sql("Delete the rows of a key", of->sql_delete);
        print_sql("Delete the rows without a row of it", of->sql_delete_null);
        print_sql("Delete the rows with a row of it", of->sql_delete_matched);
    }
}

static void print_checks(const struct plan *plan) {
    for (size_t r = 0; r < plan->relation_count; r++) {
        (void)printf("-- Table %s\n", plan->relations[r].name.ptr);
        print_sql("Convert a row's values without writing", plan->relations[r].sql_check);
    }
}

static void print_load(const struct target *target) {
    print_sql("Initial load", target->sql_copy.ptr ? target->sql_copy : target->sql_insert);
}

static void print_statements(const struct plan *plan) {
    for (size_t t = 0; t < plan->target_count; t++) {
        const struct target *target = &plan->targets[t];
        bool last = t + 1 == plan->target_count;
        if (plan->target_count > 1) {
            (void)printf("-- View %s\n", target->name.ptr);
        }
        print_sql("The table", target->sql_ddl);
        if (last) {
            (void)printf("-- Progress, identity and dead letters\n%s\n", pg_sink_ddl(plan));
        }
        print_sql("What fails if an expression may change without its row", target->sql_prove);
        print_sql("Upsert: one text[] for each value", target->sql_upsert);
        print_sql("Delete what WHERE does not let pass: the same values", target->sql_filter);
        print_deletes(plan, target);
        if (last) {
            print_checks(plan);
        }
        print_load(target);
    }
}

static void print_plan(const struct plan *plan, const char *connector) {
    print_statements(plan);
    struct buf trigger = {0};
    trigger_append(&trigger, plan);
    (void)printf(
        "-- For the OLTP database: against TRUNCATE, which Debezium does not send\n" STR_FMT "\n",
        STR_ARG(buf_view(&trigger)));
    buf_clear(&trigger);
    (void)printf("-- Connector\n%s\n", connector);
}

static enum err_kind apply_topics(const struct config *config, const struct clients *clients,
                                  struct err *reterr) {
    struct consume *consume = NULL;
    struct kafka_topic_options topics = {
        .replication_factor = (int32_t)config->topic_replication_factor,
        .min_compaction_lag_ms = config->topic_min_compaction_lag_ms,
        .max_message_bytes = config->record_max_bytes + KAFKA_RECORD_OVERHEAD,
    };
    enum err_kind kind = kafka_new(&clients->kafka, &consume, reterr);
    if (kind == ERR_NONE) {
        kind = kafka_create_topics(consume, APPLY_WAIT_MS, &topics, reterr);
    }
    kafka_destroy(&consume);
    for (size_t t = 0; kind == ERR_NONE && t < clients->kafka.topic_count; t++) {
        const struct kafka_topic *topic = &clients->kafka.topics[t];
        if (topic->name) {
            (void)printf("topic %s: %d partition%s\n", topic->name, topic->partition_count,
                         topic->partition_count == 1 ? "" : "s");
        }
    }
    return kind;
}

static enum err_kind apply(const struct cli *cli, const struct config *config,
                           const struct plan *plan, struct err *reterr) {
    struct log log = cli_log(config, "plan");
    struct clients clients;
    clients_init(&clients, config, plan, &log);
    enum err_kind kind = ERR_NONE;
    if (cli->apply_sink) {
        kind = pg_apply_ddl(plan, &clients.sink, reterr);
        for (size_t t = 0; kind == ERR_NONE && t < plan->target_count; t++) {
            (void)printf("table %s and its progress tables exist\n", plan->targets[t].name.ptr);
        }
    }
    if (kind == ERR_NONE && cli->apply_topics) {
        kind = apply_topics(config, &clients, reterr);
    }
    clients_clear(&clients);
    return kind;
}

static enum err_kind print(const struct cli *cli, const struct config *config,
                           const struct plan *plan, struct err *reterr) {
    char *json = NULL;
    struct sizes sizes = {0};
    enum err_kind kind = cli_connector_json(config, plan, &json, reterr);
    if (kind == ERR_NONE) {
        kind = estimate_ask(cli, config, plan, &sizes, reterr);
    }
    if (kind == ERR_NONE && cli->connector) {
        (void)puts(json);
    } else if (kind == ERR_NONE && cli->json) {
        char *all = view_plan_json(plan, json);
        (void)fputs(all, stdout);
        free(all);
    } else if (kind == ERR_NONE) {
        print_sources(plan);
        if (cli->rows || cli->ask_rows) {
            estimate_print(cli, config, plan, &sizes);
        }
        print_plan(plan, json);
    }
    sizes_clear(&sizes);
    free(json);
    return kind;
}

/* For scripts: the plan's name, what its topics' names begin with, its slot. */
static enum err_kind print_list(const struct config *config, const struct plan *plan,
                                struct err *reterr) {
    char *json = NULL;
    struct buf slot = {0};
    enum err_kind kind = cli_connector_json(config, plan, &json, reterr);
    if (kind == ERR_NONE) {
        connector_value(json, "slot.name", &slot);
        (void)printf("%s\t%s\t" STR_FMT "\n", plan->name.ptr, plan->topic_prefix.ptr,
                     STR_ARG(buf_view(&slot)));
    }
    buf_clear(&slot);
    free(json);
    return kind;
}

/* Of every plan, unless one is named. */
static enum err_kind print_all(const struct cli *cli, const struct config *config, char **ret_place,
                               struct err *reterr) {
    struct view_plans plans = {.count = 0};
    enum err_kind kind = cli_load_views(config, &plans, ret_place, reterr);
    if (kind == ERR_NONE) {
        kind = estimate_check(cli->rows, plans.plans, plans.count, reterr);
    }
    for (size_t i = 0; i < plans.count && kind == ERR_NONE; i++) {
        kind = cli->list ? print_list(config, plans.plans[i], reterr)
                         : print(cli, config, plans.plans[i], reterr);
    }
    view_plans_clear(&plans);
    return kind;
}

static enum err_kind check(const struct cli *cli, const struct config *config,
                           const struct plan *plan, bool *ret_different, struct err *reterr) {
    bool source = false, connector = false;
    char *json = NULL;
    enum err_kind kind = ERR_NONE;
    if (cli->check_source) {
        kind = check_source(config, plan, &source, reterr);
    }
    if (kind == ERR_NONE && cli->check_connector) {
        kind = cli_connector_json(config, plan, &json, reterr);
        if (kind == ERR_NONE) {
            kind = check_connector(cli, json, &connector, reterr);
        }
    }
    free(json);
    *ret_different = source || connector;
    return kind;
}

static enum err_kind act(const struct cli *cli, const struct config *config, char **ret_place,
                         bool *ret_different, struct err *reterr) {
    struct plan *plan = NULL;
    enum err_kind kind = cli_load_view(config, &plan, ret_place, reterr);
    if (kind == ERR_NONE && (cli->apply_sink || cli->apply_topics)) {
        kind = apply(cli, config, plan, reterr);
    } else if (kind == ERR_NONE && (cli->check_source || cli->check_connector)) {
        kind = check(cli, config, plan, ret_different, reterr);
    } else if (kind == ERR_NONE) {
        kind = estimate_check(cli->rows, &plan, 1, reterr);
        kind = kind == ERR_NONE ? print(cli, config, plan, reterr) : kind;
    }
    plan_destroy(&plan);
    return kind;
}

int cli_plan(const struct cli *cli, const struct config *config) {
    char *place = NULL;
    struct err err;
    bool different = false;
    bool one = config->schemas_plan || cli->apply_sink || cli->apply_topics || cli->check_source ||
               cli->check_connector || cli->connector || cli->json;
    enum err_kind kind = one && !cli->list ? act(cli, config, &place, &different, &err)
                                           : print_all(cli, config, &place, &err);
    int code = different ? EXIT_CODE_DIFFERENT : EXIT_CODE_OK;
    if (kind != ERR_NONE) {
        code = cli_fail(&err);
    }
    cli_print_place(&place);
    return code;
}
