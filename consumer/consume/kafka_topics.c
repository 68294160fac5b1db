#include "base/memory.h"
#include "consume/kafka_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t kafka_deadline(const struct consume *consume, int timeout_ms) {
    return clock_mono_ms(&consume->clock) + timeout_ms;
}

int kafka_left(const struct consume *consume, int64_t end_ms) {
    int64_t left_ms = end_ms - clock_mono_ms(&consume->clock);
    return left_ms < 1 ? 1 : (int)left_ms;
}

enum err_kind kafka_silent(struct consume *consume, const char *what, const char *why,
                           struct err *reterr) {
    char brokers[128] = "?";
    size_t size = sizeof brokers;
    (void)rd_kafka_conf_get(rd_kafka_conf(consume->rk), "bootstrap.servers", brokers, &size);
    kafka_listen(consume);
    return err_set(reterr, ERR_RETRY, "%s: no answer from the brokers at %s: %s%s%s", what, brokers,
                   why, consume->last_trouble[0] ? "; " : "", consume->last_trouble);
}

enum err_kind kafka_cluster_id(struct consume *consume, int timeout_ms, char *out, size_t size,
                               struct err *reterr) {
    int64_t end_ms = kafka_deadline(consume, timeout_ms);
    /* Waiting for the id alone, a new client may sleep for a second before it connects: nothing has
     * woken its threads (librdkafka 2.0.2). A request does. */
    const struct rd_kafka_metadata *metadata = NULL;
    if (rd_kafka_metadata(consume->rk, 0, NULL, &metadata, timeout_ms) ==
        RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_metadata_destroy(metadata);
    }
    char *id = rd_kafka_clusterid(consume->rk, kafka_left(consume, end_ms));
    if (!id) {
        return kafka_silent(consume, "asking for the cluster's id", "timed out", reterr);
    }
    (void)snprintf(out, size, "%s", id);
    rd_kafka_mem_free(consume->rk, id);
    kafka_listen(consume);
    return ERR_NONE;
}

enum err_kind kafka_count_partitions(struct consume *consume, int64_t end_ms, const char *topic,
                                     struct topic_info *info, struct err *reterr) {
    rd_kafka_topic_t *handle = rd_kafka_topic_new(consume->rk, topic, NULL);
    if (!handle) {
        return err_set(reterr, ERR_CONFIG, "%s is not a valid topic name: %s", topic,
                       rd_kafka_err2str(rd_kafka_last_error()));
    }
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(consume->rk, 0, handle, &metadata, kafka_left(consume, end_ms));
    rd_kafka_topic_destroy(handle);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return kafka_silent(consume, topic, rd_kafka_err2str(code), reterr);
    }
    code = metadata->topic_cnt == 1 ? metadata->topics[0].err
                                    : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    info->exists = code == RD_KAFKA_RESP_ERR_NO_ERROR && metadata->topics[0].partition_cnt > 0;
    info->partition_count = info->exists ? metadata->topics[0].partition_cnt : 0;
    rd_kafka_metadata_destroy(metadata);
    if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
        code == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION) {
        return err_set(reterr, ERR_CONFIG, "topic %s: %s", topic, rd_kafka_err2str(code));
    }
    return ERR_NONE;
}

static const char *config_value(const rd_kafka_ConfigResource_t *resource, const char *name) {
    size_t count;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), name) == 0) {
            const char *value = rd_kafka_ConfigEntry_value(entries[i]);
            return value ? value : "";
        }
    }
    return "";
}

static int64_t config_number(const rd_kafka_ConfigResource_t *resource, const char *name) {
    const char *value = config_value(resource, name);
    return value[0] ? strtoll(value, NULL, 10) : -1;
}

