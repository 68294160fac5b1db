/* Dead letters in the OLAP database: as members store and read them, as an operator decides them.
 */
#include "pipeline/checksum.h"
#include "sim_sink_impl.h"

#include <stdlib.h>

struct stored_dead_letter *sim_sink_dead_letter(const struct world *world, int table, int32_t task,
                                                int64_t offset) {
    for (size_t k = 0; k < world->sink.dead_letter_count; k++) {
        struct stored_dead_letter *dead_letter = &world->sink.dead_letters[k];
        if (dead_letter->task == task && dead_letter->table == table &&
            dead_letter->offset == offset) {
            return dead_letter;
        }
    }
    return NULL;
}

struct stored_dead_letter *sim_sink_add_dead_letter(struct world *world, int table, int32_t task,
                                                    int64_t offset) {
    struct sink_content *sink = &world->sink;
    const struct entry *entry = &world_log(world, table, task)->entries[offset];
    struct stored_dead_letter *dead_letters =
        realloc(sink->dead_letters, (sink->dead_letter_count + 1) * sizeof *dead_letters);
    if (!dead_letters) {
        abort();
    }
    sink->dead_letters = dead_letters;
    struct stored_dead_letter *dead_letter = &dead_letters[sink->dead_letter_count++];
    *dead_letter = (struct stored_dead_letter){.task = task, .table = table, .offset = offset};
    dead_letter->key = entry->key;
    dead_letter->value = entry->value;
    return dead_letter;
}

void sim_sink_decide(struct world *world, int table, int32_t task, int64_t offset) {
    struct stored_dead_letter *dead_letter = sim_sink_add_dead_letter(world, table, task, offset);
    struct record record = {.key = dead_letter->key, .value = dead_letter->value};
    dead_letter->has_checksum = true;
    dead_letter->checksum = record_checksum(&record);
    dead_letter->pending = true;
    world_trace(world, "DECIDED %s[%d]@%lld", world->schema.tables[table].name, task,
                (long long)offset);
}

/* No more dead letters than allowed, and none of what is acceptable (now). */
static void check_dead_letters(struct world *world, const struct stored_dead_letter *dead_letter) {
    int32_t task = dead_letter->task;
    int count = 0;
    for (size_t i = 0; i < world->sink.dead_letter_count; i++) {
        count += world->sink.dead_letters[i].task == task && !world->sink.dead_letters[i].pending;
    }
    if (count > world->dead_letters_max) {
        world_fail(world, "task %d has %d dead letters, %d are allowed", task, count,
                   world->dead_letters_max);
    }
    if (world->mended &&
        world_log(world, dead_letter->table, task)->entries[dead_letter->offset].flaw ==
            FLAW_REFUSED) {
        world_fail(world, "task %d: an acceptable record became a dead letter", task);
    }
    if (world_log(world, dead_letter->table, task)->entries[dead_letter->offset].flaw ==
        FLAW_NONE) {
        world_fail(world, "task %d: a good record of %s became a dead letter", task,
                   world->schema.tables[dead_letter->table].name);
    }
}

void sim_sink_apply_dead_letters(struct world *world, const struct sim_part *part) {
    struct sink_content *sink = &world->sink;
    if (part->dead_letter_count == 0) {
        return;
    }
    struct stored_dead_letter *dead_letters =
        realloc(sink->dead_letters,
                (sink->dead_letter_count + part->dead_letter_count) * sizeof *dead_letters);
    if (!dead_letters) {
        abort();
    }
    sink->dead_letters = dead_letters;
    for (size_t i = 0; i < part->dead_letter_count; i++) {
        const struct stored_dead_letter *dead_letter = &part->dead_letters[i];
        struct stored_dead_letter *stands =
            sim_sink_dead_letter(world, dead_letter->table, dead_letter->task, dead_letter->offset);
        if (stands && !(dead_letter->pending && stands->pending)) {
            world_fail(world, "the dead letter %d[%d]@%lld comes twice", dead_letter->table,
                       dead_letter->task, (long long)dead_letter->offset);
        }
        world_trace(world, "  LETTER %s[%d]@%lld kept %d",
                    world->schema.tables[dead_letter->table].name, dead_letter->task,
                    (long long)dead_letter->offset, dead_letter->kept.ptr != NULL);
        if (dead_letter->offset >= part->after.offsets[dead_letter->table]) {
            world_fail(world, "the dead letter %d[%d]@%lld comes before its offset is passed",
                       dead_letter->table, dead_letter->task, (long long)dead_letter->offset);
        }
        oracle_dead_letter(world, dead_letter, part->after.offsets[dead_letter->table]);
        struct stored_dead_letter *to =
            stands ? stands : &sink->dead_letters[sink->dead_letter_count++];
        *to = *dead_letter;
        to->pending = false;
        check_dead_letters(world, dead_letter);
    }
}

void sim_sink_fill_dead_letters(const struct sink *sink, size_t count, struct sink_result *result) {
    for (int t = 0; t < (int)sink->view->plan.relation_count; t++) { /* by (table, offset) */
        for (size_t i = 0; i < count; i++) {
            const struct stored_dead_letter *dead_letter = &sink->dead_letter_bytes[i];
            if (dead_letter->task == result->task && dead_letter->table == sink->view->tables[t]) {
                size_t at = result->dead_letter_count++;
                while (at > 0 && result->dead_letters[at - 1].table == t &&
                       result->dead_letters[at - 1].offset > dead_letter->offset) {
                    result->dead_letters[at] = result->dead_letters[at - 1];
                    at--;
                }
                result->dead_letters[at] = (struct known_dead_letter){
                    .table = t,
                    .offset = dead_letter->offset,
                    .row_key = dead_letter->row_key,
                    .kept = dead_letter->kept,
                    .key = dead_letter->key,
                    .value = dead_letter->value,
                    .value_len = (int64_t)dead_letter->value.len,
                    .has_checksum = dead_letter->has_checksum,
                    .checksum = dead_letter->checksum,
                    .pending = dead_letter->pending,
                    .without_progress = !sink->world->sink.had_offsets[dead_letter->task]};
            }
        }
    }
}

void sim_sink_sweep_dead_letters(struct world *world, int32_t task) {
    struct sink_content *sink = &world->sink;
    const struct progress *progress = &sink->progress[task];
    size_t count = 0;
    for (size_t i = 0; i < sink->dead_letter_count; i++) {
        const struct stored_dead_letter *dead_letter = &sink->dead_letters[i];
        bool ahead = dead_letter->task == task && progress->has_offsets &&
                     !dead_letter->has_checksum && !dead_letter->pending &&
                     dead_letter->offset >= progress->offsets[dead_letter->table];
        if (ahead) {
            world_trace(world, "SWEPT %s[%d]@%lld", world->schema.tables[dead_letter->table].name,
                        task, (long long)dead_letter->offset);
        } else {
            sink->dead_letters[count++] = *dead_letter;
        }
    }
    sink->dead_letter_count = count;
}
