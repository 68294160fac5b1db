/* support.h: what the consumer's integration tests share.
 *
 * What:    PASS/FAIL lines, a producer, and members that collect what they are given.
 * Owns:    each thing what its function says.
 * Errors:  CHECK counts them; need() ends the program.
 * Limits:  topics of up to SUPPORT_PARTITIONS partitions, two topics a member.
 */
#ifndef SUPPORT_H
#define SUPPORT_H

#include "consume/kafka.h"

#include <librdkafka/rdkafka.h>

#define SUPPORT_PARTITIONS 16
#define SUPPORT_TOPICS     2
#define SUPPORT_PAIRS      ((size_t)32) /* their product */

#define CHECK(condition, ...) check((condition), __LINE__, #condition, __VA_ARGS__)

/* Counts a failure and says where. */
void check(bool good, int line, const char *condition, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* For what the test can't go on without. */
void need(bool good, const char *what);
/* Ends one test: prints PASS or FAIL and its name. */
void done(const char *name);
/* How many tests failed. */
int failures(void);

int64_t now_ms(void);

/* ---- the cluster: a real one, or librdkafka's mock in this process ---- */

/* given: a real one's bootstrap.servers; NULL: the mock. */
void cluster_open(const char *given);
void cluster_close(void);
const char *cluster_bootstrap(void);
bool cluster_is_mock(void);
/* The mock's only broker goes away or comes back. */
void cluster_down(bool down);

struct topics {
    char names[SUPPORT_TOPICS][96];
    const char *list[SUPPORT_TOPICS];
};
/* New topics with a name of their own; kept until the next call. */
const char *const *make_topics(const char *test, int32_t partitions);
/* The same; the second one has one partition, and every member reads it. */
const char *const *make_lookup_topics(const char *test, int32_t partitions);
/* ... and the first one has no records. */
const char *const *make_tasks_topics(const char *test, int32_t partitions);
/* What members that are opened from now on take the topics for. */
void topics_have(int32_t partitions);
struct kafka_topic topic_as_taken(const char *name, int table);
/* A group of its own. */
const char *make_group(void);

/* ---- members ---- */

struct member {
    const char *name;
    struct consume *consume;
    struct log log;
    struct topic_position pairs[SUPPORT_PAIRS];
    size_t pair_count;
    bool has, lost; /* between ASSIGN and REVOKE; the last REVOKE's lost */
    bool answer;    /* answer REVOKE at once (default), and ASSIGN with start */
    int64_t start[SUPPORT_TOPICS][SUPPORT_PARTITIONS]; /* where assign starts */
    int64_t next[SUPPORT_TOPICS][SUPPORT_PARTITIONS];  /* offset after the last record or EOF */
    int64_t records[SUPPORT_TOPICS][SUPPORT_PARTITIONS];
    int64_t eofs, assigns, revokes, halts, troubles, out_of_order, gone, back;
    struct consume_event last_halt, last_trouble, last_fatal;
    bool fatal;
    int work_ns; /* busy for so long with every record */
};

/* Settings: "name", "value", ... , NULL after the test's defaults. */
void member_open(struct member *member, const char *name, const char *const *topics,
                 const char *const *settings);
/* The same, and joins group. */
void member_join(struct member *member, const char *name, const char *const *topics,
                 const char *group);
/* One round: every group event, one batch of records (unless group_only), released at once. */
size_t member_round(struct member *member, bool group_only);
/* Assigns everything the group gave, from start[][]. */
void member_assign(struct member *member);
void member_close(struct member *member);
int64_t member_records(const struct member *member);
/* Rounds of all members until condition holds; false after timeout_ms. */
bool member_until(struct member **members, size_t count, bool (*condition)(struct member **),
                  int timeout_ms);

/* ---- producing ---- */

rd_kafka_t *producer_new(void);
/* value NULL with len 0: a tombstone. */
void produce(rd_kafka_t *producer, const char *topic, int32_t partition, struct str key,
             struct str value);
void produce_many(rd_kafka_t *producer, const char *topic, int32_t partition, int count,
                  size_t bytes);
/* Waits until everything is in, and destroys it. */
void producer_close(rd_kafka_t *producer);

#endif
