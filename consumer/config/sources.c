#include "config/sources.h"

#include "base/buf.h"
#include "base/log.h"
#include "config/names.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>

#define FILE_BYTES  ((size_t)1 << 20)
#define DEPTH       16
#define ENTRIES_MAX 1000 /* of one source */

/* Fit to be shown, whether such a setting exists or not. */
static bool is_name(struct str name) {
    for (size_t i = 0; i < name.len; i++) {
        if (!isgraph((unsigned char)name.ptr[i])) {
            return false;
        }
    }
    return name.len > 0;
}

static void entry_add(struct config_entries *entries, struct config_entry entry) {
    struct config_entry *copy = arena_alloc(entries->arena, sizeof *copy);
    *copy = entry;
    copy->next = NULL;
    if (entries->last) {
        entries->last->next = copy;
    } else {
        entries->first = copy;
    }
    entries->last = copy;
    entries->count++;
}

/* Finds the line of one key after the other in a text that jansson has accepted; jansson hands keys
 * out in the same order. */
struct key_lines {
    const char *at, *end;
    int line;
};

static void skip_string(struct key_lines *keys) {
    for (keys->at++; keys->at < keys->end && *keys->at != '"'; keys->at++) {
        if (*keys->at == '\\') {
            keys->at++;
        }
    }
    keys->at++;
}

/* Lines between a key and its colon count after the key. */
static int next_key_line(struct key_lines *keys) {
    while (keys->at < keys->end) {
        if (*keys->at != '"') {
            keys->line += *keys->at++ == '\n';
            continue;
        }
        int line = keys->line;
        skip_string(keys);
        while (keys->at < keys->end && strchr(" \t\r\n", *keys->at)) {
            keys->line += *keys->at++ == '\n';
        }
        if (keys->at < keys->end && *keys->at == ':') {
            return line;
        }
    }
    return keys->line;
}

struct frame {
    void *next; /* jansson's iterator */
    json_t *object;
    size_t name_len; /* of the prefix that its members share, dot included */
};

struct walk {
    struct config_entries *entries;
    const char *file;
    size_t count_before;              /* entries of other sources */
    struct config_entry *last_before; /* NULL: none */
    struct key_lines keys;
    struct frame frames[DEPTH];
    size_t depth;
    char name[CONFIG_NAME_BYTES + 1];
};

static bool is_twice(const struct walk *walk, const char *name) {
    const struct config_entry *e =
        walk->last_before ? walk->last_before->next : walk->entries->first;
    for (; e; e = e->next) {
        if (strcmp(e->name, name) == 0) {
            return true;
        }
    }
    return false;
}

