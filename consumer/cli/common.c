#include "cli/common.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int cli_fail(const struct err *err) {
    (void)fprintf(stderr, "oltp-olap-sync: %s\n", err->message);
    return err->kind == ERR_CONFIG ? EXIT_CODE_CONFIG : EXIT_CODE_FAILED;
}

struct log cli_log(const struct config *config, const char *member) {
    struct log log = {
        .fd = STDERR_FILENO, .level = config->log_level, .format = config->log_format};
    (void)snprintf(log.member, sizeof log.member, "%s", member);
    return log;
}

static struct view_options options_of(const struct config *config) {
    return (struct view_options){
        .oltp_path = config->schemas_oltp,
        .view_path = config->schemas_view,
        .topic_prefix = config->topic_prefix,
        .partition_count = (int32_t)config->topic_partitions,
        .plan = config->schemas_plan,
    };
}

/* The first line of what is said is the error's message. */
static void cut_first(char *place) {
    size_t first = strcspn(place, "\n");
    first += place[first] == '\n';
    memmove(place, place + first, strlen(place + first) + 1);
}

enum err_kind cli_load_view(const struct config *config, struct plan **ret_plan, char **ret_place,
                            struct err *reterr) {
    struct view_options options = options_of(config);
    enum err_kind kind = view_load(&options, ret_plan, ret_place, reterr);
    if (kind != ERR_NONE && *ret_place) {
        cut_first(*ret_place);
    }
    return kind;
}

enum err_kind cli_load_views(const struct config *config, struct view_plans *ret_plans,
                             char **ret_place, struct err *reterr) {
    struct view_options options = options_of(config);
    enum err_kind kind = view_load_all(&options, ret_plans, ret_place, reterr);
    if (kind != ERR_NONE && *ret_place) {
        cut_first(*ret_place);
    }
    return kind;
}

void cli_print_place(char **place) {
    if (*place) {
        (void)fputs(*place, stderr);
    }
    free(*place);
    *place = NULL;
}

void cli_identity_tail(const struct plan *plan, struct buf *out) {
    buf_printf(out, "|%s|%d|%s|", plan->topic_prefix.ptr, plan->partition_count, plan->name.ptr);
    for (size_t t = 0; t < plan->relation_count; t++) {
        buf_printf(out, "%s%s", t > 0 ? "," : "", plan->relations[t].identity.ptr);
    }
    buf_str(out, STR("|java"));
}

const char *cli_state_dir(const struct config *config, const struct plan *plan,
                          struct arena *arena) {
    size_t first = strlen(config->topic_prefix) + 1; /* behind it: the plan's name, as of topics */
    return plan->number == 0
               ? config->state_dir
               : arena_printf(arena, "%s/%s", config->state_dir, plan->topic_prefix.ptr + first)
                     .ptr;
}
