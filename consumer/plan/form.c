#include "plan/form.h"

#include <stdlib.h>

#define DAY_US INT64_C(86400000000)

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* ---- integers ---- */

/* The text of a JSON integer, which fits 64 bits: jansson or the scanner has seen it. */
static int64_t integer_of(struct str text) {
    bool negative = text.len > 0 && *text.ptr == '-';
    uint64_t number = 0;
    for (size_t i = negative; i < text.len; i++) {
        number = number * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    return (int64_t)(negative ? 0 - number : number);
}

/* From PostgreSQL's first day, 24 November 4714 BC, to its last, 3 June 5874898; and what stands
 * for the infinities, see type.c. */
static bool is_date(int64_t days) {
    static const int64_t infinities[] = {-2147472692, -622191233, -622191234, -622191235,
                                         -2147472691, -625821271, -625821272, -625821273};
    if (days >= -2440588 && days <= 2145042905) {
        return true;
    }
    for (size_t i = 0; i < sizeof infinities / sizeof *infinities; i++) {
        if (days == infinities[i]) {
            return true;
        }
    }
    return false;
}

/* Milliseconds of about the record's own time, in any time zone of the world, and no whole second:
 * as microseconds that is a moment of January 1970 with digits behind the milliseconds, which would
 * have to be typed in at just this moment. A time of the day before or of next week passes. */
static bool may_be_milliseconds(int64_t value, int64_t ts_us) {
    const int64_t quarter_ms = 900000, near_ms = 10000, zones_ms = 15 * INT64_C(3600000);
    int64_t apart_ms = llabs(value - ts_us / 1000);
    int64_t beside_ms = apart_ms % quarter_ms;
    return value % 1000 != 0 && apart_ms <= zones_ms &&
           (beside_ms <= near_ms || quarter_ms - beside_ms <= near_ms);
}

/* Microseconds within ten years of the record: as milliseconds a year between 40,000 and 70,000. */
static bool may_be_microseconds(int64_t value, int64_t ts_us) {
    return value > 0 && llabs(value - ts_us) <= 3653 * DAY_US;
}

/* Clocks before 2001 tell nothing. */
static bool is_told(int64_t ts_us) {
    return ts_us > INT64_C(1000000000000000);
}

static bool is_timestamp_us(int64_t value, int64_t ts_us) {
    bool in_range = value >= INT64_C(-210866803200000000) || value == INT64_C(-9223372036832400000);
    return in_range && !(is_told(ts_us) && value > 0 && may_be_milliseconds(value, ts_us));
}

static bool is_timestamp_ms(int64_t value, int64_t ts_us) {
    bool in_range = (value >= INT64_C(-210866803200000) && value <= INT64_C(9224318016000000)) ||
                    value == INT64_C(-9223372036832400);
    return in_range && !(is_told(ts_us) && may_be_microseconds(value, ts_us));
}

/* ---- texts ---- */

/* A walk over a text: each step passes what it names, or fails. */
struct walk {
    const char *at, *end;
};

static size_t digits(struct walk *walk) {
    const char *start = walk->at;
    while (walk->at < walk->end && is_digit(*walk->at)) {
        walk->at++;
    }
    return (size_t)(walk->at - start);
}

static bool one(struct walk *walk, char c) {
    if (walk->at < walk->end && *walk->at == c) {
        walk->at++;
        return true;
    }
    return false;
}

static bool two_digits(struct walk *walk) {
    if (walk->end - walk->at < 2 || !is_digit(walk->at[0]) || !is_digit(walk->at[1])) {
        return false;
    }
    walk->at += 2;
    return true;
}

static bool any_of(struct str text, const char *const *words) {
    while (*words && !str_is(text, *words)) {
        words++;
    }
    return *words != NULL;
}

/* As Java writes a BigDecimal; so base64 is known by its letters, its leading zeros, or by the
 * point that it can't have. */
static bool is_decimal(struct str text, bool fraction) {
    static const char *const words[] = {"NAN", "NaN", "POSITIVE_INFINITY", "NEGATIVE_INFINITY",
                                        NULL};
    struct walk walk = {text.ptr, text.ptr + text.len};
    (void)one(&walk, '-');
    const char *first = walk.at;
    size_t whole = digits(&walk);
    if (whole == 0) {
        return any_of(text, words);
    }
    bool point = one(&walk, '.');
    if ((*first == '0' && whole > 1) || (point && digits(&walk) == 0)) {
        return false;
    }
    bool exponent = one(&walk, 'E');
    if (exponent && ((!one(&walk, '-') && !one(&walk, '+')) || digits(&walk) == 0)) {
        return false;
    }
    return walk.at == walk.end && (!fraction || point || exponent);
}

/* What a JSON number's text begins with was seen; of strings, only these. */
static bool is_real(struct str text) {
    static const char *const words[] = {"NaN", "Infinity", "-Infinity", NULL};
    size_t first = text.len > 0 && text.ptr[0] == '-';
    return (first < text.len && is_digit(text.ptr[first])) || any_of(text, words);
}

static bool is_uuid(struct str text) {
    if (text.len != 36) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        bool hex = is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (hyphen ? c != '-' : !hex) {
            return false;
        }
    }
    return true;
}

