#include "verify/merge.h"

#include "base/memory.h"
#include "verify/copy_line.h"

#include <stdlib.h>

static enum err_kind take(struct merge *merge, struct merge_side *side, struct err *reterr) {
    side->split = false;
    for (;;) {
        enum err_kind kind = side->next(side->ctx, &side->line, reterr);
        if (kind != ERR_NONE || !side->line.ptr || !merge->wanted) {
            return kind;
        }
        if (!copy_line_split(side->line, side->values, merge->order->column_count,
                             &side->scratch)) {
            return err_set(reterr, ERR_RETRY, "a row has another number of columns than the view");
        }
        if (merge->wanted(merge->wanted_ctx, side->values)) {
            side->split = true;
            return ERR_NONE;
        }
    }
}

static enum err_kind split(const struct merge *merge, struct merge_side *side, struct err *reterr) {
    if (!side->line.ptr || side->split) {
        return ERR_NONE;
    }
    side->split =
        copy_line_split(side->line, side->values, merge->order->column_count, &side->scratch);
    return side->split
               ? ERR_NONE
               : err_set(reterr, ERR_RETRY, "a row has another number of columns than the view");
}

enum err_kind merge_begin(struct merge *merge, struct err *reterr) {
    struct merge_side *sides[] = {&merge->source, &merge->sink};
    enum err_kind kind = ERR_NONE;
    for (size_t i = 0; i < 2 && kind == ERR_NONE; i++) {
        if (!sides[i]->values) {
            sides[i]->values = memory_new(merge->order->column_count + 1, sizeof(struct str));
        }
        kind = take(merge, sides[i], reterr);
    }
    return kind;
}

/* Below 0: the source's row comes first. */
static enum err_kind compare(struct merge *merge, int *ret_order, struct err *reterr) {
    enum err_kind kind = split(merge, &merge->source, reterr);
    if (kind == ERR_NONE) {
        kind = split(merge, &merge->sink, reterr);
    }
    if (kind == ERR_NONE) {
        *ret_order = !merge->source.line.ptr ? 1
                     : !merge->sink.line.ptr
                         ? -1
                         : order_compare(merge->order, merge->source.values, merge->sink.values);
    }
    return kind;
}

/* Both heads are not equal. */
static enum err_kind differ(struct merge *merge, bool *ret_source, bool *ret_sink,
                            struct err *reterr) {
    int order = 0;
    enum err_kind kind = compare(merge, &order, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    *ret_source = order <= 0;
    *ret_sink = order >= 0;
    differences_add(merge->found,
                    order == 0  ? DIFFERENCE_VALUES
                    : order < 0 ? DIFFERENCE_MISSING
                                : DIFFERENCE_EXTRA,
                    *ret_source ? merge->source.values : NULL,
                    *ret_sink ? merge->sink.values : NULL, merge->order->column_count);
    return ERR_NONE;
}

enum err_kind merge_step(struct merge *merge, size_t rows, enum merge_state *ret_state,
                         struct err *reterr) {
    enum err_kind kind = ERR_NONE;
    for (size_t i = 0; i < rows && kind == ERR_NONE; i++) {
        bool source = true, sink = true;
        if (!merge->source.line.ptr && !merge->sink.line.ptr) {
            *ret_state = MERGE_END;
            return ERR_NONE;
        }
        if (!merge->source.line.ptr || !merge->sink.line.ptr ||
            !str_equal(merge->source.line, merge->sink.line)) {
            kind = differ(merge, &source, &sink, reterr);
        }
        if (kind == ERR_NONE && source) {
            merge->source.count++;
            kind = take(merge, &merge->source, reterr);
        }
        if (kind == ERR_NONE && sink) {
            merge->sink.count++;
            kind = take(merge, &merge->sink, reterr);
        }
    }
    *ret_state = MERGE_MORE;
    return kind;
}

const struct str *merge_position(struct merge *merge, struct err *reterr) {
    int order = 0;
    if ((!merge->source.line.ptr && !merge->sink.line.ptr) ||
        compare(merge, &order, reterr) != ERR_NONE) {
        return NULL;
    }
    return order <= 0 ? merge->source.values : merge->sink.values;
}

void merge_clear(struct merge *merge) {
    struct merge_side *sides[] = {&merge->source, &merge->sink};
    for (size_t i = 0; i < 2; i++) {
        free(sides[i]->values);
        sides[i]->values = NULL;
        buf_clear(&sides[i]->scratch);
    }
}
