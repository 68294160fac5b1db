/* The command verify: compares the table with the view. */
#include "verify/verify.h"

#include "base/memory.h"
#include "cli/clients.h"
#include "cli/commands.h"
#include "cli/verify_print.h"
#include "view/connector_check.h"

#include <stdlib.h>
#include <unistd.h>

#define SETTLE_MS   5000
#define WAIT_MS     60000
#define SNAPSHOT_MS 300000
#define SECONDS_MAX 1000000.0

struct request {
    struct verify_options options;
    struct verify_printer printer;
    struct verify_key *keys;
    char **names; /* the keys' columns */
    struct buf slot;
    struct cli_signals *signals;
    const char *view; /* NULL: all */
};

static enum err_kind parse_seconds(const char *text, const char *option, int64_t *ret_ms,
                                   struct err *reterr) {
    if (!text) {
        return ERR_NONE;
    }
    char *end = NULL;
    double seconds = strtod(text, &end);
    if (end == text || *end != '\0' || !(seconds >= 0.001 && seconds <= SECONDS_MAX)) {
        return err_set(reterr, ERR_CONFIG, "%s: '%.40s' is not a number of seconds above 0", option,
                       text);
    }
    *ret_ms = (int64_t)(seconds * 1000);
    return ERR_NONE;
}

static enum err_kind parse_task(const struct cli *cli, const struct plan *plan, int32_t *ret_task,
                                struct err *reterr) {
    *ret_task = -1;
    if (!cli->task) {
        return ERR_NONE;
    }
    char *end = NULL;
    long task = strtol(cli->task, &end, 10);
    if (end == cli->task || *end != '\0' || task < 0 || task >= plan->partition_count) {
        return err_set(reterr, ERR_CONFIG, "--task: '%.40s' is not a task; tasks are 0 to %d",
                       cli->task, (int)plan->partition_count - 1);
    }
    *ret_task = (int32_t)task;
    return ERR_NONE;
}

/* Splits "column=value". */
static enum err_kind parse_keys(const struct cli *cli, struct request *request,
                                struct err *reterr) {
    request->keys = memory_new(cli->key_count + 1, sizeof *request->keys);
    request->names = memory_new(cli->key_count + 1, sizeof *request->names);
    request->options.keys = request->keys;
    for (size_t i = 0; i < cli->key_count; i++) {
        const char *sign = strchr(cli->keys[i], '=');
        if (!sign || sign == cli->keys[i]) {
            return err_set(reterr, ERR_CONFIG, "--key: '%.100s' is not COLUMN=VALUE", cli->keys[i]);
        }
        request->names[i] = memory_text(cli->keys[i]);
        request->names[i][sign - cli->keys[i]] = '\0';
        request->keys[i] = (struct verify_key){request->names[i], sign + 1};
        request->options.key_count++;
    }
    return ERR_NONE;
}

static bool has_key(const struct target *target, const char *name) {
    bool has = false;
    for (size_t k = 0; k < target->key_output_count; k++) {
        has |= str_is(target->outputs[target->key_outputs[k]].name, name);
    }
    return has;
}

static enum err_kind check_keys(const struct request *request, const struct target *target,
                                struct err *reterr) {
    for (size_t i = 0; i < request->options.key_count; i++) {
        if (!has_key(target, request->keys[i].name)) {
            struct buf names = {0};
            for (size_t k = 0; k < target->key_output_count; k++) {
                buf_printf(&names, "%s" STR_FMT, k > 0 ? ", " : "",
                           STR_ARG(target->outputs[target->key_outputs[k]].name));
            }
            enum err_kind kind =
                err_set(reterr, ERR_CONFIG,
                        "--key: '%.63s' is no column of the key of %.63s; these are: " STR_FMT,
                        request->keys[i].name, target->name.ptr, STR_ARG(buf_view(&names)));
            buf_clear(&names);
            return kind;
        }
    }
    return ERR_NONE;
}

static bool stopped(void *ctx) {
    const struct request *request = ctx;
    return request->signals->stop != 0;
}

static void on_finding(void *ctx, const struct verify_finding *finding) {
    struct request *request = ctx;
    verify_print_finding(&request->printer, finding);
}

static void on_progress(void *ctx, const struct verify_progress *progress) {
    struct request *request = ctx;
    verify_print_progress(&request->printer, progress);
}

static void on_note(void *ctx, const char *text) {
    struct request *request = ctx;
    verify_print_note(&request->printer, text);
}

static enum err_kind parse(const struct cli *cli, const struct plan *plan, struct request *request,
                           struct err *reterr) {
    struct verify_options *options = &request->options;
    *options = (struct verify_options){.settle_ms = SETTLE_MS,
                                       .wait_ms = WAIT_MS,
                                       .snapshot_ms = SNAPSHOT_MS,
                                       .stop_after = cli->all ? 0 : DIFFERENCES_MAX,
                                       .ctx = request,
                                       .stopped = stopped,
                                       .waiting = &request->signals->waiting,
                                       .finding = on_finding,
                                       .progress = on_progress,
                                       .note = on_note};
    request->printer =
        (struct verify_printer){.json = cli->json, .all = cli->all, .terminal = isatty(2) == 1};
    enum err_kind kind = parse_task(cli, plan, &options->task, reterr);
    kind = kind == ERR_NONE ? parse_keys(cli, request, reterr) : kind;
    const struct {
        const char *text, *option;
        int64_t *ms;
    } times[] = {{cli->sample, "--sample", &options->sample_ms},
                 {cli->settle, "--settle", &options->settle_ms},
                 {cli->wait, "--wait", &options->wait_ms},
                 {cli->snapshot, "--snapshot", &options->snapshot_ms}};
    for (size_t i = 0; i < sizeof times / sizeof *times && kind == ERR_NONE; i++) {
        kind = parse_seconds(times[i].text, times[i].option, times[i].ms, reterr);
    }
    if (kind == ERR_NONE && cli->sample && cli->key_count > 0) {
        kind = err_set(reterr, ERR_CONFIG, "--sample and --key: give one of them");
    }
    return kind;
}

