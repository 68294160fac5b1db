#include "view/connector.h"

#include "base/buf.h"
#include "base/hash.h"
#include "base/memory.h"
#include "view/identifier.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define SLOT_NAME "oltp_olap_sync"

/* What does not depend on the view. */
static const struct {
    const char *key, *value;
} fixed[] = {
    {"connector.class", "io.debezium.connector.postgresql.PostgresConnector"},
    {"tasks.max", "1"},
    {"plugin.name", "pgoutput"},
    {"database.hostname", "localhost"},
    {"database.port", "5432"},
    {"database.user", "pg"},
    {"database.password", "${env:OLTP_PASSWORD}"},
    {"database.dbname", "pg"},
    {"publication.autocreate.mode", "filtered"},
    {"snapshot.mode", "initial"},
    {"slot.drop.on.stop", "false"},
    /* A truncate would come without a key, which a compacted topic refuses. */
    {"skipped.operations", "t"},
    {"skip.messages.without.change", "false"},
    {"schema.refresh.mode", "columns_diff"},
    {"field.name.adjustment.mode", "none"},
    /* A moved row is `d` under the old key and `c` under the new one; topics are compacted, not
     * read by key alone, so a tombstone would only cost a record. */
    {"tombstones.on.delete", "false"},
    {"provide.transaction.metadata", "false"},
    /* The sink's conversions know these forms (type.c). */
    {"decimal.handling.mode", "string"},
    {"interval.handling.mode", "string"},
    {"time.precision.mode", "adaptive"},
    {"binary.handling.mode", "bytes"},
    {"hstore.handling.mode", "json"},
    /* Stop rather than send NULL for a value, or nothing for a record. */
    {"event.converting.failure.handling.mode", "fail"},
    {"event.processing.failure.handling.mode", "fail"},
    {"errors.tolerance", "none"},
    {"key.converter", "org.apache.kafka.connect.json.JsonConverter"},
    {"key.converter.schemas.enable", "false"},
    {"value.converter", "org.apache.kafka.connect.json.JsonConverter"},
    {"value.converter.schemas.enable", "false"},
    {"value.converter.replace.null.with.default", "false"},
    /* From commit to consumer; the default of 500 would be the longest wait of the road. */
    {"poll.interval.ms", "2"},
    {"max.batch.size", "8192"},
    {"max.queue.size", "32768"},
    /* While the view's tables are quiet and others are busy, only a change that Debezium sees moves
     * its slot on, and PostgreSQL keeps its log from there: seen to grow without end with a
     * heartbeat alone, and with lsn.flush.mode=connector_and_driver. */
    {"heartbeat.interval.ms", CONNECTOR_HEARTBEAT_MS},
    {"heartbeat.action.query", "SELECT pg_logical_emit_message(true, 'heartbeat', 'x')"},
    /* For the heartbeat's two topics; the tables' topics are made before, with more settings. */
    {"topic.creation.default.replication.factor", "-1"},
    {"topic.creation.default.cleanup.policy", "compact"},
    {"producer.override.linger.ms", "0"},
    {"producer.override.batch.size", "262144"},
    {"producer.override.compression.type", "lz4"},
};

static void set(json_t *settings, const char *key, struct str value) {
    (void)json_object_set_new(settings, key, json_stringn(value.ptr, value.len));
}

static void set_text(json_t *settings, const char *key, struct buf *value) {
    set(settings, key, buf_view(value));
    buf_reset(value);
}

/* ---- names as Java's regular expressions ---- */

/* Everything but letters, digits and underscores by its number: so neither the expression nor the
 * list of expressions around it (commas, semicolons, colons) sees a character of its own. */
static void append_pattern(struct buf *out, struct str name) {
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (letter || (c >= '0' && c <= '9') || c == '_' || c >= 0x80) {
            buf_append(out, &name.ptr[i], 1);
        } else {
            buf_printf(out, "\\x%02x", c);
        }
    }
}

static void append_table(struct buf *out, const struct relation *table) {
    append_pattern(out, table->schema);
    buf_str(out, STR("\\."));
    append_pattern(out, table->name);
}

/* ---- what the view says ---- */

static void set_tables(json_t *settings, const struct plan *plan, struct buf *text) {
    for (size_t t = 0; t < plan->relation_count; t++) {
        if (!plan->relations[t].filtered) { /* else its lookup names the table */
            buf_str(text, text->len > 0 ? STR(",") : STR(""));
            append_table(text, &plan->relations[t]);
        }
    }
    set_text(settings, "table.include.list", text);
}

/* Join key and primary key: with the primary key alone, a row that moves to another partition would
 * tell only the new one. Where both are the same columns Debezium's own key is that; of a lookup
 * always, unless the table is core, too: its one partition has the delete and the insert in their
 * order. */
