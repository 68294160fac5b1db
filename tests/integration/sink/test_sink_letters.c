/* Dead letters: stored, given back at acquisition, swept where their work never ended. */
#include "lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct plan *plan;

static int reset(void **state) {
    (void)state;
    plan = test_view(true);
    tables_reset(plan);
    return 0;
}

/* As a plan with lookups has left it. */
#define NEW_KEY                                                                                    \
    "ALTER TABLE sync_dead_letter DROP CONSTRAINT sync_dead_letter_pkey, ADD PRIMARY KEY (view,"   \
    " task, topic, partition, \"offset\")"

static int reset_new_key(void **state) {
    (void)reset(state);
    admin(NEW_KEY);
    return 0;
}

/* As earlier versions made it: without the task. */
#define OLD_KEY                                                                                    \
    "ALTER TABLE sync_dead_letter DROP CONSTRAINT sync_dead_letter_pkey, ADD PRIMARY KEY (view,"   \
    " topic, partition, \"offset\")"

static int reset_lines(void **state) {
    (void)state;
    plan = lines_view();
    tables_reset(plan);
    return 0;
}

static void test_dead_letters_keep_the_first(void **state) {
    (void)state;
    struct sink *sink = sink_connected(plan);
    struct progress at = sink_acquire(sink, 1, OWNER_A);
    struct txn_part part;
    part_begin(&part, plan, 1, &at);
    struct dead_letter dead_letters[] = {
        {.topic = STR("oltp.public.contact"),
         .table = 1,
         .partition = 1,
         .offset = 9,
         .key = STR("k\0"),
         .value = STR("v"),
         .row_key = STR("rk"),
         .kept = STR("kept\xff"),
         .reason = "bad \xff date"},
        {.topic = STR("oltp.public.contact"),
         .table = 1,
         .partition = 1,
         .offset = 2,
         .reason = "no key"},
        {.topic = STR("oltp.public.student"),
         .table = 0,
         .partition = 1,
         .offset = 50,
         .row_key = STR(""),
         .reason = "student"},
    };
    for (size_t i = 0; i < 3; i++) {
        txn_part_add_dead_letter(&part, &dead_letters[i]);
    }
    part.after.offsets[0] = part.after.offsets[1] = 100;
    assert_int_equal(sink_commit(sink, &part).kind, SINK_COMMITTED);
    txn_part_reset(&part);
    part.before = part.after;
    part.after.seq++;
    dead_letters[0].kept = STR("another version");
    dead_letters[0].reason = "again";
    txn_part_add_dead_letter(&part, &dead_letters[0]);
    assert_int_equal(sink_commit(sink, &part).kind, SINK_COMMITTED);
    static const int32_t tasks[] = {2, 1};
    pg_sink_ops.acquire(sink, tasks, 2, OWNER_B);
    struct sink_event event = sink_await(sink, 5000);
    assert_int_equal(event.kind, SINK_ACQUIRED);
    assert_int_equal(event.results[0].dead_letter_count, 0);
    assert_int_equal(event.results[1].dead_letter_count, 3);
    const struct known_dead_letter *known = event.results[1].dead_letters;
    assert_true(known[0].table == 0 && known[0].offset == 50);
    assert_true(known[0].row_key.ptr && known[0].row_key.len == 0 && !known[0].kept.ptr);
    assert_true(known[1].table == 1 && known[1].offset == 2 && !known[1].row_key.ptr);
    assert_true(known[2].offset == 9 && str_equal(known[2].kept, STR("kept\xff")));
    assert_string_equal(ask("SELECT \"table\" || ' ' || reason || ' ' || encode(key, 'hex')"
                            " FROM sync_dead_letter WHERE \"offset\" = 9"),
                        "public.contact bad ? date 6b00");
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
}

