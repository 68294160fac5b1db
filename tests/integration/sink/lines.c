#include "lines.h"

#include <stdio.h>

#define COLUMN(n, t, s, k)                                                                         \
    { .name = STR(n), .type = STR(t), .scalar = (s), .key = (k) }

static struct relation_column orders_columns[] = {
    COLUMN("order_id", "bigint", SCALAR_INTEGER, KEY_BIGINT),
    COLUMN("status", "text", SCALAR_STRING, KEY_NONE),
    COLUMN("customer_id", "bigint", SCALAR_INTEGER, KEY_BIGINT),
};
static struct relation_column items_columns[] = {
    COLUMN("order_id", "bigint", SCALAR_INTEGER, KEY_BIGINT),
    COLUMN("line_no", "integer", SCALAR_INTEGER, KEY_INTEGER),
    COLUMN("quantity", "integer", SCALAR_INTEGER, KEY_NONE),
};
static struct relation_column customers_columns[] = {
    COLUMN("id", "bigint", SCALAR_INTEGER, KEY_BIGINT),
    COLUMN("name", "text", SCALAR_STRING, KEY_NONE),
};
static size_t orders_positions[] = {0}, items_positions[] = {0, 1}, key_outputs[] = {0, 1};
static const size_t customer_columns[] = {2};
static struct reference orders_references[] = {{.columns = customer_columns, .column_count = 1}};

static struct relation tables[] = {
    {.schema = STR("public"),
     .name = STR("orders"),
     .topic = STR("oltp.public.orders"),
     .slot = STR("oltp.public.orders"),
     .partition_count = 8,
     .columns = orders_columns,
     .column_count = 3,
     .key_count = 1,
     .placement_count = 1,
     .references = orders_references,
     .reference_count = 1,
     .sql_check = STR("SELECT count(ROW(x.a::bigint, x.b::text, x.c::bigint))"
                      " FROM unnest($1::text[], $2::text[], $3::text[]) x(a, b, c)")},
    {.schema = STR("public"),
     .name = STR("order_items"),
     .topic = STR("oltp.public.order_items"),
     .slot = STR("oltp.public.order_items"),
     .partition_count = 8,
     .columns = items_columns,
     .column_count = 3,
     .key_count = 2,
     .placement_count = 1,
     .sql_check = STR("SELECT count(ROW(x.a::bigint, x.b::int, x.c::int))"
                      " FROM unnest($1::text[], $2::text[], $3::text[]) x(a, b, c)")},
    {.schema = STR("public"),
     .name = STR("customers"),
     .topic = STR("oltp.public.customers"),
     .slot = STR("oltp.public.customers"),
     .role = ROLE_LOOKUP,
     .partition_count = 1,
     .columns = customers_columns,
     .column_count = 2,
     .key_count = 1,
     .sql_check = STR("SELECT count(ROW(x.a::bigint, x.b::text))"
                      " FROM unnest($1::text[], $2::text[]) x(a, b)")},
};
static struct occurrence occurrences[] = {
    {.relation = 0,
     .parent = -1,
     .reference = -1,
     .key_positions = orders_positions,
     .sql_delete = STR("DELETE FROM order_line t USING unnest($1::text[]) x(a)"
                       " WHERE t.order_id = x.a::bigint")},
    {.relation = 1,
     .optional = true,
     .parent = -1,
     .reference = -1,
     .root = 1,
     .key_positions = items_positions,
     .sql_delete = STR("DELETE FROM order_line t USING unnest($1::text[], $2::text[]) x(a, b)"
                       " WHERE t.order_id = x.a::bigint AND t.line_no = x.b::int"),
     .adds_key = true,
     .sql_delete_null = STR("DELETE FROM order_line t USING unnest($1::text[]) x(a)"
                            " WHERE t.order_id = x.a::bigint AND t.line_no IS NULL"),
     .sql_delete_matched = STR("DELETE FROM order_line t USING unnest($1::text[]) x(a)"
                               " WHERE t.order_id = x.a::bigint AND t.line_no IS NOT NULL")},
    {.relation = 2, .optional = true, .parent = 0, .root = 0},
};
static struct target_input inputs[] = {{0, 0}, {1, 1}, {0, 1}, {2, 1}, {1, 2}};
static struct target_output outputs[] = {
    {STR("order_id"), 0}, {STR("line_no"), 1}, {STR("status"), 2},
    {STR("customer"), 3}, {STR("share"), -1},
};

/* What the expressions see. */
#define INPUTS                                                                                     \
    "SELECT x.c1::bigint AS o_order_id, x.c2::int AS i_line_no, x.c3 AS o_status, x.c4 AS c_name," \
    " x.c5::int AS i_quantity"                                                                     \
    " FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])"                     \
    " AS x(c1, c2, c3, c4, c5)"
