/* Dead letters that stand in the sink, and the operator's decisions: as a task takes them over, and
 * as it comes to their records. */
#include "pipeline/dead_letters.h"

#include "base/memory.h"
#include "pipeline/checksum.h"

#include <stdio.h>
#include <stdlib.h>

const struct known_dead_letter *dead_letter_at(const struct dead_letter_list *list, int table,
                                               int64_t offset) {
    struct known_dead_letter wanted = {.table = table, .offset = offset};
    return list->count == 0 ? NULL
                            : bsearch(&wanted, list->items, list->count, sizeof wanted,
                                      known_dead_letter_compare);
}

void task_know_dead_letter(struct task *task, const struct known_dead_letter *dead_letter) {
    struct dead_letter_list *list = dead_letter->pending ? &task->decided : &task->dead_letters;
    if (dead_letter_at(list, dead_letter->table, dead_letter->offset)) {
        return;
    }
    list->items = memory_grow(list->items, list->count, &list->cap, sizeof *list->items);
    size_t at = list->count++;
    while (at > 0 && known_dead_letter_compare(&list->items[at - 1], dead_letter) > 0) {
        list->items[at] = list->items[at - 1];
        at--;
    }
    struct known_dead_letter *known = &list->items[at];
    *known = *dead_letter;
    known->row_key = arena_copy(&task->dead_letters_arena, dead_letter->row_key);
    known->kept = arena_copy(&task->dead_letters_arena, dead_letter->kept);
    known->key = arena_copy(&task->dead_letters_arena, dead_letter->key);
    known->value = STR_NONE;
}

enum err_kind dead_letters_too_many(const struct member_options *o, const char *newest,
                                    struct err *reterr) {
    return err_set(reterr, ERR_HALT,
                   "more than %zu records of this task can't be applied (dead.letter.max); the "
                   "newest: %.300s. Look at sync_dead_letter, fix the cause, raise the setting",
                   o->dead_letter_max, newest);
}

void dead_letter_fill(struct dead_letter *dead_letter, const struct plan *plan,
                      const struct task *task, const struct record *record, const char *reason) {
    *dead_letter = (struct dead_letter){
        .topic = plan->relations[record->table].slot,
        .table = record->table,
        .partition = record->partition,
        .offset = record->offset,
        .key = record->key,
        .value = record->value,
        .checksum = record_checksum(record),
        .decided = dead_letter_at(&task->decided, record->table, record->offset) != NULL,
        .reason = reason,
    };
}

/* The version that a dead letter's record holds, put aside itself; ptr NULL: none, or it can't be
 * read.
 */
static struct str version_of(struct member *m, const struct task *task,
                             const struct known_dead_letter *dead_letter) {
    struct record record = {.table = dead_letter->table,
                            .partition = task_partition(m->plan, task, (size_t)dead_letter->table),
                            .offset = dead_letter->offset,
                            .key = dead_letter->key,
                            .value = dead_letter->value};
    struct change change;
    arena_reset(&m->scratch);
    enum err_kind kind = dead_letter->value.ptr
                             ? decode(m->decoder, &record, &m->scratch, &change, NULL)
                             : ERR_RECORD;
    return kind == ERR_NONE ? change.value : STR_NONE;
}

/* A record that was put aside never counts, so its version is kept by no dead letter behind it.
 * Earlier releases could store one that did: of a batch of several transactions whose first one
 * held the dead letter, and a later one turned out to be refused. Such a dead letter keeps what the
 * other one does. */
static void mend_dead_letters_behind(struct member *m, const struct task *task,
                                     struct known_dead_letter *dead_letters, size_t count,
                                     size_t at) {
    struct str version = version_of(m, task, &dead_letters[at]);
    for (size_t i = at + 1; version.ptr && i < count; i++) {
        struct known_dead_letter *dead_letter = &dead_letters[i];
        if (dead_letter->table == dead_letters[at].table && dead_letter->kept.ptr &&
            str_equal(dead_letter->row_key, dead_letters[at].row_key) &&
            str_equal(dead_letter->kept, version) &&
            SAFEGUARD("no dead letter keeps a refused version")) {
            dead_letter->kept = dead_letters[at].kept;
            log_line(m->o.log, LOG_INFO, "pipeline", "letter_mended",
                     "topic=%s partition=%d offset=%lld",
                     m->plan->relations[dead_letter->table].slot.ptr,
                     task_partition(m->plan, task, (size_t)dead_letter->table),
                     (long long)dead_letter->offset);
        }
    }
}

/* Whose dead letters of a table's topic are the task's, for a message. */
struct which {
    char text[64];
};
static struct which which(const struct plan *plan, const struct task *task, int table) {
    struct which which;
    int32_t partition = task_partition(plan, task, (size_t)table);
    if (relation_is_whole(&plan->relations[table])) { /* each task has its own */
        (void)snprintf(which.text, sizeof which.text, "partition = %d AND task = %d",
                       (int)partition, (int)task->number);
    } else {
        (void)snprintf(which.text, sizeof which.text, "partition = %d", (int)partition);
    }
    return which;
}

/* The task has not come to the dead letter's record: it is of another log, or the progress was
 * emptied without it. Its row would take the version that a record of that other log kept. */
