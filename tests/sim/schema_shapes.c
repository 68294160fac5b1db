/* Named shapes of views: the smallest in which each rule shows. */
#include "schema_draw.h"

#include <assert.h>

/* Lookups' occurrences count from NODE on. */
#define NODE SCHEMA_CORE_MAX

enum core {
    KEY,
    OWN,
    KEY_LEFT,
    OWN_LEFT
}; /* OWN: a primary key beside the join key; else that is it */
enum how { INNER, LEFT };
/* In place of a lookup table: the core table in its other role. */
#define TWIN (-1)

static const struct shape {
    const char *name;
    int core_count, node_count;
    enum core core[3];
    enum { ONE_ROLE, KEYS_TWIN, OWNS_TWIN } twin; /* of the last core table: see schema_shape */
    int nodes[3][3];                              /* lookup table, parent, how */
    bool filtered, computed;
} shapes[] = {
    {.name = "star", .core_count = 1, .core = {OWN}, .node_count = 1, .nodes = {{0, 0, INNER}}},
    {.name = "starleft", .core_count = 1, .core = {OWN}, .node_count = 1, .nodes = {{0, 0, LEFT}}},
    {.name = "chain",
     .core_count = 1,
     .core = {OWN},
     .node_count = 2,
     .nodes = {{0, 0, INNER}, {1, NODE, INNER}}},
    {.name = "chainleft",
     .core_count = 1,
     .core = {OWN},
     .node_count = 2,
     .nodes = {{0, 0, LEFT}, {1, NODE, LEFT}}},
    {.name = "chainmix",
     .core_count = 1,
     .core = {OWN},
     .node_count = 2,
     .nodes = {{0, 0, INNER}, {1, NODE, LEFT}}},
    {.name = "two",
     .core_count = 2,
     .core = {KEY, OWN},
     .node_count = 2,
     .nodes = {{0, 1, INNER}, {1, 0, LEFT}}},
    {.name = "two2",
     .core_count = 2,
     .core = {OWN, OWN},
     .node_count = 2,
     .nodes = {{0, 0, INNER}, {0, 1, INNER}}},
    {.name = "leftcore",
     .core_count = 2,
     .core = {OWN, OWN_LEFT},
     .node_count = 2,
     .nodes = {{0, 1, LEFT}, {1, 0, INNER}}},
    {.name = "leftone",
     .core_count = 2,
     .core = {OWN, KEY_LEFT},
     .node_count = 1,
     .nodes = {{0, 1, LEFT}}},
    {.name = "left2",
     .core_count = 3,
     .core = {KEY, OWN_LEFT, OWN_LEFT},
     .node_count = 1,
     .nodes = {{0, 1, LEFT}}},
    {.name = "where",
     .core_count = 2,
     .core = {KEY, OWN},
     .node_count = 2,
     .nodes = {{0, 1, INNER}, {1, 0, LEFT}},
     .filtered = true},
    {.name = "leftwhere",
     .core_count = 2,
     .core = {OWN, OWN_LEFT},
     .node_count = 2,
     .nodes = {{0, 1, LEFT}, {1, 0, INNER}},
     .filtered = true},
    {.name = "alias",
     .core_count = 1,
     .core = {OWN},
     .node_count = 3,
     .nodes = {{0, 0, INNER}, {0, 0, LEFT}, {0, NODE, LEFT}}},
    {.name = "expr",
     .core_count = 2,
     .core = {KEY, OWN},
     .node_count = 1,
     .nodes = {{0, 1, LEFT}},
     .computed = true},
    /* employee and manager */
    {.name = "boss",
     .core_count = 1,
     .core = {KEY},
     .twin = KEYS_TWIN,
     .node_count = 2,
     .nodes = {{TWIN, 0, LEFT}, {TWIN, NODE, LEFT}}},
    {.name = "bossinner",
     .core_count = 1,
     .core = {OWN},
     .twin = OWNS_TWIN,
     .node_count = 2,
     .nodes = {{TWIN, 0, INNER}, {0, NODE, LEFT}}},
    {.name = "bosstwo",
     .core_count = 2,
     .core = {OWN, KEY},
     .twin = KEYS_TWIN,
     .node_count = 2,
     .nodes = {{TWIN, 1, LEFT}, {0, 0, INNER}}},
};

static const struct shape *find(const char *name) {
    const struct shape *shape = shapes;
    while (strcmp(shape->name, name) != 0) {
        shape++;
        assert(shape < shapes + sizeof shapes / sizeof *shapes);
    }
    return shape;
}

void schema_shape(struct schema *schema, struct rng *rng, const struct schema_knobs *knobs) {
    const struct shape *shape = find(knobs->shape);
    struct schema_draw draw = {.rng = rng, .schema = schema};
    *schema = (struct schema){0};
    struct schema_target *target = schema_draw_target(&draw, shape->name);
    target->filtered = shape->filtered;
    target->computed = shape->computed;
    schema_draw_joins(&draw, knobs, 1, SCHEMA_CELL_MAX);
    for (int t = 0; t < shape->core_count; t++) {
        enum core core = shape->core[t];
        bool own = core == OWN || core == OWN_LEFT;
        const bool placed = shape->twin != ONE_ROLE && t + 1 == shape->core_count;
        const struct schema_kind kind = {own && !placed ? PART_NONE : PART_ALL, own};
        schema_draw_core(&draw, &kind, schema_pick(rng, knobs->rows), core >= KEY_LEFT);
    }
    const int twin = shape->twin != ONE_ROLE ? schema_draw_twin(&draw) : 0;
    const int lookups = schema->table_count;
    for (int n = 0; n < shape->node_count; n++) {
        const int *node = shape->nodes[n];
        int table = node[0] == TWIN ? twin : lookups + node[0];
        int parent = node[1] < NODE ? node[1] : node[1] - NODE + shape->core_count;
        if (table == schema->table_count) {
            (void)schema_draw_lookup(&draw, 1, 1 + rng_below(rng, 3));
        }
        schema_draw_node(&draw, table, parent, node[2] == LEFT, true);
    }
    schema_draw_rest(&draw);
}
