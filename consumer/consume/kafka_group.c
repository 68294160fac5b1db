#include "base/memory.h"
#include "consume/kafka_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_MAX         100 /* looked at in one poll, so that a chatty log holds up nobody */
#define MEMBERS_TIMEOUT_MS 1000
#define WAKE_MS            200

static enum log_level level_of(int syslog_level) {
    if (syslog_level <= 3) {
        return LOG_ERROR;
    }
    if (syslog_level == 4) {
        return LOG_WARN;
    }
    return syslog_level <= 6 ? LOG_INFO : LOG_DEBUG;
}

static void pass_log(struct consume *consume, rd_kafka_event_t *event) {
    const char *facility, *text;
    int syslog_level;
    if (rd_kafka_event_log(event, &facility, &text, &syslog_level) != 0) {
        return;
    }
    enum log_level level = level_of(syslog_level);
    /* These come as error events too, which become CONSUME_TROUBLE. */
    if (strcmp(facility, "FAIL") == 0 || strcmp(facility, "ERROR") == 0) {
        level = LOG_DEBUG;
    }
    if (log_enabled(consume->log, level)) {
        char quoted[1024];
        log_line(consume->log, level, "consume", "librdkafka", "facility=%s message=%s", facility,
                 log_quote(quoted, sizeof quoted, str_from(text)));
    }
}

/* What the group gave, as positions; librdkafka's answer is an empty assignment for now. */
static void given(struct consume *consume, const rd_kafka_topic_partition_list_t *list,
                  struct consume_event *event) {
    size_t count = 0;
    if ((size_t)list->cnt > consume->pair_capacity) {
        consume->pair_capacity = (size_t)list->cnt;
        consume->pairs =
            memory_resize(consume->pairs, consume->pair_capacity, sizeof *consume->pairs);
    }
    int table = 0;
    for (int i = 0; i < list->cnt; i++) {
        table = kafka_table_of(consume, list->elems[i].topic, table);
        if (table >= 0) {
            consume->pairs[count++] = (struct topic_position){
                .table = table, .partition = list->elems[i].partition, .offset = -1};
        }
    }
    consume->held = true;
    consume->broadcast_table = 0;
    consume->broadcast_look_ms = 0; /* as soon as anything is read */
    peers_changed(consume);
    event->kind = CONSUME_ASSIGN;
    event->pairs = consume->pairs;
    event->pair_count = count;
    (void)kafka_assign_nothing(consume);
    log_line(consume->log, LOG_DEBUG, "consume", "given", "partitions=%zu", count);
}

static void rebalance(struct consume *consume, rd_kafka_event_t *from,
                      struct consume_event *event) {
    event->record = (struct record){.table = -1, .partition = -1, .offset = -1};
    if (rd_kafka_event_error(from) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        given(consume, rd_kafka_event_topic_partition_list(from), event);
        return;
    }
    event->kind = CONSUME_REVOKE;
    event->lost = rd_kafka_assignment_lost(consume->rk) != 0;
    consume->held = false;
    consume->revoke_asked = true;
    log_line(consume->log, LOG_DEBUG, "consume", "taken", "lost=%d", event->lost);
}

/* A record here would be one that the pipeline never sees: better no client than a gap. */
static void stray(struct consume_event *event) {
    event->kind = CONSUME_FATAL;
    event->record = (struct record){.table = -1, .partition = -1, .offset = -1};
    (void)err_set(&event->err, ERR_BUG, "a record came through the group's queue");
}

static bool group_event(struct consume *consume, rd_kafka_event_t *from,
                        struct consume_event *event) {
    switch (rd_kafka_event_type(from)) {
    case RD_KAFKA_EVENT_LOG:
        pass_log(consume, from);
        return false;
    case RD_KAFKA_EVENT_REBALANCE:
        rebalance(consume, from, event);
        return true;
    case RD_KAFKA_EVENT_ERROR:
        return kafka_client_error(consume, from, event);
    case RD_KAFKA_EVENT_DESCRIBECONSUMERGROUPS_RESULT:
    case RD_KAFKA_EVENT_LISTCONSUMERGROUPOFFSETS_RESULT:
        return peers_answer(consume, from, event);
    case RD_KAFKA_EVENT_FETCH:
        stray(event);
        return true;
    default:
        return false;
    }
}

/* librdkafka sends a heartbeat when its main thread wakes and one is due. In quiet that is once a
 * second, whatever heartbeat.interval.ms says, and a rebalance is heard of that much later. An
 * empty, asynchronous commit wakes it and does nothing else. */
