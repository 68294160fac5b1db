/* Families of runs: named cases over the tables that the project ships, and what a seed draws. */
#include "world.h"

static void draw_family(struct knobs *knobs, struct rng *rng);
static void draw_live(struct knobs *knobs, struct rng *rng);
static void draw_profile(struct knobs *knobs, struct rng *rng);
static void draw_views(struct knobs *knobs, struct rng *rng);
static void draw_several(struct knobs *knobs, struct rng *rng);
static void draw_changing(struct knobs *knobs, struct rng *rng);

/* A family is the defaults and what it overrides. */
#pragma GCC diagnostic ignored "-Woverride-init"
#define DEFAULTS                                                                                   \
    .schema = schema_shipped, .partitions = {1, 5}, .members = {1, 4}, .joins = {1, 4},            \
    .rows = {1, 5}, .batch_rows = {1, 40}, .steps = {30, 220}, .poll_records = {1, 10},            \
    .lag_steps = {20, 400}, .crash = 1, .duplicate = 1, .compact = 1, .cache_loss = 0.7,           \
    .cache_fault = 0.5, .rebalance = 1, .zombie = 1, .lost = 1, .dead_letters = {1000, 1000},      \
    .refused = {1000, 1000}, .play = play_at_random
/* A named shape of views (schema_shapes.c), under one of the profiles below. */
#define SHAPE(named)                                                                               \
    { .name = (named), .shape = (named), .draw = draw_profile }

