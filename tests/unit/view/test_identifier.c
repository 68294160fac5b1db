/* Identifiers: quoted where SQL needs it; the nearest name. */
#include "view/identifier.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void quotes(const char *name, const char *want) {
    char text[IDENTIFIER_TEXT_MAX];
    assert_string_equal(identifier_text(text, str_from(name)), want);
}

static void test_quoting(void **state) {
    (void)state;
    quotes("student_id", "student_id");
    quotes("_a1", "_a1");
    quotes("name", "name"); /* a key word, but a name all the same */
    quotes("values", "values");
    quotes("1a", "\"1a\"");
    quotes("Student", "\"Student\"");
    quotes("a b", "\"a b\"");
    quotes("a.b", "\"a.b\"");
    quotes("a\"b", "\"a\"\"b\"");
    quotes("", "\"\"");
    quotes("\xc3\xa9", "\"\xc3\xa9\"");
    quotes("a$", "\"a$\"");
    quotes("user", "\"user\"");
    quotes("select", "\"select\"");
    quotes("order", "\"order\"");
    quotes("left", "\"left\"");
    quotes("system_user", "\"system_user\"");
    quotes("a23456789012345678901234567890123456789012345678901234567890123",
           "a23456789012345678901234567890123456789012345678901234567890123");
}

static struct str nearest_of(const char *name, const char *const *candidates) {
    struct nearest nearest = {.name = str_from(name)};
    for (; *candidates; candidates++) {
        nearest_try(&nearest, str_from(*candidates));
    }
    return nearest_found(&nearest);
}

static void test_nearest(void **state) {
    (void)state;
    static const char *const names[] = {"student_id", "name", "Contact", NULL};
    assert_true(str_is(nearest_of("studentid", names), "student_id"));
    assert_true(str_is(nearest_of("nam", names), "name"));
    assert_true(str_is(nearest_of("contact", names), "Contact"));
    assert_null(nearest_of("zzz", names).ptr);
    assert_null(nearest_of("", (const char *const[]){NULL}).ptr);
    assert_null(nearest_of("x", (const char *const[]){NULL}).ptr);
}

static void test_folded(void **state) {
    (void)state;
    assert_true(identifier_same_folded(STR("Id"), STR("iD")));
    assert_false(identifier_same_folded(STR("id"), STR("ids")));
    assert_false(identifier_same_folded(STR("\xc3\xa9"), STR("\xc3\x89")));
    assert_true(identifier_same_folded(STR(""), STR("")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quoting),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_folded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
