#include "base/memory.h"
#include "consume/kafka_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOIN_LOOK_MS   1000  /* between two looks while somebody is in the way */
#define LOOK_MS        10000 /* between two looks of a member */
#define SOON_MS        1500  /* others commit within a second of being given something */
#define ANSWER_MS      5000
#define SINK_WAIT_MS   5000  /* for the OLAP database to be known, before joining */
#define SINK_DIFFER_MS 30000 /* until then it may be one that has just moved */
#define REPORT_MS      10000
#define PARTITIONS_MAX 8 /* of each member are asked for */

static void copy(char *out, size_t size, const char *text) {
    (void)snprintf(out, size, "%s", text ? text : "");
}

void peers_init(struct consume *consume, const struct kafka_options *options) {
    struct peers *peers = &consume->peers;
    char group[512] = "";
    size_t size = sizeof group;
    peers->on = options->peer.plan != NULL &&
                rd_kafka_conf_get(rd_kafka_conf(consume->rk), "group.id", group, &size) ==
                    RD_KAFKA_CONF_OK &&
                group[0] != '\0';
    if (!peers->on) {
        return;
    }
    peers->group = memory_text(group);
    peers->former_group = memory_text(options->peer.former_group);
    copy(peers->own.plan, sizeof peers->own.plan, options->peer.plan);
    copy(peers->own.view, sizeof peers->own.view, options->peer.view);
    copy(peers->own.member, sizeof peers->own.member, options->peer.member);
    peers->peers = memory_new(PEERS_MAX, sizeof *peers->peers);
}

void peers_clear(struct consume *consume) {
    free(consume->peers.peers);
    free(consume->peers.group);
    free(consume->peers.former_group);
}

void kafka_announce(struct consume *consume, const char *sink, const char *sink_name) {
    copy(consume->peers.own.sink, sizeof consume->peers.own.sink, sink);
    copy(consume->peers.own.sink_name, sizeof consume->peers.own.sink_name, sink_name);
}

void peers_sign(struct consume *consume, rd_kafka_topic_partition_list_t *offsets) {
    struct peers *peers = &consume->peers;
    char *id = peers->on ? rd_kafka_memberid(consume->rk) : NULL;
    if (!id) {
        return;
    }
    copy(peers->own.id, sizeof peers->own.id, id);
    rd_kafka_mem_free(consume->rk, id);
    char line[MEMBER_INFO_BYTES];
    member_info_write(&peers->own, line, sizeof line);
    for (int i = 0; i < offsets->cnt; i++) { /* librdkafka frees it with the list */
        offsets->elems[i].metadata = memory_text(line);
        offsets->elems[i].metadata_size = strlen(line);
    }
}

void peers_changed(struct consume *consume) {
    consume->peers.look_at_ms = clock_mono_ms(&consume->clock) + SOON_MS;
}

/* ---- asking ---- */

static rd_kafka_AdminOptions_t *options_of(struct consume *consume, rd_kafka_admin_op_t op) {
    char why[128];
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(consume->rk, op);
    (void)rd_kafka_AdminOptions_set_request_timeout(options, ADMIN_REQUEST_MS, why, sizeof why);
    return options;
}

static void ask_members(struct consume *consume, bool former) {
    struct peers *peers = &consume->peers;
    const char *groups[] = {former ? peers->former_group : peers->group};
    rd_kafka_AdminOptions_t *options =
        options_of(consume, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS);
    peers->look = LOOK_MEMBERS;
    peers->former = former;
    peers->count = 0;
    peers->answer_by_ms = clock_mono_ms(&consume->clock) + ANSWER_MS;
    peers->asked = true;
    rd_kafka_DescribeConsumerGroups(consume->rk, groups, 1, options, consume->group_queue);
    rd_kafka_AdminOptions_destroy(options);
}

