#include "support.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* One test alone, for tests/sim/mutations.py. */
__attribute__((constructor)) static void choose_test(void) {
    cmocka_set_test_filter(getenv("ONLY_TEST"));
}

#define COLUMN(n, t, s, k)                                                                         \
    { .name = STR(n), .type = STR(t), .scalar = (s), .key = (k) }

static struct relation_column student_columns[] = {
    COLUMN("student_id", "bigint", SCALAR_INTEGER, KEY_BIGINT),
    COLUMN("name", "text", SCALAR_STRING, KEY_NONE),
};
static struct relation_column contact_columns[] = {
    COLUMN("student_id", "bigint", SCALAR_INTEGER, KEY_BIGINT),
    COLUMN("contact_id", "bigint", SCALAR_INTEGER, KEY_BIGINT),
    COLUMN("contact_number", "text", SCALAR_STRING, KEY_NONE),
    COLUMN("born", "date", SCALAR_STRING, KEY_NONE),
};
static size_t student_positions[] = {0}, contact_positions[] = {0, 1}, key_outputs[] = {0, 1};
static struct relation tables[] = {
    {.schema = STR("public"),
     .name = STR("student"),
     .topic = STR("oltp.public.student"),
     .slot = STR("oltp.public.student"),
     .columns = student_columns,
     .column_count = 2,
     .key_count = 1,
     .placement_count = 1,
     .sql_check = STR("SELECT count(*) FROM (SELECT a::bigint, b::text"
                      " FROM unnest($1::text[], $2::text[]) x(a, b) OFFSET 0) y WHERE y IS NULL")},
    {.schema = STR("public"),
     .name = STR("contact"),
     .topic = STR("oltp.public.contact"),
     .slot = STR("oltp.public.contact"),
     .columns = contact_columns,
     .column_count = 4,
     .key_count = 2,
     .placement_count = 1,
     .sql_check = STR("SELECT count(*) FROM (SELECT a::bigint, b::bigint, c::text, d::date"
                      " FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) x(a, b, c, d)"
                      " OFFSET 0) y WHERE y IS NULL")},
};
static struct occurrence occurrences[] = {
    {.relation = 0,
     .parent = -1,
     .reference = -1,
     .key_positions = student_positions,
     .sql_delete = STR("DELETE FROM student_contact t USING unnest($1::text[]) x(a)"
                       " WHERE t.student_id = x.a::bigint")},
    {.relation = 1,
     .parent = -1,
     .reference = -1,
     .root = 1,
     .key_positions = contact_positions,
     .sql_delete = STR("DELETE FROM student_contact t USING unnest($1::text[], $2::text[]) x(a, b)"
                       " WHERE t.student_id = x.a::bigint AND t.contact_id = x.b::bigint")},
};
static struct target_input inputs[] = {{0, 0}, {1, 1}, {0, 1}, {1, 2}, {1, 3}};
static struct target_output outputs[] = {
    {STR("student_id"), 0},     {STR("contact_id"), 1}, {STR("name"), 2},
    {STR("contact_number"), 3}, {STR("born"), 4},
};

#define INSERT                                                                                     \
    "INSERT INTO student_contact AS t (student_id, contact_id, name, contact_number, born)"        \
    " SELECT a::bigint, b::bigint, c, d, e::date"                                                  \
    " FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) x(a, b, c, d, e)"

static const struct target target = {
    .name = STR("student_contact"),
    .occurrences = occurrences,
    .occurrence_count = 2,
    .core_count = 2,
    .inputs = inputs,
    .input_count = 5,
    .outputs = outputs,
    .output_count = 5,
    .key_outputs = key_outputs,
    .key_output_count = 2,
    .fingerprint = STR("0123456789abcdef"),
    .definition = STR("partitions: 8\nsource column public.student.name: text\n"),
    .sql_ddl = STR("CREATE TABLE IF NOT EXISTS student_contact (student_id bigint,"
                   " contact_id bigint, name text, contact_number text, born date,"
                   " PRIMARY KEY (student_id, contact_id))"),
    .sql_upsert =
        STR(INSERT " ON CONFLICT (student_id, contact_id) DO UPDATE SET name = excluded.name,"
                   " contact_number = excluded.contact_number, born = excluded.born"
                   " WHERE ROW(t.name, t.contact_number, t.born)::record"
                   " *<> ROW(excluded.name, excluded.contact_number, excluded.born)::record"),
    .sql_insert = STR(INSERT),
    .sql_refuse = STR("DELETE FROM student_contact t USING unnest($1::text[], $2::text[]) x(a, b)"
                      " WHERE t.student_id = x.a::bigint AND t.contact_id = x.b::bigint"),
    .sql_copy = STR("COPY student_contact (student_id, contact_id, name, contact_number, born)"
                    " FROM STDIN"),
};

