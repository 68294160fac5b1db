/* values.h: values against the table.
 *
 * What:    says what a setting allows, checks a value and puts it into its field.
 * Owns:    nothing: a stored text is borrowed, and must live as long as the struct it is stored in.
 * Threads: any.
 * Errors:  see config.h.
 */
#ifndef CONFIG_VALUES_H
#define CONFIG_VALUES_H

#include "base/err.h"
#include "config/settings.h"

#include <stdbool.h>
#include <stddef.h>

/* "an integer from 1 to 20000 (rows)": into out; returns out. */
const char *config_value_allowed(const struct config_setting *setting, char *out, size_t size);

/* Sets the setting's field of *target (a struct config, for the table's own rows). False when value
 * is not allowed; then nothing is set. A setting that is passed through has no field: always true.
 */
bool config_value_store(const struct config_setting *setting, const char *value,
                        void *target) MUST_CHECK;

/* UTF-8 without control bytes other than tab? */
bool config_value_is_text(const char *value);

/* ERR_CONFIG: "NAME = VALUE (ORIGIN): what", the value as *** where it is secret. */
enum err_kind config_value_reject(struct err *reterr, const char *name, const char *value,
                                  const char *origin, const char *what);

#endif
