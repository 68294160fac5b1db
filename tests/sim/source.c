/* The OLTP database, Debezium and Kafka's log. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>

static void *grow(void *items, int64_t count, int64_t *cap, size_t size) {
    if (count < *cap) {
        return items;
    }
    *cap = *cap ? *cap * 2 : 32;
    void *grown = realloc(items, (size_t)*cap * size);
    if (!grown) {
        abort();
    }
    return grown;
}

int source_new_version(struct world *world) {
    world->version++;
    return rng_chance(&world->rng, world->knobs.bad) ? -world->version : world->version;
}

static void remember(struct world *world, const struct event *event) {
    if (event->student == 0 || event->version == 0) {
        return;
    }
    int64_t cap = (int64_t)world->history_cap;
    world->history =
        grow(world->history, (int64_t)world->history_count, &cap, sizeof *world->history);
    world->history_cap = (size_t)cap;
    world->history[world->history_count++] =
        (struct version_at){event->table, event->student, event->contact, event->version};
}

bool history_has(const struct world *world, int table, int student, int contact, int version) {
    for (size_t i = world->history_count; i-- > 0;) {
        const struct version_at *at = &world->history[i];
        if (at->version == version && at->table == table && at->student == student &&
            at->contact == contact) {
            return true;
        }
    }
    return false;
}

static void emit(struct world *world, int table, int student, int contact, int version, char op) {
    struct event event = {table, student, contact, version, op, 0};
    event.ts_us = world->now_us;
    remember(world, &event);
    world->events =
        grow(world->events, world->event_count, &world->event_cap, sizeof *world->events);
    world->events[world->event_count++] = event;
    world_trace(world, "SRC %s student %d contact %d version %d op %c",
                event.table ? "contact" : "student", event.student, event.contact, event.version,
                event.op);
}

void source_put_student(struct world *world, int student, int version) {
    bool there = world->student_version[student] != 0;
    world->student_version[student] = version;
    emit(world, 0, student, 0, version, there ? 'u' : 'c');
}

void source_delete_student(struct world *world, int student) {
    if (world->student_version[student] != 0) {
        world->student_version[student] = 0;
        emit(world, 0, student, 0, 0, 'd');
    }
}

/* Insert, update or move: a move is a delete under the old key and a create under the new one. */
void source_put_contact(struct world *world, int contact, int student, int version) {
    int before = world->contact[contact].student;
    bool there = world->contact[contact].version != 0, moves = there && before != student;
    if (moves) {
        emit(world, 1, before, contact, 0, 'd');
    }
    world->contact[contact].version = version;
    world->contact[contact].student = student;
    emit(world, 1, student, contact, version, there && !moves ? 'u' : 'c');
}

static void delete_contact(struct world *world, int contact) {
    if (world->contact[contact].version != 0) {
        int student = world->contact[contact].student;
        world->contact[contact].version = 0;
        emit(world, 1, student, contact, 0, 'd');
    }
}

static void change_student(struct world *world) {
    struct rng *rng = &world->rng;
    int student = 1 + rng_below(rng, world->students);
    int version = world->student_version[student];
    if (world->knobs.inserts_only || version == 0 || rng_chance(rng, 0.65)) {
        source_put_student(world, student, source_new_version(world));
    } else if (rng_chance(rng, 0.7)) {
        source_delete_student(world, student);
    } else { /* its key changes */
        int other = 1 + rng_below(rng, world->students);
        if (world->student_version[other] == 0) {
            source_delete_student(world, student);
            source_put_student(world, other, version);
        }
    }
}

static void change_contact(struct world *world) {
    struct rng *rng = &world->rng;
    int student = 1 + rng_below(rng, world->students);
    int contact = 1 + rng_below(rng, world->contacts);
    int version = world->contact[contact].version, present = world->contact[contact].student;
    double x = rng_unit(rng);
    if (world->knobs.inserts_only) {
        source_put_contact(world, contact, version ? present : student, source_new_version(world));
    } else if (version == 0 || x < 0.35) {
        source_put_contact(world, contact, rng_chance(rng, 0.05) ? 0 : student,
                           source_new_version(world));
    } else if (x < 0.65) {
        source_put_contact(world, contact, present, source_new_version(world));
    } else if (x < 0.85) {
        delete_contact(world, contact);
    } else {
        int other = 1 + rng_below(rng, world->contacts);
        if (world->contact[other].version == 0) {
            delete_contact(world, contact);
            source_put_contact(world, other, present, version);
        }
    }
}

