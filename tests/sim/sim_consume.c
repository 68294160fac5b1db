/* Kafka as one member sees it: the group's events, and records of the log. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>

struct reader {
    bool assigned, paused, end_told;
    int64_t position;
};

struct consume {
    struct world *world;
    int member;
    const struct schema_view *view; /* whose relations are the tables of what it says */
    bool learned[PARTITIONS_MAX];   /* what the group told us last */
    bool split_now;                 /* ... of some topics nothing */
    /* Group events that wait: a revoke, then what comes after it. */
    bool revoke_due, revoke_lost, revoking, assign_due;
    struct topic_position pairs[SCHEMA_TABLES_MAX * PARTITIONS_MAX];
    struct reader readers[SCHEMA_TABLES_MAX][PARTITIONS_MAX];
    bool halt_due;   /* a partition can't be read on: the next one looked at */
    int64_t handles; /* records lent and not given back */
};

struct consume *sim_consume_new(struct world *world, int member, const struct schema_view *view) {
    struct consume *consume = calloc(1, sizeof *consume);
    if (!consume) {
        abort();
    }
    consume->world = world;
    consume->member = member;
    consume->view = view;
    consume->assign_due = true;
    return consume;
}

void sim_consume_destroy(struct consume **consume) {
    if (*consume && (*consume)->handles != 0) {
        world_fail((*consume)->world, "%lld records were not given back",
                   (long long)(*consume)->handles);
    }
    free(*consume);
    *consume = NULL;
}

void sim_consume_halt(struct consume *consume) {
    consume->halt_due = true;
}

bool sim_consume_has(const struct consume *consume, int32_t task) {
    return consume->learned[task] && !consume->revoke_due && !consume->revoking &&
           !consume->assign_due;
}

bool sim_consume_outdated(const struct consume *consume) {
    bool outdated = consume->split_now;
    for (int32_t p = 0; p < consume->world->partitions; p++) {
        outdated |= consume->learned[p] != (consume->world->assignment[p] == consume->member);
    }
    return outdated || consume->assign_due || consume->revoke_due;
}

void sim_consume_learn(struct consume *consume, bool lost) {
    if (!consume->revoking) {
        consume->revoke_due = true;
        consume->revoke_lost = lost;
    }
    consume->assign_due = true;
}

/* The assignment as it is now; in some runs a topic is known later than another. */
static void tell_assignment(struct consume *consume, struct consume_event *ret_event) {
    struct world *world = consume->world;
    consume->assign_due = false;
    consume->split_now =
        world_faulty(world, consume->member) && world->knobs.split && rng_chance(&world->rng, 0.3);
    int tables = (int)plan_parted_count(&consume->view->plan); /* lookups are not the group's */
    tables += tables == 0; /* the topic that shares out the tasks */
    consume->split_now &= tables > 1;
    tables = consume->split_now ? 1 + rng_below(&world->rng, tables - 1) : tables;
    size_t count = 0;
    for (int32_t p = 0; p < world->partitions; p++) {
        consume->learned[p] = world->assignment[p] == consume->member;
        for (int t = 0; consume->learned[p] && t < tables; t++) {
            consume->pairs[count++] = (struct topic_position){t, p, -1};
        }
    }
    *ret_event = (struct consume_event){
        .kind = CONSUME_ASSIGN, .pairs = consume->pairs, .pair_count = count};
    world_trace(world, "ASSIGN member %d: %zu partitions", consume->member, count);
}

static void sim_poll_group(struct consume *consume, struct consume_event *ret_event) {
    ret_event->kind = CONSUME_NOTHING;
    if (consume->revoke_due) {
        consume->revoke_due = false;
        consume->revoking = true;
        *ret_event = (struct consume_event){.kind = CONSUME_REVOKE, .lost = consume->revoke_lost};
        world_trace(consume->world, "REVOKE member %d lost %d", consume->member,
                    consume->revoke_lost);
    } else if (consume->assign_due && !consume->revoking) {
        tell_assignment(consume, ret_event);
    }
}

/* A partition that can't be read on: out of luck, or the log ends before the position. */
static bool next_halt(struct consume *consume, struct reader *reader, struct topic_log *log,
                      struct consume_event *ret) {
    bool short_log = reader->position > log->count || reader->position < log->start;
    const struct node *node = consume->world->nodes[consume->member];
    bool writes = false;
    for (int i = 0; i < node_sessions(node); i++) {
        writes |= sim_sink_writes(node_sink(node, i));
    }
    bool unlucky = consume->halt_due && world_faulty(consume->world, consume->member) &&
                   (writes || rng_chance(&consume->world->rng, 0.1));
    if (!short_log && !unlucky) {
        return false;
    }
    consume->halt_due = false;
    reader->assigned = false;
    ret->kind = CONSUME_HALT;
    ret->record.offset = reader->position;
    world_trace(consume->world, "HALT member %d %s[%d]", consume->member,
                consume->view->of_tables[ret->record.table].name.ptr, ret->record.partition);
    (void)err_set(&ret->err, ERR_HALT, "simulated");
    return true;
}

