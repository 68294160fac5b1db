/* load.h: helpers for tests that load a view from two texts. The place where a caret is expected is
 * marked with @ in one of the texts; @ stands nowhere else in them. */
#ifndef TESTS_UNIT_VIEW_LOAD_H
#define TESTS_UNIT_VIEW_LOAD_H

#include "plan/plan.h"
#include "view/view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define STUDENT_CONTACT                                                                            \
    "CREATE TABLE student (student_id bigserial PRIMARY KEY, name text NOT NULL);\n"               \
    "CREATE TABLE contact (contact_id bigserial PRIMARY KEY, student_id bigint,"                   \
    " contact_number text);\n"                                                                     \
    "ALTER TABLE student REPLICA IDENTITY FULL; ALTER TABLE contact REPLICA IDENTITY FULL;\n"
#define SELECT_LIST                                                                                \
    "CREATE MATERIALIZED VIEW v AS\n"                                                              \
    "SELECT student.student_id, contact.contact_id, name, contact_number\n"

static char load_dir[] = "/tmp/test-view-XXXXXX";

/* Group setup and teardown: the texts are files oltp.sql and view.sql of a folder of their own. */
static inline int load_setup(void **state) {
    (void)state;
    return mkdtemp(load_dir) && chdir(load_dir) == 0 ? 0 : -1;
}

static inline int load_teardown(void **state) {
    (void)state;
    (void)unlink("oltp.sql");
    (void)unlink("view.sql");
    return chdir("/") == 0 && rmdir(load_dir) == 0 ? 0 : -1;
}

/* Writes text without its mark; appends "file:line:column: " and the report's line and caret to
 * place. */
static inline void load_write(const char *file, const char *text, char *prefix, char *shown) {
    FILE *out = fopen(file, "we");
    assert_non_null(out);
    const char *mark = strchr(text, '@');
    for (const char *c = text; *c; c++) {
        if (c != mark) {
            assert_int_not_equal(fputc(*c, out), EOF);
        }
    }
    assert_int_equal(fclose(out), 0);
    if (!mark || !prefix || !shown) {
        return;
    }
    int line = 1, column = 1;
    const char *start = text;
    char margin[300] = ""; /* as wide as what stands before the mark */
    for (const char *c = text; c < mark; c++) {
        if ((*c & 0xc0) == 0x80) {
            continue; /* one character, one column */
        }
        margin[column - 1] = *c == '\t' ? '\t' : ' ';
        margin[column++] = '\0';
        if (*c == '\n') {
            line++;
            column = 1;
            start = c + 1;
            margin[0] = '\0';
        }
    }
    int rest = (int)strcspn(mark + 1, "\n");
    (void)sprintf(prefix, "%s:%d:%d: ", file, line, column);
    (void)sprintf(shown, "%5d | %.*s%.*s\n%6s| %s^\n", line, (int)(mark - start), start, rest,
                  mark + 1, "", margin);
}

static inline struct view_options load_options(void) {
    return (struct view_options){"oltp.sql", "view.sql", "prefix", 8, NULL};
}

/* Loads both texts; the caller destroys the view. */
static inline struct plan *load(const char *oltp, const char *view_sql) {
    load_write("oltp.sql", oltp, NULL, NULL);
    load_write("view.sql", view_sql, NULL, NULL);
    struct view_options options = load_options();
    struct plan *plan = NULL;
    char *report = NULL;
    struct err err;
    if (view_load(&options, &plan, &report, &err) != ERR_NONE) {
        print_error("%s", report);
        free(report);
        fail();
    }
    return plan;
}

static inline void accepted(const char *oltp, const char *view_sql) {
    struct plan *plan = load(oltp, view_sql);
    plan_destroy(&plan);
    assert_null(plan);
}

/* The texts must be refused with this message, at the mark if there is one. */
static inline void refused(const char *oltp, const char *view_sql, const char *message) {
    char prefix[64] = "", shown[1000] = "", want[1200];
    load_write("oltp.sql", oltp, prefix, shown);
    load_write("view.sql", view_sql, prefix, shown);
    (void)snprintf(want, sizeof want, "%s%s", prefix, message);
    struct view_options options = load_options();
    struct plan *plan = NULL;
    char *report = NULL;
    struct err err = {0};
    assert_int_equal(view_load(&options, &plan, &report, &err), ERR_CONFIG);
    assert_null(plan);
    assert_string_equal(err.message, want);
    assert_int_equal(strncmp(report, want, strlen(want)), 0);
    if (shown[0]) {
        assert_int_equal(report[strlen(want)], '\n');
        char at[1000];
        (void)snprintf(at, sizeof at, "%.*s", (int)strlen(shown), report + strlen(want) + 1);
        assert_string_equal(at, shown);
    }
    free(report);
}

#endif
