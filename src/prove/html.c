/*
 * mayfly-prove --html: src/prove/report.html with the report's JSON and, for readers without scripting, its verdict and
 * its tables. http/template.h escapes all of it.
 */
#include "prove/prove.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "http/template.h"

#include <stdlib.h>
#include <string.h>

enum {
    NONCE_BYTES = 16, /* of random bytes, as Content Security Policy recommends */
    /*
     * TALLY_TICKS_MAX of 30 bytes, TALLY_FINDINGS_MAX and TALLY_EVENTS_MAX of 4 KiB with all escapes, and as much
     * again.
     */
    PAGE_MAX_BYTES = 4 * 1024 * 1024,
    MEMORY_BYTES = 4 * PAGE_MAX_BYTES, /* a buffer that grows by doubling */
};

/* What --json writes, in one line of ASCII. Free it with free. */
static char *report_json(const struct prove *prove, const struct prove_options *options)
{
    json_t *report = prove_report_value(prove, options);
    char *text = report != NULL ? json_dumps(report, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;

    json_decref(report);
    return text;
}

/* What is printed. Free it with free. */
static char *report_text(const struct prove *prove)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    if (out == NULL)
        return NULL;
    prove_report_table(prove, out);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

static json_t *page_values(const struct prove *prove, const struct prove_options *options)
{
    char *json = report_json(prove, options), *text = report_text(prove);
    unsigned char random[NONCE_BYTES];
    char reason[TALLY_FINDING_BYTES], nonce[2 * NONCE_BYTES + 1];
    bool proven = tally_proven(&prove->tally, reason);
    json_t *values = NULL;

    random_bytes(random, sizeof random);
    bytes_to_hex(random, sizeof random, nonce);
    if (json != NULL && text != NULL)
        values = json_pack("{s:s, s:b, s:s, s:s, s:s, s:s}", "url", options->url, "proven", proven, "reason", reason,
                           "nonce", nonce, "text", text, "json", json);
    free(json);
    free(text);
    return values;
}

bool prove_report_html(const struct prove *prove, const struct prove_options *options, FILE *out, struct err *err)
{
    json_t *values = page_values(prove, options);
    struct arena arena;
    struct buf page;
    bool ok;

    arena_init(&arena, MEMORY_BYTES);
    buf_init(&page, &arena, PAGE_MAX_BYTES);
    ok = values != NULL ? template_render(&prove_pages, "report", values, &page, err)
                        : err_set(err, ERR_DOWN, "the report can't be written as a page");
    if (ok)
        fwrite(page.bytes, 1, page.length, out);
    json_decref(values);
    arena_free(&arena);
    return ok;
}
