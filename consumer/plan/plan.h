/* plan.h: what is kept equal to what, as data: the two SQL files after view/ has read them.
 *
 * What:    source tables with their keys and used columns, the sink's columns, and the SQL that
 *          writes. Everything at run time follows from it; no name of a table stands in the code.
 * Owns:    a struct plan owns all it points to, until plan_destroy.
 * Threads: read-only after view_load: may be shared.
 * Limits:  RELATIONS_MAX tables, COLUMNS_MAX used columns a table, TARGETS_MAX targets,
 *          OCCURRENCES_MAX a target, USES_MAX a table.
 */
#ifndef PLAN_PLAN_H
#define PLAN_PLAN_H

#include "base/arena.h"
#include "plan/form.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RELATIONS_MAX   16
#define TARGETS_MAX     32
#define OCCURRENCES_MAX 16 /* of a target */
#define USES_MAX        64 /* occurrences of a relation, over all targets */
#define COLUMNS_MAX     256
#define REFERENCES_MAX  30 /* of a plan, over all relations: a cache has an index for each */
#define IDENTIFIER_MAX  63 /* bytes of a name: PostgreSQL's */

/* How Debezium's JSON shows a value of the column's type. */
enum scalar {
    SCALAR_INTEGER, /* a JSON integer */
    SCALAR_NUMBER,  /* a JSON number, or a string ("NaN", "Infinity") */
    SCALAR_BOOLEAN, /* true, false */
    SCALAR_STRING,  /* a JSON string */
    SCALAR_ARRAY, /* a JSON array; its text is PostgreSQL's array literal of the elements' texts */
    SCALAR_POINT, /* a JSON object with the numbers x and y; its text is (x,y) */
    SCALAR_WKB,   /* a JSON object with the string wkb, which is its text */
};

/* How a key part is written into a state key, see row.h; and hashed by the connector, see
 * decode/route.h. */
enum key_code {
    KEY_NONE,    /* not part of a key */
    KEY_INTEGER, /* smallint, integer: hash is the value */
    KEY_BIGINT,  /* bigint, and what is placed with one: hash is (int)(v ^ v >>> 32) */
    KEY_UUID,    /* 16 bytes; hashed as its text */
    KEY_TEXT,    /* any other type by its text, bytes 0x00 can't occur; hashed over UTF-16 units */
};

/* A column of a source table that the view uses. */
struct relation_column {
    struct str name;    /* as in the source table and the row image */
    struct str type;    /* for the sink's DDL, normalised: "bigint", "character varying(40)" */
    enum scalar scalar; /* what the row image must hold, beside null */
    enum key_code key;  /* of columns of the key, and of references */
    /* What the connector sends in place of a long value that it doesn't have; absent (ptr NULL): of
     * this type it has all. */
    struct str unavailable;
    enum form form;         /* and what that looks like, or an array's elements */
    bool not_null;          /* declared so, or part of the primary key */
    bool primary_key;       /* part of the source's primary key */
    bool tells;             /* a value that isn't its type's 0, "" or false shows a whole old row */
    enum scalar element;    /* what a JSON array holds, beside null */
    bool unknown;           /* the connector sends it with include.unknown.datatypes=true only */
    struct str source_type; /* as PostgreSQL calls it in the source, without a schema */
};

/* Columns that hold the key of a row of a lookup relation: an index in the state finds the rows
 * that refer to it. */
struct reference {
    const size_t *columns; /* in the order of that key; their key codes write it as it is written */
    size_t column_count;
};

/* How a relation's records reach the tasks. */
enum role {
    /* its topic has the plan's N partitions; task p reads partition p. But see relation.filtered */
    ROLE_CORE,
    ROLE_LOOKUP, /* its topic has one partition, which every task reads */
};

#define FILTERED_SUFFIX ":core" /* no topic's name has a colon */

