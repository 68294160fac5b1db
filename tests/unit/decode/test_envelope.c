/* envelope.h: all forms of one envelope say the same; damaged ones say nothing. */
#include "fixture.h"

#include "decode/envelope.h"

#define AFTER  "\"after\":{\"student_id\":7,\"name\":\"n\"}"
#define BEFORE "\"before\":null"
#define OP     "\"op\":\"c\""
#define SOURCE "\"source\":{\"snapshot\":\"false\",\"ts_us\":5000}"

static struct record record(struct str value) {
    return record_of(STUDENT, 7, STR("{\"student_id\":7}"), value);
}

/* Reads envelope's text both ways. */
static struct envelope read_both(const char *text) {
    static struct arena arena; /* freed by the last test */
    struct envelope scanned_envelope, loaded_envelope;
    struct err err;
    if (!text) {
        arena_clear(&arena);
        return (struct envelope){0};
    }
    assert_int_equal(envelope_read(str_from(text), &arena, &scanned_envelope, &err), ERR_NONE);
    assert_int_equal(envelope_load(str_from(text), &arena, &loaded_envelope, &err), ERR_NONE);
    assert_int_equal(scanned_envelope.tombstone, loaded_envelope.tombstone);
    assert_int_equal(scanned_envelope.op, loaded_envelope.op);
    assert_int_equal(scanned_envelope.snapshot, loaded_envelope.snapshot);
    assert_int_equal(scanned_envelope.ts_us, loaded_envelope.ts_us);
    return scanned_envelope;
}

static void test_orders(void **state) {
    (void)state;
    static const char *const members[] = {BEFORE, AFTER, OP, SOURCE,
                                          "\"x\":[{\"op\":\"d\"},\"}\"]"};
    for (int order = 0; order < 120; order++) {
        bool used[5] = {false};
        struct buf text = {0};
        buf_str(&text, STR("{"));
        for (int i = 5, rest = order; i > 0; rest /= i, i--) {
            int pick = rest % i;
            size_t at = 0;
            while (used[at] || pick-- > 0) {
                at++;
            }
            used[at] = true;
            buf_printf(&text, "%s%s", i == 5 ? "" : ", ", members[at]);
        }
        buf_str(&text, STR(" }"));
        const struct change *change = accept(record(buf_view(&text)));
        assert_int_equal(change->op, CHANGE_CREATE);
        assert_string_equal(row_text(change), "7|n");
        assert_int_equal(change->ts_us, 5000);
        buf_clear(&text);
    }
}

static void test_forms(void **state) {
    (void)state;
    static const char *const forms[] = {
        "{" OP "," AFTER "," SOURCE "}",
        " \t\r\n{ " OP " \n, " AFTER "\t," SOURCE "\r } \n",
        "{\"schema\":{\"op\":\"d\"},\"payload\":{" OP "," AFTER "," SOURCE "}}",
        "{\"payload\":{" OP "," AFTER "," SOURCE "},\"schema\":null}",
        "{\"\\u006fp\":\"c\"," AFTER "," SOURCE "}",
        "{\"op\":\"\\u0063\"," AFTER "," SOURCE "}",
        "{" OP ",\"\\u0061fter\":{\"student\\u005fid\":7,\"name\":\"\\u006e\"}," SOURCE "}",
        "{" OP "," AFTER ",\"sourc\\u0065\":{\"ts_us\":5000}}",
        "{" OP "," AFTER ",\"source\":{\"ts_\\u0075s\":5000}}",
        "{" OP "," AFTER ",\"source\":{\"ts_ms\":5}}",
        "{" OP "," AFTER ",\"source\":{\"ts_us\":null,\"ts_ms\":5}}",
        "{" OP "," AFTER "," SOURCE ",\"schema\":1,\"payload\":2}",
        "{" OP "," AFTER "," SOURCE ",\"huge\":-9223372036854775808}",
        "{" OP "," AFTER "," SOURCE ",\"real\":1e100}",
        "{" OP "," AFTER "," SOURCE ",\"x\":\"\\u0001\\ud83d\\ude00\303\251\"}",
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        const struct change *change = accept(record(str_from(forms[i])));
        assert_int_equal(change->op, CHANGE_CREATE);
        assert_string_equal(row_text(change), "7|n");
        assert_int_equal(change->ts_us, 5000);
        assert_int_equal(change->snapshot, SNAPSHOT_NONE);
    }
}

