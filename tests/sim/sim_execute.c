/* What PostgreSQL does with a job: the fence, the rows, the progress; and the promises that are
 * checked at each transaction. */
#include "sim_sink_impl.h"

#include "base/safeguard.h"

#include <stdio.h>
#include <stdlib.h>

#define HALT_SHARE 0.02 /* of the jobs of a family that halts */

static void content_copy(struct sink_content *to, const struct sink_content *from) {
    struct letter *letters = calloc(from->letter_count + 1, sizeof *letters);
    if (!letters) {
        abort();
    }
    if (from->letter_count > 0) {
        memcpy(letters, from->letters, from->letter_count * sizeof *letters);
    }
    *to = *from;
    to->letters = letters;
}

/* Remembers the content before a commit: a restore goes back to one of these. */
static void remember(struct world *world) {
    if (world->knobs.restore <= 0) {
        return;
    }
    if (world->snapshot_count == SNAPSHOTS_MAX) {
        free(world->snapshots[0].letters);
        memmove(world->snapshots, world->snapshots + 1,
                (SNAPSHOTS_MAX - 1) * sizeof *world->snapshots);
        world->snapshot_count--;
    }
    content_copy(&world->snapshots[world->snapshot_count++], &world->sink);
}

void sim_sink_restore(struct world *world, int commits) {
    if (commits > world->snapshot_count) {
        commits = world->snapshot_count;
    }
    if (commits == 0) {
        return;
    }
    free(world->sink.letters);
    world->sink = world->snapshots[world->snapshot_count - commits];
    for (int i = world->snapshot_count - commits + 1; i < world->snapshot_count; i++) {
        free(world->snapshots[i].letters);
    }
    world->snapshot_count -= commits;
    world_trace(world, "RESTORE the sink goes back by %d commits", commits);
    while (world->jobs) { /* it was restarted: nothing in flight survives */
        struct sink_event event = {.kind = SINK_NOTHING};
        if (world->jobs->sink) {
            sim_sink_cut(world->jobs->sink, false);
        } else {
            sim_sink_answer(world, world->jobs, &event);
        }
    }
    for (int i = 0; i < world->members; i++) {
        for (int s = 0; world->nodes[i] && s < node_sessions(world->nodes[i]); s++) {
            sim_sink_cut(node_sink(world->nodes[i], s), false);
        }
    }
}

void sim_sink_lose_rows(struct world *world) {
    memset(world->sink.rows, 0, sizeof world->sink.rows);
    world->sink.table = ++world->table_count;
    world_trace(world, "TABLE LOST: table %d is there, empty", world->sink.table);
}

bool sim_sink_table_known(const struct world *world) {
    bool known = world->sink.table == world->sink.registered;
    for (int32_t p = 0; p < world->partitions; p++) {
        known &= world->sink.progress[p].generation == world->sink.generation;
    }
    return known;
}

/* The fence's other half: the table is the registered one, filled as often as the task knows. */
static bool table_is_other(const struct world *world, const struct progress *progress) {
    return world->sink.table != world->sink.registered ||
           progress->generation != world->sink.generation;
}

/* Nobody has written to the table since it was lost: it is empty. */
static void register_table(struct world *world) {
    struct sink_content *sink = &world->sink;
    if (sink->table != sink->registered) {
        sink->registered = sink->table;
        sink->generation++;
    }
}

static void check_offsets(struct world *world, const struct progress *now,
                          const struct sim_part *part) {
    for (int t = 0; t < TABLES && now->has_offsets; t++) {
        if (!part->after.has_offsets || part->after.offsets[t] < now->offsets[t]) {
            world_fail(world, "O3: the offsets of task %d fall", part->task);
        }
    }
    if (part->after.seq != now->seq + 1) {
        world_fail(world, "O3: task %d goes from seq %lld to %lld", part->task, (long long)now->seq,
                   (long long)part->after.seq);
    }
}

static void remove_row(struct world *world, int student, int contact) {
    struct sink_row *row = &world->sink.rows[student][contact];
    if (row->there && world->knobs.inserts_only && !world->stray_now) {
        world_fail(world, "O6: the valid row (%d,%d) is removed, though nothing was ever deleted",
                   student, contact);
    }
    row->there = false;
}

static void put_row(struct world *world, const struct sim_op *op, bool load, bool *upserted) {
    struct sink_row *row = &world->sink.rows[op->student][op->contact];
    if (*upserted) {
        world_fail(world, "21000: the row (%d,%d) comes twice in one statement", op->student,
                   op->contact);
    }
    *upserted = true;
    if (load && row->there) {
        world_fail(world, "the initial load meets the row (%d,%d)", op->student, op->contact);
    }
    if (!history_has(world, 0, op->student, 0, op->name) ||
        !history_has(world, 1, op->student, op->contact, op->number)) {
        world_fail(world, "O2: the row (%d,%d) holds v%d, v%d: never true", op->student,
                   op->contact, op->name, op->number);
    }
    row->there = true;
    row->name = op->name;
    row->number = op->number;
    world_trace(world, "  UPSERT (%d,%d) v%d v%d", op->student, op->contact, op->name, op->number);
}