static enum err_kind take_config(const rd_kafka_ConfigResource_t *resource, struct topic_info *info,
                                 struct err *reterr) {
    const char *topic = rd_kafka_ConfigResource_name(resource);
    rd_kafka_resp_err_t code = rd_kafka_ConfigResource_error(resource);
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
        info->exists = false; /* deleted meanwhile, or not everywhere yet */
        return ERR_NONE;
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        const char *why = rd_kafka_ConfigResource_error_string(resource);
        return err_set(
            reterr, code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ? ERR_CONFIG : ERR_RETRY,
            "the settings of topic %s: %s", topic, why ? why : rd_kafka_err2str(code));
    }
    const char *policy = config_value(resource, "cleanup.policy");
    info->compacted = strcmp(policy, "compact") == 0;
    info->retention_ms = -1;
    if (strstr(policy, "delete")) {
        info->retention_ms = config_number(resource, "retention.ms");
        if (info->retention_ms < 0 && config_number(resource, "retention.bytes") >= 0) {
            info->retention_ms = 0; /* bounded by size: records go at any time */
        }
    }
    info->min_compaction_lag_ms = config_number(resource, "min.compaction.lag.ms");
    info->max_message_bytes = config_number(resource, "max.message.bytes");
    return ERR_NONE;
}

static enum err_kind take_configs(struct consume *consume,
                                  const rd_kafka_DescribeConfigs_result_t *result,
                                  struct topic_info *infos, struct err *reterr) {
    size_t count;
    const rd_kafka_ConfigResource_t **resources =
        rd_kafka_DescribeConfigs_result_resources(result, &count);
    for (size_t i = 0; i < count; i++) {
        int table = kafka_table_of(consume, rd_kafka_ConfigResource_name(resources[i]), -1);
        if (table < 0) {
            continue;
        }
        enum err_kind kind = take_config(resources[i], &infos[table], reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
    }
    return ERR_NONE;
}

/* Asks one broker for the settings of the topics that exist. */
static enum err_kind describe_configs(struct consume *consume, int64_t end_ms,
                                      struct topic_info *infos, struct err *reterr) {
    char why[128];
    rd_kafka_ConfigResource_t **resources = memory_new(consume->topic_count + 1, sizeof(void *));
    size_t count = 0;
    for (size_t t = 0; t < consume->topic_count; t++) {
        if (infos[t].exists) {
            resources[count++] =
                rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, consume->topics[t].name);
        }
    }
    if (count == 0) {
        free(resources);
        return ERR_NONE;
    }
    int left_ms = kafka_left(consume, end_ms);
    rd_kafka_queue_t *answers = rd_kafka_queue_new(consume->rk);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(consume->rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    (void)rd_kafka_AdminOptions_set_request_timeout(options, left_ms, why, sizeof why);
    rd_kafka_DescribeConfigs(consume->rk, resources, count, options, answers);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy_array(resources, count);
    free(resources);
    rd_kafka_event_t *event = rd_kafka_queue_poll(answers, left_ms + 100);
    enum err_kind kind;
    if (!event || rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        kind = kafka_silent(consume, "asking for the topics' settings",
                            event ? rd_kafka_event_error_string(event) : "timed out", reterr);
    } else {
        kind = take_configs(consume, rd_kafka_event_DescribeConfigs_result(event), infos, reterr);
    }
    if (event) {
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(answers);
    return kind;
}

enum err_kind kafka_describe(struct consume *consume, int timeout_ms, struct topic_info *infos,
                             struct err *reterr) {
    int64_t end_ms = kafka_deadline(consume, timeout_ms);
    struct topic_info *found = memory_new(consume->topic_count + 1, sizeof *found);
    enum err_kind kind = ERR_NONE;
    for (size_t t = 0; t < consume->topic_count && kind == ERR_NONE; t++) {
        if (consume->topics[t].name) {
            kind =
                kafka_count_partitions(consume, end_ms, consume->topics[t].name, &found[t], reterr);
        }
    }
    if (kind == ERR_NONE) {
        kind = describe_configs(consume, end_ms, found, reterr);
    }
    if (kind == ERR_NONE) {
        memcpy(infos, found, consume->topic_count * sizeof *infos);
    }
    free(found);
    kafka_listen(consume);
    return kind;
}
