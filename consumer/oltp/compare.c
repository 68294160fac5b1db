#include "oltp/compare.h"

#include "base/buf.h"

#include <stdio.h>

#define ANEW "docs/operations.md, Changing the view or the tables"

/* "public.orders", for messages. */
struct label {
    char text[140];
};

static struct label label_of(const struct relation *table) {
    struct label label;
    (void)snprintf(label.text, sizeof label.text, STR_FMT "." STR_FMT, STR_ARG(table->schema),
                   STR_ARG(table->name));
    return label;
}

/* ---- one table ---- */

static const char *kind_name(const struct relation *relation, const struct look_table *table) {
    switch (table->kind) {
    case 'p':
        if (relation->partitioned && !table->is_partition) {
            return NULL;
        }
        return relation->partitioned
                   ? "a partition of another table"
                   : "a partitioned table, and the SQL file does not say PARTITION BY: its changes "
                     "are published under its partitions' names";
    case 'v':
    case 'm':
        return "a view: its changes are not in the WAL";
    case 'f':
        return "a foreign table: its changes are not in the WAL";
    default:
        break;
    }
    if (table->is_partition) {
        return "a partition of another table";
    }
    if (table->has_children) {
        return "a table that others INHERIT from: their rows are published under other names";
    }
    return table->persistence == 'p' ? NULL
                                     : "UNLOGGED or TEMPORARY: its changes are not in the WAL";
}

static const char *identity_name(char identity) {
    switch (identity) {
    case 'd':
        return "DEFAULT";
    case 'n':
        return "NOTHING";
    case 'i':
        return "USING INDEX";
    default:
        return "not known";
    }
}

/* What PostgreSQL logs of a row is its own partition's to say. */
static void compare_partitions(const char *name, const struct look_table *look,
                               struct findings *findings) {
    for (size_t i = 0; i < look->partition_count; i++) {
        const struct look_partition *partition = &look->partitions[i];
        if (partition->identity != 'f') {
            findings_add(findings, FINDING_IDENTITY, FINDING_HALT,
                         "%s: the REPLICA IDENTITY of a partition (SELECT %u::regclass) is %s, "
                         "must be FULL, as each partition's: its updates and deletes do not "
                         "contain the old row. ALTER TABLE that partition REPLICA IDENTITY FULL",
                         name, partition->oid, identity_name(partition->identity));
        }
    }
}

static void compare_table(const struct relation *table, const struct look_table *look,
                          struct findings *findings) {
    struct label name = label_of(table);
    const char *kind = kind_name(table, look);
    if (kind) {
        findings_add(findings, FINDING_TABLE, FINDING_LOSS,
                     "%s is %s. Only ordinary tables can be replicated", name.text, kind);
    }
    compare_partitions(name.text, look, findings);
    if (look->identity != 'f') {
        findings_add(
            findings, FINDING_IDENTITY, FINDING_HALT,
            "%s: REPLICA IDENTITY is %s, must be FULL: updates and deletes do not "
            "contain the old row. ALTER TABLE %s REPLICA IDENTITY FULL; what was changed or "
            "deleted meanwhile may be wrong in the OLAP table: " ANEW,
            name.text, identity_name(look->identity), name.text);
    }
    if (!look->truncate_is_refused) {
        findings_add(findings, FINDING_TRIGGER, FINDING_NOTE,
                     "%s: no trigger refuses TRUNCATE, which Debezium does not send: the OLAP "
                     "table would keep every row. `oltp-olap-sync plan` prints the trigger",
                     name.text);
    }
}

/* ---- its columns ---- */

/* A type's name without its schema: other."Mood", which may be in any schema. */
static struct str without_schema(struct str type) {
    bool quoted = false;
    for (size_t i = 0; i < type.len && type.ptr[i] != '('; i++) {
        quoted ^= type.ptr[i] == '"';
        if (type.ptr[i] == '.' && !quoted) {
            return (struct str){type.ptr + i + 1, type.len - i - 1};
        }
    }
    return type;
}

/* As format_type writes it: numeric(5) as numeric(5,0); timestamp(6) is timestamp. Of a geometry
 * the kind and the reference system may be any. */
