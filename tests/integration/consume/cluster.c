#include "support.h"

#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <string.h>

static const char *bootstrap;
static rd_kafka_t *mock_owner;
static rd_kafka_mock_cluster_t *mock;

static void keep_quiet(const rd_kafka_t *rk, int level, const char *facility, const char *text) {
    (void)rk;
    (void)level;
    (void)facility;
    (void)text;
}

void cluster_open(const char *given) {
    bootstrap = given;
    if (given) {
        return;
    }
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, keep_quiet);
    mock_owner = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    need(mock_owner != NULL, why);
    mock = rd_kafka_mock_cluster_new(mock_owner, 1);
    need(mock != NULL, "mock cluster");
    bootstrap = rd_kafka_mock_cluster_bootstraps(mock);
}

void cluster_close(void) {
    if (mock) {
        rd_kafka_mock_cluster_destroy(mock);
        rd_kafka_destroy(mock_owner);
    }
}

const char *cluster_bootstrap(void) {
    return bootstrap;
}

bool cluster_is_mock(void) {
    return mock != NULL;
}

void cluster_down(bool down) {
    (void)(down ? rd_kafka_mock_broker_set_down(mock, 1) : rd_kafka_mock_broker_set_up(mock, 1));
}

static void create_on_broker(const char *const *names, int32_t partitions) {
    struct member m;
    struct err err;
    struct kafka_topic_options options = {partitions, 1, INT64_C(604800000)};
    member_open(&m, "topics", names, NULL);
    if (kafka_create_topics(m.consume, 10000, &options, &err) != ERR_NONE) {
        need(false, err.message);
    }
    member_close(&m);
}

const char *const *make_topics(const char *test, int32_t partitions) {
    static struct topics topics;
    const char *const tables[SUPPORT_TOPICS] = {"student", "contact"};
    need(partitions <= SUPPORT_PARTITIONS, "too many partitions");
    for (int t = 0; t < SUPPORT_TOPICS; t++) {
        (void)snprintf(topics.names[t], sizeof topics.names[t], "it.%s.%lld.%s", test,
                       (long long)now_ms(), tables[t]);
        topics.list[t] = topics.names[t];
        if (mock) {
            rd_kafka_resp_err_t code =
                rd_kafka_mock_topic_create(mock, topics.names[t], partitions, 1);
            need(code == RD_KAFKA_RESP_ERR_NO_ERROR, rd_kafka_err2str(code));
        }
    }
    if (!mock) {
        create_on_broker(topics.list, partitions);
    }
    return topics.list;
}

const char *make_group(void) {
    static char group[64];
    static int count;
    (void)snprintf(group, sizeof group, "it.group.%lld.%d", (long long)now_ms(), count++);
    return group;
}