/* A source table, as far as it is used: in one role. */
struct relation {
    struct str schema, name; /* "public", "orders" */
    struct str topic;        /* "<prefix>.public.orders" */
    /* Names its entry in the progress, its dead letters and it in messages, unique in the plan: the
     * topic; of a filtered one with FILTERED_SUFFIX behind it. */
    struct str slot;
    enum role role;
    /* A core one whose table is a lookup of the plan, too: both have one topic, with one partition,
     * which every task reads. Of its records a task takes those whose placement hashes to its
     * number (of the plan's N), and passes over the others. As of other core tables, the key of its
     * records has the placement: a row that moves from one task to another is a delete under the
     * old key and an insert under the new one, here in one partition and so in this order, for the
     * lookup too; and compaction leaves the last record of each, so that a task which reads late
     * still hears of a row that it has lost. */
    bool filtered;
    int32_t partition_count; /* of its topic */
    bool partitioned;        /* the source table is, and its topic has what its partitions hold */
    /* The key first: the columns that place a row (of a lookup there are none), then the rest of
     * the primary key; then the other used columns. */
    struct relation_column *columns;
    size_t column_count;
    size_t key_count;
    size_t placement_count; /* so many of the key's columns decide the row's partition */
    /* How many of the key's columns are the source's primary key: all of them where it holds the
     * placement in full. */
    size_t primary_key_count;
    struct reference *references; /* each has an index in the state */
    size_t reference_count;
    /* Without REPLICA IDENTITY FULL the connector sends an old row with NULL, 0 and "" in place of
     * all but the primary key (or with the columns' defaults), the placement too: of this table it
     * can be seen, see decode/blank.h. */
    bool blanks_tell;
    /* Converts $1..$column_count (text[] of every used column) without writing: a row's own values
     * are refused by its own statement, whatever its partners. Gives one row, one column. */
    struct str sql_check;
    /* 16 hex digits over what decides how its records are read and its rows are kept: the topic,
     * the partition count, the key, the used columns and their types. */
    struct str identity;
};

/* A relation's place in a target's FROM. Core occurrences are joined on the columns that place
 * their rows; a lookup hangs by its key on an occurrence before it, its parent. */
struct occurrence {
    int relation;
    bool optional; /* a LEFT JOIN: without a row the combination has NULLs */
    int parent;    /* whose row refers to the lookup's; -1: a core occurrence */
    int reference; /* of the parent's relation; -1: a core occurrence */
    int root;      /* the core occurrence above it; itself, if it is one */
    /* The rest is of core occurrences. */
    /* Which column of the sink's key shows each key column: indexes into target.key_outputs. */
    size_t *key_positions;
    /* Deletes the sink rows of $1..$key_count: one text[] for each key column. */
    struct str sql_delete;
    /* An optional one whose primary key goes beyond the placement: then a row without a partner
     * here and one with a partner are two rows of the sink. Delete, of $1..$placement_count, those
     * without a partner here, and those with one. */
    bool adds_key;
    struct str sql_delete_null, sql_delete_matched;
};

/* A value that goes to the sink: a column of an occurrence. */
struct target_input {
    int occurrence;
    int column; /* of its relation */
};

/* A column of the sink table. */
struct target_output {
    struct str name;
    int input; /* the value that it shows; -1: an expression over inputs */
};

/* The view's own query, for the source database, in pieces: `select from rest` gives the outputs,
 * of the sink's types and by their names. Behind `from` a WHERE may stand, over keys and parts. */
struct source_query {
    struct str select, from, rest;
    bool computes; /* rest and select have expressions, which may fail for a row */
    /* What shows the sink's key there: by target.key_outputs. */
    struct str *keys;
    /* ... and the keys of the rows that an output row is made of: one list for each occurrence, by
     * its relation's columns, key_count of them. */
    struct str **parts;
};

