#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Sources, what came of them, and what config_print shows. */
struct fixture {
    char file[64]; /* path of a temporary file; "" until written */
    struct config *config;
    struct err err;
    char *printed;
};

static int setup(void **state) {
    *state = calloc(1, sizeof(struct fixture));
    return *state ? 0 : -1;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    if (f->file[0] != '\0') {
        (void)unlink(f->file);
    }
    config_destroy(&f->config);
    free(f->printed);
    free(f);
    return 0;
}

static const char *write_file(struct fixture *f, const char *text) {
    if (f->file[0] == '\0') {
        (void)strcpy(f->file, "/tmp/test_config_XXXXXX");
        int fd = mkstemp(f->file);
        assert_true(fd >= 0);
        (void)close(fd);
    }
    FILE *out = fopen(f->file, "we");
    assert_non_null(out);
    (void)fputs(text, out);
    assert_int_equal(fclose(out), 0);
    return f->file;
}

static enum err_kind load(struct fixture *f, const char *file, char *const *variables,
                          const char *const *sets, size_t set_count) {
    config_destroy(&f->config);
    memset(&f->err, 0, sizeof f->err);
    const struct config_sources sources = {file, variables, sets, set_count};
    return config_load(&sources, &f->config, &f->err);
}

static const char *print(struct fixture *f) {
    free(f->printed);
    f->printed = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&f->printed, &len);
    assert_non_null(out);
    config_print(f->config, out);
    assert_int_equal(fclose(out), 0);
    return f->printed;
}

static void assert_sets(struct fixture *f, const char *const *sets, size_t count) {
    enum err_kind kind = load(f, NULL, NULL, sets, count);
    if (kind != ERR_NONE) {
        fail_msg("%s", f->err.message);
    }
}

/* One --set that is refused, with this message; nothing is made. */
static void assert_refused(struct fixture *f, const char *set, const char *message) {
    assert_int_equal(load(f, NULL, NULL, &set, 1), ERR_CONFIG);
    assert_int_equal(f->err.kind, ERR_CONFIG);
    assert_string_equal(f->err.message, message);
    assert_null(f->config);
}

static void defaults(void **state) {
    struct fixture *f = *state;
    assert_sets(f, NULL, 0);
    const struct config *c = f->config;
    assert_string_equal(c->schemas_oltp, "schemas/oltp.sql");
    assert_string_equal(c->schemas_view, "schemas");
    assert_string_equal(c->topic_prefix, "oltp");
    assert_string_equal(c->state_dir, "state");
    assert_int_equal(c->topic_partitions, 8);
    assert_int_equal(c->topic_replication_factor, 1);
    assert_int_equal(c->topic_min_compaction_lag_ms, 604800000);
    assert_int_equal(c->log_level, LOG_INFO);
    assert_int_equal(c->batch_max_rows, 2000);
    assert_int_equal(c->sink_sessions, 2);
    assert_int_equal(c->held_max_bytes, 6291456);
    assert_int_equal(c->cache_commit_bytes, 4194304);
    assert_int_equal(c->dead_letter_max, 100);
    assert_int_equal(c->refused_row_max, 1000);
    assert_int_equal(c->conflict_halt_ms, 60000);
    assert_int_equal(c->incomplete_halt_ms, 30000);
    assert_int_equal(c->shutdown_timeout_ms, 2500);
    assert_int_equal(c->kafka.count, 17);
    assert_null(config_pair_get(&c->kafka, "group.id"));
    assert_int_equal(c->olap.count, 12);
    assert_int_equal(c->connector.count, 0);
    assert_string_equal(config_pair_get(&c->kafka, "bootstrap.servers"), "localhost:9092");
    assert_null(config_pair_get(&c->kafka, "client.id"));
    assert_string_equal(config_pair_get(&c->olap, "password"), "pg");
    assert_null(config_pair_get(&c->connector, "slot.name"));
}

static void member_is_host_and_process(void **state) {
    struct fixture *f = *state;
    assert_sets(f, NULL, 0);
    char pid[32];
    (void)snprintf(pid, sizeof pid, "-%d", (int)getpid());
    const char *member = f->config->member;
    assert_true(strlen(member) < sizeof((struct log *)NULL)->member);
    assert_string_equal(strrchr(member, '-'), pid);
    const char *const sets[] = {"member=blue-1"};
    assert_sets(f, sets, 1);
    assert_string_equal(f->config->member, "blue-1");
}

