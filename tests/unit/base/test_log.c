#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* A log into a pipe; reading gives what one or more calls wrote. */
struct fixture {
    struct log log;
    int read_fd;
    char text[65536];
    size_t len;
};

static struct fixture fixture_new(enum log_level level) {
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
    return (struct fixture){.log = {.fd = fds[1], .level = level, .member = "1"},
                            .read_fd = fds[0]};
}

/* One read(2): of a pipe that holds one line, the line. */
static const char *fixture_read(struct fixture *f) {
    ssize_t n = read(f->read_fd, f->text, sizeof f->text - 1);
    f->len = n > 0 ? (size_t)n : 0;
    f->text[f->len] = '\0';
    return f->text;
}

static void fixture_clear(struct fixture *f) {
    (void)close(f->log.fd);
    (void)close(f->read_fd);
}

#define TS_LEN (sizeof "ts=2026-11-22T14:26:00.123Z" - 1)

static void line_has_the_fixed_head(void **state) {
    (void)state;
    struct fixture f = fixture_new(LOG_INFO);
    log_line(&f.log, LOG_INFO, "pipeline", "batch", "task=%d records=%zu", 3, (size_t)17);
    const char *line = fixture_read(&f);
    assert_string_equal(line + TS_LEN,
                        " level=info member=1 component=pipeline event=batch task=3 records=17\n");
    struct tm t = {0};
    const char *rest = strptime(line, "ts=%Y-%m-%dT%H:%M:%S.", &t);
    assert_non_null(rest);
    struct timespec now; /* time(2) may be a tick behind the clock that is logged */
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &now), 0);
    time_t logged = timegm(&t);
    assert_true(logged <= now.tv_sec && now.tv_sec - logged < 60);
    assert_int_equal(strspn(rest, "0123456789"), 3);
    assert_int_equal(rest[3], 'Z');
    fixture_clear(&f);
}

static void empty_format_adds_nothing(void **state) {
    (void)state;
    struct fixture f = fixture_new(LOG_DEBUG);
    log_line(&f.log, LOG_ERROR, "cli", "stop", "%s", "");
    assert_non_null(strstr(fixture_read(&f), "level=error member=1 component=cli event=stop \n"));
    _Pragma("GCC diagnostic push");
    _Pragma("GCC diagnostic ignored \"-Wformat-zero-length\"");
    log_line(&f.log, LOG_WARN, "cli", "stop", "");
    _Pragma("GCC diagnostic pop");
    assert_non_null(strstr(fixture_read(&f), "level=warn member=1 component=cli event=stop\n"));
    fixture_clear(&f);
}

static void a_hint_is_the_last_pair(void **state) {
    (void)state;
    struct fixture f = fixture_new(LOG_WARN);
    struct err err;
    (void)err_set(&err, ERR_RETRY, "away");
    log_err_hint(&f.log, LOG_WARN, "sink", "lost", &err, "type this");
    assert_non_null(strstr(fixture_read(&f), " message=away hint=\"type this\"\n"));
    log_err_hint(&f.log, LOG_WARN, "sink", "lost", &err, NULL);
    assert_non_null(strstr(fixture_read(&f), " message=away\n"));
    fixture_clear(&f);
}

static void lower_levels_are_not_written(void **state) {
    (void)state;
    struct fixture f = fixture_new(LOG_WARN);
    struct err err;
    (void)err_set(&err, ERR_RETRY, "away");
    log_line(&f.log, LOG_INFO, "cli", "quiet", "a=%d", 1);
    log_err(&f.log, LOG_DEBUG, "cli", "quiet", &err);
    assert_string_equal(fixture_read(&f), "");
    assert_true(log_enabled(&f.log, LOG_ERROR));
    assert_false(log_enabled(&f.log, LOG_INFO));
    fixture_clear(&f);
}

static void long_line_is_cut_before_its_newline(void **state) {
    (void)state;
    static char value[10000];
    for (size_t lead = 0; lead < 4; lead++) {
        struct fixture f = fixture_new(LOG_INFO);
        memset(value, 'v', lead);
        for (size_t i = lead; i + 2 < sizeof value; i += 2) {
            memcpy(value + i, "\xc3\xa9", 3); /* two bytes a character: never half of one */
        }
        log_line(&f.log, LOG_INFO, "pipeline", "batch", "key=%s more=%d", value, 1);
        const char *line = fixture_read(&f);
        assert_in_range(f.len, 4094, 4095);
        assert_int_equal(line[f.len - 1], '\n');
        assert_int_equal((unsigned char)line[f.len - 2], 0xa9);
        log_line(&f.log, LOG_INFO, "pipeline", "batch", "after=%d", 1);
        assert_non_null(strstr(fixture_read(&f), "after=1\n"));
        fixture_clear(&f);
    }
}

static void lines_of_every_length_end_once(void **state) {
    (void)state;
    static char value[5000];
    struct fixture f = fixture_new(LOG_INFO);
    for (size_t len = 3950; len < 4150; len++) {
        memset(value, 'v', len);
        value[len] = '\0';
        log_line(&f.log, LOG_INFO, "pipeline", "batch", "key=%s", value);
        const char *line = fixture_read(&f);
        assert_true(f.len <= 4095);
        assert_ptr_equal(strchr(line, '\n'), line + f.len - 1);
    }
    fixture_clear(&f);
}