static void set_keys(json_t *settings, const struct plan *plan, struct buf *text) {
    for (size_t t = 0; t < plan->relation_count; t++) {
        const struct relation *table = &plan->relations[t];
        if (table->primary_key_count == table->key_count) {
            continue;
        }
        buf_str(text, text->len > 0 ? STR(";") : STR(""));
        append_table(text, table);
        for (size_t i = 0; i < table->key_count; i++) {
            buf_str(text, i == 0 ? STR(":") : STR(","));
            append_pattern(text, table->columns[i].name);
        }
    }
    if (text->len > 0) {
        set_text(settings, "message.key.columns", text);
    }
}

/* For tables and types that need it, and then only: connectors of other views stay as they are. */
static void set_types(json_t *settings, const struct plan *plan) {
    bool unknown = false, styled = false, partitioned = false;
    for (size_t t = 0; t < plan->relation_count; t++) {
        const struct relation *table = &plan->relations[t];
        partitioned |= table->partitioned;
        for (size_t i = 0; i < table->column_count; i++) {
            unknown |= table->columns[i].unknown;
            styled |=
                table->columns[i].form == FORM_INTERVAL || table->columns[i].form == FORM_BASE64;
        }
    }
    if (partitioned) {
        set(settings, "publish.via.partition.root", STR("true"));
    }
    if (unknown) {
        set(settings, "include.unknown.datatypes", STR("true"));
    }
    /* Of an interval in the style sql_standard Debezium loses years and days; bytes in another
     * output than hex it takes for other bytes. */
    if (styled) {
        set(settings, "driver.options", STR("-c IntervalStyle=postgres -c bytea_output=hex"));
    }
}

/* The buffer must hold the largest record, and others meanwhile. */
static void set_sizes(json_t *settings, int64_t record_max_bytes, struct buf *text) {
    const int64_t beside = INT64_C(32) << 20; /* the producer's default */
    buf_printf(text, "%" PRId64, record_max_bytes);
    set_text(settings, "producer.override.max.request.size", text);
    buf_printf(text, "%" PRId64, record_max_bytes + beside);
    set_text(settings, "producer.override.buffer.memory", text);
}

static bool same_join_names(const struct plan *plan) {
    for (size_t t = 1; t < plan_parted_count(plan); t++) {
        if (plan->relations[t].placement_count != plan->relations[0].placement_count) {
            return false;
        }
        for (size_t i = 0; i < plan->relations[0].placement_count; i++) {
            if (!str_equal(plan->relations[0].columns[i].name,
                           plan->relations[t].columns[i].name)) {
                return false;
            }
        }
    }
    return true;
}

static void set_member(json_t *settings, const char *group, const char *name, struct str value) {
    char key[128];
    (void)snprintf(key, sizeof key, "transforms.%s.%s", group, name);
    set(settings, key, value);
}

static void set_partitions(json_t *settings, const struct plan *plan, const char *key) {
    char number[16];
    (void)snprintf(number, sizeof number, "%" PRId32, plan->partition_count);
    set(settings, key, str_from(number));
}

/* The field that a widened part of K is lifted into; the envelope has none of this name. */
static void append_lifted(struct buf *out, size_t part) {
    buf_printf(out, "sync_key_%zu", part + 1);
}

static void set_route(json_t *settings, const struct plan *plan, size_t t, const char *group) {
    struct buf text = {0};
    for (size_t i = 0; i < plan->relations[t].placement_count; i++) {
        const struct relation_column *column = &plan->relations[t].columns[i];
        buf_str(&text, i > 0 ? STR(",") : STR(""));
        if (column_is_widened(column)) {
            append_lifted(&text, i);
        } else {
            buf_str(&text, STR("change."));
            buf_str(&text, column->name);
        }
    }
    set_member(settings, group, "type", STR("io.debezium.transforms.partitions.PartitionRouting"));
    set_member(settings, group, "partition.payload.fields", buf_view(&text));
    buf_clear(&text);
    char key[128];
    (void)snprintf(key, sizeof key, "transforms.%s.partition.topic.num", group);
    set_partitions(settings, plan, key);
    set_member(settings, group, "partition.hash.function", STR("java"));
}

/* Only the records of relations first .. last - 1. */
static void set_predicate(json_t *settings, const struct plan *plan, const char *group,
                          size_t first, size_t last) {
    struct buf pattern = {0};
    char key[64];
    for (size_t t = first; t < last; t++) {
        buf_str(&pattern, t > first ? STR("|") : STR(""));
        append_pattern(&pattern, plan->relations[t].topic);
    }
    set_member(settings, group, "predicate", str_from(group));
    (void)snprintf(key, sizeof key, "predicates.%s.type", group);
    set(settings, key, STR("org.apache.kafka.connect.transforms.predicates.TopicNameMatches"));
    (void)snprintf(key, sizeof key, "predicates.%s.pattern", group);
    set_text(settings, key, &pattern);
    buf_clear(&pattern);
}

