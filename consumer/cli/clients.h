/* clients.h: the two clients as the settings describe them.
 *
 * What:    settings → librdkafka's and libpq's options.
 * Owns:    the arrays, until clients_clear; the strings are the config's and the view's.
 * Threads: main only.
 * Units:   none.
 * Errors:  none.
 * Limits:  none.
 */
#ifndef CLI_CLIENTS_H
#define CLI_CLIENTS_H

#include "config/config.h"
#include "consume/kafka.h"
#include "sink/pg_sink.h"

struct clients {
    struct kafka_options kafka;
    struct pg_sink_options sink; /* identity is the caller's to fill */
    struct kafka_setting *settings;
    const char **topics, **keywords, **values;
};

void clients_init(struct clients *clients, const struct config *config, const struct view *view,
                  const struct log *log);
void clients_clear(struct clients *clients);

#endif