static enum err_kind slot_read(const struct config *config, const struct plan *plan,
                               struct request *request, struct err *reterr) {
    char *json = NULL;
    enum err_kind kind = cli_connector_json(config, plan, &json, reterr);
    if (kind == ERR_NONE) {
        connector_value(json, "slot.name", &request->slot);
        buf_append(&request->slot, "", 1);
        request->options.slot = request->slot.ptr;
    }
    free(json);
    return kind;
}

/* Each view of a plan by itself; *ret_code: of the worst. */
static enum err_kind verify_views(const struct cli *cli, const struct plan *plan,
                                  struct request *request, int *ret_code, struct err *reterr) {
    enum err_kind kind = ERR_NONE;
    for (size_t t = 0; t < plan->target_count && kind == ERR_NONE; t++) {
        const struct target *target = &plan->targets[t];
        if (cli->view && !str_is(target->name, cli->view)) {
            continue;
        }
        struct verify_result result;
        request->printer.target = target;
        request->printer.printed = request->printer.left_out = 0;
        kind = check_keys(request, target, reterr);
        if (kind == ERR_NONE) {
            kind = verify_run(plan, target, &request->options, &result, reterr);
        }
        if (kind == ERR_NONE) {
            verify_print_summary(&request->printer, &result, cli->sample != NULL);
            *ret_code = verify_differs(&result) ? EXIT_CODE_DIFFERENT : *ret_code;
        }
    }
    verify_print_end(&request->printer);
    return kind;
}

static enum err_kind run(const struct cli *cli, const struct config *config,
                         const struct plan *plan, struct request *request, int *ret_code,
                         struct err *reterr) {
    struct log log = cli_log(config, "verify");
    struct clients clients;
    struct clients_oltp oltp;
    clients_init(&clients, config, plan, &log);
    clients_oltp_init(&oltp, config);
    request->options.oltp = (struct verify_database){oltp.options.keywords, oltp.options.values,
                                                     "OLTP database", "oltp"};
    request->options.olap = (struct verify_database){clients.sink.keywords, clients.sink.values,
                                                     "OLAP database", "olap"};
    enum err_kind kind =
        link_is_set(&oltp.options)
            ? slot_read(config, plan, request, reterr)
            : err_set(reterr, ERR_CONFIG,
                      "the OLTP database's address is not set: set oltp.host (SYNC_OLTP_HOST), "
                      "oltp.port, oltp.user, oltp.password and oltp.dbname");
    if (kind == ERR_NONE) {
        kind = verify_views(cli, plan, request, ret_code, reterr);
    }
    clients_oltp_clear(&oltp);
    clients_clear(&clients);
    return kind;
}

static void request_clear(struct request *request) {
    for (size_t i = 0; i < request->options.key_count; i++) {
        free(request->names[i]);
    }
    free(request->keys);
    free(request->names);
    buf_clear(&request->slot);
}

static bool has_view(const struct plan *plan, const char *name) {
    bool has = !name;
    for (size_t t = 0; t < plan->target_count && !has; t++) {
        has = str_is(plan->targets[t].name, name);
    }
    return has;
}

/* The plans that the settings and --view choose. */
static enum err_kind verify_plans(const struct cli *cli, const struct config *config,
                                  const struct view_plans *plans, struct request *request,
                                  int *ret_code, struct err *reterr) {
    const char *chosen =
        config->schemas_plan && *config->schemas_plan ? config->schemas_plan : NULL;
    bool any = false;
    enum err_kind kind = parse(cli, plans->plans[0], request, reterr);
    for (size_t i = 0; i < plans->count && kind == ERR_NONE; i++) {
        const struct plan *plan = plans->plans[i];
        if (has_view(plan, cli->view) && (!chosen || str_is(plan->name, chosen))) {
            any = true;
            buf_reset(&request->slot);
            kind = run(cli, config, plan, request, ret_code, reterr);
        }
    }
    if (kind == ERR_NONE && !any) {
        kind = err_set(reterr, ERR_CONFIG, "there is no view '%.63s'%s%.63s; `plan` shows them all",
                       cli->view ? cli->view : "", chosen ? " in plan " : "", chosen ? chosen : "");
    }
    return kind;
}

int cli_verify(const struct cli *cli, const struct config *config, struct cli_signals *signals) {
    struct view_plans plans = {.count = 0};
    char *place = NULL;
    struct err err;
    struct request request = {.signals = signals};
    int code = EXIT_CODE_OK;
    enum err_kind kind = cli_load_views(config, &plans, &place, &err);
    if (kind == ERR_NONE) {
        kind = verify_plans(cli, config, &plans, &request, &code, &err);
    }
    if (kind == ERR_NONE && (fflush(stdout) != 0 || ferror(stdout))) {
        kind = err_set(&err, ERR_RETRY, "can't write the output");
    }
    if (kind != ERR_NONE) {
        (void)fflush(stdout);
        code = cli_fail(&err);
        cli_print_place(&place);
    }
    request_clear(&request);
    view_plans_clear(&plans);
    return code;
}
