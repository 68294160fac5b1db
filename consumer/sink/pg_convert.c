/* Acquisition by a plan that has other targets than its progress: a view was added, or taken out.
 *
 * The newest rows of all tasks get the layout of this plan, in one transaction under the locks of
 * all of them, each as a new row with an owner of its own: members of the other plan are fenced.
 * An entry of the offsets is taken over where a target that stays needs it, since its fingerprint
 * says that the topic is read as before; all others begin at 0: nothing of them is read. Then
 * acquisition begins anew.
 */
#include "base/safeguard.h"
#include "sink/convert.h"
#include "sink/pg_internal.h"

bool convert_is_due(const struct sink *sink) {
    return sink->acquire.old_layout.ptr != NULL;
}

/* A target that stays joins the relation. */
static bool is_kept(const struct sink *sink, size_t relation) {
    bool kept = false;
    for (size_t t = 0; t < sink->plan->target_count; t++) {
        const struct target *target = &sink->plan->targets[t];
        for (size_t o = 0; target_set_has(sink->acquire.kept, t) && o < target->occurrence_count;
             o++) {
            kept |= (size_t)target->occurrences[o].relation == relation;
        }
    }
    return kept;
}

/* The next entry of a layout's text, from *at on; false at its end. */
static bool next_entry(struct str layout, size_t *at, struct str *ret_entry) {
    if (*at >= layout.len) {
        return false;
    }
    const char *from = layout.ptr + *at;
    const char *end = memchr(from, ',', layout.len - *at);
    *ret_entry = (struct str){from, end ? (size_t)(end - from) : layout.len - *at};
    *at += ret_entry->len + 2;
    return true;
}

/* Which entry of the old offsets the relation has, from 1 on; 0: none. */
static int32_t old_entry(const struct sink *sink, size_t relation) {
    int32_t n = 0;
    struct str entry;
    for (size_t at = 0; next_entry(sink->acquire.old_layout, &at, &entry);) {
        n++;
        if (str_equal(entry, sink->plan->relations[relation].slot)) {
            return n;
        }
    }
    return 0;
}

static void halt_younger(struct sink *sink) {
    struct buf own = {0};
    layout_text(sink->plan, &own);
    (void)err_set(&sink->why, ERR_HALT,
                  "plan %.60s has other views since a member that began after this one was "
                  "started: its progress is that of %.150s, this member has %.150s. Restart this "
                  "member with the same SQL files as that one",
                  sink->plan->name.ptr, sink->acquire.old_layout.ptr, own.ptr);
    buf_clear(&own);
}

void err_letters_first(const struct plan *plan, int64_t count, struct err *ret_err) {
    (void)err_set(ret_err, ERR_HALT,
                  "plan %.60s has other views than before, and sync_dead_letter has %lld of its "
                  "records with the version of the row before them, which is kept in the columns "
                  "that the former views use. Settle them with the former SQL files "
                  "(docs/operations.md, Dead letters), then start with these",
                  plan->name.ptr, (long long)count);
}

void convert_check(struct sink *sink) {
    const struct acquire *acquire = &sink->acquire;
    const struct plan *plan = sink->plan;
    if (acquire->newer) {
        (void)err_set(&sink->why, ERR_HALT,
                      "sync_identity disagrees about the topics of plan %.60s: some of its tables "
                      "have %.150s. Restore it, or start over (docs/operations.md, Starting over)",
                      plan->name.ptr, acquire->old_layout.ptr);
        return;
    }
    if (acquire->version > sink->link.version &&
        SAFEGUARD("an older member does not take its plan back")) {
        halt_younger(sink);
        return;
    }
    for (size_t r = 0; r < plan->relation_count; r++) {
        if (is_kept(sink, r) && old_entry(sink, r) == 0) {
            struct buf own = {0};
            layout_text(plan, &own);
            setting_differs(sink, &plan->targets[0], "the topics", acquire->old_layout,
                            buf_view(&own));
            buf_clear(&own);
            return;
        }
    }
    if (acquire->kept_letters > 0 && SAFEGUARD("dead letters are settled before a plan changes")) {
        err_letters_first(plan, acquire->kept_letters, &sink->why);
    }
}

static void add_params(struct sink *sink) {
    const struct plan *plan = sink->plan;
    struct buf *c = sink->columns;
    struct str entry;
    size_t count = 0;
    params_begin_tasks(sink);
    array_begin(&c[1], OID_TEXT);
    for (size_t at = 0; next_entry(sink->acquire.old_layout, &at, &entry); count++) {
        array_add(&c[1], entry);
    }
    array_end(&c[1], count);
    params_add(sink, OID_TEXT_ARRAY, buf_view(&c[1]));
    layout_array(plan, &c[2]);
    params_add(sink, OID_TEXT_ARRAY, buf_view(&c[2]));
    array_begin(&c[3], OID_INT4);
    for (size_t r = 0; r < plan->relation_count; r++) {
        bool takes = is_kept(sink, r) || !SAFEGUARD("what no view had read is read anew");
        array_add_int32(&c[3], takes ? old_entry(sink, r) : 0);
    }
    array_end(&c[3], plan->relation_count);
    params_add(sink, OID_INT4_ARRAY, buf_view(&c[3]));
    params_add(sink, OID_TEXT, str_from(sink->acquire.owner));
    params_add_targets(sink, &c[4]);
    array_begin(&c[5], OID_TEXT);
    count = 0;
    for (size_t t = 0; t < plan->target_count; t++) {
        if (target_set_has(sink->acquire.kept, t)) {
            array_add(&c[5], plan->targets[t].name);
            count++;
        }
    }
    array_end(&c[5], count);
    params_add(sink, OID_TEXT_ARRAY, buf_view(&c[5]));
}

static void lock_all(struct sink *sink) {
    size_t count = (size_t)sink->plan->partition_count;
    int32_t *tasks = arena_alloc(&sink->results, count * sizeof *tasks);
    for (size_t i = 0; i < count; i++) {
        tasks[i] = (int32_t)i;
    }
    sink->acquire.asked = sink->tasks;
    sink->tasks = (struct task_list){.items = tasks, .count = count};
    send_lock(sink);
}

void convert_end(struct sink *sink) {
    if (sink->acquire.asked.items) {
        sink->tasks = sink->acquire.asked;
        sink->acquire.asked = (struct task_list){0};
    }
}

void convert_send(struct sink *sink) {
    static const char *const statements[] = {
        SQL_CONVERT_MARKS,   SQL_CONVERT_PROGRESS, SQL_CONVERT_UNMARK, SQL_CONVERT_REFUSED,
        SQL_CONVERT_LETTERS, SQL_CONVERT_UNKEEP,   SQL_CONVERT_LAYOUT,
    };
    struct buf own = {0};
    layout_text(sink->plan, &own);
    log_line(sink->log, LOG_WARN, "sink", "plan_changed", "plan=%s from=\"%s\" to=\"%s\"",
             sink->plan->name.ptr, sink->acquire.old_layout.ptr, own.ptr);
    buf_clear(&own);
    sink->acquire.committed = false;
    params_begin(sink);
    flight_prepared(sink, (struct step){STEP_BEGIN, 0, 0}, "sync_begin");
    flight_query(sink, (struct step){STEP_SET, 0, 0}, "SET LOCAL lock_timeout = '2s'");
    lock_all(sink);
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        add_params(sink);
        flight_query(sink, (struct step){STEP_CONVERT, 0, 0}, statements[i]);
    }
    send_commit(sink);
    flight_sync(sink);
}
