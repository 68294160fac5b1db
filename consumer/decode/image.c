#include "decode/image.h"

#include "decode/blank.h"
#include "decode/envelope.h"
#include "decode/nested.h"

void image_init(struct image *image, size_t columns, struct arena *memory) {
    *image = (struct image){0};
    image->values = arena_alloc(memory, columns * sizeof *image->values);
    image->numbers = arena_alloc(memory, columns * sizeof *image->numbers);
}

void image_drop(struct image *image) {
    json_decref(image->json);
    image->json = NULL;
    arena_reset(&image->texts);
}

void image_clear(struct image *image) {
    image_drop(image);
    arena_clear(&image->texts);
}

const char *image_part_name(enum image_part part) {
    switch (part) {
    case IMAGE_AFTER:
        return "`after`";
    case IMAGE_BEFORE:
        return "`before`";
    case IMAGE_KEY:
        return "the key";
    }
    return "";
}

static enum err_kind missing(enum image_part part, const struct relation *table,
                             const struct relation_column *column, struct err *reterr) {
    if (part == IMAGE_KEY) {
        return err_set(reterr, ERR_HALT,
                       "the record's key has no column " STR_FMT ": the connector's "
                       "message.key.columns must list the join key and the primary key of " STR_FMT
                       "." STR_FMT "; set it, then start with new topics",
                       STR_ARG(column->name), STR_ARG(table->schema), STR_ARG(table->name));
    }
    return err_set(reterr, ERR_HALT,
                   "column " STR_FMT " is missing from %s in topic " STR_FMT
                   ": was it dropped or renamed in table " STR_FMT "." STR_FMT
                   ", or left out by the connector (column.exclude.list, a type that it can't "
                   "send)? Bring it back, or change the view's SQL files and start over",
                   STR_ARG(column->name), image_part_name(part), STR_ARG(table->topic),
                   STR_ARG(table->schema), STR_ARG(table->name));
}

static enum err_kind unavailable(const struct relation *table, const struct relation_column *column,
                                 struct err *reterr) {
    return err_set(reterr, ERR_HALT,
                   "column " STR_FMT ": the record does not hold its value (TOAST), since the "
                   "REPLICA IDENTITY of " STR_FMT "." STR_FMT " is not FULL: ALTER TABLE " STR_FMT
                   "." STR_FMT " REPLICA IDENTITY FULL, then reload with new topics",
                   STR_ARG(column->name), STR_ARG(table->schema), STR_ARG(table->name),
                   STR_ARG(table->schema), STR_ARG(table->name));
}

static const char *wanted_name(enum scalar scalar) {
    switch (scalar) {
    case SCALAR_INTEGER:
        return "an integer";
    case SCALAR_NUMBER:
        return "a number or a string";
    case SCALAR_BOOLEAN:
        return "true or false";
    case SCALAR_STRING:
        return "a string";
    case SCALAR_ARRAY:
        return "an array of its elements' kind";
    case SCALAR_POINT:
        return "an object with the numbers x and y";
    case SCALAR_WKB:
        return "an object with wkb in base64";
    }
    return "";
}

static const char *found_name(const json_t *json) {
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
        return "an integer";
    case JSON_REAL:
        return "a real number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    case JSON_NULL:
        return "null";
    }
    return "";
}

/* Whether the record is wrong or all of them are can't be known here: a value that is put aside is
 * missing, one that is taken is wrong. */
static enum err_kind misfit(enum image_part part, const struct relation_column *column,
                            const char *found, const char *wanted, struct err *reterr) {
    if (part == IMAGE_KEY) {
        return err_set(reterr, ERR_RECORD, "column " STR_FMT " in the key: %s instead of %s",
                       STR_ARG(column->name), found, wanted);
    }
    return err_set(reterr, ERR_HALT,
                   "column " STR_FMT " in %s: %s instead of %s, which a " STR_FMT
                   " comes as. Either it has another type in the source than in schemas.oltp, or "
                   "the connector is not set as `plan --connector` says (decimal.handling.mode, "
                   "time.precision.mode, interval.handling.mode, value.converter). Correct that, "
                   "then start over with new "
                   "topics",
                   STR_ARG(column->name), image_part_name(part), found, wanted,
                   STR_ARG(column->type));
}

