#include "cli/clients.h"

#include "base/hash.h"
#include "base/memory.h"
#include "view/connector.h"

#include <inttypes.h>
#include <stdlib.h>

/* What a group's members must serve alike. Of one view as it was before there were more. */
static const char *peer_plan(struct arena *arena, const struct plan *plan) {
    struct buf all = {0};
    for (size_t t = 0; t < plan->target_count; t++) {
        buf_str(&all, plan->targets[t].fingerprint);
    }
    struct str views = plan->target_count == 1
                           ? plan->targets[0].fingerprint
                           : arena_printf(arena, "%016" PRIx64, fnv1a(FNV1A_START, buf_view(&all)));
    buf_clear(&all);
    return arena_printf(arena, STR_FMT ".%d.%s", STR_ARG(views), (int)plan->partition_count,
                        plan->topic_prefix.ptr)
        .ptr;
}

/* kafka.group.id is the first plan's: another plan's members read other topics. */
static const char *group_of(struct arena *arena, const char *given, const struct plan *plan) {
    if (given && plan->number == 0) {
        return given;
    }
    return arena_printf(arena, "%s.%s", given ? given : GROUP_FORMER, plan->name.ptr).ptr;
}

/* As Debezium names it. */
static const char *heartbeat_topic(struct clients *clients, const struct config *config,
                                   const struct plan *plan) {
    const char *interval = config_pair_get(&config->connector, "heartbeat.interval.ms");
    const char *prefix = config_pair_get(&config->connector, "topic.heartbeat.prefix");
    clients->heartbeat_interval_ms =
        strtoll(interval ? interval : CONNECTOR_HEARTBEAT_MS, NULL, 10);
    return config->heartbeat_max_age_ms > 0 && clients->heartbeat_interval_ms > 0
               ? arena_printf(&clients->texts, "%s.%s", prefix ? prefix : "__debezium-heartbeat",
                              plan->topic_prefix.ptr)
                     .ptr
               : NULL;
}

void clients_init(struct clients *clients, const struct config *config, const struct plan *plan,
                  const struct log *log) {
    *clients = (struct clients){0};
    clients->settings = memory_new(config->kafka.count + 2, sizeof *clients->settings);
    for (size_t i = 0; i < config->kafka.count; i++) {
        clients->settings[i] =
            (struct kafka_setting){config->kafka.items[i].name, config->kafka.items[i].value};
    }
    clients->topics = memory_new(plan->relation_count + 1, sizeof *clients->topics);
    for (size_t t = 0; t < plan->relation_count; t++) {
        const struct relation *relation = &plan->relations[t];
        clients->topics[t] =
            (struct kafka_topic){relation->filtered ? NULL : relation->topic.ptr,
                                 relation->partition_count, relation->role == ROLE_LOOKUP, false};
    }
    if (plan->tasks_topic.ptr) {
        clients->topics[0] =
            (struct kafka_topic){plan->tasks_topic.ptr, plan->partition_count, .empty = true};
    }
    clients->keywords = memory_new(config->olap.count + 1, sizeof *clients->keywords);
    clients->values = memory_new(config->olap.count + 1, sizeof *clients->values);
    for (size_t i = 0; i < config->olap.count; i++) {
        clients->keywords[i] = config->olap.items[i].name;
        clients->values[i] = config->olap.items[i].value;
    }
    size_t setting_count = config->kafka.count;
    const char *given = config_pair_get(&config->kafka, "group.id");
    clients->group_id = group_of(&clients->texts, given, plan);
    if (clients->group_id != given) { /* the last one counts */
        clients->settings[setting_count++] = (struct kafka_setting){"group.id", clients->group_id};
    }
    clients->kafka = (struct kafka_options){
        .settings = clients->settings,
        .setting_count = setting_count,
        .topics = clients->topics,
        .topic_count = plan->relation_count,
        .record_max_bytes = config->record_max_bytes,
        .peer = {.plan = peer_plan(&clients->texts, plan),
                 .view = plan->name.ptr,
                 .member = config->member,
                 .former_group = given || plan->number > 0 ? NULL : GROUP_FORMER},
        .heartbeat_topic = heartbeat_topic(clients, config, plan),
        .log = log,
        .clock = clock_real(),
    };
    clients->sink = (struct pg_sink_options){
        .keywords = clients->keywords,
        .values = clients->values,
        .password_file = config->olap_password_file,
        .log = log,
        .clock = clock_real(),
    };
}

void clients_oltp_init(struct clients_oltp *oltp, const struct config *config) {
    oltp->keywords = memory_new(config->oltp.count + 1, sizeof *oltp->keywords);
    oltp->values = memory_new(config->oltp.count + 1, sizeof *oltp->values);
    for (size_t i = 0; i < config->oltp.count; i++) {
        oltp->keywords[i] = config->oltp.items[i].name;
        oltp->values[i] = config->oltp.items[i].value;
    }
    oltp->options = (struct link_options){oltp->keywords, oltp->values, -1};
}

void clients_oltp_clear(struct clients_oltp *oltp) {
    free((void *)oltp->keywords);
    free((void *)oltp->values);
    *oltp = (struct clients_oltp){0};
}

void clients_clear(struct clients *clients) {
    free(clients->settings);
    free(clients->topics);
    free(clients->keywords);
    free(clients->values);
    arena_clear(&clients->texts);
    *clients = (struct clients){0};
}
