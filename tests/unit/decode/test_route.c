/* route.h against io.debezium.transforms.partitions.PartitionRouting itself.
 *
 * The expected partitions were printed by the transform of debezium-connect-plugins 3.6.1.Final
 * under Java 17: one Envelope struct a row, op c, partition.hash.function=java,
 * partition.topic.num = 8, 12 and 1000003. */
#include "decode/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const int32_t counts[] = {8, 12, 1000003};

static const struct {
    enum key_code key;
    int32_t partitions[3];
    const char *text;
} singles[] = {
    {KEY_BIGINT, {0, 0, 0}, "0"},
    {KEY_BIGINT, {1, 1, 1}, "1"},
    {KEY_BIGINT, {7, 7, 7}, "7"},
    {KEY_BIGINT, {0, 8, 8}, "8"},
    {KEY_BIGINT, {0, 0, 0}, "-1"},
    {KEY_BIGINT, {6, 6, 6}, "-7"},
    {KEY_BIGINT, {0, 0, 0}, "2147483647"},
    {KEY_BIGINT, {0, 0, 0}, "2147483648"},
    {KEY_BIGINT, {2, 2, 2}, "8589934592"},
    {KEY_BIGINT, {0, 0, 0}, "-2147483648"},
    {KEY_BIGINT, {0, 0, 0}, "9223372036854775807"},
    {KEY_BIGINT, {0, 0, 0}, "-9223372036854775808"},
    {KEY_BIGINT, {1, 9, 275006}, "1234567890123456789"},
    {KEY_BIGINT, {0, 0, 0}, "9223372034707292160"},
    {KEY_INTEGER, {0, 0, 0}, "0"},
    {KEY_INTEGER, {7, 7, 7}, "7"},
    {KEY_INTEGER, {1, 1, 477200}, "-7"},
    {KEY_INTEGER, {0, 0, 0}, "2147483647"},
    {KEY_INTEGER, {0, 0, 0}, "-2147483648"},
    {KEY_INTEGER, {0, 0, 0}, "-1"},
    {KEY_INTEGER, {0, 0, 444439}, "-32768"},
    {KEY_INTEGER, {7, 7, 32767}, "32767"},
    {KEY_TEXT, {0, 0, 0}, ""},
    {KEY_TEXT, {1, 1, 97}, "a"},
    {KEY_TEXT, {2, 6, 96354}, "abc"},
    {KEY_TEXT, {7, 3, 532555}, "ab   "},
    {KEY_TEXT, {2, 10, 16954}, "\303\251\342\230\203"}, /* é☃ */
    {KEY_TEXT, {3, 7, 772896}, "\360\237\230\200"},     /* U+1F600 */
    {KEY_TEXT, {6, 6, 959940}, "\360\237\230\200\303\251"},
    {KEY_TEXT, {5, 5, 185287}, "\364\217\277\277\357\277\277\340\240\200\337\277\302\200\177"},
    {KEY_TEXT, {3, 3, 61596}, "The quick brown fox jumps over the lazy dog, twice over."},
    {KEY_TEXT, {0, 0, 48}, "0"},
    {KEY_UUID, {5, 1, 488239}, "b68a35a7-17ad-35b3-af2a-ae46edb4545a"},
    {KEY_UUID, {1, 1, 963205}, "00000000-0000-0000-0000-000000000001"},
};

static const struct {
    enum key_code keys[2];
    const char *texts[2];
    int32_t partitions[3];
} pairs[] = {
    {{KEY_BIGINT, KEY_TEXT}, {"7", "abc"}, {1, 1, 96361}},
    {{KEY_INTEGER, KEY_INTEGER}, {"2147483647", "1"}, {0, 0, 0}},
    {{KEY_BIGINT, KEY_BIGINT}, {"3", "4"}, {7, 7, 7}},
    {{KEY_BIGINT, KEY_BIGINT}, {"4", "3"}, {7, 7, 7}},
    {{KEY_INTEGER, KEY_INTEGER}, {"-2147483648", "-1"}, {0, 0, 0}},
    {{KEY_UUID, KEY_INTEGER}, {"b68a35a7-17ad-35b3-af2a-ae46edb4545a", "-5"}, {0, 8, 488234}},
};

static void check(struct relation_column *columns, const struct str *values, size_t parts,
                  const int32_t *partitions) {
    struct relation table = {
        .columns = columns, .column_count = parts, .key_count = parts, .placement_count = parts};
    for (size_t i = 0; i < 3; i++) {
        int32_t got = route_partition(&table, values, counts[i]);
        if (got != partitions[i]) {
            fail_msg(STR_FMT " of %d: %d, the transform says %d", STR_ARG(values[0]), counts[i],
                     got, partitions[i]);
        }
    }
}

static void test_single(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof singles / sizeof *singles; i++) {
        struct relation_column column = {.key = singles[i].key, .scalar = SCALAR_STRING};
        struct str value = str_from(singles[i].text);
        check(&column, &value, 1, singles[i].partitions);
    }
}

static void test_pair(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct relation_column columns[] = {{.key = pairs[i].keys[0], .scalar = SCALAR_STRING},
                                            {.key = pairs[i].keys[1], .scalar = SCALAR_STRING}};
        struct str values[] = {str_from(pairs[i].texts[0]), str_from(pairs[i].texts[1])};
        check(columns, values, 2, pairs[i].partitions);
    }
}

static void test_boolean(void **state) {
    (void)state;
    struct relation_column column = {.key = KEY_TEXT, .scalar = SCALAR_BOOLEAN};
    struct str yes = STR("true"), no = STR("false");
    check(&column, &yes, 1, (const int32_t[]){7, 7, 1231});
    check(&column, &no, 1, (const int32_t[]){5, 1, 1237});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_single),
        cmocka_unit_test(test_pair),
        cmocka_unit_test(test_boolean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
