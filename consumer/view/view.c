#include "view/view.h"

#include "base/memory.h"
#include "view/files.h"
#include "view/fill.h"
#include "view/identifier.h"
#include "view/notes.h"
#include "view/sql.h"

#include <inttypes.h>
#include <stdlib.h>

struct loading {
    const struct view_options *options;
    const struct report *report;
    struct arena arena; /* of what is read: a plan has its own */
    struct catalog catalog;
    struct files files;
    struct source *sources; /* by file */
    struct draft *drafts[TARGETS_MAX];
    size_t draft_count;
    struct shares shares;
};

/* ---- reading ---- */

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

static enum err_kind name_check(const struct loading *loading, struct draft *draft) {
    char shown[IDENTIFIER_TEXT_MAX];
    for (size_t i = 0; i + 1 < loading->draft_count; i++) {
        const struct draft *before = loading->drafts[i];
        if (str_equal(before->name, draft->name)) {
            struct buf place = {0};
            source_place(&before->source, before->name_at, &place);
            enum err_kind kind =
                source_refuse(&draft->source, draft->name_at, NULL, draft->report,
                              "there are two views %s, the other one at " STR_FMT,
                              identifier_text(shown, draft->name), STR_ARG(buf_view(&place)));
            buf_clear(&place);
            return kind;
        }
    }
    return ERR_NONE;
}

static enum err_kind draft_read(const struct loading *loading, struct draft *draft) {
    enum err_kind kind = statement_read(draft);
    if (kind == ERR_NONE) {
        kind = name_check(loading, draft);
    }
    if (kind == ERR_NONE) {
        kind = from_read(draft);
    }
    if (kind == ERR_NONE) {
        kind = outputs_read(draft);
    }
    return kind == ERR_NONE ? classes_read(draft) : kind;
}

/* Puts the view into a plan of those before it, or into one of its own. */
static enum err_kind draft_place(struct loading *loading, struct draft *draft) {
    struct share *share = NULL;
    enum err_kind kind = roles_read(draft, &loading->shares, &share);
    if (kind == ERR_NONE) {
        kind = keys_read(draft);
    }
    if (kind == ERR_NONE) {
        kind = inputs_read(draft);
    }
    if (kind == ERR_NONE && !share) {
        share = arena_alloc(&loading->arena, sizeof *share);
        *share = (struct share){.draft_count = 0};
        loading->shares.items[loading->shares.count++] = share;
    }
    return kind == ERR_NONE ? share_add(share, draft) : kind;
}

static enum err_kind view_read(struct loading *loading, const struct source *source,
                               size_t statement) {
    if (loading->draft_count == TARGETS_MAX) {
        return source_refuse(source, source_statement_place(source, statement), NULL,
                             loading->report, "more than %d views in schemas.view", TARGETS_MAX);
    }
    struct draft *draft = memory_new(1, sizeof *draft);
    loading->drafts[loading->draft_count++] = draft;
    draft->arena = &loading->arena;
    draft->report = loading->report;
    draft->catalog = loading->catalog;
    draft->source = *source;
    draft->statement = statement;
    enum err_kind kind = draft_read(loading, draft);
    return kind == ERR_NONE ? draft_place(loading, draft) : kind;
}

static enum err_kind file_read(struct loading *loading, size_t file) {
    struct source *source = &loading->sources[file];
    enum err_kind kind = source_read(loading->files.items[file].path, source, loading->report);
    size_t count = source_statement_count(source);
    for (size_t i = 0; kind == ERR_NONE && (i == 0 || i < count); i++) {
        kind = view_read(loading, source, i);
    }
    return kind;
}

static enum err_kind views_read(struct loading *loading) {
    const struct view_options *options = loading->options;
    struct err *err = loading->report->err;
    enum err_kind kind = options_check(options, err);
    if (kind == ERR_NONE) {
        kind =
            catalog_read(options->oltp_path, &loading->arena, &loading->catalog, loading->report);
    }
    if (kind == ERR_NONE) {
        kind = files_list(options->view_path, options->oltp_path, &loading->arena, &loading->files,
                          err);
    }
    if (kind == ERR_NONE) {
        loading->sources = memory_new(loading->files.count, sizeof *loading->sources);
    }
    for (size_t i = 0; kind == ERR_NONE && i < loading->files.count; i++) {
        kind = file_read(loading, i);
    }
    return kind;
}

/* ---- from drafts to plans ---- */