/* Task 1 stands at student 3, contact 5; dead letters below, at and above. */
static void store_dead_letters(struct sink *sink) {
    struct progress at = sink_acquire(sink, 1, OWNER_A);
    struct txn_part part;
    part_begin(&part, plan, 1, &at);
    part.after.offsets[0] = 3;
    part.after.offsets[1] = 5;
    static const struct {
        int table;
        int64_t offset;
    } dead_letters[] = {{0, 2}, {0, 3}, {1, 3}, {1, 4}, {1, 5}, {1, 70}};
    for (size_t i = 0; i < sizeof dead_letters / sizeof *dead_letters; i++) {
        struct dead_letter dead_letter = {.topic = plan->relations[dead_letters[i].table].topic,
                                          .table = dead_letters[i].table,
                                          .partition = 1,
                                          .offset = dead_letters[i].offset,
                                          .key = STR("k"),
                                          .value = STR("v"),
                                          .row_key = STR("rk"),
                                          .kept =
                                              dead_letters[i].offset == 4 ? STR("kept") : STR_NONE,
                                          .reason = "unreadable"};
        txn_part_add_dead_letter(&part, &dead_letter);
    }
    assert_int_equal(sink_commit(sink, &part).kind, SINK_COMMITTED);
    admin("UPDATE sync_dead_letter SET checksum = NULL"); /* as an earlier release wrote them */
    txn_part_clear(&part);
}

static struct sink_event acquire(struct sink *sink, int32_t task, const char *owner) {
    pg_sink_ops.acquire(sink, &task, 1, owner);
    return sink_await(sink, 5000);
}

static void test_dead_letters_ahead_are_swept(void **state) {
    (void)state;
    struct sink *sink = sink_connected(plan);
    store_dead_letters(sink);
    struct sink_event event = acquire(sink, 1, OWNER_B);
    assert_int_equal(event.kind, SINK_ACQUIRED);
    assert_string_equal(event.results[0].newest.owner, OWNER_B);
    assert_int_equal(event.results[0].dead_letter_count, 3);
    const struct known_dead_letter *known = event.results[0].dead_letters;
    assert_true(known[0].table == 0 && known[0].offset == 2 && !known[0].value.ptr);
    /* its record comes along, since a later dead letter of the row keeps a version */
    assert_true(known[1].offset == 3 && str_is(known[1].key, "k") && str_is(known[1].value, "v"));
    assert_true(known[2].offset == 4 && str_is(known[2].kept, "kept") && !known[2].value.ptr);
    assert_int_equal(ask_number("SELECT count(*) FROM sync_dead_letter"), 3);
    assert_true(sink_newest(sink, 1).seq == event.results[0].newest.seq);
    pg_sink_destroy(&sink);
}

/* One that was not written by an earlier release is another log's: the caller is told of it. */
static void test_a_dead_letter_ahead_is_given(void **state) {
    (void)state;
    struct sink *sink = sink_connected(plan);
    store_dead_letters(sink);
    admin("UPDATE sync_dead_letter SET checksum = 1 WHERE \"offset\" = 70");
    struct sink_event event = acquire(sink, 1, OWNER_B);
    assert_int_equal(event.kind, SINK_ACQUIRED);
    assert_int_equal(event.results[0].dead_letter_count, 4);
    assert_int_equal(event.results[0].dead_letters[3].offset, 70);
    assert_int_equal(ask_number("SELECT count(*) FROM sync_dead_letter"), 4);
    pg_sink_destroy(&sink);
}

/* Another task's, and those of a task that somebody else has taken meanwhile, stay. */
static void test_dead_letters_of_others_stay(void **state) {
    (void)state;
    struct sink *sink = sink_connected(plan);
    store_dead_letters(sink);
    assert_int_equal(acquire(sink, 2, OWNER_B).kind, SINK_ACQUIRED);
    assert_int_equal(ask_number("SELECT count(*) FROM sync_dead_letter"), 6);
    admin("CREATE FUNCTION steal() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
          " NEW.owner := 'somebody else'; RETURN NEW; END $$;"
          "CREATE TRIGGER steal BEFORE INSERT ON sync_progress FOR EACH ROW EXECUTE FUNCTION "
          "steal()");
    assert_int_equal(acquire(sink, 1, OWNER_B).kind, SINK_ACQUIRED);
    assert_int_equal(ask_number("SELECT count(*) FROM sync_dead_letter"), 6);
    admin("DROP TRIGGER steal ON sync_progress; DROP FUNCTION steal()");
    pg_sink_destroy(&sink);
}