static void later_sources_go_first(void **state) {
    struct fixture *f = *state;
    const char *file = write_file(f, "{\"batch\": {\"max\": {\"rows\": 1}}, \"dead.letter.max\": 1,"
                                     " \"topic.prefix\": \"file\", \"kafka.group.id\": \"file\"}");
    char *const variables[] = {"SYNC_TOPIC_PREFIX=environment", "SYNC_KAFKA_GROUP_ID=environment",
                               "SYNC_DEAD_LETTER_MAX=2", NULL};
    const char *const sets[] = {"kafka.group.id=first", "topic.prefix=set", "kafka.group.id=last"};
    assert_int_equal(load(f, file, variables, sets, COUNT(sets)), ERR_NONE);
    assert_int_equal(f->config->batch_max_rows, 1);
    assert_int_equal(f->config->dead_letter_max, 2);
    assert_string_equal(f->config->topic_prefix, "set");
    assert_string_equal(config_pair_get(&f->config->kafka, "group.id"), "last");
    char line[128];
    (void)snprintf(line, sizeof line, "batch.max.rows = 1  (%s line 1)\n", file);
    assert_non_null(strstr(print(f), line));
    assert_non_null(strstr(f->printed, "topic.prefix = set  (--set)\n"));
    assert_non_null(strstr(f->printed, "state.dir = state  (default)\n"));
    assert_non_null(
        strstr(f->printed, "dead.letter.max = 2  (environment variable SYNC_DEAD_LETTER_MAX)\n"));
}

static void sources_are_copied(void **state) {
    struct fixture *f = *state;
    char set[] = "topic.prefix=abc", variable[] = "SYNC_STATE_DIR=def";
    char *const variables[] = {variable, NULL};
    const char *const sets[] = {set};
    assert_int_equal(load(f, NULL, variables, sets, 1), ERR_NONE);
    memset(set, 'x', sizeof set - 1);
    memset(variable, 'x', sizeof variable - 1);
    assert_string_equal(f->config->topic_prefix, "abc");
    assert_string_equal(f->config->state_dir, "def");
}

static void pass_through_keeps_order_and_drops_empty(void **state) {
    struct fixture *f = *state;
    const char *const sets[] = {"connector.Move.type=x", "kafka.debug=cgrp",
                                "connector.slot.name=s", "kafka.bootstrap.servers=b:1",
                                "kafka.check.crcs=",     "connector.gone=1",
                                "connector.gone=",       "kafka.client.id=me"};
    assert_sets(f, sets, COUNT(sets));
    const struct config_pairs *kafka = &f->config->kafka, *connector = &f->config->connector;
    assert_int_equal(kafka->count, 18);
    assert_string_equal(kafka->items[0].name, "bootstrap.servers");
    assert_string_equal(kafka->items[0].value, "b:1");
    assert_string_equal(kafka->items[1].name, "client.id");
    assert_string_equal(kafka->items[17].name, "debug");
    assert_null(config_pair_get(kafka, "check.crcs"));
    assert_int_equal(connector->count, 2);
    assert_string_equal(connector->items[0].name, "Move.type");
    assert_string_equal(connector->items[1].name, "slot.name");
    assert_null(strstr(print(f), "gone"));
    assert_null(strstr(f->printed, "check.crcs"));
}

static void unknown_settings(void **state) {
    struct fixture *f = *state;
    assert_refused(f, "batch.max.row=hunter2",
                   "unknown setting batch.max.row (--set): did you mean batch.max.rows?");
    assert_refused(f, "quite.different=hunter2",
                   "unknown setting quite.different (--set): --help lists all");
    assert_refused(f, "olap.connect.timeout=5",
                   "unknown setting olap.connect.timeout (--set): did you mean "
                   "olap.connect_timeout?");
    assert_refused(f, "kafka.=5", "unknown setting kafka. (--set): --help lists all");
    assert_refused(f, "kafka=5", "unknown setting kafka (--set): --help lists all");
    assert_refused(f, "kafka.a..b=5", "unknown setting kafka.a..b (--set): --help lists all");
    assert_refused(f, "connector..b=5", "unknown setting connector..b (--set): --help lists all");
    assert_refused(f, "kafka.b.=5", "unknown setting kafka.b. (--set): --help lists all");
    assert_refused(f, "topic.prefix.file=/x",
                   "unknown setting topic.prefix.file (--set): did you mean topic.prefix?");
    char *const variables[] = {"SYNC_OLAP_CONNECT_TIMEOUT=5", NULL};
    assert_int_equal(load(f, NULL, variables, NULL, 0), ERR_CONFIG);
    assert_string_equal(f->err.message,
                        "unknown setting olap.connect.timeout (environment variable "
                        "SYNC_OLAP_CONNECT_TIMEOUT): did you mean olap.connect_timeout "
                        "(SYNC_OLAP_CONNECT__TIMEOUT)?");
    const char *file = write_file(f, "{\n \"log\": {\n  \"levle\": \"debug\"}}");
    assert_int_equal(load(f, file, NULL, NULL, 0), ERR_CONFIG);
    assert_non_null(strstr(f->err.message, " line 3): did you mean log.level?"));
}