const struct knobs families[] = {
    {.name = "core", DEFAULTS},
    {.name = "split", DEFAULTS, .joins = {1, 2}, .rows = {4, 8}, .batch_rows = {1, 3}},
    {.name = "group",
     DEFAULTS,
     .partitions = {3, 7},
     .members = {2, 4},
     .rebalance = 3,
     .zombie = 3,
     .split = true},
    {.name = "compact", DEFAULTS, .compact = 4, .lag_steps = {4, 60}, .cache_loss = 2},
    {.name = "restore", DEFAULTS, .restore = 1, .cache_loss = 0.6},
    {.name = "nodel",
     DEFAULTS,
     .inserts_only = true,
     .compact = 4,
     .lag_steps = {4, 40},
     .cache_loss = 1},
    {.name = "rebuild",
     DEFAULTS,
     .inserts_only = true,
     .compact = 5,
     .lag_steps = {4, 40},
     .cache_loss = 4,
     .crash = 3,
     .poll_records = {1, 3}},
    {.name = "letters", DEFAULTS, .bad = 0.15, .flawed = 0.4, .compact = 2, .cache_loss = 1},
    {.name = "torn", /* fan-outs of several transactions, with dead letters in them */
     DEFAULTS,
     .partitions = {1, 2},
     .joins = {1, 2},
     .rows = {4, 8},
     .batch_rows = {1, 4},
     .cache_loss = 2,
     .compact = 3,
     .lag_steps = {5, 100},
     .bad = 0.3,
     .flawed = 0.5},
    {.name = "async",
     DEFAULTS,
     .partitions = {1, 2},
     .members = {1, 2},
     .joins = {1, 2},
     .rows = {3, 8},
     .batch_rows = {1, 3},
     .restore = 2},
    {.name = "stray", DEFAULTS, .stray = true, .compact = 0.5},
    {.name = "table", DEFAULTS, .table_loss = 1.5},
    {.name = "tablemix",
     DEFAULTS,
     .table_loss = 1,
     .restore = 0.6,
     .halts = 0.5,
     .cache_loss = 1,
     .batch_rows = {1, 8}},
    {.name = "tableletters", DEFAULTS, .table_loss = 1, .bad = 0.15, .cache_loss = 1},
    {.name = "misroute", DEFAULTS, .misroute = true},
    {.name = "mix",
     DEFAULTS,
     .restore = 0.6,
     .compact = 2,
     .cache_loss = 1,
     .zombie = 1.5,
     .lag_steps = {5, 60},
     .batch_rows = {1, 8}},
    {.name = "mixletters",
     DEFAULTS,
     .restore = 0.6,
     .compact = 2,
     .cache_loss = 1,
     .bad = 0.1,
     .flawed = 0.4,
     .batch_rows = {1, 8},
     .lag_steps = {5, 60}},
    {.name = "halts", DEFAULTS, .halts = 1, .cache_loss = 1, .batch_rows = {1, 8}},
    {.name = "haltletters", DEFAULTS, .halts = 1, .bad = 0.15, .flawed = 0.4, .cache_loss = 1},
    {.name = "remade", DEFAULTS, .partitions = {1, 3}, .steps = {30, 100}, .play = play_remade},
    {.name = "trimmed",
     DEFAULTS,
     .partitions = {1, 3},
     .steps = {30, 100},
     .lag_steps = {20000, 20000},
     .play = play_trimmed},
    {.name = "hole",
     DEFAULTS,
     .partitions = {1, 2},
     .members = {1, 2},
     .joins = {2, 5},
     .batch_rows = {1, 3},
     .lag_steps = {20000, 20000},
     .bad = 0.5,
     .flawed = 0.4,
     .play = play_hole},
    {.name = "legacy",
     DEFAULTS,
     .partitions = {1, 2},
     .members = {1, 2},
     .joins = {1, 2},
     .rows = {1, 3},
     .batch_rows = {1, 8},
     .steps = {30, 150},
     .lag_steps = {20000, 20000},
     .bad = 0.6,
     .flawed = 0.5,
     .play = play_legacy},
    {.name = "checked", DEFAULTS, .checked = 4, .batch_rows = {1, 20}},
    {.name = "checkmix",
     DEFAULTS,
     .checked = 3,
     .bad = 0.1,
     .restore = 0.6,
     .compact = 2,
     .cache_loss = 1,
     .halts = 0.5,
     .batch_rows = {1, 8},
     .lag_steps = {5, 60}},
    {.name = "unique", DEFAULTS, .unique = true, .batch_rows = {1, 20}, .cache_loss = 1},
    {.name = "uniquemix",
     DEFAULTS,
     .unique = true,
     .checked = 5,
     .bad = 0.1,
     .compact = 2,
     .cache_loss = 1,
     .batch_rows = {1, 8},
     .lag_steps = {5, 60}},
    {.name = "swapped",
     DEFAULTS,
     .partitions = {1, 3},
     .joins = {1, 3},
     .steps = {30, 120},
     .lag_steps = {20000, 20000},
     .bad = 0.3,
     .flawed = 0.5,
     .play = play_swapped},
    {.name = "decided",
     DEFAULTS,
     .partitions = {1, 3},
     .compact = 2,
     .cache_loss = 1.5,
     .restore = 0.3,
     .halts = 0.6,
     .bad = 0.2,
     .flawed = 0.8,
     .lag_steps = {20, 20000}, /* a halted task that is rebuilt reads its decision there */
     .decides = true},
    {.name = "fewrefused",
     DEFAULTS,
     .steps = {30, 150},
     .checked = 3,
     .refused = {0, 3},
     .lag_steps = {20000, 20000},
     .play = play_mended},
    {.name = "trigger",
     DEFAULTS,
     .partitions = {2, 6},
     .members = {1, 3},
     .joins = {2, 5},
     .steps = {30, 150},
     .lag_steps = {20000, 20000},
     .play = play_trigger},
    {.name = "mended",
     DEFAULTS,
     .steps = {30, 150},
     .bad = 0.25,
     .dead_letters = {1, 3},
     .lag_steps = {20000, 20000},
     .play = play_mended},
    /* Any tables: under one of the families above, and under what a seed draws. */
    {.name = "schemas", .draw = draw_family},
    {.name = "any", .draw = knobs_draw},
    {.name = "live", .draw = draw_live},
    SHAPE("star"),
    SHAPE("starleft"),
    SHAPE("chain"),
    SHAPE("chainleft"),
    SHAPE("chainmix"),
    SHAPE("two"),
    SHAPE("two2"),
    SHAPE("leftcore"),
    SHAPE("leftone"),
    SHAPE("left2"),
    SHAPE("where"),
    SHAPE("leftwhere"),
    SHAPE("alias"),
    SHAPE("expr"),
    SHAPE("boss"),
    SHAPE("bossinner"),
    SHAPE("bosstwo"),
    /* Any view, under one of the families above or one of the profiles below. */
    {.name = "views", .draw = draw_views},
    /* Several of them in one plan. */
    {.name = "several", .draw = draw_several},
    /* ... and their tables are lost, one by one; or views are added and removed. */
    {.name = "changing", .draw = draw_changing},
};
const size_t family_count = sizeof families / sizeof *families;