/* -0043-03-15T12:00:00.000000Z */
static bool is_zoned(struct str text) {
    static const char *const words[] = {"infinity", "-infinity", NULL};
    struct walk walk = {text.ptr, text.ptr + text.len};
    (void)(one(&walk, '-') || one(&walk, '+'));
    if (digits(&walk) < 4) {
        return any_of(text, words);
    }
    bool day = one(&walk, '-') && two_digits(&walk) && one(&walk, '-') && two_digits(&walk);
    bool minute =
        day && one(&walk, 'T') && two_digits(&walk) && one(&walk, ':') && two_digits(&walk);
    if (!minute || (one(&walk, ':') && !two_digits(&walk)) ||
        (one(&walk, '.') && digits(&walk) == 0)) {
        return false;
    }
    if (one(&walk, 'Z')) {
        return walk.at == walk.end;
    }
    bool zone = (one(&walk, '+') || one(&walk, '-')) && two_digits(&walk);
    while (zone && one(&walk, ':')) {
        zone = two_digits(&walk);
    }
    return zone && walk.at == walk.end;
}

/* As Debezium's Interval writes it. Letters in another order are PostgreSQL's to refuse. */
static bool is_interval(struct str text) {
    for (size_t i = 1; i < text.len; i++) {
        if (!is_digit(text.ptr[i]) && (text.ptr[i] == '\0' || !strchr("YMDTHS.-", text.ptr[i]))) {
            return false;
        }
    }
    return text.len > 1 && text.ptr[0] == 'P';
}

static bool is_base64(struct str text) {
    size_t len = text.len;
    for (int padding = 0; padding < 2 && len > 0 && text.ptr[len - 1] == '='; padding++) {
        len--;
    }
    for (size_t i = 0; i < len; i++) {
        char c = text.ptr[i];
        if (!is_digit(c) && !((c | 0x20) >= 'a' && (c | 0x20) <= 'z') && c != '+' && c != '/') {
            return false;
        }
    }
    return text.len % 4 == 0;
}

static bool is_within(int64_t value, int64_t last) {
    return value >= 0 && value <= last;
}

/* ---- what an array's element was ---- */

/* Debezium reads elements through java.sql.Date and Timestamp, which count by the Julian calendar
 * until 4 October 1582 and know no era when they are read back: up to here a day may be another
 * one. */
#define GREGORIAN_DAYS (-141417) /* 25 October 1582 */

/* "[Ljava.lang.String;@19f2ff69" */
static bool is_java_array(struct str text) {
    const char *at = text.ptr, *end = text.ptr + text.len;
    while (at < end && *at == '[') {
        at++;
    }
    struct str rest = {at, (size_t)(end - at)};
    const char *hash = rest.len > 0 ? memchr(rest.ptr, '@', rest.len) : NULL;
    return at > text.ptr && hash && hash[-1] == ';' &&
           (str_starts(rest, STR("Ljava.")) || str_starts(rest, STR("Lorg.postgresql.")));
}