/* What is written beside the offsets of some partitions of every other member. */
static void ask_info(struct consume *consume, rd_kafka_topic_partition_list_t *partitions) {
    struct peers *peers = &consume->peers;
    rd_kafka_ListConsumerGroupOffsets_t *ask = rd_kafka_ListConsumerGroupOffsets_new(
        peers->former ? peers->former_group : peers->group, partitions);
    rd_kafka_AdminOptions_t *options =
        options_of(consume, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS);
    peers->look = LOOK_INFO;
    peers->asked = true;
    rd_kafka_ListConsumerGroupOffsets(consume->rk, &ask, 1, options, consume->group_queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ListConsumerGroupOffsets_destroy(ask);
}

static void take_member(struct consume *consume, const rd_kafka_MemberDescription_t *member,
                        rd_kafka_topic_partition_list_t *partitions) {
    struct peers *peers = &consume->peers;
    struct peer *peer = &peers->peers[peers->count++];
    const rd_kafka_MemberAssignment_t *assignment = rd_kafka_MemberDescription_assignment(member);
    const rd_kafka_topic_partition_list_t *has =
        assignment ? rd_kafka_MemberAssignment_partitions(assignment) : NULL;
    *peer = (struct peer){0};
    copy(peer->info.id, sizeof peer->info.id, rd_kafka_MemberDescription_consumer_id(member));
    const char *host = rd_kafka_MemberDescription_host(member);
    copy(peer->info.host, sizeof peer->info.host, host[0] == '/' ? host + 1 : host);
    (void)snprintf(peer->client, sizeof peer->client, "%.100s at %.80s",
                   rd_kafka_MemberDescription_client_id(member), peer->info.host);
    for (int i = 0; has && i < has->cnt; i++) {
        peer->reads_ours |= kafka_table_of(consume, has->elems[i].topic, -1) >= 0;
        if (i < PARTITIONS_MAX) {
            rd_kafka_topic_partition_list_add(partitions, has->elems[i].topic,
                                              has->elems[i].partition);
        }
    }
}

static bool is_own(struct consume *consume, const char *id) {
    char *own = rd_kafka_memberid(consume->rk);
    bool same = own && strcmp(own, id) == 0;
    if (own) {
        rd_kafka_mem_free(consume->rk, own);
    }
    return same;
}

/* False: there is nobody else, or nothing to be asked of them. */
static bool take_members(struct consume *consume, rd_kafka_event_t *from) {
    size_t count = 0;
    const rd_kafka_ConsumerGroupDescription_t **groups =
        rd_kafka_DescribeConsumerGroups_result_groups(
            rd_kafka_event_DescribeConsumerGroups_result(from), &count);
    if (count != 1) {
        return false;
    }
    rd_kafka_topic_partition_list_t *partitions = rd_kafka_topic_partition_list_new(8);
    for (size_t i = 0; i < rd_kafka_ConsumerGroupDescription_member_count(groups[0]); i++) {
        const rd_kafka_MemberDescription_t *member =
            rd_kafka_ConsumerGroupDescription_member(groups[0], i);
        if (consume->peers.count < PEERS_MAX &&
            !is_own(consume, rd_kafka_MemberDescription_consumer_id(member))) {
            take_member(consume, member, partitions);
        }
    }
    bool asks = partitions->cnt > 0;
    if (asks) {
        ask_info(consume, partitions);
    }
    rd_kafka_topic_partition_list_destroy(partitions);
    return asks;
}

static void take_words(struct consume *consume, rd_kafka_event_t *from) {
    struct peers *peers = &consume->peers;
    size_t count = 0;
    const rd_kafka_group_result_t **groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
        rd_kafka_event_ListConsumerGroupOffsets_result(from), &count);
    const rd_kafka_topic_partition_list_t *offsets =
        count == 1 ? rd_kafka_group_result_partitions(groups[0]) : NULL;
    for (int i = 0; offsets && i < offsets->cnt; i++) {
        struct member_info info;
        if (!offsets->elems[i].metadata ||
            !member_info_read(offsets->elems[i].metadata, offsets->elems[i].metadata_size, &info)) {
            continue;
        }
        for (size_t p = 0; p < peers->count; p++) { /* that of one that has gone does not count */
            struct peer *peer = &peers->peers[p];
            if (strcmp(peer->info.id, info.id) == 0) {
                copy(info.host, sizeof info.host, peer->info.host);
                peer->info = info;
                peer->known = true;
            }
        }
    }
}

