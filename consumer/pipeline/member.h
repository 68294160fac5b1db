/* member.h: one member of the consumer group: its tasks, from records to rows.
 *
 * What:    poll → decode → join → sink → cache, for every task the group gives us, in steps that
 *          never block. All I/O is behind consume_ops, sink_ops and the kv factory, which the
 *          simulator replaces.
 * Owns:    its tasks; borrows everything in struct member_options for its life.
 * Errors:  are handled here: retried, dead-lettered, or the task halts. ERR_BUG and a dead Kafka
 *          client end the member: member_error.
 * Limits:  batch_max_rows rows a transaction over all tasks.
 */
#ifndef PIPELINE_MEMBER_H
#define PIPELINE_MEMBER_H

#include "pipeline/options.h"

struct member;

struct member *member_new(const struct member_options *options);
void member_destroy(struct member **member);

/* Does what can be done now. Returns how much was done: 0 means wait (member_wait) before the next.
 */
size_t member_step(struct member *member);
/* How long to wait at most, for either file descriptor to become ready. */
int member_wait_ms(const struct member *member);

/* Finishes or drops what is in flight; member_stopped becomes true within a second or so. */
void member_stop(struct member *member);
bool member_stopped(const struct member *member);
/* Tries halted tasks again, and takes what the watch on the source found as known (SIGHUP). */
void member_resume(struct member *member);
/* Every task we hold is live, none is missing a partition, and the source is as it should be. */
bool member_ready(const struct member *member);
/* Why the member can't go on, or NULL. */
const struct err *member_error(const struct member *member);

#endif
