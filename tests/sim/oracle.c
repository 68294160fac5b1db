/* What must be true of the sink, computed from the source and the log: the view is evaluated as
 * its SQL says, by nested loops over the rows of its tables. Nothing of join/ is used here, and
 * nothing is known of join keys, partitions or tasks but what a record or a sink row tells. */
#include "world.h"

#include "base/safeguard.h"

#include <assert.h>
#include <stdlib.h>

/* The last column is "v<number>"; 0: there is none. */
int world_stored_version(struct str value) {
    int version = 0, digit = 1;
    size_t at = value.len;
    for (; at > 0 && value.ptr[at - 1] >= '0' && value.ptr[at - 1] <= '9'; at--) {
        version += digit * (value.ptr[at - 1] - '0');
        digit *= 10;
    }
    return at > 0 && (value.ptr[at - 1] == 'v' || value.ptr[at - 1] == 'd') ? version : 0;
}

int oracle_kept_version(const struct stored_dead_letter *dead_letter) {
    return dead_letter->planted ? dead_letter->right : world_stored_version(dead_letter->kept);
}

static bool same_row(const struct entry *a, const struct entry *b) {
    return a->cells == b->cells;
}

/* What a dead letter keeps is the newest version before it that was not put aside. What was
 * compacted away may have been read or not. Nothing, where the log does not tell any more, or a
 * rebuild met a version before it that is refused. It does not matter where a later record of the
 * row is passed (up to end) in the same transaction. Where the sink went back, a cache may be ahead
 * of it: then it is a later version, whose own record the replay comes to as well. */
void oracle_dead_letter(struct world *world, const struct stored_dead_letter *dead_letter,
                        int64_t end) {
    const struct topic_log *log = world_log(world, dead_letter->table, dead_letter->task);
    const struct entry *entry = &log->entries[dead_letter->offset];
    int version = oracle_kept_version(dead_letter), should = 0;
    bool may_lack = entry->flaw == FLAW_REFUSED;
    if ((dead_letter->row_key.ptr != NULL) != entry->names_row) {
        world_fail(world, "O7: the dead letter %d[%d]@%lld names %s row", dead_letter->table,
                   dead_letter->task, (long long)dead_letter->offset,
                   dead_letter->row_key.ptr ? "a" : "no");
    }
    for (int64_t i = dead_letter->offset; i-- > 0 && entry->names_row;) {
        const struct entry *before = &log->entries[i];
        if (!same_row(before, entry)) {
            continue;
        }
        may_lack |= before->flaw == FLAW_REFUSED || !before->kept;
        if (before->version >= 0 && (before->kept || before->version == version)) {
            should = before->version;
            break;
        }
    }
    bool superseded = false;
    for (int64_t i = dead_letter->offset + 1; i < end && i < log->count; i++) {
        superseded |= same_row(&log->entries[i], entry);
    }
    bool ahead = false;
    for (int64_t i = dead_letter->offset + 1; world->knobs.restore > 0 && i < log->count; i++) {
        ahead |= same_row(&log->entries[i], entry) && log->entries[i].version == version;
    }
    if (version != should && (version != 0 || !may_lack) && !superseded && !ahead) {
        world_fail(world, "O7: the dead letter %d[%d]@%lld keeps v%d, should be v%d",
                   dead_letter->table, dead_letter->task, (long long)dead_letter->offset, version,
                   should);
    }
}

/* Of a table whose rows are shared out by what they hold: it is the task's. */
static bool has_row(const struct world *world, int table, int32_t task, cells_t cells) {
    return schema_is_of(&world->schema.tables[table], cells, task, world->partitions);
}

/* Records that nobody can read are dead letters, one and all, but for those that were compacted
 * away. */