static bool next_record(struct consume *consume, int t, int32_t p, struct consume_event *ret) {
    struct reader *reader = &consume->readers[t][p];
    struct topic_log *log = &consume->world->log[t][p];
    if (!reader->assigned || reader->paused) {
        return false;
    }
    while (reader->position < log->count && !log->entries[reader->position].kept) {
        reader->position++;
    }
    *ret = (struct consume_event){.record = {.table = consume->view->relations[t], .partition = p}};
    if (next_halt(consume, reader, log, ret)) {
        return true;
    }
    if (reader->position < log->count) {
        const struct entry *entry = &log->entries[reader->position];
        ret->kind = CONSUME_RECORD;
        ret->record.offset = reader->position++;
        ret->record.timestamp_ms = entry->ts_ms;
        /* A copy: the address sanitizer sees bytes that are used after release. */
        char *bytes = malloc(entry->key.len + entry->value.len + 1);
        if (!bytes) {
            abort();
        }
        memcpy(bytes, entry->key.ptr, entry->key.len);
        memcpy(bytes + entry->key.len, entry->value.ptr, entry->value.len);
        ret->record.handle = bytes;
        ret->record.key = (struct str){bytes, entry->key.len};
        ret->record.value = (struct str){bytes + entry->key.len, entry->value.len};
        reader->end_told = false;
        consume->handles++;
        return true;
    }
    if (!reader->end_told) {
        reader->end_told = true;
        ret->kind = CONSUME_EOF;
        ret->record.offset = reader->position;
        return true;
    }
    return false;
}

static size_t sim_poll_records(struct consume *consume, struct consume_event *events, size_t max) {
    struct world *world = consume->world;
    size_t limit = 1 + (size_t)rng_below(&world->rng, world->poll_records);
    size_t count = 0;
    const int parted = world->schema.parted_count, shared = parted * world->partitions;
    const int logs = shared + world->schema.table_count - parted;
    int start = rng_below(&world->rng, logs);
    for (int i = 0; i < logs && count < limit && count < max; i++) {
        int at = (start + i) % logs;
        int t = at < shared ? at % parted : parted + at - shared;
        int run = 1 + rng_below(&world->rng, 4);
        while (run-- > 0 && count < limit && count < max &&
               next_record(consume, t, at < shared ? at / parted : 0, &events[count])) {
            count++;
        }
    }
    return count;
}

static void sim_release(struct consume *consume, void *handle) {
    free(handle);
    consume->handles--;
}

static enum err_kind sim_assign(struct consume *consume, const struct topic_position *positions,
                                size_t count, struct err *reterr) {
    struct world *world = consume->world;
    if (world_faulty(world, consume->member) && rng_chance(&world->rng, 0.02)) {
        return err_set(reterr, ERR_RETRY, "assign failed");
    }
    memset(consume->readers, 0, sizeof consume->readers);
    for (size_t i = 0; i < count; i++) {
        int table = consume->view->tables[positions[i].table];
        struct reader *reader = &consume->readers[table][positions[i].partition];
        *reader = (struct reader){.assigned = true, .position = positions[i].offset};
        bool lookup = world->schema.tables[table].lookup;
        if (world->schema.tables[table].filtered) {
            world_fail(world, "member %d reads a topic twice", consume->member);
        }
        if (lookup && positions[i].partition != 0) {
            world_fail(world, "member %d reads partition %d of a lookup", consume->member,
                       positions[i].partition);
        }
        if (!lookup && !consume->learned[positions[i].partition]) {
            world_fail(world, "member %d reads partition %d, which the group did not give it",
                       consume->member, positions[i].partition);
        }
    }
    return ERR_NONE;
}

static void sim_revoked(struct consume *consume) {
    memset(consume->readers, 0, sizeof consume->readers);
    memset(consume->learned, 0, sizeof consume->learned);
    consume->revoking = false;
}

static void sim_pause(struct consume *consume, int table, int32_t partition, bool paused) {
    consume->readers[consume->view->tables[table]][partition].paused = paused;
}

static void sim_commit(struct consume *consume, const struct topic_position *positions,
                       size_t count) {
    (void)consume, (void)positions, (void)count;
}

static void sim_members(struct consume *consume, char *out, size_t size) {
    (void)consume;
    (void)snprintf(out, size, "simulated");
}

static void sim_announce(struct consume *consume, const char *sink, const char *sink_name) {
    (void)consume;
    (void)sink;
    (void)sink_name;
}

static int sim_fd(const struct consume *consume) {
    (void)consume;
    return -1;
}

static int64_t sim_heartbeat_ms(const struct consume *consume) {
    (void)consume;
    return 0;
}

static int64_t sim_log_end(const struct consume *consume, int table, int32_t partition) {
    const int feed = world_feed(consume->world, consume->view->tables[table]);
    return consume->world->log[feed][partition].count;
}

const struct consume_ops sim_consume_ops = {
    .poll_group = sim_poll_group,
    .poll_records = sim_poll_records,
    .release = sim_release,
    .assign = sim_assign,
    .revoked = sim_revoked,
    .pause = sim_pause,
    .commit = sim_commit,
    .members = sim_members,
    .announce = sim_announce,
    .log_end = sim_log_end,
    .heartbeat_ms = sim_heartbeat_ms,
    .fd = sim_fd,
};
