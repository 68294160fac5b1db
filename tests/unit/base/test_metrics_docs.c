/* The table in docs/operations.md is what metrics_table.c says; UPDATE_DOCS=1 writes it again. */
#include "base/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define DOCUMENT SOURCE_DIR "/docs/operations.md"
#define BEGIN                                                                                      \
    "<!-- Generated from consumer/base/metrics_table.c. test_metrics_docs fails when it is "       \
    "stale; "                                                                                      \
    "with UPDATE_DOCS=1 in its environment it writes the table again. -->\n\n"
#define END "\n<!-- end of the metrics -->\n"

static char *read_document(void) {
    static char text[1 << 18];
    FILE *in = fopen(DOCUMENT, "re");
    assert_non_null(in);
    size_t len = fread(text, 1, sizeof text - 1, in);
    (void)fclose(in);
    assert_true(len < sizeof text - 1);
    text[len] = '\0';
    return text;
}

static void table_is_not_stale(void **state) {
    (void)state;
    char *table = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&table, &len);
    assert_non_null(out);
    metrics_markdown(out);
    assert_int_equal(fclose(out), 0);

    char *document = read_document();
    char *begin = strstr(document, BEGIN);
    assert_non_null(begin);
    begin += sizeof BEGIN - 1;
    char *end = strstr(begin, END);
    assert_non_null(end);
    bool stale = (size_t)(end - begin) != len || memcmp(begin, table, len) != 0;
    if (stale && getenv("UPDATE_DOCS")) {
        FILE *file = fopen(DOCUMENT, "we");
        assert_non_null(file);
        (void)fprintf(file, "%.*s%s%s", (int)(begin - document), document, table, end);
        assert_int_equal(fclose(file), 0);
    } else if (stale) {
        fail_msg("docs/operations.md is stale: run test_metrics_docs with UPDATE_DOCS=1");
    }
    free(table);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(table_is_not_stale)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
