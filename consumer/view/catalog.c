#include "view/catalog.h"

/* Rows that swap their keys would come as updates one after the other, each over the next one's
 * row. */
#define DEFERRABLE_KEY "its PRIMARY KEY is DEFERRABLE, so a key may be there twice"
#define PARTITION      "its changes come under the name of the table that it is a partition of"
/* It writes CREATE PUBLICATION ... FOR TABLE with half the name in quotes. */
#define QUOTED_NAME "Debezium can't publish a table with a double quote in its name or schema"

struct reading {
    struct catalog *catalog;
    struct arena *arena;
    const struct report *report;
};

static struct str schema_of(json_t *range) {
    struct str schema = ast_text(range, "schemaname");
    return schema.ptr ? schema : STR("public");
}

static struct catalog_table *find(struct catalog_table *table, struct str schema, struct str name) {
    while (table && !(str_equal(table->schema, schema) && str_equal(table->name, name))) {
        table = table->next;
    }
    return table;
}

static void mark_unfit(struct catalog_table *table, const char *why, size_t at) {
    if (!table->unfit) {
        table->unfit = why;
        table->unfit_at = at;
    }
}

/* ---- columns and keys ---- */

static void key_append(const struct reading *reading, struct catalog_table *table,
                       struct str name) {
    struct str *key = arena_alloc(reading->arena, (table->key_count + 1) * sizeof *key);
    if (table->key_count > 0) {
        memcpy(key, table->key, table->key_count * sizeof *key);
    }
    key[table->key_count++] = name;
    table->key = key;
}

static void constraint_read(const struct reading *reading, struct catalog_table *table,
                            json_t *constraint, struct str column) {
    if (!str_is(ast_text(constraint, "contype"), "CONSTR_PRIMARY")) {
        return;
    }
    size_t at = ast_own_place(constraint);
    if (ast_text(constraint, "indexname").ptr) {
        mark_unfit(table, "its PRIMARY KEY USING INDEX does not name the columns", at);
    } else if (ast_flag(constraint, "deferrable")) {
        mark_unfit(table, DEFERRABLE_KEY, at);
    }
    if (column.ptr) {
        key_append(reading, table, column);
    }
    json_t *keys = json_object_get(constraint, "keys");
    for (size_t i = 0; i < json_array_size(keys); i++) {
        key_append(reading, table, ast_name(keys, i));
    }
}

static struct catalog_column *column_append(const struct reading *reading,
                                            struct catalog_table *table) {
    if (table->column_count == table->column_room) {
        table->column_room = table->column_room > 0 ? 2 * table->column_room : 16;
        struct catalog_column *columns =
            arena_alloc(reading->arena, table->column_room * sizeof *columns);
        if (table->column_count > 0) {
            memcpy(columns, table->columns, table->column_count * sizeof *columns);
        }
        table->columns = columns;
    }
    return &table->columns[table->column_count++];
}

static void column_read(const struct reading *reading, struct catalog_table *table,
                        json_t *members) {
    struct catalog_column column = {.name = ast_text(members, "colname"),
                                    .type = json_object_get(members, "typeName"),
                                    .at = ast_own_place(members)};
    column.collate = json_object_get(json_object_get(members, "collClause"), "collname");
    if (catalog_column(table, column.name) >= 0) {
        mark_unfit(table, "it declares a column twice", column.at);
    }
    json_t *constraints = json_object_get(members, "constraints"), *node;
    struct str before = STR(""); /* a constraint's attributes are list members behind it */
    size_t index;
    json_array_foreach(constraints, index, node) {
        json_t *constraint = ast_is(node, "Constraint");
        struct str what = ast_text(constraint, "contype");
        if (str_is(what, "CONSTR_GENERATED")) {
            column.unfit =
                "a generated column is not replicated. Use the columns that it is made of";
        } else if (str_is(what, "CONSTR_NOTNULL") || str_is(what, "CONSTR_IDENTITY")) {
            column.not_null = true;
            column.has_default |= str_is(what, "CONSTR_IDENTITY");
        } else if (str_is(what, "CONSTR_DEFAULT")) {
            column.has_default = true;
        } else if (str_is(what, "CONSTR_ATTR_DEFERRABLE") && str_is(before, "CONSTR_PRIMARY")) {
            mark_unfit(table, DEFERRABLE_KEY, ast_own_place(constraint));
        }
        constraint_read(reading, table, constraint, column.name);
        before = what;
    }
    *column_append(reading, table) = column;
}

/* ---- statements ---- */

