#include "view/view.h"

#include "base/memory.h"
#include "view/fill.h"
#include "view/notes.h"

#include <inttypes.h>
#include <stdlib.h>

static enum err_kind plan_fill(struct draft *draft, const struct view_options *options,
                               struct plan *plan) {
    plan->name = arena_copy(draft->arena, draft->name);
    plan->relation_count = draft->relation_count;
    plan->partition_count = options->partition_count;
    plan->unavailable = unavailable_text(draft, str_from(options->topic_prefix));
    plan->relations = arena_alloc(draft->arena, draft->relation_count * sizeof *plan->relations);
    for (size_t r = 0; r < draft->relation_count; r++) {
        relation_fill(draft, &draft->relations[r], plan, &plan->relations[r]);
        enum err_kind kind = topic_set(draft, plan, r, options->topic_prefix);
        if (kind != ERR_NONE) {
            return kind;
        }
        plan->relations[r].identity = identity_text(draft, &plan->relations[r]);
    }
    enum err_kind kind = tasks_topic_set(draft, plan, options->topic_prefix);
    if (kind != ERR_NONE) {
        return kind;
    }
    plan->target_count = 1;
    plan->targets = arena_alloc(draft->arena, sizeof *plan->targets);
    target_fill(draft, plan, &plan->targets[0]);
    plan->notes = notes_text(draft, plan);
    return ERR_NONE;
}

/* ---- loading ---- */

static enum err_kind options_check(const struct view_options *options, struct err *reterr) {
    size_t len =
        strspn(options->topic_prefix, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789._-");
    if (len == 0 || options->topic_prefix[len] != '\0') {
        return err_set(reterr, ERR_CONFIG,
                       "topic prefix \"%s\": letters, digits, dots, hyphens and underscores of "
                       "ASCII are allowed, and at least one",
                       options->topic_prefix);
    }
    if (options->partition_count < 1) {
        return err_set(reterr, ERR_CONFIG, "%" PRId32 " partitions: at least one is needed",
                       options->partition_count);
    }
    return ERR_NONE;
}

static enum err_kind draft_read(struct draft *draft, const struct view_options *options) {
    enum err_kind kind = options_check(options, draft->report->err);
    if (kind == ERR_NONE) {
        kind = catalog_read(options->oltp_path, draft->arena, &draft->catalog, draft->report);
    }
    if (kind == ERR_NONE) {
        kind = source_read(options->view_path, &draft->source, draft->report);
    }
    if (kind == ERR_NONE) {
        kind = statement_read(draft);
    }
    if (kind == ERR_NONE) {
        kind = from_read(draft);
    }
    if (kind == ERR_NONE) {
        kind = outputs_read(draft);
    }
    if (kind == ERR_NONE) {
        kind = classes_read(draft);
    }
    if (kind == ERR_NONE) {
        kind = roles_read(draft);
    }
    if (kind == ERR_NONE) {
        kind = keys_read(draft);
    }
    return kind == ERR_NONE ? inputs_read(draft) : kind;
}

enum err_kind view_load(const struct view_options *options, struct plan **ret_plan,
                        char **ret_report, struct err *reterr) {
    struct err ignored;
    char *text = NULL;
    struct report report = {ret_report ? &text : NULL, reterr ? reterr : &ignored};
    struct plan *plan = plan_new();
    struct draft *draft = memory_new(1, sizeof *draft);
    draft->arena = &plan->arena;
    draft->report = &report;
    enum err_kind kind = draft_read(draft, options);
    if (kind == ERR_NONE) {
        kind = plan_fill(draft, options, plan);
    }
    catalog_clear(&draft->catalog);
    source_clear(&draft->source);
    free(draft);
    if (kind == ERR_NONE) {
        *ret_plan = plan;
        return ERR_NONE;
    }
    plan_destroy(&plan);
    if (ret_report) {
        *ret_report = text ? text : memory_text(report.err->message);
    }
    return kind;
}