static void newline_in_a_value_stays_one_line(void **state) {
    (void)state;
    struct fixture f = fixture_new(LOG_INFO);
    log_line(&f.log, LOG_INFO, "pipeline", "batch", "key=%s", "a\nts=forged\x1b[2J");
    const char *line = fixture_read(&f);
    assert_non_null(strstr(line, "key=a ts=forged [2J\n"));
    assert_ptr_equal(strchr(line, '\n'), line + f.len - 1);
    fixture_clear(&f);
}

static void err_shows_what_is_set(void **state) {
    (void)state;
    struct fixture f = fixture_new(LOG_INFO);
    struct err err;
    (void)err_set(&err, ERR_HALT, "partition \"3\" is not\n4");
    log_err(&f.log, LOG_ERROR, "pipeline", "halt", &err);
    assert_string_equal(fixture_read(&f) + TS_LEN,
                        " level=error member=1 component=pipeline event=halt err=halt "
                        "message=\"partition \\\"3\\\" is not\\n4\"\n");
    (void)err_about(&err, "oltp.public.contact", 0, 0);
    memcpy(err.sqlstate, "22003", 6);
    log_err(&f.log, LOG_WARN, "sink", "refused", &err);
    assert_non_null(strstr(fixture_read(&f), " err=halt sqlstate=22003 topic=oltp.public.contact "
                                             "partition=0 offset=0 message="));
    fixture_clear(&f);
}

static void unwritable_log_is_no_reason_to_stop(void **state) {
    (void)state;
    struct log log = {.fd = -1, .level = LOG_DEBUG, .member = "1"};
    errno = ENOENT;
    log_line(&log, LOG_INFO, "cli", "start", "a=%d", 1);
    assert_int_equal(errno, ENOENT);
    struct err err;
    (void)err_set(&err, ERR_BUG, "bug");
    log_err(&log, LOG_INFO, "cli", "start", &err);
    assert_int_equal(errno, ENOENT);
}

static void strange_member_is_quoted(void **state) {
    (void)state;
    struct fixture f = fixture_new(LOG_INFO);
    memset(f.log.member, '\n', sizeof f.log.member - 1);
    log_line(&f.log, LOG_INFO, "cli", "start", "a=%d", 1);
    const char *line = fixture_read(&f);
    assert_non_null(strstr(line, " member=\"\\n\\n"));
    assert_non_null(strstr(line, "\\n\" component=cli"));
    fixture_clear(&f);
}

static void quote_leaves_plain_values_alone(void **state) {
    (void)state;
    char out[64];
    assert_string_equal(log_quote(out, sizeof out, STR("oltp.public.student-7")),
                        "oltp.public.student-7");
    assert_string_equal(log_quote(out, sizeof out, STR("{7}")), "{7}");
    assert_string_equal(log_quote(out, sizeof out, STR("J\xc3\xb6rg")), "J\xc3\xb6rg");
    assert_string_equal(log_quote(out, sizeof out, STR_NONE), "null");
}

static void quote_escapes(void **state) {
    (void)state;
    char out[64];
    assert_string_equal(log_quote(out, sizeof out, STR("")), "\"\"");
    assert_string_equal(log_quote(out, sizeof out, STR("a b")), "\"a b\"");
    assert_string_equal(log_quote(out, sizeof out, STR("a=b")), "\"a=b\"");
    assert_string_equal(log_quote(out, sizeof out, STR("{\"id\":7}")), "\"{\\\"id\\\":7}\"");
    assert_string_equal(log_quote(out, sizeof out, STR("\\\n\t\0\x7f")),
                        "\"\\\\\\n\\x09\\x00\\x7f\"");
    assert_string_equal(log_quote(out, sizeof out, STR("\xc3")), "\"\\xc3\"");
    assert_string_equal(log_quote(out, sizeof out, STR("\xff\xc3\xa9\xe2\x82")),
                        "\"\\xff\xc3\xa9\\xe2\\x82\"");
}

/* Whatever goes in: it fits, ends, and has its closing quote. */
static void quote_fits_any_size(void **state) {
    (void)state;
    char guarded[66];
    const struct str all[] = {STR("plain-and-long-enough-to-be-cut-somewhere"),
                              STR("with blanks \" and \\ and \n and \xe2\x82\xac and \xff bytes"),
                              STR(""), STR_NONE};
    for (size_t size = 0; size <= 64; size++) {
        for (size_t i = 0; i < 4; i++) {
            memset(guarded, '#', sizeof guarded);
            const char *out = log_quote(guarded, size, all[i]);
            assert_ptr_equal(out, guarded);
            assert_int_equal(guarded[size], '#');
            if (size > 0) {
                size_t len = strnlen(out, size);
                assert_true(len < size);
                assert_true(out[0] != '"' || (len > 1 && out[len - 1] == '"'));
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_has_the_fixed_head),
        cmocka_unit_test(empty_format_adds_nothing),
        cmocka_unit_test(a_hint_is_the_last_pair),
        cmocka_unit_test(lower_levels_are_not_written),
        cmocka_unit_test(long_line_is_cut_before_its_newline),
        cmocka_unit_test(lines_of_every_length_end_once),
        cmocka_unit_test(newline_in_a_value_stays_one_line),
        cmocka_unit_test(err_shows_what_is_set),
        cmocka_unit_test(unwritable_log_is_no_reason_to_stop),
        cmocka_unit_test(strange_member_is_quoted),
        cmocka_unit_test(quote_leaves_plain_values_alone),
        cmocka_unit_test(quote_escapes),
        cmocka_unit_test(quote_fits_any_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