/* The privilege is needed only where there is something to sweep. */
static void test_sweeping_takes_a_privilege(void **state) {
    (void)state;
    struct sink *sink = sink_connected(plan);
    store_dead_letters(sink);
    admin("DROP ROLE IF EXISTS poor; CREATE ROLE poor LOGIN;"
          "GRANT SELECT, INSERT, UPDATE, DELETE ON student_contact TO poor;"
          "GRANT SELECT, INSERT, DELETE ON sync_progress TO poor;"
          "GRANT SELECT, INSERT, UPDATE ON sync_identity TO poor;"
          "GRANT SELECT, INSERT ON sync_dead_letter TO poor;"
          "GRANT SELECT, INSERT, DELETE ON sync_refused TO poor");
    pg_sink_destroy(&sink);
    setenv("PGUSER", "poor", 1);
    sink = sink_connected(plan);
    setenv("PGUSER", "pg", 1);
    struct sink_event event = acquire(sink, 2, OWNER_B);
    if (event.kind != SINK_ACQUIRED) {
        fail_msg("%s", event.err.message);
    }
    event = acquire(sink, 1, OWNER_B);
    assert_int_equal(event.kind, SINK_HALT);
    assert_string_equal(event.err.sqlstate, "42501");
    assert_non_null(strstr(event.err.message, "sync_dead_letter"));
    admin("GRANT DELETE ON sync_dead_letter TO poor");
    assert_int_equal(acquire(sink, 1, OWNER_B).kind, SINK_ACQUIRED);
    assert_int_equal(ask_number("SELECT count(*) FROM sync_dead_letter"), 3);
    pg_sink_destroy(&sink);
    admin("DROP OWNED BY poor; DROP ROLE poor");
}

static struct pg_sink_options options(void) {
    static struct log log = {.fd = 2, .level = LOG_ERROR, .member = "test"};
    static const char *keywords[] = {"port", NULL}, *values[] = {NULL, NULL};
    values[0] = getenv("PGPORT");
    return (struct pg_sink_options){
        .keywords = keywords, .values = values, .log = &log, .clock = clock_real()};
}

static enum err_kind decide_of(int table, int64_t offset, size_t *tasks, struct err *err) {
    struct pg_sink_options how = options();
    struct dead_letter record = {.topic = plan->relations[table].topic,
                                 .table = table,
                                 .partition = plan->relations[table].role == ROLE_LOOKUP ? 0 : 1,
                                 .offset = offset,
                                 .key = STR("key\0\xff"),
                                 .checksum = 0xfedcba98};
    *err = (struct err){0};
    return pg_decide(plan, &how, &record, tasks, err);
}

static enum err_kind decide(int64_t offset, struct err *err) {
    size_t tasks = 0;
    enum err_kind kind = decide_of(1, offset, &tasks, err);
    assert_int_equal(tasks, kind == ERR_NONE);
    return kind;
}

