#include "config/config.h"

#include "base/arena.h"
#include "config/items.h"
#include "config/names.h"
#include "config/sources.h"
#include "config/values.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SECRET_BYTES 65535 /* of a secret's file */

static struct config_item *item_find(struct config_memory *memory, const char *name) {
    for (size_t i = 0; i < memory->count; i++) {
        if (strcmp(memory->items[i].name, name) == 0) {
            return &memory->items[i];
        }
    }
    return NULL;
}

static enum err_kind read_sources(const struct config_sources *sources,
                                  struct config_entries *entries, struct err *reterr) {
    enum err_kind kind = ERR_NONE;
    if (sources->file) {
        kind = config_entries_file(entries, sources->file, reterr);
    }
    if (kind == ERR_NONE && sources->environ) {
        kind = config_entries_environ(entries, sources->environ, reterr);
    }
    if (kind == ERR_NONE) {
        kind = config_entries_sets(entries, sources->sets, sources->set_count, reterr);
    }
    return kind;
}

/* HOSTNAME-PID, with what a word can't hold left out. */
static const char *default_member(struct arena *arena) {
    char host[256] = "";
    (void)gethostname(host, sizeof host - 1);
    size_t len = 0;
    for (const char *c = host; *c != '\0' && len < 50; c++) {
        if (isalnum((unsigned char)*c) || strchr("._-", *c)) {
            host[len++] = *c;
        }
    }
    return arena_printf(arena, "%.*s-%d", (int)len, host, (int)getpid()).ptr;
}

static enum err_kind set_defaults(struct config *config, struct err *reterr) {
    struct config_memory *memory = config->memory;
    for (const struct config_setting *s = config_settings; s->name; s++) {
        const char *value = s->initial;
        if (s->type == CONFIG_WORD && s->offset == offsetof(struct config, member)) {
            value = default_member(&memory->arena);
        }
        memory->items[memory->count++] = (struct config_item){s->name, value, NULL, s};
        if (value && !config_value_store(s, value, config)) {
            return err_set(reterr, ERR_BUG, "%s: its default is not allowed", s->name);
        }
    }
    return ERR_NONE;
}

static enum err_kind refuse_unknown(struct arena *arena, const struct config_entry *entry,
                                    struct err *reterr) {
    const char *nearest = config_name_nearest(arena, entry->name);
    const char *variable = "";
    if (nearest && entry->variable) {
        variable = arena_printf(arena, " (%s)", config_env_name(arena, nearest)).ptr;
    }
    return err_set(reterr, ERR_CONFIG, "unknown setting %.100s (%.120s): %s%s%s%s", entry->name,
                   entry->origin, nearest ? "did you mean " : "--help lists all",
                   nearest ? nearest : "", variable, nearest ? "?" : "");
}

/* Is it a setting: in the table, the file of a secret, or a name its group may understand? */
static bool is_known(const char *name) {
    if (strlen(name) > CONFIG_NAME_BYTES) {
        return false;
    }
    if (config_setting_find(name) || config_file_base(name).ptr) {
        return true;
    }
    const struct config_group *group = config_group_find(name);
    if (!group) {
        return false;
    }
    const char *tail = name + strlen(group->prefix);
    size_t len = strlen(tail);
    return len > 0 && tail[0] != '.' && tail[len - 1] != '.' && !strstr(tail, "..") &&
           (!group->letters || strspn(tail, group->letters) == len);
}

static enum err_kind refuse_fixed(const struct config_fixed *fixed,
                                  const struct config_entry *entry, struct err *reterr) {
    char values[160] = "can't be set";
    for (size_t i = 0; fixed->values && fixed->values[i]; i++) {
        size_t len = i == 0 ? 0 : strlen(values);
        (void)snprintf(values + len, sizeof values - len, "%s%s", i == 0 ? "can only be " : " or ",
                       fixed->values[i]);
    }
    return err_set(reterr, ERR_CONFIG, "%.100s (%.120s): %s: %s", entry->name, entry->origin,
                   values, fixed->reason);
}

static enum err_kind apply(struct config *config, const struct config_entry *entry,
                           struct err *reterr) {
    struct config_memory *memory = config->memory;
    const struct config_fixed *fixed = config_fixed_find(entry->name, entry->value);
    if (fixed) {
        return refuse_fixed(fixed, entry, reterr);
    }
    if (!is_known(entry->name)) {
        return refuse_unknown(&memory->arena, entry, reterr);
    }
    if (!config_value_is_text(entry->value)) {
        return config_value_reject(reterr, entry->name, entry->value, entry->origin,
                                   "a value is UTF-8 without control characters");
    }
    const struct config_setting *setting = config_setting_find(entry->name);
    if (setting && !config_value_store(setting, entry->value, config)) {
        char allowed[160] = "must be ";
        size_t len = strlen(allowed);
        (void)config_value_allowed(setting, allowed + len, sizeof allowed - len);
        return config_value_reject(reterr, entry->name, entry->value, entry->origin, allowed);
    }
    struct config_item *item = item_find(memory, entry->name);
    if (!item) {
        item = &memory->items[memory->count++];
    }
    const char *value = entry->value[0] == '\0' ? NULL : entry->value;
    *item = (struct config_item){entry->name, value, entry->origin, setting};
    return ERR_NONE;
}

