/* The table and its values as text. */
#include "base/metrics_impl.h"

#include <inttypes.h>

static const char *type_name(enum metric_type type) {
    switch (type) {
    case METRIC_COUNTER:
        return "counter";
    case METRIC_GAUGE:
        return "gauge";
    case METRIC_HISTOGRAM:
        return "histogram";
    }
    return "untyped";
}

/* A label's value: the format requires backslash, quote and newline to be escaped. */
static void put_quoted(struct buf *out, struct str s) {
    buf_str(out, STR("\""));
    for (size_t i = 0; i < s.len; i++) {
        switch (s.ptr[i]) {
        case '\\':
            buf_str(out, STR("\\\\"));
            break;
        case '"':
            buf_str(out, STR("\\\""));
            break;
        case '\n':
            buf_str(out, STR("\\n"));
            break;
        default:
            buf_append(out, &s.ptr[i], 1);
        }
    }
    buf_str(out, STR("\""));
}

/* A time in seconds, exactly, without floating point. */
static void put_seconds(struct buf *out, int64_t time_us) {
    buf_printf(out, "%" PRId64, time_us / 1000000);
    if (time_us % 1000000 != 0) {
        char digits[8];
        int len = snprintf(digits, sizeof digits, "%06d", (int)(time_us % 1000000));
        while (len > 0 && digits[len - 1] == '0') {
            len--;
        }
        buf_printf(out, ".%.*s", len, digits);
    }
}

static void put_labels(const struct metrics *metrics, const struct metric_info *info, size_t at,
                       struct buf *out) {
    switch (info->label) {
    case LABEL_NONE:
        return;
    case LABEL_TASK:
        buf_printf(out, "{task=\"%zu\"}", at);
        return;
    case LABEL_TABLE:
        buf_str(out, STR("{table="));
        put_quoted(out, metrics->tables[at]);
        break;
    case LABEL_TASK_TABLE:
        buf_printf(out, "{task=\"%zu\",table=", at / metrics->table_count);
        put_quoted(out, metrics->tables[at % metrics->table_count]);
        break;
    case LABEL_VIEW:
        if (metrics->view_count == 1) {
            return;
        }
        buf_str(out, STR("{view="));
        put_quoted(out, metrics->views[at]);
        break;
    case LABEL_TASK_VIEW:
        buf_printf(out, "{task=\"%zu\"", at / metrics->view_count);
        if (metrics->view_count > 1) {
            buf_str(out, STR(",view="));
            put_quoted(out, metrics->views[at % metrics->view_count]);
        }
        break;
    case LABEL_WORD:
        buf_printf(out, "{%s=", info->word_label);
        put_quoted(out, str_from(info->words[at]));
        break;
    case LABEL_VERSION:
        buf_str(out, STR("{version="));
        put_quoted(out, str_from(metrics->version));
        break;
    }
    buf_str(out, STR("}"));
}

/* Cumulative, as the format requires. The count is the last bucket's value, so that both agree. */
static void put_histogram(const struct metrics *metrics, enum metric metric, struct buf *out) {
    const char *name = metric_table[metric].name;
    int64_t below = 0;
    for (size_t i = 0; i < METRIC_BUCKETS; i++) {
        below += metrics_value(metrics, metric, i);
        buf_printf(out, "%s_bucket{le=\"", name);
        put_seconds(out, metric_bucket_us[i]);
        buf_printf(out, "\"} %" PRId64 "\n", below);
    }
    below += metrics_value(metrics, metric, METRIC_BUCKETS);
    buf_printf(out, "%s_bucket{le=\"+Inf\"} %" PRId64 "\n%s_sum ", name, below, name);
    put_seconds(out, metrics_value(metrics, metric, METRIC_HISTOGRAM_SUM));
    buf_printf(out, "\n%s_count %" PRId64 "\n", name, below);
}

static void put_values(const struct metrics *metrics, enum metric metric, struct buf *out) {
    const struct metric_info *info = &metric_table[metric];
    for (size_t at = 0; at < metrics->count[metric]; at++) {
        int64_t value = metrics_value(metrics, metric, at);
        if (value == METRIC_UNSET) {
            continue;
        }
        buf_str(out, str_from(info->name));
        put_labels(metrics, info, at, out);
        buf_str(out, STR(" "));
        if (info->is_time) {
            put_seconds(out, value);
        } else {
            buf_printf(out, "%" PRId64, value);
        }
        buf_str(out, STR("\n"));
    }
}

void metrics_text(const struct metrics *metrics, struct buf *out) {
    for (int metric = 0; metric < METRIC_COUNT; metric++) {
        const struct metric_info *info = &metric_table[metric];
        buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", info->name, info->help, info->name,
                   type_name(info->type));
        if (info->type == METRIC_HISTOGRAM) {
            put_histogram(metrics, (enum metric)metric, out);
        } else {
            put_values(metrics, (enum metric)metric, out);
        }
    }
}

static void write_labels(const struct metric_info *info, FILE *out) {
    switch (info->label) {
    case LABEL_NONE:
        break;
    case LABEL_TASK:
        (void)fputs("`task`", out);
        break;
    case LABEL_TABLE:
        (void)fputs("`table`", out);
        break;
    case LABEL_TASK_TABLE:
        (void)fputs("`task`, `table`", out);
        break;
    case LABEL_VIEW:
        (void)fputs("`view`, of several", out);
        break;
    case LABEL_TASK_VIEW:
        (void)fputs("`task`; `view`, of several", out);
        break;
    case LABEL_WORD:
        (void)fprintf(out, "`%s`: ", info->word_label);
        for (size_t i = 0; info->words[i]; i++) {
            (void)fprintf(out, "%s%s", i ? ", " : "", info->words[i]);
        }
        break;
    case LABEL_VERSION:
        (void)fputs("`version`", out);
        break;
    }
}

void metrics_markdown(FILE *out) {
    (void)fputs("| metric | type | labels | what |\n|---|---|---|---|\n", out);
    for (int metric = 0; metric < METRIC_COUNT; metric++) {
        const struct metric_info *info = &metric_table[metric];
        (void)fprintf(out, "| `%s` | %s | ", info->name, type_name(info->type));
        write_labels(info, out);
        (void)fprintf(out, " | %s |\n", info->help);
    }
}
