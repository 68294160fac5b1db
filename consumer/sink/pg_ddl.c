/* pg_apply_ddl: makes the tables, or says what does not fit. Blocking. */
#include "sink/pg_internal.h"

enum err_kind pg_apply_ddl(const struct view *view, const struct pg_sink_options *options,
                           struct err *reterr) {
    (void)view;
    (void)options;
    return err_set(reterr, ERR_CONFIG, "not there yet");
}
