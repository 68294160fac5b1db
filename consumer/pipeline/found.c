/* What BOOTSTRAP_SCAN comes upon that can't be applied, and what it meets of refused rows. */
#include "pipeline/found.h"

#include "base/memory.h"
#include "pipeline/dead_letters.h"

/* Of dead letters found by BOOTSTRAP_SCAN, whatever held.max.bytes: they wait for the last
 * transaction. */
#define FOUND_BYTES_MIN ((size_t)64 << 20)

/* ERR_HALT where the task has put aside more than it may, or more than fits into memory. */
static enum err_kind check_dead_letters(const struct member_options *o, const struct task *task,
                                        const struct err *newest, struct err *reterr) {
    size_t bytes_max = o->held_max_bytes > FOUND_BYTES_MIN ? o->held_max_bytes : FOUND_BYTES_MIN;
    bool large = task->found_count > 1 && task->found_bytes > bytes_max;
    if (large) {
        (void)err_set(reterr, ERR_HALT,
                      "the records of this task that can't be applied have more than %zu bytes "
                      "together, and wait in memory until its rows are written (raise "
                      "held.max.bytes); the newest: %.300s",
                      bytes_max, newest->message);
    } else if (task->dead_letters.count + task->found_count + task->refused_count >
                   o->dead_letter_max &&
               SAFEGUARD("dead.letter.max bounds what a rebuild finds")) {
        (void)dead_letters_too_many(o, newest->message, reterr);
    } else {
        return ERR_NONE;
    }
    return newest->topic[0] ? err_about(reterr, newest->topic, newest->partition, newest->offset)
                            : ERR_HALT;
}

bool too_many_dead_letters(const struct member_options *o, struct task *task,
                           const struct err *newest) {
    struct err err = *newest;
    bool many = check_dead_letters(o, task, newest, &err) != ERR_NONE;
    if (many) {
        verdict_halt(&task->verdict, &err);
    }
    return many;
}

/* task_found_dead_letter's parameters. NOLINTNEXTLINE(readability-function-size) */
enum err_kind task_found_dead_letter(const struct member_options *o, struct task *task,
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
    struct dead_letter *dead_letter = &task->found[task->found_count];
    dead_letter_fill(dead_letter, o->plan, task, record,
                     arena_copy(&task->found_arena, str_from(why->message)).ptr);
    dead_letter->key = arena_copy(&task->found_arena, record->key);
    dead_letter->value = arena_copy(&task->found_arena, record->value);
    dead_letter->row_key = arena_copy(&task->found_arena, row_key);
    dead_letter->kept = arena_copy(&task->found_arena, kept);
    task->found_bytes += record->key.len + record->value.len + row_key.len + kept.len;
    task->found_count++;
    *ret_absent = !kept.ptr;
    return check_dead_letters(o, task, why, reterr);
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
            row->dead_letter_key = arena_copy(&task->refused_arena, record->key);
            row->dead_letter_value = arena_copy(&task->refused_arena, record->value);
        }
        met |= refused;
    }
    return met;
}
