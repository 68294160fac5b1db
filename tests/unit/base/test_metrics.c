/* What metrics_text writes is what Prometheus reads: each line is held against the grammar. */
#include "base/metrics.h"

#include <ctype.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static const struct str tables[] = {{"public.student", 14}, {"odd\"\\\nname", 10}};

static struct metrics *two_tasks(void) {
    struct metrics_options options = {2, tables, 2, "1.2.3", NULL, 0};
    return metrics_new(&options);
}

/* The text, which the caller frees with buf_clear. */
static struct buf text_of(const struct metrics *metrics) {
    struct buf out = {0};
    metrics_text(metrics, &out);
    buf_append(&out, "", 1);
    return out;
}

static void has_line(const struct metrics *metrics, const char *line) {
    struct buf out = text_of(metrics);
    char wanted[300];
    (void)snprintf(wanted, sizeof wanted, "\n%s\n", line);
    if (!strstr(out.ptr, wanted)) {
        fail_msg("no line %s in\n%s", line, out.ptr);
    }
    buf_clear(&out);
}

static void has_no_line_with(const struct metrics *metrics, const char *start) {
    struct buf out = text_of(metrics);
    char unwanted[300];
    (void)snprintf(unwanted, sizeof unwanted, "\n%s", start);
    assert_null(strstr(out.ptr, unwanted));
    buf_clear(&out);
}

/* ---- the grammar: each function takes what it knows from *at, or fails ---- */

static void take_name(const char **at) {
    assert_true(isalpha((unsigned char)**at) || **at == '_' || **at == ':');
    while (isalnum((unsigned char)**at) || **at == '_' || **at == ':') {
        (*at)++;
    }
}

static void take(const char **at, char c) {
    assert_int_equal(**at, c);
    (*at)++;
}

static void take_label(const char **at) {
    take_name(at);
    take(at, '=');
    take(at, '"');
    while (**at != '"') {
        assert_true(**at != '\n' && **at != '\0');
        if (**at == '\\') {
            (*at)++;
            assert_non_null(strchr("\\\"n", **at));
        }
        (*at)++;
    }
    take(at, '"');
}

static void take_sample(const char **at, const char *name) {
    assert_int_equal(strncmp(*at, name, strlen(name)), 0);
    take_name(at);
    if (**at == '{') {
        do {
            (*at)++;
            take_label(at);
        } while (**at == ',');
        take(at, '}');
    }
    take(at, ' ');
    char *end;
    (void)strtod(*at, &end);
    assert_true(end > *at);
    *at = end;
    take(at, '\n');
}

static void take_comment(const char **at, const char *keyword, const char *name) {
    char head[200];
    (void)snprintf(head, sizeof head, "# %s %s ", keyword, name);
    assert_int_equal(strncmp(*at, head, strlen(head)), 0);
    *at = strchr(*at, '\n');
    assert_non_null(*at);
    (*at)++;
}

static void follows_the_grammar(void **state) {
    (void)state;
    struct metrics *metrics = two_tasks();
    for (int metric = 0; metric < METRIC_COUNT; metric++) {
        if (metric_table[metric].type != METRIC_HISTOGRAM) {
            metrics_set(metrics, (enum metric)metric, 0, 1234567);
        }
    }
    metrics_observe(metrics, METRIC_COMMIT_TO_VISIBLE, 3500);
    struct buf out = text_of(metrics);
    const char *at = out.ptr;
    for (int metric = 0; metric < METRIC_COUNT; metric++) {
        const char *name = metric_table[metric].name;
        take_comment(&at, "HELP", name);
        take_comment(&at, "TYPE", name);
        int samples = 0;
        while (*at && *at != '#') {
            take_sample(&at, name);
            samples++;
        }
        assert_true(samples > 0);
    }
    assert_int_equal(*at, '\0');
    buf_clear(&out);
    metrics_destroy(&metrics);
    assert_null(metrics);
}

/* ---- the table ---- */

static bool ends_with(const char *name, const char *end) {
    size_t n = strlen(name), e = strlen(end);
    return n >= e && strcmp(name + n - e, end) == 0;
}

