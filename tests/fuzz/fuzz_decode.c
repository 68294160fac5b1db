/* libFuzzer over decode(): its quick way and jansson's alone must agree. See README.md. */
#include "decode/decoder.h"
#include "fixture_view.h"

#include <stdio.h>
#include <stdlib.h>

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer gives the name
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SEPARATOR '\x1e' /* in no JSON */

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
           str_equal(a->value, b->value) && !a->value.ptr == !b->value.ptr &&
           a->ts_us == b->ts_us && a->snapshot == b->snapshot;
}

/* A change says what it was made of. */
static void check_change(const struct change *change) {
    const struct relation *table = &fixture_tables[change->table];
    char scratch[COLUMNS_MAX * ROW_PART_TEXT_MAX];
    struct str values[COLUMNS_MAX];
    struct err err;
    if (change->key.ptr) {
        check(row_decode(table, change->key, change->value, scratch, values, &err) == ERR_NONE,
              "a change that does not decode");
        check(row_key_prefix(table, change->key, table->key_count) == change->key.len,
              "the key's parts");
        check(!change->value.ptr == (change->op == CHANGE_DELETE), "value of a delete");
    }
}

static struct str until(const char *at, const char *end, char byte) {
    const char *found = memchr(at, byte, (size_t)(end - at));
    return (struct str){at, (size_t)((found ? found : end) - at)};
}

/* What stands before the next separator: a key, and behind a line end a value. */
static void read_record(struct str text, struct record *record) {
    const char *end = text.ptr + text.len;
    struct str key = until(text.ptr, end, '\n');
    bool has_value = key.len < text.len;
    record->key = key.len > 0 ? key : STR_NONE;
    record->value =
        has_value ? (struct str){key.ptr + key.len + 1, text.len - key.len - 1} : STR_NONE;
}

static void check_ways(const struct record *record) {
    run_way(&scanned, record);
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
}

// NOLINTNEXTLINE(readability-identifier-naming)
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2 || data[1] < '0' || data[1] > '7') {
        return 0;
    }
    const char *at = (const char *)data, *end = at + size;
    struct record record = {
        .table = *at == 's'   ? STUDENT
                 : *at == 'c' ? CONTACT
                              : KINDS,
        .partition = at[1] - '0',
        .offset = 1,
    };
    if (!loaded.decoder) {
        loaded.decoder = decoder_new(&fixture_view);
        loaded.decoder->by_jansson = true;
    }
    scanned.decoder = decoder_new(&fixture_view); /* has seen this input's records only */
    struct str text = {at + 1, 0};
    do {
        at = text.ptr + text.len + 1; /* behind the digit, or the separator */
        text = until(at, end, SEPARATOR);
        read_record(text, &record);
        run_way(&loaded, &record);
        check_ways(&record);
        enum err_kind first = scanned.kind;
        check_ways(&record); /* looks like one before it */
        check(scanned.kind == first, "different kinds the second time");
    } while (text.ptr + text.len < end);
    decoder_destroy(&scanned.decoder);
    return 0;
}