static void clear_entries(struct world *world, const struct sim_part *part) {
    for (size_t i = 0; i < part->cleared_count; i++) {
        const struct row_at *at = &part->cleared[i];
        world->sink.rows[at->student][at->contact].refused = false;
        world_trace(world, "  CLEARED (%d,%d)", at->student, at->contact);
    }
}

static void refuse_row(struct world *world, const struct sim_op *op) {
    struct sink_row *row = &world->sink.rows[op->student][op->contact];
    world_trace(world, "  REFUSED (%d,%d) v%d v%d", op->student, op->contact, op->name, op->number);
    row->there = false;
    row->refused = true;
}

static void apply_ops(struct world *world, const struct sim_part *part, bool load) {
    bool upserted[STUDENTS_MAX + 1][CONTACTS_MAX + 1] = {{false}};
    for (size_t i = 0; i < part->op_count; i++) {
        const struct sim_op *op = &part->ops[i];
        if (op->kind == SIM_UPSERT && op->refused) {
            refuse_row(world, op);
        } else if (op->kind == SIM_UPSERT) {
            put_row(world, op, load, &upserted[op->student][op->contact]);
        } else if (op->kind == SIM_DELETE && op->table == 0) {
            world_trace(world, "  DELETE student %d", op->student);
            int last = SAFEGUARD("sim: a delete by range takes every row") ? CONTACTS_MAX
                                                                           : CONTACTS_MAX - 1;
            for (int c = 0; c <= last; c++) {
                remove_row(world, op->student, c);
            }
        } else if (op->kind == SIM_DELETE) {
            world_trace(world, "  DELETE (%d,%d)", op->student, op->contact);
            for (int s = 0; s <= STUDENTS_MAX; s++) {
                if (s == op->student || !SAFEGUARD("sim: a delete names the join key")) {
                    remove_row(world, s, op->contact);
                }
            }
        }
    }
}

/* No more dead letters than allowed, and none of what is acceptable (now). */
static void check_letters(struct world *world, const struct letter *letter) {
    int32_t task = letter->task;
    int count = 0;
    for (size_t i = 0; i < world->sink.letter_count; i++) {
        count += world->sink.letters[i].task == task && !world->sink.letters[i].pending;
    }
    if (count > world->letters_max) {
        world_fail(world, "task %d has %d dead letters, %d are allowed", task, count,
                   world->letters_max);
    }
    if (world->mended &&
        world->log[letter->table][task].entries[letter->offset].flaw == FLAW_REFUSED) {
        world_fail(world, "task %d: an acceptable record became a dead letter", task);
    }
}

static void apply_letters(struct world *world, const struct sim_part *part) {
    struct sink_content *sink = &world->sink;
    if (part->letter_count == 0) {
        return;
    }
    struct letter *letters =
        realloc(sink->letters, (sink->letter_count + part->letter_count) * sizeof *letters);
    if (!letters) {
        abort();
    }
    sink->letters = letters;
    for (size_t i = 0; i < part->letter_count; i++) {
        const struct letter *letter = &part->letters[i];
        struct letter *stands = sim_sink_letter(world, letter->table, letter->task, letter->offset);
        if (stands && !(letter->pending && stands->pending)) {
            world_fail(world, "the dead letter %d[%d]@%lld comes twice", letter->table,
                       letter->task, (long long)letter->offset);
        }
        world_trace(world, "  LETTER %s[%d]@%lld kept %d", letter->table ? "contact" : "student",
                    letter->task, (long long)letter->offset, letter->has_kept);
        if (letter->offset >= part->after.offsets[letter->table]) {
            world_fail(world, "the dead letter %d[%d]@%lld comes before its offset is passed",
                       letter->table, letter->task, (long long)letter->offset);
        }
        oracle_letter(world, letter, part->after.offsets[letter->table]);
        struct letter *to = stands ? stands : &sink->letters[sink->letter_count++];
        *to = *letter;
        to->pending = false;
        check_letters(world, letter);
    }
}

static void check_refused(struct world *world, int32_t task) {
    int count = 0;
    for (int s = 0; s <= STUDENTS_MAX; s++) {
        for (int c = 0; c <= CONTACTS_MAX; c++) {
            count += s % world->partitions == task && world->sink.rows[s][c].refused;
        }
    }
    if (count > world->refused_max) {
        world_fail(world, "task %d has %d refused rows, %d are allowed", task, count,
                   world->refused_max);
    }
}

