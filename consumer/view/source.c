#include "view/source.h"

#include "base/memory.h"
#include "view/newer.h"

#include "view/token.h"

#include <pg_query.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- reading ---- */

static enum err_kind file_read(const char *path, struct buf *text, const struct report *report) {
    FILE *file = fopen(path, "re");
    size_t got = 1;
    while (file && got > 0 && text->len <= SOURCE_BYTES_MAX) {
        got = fread(buf_reserve(text, BUFSIZ), 1, BUFSIZ, file);
        text->len += got;
    }
    bool failed = !file || ferror(file);
    int saved = errno;
    if (file) {
        (void)fclose(file);
    }
    if (failed) {
        return err_set(report->err, ERR_CONFIG, "%s: %s", path, strerror(saved));
    }
    if (text->len > SOURCE_BYTES_MAX) {
        return err_set(report->err, ERR_CONFIG, "%s: larger than %zu bytes", path,
                       SOURCE_BYTES_MAX);
    }
    if (text->len > 0 && memchr(text->ptr, '\0', text->len)) {
        return err_set(report->err, ERR_CONFIG, "%s: holds a NUL byte, so it is no SQL text", path);
    }
    *buf_reserve(text, 1) = '\0';
    return ERR_NONE;
}

/* Byte offset of the character with this 1-based number, which is how the parser's errors count. */
static size_t character_place(const struct source *source, int number) {
    size_t at = 0;
    while (number > 1 && at < source->text.len) {
        at++;
        while (at < source->text.len && ((unsigned char)source->text.ptr[at] & 0xc0) == 0x80) {
            at++;
        }
        number--;
    }
    return at;
}

static bool is_utf8(struct str text) {
    json_t *string = json_stringn(text.ptr, text.len);
    json_decref(string);
    return string != NULL;
}

static enum err_kind tree_read(struct source *source, const char *json,
                               const struct report *report) {
    json_error_t error;
    source->tree = json_loads(json, 0, &error);
    if (!source->tree) {
        return err_set(report->err, ERR_CONFIG,
                       "%s: the parser's tree can't be read (%s): a statement is nested too deeply",
                       source->path, error.text);
    }
    return ERR_NONE;
}

/* A copy without the two commands of psql that pg_dump writes, in whose place are blanks. */
static char *statements_of(const struct source *source) {
    static const char *const commands[] = {"\\restrict ", "\\unrestrict "};
    char *copy = memory_text(source->text.ptr);
    for (char *line = copy; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
            if (strncmp(line, commands[i], strlen(commands[i])) == 0) {
                memset(line, ' ', strcspn(line, "\r\n"));
            }
        }
    }
    return copy;
}

static enum err_kind refuse_syntax(const struct source *source, const PgQueryError *error,
                                   const struct report *report) {
    static const char supported[] = "the syntax of PostgreSQL " PG_MAJORVERSION;
    size_t at = error->cursorpos > 0 ? character_place(source, error->cursorpos) : NOWHERE;
    struct newer newer = {NULL, 0};
    if (at != NOWHERE) {
        newer = newer_syntax(buf_view(&source->text), at);
    }
    return newer.version > PG_VERSION_NUM / 10000
               ? source_refuse(source, at, supported, report,
                               "%s: %s is syntax of PostgreSQL %d, and the parser here knows that "
                               "of PostgreSQL " PG_MAJORVERSION
                               ": write it in another way, or leave it out",
                               error->message, newer.what, newer.version)
               : source_refuse(source, at, supported, report, "%s", error->message);
}

enum err_kind source_read(const char *path, struct source *source, const struct report *report) {
    source->path = path;
    enum err_kind kind = file_read(path, &source->text, report);
    if (kind != ERR_NONE) {
        return kind;
    }
    if (!is_utf8(buf_view(&source->text))) {
        return err_set(report->err, ERR_CONFIG, "%s: is not UTF-8", path);
    }
    char *statements = statements_of(source);
    PgQueryParseResult result = pg_query_parse(statements);
    free(statements);
    if (result.error) {
        kind = refuse_syntax(source, result.error, report);
    } else {
        kind = tree_read(source, result.parse_tree, report);
    }
    pg_query_free_parse_result(result);
    return kind;
}

void source_clear(struct source *source) {
    buf_clear(&source->text);
    json_decref(source->tree);
    source->tree = NULL;
}

/* ---- refusing ---- */

struct place {
    size_t line, column; /* 1-based, column in characters */
    struct str before;   /* of the line, what stands before the place */
    struct str text;     /* the line */
};

static struct place place_of(struct str text, size_t at) {
    struct place place = {1, 1, {text.ptr, 0}, {text.ptr, 0}};
    at = at < text.len ? at : text.len;
    size_t start = 0;
    for (size_t i = 0; i < at; i++) {
        if (text.ptr[i] == '\n') {
            place.line++;
            start = i + 1;
        }
    }
    size_t end = start;
    while (end < text.len && text.ptr[end] != '\n' && text.ptr[end] != '\r') {
        end++;
    }
    place.text = (struct str){text.ptr + start, end - start};
    place.before = (struct str){text.ptr + start, at - start};
    for (size_t i = 0; i < place.before.len; i++) {
        place.column += ((unsigned char)place.before.ptr[i] & 0xc0) != 0x80;
    }
    return place;
}

