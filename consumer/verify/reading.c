/* Reads both sides in the order of the key and compares them. */
#include "verify/impl.h"

static bool is_of_task(void *ctx, const struct str *row) {
    const struct verify *verify = ctx;
    return row_task(verify, row) == verify->options->task;
}

struct merge reading_merge(struct verify *verify, struct session *sessions,
                           struct differences *found) {
    struct merge merge = {.order = &verify->order, .found = found};
    merge.source.next = merge.sink.next = session_next;
    merge.source.ctx = &sessions[SOURCE];
    merge.sink.ctx = &sessions[SINK];
    if (verify->options->task >= 0) {
        merge.wanted = is_of_task;
        merge.wanted_ctx = verify;
    }
    return merge;
}

enum err_kind reading_begin(struct verify *verify, struct session *sessions,
                            const struct buf conditions[SIDES], struct err *reterr) {
    enum err_kind kind = ERR_NONE;
    for (enum side side = 0; side < SIDES && kind == ERR_NONE; side++) {
        struct buf sql = {0};
        query_copy(&sql, verify, side, buf_view(&conditions[side]));
        kind = session_copy(&sessions[side], sql.ptr, reterr);
        buf_clear(&sql);
    }
    return kind;
}

enum err_kind reading_renew(struct verify *verify, struct err *reterr) {
    const struct verify_database *databases[SIDES] = {&verify->options->oltp,
                                                      &verify->options->olap};
    enum err_kind kind = ERR_NONE;
    for (enum side side = 0; side < SIDES && kind == ERR_NONE; side++) {
        session_close(&verify->stream[side]);
        kind = session_open(&verify->stream[side], databases[side], verify->options, reterr);
    }
    return kind;
}

void reading_count(struct verify *verify, struct merge *merge) {
    verify->result->source_rows += merge->source.count;
    verify->result->sink_rows += merge->sink.count;
    merge->source.count = merge->sink.count = 0;
    uint64_t source = verify->result->source_rows, sink = verify->result->sink_rows;
    verify->progress.rows = source > sink ? source : sink;
}

enum err_kind read_some(struct verify *verify, struct session *sessions,
                        const struct buf conditions[SIDES], struct differences *found, bool counts,
                        struct err *reterr) {
    struct merge merge = reading_merge(verify, sessions, found);
    enum merge_state state = MERGE_MORE;
    enum err_kind kind = reading_begin(verify, sessions, conditions, reterr);
    if (kind == ERR_NONE) {
        kind = merge_begin(&merge, reterr);
    }
    while (kind == ERR_NONE && state == MERGE_MORE) {
        kind = merge_step(&merge, READ_STEP, &state, reterr);
        if (counts) {
            reading_count(verify, &merge);
        }
    }
    merge_clear(&merge);
    return kind;
}
