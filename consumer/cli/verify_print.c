#include "cli/verify_print.h"

#include "base/buf.h"

#include <inttypes.h>
#include <stdio.h>

#define PRINTED_MAX 20
#define VALUE_MAX   80 /* bytes of a value in text */
#define SAY_MS      10000
#define CLEAR       "\r\033[K"

static const char *const kinds[] = {
    [VERIFY_MISSING] = "missing", [VERIFY_EXTRA] = "extra", [VERIFY_DIFFERENT] = "different"};

/* ---- JSON ---- */

static void json_string(struct buf *out, struct str s) {
    if (!s.ptr) {
        buf_str(out, STR("null"));
        return;
    }
    buf_str(out, STR("\""));
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c == '"' || c == '\\') {
            buf_printf(out, "\\%c", c);
        } else if (c < 0x20) {
            buf_printf(out, "\\u%04x", c);
        } else {
            buf_append(out, &s.ptr[i], 1);
        }
    }
    buf_str(out, STR("\""));
}

static void json_pair(struct buf *out, bool first, struct str name, struct str value) {
    buf_str(out, first ? STR("") : STR(","));
    json_string(out, name);
    buf_str(out, STR(":"));
    json_string(out, value);
}

static void json_row(struct buf *out, const char *name, const struct target *target,
                     const struct str *row) {
    buf_printf(out, ",\"%s\":", name);
    if (!row) {
        buf_str(out, STR("null"));
        return;
    }
    buf_str(out, STR("{"));
    for (size_t i = 0; i < target->output_count; i++) {
        json_pair(out, i == 0, target->outputs[i].name, row[i]);
    }
    buf_str(out, STR("}"));
}

static void json_finding(struct buf *out, const struct target *target,
                         const struct verify_finding *finding) {
    const struct str *row = finding->source ? finding->source : finding->sink;
    buf_str(out, STR("{\"view\":"));
    json_string(out, target->name);
    buf_printf(out, ",\"difference\":\"%s\",\"known\":%s,\"task\":", kinds[finding->kind],
               finding->known ? "true" : "false");
    if (finding->task < 0) {
        buf_str(out, STR("null,\"key\":{"));
    } else {
        buf_printf(out, "%" PRId32 ",\"key\":{", finding->task);
    }
    for (size_t i = 0; i < target->key_output_count; i++) {
        size_t output = target->key_outputs[i];
        json_pair(out, i == 0, target->outputs[output].name, row[output]);
    }
    buf_str(out, STR("},\"columns\":["));
    bool first = true;
    for (size_t i = 0; i < target->output_count && finding->columns; i++) {
        if (finding->columns[i]) {
            buf_str(out, first ? STR("") : STR(","));
            json_string(out, target->outputs[i].name);
            first = false;
        }
    }
    buf_str(out, STR("]"));
    json_row(out, "oltp", target, finding->source);
    json_row(out, "olap", target, finding->sink);
    buf_str(out, STR(",\"why\":"));
    json_string(out, finding->why);
    buf_str(out, STR("}\n"));
}

/* ---- text ---- */

/* A terminal would interpret control characters. */
static void text_value(struct buf *out, struct str value) {
    if (!value.ptr) {
        buf_str(out, STR("NULL"));
        return;
    }
    size_t len = value.len;
    if (len > VALUE_MAX) {
        for (len = VALUE_MAX; len > 0 && ((unsigned char)value.ptr[len] & 0xc0) == 0x80;) {
            len--; /* within a character */
        }
    }
    buf_str(out, STR("'"));
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if (c < 0x20 || c == 0x7f) {
            buf_printf(out, "\\x%02x", c);
        } else {
            buf_append(out, &value.ptr[i], 1);
        }
    }
    buf_str(out, STR("'"));
    if (len < value.len) {
        buf_printf(out, "... (%zu bytes)", value.len);
    }
}

