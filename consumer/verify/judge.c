/* Tells of a difference that stays. */
#include "verify/impl.h"

static const char *unknown_cause(enum difference_kind kind) {
    switch (kind) {
    case DIFFERENCE_MISSING:
        return "neither refused nor set aside: lost in the table, or on its way to it";
    case DIFFERENCE_EXTRA:
        return "no row of the view: its delete was lost, or somebody else wrote it";
    case DIFFERENCE_VALUES:
        return "neither refused nor set aside: a change was lost, or somebody else wrote the row";
    }
    return "";
}

static void count(struct verify_result *result, const struct verify_finding *finding, bool late) {
    if (finding->known) {
        result->known++;
        return;
    }
    result->missing += finding->kind == VERIFY_MISSING;
    result->extra += finding->kind == VERIFY_EXTRA;
    result->different += finding->kind == VERIFY_DIFFERENT;
    result->behind += late;
}

enum err_kind judge(struct verify *verify, const struct difference *difference, bool late,
                    struct err *reterr) {
    const struct known_entry *entry = NULL;
    enum err_kind kind = known_find(verify, difference, &entry, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    struct verify_finding finding = {
        .kind = difference->kind == DIFFERENCE_MISSING ? VERIFY_MISSING
                : difference->kind == DIFFERENCE_EXTRA ? VERIFY_EXTRA
                                                       : VERIFY_DIFFERENT,
        .known = entry != NULL,
        .task = row_task(verify, difference_row(difference)),
        .source = difference->source,
        .sink = difference->sink,
        .columns = difference->columns,
        .why = entry  ? entry->why
               : late ? STR("may still be on its way: the connector has not sent all yet")
                      : str_from(unknown_cause(difference->kind)),
    };
    count(verify->result, &finding, late);
    if (verify->options->finding) {
        verify->options->finding(verify->options->ctx, &finding);
    }
    return ERR_NONE;
}
