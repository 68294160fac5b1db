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

static struct kafka_topic taken[SUPPORT_TOPICS];

void topics_have(int32_t partitions) {
    for (int t = 0; t < SUPPORT_TOPICS; t++) {
        taken[t] = (struct kafka_topic){.partition_count = partitions};
    }
}

struct kafka_topic topic_as_taken(const char *name, int table) {
    struct kafka_topic topic = taken[table];
    topic.name = name;
    return topic;
}

static void create_on_broker(const char *const *names) {
    struct member m;
    struct err err;
    struct kafka_topic_options options = {1, INT64_C(604800000)};
    member_open(&m, "topics", names, NULL);
    if (kafka_create_topics(m.consume, 10000, &options, &err) != ERR_NONE) {
        need(false, err.message);
    }
    member_close(&m);
}

static const char *const *make(const char *test) {
    static struct topics topics;
    const char *const tables[SUPPORT_TOPICS] = {"student", "contact"};
    for (int t = 0; t < SUPPORT_TOPICS; t++) {
        (void)snprintf(topics.names[t], sizeof topics.names[t], "it.%s.%lld.%s", test,
                       (long long)now_ms(), tables[t]);
        topics.list[t] = topics.names[t];
        if (mock) {
            rd_kafka_resp_err_t code =
                rd_kafka_mock_topic_create(mock, topics.names[t], taken[t].partition_count, 1);
            need(code == RD_KAFKA_RESP_ERR_NO_ERROR, rd_kafka_err2str(code));
        }
    }
    if (!mock) {
        create_on_broker(topics.list);
    }
    return topics.list;
}

const char *const *make_topics(const char *test, int32_t partitions) {
    need(partitions <= SUPPORT_PARTITIONS, "too many partitions");
    topics_have(partitions);
    return make(test);
}

const char *const *make_lookup_topics(const char *test, int32_t partitions) {
    need(partitions <= SUPPORT_PARTITIONS, "too many partitions");
    topics_have(partitions);
    taken[1] = (struct kafka_topic){.partition_count = 1, .broadcast = true};
    return make(test);
}

const char *const *make_tasks_topics(const char *test, int32_t partitions) {
    need(partitions <= SUPPORT_PARTITIONS, "too many partitions");
    topics_have(partitions);
    taken[0].empty = true;
    taken[1] = (struct kafka_topic){.partition_count = 1, .broadcast = true};
    return make(test);
}

const char *make_group(void) {
    static char group[64];
    static int count;
    (void)snprintf(group, sizeof group, "it.group.%lld.%d", (long long)now_ms(), count++);
    return group;
}