/* A plan of one target that the test may alter. */
static struct plan *made(struct plan *plan, struct target *copy) {
    *copy = target;
    *plan = (struct plan){.name = STR("student_contact"),
                          .relations = tables,
                          .relation_count = 2,
                          .targets = copy,
                          .target_count = 1,
                          .partition_count = 8};
    return plan;
}

const struct plan *test_view(bool with_copy) {
    static struct target by_copy, by_insert;
    static struct plan copies, inserts;
    (void)made(&copies, &by_copy);
    (void)made(&inserts, &by_insert);
    by_insert.sql_copy = STR_NONE;
    return with_copy ? &copies : &inserts;
}

static struct log test_log = {.fd = 2, .level = LOG_WARN, .member = "test"};

struct sink *sink_open(const struct plan *plan, const char *port) {
    const char *level = getenv("TEST_LOG");
    test_log.level = level ? LOG_DEBUG : LOG_ERROR;
    const char *keywords[] = {"port", NULL};
    const char *values[] = {port ? port : getenv("PGPORT"), NULL};
    struct pg_sink_options options = {.keywords = keywords,
                                      .values = values,
                                      .identity = {STR("cluster-1"), STR("java")},
                                      .log = &test_log,
                                      .clock = clock_real(),
                                      .answer_check_ms = 300};
    struct sink *sink = NULL;
    assert_int_equal(pg_sink_new(plan, &options, &sink, NULL), ERR_NONE);
    return sink;
}

int64_t now_ms(void) {
    struct clock clock = clock_real();
    return clock_mono_ms(&clock);
}

void sleep_ms(int64_t ms) {
    (void)poll(NULL, 0, (int)ms);
}

struct sink_event sink_await(struct sink *sink, int64_t timeout_ms) {
    int64_t end = now_ms() + timeout_ms;
    for (;;) {
        struct sink_event event;
        pg_sink_ops.poll(sink, &event);
        int64_t now = now_ms(), deadline = -1;
        if (event.kind != SINK_NOTHING || now >= end) {
            return event;
        }
        struct pollfd fd = {0};
        pg_sink_ops.wait(sink, &fd.fd, &fd.events, &deadline);
        int64_t until = deadline >= 0 && deadline < end ? deadline : end;
        (void)poll(&fd, 1, until > now ? (int)(until - now) : 0);
    }
}

struct sink_event sink_until(struct sink *sink, enum sink_event_kind kind, int64_t timeout_ms) {
    int64_t end = now_ms() + timeout_ms;
    struct sink_event event;
    do {
        event = sink_await(sink, end > now_ms() ? end - now_ms() : 0);
    } while (event.kind != kind && now_ms() < end);
    if (event.kind != kind) {
        print_error("waited for event %d, last was %d %s\n", (int)kind, (int)event.kind,
                    event.kind == SINK_NOTHING ? "" : event.err.message);
    }
    assert_int_equal(event.kind, kind);
    return event;
}

struct sink *sink_connected(const struct plan *plan) {
    struct sink *sink = sink_open(plan, NULL);
    struct sink_event event = sink_await(sink, 10000);
    if (event.kind != SINK_CONNECTED) {
        print_error("not connected: %d %s\n", (int)event.kind, event.err.message);
    }
    assert_int_equal(event.kind, SINK_CONNECTED);
    assert_true(pg_sink_ops.ready(sink));
    return sink;
}

struct sink_event sink_commit_all(struct sink *sink, struct txn_part **parts, size_t count) {
    struct txn txn = {.parts = parts, .part_count = count};
    pg_sink_ops.commit(sink, &txn);
    return sink_await(sink, 60000);
}

struct sink_event sink_commit(struct sink *sink, struct txn_part *part) {
    return sink_commit_all(sink, &part, 1);
}

struct sink_event sink_load(struct sink *sink, struct txn_part *part,
                            const struct load_source *source, bool savepoints) {
    struct txn_part *parts[] = {part};
    struct txn txn = {.parts = parts, .part_count = 1, .load = source};
    part->savepoints = savepoints;
    part->refused_max = 100;
    pg_sink_ops.commit(sink, &txn);
    return sink_await(sink, 60000);
}

struct progress sink_acquire(struct sink *sink, int32_t task, const char *owner) {
    pg_sink_ops.acquire(sink, &task, 1, owner);
    struct sink_event event = sink_await(sink, 60000);
    if (event.kind != SINK_ACQUIRED) {
        print_error("not acquired: %d %s\n", (int)event.kind, event.err.message);
    }
    assert_int_equal(event.kind, SINK_ACQUIRED);
    assert_int_equal(event.result_count, 1);
    assert_int_equal(event.results[0].task, task);
    assert_string_equal(event.results[0].newest.owner, owner);
    return event.results[0].newest;
}