/* An incremental snapshot of a few rows. */
static void snapshot_some(struct world *world) {
    for (int i = 0; i < 3; i++) {
        int student = 1 + rng_below(&world->rng, world->students);
        int contact = 1 + rng_below(&world->rng, world->contacts);
        if (rng_chance(&world->rng, 0.5) && world->student_version[student] != 0) {
            emit(world, 0, student, 0, world->student_version[student], 'r');
        } else if (world->contact[contact].version != 0) {
            student = world->contact[contact].student;
            emit(world, 1, student, contact, world->contact[contact].version, 'r');
        }
    }
}

void source_step(struct world *world) {
    double x = rng_unit(&world->rng);
    if (x < 0.35) {
        change_student(world);
    } else if (x < 0.93) {
        change_contact(world);
    } else {
        snapshot_some(world);
    }
}

enum flaw source_flaw(const struct world *world, int version) {
    if (version >= 0) {
        return FLAW_NONE;
    }
    unsigned mixed = (unsigned)-version * 2654435761U; /* of its own, like the version */
    bool flawed = (double)(mixed >> 16) < world->knobs.flawed * 65536;
    return flawed
               ? (enum flaw)(FLAW_NUL + (int)((unsigned)-version % (world->knobs.decides ? 4 : 3)))
               : FLAW_REFUSED;
}

/* Of such a row the source knows nothing but its key (decode/blank.h). */
static bool is_blank(const struct event *event) {
    return event->table == 1 && event->student == 0 && event->contact % 2 == 0;
}

static void row_json(char *out, size_t size, const struct event *event, int version,
                     enum flaw flaw) {
    char student[16] = "null", value[24];
    if (event->student != 0) {
        (void)snprintf(student, sizeof student, "%d", event->student);
    }
    (void)snprintf(value, sizeof value,
                   flaw == FLAW_NONE  ? "\"v%d\""
                   : flaw == FLAW_NUL ? "\"%d\\u0000\""
                                      : "\"bad%d\"",
                   abs(version));
    if (is_blank(event)) {
        (void)snprintf(value, sizeof value, "\"\"");
    }
    if (event->table == 0 && flaw == FLAW_COLUMN) {
        (void)snprintf(out, size, "{\"student_id\":%s}", student);
    } else if (flaw == FLAW_COLUMN) {
        (void)snprintf(out, size, "{\"contact_id\":%d,\"student_id\":%s}", event->contact, student);
    } else if (event->table == 0) {
        (void)snprintf(out, size, "{\"student_id\":%s,\"name\":%s}", student, value);
    } else {
        (void)snprintf(out, size, "{\"contact_id\":%d,\"student_id\":%s,\"contact_number\":%s}",
                       event->contact, student, value);
    }
}

static void write_key(const struct event *event, const char *student, struct entry *entry) {
    if (entry->flaw == FLAW_KEY) {
        student = "99999999999999999999";
    }
    if (event->table == 0) {
        (void)snprintf(entry->key, sizeof entry->key, "{\"student_id\":%s}", student);
    } else {
        (void)snprintf(entry->key, sizeof entry->key, "{\"student_id\":%s,\"contact_id\":%d}",
                       student, event->contact);
    }
}

static void write_json(const struct event *event, struct entry *entry) {
    char before[96] = "null", after[96] = "null", student[16] = "null";
    if (event->student != 0) {
        (void)snprintf(student, sizeof student, "%d", event->student);
    }
    if (event->op == 'u' || event->op == 'd') {
        row_json(before, sizeof before, event, 1, FLAW_NONE);
    }
    if (event->op != 'd') {
        row_json(after, sizeof after, event, event->version, entry->flaw);
    }
    (void)snprintf(entry->value, sizeof entry->value,
                   "{\"before\":%s,\"after\":%s,\"source\":{\"ts_us\":%lld},\"op\":\"%c\"}", before,
                   after, (long long)event->ts_us, event->op);
    if (entry->flaw == FLAW_CUT) {
        entry->value[strlen(entry->value) / 2] = '\0';
    }
    write_key(event, student, entry);
}

