#include "base/memory.h"
#include "consume/kafka_impl.h"

#include <stdlib.h>
#include <string.h>

static struct consume *new_empty(const struct kafka_options *options) {
    struct consume *consume = memory_new(1, sizeof *consume);
    consume->log = options->log;
    consume->clock = options->clock;
    consume->wake = (struct wake){.group = -1, .records = -1, .both = -1};
    consume->topics = memory_new(options->topic_count, sizeof *consume->topics);
    consume->topic_count = options->topic_count;
    consume->heartbeat.topic =
        options->heartbeat_topic ? memory_text(options->heartbeat_topic) : NULL;
    for (size_t t = 0; t < options->topic_count; t++) {
        const char *name = options->topics[t].name;
        consume->topics[t].name = name ? memory_text(name) : NULL;
        consume->topics[t].wanted_count = options->topics[t].partition_count;
        consume->topics[t].broadcast = options->topics[t].broadcast;
        consume->topics[t].empty = options->topics[t].empty;
    }
    return consume;
}

/* The client's queues. Everything but records comes through the consumer's own queue. */
static enum err_kind open_queues(struct consume *consume, bool needs_fetch_wakeup,
                                 struct err *reterr) {
    static const uint64_t one = 1;
    (void)rd_kafka_poll_set_consumer(consume->rk);
    consume->group_queue = rd_kafka_queue_get_consumer(consume->rk);
    if (!consume->group_queue) { /* no group.id: enough for the topics' administration */
        consume->group_queue = rd_kafka_queue_get_main(consume->rk);
    }
    consume->record_queue = rd_kafka_queue_new(consume->rk);
    (void)rd_kafka_set_log_queue(consume->rk, consume->group_queue);
    enum err_kind kind = wake_init(&consume->wake, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    rd_kafka_queue_io_event_enable(consume->group_queue, consume->wake.group, &one, sizeof one);
    rd_kafka_queue_io_event_enable(consume->record_queue, consume->wake.records, &one, sizeof one);
    /* What was queued before that did not wake anybody. */
    wake_again(consume->wake.group);
    if (needs_fetch_wakeup) {
        fetch_wakeup_init(&consume->fetch_wakeup, consume->rk);
    }
    return ERR_NONE;
}

enum err_kind kafka_new(const struct kafka_options *options, struct consume **ret_consume,
                        struct err *reterr) {
    rd_kafka_conf_t *conf;
    bool needs_fetch_wakeup;
    enum err_kind kind = kafka_conf_make(options, &conf, &needs_fetch_wakeup, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    struct consume *consume = new_empty(options);
    char why[256];
    consume->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (!consume->rk) {
        rd_kafka_conf_destroy(conf); /* rd_kafka_new takes it only when it succeeds */
        kind = err_set(reterr, ERR_CONFIG,
                       "the Kafka client can't be created with these settings: %s", why);
    } else {
        peers_init(consume, options);
        kind = open_queues(consume, needs_fetch_wakeup, reterr);
    }
    if (kind != ERR_NONE) {
        kafka_destroy(&consume);
        return kind;
    }
    *ret_consume = consume;
    return ERR_NONE;
}

enum err_kind kafka_subscribe(struct consume *consume, struct err *reterr) {
    struct peers *peers = &consume->peers;
    if (!peers->on) {
        return kafka_join(consume, reterr);
    }
    peers->wanted = true;
    peers->wanted_ms = clock_mono_ms(&consume->clock);
    peers->own.since_ms = clock_wall_ms(&consume->clock);
    return ERR_NONE;
}

/* The group's last words: whatever it gives or takes now is answered with nothing. */
static void serve_close(struct consume *consume, rd_kafka_queue_t *queue, int timeout_ms) {
    int64_t end_ms = clock_mono_ms(&consume->clock) + timeout_ms;
    while (!rd_kafka_consumer_closed(consume->rk)) {
        int64_t left_ms = end_ms - clock_mono_ms(&consume->clock);
        if (left_ms <= 0) {
            log_line(consume->log, LOG_DEBUG, "consume", "close_timeout", "timeout_ms=%d",
                     timeout_ms);
            consume->abandoned = true;
            return;
        }
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, left_ms < 20 ? (int)left_ms : 20);
        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE) {
            (void)rd_kafka_assign(consume->rk, NULL);
        }
        rd_kafka_event_destroy(event);
    }
}

void kafka_close(struct consume *consume, int timeout_ms) {
    if (!consume || !consume->subscribed || consume->closed) {
        return;
    }
    consume->closed = true;
    consume->held = false;
    (void)kafka_unassign(consume);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(consume->rk);
    rd_kafka_error_t *error = rd_kafka_consumer_close_queue(consume->rk, queue);
    if (error) {
        rd_kafka_error_destroy(error); /* a fatal error: the group has thrown us out already */
    } else {
        if (consume->revoke_asked) { /* answered only now: before, it would have joined again */
            (void)rd_kafka_assign(consume->rk, NULL);
        }
        serve_close(consume, queue, timeout_ms);
    }
    rd_kafka_queue_destroy(queue);
}

void kafka_destroy(struct consume **consume) {
    struct consume *c = consume ? *consume : NULL;
    if (!c) {
        return;
    }
    *consume = NULL;
    if (c->outstanding > 0) {
        log_line(c->log, LOG_ERROR, "consume", "records_not_released", "records=%zu",
                 c->outstanding);
    }
    if (c->rk) {
        fetch_wakeup_clear(&c->fetch_wakeup);
        if (c->group_queue) {
            rd_kafka_queue_io_event_enable(c->group_queue, -1, NULL, 0);
            rd_kafka_queue_destroy(c->group_queue);
        }
        if (c->record_queue) {
            rd_kafka_queue_io_event_enable(c->record_queue, -1, NULL, 0);
            rd_kafka_queue_destroy(c->record_queue);
        }
        if (!c->abandoned) {
            rd_kafka_destroy_flags(c->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        }
    }
    wake_clear(&c->wake);
    free(c->heartbeat.topic);
    for (size_t t = 0; t < c->topic_count; t++) {
        free(c->topics[t].name);
        free(c->topics[t].partitions);
    }
    free(c->topics);
    peers_clear(c);
    free(c->pairs);
    free(c);
}

static void poll_group(struct consume *consume, struct consume_event *ret_event) {
    if (!kafka_broadcast_step(consume, ret_event)) {
        kafka_poll_group(consume, ret_event);
    }
}

static int fd_of(const struct consume *consume) {
    return consume->wake.both;
}

static int64_t log_end(const struct consume *consume, int table, int32_t partition) {
    const struct topic *topic = &consume->topics[table];
    int64_t low, high;
    if (partition >= topic->partition_count || !topic->partitions[partition].assigned ||
        rd_kafka_get_watermark_offsets(consume->rk, topic->name, partition, &low, &high) !=
            RD_KAFKA_RESP_ERR_NO_ERROR) {
        return -1;
    }
    return high < 0 ? -1 : high;
}

const struct consume_ops kafka_ops = {
    .poll_group = poll_group,
    .poll_records = kafka_poll_records,
    .release = kafka_release,
    .assign = kafka_assign,
    .revoked = kafka_revoked,
    .pause = kafka_pause,
    .commit = kafka_commit,
    .members = kafka_members,
    .announce = kafka_announce,
    .heartbeat_ms = kafka_heartbeat_ms,
    .log_end = log_end,
    .fd = fd_of,
};