static void endless_names_and_values(void **state) {
    struct fixture *f = *state;
    static char set[5000];
    memset(set, 'n', sizeof set - 1);
    (void)memccpy(set, "kafka.", '.', sizeof set);
    set[4000] = '=';
    const char *const sets[] = {set};
    assert_int_equal(load(f, NULL, NULL, sets, 1), ERR_CONFIG);
    assert_non_null(strstr(f->err.message, "unknown setting kafka.nnn"));
    memset(set, 'v', sizeof set - 1);
    (void)memccpy(set, "log.level=", '=', sizeof set);
    assert_int_equal(load(f, NULL, NULL, sets, 1), ERR_CONFIG);
    assert_non_null(strstr(f->err.message, "must be one of debug, info, warn, error"));
}

static void values_out_of_range(void **state) {
    struct fixture *f = *state;
    assert_refused(f, "batch.max.rows=0",
                   "batch.max.rows = 0 (--set): must be an integer from 1 to 20000 (rows)");
    assert_refused(f, "topic.partitions=10001",
                   "topic.partitions = 10001 (--set): must be an integer from 1 to 10000 "
                   "(partitions)");
    assert_refused(f, "log.level=loud",
                   "log.level = loud (--set): must be one of debug, info, warn, error");
    assert_refused(f, "topic.prefix=a b",
                   "topic.prefix = \"a b\" (--set): must be 1 to 200 of letters, digits and . _ -");
    assert_refused(f, "state.dir=", "state.dir = \"\" (--set): must be text of 1 to 3800 bytes");
    assert_refused(f, "kafka.group.id=a\nb",
                   "kafka.group.id = \"a\\nb\" (--set): a value is UTF-8 without control "
                   "characters");
    /* also where a later source would have overruled it */
    char *const variables[] = {"SYNC_BATCH_MAX_ROWS=many", NULL};
    const char *const sets[] = {"batch.max.rows=5"};
    assert_int_equal(load(f, NULL, variables, sets, 1), ERR_CONFIG);
    assert_non_null(strstr(f->err.message, "SYNC_BATCH_MAX_ROWS"));
}

static void fixed_names(void **state) {
    struct fixture *f = *state;
    static const char *const names[] = {"kafka.enable.auto.commit",
                                        "kafka.enable.auto.offset.store",
                                        "kafka.auto.offset.reset",
                                        "kafka.enable.partition.eof",
                                        "kafka.partition.assignment.strategy",
                                        "kafka.group.protocol",
                                        "kafka.allow.auto.create.topics",
                                        "kafka.auto.commit.enable"};
    for (size_t i = 0; i < COUNT(names); i++) {
        char set[80], start[100];
        (void)snprintf(set, sizeof set, "%s=false", names[i]);
        (void)snprintf(start, sizeof start, "%s (--set): can't be set: ", names[i]);
        const char *const sets[] = {set};
        assert_int_equal(load(f, NULL, NULL, sets, 1), ERR_CONFIG);
        assert_memory_equal(f->err.message, start, strlen(start));
        assert_true(strlen(f->err.message) > strlen(start) + 20);
    }
    assert_refused(f, "connector.time.precision.mode=connect",
                   "connector.time.precision.mode (--set): can't be set: the decoder expects "
                   "values in one form; in another they would be wrong and look right");
    assert_refused(f, "connector.snapshot.mode=no_data",
                   "connector.snapshot.mode (--set): can only be initial or always or "
                   "when_needed: the initial copy must hold every row of every table");
    char *const variables[] = {"SYNC_CONNECTOR_VALUE_CONVERTER_REPLACE_NULL_WITH_DEFAULT=true",
                               NULL};
    assert_int_equal(load(f, NULL, variables, NULL, 0), ERR_CONFIG);
    assert_non_null(strstr(f->err.message, "can't be set: "));
}

static void broken_sources_stop_the_load(void **state) {
    struct fixture *f = *state;
    assert_int_equal(load(f, "/nonexistent/c.json", NULL, NULL, 0), ERR_CONFIG);
    assert_int_equal(load(f, write_file(f, "{"), NULL, NULL, 0), ERR_CONFIG);
    char *const variables[] = {"SYNC_=1", NULL};
    assert_int_equal(load(f, NULL, variables, NULL, 0), ERR_CONFIG);
    assert_null(f->config);
    struct config *none = NULL;
    config_destroy(&none);
    config_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(defaults, setup, teardown),
        cmocka_unit_test_setup_teardown(member_is_host_and_process, setup, teardown),
        cmocka_unit_test_setup_teardown(later_sources_go_first, setup, teardown),
        cmocka_unit_test_setup_teardown(sources_are_copied, setup, teardown),
        cmocka_unit_test_setup_teardown(pass_through_keeps_order_and_drops_empty, setup, teardown),
        cmocka_unit_test_setup_teardown(unknown_settings, setup, teardown),
        cmocka_unit_test_setup_teardown(endless_names_and_values, setup, teardown),
        cmocka_unit_test_setup_teardown(values_out_of_range, setup, teardown),
        cmocka_unit_test_setup_teardown(fixed_names, setup, teardown),
        cmocka_unit_test_setup_teardown(broken_sources_stop_the_load, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