static void check_dead_letters(struct world *world, const char *when) {
    for (int t = 0; t < world->schema.table_count; t++) {
        for (int32_t p = 0; p < world->partitions && world_edition(world)->relations[t] >= 0; p++) {
            const struct topic_log *log = world_log(world, t, p);
            for (int64_t i = log->start; i < log->count; i++) {
                const struct entry *entry = &log->entries[i];
                if (entry->kept && entry->flaw > FLAW_REFUSED &&
                    (!entry->names_row || has_row(world, t, p, entry->cells)) &&
                    !sim_sink_dead_letter(world, t, p, i)) {
                    world_fail(world, "O7 %s: the record %d[%d]@%lld is no dead letter", when, t, p,
                               (long long)i);
                }
            }
        }
    }
}

/* ---- the rows of the tables ---- */

struct rows {
    struct source_row *rows;
    size_t count, cap;
};

static void rows_add(struct rows *rows, cells_t cells, int version) {
    if (rows->count == rows->cap) {
        rows->cap = rows->cap ? rows->cap * 2 : 16;
        rows->rows = reallocarray(rows->rows, rows->cap, sizeof *rows->rows);
        if (!rows->rows) {
            abort();
        }
    }
    rows->rows[rows->count++] = (struct source_row){cells, version};
}

/* What a record leaves of its row in a task: where the sink refused it, what its dead letter keeps.
 */
static int effective(struct world *world, int table, int32_t task, int64_t offset,
                     const char *when) {
    const struct entry *entry = &world_log(world, table, task)->entries[offset];
    if (entry->version >= 0) {
        return entry->version;
    }
    const struct stored_dead_letter *dead_letter = sim_sink_dead_letter(world, table, task, offset);
    if (dead_letter) {
        return oracle_kept_version(dead_letter);
    }
    if (world->mended && entry->flaw == FLAW_REFUSED) {
        return entry->version;
    }
    world_fail(world,
               "O1 %s: the refused version %d of %s is neither in the sink nor a dead letter", when,
               entry->version, schema_show(&world->schema, table, entry->cells));
    return 0;
}

static bool rows_have(const struct rows *rows, cells_t cells) {
    for (size_t i = 0; i < rows->count; i++) {
        if (rows->rows[i].cells == cells) {
            return true;
        }
    }
    return false;
}

/* The rows as the log tells them: the newest record of each. Version 0: it is gone. */
static void read_log(struct world *world, int table, int32_t task, struct rows *rows,
                     const char *when) {
    const struct topic_log *log = world_log(world, table, task);
    for (int64_t i = log->count; i-- > 0;) {
        const cells_t cells = log->entries[i].cells;
        if (log->entries[i].names_row && has_row(world, table, task, cells) &&
            !rows_have(rows, cells)) {
            rows_add(rows, log->entries[i].cells, effective(world, table, task, i, when));
        }
    }
}

static void read_source(const struct world *world, int table, struct rows *rows) {
    const struct source_table *source = world_source(world, table);
    for (int i = 0; i < source->count; i++) {
        rows_add(rows, source->rows[i].cells, source->rows[i].version);
    }
}

/* ---- the view ---- */

struct view_row {
    cells_t key;
    int versions[SCHEMA_OCCURRENCES_MAX];
};

struct answer {
    const struct world *world;
    const struct schema_target *target;
    struct rows tables[SCHEMA_TABLES_MAX];
    /* A combination: one of each occurrence; NULL where a LEFT JOIN finds none. */
    const struct source_row *chosen[SCHEMA_OCCURRENCES_MAX];
    struct view_row *rows;
    size_t count, cap;
};

/* WHERE; SELECT: the chosen rows' columns; those of the sink's key are packed. */
static void answer_add(struct answer *answer) {
    const struct schema_target *target = answer->target;
    struct view_row chosen = {0};
    for (int o = 0; o < target->occurrence_count; o++) {
        int version = answer->chosen[o] ? answer->chosen[o]->version : 0;
        chosen.versions[o] = version && target->hides[o] ? SCHEMA_HIDDEN : version;
    }
    if (!schema_passes(target, chosen.versions)) {
        return;
    }
    for (int k = 0; k < target->key_count; k++) {
        const struct schema_place *from = &target->outputs[target->key_outputs[k]];
        const struct source_row *row = answer->chosen[from->occurrence];
        chosen.key |= cell_of(k, row ? cell_at(row->cells, from->column) : 0);
    }
    if (answer->count == answer->cap) {
        answer->cap = answer->cap ? answer->cap * 2 : 16;
        answer->rows = reallocarray(answer->rows, answer->cap, sizeof *answer->rows);
        if (!answer->rows) {
            abort();
        }
    }
    answer->rows[answer->count++] = chosen;
}

