/* Compares what is stored beside the progress and must not change, and says what differs. */
#include "plan/difference.h"
#include "sink/pg_internal.h"
#include "sink/statements.h"

#include <stdio.h>

#define DIFFERENCE_MAX 260 /* what fits into a message */

#define WAYS_OUT "Undo that, or fill the table again (docs/operations.md, Starting over)"

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

static void setting_differs(struct sink *sink, const struct target *target, const char *what,
                            struct str stored, struct str found) {
    (void)err_set(&sink->why, ERR_HALT,
                  "table %.60s was filled with %s %.120s, and this member has %.120s. " WAYS_OUT,
                  target->name.ptr, what, stored.ptr, found.ptr);
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
    struct buf *topics = &sink->columns[0], *count = &sink->columns[1];
    buf_reset(topics);
    for (size_t t = 0; t < plan->relation_count; t++) {
        buf_printf(topics, "%s" STR_FMT, t > 0 ? ", " : "", STR_ARG(plan->relations[t].slot));
    }
    buf_append(topics, "", 1);
    buf_reset(count);
    buf_printf(count, "%d", (int)plan->partition_count);
    buf_append(count, "", 1);
    const struct {
        const char *what;
        struct str found;
    } settings[] = {
        {"records of the Kafka cluster", sink->identity.cluster_id},
        {"the topics", str_from(topics->ptr)},
        {"topic.partitions", str_from(count->ptr)},
        {"the partition hash", sink->identity.hash},
    };
    const size_t setting_count = sizeof settings / sizeof settings[0];
    for (size_t i = 0; i < setting_count; i++) {
        struct str stored = result_value(result, 0, (int)i);
        if (!str_equal(stored, settings[i].found)) {
            setting_differs(sink, target, settings[i].what, stored, settings[i].found);
            return;
        }
    }
    struct str fingerprint = result_value(result, 0, (int)setting_count);
    if (!str_equal(fingerprint, target->fingerprint)) {
        view_differs(sink, target, result_value(result, 0, (int)setting_count + 1), fingerprint);
    }
}