static void names_follow_the_conventions(void **state) {
    (void)state;
    for (int i = 0; i < METRIC_COUNT; i++) {
        const struct metric_info *info = &metric_table[i];
        assert_non_null(info->name);
        assert_true(strncmp(info->name, "oltp_olap_sync_", 15) == 0 ||
                    strncmp(info->name, "process_", 8) == 0);
        assert_int_equal(ends_with(info->name, "_total"), info->type == METRIC_COUNTER);
        assert_int_equal(info->is_time, strstr(info->name, "_seconds") != NULL);
        assert_int_equal(info->label == LABEL_WORD, info->words != NULL);
        assert_int_equal(info->help[strlen(info->help) - 1], '.');
        assert_null(strpbrk(info->help, "\\\n|")); /* nothing to escape, in either text */
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(info->name, metric_table[j].name);
        }
    }
}

/* ---- values ---- */

/* A label of one view would be another name for what there was before there were more. */
static void views_are_told_apart(void **state) {
    (void)state;
    static const struct str views[] = {{"heads", 5}, {"\"lines\"", 7}};
    struct metrics_options options = {2, tables, 2, "1.2.3", views, 2};
    struct metrics *metrics = metrics_new(&options), *one = two_tasks();
    metrics_add(metrics, METRIC_ROWS_UPSERTED, 1, 5);
    metrics_add(metrics, METRIC_ROWS_UPSERTED, 0, 2);
    has_line(metrics, "oltp_olap_sync_rows_upserted_total{view=\"heads\"} 2");
    has_line(metrics, "oltp_olap_sync_rows_upserted_total{view=\"\\\"lines\\\"\"} 5");
    assert_int_equal(metrics_get_views(metrics, METRIC_ROWS_UPSERTED), 7);
    has_no_line_with(metrics, "oltp_olap_sync_rows_refused_total{");
    metrics_add(metrics, METRIC_ROWS_REFUSED, metrics_at_view(metrics, 1, 0), 3);
    has_line(metrics, "oltp_olap_sync_rows_refused_total{task=\"1\",view=\"heads\"} 3");
    metrics_add(one, METRIC_ROWS_UPSERTED, 0, 4);
    metrics_add(one, METRIC_ROWS_REFUSED, metrics_at_view(one, 1, 0), 1);
    has_line(one, "oltp_olap_sync_rows_upserted_total 4");
    has_line(one, "oltp_olap_sync_rows_refused_total{task=\"1\"} 1");
    metrics_destroy(&metrics);
    metrics_destroy(&one);
}

static void labels_say_where(void **state) {
    (void)state;
    struct metrics *metrics = two_tasks();
    metrics_add(metrics, METRIC_RECORDS_TAKEN, 0, 5);
    metrics_add(metrics, METRIC_RECORDS_TAKEN, 0, 2);
    has_line(metrics, "oltp_olap_sync_records_taken_total{table=\"public.student\"} 7");
    has_line(metrics, "oltp_olap_sync_records_taken_total{table=\"odd\\\"\\\\\\nname\"} 0");
    metrics_add(metrics, METRIC_TRANSACTIONS, TRANSACTION_FENCED, 1);
    has_line(metrics, "oltp_olap_sync_transactions_total{outcome=\"fenced\"} 1");
    has_line(metrics, "oltp_olap_sync_transactions_total{outcome=\"committed\"} 0");
    metrics_set(metrics, METRIC_APPLIED_OFFSET, metrics_at(metrics, 1, 0), INT64_MAX);
    has_line(metrics, "oltp_olap_sync_applied_offset{task=\"1\",table=\"public.student\"} "
                      "9223372036854775807");
    has_line(metrics, "oltp_olap_sync_build_info{version=\"1.2.3\"} 1");
    metrics_destroy(&metrics);
}

