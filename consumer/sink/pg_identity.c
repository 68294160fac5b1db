/* Compares what is stored beside the progress and must not change, and says what differs. */
#include "plan/difference.h"
#include "sink/pg_internal.h"
#include "sink/statements.h"

#include <stdio.h>

#define DIFFERENCE_MAX 260 /* what fits into a message */

/* SQL_IDENTITY_READ's. */
enum {
    COLUMN_CLUSTER,
    COLUMN_LAYOUT,
    COLUMN_PARTITIONS,
    COLUMN_HASH,
    COLUMN_FINGERPRINT,
    COLUMN_DEFINITION,
    COLUMN_PLAN,
    COLUMN_VERSION,
    COLUMN_LETTERS,
};

#define WAYS_OUT "Undo that, or fill the table again (docs/operations.md, Starting over)"

/* Entries in order: a topic for each relation; of several targets, +NAME of each, by name. */
static struct str layout_entry(const struct plan *plan, size_t i, struct buf *text) {
    if (i < plan->relation_count) {
        return plan->relations[i].slot;
    }
    struct str name = STR_NONE;
    for (size_t n = plan->relation_count; n <= i; n++) {
        struct str last = name;
        name = STR_NONE;
        for (size_t t = 0; t < plan->target_count; t++) {
            struct str other = plan->targets[t].name;
            bool behind = !last.ptr || str_compare(other, last) > 0;
            name = behind && (!name.ptr || str_compare(other, name) < 0) ? other : name;
        }
    }
    buf_reset(text);
    buf_printf(text, "+" STR_FMT, STR_ARG(name));
    return buf_view(text);
}

static size_t layout_entries(const struct plan *plan) {
    return plan->relation_count + (plan->target_count > 1 ? plan->target_count : 0);
}

void layout_text(const struct plan *plan, struct buf *out) {
    struct buf text = {0};
    buf_reset(out);
    for (size_t i = 0; i < layout_entries(plan); i++) {
        struct str entry = layout_entry(plan, i, &text);
        buf_printf(out, "%s" STR_FMT, i > 0 ? ", " : "", STR_ARG(entry));
    }
    buf_append(out, "", 1);
    out->len--;
    buf_clear(&text);
}

void layout_array(const struct plan *plan, struct buf *out) {
    struct buf text = {0};
    array_begin(out, OID_TEXT);
    for (size_t i = 0; i < layout_entries(plan); i++) {
        array_add(out, layout_entry(plan, i, &text));
    }
    array_end(out, layout_entries(plan));
    buf_clear(&text);
}

void send_definition(struct sink *sink, size_t t) {
    const struct target *target = &sink->plan->targets[t];
    params_begin(sink);
    params_add(sink, OID_TEXT, target->name);
    params_add(sink, OID_TEXT, target->fingerprint);
    params_add(sink, OID_TEXT, target->definition);
    flight_prepared(sink, (struct step){STEP_IDENTITY, 0, t}, "sync_definition");
}

static void view_differs(struct sink *sink, const struct target *target, struct str stored,
                         struct str fingerprint) {
    char what[DIFFERENCE_MAX];
    size_t count = definition_difference(stored, target->definition, what, sizeof what);
    if (stored.len == 0 || count == 0) {
        (void)snprintf(
            what, sizeof what,
            "fingerprint %.16s, now %.16s (an earlier version filled it, and kept no text "
            "to compare)",
            fingerprint.ptr, target->fingerprint.ptr);
    }
    (void)err_set(&sink->why, ERR_HALT,
                  "the view's SQL or the source tables' declarations have changed since table "
                  "%.60s was filled: %s%s. " WAYS_OUT,
                  target->name.ptr, what, stored.len > 0 && count > 1 ? ", ..." : "");
}

/* The texts end with a NUL. */
void setting_differs(struct sink *sink, const struct target *target, const char *what,
                     struct str stored, struct str found) {
    (void)err_set(&sink->why, ERR_HALT,
                  "table %.60s was filled with %s %.120s, and this member has %.120s. " WAYS_OUT,
                  target->name.ptr, what, stored.ptr, found.ptr);
}

