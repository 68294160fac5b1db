/* Dead letters as earlier releases stored them. */
#include "view/row.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>

/* The letter keeps this version from now on, which is wrong. */
static void plant(struct world *world, struct letter *letter, int version, int right) {
    char text[24];
    (void)snprintf(text, sizeof text, version < 0 ? "bad%d" : "v%d", abs(version));
    struct str values[3] = {STR("1"), STR("1"), STR("1")};
    const struct view_table *table = &world->view.tables[letter->table];
    values[table->column_count - 1] = str_from(text);
    struct buf bytes = {0};
    row_value_encode(table, values, &bytes);
    letter->has_kept = true;
    letter->kept_len = bytes.len;
    memcpy(letter->kept, bytes.ptr, bytes.len);
    buf_clear(&bytes);
    letter->planted = true;
    letter->right = right;
    world_trace(world, "PLANTED letter %d[%d]@%lld keeps %s, right is v%d", letter->table,
                letter->task, (long long)letter->offset, text, right);
}

static const struct entry *entry_of(const struct world *world, const struct letter *letter) {
    return &world->log[letter->table][letter->task].entries[letter->offset];
}

static int stored_version(const struct letter *letter) {
    int version = 0;
    for (size_t at = 0; at < letter->kept_len; at++) {
        version = letter->kept[at] >= '0' && letter->kept[at] <= '9'
                      ? version * 10 + (letter->kept[at] - '0')
                      : version;
    }
    return letter->planted ? letter->right : version;
}

/* The letter of the record before this one of the same row, if that is one. */
static const struct letter *letter_before(const struct world *world, const struct letter *letter) {
    const struct entry *entry = entry_of(world, letter);
    const struct topic_log *log = &world->log[letter->table][letter->task];
    int64_t at = letter->offset - 1;
    while (at >= 0 && (log->entries[at].student != entry->student ||
                       log->entries[at].contact != entry->contact)) {
        at--;
    }
    for (size_t k = 0; k < world->sink.letter_count && entry->student > 0; k++) {
        const struct letter *before = &world->sink.letters[k];
        if (before->table == letter->table && before->task == letter->task &&
            before->offset == at) {
            return before;
        }
    }
    return NULL;
}

/* A letter of the same batch kept the refused version before it, or the letter before it did. */
static void plant_behind(struct world *world) {
    for (int32_t p = 0; p < world->partitions; p++) { /* ascending: as they were stored */
        for (int t = 0; t < TABLES; t++) {
            for (int64_t offset = 0; offset < world->log[t][p].count; offset++) {
                for (size_t k = 0; k < world->sink.letter_count; k++) {
                    struct letter *letter = &world->sink.letters[k];
                    const struct letter *before =
                        letter->table == t && letter->task == p && letter->offset == offset
                            ? letter_before(world, letter)
                            : NULL;
                    if (before && entry_of(world, before)->flaw == FLAW_REFUSED) {
                        plant(world, letter, entry_of(world, before)->version,
                              stored_version(before));
                    }
                }
            }
        }
    }
}

static void plant_ahead_of(struct world *world, int table, int32_t task, int64_t offset) {
    struct sink_content *sink = &world->sink;
    const struct entry *entry = &world->log[table][task].entries[offset];
    struct letter *letters = realloc(sink->letters, (sink->letter_count + 1) * sizeof *letters);
    if (!letters) {
        abort();
    }
    sink->letters = letters;
    struct letter *letter = &letters[sink->letter_count++];
    *letter = (struct letter){.task = task, .table = table, .offset = offset};
    char digits[2][16];
    (void)snprintf(digits[0], sizeof digits[0], "%d", entry->student);
    (void)snprintf(digits[1], sizeof digits[1], "%d", entry->contact);
    struct str values[2] = {str_from(digits[0]), str_from(digits[1])};
    struct buf key = {0};
    size_t join_len;
    if (entry->student > 0 && row_key_encode(&world->view, &world->view.tables[table], values, &key,
                                             &join_len, NULL) == ERR_NONE) {
        letter->has_row_key = true;
        letter->row_key_len = key.len;
        memcpy(letter->row_key, key.ptr, key.len);
        plant(world, letter, rng_chance(&world->rng, 0.5) ? entry->version : 1, -1);
    }
    buf_clear(&key);
    memcpy(letter->key, entry->key, sizeof letter->key);
    memcpy(letter->value, entry->value, sizeof letter->value);
}

/* Works that died behind their first transaction, which held the letters. */
static void plant_ahead(struct world *world) {
    for (int32_t p = 0; p < world->partitions; p++) {
        for (int t = 0; t < TABLES; t++) {
            const struct topic_log *log = &world->log[t][p];
            for (int64_t i = world->sink.progress[p].offsets[t]; i < log->count; i++) {
                if (log->entries[i].flaw != FLAW_NONE && rng_chance(&world->rng, 0.8)) {
                    plant_ahead_of(world, t, p, i);
                }
            }
        }
    }
}

void play_legacy(struct world *world) {
    world_steps(world, world_pick(world, world->knobs.steps));
    world_drain(world);
    for (int i = 0; i < world->members && !world->failure[0]; i++) {
        node_restart(world->nodes[i]);
    }
    if (world->failure[0]) {
        return;
    }
    plant_behind(world);
    for (int i = 0; i < 12; i++) {
        source_step(world);
    }
    connector_step(world, INT64_MAX);
    plant_ahead(world);
    for (int32_t p = 0; p < world->partitions; p++) {
        for (int host = 0; host < HOSTS_MAX && rng_chance(&world->rng, 0.7); host++) {
            memory_disk_restore(world->disks[host], p, NULL);
        }
    }
    world_drain(world);
    if (!world->failure[0]) {
        oracle_final(world, "at rest");
    }
}