/* A decision is given back as such, is not swept, and gives its place to the dead letter. */
static void test_a_decision_becomes_a_dead_letter(void **state) {
    (void)state;
    struct err err;
    assert_int_equal(decide(9, &err), ERR_NONE); /* before there is any progress */
    assert_int_equal(decide(9, &err), ERR_RETRY);
    assert_non_null(strstr(err.message, "decided before"));
    struct sink *sink = sink_connected(plan);
    struct sink_event event = acquire(sink, 1, OWNER_A);
    assert_int_equal(event.results[0].dead_letter_count, 1);
    const struct known_dead_letter *known = event.results[0].dead_letters;
    assert_true(known->pending && known->offset == 9 && known->table == 1);
    assert_true(known->has_checksum && known->checksum == 0xfedcba98 && known->value_len == -1);
    assert_true(str_equal(known->key, STR("key\0\xff")));
    struct txn_part part;
    part_begin(&part, plan, 1, &event.results[0].newest);
    part.after.offsets[1] = 10;
    struct dead_letter dead_letters[2] = {{.topic = plan->relations[1].topic,
                                           .table = 1,
                                           .partition = 1,
                                           .offset = 8,
                                           .reason = "unreadable"}};
    dead_letters[1] = dead_letters[0];
    dead_letters[1].offset = 9;
    dead_letters[1].kept = STR("kept");
    dead_letters[1].reason = "decided";
    dead_letters[1].checksum = 7;
    dead_letters[1].decided = true;
    txn_part_add_dead_letter(&part, &dead_letters[0]);
    txn_part_add_dead_letter(&part, &dead_letters[1]);
    assert_int_equal(sink_commit(sink, &part).kind, SINK_COMMITTED);
    assert_string_equal(
        ask("SELECT string_agg(concat_ws(' ', \"offset\", reason, checksum, pending,"
            " convert_from(kept, 'UTF8')), ', ' ORDER BY \"offset\")"
            " FROM sync_dead_letter"),
        "8 unreadable 0 f, 9 decided 7 f kept");
    assert_int_equal(decide(9, &err), ERR_RETRY);
    assert_non_null(strstr(err.message, "gone past this record"));
    assert_int_equal(decide(10, &err), ERR_NONE);
    assert_int_equal(acquire(sink, 1, OWNER_B).kind, SINK_ACQUIRED);
    assert_int_equal(ask_number("SELECT count(*) FROM sync_dead_letter WHERE pending"), 1);
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
}

/* The offsets can't move while a decision is written. */
static void test_a_decision_takes_the_lock(void **state) {
    (void)state;
    struct err err;
    PGconn *owner = admin_open();
    PQclear(PQexec(owner, "BEGIN; SELECT pg_advisory_xact_lock("
                          "hashtextextended('sync:student_contact', 0) + 1)"));
    assert_int_equal(decide(9, &err), ERR_RETRY);
    assert_non_null(strstr(err.message, "try again"));
    PQfinish(owner);
    assert_int_equal(ask_number("SELECT count(*) FROM sync_dead_letter"), 0);
}

/* ---- records of lookup tables, which every task reads ---- */

#define CUSTOMERS 2

/* Sets the record at offset 5 aside for the task, whose progress goes to 6. */
static void set_aside(struct sink *sink, int32_t task, struct str kept) {
    struct progress at = sink_acquire(sink, task, OWNER_A);
    struct txn_part part;
    part_begin(&part, plan, task, &at);
    part.after.offsets[CUSTOMERS] = 6;
    struct dead_letter dead_letter = {.topic = plan->relations[CUSTOMERS].topic,
                                      .table = CUSTOMERS,
                                      .offset = 5,
                                      .key = STR("k"),
                                      .value = STR("v"),
                                      .row_key = STR("rk"),
                                      .kept = kept,
                                      .decided = at.seq == 1 && kept.ptr == NULL,
                                      .reason = "unreadable"};
    txn_part_add_dead_letter(&part, &dead_letter);
    struct sink_event event = sink_commit(sink, &part);
    if (event.kind != SINK_COMMITTED) {
        fail_msg("%s", event.err.message);
    }
    txn_part_clear(&part);
}

static void test_each_task_has_its_own(void **state) {
    (void)state;
    struct sink *sink = sink_connected(plan);
    set_aside(sink, 1, STR("one"));
    set_aside(sink, 2, STR("two"));
    set_aside(sink, 2, STR("again"));
    static const int32_t tasks[] = {1, 2, 3};
    pg_sink_ops.acquire(sink, tasks, 3, OWNER_B);
    struct sink_event event = sink_await(sink, 5000);
    assert_int_equal(event.kind, SINK_ACQUIRED);
    assert_int_equal(event.results[0].dead_letter_count, 1);
    const struct known_dead_letter *known = &event.results[0].dead_letters[0];
    assert_true(str_is(known->kept, "one") && known->table == CUSTOMERS);
    assert_int_equal(event.results[1].dead_letter_count, 1);
    assert_true(str_is(event.results[1].dead_letters[0].kept, "two"));
    assert_int_equal(event.results[2].dead_letter_count, 0);
    pg_sink_ops.newest(sink, tasks, 3);
    event = sink_await(sink, 5000);
    assert_int_equal(event.results[1].dead_letters_recorded, 1);
    assert_int_equal(event.results[2].dead_letters_recorded, 0);
    pg_sink_destroy(&sink);
}

