#include "decode/envelope.h"

#include "decode/scan.h"

#include <assert.h>
#include <stdlib.h>

/* What a walk over one object is looking for. */
struct wanted {
    const char *name;
    struct scan_value value; /* text.ptr NULL: not there */
};

/* The members of an object, in the order of the enums below. */
enum { TOP_BEFORE, TOP_AFTER, TOP_OP, TOP_SOURCE, TOP_SCHEMA, TOP_PAYLOAD, TOP_COUNT };
static const char *const top_names[] = {"before", "after", "op", "source", "schema", "payload"};
static const char *const source_names[] = {"ts_us", "ts_ms", "snapshot"};
enum { SOURCE_COUNT = 3 }; /* as enum envelope_scalar, from ENVELOPE_TS_US on */

/* ---- by the scanner: false means lost ---- */

/* Notes the members of wanted; one that comes twice is left to jansson. */
static bool walk(struct scan *scan, struct wanted *wanted, size_t count, size_t *ret_members) {
    if (!scan_enter(scan)) {
        return false;
    }
    for (size_t members = 0;; members++) {
        struct str name;
        struct scan_value value;
        enum scan_step step = scan_member(scan, members, &name);
        if (step == SCAN_END) {
            *ret_members = members;
            return true;
        }
        if (step == SCAN_LOST || !scan_value(scan, &value)) {
            return false;
        }
        for (size_t i = 0; i < count; i++) {
            if (str_is(name, wanted[i].name)) {
                if (wanted[i].value.text.ptr) {
                    return false;
                }
                wanted[i].value = value;
                break;
            }
        }
    }
}

static bool walk_text(struct str text, const char *const *names, struct wanted *wanted,
                      size_t count, size_t *ret_members) {
    struct scan scan = scan_start(text);
    for (size_t i = 0; i < count; i++) {
        wanted[i] = (struct wanted){.name = names[i]};
    }
    return walk(&scan, wanted, count, ret_members) && scan_done(&scan);
}

/* The scanner has seen that it fits. */
static int64_t scanned_integer(const struct scan_value *value) {
    struct str text = value->text;
    bool negative = *text.ptr == '-';
    int64_t number = 0;
    for (size_t i = negative; i < text.len; i++) {
        number = number * 10 + (text.ptr[i] - '0');
    }
    return negative ? -number : number;
}

static int64_t us_of_ms(int64_t ms) {
    int64_t us;
    return __builtin_mul_overflow(ms, 1000, &us) ? 0 : us;
}

/* Debezium has first, first_in_data_collection, true, last_in_data_collection, last: the first ones
 * may be the last one, too, and then say last. */
static enum snapshot_mark snapshot_of(struct str word) {
    if (str_is(word, "false")) {
        return SNAPSHOT_NONE;
    }
    if (str_is(word, "incremental")) {
        return SNAPSHOT_INCREMENTAL;
    }
    return str_is(word, "last") ? SNAPSHOT_LAST : SNAPSHOT_PART;
}

static bool present(const struct scan_value *value, enum scan_kind kind) {
    return value->text.ptr && value->kind == kind;
}

bool envelope_set(struct envelope *envelope, const struct scan_value scalars[ENVELOPE_SCALARS]) {
    const struct scan_value *op = &scalars[ENVELOPE_OP];
    const struct scan_value *snapshot = &scalars[ENVELOPE_SNAPSHOT];
    bool op_is_string = present(op, SCAN_STRING),
         snapshot_is_string = present(snapshot, SCAN_STRING);
    if ((op_is_string && op->escaped) || (snapshot_is_string && snapshot->escaped)) {
        return false;
    }
    envelope->op = (char)(op_is_string && scan_string(op).len == 1 ? *scan_string(op).ptr : '\0');
    envelope->ts_us = 0;
    if (present(&scalars[ENVELOPE_TS_US], SCAN_INTEGER)) {
        envelope->ts_us = scanned_integer(&scalars[ENVELOPE_TS_US]);
    } else if (present(&scalars[ENVELOPE_TS_MS], SCAN_INTEGER)) {
        envelope->ts_us = us_of_ms(scanned_integer(&scalars[ENVELOPE_TS_MS]));
    }
    envelope->snapshot = present(snapshot, SCAN_TRUE) ? SNAPSHOT_PART : SNAPSHOT_NONE;
    if (snapshot_is_string) {
        envelope->snapshot = snapshot_of(scan_string(snapshot));
    }
    return true;
}

static bool scan_source(struct str text, struct scan_value scalars[ENVELOPE_SCALARS]) {
    struct wanted source[SOURCE_COUNT];
    size_t members;
    if (!walk_text(text, source_names, source, SOURCE_COUNT, &members)) {
        return false;
    }
    for (size_t i = 0; i < SOURCE_COUNT; i++) {
        scalars[ENVELOPE_TS_US + i] = source[i].value;
    }
    return true;
}

static struct str scanned_image(const struct wanted *member) {
    return present(&member->value, SCAN_NULL) ? STR_NONE : member->value.text;
}