static void what_is_not_ours_is_not_shown(void **state) {
    (void)state;
    struct metrics *metrics = two_tasks();
    has_no_line_with(metrics, "oltp_olap_sync_cache_rows{");
    metrics_set(metrics, METRIC_CACHE_ROWS, 1, 9);
    has_line(metrics, "oltp_olap_sync_cache_rows{task=\"1\"} 9");
    has_no_line_with(metrics, "oltp_olap_sync_cache_rows{task=\"0\"}");
    metrics_unset(metrics, METRIC_CACHE_ROWS, 1);
    has_no_line_with(metrics, "oltp_olap_sync_cache_rows{");
    assert_int_equal(metrics_get(metrics, METRIC_CACHE_ROWS, 1), 0);
    metrics_add(metrics, METRIC_HALTS, 1, 1); /* a counter's first count */
    has_line(metrics, "oltp_olap_sync_halts_total{task=\"1\"} 1");
    metrics_destroy(&metrics);
}

static void buckets_are_cumulative(void **state) {
    (void)state;
    struct metrics *metrics = two_tasks();
    static const int64_t times_us[] = {-5, 0, 1000, 1001, 2000, 300000, 60000000, 60000001};
    for (size_t i = 0; i < sizeof times_us / sizeof *times_us; i++) {
        metrics_observe(metrics, METRIC_COMMIT_TO_VISIBLE, times_us[i]);
    }
#define NAME "oltp_olap_sync_commit_to_visible_seconds"
    has_line(metrics, NAME "_bucket{le=\"0.001\"} 3");
    has_line(metrics, NAME "_bucket{le=\"0.002\"} 5");
    has_line(metrics, NAME "_bucket{le=\"0.256\"} 5");
    has_line(metrics, NAME "_bucket{le=\"0.512\"} 6");
    has_line(metrics, NAME "_bucket{le=\"10\"} 6");
    has_line(metrics, NAME "_bucket{le=\"60\"} 7");
    has_line(metrics, NAME "_bucket{le=\"+Inf\"} 8");
    has_line(metrics, NAME "_sum 120.304002");
    has_line(metrics, NAME "_count 8");
    assert_int_equal(metrics_get(metrics, METRIC_COMMIT_TO_VISIBLE, 0), 8);
    assert_int_equal(metrics_get(metrics, METRIC_TRANSACTION_TIME, 0), 0);
    metrics_destroy(&metrics);
}

static void the_process_is_looked_at(void **state) {
    (void)state;
    struct metrics *metrics = two_tasks();
    metrics_look_at_process(metrics);
    assert_in_range(metrics_get(metrics, METRIC_RESIDENT_MEMORY, 0), 500000, INT64_MAX);
    int64_t files = metrics_get(metrics, METRIC_OPEN_FILES, 0);
    assert_in_range(files, 3, 1000);
    FILE *one_more = fopen("/dev/null", "re");
    assert_non_null(one_more);
    int64_t start_us = metrics_get(metrics, METRIC_START_TIME, 0);
    metrics_look_at_process(metrics);
    (void)fclose(one_more);
    assert_int_equal(metrics_get(metrics, METRIC_OPEN_FILES, 0), files + 1);
    assert_int_equal(metrics_get(metrics, METRIC_START_TIME, 0), start_us);
    int64_t age_us = (int64_t)time(NULL) * 1000000 - start_us;
    assert_in_range(age_us + 2000000, 0, 3600000000); /* time(2) may be a tick behind */
    metrics_destroy(&metrics);
}

static void nothing_counts_in_none(void **state) {
    (void)state;
    metrics_add(NULL, METRIC_HALTS, 3, 1);
    metrics_set(NULL, METRIC_READY, 0, 1);
    metrics_observe(NULL, METRIC_TRANSACTION_TIME, 1);
    assert_int_equal(metrics_at(NULL, 3, 1), 0);
    struct metrics *none = NULL;
    metrics_destroy(&none);
    metrics_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_grammar),    cmocka_unit_test(names_follow_the_conventions),
        cmocka_unit_test(labels_say_where),       cmocka_unit_test(what_is_not_ours_is_not_shown),
        cmocka_unit_test(buckets_are_cumulative), cmocka_unit_test(the_process_is_looked_at),
        cmocka_unit_test(nothing_counts_in_none), cmocka_unit_test(views_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
