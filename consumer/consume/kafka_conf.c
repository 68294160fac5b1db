#include "consume/kafka_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What this program relies on; nobody may set it otherwise. */
static const struct kafka_setting fixed[] = {
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
    {"auto.offset.reset", "error"},
    {"enable.partition.eof", "true"},
    {"partition.assignment.strategy", "range"},
    {"allow.auto.create.topics", "false"},
    {"log.queue", "true"},
};

static const char *fixed_value(const char *name) {
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        if (strcmp(fixed[i].name, name) == 0) {
            return fixed[i].value;
        }
    }
    return NULL;
}

static enum err_kind set(rd_kafka_conf_t *conf, const struct kafka_setting *setting,
                         struct err *reterr) {
    char why[256];
    const char *must = fixed_value(setting->name);
    if (must && strcmp(must, setting->value) != 0) {
        return err_set(reterr, ERR_CONFIG,
                       "kafka.%s must be %s: the offsets live in the OLAP database, and tasks need "
                       "the range assignor; leave the setting out",
                       setting->name, must);
    }
    if (rd_kafka_conf_set(conf, setting->name, setting->value, why, sizeof why) !=
        RD_KAFKA_CONF_OK) {
        /* librdkafka's reason never holds the value of a secret, but may hold that of others. */
        return err_set(reterr, ERR_CONFIG, "kafka.%s: %s", setting->name, why);
    }
    return ERR_NONE;
}

/* librdkafka 2.2 and later need no fetch_wakeup.h: they look at a full queue again soon when told
 * to. */
static bool looks_again_soon(rd_kafka_conf_t *conf, const struct kafka_options *options) {
    static const char name[] = "fetch.queue.backoff.ms";
    char why[128];
    for (size_t i = 0; i < options->setting_count; i++) {
        if (strcmp(options->settings[i].name, name) == 0) {
            return true;
        }
    }
    return rd_kafka_conf_set(conf, name, "10", why, sizeof why) == RD_KAFKA_CONF_OK;
}

static const char *given(const struct kafka_options *options, const char *name) {
    const char *value = NULL;
    for (size_t i = 0; i < options->setting_count; i++) {
        value = strcmp(options->settings[i].name, name) == 0 ? options->settings[i].value : value;
    }
    return value;
}

/* A broker answers a fetch with the first record whole, however large it is, and then up to
 * fetch.max.bytes; librdkafka ends the connection over an answer larger than this. */
static enum err_kind set_answer_size(rd_kafka_conf_t *conf, const struct kafka_options *options,
                                     struct err *reterr) {
    static const char name[] = "receive.message.max.bytes";
    const int64_t least = 100000000; /* librdkafka's default */
    const char *fetch = given(options, "fetch.max.bytes");
    int64_t fetch_bytes = fetch ? strtoll(fetch, NULL, 10) : 0;
    if (options->record_max_bytes <= 0 || given(options, name) || fetch_bytes > INT32_MAX / 2) {
        return ERR_NONE;
    }
    int64_t bytes = options->record_max_bytes + 2 * KAFKA_RECORD_OVERHEAD + fetch_bytes;
    char value[32];
    (void)snprintf(value, sizeof value, "%" PRId64, bytes > least ? bytes : least);
    return set(conf, &(struct kafka_setting){name, value}, reterr);
}

enum err_kind kafka_conf_make(const struct kafka_options *options, rd_kafka_conf_t **ret,
                              bool *ret_needs_fetch_wakeup, struct err *reterr) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool needs_fetch_wakeup = !looks_again_soon(conf, options);
    enum err_kind kind = ERR_NONE;
    for (size_t i = 0; i < options->setting_count && kind == ERR_NONE; i++) {
        kind = set(conf, &options->settings[i], reterr);
    }
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed && kind == ERR_NONE; i++) {
        kind = set(conf, &fixed[i], reterr);
    }
    if (kind == ERR_NONE) {
        kind = set_answer_size(conf, options, reterr);
    }
    if (kind != ERR_NONE) {
        rd_kafka_conf_destroy(conf);
        return kind;
    }
    rd_kafka_conf_set_events(conf,
                             RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG);
    *ret = conf;
    *ret_needs_fetch_wakeup = needs_fetch_wakeup;
    return ERR_NONE;
}
