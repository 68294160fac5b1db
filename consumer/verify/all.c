/* Compares all rows, in as many snapshots as it takes. */
#include "verify/impl.h"

static bool is_full(const struct verify *verify) {
    return verify->pending.count >= DIFFERENCES_MAX ||
           verify->pending.bytes >= DIFFERENCES_BYTES_MAX;
}

static bool has_enough(struct verify *verify) {
    const struct verify_result *result = verify->result;
    uint64_t differing = result->missing + result->extra + result->different;
    verify->result->stopped_early =
        verify->options->stop_after > 0 && differing >= verify->options->stop_after;
    return verify->result->stopped_early;
}

/* An old snapshot keeps VACUUM from removing what has died since. */
static bool is_old(const struct verify *verify, int64_t begun_ms) {
    return verify_now() - begun_ms >= verify->options->snapshot_ms;
}

/* Until the end, or until the snapshot is too old: then *ret_ended is false, and `conditions` say
 * where to go on. */
static enum err_kind read_snapshot(struct verify *verify, struct buf conditions[SIDES],
                                   bool *ret_ended, struct err *reterr) {
    struct merge merge = reading_merge(verify, verify->stream, &verify->pending);
    enum merge_state state = MERGE_MORE;
    const struct str *position = NULL;
    enum err_kind kind = reading_begin(verify, verify->stream, conditions, reterr);
    if (kind == ERR_NONE) {
        kind = merge_begin(&merge, reterr);
    }
    int64_t begun_ms = verify_now(); /* sorting it may take longer than it may be old */
    while (kind == ERR_NONE && state == MERGE_MORE && !position) {
        kind = merge_step(&merge, READ_STEP, &state, reterr);
        reading_count(verify, &merge);
        verify->progress.pending = verify->pending.count;
        verify_progress(verify);
        if (kind == ERR_NONE && state == MERGE_MORE &&
            (is_old(verify, begun_ms) || is_full(verify))) {
            position = merge_position(&merge, reterr);
        }
    }
    *ret_ended = !position;
    for (enum side side = 0; side < SIDES && position; side++) {
        buf_reset(&conditions[side]);
        query_given(&conditions[side], verify, side);
        query_from(&conditions[side], verify, side, position);
    }
    merge_clear(&merge);
    return kind;
}

enum err_kind read_all(struct verify *verify, struct err *reterr) {
    struct buf conditions[SIDES] = {0};
    bool ended = false;
    enum err_kind kind = ERR_NONE;
    for (enum side side = 0; side < SIDES; side++) {
        query_given(&conditions[side], verify, side);
    }
    while (!ended && kind == ERR_NONE) {
        verify->result->snapshots++;
        kind = read_snapshot(verify, conditions, &ended, reterr);
        if (kind == ERR_NONE && !ended) {
            kind = reading_renew(verify, reterr);
        }
        if (kind == ERR_NONE && !ended && is_full(verify)) {
            kind = settle(verify, reterr);
            ended = has_enough(verify);
        }
    }
    for (enum side side = 0; side < SIDES; side++) {
        buf_clear(&conditions[side]);
    }
    return kind;
}
