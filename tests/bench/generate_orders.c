/* generate_orders: writes Debezium-shaped records of the tables of schemas/examples/orders straight
 * to Kafka, as generate does for student and contact. Equal arguments give equal records.
 *
 *   generate_orders BOOTSTRAP PREFIX PARTITIONS [name=value ...]
 *     countries=100 customers=50000 products=10000 orders=250000 lines=4   rows; lines are of an
 * order inserts=1            insert them, lookups first; 0: they are there already hot=0 1: all
 * lines are of product 1 prices=0             new prices of the products 1, 2, ...
 *     customer_updates=0   new names of customers behind those that have orders: spare must be
 * large enough spare=0              so many customers more, without orders rate=0 records a second;
 * 0: as fast as they go version=1            makes the changed values differ from another run's
 *     base=0 stride=1      order n has the id base + n * stride
 * tests/bench/orders.py says the same rows in SQL.
 */
#include "produce.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum topic { COUNTRIES, CUSTOMERS, PRODUCTS, ORDERS, ORDER_ITEMS };
enum { MULTIPLIER = 7919, TEXT_MAX = 512 };

static struct {
    int64_t countries, customers, products, orders, lines, inserts, hot, prices, customer_updates;
    int64_t spare, rate, version, base, stride;
} plan = {.countries = 100,
          .customers = 50000,
          .products = 10000,
          .orders = 250000,
          .lines = 4,
          .inserts = 1,
          .version = 1,
          .stride = 1};
static int32_t partitions;
static int64_t begun_ns, sent;
static const char none[] = "null";

static void send_one(enum topic topic, struct texts texts, int64_t partition_key) {
    produce((int)topic, texts, (int32_t)(partition_key % partitions));
    sent++;
    if (plan.rate > 0) {
        int64_t due = begun_ns + sent * INT64_C(1000000000) / plan.rate, left = due - now_ns();
        if (left > 0) {
            (void)poll(NULL, 0, (int)(left / 1000000));
        }
    }
}

/* ---- rows, as orders.py has them ---- */

static void country_code(char out[3], int64_t n) {
    out[0] = (char)('A' + (n / 26) % 26);
    out[1] = (char)('A' + n % 26);
    out[2] = '\0';
}

static void country(char out[TEXT_MAX], int64_t n) {
    char code[3];
    country_code(code, n);
    (void)snprintf(out, TEXT_MAX, "{\"code\":\"%s\",\"title\":\"country %" PRId64 "\"}", code, n);
}

static void customer(char out[TEXT_MAX], int64_t n, int64_t version) {
    char code[3];
    country_code(code, 1 + n * MULTIPLIER % plan.countries);
    (void)snprintf(out, TEXT_MAX,
                   "{\"customer_id\":%" PRId64 ",\"name\":\"customer %" PRId64 " v%" PRId64
                   "\",\"country_code\":\"%s\"}",
                   n, n, version, code);
}

static void product(char out[TEXT_MAX], int64_t n, int64_t version) {
    (void)snprintf(out, TEXT_MAX,
                   "{\"product_id\":%" PRId64 ",\"title\":\"product %" PRId64
                   "\",\"price\":\"%" PRId64 ".%02" PRId64 "\"}",
                   n, n, version, n % 100);
}

static int64_t order_id(int64_t n) {
    return plan.base + n * plan.stride;
}

static void order(char out[TEXT_MAX], int64_t n) {
    static const char *const statuses[] = {"draft", "placed", "paid", "shipped", "cancelled"};
    int64_t second = n % 86400;
    (void)snprintf(out, TEXT_MAX,
                   "{\"order_id\":%" PRId64 ",\"customer_id\":%" PRId64
                   ",\"status\":\"%s\",\"placed_at\":\"2026-01-01T%02" PRId64 ":%02" PRId64
                   ":%02" PRId64 ".000000Z\"}",
                   order_id(n), 1 + n * MULTIPLIER % plan.customers,
                   n % 20 == 0 ? statuses[0] : statuses[1 + n % 4], second / 3600, second / 60 % 60,
                   second % 60);
}

static void order_item(char out[TEXT_MAX], int64_t n, int64_t line) {
    int64_t item = n * plan.lines + line;
    (void)snprintf(out, TEXT_MAX,
                   "{\"order_id\":%" PRId64 ",\"line_no\":%" PRId64 ",\"product_id\":%" PRId64
                   ",\"quantity\":%" PRId64 "}",
                   order_id(n), line, plan.hot ? 1 : 1 + item * MULTIPLIER % plan.products,
                   1 + item % 9);
}

/* ---- stages ---- */

