/* quick.h: decodes a record that looks like one before it.
 *
 * What:    keeps the templates of each table's records and keys. A record of a known template in
 *          which all is as it should be (the key names the row, `before` is the same row, the
 *          partition is right, the values are of the columns' kinds) becomes a change at once; any
 *          other one is looked at, for the next of its kind, and left to decode's long way, which
 *          knows what is wrong, or that nothing is.
 * Owns:    the templates, and scratch memory; see quick_init.
 * Errors:  none: false says nothing of the record.
 * Limits:  QUICK_TEMPLATES a table; those of template.h.
 *
 * The change is the one that the long way would give, whatever came before. Nothing passes here
 * that doesn't pass there: what isn't walked again has the bytes of what once was.
 */
#ifndef DECODE_QUICK_H
#define DECODE_QUICK_H

#include "base/arena.h"
#include "decode/decode.h"
#include "decode/template.h"

/* c and r, u, d, and one to spare. */
#define QUICK_TEMPLATES 4

/* A template of a table's records, or of its keys. */
struct quick_template {
    struct template template;
    bool has_after, has_before; /* with all columns, key columns, that the view uses */
};
/* What is kept of one kind of text: a table's records, or its keys. */
struct quick_memory {
    const struct template_object *object;  /* what is read */
    const struct template_object *wrapped; /* the same within schema and payload */
    struct quick_template templates[QUICK_TEMPLATES];
    size_t latest; /* the template that matched last: tried first */
    size_t next;   /* the template that is given up for a new one */
    size_t misses; /* texts in a row that matched none */
};
struct quick_table {
    struct quick_memory values, keys;
    size_t growth; /* a row's texts may be so many times as long as its record */
};
struct quick {
    const struct plan *plan;
    struct quick_table *tables; /* as plan->relations */
    struct scan_value *slots;   /* of the widest table */
    struct str *texts;          /* of the columns of the widest table */
    struct buf scratch, row;
    uint64_t decoded; /* records that needed nothing else */
};

/* Makes an all-zero quick ready; its arrays live in memory, the rest until quick_clear. */
void quick_init(struct quick *quick, const struct plan *plan, struct arena *memory);
void quick_clear(struct quick *quick);
/* True: *ret_change is the record's, as decode() has it. */
bool quick_decode(struct quick *quick, const struct record *record, struct arena *arena,
                  struct change *ret_change);

#endif
