/* A plan of two targets, student_contact and student_name: one progress, one transaction, and each
 * table is filled by itself where it lacks rows.
 */
#include "second.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define FIRST  ((target_set)1)
#define SECOND ((target_set)1 << 1)
#define BOTH   (FIRST | SECOND)

static struct target targets[2];
static struct plan plan;
static struct sink *sink;
static struct txn_part part;

static enum err_kind apply(struct err *err) {
    struct log log = {.fd = 2, .level = LOG_ERROR, .member = "test"};
    const char *keywords[] = {"port", NULL}, *values[] = {getenv("PGPORT"), NULL};
    struct pg_sink_options options = {
        .keywords = keywords, .values = values, .log = &log, .clock = clock_real()};
    *err = (struct err){0};
    return pg_apply_ddl(&plan, &options, err);
}

static void apply_well(void) {
    struct err err;
    if (apply(&err) != ERR_NONE) {
        fail_msg("%s", err.message);
    }
}

static int begin(void **state) {
    (void)state;
    plan = *test_view(true);
    targets[0] = plan.targets[0];
    targets[1] = *test_second();
    plan.name = STR("students");
    plan.targets = targets;
    plan.target_count = 2;
    tables_drop();
    admin("DROP TABLE IF EXISTS student_name, was");
    apply_well();
    sink = sink_connected(&plan);
    struct progress at = sink_acquire(sink, 1, OWNER_A);
    part_begin(&part, &plan, 1, &at);
    return 0;
}

static int end(void **state) {
    (void)state;
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
    return 0;
}

static void add_name(int student, const char *name) {
    char id[24];
    (void)snprintf(id, sizeof id, "%d", student);
    struct str values[] = {str_from(id), str_from(name)};
    row_array_add(&part.targets[1].upserts, values);
}

static struct sink_event commit(void) {
    struct sink_event event = sink_commit(sink, &part);
    if (event.kind != SINK_COMMITTED) {
        fail_msg("%d %s", (int)event.kind, event.err.message);
    }
    part_go_on(&part);
    return event;
}

static const char *rows(void) {
    return ask("SELECT concat_ws(' | ', (SELECT string_agg(student_id || ' ' || contact_id || ' '"
               " || name, ', ' ORDER BY contact_id) FROM student_contact), (SELECT string_agg("
               "student_id || ' ' || name || ' ' || share, ', ' ORDER BY student_id)"
               " FROM student_name))");
}

static void fill(void) {
    part_upsert(&part, 1, 1, "Al", "1");
    add_name(1, "Al");
    part.filled = BOTH;
    (void)commit();
    assert_string_equal(rows(), "1 1 Al | 1 Al -50");
}

/* Acquires again: the progress stays, and these lack rows. */
static void expect_to_fill(target_set expected) {
    static const int32_t task = 1;
    pg_sink_ops.acquire(sink, &task, 1, OWNER_B);
    struct sink_event event = sink_await(sink, 20000);
    if (event.kind != SINK_ACQUIRED) {
        fail_msg("%d %s", (int)event.kind, event.err.message);
    }
    assert_int_equal(event.results[0].to_fill, expected);
    part.before = event.results[0].newest;
    assert_true(part.before.has_offsets);
    txn_part_reset(&part);
    part.after = part.before;
    part.after.seq++;
}

static struct sink_event look(void) {
    static const int32_t task = 1;
    pg_sink_ops.newest(sink, &task, 1);
    return sink_await(sink, 20000);
}

static void test_written_together(void **state) {
    (void)state;
    apply_well(); /* idempotent */
    part_upsert(&part, 1, 1, "Al", "1");
    part_upsert(&part, 1, 2, "Al", "1");
    add_name(1, "Al");
    add_name(2, "draft");
    add_name(3, "Barbara");
    struct sink_event event = commit();
    assert_int_equal(event.upserted_count, 4);
    assert_int_equal(event.counts[0].upserted, 2);
    assert_int_equal(event.counts[1].upserted, 2);
    assert_string_equal(rows(), "1 1 Al, 1 2 Al | 1 Al -50, 3 Barbara 33");
    assert_string_equal(ask("SELECT string_agg(DISTINCT view, ' ') FROM sync_progress"),
                        "students");
    assert_string_equal(ask("SELECT string_agg(view || ' ' || fingerprint || ' ' || relation::"
                            "regclass, ', ' ORDER BY view) FROM sync_identity"),
                        "student_contact 0123456789abcdef student_contact, "
                        "student_name aaaaaaaaaaaaaaaa student_name");
    struct str id[] = {STR("3")};
    row_array_add(&part.targets[1].deletes[DELETE_KEY][0], id); /* of the second one alone */
    part_delete_contact(&part, 1, 2);
    add_name(1, "draft"); /* leaves it */
    assert_int_equal(commit().deleted_count, 3);
    assert_string_equal(rows(), "1 1 Al");
    assert_int_equal(look().kind, SINK_NEWEST);
    expect_to_fill(BOTH); /* nothing was marked */
    part_upsert(&part, 1, 1, "Bo", "1");
    (void)commit();
}