struct progress sink_newest(struct sink *sink, int32_t task) {
    pg_sink_ops.newest(sink, &task, 1);
    struct sink_event event = sink_await(sink, 60000);
    assert_int_equal(event.kind, SINK_NEWEST);
    assert_int_equal(event.result_count, 1);
    return event.results[0].newest;
}

void part_begin(struct txn_part *part, const struct plan *plan, int32_t task,
                const struct progress *before) {
    txn_part_init(part, plan);
    part->task = task;
    part->before = *before;
    part->after = *before;
    part->after.seq++;
    part->after.has_offsets = true;
    for (size_t t = 0; t < plan->relation_count; t++) {
        part->after.offsets[t]++;
    }
}

static struct str number_text(char out[24], int number) {
    return (struct str){out, (size_t)snprintf(out, 24, "%d", number)};
}

void part_go_on(struct txn_part *part) {
    txn_part_reset(part);
    part->before = part->after;
    part->after.seq++;
}

void part_upsert(struct txn_part *part, int student, int contact, const char *name,
                 const char *number) {
    char a[24], b[24];
    struct str values[] = {number_text(a, student), number_text(b, contact), str_from(name),
                           str_from(number), STR("2001-02-03")};
    row_array_add(&part->targets[0].upserts, values);
}

void part_delete_student(struct txn_part *part, int student) {
    char a[24];
    struct str values[] = {number_text(a, student)};
    row_array_add(&part->targets[0].deletes[DELETE_KEY][0], values);
}

void part_delete_contact(struct txn_part *part, int student, int contact) {
    char a[24], b[24];
    struct str values[] = {number_text(a, student), number_text(b, contact)};
    row_array_add(&part->targets[0].deletes[DELETE_KEY][1], values);
}

void part_check_contact(struct txn_part *part, int student, int contact, const char *number,
                        const char *born) {
    char a[24], b[24];
    struct str values[] = {number_text(a, student), number_text(b, contact), str_from(number),
                           str_from(born)};
    row_array_add(&part->checks[1], values);
}

PGconn *admin_open(void) {
    PGconn *conn = PQconnectdb(
        "application_name=admin options='-c client_min_messages=warning -c lock_timeout=20s'");
    assert_int_equal(PQstatus(conn), CONNECTION_OK);
    return conn;
}

static PGconn *shared(void) {
    static PGconn *conn;
    PGresult *result = conn ? PQexec(conn, "SELECT 1") : NULL;
    if (PQresultStatus(result) != PGRES_TUPLES_OK) { /* the first time, and after a restart */
        PQfinish(conn);
        conn = admin_open();
    }
    PQclear(result);
    return conn;
}

void admin(const char *sql) {
    PGconn *conn = shared();
    PGresult *result = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        print_error("%s: %s", sql, PQerrorMessage(conn));
    }
    PQclear(result);
    assert_true(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK);
}

const char *ask(const char *sql) {
    static char answer[4096];
    PGconn *conn = shared();
    PGresult *result = PQexec(conn, sql);
    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
        print_error("%s: %s", sql, PQerrorMessage(conn));
        fail();
    }
    (void)snprintf(answer, sizeof answer, "%s",
                   PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    return answer;
}

long ask_number(const char *sql) {
    return strtol(ask(sql), NULL, 10);
}

void table_register(void) {
    admin("UPDATE sync_identity SET relation = 'student_contact'::regclass,"
          " file = coalesce(pg_relation_filenode('student_contact')::bigint,"
          " (SELECT sum(hashint8extended(relid::oid::bigint,"
          " coalesce(pg_relation_filenode(relid)::bigint, 0)) % 1000000007)::bigint"
          " FROM pg_partition_tree('student_contact')), 0)");
}

void tables_drop(void) {
    admin("SELECT pg_terminate_backend(pid) FROM pg_stat_activity" /* what a failed test left */
          " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()");
    admin("DROP TABLE IF EXISTS student_contact, student_name, order_line, sync_progress, "
          "sync_identity, "
          "sync_dead_letter,"
          " sync_refused, sync_filled"
          " CASCADE");
}

void tables_reset(const struct plan *plan) {
    char sql[1024];
    tables_drop();
    admin(pg_sink_ddl(plan));
    (void)snprintf(sql, sizeof sql, STR_FMT, STR_ARG(plan->targets[0].sql_ddl));
    admin(sql);
}
