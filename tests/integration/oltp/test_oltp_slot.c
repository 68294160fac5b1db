/* The replication slot, as the watch sees it. */
#include "looking.h"

static void slot_unread_and_lost(void **state) {
    struct context *c = *state;
    look_at(c, 1000);
    assert_int_equal(c->found.count, 0);
    look_at(c, 30999);
    assert_int_equal(c->found.count, 0);
    look_at(c, 31000);
    assert_int_equal(c->found.count, 1);
    assert_int_equal(c->found.items[0].weight, FINDING_RED);
    assert_non_null(strstr(c->found.items[0].text, "nobody reads the replication slot " SLOT));
    sql(c, "SELECT pg_drop_replication_slot('" SLOT "')");
    expect(c, FINDING_LOSS, "there is no replication slot " SLOT);
    sql(c, "SELECT pg_create_logical_replication_slot('" SLOT "', 'pgoutput')");
    expect(c, FINDING_LOSS, "there is no replication slot " SLOT);
}

/* Debezium would not notice: the slot is as old as before, and stands elsewhere. */
static void slot_moved_by_others(void **state) {
    struct context *c = *state;
    expect_none(c);
    sql(c, "UPDATE student SET name = 'lost'");
    expect_none(c); /* it rests where it was */
    sql(c, "SELECT pg_replication_slot_advance('" SLOT "', pg_current_wal_lsn())");
    expect(c, FINDING_LOSS,
           "the replication slot " SLOT " was moved forward while no connector read");
    expect(c, FINDING_LOSS,
           "the replication slot " SLOT " was moved forward while no connector read");
    expect_acknowledged(c);
    sql(c, "SELECT pg_drop_replication_slot('" SLOT "')");
    sql(c, "SELECT pg_create_logical_replication_slot('" SLOT "', 'pgoutput')");
    expect(c, FINDING_LOSS,
           "the replication slot " SLOT " was moved forward while no connector read");
}

/* Before the connector has made its slot nothing is lost, whatever is changed. */
static void before_the_connector(void **state) {
    struct context *c = *state;
    sql(c, "SELECT pg_drop_replication_slot('" SLOT "'); DROP PUBLICATION look_pub; ALTER TABLE "
           "student RENAME TO was_student");
    expect(c, FINDING_LOSS, "there is no replication slot");
    expect(c, FINDING_LOSS, "S 1.student does not exist");
    sql(c, "ALTER TABLE was_student RENAME TO student; CREATE PUBLICATION look_pub FOR TABLE "
           "student, contact");
    sql(c, "SELECT pg_create_logical_replication_slot('" SLOT "', 'pgoutput')");
    expect_none(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(slot_unread_and_lost, begin, end),
        cmocka_unit_test_setup_teardown(slot_moved_by_others, begin, end),
        cmocka_unit_test_setup_teardown(before_the_connector, begin, end),
    };
    choose_test();
    return cmocka_run_group_tests(tests, set_up_files, remove_files);
}
