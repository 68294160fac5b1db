#include "state/lmdb/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define BOOT_ID_BYTES 64
#define LOCK_TRIES    5

struct folder {
    char *path, *data_path, *mark_path, *lock_path;
    char *boot_path, *new_boot_path; /* the latter takes the former's place when it is whole */
    int lock_fd;
    bool is_private;
    bool unsynced; /* `boot` says so */
};

static const char *advice(int errnum) {
    switch (errnum) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return "make room on its disk";
    case EACCES:
    case EPERM:
    case EROFS:
        return "make it writable by the user who runs this";
    case EIO: /* LMDB's word for a write that was cut short, too */
        return "check its disk and make room on it";
    case EISDIR:
    case ENOTDIR:
    case EEXIST:
        return "something else is in its place: remove that";
    case ENOENT:
    case ESTALE:
        return "the folder was removed or replaced while in use";
    case EMFILE:
    case ENFILE:
        return "raise the limit of open files (ulimit -n)";
    case ENOMEM:
        return "raise the limit of memory or address space (ulimit -v)";
    default:
        return "the cache must be on a local file system";
    }
}

enum err_kind folder_error(struct err *reterr, const char *path, const char *doing, int errnum) {
    return err_set(reterr, ERR_RETRY, "%.300s: %s: %s; %s", path, doing, strerror(errnum),
                   advice(errnum));
}

static enum err_kind in_use(const struct folder *folder, struct err *reterr) {
    (void)err_set(reterr, ERR_RETRY, "%.300s: locked: in use by another process", folder->path);
    reterr->locked = true;
    return ERR_RETRY;
}

static char *file_in(const struct folder *folder, const char *name) {
    char *path = NULL;
    if (asprintf(&path, "%s/%s", folder->path, name) < 0) {
        abort();
    }
    return path;
}

static struct folder *folder_new(const char *dir, int32_t task, const char *suffix) {
    struct folder *folder = calloc(1, sizeof *folder);
    if (!folder || asprintf(&folder->path, "%s/%" PRId32 "%s", dir, task, suffix) < 0) {
        abort();
    }
    folder->data_path = file_in(folder, "data.mdb");
    folder->mark_path = file_in(folder, "damaged");
    folder->boot_path = file_in(folder, "boot");
    folder->new_boot_path = file_in(folder, "boot.new");
    folder->lock_path = file_in(folder, "lock");
    folder->lock_fd = -1;
    folder->is_private = suffix[0] != '\0';
    return folder;
}

static void folder_free(struct folder *folder) {
    if (folder->lock_fd >= 0) {
        (void)close(folder->lock_fd);
    }
    free(folder->path);
    free(folder->data_path);
    free(folder->mark_path);
    free(folder->boot_path);
    free(folder->new_boot_path);
    free(folder->lock_path);
    free(folder);
}

/* The lock file at the path is still the one that we hold. */
static bool holds_lock(const struct folder *folder) {
    struct stat held, there;
    return fstat(folder->lock_fd, &held) == 0 && stat(folder->lock_path, &there) == 0 &&
           held.st_ino == there.st_ino && held.st_dev == there.st_dev;
}

/* flock, not fcntl's record locks: those are given up when any descriptor of the file closes. */
static enum err_kind take_lock(struct folder *folder, struct err *reterr) {
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (mkdir(folder->path, 0755) != 0 && errno != EEXIST) {
            return folder_error(reterr, folder->path, "can't be made", errno);
        }
        folder->lock_fd = open(folder->lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        if (folder->lock_fd < 0 && errno == ENOENT) {
            continue; /* just removed as a stale one */
        }
        if (folder->lock_fd < 0) {
            return folder_error(reterr, folder->lock_path, "can't be opened", errno);
        }
        if (flock(folder->lock_fd, LOCK_EX | LOCK_NB) != 0) {
            return errno == EWOULDBLOCK
                       ? in_use(folder, reterr)
                       : folder_error(reterr, folder->lock_path, "can't be locked", errno);
        }
        if (holds_lock(folder)) {
            return ERR_NONE;
        }
        (void)close(folder->lock_fd);
        folder->lock_fd = -1;
    }
    return in_use(folder, reterr);
}

/* With its lock held. */
static void remove_whole(const struct folder *folder) {
    (void)unlink(folder->data_path);
    (void)unlink(folder->mark_path);
    (void)unlink(folder->boot_path);
    (void)unlink(folder->new_boot_path);
    (void)unlink(folder->lock_path);
    (void)rmdir(folder->path);
}

static void remove_if_stale(const char *dir, int32_t task, const char *suffix) {
    struct folder *other = folder_new(dir, task, suffix);
    other->lock_fd = open(other->lock_path, O_RDWR | O_CLOEXEC);
    if (other->lock_fd >= 0 && flock(other->lock_fd, LOCK_EX | LOCK_NB) == 0 && holds_lock(other)) {
        remove_whole(other);
    } else if (other->lock_fd < 0) {
        (void)rmdir(other->path); /* empty: its owner died before it had a lock */
    }
    folder_free(other);
}

