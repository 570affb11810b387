/* Comma-separated values: what is in them and which lines are bad, however the text is cut and however long it is. */
#include "app/file/csv.h"

#include "base/buf.h"

#include "corpus.h"

enum { STORY_MAX = 64 * 1024 };

/* Malloced, so that the sanitizer sees its ends. */
static struct csv *read_slices(const char *text, size_t length, size_t first, size_t step)
{
    struct csv *csv = malloc(sizeof *csv);
    size_t size = first, slices = 0;

    assert_non_null(csv);
    csv_init(csv);
    for (size_t at = 0; at < length; at += size) {
        char *exact;

        size = slices++ == 0 ? first : step;
        if (size > length - at)
            size = length - at;
        exact = unit_exact(text + at, size);
        csv_feed(csv, exact, size);
        free(exact);
    }
    csv_finish(csv);
    return csv;
}

/* "2 rows of 3 by ;, header: a integer, b text, c empty" and a line for each bad row; NULL when memory is out. */
static const char *tell(struct arena *arena, const struct csv *csv)
{
    const char *name = csv->delimiter == '\t' ? "TAB" : csv->delimiter == ';' ? ";" : ",";
    struct buf story;
    bool ok;

    assert_true(csv->bad_rows >= (int64_t)csv->bad_count && csv->rows + csv->has_header >= csv->bad_rows);
    assert_true((csv->columns == 0) == (csv->rows + csv->has_header == 0));
    buf_init(&story, arena, STORY_MAX);
    ok = buf_printf(&story, "%d rows of %d by %s%s", (int)csv->rows, (int)csv->columns, name,
                    csv->has_header ? ", header:" : ":");
    for (int64_t i = 0; ok && i < csv->columns && i < CSV_COLUMNS_MAX; i++)
        ok = buf_printf(&story, "%s%s%s %s", i > 0 ? "," : "", csv->has_header ? " " : "", csv->column[i].name,
                        csv_type_word(csv->column[i].type));
    ok = ok && (csv->bad_rows == 0 || buf_printf(&story, "\n%d bad", (int)csv->bad_rows));
    for (size_t i = 0; ok && i < csv->bad_count; i++)
        ok = buf_printf(&story, "\nline %d, column %d: %s", (int)csv->bad[i].line, (int)csv->bad[i].column,
                        csv_fault_text(csv->bad[i].fault));
    return ok ? story.bytes : NULL;
}

/* All at once, and byte by byte: the same is found. */
static bool parse_csv(struct unit *unit, const char *text, size_t length, const char **out)
{
    struct csv *whole = read_slices(text, length, length, length), *bytes = read_slices(text, length, 1, 1);
    const char *story = tell(&unit->arena, bytes);

    *out = tell(&unit->arena, whole);
    assert_true(*out != NULL && story != NULL);
    assert_string_equal(story, *out);
    free(whole);
    free(bytes);
    return true;
}

static const struct parser parsers[] = {
    {"csv", parse_csv, false, ",;\t\"\"\"\r\n\r\n 1-.:Z\xC3\xA9\xE2\xF0\x9F\xEF\xBB\xBF"}};

static void a_text_cut_in_two_anywhere_is_read_as_a_whole(void **state)
{
    struct unit *unit = *state;

    for (size_t i = 0; i < sample_count; i++) {
        size_t length, step;
        char *text = read_file(samples[i].path, "", &length), *expected;
        struct csv *csv = read_slices(text, length, length, length);

        expected = formatted("%s", tell(&unit->arena, csv));
        free(csv);
        step = 1 + length / 500; /* the few long ones at some bytes only */
        for (size_t first = 0; first <= length; first += step) {
            arena_reset(&unit->arena);
            csv = read_slices(text, length, first, length + 1);
            assert_string_equal(tell(&unit->arena, csv), expected);
            free(csv);
        }
        free(expected);
        free(text);
    }
}

/* The type of a column that has one field below its name. */
static enum csv_type type_of(const char *field, char delimiter)
{
    char *text = formatted("a%cb\n1%c%s\n", delimiter, delimiter, field);
    struct csv *csv = read_slices(text, strlen(text), strlen(text), 1);
    enum csv_type type = csv->column[1].type;

    assert_true(csv->has_header && csv->rows == 1 && csv->columns == 2 && csv->bad_rows == 0);
    free(text);
    free(csv);
    return type;
}

