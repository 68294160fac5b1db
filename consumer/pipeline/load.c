/* The end of READING, and rows that PostgreSQL refuses while what was read is written. */
#include "base/memory.h"
#include "pipeline/member_impl.h"

#include <stdlib.h>

#define HUNT_ROWS      500  /* rows a check job takes at a time */
#define HUNT_LOOKS_MAX 5000 /* rows looked at in one step: others want to be served */
/* Of letters found by READING, whatever held.max.bytes: they wait for the last transaction. */
#define FOUND_BYTES_MIN ((size_t)64 << 20)

/* ERR_HALT where the task has put aside more than it may, or more than fits into memory. */
static enum err_kind check_letters(const struct member *m, const struct task *task,
                                   const struct err *newest, struct err *reterr) {
    size_t bytes_max =
        m->o.held_max_bytes > FOUND_BYTES_MIN ? m->o.held_max_bytes : FOUND_BYTES_MIN;
    bool large = task->found_count > 1 && task->found_bytes > bytes_max;
    if (large) {
        (void)err_set(reterr, ERR_HALT,
                      "the records of this task that can't be applied have more than %zu bytes "
                      "together, and wait in memory until its rows are written (raise "
                      "held.max.bytes); the newest: %.300s",
                      bytes_max, newest->message);
    } else if (task->letters.count + task->found_count + task->refused_count >
                   m->o.dead_letter_max &&
               SAFEGUARD("dead.letter.max bounds what a rebuild finds")) {
        (void)letters_too_many(m, newest->message, reterr);
    } else {
        return ERR_NONE;
    }
    return newest->topic[0] ? err_about(reterr, newest->topic, newest->partition, newest->offset)
                            : ERR_HALT;
}

static bool too_many_letters(const struct member *m, struct task *task, const struct err *newest) {
    struct err err = *newest;
    bool many = check_letters(m, task, newest, &err) != ERR_NONE;
    if (many) {
        verdict_halt(&task->verdict, &err);
    }
    return many;
}

/* task_found_letter's parameters. NOLINTNEXTLINE(readability-function-size) */
enum err_kind task_found_letter(const struct member *m, struct task *task,
                                const struct record *record, struct str row_key,
                                const struct err *why, bool *ret_absent, struct err *reterr) {
    struct str kept = STR_NONE;
    if (row_key.ptr) {
        enum err_kind kind = state_get(task->state, record->table, row_key, &kept, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
    }
    task->found =
        memory_grow(task->found, task->found_count, &task->found_cap, sizeof *task->found);
    struct dead_letter *letter = &task->found[task->found_count];
    letter_fill(letter, m, task, record,
                arena_copy(&task->found_arena, str_from(why->message)).ptr);
    letter->key = arena_copy(&task->found_arena, record->key);
    letter->value = arena_copy(&task->found_arena, record->value);
    letter->row_key = arena_copy(&task->found_arena, row_key);
    letter->kept = arena_copy(&task->found_arena, kept);
    task->found_bytes += record->key.len + record->value.len + row_key.len + kept.len;
    task->found_count++;
    *ret_absent = !kept.ptr;
    return check_letters(m, task, why, reterr);
}

bool task_meets_refused(struct task *task, const struct change *change,
                        const struct record *record) {
    bool met = false;
    for (size_t i = 0; i < task->refused_count; i++) { /* a row can have several refused versions */
        struct refused_row *row = &task->refused[i];
        if (row->table != change->table || !str_equal(row->key, change->key)) {
            continue;
        }
        bool refused = change->op != CHANGE_DELETE && str_equal(row->value, change->value);
        row->offset = refused ? record->offset : -1;
        if (refused) {
            row->letter_key = arena_copy(&task->refused_arena, record->key);
            row->letter_value = arena_copy(&task->refused_arena, record->value);
        }
        met |= refused;
    }
    return met;
}

/* The dead letters of READING: what it could not decode, and the refused rows' records. */
static void collect_letters(const struct member *m, struct task *task) {
    struct work *work = &task->work;
    work->letters = arena_alloc(&task->found_arena, (task->found_count + task->refused_count + 1) *
                                                        sizeof *work->letters);
    for (size_t i = 0; i < task->found_count; i++) {
        work->letters[work->letter_count++] = task->found[i];
    }
    for (size_t i = 0; i < task->refused_count; i++) {
        const struct refused_row *row = &task->refused[i];
        if (row->offset >= 0) {
            struct record record = {.table = row->table,
                                    .partition = task->number,
                                    .offset = row->offset,
                                    .key = row->letter_key,
                                    .value = row->letter_value};
            struct dead_letter *letter = &work->letters[work->letter_count++];
            letter_fill(letter, m, task, &record, task->refusal.message);
            letter->row_key = row->key;
        }
    }
}

void task_begin_writing(struct member *m, struct task *task) {
    struct err err;
    enum err_kind kind =
        state_commit(task->state, task->position, clock_wall_ms(&m->o.clock), false, &err);
    if (kind != ERR_NONE) {
        verdict_fail(&task->verdict, &err);
        return;
    }
    if (task->refused_count > 0 && too_many_letters(m, task, &task->refusal)) {
        return;
    }
    task->phase = TASK_WRITING;
    task->work.kind = task->initial ? WORK_LOAD : WORK_REBUILD;
    memcpy(task->work.offsets_after, task->position, sizeof task->work.offsets_after);
    memcpy(task->work.marks_after, task->read, sizeof task->work.marks_after);
    collect_letters(m, task);
    task->surveyed = !task->initial;
    log_line(m->o.log, LOG_DEBUG, "pipeline", "read_to_end", "task=%d rows=%llu", task->number,
             (unsigned long long)state_row_count(task->state));
}

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

void hunt_begin(struct member *m, struct task *task, const struct err *refusal) {
    task->refusal = *refusal;
    log_err(m->o.log, LOG_WARN, "pipeline", "rows_refused", refusal);
    hunt_start(task, false);
}

void survey_begin(struct task *task) {
    hunt_start(task, true);
}

/* The next chunk of the table's rows into hunt->rows. */
static enum err_kind hunt_read(const struct member *m, struct hunt *hunt, struct err *reterr) {
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
            kind = join_has_partners(m->plan, task_reader(hunt->task), hunt->table, row.key,
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
        task->careful = true;
        task_take_care(m, task);
    } else if (!too_many_letters(m, task, &task->refusal)) {
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
    enum err_kind kind = hunt_read(s->member, hunt, reterr);
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
    (void)too_many_letters(s->member, task, err);
}
