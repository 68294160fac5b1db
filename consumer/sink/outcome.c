#include "sink/outcome.h"

#include <ctype.h>
#include <stdio.h>

static bool is_class(const char *sqlstate, const char *prefix) {
    return strncmp(sqlstate, prefix, strlen(prefix)) == 0;
}

static bool is_any(const char *sqlstate, const char *const *prefixes) {
    for (; *prefixes; prefixes++) {
        if (is_class(sqlstate, *prefixes)) {
            return true;
        }
    }
    return false;
}

/* Steps in which rows can be at fault, or constraints and triggers that the user added; COMMIT
 * because of deferred constraints. */
static bool is_data_step(enum step_kind step) {
    return step == STEP_DELETE || step == STEP_CHECK || step == STEP_FILTER ||
           step == STEP_UPSERT || step == STEP_LOAD || step == STEP_REFUSED || step == STEP_COMMIT;
}

enum sink_event_kind outcome_of(const char *sqlstate, enum step_kind step, bool by_code) {
    /* 54000: a row or index entry is too large. P0: RAISE. */
    static const char *const data[] = {"22", "23", "21000", "54000", "P0", NULL};
    /* 26000, 0A000: a prepared statement is lost or outdated; a new session prepares it again. */
    static const char *const again[] = {"40",    "53", "55P03", "55006", "57", "58",
                                        "25006", "08", "25P03", "26000", "0A", NULL};
    if (step == STEP_FENCE && (is_class(sqlstate, "23502") || is_class(sqlstate, "23505"))) {
        return SINK_FENCED;
    }
    if (step == STEP_APPEND && is_class(sqlstate, "23502")) {
        return SINK_AGAIN; /* sync_identity is not what it was a moment ago */
    }
    if (is_data_step(step) && is_any(sqlstate, data)) {
        return SINK_REFUSED;
    }
    if (step == STEP_PREPARE && is_class(sqlstate, "0A")) {
        return SINK_HALT; /* a new session could not prepare it either */
    }
    if (is_any(sqlstate, again)) {
        return SINK_AGAIN;
    }
    if (step == STEP_TABLE) {
        return SINK_OTHER_TABLE; /* dropped, say: the table that is there now is inspected */
    }
    if (step == STEP_REGISTER || step == STEP_INSPECT) {
        return SINK_UNFIT;
    }
    return is_data_step(step) && step != STEP_CHECK && by_code ? SINK_REFUSED : SINK_HALT;
}

enum blame outcome_blame(const char *sqlstate, enum step_kind step, bool by_code) {
    /* 23514 is also raised by a partitioned table without a partition for the row. */
    static const char *const own[] = {"22", "23514", "23502", "54000", NULL};
    if (step == STEP_CHECK) {
        return BLAME_RECORD;
    }
    if (step == STEP_DELETE) { /* only the key is converted there */
        return is_class(sqlstate, "22") && !by_code ? BLAME_RECORD : BLAME_OTHERS;
    }
    bool writes = step == STEP_FILTER || step == STEP_UPSERT || step == STEP_LOAD;
    return writes && !by_code && is_any(sqlstate, own) ? BLAME_ROW : BLAME_OTHERS;
}

bool outcome_drops(const char *sqlstate) {
    static const char *const drops[] = {"25006", "57P", "08", "25P03", "26000", "0A", NULL};
    return is_any(sqlstate, drops);
}

const char *outcome_advice(const char *sqlstate, enum step_kind step) {
    static const struct {
        const char *prefix, *advice;
    } table[] = {
        {"42P05", POOLER_ADVICE},
        {"42P01", "create the tables: oltp-olap-sync plan --apply-sink"},
        {"42703", "the tables in the OLAP database do not match the view: compare them with "
                  "oltp-olap-sync plan, "
                  "then plan --apply-sink"},
        {"42P10", "the primary key of the table in the OLAP database does not match the view: "
                  "compare it with "
                  "oltp-olap-sync plan, then plan --apply-sink"},
        {"42501", "the role of olap.user must own, or be granted, the sink's tables; all members "
                  "use one role"},
        {"42", "compare the sink's tables with oltp-olap-sync plan, then plan --apply-sink"},
        {"3F", "the schema is missing: check the role's search_path, then plan --apply-sink"},
        {"28", "check olap.user, olap.password and the server's pg_hba.conf"},
        {"3D", "create the database, or correct olap.dbname"},
    };
    if (step == STEP_LOAD && is_class(sqlstate, "23505")) {
        return "the table already holds rows that sync_progress does not account for: empty it, or "
               "restore it together with sync_progress";
    }
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (is_class(sqlstate, table[i].prefix)) {
            return table[i].advice;
        }
    }
    return "";
}

