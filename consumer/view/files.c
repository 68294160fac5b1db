#include "view/files.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

static struct file look(const char *path, mode_t *ret_mode) {
    struct stat found;
    bool exists = stat(path, &found) == 0;
    *ret_mode = exists ? found.st_mode : 0;
    return exists ? (struct file){path, true, found.st_dev, found.st_ino}
                  : (struct file){.path = path};
}

static bool same(const struct file *a, const struct file *b) {
    return a->exists && b->exists && a->device == b->device && a->inode == b->inode;
}

static void append(struct files *files, struct arena *arena, const struct file *file) {
    for (size_t i = 0; i < files->count; i++) {
        if (same(&files->items[i], file)) {
            return;
        }
    }
    if (files->count == files->room) {
        files->room = files->room > 0 ? 2 * files->room : 16;
        struct file *items = arena_alloc(arena, files->room * sizeof *items);
        if (files->count > 0) {
            memcpy(items, files->items, files->count * sizeof *items);
        }
        files->items = items;
    }
    files->items[files->count++] = *file;
}

/* ---- folders ---- */

/* A name that begins with a dot is an editor's. */
static int is_sql(const struct dirent *entry) {
    size_t len = strlen(entry->d_name);
    return entry->d_name[0] != '.' && len > 4 && strcmp(entry->d_name + len - 4, ".sql") == 0;
}

/* By bytes: the same on every machine. */
static int compare(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static enum err_kind folder_read(struct str folder, const struct file *except, struct arena *arena,
                                 struct files *files, struct err *reterr) {
    struct dirent **entries = NULL;
    int count = scandir(folder.ptr, &entries, is_sql, compare);
    if (count < 0) {
        return err_set(reterr, ERR_CONFIG, "%s: %s", folder.ptr, strerror(errno));
    }
    while (folder.len > 1 && folder.ptr[folder.len - 1] == '/') {
        folder.len--;
    }
    bool any = false;
    for (int i = 0; i < count; i++) {
        mode_t mode;
        const char *slash = folder.ptr[folder.len - 1] == '/' ? "" : "/";
        struct file file = look(
            arena_printf(arena, STR_FMT "%s%s", STR_ARG(folder), slash, entries[i]->d_name).ptr,
            &mode);
        if (S_ISREG(mode) && !same(&file, except)) {
            append(files, arena, &file);
            any = true;
        }
        free(entries[i]);
    }
    free(entries);
    return any ? ERR_NONE
               : err_set(reterr, ERR_CONFIG, "%s: this folder has no file NAME.sql with a view",
                         folder.ptr);
}

/* ---- the list ---- */

static struct str trimmed(struct str text) {
    while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t')) {
        text = (struct str){text.ptr + 1, text.len - 1};
    }
    while (text.len > 0 && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t')) {
        text.len--;
    }
    return text;
}

enum err_kind files_list(const char *list, const char *except, struct arena *arena,
                         struct files *ret_files, struct err *reterr) {
    struct files files = {0};
    mode_t mode;
    const struct file without = look(except, &mode);
    enum err_kind kind = ERR_NONE;
    const char *end = list;
    do {
        const char *start = end + (end > list);
        end = start + strcspn(start, ",");
        struct str name = arena_copy(arena, trimmed((struct str){start, (size_t)(end - start)}));
        if (name.len == 0) {
            kind = err_set(reterr, ERR_CONFIG,
                           "schemas.view = %s: a name of a file or folder is missing; they are "
                           "separated by commas",
                           list);
            break;
        }
        struct file file = look(name.ptr, &mode);
        if (S_ISDIR(mode)) {
            kind = folder_read(name, &without, arena, &files, reterr);
        } else {
            append(&files, arena, &file);
        }
    } while (kind == ERR_NONE && *end == ',');
    if (kind == ERR_NONE) {
        *ret_files = files;
    }
    return kind;
}
