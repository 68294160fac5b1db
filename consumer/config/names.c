#include "config/names.h"

#include <ctype.h>
#include <stdio.h>

const struct config_setting *config_setting_find(const char *name) {
    for (const struct config_setting *s = config_settings; s->name; s++) {
        if (strcmp(s->name, name) == 0) {
            return s;
        }
    }
    return NULL;
}

const struct config_group *config_group_find(const char *name) {
    for (const struct config_group *g = config_groups; g->prefix; g++) {
        if (strncmp(name, g->prefix, strlen(g->prefix)) == 0) {
            return g;
        }
    }
    return NULL;
}

static bool is_named(const struct config_fixed *fixed, const char *name) {
    size_t len = strlen(fixed->name);
    return fixed->name[len - 1] == '*' ? strncmp(fixed->name, name, len - 1) == 0
                                       : strcmp(fixed->name, name) == 0;
}

static bool allows(const struct config_fixed *fixed, const char *value) {
    for (size_t i = 0; fixed->values && fixed->values[i]; i++) {
        if (strcasecmp(fixed->values[i], value) == 0) { /* as Debezium reads it */
            return true;
        }
    }
    return false;
}

const struct config_fixed *config_fixed_find(const char *name, const char *value) {
    for (const struct config_fixed *f = config_fixed; f->name; f++) {
        if (is_named(f, name) && !allows(f, value)) {
            return f;
        }
    }
    return NULL;
}

static bool ends_with(struct str s, struct str end) {
    return s.len >= end.len && strcasecmp(s.ptr + s.len - end.len, end.ptr) == 0;
}

/* The table says, or the words in the name. */
static bool names_secret(const char *name) {
    static const char *const words[] = {
        "pass", "secret", "credential", "jaas", "private", "oauthbearer.config", "ssl.key.pem"};
    const struct config_setting *setting = config_setting_find(name);
    if (setting) {
        return setting->secret;
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcasestr(name, words[i])) {
            return true;
        }
    }
    return ends_with(str_from(name), STR("token"));
}

bool config_name_is_secret(const char *name) {
    return names_secret(name) && !config_file_base(name).ptr; /* the file's path is none */
}

bool config_value_is_secret(const char *value) {
    if (strcasestr(value, "password=") || strcasestr(value, "secret=")) {
        return true;
    }
    for (const char *at = strstr(value, "://"); at; at = strstr(at + 3, "://")) {
        const char *user = at + 3;
        const char *end = user + strcspn(user, "/@");
        if (*end == '@' && memchr(user, ':', (size_t)(end - user))) {
            return true;
        }
    }
    return false;
}

struct str config_file_base(const char *name) {
    const struct str suffix = STR(".file");
    struct str whole = str_from(name);
    if (whole.len > CONFIG_NAME_BYTES || !ends_with(whole, suffix)) {
        return STR_NONE;
    }
    char base[CONFIG_NAME_BYTES + 1];
    size_t len = whole.len - suffix.len;
    memcpy(base, name, len);
    base[len] = '\0';
    bool is_setting = config_setting_find(base) || config_group_find(base);
    if (!is_setting || !names_secret(base) || ends_with((struct str){base, len}, suffix)) {
        return STR_NONE;
    }
    return (struct str){name, len};
}

static size_t min3(size_t a, size_t b, size_t c) {
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Levenshtein's edit distance; both within CONFIG_NAME_BYTES. */
static size_t distance(struct str a, struct str b) {
    size_t row[CONFIG_NAME_BYTES + 1] = {0};
    for (size_t j = 0; j <= b.len; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t changed = diagonal + (a.ptr[i - 1] != b.ptr[j - 1]);
            diagonal = row[j];
            row[j] = min3(row[j] + 1, row[j - 1] + 1, changed);
        }
    }
    return row[b.len];
}

struct nearest {
    const char *name;
    size_t distance;
};

/* kafak.sasl.username -> kafka.sasl.username */
static void nearest_group(struct nearest *best, struct arena *arena, struct str name) {
    const char *dot = memchr(name.ptr, '.', name.len);
    if (!dot || dot[1] == '\0') {
        return;
    }
    struct str head = {name.ptr, (size_t)(dot - name.ptr) + 1};
    for (const struct config_group *g = config_groups; g->prefix; g++) {
        size_t d = distance(head, str_from(g->prefix));
        if (d > 0 && d <= 2 && d < best->distance) {
            best->name = arena_printf(arena, "%s%s", g->prefix, dot + 1).ptr;
            best->distance = d;
        }
    }
}

const char *config_name_nearest(struct arena *arena, const char *name) {
    struct str wanted = str_from(name);
    if (wanted.len > CONFIG_NAME_BYTES) {
        return NULL;
    }
    struct nearest best = {NULL, wanted.len / 4 + 2};
    for (const struct config_setting *s = config_settings; s->name; s++) {
        size_t d = distance(wanted, str_from(s->name));
        const struct config_group *group = config_group_find(s->name);
        if (group) { /* group.id -> kafka.group.id */
            size_t bare = distance(wanted, str_from(s->name + strlen(group->prefix)));
            d = bare < d ? bare : d;
        }
        if (d < best.distance) {
            best = (struct nearest){s->name, d};
        }
    }
    nearest_group(&best, arena, wanted);
    return best.name;
}

const char *config_env_name(struct arena *arena, const char *name) {
    size_t len = strlen(name);
    char *variable = arena_alloc(arena, sizeof CONFIG_ENV_PREFIX + 2 * len);
    char *out = stpcpy(variable, CONFIG_ENV_PREFIX);
    for (size_t i = 0; i < len; i++) {
        if (name[i] == '_') {
            *out++ = '_';
        }
        int capital = toupper((unsigned char)name[i]);
        *out++ = (char)(name[i] == '.' ? '_' : capital);
    }
    *out = '\0';
    return variable;
}

/* One character of a setting's name from the variable's; moves *at past it. */
static char env_character(struct str tail, size_t *at) {
    char c = tail.ptr[(*at)++];
    if (c != '_') {
        return (char)tolower((unsigned char)c);
    }
    bool doubled = *at < tail.len && tail.ptr[*at] == '_';
    *at += doubled;
    return doubled ? '_' : '.';
}

const char *config_env_setting(struct arena *arena, struct str tail) {
    char *name = arena_alloc(arena, tail.len + 1);
    char *out = name;
    for (size_t at = 0; at < tail.len;) {
        if (islower((unsigned char)tail.ptr[at])) {
            return NULL;
        }
        *out++ = env_character(tail, &at);
    }
    *out = '\0';
    return tail.len > 0 ? name : NULL;
}