/* One row a task; those that have passed it are left out. */
static void test_a_decision_for_every_task(void **state) {
    (void)state;
    struct sink *sink = sink_connected(plan);
    set_aside(sink, 3, STR("kept"));
    struct err err;
    size_t tasks = 0;
    assert_int_equal(decide_of(CUSTOMERS, 5, &tasks, &err), ERR_NONE);
    assert_int_equal(tasks, 7);
    assert_string_equal(ask("SELECT string_agg(task || CASE WHEN pending THEN 'p' ELSE '' END, ' '"
                            " ORDER BY task) FROM sync_dead_letter WHERE partition = 0"),
                        "0p 1p 2p 3 4p 5p 6p 7p");
    assert_int_equal(decide_of(CUSTOMERS, 5, &tasks, &err), ERR_RETRY);
    assert_non_null(strstr(err.message, "decided before"));
    admin("DELETE FROM sync_dead_letter WHERE task = 6");
    assert_int_equal(decide_of(CUSTOMERS, 5, &tasks, &err), ERR_NONE);
    assert_int_equal(tasks, 1);
    set_aside(sink, 4, STR_NONE); /* one of them comes to it */
    assert_string_equal(ask("SELECT string_agg(task || CASE WHEN pending THEN 'p' ELSE '' END, ' '"
                            " ORDER BY task) FROM sync_dead_letter WHERE partition = 0"),
                        "0p 1p 2p 3 4 5p 6p 7p");
    for (int32_t task = 0; task < 8; task++) {
        set_aside(sink, task, STR("kept"));
    }
    assert_int_equal(decide_of(CUSTOMERS, 5, &tasks, &err), ERR_RETRY);
    assert_non_null(strstr(err.message, "all tasks have gone past"));
    pg_sink_destroy(&sink);
}

/* It waits for a task's lock no longer than the others' owners wait for theirs, and decides
 * nothing. */
static void test_a_decision_for_every_task_waits_shortly(void **state) {
    (void)state;
    struct err err;
    size_t tasks = 0;
    PGconn *owner = admin_open();
    PQclear(PQexec(owner, "BEGIN; SELECT pg_advisory_xact_lock("
                          "hashtextextended('sync:order_line', 0) + 5)"));
    int64_t from = now_ms();
    assert_int_equal(decide_of(CUSTOMERS, 5, &tasks, &err), ERR_RETRY);
    assert_true(now_ms() - from < 5000);
    assert_non_null(strstr(err.message, "try again"));
    assert_int_equal(ask_number("SELECT count(*) FROM sync_dead_letter"), 0);
    PQfinish(owner);
}

/* A table of an earlier version can't hold a dead letter for each task: it is changed, once. */
static void test_lookups_need_the_task_in_the_key(void **state) {
    (void)state;
    admin(OLD_KEY);
    struct sink *sink = sink_open(plan, NULL);
    struct sink_event event = sink_await(sink, 10000);
    assert_int_equal(event.kind, SINK_HALT);
    assert_non_null(strstr(event.err.message, "plan --apply-sink"));
    pg_sink_destroy(&sink);
    struct err err;
    size_t tasks = 0;
    assert_int_equal(decide_of(CUSTOMERS, 5, &tasks, &err), ERR_RETRY);
    assert_non_null(strstr(err.message, "plan --apply-sink"));
    assert_int_equal(ask_number("SELECT count(*) FROM sync_dead_letter"), 0);
    admin("DROP ROLE IF EXISTS poor; CREATE ROLE poor LOGIN");
    setenv("PGUSER", "poor", 1);
    struct pg_sink_options how = options();
    assert_int_equal(pg_apply_ddl(plan, &how, &err), ERR_CONFIG);
    assert_non_null(strstr(err.message, "must own"));
    setenv("PGUSER", "pg", 1);
    for (int i = 0; i < 2; i++) {
        if (pg_apply_ddl(plan, &how, &err) != ERR_NONE) {
            fail_msg("%s", err.message);
        }
    }
    sink = sink_connected(plan);
    set_aside(sink, 1, STR("one"));
    set_aside(sink, 2, STR("two"));
    assert_int_equal(ask_number("SELECT count(*) FROM sync_dead_letter"), 2);
    pg_sink_destroy(&sink);
    admin("DROP ROLE poor");
}

