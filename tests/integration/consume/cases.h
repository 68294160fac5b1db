/* cases.h: the tests, each of which ends in done().
 *
 * What:    run by main.c against the cluster that support.h opened.
 * Errors:  counted by support.h.
 */
#ifndef CASES_H
#define CASES_H

#include "support.h"

void test_kinds_of_values(void);
void test_one_descriptor_for_both(void);
void test_nothing_stale(void);
void test_out_of_range(void);

void test_lookup_topic(void);
void test_lookup_topic_altered(void);
void test_lookup_topic_gone(void);
void test_tasks_topic(void);

void test_members_share(void);
void test_heartbeats_in_time(void);
void test_assigned_late(void);
void test_records_left_lying(void);
void test_stalled(void);
void test_split_while_unassigned(void);
void test_close_is_quick(void);
void test_broker_away(void);
void test_nobody_there(void);
void test_cluster_id_at_once(void);

void test_quiet_beside_full(void);
void test_topics(void);
void test_committed_and_listed(void);
void test_topic_cut_off(void);
void fill(int records, size_t bytes);
void test_read(int records, const char *kbytes, int work_ns, bool wakeup);

#endif
