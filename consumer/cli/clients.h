/* clients.h: the options of the clients of Kafka and PostgreSQL.
 *
 * What:    settings → librdkafka's and libpq's options.
 * Owns:    the arrays, until clients_clear; the strings are the config's and the view's.
 *
 * A group belongs to a view, so the default of kafka.group.id has the view's name in it. Earlier
 * versions had GROUP_FORMER for every view.
 */
#ifndef CLI_CLIENTS_H
#define CLI_CLIENTS_H

#include "base/arena.h"
#include "config/config.h"
#include "consume/kafka.h"
#include "oltp/look.h"
#include "sink/pg_sink.h"

#define GROUP_FORMER "oltp-olap-sync"

struct clients {
    struct kafka_options kafka;
    struct pg_sink_options sink; /* identity is the caller's to fill */
    struct kafka_setting *settings;
    struct kafka_topic *topics;
    const char **keywords, **values;
    const char *group_id;          /* borrowed, or of texts */
    int64_t heartbeat_interval_ms; /* the connector's */
    struct arena texts;
};

/* How to connect to the source database. */
struct clients_oltp {
    struct link_options options; /* stop_fd is the caller's to set */
    const char **keywords, **values;
};

void clients_oltp_init(struct clients_oltp *oltp, const struct config *config);
void clients_oltp_clear(struct clients_oltp *oltp);

void clients_init(struct clients *clients, const struct config *config, const struct plan *plan,
                  const struct log *log);
void clients_clear(struct clients *clients);

#endif
