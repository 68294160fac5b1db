#include "oltp/history.h"

#include "base/memory.h"

#include "base/safeguard.h"

#include <stdio.h>
#include <stdlib.h>

#define UNREAD_MS INT64_C(30000) /* a restart of a Connect worker takes less */
#define ANEW      "docs/operations.md, Changing the view or the tables"

/* A table as of the last look that found it. */
struct seen {
    bool known;
    uint32_t oid, filenode, row_xid, type_xid, publication_entry;
    int64_t counts;
    uint64_t definition;
    uint32_t *partitions; /* by number; owned */
    size_t partition_count;
};

struct history {
    const struct plan *plan;
    struct look_names names;
    struct seen *seen;
    size_t table_count;
    bool slot_seen; /* the connector has started: from then on every difference may lose changes */
    int64_t unread_since_ms; /* -1: the slot is read */
    int64_t resting;         /* position of the unread slot at the last look; -1: it was read */
    struct findings kept;
};

struct history *history_new(const struct plan *plan, const struct look_names *names) {
    struct history *history = memory_new(1, sizeof *history);
    history->plan = plan;
    history->names = *names;
    history->table_count = plan->relation_count;
    history->seen = memory_new(plan->relation_count, sizeof *history->seen);
    history->unread_since_ms = -1;
    history->resting = -1;
    return history;
}

void history_destroy(struct history **history) {
    if (history && *history) {
        for (size_t t = 0; t < (*history)->table_count; t++) {
            free((*history)->seen[t].partitions);
        }
        free((*history)->seen);
        free(*history);
        *history = NULL;
    }
}

void history_forget(struct history *history) {
    history->kept = (struct findings){0};
}

