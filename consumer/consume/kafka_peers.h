/* kafka_peers.h: what the group's members tell each other, and who must not be among them.
 *
 * What:    a group belongs to one plan (view, source tables, topics, N) and one OLAP database: with
 *          two in it each member would get a part of the tasks, be ready, and keep a part of its
 *          table. librdkafka lets no program into the group's own metadata, so each member writes
 *          what it keeps beside the offsets that it commits, under the id that the group knows it
 *          by; the others ask the group who is there, and read it. A difference ends the one that
 *          came later, before it has joined if it can be seen by then.
 * Owns:    copies what it is told.
 * Threads: one thread; answers come through the group's queue.
 * Errors:  come as events: TROUBLE while it may pass, FATAL (ERR_CONFIG) for the one that must go.
 *          A group that can't be asked about keeps nobody from joining.
 * Limits:  PEERS_MAX members are looked at. Members of earlier versions write nothing.
 *
 * Private to consume/.
 */
#ifndef CONSUME_KAFKA_PEERS_H
#define CONSUME_KAFKA_PEERS_H

#include "consume/kafka.h"

#include <librdkafka/rdkafka.h>

#define PEERS_MAX 64

/* What a member writes about itself. */
struct member_info {
    char id[300]; /* the group's name for it */
    int64_t since_ms;
    char plan[300], sink[128]; /* are compared; sink "": not known yet */
    char member[64], view[128], sink_name[200], host[128]; /* for people */
};

/* Its line beside an offset: the fields, a form and a number, a bar after each. Brokers take 4096
 * bytes (offset.metadata.max.bytes). */
#define MEMBER_INFO_BYTES (sizeof(struct member_info) + 64)
_Static_assert(MEMBER_INFO_BYTES <= 4096, "a broker refuses the commit of a longer one");

struct peer {
    struct member_info info;
    bool known;      /* its info was read */
    bool reads_ours; /* it has a partition of one of our topics */
    char client[192];
};

enum look { LOOK_NONE, LOOK_MEMBERS, LOOK_INFO };

struct peers {
    struct member_info own; /* id: filled when it is written */
    char *group, *former_group;
    bool on;     /* plan was given: there is something to compare */
    bool wanted; /* to join, when nobody is in the way */
    int64_t wanted_ms, look_at_ms, answer_by_ms;
    bool asked; /* the admin client has not answered yet: see ADMIN_REQUEST_MS */
    enum look look;
    bool former; /* looking at former_group */
    struct peer *peers;
    size_t count;
    int64_t sinks_differ_ms; /* since when; 0: they don't */
    int64_t reported_ms;     /* the last TROUBLE */
    bool blind_reported;
};

struct consume;
struct consume_event;

void peers_init(struct consume *consume, const struct kafka_options *options);
void peers_clear(struct consume *consume);
/* What is due: looks, or joins. True: event is set. */
bool peers_step(struct consume *consume, struct consume_event *event);
/* An answer to a look. True: event is set. */
bool peers_answer(struct consume *consume, rd_kafka_event_t *from, struct consume_event *event);
/* Writes what we keep beside the offsets. */
void peers_sign(struct consume *consume, rd_kafka_topic_partition_list_t *offsets);
/* Members have come or gone: looks soon. */
void peers_changed(struct consume *consume);
void kafka_announce(struct consume *consume, const char *sink, const char *sink_name);

/* member_info.c: what is written beside an offset, and read again. */
void member_info_write(const struct member_info *info, char *out, size_t size);
bool member_info_read(const char *text, size_t len, struct member_info *ret);

#endif
