#include "cli/estimate.h"

#include "cli/clients.h"
#include "plan/estimate.h"

#include <math.h>
#include <stdlib.h>

#define MIB 1048576.0

struct item {
    struct str table;
    double rows;
};

/* Takes one off the front of *rest. False: it is none. */
static bool item_take(const char **rest, struct item *item) {
    const char *equals = strchr(*rest, '=');
    if (!equals || equals == *rest) {
        return false;
    }
    char *end = NULL;
    item->table = (struct str){*rest, (size_t)(equals - *rest)};
    item->rows = strtod(equals + 1, &end);
    if (end == equals + 1 || !isfinite(item->rows) || item->rows < 0 ||
        (*end != '\0' && *end != ',')) {
        return false;
    }
    *rest = *end == ',' ? end + 1 : end;
    return true;
}

static bool is_table(struct str name, const struct relation *relation) {
    size_t schema = relation->schema.len;
    bool qualified = name.len == schema + 1 + relation->name.len && name.ptr[schema] == '.' &&
                     memcmp(name.ptr, relation->schema.ptr, schema) == 0 &&
                     memcmp(name.ptr + schema + 1, relation->name.ptr, relation->name.len) == 0;
    return qualified || str_equal(name, relation->name);
}

static bool is_read(struct str name, struct plan *const *plans, size_t count) {
    for (size_t p = 0; p < count; p++) {
        for (size_t t = 0; t < plans[p]->relation_count; t++) {
            if (is_table(name, &plans[p]->relations[t])) {
                return true;
            }
        }
    }
    return false;
}

enum err_kind estimate_check(const char *rows, struct plan *const *plans, size_t count,
                             struct err *reterr) {
    struct item item;
    for (const char *rest = rows; rest && *rest;) {
        const char *start = rest;
        if (!item_take(&rest, &item)) {
            return err_set(reterr, ERR_CONFIG,
                           "--rows %s: TABLE=NUMBER,... is wanted, from \"%s\" on", rows, start);
        }
        if (!is_read(item.table, plans, count)) {
            return err_set(reterr, ERR_CONFIG, "--rows %s: no view reads a table " STR_FMT, rows,
                           STR_ARG(item.table));
        }
    }
    return ERR_NONE;
}

/* Negative: not given. */
static double rows_of(const char *rows, const struct relation *relation) {
    struct item item;
    double found = -1;
    for (const char *rest = rows; *rest && item_take(&rest, &item);) {
        found = is_table(item.table, relation) ? item.rows : found;
    }
    return found;
}

static const char *role_of(const struct relation *relation) {
    return relation->role == ROLE_LOOKUP ? " as a lookup" : " as core";
}

/* Returns what it takes in all tasks together. */
static double print_relation(const struct config *config, const struct plan *plan,
                             const struct relation *relation, const struct table_size *size) {
    double rows = size->rows, bytes = estimate_bytes(relation, rows, size->widths);
    (void)printf("-- Cache: %.0f rows of %s%s: ", rows, relation->name.ptr, role_of(relation));
    if (relation->role != ROLE_LOOKUP) {
        (void)printf("%.1f MiB in the tasks together\n", bytes / MIB);
        return bytes;
    }
    (void)printf("%.1f MiB in each task, %.1f MiB in %d tasks together\n", bytes / MIB,
                 bytes * plan->partition_count / MIB, plan->partition_count);
    if (bytes > (double)config->lookup_max_bytes) {
        (void)printf("-- Warning: that is more than lookup.max.bytes (%.1f MiB): the tasks would "
                     "halt before they write\n",
                     (double)config->lookup_max_bytes / MIB);
    }
    return bytes * plan->partition_count;
}

enum err_kind estimate_ask(const struct cli *cli, const struct config *config,
                           const struct plan *plan, struct sizes *ret_sizes, struct err *reterr) {
    struct clients_oltp oltp;
    struct link *link = NULL;
    if (!cli->ask_rows) {
        return ERR_NONE;
    }
    clients_oltp_init(&oltp, config);
    enum err_kind kind =
        link_is_set(&oltp.options)
            ? link_open(&oltp.options, &link, reterr)
            : err_set(reterr, ERR_CONFIG,
                      "--ask-rows asks the OLTP database: set oltp.host, oltp.port, oltp.user, "
                      "oltp.password and oltp.dbname");
    if (kind == ERR_NONE) {
        kind = link_sizes(link, plan, ret_sizes, reterr);
    }
    link_close(&link);
    clients_oltp_clear(&oltp);
    return kind;
}

static void print_unknown(const struct cli *cli, const struct relation *relation) {
    (void)printf("-- Cache: how many rows " STR_FMT " has is not known%s\n",
                 STR_ARG(relation->name),
                 cli->ask_rows ? ": ANALYZE it in the OLTP database, or say it with --rows"
                               : ": say it with --rows, too");
}

void estimate_print(const struct cli *cli, const struct config *config, const struct plan *plan,
                    const struct sizes *sizes) {
    double all = 0;
    bool complete = true;
    for (size_t t = 0; t < plan->relation_count; t++) {
        const struct relation *relation = &plan->relations[t];
        struct table_size size = cli->ask_rows ? sizes->tables[t] : (struct table_size){-1, NULL};
        double given = cli->rows ? rows_of(cli->rows, relation) : -1;
        size.rows = given >= 0 ? given : size.rows;
        if (size.rows < 0) {
            complete = false;
            print_unknown(cli, relation);
        } else {
            all += print_relation(config, plan, relation, &size);
        }
    }
    (void)printf("-- Cache: about %.1f MiB of disk over all members%s, each has its tasks' share; "
                 "up to two thirds more as rows come and go%s\n\n",
                 all / MIB, complete ? "" : " for these tables",
                 cli->ask_rows ? "" : ". Texts are taken for 20 bytes long");
}
