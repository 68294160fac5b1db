/* referring.h: a cache's layout whose rows refer to others, for the tests of indexes; after
 * cmocka.h.
 *
 * What:    three tables, of which table 0 has two references and table 1 has one.
 */
#ifndef TESTS_UNIT_STATE_REFERRING_H
#define TESTS_UNIT_STATE_REFERRING_H

#include "state/state.h"

#include <string.h>

enum { TABLE_COUNT = 3 };

/* A row's value is its references and something else, with commas between: "7,-,x" refers to 7 by
 * the first one, by the second to none. Table 0 has two of them, table 1 one. */
static enum err_kind refers_to(const void *ctx, int table, size_t reference, struct str key,
                               struct str value, struct buf *out, bool *ret_has,
                               struct err *reterr) {
    (void)ctx;
    assert_true(table < 2 && reference < 2 && key.ptr && value.ptr);
    const char *at = value.ptr, *end = value.ptr + value.len, *stop;
    while ((stop = memchr(at, ',', (size_t)(end - at))) && reference-- > 0) {
        at = stop + 1;
    }
    if (!stop) {
        return err_set(reterr, ERR_CACHE, "no such reference");
    }
    *ret_has = *at != '-';
    if (*ret_has) {
        buf_append(out, at, (size_t)(stop - at));
        buf_append(out, "", 1);
    }
    return ERR_NONE;
}

static const struct state_layout layout = {
    .table_count = TABLE_COUNT, .reference_counts = {2, 1}, .refers_to = refers_to};

#endif