/* Core tables alone, or any view, or several of them. */
static void (*any_schema(struct rng *rng))(struct schema *, struct rng *,
                                           const struct schema_knobs *) {
    double x = rng_unit(rng);
    return x < 0.5 ? schema_random : x < 0.85 ? schema_random_view : schema_several;
}

/* One of the named cases, over other tables. */
static void draw_family(struct knobs *knobs, struct rng *rng) {
    size_t named = 0;
    while (!families[named].draw) {
        named++;
    }
    *knobs = families[rng_below(rng, (int)named)];
    knobs->schema = any_schema(rng);
}

/* ---- views ---- */

#define VIEW_SIZES .joins = {1, 3}, .rows = {1, 4}
static const struct knobs profiles[] = {
    {.name = "mix",
     DEFAULTS,
     VIEW_SIZES,
     .partitions = {1, 3},
     .restore = 0.6,
     .compact = 2,
     .cache_loss = 1,
     .zombie = 1.5,
     .lag_steps = {5, 60},
     .batch_rows = {1, 8}},
    {.name = "async",
     DEFAULTS,
     VIEW_SIZES,
     .partitions = {1, 2},
     .members = {1, 2},
     .batch_rows = {1, 3},
     .poll_records = {2, 10},
     .restore = 2},
    {.name = "dl",
     DEFAULTS,
     VIEW_SIZES,
     .partitions = {1, 3},
     .restore = 0.6,
     .compact = 2,
     .cache_loss = 1,
     .bad = 0.1,
     .flawed = 0.4,
     .batch_rows = {1, 8},
     .lag_steps = {5, 60}},
    {.name = "torn", /* refused versions in works of several transactions */
     DEFAULTS,
     VIEW_SIZES,
     .partitions = {1, 2},
     .batch_rows = {1, 3},
     .poll_records = {2, 10},
     .cache_loss = 0.3,
     .bad = 0.25,
     .flawed = 0.1},
    {.name = "group",
     DEFAULTS,
     VIEW_SIZES,
     .partitions = {2, 4},
     .members = {2, 4},
     .rebalance = 3,
     .zombie = 3,
     .split = true,
     .poll_records = {1, 5}},
    {.name = "stray", DEFAULTS, VIEW_SIZES, .partitions = {1, 3}, .stray = true, .compact = 0.5},
    {.name = "quiet",
     DEFAULTS,
     VIEW_SIZES,
     .partitions = {1, 3},
     .restore = 1,
     .compact = 0,
     .zombie = 1.5,
     .lag_steps = {20000, 20000},
     .batch_rows = {1, 8}},
};
#define PROFILES (sizeof profiles / sizeof *profiles)

static const struct knobs *find_profile(const char *name) {
    for (size_t i = 0; i < PROFILES; i++) {
        if (strcmp(profiles[i].name, name) == 0) {
            return &profiles[i];
        }
    }
    return NULL;
}

static void draw_profile(struct knobs *knobs, struct rng *rng) {
    const struct knobs drawn = *knobs;
    *knobs = drawn.profile ? *find_profile(drawn.profile) : profiles[rng_below(rng, PROFILES)];
    knobs->name = drawn.name;
    knobs->shape = drawn.shape;
    knobs->schema = drawn.shape ? schema_shape : schema_random_view;
}

static void draw_views(struct knobs *knobs, struct rng *rng) {
    if (knobs->profile || rng_chance(rng, 0.5)) {
        draw_profile(knobs, rng);
        return;
    }
    draw_family(knobs, rng);
    knobs->schema = schema_random_view;
}

