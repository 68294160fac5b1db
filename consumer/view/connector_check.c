#include "view/connector_check.h"

#include <jansson.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Debezium 3's, Kafka Connect's and JsonConverter's own: what an absent setting means. */
static const struct {
    const char *key, *value;
} defaults[] = {
    {"plugin.name", "decoderbufs"},
    {"slot.name", "debezium"},
    {"slot.drop.on.stop", "false"},
    {"publication.name", "dbz_publication"},
    {"publication.autocreate.mode", "all_tables"},
    {"snapshot.mode", "initial"},
    {"tombstones.on.delete", "true"},
    {"provide.transaction.metadata", "false"},
    {"decimal.handling.mode", "precise"},
    {"interval.handling.mode", "numeric"},
    {"time.precision.mode", "adaptive"},
    {"hstore.handling.mode", "json"},
    {"binary.handling.mode", "bytes"},
    {"include.unknown.datatypes", "false"},
    {"schema.name.adjustment.mode", "none"},
    {"field.name.adjustment.mode", "none"},
    {"skipped.operations", "t"},
    {"skip.messages.without.change", "false"},
    {"topic.delimiter", "."},
    {"topic.naming.strategy", "io.debezium.schema.SchemaTopicNamingStrategy"},
    {"unavailable.value.placeholder", "__debezium_unavailable_value"},
    {"event.processing.failure.handling.mode", "fail"},
    {"event.converting.failure.handling.mode", "warn"},
    {"errors.tolerance", "none"},
    {"key.converter.schemas.enable", "true"},
    {"value.converter.schemas.enable", "true"},
    {"key.converter.replace.null.with.default", "true"},
    {"value.converter.replace.null.with.default", "true"},
};

/* They change how fast, how often and how loud, and who logs in where: no record. A name with a dot
 * at its end stands for all that begin with it. The unavailable value is never sent of a table
 * whose REPLICA IDENTITY is FULL. */
static const char *const harmless[] = {
    "name",
    "tasks.max",
    "config.action.reload",
    "poll.interval.ms",
    "max.batch.size",
    "max.queue.size",
    "max.queue.size.in.bytes",
    "heartbeat.",
    "topic.creation.",
    "producer.override.",
    "database.hostname",
    "database.port",
    "database.user",
    "database.password",
    "database.sslmode",
    "database.sslcert",
    "database.sslkey",
    "database.sslpassword",
    "database.sslrootcert",
    "database.sslfactory",
    "database.tcpKeepAlive",
    "database.initial.statements",
    "driver.",
    "snapshot.fetch.size",
    "snapshot.max.threads",
    "snapshot.delay.ms",
    "snapshot.lock.timeout.ms",
    "status.update.interval.ms",
    "slot.max.retries",
    "slot.retry.delay.ms",
    "retriable.restart.connector.wait.ms",
    "connection.validation.timeout.ms",
    "errors.max.retries",
    "errors.retry.",
    "errors.log.",
    "signal.",
    "notification.",
    "incremental.snapshot.",
    "streaming.delay.ms",
    "xmin.fetch.interval.ms",
    "custom.metric.tags",
    "unavailable.value.placeholder",
};

/* Values of a setting that may take each other's place while the connector runs. */
static const struct {
    const char *key;
    const char *values[4];
} interchangeable[] = {
    {"snapshot.mode", {"initial", "when_needed", "always", NULL}},
};

