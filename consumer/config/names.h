/* names.h: what a setting's name tells.
 *
 * What:    look-ups by name; secrecy; the name somebody may have meant; environment variables'
 *          names.
 * Owns:    nothing; results live in the arena passed in, or are static.
 * Threads: any.
 * Limits:  names of CONFIG_NAME_BYTES.
 */
#ifndef CONFIG_NAMES_H
#define CONFIG_NAMES_H

#include "base/arena.h"
#include "config/settings.h"

#define CONFIG_NAME_BYTES 255
#define CONFIG_ENV_PREFIX "SYNC_"

/* The row of that name, or NULL. */
const struct config_setting *config_setting_find(const char *name);
/* The pass-through group name lies in, or NULL. */
const struct config_group *config_group_find(const char *name);
/* The row that says that name may not be set to value, or NULL. */
const struct config_fixed *config_fixed_find(const char *name, const char *value);

/* Must this setting's value be hidden? By the table, else by the words in the name. */
bool config_name_is_secret(const char *name);
/* Does the value itself hold a password (postgresql://user:password@host, password=...)? */
bool config_value_is_secret(const char *value);
/* The setting whose value name (NAME.file) reads from a file; STR_NONE when name is no such. */
struct str config_file_base(const char *name);

/* The name most like this unknown one, or NULL when none is. */
const char *config_name_nearest(struct arena *arena, const char *name);

/* topic.prefix -> SYNC_TOPIC_PREFIX, olap.connect_timeout -> SYNC_OLAP_CONNECT__TIMEOUT */
const char *config_env_name(struct arena *arena, const char *name);
/* The other way, given what follows SYNC_; NULL when it is no such name (empty, small letters). */
const char *config_env_setting(struct arena *arena, struct str tail);

#endif