/* ---- integers that are compared with bigints ---- */

static bool is_widened(const struct relation *table) {
    bool widened = false;
    for (size_t i = 0; i < table->placement_count; i++) {
        widened |= column_is_widened(&table->columns[i]);
    }
    return widened;
}

static bool any_widened(const struct plan *plan) {
    bool widened = false;
    for (size_t t = 0; t < plan_parted_count(plan); t++) {
        widened |= is_widened(&plan->relations[t]);
    }
    return widened;
}

enum setting_list {
    LIST_NONE,
    LIST_NAMES,  /* of the widened columns */
    LIST_CASTS,  /* the same, each with its new type */
    LIST_LIFTED, /* the fields that they are lifted into */
};

static void append_list(struct buf *out, const struct relation *table, enum setting_list what) {
    bool first = true;
    for (size_t i = 0; i < table->placement_count; i++) {
        if (!column_is_widened(&table->columns[i])) {
            continue;
        }
        buf_str(out, first ? STR("") : STR(","));
        first = false;
        if (what == LIST_LIFTED) {
            append_lifted(out, i);
        } else {
            buf_str(out, table->columns[i].name);
            buf_str(out, what == LIST_CASTS ? STR(":int64") : STR(""));
        }
    }
}

#define KAFKA "org.apache.kafka.connect.transforms."

/* No transform casts a column inside a row's image. But the record's key has the same value; there
 * it can be cast, and lifted through a header to where PartitionRouting finds it. Afterwards the
 * record is as it was: JSON does not tell the two types of its key apart. */
static const struct step {
    const char *name, *type;
    struct {
        const char *name, *value;
        enum setting_list list;
    } settings[3];
} steps[] = {
    {"cast",
     KAFKA "Cast$Key",
     {{"spec", NULL, LIST_CASTS}, {"replace.null.with.default", "false", LIST_NONE}}},
    {"header",
     KAFKA "HeaderFrom$Key",
     {{"fields", NULL, LIST_NAMES},
      {"headers", NULL, LIST_LIFTED},
      {"operation", "copy", LIST_NONE}}},
    {"lift",
     "io.debezium.transforms.HeaderToValue",
     {{"headers", NULL, LIST_LIFTED},
      {"fields", NULL, LIST_LIFTED},
      {"operation", "move", LIST_NONE}}},
    {"drop", /* behind the routing */
     KAFKA "ReplaceField$Value",
     {{"exclude", NULL, LIST_LIFTED}, {"replace.null.with.default", "false", LIST_NONE}}},
};
#define STEPS        (sizeof steps / sizeof *steps)
#define STEPS_BEFORE (STEPS - 1)

/* Appends steps first .. last - 1 of a table to the list of transforms, under its predicate. */
static void set_steps(json_t *settings, const struct plan *plan, size_t t, size_t first,
                      size_t last, struct buf *transforms) {
    char name[48], predicate[32];
    (void)snprintf(predicate, sizeof predicate, "route%zu", t + 1);
    for (const struct step *step = &steps[first]; step < &steps[last]; step++) {
        (void)snprintf(name, sizeof name, "%s%zu", step->name, t + 1);
        buf_printf(transforms, "%s%s", transforms->len > 0 ? "," : "", name);
        set_member(settings, name, "type", str_from(step->type));
        for (size_t i = 0; i < 3 && step->settings[i].name; i++) {
            struct buf text = {0};
            if (step->settings[i].list == LIST_NONE) {
                buf_str(&text, str_from(step->settings[i].value));
            } else {
                append_list(&text, &plan->relations[t], step->settings[i].list);
            }
            set_member(settings, name, step->settings[i].name, buf_view(&text));
            buf_clear(&text);
        }
        set_member(settings, name, "predicate", str_from(predicate));
    }
}

/* ---- the way of each table's records ---- */

/* Every record of a core table goes to the partition of its join key. Other columns in another
 * table: a transform of its own, for that table's topic. A topic of one partition has none: Kafka
 * puts its records there. */