/* ---- the tables ---- */

/* Its rows are not there, whatever is written meanwhile, until the mark is. */
static void test_emptied_alone(void **state) {
    (void)state;
    fill();
    expect_to_fill(0);
    part_upsert(&part, 1, 1, "Al", "1");
    (void)commit();
    admin("TRUNCATE student_name");
    part_upsert(&part, 1, 1, "Bo", "1");
    assert_int_equal(sink_commit(sink, &part).kind, SINK_OTHER_TABLE);
    apply_well();
    struct sink_event event = look();
    assert_int_equal(event.kind, SINK_NEWEST);
    assert_true(event.results[0].other_table);
    assert_int_equal(sink_commit(sink, &part).kind, SINK_OTHER_TABLE);
    expect_to_fill(SECOND);
    assert_false(look().results[0].other_table);
    add_name(1, "Al");
    (void)commit();
    assert_string_equal(rows(), "1 1 Al | 1 Al -50");
    expect_to_fill(SECOND);
    add_name(1, "Al");
    part.filled = SECOND;
    (void)commit();
    expect_to_fill(0);
    admin("TRUNCATE student_contact, student_name");
    assert_int_equal(look().kind, SINK_NEWEST);
    expect_to_fill(BOTH);
}

/* One task's marks are not another's. */
static void test_each_task_is_marked(void **state) {
    (void)state;
    static const int32_t tasks[] = {1, 2};
    fill();
    struct txn_part second, *parts[] = {&part, &second};
    struct progress at = sink_acquire(sink, 2, OWNER_A);
    part_begin(&second, &plan, 2, &at);
    second.filled = BOTH;
    assert_int_equal(sink_commit_all(sink, parts, 2).kind, SINK_COMMITTED);
    admin("TRUNCATE student_name");
    assert_int_equal(look().kind, SINK_NEWEST);
    for (int round = 0; round < 2; round++) {
        pg_sink_ops.acquire(sink, tasks, 2, OWNER_B);
        struct sink_event event = sink_await(sink, 20000);
        assert_int_equal(event.kind, SINK_ACQUIRED);
        assert_int_equal(event.results[0].to_fill, SECOND);
        assert_int_equal(event.results[1].to_fill, round == 0 ? SECOND : 0);
        txn_part_clear(&second);
        part_begin(&second, &plan, 2, &event.results[1].newest);
        second.filled = SECOND;
        assert_int_equal(sink_commit(sink, &second).kind, SINK_COMMITTED);
    }
    txn_part_clear(&second);
}

/* The second one, too, is compared with the one that was filled. */
static void test_each_table_is_compared(void **state) {
    (void)state;
    static const char *const tables[] = {"student_contact", "student_name"};
    for (size_t t = 0; t < 2; t++) {
        char sql[400];
        fill();
        (void)snprintf(sql, sizeof sql,
                       "ALTER TABLE %s RENAME TO was; CREATE TABLE %s (LIKE was INCLUDING ALL);"
                       " INSERT INTO %s SELECT * FROM was",
                       tables[t], tables[t], tables[t]);
        admin(sql);
        add_name(7, "Carla");
        assert_int_equal(sink_commit(sink, &part).kind, SINK_OTHER_TABLE);
        struct sink_event event = look();
        assert_int_equal(event.kind, SINK_UNFIT);
        assert_non_null(strstr(event.err.message, "is not the one that was filled"));
        assert_non_null(strstr(event.err.message, tables[t]));
        (void)snprintf(sql, sizeof sql, "DROP TABLE %s; ALTER TABLE was RENAME TO %s", tables[t],
                       tables[t]);
        admin(sql);
        assert_int_equal(look().kind, SINK_NEWEST);
        (void)commit();
        admin("DELETE FROM student_name WHERE student_id = 7");
    }
}

/* A missing one is made by apply. */
static void test_dropped(void **state) {
    (void)state;
    fill();
    admin("DROP TABLE student_contact");
    add_name(7, "Carla");
    assert_int_equal(sink_commit(sink, &part).kind, SINK_OTHER_TABLE);
    assert_int_equal(look().kind, SINK_UNFIT);
    apply_well();
    assert_int_equal(look().kind, SINK_NEWEST);
    expect_to_fill(FIRST);
    part_upsert(&part, 1, 1, "Al", "1");
    part.filled = FIRST;
    (void)commit();
    assert_string_equal(rows(), "1 1 Al | 1 Al -50");
    expect_to_fill(0);
}

