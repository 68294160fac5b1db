#include "config/sources.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct arena arena;
    struct config_entries entries;
    struct err err;
};

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->entries.arena = &f->arena;
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    arena_clear(&f->arena);
    free(f);
    return 0;
}

static enum err_kind load(struct fixture *f, const char *json) {
    return config_entries_json(&f->entries, str_from(json), "c.json", &f->err);
}

static void assert_entry(const struct config_entry *entry, const char *name, const char *value,
                         const char *origin) {
    assert_non_null(entry);
    assert_string_equal(entry->name, name);
    assert_string_equal(entry->value, value);
    assert_string_equal(entry->origin, origin);
}

static void nested_and_flat_names(void **state) {
    struct fixture *f = *state;
    assert_int_equal(load(f, "{\"log.level\": \"debug\",\n"
                             " \"kafka\": {\"group\": {\"id\": \"g\"},\n"
                             "   \"group.x\\u002ey\": 7,\n"
                             "   \"empty\": {}},\n"
                             " \"connector\"\n:\n{\"a\":true, \"b\": false}, \"c\": -1}"),
                     ERR_NONE);
    const struct config_entry *e = f->entries.first;
    assert_entry(e, "log.level", "debug", "c.json line 1");
    assert_entry(e = e->next, "kafka.group.id", "g", "c.json line 2");
    assert_entry(e = e->next, "kafka.group.x.y", "7", "c.json line 3");
    assert_entry(e = e->next, "connector.a", "true", "c.json line 7");
    assert_entry(e = e->next, "connector.b", "false", "c.json line 7");
    assert_entry(e = e->next, "c", "-1", "c.json line 7");
    assert_null(e->next);
    assert_int_equal(f->entries.count, 6);
}

/* Lines rely on jansson handing keys out as they stand in the text. */
static void every_key_has_its_line(void **state) {
    struct fixture *f = *state;
    static char json[65536];
    size_t len = 0;
    for (int i = 0; i < 500; i++) {
        len += (size_t)snprintf(json + len, sizeof json - len,
                                "%c\n\"k%d\\\"\\\\\": {\"v\": \"x\\\":{\\\\\"}", i ? ',' : '{',
                                (i * 7919) % 500);
    }
    (void)snprintf(json + len, sizeof json - len, "}");
    assert_int_equal(load(f, json), ERR_NONE);
    int i = 0;
    for (const struct config_entry *e = f->entries.first; e; e = e->next, i++) {
        char name[32], origin[32];
        (void)snprintf(name, sizeof name, "k%d\"\\.v", (i * 7919) % 500);
        (void)snprintf(origin, sizeof origin, "c.json line %d", i + 2);
        assert_entry(e, name, "x\":{\\", origin);
    }
    assert_int_equal(i, 500);
}

static void assert_refused(struct fixture *f, const char *json, const char *message) {
    assert_int_equal(load(f, json), ERR_CONFIG);
    assert_int_equal(f->err.kind, ERR_CONFIG);
    assert_string_equal(f->err.message, message);
}

static void values_are_scalars(void **state) {
    struct fixture *f = *state;
    const char *what = "a (c.json line 2): a value is a string, an integer, true or false";
    assert_refused(f, "{\n\"a\": null}", what);
    assert_refused(f, "{\n\"a\": [\"x\"]}", what);
    assert_refused(f, "{\n\"a\": 1.5}", what);
    assert_refused(f, "[]", "c.json: not a JSON object of settings");
}

static void names_are_given_once_and_can_be_shown(void **state) {
    struct fixture *f = *state;
    assert_refused(f, "{\"a\": {\"b\": 1},\n\"a.b\": 2}",
                   "a.b (c.json line 2): given twice in this file");
    assert_refused(f, "{\"x y\": 1}",
                   "c.json line 1: a name holds printable characters, and no blanks");
    assert_refused(f, "{\"x\\n\": 1}",
                   "c.json line 1: a name holds printable characters, and no blanks");
    assert_refused(f, "{\"\": 1}",
                   "c.json line 1: a name holds printable characters, and no blanks");
    assert_int_equal(load(f, "{\"a.b\": 3}"), ERR_NONE); /* another source may say it again */
}