static const char *unfit_create(json_t *create, json_t *range) {
    if (!str_is(ast_text(range, "relpersistence"), "p")) {
        return "temporary and unlogged tables are not replicated";
    }
    if (json_object_get(create, "partbound")) {
        return PARTITION;
    }
    if (json_array_size(json_object_get(create, "inhRelations")) > 0) {
        return "INHERITS is not supported";
    }
    return json_object_get(create, "ofTypename") ? "OF type is not supported" : NULL;
}

static void elements_read(const struct reading *reading, struct catalog_table *table,
                          json_t *elements) {
    json_t *node;
    size_t index;
    json_array_foreach(elements, index, node) {
        if (ast_is(node, "ColumnDef")) {
            column_read(reading, table, ast_is(node, "ColumnDef"));
        } else if (ast_is(node, "Constraint")) {
            constraint_read(reading, table, ast_is(node, "Constraint"), STR_NONE);
        } else {
            mark_unfit(table, "LIKE is not supported: name its columns", ast_place(node));
        }
    }
}

static enum err_kind create_read(const struct reading *reading, json_t *create) {
    struct catalog *catalog = reading->catalog;
    json_t *range = json_object_get(create, "relation");
    struct str schema = schema_of(range), name = ast_text(range, "relname");
    if (find(catalog->first, schema, name)) {
        return ast_flag(create, "if_not_exists")
                   ? ERR_NONE
                   : source_refuse(&catalog->source, ast_own_place(range), NULL, reading->report,
                                   "table " STR_FMT "." STR_FMT " is created twice",
                                   STR_ARG(schema), STR_ARG(name));
    }
    struct catalog_table **last = &catalog->first;
    while (*last) {
        last = &(*last)->next;
    }
    struct catalog_table *table = *last = arena_alloc(reading->arena, sizeof *table);
    *table = (struct catalog_table){.schema = schema,
                                    .name = name,
                                    .at = ast_own_place(range),
                                    .partitioned = json_object_get(create, "partspec") != NULL};
    const char *unfit = unfit_create(create, range);
    if (!unfit && (memchr(schema.ptr, '"', schema.len) || memchr(name.ptr, '"', name.len))) {
        unfit = QUOTED_NAME;
    }
    if (unfit) {
        mark_unfit(table, unfit, table->at);
    }
    elements_read(reading, table, json_object_get(create, "tableElts"));
    return ERR_NONE;
}

static void alter_command_read(const struct reading *reading, struct catalog_table *table,
                               json_t *command, size_t at) {
    struct str what = ast_text(command, "subtype");
    json_t *def = json_object_get(command, "def");
    if (str_is(what, "AT_ReplicaIdentity")) {
        struct str identity = ast_text(ast_is(def, "ReplicaIdentityStmt"), "identity_type");
        table->replica_identity_full = str_is(identity, "f");
    } else if (str_is(what, "AT_AddConstraint")) {
        constraint_read(reading, table, ast_is(def, "Constraint"), STR_NONE);
    } else if (str_is(what, "AT_AddColumn")) {
        column_read(reading, table, ast_is(def, "ColumnDef"));
    } else if (str_is(what, "AT_DropColumn") || str_is(what, "AT_AlterColumnType") ||
               str_is(what, "AT_AddInherit") || str_is(what, "AT_SetUnLogged")) {
        mark_unfit(table, "this ALTER TABLE is not followed: write its result into CREATE TABLE",
                   at);
    } else if (str_is(what, "AT_AttachPartition")) {
        json_t *range = json_object_get(ast_is(def, "PartitionCmd"), "name");
        struct catalog_table *partition =
            find(reading->catalog->first, schema_of(range), ast_text(range, "relname"));
        if (partition) {
            mark_unfit(partition, PARTITION, partition->at);
        }
    } else if (str_is(what, "AT_ColumnDefault") || str_is(what, "AT_AddIdentity")) {
        int column = catalog_column(table, ast_text(command, "name"));
        if (column >= 0) {
            table->columns[column].has_default = def != NULL;
        }
    } else if (str_is(what, "AT_SetNotNull") || str_is(what, "AT_DropNotNull")) {
        int column = catalog_column(table, ast_text(command, "name"));
        if (column >= 0) {
            table->columns[column].not_null = str_is(what, "AT_SetNotNull");
        }
    }
}

static void alter_read(const struct reading *reading, json_t *alter) {
    json_t *range = json_object_get(alter, "relation");
    struct catalog_table *table =
        find(reading->catalog->first, schema_of(range), ast_text(range, "relname"));
    json_t *commands = json_object_get(alter, "cmds"), *node;
    size_t index;
    json_array_foreach(commands, index, node) {
        if (table) {
            alter_command_read(reading, table, ast_is(node, "AlterTableCmd"), ast_own_place(range));
        }
    }
}

