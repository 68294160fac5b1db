/* The command cache: what the state caches hold, printed without changing them. */
#include "cli/commands.h"
#include "pipeline/layout.h"
#include "plan/row.h"
#include "state/lmdb/lmdb_store.h"
#include "state/lmdb/peek.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void print_string(struct str s) {
    (void)putchar('"');
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c == '"' || c == '\\') {
            (void)printf("\\%c", c);
        } else if (c < 0x20) {
            (void)printf("\\u%04x", c);
        } else {
            (void)putchar(c);
        }
    }
    (void)putchar('"');
}

static void print_pair(const char *before, struct str name, struct str value) {
    (void)fputs(before, stdout);
    print_string(name);
    (void)putchar(':');
    if (value.ptr) {
        print_string(value);
    } else {
        (void)fputs("null", stdout);
    }
}

static void print_head(const struct plan *plan, int32_t task, const struct peek_meta *meta) {
    (void)printf("{\"task\":%" PRId32 ",\"rows\":%" PRIu64 ",\"complete\":%s,\"wall_ms\":%" PRId64
                 ",\"offsets\":{",
                 task, meta->row_count, meta->incomplete ? "false" : "true", meta->wall_ms);
    for (size_t t = 0; t < plan->relation_count; t++) {
        (void)fputs(t > 0 ? "," : "", stdout);
        print_string(plan->relations[t].slot);
        (void)printf(":%" PRId64, meta->offsets[t]);
    }
    print_pair("},", STR("identity"), meta->identity);
    (void)puts("}");
}

static void print_row(const struct relation *table, int32_t task, const struct str *values) {
    (void)printf("{\"task\":%" PRId32 ",", task);
    print_pair("", STR("topic"), table->slot);
    (void)fputs(",\"row\":{", stdout);
    for (size_t c = 0; c < table->column_count; c++) {
        print_pair(c > 0 ? "," : "", table->columns[c].name, values[c]);
    }
    (void)puts("}}");
}

/* Reads every row that the cache holds, and may print them.
 * NOLINTNEXTLINE(readability-function-size) */
static enum err_kind read_rows(const struct plan *plan, int32_t task, struct peek *peek,
                               bool prints, struct err *reterr) {
    struct str values[COLUMNS_MAX];
    char scratch[COLUMNS_MAX * ROW_PART_TEXT_MAX];
    enum err_kind kind = ERR_NONE;
    for (size_t t = 0; kind == ERR_NONE && t < plan->relation_count; t++) {
        struct str key = STR_NONE, value = STR_NONE;
        do {
            kind = peek_next(peek, (int)t, &key, &value, reterr);
            if (kind == ERR_NONE && key.ptr) {
                kind = row_decode(&plan->relations[t], key, value, scratch, values, reterr);
            }
            if (kind == ERR_NONE && key.ptr && prints) {
                print_row(&plan->relations[t], task, values);
            }
        } while (kind == ERR_NONE && key.ptr);
    }
    return kind;
}

/* Rows that can be read, and indexes that agree with them. */
static enum err_kind verify(const struct plan *plan, int32_t task, const struct peek_meta *meta,
                            struct peek *peek, struct err *reterr) {
    enum err_kind kind = read_rows(plan, task, peek, false, reterr);
    uint64_t entries = 0;
    bool whole = !meta->incomplete && !meta->torn; /* else a member builds the indexes again */
    if (kind == ERR_NONE && whole) {
        kind = peek_check_indexes(peek, &entries, reterr);
    }
    if (kind == ERR_NONE) {
        (void)printf("{\"task\":%" PRId32 ",\"verified\":true,\"indexes\":%s,\"entries\":%" PRIu64
                     "}\n",
                     task, whole ? "true" : "false", entries);
    }
    return kind;
}

/* Rows of other tables, or with other columns, can't be read; those of another view may lack
 * records that were put aside there. */
static enum err_kind check_identity(const struct plan *plan, struct str identity,
                                    struct err *reterr) {
    struct buf tail = {0};
    cli_identity_tail(plan, &tail);
    bool ours = identity.len >= tail.len &&
                memcmp(identity.ptr + identity.len - tail.len, tail.ptr, tail.len) == 0;
    enum err_kind kind =
        ours ? ERR_NONE
             : err_set(reterr, ERR_CACHE,
                       "it was written for \"" STR_FMT
                       "\" (cluster|topic prefix|partitions|view|tables), but the settings say "
                       "\"" STR_FMT "\"; a member would rebuild this cache",
                       STR_ARG(identity), STR_ARG(buf_view(&tail)));
    buf_clear(&tail);
    return kind;
}

