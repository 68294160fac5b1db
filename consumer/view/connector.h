/* connector.h: the configuration of the Debezium connector that a view needs.
 *
 * What:    JSON for PUT /connectors/NAME/config of Kafka Connect. What routing, keys and
 *          conversions rest on is set though it is Debezium's default, so that it is seen.
 * Owns:    nothing: the caller frees the text.
 * Units:   in the settings' names.
 * Errors:  ERR_CONFIG for a name that PostgreSQL takes for no replication slot.
 */
#ifndef VIEW_CONNECTOR_H
#define VIEW_CONNECTOR_H

#include "base/err.h"
#include "plan/plan.h"

#define CONNECTOR_HEARTBEAT_MS "10000" /* unless a setting says otherwise */

struct view_connector_setting {
    struct str key, value;
};

struct view_connector_options {
    const char *topic_prefix; /* as in view_options */
    int64_t record_max_bytes; /* what the connector's producer sends at most */
    const char *name; /* of the replication slot and of the publication; NULL: oltp_olap_sync */
    /* Wins over what the view says; an empty value takes the setting out. */
    const struct view_connector_setting *overrides;
    size_t override_count;
};

/* *ret_json: malloc'ed, with a newline at its end; caller frees. */
MUST_CHECK enum err_kind view_connector_json(const struct plan *plan,
                                             const struct view_connector_options *options,
                                             char **ret_json, struct err *reterr);

#endif