/* ---- judging ---- */

static void event_begin(struct consume_event *event, enum consume_event_kind kind) {
    event->kind = kind;
    event->record = (struct record){.table = -1, .partition = -1, .offset = -1};
}

/* TROUBLE, unless one was reported just now. */
static bool report(struct consume *consume, const struct err *err, struct consume_event *event) {
    struct peers *peers = &consume->peers;
    int64_t now_ms = clock_mono_ms(&consume->clock);
    if (peers->reported_ms > 0 && now_ms - peers->reported_ms < REPORT_MS - JOIN_LOOK_MS / 2) {
        return false;
    }
    peers->reported_ms = now_ms;
    event_begin(event, CONSUME_TROUBLE);
    event->err = *err;
    return true;
}

/* Members of the group that earlier versions used, which may keep this very view. */
static bool former_in_the_way(struct consume *consume, struct err *reterr) {
    struct peers *peers = &consume->peers;
    char names[200] = "";
    size_t used = 0;
    for (size_t i = 0; i < peers->count; i++) {
        const struct peer *peer = &peers->peers[i];
        bool other = peer->known && strcmp(peer->info.plan, peers->own.plan) != 0;
        if (peer->reads_ours && !other && used < sizeof names) {
            int length = snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "",
                                  peer->known ? peer->info.member : peer->client);
            used += length > 0 ? (size_t)length : 0;
        }
    }
    if (used > 0) {
        (void)err_set(reterr, ERR_RETRY,
                      "consumer group %s, the default of earlier versions, has members that read "
                      "these topics: %s. Two groups would take the tasks from each other: this "
                      "member waits until those have stopped. To work beside them, set "
                      "kafka.group.id=%s; if they keep another view, set kafka.group.id=%.80s",
                      peers->former_group, names, peers->former_group, peers->group);
    }
    return used > 0;
}

static bool sinks_differ(const struct member_info *a, const struct member_info *b) {
    return a->sink[0] && b->sink[0] && strcmp(a->sink, b->sink) != 0;
}

/* The member that keeps something else, and has for longest; NULL: none. */
static const struct member_info *stranger(const struct peers *peers) {
    const struct member_info *found = NULL;
    for (size_t i = 0; i < peers->count; i++) {
        const struct member_info *info = &peers->peers[i].info;
        bool differs = peers->peers[i].known && (strcmp(info->plan, peers->own.plan) != 0 ||
                                                 sinks_differ(info, &peers->own));
        if (differs && (!found || info->since_ms < found->since_ms)) {
            found = info;
        }
    }
    return found;
}

static void describe(const struct peers *peers, const struct member_info *other, bool later,
                     enum err_kind kind, struct err *reterr) {
    const struct member_info *own = &peers->own;
    bool plan = strcmp(other->plan, own->plan) != 0;
    (void)err_set(
        reterr, kind,
        "consumer group %.60s belongs to one %s, and member %s at %.40s keeps %s%.60s (%.90s),"
        " this one %s%.60s (%.90s): each would get a part of the tasks. %s",
        peers->group, plan ? "view" : "OLAP database", other->member, other->host,
        plan ? "view " : "", plan ? other->view : other->sink_name,
        plan ? other->plan : other->sink, plan ? "view " : "", plan ? own->view : own->sink_name,
        plan ? own->plan : own->sink,
        later ? "Give this one a kafka.group.id of its own, or stop that one"
              : "Stop that one, or give it a kafka.group.id of its own");
}