#define KEY_IS                                                                                     \
    "SELECT pg_get_constraintdef(oid) FROM pg_constraint"                                          \
    " WHERE conrelid = 'sync_dead_letter'::regclass"

/* Other views go on with it: members of an earlier version may write beside them. */
static void test_an_old_key_stays(void **state) {
    (void)state;
    struct err err;
    struct pg_sink_options how = options();
    if (pg_apply_ddl(plan, &how, &err) != ERR_NONE) {
        fail_msg("%s", err.message);
    }
    assert_string_equal(ask(KEY_IS), "PRIMARY KEY (view, topic, partition, \"offset\")");
    struct sink *sink = sink_connected(plan);
    pg_sink_destroy(&sink);
    admin("ALTER TABLE sync_dead_letter DROP CONSTRAINT sync_dead_letter_pkey,"
          " ADD PRIMARY KEY (view, topic)");
    assert_int_equal(pg_apply_ddl(plan, &how, &err), ERR_CONFIG);
    assert_non_null(strstr(err.message, "PRIMARY KEY (view, topic), should be PRIMARY KEY (view, "
                                        "task, topic, partition, \"offset\")"));
}

/* Only what needs the task puts it there: without lookups one can go back to an earlier version,
 * whose plan --apply-sink takes no other key. */
static void test_the_key_of_a_fresh_table(void **state) {
    (void)state;
    struct plan *lines = lines_view();
    struct {
        const struct plan *plan;
        const char *key;
    } steps[] = {
        {plan, "PRIMARY KEY (view, topic, partition, \"offset\")"},
        {lines, "PRIMARY KEY (view, task, topic, partition, \"offset\")"},
        {plan, "PRIMARY KEY (view, task, topic, partition, \"offset\")"},
    };
    struct pg_sink_options how = options();
    struct err err;
    tables_drop();
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (pg_apply_ddl(steps[i].plan, &how, &err) != ERR_NONE) {
            fail_msg("%s", err.message);
        }
        assert_string_equal(ask(KEY_IS), steps[i].key);
    }
    tables_drop();
    if (pg_apply_ddl(lines, &how, &err) != ERR_NONE) {
        fail_msg("%s", err.message);
    }
    assert_string_equal(ask(KEY_IS), steps[1].key);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_dead_letters_keep_the_first, reset),
        cmocka_unit_test_setup(test_dead_letters_ahead_are_swept, reset),
        cmocka_unit_test_setup(test_a_dead_letter_ahead_is_given, reset),
        cmocka_unit_test_setup(test_dead_letters_of_others_stay, reset),
        cmocka_unit_test_setup(test_sweeping_takes_a_privilege, reset),
        cmocka_unit_test_setup(test_a_decision_becomes_a_dead_letter, reset),
        cmocka_unit_test_setup(test_a_decision_takes_the_lock, reset),
        {"test_dead_letters_keep_the_first_new_key", test_dead_letters_keep_the_first,
         reset_new_key, NULL, NULL},
        {"test_a_decision_becomes_a_dead_letter_new_key", test_a_decision_becomes_a_dead_letter,
         reset_new_key, NULL, NULL},
        cmocka_unit_test_setup(test_an_old_key_stays, reset),
        cmocka_unit_test_setup(test_the_key_of_a_fresh_table, reset),
        cmocka_unit_test_setup(test_each_task_has_its_own, reset_lines),
        cmocka_unit_test_setup(test_a_decision_for_every_task, reset_lines),
        cmocka_unit_test_setup(test_a_decision_for_every_task_waits_shortly, reset_lines),
        cmocka_unit_test_setup(test_lookups_need_the_task_in_the_key, reset_lines),
    };
    return cmocka_run_group_tests_name("sink_letters", tests, NULL, NULL);
}