static bool is_old_date(int64_t days) {
    return days < GREGORIAN_DAYS && days >= -2440588 - 400;
}

static bool is_old_timestamp(int64_t value, int64_t day) {
    return value < GREGORIAN_DAYS * day && value >= (-2440588 - 400) * day;
}

/* Years of four digits; a BC has lost its sign. */
static bool is_old_zoned(struct str text) {
    return text.len > 10 && (*text.ptr == '-' || is_digit(*text.ptr)) &&
           str_compare((struct str){text.ptr, 10}, STR("1582-10-25")) < 0;
}

bool form_spoilt(enum form form, struct str text) {
    switch (form) {
    case FORM_DATE:
        return is_old_date(integer_of(text));
    case FORM_MICROSECONDS:
        return is_old_timestamp(integer_of(text), DAY_US);
    case FORM_MILLISECONDS:
        return is_old_timestamp(integer_of(text), DAY_US / 1000);
    case FORM_ZONED:
        return is_old_zoned(text);
    case FORM_ANY:
    case FORM_UUID:
        return is_java_array(text);
    case FORM_SMALLINT:
    case FORM_INTEGER:
    case FORM_REAL:
    case FORM_DECIMAL:
    case FORM_FRACTION:
    case FORM_DAY_MICROSECONDS:
    case FORM_DAY_MILLISECONDS:
    case FORM_INTERVAL:
    case FORM_BASE64:
        break;
    }
    return false;
}

/* ---- all of them ---- */

bool form_fits(enum form form, struct str text, int64_t ts_us) {
    switch (form) {
    case FORM_ANY:
        return true;
    case FORM_SMALLINT:
        return (int16_t)integer_of(text) == integer_of(text);
    case FORM_INTEGER:
        return (int32_t)integer_of(text) == integer_of(text);
    case FORM_REAL:
        return is_real(text);
    case FORM_DECIMAL:
    case FORM_FRACTION:
        return is_decimal(text, form == FORM_FRACTION);
    case FORM_UUID:
        return is_uuid(text);
    case FORM_DATE:
        return is_date(integer_of(text));
    case FORM_MICROSECONDS:
        return is_timestamp_us(integer_of(text), ts_us);
    case FORM_MILLISECONDS:
        return is_timestamp_ms(integer_of(text), ts_us);
    case FORM_ZONED:
        return is_zoned(text);
    case FORM_DAY_MICROSECONDS:
        return is_within(integer_of(text), DAY_US);
    case FORM_DAY_MILLISECONDS:
        return is_within(integer_of(text), DAY_US / 1000);
    case FORM_INTERVAL:
        return is_interval(text);
    case FORM_BASE64:
        return is_base64(text);
    }
    return false;
}

const char *form_name(enum form form) {
    switch (form) {
    case FORM_ANY:
        return "a value";
    case FORM_SMALLINT:
        return "an integer of 16 bits";
    case FORM_INTEGER:
        return "an integer of 32 bits";
    case FORM_REAL:
        return "a number";
    case FORM_DECIMAL:
        return "a decimal number as text";
    case FORM_FRACTION:
        return "a decimal number as text, with digits behind its point";
    case FORM_UUID:
        return "a UUID";
    case FORM_DATE:
        return "days since 1970";
    case FORM_MICROSECONDS:
        return "microseconds since 1970";
    case FORM_MILLISECONDS:
        return "milliseconds since 1970";
    case FORM_ZONED:
        return "a time in ISO 8601 with its zone";
    case FORM_DAY_MICROSECONDS:
        return "microseconds since midnight";
    case FORM_DAY_MILLISECONDS:
        return "milliseconds since midnight";
    case FORM_INTERVAL:
        return "an interval in ISO 8601";
    case FORM_BASE64:
        return "bytes in base64";
    }
    return "";
}
