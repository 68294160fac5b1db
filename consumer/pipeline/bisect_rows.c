/* Which rows PostgreSQL refuses by their own values, while what was read is written. */
#include "pipeline/bisect_rows.h"

#include "base/memory.h"
#include "pipeline/found.h"
#include "pipeline/refused_rows.h"

#include <stdlib.h>

#define BISECT_ROWS_MAX  500  /* rows a check job takes at a time */
#define BISECT_LOOKS_MAX 5000 /* rows looked at in one step: others want to be served */

/* A search through the rows of a task for those whose own values PostgreSQL refuses: chunks of rows
 * are checked, a refused chunk is split in two until single rows are left. */
struct row_bisection {
    struct task *task;
    bool unpaired; /* only rows that the initial load may not try: without a partner, for one */
    size_t refused_before;
    struct arena arena;
    int table;
    struct str after; /* the last row of the chunk */
    bool table_done;
    struct row_ref rows[BISECT_ROWS_MAX];
    size_t row_count;
    /* Ranges of rows[] still to be checked, as a stack. */
    struct {
        size_t begin, end;
    } ranges[64];
    size_t range_count;
};

void bisect_rows_drop(struct session *s) {
    if (s->bisection) {
        if (!SAFEGUARD("checked rows outlive their bisection")) {
            row_array_clear(&s->checked);
        }
        arena_clear(&s->bisection->arena);
        free(s->bisection);
        s->bisection = NULL;
    }
}

static void bisection_start(struct task *task, bool unpaired) {
    struct session *s = task->session;
    bisect_rows_drop(s);
    s->bisection = memory_new(1, sizeof *s->bisection);
    s->bisection->task = task;
    s->bisection->unpaired = unpaired;
    s->bisection->refused_before = task->refused_count;
    task->bisecting = true;
}

void bisect_rows_begin(const struct member_options *o, struct task *task,
                       const struct err *refusal) {
    task->refusal = *refusal;
    log_err(o->log, LOG_WARN, "pipeline", "rows_refused", refusal);
    bisection_start(task, false);
}

void bisect_rows_begin_unpaired(struct task *task) {
    bisection_start(task, true);
}

/* The next chunk of the table's rows into bisection->rows. */
static enum err_kind bisection_read(struct row_bisection *bisection, struct err *reterr) {
    char bytes[ROW_KEY_MAX];
    struct str after = {bisection->after.ptr ? bytes : NULL, bisection->after.len};
    if (after.ptr) {
        memcpy(bytes, bisection->after.ptr, after.len);
    }
    arena_reset(&bisection->arena);
    bisection->row_count = 0;
    join_begin_questions(bisection->task->join, task_reader(bisection->task));
    for (int looks = 0; looks < BISECT_LOOKS_MAX && bisection->row_count < BISECT_ROWS_MAX;
         looks++) {
        struct row_ref row;
        bool written = false;
        enum err_kind kind = state_next(bisection->task->state, bisection->table, STR_NONE, after,
                                        &row.key, &row.value, reterr);
        if (kind == ERR_NONE && row.key.ptr && bisection->unpaired) {
            kind = join_is_written(bisection->task->join, bisection->table, row, &written, reterr);
        }
        if (kind != ERR_NONE) {
            return kind;
        }
        if (!row.key.ptr) {
            bisection->table_done = true;
            break;
        }
        after = row.key; /* the state does not change meanwhile */
        if (!written) {
            bisection->rows[bisection->row_count++] = (struct row_ref){
                arena_copy(&bisection->arena, row.key), arena_copy(&bisection->arena, row.value)};
        }
    }
    bisection->after = arena_copy(&bisection->arena, after);
    return ERR_NONE;
}

/* All rows were checked. */
static void bisection_end(struct session *s) {
    struct member *m = s->member;
    struct task *task = s->bisection->task;
    bool found = task->refused_count > s->bisection->refused_before,
         unpaired = s->bisection->unpaired;
    bisect_rows_drop(s);
    task->bisecting = false;
    if (!found && unpaired) {
        task->unpaired_checked = true;
    } else if (!found) { /* no record is to blame: a row is */
        task->bisected = true;
        task->savepoints = true;
        task_use_savepoints(task, m->o.refused_row_max);
    } else if (!too_many_dead_letters(&m->o, task, &task->refusal)) {
        verdict_read_again(&task->verdict, DISCARD_ROWS_REFUSED);
    }
}

/* The next chunk of rows as a range to check, or the next table. */
static enum err_kind bisection_read_range(struct session *s, struct err *reterr) {
    struct row_bisection *bisection = s->bisection;
    if (bisection->table_done) {
        bisection->table++;
        bisection->after = STR_NONE;
        bisection->table_done = false;
    }
    enum err_kind kind = bisection_read(bisection, reterr);
    if (kind == ERR_NONE && bisection->row_count > 0) {
        bisection->ranges[bisection->range_count].begin = 0;
        bisection->ranges[bisection->range_count++].end = bisection->row_count;
    }
    return kind;
}

static bool bisection_done(const struct session *s) {
    return s->bisection->table_done &&
           s->bisection->table + 1 == (int)s->member->plan->relation_count;
}

void bisect_rows_submit(struct session *s) {
    struct member *m = s->member;
    struct row_bisection *bisection = s->bisection;
    struct err err;
    if (bisection->range_count == 0 && bisection_done(s)) {
        bisection_end(s);
        return;
    }
    if (bisection->range_count == 0 && bisection_read_range(s, &err) != ERR_NONE) {
        verdict_fail(&bisection->task->verdict, &err);
        return;
    }
    if (bisection->range_count == 0) {
        return; /* goes on in the next step */
    }
    row_array_clear(&s->checked);
    row_array_init(&s->checked, m->plan->relations[bisection->table].column_count);
    row_writer_forget(s->writer);
    for (size_t i = bisection->ranges[bisection->range_count - 1].begin;
         i < bisection->ranges[bisection->range_count - 1].end; i++) {
        const struct str *values;
        if (row_writer_columns(s->writer, bisection->table, bisection->rows[i], &values, &err) !=
            ERR_NONE) {
            verdict_fail(&bisection->task->verdict, &err);
            return;
        }
        row_array_add(&s->checked, values);
    }
    s->job = JOB_CHECK;
    m->o.sink_ops->check(s->sink, bisection->table, &s->checked);
}

void bisect_rows_answer(struct session *s, bool refused, const struct err *err) {
    struct row_bisection *bisection = s->bisection;
    if (!bisection) {
        return;
    }
    size_t begin = bisection->ranges[bisection->range_count - 1].begin;
    size_t end = bisection->ranges[bisection->range_count - 1].end;
    bisection->range_count--;
    if (!refused) {
        return;
    }
    if (end - begin > 1) {
        size_t middle = begin + (end - begin) / 2;
        bisection->ranges[bisection->range_count].begin = middle;
        bisection->ranges[bisection->range_count++].end = end;
        bisection->ranges[bisection->range_count].begin = begin;
        bisection->ranges[bisection->range_count++].end = middle;
        return;
    }
    struct task *task = bisection->task;
    task->refused =
        memory_grow(task->refused, task->refused_count, &task->refused_cap, sizeof *task->refused);
    task->refused[task->refused_count++] = (struct refused_row){
        .table = bisection->table,
        .key = arena_copy(&task->refused_arena, bisection->rows[begin].key),
        .value = arena_copy(&task->refused_arena, bisection->rows[begin].value),
        .offset = -1,
    };
    task->refusal = *err;
    /* A column that never fits is not searched to its end. */
    (void)too_many_dead_letters(&s->member->o, task, err);
}
