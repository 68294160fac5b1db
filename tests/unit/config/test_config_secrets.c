/* A secret is used, and never shown: not by config_print, not in any error. */
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define SECRET       "hunter2"

static char secret_path[] = "/tmp/test_config_secrets_XXXXXX";

static int make_file(void **state) {
    (void)state;
    int fd = mkstemp(secret_path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state) {
    (void)state;
    return unlink(secret_path);
}

static void fill_file(const char *bytes, size_t len) {
    FILE *out = fopen(secret_path, "we");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, len, out), len);
    assert_int_equal(fclose(out), 0);
}

/* "NAME=PATH of the secret's file" */
static const char *file_set(const char *name) {
    static char set[200];
    (void)snprintf(set, sizeof set, "%s=%s", name, secret_path);
    return set;
}

static struct config *load(const char *const *sets, size_t count, struct err *err) {
    struct config *config = NULL;
    const struct config_sources sources = {NULL, NULL, sets, count};
    enum err_kind kind = config_load(&sources, &config, err);
    assert_true(kind == ERR_NONE || kind == ERR_CONFIG);
    assert_int_equal(kind == ERR_NONE, config != NULL);
    return config;
}

static void assert_print(const struct config *config, const char *expected) {
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    config_print(config, out);
    assert_int_equal(fclose(out), 0);
    assert_non_null(strstr(text, expected));
    assert_null(strstr(text, SECRET));
    free(text);
}

/* libpq would take it for the name of a database, and the log would show its password. */
static void connection_strings_are_refused(void **state) {
    (void)state;
    static const char *const values[] = {
        "olap.dbname=postgresql://u:" SECRET "@h/d", "olap.host=postgres://u:" SECRET "@h/d",
        "olap.dbname=host=h password=" SECRET, "oltp.dbname=postgresql://u:" SECRET "@h/d"};
    for (size_t i = 0; i < COUNT(values); i++) {
        struct err err = {0};
        assert_null(load(&values[i], 1, &err));
        assert_int_equal(err.kind, ERR_CONFIG);
        assert_null(strstr(err.message, SECRET));
        assert_non_null(strstr(err.message, "connection string"));
    }
}

static void secrets_are_marked_and_masked(void **state) {
    (void)state;
    const char *const sets[] = {"olap.password=" SECRET, "kafka.sasl.password=" SECRET,
                                "connector.database.password=" SECRET,
                                "olap.service=http://u:" SECRET "@h"};
    struct config *config = load(sets, COUNT(sets), NULL);
    if (!config) {
        fail();
        return;
    }
    assert_string_equal(config_pair_get(&config->olap, "password"), SECRET);
    assert_string_equal(config_pair_get(&config->kafka, "sasl.password"), SECRET);
    const struct config_pairs *all[] = {&config->olap, &config->kafka, &config->connector};
    size_t secrets = 0;
    for (size_t i = 0; i < COUNT(all); i++) {
        for (size_t j = 0; j < all[i]->count; j++) {
            const struct config_pair *pair = &all[i]->items[j];
            assert_int_equal(pair->secret, strstr(pair->value, SECRET) != NULL);
            secrets += pair->secret;
        }
    }
    assert_int_equal(secrets, 4);
    assert_print(config, "olap.password = ***  (--set)\n");
    assert_print(config, "olap.service = ***  (--set)\n");
    config_destroy(&config);
}

static void secret_from_file(void **state) {
    (void)state;
    static const char *const contents[] = {SECRET, SECRET "\n", SECRET "\r\nsecond line\n",
                                           SECRET "\n\n\x01"};
    for (size_t i = 0; i < COUNT(contents); i++) {
        fill_file(contents[i], strlen(contents[i]));
        const char *const sets[] = {file_set("olap.password.file")};
        struct config *config = load(sets, 1, NULL);
        assert_non_null(config);
        assert_string_equal(config_pair_get(&config->olap, "password"), SECRET);
        assert_null(config_pair_get(&config->olap, "password.file"));
        char line[128];
        (void)snprintf(line, sizeof line, "olap.password = ***  (file %s)\n", secret_path);
        assert_print(config, line);
        config_destroy(&config);
    }
}