static void broken_json_is_refused_without_showing_it(void **state) {
    struct fixture *f = *state;
    static const char *const broken[] = {
        "",
        "{",
        "hunter2",
        "{\"olap.password\" \"hunter2\"}",
        "{\"olap.password\": hunter2}",
        "{\"olap.password\": \"hunter2}",
        "{\"olap.password\": \"hunter2\" \"x\"}",
        "{\"olap.password\": \"hunter2\"} hunter2",
        "{\"hunter2\": 1, \"hunter2\": 2}",
        "{\"a\": \"hunter2\\u0000\"}",
        "{\"a\": \"\\udead hunter2\"}",
        "{\"a\": \"hunter2\xff\"}",
        "{\"a\": 99999999999999999999}",
        "{\"hunter2\": 1e999}",
    };
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        assert_int_equal(load(f, broken[i]), ERR_CONFIG);
        assert_non_null(strstr(f->err.message, "c.json line "));
        assert_non_null(strstr(f->err.message, ": not JSON: "));
        assert_null(strstr(f->err.message, "hunter2"));
        assert_null(strstr(f->err.message, "dead"));
    }
    assert_int_equal(f->entries.count, 0);
    assert_int_equal(config_entries_json(&f->entries, STR("{\"a\":1}\0"), "c.json", &f->err),
                     ERR_CONFIG);
}

/* open, close repeated around a middle */
static void nest(char *out, size_t depth, const char *open, const char *middle, char close) {
    out[0] = '\0';
    for (size_t i = 0; i < depth; i++) {
        out = stpcpy(out, open);
    }
    out = stpcpy(out, middle);
    memset(out, close, depth);
    out[depth] = '\0';
}

static void depth_has_a_limit(void **state) {
    struct fixture *f = *state;
    static char json[4000000];
    nest(json, 16, "{\"a\":", "1", '}');
    assert_int_equal(load(f, json), ERR_NONE);
    assert_string_equal(f->entries.first->name, "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a");
    nest(json, 17, "{\"a\":", "1", '}');
    assert_refused(f, json, "c.json: objects more than 16 deep");
    nest(json, 500000, "{\"a\":", "1", '}');
    assert_int_equal(load(f, json), ERR_CONFIG);
    nest(json, 500000, "[", "", ']');
    assert_int_equal(load(f, json), ERR_CONFIG);
}

static void names_and_numbers_have_limits(void **state) {
    struct fixture *f = *state;
    static char json[65536], name[300];
    memset(name, 'n', 254);
    (void)snprintf(json, sizeof json, "{\"%s\": 1}", name);
    assert_int_equal(load(f, json), ERR_NONE);
    (void)snprintf(json, sizeof json, "{\"%s\": {\"n\": 1}}", name);
    assert_refused(f, json, "c.json line 1: a name of more than 255 bytes");
    memset(name, 'n', 299);
    (void)snprintf(json, sizeof json, "{\"%s\": 1}", name);
    assert_refused(f, json, "c.json line 1: a name of more than 255 bytes");
    size_t len = 0;
    for (int i = 0; i < 1001; i++) {
        len += (size_t)snprintf(json + len, sizeof json - len, "%c\"a%d\":1", i ? ',' : '{', i);
    }
    (void)snprintf(json + len, sizeof json - len, "}");
    assert_refused(f, json, "c.json: more than 1000 settings");
}

static void files(void **state) {
    struct fixture *f = *state;
    char path[] = "/tmp/test_sources_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "{\"a\": 1}", 8), 8);
    assert_int_equal(config_entries_file(&f->entries, path, &f->err), ERR_NONE);
    assert_string_equal(f->entries.first->value, "1");
    assert_int_equal(ftruncate(fd, (1 << 20) + 1), 0);
    assert_int_equal(config_entries_file(&f->entries, path, &f->err), ERR_CONFIG);
    assert_non_null(strstr(f->err.message, ": more than 1048576 bytes"));
    (void)close(fd);
    (void)unlink(path);
    assert_int_equal(config_entries_file(&f->entries, path, &f->err), ERR_CONFIG);
    assert_non_null(strstr(f->err.message, ": No such file or directory"));
    assert_int_equal(config_entries_file(&f->entries, "/", &f->err), ERR_CONFIG);
    assert_string_equal(f->err.message, "--config /: Is a directory");
}

static void environment(void **state) {
    struct fixture *f = *state;
    char *variables[] = {
        "PATH=/bin", "SYNC", "SYNCED=1", "SYNC_LOG_LEVEL=debug", "SYNC_OLAP_CONNECT__TIMEOUT=a=b",
        "SYNC_X=",   NULL};
    assert_int_equal(config_entries_environ(&f->entries, variables, &f->err), ERR_NONE);
    const struct config_entry *e = f->entries.first;
    assert_entry(e, "log.level", "debug", "environment variable SYNC_LOG_LEVEL");
    assert_string_equal(e->variable, "SYNC_LOG_LEVEL");
    assert_entry(e = e->next, "olap.connect_timeout", "a=b",
                 "environment variable SYNC_OLAP_CONNECT__TIMEOUT");
    assert_entry(e = e->next, "x", "", "environment variable SYNC_X");
    assert_null(e->next);
}

