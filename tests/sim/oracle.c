/* What must be true, computed from the source and the log, not by our join. */
#include "world.h"

#include "state/state.h"
#include "view/row.h"

#include <stdio.h>

/* A version as it is stored: a varint, then "v<number>"; 0: none. */
static int kept_version(const struct letter *letter) {
    if (letter->planted) {
        return letter->right;
    }
    int version = 0;
    for (size_t at = 0; at < letter->kept_len; at++) {
        if (letter->kept[at] >= '0' && letter->kept[at] <= '9') {
            version = version * 10 + (letter->kept[at] - '0');
        }
    }
    return version;
}

static bool same_row(const struct entry *a, const struct entry *b) {
    return a->student == b->student && a->contact == b->contact;
}

/* What a dead letter keeps is the newest version before it that was not put aside. What was
 * compacted away may have been read or not. Nothing, where the log does not tell any more, or a
 * rebuild met a version before it that is refused. It does not matter where a later record of the
 * row is passed (up to end) in the same transaction. Where the sink went back, a cache may be ahead
 * of it: then it is a later version, whose own record the replay comes to as well. */
void oracle_letter(struct world *world, const struct letter *letter, int64_t end) {
    const struct topic_log *log = &world->log[letter->table][letter->task];
    const struct entry *entry = &log->entries[letter->offset];
    int version = kept_version(letter), should = 0;
    bool may_lack = entry->flaw == FLAW_REFUSED;
    if (letter->has_row_key != (entry->student > 0)) {
        world_fail(world, "O7: the dead letter %d[%d]@%lld names %s row", letter->table,
                   letter->task, (long long)letter->offset, letter->has_row_key ? "a" : "no");
    }
    for (int64_t i = letter->offset; i-- > 0 && entry->student > 0;) {
        const struct entry *before = &log->entries[i];
        if (!same_row(before, entry)) {
            continue;
        }
        may_lack |= before->flaw == FLAW_REFUSED || !before->kept;
        if (before->version >= 0 && (before->kept || before->version == version)) {
            should = before->version;
            break;
        }
    }
    bool superseded = false;
    for (int64_t i = letter->offset + 1; i < end && i < log->count; i++) {
        superseded |= same_row(&log->entries[i], entry);
    }
    bool ahead = false;
    for (int64_t i = letter->offset + 1; world->knobs.restore > 0 && i < log->count; i++) {
        ahead |= same_row(&log->entries[i], entry) && log->entries[i].version == version;
    }
    if (version != should && (version != 0 || !may_lack) && !superseded && !ahead) {
        world_fail(world, "O7: the dead letter %d[%d]@%lld keeps v%d, should be v%d", letter->table,
                   letter->task, (long long)letter->offset, version, should);
    }
}

static bool has_letter(const struct world *world, int table, int32_t partition, int64_t offset) {
    for (size_t k = 0; k < world->sink.letter_count; k++) {
        const struct letter *letter = &world->sink.letters[k];
        if (letter->task == partition && letter->table == table && letter->offset == offset) {
            return true;
        }
    }
    return false;
}

/* Records that nobody can read are dead letters, one and all, but for those that were compacted
 * away. */
static void check_letters(struct world *world, const char *when) {
    for (int t = 0; t < TABLES; t++) {
        for (int32_t p = 0; p < world->partitions; p++) {
            const struct topic_log *log = &world->log[t][p];
            for (int64_t i = log->start; i < log->count; i++) {
                const struct entry *entry = &log->entries[i];
                if (entry->kept && entry->flaw > FLAW_REFUSED && !has_letter(world, t, p, i)) {
                    world_fail(world, "O7 %s: the record %d[%d]@%lld is no dead letter", when, t, p,
                               (long long)i);
                }
            }
        }
    }
}

/* The newest version of a row, by the log: what the sink refused stands as its dead letter keeps
 * it. */
static int effective(struct world *world, int table, int student, int contact, const char *when) {
    int32_t partition = student % world->partitions;
    const struct topic_log *log = &world->log[table][partition];
    for (int64_t i = log->count; i-- > 0;) {
        const struct entry *entry = &log->entries[i];
        if (entry->student != student || entry->contact != contact) {
            continue;
        }
        if (entry->version >= 0) {
            return entry->version;
        }
        for (size_t k = 0; k < world->sink.letter_count; k++) {
            const struct letter *letter = &world->sink.letters[k];
            if (letter->task == partition && letter->table == table && letter->offset == i) {
                return kept_version(letter);
            }
        }
        if (world->mended && entry->flaw == FLAW_REFUSED) {
            return entry->version;
        }
        world_fail(world,
                   "O1 %s: the refused version %d of (%d,%d) is neither in the sink nor a "
                   "dead letter",
                   when, entry->version, student, contact);
        return 0;
    }
    return 0;
}

static void check_row(struct world *world, int student, int contact, const char *when) {
    int name, number;
    if (world->knobs.bad > 0) {
        name = effective(world, 0, student, 0, when);
        number = effective(world, 1, student, contact, when);
    } else {
        name = world->student_version[student];
        number = world->contact[contact].student == student ? world->contact[contact].version : 0;
    }
    const struct sink_row *row = &world->sink.rows[student][contact];
    bool should = name != 0 && number != 0;
    bool refused = should && sim_sink_refuses(world, name, number);
    should &= !refused;
    if (world->mended &&
        row->refused) { /* the constraint is gone; its rows wait for a new version */
        return;
    }
    if (row->refused != refused) {
        world_fail(world, "O1 %s: the row (%d,%d) has %s in sync_refused", when, student, contact,
                   refused ? "no entry" : "an entry");
    }
    if (row->there != should) {
        world_fail(world, "O1 %s: the row (%d,%d) is %s", when, student, contact,
                   should ? "missing" : "there, but should not be");
    } else if (should && (row->name != name || row->number != number)) {
        world_fail(world, "O1 %s: the row (%d,%d) is v%d v%d, should be v%d v%d", when, student,
                   contact, row->name, row->number, name, number);
    }
}