static void test_rewrites_are_no_alarm(void **state) {
    (void)state;
    fill();
    admin("VACUUM FULL student_name");
    admin("VACUUM FULL student_contact");
    (void)sink_commit(sink, &part);
    struct sink_event event = look();
    assert_int_equal(event.kind, SINK_NEWEST);
    assert_false(event.results[0].other_table);
    add_name(7, "Carla");
    (void)commit();
}

/* A row that is lost comes back with the generation that the marks have; without any mark nobody
 * knows whose rows the table has. */
static void test_identity_lost(void **state) {
    (void)state;
    fill();
    admin("TRUNCATE student_contact, student_name");
    assert_int_equal(look().kind, SINK_NEWEST);
    expect_to_fill(BOTH);
    fill();
    static const char *const lost[] = {"= 'student_name'", "= 'student_contact'", "<> ''"};
    for (size_t i = 0; i < 3; i++) {
        char sql[100];
        (void)snprintf(sql, sizeof sql, "DELETE FROM sync_identity WHERE view %s", lost[i]);
        admin(sql);
        assert_int_equal(sink_commit(sink, &part).kind, SINK_OTHER_TABLE);
        expect_to_fill(0);
        part_upsert(&part, 1, 1, "Al", "1");
        (void)commit();
        assert_int_equal(ask_number("SELECT sum(generation) FROM sync_identity"), 2);
    }
    admin("DELETE FROM sync_identity; DELETE FROM sync_filled WHERE target = 'student_name'");
    static const int32_t task = 1;
    pg_sink_ops.acquire(sink, &task, 1, OWNER_B);
    struct sink_event event = sink_await(sink, 20000);
    assert_int_equal(event.kind, SINK_UNFIT);
    assert_non_null(strstr(event.err.message, "TRUNCATE student_name"));
    admin("TRUNCATE student_name");
    expect_to_fill(SECOND);
}

static void test_identity_differs(void **state) {
    (void)state;
    fill();
    targets[1].fingerprint = STR("bbbbbbbbbbbbbbbb");
    static const int32_t task = 1;
    pg_sink_ops.acquire(sink, &task, 1, OWNER_B);
    struct sink_event event = sink_await(sink, 20000);
    assert_int_equal(event.kind, SINK_HALT);
    assert_non_null(strstr(event.err.message, "since table student_name was filled"));
}

/* ---- refused rows ---- */

static void test_refused_rows(void **state) {
    (void)state;
    admin("ALTER TABLE student_contact ADD CHECK (name <> 'Carl')");
    add_name(1, "Al");
    (void)commit();
    part_upsert(&part, 1, 2, "Carl", "1");
    add_name(1, "Carl"); /* 4 letters: nothing to divide by */
    add_name(2, "Barbara");
    struct sink_event event = sink_commit(sink, &part);
    assert_int_equal(event.blame, BLAME_ROW);
    part.savepoints = true;
    part.refused_max = 10;
    event = commit();
    assert_int_equal(event.refusal_count, 2);
    assert_int_equal(sink_key_target(event.refusals[0].row_key), 0);
    assert_true(str_is(event.refusals[0].key, "student_id=1 contact_id=2"));
    assert_int_equal(sink_key_target(event.refusals[1].row_key), 1);
    assert_true(str_is(event.refusals[1].key, "student_id=1"));
    assert_string_equal(rows(), "2 Barbara 33"); /* no older version */
    assert_string_equal(ask("SELECT string_agg(view || ' ' || key || ' ' || encode(row_key, 'hex'),"
                            " ', ' ORDER BY view) FROM sync_refused"),
                        "student_contact student_id=1 contact_id=2 31003200, "
                        "student_name student_id=1 3100");
    assert_int_equal(look().results[0].refused_recorded, 2);
    static const int32_t task = 1;
    pg_sink_ops.acquire(sink, &task, 1, OWNER_B);
    event = sink_await(sink, 5000);
    assert_int_equal(event.results[0].refused_count, 2);
    struct str keys[2] = {event.results[0].refused[0], event.results[0].refused[1]};
    struct str second = sink_key_target(keys[0]) == 1 ? keys[0] : keys[1];
    assert_true(str_equal(second, STR("1\0\1")));
    part.before = event.results[0].newest;
    part.after = part.before;
    part.after.seq++;
    txn_part_add_cleared(&part, STR("1\0\1"));
    add_name(1, "Al");
    (void)commit();
    assert_string_equal(ask("SELECT string_agg(view, ' ') FROM sync_refused"), "student_contact");
}

