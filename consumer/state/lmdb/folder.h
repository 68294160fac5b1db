/* folder.h: the folder of one task's store, without what is in its data file.
 *
 * What:    `<dir>/<task><suffix>/` with `lock` (held while open), `data.mdb`, `damaged` (guard.h)
 *          and `boot`: the boot in which data.mdb was last written without being synced.
 * Owns:    the folder and its lock.
 * Threads: belongs to one thread; the lock is against other processes.
 * Errors:  ERR_RETRY with the path and what to do; err.locked: another process has it.
 * Limits:  local file systems.
 */
#ifndef STATE_FOLDER_H
#define STATE_FOLDER_H

#include "base/err.h"

#include <stdbool.h>

struct folder;

enum folder_condition {
    FOLDER_INTACT,
    FOLDER_DAMAGED,  /* the mark is there */
    FOLDER_REBOOTED, /* written to without sync, and the machine has been started since */
};

/* Makes the folder, takes its lock, removes the task's other private folders that nobody holds.
 * suffix not "": a private folder, removed on close. */
MUST_CHECK enum err_kind folder_open(const char *dir, int32_t task, const char *suffix,
                                     struct folder **ret_folder, struct err *reterr);
/* Takes its lock for looking only, beside others that do so; makes and removes nothing. *ret_folder
 * NULL: there is none. */
MUST_CHECK enum err_kind folder_peek(const char *dir, int32_t task, struct folder **ret_folder,
                                     struct err *reterr);
void folder_close(struct folder **folder);

const char *folder_path(const struct folder *folder);
const char *folder_data_path(const struct folder *folder);
const char *folder_mark_path(const struct folder *folder);

enum folder_condition folder_condition(struct folder *folder);
/* Removes all but the lock. ERR_RETRY when the folder is no longer the one whose lock is held. */
MUST_CHECK enum err_kind folder_wipe(struct folder *folder, struct err *reterr);
/* Before data.mdb is written: durably says so. Does nothing the second time. */
MUST_CHECK enum err_kind folder_unsynced(struct folder *folder, struct err *reterr);
/* Syncs data.mdb, which nobody has open: it is then good after a reboot too. */
void folder_sync(struct folder *folder);

/* ERR_RETRY: `path: doing: strerror(errnum); advice`. */
enum err_kind folder_error(struct err *reterr, const char *path, const char *doing, int errnum);

#endif