/* What a target says of relations, said of the plan's. */
static void target_share(const struct share *share, struct draft *draft, struct target *target) {
    for (size_t o = 0; o < target->occurrence_count; o++) {
        struct occurrence *occurrence = &target->occurrences[o];
        if (occurrence->parent >= 0) {
            const struct draft_relation *parent =
                relation_of(draft, draft->order[occurrence->parent]);
            occurrence->reference = (int)share_reference(parent, (size_t)occurrence->reference);
        }
        occurrence->relation = (int)share_relation(share, relation_of(draft, draft->order[o]));
    }
    for (size_t i = 0; i < target->input_count; i++) {
        struct target_input *input = &target->inputs[i];
        const struct draft_relation *relation = relation_of(draft, draft->order[input->occurrence]);
        input->column = (int)share_column(relation, (size_t)input->column);
    }
}

/* The fingerprint and the definition are those of the view alone: others may come and go. */
static void target_make(const struct share *share, struct draft *draft, const struct plan *plan,
                        struct target *target) {
    struct plan alone = {.relation_count = draft->relation_count,
                         .partition_count = plan->partition_count,
                         .unavailable = plan->unavailable};
    alone.relations = arena_alloc(draft->arena, draft->relation_count * sizeof *alone.relations);
    for (size_t r = 0; r < draft->relation_count; r++) {
        const struct draft_relation *from = &draft->relations[r];
        relation_fill(draft, from, &alone, &alone.relations[r]);
        alone.relations[r].topic = plan->relations[share_relation(share, from)].topic;
    }
    target_fill(draft, &alone, target);
    target_share(share, draft, target);
}

static enum err_kind relation_make(const struct share *share, size_t r, struct plan *plan) {
    const struct share_relation *from = share->relations[r];
    struct relation *relation = &plan->relations[r];
    relation_fill(from->draft, &from->all, plan, relation);
    relation->sql_check = sql_check(share, from);
    enum err_kind kind =
        topic_set(from->draft, from->draft->tables[from->all.first].at, plan, relation);
    if (kind == ERR_NONE) {
        relation->identity = identity_text(from->draft, relation);
    }
    return kind;
}

/* Of the first plan it is as it was before there were others. */
static struct str prefix_make(const struct loading *loading, struct plan *plan) {
    struct buf prefix = {0};
    buf_str(&prefix, str_from(loading->options->topic_prefix));
    if (plan->number > 0) {
        buf_str(&prefix, STR("."));
        topic_append(&prefix, plan->name);
    }
    struct str text = arena_copy(&plan->arena, buf_view(&prefix));
    buf_clear(&prefix);
    return text;
}

static enum err_kind plan_fill(struct loading *loading, const struct share *share,
                               struct plan *plan) {
    for (size_t d = 0; d < share->draft_count; d++) {
        share->drafts[d]->arena = &plan->arena;
    }
    struct draft *first = share->drafts[0];
    plan->name = arena_copy(&plan->arena, first->name);
    plan->topic_prefix = prefix_make(loading, plan);
    plan->partition_count = loading->options->partition_count;
    plan->unavailable = unavailable_text(first, plan->topic_prefix);
    plan->relation_count = share->relation_count;
    plan->relations = arena_alloc(&plan->arena, share->relation_count * sizeof *plan->relations);
    for (size_t r = 0; r < share->relation_count; r++) {
        enum err_kind kind = relation_make(share, r, plan);
        if (kind != ERR_NONE) {
            return kind;
        }
    }
    enum err_kind kind = tasks_topic_set(first, plan);
    if (kind != ERR_NONE) {
        return kind;
    }
    plan->target_count = share->draft_count;
    plan->targets = arena_alloc(&plan->arena, share->draft_count * sizeof *plan->targets);
    for (size_t t = 0; t < share->draft_count; t++) {
        target_make(share, share->drafts[t], plan, &plan->targets[t]);
        plan->targets[t].number = (int)t;
    }
    plan->notes = notes_text(&loading->shares, (size_t)plan->number, plan);
    return ERR_NONE;
}

static bool share_topics(const struct plan *a, const struct plan *b) {
    for (size_t i = 0; i < a->relation_count; i++) {
        for (size_t j = 0; j < b->relation_count; j++) {
            if (str_equal(a->relations[i].topic, b->relations[j].topic)) {
                return true;
            }
        }
    }
    return false;
}