static enum err_kind spoilt(enum image_part part, const struct relation_column *column,
                            struct err *reterr) {
    return err_set(reterr, ERR_RECORD,
                   "column " STR_FMT
                   " in %s: Debezium spoils an array that holds arrays, or nothing "
                   "but NULLs, or times before 25 October 1582: what was in it can't be told",
                   STR_ARG(column->name), image_part_name(part));
}

/* Column number i, an array or object: its text lives until the image is dropped. */
static enum err_kind read_nested(struct image *image, enum image_part part, const json_t *json,
                                 const struct relation_column *column, size_t i,
                                 struct err *reterr) {
    struct buf text = {0};
    enum nested found = nested_read(json, column, image->ts_us, &text);
    image->values[i] = arena_copy(&image->texts, buf_view(&text));
    buf_clear(&text);
    switch (found) {
    case NESTED_FITS:
        return ERR_NONE;
    case NESTED_SPOILT:
        return spoilt(part, column, reterr);
    case NESTED_MISFIT:
        break;
    }
    bool kind_fits = column->scalar == SCALAR_ARRAY && json_is_array(json);
    return misfit(part, column, kind_fits ? "another element" : found_name(json),
                  kind_fits ? form_name(column->form) : wanted_name(column->scalar), reterr);
}

static enum err_kind read_scalar(struct image *image, enum image_part part, const json_t *json,
                                 const struct relation_column *column, size_t i,
                                 struct err *reterr) {
    if (!json_is_null(json) && !scalar_json_fits(column->scalar, json)) {
        return misfit(part, column, found_name(json), wanted_name(column->scalar), reterr);
    }
    struct str text = scalar_json_text(json, image->numbers[i]);
    image->values[i] = text;
    bool formless = part == IMAGE_KEY || !text.ptr || scalar_is_unavailable(column, text);
    return formless || form_fits(column->form, text, image->ts_us)
               ? ERR_NONE
               : misfit(part, column, "something else", form_name(column->form), reterr);
}

enum err_kind image_read(struct image *image, enum image_part part, struct str text,
                         const struct relation *table, size_t count, struct err *reterr) {
    image_drop(image);
    enum err_kind kind = json_read(text, image_part_name(part), &image->json, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    const json_t *row = part == IMAGE_KEY ? json_unwrap(image->json) : image->json;
    if (!json_is_object(row)) {
        return err_set(reterr, ERR_RECORD, "%s is not an object", image_part_name(part));
    }
    for (size_t i = 0; i < count; i++) {
        const struct relation_column *column = &table->columns[i];
        const json_t *json = json_object_getn(row, column->name.ptr, column->name.len);
        if (!json) {
            return missing(part, table, column, reterr);
        }
        kind = nested_is(column->scalar) && !json_is_null(json)
                   ? read_nested(image, part, json, column, i, reterr)
                   : read_scalar(image, part, json, column, i, reterr);
        if (kind == ERR_NONE && scalar_is_unavailable(column, image->values[i])) {
            kind = unavailable(table, column, reterr);
        }
        if (kind != ERR_NONE) {
            return kind;
        }
    }
    return ERR_NONE;
}

bool image_is_blank(const struct image *image, const struct relation *table) {
    char number[SCALAR_NUMBER_MAX];
    for (size_t i = 0; i < table->column_count; i++) {
        const struct relation_column *column = &table->columns[i];
        const json_t *json = json_object_getn(image->json, column->name.ptr, column->name.len);
        bool is_empty =
            column->scalar == SCALAR_ARRAY && json_is_array(json) && json_array_size(json) == 0;
        bool is_nested = (json_is_object(json) || json_is_array(json)) && !is_empty;
        struct str text =
            json && !is_empty && !is_nested ? scalar_json_text(json, number) : STR_NONE;
        if (column->tells && (is_nested || !blank_value(column, text))) {
            return false;
        }
    }
    return true;
}
