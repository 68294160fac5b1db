#include "plan/plan.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>

struct plan *plan_new(void) {
    return memory_new(1, sizeof(struct plan));
}

/* 0, 1, ... count - 1 */
static size_t *columns_from_first(struct arena *arena, size_t count) {
    size_t *columns = arena_alloc(arena, count * sizeof *columns);
    for (size_t i = 0; i < count; i++) {
        columns[i] = i;
    }
    return columns;
}

/* Rows of both find each other by these columns, so they must be written alike. */
static void check_placement(const struct relation *a, const struct relation *b) {
    assert(a->placement_count == b->placement_count);
    for (size_t i = 0; i < a->placement_count; i++) {
        assert(a->columns[i].key == b->columns[i].key);
    }
}

static void path_fill(struct plan *plan, const struct target *target, int from) {
    const struct relation *relation = occurrence_relation(plan, target, from);
    struct path *path = &target->occurrences[from].path;
    path->lookups = arena_alloc(&plan->arena, target->occurrence_count * sizeof *path->lookups);
    path->lookup_count = 0;
    for (int o = 0; o < (int)target->occurrence_count; o++) {
        if (o != from) {
            check_placement(relation, occurrence_relation(plan, target, o));
            path->lookups[path->lookup_count++] = (struct lookup){
                .occurrence = o,
                .index = 0,
                .from = from,
                .columns = relation->indexes[0].columns,
                .column_count = relation->placement_count,
            };
        }
    }
}

void plan_join_on_placement(struct plan *plan) {
    for (size_t r = 0; r < plan->relation_count; r++) {
        struct relation *relation = &plan->relations[r];
        relation->indexes = arena_alloc(&plan->arena, sizeof *relation->indexes);
        relation->index_count = 1;
        relation->indexes[0] = (struct relation_index){
            columns_from_first(&plan->arena, relation->key_count), relation->key_count};
    }
    for (size_t t = 0; t < plan->target_count; t++) {
        for (int o = 0; o < (int)plan->targets[t].occurrence_count; o++) {
            path_fill(plan, &plan->targets[t], o);
        }
    }
}

void plan_destroy(struct plan **plan) {
    if (*plan) {
        arena_clear(&(*plan)->arena);
        free(*plan);
        *plan = NULL;
    }
}
