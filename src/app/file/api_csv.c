#include "app/api.h"
#include "app/file/csv.h"
#include "app/file/file_lookup.h"
#include "app/file/file_reader.h"
#include "base/json_text.h"

/*
 * POST /files/ID/csv: describes a stored CSV file. It is read in pieces, between other requests. The result lives in
 * the request's arena and is not stored.
 */

enum { QUOTED_BYTES = 6 * CSV_FIELD_BYTES + 3 /* a name whose every byte is escaped */ };

struct counting {
    struct file_reader *reader;
    struct csv csv;
};

static bool add_header(struct buf *body, const struct csv *csv, size_t named)
{
    bool ok = buf_add_string(body, ",\"header\":");

    if (!csv->has_header)
        return ok && buf_add_string(body, "null");
    ok = ok && buf_add_string(body, "[");
    for (size_t i = 0; ok && i < named; i++) {
        char name[QUOTED_BYTES];

        json_text_quote(name, sizeof name, csv->column[i].name);
        ok = buf_printf(body, "%s%s", i > 0 ? "," : "", name);
    }
    return ok && buf_add_string(body, "]");
}

static bool add_types(struct buf *body, const struct csv *csv, size_t named)
{
    bool ok = buf_add_string(body, ",\"types\":[");

    for (size_t i = 0; ok && i < named; i++)
        ok = buf_printf(body, "%s\"%s\"", i > 0 ? "," : "", csv_type_word(csv->column[i].type));
    return ok && buf_add_string(body, "]");
}

static bool add_bad_lines(struct buf *body, const struct csv *csv)
{
    bool ok = buf_add_string(body, ",\"bad_lines\":[");

    for (size_t i = 0; ok && i < csv->bad_count; i++) {
        const struct csv_bad *bad = &csv->bad[i];

        ok = buf_printf(body, "%s{\"line\":%lld,\"column\":%lld,\"reason\":\"%s\"}", i > 0 ? "," : "",
                        (long long)bad->line, (long long)bad->column, csv_fault_text(bad->fault));
    }
    return ok && buf_printf(body, "],\"bad_lines_total\":%lld}", (long long)csv->bad_rows);
}

static bool answer(struct exchange *x, const struct csv *csv, struct err *err)
{
    struct buf *body = &x->response.body;
    size_t named = csv->columns < CSV_COLUMNS_MAX ? (size_t)csv->columns : CSV_COLUMNS_MAX;
    const char delimiter[] = {csv->delimiter, '\0'};
    char quoted[sizeof "\"\\u0009\""];

    json_text_quote(quoted, sizeof quoted, delimiter);
    return (buf_printf(body, "{\"rows\":%lld,\"columns\":%lld,\"delimiter\":%s", (long long)csv->rows,
                       (long long)csv->columns, quoted) &&
            add_header(body, csv, named) && add_types(body, csv, named) && add_bad_lines(body, csv)) ||
           err_set(err, ERR_BUG, "answer is too long");
}

static bool step(struct exchange *x, bool *done, struct err *err)
{
    struct counting *counting = x->stream;
    const void *bytes;
    size_t length;

    if (!file_reader_next(x, counting->reader, &bytes, &length, err))
        return false;
    if (length > 0) {
        csv_feed(&counting->csv, bytes, length);
        return true;
    }
    csv_finish(&counting->csv);
    *done = true;
    return answer(x, &counting->csv, err);
}

static const struct job job = {.step = step};

bool api_files_csv(struct exchange *x, struct err *err)
{
    struct counting *counting = arena_alloc(&x->arena, sizeof *counting);
    struct file file;

    if (counting == NULL)
        return err_memory(err);
    if (!file_lookup(x, &file, err) || !file_reader_new(x, &file, &counting->reader, err))
        return false;
    csv_init(&counting->csv);
    x->stream = counting;
    x->job = &job;
    return true;
}