void err_belongs_elsewhere(const struct plan *plan, const struct target *target, struct str of,
                           struct err *ret_err) {
    (void)err_set(ret_err, ERR_HALT,
                  "table %.60s belongs to the progress of the plan %.*s, not to that of %.60s: a "
                  "plan has the name of its first view. Name the file of %.*s first in "
                  "schemas.view, or start over with the table (docs/operations.md, Starting over)",
                  target->name.ptr, (int)of.len, of.ptr, plan->name.ptr, (int)of.len, of.ptr);
}

/* The rows of a plan's targets change together; that of a new one has this plan's layout. */
static void layout_answer(struct sink *sink, size_t t, const PGresult *result) {
    struct acquire *acquire = &sink->acquire;
    const struct target *target = &sink->plan->targets[t];
    struct str stored = result_value(result, 0, COLUMN_LAYOUT);
    int64_t version = read_be64(PQgetvalue(result, 0, COLUMN_VERSION));
    layout_text(sink->plan, &sink->scratch);
    if (str_equal(stored, buf_view(&sink->scratch))) {
        acquire->newer |= version >= 0;
    } else if (acquire->old_layout.ptr && !str_equal(acquire->old_layout, stored)) {
        setting_differs(sink, target, "the topics", stored, acquire->old_layout);
    } else {
        acquire->old_layout = arena_copy(&sink->results, stored);
        acquire->kept |= (target_set)1 << t;
        acquire->version = version > acquire->version ? version : acquire->version;
        acquire->kept_letters = read_be64(PQgetvalue(result, 0, COLUMN_LETTERS));
    }
}

void identity_answer(struct sink *sink, struct step step, const PGresult *result) {
    const struct plan *plan = sink->plan;
    const struct target *target = step_target(sink, step);
    if (PQresultStatus(result) != PGRES_TUPLES_OK || sink->why.kind != ERR_NONE) {
        return;
    }
    if (PQntuples(result) != 1) {
        (void)err_set(&sink->why, ERR_HALT,
                      "sync_identity has no row for " STR_FMT ": somebody deleted it. Restart the "
                      "member: it writes the row again",
                      STR_ARG(target->name));
        return;
    }
    struct buf *count = &sink->columns[0];
    buf_reset(count);
    buf_printf(count, "%d", (int)plan->partition_count);
    buf_append(count, "", 1);
    const struct {
        const char *what;
        struct str found;
        int column;
    } settings[] = {
        {"records of the Kafka cluster", sink->identity.cluster_id, COLUMN_CLUSTER},
        {"topic.partitions", str_from(count->ptr), COLUMN_PARTITIONS},
        {"the partition hash", sink->identity.hash, COLUMN_HASH},
    };
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        struct str stored = result_value(result, 0, settings[i].column);
        if (!str_equal(stored, settings[i].found)) {
            setting_differs(sink, target, settings[i].what, stored, settings[i].found);
            return;
        }
    }
    struct str layout = result_value(result, 0, COLUMN_LAYOUT);
    layout_text(plan, &sink->scratch);
    if (plan->target_count == 1 && !str_equal(layout, buf_view(&sink->scratch)) &&
        !memchr(layout.ptr, '+', layout.len)) {
        setting_differs(sink, target, "the topics", layout, buf_view(&sink->scratch));
        return;
    }
    struct str of = result_value(result, 0, COLUMN_PLAN);
    if (!str_equal(of, plan->name)) {
        err_belongs_elsewhere(plan, target, of, &sink->why);
        return;
    }
    struct str fingerprint = result_value(result, 0, COLUMN_FINGERPRINT);
    if (!str_equal(fingerprint, target->fingerprint)) {
        view_differs(sink, target, result_value(result, 0, COLUMN_DEFINITION), fingerprint);
        return;
    }
    layout_answer(sink, step.target, result);
}