void source_place(const struct source *source, size_t at, struct buf *out) {
    struct place place = place_of(buf_view(&source->text), at);
    buf_printf(out, "%s:%zu:%zu", source->path, place.line, place.column);
}

/* The line under its number, and a caret below the place; tabs stay tabs so that both line up. */
static void show_place(struct buf *out, const struct place *place) {
    size_t start = out->len;
    buf_printf(out, "%5zu | ", place->line);
    size_t margin = out->len - start - 2;
    buf_str(out, place->text);
    buf_printf(out, "\n%*s| ", (int)margin, "");
    for (size_t i = 0; i < place->before.len; i++) {
        char c = place->before.ptr[i];
        if (((unsigned char)c & 0xc0) != 0x80) {
            buf_append(out, c == '\t' ? "\t" : " ", 1);
        }
    }
    buf_str(out, STR("^\n"));
}

static enum err_kind refuse(const struct source *source, size_t at, const char *supported,
                            struct str more, const struct report *report, const char *message) {
    struct buf out = {0};
    if (at == NOWHERE) {
        buf_printf(&out, "%s: %s\n", source->path, message);
    } else {
        struct place place = place_of(buf_view(&source->text), at);
        buf_printf(&out, "%s:%zu:%zu: %s\n", source->path, place.line, place.column, message);
        show_place(&out, &place);
    }
    size_t first = (size_t)((char *)memchr(out.ptr, '\n', out.len) - out.ptr);
    buf_str(&out, more);
    if (supported) {
        buf_printf(&out, "supported: %s\n", supported);
    }
    buf_append(&out, "", 1);
    enum err_kind kind = err_set(report->err, ERR_CONFIG, "%.*s", (int)first, out.ptr);
    if (report->ret_text) {
        *report->ret_text = out.ptr;
    } else {
        buf_clear(&out);
    }
    return kind;
}

enum err_kind source_refuse(const struct source *source, size_t at, const char *supported,
                            const struct report *report, const char *format, ...) {
    char message[sizeof report->err->message];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return refuse(source, at, supported, STR(""), report, message);
}

enum err_kind source_refuse_more(const struct source *source, size_t at, const char *supported,
                                 struct str more, const struct report *report, const char *format,
                                 ...) {
    char message[sizeof report->err->message];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return refuse(source, at, supported, more, report, message);
}

/* ---- the tree ---- */

json_t *ast_is(json_t *node, const char *tag) {
    return json_object_get(node, tag);
}

const char *ast_tag(json_t *node) {
    const char *tag = json_object_iter_key(json_object_iter(node));
    return tag ? tag : "nothing";
}

struct str ast_text(json_t *members, const char *name) {
    json_t *value = json_object_get(members, name);
    return json_is_string(value) ? (struct str){json_string_value(value), json_string_length(value)}
                                 : STR_NONE;
}

bool ast_flag(json_t *members, const char *name) {
    return json_is_true(json_object_get(members, name));
}

struct str ast_name(json_t *list, size_t index) {
    return ast_text(ast_is(json_array_get(list, index), "String"), "sval");
}

size_t ast_own_place(json_t *members) {
    json_t *location = json_object_get(members, "location");
    json_int_t at = json_is_integer(location) ? json_integer_value(location) : -1;
    return at >= 0 ? (size_t)at : NOWHERE;
}

size_t
ast_place(json_t *node) { /* NOLINT(misc-no-recursion): a tree, at most jansson's 2048 deep */
    size_t first = json_is_object(node) ? ast_own_place(node) : NOWHERE;
    const char *name;
    json_t *child;
    size_t index;
    json_object_foreach(node, name, child) {
        size_t at = ast_place(child);
        first = at < first ? at : first;
    }
    json_array_foreach(node, index, child) {
        size_t at = ast_place(child);
        first = at < first ? at : first;
    }
    return first;
}

size_t source_statement_count(const struct source *source) {
    return json_array_size(json_object_get(source->tree, "stmts"));
}

json_t *source_statement(const struct source *source, size_t index) {
    json_t *statements = json_object_get(source->tree, "stmts");
    return json_object_get(json_array_get(statements, index), "stmt");
}

/* The parser has its end behind the semicolon before it. */
size_t source_statement_place(const struct source *source, size_t index) {
    json_t *statement = json_array_get(json_object_get(source->tree, "stmts"), index);
    json_t *start = json_object_get(statement, "stmt_location");
    struct token_scan scan = {buf_view(&source->text), (size_t)json_integer_value(start)};
    struct token token;
    return token_next(&scan, &token) ? token.at : scan.at;
}
