#include "config/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static struct arena arena;

static int clear(void **state) {
    (void)state;
    arena_clear(&arena);
    return 0;
}

static void table_is_sound(void **state) {
    (void)state;
    for (const struct config_setting *s = config_settings; s->name; s++) {
        assert_ptr_equal(config_setting_find(s->name), s); /* no name twice */
        assert_non_null(s->help);
        assert_null(strpbrk(s->help, "|\n")); /* a cell of a Markdown table */
        assert_int_equal(s->type == CONFIG_PASSED, config_group_find(s->name) != NULL);
        assert_int_equal(s->type == CONFIG_CHOICE, s->choices != NULL);
        assert_true(s->min <= s->max);
        assert_null(config_fixed_find(s->name, "x"));
        assert_int_equal(config_file_base(s->name).len, 0);
    }
    for (const struct config_fixed *f = config_fixed; f->name; f++) {
        assert_non_null(config_group_find(f->name));
        assert_null(strpbrk(f->reason, "|\n"));
        assert_ptr_equal(config_fixed_find(f->name, "x"), f); /* no other row hides it */
    }
    assert_null(config_setting_find("olap"));
    assert_null(config_group_find("kafka"));
    assert_string_equal(config_group_find("kafka.")->prefix, "kafka.");
}

static void fixed_names_and_values(void **state) {
    (void)state;
    static const char *const refused[][2] = {
        {"connector.decimal.handling.mode", "string"},
        {"connector.decimal.handling.mode", ""},
        {"connector.value.converter.replace.null.with.default", "true"},
        {"connector.column.mask.with.5.chars", "a.b"},
        {"connector.column.truncate.to.5.chars", "a.b"},
        {"connector.transforms.route.type", "x"},
        {"connector.snapshot.select.statement.overrides.public.student", "SELECT 1"},
        {"connector.snapshot.mode", "no_data"},
        {"connector.snapshot.mode", ""},
        {"connector.publication.autocreate.mode", "no_tables"},
        {"connector.offset.mismatch.strategy", "trust_slot"},
        {"connector.internal.log.position.check.enable", "false"},
    };
    static const char *const allowed[][2] = {
        {"connector.snapshot.mode", "when_needed"},
        {"connector.snapshot.mode", "INITIAL"},
        {"connector.publication.autocreate.mode", "disabled"},
        {"connector.offset.mismatch.strategy", "trust_offset"},
        {"connector.slot.name", "s"},
        {"connector.transform", "x"},
        {"connector.producer.override.linger.ms", "5"},
        {"connector.column.propagate.source.type", ".*"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        assert_non_null(config_fixed_find(refused[i][0], refused[i][1]));
    }
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
        assert_null(config_fixed_find(allowed[i][0], allowed[i][1]));
    }
}

static void environment_names_go_both_ways(void **state) {
    (void)state;
    assert_string_equal(config_env_name(&arena, "topic.prefix"), "SYNC_TOPIC_PREFIX");
    assert_string_equal(config_env_name(&arena, "olap.connect_timeout"),
                        "SYNC_OLAP_CONNECT__TIMEOUT");
    for (const struct config_setting *s = config_settings; s->name; s++) {
        const char *variable = config_env_name(&arena, s->name);
        struct str tail = str_from(variable + strlen(CONFIG_ENV_PREFIX));
        assert_string_equal(config_env_setting(&arena, tail), s->name);
    }
    assert_null(config_env_setting(&arena, STR("")));
    assert_null(config_env_setting(&arena, STR("log_LEVEL")));
    assert_string_equal(config_env_setting(&arena, STR("_")), ".");
    assert_string_equal(config_env_setting(&arena, STR("A___B")), "a_.b");
}

static void nearest_name(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"batch.max.row", "batch.max.rows"},
        {"batch_max_rows", "batch.max.rows"},
        {"Log.Level", "log.level"},
        {"topic.partition", "topic.partitions"},
        {"kafak.bootstrap.servers", "kafka.bootstrap.servers"},
        {"kafak.sasl.username", "kafka.sasl.username"},
        {"kafka_sasl.username", NULL},
        {"bootstrap.servers", "kafka.bootstrap.servers"},
        {"group.id", "kafka.group.id"},
        {"password", "olap.password"},
        {"olap.connect.timeout", "olap.connect_timeout"},
        {"oltp.sslmode", "olap.sslmode"},
        {"conector.slot.name", "connector.slot.name"},
        {"quite.something.else", NULL},
        {"", NULL},
        {".", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *nearest = config_name_nearest(&arena, cases[i][0]);
        if (cases[i][1]) {
            assert_non_null(nearest);
            assert_string_equal(nearest, cases[i][1]);
        } else {
            assert_null(nearest);
        }
    }
    char endless[5000];
    memset(endless, 'k', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    assert_null(config_name_nearest(&arena, endless));
    endless[CONFIG_NAME_BYTES] = '\0';
    assert_null(config_name_nearest(&arena, endless));
}

static void secret_names(void **state) {
    (void)state;
    static const char *const secret[] = {
        "olap.password",
        "olap.sslpassword",
        "kafka.sasl.password",
        "kafka.ssl.key.password",
        "kafka.ssl.key.pem",
        "kafka.sasl.oauthbearer.client.secret",
        "kafka.sasl.oauthbearer.config",
        "connector.database.password",
        "connector.producer.override.sasl.jaas.config",
        "connector.Some.PassPhrase",
        "connector.access.token",
        "connector.aws.credentials",
    };
    static const char *const open[] = {
        "olap.user",      "olap.password.file",  "kafka.ssl.ca.location",
        "kafka.group.id", "connector.token.url", "log.level"};
    for (size_t i = 0; i < sizeof secret / sizeof secret[0]; i++) {
        assert_true(config_name_is_secret(secret[i]));
    }
    for (size_t i = 0; i < sizeof open / sizeof open[0]; i++) {
        assert_false(config_name_is_secret(open[i]));
    }
}

static void secret_values(void **state) {
    (void)state;
    assert_true(config_value_is_secret("postgresql://pg:hunter2@db:5433/pg"));
    assert_true(config_value_is_secret("http://a, http://u:p@b"));
    assert_true(config_value_is_secret("host=db password=hunter2"));
    assert_true(config_value_is_secret("a.b.Login required Password=\"x\";"));
    assert_false(config_value_is_secret("postgresql://pg@db:5433/pg"));
    assert_false(config_value_is_secret("http://host:80/a:b@c"));
    assert_false(config_value_is_secret("localhost:9092"));
    assert_false(config_value_is_secret("://"));
    assert_false(config_value_is_secret(""));
}

static void file_names(void **state) {
    (void)state;
    assert_true(str_is(config_file_base("olap.password.file"), "olap.password"));
    assert_true(str_is(config_file_base("kafka.sasl.password.file"), "kafka.sasl.password"));
    assert_null(config_file_base("olap.user.file").ptr);
    assert_null(config_file_base("topic.prefix.file").ptr);
    assert_null(config_file_base("password.file").ptr);
    assert_null(config_file_base("olap.password.file.file").ptr);
    assert_null(config_file_base(".file").ptr);
    assert_null(config_file_base("").ptr);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_sound),
        cmocka_unit_test(fixed_names_and_values),
        cmocka_unit_test(environment_names_go_both_ways),
        cmocka_unit_test(nearest_name),
        cmocka_unit_test(secret_names),
        cmocka_unit_test(secret_values),
        cmocka_unit_test(file_names),
    };
    return cmocka_run_group_tests(tests, NULL, clear);
}
