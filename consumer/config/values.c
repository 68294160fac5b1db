#include "config/values.h"

#include "base/log.h"
#include "config/names.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static void allowed_choices(const char *const *choices, char *out, size_t size) {
    size_t used = (size_t)snprintf(out, size, "one of");
    for (size_t i = 0; choices[i] && used < size; i++) {
        used += (size_t)snprintf(out + used, size - used, "%s %s", i ? "," : "", choices[i]);
    }
}

const char *config_value_allowed(const struct config_setting *setting, char *out, size_t size) {
    switch (setting->type) {
    case CONFIG_TEXT:
        (void)snprintf(out, size, "text of %" PRId64 " to %" PRId64 " bytes", setting->min,
                       setting->max);
        break;
    case CONFIG_WORD:
        (void)snprintf(out, size, "%" PRId64 " to %" PRId64 " of letters, digits and . _ -",
                       setting->min, setting->max);
        break;
    case CONFIG_INTEGER:
        (void)snprintf(out, size, "an integer from %" PRId64 " to %" PRId64 "%s%s%s", setting->min,
                       setting->max, setting->unit ? " (" : "", setting->unit ? setting->unit : "",
                       setting->unit ? ")" : "");
        break;
    case CONFIG_BOOL:
        (void)snprintf(out, size, "true or false");
        break;
    case CONFIG_CHOICE:
        allowed_choices(setting->choices, out, size);
        break;
    case CONFIG_PASSED:
        (void)snprintf(out, size, "what %s allows", config_group_find(setting->name)->for_whom);
        break;
    }
    return out;
}

static bool store_text(const struct config_setting *setting, const char *value, void *field) {
    size_t len = strlen(value);
    if (len < (size_t)setting->min || len > (size_t)setting->max) {
        return false;
    }
    for (size_t i = 0; setting->type == CONFIG_WORD && i < len; i++) {
        if (!isalnum((unsigned char)value[i]) && !strchr("._-", value[i])) {
            return false;
        }
    }
    *(const char **)field = value;
    return true;
}

static bool store_integer(const struct config_setting *setting, const char *value, void *field) {
    char *end = NULL;
    if (!isdigit((unsigned char)value[value[0] == '-'])) {
        return false;
    }
    errno = 0;
    long long number = strtoll(value, &end, 10);
    if (errno != 0 || *end != '\0' || number < setting->min || number > setting->max) {
        return false;
    }
    *(int64_t *)field = number;
    return true;
}

static bool store_bool(const char *value, void *field) {
    bool is_true = strcmp(value, "true") == 0;
    if (!is_true && strcmp(value, "false") != 0) {
        return false;
    }
    *(bool *)field = is_true;
    return true;
}

static bool store_choice(const struct config_setting *setting, const char *value, void *field) {
    for (unsigned i = 0; setting->choices[i]; i++) {
        if (strcmp(setting->choices[i], value) == 0) {
            _Static_assert(sizeof(enum log_level) == sizeof i, "enums are stored as unsigned");
            memcpy(field, &i, sizeof i);
            return true;
        }
    }
    return false;
}

bool config_value_store(const struct config_setting *setting, const char *value, void *target) {
    void *field = (char *)target + setting->offset;
    switch (setting->type) {
    case CONFIG_TEXT:
    case CONFIG_WORD:
        return store_text(setting, value, field);
    case CONFIG_INTEGER:
        return store_integer(setting, value, field);
    case CONFIG_BOOL:
        return store_bool(value, field);
    case CONFIG_CHOICE:
        return store_choice(setting, value, field);
    case CONFIG_PASSED:
        return true;
    }
    return false;
}

bool config_value_is_text(const char *value) {
    for (const char *c = value; *c != '\0'; c++) {
        if (((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7f) {
            return false;
        }
    }
    json_t *string = json_string(value); /* refuses what is not UTF-8 */
    json_decref(string);
    return string != NULL;
}

enum err_kind config_value_reject(struct err *reterr, const char *name, const char *value,
                                  const char *origin, const char *what) {
    char shown[128];
    if (config_name_is_secret(name) || config_value_is_secret(value)) {
        (void)snprintf(shown, sizeof shown, "***");
    } else {
        (void)log_quote(shown, sizeof shown, str_from(value));
    }
    return err_set(reterr, ERR_CONFIG, "%.100s = %s (%.120s): %s", name, shown, origin, what);
}