static void append_type(struct buf *out, struct str type) {
    type = without_schema(type);
    if (str_starts(type, STR("geometry(")) || str_starts(type, STR("geography("))) {
        type.len = (size_t)((const char *)memchr(type.ptr, '(', type.len) - type.ptr);
    }
    const char *open = memchr(type.ptr, '(', type.len), *close = memchr(type.ptr, ')', type.len);
    if (open && close && str_starts(type, STR("numeric(")) &&
        !memchr(open, ',', (size_t)(close - open))) {
        buf_append(out, type.ptr, (size_t)(close - type.ptr));
        buf_str(out, STR(",0"));
        buf_append(out, close, type.len - (size_t)(close - type.ptr));
    } else if (open && close && str_starts(type, STR("timestamp(6)"))) {
        buf_str(out, STR("timestamp"));
        buf_append(out, close + 1, type.len - (size_t)(close + 1 - type.ptr));
    } else {
        buf_str(out, type);
    }
}

static bool same_type(struct str a, struct str b) {
    struct buf left = {0}, right = {0};
    append_type(&left, a);
    append_type(&right, b);
    bool same = str_equal(buf_view(&left), buf_view(&right));
    buf_clear(&left);
    buf_clear(&right);
    return same;
}

static void compare_column(const struct relation *table, const struct relation_column *column,
                           const struct look_column *look, struct findings *findings) {
    struct label name = label_of(table);
    const char *in = name.text;
    if (!look->found) {
        findings_add(findings, FINDING_COLUMNS, FINDING_RED,
                     "%s has no column " STR_FMT " (any more): records lack it, and tasks halt. "
                     "Restore it, or remove it from the SQL files: " ANEW,
                     in, STR_ARG(column->name));
        return;
    }
    if (!same_type(column->source_type, look->type)) {
        findings_add(findings, FINDING_COLUMNS, FINDING_LOSS,
                     "%s: column " STR_FMT " is " STR_FMT ", the SQL file says " STR_FMT
                     ": its values would be misread. Correct the file or the table: " ANEW,
                     in, STR_ARG(column->name), STR_ARG(look->type), STR_ARG(column->source_type));
    }
    if (column->not_null && !look->not_null) {
        findings_add(findings, FINDING_COLUMNS, FINDING_RED,
                     "%s: column " STR_FMT " may be NULL, the SQL file says NOT NULL. Correct the "
                     "file, or ALTER TABLE %s ALTER COLUMN " STR_FMT " SET NOT NULL",
                     in, STR_ARG(column->name), in, STR_ARG(column->name));
    }
    if (look->generated) {
        findings_add(findings, FINDING_COLUMNS, FINDING_RED,
                     "%s: column " STR_FMT " is GENERATED, and such columns are not replicated. "
                     "Take it out of the view",
                     in, STR_ARG(column->name));
    }
}

static void compare_key(const struct relation *table, const struct look_table *look,
                        struct findings *findings) {
    int32_t want = 0;
    bool same = true;
    for (size_t c = 0; c < table->column_count; c++) {
        want += table->columns[c].primary_key;
        same &= table->columns[c].primary_key == look->columns[c].primary_key;
    }
    if (!same || want != look->primary_key_count) {
        struct label name = label_of(table);
        findings_add(findings, FINDING_COLUMNS, FINDING_RED,
                     "%s: its primary key is not the one that the SQL file says%s: rows would "
                     "overwrite each other%s. Correct the file or the table: " ANEW,
                     name.text, look->primary_key_count == 0 ? " (there is none)" : "",
                     table->role == ROLE_LOOKUP ? ", and those that refer to it would find others"
                                                : "");
    }
}

void compare_tables(const struct plan *plan, const struct look *look, struct findings *findings) {
    if (!str_is(look->wal_level, "logical")) {
        findings_add(findings, FINDING_SERVER, FINDING_RED,
                     "the server's wal_level is " STR_FMT ", must be logical: ALTER SYSTEM SET "
                     "wal_level = logical, then restart it",
                     STR_ARG(look->wal_level));
    }
    for (size_t t = 0; t < plan->relation_count; t++) {
        const struct relation *table = &plan->relations[t];
        const struct look_table *there = &look->tables[t];
        struct label name = label_of(table);
        if (!there->found) {
            findings_add(findings, FINDING_TABLE, FINDING_LOSS,
                         "%s does not exist (in the database " STR_FMT "): dropped, renamed, or "
                         "never created. Restore it, or correct schemas.oltp and oltp.dbname; "
                         "changes made under another name were not captured: " ANEW,
                         name.text, STR_ARG(look->database));
            continue;
        }
        if (!table->filtered) { /* else its lookup is the same table; its columns are others */
            compare_table(table, there, findings);
            compare_key(table, there, findings);
        }
        for (size_t c = 0; c < table->column_count; c++) {
            compare_column(table, &table->columns[c], &there->columns[c], findings);
        }
    }
}

