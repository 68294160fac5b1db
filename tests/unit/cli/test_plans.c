/* What of a member's settings belongs to its plan. */
#include "cli/clients.h"
#include "cli/common.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ORDERS SOURCE_DIR "/schemas/examples/orders/"

static char path[] = "/tmp/test-plans-XXXXXX";

static int setup(void **state) {
    (void)state;
    int fd = mkstemp(path);
    FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
    if (!out) {
        return -1;
    }
    (void)fputs("CREATE MATERIALIZED VIEW heads AS SELECT order_id, status FROM orders;\n"
                "CREATE MATERIALIZED VIEW \"By Customer\" WITH (partition_by = 'c.customer_id') AS "
                "SELECT c.customer_id, o.order_id, c.name FROM customers c JOIN orders o "
                "ON o.customer_id = c.customer_id;\n",
                out);
    return fclose(out);
}

static int teardown(void **state) {
    (void)state;
    return unlink(path);
}

struct member {
    struct config *config;
    struct plan *plan;
    struct clients clients;
    struct arena arena;
};

/* Of the plan of this name; group: kafka.group.id, or NULL. */
static struct member member_of(const char *views, const char *plan, const char *group) {
    struct member m = {.config = NULL};
    char view_set[300], plan_set[80], group_set[80];
    (void)snprintf(view_set, sizeof view_set, "schemas.view=%s", views);
    (void)snprintf(plan_set, sizeof plan_set, "schemas.plan=%s", plan);
    (void)snprintf(group_set, sizeof group_set, "kafka.group.id=%s", group ? group : "");
    const char *sets[] = {"schemas.oltp=" ORDERS "oltp.sql", view_set, plan_set, group_set};
    struct config_sources sources = {.sets = sets, .set_count = group ? 4 : 3};
    struct err err;
    char *place = NULL;
    assert_int_equal(config_load(&sources, &m.config, &err), ERR_NONE);
    assert_int_equal(cli_load_view(m.config, &m.plan, &place, &err), ERR_NONE);
    clients_init(&m.clients, m.config, m.plan, NULL);
    return m;
}

static void member_clear(struct member *m) {
    clients_clear(&m->clients);
    plan_destroy(&m->plan);
    config_destroy(&m->config);
    arena_clear(&m->arena);
}

/* librdkafka takes the last one. */
static const char *group_set(const struct member *m) {
    const char *group = NULL;
    for (size_t i = 0; i < m->clients.kafka.setting_count; i++) {
        const struct kafka_setting *setting = &m->clients.kafka.settings[i];
        group = strcmp(setting->name, "group.id") == 0 ? setting->value : group;
    }
    return group;
}

static void expect(struct member m, const char *group, const char *peers, const char *state_dir) {
    assert_string_equal(m.clients.group_id, group);
    assert_string_equal(group_set(&m), group);
    assert_string_equal(m.clients.kafka.peer.plan, peers);
    assert_string_equal(cli_state_dir(m.config, m.plan, &m.arena), state_dir);
    member_clear(&m);
}

/* Members of earlier versions say the same of themselves. */
static void test_one_view(void **state) {
    (void)state;
    expect(member_of(ORDERS "order_line.sql", "order_line", NULL), "oltp-olap-sync.order_line",
           "08498d656e88f7e3.8.oltp", "state");
    expect(member_of(ORDERS "order_line.sql", "order_line", "mine"), "mine",
           "08498d656e88f7e3.8.oltp", "state");
}

static void test_several_views(void **state) {
    (void)state;
    char views[200];
    (void)snprintf(views, sizeof views, "%s,%s", ORDERS "order_line.sql", path);
    struct member both = member_of(views, "order_line", NULL);
    assert_int_equal(both.plan->target_count, 2);
    assert_string_not_equal(both.clients.kafka.peer.plan, "08498d656e88f7e3.8.oltp");
    struct buf all = {0}, alone = {0};
    cli_identity_tail(both.plan, &all);
    member_clear(&both);
    struct member one = member_of(path, "heads", NULL);
    cli_identity_tail(one.plan, &alone);
    assert_false(str_equal(buf_view(&all), buf_view(&alone)));
    buf_clear(&all);
    buf_clear(&alone);
    member_clear(&one);
}

/* A second plan's members share nothing with the first one's, whatever the settings name. */
static void test_second_plan(void **state) {
    (void)state;
    char views[200];
    (void)snprintf(views, sizeof views, "%s,%s", ORDERS "order_line.sql", path);
    struct member m = member_of(views, "By Customer", NULL);
    char peers[100];
    (void)snprintf(peers, sizeof peers, "%s.8.oltp.By_Customer",
                   m.plan->targets[0].fingerprint.ptr);
    assert_null(m.clients.kafka.peer.former_group);
    member_clear(&m);
    expect(member_of(views, "By Customer", NULL), "oltp-olap-sync.By Customer", peers,
           "state/By_Customer");
    expect(member_of(views, "By Customer", "mine"), "mine.By Customer", peers, "state/By_Customer");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_view),
        cmocka_unit_test(test_several_views),
        cmocka_unit_test(test_second_plan),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
