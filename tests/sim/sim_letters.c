/* Dead letters in the OLAP database: as members store and read them, as an operator decides them.
 */
#include "pipeline/checksum.h"
#include "sim_sink_impl.h"

#include <stdlib.h>

struct letter *sim_sink_letter(const struct world *world, int table, int32_t task, int64_t offset) {
    for (size_t k = 0; k < world->sink.letter_count; k++) {
        struct letter *letter = &world->sink.letters[k];
        if (letter->task == task && letter->table == table && letter->offset == offset) {
            return letter;
        }
    }
    return NULL;
}

struct letter *sim_sink_add_letter(struct world *world, int table, int32_t task, int64_t offset) {
    struct sink_content *sink = &world->sink;
    const struct entry *entry = &world->log[table][task].entries[offset];
    struct letter *letters = realloc(sink->letters, (sink->letter_count + 1) * sizeof *letters);
    if (!letters) {
        abort();
    }
    sink->letters = letters;
    struct letter *letter = &letters[sink->letter_count++];
    *letter = (struct letter){.task = task, .table = table, .offset = offset};
    letter->key = entry->key;
    letter->value = entry->value;
    return letter;
}

void sim_sink_decide(struct world *world, int table, int32_t task, int64_t offset) {
    struct letter *letter = sim_sink_add_letter(world, table, task, offset);
    struct record record = {.key = letter->key, .value = letter->value};
    letter->has_checksum = true;
    letter->checksum = record_checksum(&record);
    letter->pending = true;
    world_trace(world, "DECIDED %s[%d]@%lld", world->schema.tables[table].name, task,
                (long long)offset);
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

void sim_sink_apply_letters(struct world *world, const struct sim_part *part) {
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
        world_trace(world, "  LETTER %s[%d]@%lld kept %d", world->schema.tables[letter->table].name,
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

void sim_sink_fill_letters(const struct sink *sink, size_t count, struct sink_result *result) {
    for (int t = 0; t < sink->world->schema.table_count; t++) { /* by (table, offset) */
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
                    .key = letter->key,
                    .value = letter->value,
                    .value_len = (int64_t)letter->value.len,
                    .has_checksum = letter->has_checksum,
                    .checksum = letter->checksum,
                    .pending = letter->pending,
                    .unfounded = !sink->world->sink.had_offsets[letter->task]};
            }
        }
    }
}

void sim_sink_sweep_letters(struct world *world, int32_t task) {
    struct sink_content *sink = &world->sink;
    const struct progress *progress = &sink->progress[task];
    size_t count = 0;
    for (size_t i = 0; i < sink->letter_count; i++) {
        const struct letter *letter = &sink->letters[i];
        bool ahead = letter->task == task && progress->has_offsets && !letter->has_checksum &&
                     !letter->pending && letter->offset >= progress->offsets[letter->table];
        if (ahead) {
            world_trace(world, "SWEPT %s[%d]@%lld", world->schema.tables[letter->table].name, task,
                        (long long)letter->offset);
        } else {
            sink->letters[count++] = *letter;
        }
    }
    sink->letter_count = count;
}