void oracle_task(struct world *world, int32_t task, const char *when) {
    for (int s = 1; s <= STUDENTS_MAX; s++) {
        for (int c = 1; c <= CONTACTS_MAX && s % world->partitions == task; c++) {
            check_row(world, s, c, when);
        }
    }
}

void oracle_final(struct world *world, const char *when) {
    if (world->misrouted_task >= 0) { /* its task must have halted before the record */
        const struct progress *progress = &world->sink.progress[world->misrouted_task];
        if (progress->has_offsets &&
            progress->offsets[world->misrouted_table] > world->misrouted_offset) {
            world_fail(world, "%s: a record in the wrong partition was passed over", when);
        }
        return;
    }
    for (int s = 1; s <= STUDENTS_MAX; s++) {
        for (int c = 1; c <= CONTACTS_MAX; c++) {
            check_row(world, s, c, when);
        }
    }
    check_letters(world, when);
}

bool oracle_caught_up(const struct world *world) {
    for (int32_t p = 0; p < world->partitions; p++) {
        const struct progress *progress = &world->sink.progress[p];
        if (!progress->exists || !progress->has_offsets) {
            return false;
        }
        for (int t = 0; t < TABLES; t++) {
            const struct topic_log *log = &world->log[t][p];
            for (int64_t i = progress->offsets[t]; i < log->count; i++) {
                if (log->entries[i].kept) {
                    return false;
                }
            }
        }
    }
    return true;
}

/* The newest version of a row below an offset of its log; 0: not there; -1: it was compacted away,
 * for one behind the offset: a cache may have met it or not. */
static int version_below(const struct topic_log *log, int student, int contact, int64_t offset) {
    for (int64_t i = offset < log->count ? offset : log->count; i-- > 0;) {
        const struct entry *entry = &log->entries[i];
        if (entry->student == student && entry->contact == contact) {
            return entry->kept ? entry->version : -1;
        }
    }
    return 0;
}

/* Whether the row had this version at or after an offset of its log. */
static bool version_from(const struct topic_log *log, int student, int contact, int64_t offset,
                         int version) {
    for (int64_t i = offset; i < log->count; i++) {
        const struct entry *entry = &log->entries[i];
        if (entry->student == student && entry->contact == contact && entry->version == version) {
            return true;
        }
    }
    return false;
}

static int cached_version(struct state *state, const struct view *view, int table, int student,
                          int contact) {
    char digits[2][16];
    (void)snprintf(digits[0], sizeof digits[0], "%d", student);
    (void)snprintf(digits[1], sizeof digits[1], "%d", contact);
    struct str values[2] = {str_from(digits[0]), str_from(digits[1])}, value = STR_NONE;
    struct buf key = {0};
    size_t join_len;
    struct err err;
    int version = -1;
    if (row_key_encode(view, &view->tables[table], values, &key, &join_len, &err) == ERR_NONE &&
        state_get(state, table, buf_view(&key), &value, &err) == ERR_NONE) {
        version = 0;
        for (size_t i = 1; value.ptr && i < value.len; i++) { /* a varint, then "v<number>" */
            version = value.ptr[i] == 'v' ? 0 : version * 10 + (value.ptr[i] - '0');
        }
    }
    buf_clear(&key);
    return version;
}

/* O4: a task's cache holds what its log says up to the cache's offsets; of some rows a later
 * version where a crash met a commit between its parts. */
static void check_cache(struct world *world, int host, int32_t task) {
    struct kv_factory factory = memory_disk_factory(world->disks[host]);
    struct state *state = NULL;
    struct state_meta meta;
    struct err err;
    if (state_open(&factory, task, "", STR("simulated"), TABLES, &state, &meta, &err) != ERR_NONE) {
        world_fail(world, "O4: the cache of task %d can't be opened: %s", task, err.message);
        return;
    }
    for (int t = 0; t < TABLES && !meta.empty && !meta.incomplete; t++) {
        for (int s = 1; s <= STUDENTS_MAX; s++) {
            for (int c = t; c <= (t ? CONTACTS_MAX : 0); c++) {
                bool here = s % world->partitions == task;
                int should = here ? version_below(&world->log[t][task], s, c, meta.offsets[t]) : 0;
                int is = cached_version(state, &world->view, t, s, c);
                bool later = world->parted_commits &&
                             version_from(&world->log[t][task], s, c, meta.offsets[t], is);
                if (is != should && should >= 0 && !later) {
                    world_fail(world,
                               "O4: the cache of task %d holds v%d of (%d,%d), should be v%d", task,
                               is, s, c, should);
                }
            }
        }
    }
    state_close(&state);
}

void oracle_caches(struct world *world) {
    const struct knobs *k = &world->knobs;
    if (k->restore > 0 || k->bad > 0 || world->misrouted_task >= 0) {
        return; /* a cache may be ahead, hold kept versions, or end where its task halted */
    }
    for (int host = 0; host < HOSTS_MAX; host++) {
        for (int32_t p = 0; p < world->partitions && !world->failure[0]; p++) {
            check_cache(world, host, p);
        }
    }
}