static void rename_read(const struct reading *reading, json_t *rename) {
    json_t *range = json_object_get(rename, "relation");
    struct catalog_table *table =
        find(reading->catalog->first, schema_of(range), ast_text(range, "relname"));
    struct str what = ast_text(rename, "renameType");
    if (table && (str_is(what, "OBJECT_TABLE") || str_is(what, "OBJECT_COLUMN"))) {
        mark_unfit(table, "RENAME is not followed: write the new name into CREATE TABLE",
                   ast_own_place(range));
    }
}

/* ---- types ---- */

static struct catalog_type *type_add(const struct reading *reading, enum catalog_type_kind kind,
                                     struct str schema, struct str name) {
    struct catalog_type *type = arena_alloc(reading->arena, sizeof *type);
    *type = (struct catalog_type){
        .schema = schema, .name = name, .kind = kind, .next = reading->catalog->types};
    return reading->catalog->types = type;
}

/* list: [schema,] name. */
static struct catalog_type *type_add_listed(const struct reading *reading,
                                            enum catalog_type_kind kind, json_t *list) {
    size_t count = json_array_size(list);
    struct str schema = count > 1 ? ast_name(list, count - 2) : STR("public");
    return type_add(reading, kind, schema, ast_name(list, count - 1));
}

static void type_read_statement(const struct reading *reading, json_t *node) {
    json_t *created = ast_is(node, "CreateDomainStmt");
    json_t *range = json_object_get(ast_is(node, "CompositeTypeStmt"), "typevar");
    if (created) {
        struct catalog_type *domain =
            type_add_listed(reading, CATALOG_DOMAIN, json_object_get(created, "domainname"));
        domain->base = json_object_get(created, "typeName");
        domain->collate = json_object_get(json_object_get(created, "collClause"), "collname");
    } else if ((created = ast_is(node, "CreateEnumStmt"))) {
        (void)type_add_listed(reading, CATALOG_ENUM, json_object_get(created, "typeName"));
    } else if ((created = ast_is(node, "CreateRangeStmt"))) {
        (void)type_add_listed(reading, CATALOG_RANGE, json_object_get(created, "typeName"));
    } else if (range) {
        (void)type_add(reading, CATALOG_COMPOSITE, schema_of(range), ast_text(range, "relname"));
    }
}

enum err_kind catalog_read(const char *path, struct arena *arena, struct catalog *catalog,
                           const struct report *report) {
    enum err_kind kind = source_read(path, &catalog->source, report);
    if (kind != ERR_NONE) {
        return kind;
    }
    struct reading reading = {catalog, arena, report};
    for (size_t i = 0; i < source_statement_count(&catalog->source) && kind == ERR_NONE; i++) {
        json_t *node = source_statement(&catalog->source, i);
        if (ast_is(node, "CreateStmt")) {
            kind = create_read(&reading, ast_is(node, "CreateStmt"));
        } else if (ast_is(node, "AlterTableStmt")) {
            alter_read(&reading, ast_is(node, "AlterTableStmt"));
        } else if (ast_is(node, "RenameStmt")) {
            rename_read(&reading, ast_is(node, "RenameStmt"));
        } else {
            type_read_statement(&reading, node);
        }
    }
    return kind;
}

void catalog_clear(struct catalog *catalog) {
    source_clear(&catalog->source);
    catalog->first = NULL;
    catalog->types = NULL;
}

const struct catalog_table *catalog_table(const struct catalog *catalog, struct str schema,
                                          struct str name) {
    return find(catalog->first, schema, name);
}

const struct catalog_type *catalog_type(const struct catalog *catalog, struct str schema,
                                        struct str name) {
    const struct catalog_type *type = catalog->types;
    while (type && !(str_equal(type->schema, schema.ptr ? schema : STR("public")) &&
                     str_equal(type->name, name))) {
        type = type->next;
    }
    return type;
}

bool catalog_in_key(const struct catalog_table *table, struct str name) {
    for (size_t i = 0; i < table->key_count; i++) {
        if (str_equal(table->key[i], name)) {
            return true;
        }
    }
    return false;
}

int catalog_column(const struct catalog_table *table, struct str name) {
    for (size_t i = 0; i < table->column_count; i++) {
        if (str_equal(table->columns[i].name, name)) {
            return (int)i;
        }
    }
    return -1;
}
