/* Plans that change: views are added and removed while members run, each of which has the plan that
 * it was started with. */
#include "world.h"

#include <stdlib.h>

#define ROLLBACKS_MAX 2   /* editions that are as one before */
#define EMPTIED_SHARE 0.7 /* of added tables: at once; of the others the operator is told */

static void add_edition(struct world *world, unsigned chosen) {
    struct schema_view *view = calloc(1, sizeof *view);
    if (!view) {
        abort();
    }
    schema_view_fill(view, &world->schema, chosen, world->partitions);
    world->editions[world->edition_count++] = view;
}

/* Some of the targets, and always the first one: the plan has its name. */
static unsigned draw_chosen(struct world *world) {
    unsigned chosen = 1;
    for (int i = 1; i < world->schema.target_count; i++) {
        chosen |= rng_chance(&world->rng, 0.5) ? 1U << i : 0;
    }
    return chosen;
}

void world_editions_begin(struct world *world) {
    bool changes = world->knobs.editions > 0 && world->schema.target_count > 1;
    add_edition(world, changes ? draw_chosen(world) : world->plan.chosen);
}

static void empty_unfit(struct world *world, double share) {
    for (int i = 0; i < world->schema.target_count; i++) {
        if (sim_sink_is_unfit(world, i) && rng_chance(&world->rng, share)) {
            sim_sink_lose_rows(world, i);
        }
    }
}

void world_change_edition(struct world *world) {
    unsigned before = world_edition(world)->chosen, chosen = draw_chosen(world);
    empty_unfit(world, 0.5);
    if (chosen == before || world->edition_count >= EDITIONS_MAX - ROLLBACKS_MAX) {
        return;
    }
    add_edition(world, chosen);
    world_trace(world, "PLAN of targets %x, before: %x", chosen, before);
    for (int i = 0; i < world->schema.target_count; i++) {
        bool added = (chosen & ~before) >> i & 1;
        if (added && !sim_sink_is_empty(world, i) && rng_chance(&world->rng, EMPTIED_SHARE)) {
            sim_sink_lose_rows(world, i);
        }
    }
    for (int i = 0; i < world->members; i++) {
        if (rng_chance(&world->rng, 0.5)) {
            node_restart(world->nodes[i]);
        }
    }
}

/* A plan can't be changed while versions are kept in the columns of the one before. */
static bool keeps_versions(const struct world *world) {
    bool keeps = false;
    for (size_t i = 0; i < world->sink.dead_letter_count; i++) {
        keeps |= world->sink.dead_letters[i].kept.ptr != NULL;
    }
    return keeps;
}

void world_finish_editions(struct world *world) {
    const struct schema_view *stored = world->sink.plan;
    bool other = stored && stored->chosen != world_edition(world)->chosen;
    if (other && keeps_versions(world) && world->edition_count < EDITIONS_MAX) {
        add_edition(world, stored->chosen);
        world_trace(world, "PLAN of targets %x again", stored->chosen);
    }
    for (int i = 0; i < world->members && (other || world->edition_count > 1); i++) {
        node_restart(world->nodes[i]); /* some have an older one, some have halted for that */
    }
}

void world_look_after_tables(struct world *world) {
    const struct schema_view *stored = world->sink.plan;
    empty_unfit(world, 1);
    if (stored && stored->chosen != world_edition(world)->chosen) {
        world_finish_editions(world); /* a dead member's request was still under way */
    }
}