static void a_field_has_the_type_that_a_person_would_give_it(void **state)
{
    static const struct {
        enum csv_type type;
        const char *fields[40];
    } cases[] = {
        {CSV_EMPTY, {"", " ", "   ", "\"\"", "\" \""}},
        {CSV_INTEGER,
         {"0", "1", "-1", "42", " 42 ", "\"42\"", "9223372036854775807", "-9223372036854775808", "-0", "20240101"}},
        {CSV_DECIMAL,
         {"0.5", "-0.5", ".5", "1.", "1e5", "1E-5", "1.5e+10", "9223372036854775808", "-9223372036854775809", "1.0",
          "99999999999999999999999999999999999999"}},
        {CSV_BOOLEAN, {"true", "FALSE", "Yes", "no"}},
        {CSV_DATE,
         {"2024-01-31", "2024-02-29", "2000-02-29", "2024-01-31T23:59", "2024-01-31 23:59:60",
          "2024-01-31T23:59:59.123Z", "2024-01-31T24:00:00", "2024-01-31T12:00:00+01:00", "2024-01-31T12:00-0130",
          "2024-01-31t12:00z", "2024-01-31T12:00:00+02"}},
        {CSV_TEXT,
         {"a",
          "007",
          "-01",
          "+49",
          "1 2",
          "0x10",
          "1e",
          "e5",
          "1e+",
          "1.2.3",
          "-",
          ".",
          "--1",
          "1-",
          "truer",
          "y",
          "2024-13-01",
          "2024-00-01",
          "2024-02-30",
          "2023-02-29",
          "1900-02-29",
          "2024-1-1",
          "24-01-01",
          "2024-01-31T",
          "2024-01-31T24:01",
          "2024-01-31T12",
          "2024-01-31T12:60",
          "2024-01-31T12:00:61",
          "2024-01-31T12:00:00.",
          "2024-01-31T12:00+1",
          "2024-01-31T12:00+24:00",
          "2024-01-31x",
          "01.02.2024",
          "infinity",
          "nan",
          "\xC3\xA9",
          "1 000"}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t k = 0; k < COUNT(cases[i].fields) && cases[i].fields[k] != NULL; k++) {
            enum csv_type type = type_of(cases[i].fields[k], ',');

            if (type != cases[i].type)
                fail_msg("'%s' is %s", cases[i].fields[k], csv_type_word(type));
        }
    assert_int_equal(type_of("1,5", ';'), CSV_DECIMAL);
    assert_int_equal(type_of("1,5", '\t'), CSV_DECIMAL);
    assert_int_equal(type_of("1,5,5", ';'), CSV_TEXT);
}

static void any_number_of_bad_lines_is_counted_and_the_first_are_listed(void **state)
{
    struct csv *csv = malloc(sizeof *csv);
    enum { BAD = 3 * CSV_BAD_MAX };

    (void)state;
    assert_non_null(csv);
    csv_init(csv);
    csv_feed(csv, "a,b\n", 4);
    for (int i = 0; i < BAD; i++)
        csv_feed(csv, "1,2\n1\n", 6);
    csv_finish(csv);
    assert_int_equal(csv->rows, 2 * BAD);
    assert_int_equal(csv->bad_rows, BAD);
    assert_int_equal(csv->bad_count, CSV_BAD_MAX);
    for (int i = 0; i < CSV_BAD_MAX; i++)
        assert_int_equal(csv->bad[i].line, 3 + 2 * i);
    free(csv);
}

static void columns_beyond_those_that_are_kept_are_counted(void **state)
{
    struct csv *csv = malloc(sizeof *csv);
    enum { COLUMNS = CSV_COLUMNS_MAX + 500 };

    (void)state;
    assert_non_null(csv);
    for (int columns = CSV_COLUMNS_MAX; columns <= COLUMNS; columns += COLUMNS - CSV_COLUMNS_MAX) {
        csv_init(csv);
        for (int row = 0; row < 3; row++)
            for (int i = 0; i < columns; i++) {
                char field[16];

                snprintf(field, sizeof field, row == 0 ? "c%d%s" : "%d%s", i, i + 1 < columns ? "," : "\n");
                csv_feed(csv, field, strlen(field));
            }
        csv_finish(csv);
        assert_int_equal(csv->columns, columns);
        assert_true(csv->has_header);
        assert_int_equal(csv->rows, 2);
        assert_int_equal(csv->bad_rows, 0);
        assert_int_equal(csv->column[CSV_COLUMNS_MAX - 1].type, CSV_INTEGER);
    }
    free(csv);
}

/* Around each size at which something ends: what is kept of a field, what is looked at for the delimiter. */
static void fields_at_the_edge_of_a_buffer_are_whole(void **state)
{
    static const size_t edges[] = {CSV_FIELD_BYTES, CSV_SAMPLE_BYTES, 2 * CSV_SAMPLE_BYTES};
    struct unit *unit = *state;

    for (size_t e = 0; e < COUNT(edges); e++)
        for (size_t length = edges[e] - 8; length <= edges[e] + 8; length++)
            for (int quoted = 0; quoted < 2; quoted++) {
                char *text = malloc(length + 64);
                struct csv *csv;
                size_t at = 0;

                assert_non_null(text);
                at += (size_t)sprintf(text, "%s", quoted ? "\"" : "");
                memset(text + at, 'x', length);
                at += length;
                at += (size_t)sprintf(text + at, "%s;b;c\r\n1;2;3\r\n", quoted ? "\"\"\"" : "");
                csv = read_slices(text, at, length, 3);
                if (length <= CSV_SAMPLE_BYTES - 8) {
                    assert_int_equal(csv->delimiter, ';');
                    assert_int_equal(csv->columns, 3);
                    assert_int_equal(csv->has_header, length + (quoted ? 1 : 0) < CSV_FIELD_BYTES);
                    assert_int_equal(csv->rows, csv->has_header ? 1 : 2);
                    assert_int_equal(csv->column[1].type, csv->has_header ? CSV_INTEGER : CSV_TEXT);
                    assert_int_equal(csv->bad_rows, 0);
                }
                assert_non_null(tell(&unit->arena, csv));
                free(csv);
                csv = read_slices(text, at, at, 1);
                assert_non_null(tell(&unit->arena, csv));
                free(csv);
                free(text);
                arena_reset(&unit->arena);
            }
}

/* A table of which everything is known, written in as many ways as the format has. */
static void a_random_table_is_counted_as_it_was_made(void **state)
{
    static const char *const ends[] = {"\n", "\r\n", "\r"};
    static const char *const plain[] = {"1", "-20", "0.5", "x", "2024-01-01", "true", "", "\xC3\xA9", "two words"};
    static const char *const quoted[] = {"\"a,b;c\td\"", "\"\"",  "\"say \"\"hi\"\"\"",
                                         "\"\"\"\"",     "\"1\"", "\"\xE2\x82\xAC\""};
    struct unit *unit = *state;
    uint64_t seed = 170;

    for (int round = 0; round < 2000; round++) {
        int columns = 2 + (int)(unit_random(&seed) % 5), rows = (int)(unit_random(&seed) % 6), bad = 0;
        const char *end = ends[unit_random(&seed) % 3];
        char delimiter = ",;\t"[unit_random(&seed) % 3];
        int64_t line = 2, first_bad = 0;
        struct csv *csv;
        struct buf text;

        buf_init(&text, &unit->arena, 64 * 1024);
        assert_true(unit_random(&seed) % 2 == 0 || buf_add_string(&text, "\xEF\xBB\xBF"));
        for (int i = 0; i < columns; i++)
            assert_true(buf_printf(&text, "%sname %d", i > 0 ? (char[]){delimiter, '\0'} : "", i));
        for (int row = 0; row < rows; row++, line += 1) {
            int more = unit_random(&seed) % 5 == 0 ? 1 - 2 * (int)(unit_random(&seed) % 2) : 0;

            assert_true(buf_add_string(&text, end));
            if (more != 0 && bad++ == 0)
                first_bad = line;
            for (int i = 0; i < columns + more; i++) {
                uint32_t kind = unit_random(&seed) % 10;

                assert_true(i == 0 || buf_add(&text, &delimiter, 1));
                if (kind == 0) {
                    assert_true(buf_printf(&text, "\"line%sbreak\"", end));
                    line++;
                } else {
                    const char *field = kind < 4 ? quoted[unit_random(&seed) % COUNT(quoted)]
                                                 : plain[unit_random(&seed) % COUNT(plain)];

                    /* A row of one empty field would be an empty line. */
                    assert_true(buf_add_string(&text, field[0] == '\0' && columns + more == 1 ? "1" : field));
                }
            }
        }
        assert_true(unit_random(&seed) % 2 == 0 || buf_add_string(&text, end));
        csv = read_slices(text.bytes, text.length, unit_random(&seed) % 50, 1 + unit_random(&seed) % 50);
        assert_int_equal(csv->delimiter, delimiter);
        assert_true(csv->has_header);
        assert_int_equal(csv->columns, columns);
        assert_int_equal(csv->rows, rows);
        assert_int_equal(csv->bad_rows, bad);
        for (int i = 0; i < columns; i++)
            assert_int_equal(csv->column[i].name[5] - '0', i);
        if (bad > 0) {
            assert_int_equal(csv->bad[0].line, first_bad);
            assert_int_equal(csv->bad[0].fault, CSV_FAULT_COLUMNS);
        }
        free(csv);
        arena_reset(&unit->arena);
    }
}

int main(void)
{
    promise_samples(parsers, COUNT(parsers));
    ALSO(a_text_cut_in_two_anywhere_is_read_as_a_whole);
    ALSO(a_field_has_the_type_that_a_person_would_give_it);
    ALSO(any_number_of_bad_lines_is_counted_and_the_first_are_listed);
    ALSO(columns_beyond_those_that_are_kept_are_counted);
    ALSO(fields_at_the_edge_of_a_buffer_are_whole);
    ALSO(a_random_table_is_counted_as_it_was_made);
    return KEEP_PROMISES(promises);
}
