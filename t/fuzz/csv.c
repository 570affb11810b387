/* Whole and in slices: the same rows, columns, types and bad lines. */
#include "app/file/csv.h"
#include "base/utf8.h"
#include "fuzz.h"

static struct csv *read_in_steps(const uint8_t *data, size_t size, size_t step)
{
    struct csv *csv = malloc(sizeof *csv);

    csv_init(csv);
    for (size_t at = 0; at < size; at += step) {
        size_t length = size - at < step ? size - at : step;
        char *copy = exact(data + at, length);

        csv_feed(csv, copy, length);
        free(copy);
    }
    csv_finish(csv);
    return csv;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct csv *one, *other;
    size_t step;

    if (size == 0)
        return 0;
    step = (size_t)data[0] % 37 + 1;
    data++;
    size--;
    one = read_in_steps(data, size, size + 1);
    other = read_in_steps(data, size, step);
    CHECK(one->rows == other->rows && one->columns == other->columns && one->bad_rows == other->bad_rows &&
          one->bad_count == other->bad_count && one->delimiter == other->delimiter &&
          one->has_header == other->has_header);
    CHECK(one->bad_count <= CSV_BAD_MAX && one->rows >= 0 && one->bad_rows <= one->rows + one->has_header);
    for (size_t i = 0; i < one->bad_count; i++)
        CHECK(one->bad[i].line == other->bad[i].line && one->bad[i].column == other->bad[i].column &&
              one->bad[i].fault == other->bad[i].fault && csv_fault_text(one->bad[i].fault) != NULL);
    for (int64_t i = 0; i < one->columns && i < CSV_COLUMNS_MAX; i++) {
        CHECK(one->column[i].type == other->column[i].type && strcmp(one->column[i].name, other->column[i].name) == 0);
        CHECK(csv_type_word(one->column[i].type) != NULL);
        CHECK(memchr(one->column[i].name, '\0', CSV_FIELD_BYTES) != NULL);
        CHECK(!one->has_header ||
              utf8_check(one->column[i].name, strlen(one->column[i].name)) == strlen(one->column[i].name));
    }
    free(one);
    free(other);
    return 0;
}
