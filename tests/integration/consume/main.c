/* Integration tests of consume/.
 *   kafka_test                  against librdkafka's mock cluster
 *   kafka_test BOOTSTRAP        against that broker: creates topics it.* and leaves them
 *   kafka_test BOOTSTRAP real   those that the mock can't have
 *   kafka_test BOOTSTRAP read RECORDS KBYTES NANOSECONDS wakeup|nowakeup
 *                               fills topics once and measures reading them */
#include "cases.h"

#include <stdlib.h>
#include <string.h>

static void everywhere(void) {
    test_kinds_of_values();
    test_one_descriptor_for_both();
    test_out_of_range();
    test_nothing_stale();
    test_lookup_topic();
    test_members_share();
    test_heartbeats_in_time();
    test_assigned_late();
    test_split_while_unassigned();
    test_records_left_lying();
    test_stalled();
    test_close_is_quick();
    test_nobody_there();
    test_cluster_id_at_once();
}

int main(int argc, char **argv) {
    cluster_open(argc > 1 ? argv[1] : NULL);
    if (argc == 7 && strcmp(argv[2], "read") == 0) {
        fill(atoi(argv[3]), 537);
        test_read(atoi(argv[3]), argv[4], atoi(argv[5]), strcmp(argv[6], "wakeup") == 0);
    } else {
        if (argc < 3 || strcmp(argv[2], "real") != 0) {
            everywhere();
        }
        if (cluster_is_mock()) {
            test_broker_away();
        } else {
            test_quiet_beside_full(); /* the mock answers no wake-up */
            test_topics();
            test_lookup_topic();
            test_lookup_topic_altered();
            test_lookup_topic_gone();
            test_tasks_topic();
            test_committed_and_listed();
            test_topic_cut_off();
        }
    }
    cluster_close();
    return failures() != 0;
}