static void environment_names_that_are_none(void **state) {
    struct fixture *f = *state;
    static char endless[3000] = "SYNC_";
    memset(endless + 5, 'a', sizeof endless - 7);
    endless[sizeof endless - 2] = '=';
    char *const bad[] = {"SYNC_=hunter2", "SYNC_log_level=hunter2", "SYNC_A B=hunter2",
                         "SYNC_\n=hunter2", endless};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char *const variables[] = {bad[i], NULL};
        assert_int_equal(config_entries_environ(&f->entries, variables, &f->err), ERR_CONFIG);
        assert_non_null(strstr(f->err.message, "SYNC_"));
        assert_null(strchr(f->err.message, '\n'));
        assert_null(strstr(f->err.message, "hunter2"));
    }
    static char *many[1002];
    for (int i = 0; i < 1001; i++) {
        many[i] = "SYNC_A=1";
    }
    assert_int_equal(config_entries_environ(&f->entries, many, &f->err), ERR_CONFIG);
    assert_string_equal(f->err.message, "more than 1000 environment variables SYNC_*");
}

static void sets(void **state) {
    struct fixture *f = *state;
    const char *const good[] = {"log.level=debug", "a=b=c", "a="};
    assert_int_equal(config_entries_sets(&f->entries, good, 3, &f->err), ERR_NONE);
    const struct config_entry *e = f->entries.first;
    assert_entry(e, "log.level", "debug", "--set");
    assert_entry(e = e->next, "a", "b=c", "--set");
    assert_entry(e->next, "a", "", "--set");
    const char *const bad[] = {"", "hunter2", "=hunter2", "a b=hunter2", "\n=hunter2"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *const two[] = {"a=b", bad[i]};
        assert_int_equal(config_entries_sets(&f->entries, two, 2, &f->err), ERR_CONFIG);
        assert_string_equal(f->err.message,
                            "--set number 2: expected name=value, as in --set log.level=debug");
    }
    assert_int_equal(config_entries_sets(&f->entries, good, 1001, &f->err), ERR_CONFIG);
    assert_int_equal(config_entries_sets(&f->entries, NULL, 0, &f->err), ERR_NONE);
}

/* Whatever bytes come: an answer, no crash, and entries only of sound names. */
static void damaged_json_is_survived(void **state) {
    struct fixture *f = *state;
    static const char sound[] = "{\"log\": {\"level\": \"de\\u00e9\\\"bug\"}, \"kafka\":\n"
                                "{\"group.id\": \"g\", \"x\": {\"y\": [1, {\"z\": null}]}},\n"
                                "\"n\": -12, \"t\": true}";
    static const char bytes[] = "\"\\{}[]:,\n u0\xc3\xff";
    uint64_t random = 20261122;
    for (int round = 0; round < 20000; round++) {
        char text[sizeof sound];
        memcpy(text, sound, sizeof sound);
        for (int i = 0; i < 1 + round % 3; i++) {
            random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            text[(random >> 33) % (sizeof sound - 1)] = bytes[(random >> 13) % (sizeof bytes - 1)];
        }
        size_t len = (random >> 40) % 4 ? sizeof sound - 1 : (random >> 20) % sizeof sound;
        struct config_entries entries = {.arena = &f->arena};
        enum err_kind kind =
            config_entries_json(&entries, (struct str){text, len}, "c.json", &f->err);
        assert_true(kind == ERR_NONE || kind == ERR_CONFIG);
        for (const struct config_entry *e = entries.first; e; e = e->next) {
            assert_null(strpbrk(e->name, " \n"));
        }
        arena_reset(&f->arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nested_and_flat_names, setup, teardown),
        cmocka_unit_test_setup_teardown(every_key_has_its_line, setup, teardown),
        cmocka_unit_test_setup_teardown(values_are_scalars, setup, teardown),
        cmocka_unit_test_setup_teardown(names_are_given_once_and_can_be_shown, setup, teardown),
        cmocka_unit_test_setup_teardown(broken_json_is_refused_without_showing_it, setup, teardown),
        cmocka_unit_test_setup_teardown(depth_has_a_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(names_and_numbers_have_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(files, setup, teardown),
        cmocka_unit_test_setup_teardown(environment, setup, teardown),
        cmocka_unit_test_setup_teardown(environment_names_that_are_none, setup, teardown),
        cmocka_unit_test_setup_teardown(sets, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_json_is_survived, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
