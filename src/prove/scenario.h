/*
 * mayfly-prove, the requests of users to an application: a file in the format of Hurl
 * (https://hurl.dev/docs/hurl-file.html), of which man/mayfly-prove.1 names the part that is read, with the proof's own
 * words in comments, which Hurl ignores.
 *
 * Everything lives in the arena that scenario_parse was given, and is read only afterwards: many users run one scenario
 * at once.
 */
#ifndef MAYFLY_PROVE_SCENARIO_H
#define MAYFLY_PROVE_SCENARIO_H

#include "base/arena.h"
#include "base/err.h"

#include <stdint.h>
#include <sys/queue.h>

enum {
    SCENARIO_BYTES_MAX = 1024 * 1024, /* of the file: bodies that are larger are files of their own */
    SCENARIO_ENTRIES_MAX = 256,       /* requests; each user keeps what it knows of every one */
    SCENARIO_NAME_BYTES_MAX = 64,     /* of a variable or an effect */
    SCENARIO_FILTERS_MAX = 8,
    SCENARIO_OUTAGE_STATUSES_MAX = 16,
    SCENARIO_EFFECTS_MAX = 16,
    SCENARIO_DEPTH_MAX = 64, /* brackets of a JSON body inside of each other */
};

struct scenario_place {
    int line, column; /* from 1; a column is a byte */
};

/* A text with {{variables}}: its pieces, joined, are the text. */
struct scenario_piece {
    STAILQ_ENTRY(scenario_piece) next;
    bool is_variable;
    const char *bytes; /* as they are, or the variable's name; a NUL follows that does not count */
    size_t length;
};

STAILQ_HEAD(scenario_text, scenario_piece);

/* A header, a parameter, a cookie, a field of a form, or a part of a multipart body. */
struct scenario_pair {
    STAILQ_ENTRY(scenario_pair) next;
    struct scenario_place place;
    struct scenario_text name, value; /* value: the file's name when is_file */
    bool is_file;
    struct scenario_text type; /* of the file; empty: application/octet-stream */
};

STAILQ_HEAD(scenario_pairs, scenario_pair);

enum scenario_body_kind {
    SCENARIO_NO_BODY,
    SCENARIO_BODY_TEXT,
    SCENARIO_BODY_JSON,  /* a text that is sent as application/json unless a header says otherwise */
    SCENARIO_BODY_BYTES, /* base64, and hex, */
    SCENARIO_BODY_FILE,  /* text is its name, relative to the scenario's folder */
};

struct scenario_body {
    enum scenario_body_kind kind;
    struct scenario_place place;
    struct scenario_text text;
    const unsigned char *bytes;
    size_t length;
};

/* --- What is asked of a response */

enum scenario_query_kind {
    SCENARIO_STATUS,
    SCENARIO_HEADER,
    SCENARIO_COOKIE,
    SCENARIO_BODY,
    SCENARIO_BYTES,
    SCENARIO_SHA256,
    SCENARIO_JSONPATH,
    SCENARIO_REGEX,
    SCENARIO_VARIABLE,
    SCENARIO_DURATION, /* milliseconds */
    SCENARIO_URL,
};

enum scenario_filter_kind { SCENARIO_COUNT, SCENARIO_NTH, SCENARIO_FILTER_REGEX, SCENARIO_TO_INT };

struct scenario_filter {
    enum scenario_filter_kind kind;
    int64_t nth;               /* from 0 */
    struct scenario_text text; /* of the regular expression */
};

struct scenario_query {
    enum scenario_query_kind kind;
    struct scenario_place place;
    struct scenario_text text; /* the header, cookie, path, expression or variable */
    struct scenario_filter filters[SCENARIO_FILTERS_MAX];
    size_t filter_count;
};

enum scenario_predicate_kind {
    SCENARIO_EQUAL,
    SCENARIO_NOT_EQUAL,
    SCENARIO_GREATER,
    SCENARIO_AT_LEAST,
    SCENARIO_LESS,
    SCENARIO_AT_MOST,
    SCENARIO_STARTS_WITH,
    SCENARIO_ENDS_WITH,
    SCENARIO_CONTAINS, /* of a text, or (includes) of a list */
    SCENARIO_MATCHES,
    SCENARIO_EXISTS,
    SCENARIO_IS_EMPTY,
    SCENARIO_IS_INTEGER,
    SCENARIO_IS_NUMBER,
    SCENARIO_IS_BOOLEAN,
    SCENARIO_IS_STRING,
    SCENARIO_IS_COLLECTION,
};

