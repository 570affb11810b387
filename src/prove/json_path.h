/*
 * The part of JSONPath (RFC 9535) that scenarios use: $, .name, ["name"], [0], [-1], [*] and .*. Descendants (..),
 * slices, unions and filters are refused, each by its name.
 */
#ifndef MAYFLY_PROVE_JSON_PATH_H
#define MAYFLY_PROVE_JSON_PATH_H

#include "http/json.h"

enum {
    JSON_PATH_STEPS_MAX = 32,
    JSON_PATH_FOUND_MAX = 10000, /* elements of a list that a path finds */
};

enum json_path_step_kind { JSON_PATH_NAME, JSON_PATH_INDEX, JSON_PATH_ALL };

struct json_path_step {
    enum json_path_step_kind kind;
    const char *name;
    size_t name_length;
    int64_t index; /* from the end when negative */
};

struct json_path {
    struct json_path_step steps[JSON_PATH_STEPS_MAX];
    size_t count;
    bool finds_many; /* [*] or .* is in it */
};

/* ERR_INPUT says at which character something else was expected. Names are copied to the arena. */
bool json_path_parse(struct json_path *, struct arena *, const char *text, struct err *) MUST_CHECK;

/*
 * *found is what the path leads to in value, for the caller to decref: one value, or with finds_many a new array of
 * those there are, which may be empty. NULL: it leads nowhere. ERR_LARGE beyond JSON_PATH_FOUND_MAX.
 */
bool json_path_find(const struct json_path *, json_t *value, json_t **found, struct err *) MUST_CHECK;

#endif