static enum err_kind add_scalar(struct walk *walk, const json_t *value, int line,
                                struct err *reterr) {
    struct arena *arena = walk->entries->arena;
    struct str text;
    if (json_is_string(value)) {
        text = arena_copy(arena, (struct str){json_string_value(value), json_string_length(value)});
    } else if (json_is_integer(value)) {
        text = arena_printf(arena, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    } else if (json_is_boolean(value)) {
        text = arena_printf(arena, "%s", json_is_true(value) ? "true" : "false");
    } else {
        return err_set(reterr, ERR_CONFIG,
                       "%s (%s line %d): a value is a string, an integer, true or false",
                       walk->name, walk->file, line);
    }
    if (is_twice(walk, walk->name)) {
        return err_set(reterr, ERR_CONFIG, "%s (%s line %d): given twice in this file", walk->name,
                       walk->file, line);
    }
    if (walk->entries->count - walk->count_before >= ENTRIES_MAX) {
        return err_set(reterr, ERR_CONFIG, "%s: more than %d settings", walk->file, ENTRIES_MAX);
    }
    const char *name = arena_printf(arena, "%s", walk->name).ptr;
    const char *origin = arena_printf(arena, "%s line %d", walk->file, line).ptr;
    entry_add(walk->entries, (struct config_entry){NULL, name, text.ptr, origin, NULL});
    return ERR_NONE;
}

static enum err_kind push(struct walk *walk, json_t *object, size_t name_len, struct err *reterr) {
    if (walk->depth == DEPTH) {
        return err_set(reterr, ERR_CONFIG, "%s: objects more than %d deep", walk->file, DEPTH);
    }
    walk->frames[walk->depth++] = (struct frame){json_object_iter(object), object, name_len};
    return ERR_NONE;
}

static enum err_kind walk_member(struct walk *walk, struct frame *frame, struct err *reterr) {
    const char *key = json_object_iter_key(frame->next);
    json_t *value = json_object_iter_value(frame->next);
    frame->next = json_object_iter_next(frame->object, frame->next);
    int line = next_key_line(&walk->keys);
    size_t len = frame->name_len + strlen(key);
    if (len + 1 > CONFIG_NAME_BYTES) {
        return err_set(reterr, ERR_CONFIG, "%s line %d: a name of more than %d bytes", walk->file,
                       line, CONFIG_NAME_BYTES);
    }
    if (!is_name(str_from(key))) {
        return err_set(reterr, ERR_CONFIG,
                       "%s line %d: a name holds printable characters, and no blanks", walk->file,
                       line);
    }
    memcpy(walk->name + frame->name_len, key, strlen(key) + 1);
    if (!json_is_object(value)) {
        return add_scalar(walk, value, line, reterr);
    }
    walk->name[len] = '.';
    return push(walk, value, len + 1, reterr);
}

static enum err_kind walk_all(struct walk *walk, json_t *root, struct err *reterr) {
    enum err_kind kind = push(walk, root, 0, reterr);
    while (kind == ERR_NONE && walk->depth > 0) {
        struct frame *frame = &walk->frames[walk->depth - 1];
        if (frame->next) {
            kind = walk_member(walk, frame, reterr);
        } else {
            walk->depth--;
        }
    }
    return kind;
}

/* jansson quotes the text it stumbled over, which may be a secret. */
static void hide_excerpt(char *message) {
    char *excerpt = strstr(message, " near '");
    if (!excerpt && strncmp(message, "invalid Unicode", strlen("invalid Unicode")) == 0) {
        excerpt = strstr(message, " '");
    }
    if (excerpt) {
        *excerpt = '\0';
    }
}

enum err_kind config_entries_json(struct config_entries *entries, struct str json, const char *file,
                                  struct err *reterr) {
    json_error_t error;
    json_t *root = json_loadb(json.ptr, json.len, JSON_REJECT_DUPLICATES, &error);
    if (!root) {
        hide_excerpt(error.text);
        return err_set(reterr, ERR_CONFIG, "%s line %d column %d: not JSON: %s", file, error.line,
                       error.column, error.text);
    }
    enum err_kind kind = ERR_NONE;
    if (json_is_object(root)) {
        struct walk walk = {.entries = entries,
                            .file = file,
                            .count_before = entries->count,
                            .last_before = entries->last,
                            .keys = {json.ptr, json.ptr + json.len, 1}};
        kind = walk_all(&walk, root, reterr);
    } else {
        kind = err_set(reterr, ERR_CONFIG, "%s: not a JSON object of settings", file);
    }
    json_decref(root);
    return kind;
}

enum err_kind config_entries_file(struct config_entries *entries, const char *file,
                                  struct err *reterr) {
    FILE *in = fopen(file, "re");
    if (!in) {
        return err_set(reterr, ERR_CONFIG, "--config %s: %s", file, strerror(errno));
    }
    struct buf text = {0};
    char *start = buf_reserve(&text, FILE_BYTES + 1);
    text.len = fread(start, 1, FILE_BYTES + 1, in);
    enum err_kind kind = ERR_NONE;
    if (ferror(in)) {
        kind = err_set(reterr, ERR_CONFIG, "--config %s: %s", file, strerror(errno));
    } else if (text.len > FILE_BYTES) {
        kind = err_set(reterr, ERR_CONFIG, "--config %s: more than %zu bytes", file, FILE_BYTES);
    } else {
        kind = config_entries_json(entries, buf_view(&text), file, reterr);
    }
    buf_clear(&text);
    (void)fclose(in);
    return kind;
}

enum err_kind config_entries_environ(struct config_entries *entries, char *const *variables,
                                     struct err *reterr) {
    const size_t prefix_len = strlen(CONFIG_ENV_PREFIX);
    size_t count_before = entries->count;
    for (; *variables; variables++) {
        const char *equals = strchr(*variables, '=');
        if (!equals || strncmp(*variables, CONFIG_ENV_PREFIX, prefix_len) != 0) {
            continue;
        }
        struct str whole = {*variables, (size_t)(equals - *variables)};
        struct str tail = {*variables + prefix_len, whole.len - prefix_len};
        if (entries->count - count_before >= ENTRIES_MAX) {
            return err_set(reterr, ERR_CONFIG, "more than %d environment variables " STR_FMT "*",
                           ENTRIES_MAX, STR_ARG(STR(CONFIG_ENV_PREFIX)));
        }
        const char *name = config_env_setting(entries->arena, tail);
        if (!name || !is_name(tail)) {
            char shown[CONFIG_NAME_BYTES + 1];
            return err_set(reterr, ERR_CONFIG,
                           "environment variable %s: unknown setting; " CONFIG_ENV_PREFIX
                           " is followed by a setting's name in capitals",
                           log_quote(shown, sizeof shown, whole));
        }
        const char *variable = arena_copy(entries->arena, whole).ptr;
        const char *origin = arena_printf(entries->arena, "environment variable %s", variable).ptr;
        const char *value = arena_copy(entries->arena, str_from(equals + 1)).ptr;
        entry_add(entries, (struct config_entry){NULL, name, value, origin, variable});
    }
    return ERR_NONE;
}

enum err_kind config_entries_sets(struct config_entries *entries, const char *const *sets,
                                  size_t count, struct err *reterr) {
    if (count > ENTRIES_MAX) {
        return err_set(reterr, ERR_CONFIG, "more than %d --set", ENTRIES_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        const char *equals = strchr(sets[i], '=');
        struct str name = {sets[i], equals ? (size_t)(equals - sets[i]) : 0};
        if (!is_name(name)) {
            return err_set(reterr, ERR_CONFIG,
                           "--set number %zu: expected name=value, as in --set log.level=debug",
                           i + 1);
        }
        const char *value = arena_copy(entries->arena, str_from(equals + 1)).ptr;
        entry_add(entries, (struct config_entry){NULL, arena_copy(entries->arena, name).ptr, value,
                                                 "--set", NULL});
    }
    return ERR_NONE;
}