/* A table of the sink, and the join that it is to be equal to. */
struct target {
    int number;                     /* its place in plan.targets */
    struct str name;                /* of the view and the sink table */
    struct occurrence *occurrences; /* core ones first, then lookups, each behind its parent */
    size_t occurrence_count, core_count;
    struct target_input *inputs; /* one for each output, where there are no WHERE and expressions */
    size_t input_count;
    struct target_output *outputs;
    size_t output_count;
    /* The sink's key, indexes into outputs, none of them an expression: the placement first. */
    size_t *key_outputs;
    size_t key_output_count;
    bool key_has_nulls; /* so it is UNIQUE NULLS NOT DISTINCT, not the primary key */
    /* 16 hex digits over everything that decides what is written: the same whatever other targets
     * the plan has. */
    struct str fingerprint;
    struct str definition; /* the same for people, see view/definition.h */
    /* Statements that make the sink table, if it isn't there. */
    struct str sql_ddl;
    /* Statements that fail if an expression is not IMMUTABLE; absent (ptr NULL): there are none. */
    struct str sql_prove;
    struct str sql_upsert; /* of $1..$input_count, one text[] for each input */
    /* Deletes those of the same rows that WHERE does not let pass, before sql_upsert, which leaves
     * them out; absent: there is no WHERE. */
    struct str sql_filter;
    struct str sql_refuse; /* deletes the rows of $1..$key_output_count, one text[] for each */
    struct str sql_insert; /* as sql_upsert without ON CONFLICT: an initial load that can't COPY */
    /* COPY ... FROM STDIN of every output in text format, where every column's JSON scalar is its
     * type's own input text; absent where a column needs a conversion, or there are WHERE or
     * expressions. */
    struct str sql_copy;
    struct source_query source;
};

/* Which input the sink's key shows at a place. */
static inline size_t key_input(const struct target *target, size_t key) {
    return (size_t)target->outputs[target->key_outputs[key]].input;
}

/* What shares its progress: tasks 0 .. partition_count - 1 read the relations' partitions of their
 * number and write the targets. */
struct plan {
    struct str name; /* of the progress: its first view's */
    int number;      /* 0: the first plan of all views, or the only one */
    /* Begins its topics' names: topic.prefix, with the plan's name behind it, of all but the first
     * plan. */
    struct str topic_prefix;
    /* A view that is added comes behind the others: targets keep their order, and so do relations
     * of a kind. Those with a partition for each task, then the filtered ones, then the lookups. */
    struct relation *relations;
    size_t relation_count;
    struct target *targets;
    size_t target_count;
    int32_t partition_count; /* N: of the topics of core relations */
    /* A topic of N partitions without records, by which the group shares out the tasks where no
     * relation's topic has a partition for each; absent (ptr NULL): one has. */
    struct str tasks_topic;
    struct str unavailable; /* the connector's unavailable.value.placeholder, of this prefix */
    struct str notes;       /* for people, a line each: the key, the tables' roles, what to mind */
    struct arena arena;     /* all of it */
};

/* Whether a smallint or integer that places rows is compared with a bigint: its records are routed,
 * and its keys coded, as if it were one. */
static inline bool column_is_widened(const struct relation_column *column) {
    return column->key == KEY_BIGINT &&
           (column->form == FORM_SMALLINT || column->form == FORM_INTEGER);
}

static inline const struct relation *
occurrence_relation(const struct plan *plan, const struct target *target, int occurrence) {
    return &plan->relations[target->occurrences[occurrence].relation];
}

/* Whether every task reads all of its topic, which has one partition. */
static inline bool relation_is_whole(const struct relation *relation) {
    return relation->role == ROLE_LOOKUP || relation->filtered;
}

/* How many relations have a topic with a partition for each task: they come first. */
static inline size_t plan_parted_count(const struct plan *plan) {
    size_t count = 0;
    while (count < plan->relation_count && !relation_is_whole(&plan->relations[count])) {
        count++;
    }
    return count;
}

/* As which relation's Kafka sends the records of a relation: a filtered one gets those of the
 * lookup that has its topic, which is read once for both. */
static inline size_t plan_feed(const struct plan *plan, size_t relation) {
    size_t feed = relation;
    for (size_t t = 0; plan->relations[relation].filtered && t < plan->relation_count; t++) {
        const struct relation *of = &plan->relations[t];
        bool feeds =
            of->role == ROLE_LOOKUP && str_equal(of->topic, plan->relations[relation].topic);
        feed = feeds ? t : feed;
    }
    return feed;
}

/* Whether there are tables that every task reads. */
static inline bool plan_has_lookups(const struct plan *plan) {
    bool has = false;
    for (size_t t = 0; t < plan->relation_count; t++) {
        has |= plan->relations[t].role == ROLE_LOOKUP;
    }
    return has;
}

/* An empty one. */
struct plan *plan_new(void);
void plan_destroy(struct plan **plan);

#endif
