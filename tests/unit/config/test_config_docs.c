/* docs/configuration.md is what the table says; UPDATE_DOCS=1 writes it again. */
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DOCUMENT SOURCE_DIR "/docs/configuration.md"

static char *written_by(void (*write)(FILE *)) {
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    write(out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void document_is_not_stale(void **state) {
    (void)state;
    char *expected = written_by(config_markdown);
    if (getenv("UPDATE_DOCS")) {
        FILE *out = fopen(DOCUMENT, "we");
        assert_non_null(out);
        assert_true(fputs(expected, out) >= 0);
        assert_int_equal(fclose(out), 0);
    }
    static char committed[1 << 16];
    FILE *in = fopen(DOCUMENT, "re");
    assert_non_null(in);
    size_t len = fread(committed, 1, sizeof committed - 1, in);
    (void)fclose(in);
    committed[len] = '\0';
    if (strcmp(committed, expected) != 0) {
        fail_msg("docs/configuration.md is stale: run test_config_docs with UPDATE_DOCS=1");
    }
    free(expected);
}

static void help_and_document_hold_every_setting_and_no_secret(void **state) {
    (void)state;
    static const char *const some[] = {"schemas.oltp",
                                       "shutdown.timeout.ms",
                                       "kafka.isolation.level",
                                       "olap.target_session_attrs",
                                       "kafka.allow.auto.create.topics",
                                       "connector.NAME"};
    char *texts[] = {written_by(config_help), written_by(config_markdown)};
    for (size_t i = 0; i < 2; i++) {
        for (size_t j = 0; j < sizeof some / sizeof some[0]; j++) {
            assert_non_null(strstr(texts[i], some[j]));
        }
        assert_non_null(strstr(texts[i], "***"));
        free(texts[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(document_is_not_stale),
        cmocka_unit_test(help_and_document_hold_every_setting_and_no_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