/* Who came later must go. */
static bool meet(struct consume *consume, const struct member_info *other,
                 struct consume_event *event) {
    struct peers *peers = &consume->peers;
    int64_t now_ms = clock_mono_ms(&consume->clock);
    bool plan = strcmp(other->plan, peers->own.plan) != 0;
    bool later = !consume->subscribed || other->since_ms < peers->own.since_ms ||
                 (other->since_ms == peers->own.since_ms && strcmp(other->id, peers->own.id) < 0);
    if (plan || peers->sinks_differ_ms == 0) {
        peers->sinks_differ_ms = plan ? 0 : now_ms;
    }
    bool wait = !plan && now_ms - peers->sinks_differ_ms < SINK_DIFFER_MS;
    struct err err;
    describe(peers, other, later, later && !wait ? ERR_CONFIG : ERR_RETRY, &err);
    if (!later || wait) {
        return report(consume, &err, event);
    }
    event_begin(event, CONSUME_FATAL);
    event->err = err;
    return true;
}

static bool join(struct consume *consume, struct consume_event *event) {
    struct peers *peers = &consume->peers;
    event_begin(event, CONSUME_FATAL);
    peers->wanted = false;
    peers->look_at_ms = clock_mono_ms(&consume->clock) + LOOK_MS;
    return kafka_join(consume, &event->err) != ERR_NONE;
}

/* All that can be known is known. */
static bool judge(struct consume *consume, struct consume_event *event) {
    struct peers *peers = &consume->peers;
    struct err err;
    peers->look = LOOK_NONE;
    peers->look_at_ms =
        clock_mono_ms(&consume->clock) + (consume->subscribed ? LOOK_MS : JOIN_LOOK_MS);
    if (peers->former) {
        if (former_in_the_way(consume, &err)) {
            return report(consume, &err, event);
        }
        if (!peers->asked) {
            ask_members(consume, false);
            return false;
        }
    }
    const struct member_info *other = stranger(peers);
    if (other) {
        return meet(consume, other, event);
    }
    peers->sinks_differ_ms = 0;
    if (!consume->subscribed) {
        bool fails = join(consume, event);
        event->kind = fails ? CONSUME_FATAL : CONSUME_NOTHING;
        return fails;
    }
    return false;
}

static bool blind(struct consume *consume, const char *why, struct consume_event *event) {
    struct peers *peers = &consume->peers;
    if (!peers->blind_reported) {
        char quoted[300];
        peers->blind_reported = true;
        log_line(consume->log, LOG_WARN, "consume", "members_unknown",
                 "group=%s message=%s hint=\"whether its members keep the same view can't be "
                 "seen: grant Describe on the group\"",
                 peers->former ? peers->former_group : peers->group,
                 log_quote(quoted, sizeof quoted, str_from(why)));
    }
    peers->count = 0;
    return judge(consume, event);
}

bool peers_answer(struct consume *consume, rd_kafka_event_t *from, struct consume_event *event) {
    struct peers *peers = &consume->peers;
    bool members = rd_kafka_event_type(from) == RD_KAFKA_EVENT_DESCRIBECONSUMERGROUPS_RESULT;
    peers->asked = false;
    if (consume->closed || peers->look != (members ? LOOK_MEMBERS : LOOK_INFO)) {
        return false; /* too late */
    }
    if (rd_kafka_event_error(from) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return blind(consume, rd_kafka_event_error_string(from), event);
    }
    if (members && take_members(consume, from)) {
        return false;
    }
    if (!members) {
        take_words(consume, from);
    }
    return judge(consume, event);
}

bool peers_step(struct consume *consume, struct consume_event *event) {
    struct peers *peers = &consume->peers;
    int64_t now_ms = clock_mono_ms(&consume->clock);
    if (!peers->on || consume->closed || (!peers->wanted && !consume->subscribed)) {
        return false;
    }
    if (peers->look != LOOK_NONE) {
        return now_ms >= peers->answer_by_ms && blind(consume, "no answer", event);
    }
    bool known = peers->own.sink[0] || now_ms - peers->wanted_ms >= SINK_WAIT_MS;
    if (now_ms >= peers->look_at_ms && (consume->subscribed || known) && !peers->asked) {
        ask_members(consume, !consume->subscribed && peers->former_group);
    }
    return false;
}
