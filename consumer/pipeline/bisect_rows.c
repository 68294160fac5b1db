/* Which rows PostgreSQL refuses by their own values, while what was read is written. */
#include "pipeline/bisect_rows.h"

#include "base/memory.h"
#include "pipeline/found.h"
#include "pipeline/refused_rows.h"

#include <stdlib.h>

#define HUNT_ROWS      500  /* rows a check job takes at a time */
#define HUNT_LOOKS_MAX 5000 /* rows looked at in one step: others want to be served */

/* A search through the rows of a task for those whose own values PostgreSQL refuses: chunks of rows
 * are checked, a refused chunk is halved until single rows are left. */
struct hunt {
    struct task *task;
    bool survey; /* only rows without a partner, which no COPY will try */
    size_t refused_before;
    struct arena arena;
    int table;
    struct str after; /* the last row of the chunk */
    bool table_done;
    struct row_ref rows[HUNT_ROWS];
    size_t row_count;
    /* Ranges of rows[] still to be checked, as a stack. */
    struct {
        size_t begin, end;
    } ranges[64];
    size_t range_count;
};

void hunt_drop(struct session *s) {
    if (s->hunt) {
        if (!SAFEGUARD("checked rows outlive their hunt")) {
            row_array_clear(&s->checked);
        }
        arena_clear(&s->hunt->arena);
        free(s->hunt);
        s->hunt = NULL;
    }
}

static void hunt_start(struct task *task, bool survey) {
    struct session *s = task->session;
    hunt_drop(s);
    s->hunt = memory_new(1, sizeof *s->hunt);
    s->hunt->task = task;
    s->hunt->survey = survey;
    s->hunt->refused_before = task->refused_count;
    task->hunting = true;
}

void hunt_begin(const struct member_options *o, struct task *task, const struct err *refusal) {
    task->refusal = *refusal;
    log_err(o->log, LOG_WARN, "pipeline", "rows_refused", refusal);
    hunt_start(task, false);
}

void survey_begin(struct task *task) {
    hunt_start(task, true);
}

/* The next chunk of the table's rows into hunt->rows. */
static enum err_kind hunt_read(const struct member_options *o, struct hunt *hunt,
                               struct err *reterr) {
    char bytes[ROW_KEY_MAX];
    struct str after = {hunt->after.ptr ? bytes : NULL, hunt->after.len};
    if (after.ptr) {
        memcpy(bytes, hunt->after.ptr, after.len);
    }
    arena_reset(&hunt->arena);
    hunt->row_count = 0;
    for (int looks = 0; looks < HUNT_LOOKS_MAX && hunt->row_count < HUNT_ROWS; looks++) {
        struct row_ref row;
        bool partner = false;
        enum err_kind kind = state_next(hunt->task->state, hunt->table, STR_NONE, after, &row.key,
                                        &row.value, reterr);
        if (kind == ERR_NONE && row.key.ptr && hunt->survey) {
            kind = join_has_partners(o->plan, task_reader(hunt->task), hunt->table, row.key,
                                     &partner, reterr);
        }
        if (kind != ERR_NONE) {
            return kind;
        }
        if (!row.key.ptr) {
            hunt->table_done = true;
            break;
        }
        after = row.key; /* the state does not change meanwhile */
        if (!partner) {
            hunt->rows[hunt->row_count++] = (struct row_ref){arena_copy(&hunt->arena, row.key),
                                                             arena_copy(&hunt->arena, row.value)};
        }
    }
    hunt->after = arena_copy(&hunt->arena, after);
    return ERR_NONE;
}

/* All rows were checked. */
static void hunt_end(struct session *s) {
    struct member *m = s->member;
    struct task *task = s->hunt->task;
    bool found = task->refused_count > s->hunt->refused_before, survey = s->hunt->survey;
    hunt_drop(s);
    task->hunting = false;
    if (!found && survey) {
        task->surveyed = true;
    } else if (!found) { /* no record is to blame: a row is */
        task->hunted = true;
        task->savepoints = true;
        task_use_savepoints(task, m->o.refused_row_max);
    } else if (!too_many_dead_letters(&m->o, task, &task->refusal)) {
        verdict_read_again(&task->verdict, DISCARD_ROWS_REFUSED);
    }
}

/* The next chunk of rows as a range to check, or the next table. */
static enum err_kind hunt_read_range(struct session *s, struct err *reterr) {
    struct hunt *hunt = s->hunt;
    if (hunt->table_done) {
        hunt->table++;
        hunt->after = STR_NONE;
        hunt->table_done = false;
    }
    enum err_kind kind = hunt_read(&s->member->o, hunt, reterr);
    if (kind == ERR_NONE && hunt->row_count > 0) {
        hunt->ranges[hunt->range_count].begin = 0;
        hunt->ranges[hunt->range_count++].end = hunt->row_count;
    }
    return kind;
}

static bool hunt_done(const struct session *s) {
    return s->hunt->table_done && s->hunt->table + 1 == (int)s->member->plan->relation_count;
}

void hunt_submit(struct session *s) {
    struct member *m = s->member;
    struct hunt *hunt = s->hunt;
    struct err err;
    if (hunt->range_count == 0 && hunt_done(s)) {
        hunt_end(s);
        return;
    }
    if (hunt->range_count == 0 && hunt_read_range(s, &err) != ERR_NONE) {
        verdict_fail(&hunt->task->verdict, &err);
        return;
    }
    if (hunt->range_count == 0) {
        return; /* goes on in the next step */
    }
    row_array_clear(&s->checked);
    row_array_init(&s->checked, m->plan->relations[hunt->table].column_count);
    row_writer_forget(s->writer);
    for (size_t i = hunt->ranges[hunt->range_count - 1].begin;
         i < hunt->ranges[hunt->range_count - 1].end; i++) {
        const struct str *values;
        if (row_writer_columns(s->writer, hunt->table, hunt->rows[i], &values, &err) != ERR_NONE) {
            verdict_fail(&hunt->task->verdict, &err);
            return;
        }
        row_array_add(&s->checked, values);
    }
    s->job = JOB_CHECK;
    m->o.sink_ops->check(s->sink, hunt->table, &s->checked);
}

void hunt_answer(struct session *s, bool refused, const struct err *err) {
    struct hunt *hunt = s->hunt;
    if (!hunt) {
        return;
    }
    size_t begin = hunt->ranges[hunt->range_count - 1].begin;
    size_t end = hunt->ranges[hunt->range_count - 1].end;
    hunt->range_count--;
    if (!refused) {
        return;
    }
    if (end - begin > 1) {
        size_t middle = begin + (end - begin) / 2;
        hunt->ranges[hunt->range_count].begin = middle;
        hunt->ranges[hunt->range_count++].end = end;
        hunt->ranges[hunt->range_count].begin = begin;
        hunt->ranges[hunt->range_count++].end = middle;
        return;
    }
    struct task *task = hunt->task;
    task->refused =
        memory_grow(task->refused, task->refused_count, &task->refused_cap, sizeof *task->refused);
    task->refused[task->refused_count++] = (struct refused_row){
        .table = hunt->table,
        .key = arena_copy(&task->refused_arena, hunt->rows[begin].key),
        .value = arena_copy(&task->refused_arena, hunt->rows[begin].value),
        .offset = -1,
    };
    task->refusal = *err;
    /* A column that never fits is not searched to its end. */
    (void)too_many_dead_letters(&s->member->o, task, err);
}
