/* connector_check.h: the connector that really runs, against the one that a view needs.
 *
 * What:    compares what Kafka Connect tells of a connector with view_connector_json's text. A
 *          setting counts as different unless it is known not to change what is sent: what is new
 *          or unknown may change it.
 * Owns:    nothing beyond the report, which its caller clears.
 * Errors:  ERR_CONFIG: the text is no connector's configuration.
 */
#ifndef VIEW_CONNECTOR_CHECK_H
#define VIEW_CONNECTOR_CHECK_H

#include "base/buf.h"
#include "base/err.h"

struct connector_report {
    size_t different; /* settings that decide what is sent, and where to */
    size_t harmless;  /* settings that may be changed at any time */
    struct buf text;  /* a line each: "different: ..." or "harmless: ..." */
};

/* real: the answer to GET /connectors/NAME/config or GET /connectors/NAME; planned: NUL-terminated.
 * Fills *report (all-zero before); no value of a password is in its text. */
MUST_CHECK enum err_kind connector_compare(const char *planned, struct str real,
                                           struct connector_report *report, struct err *reterr);
/* Appends the value that planned gives a setting, or what Debezium takes without one; nothing where
 * that is not known. */
void connector_value(const char *planned, const char *key, struct buf *out);

#endif
