/* What values look like: nothing that a type can hold is doubted, other units and codes are. */
#include "plan/form.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define NOW_US INT64_C(1796000000123456) /* 30 November 2026, a little before 6 in the morning */

struct example {
    enum form form;
    const char *text;
};

static void check(const struct example *examples, size_t count, bool want) {
    for (size_t i = 0; i < count; i++) {
        if (form_fits(examples[i].form, str_from(examples[i].text), NOW_US) != want) {
            fail_msg("%s %s %s", examples[i].text, want ? "is not" : "is",
                     form_name(examples[i].form));
        }
    }
}

static void good_values_pass(void **state) {
    (void)state;
    static const struct example examples[] = {
        {FORM_ANY, ""},
        {FORM_SMALLINT, "0"},
        {FORM_SMALLINT, "-32768"},
        {FORM_SMALLINT, "32767"},
        {FORM_INTEGER, "-2147483648"},
        {FORM_INTEGER, "2147483647"},
        {FORM_REAL, "0"},
        {FORM_REAL, "-1.5e+300"},
        {FORM_REAL, "NaN"},
        {FORM_REAL, "-Infinity"},
        {FORM_DECIMAL, "0"},
        {FORM_DECIMAL, "-12"},
        {FORM_DECIMAL, "0.00000001"},
        {FORM_DECIMAL, "1E-8"},
        {FORM_DECIMAL, "1E+200"},
        {FORM_DECIMAL, "NAN"},
        {FORM_DECIMAL, "POSITIVE_INFINITY"},
        {FORM_DECIMAL, "NEGATIVE_INFINITY"},
        {FORM_FRACTION, "0.0"},
        {FORM_FRACTION, "-26588.24"},
        {FORM_FRACTION, "0E-8"},
        {FORM_FRACTION, "NAN"},
        {FORM_UUID, "b68a35a7-17ad-35b3-af2a-ae46edb4545a"},
        {FORM_UUID, "B68A35A7-17AD-35B3-AF2A-AE46EDB4545A"},
        {FORM_DATE, "0"},
        {FORM_DATE, "20779"},
        {FORM_DATE, "-2440588"},    /* 4714-11-24 BC */
        {FORM_DATE, "2145031948"},  /* 5874897-12-31 */
        {FORM_DATE, "-2147472692"}, /* infinities, from the log and from snapshots */
        {FORM_DATE, "-2147472691"},
        {FORM_DATE, "-622191234"},
        {FORM_DATE, "-625821273"},
        {FORM_MICROSECONDS, "0"},
        {FORM_MICROSECONDS, "1"},
        {FORM_MICROSECONDS, "1796000000123456"},
        {FORM_MICROSECONDS, "-210866803200000000"},
        {FORM_MICROSECONDS, "9223372036825200000"},
        {FORM_MICROSECONDS, "-9223372036832400000"},
        {FORM_MICROSECONDS, "9223339708799999999"}, /* 294246-12-31 23:59:59.999999 */
        {FORM_MICROSECONDS, "1728000000000"},       /* 1970-01-21 */
        {FORM_MICROSECONDS, "1796000000000"},       /* 1970-01-21 18:53:20 */
        {FORM_MICROSECONDS, "1709210096789"},       /* 1970-01-20 18:46:50.096789 */
        {FORM_MICROSECONDS, "1814399999999"},       /* 1970-01-21 23:59:59.999999 */
        {FORM_MILLISECONDS, "0"},
        {FORM_MILLISECONDS, "1796000000123"},
        {FORM_MILLISECONDS, "-1"},
        {FORM_MILLISECONDS, "253402300799999"},  /* 9999-12-31 23:59:59.999 */
        {FORM_MILLISECONDS, "3093527980799999"}, /* 99999-12-31 23:59:59.999 */
        {FORM_MILLISECONDS, "9223339708799999"}, /* 294246-12-31 23:59:59.999 */
        {FORM_MILLISECONDS, "9223372036825200"},
        {FORM_MILLISECONDS, "-9223372036832400"},
        {FORM_ZONED, "2026-11-22T01:02:03.456789Z"},
        {FORM_ZONED, "2026-11-22T01:02:03Z"},
        {FORM_ZONED, "-0043-03-15T12:00:00.000000Z"},
        {FORM_ZONED, "0000-12-31T23:59:59.500000Z"},
        {FORM_ZONED, "+12345-06-07T08:09:10.000000Z"},
        {FORM_ZONED, "2026-11-22T01:02:03+05:30"},
        {FORM_ZONED, "infinity"},
        {FORM_ZONED, "-infinity"},
        {FORM_DAY_MICROSECONDS, "0"},
        {FORM_DAY_MICROSECONDS, "86400000000"}, /* 24:00 */
        {FORM_DAY_MILLISECONDS, "86400000"},
        {FORM_INTERVAL, "P0Y0M0DT0H0M0S"},
        {FORM_INTERVAL, "P-1Y2M-3DT-4H5M-6.000001S"},
        {FORM_BASE64, ""},
        {FORM_BASE64, "AA=="},
        {FORM_BASE64, "z+/="},
        {FORM_BASE64, "09azAZ+/"},
    };
    check(examples, sizeof examples / sizeof *examples, true);
}