static void wake_main_thread(struct consume *consume) {
    int64_t now_ms = clock_mono_ms(&consume->clock);
    if (!consume->subscribed || consume->closed || now_ms - consume->woken_ms < WAKE_MS) {
        return;
    }
    consume->woken_ms = now_ms;
    rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(1);
    (void)rd_kafka_commit(consume->rk, none, 1);
    rd_kafka_topic_partition_list_destroy(none);
}

void kafka_poll_group(struct consume *consume, struct consume_event *ret_event) {
    ret_event->kind = CONSUME_NOTHING;
    ret_event->pairs = NULL;
    ret_event->pair_count = 0;
    ret_event->lost = false;
    wake_main_thread(consume);
    wake_before_group(&consume->wake);
    if (peers_step(consume, ret_event)) {
        wake_again(consume->wake.group);
        return;
    }
    for (int i = 0; i < EVENTS_MAX; i++) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(consume->group_queue, 0);
        if (!event) {
            return;
        }
        bool says = group_event(consume, event, ret_event);
        rd_kafka_event_destroy(event);
        if (says) {
            break;
        }
    }
    wake_again(consume->wake.group); /* there may be more */
}

void kafka_listen(struct consume *consume) {
    struct consume_event event;
    rd_kafka_event_t *from;
    while (!consume->subscribed && (from = rd_kafka_queue_poll(consume->group_queue, 0))) {
        if (rd_kafka_event_type(from) == RD_KAFKA_EVENT_LOG) {
            pass_log(consume, from);
        } else if (rd_kafka_event_type(from) == RD_KAFKA_EVENT_ERROR) {
            (void)kafka_client_error(consume, from, &event);
        }
        rd_kafka_event_destroy(from);
    }
}

void kafka_revoked(struct consume *consume) {
    (void)kafka_unassign(consume);
    if (consume->revoke_asked) {
        consume->revoke_asked = false;
        (void)rd_kafka_assign(consume->rk, NULL);
    }
}

void kafka_commit(struct consume *consume, const struct topic_position *positions, size_t count) {
    if (count == 0 || !consume->held || consume->closed) {
        return;
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_topic_partition_list_add(list, consume->topics[positions[i].table].name,
                                          positions[i].partition)
            ->offset = positions[i].offset;
    }
    peers_sign(consume, list);
    (void)rd_kafka_commit(consume->rk, list, 1);
    rd_kafka_topic_partition_list_destroy(list);
}

/* Appends "client-id (host)" of every member but us. */
static void list_members(struct consume *consume, const rd_kafka_ConsumerGroupDescription_t *group,
                         char *out, size_t size) {
    char *own = rd_kafka_memberid(consume->rk);
    size_t used = 0;
    for (size_t i = 0; i < rd_kafka_ConsumerGroupDescription_member_count(group); i++) {
        const rd_kafka_MemberDescription_t *member =
            rd_kafka_ConsumerGroupDescription_member(group, i);
        if (own && strcmp(own, rd_kafka_MemberDescription_consumer_id(member)) == 0) {
            continue;
        }
        int length = snprintf(out + used, size - used, "%s%s (%s)", used ? ", " : "",
                              rd_kafka_MemberDescription_client_id(member),
                              rd_kafka_MemberDescription_host(member));
        if (length < 0 || (size_t)length >= size - used) {
            break;
        }
        used += (size_t)length;
    }
    if (own) {
        rd_kafka_mem_free(consume->rk, own);
    }
}

void kafka_members(struct consume *consume, char *out, size_t size) {
    char group_id[256], why[128];
    size_t group_size = sizeof group_id;
    out[0] = '\0';
    if (rd_kafka_conf_get(rd_kafka_conf(consume->rk), "group.id", group_id, &group_size) !=
        RD_KAFKA_CONF_OK) {
        return;
    }
    const char *groups[] = {group_id};
    rd_kafka_queue_t *answers = rd_kafka_queue_new(consume->rk);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(consume->rk, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS);
    (void)rd_kafka_AdminOptions_set_request_timeout(options, ADMIN_REQUEST_MS, why, sizeof why);
    rd_kafka_DescribeConsumerGroups(consume->rk, groups, 1, options, answers);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_event_t *event = rd_kafka_queue_poll(answers, MEMBERS_TIMEOUT_MS + 100);
    const rd_kafka_DescribeConsumerGroups_result_t *result =
        event ? rd_kafka_event_DescribeConsumerGroups_result(event) : NULL;
    if (result) {
        size_t count;
        const rd_kafka_ConsumerGroupDescription_t **found =
            rd_kafka_DescribeConsumerGroups_result_groups(result, &count);
        if (count == 1) {
            list_members(consume, found[0], out, size);
        }
    }
    if (event) {
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(answers);
}
