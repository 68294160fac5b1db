/* How a session is made: what it needs whatever others have set, and what is refused for good. */
#include "support.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static const struct plan *plan;
static struct log test_log = {.fd = 2, .level = LOG_ERROR + 1, .member = "test"};

static int reset(void **state) {
    (void)state;
    plan = test_view(true);
    tables_reset(plan);
    return 0;
}

#define PAIRS_MAX 4

static struct pg_sink_options options_of(const char *const (*pairs)[2], const char **keywords,
                                         const char **values) {
    size_t n = 0;
    for (; n < PAIRS_MAX && pairs[n][0]; n++) {
        keywords[n] = pairs[n][0];
        values[n] = pairs[n][1];
    }
    keywords[n] = NULL;
    return (struct pg_sink_options){.keywords = keywords,
                                    .values = values,
                                    .identity = {STR("cluster-1"), STR("java")},
                                    .log = &test_log,
                                    .clock = clock_real(),
                                    .answer_check_ms = 300};
}

static struct sink *open_with(const char *const (*pairs)[2], const char *password_file) {
    const char *keywords[PAIRS_MAX + 1], *values[PAIRS_MAX + 1];
    struct pg_sink_options options = options_of(pairs, keywords, values);
    options.password_file = password_file;
    struct sink *sink = NULL;
    assert_int_equal(pg_sink_new(plan, &options, &sink, NULL), ERR_NONE);
    return sink;
}

static void test_timeouts_of_the_role(void **state) {
    (void)state;
    admin("ALTER ROLE pg SET idle_session_timeout = '300ms'");
    struct sink *sink = sink_connected(plan);
    admin("ALTER ROLE pg RESET idle_session_timeout");
    assert_int_equal(sink_await(sink, 1500).kind, SINK_NOTHING);
    (void)sink_acquire(sink, 1, OWNER_A);
    pg_sink_destroy(&sink);
}

/* What the operator gives for the session goes before ours. */
static void test_settings_of_the_session(void **state) {
    (void)state;
    (void)setenv("PGOPTIONS", "-c lock_timeout=7s", 1);
    (void)setenv("PGDATESTYLE", "German", 1);
    admin("ALTER ROLE pg SET enable_seqscan = on; ALTER ROLE pg SET intervalstyle = iso_8601;"
          " ALTER ROLE pg SET lock_timeout = '1ms'; ALTER ROLE pg SET bytea_output = escape;"
          " ALTER ROLE pg SET extra_float_digits = 0; ALTER ROLE pg SET transform_null_equals = on;"
          " ALTER ROLE pg SET standard_conforming_strings = off");
    struct sink *sink = sink_connected(plan);
    admin("ALTER ROLE pg RESET ALL");
    (void)unsetenv("PGOPTIONS");
    (void)unsetenv("PGDATESTYLE");
    admin("CREATE TABLE IF NOT EXISTS seen_settings (name text, setting text);"
          " TRUNCATE seen_settings;"
          " CREATE OR REPLACE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
          " INSERT INTO seen_settings SELECT name, setting FROM pg_settings; RETURN NEW; END $$;"
          " CREATE TRIGGER see AFTER INSERT ON sync_progress EXECUTE FUNCTION see()");
    (void)sink_acquire(sink, 1, OWNER_A);
    assert_string_equal(ask("SELECT string_agg(setting, ', ' ORDER BY name) FROM seen_settings"
                            " WHERE name IN ('DateStyle', 'IntervalStyle', 'enable_seqscan',"
                            " 'plan_cache_mode', 'statement_timeout', 'TimeZone')"),
                        "ISO, YMD, postgres, UTC, off, force_generic_plan, 30000");
    assert_string_equal(ask("SELECT string_agg(setting, ', ' ORDER BY name) FROM seen_settings"
                            " WHERE name IN ('bytea_output', 'extra_float_digits',"
                            " 'standard_conforming_strings', 'transform_null_equals')"),
                        "hex, 1, on, off");
    admin("DROP TABLE seen_settings; DROP FUNCTION see() CASCADE");
    pg_sink_destroy(&sink);
}

static void test_database_of_another_encoding(void **state) {
    (void)state;
    admin("DROP DATABASE IF EXISTS latin");
    admin("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'");
    static const char *const pairs[][2] = {{"dbname", "latin"}, {NULL, NULL}};
    struct sink *sink = open_with(pairs, NULL);
    struct sink_event event = sink_await(sink, 5000);
    assert_int_equal(event.kind, SINK_HALT);
    assert_int_equal(event.err.kind, ERR_CONFIG);
    assert_non_null(strstr(event.err.message, "LATIN1"));
    pg_sink_destroy(&sink);
    const char *keywords[PAIRS_MAX + 1], *values[PAIRS_MAX + 1];
    struct pg_sink_options options = options_of(pairs, keywords, values);
    struct err err = {0};
    assert_int_equal(pg_apply_ddl(plan, &options, &err), ERR_CONFIG);
    assert_non_null(strstr(err.message, "UTF8"));
    admin("DROP DATABASE latin");
}