/* Elements that Debezium spoils, and the nearest ones that it doesn't. */
static void spoilt_elements_are_known(void **state) {
    (void)state;
    static const struct {
        struct example element;
        bool spoilt;
    } cases[] = {
        {{FORM_ANY, "[Ljava.lang.String;@19f2ff69"}, true},
        {{FORM_ANY, "[[Ljava.lang.String;@1"}, true},
        {{FORM_ANY, "[Lorg.postgresql.util.PGobject;@1"}, true},
        {{FORM_UUID, "[Ljava.util.UUID;@15073d37"}, true},
        {{FORM_ANY, ""}, false},
        {{FORM_ANY, "["}, false},
        {{FORM_ANY, "[@"}, false},
        {{FORM_ANY, "[Ljava."}, false},
        {{FORM_ANY, "[Ljava.lang.String;"}, false},
        {{FORM_ANY, "[1,5)"}, false},
        {{FORM_ANY, "Ljava.lang.String;@19f2ff69"}, false},
        {{FORM_DATE, "-141418"}, true}, /* 24 October 1582 */
        {{FORM_DATE, "-141417"}, false},
        {{FORM_DATE, "-703383"}, true},
        {{FORM_DATE, "-2440588"}, true},
        {{FORM_DATE, "-622191234"}, false},
        {{FORM_DATE, "-2147472691"}, false},
        {{FORM_MICROSECONDS, "-12218428800000001"}, true},
        {{FORM_MICROSECONDS, "-12218428800000000"}, false},
        {{FORM_MICROSECONDS, "-9223372036832400000"}, false},
        {{FORM_MILLISECONDS, "-12218428800001"}, true},
        {{FORM_MILLISECONDS, "-12218428800000"}, false},
        {{FORM_MILLISECONDS, "-9223372036832400"}, false},
        {{FORM_ZONED, "1582-10-24T23:59:59.999999Z"}, true},
        {{FORM_ZONED, "1582-10-25T00:00:00.000000Z"}, false},
        {{FORM_ZONED, "0044-03-15T12:00:00.000000Z"}, true},
        {{FORM_ZONED, "-0043-03-15T12:00:00.000000Z"}, true},
        {{FORM_ZONED, "+292269055-12-02T23:00:00.000000Z"}, false}, /* -infinity */
        {{FORM_ZONED, "infinity"}, false},
        {{FORM_ZONED, "-infinity"}, false},
        {{FORM_INTEGER, "-2147483648"}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct example element = cases[i].element;
        if (form_spoilt(element.form, str_from(element.text)) != cases[i].spoilt) {
            fail_msg("%s", element.text);
        }
    }
}

static void other_forms_are_doubted(void **state) {
    (void)state;
    static const struct example examples[] = {
        {FORM_SMALLINT, "32768"},
        {FORM_SMALLINT, "-32769"},
        {FORM_DAY_MICROSECONDS, "-1"},
        {FORM_DAY_MICROSECONDS, "86400000001"},
        {FORM_DAY_MILLISECONDS, "86399000000"}, /* microseconds */
        {FORM_INTERVAL, ""},
        {FORM_INTERVAL, "P"},
        {FORM_INTERVAL, "1 day"},
        {FORM_INTERVAL, "PT1S "},
        {FORM_BASE64, "A"},
        {FORM_BASE64, "A==="},
        {FORM_BASE64, "ff00 "},
        {FORM_BASE64, "\\xff"},
        {FORM_INTEGER, "2147483648"},
        {FORM_REAL, "x"},
        {FORM_REAL, ""},
        {FORM_REAL, "-"},
        {FORM_REAL, "infinity"},
        {FORM_DECIMAL, ""},
        {FORM_DECIMAL, "-"},
        {FORM_DECIMAL, "AeJA"}, /* base64 */
        {FORM_DECIMAL, "MDk="},
        {FORM_DECIMAL, "0012"},
        {FORM_DECIMAL, "12+/"},
        {FORM_DECIMAL, "1."},
        {FORM_DECIMAL, ".5"},
        {FORM_DECIMAL, "1E5"},
        {FORM_DECIMAL, "1e-5"},
        {FORM_DECIMAL, "1E-"},
        {FORM_DECIMAL, "--1"},
        {FORM_DECIMAL, "Infinity"},
        {FORM_FRACTION, "1234"}, /* base64 of -26588.24 */
        {FORM_FRACTION, "0"},
        {FORM_UUID, ""},
        {FORM_UUID, "b68a35a717ad35b3af2aae46edb4545a"},
        {FORM_UUID, "b68a35a7-17ad-35b3-af2a-ae46edb4545g"},
        {FORM_UUID, "b68a35a7+17ad-35b3-af2a-ae46edb4545a"},
        {FORM_DATE, "-2440589"},
        {FORM_DATE, "1796000000123"},
        {FORM_MICROSECONDS, "1796000000123"},
        {FORM_MICROSECONDS, "1796000009999"},
        {FORM_MICROSECONDS, "1795999990200"},
        {FORM_MICROSECONDS, "1796019800123"}, /* five and a half hours on: another time zone */
        {FORM_MICROSECONDS, "1795949600123"}, /* fourteen hours back */
        {FORM_MICROSECONDS, "-210866803200000001"},
        {FORM_MILLISECONDS, "1796000000123456"},
        {FORM_MILLISECONDS, "1767225600000000"}, /* 2026-01-01 in microseconds */
        {FORM_MILLISECONDS, "2051222400000000"}, /* 2035-01-01 */
        {FORM_MILLISECONDS, "9224318016000001"},
        {FORM_MILLISECONDS, "-210866803200001"},
        {FORM_ZONED, ""},
        {FORM_ZONED, "1796000000123456"},
        {FORM_ZONED, "2026-11-22 01:02:03Z"},
        {FORM_ZONED, "2026-11-22T01:02:03"},
        {FORM_ZONED, "2026-11-22T01:02:03.Z"},
        {FORM_ZONED, "2026-11-22T01:02:03Zx"},
        {FORM_ZONED, "2026-11-22T1:02:03Z"},
        {FORM_ZONED, "Infinity"},
    };
    check(examples, sizeof examples / sizeof *examples, false);
}

/* A record that does not say when it was, or whose clock stands at its beginning. */
static void without_a_time_units_are_not_doubted(void **state) {
    (void)state;
    static const int64_t times_us[] = {0, 1, -1, 999999999999999, INT64_MIN};
    for (size_t i = 0; i < sizeof times_us / sizeof *times_us; i++) {
        assert_true(form_fits(FORM_MICROSECONDS, STR("1796000000123"), times_us[i]));
        assert_true(form_fits(FORM_MICROSECONDS, STR("1"), times_us[i]));
        assert_true(form_fits(FORM_MILLISECONDS, STR("1796000000123456"), times_us[i]));
        assert_true(form_fits(FORM_MILLISECONDS, STR("1"), times_us[i]));
    }
    assert_true(form_fits(FORM_MILLISECONDS, STR("-210866803200000"), INT64_MAX));
    assert_true(form_fits(FORM_MICROSECONDS, STR("9223372036854775807"), INT64_MAX));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_values_pass),
        cmocka_unit_test(spoilt_elements_are_known),
        cmocka_unit_test(other_forms_are_doubted),
        cmocka_unit_test(without_a_time_units_are_not_doubted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
