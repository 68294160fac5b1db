/* Several views, which share tables or not: one plan's targets. */
#include "schema_draw.h"

#define CORES_MAX 3 /* of all targets that share some */

static const char *const target_names[SCHEMA_TARGETS_MAX] = {"joined", "other", "third"};

/* Whether what the target shows tells that the occurrence's row is there, without its version; and
 * no lookup row can be told by it. */
static bool may_hide(const struct schema_target *target, int occurrence) {
    const struct schema_table *table = schema_table_of(target, occurrence);
    bool may = !schema_is_optional(target, occurrence);
    for (int c = 0; c < SCHEMA_COLUMNS_MAX && occurrence < target->core_count; c++) {
        may |= table->columns[c].role == SCHEMA_OWN;
    }
    for (int n = 0; n < target->node_count; n++) {
        may &= target->nodes[n].parent != occurrence;
    }
    return may;
}

/* Some versions are selected by an earlier target alone: then this one uses fewer columns of the
 * table. */
static void draw_hidden(struct schema_draw *draw, unsigned *shown) {
    struct schema_target *target = draw->target;
    const unsigned before = *shown;
    bool any = false;
    for (int o = 0; o < target->core_count + target->node_count; o++) {
        unsigned bit = 1U << schema_occurrence(target, o);
        target->hides[o] = (before & bit) && may_hide(target, o) && rng_chance(draw->rng, 0.35);
        *shown |= target->hides[o] ? 0 : bit;
        any |= !target->hides[o];
    }
    target->filtered &= any; /* WHERE and expressions are over versions that are selected */
    target->computed &= any;
}

/* Some of the core tables that an earlier target has drawn, in another order, perhaps with one more
 * or in another way. */
static void draw_shared(struct schema_draw *draw, const int *cores, int count, double optional) {
    bool none = true;
    int first = rng_below(draw->rng, count);
    for (int i = 0; i < count; i++) {
        bool last = i + 1 == count;
        if ((last && none) || rng_chance(draw->rng, 0.7)) {
            schema_draw_shared(draw, cores[(first + i) % count],
                               !none && rng_chance(draw->rng, optional));
            none = false;
        }
    }
}

static void draw_target(struct schema_draw *draw, int number) {
    struct schema_target *target = schema_draw_target(draw, target_names[number]);
    target->mixed = rng_chance(draw->rng, 0.5);
    target->filtered = rng_chance(draw->rng, 0.2);
    target->computed = rng_chance(draw->rng, 0.15);
}

void schema_several(struct schema *schema, struct rng *rng, const struct schema_knobs *knobs) {
    struct schema_draw draw = {.rng = rng, .schema = schema};
    const double optional = rng_chance(rng, 0.5) ? 0.4 : 0;
    const int targets = rng_chance(rng, 0.7) ? 2 : 3;
    const bool apart = rng_chance(rng, 0.2); /* the last one has tables of its own */
    int cores[SCHEMA_CORE_MAX], core_count = 0;
    unsigned shown = 0;
    int nodes = SCHEMA_LOOKUPS_MAX;
    *schema = (struct schema){0};
    for (int i = 0; i < targets; i++) {
        draw_target(&draw, i);
        if (i == 0 || (apart && i + 1 == targets)) {
            int first = schema->table_count;
            core_count = 1 + rng_below(rng, i == 0 ? CORES_MAX : SCHEMA_CORE_MAX - core_count);
            schema_draw_cores(&draw, knobs, core_count, optional);
            for (int t = first; t < schema->table_count; t++) {
                cores[t - first] = t;
            }
        } else {
            draw_shared(&draw, cores, core_count, optional);
        }
        int count = rng_below(rng, nodes < 2 ? nodes + 1 : 3);
        schema_draw_nodes(&draw, count);
        nodes -= count;
        draw_hidden(&draw, &shown);
    }
    schema_draw_rest(&draw);
}