enum scenario_value_kind {
    SCENARIO_NO_VALUE,
    SCENARIO_NULL,
    SCENARIO_TRUE,
    SCENARIO_FALSE,
    SCENARIO_NUMBER,
    SCENARIO_STRING,
    SCENARIO_PATTERN,     /* a regular expression */
    SCENARIO_OF_VARIABLE, /* {{name}} outside of quotes: a number where it looks like one, else a string */
    SCENARIO_BYTE_STRING, /* hex, and base64, */
};

struct scenario_value {
    enum scenario_value_kind kind;
    double number;
    struct scenario_text text;
    const unsigned char *bytes;
    size_t length;
};

struct scenario_assert {
    STAILQ_ENTRY(scenario_assert) next;
    struct scenario_query query;
    bool is_negated;
    enum scenario_predicate_kind predicate;
    struct scenario_value value;
};

STAILQ_HEAD(scenario_asserts, scenario_assert);

struct scenario_capture {
    STAILQ_ENTRY(scenario_capture) next;
    const char *name;
    struct scenario_query query;
};

STAILQ_HEAD(scenario_captures, scenario_capture);

/* --- What the proof is told */

enum scenario_effect_kind { SCENARIO_SESSION, SCENARIO_WRITE, SCENARIO_UPLOAD };

/* What a request says of an effect. */
enum scenario_part_kind {
    SCENARIO_ACKNOWLEDGES, /* when it was answered as it should be, the effect is there */
    SCENARIO_SHOWS,        /* it is answered as it should be while the effect is there, and not after it was undone */
    SCENARIO_UNDOES,
};

struct scenario_part {
    STAILQ_ENTRY(scenario_part) next;
    enum scenario_part_kind kind;
    enum scenario_effect_kind effect;
    const char *name; /* distinguishes effects of one kind; the kind's word when no name is given */
    size_t number;    /* of the effect, in the scenario's effects */
    struct scenario_place place;
};

STAILQ_HEAD(scenario_parts, scenario_part);

struct scenario_effect {
    enum scenario_effect_kind kind;
    const char *name;
};

/* --- All of it */

struct scenario_entry {
    STAILQ_ENTRY(scenario_entry) next;
    struct scenario_place place;
    const char *method;
    struct scenario_text url;
    struct scenario_pairs headers, query, form, multipart, cookies;
    struct scenario_text user, password; /* of [BasicAuth]; empty: none */
    bool has_basic;
    bool follows; /* redirects, as [Options] location: true says */
    struct scenario_body body;

    bool has_response;
    int status; /* -1: any */
    struct scenario_pairs response_headers;
    struct scenario_captures captures;
    struct scenario_asserts asserts;
    struct scenario_body response_body;

    struct scenario_parts parts;
    bool may_repeat; /* when it was not answered as it should be: its effect is the same when it is done twice */
};

STAILQ_HEAD(scenario_entries, scenario_entry);

struct scenario {
    const char *file; /* for messages */
    struct scenario_entries entries;
    size_t entry_count;
    struct scenario_effect effects[SCENARIO_EFFECTS_MAX];
    size_t effect_count;
    const char *worker_header;                /* the header that names the worker; NULL: nobody knows who answered */
    int outage[SCENARIO_OUTAGE_STATUSES_MAX]; /* statuses that say "not now", and nothing of effects */
    size_t outage_count;
};

/*
 * Reads length bytes of text. file is its name for messages, which begin with FILE:LINE:COLUMN and say what was
 * expected. ERR_INPUT: something is wrong, or is not read by mayfly-prove; ERR_LARGE: beyond a limit above.
 */
bool scenario_parse(struct scenario *, struct arena *, const char *file, const char *text, size_t length,
                    struct err *) MUST_CHECK;

#endif