enum err_kind outcome_err_kind(enum sink_event_kind kind) {
    switch (kind) {
    case SINK_REFUSED:
        return ERR_RECORD;
    case SINK_HALT:
    case SINK_UNFIT:
        return ERR_HALT;
    case SINK_LOST:
    case SINK_FENCED:
    case SINK_OTHER_TABLE:
    case SINK_AGAIN:
        return ERR_RETRY;
    case SINK_NOTHING:
    case SINK_CONNECTED:
    case SINK_COMMITTED:
    case SINK_ACQUIRED:
    case SINK_NEWEST:
    case SINK_CHECKED:
        return ERR_NONE;
    }
    return ERR_BUG;
}

const char *step_name(enum step_kind step) {
    static const char *const names[] = {
        "prepare", "begin",     "set",      "lock",     "table",    "fence",     "delete",
        "check",   "filter",    "upsert",   "load",     "refused",  "savepoint", "dead_letters",
        "trim",    "commit",    "rollback", "identity", "register", "inspect",   "append",
        "read",    "terminate", "sweep",    "marks",    "convert",  "count",     "sync",
    };
    _Static_assert(sizeof names / sizeof names[0] == STEP_SYNC + 1, "a name for each step");
    return names[step];
}

/* The first quote of any kind: servers have localized messages. */
static const char *first_quote(const char *message) {
    static const char *const quotes[] = {
        "\"",           "'",
        "\xc2\xab",     "\xc2\xbb",
        "\xe2\x80\x98", "\xe2\x80\x99",
        "\xe2\x80\x9a", "\xe2\x80\x9c",
        "\xe2\x80\x9d", "\xe2\x80\x9e",
        "\xe2\x80\xb9", "\xe3\x80\x8c",
    };
    const char *first = NULL;
    for (size_t i = 0; i < sizeof quotes / sizeof quotes[0]; i++) {
        const char *found = strstr(message, quotes[i]);
        if (found && (!first || found < first)) {
            first = found;
        }
    }
    return first;
}

const char *message_clean(const char *sqlstate, const char *message, char *out, size_t size) {
    const char *from = is_class(sqlstate, "22") ? first_quote(message) : NULL;
    if (!from) {
        int len = (int)strcspn(message, "\r\n");
        (void)snprintf(out, size, "%.*s", len, message);
        return out;
    }
    /* From the first quote to the last: a value may contain quotes and line ends itself. */
    const char *last = *from == '"' ? strrchr(message, '"') : NULL;
    const char *rest = last && last > from ? last + 1 : "";
    (void)snprintf(out, size, "%.*s\"...\"%.*s", (int)(from - message), message,
                   (int)strcspn(rest, "\r\n"), rest);
    return out;
}

static bool is_sqlstate(const char *p) {
    for (size_t i = 0; i < 5; i++) {
        if (!isdigit((unsigned char)p[i]) && !(p[i] >= 'A' && p[i] <= 'Z')) {
            return false;
        }
    }
    return p[5] == ':' && p[6] == ' ';
}

const char *message_sqlstate(const char *verbose, char ret_sqlstate[6]) {
    ret_sqlstate[0] = '\0';
    for (const char *p = strstr(verbose, ":  "); p; p = strstr(p + 1, ":  ")) {
        if (is_sqlstate(p + 3)) {
            memcpy(ret_sqlstate, p + 3, 5);
            ret_sqlstate[5] = '\0';
            return p + 10;
        }
    }
    return verbose;
}
