/* What the program says of itself, and of what it is given wrong: once, and no more than asked. */
#include "cli/cli.h"
#include "cli/help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct said {
    int code;
    char out[20000], err[4000];
};

static size_t read_back(FILE *file, char *out, size_t size) {
    rewind(file);
    size_t len = fread(out, 1, size - 1, file);
    out[len] = '\0';
    (void)fclose(file);
    return len;
}

/* Runs the program's command line with both outputs kept. */
static void run(struct said *said, const char *const *args) {
    char *argv[8] = {strdup("oltp-olap-sync")};
    int argc = 1;
    for (; args[argc - 1]; argc++) {
        argv[argc] = strdup(args[argc - 1]);
    }
    FILE *out = tmpfile(), *err = tmpfile();
    assert_non_null(out);
    assert_non_null(err);
    (void)fflush(stdout);
    int old_out = dup(1), old_err = dup(2);
    assert_int_equal(dup2(fileno(out), 1), 1);
    assert_int_equal(dup2(fileno(err), 2), 2);
    struct cli_signals signals = {0};
    char *const env[] = {NULL};
    said->code = cli_main(argc, argv, env, &signals);
    (void)fflush(stdout);
    assert_int_equal(dup2(old_out, 1), 1);
    assert_int_equal(dup2(old_err, 2), 2);
    (void)close(old_out);
    (void)close(old_err);
    (void)read_back(out, said->out, sizeof said->out);
    (void)read_back(err, said->err, sizeof said->err);
    for (int i = 0; i < argc; i++) {
        free(argv[i]);
    }
}

static int lines(const char *text) {
    int count = 0;
    for (const char *c = text; *c; c++) {
        count += *c == '\n';
    }
    return count;
}

static int times(const char *text, const char *word) {
    int count = 0;
    for (const char *at = strstr(text, word); at; at = strstr(at + 1, word)) {
        count++;
    }
    return count;
}

static void a_command_explains_itself_alone(void **state) {
    (void)state;
    static struct said said;
    const char *const names[] = {"run", "plan", "cache", "dead-letters"};
    for (size_t i = 0; i < 4; i++) {
        run(&said, (const char *const[]){names[i], "--help", NULL});
        assert_int_equal(said.code, 0);
        assert_true(lines(said.out) <= 30);
        char usage[64];
        (void)snprintf(usage, sizeof usage, "Usage: oltp-olap-sync %s", names[i]);
        assert_int_equal(strncmp(said.out, usage, strlen(usage)), 0);
        assert_int_equal(times(said.out, "Usage: "), 1);
        assert_null(strstr(said.out, "kafka.bootstrap.servers"));
        assert_non_null(strstr(said.out, "--set NAME=VALUE"));
        assert_string_equal(said.err, "");
    }
    run(&said, (const char *const[]){"--help", "plan", NULL});
    assert_non_null(strstr(said.out, "--apply-sink"));
}

static void the_overview_has_commands_and_settings(void **state) {
    (void)state;
    static struct said said;
    run(&said, (const char *const[]){"--help", NULL});
    assert_int_equal(said.code, 0);
    assert_non_null(strstr(said.out, "\n  run "));
    assert_non_null(strstr(said.out, "kafka.bootstrap.servers"));
}

static void an_unknown_command_is_named(void **state) {
    (void)state;
    static struct said said;
    run(&said, (const char *const[]){"plam", "--help", NULL});
    assert_int_equal(said.code, EXIT_CODE_CONFIG);
    char known[128], want[256];
    help_commands(known, sizeof known);
    (void)snprintf(want, sizeof want, "oltp-olap-sync: unknown command 'plam'; commands are %s\n",
                   known);
    assert_string_equal(said.err, want);
    assert_string_equal(said.out, "");
}

/* The message, the place, what is supported: each once. */
static void a_view_error_is_printed_once(void **state) {
    (void)state;
    static struct said said;
    char path[] = "/tmp/test-help-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    const char sql[] = "CREATE MATERIALIZED VIEW v AS\nSELECT DISTINCT name FROM student";
    assert_int_equal(write(fd, sql, sizeof sql - 1), (ssize_t)(sizeof sql - 1));
    (void)close(fd);
    char set[64];
    (void)snprintf(set, sizeof set, "schemas.view=%s", path);
    run(&said, (const char *const[]){"plan", "--set", set, NULL});
    (void)unlink(path);
    assert_int_equal(said.code, EXIT_CODE_CONFIG);
    assert_int_equal(times(said.err, "DISTINCT is not supported"), 1);
    assert_int_equal(strncmp(said.err, "oltp-olap-sync: ", 16), 0);
    assert_non_null(strstr(said.err, ":2:8: DISTINCT is not supported\n    2 | SELECT DISTINCT name"
                                     " FROM student\n      |        ^\nsupported: "));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_explains_itself_alone),
        cmocka_unit_test(the_overview_has_commands_and_settings),
        cmocka_unit_test(an_unknown_command_is_named),
        cmocka_unit_test(a_view_error_is_printed_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