static void set_routes(json_t *settings, const struct plan *plan) {
    size_t count = plan_parted_count(plan);
    if (count == 0) {
        return;
    }
    if (same_join_names(plan) && !any_widened(plan)) {
        set(settings, "transforms", STR("route"));
        set_route(settings, plan, 0, "route");
        if (count < plan->relation_count) {
            set_predicate(settings, plan, "route", 0, count);
            set(settings, "predicates", STR("route"));
        }
        return;
    }
    struct buf transforms = {0}, predicates = {0};
    for (size_t t = 0; t < count; t++) {
        bool widened = is_widened(&plan->relations[t]);
        char group[32];
        (void)snprintf(group, sizeof group, "route%zu", t + 1);
        set_steps(settings, plan, t, 0, widened ? STEPS_BEFORE : 0, &transforms);
        buf_printf(&transforms, "%s%s", transforms.len > 0 ? "," : "", group);
        buf_printf(&predicates, "%s%s", t > 0 ? "," : "", group);
        set_route(settings, plan, t, group);
        set_predicate(settings, plan, group, t, t + 1);
        set_steps(settings, plan, t, widened ? STEPS_BEFORE : STEPS, STEPS, &transforms);
    }
    set(settings, "transforms", buf_view(&transforms));
    set(settings, "predicates", buf_view(&predicates));
    buf_clear(&transforms);
    buf_clear(&predicates);
}

/* ---- all together ---- */

static bool is_slot_name(const char *name) {
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return len > 0 && len <= IDENTIFIER_MAX && name[len] == '\0';
}

static enum err_kind override(json_t *settings, const struct view_connector_setting *setting,
                              struct err *reterr) {
    if (setting->value.len == 0) {
        (void)json_object_deln(settings, setting->key.ptr, setting->key.len);
        return ERR_NONE;
    }
    json_t *value = json_stringn(setting->value.ptr, setting->value.len);
    if (json_object_setn_new(settings, setting->key.ptr, setting->key.len, value) != 0) {
        return err_set(reterr, ERR_CONFIG, "the connector's setting " STR_FMT " is not UTF-8",
                       STR_ARG(setting->key));
    }
    return ERR_NONE;
}

/* Behind a name of the first plan, of letters that every such name may have; a number where that
 * would be another plan's, or too long. */
static void set_apart(json_t *settings, const char *key, const struct plan *plan) {
    const char *first = json_string_value(json_object_get(settings, key));
    if (!first) { /* taken out by an override */
        return;
    }
    struct buf text = {0};
    bool same = true;
    buf_printf(&text, "%s_", first);
    for (size_t i = 0; i < plan->name.len; i++) {
        char c = plan->name.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
        buf_append(&text, letter ? &c : "_", 1);
        same &= letter;
    }
    if (!same || text.len > IDENTIFIER_MAX) {
        size_t kept = IDENTIFIER_MAX - 9;
        text.len = text.len < kept ? text.len : kept;
        buf_printf(&text, "_%08" PRIx32, (uint32_t)fnv1a(FNV1A_START, plan->name));
    }
    set_text(settings, key, &text);
    buf_clear(&text);
}

/* A copy of the settings' text with a newline behind it. */
static char *text_of(json_t *settings) {
    char *json = json_dumps(settings, JSON_INDENT(2));
    size_t len = json ? strlen(json) : 0;
    char *line = memory_resize(json, len + 2, 1);
    memcpy(line + len, "\n", 2);
    return line;
}

enum err_kind view_connector_json(const struct plan *plan,
                                  const struct view_connector_options *options, char **ret_json,
                                  struct err *reterr) {
    const char *name = options->name ? options->name : SLOT_NAME;
    if (!is_slot_name(name)) {
        return err_set(reterr, ERR_CONFIG,
                       "%s: a replication slot's name has lower case letters, digits and "
                       "underscores, at most %d",
                       name, IDENTIFIER_MAX);
    }
    json_t *settings = json_object();
    struct buf text = {0};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        set(settings, fixed[i].key, str_from(fixed[i].value));
    }
    set(settings, "topic.prefix", str_from(options->topic_prefix));
    /* Debezium's own could be a user's text. */
    set(settings, "unavailable.value.placeholder", plan->unavailable);
    set(settings, "slot.name", str_from(name));
    set(settings, "publication.name", str_from(name));
    set_tables(settings, plan, &text);
    set_keys(settings, plan, &text);
    set_types(settings, plan);
    set_routes(settings, plan);
    set_sizes(settings, options->record_max_bytes, &text);
    set_partitions(settings, plan, "topic.creation.default.partitions");
    buf_clear(&text);
    enum err_kind kind = ERR_NONE;
    for (size_t i = 0; i < options->override_count && kind == ERR_NONE; i++) {
        kind = override(settings, &options->overrides[i], reterr);
    }
    if (kind == ERR_NONE && plan->number > 0) {
        set_apart(settings, "slot.name", plan);
        set_apart(settings, "publication.name", plan);
    }
    if (kind == ERR_NONE) {
        *ret_json = text_of(settings);
    }
    json_decref(settings);
    return kind;
}
