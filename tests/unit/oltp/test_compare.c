/* Each thing that may differ, alone: it is found, weighs what it must, and names what it is about.
 */
#include "fixture.h"

struct context {
    struct plan *plan;
    struct look look;
    struct findings found;
};

static int begin(void **state) {
    struct context *context = calloc(1, sizeof *context);
    context->plan = fixture_view();
    context->look = fixture_look(context->plan);
    *state = context;
    return 0;
}

static int begin_three(void **state) {
    struct context *context = calloc(1, sizeof *context);
    context->plan = fixture_three();
    context->look = fixture_look(context->plan);
    *state = context;
    return 0;
}

static int end(void **state) {
    struct context *context = *state;
    look_clear(&context->look);
    plan_destroy(&context->plan);
    free(context);
    return 0;
}

static struct findings *compare(struct context *context) {
    context->found = (struct findings){0};
    compare_tables(context->plan, &context->look, &context->found);
    compare_replication(context->plan, &names, &context->look, &context->found);
    return &context->found;
}

/* Exactly one finding, of this kind and weight, with this text; then the look is as before. */
static void expect(struct context *context, enum finding_kind kind, enum finding_weight weight,
                   const char *text) {
    const struct findings *found = compare(context);
    if (found->count != 1 || found->items[0].kind != kind || found->items[0].weight != weight ||
        !strstr(found->items[0].text, text)) {
        fail_msg("%s: %zu found: %s (%s)", text, found->count, found->items[0].text,
                 finding_kind_name(found->items[0].kind));
    }
    look_clear(&context->look);
    context->look = fixture_look(context->plan);
}

static void test_same(void **state) {
    struct context *context = *state;
    assert_int_equal(compare(context)->count, 0);
    /* the same in other words */
    fixture_column(context->plan, &context->look, 0, "score")->type = STR("numeric(5,0)");
    fixture_column(context->plan, &context->look, 1, "student_id")->not_null = true;
    assert_int_equal(compare(context)->count, 0);
    assert_false(findings_any(&context->found, FINDING_NOTE));
}

static void test_tables(void **state) {
    struct context *c = *state;
    c->look.tables[1].found = false;
    expect(c, FINDING_TABLE, FINDING_LOSS, "public.contact does not exist (in the database db)");
    c->look.tables[0].kind = 'p';
    expect(c, FINDING_TABLE, FINDING_LOSS, "public.student is a partitioned table");
    c->look.tables[0].kind = 'v';
    expect(c, FINDING_TABLE, FINDING_LOSS, "is a view");
    c->look.tables[0].kind = 'f';
    expect(c, FINDING_TABLE, FINDING_LOSS, "is a foreign table");
    c->look.tables[0].is_partition = true;
    expect(c, FINDING_TABLE, FINDING_LOSS, "a partition of another table");
    c->look.tables[0].has_children = true;
    expect(c, FINDING_TABLE, FINDING_LOSS, "INHERIT");
    c->look.tables[0].persistence = 'u';
    expect(c, FINDING_TABLE, FINDING_LOSS, "UNLOGGED");
    c->look.tables[1].truncate_is_refused = false;
    expect(c, FINDING_TRIGGER, FINDING_NOTE, "public.contact: no trigger refuses TRUNCATE");
    c->look.wal_level = STR("replica");
    expect(c, FINDING_SERVER, FINDING_RED, "wal_level is replica, must be logical");
}

static void test_identity(void **state) {
    struct context *c = *state;
    static const char kinds[] = "dni";
    static const char *const words[] = {"DEFAULT", "NOTHING", "USING INDEX"};
    for (size_t i = 0; i < 3; i++) {
        c->look.tables[1].identity = kinds[i];
        char text[100];
        (void)snprintf(text, sizeof text, "public.contact: REPLICA IDENTITY is %s, must be FULL",
                       words[i]);
        expect(c, FINDING_IDENTITY, FINDING_HALT, text);
    }
}

static void test_columns(void **state) {
    struct context *c = *state;
    fixture_column(c->plan, &c->look, 0, "name")->found = false;
    expect(c, FINDING_COLUMNS, FINDING_RED, "public.student has no column name");
    fixture_column(c->plan, &c->look, 1, "contact_number")->type = STR("character varying(80)");
    expect(c, FINDING_COLUMNS, FINDING_LOSS,
           "column contact_number is character varying(80), the SQL file says character "
           "varying(40)");
    fixture_column(c->plan, &c->look, 0, "at")->type = STR("timestamp without time zone");
    expect(c, FINDING_COLUMNS, FINDING_LOSS,
           "is timestamp without time zone, the SQL file says timestamp(3) without time zone");
    fixture_column(c->plan, &c->look, 0, "score")->type = STR("numeric(5,2)");
    expect(c, FINDING_COLUMNS, FINDING_LOSS, "is numeric(5,2), the SQL file says numeric(5)");
    fixture_column(c->plan, &c->look, 0, "name")->not_null = false;
    expect(c, FINDING_COLUMNS, FINDING_RED, "column name may be NULL, the SQL file says NOT NULL");
    fixture_column(c->plan, &c->look, 0, "name")->generated = true;
    expect(c, FINDING_COLUMNS, FINDING_RED, "column name is GENERATED");
    fixture_column(c->plan, &c->look, 1, "contact_id")->primary_key = false;
    fixture_column(c->plan, &c->look, 1, "student_id")->primary_key = true;
    expect(c, FINDING_COLUMNS, FINDING_RED, "public.contact: its primary key is not the one");
    c->look.tables[1].primary_key_count = 2;
    expect(c, FINDING_COLUMNS, FINDING_RED, "public.contact: its primary key is not the one");
}

