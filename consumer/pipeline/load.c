/* An initial load: all rows of a task's joins, target after target, as COPY asks for them. */
#include "pipeline/load.h"

static enum err_kind load_next(void *ctx, const struct str **ret_values, bool *ret_end,
                               struct err *reterr) {
    struct session *s = ctx;
    if (!s->load_task) {
        return err_set(reterr, ERR_RETRY, "the task was taken away during its load");
    }
    struct row_op op;
    enum err_kind kind = join_next(s->load_task->join, SIZE_MAX, &op, reterr);
    *ret_end = op.kind == ROW_OP_END;
    if (kind == ERR_NONE && !*ret_end) {
        kind = row_writer_inputs(s->writer, &op, ret_values, reterr);
    }
    if (kind != ERR_NONE) {
        s->load_error = *reterr;
    }
    return kind;
}

static void load_target(void *ctx, int target) {
    struct session *s = ctx;
    if (s->load_task) {
        row_writer_forget(s->writer);
        join_begin_all(s->load_task->join, task_reader(s->load_task), target);
    }
}

void load_begin(struct session *s, struct task *task) {
    s->load_task = task;
    load_target(s, 0);
    s->load_error.kind = ERR_NONE;
    s->load = (struct load_source){.ctx = s, .next = load_next, .begin = load_target};
    s->txn.load = &s->load;
}
