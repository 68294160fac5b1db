/* How many rows the source has, and how long its texts are, as ANALYZE has counted. */
#include "looking.h"

#include "oltp/sizes.h"

static struct sizes sizes_of(struct context *c) {
    struct sizes sizes = {0};
    struct err err;
    if (link_sizes(c->link, c->plan, &sizes, &err) != ERR_NONE) {
        fail_msg("%s", err.message);
    }
    return sizes;
}

static double width_of(const struct context *c, const struct sizes *sizes, size_t relation,
                       const char *column) {
    const struct relation *of = &c->plan->relations[relation];
    for (size_t i = 0; i < of->column_count; i++) {
        if (str_is(of->columns[i].name, column)) {
            return sizes->tables[relation].widths[i];
        }
    }
    fail_msg("no column %s", column);
    return 0;
}

static void near(double got, double want) {
    if (got < want - 0.5 || got > want + 0.5) {
        fail_msg("%f, not about %f", got, want);
    }
}

/* The watcher may read no table: it knows how many rows there are. */
static void rows_alone(void **state) {
    struct context *c = *state;
    struct sizes sizes = sizes_of(c);
    near(sizes.tables[0].rows, 100);
    assert_true(sizes.tables[1].rows < 0); /* never counted */
    near(width_of(c, &sizes, 0, "name"), 20);
    sizes_clear(&sizes);
}

static void lengths(void **state) {
    struct context *c = *state;
    sql(c, "GRANT USAGE ON SCHEMA \"S 1\" TO watcher; GRANT SELECT ON student, contact TO watcher;"
           "UPDATE student SET name = repeat('x', 50), score = 12, \"qu\"\"o\\te\" = 7;"
           "INSERT INTO contact SELECT n, n, CASE WHEN n % 2 = 0 THEN repeat('7', 30) END FROM"
           " generate_series(1, 2000) n; ANALYZE student, contact");
    struct sizes sizes = sizes_of(c);
    near(sizes.tables[0].rows, 100);
    near(sizes.tables[1].rows, 2000);
    near(width_of(c, &sizes, 0, "name"), 50);
    near(width_of(c, &sizes, 1, "contact_number"), 15); /* half of them are NULL */
    sql(c, "UPDATE student SET name = repeat('x', 300); ANALYZE student");
    sizes_clear(&sizes);
    sizes = sizes_of(c);
    near(width_of(c, &sizes, 0, "name"), 300);
    sizes_clear(&sizes);
}

static void of_partitions(void **state) {
    struct context *c = *state;
    sql(c, "DROP TABLE student CASCADE; CREATE TABLE student (student_id bigint PRIMARY KEY, name"
           " text, at timestamp(3), score numeric(5), \"qu\"\"o\\te\" int) PARTITION BY RANGE"
           " (student_id); CREATE TABLE low PARTITION OF student FOR VALUES FROM (0) TO (500)"
           " PARTITION BY RANGE (student_id); CREATE TABLE lowest PARTITION OF low DEFAULT;"
           " CREATE TABLE high PARTITION OF student DEFAULT; GRANT USAGE ON SCHEMA \"S 1\" TO"
           " watcher; GRANT SELECT ON student TO watcher; INSERT INTO student SELECT n, 'abc' FROM"
           " generate_series(1, 800) n");
    struct sizes sizes = sizes_of(c);
    assert_true(sizes.tables[0].rows < 0);
    sql(c, "ANALYZE student");
    sizes_clear(&sizes);
    sizes = sizes_of(c);
    near(sizes.tables[0].rows, 800);
    near(width_of(c, &sizes, 0, "name"), 3);
    sizes_clear(&sizes);
}

static void no_such_table(void **state) {
    struct context *c = *state;
    sql(c, "DROP TABLE student CASCADE");
    struct sizes sizes = sizes_of(c);
    assert_true(sizes.tables[0].rows < 0);
    sizes_clear(&sizes);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(rows_alone),
        CASE(lengths),
        CASE(of_partitions),
        CASE(no_such_table),
    };
    choose_test();
    return cmocka_run_group_tests(tests, set_up_files, remove_files);
}
