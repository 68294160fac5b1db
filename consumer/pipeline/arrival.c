#include "pipeline/arrival.h"

#include "pipeline/report.h"

enum err_kind arrival_decode(struct member *m, struct arrival *arrival, struct arena *arena,
                             struct change *ret_change, struct err *reterr) {
    if (arrival->readers == 0) {
        return decode(m->decoder, arrival->record, arena, ret_change, reterr);
    }
    if (!arrival->decoded) {
        arrival->decoded = true;
        arena_reset(&m->lookup_scratch);
        arrival->kind = decode(m->decoder, arrival->record, &m->lookup_scratch, &arrival->change,
                               &arrival->err);
    }
    *ret_change = arrival->change;
    if (arrival->kind != ERR_NONE) {
        *reterr = arrival->err;
    }
    return arrival->kind;
}

void arrival_report(struct member *m, struct task *task, struct arrival *arrival,
                    const struct change *change) {
    if (!arrival->reported) {
        arrival->reported = true;
        report_change(m, task, arrival->record, change);
    }
}