/* ON: every equality whose tables are chosen, the last of them just now. NULL equals nothing. */
static bool holds(const struct answer *answer, int occurrence) {
    for (int i = 0; i < answer->target->equal_count; i++) {
        const struct schema_equal *equal = &answer->target->equals[i];
        assert(equal->left.occurrence < equal->right.occurrence);
        if (equal->right.occurrence == occurrence) {
            int left = cell_at(answer->chosen[equal->left.occurrence]->cells, equal->left.column);
            int right = cell_at(answer->chosen[occurrence]->cells, equal->right.column);
            if (left == 0 || left != right) {
                return false;
            }
        }
    }
    return true;
}

/* Without it, ON says nothing of the third table: what the sink then should be, it is not. */
static bool is_asked(int occurrence) {
    return occurrence < 2 || SAFEGUARD("sim: the oracle asks every table");
}

/* The same of a node: its key columns are equal to those of its parent's row. */
static bool node_holds(const struct answer *answer, const struct schema_node *node,
                       const struct source_row *row) {
    const struct source_row *parent = answer->chosen[node->parent];
    cells_t refers = parent ? parent->cells | world_references(answer->world, parent->version) : 0;
    bool holds = parent != NULL;
    for (int c = 0; c < answer->target->tables[node->table].key_count && holds; c++) {
        int cell = cell_at(refers, node->columns[c]);
        holds = cell != 0 && cell == cell_at(row->cells, c);
    }
    return holds;
}

static bool on_holds(const struct answer *answer, int occurrence) {
    int node = occurrence - answer->target->core_count;
    return node < 0 ? holds(answer, occurrence) || !is_asked(occurrence)
                    : node_holds(answer, &answer->target->nodes[node], answer->chosen[occurrence]);
}

/* FROM: all rows of this occurrence and, inside, of those behind it. */
static void loop(struct answer *answer,
                 int occurrence) { /* NOLINT(misc-no-recursion): a FROM deep */
    if (occurrence == answer->target->occurrence_count) {
        answer_add(answer);
        return;
    }
    const struct rows *rows = &answer->tables[schema_occurrence(answer->target, occurrence)];
    bool found = false;
    for (size_t i = 0; i < rows->count; i++) {
        answer->chosen[occurrence] = &rows->rows[i];
        if (rows->rows[i].version != 0 && on_holds(answer, occurrence)) {
            found = true;
            loop(answer, occurrence + 1);
        }
    }
    if (!found && schema_is_optional(answer->target, occurrence)) {
        answer->chosen[occurrence] = NULL;
        loop(answer, occurrence + 1);
    }
}

static void answer_clear(struct answer *answer) {
    for (int t = 0; t < SCHEMA_TABLES_MAX; t++) {
        free(answer->tables[t].rows);
    }
    free(answer->rows);
}

/* ---- and the sink ---- */

static void check_row(struct world *world, const struct schema_target *target,
                      const struct view_row *should, const char *when) {
    const struct sink_row *row = sim_sink_row(world, target->number, should->key);
    bool refused = sim_sink_refuses(world, target->number, should->versions);
    const char *name = schema_show_sink(target, should->key);
    if (world->mended && row && row->refused) {
        return; /* the constraint is gone; its rows wait for a new version */
    }
    if ((row && row->refused) != refused) {
        world_fail(world, "O1 %s: the row %s has %s in sync_refused", when, name,
                   refused ? "no entry" : "an entry");
    }
    if ((row && row->there) == refused) {
        world_fail(world, "O1 %s: the row %s is %s", when, name,
                   refused ? "there, but is refused" : "missing");
    }
    for (int o = 0; o < target->occurrence_count && !refused && row; o++) {
        if (row->versions[o] != should->versions[o]) {
            world_fail(world, "O1 %s: the row %s holds v%d of %s (%d.), should hold v%d", when,
                       name, row->versions[o], schema_table_of(target, o)->name, o + 1,
                       should->versions[o]);
        }
    }
}