static bool is_harmless(const char *key) {
    for (size_t i = 0; i < COUNT(harmless); i++) {
        size_t len = strlen(harmless[i]);
        bool prefix = harmless[i][len - 1] == '.';
        if (prefix ? strncmp(key, harmless[i], len) == 0 : strcmp(key, harmless[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_secret(const char *key) {
    static const char *const words[] = {"password", "secret", "jaas", "token", "credential"};
    for (size_t i = 0; i < COUNT(words); i++) {
        if (strcasestr(key, words[i])) {
            return true;
        }
    }
    return false;
}

static const char *default_of(const char *key) {
    for (size_t i = 0; i < COUNT(defaults); i++) {
        if (strcmp(defaults[i].key, key) == 0) {
            return defaults[i].value;
        }
    }
    return NULL;
}

/* ---- lists of tables or topics: in any order, and a dot may be written as itself or as \. ---- */

static char separator_of(const char *key) {
    if (strcmp(key, "table.include.list") == 0) {
        return ',';
    }
    size_t len = strlen(key);
    if (strncmp(key, "predicates.", 11) == 0 && strcmp(key + len - 8, ".pattern") == 0) {
        return '|';
    }
    return strcmp(key, "message.key.columns") == 0 ? ';' : '\0';
}

static int compare_items(const void *a, const void *b) {
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

/* Appends the items of a list, sorted. False: more than there is room for. */
static bool append_sorted(struct buf *out, const char *list, char separator) {
    struct buf plain = {0};
    for (const char *c = list; *c; c++) {
        bool skipped = *c == ' ' || (c[0] == '\\' && c[1] == '.');
        buf_append(&plain, c, skipped ? 0 : 1);
    }
    buf_append(&plain, "", 1);
    struct str items[128] = {{0}};
    size_t count = 0;
    char *item = plain.ptr;
    while (item && count < COUNT(items)) {
        char *end = strchr(item, separator);
        items[count++] = (struct str){item, end ? (size_t)(end - item) : strlen(item)};
        item = end ? end + 1 : NULL;
    }
    qsort(items, count, sizeof *items, compare_items);
    for (size_t i = 0; i < count; i++) {
        buf_str(out, items[i]);
        buf_append(out, &separator, 1);
    }
    buf_clear(&plain);
    return !item;
}

static bool same_list(const char *a, const char *b, char separator) {
    struct buf left = {0}, right = {0};
    bool all = append_sorted(&left, a, separator) && append_sorted(&right, b, separator);
    bool equal = all && str_equal(buf_view(&left), buf_view(&right));
    buf_clear(&left);
    buf_clear(&right);
    return equal;
}

/* ---- one setting ---- */

static bool same(const char *key, const char *a, const char *b) {
    if (!a || !b) {
        return a == b;
    }
    char separator = separator_of(key);
    return strcmp(a, b) == 0 || (separator && same_list(a, b, separator));
}

static bool is_one_of(const char *value, const char *const *values) {
    for (; value && *values; values++) {
        if (strcmp(value, *values) == 0) {
            return true;
        }
    }
    return false;
}

static bool may_change(const char *key, const char *from, const char *to) {
    for (size_t i = 0; i < COUNT(interchangeable); i++) {
        if (strcmp(key, interchangeable[i].key) == 0 &&
            is_one_of(from, interchangeable[i].values) &&
            is_one_of(to, interchangeable[i].values)) {
            return true;
        }
    }
    /* plan sets it for types that need it, and then it is in their way to be read. */
    bool needed = to && strcmp(key, "driver.options") == 0;
    return !needed && is_harmless(key);
}

static void append_value(struct buf *out, const char *key, const char *value) {
    if (!value) {
        buf_str(out, STR("nothing"));
    } else if (is_secret(key)) {
        buf_str(out, STR("***"));
    } else {
        buf_printf(out, "'%s'", value);
    }
}

/* What a member of the configuration says; numbers and booleans as Connect writes them. */
static const char *text_of(json_t *settings, const char *key, char scratch[32]) {
    json_t *value = json_object_get(settings, key);
    if (json_is_integer(value)) {
        (void)snprintf(scratch, 32, "%lld", (long long)json_integer_value(value));
        return scratch;
    }
    if (json_is_boolean(value)) {
        return json_is_true(value) ? "true" : "false";
    }
    const char *text = json_string_value(value);
    return text ? text : default_of(key);
}

static void compare_setting(const char *key, json_t *planned, json_t *real,
                            struct connector_report *report) {
    char a[32], b[32];
    const char *want = text_of(planned, key, a), *has = text_of(real, key, b);
    if (same(key, want, has)) {
        return;
    }
    bool safe = may_change(key, has, want);
    report->harmless += safe;
    report->different += !safe;
    buf_printf(&report->text, "%s: %s: the connector has ", safe ? "harmless" : "different", key);
    append_value(&report->text, key, has);
    buf_str(&report->text, STR(", plan says "));
    append_value(&report->text, key, want);
    buf_str(&report->text, STR("\n"));
}

/* ---- all of them ---- */

static enum err_kind settings_read(struct str text, json_t **ret_json, struct err *reterr) {
    json_error_t error;
    json_t *json = json_loadb(text.ptr ? text.ptr : "", text.len, JSON_REJECT_DUPLICATES, &error);
    json_t *config = json_object_get(json, "config");
    if (json_is_object(config)) { /* GET /connectors/NAME */
        json_incref(config);
        json_decref(json);
        json = config;
    }
    if (!json_object_get(json, "connector.class")) {
        enum err_kind kind =
            err_set(reterr, ERR_CONFIG,
                    "the text is not a connector's configuration (%s): it must be the answer to "
                    "GET /connectors/NAME/config of Kafka Connect",
                    json ? "it has no connector.class" : error.text);
        json_decref(json);
        return kind;
    }
    *ret_json = json;
    return ERR_NONE;
}

enum err_kind connector_compare(const char *planned, struct str real,
                                struct connector_report *report, struct err *reterr) {
    json_t *want = NULL, *has = NULL, *value;
    enum err_kind kind = settings_read(str_from(planned), &want, reterr);
    if (kind == ERR_NONE) {
        kind = settings_read(real, &has, reterr);
    }
    if (kind == ERR_NONE) {
        const char *key;
        json_object_foreach(want, key, value) {
            compare_setting(key, want, has, report);
        }
        json_object_foreach(has, key, value) {
            if (!json_object_get(want, key)) {
                compare_setting(key, want, has, report);
            }
        }
    }
    json_decref(want);
    json_decref(has);
    return kind;
}

void connector_value(const char *planned, const char *key, struct buf *out) {
    json_t *settings = json_loads(planned, 0, NULL);
    char scratch[32];
    const char *value = text_of(settings, key, scratch);
    buf_str(out, str_from(value ? value : ""));
    json_decref(settings);
}