/* ---- what the connector creates ---- */

static void compare_published(const struct relation *table, const struct look_table *look,
                              const char *publication, struct findings *findings) {
    struct label name = label_of(table);
    if (!look->published) {
        findings_add(
            findings, FINDING_PUBLICATION, FINDING_LOSS,
            "%s is not in the publication %s: its changes are not captured. ALTER PUBLICATION "
            "%s ADD TABLE %s; changes made meanwhile are missing: " ANEW,
            name.text, publication, publication, name.text);
    } else if (look->filtered) {
        findings_add(findings, FINDING_PUBLICATION, FINDING_LOSS,
                     "%s is in the publication %s with a WHERE: some changes are not captured. "
                     "Publish it without the WHERE: " ANEW,
                     name.text, publication);
    }
    if (table->partitioned && look->kind == 'p' && !look->by_root) {
        findings_add(findings, FINDING_PUBLICATION, FINDING_LOSS,
                     "the publication %s names the changes of %s by its partitions, so they are "
                     "not captured. ALTER PUBLICATION %s SET (publish_via_partition_root = true); "
                     "changes made meanwhile are missing: " ANEW,
                     publication, name.text, publication);
    }
    for (size_t c = 0; c < table->column_count; c++) {
        if (look->columns[c].found && !look->columns[c].published) {
            findings_add(findings, FINDING_PUBLICATION, FINDING_LOSS,
                         "%s: the publication %s leaves out column " STR_FMT
                         ". Publish the table without a list of columns: " ANEW,
                         name.text, publication, STR_ARG(table->columns[c].name));
        }
    }
}

static void compare_slot(const char *name, const struct look *look, struct findings *findings) {
    const struct look_slot *slot = &look->slot;
    if (!slot->exists) {
        findings_add(findings, FINDING_SLOT, FINDING_LOSS,
                     "there is no replication slot %s: the connector has not created it yet, or it "
                     "was dropped, and changes are lost until a new snapshot: look at the "
                     "connector's status",
                     name);
        return;
    }
    if (str_is(slot->wal_status, "lost")) {
        findings_add(findings, FINDING_SLOT, FINDING_LOSS,
                     "the replication slot %s is lost: the server has dropped log that was not "
                     "read (max_slot_wal_keep_size). Changes are missing: start over with new "
                     "topics, docs/operations.md, Starting over",
                     name);
    } else if (str_is(slot->wal_status, "unreserved")) {
        findings_add(findings, FINDING_SLOT, FINDING_RED,
                     "the replication slot %s is about to be lost: it is behind by more than "
                     "max_slot_wal_keep_size. Start the connector, let it catch up, or raise the "
                     "setting at once",
                     name);
    }
    if (!str_is(slot->plugin, "pgoutput") || !str_equal(slot->database, look->database)) {
        findings_add(findings, FINDING_SLOT, FINDING_RED,
                     "the replication slot %s is of the database " STR_FMT
                     " and the plugin " STR_FMT ", must be of " STR_FMT
                     " and pgoutput: somebody else's? Set "
                     "connector.slot.name, or correct oltp.dbname",
                     name, STR_ARG(slot->database), STR_ARG(slot->plugin), STR_ARG(look->database));
    }
}

void compare_replication(const struct plan *plan, const struct look_names *names,
                         const struct look *look, struct findings *findings) {
    compare_slot(names->slot, look, findings);
    if (!look->publication_exists) {
        findings_add(findings, FINDING_PUBLICATION, FINDING_LOSS,
                     "there is no publication %s: the connector has not created it yet, or it was "
                     "dropped: look at the connector's status",
                     names->publication);
        return;
    }
    if (!look->publication_whole) {
        findings_add(findings, FINDING_PUBLICATION, FINDING_LOSS,
                     "the publication %s leaves out inserts, updates or deletes. ALTER "
                     "PUBLICATION %s SET (publish = 'insert, update, delete, truncate'): " ANEW,
                     names->publication, names->publication);
    }
    for (size_t t = 0; t < plan->relation_count; t++) {
        if (look->tables[t].found) {
            compare_published(&plan->relations[t], &look->tables[t], names->publication, findings);
        }
    }
}