static void draw_several(struct knobs *knobs, struct rng *rng) {
    draw_views(knobs, rng);
    knobs->schema = schema_several;
}

/* Plays with a plot have one plan. */
static void draw_changing(struct knobs *knobs, struct rng *rng) {
    const struct knobs drawn = *knobs;
    draw_profile(knobs, rng);
    if (!drawn.profile && rng_chance(rng, 0.5)) {
        knobs_draw(knobs, rng);
    }
    knobs->name = drawn.name;
    knobs->schema = schema_several;
    knobs->inserts_only = knobs->stray = knobs->unique = false;
    knobs->table_loss = rng_chance(rng, 0.6) ? 2 : 0;
    knobs->editions = rng_chance(rng, 0.7) ? 3 : 0;
}

bool family_find(const char *name, struct knobs *ret_knobs) {
    const char *colon = strchr(name, ':');
    size_t len = colon ? (size_t)(colon - name) : strlen(name);
    for (size_t f = 0; f < family_count; f++) {
        if (strlen(families[f].name) == len && strncmp(families[f].name, name, len) == 0) {
            *ret_knobs = families[f];
            ret_knobs->profile = colon ? colon + 1 : NULL;
            bool drawn = families[f].draw == draw_profile || families[f].draw == draw_views ||
                         families[f].draw == draw_several || families[f].draw == draw_changing;
            return !colon || (drawn && find_profile(colon + 1));
        }
    }
    return false;
}

/* ---- what a seed draws ---- */

/* Off in half of the runs. */
static double frequency(struct rng *rng, double most) {
    return rng_chance(rng, 0.5) ? 0 : rng_unit(rng) * most;
}

/* What the sink refuses, and how many of its rows and records may be. */
static void draw_refusals(struct knobs *knobs, struct rng *rng) {
    if (rng_chance(rng, 0.4)) {
        knobs->bad = 0.03 + rng_unit(rng) * 0.3;
        knobs->flawed = rng_unit(rng);
        knobs->decides = knobs->halts > 0 && rng_chance(rng, 0.5);
    }
    knobs->checked = rng_chance(rng, 0.3) ? 3 + rng_below(rng, 4) : 0;
}

static struct range one_of(struct rng *rng, const struct range *ranges, int count) {
    return ranges[rng_below(rng, count)];
}

void knobs_draw(struct knobs *knobs, struct rng *rng) {
    static const struct range rows[] = {{1, 3}, {1, 8}, {1, 40}};
    static const struct range lags[] = {{4, 60}, {20, 400}, {20000, 20000}};
    *knobs = (struct knobs){DEFAULTS, .name = "any", .schema = any_schema(rng)};
    knobs->batch_rows = one_of(rng, rows, 3);
    knobs->lag_steps = one_of(rng, lags, 3);
    knobs->crash = frequency(rng, 4);
    knobs->duplicate = frequency(rng, 3);
    knobs->compact = frequency(rng, 5);
    knobs->cache_loss = frequency(rng, 3);
    knobs->cache_fault = frequency(rng, 2);
    knobs->rebalance = frequency(rng, 3);
    knobs->zombie = frequency(rng, 3);
    knobs->lost = frequency(rng, 3);
    knobs->split = rng_chance(rng, 0.3);
    /* Some promises are made only where some things don't happen: of these one at most. */
    int special = rng_below(rng, 8);
    knobs->inserts_only = special == 0; /* no valid row is ever removed */
    knobs->stray = special == 1;
    knobs->unique = special == 2;
    if (special > 2) {
        knobs->restore = frequency(rng, 2);
        knobs->halts = frequency(rng, 1);
        knobs->table_loss = frequency(rng, 1.5);
    }
    if (special > 1) {
        draw_refusals(knobs, rng);
    }
}

/* Promises that hold only while all is well are left out. */
static void draw_live(struct knobs *knobs, struct rng *rng) {
    knobs_draw(knobs, rng);
    knobs->name = "live";
    knobs->play = play_live;
    knobs->partitions = (struct range){1, 4};
    knobs->steps = (struct range){30, 120};
    knobs->inserts_only = knobs->stray = knobs->unique = false;
}