static void test_source(void **state) {
    (void)state;
    static const struct {
        const char *source;
        int64_t ts_us;
        enum snapshot_mark snapshot;
    } cases[] = {
        {"null", 0, SNAPSHOT_NONE},
        {"5", 0, SNAPSHOT_NONE},
        {"{}", 0, SNAPSHOT_NONE},
        {"{\"ts_us\":9223372036854775807}", INT64_MAX, SNAPSHOT_NONE},
        {"{\"ts_us\":-9223372036854775808}", INT64_MIN, SNAPSHOT_NONE},
        {"{\"ts_us\":-5}", -5, SNAPSHOT_NONE},
        {"{\"ts_us\":\"5\"}", 0, SNAPSHOT_NONE},
        {"{\"ts_us\":5.0}", 0, SNAPSHOT_NONE},
        {"{\"ts_ms\":9223372036854775807}", 0, SNAPSHOT_NONE},
        {"{\"ts_ms\":-2}", -2000, SNAPSHOT_NONE},
        {"{\"snapshot\":null}", 0, SNAPSHOT_NONE},
        {"{\"snapshot\":true}", 0, SNAPSHOT_PART},
        {"{\"snapshot\":false}", 0, SNAPSHOT_NONE},
        {"{\"snapshot\":1}", 0, SNAPSHOT_NONE},
        {"{\"snapshot\":\"false\"}", 0, SNAPSHOT_NONE},
        {"{\"snapshot\":\"f\\u0061lse\"}", 0, SNAPSHOT_NONE},
        {"{\"snapshot\":\"incremental\"}", 0, SNAPSHOT_INCREMENTAL},
        {"{\"snapshot\":\"first_in_data_collection\"}", 0, SNAPSHOT_PART},
        {"{\"snapshot\":\"last\"}", 0, SNAPSHOT_LAST},
        {"{\"snapshot\":\"last_in_data_collection\"}", 0, SNAPSHOT_PART},
        {"{\"snapshot\":\"incrementa\\u006c\"}", 0, SNAPSHOT_INCREMENTAL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        (void)snprintf(text, sizeof text, "{\"op\":\"c\",\"source\":%s}", cases[i].source);
        struct envelope envelope = read_both(text);
        assert_int_equal(envelope.ts_us, cases[i].ts_us);
        assert_int_equal(envelope.snapshot, cases[i].snapshot);
        assert_null(envelope.before.ptr);
        assert_null(envelope.after.ptr);
    }
    (void)read_both(NULL);
}

/* A snapshot read it, but nobody says whether more comes. */
static void test_read_without_a_mark(void **state) {
    (void)state;
    assert_int_equal(accept(record(STR("{\"op\":\"r\"," AFTER "}")))->snapshot, SNAPSHOT_NONE);
}

static void test_twice(void **state) {
    (void)state;
    static const char *const twice[] = {
        "{" OP "," AFTER "," OP "}",
        "{" OP "," AFTER "," AFTER "}",
        "{" OP "," AFTER "," BEFORE "," BEFORE "}",
        "{" OP "," AFTER "," SOURCE "," SOURCE "}",
        "{" OP "," AFTER ",\"\\u006fp\":\"c\"}",
        "{" OP "," AFTER ",\"source\":{\"ts_us\":1,\"ts_us\":1}}",
        "{" OP ",\"after\":{\"student_id\":7,\"name\":\"n\",\"name\":\"n\"}}",
        "{" OP ",\"after\":{\"student_id\":7,\"name\":\"n\",\"other\":1,\"other\":1}}",
        "{\"schema\":1,\"payload\":{" OP "," AFTER "},\"payload\":{}}",
    };
    for (size_t i = 0; i < sizeof twice / sizeof *twice; i++) {
        refuse(ERR_RECORD, "comes twice", record(str_from(twice[i])));
    }
    /* nobody looks there: jansson alone would refuse */
    (void)accept(record(STR("{" OP "," AFTER ",\"x\":1,\"x\":2}")));
}

static void test_wrapper(void **state) {
    (void)state;
    static const char *const none[] = {
        "{\"schema\":{},\"payload\":{" OP "," AFTER "},\"more\":1}",
        "{\"payload\":{" OP "," AFTER "}}",
        "{\"schema\":{},\"payload\":5}",
        "{\"schema\":{},\"payload\":[]}",
        "{\"schema\":{},\"payload\":{\"schema\":{},\"payload\":{" OP "," AFTER "}}}",
    };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        refuse(ERR_RECORD, "no op", record(str_from(none[i])));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders), cmocka_unit_test(test_forms),
        cmocka_unit_test(test_source), cmocka_unit_test(test_read_without_a_mark),
        cmocka_unit_test(test_twice),  cmocka_unit_test(test_wrapper),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