static enum err_kind strange_dead_letter(const struct member_options *o, const struct task *task,
                                         const struct known_dead_letter *dead_letter,
                                         struct err *reterr) {
    const char *topic = o->plan->relations[dead_letter->table].slot.ptr;
    int64_t next = task->initial ? 0 : task->progress.offsets[dead_letter->table];
    (void)err_set(
        reterr, ERR_HALT,
        "sync_dead_letter has a dead letter at offset %lld, but this task has applied "
        "only what is before %lld: the topic was created again, or sync_progress was emptied "
        "without sync_dead_letter. Delete the letters that are not of this log, e.g. "
        "DELETE FROM sync_dead_letter WHERE view = '%.64s' AND %s AND topic "
        "= '%.100s' AND \"offset\" >= %lld; then SIGHUP",
        (long long)dead_letter->offset, (long long)next, o->plan->name.ptr,
        which(o->plan, task, dead_letter->table).text, topic, (long long)next);
    return err_about(reterr, topic, task_partition(o->plan, task, (size_t)dead_letter->table),
                     dead_letter->offset);
}

enum err_kind task_take_dead_letters(struct member *m, struct task *task,
                                     struct known_dead_letter *dead_letters, size_t count,
                                     struct err *reterr) {
    for (size_t i = 0; i < count; i++) {
        const struct known_dead_letter *dead_letter = &dead_letters[i];
        /* a table that is filled again begins without offsets: its dead letters are right */
        bool ahead = task->initial
                         ? dead_letter->without_progress
                         : dead_letter->offset >= task->progress.offsets[dead_letter->table];
        if (ahead && !dead_letter->pending && SAFEGUARD("no dead letter is ahead of the offsets")) {
            return strange_dead_letter(&m->o, task, dead_letter, reterr);
        }
    }
    for (size_t i = 0; i < count; i++) { /* ascending: what the first one keeps is right */
        if (dead_letters[i].row_key.ptr) {
            mend_dead_letters_behind(m, task, dead_letters, count, i);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (!dead_letters[i].pending || task->progress.seq < 4 ||
            SAFEGUARD("decisions outlive an acquisition")) {
            task_know_dead_letter(task, &dead_letters[i]);
        }
    }
    return ERR_NONE;
}

/* Dead letters of earlier releases are known by their key and the length of the value. */
static bool is_of(const struct known_dead_letter *dead_letter, const struct record *record) {
    int64_t value_len = record->value.ptr ? (int64_t)record->value.len : -1;
    bool same_key = dead_letter->key.ptr && record->key.ptr
                        ? str_equal(dead_letter->key, record->key)
                        : !dead_letter->key.ptr && !record->key.ptr;
    return same_key && dead_letter->value_len == value_len &&
           (!dead_letter->has_checksum || dead_letter->checksum == record_checksum(record) ||
            !SAFEGUARD("a dead letter's checksum is compared"));
}

static enum err_kind of_another(const struct member_options *o, const struct task *task,
                                const struct record *record, const char *what, struct err *reterr) {
    const char *topic = o->plan->relations[record->table].slot.ptr;
    (void)err_set(
        reterr, ERR_HALT,
        "the %s at this offset in sync_dead_letter is of another record: the topic was "
        "created again without emptying that table. If the OLAP table was filled from this "
        "log, delete it and SIGHUP: DELETE FROM sync_dead_letter WHERE view = '%.64s' "
        "AND topic = '%.100s' AND %s AND \"offset\" = %lld; else start over",
        what, o->plan->name.ptr, topic, which(o->plan, task, record->table).text,
        (long long)record->offset);
    return err_about(reterr, topic, record->partition, record->offset);
}

enum err_kind task_dead_letter_of(const struct member_options *o, const struct task *task,
                                  const struct record *record,
                                  const struct known_dead_letter **ret_dead_letter,
                                  struct err *reterr) {
    *ret_dead_letter = SAFEGUARD("a record put aside stays aside")
                           ? dead_letter_at(&task->dead_letters, record->table, record->offset)
                           : NULL;
    return !*ret_dead_letter || is_of(*ret_dead_letter, record) ||
                   !SAFEGUARD("a dead letter is of its own record")
               ? ERR_NONE
               : of_another(o, task, record, "dead letter", reterr);
}

enum err_kind task_decision(const struct member_options *o, const struct task *task,
                            const struct record *record, enum err_kind kind, struct err *err) {
    const struct known_dead_letter *decision =
        dead_letter_at(&task->decided, record->table, record->offset);
    bool passed = !task->initial && record->offset < task->progress.offsets[record->table];
    if (!decision || passed) {
        return kind;
    }
    if (!is_of(decision, record)) {
        return of_another(o, task, record, "decision", err);
    }
    char why[sizeof err->message];
    (void)snprintf(why, sizeof why, "%s", kind == ERR_NONE ? "it could be applied" : err->message);
    const char *topic = o->plan->relations[record->table].slot.ptr;
    (void)err_set(err, ERR_RECORD, "put aside by the operator (%.400s)", why);
    (void)err_about(err, topic, record->partition, record->offset);
    log_err(o->log, LOG_WARN, "pipeline", "decided", err);
    return ERR_RECORD;
}