/* The first line of a secret's file, into the arena. */
static enum err_kind read_secret(struct arena *arena, const struct config_item *item,
                                 const char **ret, struct err *reterr) {
    FILE *in = fopen(item->value, "re");
    if (!in) {
        return config_value_reject(reterr, item->name, item->value, item->origin, strerror(errno));
    }
    char *line = arena_alloc(arena, SECRET_BYTES + 1);
    size_t len = fread(line, 1, SECRET_BYTES, in);
    int read_errno = ferror(in) ? errno : 0;
    (void)fclose(in);
    line[len] = '\0';
    size_t line_len = strcspn(line, "\r\n");
    const char *what = NULL;
    if (read_errno != 0) {
        what = strerror(read_errno);
    } else if (line_len == 0) {
        what = "the file's first line is empty";
    } else if (line_len == SECRET_BYTES) {
        what = "the file's first line is too long";
    } else if (line_len < len && line[line_len] == '\0') {
        what = "the file's first line has a NUL";
    }
    line[line_len] = '\0';
    if (!what && !config_value_is_text(line)) {
        what = "the file's first line is not UTF-8 without control characters";
    }
    if (what) {
        return config_value_reject(reterr, item->name, item->value, item->origin, what);
    }
    *ret = line;
    return ERR_NONE;
}

/* olap.password.file: its first line becomes olap.password. */
static enum err_kind apply_file(struct config *config, struct config_item *item,
                                struct err *reterr) {
    struct config_memory *memory = config->memory;
    struct str base = config_file_base(item->name);
    if (!base.ptr || !item->value) {
        return ERR_NONE;
    }
    const char *name = arena_copy(&memory->arena, base).ptr;
    struct config_item *secret = item_find(memory, name);
    if (secret && secret->value && secret->origin) {
        char what[256];
        (void)snprintf(what, sizeof what, "%.100s is given too (%.100s); one of them must go", name,
                       secret->origin);
        return config_value_reject(reterr, item->name, item->value, item->origin, what);
    }
    const char *value = "";
    enum err_kind kind = read_secret(&memory->arena, item, &value, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    const char *origin = arena_printf(&memory->arena, "file %s", item->value).ptr;
    if (strcmp(name, "olap.password") == 0) {
        config->olap_password_file = item->value; /* it may be rotated: the sink reads it again */
    }
    struct config_entry entry = {NULL, name, value, origin, NULL};
    item->value = NULL; /* the path is nobody else's business */
    return apply(config, &entry, reterr);
}

static void fill_pairs(struct config *config, const struct config_group *group) {
    struct config_memory *memory = config->memory;
    struct config_pairs *pairs = (struct config_pairs *)(void *)((char *)config + group->offset);
    pairs->items = arena_alloc(&memory->arena, memory->count * sizeof *pairs->items);
    pairs->count = 0;
    for (size_t i = 0; i < memory->count; i++) {
        const struct config_item *item = &memory->items[i];
        if (item->value && config_group_find(item->name) == group) {
            pairs->items[pairs->count++] = (struct config_pair){
                item->name + strlen(group->prefix), item->value,
                config_name_is_secret(item->name) || config_value_is_secret(item->value)};
        }
    }
}

/* libpq would take a connection string for the name of a database or a host, and the log would show
 * it with its password. */
static enum err_kind refuse_strings(const struct config *config, struct err *reterr) {
    static const char *const names[] = {"olap.dbname", "oltp.dbname", "olap.host", "oltp.host"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct config_item *item = item_find(config->memory, names[i]);
        if (item && item->value && (strstr(item->value, "://") || strchr(item->value, '='))) {
            char what[160];
            (void)snprintf(what, sizeof what,
                           "this is a connection string; give its parts: %.4s.host, %.4s.port, "
                           "%.4s.user, %.4s.password, %.4s.dbname",
                           names[i], names[i], names[i], names[i], names[i]);
            return config_value_reject(reterr, names[i], "password=", item->origin, what);
        }
    }
    return ERR_NONE;
}

static enum err_kind build(struct config *config, const struct config_entries *entries,
                           struct err *reterr) {
    struct config_memory *memory = config->memory;
    size_t cap = 2 * entries->count; /* each may be the file of another */
    for (const struct config_setting *s = config_settings; s->name; s++) {
        cap++;
    }
    memory->items = arena_alloc(&memory->arena, cap * sizeof *memory->items);
    enum err_kind kind = set_defaults(config, reterr);
    for (const struct config_entry *e = entries->first; e && kind == ERR_NONE; e = e->next) {
        kind = apply(config, e, reterr);
    }
    for (size_t i = 0; i < memory->count && kind == ERR_NONE; i++) {
        kind = apply_file(config, &memory->items[i], reterr);
    }
    if (kind == ERR_NONE) {
        kind = refuse_strings(config, reterr);
    }
    for (const struct config_group *g = config_groups; g->prefix && kind == ERR_NONE; g++) {
        fill_pairs(config, g);
    }
    return kind;
}

enum err_kind config_load(const struct config_sources *sources, struct config **ret,
                          struct err *reterr) {
    struct arena first = {0};
    struct config *config = arena_alloc(&first, sizeof *config);
    struct config_memory *memory = arena_alloc(&first, sizeof *memory);
    *memory = (struct config_memory){.arena = first};
    *config = (struct config){.memory = memory};
    struct config_entries entries = {.arena = &memory->arena};
    enum err_kind kind = read_sources(sources, &entries, reterr);
    if (kind == ERR_NONE) {
        kind = build(config, &entries, reterr);
    }
    if (kind != ERR_NONE) {
        config_destroy(&config);
        return kind;
    }
    *ret = config;
    return ERR_NONE;
}

void config_destroy(struct config **config) {
    if (config && *config) {
        struct arena arena = (*config)->memory->arena; /* holds *config too */
        arena_clear(&arena);
        *config = NULL;
    }
}

const char *config_pair_get(const struct config_pairs *pairs, const char *name) {
    for (size_t i = 0; i < pairs->count; i++) {
        if (strcmp(pairs->items[i].name, name) == 0) {
            return pairs->items[i].value;
        }
    }
    return NULL;
}