/* Private folders of members that were killed. */
static void remove_stale(const char *dir, int32_t task, const char *own_suffix) {
    char head[16];
    int head_len = snprintf(head, sizeof head, "%" PRId32 ".", task);
    DIR *listing = opendir(dir);
    if (!listing) {
        return;
    }
    for (const struct dirent *entry = readdir(listing); entry; entry = readdir(listing)) {
        const char *suffix = entry->d_name + head_len - 1;
        if (strncmp(entry->d_name, head, (size_t)head_len) == 0 &&
            strcmp(suffix, own_suffix) != 0) {
            remove_if_stale(dir, task, suffix);
        }
    }
    (void)closedir(listing);
}

enum err_kind folder_open(const char *dir, int32_t task, const char *suffix,
                          struct folder **ret_folder, struct err *reterr) {
    struct folder *folder = folder_new(dir, task, suffix);
    enum err_kind kind = take_lock(folder, reterr);
    if (kind != ERR_NONE) {
        folder_free(folder);
        return kind;
    }
    remove_stale(dir, task, suffix);
    *ret_folder = folder;
    return ERR_NONE;
}

enum err_kind folder_peek(const char *dir, int32_t task, struct folder **ret_folder,
                          struct err *reterr) {
    struct folder *folder = folder_new(dir, task, "");
    enum err_kind kind = ERR_NONE;
    folder->lock_fd = open(folder->lock_path, O_RDONLY | O_CLOEXEC);
    if (folder->lock_fd < 0 && errno != ENOENT) {
        kind = folder_error(reterr, folder->lock_path, "can't be opened", errno);
    } else if (folder->lock_fd >= 0 && flock(folder->lock_fd, LOCK_SH | LOCK_NB) != 0) {
        kind = errno == EWOULDBLOCK
                   ? in_use(folder, reterr)
                   : folder_error(reterr, folder->lock_path, "can't be locked", errno);
    }
    if (kind == ERR_NONE && folder->lock_fd >= 0) {
        *ret_folder = folder;
    } else {
        *ret_folder = NULL;
        folder_free(folder);
    }
    return kind;
}

void folder_close(struct folder **folder) {
    if (!*folder) {
        return;
    }
    if ((*folder)->is_private && holds_lock(*folder)) {
        remove_whole(*folder);
    }
    folder_free(*folder);
    *folder = NULL;
}

const char *folder_path(const struct folder *folder) {
    return folder->path;
}

const char *folder_data_path(const struct folder *folder) {
    return folder->data_path;
}

const char *folder_mark_path(const struct folder *folder) {
    return folder->mark_path;
}

/* At most size - 1 bytes of a small file; "" if it can't be read. */
static void read_small(const char *path, char *out, size_t size) {
    out[0] = '\0';
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t len = read(fd, out, size - 1);
        out[len > 0 ? len : 0] = '\0';
        (void)close(fd);
    }
}

static void read_boot_id(char out[BOOT_ID_BYTES]) {
    read_small("/proc/sys/kernel/random/boot_id", out, BOOT_ID_BYTES);
}

enum folder_condition folder_condition(struct folder *folder) {
    struct stat there;
    if (stat(folder->mark_path, &there) == 0) {
        return FOLDER_DAMAGED;
    }
    if (stat(folder->boot_path, &there) != 0) {
        return FOLDER_INTACT;
    }
    char then[BOOT_ID_BYTES], now[BOOT_ID_BYTES];
    read_small(folder->boot_path, then, sizeof then);
    read_boot_id(now);
    folder->unsynced = now[0] != '\0' && strcmp(then, now) == 0;
    return folder->unsynced ? FOLDER_INTACT : FOLDER_REBOOTED;
}

enum err_kind folder_wipe(struct folder *folder, struct err *reterr) {
    if (!holds_lock(folder)) {
        return folder_error(reterr, folder->path, "can't be emptied", ENOENT);
    }
    /* The mark goes last: a wipe cut short is done again. */
    const char *const paths[] = {folder->data_path, folder->boot_path, folder->mark_path};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        if (unlink(paths[i]) != 0 && errno != ENOENT) {
            return folder_error(reterr, paths[i], "can't be removed", errno);
        }
    }
    folder->unsynced = false;
    return ERR_NONE;
}

static bool write_durably(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        return false;
    }
    size_t len = strlen(text);
    bool good = write(fd, text, len) == (ssize_t)len && fdatasync(fd) == 0;
    int saved_errno = errno;
    (void)close(fd);
    errno = saved_errno;
    return good;
}

static bool sync_dir(const char *path) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    bool good = fsync(fd) == 0;
    int saved_errno = errno;
    (void)close(fd);
    errno = saved_errno;
    return good;
}

enum err_kind folder_unsynced(struct folder *folder, struct err *reterr) {
    if (folder->unsynced) {
        return ERR_NONE;
    }
    char now[BOOT_ID_BYTES];
    read_boot_id(now);
    if (!write_durably(folder->new_boot_path, now) ||
        rename(folder->new_boot_path, folder->boot_path) != 0 || !sync_dir(folder->path)) {
        return folder_error(reterr, folder->boot_path, "can't be written", errno);
    }
    folder->unsynced = true;
    return ERR_NONE;
}

void folder_sync(struct folder *folder) {
    if (!folder->unsynced) {
        return;
    }
    int fd = open(folder->data_path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    /* Should the removal itself be lost in a power failure, the cache is rebuilt: harmless. */
    if (fdatasync(fd) == 0 && unlink(folder->boot_path) == 0) {
        folder->unsynced = false;
    }
    (void)close(fd);
}
