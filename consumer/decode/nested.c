#include "decode/nested.h"

#include "base/safeguard.h"
#include "decode/scalar.h"

bool nested_is(enum scalar scalar) {
    return scalar == SCALAR_ARRAY || scalar == SCALAR_POINT || scalar == SCALAR_WKB;
}

/* ---- array literals ---- */

/* An array on its way: `{1,NULL` */
struct literal {
    const struct relation_column *column;
    int64_t ts_us;
    struct buf *out;
    size_t count, nulls;
};

static void append_quoted(struct buf *out, struct str text) {
    buf_str(out, STR("\""));
    const char *at = text.ptr, *end = text.ptr + text.len;
    for (const char *c = at; c < end; c++) {
        if (*c == '"' || *c == '\\') {
            buf_append(out, at, (size_t)(c - at));
            buf_str(out, STR("\\"));
            at = c;
        }
    }
    buf_append(out, at, (size_t)(end - at));
    buf_str(out, STR("\""));
}

/* An element's text; NULL has ptr NULL. */
static enum nested add(struct literal *literal, struct str text, bool quoted) {
    const struct relation_column *column = literal->column;
    buf_str(literal->out, literal->count++ > 0 ? STR(",") : STR("{"));
    if (!text.ptr) {
        literal->nulls++;
        buf_str(literal->out, STR("NULL"));
        return NESTED_FITS;
    }
    if (form_spoilt(column->form, text) && SAFEGUARD("a spoilt element is put aside")) {
        return NESTED_SPOILT;
    }
    if (!form_fits(column->form, text, literal->ts_us)) {
        return NESTED_MISFIT;
    }
    if (quoted) {
        append_quoted(literal->out, text);
    } else {
        buf_str(literal->out, text);
    }
    return NESTED_FITS;
}

static enum nested finish(struct literal *literal) {
    buf_str(literal->out, literal->count > 0 ? STR("}") : STR("{}"));
    bool spoilt = literal->count > 0 && literal->nulls == literal->count;
    return spoilt && SAFEGUARD("an array of NULLs is put aside") ? NESTED_SPOILT : NESTED_FITS;
}

/* ---- by jansson ---- */

static enum nested array_read(const json_t *json, struct literal *literal) {
    for (size_t i = 0; i < json_array_size(json); i++) {
        const json_t *element = json_array_get(json, i);
        char number[SCALAR_NUMBER_MAX];
        if (!json_is_null(element) && !scalar_json_fits(literal->column->element, element)) {
            return NESTED_MISFIT;
        }
        enum nested found =
            add(literal, scalar_json_text(element, number), json_is_string(element));
        if (found != NESTED_FITS) {
            return found;
        }
    }
    return finish(literal);
}

static bool append_number(const json_t *json, struct buf *out) {
    char number[SCALAR_NUMBER_MAX];
    struct str text = json ? scalar_json_text(json, number) : STR_NONE;
    buf_str(out, text);
    return text.ptr && scalar_json_fits(SCALAR_NUMBER, json) && form_fits(FORM_REAL, text, 0);
}

static enum nested point_read(const json_t *json, struct buf *out) {
    buf_str(out, STR("("));
    bool x = append_number(json_object_get(json, "x"), out);
    buf_str(out, STR(","));
    bool y = append_number(json_object_get(json, "y"), out);
    buf_str(out, STR(")"));
    return x && y ? NESTED_FITS : NESTED_MISFIT;
}

static enum nested wkb_read(const json_t *json, struct buf *out) {
    const json_t *wkb = json_object_get(json, "wkb");
    if (!json_is_string(wkb)) {
        return NESTED_MISFIT;
    }
    struct str text = {json_string_value(wkb), json_string_length(wkb)};
    buf_str(out, text);
    return form_fits(FORM_BASE64, text, 0) ? NESTED_FITS : NESTED_MISFIT;
}

enum nested nested_read(const json_t *json, const struct relation_column *column, int64_t ts_us,
                        struct buf *out) {
    struct literal literal = {column, ts_us, out, 0, 0};
    if (column->scalar == SCALAR_ARRAY && json_is_array(json)) {
        return array_read(json, &literal);
    }
    if (column->scalar == SCALAR_POINT && json_is_object(json)) {
        return point_read(json, out);
    }
    return column->scalar == SCALAR_WKB && json_is_object(json) ? wkb_read(json, out)
                                                                : NESTED_MISFIT;
}

/* ---- by the scanner ---- */

bool nested_scan(const struct scan_value *value, const struct relation_column *column,
                 int64_t ts_us, struct buf *out) {
    struct literal literal = {column, ts_us, out, 0, 0};
    struct scan scan;
    struct relation_column element = {.scalar = column->element};
    struct buf scratch = {0};
    enum scan_step step = SCAN_LOST;
    if (column->scalar != SCALAR_ARRAY || value->kind != SCAN_ARRAY) {
        return false;
    }
    scan = scan_start(value->text);
    if (scan_enter_array(&scan)) {
        while ((step = scan_element(&scan, literal.count)) == SCAN_MEMBER) {
            struct scan_value found;
            struct str text;
            buf_reset(&scratch);
            if (!scan_value(&scan, &found) || !scalar_text(&found, &element, &scratch, &text) ||
                add(&literal, text, found.kind == SCAN_STRING) != NESTED_FITS) {
                break;
            }
        }
    }
    bool whole = step == SCAN_END && finish(&literal) == NESTED_FITS;
    buf_clear(&scratch);
    return whole;
}
