#include "cli/common.h"

#include "view/view.h"

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

enum err_kind cli_load_view(const struct config *config, struct plan **ret_plan, char **ret_place,
                            struct err *reterr) {
    struct view_options options = {
        .oltp_path = config->schemas_oltp,
        .view_path = config->schemas_view,
        .topic_prefix = config->topic_prefix,
        .partition_count = (int32_t)config->topic_partitions,
    };
    enum err_kind kind = view_load(&options, ret_plan, ret_place, reterr);
    if (kind != ERR_NONE && *ret_place) { /* the first line is reterr's message */
        size_t first = strcspn(*ret_place, "\n");
        first += (*ret_place)[first] == '\n';
        memmove(*ret_place, *ret_place + first, strlen(*ret_place + first) + 1);
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

void cli_identity_tail(const struct config *config, const struct plan *plan, struct buf *out) {
    buf_printf(out, "|%s|%d|%s|", config->topic_prefix, plan->partition_count, plan->name.ptr);
    for (size_t t = 0; t < plan->relation_count; t++) {
        buf_printf(out, "%s%s", t > 0 ? "," : "", plan->relations[t].identity.ptr);
    }
    buf_str(out, STR("|java"));
}