static bool answer_has(const struct answer *answer, cells_t key) {
    for (size_t i = 0; i < answer->count; i++) {
        if (answer->rows[i].key == key) {
            return true;
        }
    }
    return false;
}

/* The target's table is what its view says. task -1: all rows; else those that the task writes. */
static void check_target(struct world *world, struct answer *answer, int32_t task,
                         const char *when) {
    const struct schema_target *target = answer->target;
    loop(answer, 0);
    for (size_t i = 0; i < answer->count; i++) {
        if (task < 0 || sim_sink_task(world, target->number, answer->rows[i].key) == task) {
            check_row(world, target, &answer->rows[i], when);
        }
    }
    for (size_t i = 0; i < world->sink.row_count; i++) {
        const struct sink_row *row = &world->sink.rows[i];
        bool asked = row->target == target->number &&
                     (task < 0 || sim_sink_task(world, row->target, row->key) == task);
        bool waits = world->mended && row->refused;
        if (asked && !waits && !answer_has(answer, row->key)) {
            world_fail(world, "O1 %s: the row %s is %s, but should not be", when,
                       schema_show_sink(target, row->key),
                       row->there ? "there" : "in sync_refused");
        }
    }
}

/* task -1: all, at once: where nothing is refused, each has the rows of the source. */
static void check_views(struct world *world, int32_t task, const char *when) {
    struct answer answer = {.world = world};
    for (int t = 0; t < world->schema.table_count; t++) {
        if (world_edition(world)->relations[t] < 0) {
            continue;
        }
        if (world->knobs.bad > 0) {
            read_log(world, t, task, &answer.tables[t], when);
        } else {
            read_source(world, t, &answer.tables[t]);
        }
    }
    for (int i = 0; i < world->schema.target_count; i++) {
        if (schema_view_has(world_edition(world), i)) {
            answer.target = &world->schema.targets[i];
            answer.count = 0;
            check_target(world, &answer, task, when);
        }
    }
    answer_clear(&answer);
}

void oracle_task(struct world *world, int32_t task, const char *when) {
    check_views(world, task, when);
}

void oracle_final(struct world *world, const char *when) {
    if (world->misrouted_task >= 0) { /* its task must have halted before the record */
        const struct progress *progress = &world->sink.progress[world->misrouted_task];
        if (progress->has_offsets &&
            progress->offsets[world->misrouted_table] > world->misrouted_offset) {
            world_fail(world, "%s: a record in the wrong partition was passed over", when);
        }
        return;
    }
    for (int32_t p = world->knobs.bad > 0 ? 0 : -1;
         p < (world->knobs.bad > 0 ? world->partitions : 0); p++) {
        check_views(world, p, when);
    }
    for (int32_t p = 0; p < world->partitions; p++) {
        oracle_visible(world, p);
    }
    check_dead_letters(world, when);
}

bool oracle_caught_up(const struct world *world, int32_t task) {
    const struct progress *progress = &world->sink.progress[task];
    if (!progress->exists || !progress->has_offsets) {
        return false;
    }
    for (int t = 0; t < world->schema.table_count; t++) {
        if (world_edition(world)->relations[t] < 0) {
            continue;
        }
        const struct topic_log *log =
            &world->log[world_feed(world, t)][world_partition(world, t, task)];
        for (int64_t i = progress->offsets[t]; i < log->count; i++) {
            if (log->entries[i].kept) {
                return false;
            }
        }
    }
    return true;
}
