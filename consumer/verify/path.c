/* How far changes have come on their way, as the source database shows it: the replication slot's
 * confirmed position is behind all that Kafka has. The connector's heartbeat moves it also where
 * nothing changes. */
#include "base/safeguard.h"
#include "verify/impl.h"

static void append_slot(struct buf *sql, const struct verify *verify) {
    buf_str(sql, STR(" FROM pg_catalog.pg_replication_slots s WHERE s.confirmed_flush_lsn IS NOT "
                     "NULL AND NOT pg_catalog.pg_is_in_recovery() AND s.slot_name = "));
    query_literal(sql, str_from(verify->options->slot));
}

/* Where the log ends now, and whether the slot has passed the place that was asked for before. */
static enum err_kind ask(struct verify *verify, PGresult **ret_result, struct err *reterr) {
    struct buf sql = {0};
    buf_str(&sql, STR("SELECT pg_catalog.pg_current_wal_insert_lsn(), s.confirmed_flush_lsn >= "));
    query_literal(&sql, verify->probe[0] != '\0' ? str_from(verify->probe) : STR("FFFFFFFF/0"));
    buf_str(&sql, STR("::pg_lsn"));
    append_slot(&sql, verify);
    buf_append(&sql, "", 1);
    enum err_kind kind = session_ask(&verify->look[SOURCE], sql.ptr, ret_result, reterr);
    buf_clear(&sql);
    return kind;
}

enum err_kind path_look(struct verify *verify, struct err *reterr) {
    PGresult *result = NULL;
    int64_t now_ms = verify_now();
    enum err_kind kind = ask(verify, &result, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    verify->slot_is_there = PQntuples(result) == 1;
    if (!verify->slot_is_there || !SAFEGUARD("a difference waits for the connector")) {
        verify->path.sent_until_ms = now_ms; /* the time to settle is all that is left */
    } else {
        if (verify->probe[0] != '\0' && *PQgetvalue(result, 0, 1) == 't') {
            verify->path.sent_until_ms = verify->probe_ms;
            verify->probe[0] = '\0';
        }
        if (verify->probe[0] == '\0') {
            (void)snprintf(verify->probe, sizeof verify->probe, "%s", PQgetvalue(result, 0, 0));
            verify->probe_ms = now_ms;
        }
    }
    PQclear(result);
    return ERR_NONE;
}

void path_show(struct verify *verify, struct buf *out) {
    struct buf sql = {0};
    buf_str(&sql, STR("SELECT s.active, pg_catalog.pg_size_pretty(pg_catalog.pg_wal_lsn_diff("
                      "pg_catalog.pg_current_wal_insert_lsn(), s.confirmed_flush_lsn))"));
    append_slot(&sql, verify);
    buf_append(&sql, "", 1);
    PGresult *result = NULL;
    struct err ignored;
    if (session_ask(&verify->look[SOURCE], sql.ptr, &result, &ignored) == ERR_NONE &&
        PQntuples(result) == 1) {
        buf_printf(out, "replication slot %s is %s and %s behind the OLTP database's log",
                   verify->options->slot,
                   *PQgetvalue(result, 0, 0) == 't' ? "read by the connector"
                                                    : "not read by any connector",
                   PQgetvalue(result, 0, 1));
    }
    PQclear(result);
    buf_clear(&sql);
}
