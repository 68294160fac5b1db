/* files.h: the files that hold the views. Private to view/.
 *
 * What:    a list of files and folders with commas between them → paths. A folder stands for all
 *          its *.sql in the order of their names, but for the file that declares the tables.
 * Owns:    nothing: paths live in the arena.
 * Errors:  ERR_CONFIG for a folder that can't be read or has none, and for an empty name.
 */
#ifndef VIEW_FILES_H
#define VIEW_FILES_H

#include "base/arena.h"
#include "base/err.h"

#include <sys/types.h>

struct files {
    struct file {
        const char *path;
        bool exists; /* the rest is of those that do */
        dev_t device;
        ino_t inode;
    } * items; /* none twice, under whichever name */
    size_t count, room;
};

/* except: path of the file that declares the tables. What doesn't exist is in the list, too: who
 * reads it says so. */
MUST_CHECK enum err_kind files_list(const char *list, const char *except, struct arena *arena,
                                    struct files *ret_files, struct err *reterr);

#endif