/* What the command line says: of which tasks, and how. */
struct request {
    const char *folder;
    int32_t first, last;
    bool verify;
};

/* *ret_is_there: the task has a cache. NOLINTNEXTLINE(readability-function-size) */
static enum err_kind print_cache(const struct request *request, const struct plan *plan,
                                 int32_t task, bool *ret_is_there, struct err *reterr) {
    struct peek *peek = NULL;
    struct peek_meta meta;
    const struct state_layout layout = layout_of(plan);
    enum err_kind kind = peek_open(request->folder, task, &layout, &peek, &meta, reterr);
    *ret_is_there = kind != ERR_NONE || peek;
    if (kind == ERR_NONE && peek) {
        kind = check_identity(plan, meta.identity, reterr);
        if (kind == ERR_NONE) {
            print_head(plan, task, &meta);
            kind = request->verify ? verify(plan, task, &meta, peek, reterr)
                                   : read_rows(plan, task, peek, true, reterr);
        }
    }
    peek_close(&peek);
    return kind;
}

static enum err_kind parse_task(const char *text, int32_t partition_count, int32_t *ret_task,
                                struct err *reterr) {
    char *end = NULL;
    long task = strtol(text, &end, 10);
    if (end == text || *end != '\0' || task < 0 || task >= partition_count) {
        return err_set(reterr, ERR_CONFIG, "'%.40s' is not a task; tasks are 0 to %d", text,
                       (int)partition_count - 1);
    }
    *ret_task = (int32_t)task;
    return ERR_NONE;
}

static enum err_kind parse_request(const struct cli *cli, const struct plan *plan,
                                   struct request *ret_request, struct err *reterr) {
    size_t at = 0;
    *ret_request = (struct request){.last = plan->partition_count - 1};
    if (cli->argument_count > 0 && strcmp(cli->arguments[0], "verify") == 0) {
        ret_request->verify = true;
        at = 1;
    }
    if (at == cli->argument_count) {
        return ERR_NONE;
    }
    if (at + 1 < cli->argument_count) {
        return err_set(reterr, ERR_CONFIG, "unknown argument '%s'; cache --help shows the usage",
                       cli->arguments[at + 1]);
    }
    enum err_kind kind =
        parse_task(cli->arguments[at], plan->partition_count, &ret_request->first, reterr);
    ret_request->last = ret_request->first;
    return kind;
}

/* Skips a cache that can't be read; the exit code says so. */
static int print_caches(const struct plan *plan, const struct request *request) {
    struct err err;
    int code = EXIT_CODE_OK;
    bool is_there = false;
    for (int32_t task = request->first; task <= request->last; task++) {
        bool this_one = false;
        if (print_cache(request, plan, task, &this_one, &err) != ERR_NONE) {
            (void)fflush(stdout);
            (void)fprintf(stderr, "oltp-olap-sync: cache of task %" PRId32 ": %s\n", task,
                          err.message);
            code = EXIT_CODE_FAILED;
        }
        is_there |= this_one;
    }
    if (!is_there) {
        (void)err_set(&err, ERR_RETRY, "there is no state cache in %.200s", request->folder);
        return cli_fail(&err);
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        (void)err_set(&err, ERR_RETRY, "can't write the output");
        return cli_fail(&err);
    }
    return code;
}

int cli_cache(const struct cli *cli, const struct config *config) {
    struct plan *plan = NULL;
    char *place = NULL;
    struct err err;
    struct arena arena = {0};
    struct request request = {0};
    enum err_kind kind = cli_load_view(config, &plan, &place, &err);
    if (kind == ERR_NONE) {
        kind = parse_request(cli, plan, &request, &err);
    }
    if (kind == ERR_NONE) {
        kind = lmdb_store_guard(&err);
    }
    int code = EXIT_CODE_OK;
    if (kind != ERR_NONE) {
        code = cli_fail(&err);
        cli_print_place(&place);
    } else {
        request.folder = cli_state_dir(config, plan, &arena);
        code = print_caches(plan, &request);
    }
    arena_clear(&arena);
    plan_destroy(&plan);
    return code;
}
