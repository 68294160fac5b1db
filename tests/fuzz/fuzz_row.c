/* A dead letter's row_key and kept come from a table that anybody may have changed: foreign bytes
 * in place of an encoded row are told apart (ERR_CACHE), and what decodes encodes again to the same
 * bytes.
 *
 * Input: one byte, the key's length; the key; the value. */
#include "plan/row.h"

#include <stdlib.h>

static struct relation_column columns[] = {
    {STR("id"), STR("bigint"), SCALAR_INTEGER, KEY_BIGINT, {0}, FORM_ANY, .not_null = false},
    {STR("code"), STR("text"), SCALAR_STRING, KEY_TEXT, {0}, FORM_ANY, .not_null = false},
    {STR("uid"), STR("uuid"), SCALAR_STRING, KEY_UUID, {0}, FORM_ANY, .not_null = false},
    {STR("nr"), STR("smallint"), SCALAR_INTEGER, KEY_INTEGER, {0}, FORM_ANY, .not_null = false},
    {STR("name"), STR("text"), SCALAR_STRING, KEY_NONE, {0}, FORM_ANY, .not_null = false},
    {STR("note"), STR("text"), SCALAR_STRING, KEY_NONE, {0}, FORM_ANY, .not_null = false},
};
static struct relation table = {
    .name = STR("t"), .columns = columns, .column_count = 6, .key_count = 4};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void encode_again(struct str key, struct str value, const struct str *values) {
    struct buf key_again = {0}, value_again = {0};
    struct err err;
    if (row_key_encode(&table, values, &key_again, &err) != ERR_NONE ||
        !str_equal(buf_view(&key_again), key) ||
        row_key_prefix(&table, key, table.key_count) != key.len) {
        abort();
    }
    row_value_encode(&table, values, &value_again);
    if (!str_equal(buf_view(&value_again), value)) {
        abort();
    }
    buf_clear(&key_again);
    buf_clear(&value_again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    size_t key_len = data[0] < size - 1 ? data[0] : size - 1;
    struct str key = {(const char *)data + 1, key_len};
    struct str value = {key.ptr + key_len, size - 1 - key_len};
    char scratch[4 * ROW_PART_TEXT_MAX], shown[64];
    struct str values[6];
    struct err err;
    (void)row_key_show(&table, key, shown, sizeof shown);
    enum err_kind kind = row_decode(&table, key, value, scratch, values, &err);
    if (kind == ERR_NONE) {
        encode_again(key, value, values);
    } else if (kind != ERR_CACHE) {
        abort();
    }
    return 0;
}
