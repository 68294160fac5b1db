/* libFuzzer over decode(): the scanner's way and jansson's alone must agree. See README.md. */
#include "decode/decoder.h"
#include "fixture_view.h"

#include <stdio.h>
#include <stdlib.h>

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer gives the name
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct way {
    struct decoder *decoder;
    struct arena arena;
    struct change change;
    struct err err;
    enum err_kind kind;
};
static struct way scanned, loaded;

static void check(bool good, const char *what) {
    if (!good) {
        (void)fprintf(stderr, "%s\nscanner: %s: %s\njansson: %s: %s\n", what,
                      err_kind_name(scanned.kind), scanned.err.message, err_kind_name(loaded.kind),
                      loaded.err.message);
        abort();
    }
}

static void run_way(struct way *way, const struct record *record) {
    arena_reset(&way->arena);
    way->change = (struct change){0};
    way->err = (struct err){0};
    way->kind = decode(way->decoder, record, &way->arena, &way->change, &way->err);
}

static bool same_change(const struct change *a, const struct change *b) {
    return a->op == b->op && str_equal(a->key, b->key) && !a->key.ptr == !b->key.ptr &&
           a->join_len == b->join_len && str_equal(a->value, b->value) &&
           !a->value.ptr == !b->value.ptr && a->ts_us == b->ts_us && a->snapshot == b->snapshot;
}

/* A change says what it was made of. */
static void check_change(const struct change *change) {
    const struct view_table *table = &fixture_tables[change->table];
    char scratch[VIEW_COLUMNS_MAX * ROW_PART_TEXT_MAX];
    struct str values[VIEW_COLUMNS_MAX];
    struct err err;
    if (change->key.ptr) {
        check(row_decode(table, change->key, change->value, scratch, values, &err) == ERR_NONE,
              "a change that does not decode");
        check(change->join_len == row_key_prefix(table, change->key, 1), "join_len");
        check(!change->value.ptr == (change->op == CHANGE_DELETE), "value of a delete");
    }
}

static bool read_input(const uint8_t *data, size_t size, struct record *record) {
    if (size < 2 || data[1] < '0' || data[1] > '7') {
        return false;
    }
    const char *text = (const char *)data;
    const char *line_end = memchr(text + 2, '\n', size - 2);
    const char *key_end = line_end ? line_end : text + size;
    *record = (struct record){
        .table = text[0] == 's'   ? STUDENT
                 : text[0] == 'c' ? CONTACT
                                  : KINDS,
        .partition = text[1] - '0',
        .offset = 1,
    };
    if (key_end > text + 2) {
        record->key = (struct str){text + 2, (size_t)(key_end - text) - 2};
    }
    if (line_end) {
        record->value = (struct str){line_end + 1, (size_t)(text + size - line_end) - 1};
    }
    return true;
}

// NOLINTNEXTLINE(readability-identifier-naming)
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct record record;
    if (!read_input(data, size, &record)) {
        return 0;
    }
    if (!scanned.decoder) {
        scanned.decoder = decoder_new(&fixture_view);
        loaded.decoder = decoder_new(&fixture_view);
        loaded.decoder->by_jansson = true;
    }
    run_way(&scanned, &record);
    run_way(&loaded, &record);
    check(scanned.kind == ERR_NONE || scanned.kind == ERR_RECORD || scanned.kind == ERR_HALT,
          "an error of another kind");
    bool twice = loaded.kind == ERR_RECORD && strstr(loaded.err.message, "comes twice");
    if (scanned.kind == ERR_NONE) {
        check_change(&scanned.change);
    }
    if (!twice) { /* where nobody looks only jansson sees names that come twice */
        check(scanned.kind == loaded.kind, "different kinds");
        check(same_change(&scanned.change, &loaded.change), "different changes");
    }
    return 0;
}
