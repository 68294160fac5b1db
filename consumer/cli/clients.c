#include "cli/clients.h"

#include "base/memory.h"

#include <stdlib.h>

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
    clients->group_id =
        given ? given : arena_printf(&clients->texts, GROUP_FORMER ".%s", plan->name.ptr).ptr;
    if (!given) {
        clients->settings[setting_count++] = (struct kafka_setting){"group.id", clients->group_id};
    }
    clients->kafka = (struct kafka_options){
        .settings = clients->settings,
        .setting_count = setting_count,
        .topics = clients->topics,
        .topic_count = plan->relation_count,
        .record_max_bytes = config->record_max_bytes,
        .peer = {.plan = arena_printf(&clients->texts, "%s.%d.%s", plan->targets[0].fingerprint.ptr,
                                      (int)plan->partition_count, config->topic_prefix)
                             .ptr,
                 .view = plan->name.ptr,
                 .member = config->member,
                 .former_group = given ? NULL : GROUP_FORMER},
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
