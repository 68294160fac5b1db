#include "view/definition.h"

#include "base/buf.h"
#include "view/identifier.h"

#include <stdio.h>

/* ---- the text ---- */

static void append_column(struct buf *out, const struct view_table *table, size_t column) {
    identifier_append(out, table->schema);
    buf_str(out, STR("."));
    identifier_append(out, table->name);
    buf_str(out, STR("."));
    identifier_append(out, table->columns[column].name);
}

static void append_table(struct buf *out, const struct view_table *table) {
    buf_str(out, STR("source table "));
    identifier_append(out, table->schema);
    buf_str(out, STR("."));
    identifier_append(out, table->name);
    buf_printf(out, ": topic " STR_FMT ", columns in use", STR_ARG(table->topic));
    for (size_t i = 0; i < table->column_count; i++) {
        buf_str(out, i == 0 ? STR(" ") : STR(", "));
        identifier_append(out, table->columns[i].name);
    }
    buf_printf(out, " (key %zu, primary key %zu)\n", table->key_count, table->primary_key_count);
    for (size_t i = 0; i < table->column_count; i++) {
        buf_str(out, STR("source column "));
        append_column(out, table, i);
        buf_printf(out, ": " STR_FMT "\n", STR_ARG(table->columns[i].type));
    }
}

static void append_outputs(struct buf *out, const struct view *view) {
    buf_str(out, STR("column list of the view:"));
    for (size_t i = 0; i < view->output_count; i++) {
        buf_str(out, i == 0 ? STR(" ") : STR(", "));
        identifier_append(out, view->outputs[i].name);
    }
    for (size_t i = 0; i < view->output_count; i++) {
        buf_str(out, STR("\ncolumn "));
        identifier_append(out, view->outputs[i].name);
        buf_str(out, STR(" of the view: "));
        append_column(out, &view->tables[view->outputs[i].table], (size_t)view->outputs[i].column);
    }
    buf_str(out, STR("\nprimary key of the view: ("));
    for (size_t i = 0; i < view->key_output_count; i++) {
        buf_str(out, i == 0 ? STR("") : STR(", "));
        identifier_append(out, view->outputs[view->key_outputs[i]].name);
    }
    buf_str(out, STR(")\n"));
}

struct str definition_text(struct arena *arena, const struct view *view) {
    struct buf out = {0};
    for (size_t t = 0; t < view->table_count; t++) {
        append_table(&out, &view->tables[t]);
    }
    for (size_t i = 0; i < view->join_count; i++) {
        buf_printf(&out, "join condition %zu: ", i + 1);
        for (size_t t = 0; t < view->table_count; t++) {
            buf_str(&out, t == 0 ? STR("") : STR(" = "));
            append_column(&out, &view->tables[t], i);
        }
        buf_str(&out, STR("\n"));
    }
    append_outputs(&out, view);
    buf_printf(&out, "partitions: %d\n", (int)view->partition_count);
    struct str text = arena_copy(arena, buf_view(&out));
    buf_clear(&out);
    return text;
}

/* ---- the difference ---- */

struct line {
    struct str subject, value, whole;
};

static bool next_line(struct str text, size_t *at, struct line *ret) {
    if (*at >= text.len) {
        return false;
    }
    const char *start = text.ptr + *at;
    const char *end = memchr(start, '\n', text.len - *at);
    size_t len = end ? (size_t)(end - start) : text.len - *at;
    *at += len + 1;
    const char *colon = memmem(start, len, ": ", 2);
    size_t subject = colon ? (size_t)(colon - start) : len;
    *ret = (struct line){.subject = {start, subject}, .value = STR(""), .whole = {start, len}};
    if (colon) {
        ret->value = (struct str){colon + 2, len - subject - 2};
    }
    return true;
}

static bool find(struct str text, struct str subject, struct line *ret) {
    size_t at = 0;
    while (next_line(text, &at, ret)) {
        if (str_equal(ret->subject, subject)) {
            return true;
        }
    }
    return false;
}

/* Whole ones only: the rest is counted. */
static void add(char *out, size_t size, const struct buf *text) {
    size_t used = strlen(out);
    const char *before = used > 0 ? "; " : "";
    if (used + strlen(before) + text->len < size) {
        (void)snprintf(out + used, size - used, "%s%.*s", before, (int)text->len, text->ptr);
    }
}

size_t definition_difference(struct str before, struct str now, char *out, size_t size) {
    size_t count = 0, at = 0;
    struct line line, other;
    struct buf text = {0};
    out[0] = '\0';
    while (next_line(now, &at, &line)) {
        bool was_there = find(before, line.subject, &other);
        if (was_there && str_equal(line.whole, other.whole)) {
            continue;
        }
        count++;
        buf_reset(&text);
        buf_str(&text, line.subject);
        if (was_there) {
            buf_printf(&text, " was " STR_FMT ", is now " STR_FMT, STR_ARG(other.value),
                       STR_ARG(line.value));
        } else {
            buf_printf(&text, " is new: " STR_FMT, STR_ARG(line.value));
        }
        add(out, size, &text);
    }
    for (at = 0; next_line(before, &at, &line);) {
        if (!find(now, line.subject, &other)) {
            count++;
            buf_reset(&text);
            buf_printf(&text, STR_FMT " is gone: it was " STR_FMT, STR_ARG(line.subject),
                       STR_ARG(line.value));
            add(out, size, &text);
        }
    }
    buf_clear(&text);
    return count;
}
