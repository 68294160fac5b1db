/* items.h: what is behind a struct config.
 *
 * What:    every setting in force with where it came from, and the memory of it all.
 * Owns:    the arena owns the struct config itself, this struct, and all texts.
 * Threads: as config.h.
 */
#ifndef CONFIG_ITEMS_H
#define CONFIG_ITEMS_H

#include "base/arena.h"
#include "config/settings.h"

struct config_item {
    const char *name;
    const char *value;                    /* NULL: unset */
    const char *origin;                   /* NULL: the default */
    const struct config_setting *setting; /* NULL: a passed-through name without a row */
};

struct config_memory {
    struct arena arena;
    struct config_item *items; /* the table's rows in its order, then others as they were given */
    size_t count;
};

#endif
