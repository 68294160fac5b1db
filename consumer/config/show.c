#include "config/config.h"

#include "config/items.h"
#include "config/names.h"
#include "config/values.h"

#include <string.h>

void config_print(const struct config *config, FILE *out) {
    const struct config_memory *memory = config->memory;
    for (size_t i = 0; i < memory->count; i++) {
        const struct config_item *item = &memory->items[i];
        if (item->value) {
            bool hidden = config_name_is_secret(item->name) || config_value_is_secret(item->value);
            (void)fprintf(out, "%s = %s  (%s)\n", item->name, hidden ? "***" : item->value,
                          item->origin ? item->origin : "default");
        }
    }
}

static const char *shown_default(const struct config_setting *setting) {
    if (!setting->initial) {
        return "unset";
    }
    return setting->secret ? "***" : setting->initial;
}

static bool in_group(const struct config_setting *setting, const struct config_group *group) {
    return config_group_find(setting->name) == group;
}

static void help_rows(const struct config_group *group, FILE *out) {
    char allowed[160];
    for (const struct config_setting *s = config_settings; s->name; s++) {
        if (!in_group(s, group)) {
            continue;
        }
        (void)fprintf(out, "  %s%s%s\n      %s", s->name, s->initial ? "=" : ": ", shown_default(s),
                      s->help);
        if (s->type != CONFIG_PASSED) {
            (void)fprintf(out, ";\n      %s", config_value_allowed(s, allowed, sizeof allowed));
        }
        (void)fputs("\n", out);
    }
}

/* What a row of the fixed ones allows all the same. */
static void fixed_values(const struct config_fixed *fixed, const char *tick, FILE *out) {
    for (size_t i = 0; fixed->values && fixed->values[i]; i++) {
        (void)fprintf(out, "%s%s%s%s", i == 0 ? "only " : " or ", tick, fixed->values[i], tick);
    }
    (void)fputs(fixed->values ? ": " : "", out);
}

void config_help(FILE *out) {
    (void)fputs(
        "Settings, with their defaults. Each source overrides the ones above it:\n"
        "  --config FILE      JSON: {\"log.level\": \"debug\"} or {\"log\": {\"level\": ...}}\n"
        "  SYNC_LOG_LEVEL=... environment: SYNC_, capitals, `.` as `_`, `_` as `__`\n"
        "  --set log.level=debug\n"
        "A secret can be read from a file's first line: olap.password.file=PATH.\n\n",
        out);
    help_rows(NULL, out);
    for (const struct config_group *g = config_groups; g->prefix; g++) {
        (void)fprintf(out, "\n%sNAME is passed on to %s:\n", g->prefix, g->for_whom);
        help_rows(g, out);
    }
    (void)fputs("\nFixed:\n", out);
    for (const struct config_fixed *f = config_fixed; f->name; f++) {
        (void)fprintf(out, "  %s\n      ", f->name);
        fixed_values(f, "", out);
        (void)fprintf(out, "%s\n", f->reason);
    }
}

static const char introduction[] =
    "# Settings\n"
    "\n"
    "<!-- Generated from consumer/config/settings.c and fixed.c. test_config_docs fails when this "
    "file is\n"
    "     stale; with UPDATE_DOCS=1 in its environment it writes the file again. -->\n"
    "\n"
    "Each source overrides the ones above it:\n"
    "\n"
    "1. the default;\n"
    "2. a JSON file, `--config FILE`; names of nested objects are joined by dots, so\n"
    "   `{\"log\": {\"level\": \"debug\"}}` and `{\"log.level\": \"debug\"}` mean the same;\n"
    "3. environment variables: `SYNC_` and the name in capitals, with `.` as `_` and `_` as `__`:\n"
    "   `SYNC_LOG_LEVEL=debug`, `SYNC_OLAP_CONNECT__TIMEOUT=9` (names with capitals in them can't "
    "be\n"
    "   set this way);\n"
    "4. `--set NAME=VALUE`, may be repeated; the last one for a name wins.\n"
    "\n"
    "On an unknown setting or an invalid value the program exits with code 2 before it changes\n"
    "anything. Environment variables that begin with `SYNC_` and name no setting count as unknown\n"
    "settings.\n"
    "\n"
    "## Secrets\n"
    "\n"
    "`NAME.file` reads a secret from the first line of a file, as in\n"
    "`SYNC_OLAP_PASSWORD_FILE=/run/secrets/olap`; setting a secret both ways is an error.\n"
    "Secrets are the settings marked below, and passed-through names that contain `pass`, "
    "`secret`,\n"
    "`credential`, `jaas`, `private`, `oauthbearer.config` or `ssl.key.pem`, or end in `token`.\n"
    "Secrets are printed as `***`, and so are values that contain a password "
    "(`postgresql://a:b@host`).\n"
    "Prefer files: other users of the machine can read a process's arguments.\n";

static void markdown_rows(const struct config_group *group, FILE *out) {
    char allowed[160];
    (void)fputs(group ? "| setting | default | what |\n|---|---|---|\n"
                      : "| setting | default | allowed | what |\n|---|---|---|---|\n",
                out);
    for (const struct config_setting *s = config_settings; s->name; s++) {
        if (!in_group(s, group)) {
            continue;
        }
        const char *tick = s->initial ? "`" : "";
        (void)fprintf(out, "| `%s`%s | %s%s%s |", s->name, s->secret ? " (secret)" : "", tick,
                      shown_default(s), tick);
        if (!group) {
            (void)fprintf(out, " %s |", config_value_allowed(s, allowed, sizeof allowed));
        }
        (void)fprintf(out, " %s |\n", s->help);
    }
}

static bool has_rows(const struct config_group *group) {
    for (const struct config_setting *s = config_settings; s->name; s++) {
        if (in_group(s, group)) {
            return true;
        }
    }
    return false;
}

void config_markdown(FILE *out) {
    (void)fputs(introduction, out);
    (void)fputs("\n## The program's own\n\n", out);
    markdown_rows(NULL, out);
    for (const struct config_group *g = config_groups; g->prefix; g++) {
        (void)fprintf(out, "\n## `%sNAME`: passed on to %s\n\n%s\n", g->prefix, g->for_whom,
                      g->introduction);
        if (has_rows(g)) {
            (void)fputs("An empty value removes a default.\n\n", out);
            markdown_rows(g, out);
        }
    }
    (void)fputs(
        "\n## Fixed\n\nThe design depends on these; setting one, even to the same value, is an "
        "error. A name\nthat ends in `*` stands for all names that begin with it.\n\n",
        out);
    (void)fputs("| setting | why |\n|---|---|\n", out);
    for (const struct config_fixed *f = config_fixed; f->name; f++) {
        (void)fprintf(out, "| `%s` | ", f->name);
        fixed_values(f, "`", out);
        (void)fprintf(out, "%s |\n", f->reason);
    }
}