static bool envelope_scan(struct str text, struct envelope *envelope) {
    struct wanted top[TOP_COUNT];
    size_t members;
    if (!walk_text(text, top_names, top, TOP_COUNT, &members)) {
        return false;
    }
    if (members == 2 && top[TOP_SCHEMA].value.text.ptr && top[TOP_PAYLOAD].value.text.ptr) {
        if (present(&top[TOP_PAYLOAD].value, SCAN_NULL)) {
            envelope->tombstone = true;
            return true;
        }
        if (!walk_text(top[TOP_PAYLOAD].value.text, top_names, top, TOP_COUNT, &members)) {
            return false;
        }
    }
    envelope->before = scanned_image(&top[TOP_BEFORE]);
    envelope->after = scanned_image(&top[TOP_AFTER]);
    struct scan_value scalars[ENVELOPE_SCALARS] = {[ENVELOPE_OP] = top[TOP_OP].value};
    if (present(&top[TOP_SOURCE].value, SCAN_OBJECT) &&
        !scan_source(top[TOP_SOURCE].value.text, scalars)) {
        return false;
    }
    return envelope_set(envelope, scalars);
}

/* ---- by jansson ---- */

/* jansson's own text may quote the input. */
static const char *json_trouble(const json_error_t *error) {
    if (error->text[0] == '\0') {
        abort(); /* only without memory has it nothing to say: as arena.h, not the record's fault */
    }
    switch (json_error_code(error)) {
    case json_error_stack_overflow:
        return "nested too deeply";
    case json_error_invalid_utf8:
        return "invalid UTF-8";
    case json_error_premature_end_of_input:
        return "it ends too early";
    case json_error_end_of_input_expected:
        return "something follows its end";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "a NUL (\\u0000) in a string, which PostgreSQL can't hold";
    case json_error_duplicate_key:
        return "a member comes twice in an object";
    case json_error_numeric_overflow:
        return "a number is too large (integers: 64 bits)";
    case json_error_invalid_syntax:
    case json_error_unknown:
    case json_error_out_of_memory:
    case json_error_cannot_open_file:
    case json_error_invalid_argument:
    case json_error_invalid_format:
    case json_error_wrong_type:
    case json_error_null_value:
    case json_error_item_not_found:
    case json_error_index_out_of_range:
        break;
    }
    return "a syntax error";
}

enum err_kind json_read(struct str text, const char *what, json_t **ret_json, struct err *reterr) {
    json_error_t error;
    json_t *json = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!json) {
        return err_set(reterr, ERR_RECORD, "%s is not JSON that can be used: %s at byte %d of %zu",
                       what, json_trouble(&error), error.position, text.len);
    }
    *ret_json = json;
    return ERR_NONE;
}

json_t *json_unwrap(json_t *json) {
    json_t *payload = json_object_get(json, "payload");
    bool wrapped = json_object_size(json) == 2 && json_object_get(json, "schema") &&
                   (json_is_object(payload) || json_is_null(payload));
    return wrapped ? payload : json;
}

/* A member as text again; jansson gives back what it read. */
static struct str dumped_image(const json_t *envelope, const char *name, struct arena *arena) {
    const json_t *image = json_object_get(envelope, name);
    if (!image || json_is_null(image)) {
        return STR_NONE;
    }
    size_t flags = JSON_COMPACT | JSON_ENCODE_ANY;
    size_t len = json_dumpb(image, NULL, 0, flags);
    assert(len > 0);
    char *text = arena_alloc(arena, len);
    return (struct str){text, json_dumpb(image, text, len, flags)};
}

static void load_source(const json_t *source, struct envelope *envelope) {
    const json_t *ts_us = json_object_get(source, "ts_us");
    const json_t *ts_ms = json_object_get(source, "ts_ms");
    const json_t *snapshot = json_object_get(source, "snapshot");
    if (json_is_integer(ts_us)) {
        envelope->ts_us = json_integer_value(ts_us);
    } else if (json_is_integer(ts_ms)) {
        envelope->ts_us = us_of_ms(json_integer_value(ts_ms));
    }
    envelope->snapshot = json_is_true(snapshot) ? SNAPSHOT_PART : SNAPSHOT_NONE;
    if (json_is_string(snapshot)) {
        envelope->snapshot = snapshot_of(str_from(json_string_value(snapshot)));
    }
}

enum err_kind envelope_load(struct str text, struct arena *arena, struct envelope *ret_envelope,
                            struct err *reterr) {
    json_auto_t *document = NULL;
    enum err_kind kind = json_read(text, "the value", &document, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    const json_t *json = json_unwrap(document);
    if (json_is_null(json)) {
        *ret_envelope = (struct envelope){.tombstone = true};
        return ERR_NONE;
    }
    if (!json_is_object(json)) {
        return err_set(reterr, ERR_RECORD, "the value is not a Debezium envelope: not an object");
    }
    const json_t *op = json_object_get(json, "op");
    struct envelope envelope = {
        .op = (char)(json_string_length(op) == 1 ? *json_string_value(op) : '\0'),
        .before = dumped_image(json, "before", arena),
        .after = dumped_image(json, "after", arena),
    };
    load_source(json_object_get(json, "source"), &envelope);
    *ret_envelope = envelope;
    return ERR_NONE;
}

enum err_kind envelope_read(struct str text, struct arena *arena, struct envelope *ret_envelope,
                            struct err *reterr) {
    struct envelope envelope = {0};
    if (!envelope_scan(text, &envelope)) {
        return envelope_load(text, arena, ret_envelope, reterr);
    }
    *ret_envelope = envelope;
    return ERR_NONE;
}