static enum err_kind topics_check(const struct loading *loading, const struct view_plans *plans) {
    for (size_t b = 0; b < plans->count; b++) {
        for (size_t a = 0; a < b; a++) {
            const struct draft *first = loading->shares.items[b]->drafts[0];
            if (str_equal(plans->plans[a]->topic_prefix, plans->plans[b]->topic_prefix) ||
                share_topics(plans->plans[a], plans->plans[b])) {
                return source_refuse(&first->source, first->name_at, NULL, loading->report,
                                     "topics of the plans " STR_FMT " and " STR_FMT
                                     " would have one name: give the view another one",
                                     STR_ARG(plans->plans[a]->name),
                                     STR_ARG(plans->plans[b]->name));
            }
        }
    }
    return ERR_NONE;
}

static enum err_kind plans_make(struct loading *loading, struct view_plans *plans) {
    enum err_kind kind = ERR_NONE;
    for (size_t i = 0; i < loading->shares.count && kind == ERR_NONE; i++) {
        struct plan *plan = plan_new();
        plan->number = (int)i;
        plans->plans[plans->count++] = plan;
        kind = plan_fill(loading, loading->shares.items[i], plan);
    }
    return kind == ERR_NONE ? topics_check(loading, plans) : kind;
}

/* ---- loading ---- */

static void loading_clear(struct loading *loading) {
    for (size_t i = 0; i < loading->draft_count; i++) {
        free(loading->drafts[i]);
    }
    for (size_t i = 0; loading->sources && i < loading->files.count; i++) {
        source_clear(&loading->sources[i]);
    }
    free(loading->sources);
    catalog_clear(&loading->catalog);
    arena_clear(&loading->arena);
}

void view_plans_clear(struct view_plans *plans) {
    while (plans->count > 0) {
        plan_destroy(&plans->plans[--plans->count]);
    }
}

enum err_kind view_load_all(const struct view_options *options, struct view_plans *ret_plans,
                            char **ret_report, struct err *reterr) {
    struct err ignored;
    char *text = NULL;
    struct report report = {ret_report ? &text : NULL, reterr ? reterr : &ignored};
    struct loading loading = {.options = options, .report = &report};
    struct view_plans plans = {.count = 0};
    enum err_kind kind = views_read(&loading);
    if (kind == ERR_NONE) {
        kind = plans_make(&loading, &plans);
    }
    loading_clear(&loading);
    if (kind == ERR_NONE) {
        *ret_plans = plans;
        return ERR_NONE;
    }
    view_plans_clear(&plans);
    if (ret_report) {
        *ret_report = text ? text : memory_text(report.err->message);
    }
    return kind;
}

/* ---- one of them ---- */

static enum err_kind refuse_plan(const struct view_options *options, const struct view_plans *plans,
                                 struct err *reterr) {
    struct buf names = {0};
    for (size_t i = 0; i < plans->count; i++) {
        buf_printf(&names, "%s" STR_FMT, i > 0 ? ", " : "", STR_ARG(plans->plans[i]->name));
    }
    enum err_kind kind =
        options->plan
            ? err_set(reterr, ERR_CONFIG,
                      "schemas.plan = %s: there is no such plan; there %s " STR_FMT, options->plan,
                      plans->count > 1 ? "are" : "is", STR_ARG(buf_view(&names)))
            : err_set(reterr, ERR_CONFIG,
                      "the views make %zu plans, each with members of its own: name one in "
                      "schemas.plan (SYNC_SCHEMAS_PLAN): " STR_FMT,
                      plans->count, STR_ARG(buf_view(&names)));
    buf_clear(&names);
    return kind;
}

enum err_kind view_load(const struct view_options *options, struct plan **ret_plan,
                        char **ret_report, struct err *reterr) {
    struct err ignored, *err = reterr ? reterr : &ignored;
    struct view_plans plans;
    enum err_kind kind = view_load_all(options, &plans, ret_report, err);
    if (kind != ERR_NONE) {
        return kind;
    }
    struct plan *found = NULL;
    for (size_t i = 0; i < plans.count; i++) {
        bool wanted =
            options->plan ? str_is(plans.plans[i]->name, options->plan) : plans.count == 1;
        if (wanted) {
            found = plans.plans[i];
            plans.plans[i] = NULL;
        }
    }
    if (found) {
        *ret_plan = found;
    } else {
        kind = refuse_plan(options, &plans, err);
        if (ret_report) {
            *ret_report = memory_text(err->message);
        }
    }
    view_plans_clear(&plans);
    return kind;
}
