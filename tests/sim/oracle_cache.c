/* Caches on disk, when all members have ended: O4. */
#include "pipeline/layout.h"
#include "plan/row.h"
#include "state/state.h"
#include "world.h"

/* The newest version of a row below an offset of its log; 0: not there; -1: it was compacted away,
 * for one behind the offset: a cache may have met it or not. */
static int version_below(const struct topic_log *log, cells_t cells, int64_t offset) {
    for (int64_t i = offset < log->count ? offset : log->count; i-- > 0;) {
        const struct entry *entry = &log->entries[i];
        if (entry->cells == cells) {
            return entry->kept ? entry->version : -1;
        }
    }
    return 0;
}

/* Whether the row had this version at or after an offset of its log. */
static bool version_from(const struct topic_log *log, cells_t cells, int64_t offset, int version) {
    for (int64_t i = offset; i < log->count; i++) {
        const struct entry *entry = &log->entries[i];
        if (entry->cells == cells && entry->version == version) {
            return true;
        }
    }
    return false;
}

bool oracle_row_key(const struct world *world, int table, cells_t cells, struct buf *key) {
    char scratch[SCHEMA_COLUMNS_MAX][SCHEMA_TEXT_MAX];
    struct str values[SCHEMA_COLUMNS_MAX];
    const struct plan *plan = &world->plan.plan;
    struct err err;
    buf_reset(key);
    schema_texts(&world->schema.tables[table], cells, scratch, values);
    return row_key_encode(&plan->relations[table], values, key, &err) == ERR_NONE;
}

/* One cache that is looked at. */
struct cache {
    const struct schema_view *view; /* whose it is */
    struct state *state;
    struct state_meta meta;
    int32_t task;
    bool may_be_ahead; /* rows, of where it stands */
};

/* Returns whether the cache has the row. */
static bool check_cached(struct world *world, const struct cache *cache, int relation,
                         cells_t cells, struct buf *key) {
    const int table = cache->view->tables[relation];
    const struct topic_log *log = world_log(world, table, cache->task);
    int64_t offset = cache->meta.offsets[relation];
    struct str value = STR_NONE;
    struct err err;
    if (!oracle_row_key(world, table, cells, key) ||
        state_get(cache->state, relation, buf_view(key), &value, &err) != ERR_NONE) {
        world_fail(world, "O4: the cache of task %d can't be read", cache->task);
    }
    int should = version_below(log, cells, offset), is = world_stored_version(value);
    bool later = cache->may_be_ahead && version_from(log, cells, offset, is);
    if (is != should && should >= 0 && !later) {
        world_fail(world, "O4: the cache of task %d holds v%d of %s, should be v%d", cache->task,
                   is, schema_show(&world->schema, table, cells), should);
    }
    return value.ptr != NULL;
}

/* The entry is the first of its row. */
static bool is_first(const struct topic_log *log, int64_t at) {
    for (int64_t i = 0; i < at; i++) {
        if (log->entries[i].cells == log->entries[at].cells) {
            return false;
        }
    }
    return log->entries[at].names_row;
}

/* Every row of the log, and none beside them. */
static void check_table(struct world *world, const struct cache *cache, int relation) {
    const int table = cache->view->tables[relation];
    const struct topic_log *log = world_log(world, table, cache->task);
    struct buf key = {0};
    struct str row = STR_NONE, value;
    int count = 0;
    for (int64_t i = 0; i < log->count; i++) {
        if (is_first(log, i) && schema_is_of(&world->schema.tables[table], log->entries[i].cells,
                                             cache->task, world->partitions)) {
            count += check_cached(world, cache, relation, log->entries[i].cells, &key);
        }
    }
    struct err err;
    do {
        if (state_next(cache->state, relation, STR_NONE, row, &row, &value, &err) != ERR_NONE) {
            world_fail(world, "O4: the cache of task %d can't be read", cache->task);
            break;
        }
        count -= row.ptr != NULL;
    } while (row.ptr);
    if (count != 0) {
        world_fail(world, "O4: the cache of task %d holds %d rows of %s that its log does not know",
                   cache->task, -count, world->schema.tables[table].name);
    }
    buf_clear(&key);
}

/* A cache may be ahead, hold kept versions, or end where its task halted. */
static bool may_differ(const struct world *world) {
    const struct knobs *k = &world->knobs;
    return k->restore > 0 || k->bad > 0 || world->misrouted_task >= 0;
}

/* O4: a task's cache holds what its log says up to the cache's offsets; of some rows a later
 * version where a crash met a commit between its parts, or where a member that does not know yet
 * that it has lost the task opened what its successor on the same host had left. */
static void check_cache(struct world *world, int host, int32_t task) {
    struct kv_factory factory = memory_disk_factory(world->disks[host]);
    unsigned users = world->cache_users[host][task];
    const struct schema_view *view = world_edition(world);
    struct cache cache = {.view = view,
                          .task = task,
                          .may_be_ahead = world->parted_commits || (users & (users - 1)) != 0};
    struct err err;
    const struct state_layout layout = layout_of(&view->plan);
    if (state_open(&factory, task, "", str_from(view->identity), &layout, &cache.state, &cache.meta,
                   &err) != ERR_NONE) {
        world_fail(world, "O4: the cache of task %d can't be opened: %s", task, err.message);
        return;
    }
    if (!cache.meta.empty && !cache.meta.incomplete) {
        oracle_indexes(world, cache.state, task);
        for (size_t t = 0; t < view->plan.relation_count && !may_differ(world); t++) {
            check_table(world, &cache, (int)t);
        }
    }
    state_close(&cache.state);
}

void oracle_caches(struct world *world) {
    if (may_differ(world) && !world->schema.has_lookups) {
        return;
    }
    for (int host = 0; host < HOSTS_MAX; host++) {
        for (int32_t p = 0; p < world->partitions && !world->failure[0]; p++) {
            check_cache(world, host, p);
        }
    }
}