static bool has(const struct findings *findings, const struct finding *finding) {
    for (size_t i = 0; i < findings->count; i++) {
        if (findings->items[i].kind == finding->kind &&
            strcmp(findings->items[i].text, finding->text) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- one table, against the look before ---- */

static uint64_t hash_of(struct str text) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < text.len; i++) {
        hash = (hash ^ (unsigned char)text.ptr[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static void compare_file(const char *name, const struct seen *seen, const struct look_table *look,
                         struct findings *kept) {
    /* VACUUM FULL and CLUSTER set reltuples, too, but don't count as VACUUM or ANALYZE. */
    if (look->filenode != seen->filenode && (!look->counted || look->counts != seen->counts)) {
        findings_add(kept, FINDING_EMPTIED, FINDING_LOSS,
                     "%s was emptied by TRUNCATE, or rewritten by ALTER TABLE or VACUUM (FULL, "
                     "ANALYZE): it has another file. Debezium does not send TRUNCATE, and the rows "
                     "stay in the OLAP table: if it was emptied, start over, docs/operations.md, "
                     "Starting over. "
                     "If nothing was lost: kill -HUP or restart the members",
                     name);
    }
}

/* A rename also changes pg_type's row of the table. If pg_class's row is as before, whatever
 * changed it was changed back. */
static void compare_row(const char *name, const struct seen *seen, const struct look_table *look,
                        struct findings *kept, struct findings *findings) {
    bool same = look->filenode == seen->filenode && hash_of(look->definition) == seen->definition;
    if (!same) {
        return;
    }
    if (look->type_xid != seen->type_xid) {
        findings_add(kept, FINDING_REPLACED, FINDING_LOSS,
                     "%s was renamed (or moved to another schema) and came back: changes "
                     "made meanwhile were not captured. Make them again (UPDATE %s SET one of its "
                     "columns to "
                     "itself; rows deleted meanwhile: start over), then kill -HUP or restart the "
                     "members: " ANEW,
                     name, name);
    } else if (look->row_xid != seen->row_xid) {
        findings_add(findings, FINDING_REPLACED, FINDING_NOTE,
                     "%s was altered and altered back between two looks, or a GRANT was repeated. "
                     "If its REPLICA IDENTITY was not FULL meanwhile, see " ANEW,
                     name);
    }
}

static bool has_partition(const struct look_table *look, uint32_t oid) {
    for (size_t i = 0; i < look->partition_count; i++) {
        if (look->partitions[i].oid == oid) {
            return true;
        }
    }
    return false;
}

/* Its rows left the table without a DELETE. One that comes has none, or they came without an
 * INSERT: that can't be seen in the catalogs. */
static void compare_partitions(const char *name, const struct seen *seen,
                               const struct look_table *look, struct findings *kept) {
    for (size_t i = 0; i < seen->partition_count; i++) {
        if (!has_partition(look, seen->partitions[i]) &&
            SAFEGUARD("a partition that is gone is noticed")) {
            findings_add(kept, FINDING_EMPTIED, FINDING_LOSS,
                         "%s: a partition was dropped or detached (oid %u): its rows stay in the "
                         "OLAP table, since no DELETE was sent for them. If it is only detached: "
                         "ATTACH it again, DELETE its rows, then kill -HUP or restart the members. "
                         "Else start over, docs/operations.md, Starting over",
                         name, seen->partitions[i]);
        }
    }
}

static void compare_with_before(struct history *history, size_t t, const struct look_table *look,
                                struct findings *findings) {
    const struct seen *seen = &history->seen[t];
    const struct relation *table = &history->plan->relations[t];
    char name[140];
    (void)snprintf(name, sizeof name, STR_FMT "." STR_FMT, STR_ARG(table->schema),
                   STR_ARG(table->name));
    if (!seen->known) {
        return;
    }
    if (look->oid != seen->oid) {
        findings_add(
            &history->kept, FINDING_REPLACED, FINDING_LOSS,
            "%s is another table than before (created again, or swapped by rename): rows "
            "that only the old one had stay in the OLAP table, and changes to the new one before "
            "it had this name are missing. Start over with new topics, docs/operations.md, "
            "Starting over",
            name);
        return;
    }
    compare_file(name, seen, look, &history->kept);
    compare_row(name, seen, look, &history->kept, findings);
    compare_partitions(name, seen, look, &history->kept);
    if (look->publication_entry != seen->publication_entry && look->publication_entry != 0 &&
        seen->publication_entry != 0) {
        findings_add(&history->kept, FINDING_PUBLICATION, FINDING_LOSS,
                     "%s was taken out of the publication %s and put back: changes made meanwhile "
                     "were not captured: " ANEW,
                     name, history->names.publication);
    }
}

static void remember(struct seen *seen, const struct look_table *look) {
    size_t count = look->partition_count;
    uint32_t *partitions = memory_resize(seen->partitions, count + 1, sizeof *partitions);
    for (size_t i = 0; i < count; i++) {
        partitions[i] = look->partitions[i].oid;
    }
    *seen = (struct seen){.known = true,
                          .oid = look->oid,
                          .filenode = look->filenode,
                          .row_xid = look->row_xid,
                          .type_xid = look->type_xid,
                          .publication_entry = look->publication_entry,
                          .counts = look->counts,
                          .definition = hash_of(look->definition),
                          .partitions = partitions,
                          .partition_count = count};
}

/* ---- all ---- */

/* Debezium notices that a slot was created again, but not that it was moved beyond what it has
 * read: PostgreSQL skips the changes in between. A slot may move back when the server restarts,
 * since it does not write each step to disk. */
static void watch_slot_position(struct history *history, const struct look_slot *slot) {
    bool rests = slot->exists && !slot->active;
    if (rests && history->resting >= 0 && slot->confirmed > history->resting &&
        SAFEGUARD("a slot moved by others is noticed")) {
        findings_add(&history->kept, FINDING_SLOT, FINDING_LOSS,
                     "the replication slot %s was moved forward while no connector read it "
                     "(pg_replication_slot_advance, somebody who read from it, or made again): "
                     "the connector continues without the changes in between. Start over with "
                     "new topics, docs/operations.md, Starting over. If the connector was started "
                     "and stopped just then: kill -HUP or restart the members",
                     history->names.slot);
    }
    history->resting = rests ? slot->confirmed : -1;
}

static void watch_slot(struct history *history, const struct look_slot *slot, int64_t now_ms,
                       struct findings *findings) {
    if (slot->active || !slot->exists) {
        history->unread_since_ms = -1;
        return;
    }
    if (history->unread_since_ms < 0) {
        history->unread_since_ms = now_ms;
    }
    if (now_ms - history->unread_since_ms >= UNREAD_MS) {
        findings_add(findings, FINDING_SLOT, FINDING_RED,
                     "nobody reads the replication slot %s: the connector is stopped, has failed, "
                     "or takes its first snapshot: look at its status",
                     history->names.slot);
    }
}

/* Keeps, once the connector has started, those of the present findings that may lose changes. */
static void keep(struct history *history, const struct findings *now) {
    for (size_t i = 0; history->slot_seen && i < now->count; i++) {
        const struct finding *finding = &now->items[i];
        if (finding->weight >= FINDING_LOSS && !has(&history->kept, finding)) {
            findings_add(&history->kept, finding->kind, finding->weight, "%s", finding->text);
            history->kept.items[history->kept.count - 1].passes = true;
        }
    }
}

/* Adds the kept findings that are not among the present ones. */
static void add_kept(const struct history *history, const struct findings *now,
                     struct findings *findings) {
    for (size_t i = 0; i < history->kept.count; i++) {
        const struct finding *kept = &history->kept.items[i];
        if (!has(now, kept)) {
            findings_add(findings, kept->kind, kept->weight, "%s%s", kept->text,
                         kept->passes ? " (over now; fix what it did, then kill -HUP or restart "
                                        "the members)"
                                      : "");
        }
    }
}

void history_look(struct history *history, const struct look *look, int64_t now_ms,
                  struct findings *findings) {
    struct findings *now = memory_new(1, sizeof *now);
    compare_tables(history->plan, look, now);
    compare_replication(history->plan, &history->names, look, now);
    history->slot_seen |= look->slot.exists;
    keep(history, now);
    for (size_t t = 0; t < history->plan->relation_count; t++) {
        if (look->tables[t].found) {
            compare_with_before(history, t, &look->tables[t], findings);
            remember(&history->seen[t], &look->tables[t]);
        }
    }
    watch_slot(history, &look->slot, now_ms, findings);
    watch_slot_position(history, &look->slot);
    for (size_t i = 0; i < now->count; i++) {
        const struct finding *finding = &now->items[i];
        findings_add(findings, finding->kind, finding->weight, "%s", finding->text);
    }
    add_kept(history, now, findings);
    findings->more += now->more + history->kept.more;
    free(now);
}