/* The points whose names begin with "sim:" are in the simulator's own sink: without them it is seen
 * that the oracle would notice. Those of the product's SQL are taken out on a real PostgreSQL. */
static bool fence_passes(const struct world *world, const struct job *job, size_t i) {
    const struct sim_part *part = &job->parts[i];
    const struct progress *newest = &world->sink.progress[part->task];
    if (!SAFEGUARD("sim: the fence compares the progress") ||
        (job->session == 1 && !SAFEGUARD("sim: each session is fenced")) ||
        (i > 0 && !SAFEGUARD("sim: each task of a transaction is fenced"))) {
        return true;
    }
    return SAFEGUARD("sim: the fence compares more than the owner")
               ? progress_equal(newest, &part->before, TABLES)
               : strcmp(newest->owner, part->before.owner) == 0;
}

static enum sink_event_kind commit(struct world *world, struct job *job, struct sink_event *event) {
    for (size_t i = 0; i < job->part_count; i++) {
        const struct sim_part *part = &job->parts[i];
        world_trace(world, "TXN member %d session %d task %d seq %lld owner %.4s: %zu ops%s",
                    job->member, job->session, part->task, (long long)part->before.seq,
                    part->before.owner, part->op_count, job->sink ? "" : " (ghost)");
        if (!fence_passes(world, job, i)) {
            return SINK_FENCED;
        }
        if (table_is_other(world, &part->before) &&
            SAFEGUARD("sim: the fence compares the table")) {
            return SINK_OTHER_TABLE;
        }
    }
    if (job->load_failed || (world->faults && rng_chance(&world->rng, 0.02))) {
        return SINK_AGAIN;
    }
    if (!sim_constraints_pass(world, job, event)) {
        return event->kind;
    }
    remember(world);
    for (size_t i = 0; i < job->part_count; i++) {
        const struct sim_part *part = &job->parts[i];
        check_offsets(world, &world->sink.progress[part->task], part);
        world->sink.progress[part->task] = part->after;
        world->sink.had_offsets[part->task] |= part->after.has_offsets;
        apply_letters(world, part);
        clear_entries(world, part);
        apply_ops(world, part, job->load);
        check_refused(world, part->task);
    }
    return SINK_COMMITTED;
}

static void fill_letters(const struct sink *sink, size_t count, struct sink_result *result) {
    for (int t = 0; t < TABLES; t++) { /* by (table, offset) */
        for (size_t i = 0; i < count; i++) {
            const struct letter *letter = &sink->letter_bytes[i];
            if (letter->task == result->task && letter->table == t) {
                size_t at = result->letter_count++;
                while (at > 0 && result->letters[at - 1].table == t &&
                       result->letters[at - 1].offset > letter->offset) {
                    result->letters[at] = result->letters[at - 1];
                    at--;
                }
                result->letters[at] = (struct known_letter){
                    .table = t,
                    .offset = letter->offset,
                    .row_key = {letter->has_row_key ? letter->row_key : NULL, letter->row_key_len},
                    .kept = {letter->has_kept ? letter->kept : NULL, letter->kept_len},
                    .key = str_from(letter->key),
                    .value = str_from(letter->value),
                    .value_len = (int64_t)strlen(letter->value),
                    .has_checksum = letter->has_checksum,
                    .checksum = letter->checksum,
                    .pending = letter->pending,
                    .unfounded = !sink->world->sink.had_offsets[letter->task]};
            }
        }
    }
}

/* Dead letters at or after the task's offsets are of works that never ended. */
static void sweep_letters(struct world *world, int32_t task) {
    struct sink_content *sink = &world->sink;
    const struct progress *progress = &sink->progress[task];
    size_t count = 0;
    for (size_t i = 0; i < sink->letter_count; i++) {
        const struct letter *letter = &sink->letters[i];
        bool ahead = letter->task == task && progress->has_offsets && !letter->has_checksum &&
                     !letter->pending && letter->offset >= progress->offsets[letter->table];
        if (ahead) {
            world_trace(world, "SWEPT %s[%d]@%lld", letter->table ? "contact" : "student", task,
                        (long long)letter->offset);
        } else {
            sink->letters[count++] = *letter;
        }
    }
    sink->letter_count = count;
}

/* The task's entries of sync_refused; count: of all tasks before it. */
static void fill_refused(const struct world *world, struct sink *sink, size_t *count,
                         struct sink_result *result) {
    result->refused = sink->entries + *count;
    for (int s = result->task; s <= STUDENTS_MAX; s += world->partitions) {
        for (int c = 1; c <= CONTACTS_MAX; c++) {
            if (s > 0 && world->sink.rows[s][c].refused) {
                char *key = sink->keys[*count];
                int len = snprintf(key, sizeof sink->keys[0], "%d", s) + 1;
                len += snprintf(key + len, sizeof sink->keys[0] - (size_t)len, "%d", c) + 1;
                sink->entries[(*count)++] = (struct str){key, (size_t)len};
                result->refused_count++;
            }
        }
    }
}