static void text_pair(struct buf *out, const struct target *target, size_t output,
                      const struct str *row) {
    buf_printf(out, " " STR_FMT "=", STR_ARG(target->outputs[output].name));
    text_value(out, row[output]);
}

static bool is_key(const struct target *target, size_t output) {
    bool is = false;
    for (size_t i = 0; i < target->key_output_count; i++) {
        is |= target->key_outputs[i] == output;
    }
    return is;
}

static void text_finding(struct buf *out, const struct target *target,
                         const struct verify_finding *finding) {
    const struct str *row = finding->source ? finding->source : finding->sink;
    buf_printf(out, "%s%s:", finding->known ? "known, " : "", kinds[finding->kind]);
    for (size_t i = 0; i < target->key_output_count; i++) {
        text_pair(out, target, target->key_outputs[i], row);
    }
    if (finding->task >= 0) {
        buf_printf(out, " (task %" PRId32 ")", finding->task);
    }
    buf_str(out, STR("\n"));
    if (finding->kind != VERIFY_DIFFERENT) {
        buf_str(out, STR("    "));
        for (size_t i = 0; i < target->output_count; i++) {
            if (!is_key(target, i)) {
                text_pair(out, target, i, row);
            }
        }
        buf_str(out, STR("\n"));
    }
    bool both = finding->columns && finding->source && finding->sink;
    for (size_t i = 0; i < target->output_count && both; i++) {
        if (finding->columns[i]) {
            buf_printf(out, "     " STR_FMT ": ", STR_ARG(target->outputs[i].name));
            text_value(out, finding->source[i]);
            buf_str(out, STR(" in the OLTP database, "));
            text_value(out, finding->sink[i]);
            buf_str(out, STR(" in the table\n"));
        }
    }
    buf_printf(out, "     " STR_FMT "\n", STR_ARG(finding->why));
}

static void put(const struct buf *text) {
    (void)fwrite(text->ptr, 1, text->len, stdout);
}

void verify_print_finding(struct verify_printer *printer, const struct verify_finding *finding) {
    if (printer->printed >= PRINTED_MAX && !printer->all) {
        printer->left_out++;
        return;
    }
    printer->printed++;
    verify_print_end(printer);
    struct buf text = {0};
    if (printer->json) {
        json_finding(&text, printer->target, finding);
    } else {
        text_finding(&text, printer->target, finding);
    }
    put(&text);
    (void)fflush(stdout);
    buf_clear(&text);
}

/* ---- progress ---- */

static void append_time(struct buf *out, int64_t ms) {
    buf_printf(out, "%" PRId64 ":%02d", ms / 60000, (int)(ms / 1000 % 60));
}

static void append_progress(struct buf *out, const struct verify_progress *progress) {
    double rows = (double)progress->rows, share = 0;
    buf_printf(out, "%" PRIu64 " rows", progress->rows);
    if (progress->expected > rows && !progress->settling) {
        share = rows / progress->expected;
        buf_printf(out, " of about %.0f (%.0f %%)", progress->expected, 100 * share);
    }
    if (share > 0.01) {
        buf_str(out, STR(", "));
        append_time(out, (int64_t)((double)progress->since_ms * (1 - share) / share));
        buf_str(out, STR(" left"));
    }
    if (progress->pending > 0) {
        buf_printf(out, ", %zu differences %s", progress->pending,
                   progress->settling ? "are looked at again" : "to look at again");
    }
}

void verify_print_progress(struct verify_printer *printer, const struct verify_progress *progress) {
    if (!printer->terminal && progress->since_ms - printer->said_ms < SAY_MS) {
        return;
    }
    printer->said_ms = progress->since_ms;
    struct buf text = {0};
    append_progress(&text, progress);
    (void)fprintf(stderr, printer->terminal ? CLEAR STR_FMT : STR_FMT "\n",
                  STR_ARG(buf_view(&text)));
    (void)fflush(stderr);
    printer->shown = text.len;
    buf_clear(&text);
}

