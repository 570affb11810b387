/* mayfly-prove: options and report. */
#ifndef MAYFLY_PROVE_PROVE_H
#define MAYFLY_PROVE_PROVE_H

#include "http/template.h"
#include "prove/client.h"
#include "prove/hook.h"

#include <stdio.h>

enum {
    PROVE_HOOKS_MAX = 64,
    PROVE_VARIABLES_MAX = 32,
    PROVE_UNITS_MAX = 16,
    PROVE_OPTIONS_BYTES = 1024 * 1024, /* of the commands that are made of them */
    PROVE_USERS_MAX = 10000,           /* 7 KiB each */
    PROVE_CLIENTS_MAX =
        256, /* 220 KiB each; more clients than the site's worker_connections would test something else */
    PROVE_DURATION_MAX_S = 3600,
};

struct prove_options {
    const char *url;      /* without a slash at its end */
    const char *site_url; /* the same of a site behind its gate; NULL: none */
    int64_t users, clients, duration_s, seed;
    enum { UPLOAD_AUTO, UPLOAD_YES, UPLOAD_NO } upload;
    const char *json_path, *html_path; /* NULL: not wanted */
    struct hook hooks[PROVE_HOOKS_MAX];
    size_t hook_count;
    bool until_failure;
    bool help, version;
    /* Of a scenario. */
    const char *scenario_path;                      /* NULL: the site is mayfly */
    const char *variables[2 * PROVE_VARIABLES_MAX]; /* NAME, VALUE, NAME, VALUE … */
    size_t variable_count;
    int64_t unavailable_max_s;
    const char *pid_file, *units[PROVE_UNITS_MAX];
    size_t unit_count;
    const char *command;
    int64_t copies;
    struct arena arena;
};

/* words[0] is the program's name. ERR_INPUT says what is wrong; with help or version nothing else is checked. */
bool prove_options_read(struct prove_options *, int count, char **words, struct err *) MUST_CHECK;
void prove_options_free(struct prove_options *);
void prove_options_help(void);

/*
 * Reads the scenario, starts the copies of its program, and makes its virtual users: prove->play and
 * prove->virtual_users. The caller calls virtual_users_close, also after an error. ERR_INPUT: the scenario is wrong,
 * and where.
 */
bool virtual_users_open(struct prove *, const struct prove_options *, struct err *) MUST_CHECK;
void virtual_users_close(struct prove *);

/* The report: for people, for programs, and as one page that needs no other file. */
void prove_report_table(const struct prove *, FILE *out);
bool prove_report_json(const struct prove *, const struct prove_options *, FILE *out, struct err *) MUST_CHECK;
bool prove_report_html(const struct prove *, const struct prove_options *, FILE *out, struct err *) MUST_CHECK;

/* The report for programs; NULL when it can't be made. The caller releases it with json_decref. */
json_t *prove_report_value(const struct prove *, const struct prove_options *) MUST_CHECK;

/* src/prove/report.html, compiled in by build-aux/pages.awk. */
extern const struct template_set prove_pages;

#endif
