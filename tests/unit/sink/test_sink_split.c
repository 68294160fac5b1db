/* A text of several statements is cut where these end. */
#include "sink/split.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void expect(const char *sql, const char *const *statements) {
    struct str rest = str_from(sql);
    for (; *statements; statements++) {
        struct str got = statement_next(&rest);
        if (!got.ptr || !str_is(got, *statements)) {
            fail_msg("%s: " STR_FMT, sql, STR_ARG(got));
        }
    }
    assert_null(statement_next(&rest).ptr);
    assert_null(statement_next(&rest).ptr);
}

#define EXPECT(sql, ...) expect(sql, (const char *const[]){__VA_ARGS__, NULL})

static void test_several(void **state) {
    (void)state;
    EXPECT("", NULL);
    EXPECT(" ;; \n;", NULL);
    EXPECT("a", "a");
    EXPECT("a;", "a");
    EXPECT(" a b ;\n c;d ", "a b", "c", "d");
}

static void test_what_is_quoted(void **state) {
    (void)state;
    EXPECT("a ';' b;c", "a ';' b", "c");
    EXPECT("'it''s;' ;c", "'it''s;'", "c");
    EXPECT("'\\';c", "'\\'", "c"); /* no escape, in a plain string */
    EXPECT("E'\\';' ;c", "E'\\';'", "c");
    EXPECT("some'\\';c", "some'\\'", "c");
    EXPECT("\"a;b\"\"c;\" ;d", "\"a;b\"\"c;\"", "d");
    EXPECT("\"it's;\" ;d", "\"it's;\"", "d");
    EXPECT("$$a;b$$ ;c", "$$a;b$$", "c");
    EXPECT("$q$a;$$;b$q$ ;c", "$q$a;$$;b$q$", "c");
    EXPECT("f($1;$2) ;c", "f($1", "$2)", "c");
    EXPECT("a$b;c$b", "a$b", "c$b");
    EXPECT("a -- ; b'\n;c", "a -- ; b'", "c");
    EXPECT("a /* ; /* ; */ ' */ ;c", "a /* ; /* ; */ ' */", "c");
}

static void test_what_is_not_ended(void **state) {
    (void)state;
    EXPECT("'a;", "'a;");
    EXPECT("E'a;\\", "E'a;\\");
    EXPECT("$$a;", "$$a;");
    EXPECT("$", "$");
    EXPECT("/*", "/*");
    EXPECT("-- a;", "-- a;");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_several),
        cmocka_unit_test(test_what_is_quoted),
        cmocka_unit_test(test_what_is_not_ended),
    };
    return cmocka_run_group_tests_name("sink_split", tests, NULL, NULL);
}
