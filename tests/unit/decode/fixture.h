/* fixture.h: decodes a record the scanner's way and jansson's, and compares.
 *
 * What:    every test of decode is a test that both ways agree.
 * Owns:    a static decoder and arena for each way: fixture_setup, fixture_teardown.
 * Errors:  a difference fails the running test.
 */
#ifndef TEST_DECODE_FIXTURE_H
#define TEST_DECODE_FIXTURE_H

#include "decode/decoder.h"
#include "fixture_view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct way {
    struct decoder *decoder;
    struct arena arena;
    struct change change;
    struct err err;
    enum err_kind kind;
};
static struct way scanned, loaded;

static inline int fixture_setup(void **state) {
    (void)state;
    scanned.decoder = decoder_new(&fixture_view);
    loaded.decoder = decoder_new(&fixture_view);
    loaded.decoder->by_jansson = true;
    return 0;
}

static inline int fixture_teardown(void **state) {
    (void)state;
    decoder_destroy(&scanned.decoder);
    decoder_destroy(&loaded.decoder);
    arena_clear(&scanned.arena);
    arena_clear(&loaded.arena);
    return 0;
}

/* A copy of its very size, so that reading past the end is seen by the address sanitizer. */
static inline char *exact_copy(struct str *s) {
    if (!s->ptr) {
        return NULL;
    }
    char *copy = malloc(s->len ? s->len : 1);
    if (!copy) {
        abort();
    }
    memcpy(copy, s->ptr, s->len);
    s->ptr = copy;
    return copy;
}

static inline void run_way(struct way *way, struct record record) {
    arena_reset(&way->arena);
    way->change = (struct change){0};
    way->err = (struct err){0};
    char *key = exact_copy(&record.key), *value = exact_copy(&record.value);
    way->kind = decode(way->decoder, &record, &way->arena, &way->change, &way->err);
    free(key);
    free(value);
}

static inline void assert_str(struct str got, struct str expected) {
    assert_int_equal(got.ptr == NULL, expected.ptr == NULL);
    assert_int_equal(got.len, expected.len);
    if (got.ptr && expected.ptr) {
        assert_memory_equal(got.ptr, expected.ptr, got.len);
    }
}

static inline void assert_same_change(const struct change *a, const struct change *b) {
    assert_int_equal(a->op, b->op);
    assert_int_equal(a->table, b->table);
    assert_str(a->key, b->key);
    assert_str(a->value, b->value);
    assert_int_equal(a->ts_us, b->ts_us);
    assert_int_equal(a->blank, b->blank);
    assert_int_equal(a->snapshot, b->snapshot);
    assert_int_equal(a->task, b->task);
}

/* The one difference that is allowed: a name that comes twice where nobody looks. */
static inline bool refused_as_duplicate(const struct way *way) {
    return way->kind == ERR_RECORD && strstr(way->err.message, "comes twice");
}

static inline void assert_same(void) {
    if (scanned.kind != loaded.kind && !refused_as_duplicate(&loaded)) {
        fail_msg("scanner: %s (%s), jansson: %s (%s)", err_kind_name(scanned.kind),
                 scanned.err.message, err_kind_name(loaded.kind), loaded.err.message);
    }
    if (scanned.kind == loaded.kind) {
        assert_same_change(&scanned.change, &loaded.change);
    }
}

static inline enum err_kind run(struct record record) {
    run_way(&loaded, record);
    run_way(&scanned, record);
    assert_same();
    enum err_kind first = scanned.kind;
    run_way(&scanned, record); /* looks like the first */
    assert_same();
    assert_int_equal(scanned.kind, first);
    return first;
}

static inline struct record record_of(int table, int32_t partition, struct str key,
                                      struct str value) {
    return (struct record){
        .table = table, .partition = partition, .offset = 42, .key = key, .value = value};
}

/* Decodes what has to be right. */
static inline const struct change *accept(struct record record) {
    if (run(record) != ERR_NONE) {
        fail_msg("%s: %s\n" STR_FMT, err_kind_name(scanned.kind), scanned.err.message,
                 STR_ARG(record.value));
    }
    assert_int_equal(scanned.change.table, record.table);
    return &scanned.change;
}

/* Decodes what has to be refused, with said in the message. */
static inline void refuse(enum err_kind kind, const char *said, struct record record) {
    if (run(record) != kind || !strstr(scanned.err.message, said)) {
        fail_msg("%s: %s, expected %s: %s\n" STR_FMT, err_kind_name(scanned.kind),
                 scanned.err.message, err_kind_name(kind), said, STR_ARG(record.value));
    }
    assert_int_equal(scanned.err.kind, kind);
    assert_string_equal(scanned.err.topic, fixture_tables[record.table].topic.ptr);
    assert_int_equal(scanned.err.partition, record.partition);
    assert_int_equal(scanned.err.offset, record.offset);
    assert_null(scanned.change.value.ptr);
}

/* `7|9|number`: all columns, NULL as ~. */
static inline const char *row_text(const struct change *change) {
    static char text[8192];
    const struct relation *table = &fixture_tables[change->table];
    char scratch[COLUMNS_MAX * ROW_PART_TEXT_MAX];
    struct str values[COLUMNS_MAX];
    struct err err;
    assert_int_equal(row_decode(table, change->key, change->value, scratch, values, &err),
                     ERR_NONE);
    size_t count = change->value.ptr ? table->column_count : table->key_count;
    struct buf buf = {0};
    for (size_t i = 0; i < count; i++) {
        buf_str(&buf, i > 0 ? STR("|") : STR(""));
        buf_str(&buf, values[i].ptr ? values[i] : STR("~"));
    }
    assert_true(buf.len < sizeof text);
    memcpy(text, buf_view(&buf).ptr, buf.len);
    text[buf.len] = '\0';
    buf_clear(&buf);
    return text;
}

#endif
