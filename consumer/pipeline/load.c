/* An initial load: all rows of a task's joins, target after target, as COPY asks for them. */
#include "pipeline/load.h"

#include "base/safeguard.h"
#include "pipeline/internal.h"

static enum err_kind load_next(void *ctx, const struct str **ret_values, bool *ret_end,
                               struct err *reterr) {
    struct session *s = ctx;
    if (!s->load_task) {
        return err_set(reterr, ERR_RETRY, "the task was taken away during its load");
    }
    struct row_op op = {.kind = ROW_OP_END};
    enum err_kind kind = join_next(s->load_task->join, &s->load_looks, &op, reterr);
    *ret_values = NULL;
    if (kind == ERR_NONE && op.kind == ROW_OP_UPSERT) {
        kind = row_writer_inputs(s->writer, &op, ret_values, reterr);
    } else if (op.kind == ROW_OP_PAUSE) {
        s->load_looks = s->member->o.batch_max_rows;
    }
    *ret_end = kind == ERR_NONE && op.kind == ROW_OP_END;
    if (kind != ERR_NONE) {
        s->load_error = *reterr;
    }
    return kind;
}

static void load_target(void *ctx, int target) {
    struct session *s = ctx;
    if (s->load_task && (target == 0 || SAFEGUARD("an initial load fills every target"))) {
        row_writer_forget(s->writer);
        join_begin_all(s->load_task->join, task_reader(s->load_task), target);
    }
}

void load_begin(struct session *s, struct task *task) {
    s->load_task = task;
    s->load_looks = s->member->o.batch_max_rows;
    load_target(s, 0);
    s->load_error.kind = ERR_NONE;
    s->load = (struct load_source){.ctx = s, .next = load_next, .begin = load_target};
    s->txn.load = &s->load;
}