static void test_replication(void **state) {
    struct context *c = *state;
    c->look.slot.exists = false;
    expect(c, FINDING_SLOT, FINDING_LOSS, "there is no replication slot slot");
    c->look.slot.wal_status = STR("lost");
    expect(c, FINDING_SLOT, FINDING_LOSS, "the replication slot slot is lost");
    c->look.slot.wal_status = STR("unreserved");
    expect(c, FINDING_SLOT, FINDING_RED, "is about to be lost");
    c->look.slot.database = STR("other");
    expect(c, FINDING_SLOT, FINDING_RED, "is of the database other");
    c->look.slot.plugin = STR("decoderbufs");
    expect(c, FINDING_SLOT, FINDING_RED, "the plugin decoderbufs");
    c->look.publication_exists = false;
    expect(c, FINDING_PUBLICATION, FINDING_LOSS, "there is no publication pub");
    c->look.publication_whole = false;
    expect(c, FINDING_PUBLICATION, FINDING_LOSS, "leaves out inserts, updates or deletes");
    c->look.tables[0].published = false;
    expect(c, FINDING_PUBLICATION, FINDING_LOSS, "ALTER PUBLICATION pub ADD TABLE public.student");
    c->look.tables[0].filtered = true;
    expect(c, FINDING_PUBLICATION, FINDING_LOSS, "with a WHERE");
    fixture_column(c->plan, &c->look, 0, "name")->published = false;
    expect(c, FINDING_PUBLICATION, FINDING_LOSS, "leaves out column name");
}

/* What PostgreSQL logs of a row is its partition's to say, under which name the publication's. */
static void test_partitions(void **state) {
    struct context *c = *state;
    static const struct look_partition partitions[] = {{7, 'f'}, {8, 'd'}};
    c->plan->relations[0].partitioned = true;
    assert_int_equal(compare(c)->count, 0); /* not partitioned after all: no harm */
    c->look.tables[0].kind = 'p';
    c->look.tables[0].has_children = c->look.tables[0].by_root = true;
    c->look.tables[0].partitions = partitions;
    c->look.tables[0].partition_count = 1;
    assert_int_equal(compare(c)->count, 0);
    c->look.tables[0].partition_count = 2;
    assert_int_equal(compare(c)->count, 1);
    assert_int_equal(c->found.items[0].kind, FINDING_IDENTITY);
    assert_non_null(strstr(c->found.items[0].text, "partition (SELECT 8::regclass) is DEFAULT"));
    c->look.tables[0].partition_count = 1;
    c->look.tables[0].by_root = false;
    assert_int_equal(compare(c)->count, 1);
    assert_int_equal(c->found.items[0].weight, FINDING_LOSS);
    assert_non_null(strstr(c->found.items[0].text,
                           "ALTER PUBLICATION pub SET (publish_via_partition_root = true)"));
}

/* Every table is looked at, whatever its role; a reference stands on the whole primary key. */
static void test_lookup_tables(void **state) {
    struct context *c = *state;
    assert_int_equal(compare(c)->count, 0);
    c->look.tables[2].found = false;
    expect(c, FINDING_TABLE, FINDING_LOSS, "public.town does not exist");
    c->look.tables[2].identity = 'd';
    expect(c, FINDING_IDENTITY, FINDING_HALT, "public.town: REPLICA IDENTITY is DEFAULT");
    c->look.tables[2].published = false;
    expect(c, FINDING_PUBLICATION, FINDING_LOSS, "public.town is not in the publication");
    fixture_column(c->plan, &c->look, 2, "name")->found = false;
    expect(c, FINDING_COLUMNS, FINDING_RED, "public.town has no column name");
    c->look.tables[2].primary_key_count = 0;
    fixture_column(c->plan, &c->look, 2, "town_id")->primary_key = false;
    expect(c, FINDING_COLUMNS, FINDING_RED,
           "public.town: its primary key is not the one that the SQL file says (there is none): "
           "rows would overwrite each other, and those that refer to it would find others");
    c->look.tables[2].primary_key_count = 2; /* one more column, which the view does not use */
    expect(c, FINDING_COLUMNS, FINDING_RED, "those that refer to it would find others");
    c->look.tables[1].primary_key_count = 2;
    expect(c, FINDING_COLUMNS, FINDING_RED, "rows would overwrite each other. Correct");
}

/* Without room for all, the rest is counted, and counts. */
static void test_many(void **state) {
    (void)state;
    struct findings found = {0};
    for (int i = 0; i < FINDINGS_MAX + 3; i++) {
        findings_add(&found, FINDING_COLUMNS, FINDING_NOTE, "%d", i);
    }
    assert_int_equal(found.count, FINDINGS_MAX);
    assert_int_equal(found.more, 3);
    assert_true(findings_any(&found, FINDING_RED));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_same, begin, end),
        cmocka_unit_test_setup_teardown(test_tables, begin, end),
        cmocka_unit_test_setup_teardown(test_identity, begin, end),
        cmocka_unit_test_setup_teardown(test_columns, begin, end),
        cmocka_unit_test_setup_teardown(test_replication, begin, end),
        cmocka_unit_test_setup_teardown(test_partitions, begin, end),
        cmocka_unit_test_setup_teardown(test_lookup_tables, begin_three, end),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, load_setup, load_teardown);
}