/* ---- load ---- */

struct load_rows {
    int target, next, count;
    char id[16];
    struct str values[5];
};

/* Student 1's contacts; students, of whom every hundredth has a name of four letters. */
static enum err_kind rows_next(void *ctx, const struct str **ret_values, bool *ret_end,
                               struct err *reterr) {
    (void)reterr;
    struct load_rows *r = ctx;
    *ret_end = r->next == r->count;
    struct str id = {r->id, (size_t)snprintf(r->id, sizeof r->id, "%d", r->next)};
    r->values[0] = r->target == 0 ? STR("1") : id;
    r->values[1] = r->target == 0 ? id : r->next % 100 == 99 ? STR("Carl") : STR("Al");
    r->values[2] = STR("Al");
    r->values[3] = STR_NONE;
    r->values[4] = STR("2001-02-03");
    r->next++;
    *ret_values = r->values;
    return ERR_NONE;
}

static void rows_begin(void *ctx, int target) {
    struct load_rows *r = ctx;
    assert_int_equal(target, r->target + 1);
    assert_int_equal(r->next, r->count + 1);
    r->target = target;
    r->next = 0;
}

static struct sink_event load(bool savepoints, int count) {
    struct load_rows r = {.count = count};
    struct load_source source = {.ctx = &r, .next = rows_next, .begin = rows_begin};
    struct txn_part *parts[] = {&part};
    struct txn txn = {.parts = parts, .part_count = 1, .load = &source};
    part.savepoints = savepoints;
    part.refused_max = 100;
    pg_sink_ops.commit(sink, &txn);
    return sink_await(sink, 60000);
}

static void test_load(void **state) {
    (void)state;
    assert_int_equal(load(false, 3000).blame, BLAME_ROW);
    assert_string_equal(rows(), "");
    part.filled = BOTH;
    assert_int_equal(load(false, 99).kind, SINK_COMMITTED); /* COPY, then INSERT */
    expect_to_fill(0);
    assert_int_equal(ask_number("SELECT count(*) FROM student_contact"), 99);
    assert_int_equal(ask_number("SELECT count(*) FROM student_name"), 99);
    admin("DELETE FROM student_contact; DELETE FROM student_name; DELETE FROM sync_filled");
    part.filled = BOTH;
    struct sink_event event = load(true, 3000);
    assert_int_equal(event.kind, SINK_COMMITTED);
    assert_int_equal(event.refusal_count, 30);
    assert_int_equal(ask_number("SELECT count(*) FROM sync_filled"), 2);
    assert_int_equal(ask_number("SELECT count(*) FROM student_contact"), 3000);
    assert_int_equal(ask_number("SELECT count(*) FROM student_name"), 2970);
    admin("DELETE FROM student_contact; DELETE FROM student_name");
    targets[0].sql_copy = STR_NONE; /* INSERT, then INSERT */
    part_go_on(&part);
    assert_int_equal(load(false, 99).kind, SINK_COMMITTED);
    admin("DELETE FROM student_contact; DELETE FROM student_name");
    targets[1].sql_copy = STR("COPY student_name (student_id, name) FROM STDIN");
    part_go_on(&part);
    assert_int_equal(load(false, 99).kind, SINK_COMMITTED); /* INSERT, then COPY */
    assert_int_equal(ask_number("SELECT count(*) FROM student_name"), 99);
    admin("DELETE FROM student_contact; DELETE FROM student_name");
    targets[0].sql_copy = test_view(true)->targets[0].sql_copy;
    part_go_on(&part);
    assert_int_equal(load(false, 5000).kind, SINK_COMMITTED); /* COPY, then COPY */
    assert_int_equal(ask_number("SELECT count(*) FROM student_contact"), 5000);
    assert_int_equal(ask_number("SELECT count(*) FROM student_name"), 5000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_written_together, begin, end),
        cmocka_unit_test_setup_teardown(test_emptied_alone, begin, end),
        cmocka_unit_test_setup_teardown(test_each_task_is_marked, begin, end),
        cmocka_unit_test_setup_teardown(test_each_table_is_compared, begin, end),
        cmocka_unit_test_setup_teardown(test_dropped, begin, end),
        cmocka_unit_test_setup_teardown(test_rewrites_are_no_alarm, begin, end),
        cmocka_unit_test_setup_teardown(test_identity_lost, begin, end),
        cmocka_unit_test_setup_teardown(test_identity_differs, begin, end),
        cmocka_unit_test_setup_teardown(test_refused_rows, begin, end),
        cmocka_unit_test_setup_teardown(test_load, begin, end),
    };
    return cmocka_run_group_tests_name("sink_several", tests, NULL, NULL);
}