void verify_print_end(struct verify_printer *printer) {
    if (printer->terminal && printer->shown > 0) {
        (void)fputs(CLEAR, stderr);
        (void)fflush(stderr);
        printer->shown = 0;
    }
}

void verify_print_note(struct verify_printer *printer, const char *text) {
    verify_print_end(printer);
    (void)fprintf(stderr, "note: %s\n", text);
}

/* ---- the summary ---- */

static void json_summary(struct buf *out, const struct verify_printer *printer,
                         const struct verify_result *r) {
    buf_str(out, STR("{\"view\":"));
    json_string(out, printer->target->name);
    buf_printf(out,
               ",\"summary\":true,\"equal\":%s,\"oltp_rows\":%" PRIu64 ",\"olap_rows\":%" PRIu64
               ",\"missing\":%" PRIu64 ",\"extra\":%" PRIu64 ",\"different\":%" PRIu64
               ",\"known\":%" PRIu64 ",\"excluded\":%" PRIu64 ",\"behind\":%" PRIu64
               ",\"arrived\":%" PRIu64 ",\"moving\":%" PRIu64 ",\"snapshots\":%" PRIu64
               ",\"stopped_early\":%s,\"not_printed\":%zu,\"seconds\":%.3f}\n",
               verify_differs(r) ? "false" : "true", r->source_rows, r->sink_rows, r->missing,
               r->extra, r->different, r->known, r->excluded, r->behind, r->arrived, r->moving,
               r->snapshots, r->stopped_early ? "true" : "false", printer->left_out,
               (double)r->took_ms / 1000);
}

static void text_summary(struct buf *out, const struct verify_printer *printer,
                         const struct verify_result *r, bool sampled) {
    if (printer->left_out > 0) {
        buf_printf(out, "... and %zu more: --all prints them\n", printer->left_out);
    }
    buf_printf(out, STR_FMT ": %s; ", STR_ARG(printer->target->name),
               verify_differs(r) ? "different" : "equal");
    if (verify_differs(r)) {
        buf_printf(out, "%" PRIu64 " missing, %" PRIu64 " extra, %" PRIu64 " different; ",
                   r->missing, r->extra, r->different);
    }
    buf_printf(
        out, "%" PRIu64 " rows in the OLTP database, %" PRIu64 " in the table%s, in %.1f s\n",
        r->source_rows, r->sink_rows, sampled ? ", by chance" : "", (double)r->took_ms / 1000);
    if (r->known > 0) {
        buf_printf(out, "%" PRIu64 " rows are refused or set aside, see above\n", r->known);
    }
    if (r->excluded > 0) {
        buf_printf(out,
                   "%" PRIu64 " refused rows and dead letters were left out, since the view's "
                   "expressions may fail for them: sync_refused and sync_dead_letter have them\n",
                   r->excluded);
    }
    if (r->arrived > 0) {
        buf_printf(out,
                   "%" PRIu64 " rows differed at first and then no more: changes on their "
                   "way\n",
                   r->arrived);
    }
    if (r->moving > 0) {
        buf_printf(out,
                   "%" PRIu64 " rows were others at each look, so nothing is said of them: run "
                   "verify again\n",
                   r->moving);
    }
    if (r->behind > 0) {
        buf_printf(out, "%" PRIu64 " of these differences may be changes on their way\n",
                   r->behind);
    }
    if (r->stopped_early) {
        buf_str(out, STR("stopped, since so many rows differ: --all goes on\n"));
    }
}

void verify_print_summary(struct verify_printer *printer, const struct verify_result *result,
                          bool sampled) {
    struct buf text = {0};
    verify_print_end(printer);
    if (printer->json) {
        json_summary(&text, printer, result);
    } else {
        text_summary(&text, printer, result, sampled);
    }
    put(&text);
    buf_clear(&text);
}