static void answer_tasks(struct world *world, struct job *job, struct sink_event *event) {
    struct sink *sink = job->sink;
    bool other[PARTITIONS_MAX] = {false};
    if (job->kind == SIM_ACQUIRE) {
        remember(world);
    }
    register_table(world);
    for (size_t i = 0; i < job->task_count && job->kind == SIM_ACQUIRE; i++) {
        struct progress *newest = &world->sink.progress[job->tasks[i]];
        other[i] = newest->has_offsets && newest->generation != world->sink.generation;
        if (newest->generation != world->sink.generation && /* it speaks of another table */
            SAFEGUARD("sim: progress counts for its own table")) {
            *newest = (struct progress){.exists = newest->exists, .seq = newest->seq};
        }
        newest->generation = world->sink.generation;
        newest->seq = newest->exists ? newest->seq + 1 : 1;
        newest->exists = true;
        memcpy(newest->owner, job->owner, sizeof newest->owner);
        if (SAFEGUARD("sim: letters of works that never ended are swept")) {
            sweep_letters(world, job->tasks[i]);
        }
        world_trace(world, "ACQUIRE member %d task %d seq %lld owner %.4s", job->member,
                    job->tasks[i], (long long)newest->seq, newest->owner);
    }
    event->kind = job->kind == SIM_ACQUIRE ? SINK_ACQUIRED : SINK_NEWEST;
    if (!sink) {
        return;
    }
    free(sink->results);
    free(sink->letters);
    free(sink->letter_bytes);
    sink->letter_bytes = calloc(world->sink.letter_count + 1, sizeof *sink->letter_bytes);
    sink->results = calloc(job->task_count + 1, sizeof *sink->results);
    sink->letters = calloc(job->task_count * world->sink.letter_count + 1, sizeof *sink->letters);
    if (!sink->results || !sink->letters || !sink->letter_bytes) {
        abort();
    }
    if (world->sink.letter_count > 0) {
        memcpy(sink->letter_bytes, world->sink.letters,
               world->sink.letter_count * sizeof *sink->letter_bytes);
    }
    event->result_count = job->task_count;
    size_t refused_count = 0;
    for (size_t i = 0; i < job->task_count; i++) {
        struct sink_result *result = &sink->results[i];
        *result = (struct sink_result){.task = job->tasks[i],
                                       .newest = world->sink.progress[job->tasks[i]],
                                       .letters = sink->letters + i * world->sink.letter_count};
        result->other_table =
            job->kind == SIM_ACQUIRE
                ? other[i]
                : result->newest.exists && result->newest.generation != world->sink.generation;
        if (job->kind == SIM_ACQUIRE) {
            fill_letters(sink, world->sink.letter_count, result);
            fill_refused(world, sink, &refused_count, result);
        }
    }
}

void sim_sink_execute(struct world *world) {
    int count = 0;
    for (const struct job *job = world->jobs; job; job = job->next) {
        count++;
    }
    if (count == 0) {
        return;
    }
    int nth = rng_below(&world->rng, count);
    struct job *job = world->jobs;
    while (nth-- > 0) {
        job = job->next;
    }
    struct sink_event event = {.kind = SINK_NOTHING};
    world->job_count += job->kind != SIM_NEWEST;
    sim_sink_read(world, job);
    if (world->faults && world->knobs.halts > 0 && rng_chance(&world->rng, HALT_SHARE)) {
        event.kind = SINK_HALT;
    } else if (job->kind == SIM_COMMIT) {
        event.kind = commit(world, job, &event);
    } else if (job->kind == SIM_CHECK_JOB) {
        event.kind = sim_check_refuses(world, job) ? SINK_REFUSED : SINK_CHECKED;
    } else {
        if (job->kind == SIM_ACQUIRE && rng_chance(&world->rng, 0.3)) {
            sim_sink_terminate_holders(world, job);
        }
        answer_tasks(world, job, &event);
    }
    if (event.kind == SINK_REFUSED || event.kind == SINK_AGAIN || event.kind == SINK_FENCED ||
        event.kind == SINK_OTHER_TABLE || event.kind == SINK_HALT) {
        (void)err_set(&event.err, event.kind == SINK_HALT ? ERR_HALT : ERR_RECORD, "simulated");
        bool taken =
            event.kind == SINK_REFUSED && event.blame == BLAME_OTHERS && world->knobs.unique;
        (void)snprintf(event.err.sqlstate, sizeof event.err.sqlstate, "%s", taken ? "23505" : "");
        world_trace(world, "  = %d", (int)event.kind);
    }
    sim_sink_answer(world, job, &event);
}
