/* Dead letters in the OLAP database, as others than members see and store them. */
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
    world_trace(world, "DECIDED %s[%d]@%lld", world->plan.tables[table].name, task,
                (long long)offset);
}