static void append(struct world *world, const struct event *event) {
    int32_t partition = event->student ? event->student % world->partitions
                                       : (7 * event->contact + 3) % world->partitions;
    if (world->knobs.misroute && world->misrouted_task < 0 && event->student &&
        world->partitions > 1 && rng_chance(&world->rng, 0.02)) {
        partition = (partition + 1) % world->partitions;
        world->misrouted_task = partition;
        world->misrouted_table = event->table;
        world->misrouted_offset = world->log[event->table][partition].count;
    }
    struct topic_log *log = &world->log[event->table][partition];
    log->entries = grow(log->entries, log->count, &log->cap, sizeof *log->entries);
    struct entry *entry = &log->entries[log->count++];
    *entry = (struct entry){.table = event->table,
                            .student = event->student,
                            .contact = event->contact,
                            .version = event->op == 'd' ? 0 : event->version,
                            .flaw = event->op == 'd' || is_blank(event)
                                        ? FLAW_NONE
                                        : source_flaw(world, event->version),
                            .ts_ms = world->now_us / 1000,
                            .kept = true};
    write_json(event, entry);
    if (entry->flaw == FLAW_KEY) {
        entry->student = -1;
        entry->contact = (int)log->count; /* the key of no other */
    }
    world_trace(world, "LOG %s[%d]@%lld student %d contact %d version %d flaw %d",
                event->table ? "contact" : "student", partition, (long long)log->count - 1,
                event->student, event->contact, entry->version, (int)entry->flaw);
}

void log_repeat(struct world *world, int table, int32_t partition) {
    struct topic_log *log = &world->log[table][partition];
    log->entries = grow(log->entries, log->count, &log->cap, sizeof *log->entries);
    struct entry *entry = &log->entries[log->count];
    *entry = log->entries[log->count - 1];
    entry->ts_ms = world->now_us / 1000;
    entry->kept = true;
    log->count++;
    world_trace(world, "AGAIN %s[%d]@%lld", table ? "contact" : "student", partition,
                (long long)log->count - 1);
}

void connector_step(struct world *world, int64_t count) {
    for (; count > 0 && world->sent_count < world->event_count; count--) {
        append(world, &world->events[world->sent_count++]);
    }
}

/* The connector crashed and sends a stretch again. */
void connector_repeat(struct world *world) {
    int64_t back = rng_below(&world->rng, 8);
    back = back < world->sent_count ? back : world->sent_count;
    world->sent_count -= back;
    world_trace(world, "DUPLICATES the connector goes back by %lld", (long long)back);
}

static bool same_key(const struct entry *a, const struct entry *b) {
    return a->student == b->student && a->contact == b->contact;
}

/* Keeps the newest record of each key, before some point that is older than the lag. */
void log_compact(struct world *world) {
    int table = rng_below(&world->rng, TABLES);
    int32_t partition = rng_below(&world->rng, world->partitions);
    struct topic_log *log = &world->log[table][partition];
    int64_t end = log->count;
    while (end > 0 && log->entries[end - 1].ts_ms >= world->now_us / 1000 - world->lag_ms) {
        end--;
    }
    if (end > 1 && rng_chance(&world->rng, 0.3)) {
        end = rng_below(&world->rng, (int)end);
    }
    for (int64_t i = 0; i < end; i++) {
        for (int64_t j = i + 1; j < end && log->entries[i].kept; j++) {
            if (same_key(&log->entries[i], &log->entries[j])) {
                log->entries[i].kept = false;
                world_trace(world, "COMPACT %s[%d]@%lld", table ? "contact" : "student", partition,
                            (long long)i);
            }
        }
    }
}