static void test_what_libpq_refuses(void **state) {
    (void)state;
    static const struct {
        const char *pairs[PAIRS_MAX][2];
        const char *words; /* NULL: good */
    } cases[] = {
        {{{"host", "127.0.0.1"}, {"sslmode", "bogus"}}, "sslmode"},
        {{{"host", "127.0.0.1"}, {"gssencmode", "bogus"}}, "gssencmode"},
        {{{"host", "127.0.0.1"}, {"target_session_attrs", "bogus"}}, "target_session_attrs"},
        {{{"host", "127.0.0.1"}, {"no_such_keyword", "1"}}, "no_such_keyword"},
        {{{"host", "127.0.0.1"}, {"port", "none"}}, "port"},
        {{{"host", "a,b,c"}, {"port", "1,2"}}, "port"},
        {{{"host", "127.0.0.1"}, {"sslrootcert", "/nonexistent/root.crt"}}, "No such file"},
        {{{"host", "127.0.0.1"}, {"sslcert", "/nonexistent/client.crt"}}, "olap.sslcert"},
        {{{"host", "127.0.0.1"}, {"keepalives_idle", "often"}}, "is not a number"},
        {{{"host", "127.0.0.1"}, {"sslmode", "verify-full"}, {"sslrootcert", "/etc/hosts"}}, NULL},
        {{{"host", "a,b"}, {"port", "1,2"}, {"sslmode", "disable"}}, NULL},
        {{{"host", "a,b"}, {"hostaddr", "127.0.0.1,127.0.0.2"}, {"port", "5"}}, NULL},
        {{{"host", "no.such.host.invalid"}, {"connect_timeout", "3"}}, NULL},
        {{{"host", "/var/run/postgresql"}, {"sslrootcert", ""}}, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *keywords[PAIRS_MAX + 1], *values[PAIRS_MAX + 1];
        struct pg_sink_options options = options_of(cases[i].pairs, keywords, values);
        struct err err = {0};
        enum err_kind kind = pg_sink_check(&options, &err);
        if (kind != (cases[i].words ? ERR_CONFIG : ERR_NONE) ||
            (cases[i].words && !strstr(err.message, cases[i].words))) {
            fail_msg("case %zu: %d %s", i, (int)kind, err.message);
        }
    }
}

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fputs(text, file);
    (void)fclose(file);
}

/* The role's password is asked for by a line of pg_hba.conf of its own. */
static void ask_passwords(const char *hba, bool asked) {
    char command[1200];
    (void)snprintf(command, sizeof command, "sed -i '%s' %s",
                   asked ? "1i host all guarded 127.0.0.1/32 scram-sha-256" : "/guarded/d", hba);
    assert_int_equal(system(command), 0);
    admin("SELECT pg_reload_conf()");
}

static void test_rotated_password(void **state) {
    (void)state;
    /* The second is as long as the tokens that clouds give. */
    char path[] = "/tmp/sink-password.XXXXXX", hba[1024], two[2001] = "", alter[2100];
    memset(two, 't', sizeof two - 1);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)close(fd);
    admin("DROP ROLE IF EXISTS guarded; CREATE ROLE guarded LOGIN SUPERUSER PASSWORD 'one'");
    (void)snprintf(hba, sizeof hba, "%s", ask("SHOW hba_file"));
    ask_passwords(hba, true);
    write_file(path, "one\nnot this line\n");
    static const char *const pairs[][2] = {
        {"user", "guarded"}, {"password", "stale"}, {NULL, NULL}};
    struct sink *sink = open_with(pairs, path);
    (void)sink_until(sink, SINK_CONNECTED, 5000);
    (void)snprintf(alter, sizeof alter, "ALTER ROLE guarded PASSWORD '%s'", two);
    admin(alter);
    admin("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'guarded'");
    struct sink_event event = sink_until(sink, SINK_HALT, 5000);
    assert_string_equal(event.err.sqlstate, "28P01");
    write_file(path, two);
    (void)sink_until(sink, SINK_CONNECTED, 5000);
    pg_sink_destroy(&sink);
    ask_passwords(hba, false);
    admin("DROP ROLE guarded");
    (void)unlink(path);
}

/* A port that nobody listens at, for now. */
static int silent_port(int *ret_port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

/* The first host of the list was away when the session was made. Now something is there that never
 * answers: whether our session is at work, only its own server knows. */
static void test_probe_asks_the_session_s_server(void **state) {
    (void)state;
    int port = 0, fd = silent_port(&port);
    char ports[40];
    (void)snprintf(ports, sizeof ports, "%d,%s", port, getenv("PGPORT"));
    const char *const pairs[][2] = {{"host", "127.0.0.1,127.0.0.1"}, {"port", ports}, {NULL, NULL}};
    struct sink *sink = open_with(pairs, NULL);
    (void)sink_until(sink, SINK_CONNECTED, 5000);
    assert_int_equal(listen(fd, 64), 0);
    struct progress at = sink_acquire(sink, 1, OWNER_A);
    admin("CREATE OR REPLACE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS"
          " $$ BEGIN PERFORM pg_sleep(13); RETURN NULL; END $$");
    admin("CREATE TRIGGER slow AFTER INSERT ON student_contact FOR EACH STATEMENT"
          " EXECUTE FUNCTION slow()");
    struct txn_part part;
    part_begin(&part, plan, 1, &at);
    part_upsert(&part, 1, 1, "a", "1");
    struct sink_event event = sink_commit(sink, &part);
    if (event.kind != SINK_COMMITTED) {
        fail_msg("%d %s", (int)event.kind, event.err.message);
    }
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
    (void)close(fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_timeouts_of_the_role, reset),
        cmocka_unit_test_setup(test_settings_of_the_session, reset),
        cmocka_unit_test_setup(test_database_of_another_encoding, reset),
        cmocka_unit_test_setup(test_what_libpq_refuses, reset),
        cmocka_unit_test_setup(test_rotated_password, reset),
        cmocka_unit_test_setup(test_probe_asks_the_session_s_server, reset),
    };
    return cmocka_run_group_tests_name("sink_link", tests, NULL, NULL);
}