#define WHERE "(s.o_status <> 'draft' AND coalesce(10 / (s.i_quantity + 1), 0) >= 0)"
#define INSERT                                                                                     \
    "INSERT INTO order_line AS t (order_id, line_no, status, customer, share)"                     \
    " SELECT s.o_order_id, s.i_line_no, s.o_status, s.c_name, 100 / s.i_quantity"                  \
    " FROM (" INPUTS ") s WHERE " WHERE

static const struct target target = {
    .name = STR("order_line"),
    .occurrences = occurrences,
    .occurrence_count = 3,
    .core_count = 2,
    .inputs = inputs,
    .input_count = 5,
    .outputs = outputs,
    .output_count = 5,
    .key_outputs = key_outputs,
    .key_output_count = 2,
    .key_has_nulls = true,
    .fingerprint = STR("fedcba9876543210"),
    .definition = STR("partitions: 8\nexpression share: 100 / i.quantity\n"),
    .sql_ddl = STR("CREATE TABLE IF NOT EXISTS order_line (order_id bigint NOT NULL, line_no int,"
                   " status text, customer text, share int);\n"
                   "CREATE UNIQUE INDEX order_line_key ON order_line (order_id, line_no)"
                   " NULLS NOT DISTINCT"),
    .sql_prove = STR("CREATE TEMP TABLE order_line_inputs (o_status text, i_quantity int);\n"
                     "ALTER TABLE order_line_inputs ADD COLUMN e1 int"
                     " GENERATED ALWAYS AS (100 / i_quantity) STORED;\n"
                     "ALTER TABLE order_line_inputs ADD COLUMN e2 boolean"
                     " GENERATED ALWAYS AS (o_status <> 'draft'"
                     " AND coalesce(10 / (i_quantity + 1), 0) >= 0) STORED"),
    .sql_upsert =
        STR(INSERT " ON CONFLICT (order_id, line_no) DO UPDATE SET status = excluded.status,"
                   " customer = excluded.customer, share = excluded.share"
                   " WHERE ROW(t.status, t.customer, t.share)::record"
                   " *<> ROW(excluded.status, excluded.customer, excluded.share)::record"),
    /* A statement of its own for each set of NULL columns of the key: both find it by the index. */
    .sql_filter =
        STR("WITH s AS MATERIALIZED (" INPUTS "), n AS (DELETE FROM order_line t USING s"
            " WHERE s.i_line_no IS NULL AND t.order_id = s.o_order_id AND t.line_no IS NULL"
            " AND " WHERE " IS NOT TRUE)"
            " DELETE FROM order_line t USING s WHERE t.order_id = s.o_order_id"
            " AND t.line_no = s.i_line_no AND " WHERE " IS NOT TRUE"),
    .sql_insert = STR(INSERT),
    .sql_refuse =
        STR("WITH s AS MATERIALIZED (SELECT a::bigint AS a, b::int AS b"
            " FROM unnest($1::text[], $2::text[]) x(a, b)), n AS (DELETE FROM order_line t USING s"
            " WHERE s.b IS NULL AND t.order_id = s.a AND t.line_no IS NULL)"
            " DELETE FROM order_line t USING s WHERE t.order_id = s.a AND t.line_no = s.b"),
};

struct plan *lines_view(void) {
    static struct target copy;
    static struct plan plan;
    copy = target;
    plan = (struct plan){.name = STR("order_line"),
                         .relations = tables,
                         .relation_count = 3,
                         .targets = &copy,
                         .target_count = 1,
                         .partition_count = 8};
    return &plan;
}

static struct str number_text(char out[24], int number) {
    return number == LINE_NONE ? STR_NONE
                               : (struct str){out, (size_t)snprintf(out, 24, "%d", number)};
}

void lines_values(struct str values[5], int order, int line, const char *status,
                  const char *customer, int quantity) {
    static char a[24], b[24], c[24];
    values[0] = number_text(a, order);
    values[1] = number_text(b, line);
    values[2] = str_from(status);
    values[3] = str_from(customer);
    values[4] = number_text(c, quantity);
}

void lines_upsert(struct txn_part *part, int order, int line, const char *status, int quantity) {
    struct str values[5];
    lines_values(values, order, line, status, "Ada", quantity);
    row_array_add(&part->targets[0].upserts, values);
}

void lines_delete(struct txn_part *part, enum delete_kind kind, int order, int line) {
    struct str values[5];
    lines_values(values, order, line, "", NULL, LINE_NONE);
    row_array_add(&part->targets[0].deletes[kind][1], values);
}