static void insert_lookups(void) {
    char key[TEXT_MAX], image[TEXT_MAX], code[3];
    for (int64_t n = 1; n <= plan.countries; n++) {
        country_code(code, n);
        (void)snprintf(key, sizeof key, "{\"code\":\"%s\"}", code);
        country(image, n);
        send_one(COUNTRIES, debezium_record("countries", key, none, image), 0);
    }
    for (int64_t n = 1; n <= plan.customers + plan.spare; n++) {
        (void)snprintf(key, sizeof key, "{\"customer_id\":%" PRId64 "}", n);
        customer(image, n, 1);
        send_one(CUSTOMERS, debezium_record("customers", key, none, image), 0);
    }
    for (int64_t n = 1; n <= plan.products; n++) {
        (void)snprintf(key, sizeof key, "{\"product_id\":%" PRId64 "}", n);
        product(image, n, 1);
        send_one(PRODUCTS, debezium_record("products", key, none, image), 0);
    }
}

static void insert_orders(void) {
    char key[TEXT_MAX], image[TEXT_MAX];
    for (int64_t n = 1; n <= plan.orders; n++) {
        (void)snprintf(key, sizeof key, "{\"order_id\":%" PRId64 "}", order_id(n));
        order(image, n);
        send_one(ORDERS, debezium_record("orders", key, none, image), order_id(n));
    }
    for (int64_t n = 1; n <= plan.orders; n++) {
        for (int64_t line = 1; line <= plan.lines; line++) {
            (void)snprintf(key, sizeof key, "{\"order_id\":%" PRId64 ",\"line_no\":%" PRId64 "}",
                           order_id(n), line);
            order_item(image, n, line);
            send_one(ORDER_ITEMS, debezium_record("order_items", key, none, image), order_id(n));
        }
    }
}

static void update_lookups(void) {
    char key[TEXT_MAX], from[TEXT_MAX], to[TEXT_MAX];
    for (int64_t n = 1; n <= plan.prices; n++) {
        (void)snprintf(key, sizeof key, "{\"product_id\":%" PRId64 "}", n);
        product(from, n, plan.version - 1);
        product(to, n, plan.version);
        send_one(PRODUCTS, debezium_record("products", key, from, to), 0);
    }
    for (int64_t i = 0; i < plan.customer_updates; i++) {
        int64_t n = plan.customers + 1 + i % plan.spare;
        (void)snprintf(key, sizeof key, "{\"customer_id\":%" PRId64 "}", n);
        customer(from, n, plan.version - 1);
        customer(to, n, plan.version);
        send_one(CUSTOMERS, debezium_record("customers", key, from, to), 0);
    }
}

/* ---- arguments ---- */

static int take_option(const char *option) {
    const struct {
        const char *name;
        int64_t *value;
    } options[] = {
        {"countries", &plan.countries},
        {"customers", &plan.customers},
        {"products", &plan.products},
        {"orders", &plan.orders},
        {"lines", &plan.lines},
        {"inserts", &plan.inserts},
        {"hot", &plan.hot},
        {"prices", &plan.prices},
        {"spare", &plan.spare},
        {"customer_updates", &plan.customer_updates},
        {"rate", &plan.rate},
        {"version", &plan.version},
        {"base", &plan.base},
        {"stride", &plan.stride},
    };
    const char *equals = strchr(option, '=');
    size_t length = equals ? (size_t)(equals - option) : 0;
    for (size_t i = 0; equals && i < sizeof options / sizeof *options; i++) {
        if (strlen(options[i].name) == length && strncmp(options[i].name, option, length) == 0) {
            *options[i].value = strtoll(equals + 1, NULL, 10);
            return 0;
        }
    }
    (void)fprintf(stderr, "unknown option %s\n", option);
    return 2;
}

int main(int argc, char **argv) {
    if (argc < 4) {
        (void)fprintf(stderr,
                      "usage: generate_orders BOOTSTRAP PREFIX PARTITIONS [name=value ...]\n");
        return 2;
    }
    partitions = (int32_t)strtol(argv[3], NULL, 10);
    for (int i = 4; i < argc; i++) {
        if (take_option(argv[i]) != 0) {
            return 2;
        }
    }
    if (partitions < 1 || partitions > PARTITIONS_MAX || plan.countries < 1 ||
        plan.countries > 675 || plan.prices > plan.products ||
        (plan.customer_updates > 0 && plan.spare < 1) || order_id(plan.orders) > INT32_MAX) {
        (void)fprintf(stderr, "more changes than rows, or ids or partitions that are too many\n");
        return 2;
    }
    debezium_begin(argv[2], LAYOUT_ROUTED);
    produce_begin(argv[1]);
    begun_ns = now_ns();
    if (plan.inserts) {
        insert_lookups();
        insert_orders();
    }
    update_lookups();
    return produce_end();
}