static void pass_through_secret_from_file(void **state) {
    (void)state;
    fill_file(SECRET, strlen(SECRET));
    char variable[200];
    (void)snprintf(variable, sizeof variable, "SYNC_KAFKA_SASL_PASSWORD_FILE=%s", secret_path);
    char *const variables[] = {variable, NULL};
    const struct config_sources sources = {.environ = variables};
    struct config *config = NULL;
    assert_int_equal(config_load(&sources, &config, NULL), ERR_NONE);
    const struct config_pair *last = &config->kafka.items[config->kafka.count - 1];
    assert_string_equal(last->name, "sasl.password");
    assert_string_equal(last->value, SECRET);
    assert_true(last->secret);
    assert_print(config, "kafka.sasl.password = ***");
    config_destroy(&config);
}

static void removed_file_is_not_read(void **state) {
    (void)state;
    const char *const sets[] = {"olap.password.file=/nonexistent", "olap.password.file="};
    struct config *config = load(sets, COUNT(sets), NULL);
    assert_non_null(config);
    assert_string_equal(config_pair_get(&config->olap, "password"), "pg");
    config_destroy(&config);
}

static void both_ways_are_refused(void **state) {
    (void)state;
    fill_file(SECRET, strlen(SECRET));
    struct err err;
    const char *const sets[] = {"olap.password=" SECRET, file_set("olap.password.file")};
    assert_null(load(sets, COUNT(sets), &err));
    assert_non_null(strstr(err.message, "olap.password is given too (--set); one of them must go"));
    assert_null(strstr(err.message, SECRET));
    const char *const taken_back[] = {"olap.password=" SECRET,
                                      "olap.password=", file_set("olap.password.file")};
    struct config *config = load(taken_back, COUNT(taken_back), &err);
    assert_non_null(config);
    assert_string_equal(config_pair_get(&config->olap, "password"), SECRET);
    config_destroy(&config);
}

static void bad_files_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        const char *what;
    } cases[] = {
        {"", 0, "the file's first line is empty"},
        {"\n" SECRET, 8, "the file's first line is empty"},
        {"\0" SECRET, 8, "the file's first line is empty"},
        {SECRET "\0x", 9, "the file's first line has a NUL"},
        {SECRET "\x1b", 8, "not UTF-8 without control characters"},
        {SECRET "\xff", 8, "not UTF-8 without control characters"},
    };
    struct err err;
    for (size_t i = 0; i < COUNT(cases); i++) {
        fill_file(cases[i].bytes, cases[i].len);
        const char *const sets[] = {file_set("olap.password.file")};
        assert_null(load(sets, 1, &err));
        assert_non_null(strstr(err.message, cases[i].what));
        assert_non_null(strstr(err.message, secret_path));
        assert_null(strstr(err.message, SECRET));
    }
    static char endless[70000];
    memset(endless, 's', sizeof endless);
    fill_file(endless, sizeof endless);
    const char *const sets[] = {file_set("olap.password.file")};
    assert_null(load(sets, 1, &err));
    assert_non_null(strstr(err.message, "too long"));
    const char *const missing[] = {"olap.password.file=/nonexistent/x"};
    assert_null(load(missing, 1, &err));
    assert_string_equal(err.message,
                        "olap.password.file = /nonexistent/x (--set): No such file or directory");
    const char *const folder[] = {"olap.password.file=/"};
    assert_null(load(folder, 1, &err));
    assert_string_equal(err.message, "olap.password.file = / (--set): Is a directory");
}

static void errors_hide_secrets(void **state) {
    (void)state;
    static const char *const bad[] = {
        "olap.password=" SECRET "\n",
        "kafka.sasl.password=\xff" SECRET,
        "olap.pasword.file.x=" SECRET,
        "topic.prefix=http://u:" SECRET "@h",
        "unknown=" SECRET,
        SECRET,
        "=" SECRET,
    };
    struct err err;
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_null(load(&bad[i], 1, &err));
        assert_null(strstr(err.message, SECRET));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_marked_and_masked),
        cmocka_unit_test(connection_strings_are_refused),
        cmocka_unit_test(secret_from_file),
        cmocka_unit_test(pass_through_secret_from_file),
        cmocka_unit_test(removed_file_is_not_read),
        cmocka_unit_test(both_ways_are_refused),
        cmocka_unit_test(bad_files_are_refused),
        cmocka_unit_test(errors_hide_secrets),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
