/* Indexes of caches: of each reference one entry for each row that refers to something, and no
 * other. */
#include "plan/row.h"
#include "state/state.h"
#include "world.h"

struct index {
    struct world *world;
    const struct schema_view *view; /* whose relations these are */
    struct state *state;
    int32_t task;
    int table, reference, lookup; /* rows of table refer to those of lookup */
};

static void fail(const struct index *index, const char *what) {
    const struct relation *relations = index->view->plan.relations;
    world_fail(index->world, "O4: the index of the cache of task %d, %s to %s: %s", index->task,
               relations[index->table].name.ptr, relations[index->lookup].name.ptr, what);
}

static bool refers_to(const struct index *index, struct str key, struct str *ret_referred,
                      struct buf *scratch) {
    struct str value;
    struct err err;
    bool has = false;
    buf_reset(scratch);
    if (state_get(index->state, index->table, key, &value, &err) != ERR_NONE || !value.ptr) {
        fail(index, "an entry has no row");
    } else if (row_reference(&index->view->plan.relations[index->table], (size_t)index->reference,
                             key, value, scratch, &has, &err) != ERR_NONE) {
        fail(index, "a row can't be read");
    }
    *ret_referred = buf_view(scratch);
    return has;
}

static int count_rows(const struct index *index, struct buf *scratch) {
    struct str key = STR_NONE, value, referred;
    struct err err;
    int count = 0;
    do {
        if (state_next(index->state, index->table, STR_NONE, key, &key, &value, &err) != ERR_NONE) {
            fail(index, "rows can't be read");
            return 0;
        }
        count += key.ptr && refers_to(index, key, &referred, scratch);
    } while (key.ptr && !index->world->failure[0]);
    return count;
}

/* How many entries there are for a row that is referred to; each is of a row that does so. */
static int count_entries(const struct index *index, struct str key, struct buf *scratch) {
    struct str row = STR_NONE, referred;
    struct err err;
    struct buf at = {0};
    int count = 0;
    for (;;) {
        if (state_next_referrer(index->state, index->table, (size_t)index->reference, key, row,
                                &row, &err) != ERR_NONE) {
            fail(index, "it can't be read");
            break;
        }
        if (!row.ptr || index->world->failure[0]) {
            break;
        }
        buf_reset(&at);
        buf_str(&at, row);
        row = buf_view(&at);
        if (!refers_to(index, row, &referred, scratch) || !str_equal(referred, key)) {
            fail(index, "an entry's row refers elsewhere");
        }
        count++;
    }
    buf_clear(&at);
    return count;
}

/* Every key that a reference can hold. */
static void check_index(const struct index *index) {
    const int table = index->view->tables[index->lookup];
    const struct schema_table *lookup = &index->world->schema.tables[table];
    struct buf key = {0}, scratch = {0};
    int count = count_rows(index, &scratch);
    for (int first = 1; first <= SCHEMA_CELL_MAX; first++) {
        int seconds = lookup->key_count > 1 ? SCHEMA_CELL_MAX : 1;
        for (int second = 1; second <= seconds; second++) {
            cells_t cells = cell_of(0, first) | (seconds > 1 ? cell_of(1, second) : 0);
            if (oracle_row_key(index->world, table, cells, &key)) {
                count -= count_entries(index, buf_view(&key), &scratch);
            }
        }
    }
    if (count != 0) {
        fail(index, count > 0 ? "entries are missing" : "there are too many entries");
    }
    buf_clear(&key);
    buf_clear(&scratch);
}

static void check_node(struct world *world, struct state *state, int32_t task,
                       const struct target *target, const struct occurrence *node) {
    struct index index = {.world = world,
                          .view = world_edition(world),
                          .state = state,
                          .task = task,
                          .table = target->occurrences[node->parent].relation,
                          .reference = node->reference,
                          .lookup = node->relation};
    check_index(&index);
}

void oracle_indexes(struct world *world, struct state *state, int32_t task) {
    const struct plan *plan = &world_edition(world)->plan;
    for (size_t i = 0; i < plan->target_count && !state_lacks_indexes(state); i++) {
        const struct target *target = &plan->targets[i];
        for (size_t o = target->core_count; o < target->occurrence_count; o++) {
            check_node(world, state, task, target, &target->occurrences[o]);
        }
    }
}
