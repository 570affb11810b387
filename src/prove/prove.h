/* mayfly-prove: options and report. */
#ifndef MAYFLY_PROVE_PROVE_H
#define MAYFLY_PROVE_PROVE_H

#include "http/template.h"
#include "prove/client.h"
#include "prove/hook.h"

#include <stdio.h>

enum {
    PROVE_HOOKS_MAX = 64,
    PROVE_USERS_MAX = 10000, /* 7 KiB each */
    PROVE_CLIENTS_MAX =
        256, /* 220 KiB each; more clients than the site's worker_connections would test something else */
    PROVE_DURATION_MAX_S = 3600,
};

struct prove_options {
    const char *url; /* without a slash at its end */
    int64_t users, clients, duration_s, seed;
    enum { UPLOAD_AUTO, UPLOAD_YES, UPLOAD_NO } upload;
    const char *json_path, *html_path; /* NULL: not wanted */
    struct hook hooks[PROVE_HOOKS_MAX];
    size_t hook_count;
    bool until_failure;
    bool help, version;
};

/* words[0] is the program's name. ERR_INPUT says what is wrong; with help or version nothing else is checked. */
bool prove_options_read(struct prove_options *, int count, char **words, struct err *) MUST_CHECK;
void prove_options_help(void);

/* The report: for people, for programs, and as one page that needs no other file. */
void prove_report_table(const struct prove *, FILE *out);
bool prove_report_json(const struct prove *, const struct prove_options *, FILE *out, struct err *) MUST_CHECK;
bool prove_report_html(const struct prove *, const struct prove_options *, FILE *out, struct err *) MUST_CHECK;

/* The report for programs; NULL when it can't be made. The caller releases it with json_decref. */
json_t *prove_report_value(const struct prove *, const struct prove_options *) MUST_CHECK;

/* src/prove/report.html, compiled in by build-aux/pages.awk. */
extern const struct template_set prove_pages;

#endif
