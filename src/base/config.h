/* The configuration: one file of `name = value` lines; settings.def is the list of names. */
#ifndef MAYFLY_BASE_CONFIG_H
#define MAYFLY_BASE_CONFIG_H

#include "base/err.h"
#include "base/log.h"

#include <stdio.h>

/* Long enough for a connection string with several hosts. */
enum { CONFIG_TEXT_BYTES = 512 };

/* The number of settings. */
enum {
    CONFIG_SETTINGS = 0
#define TEXT(name, standard, help) +1
#define FLAG(name, standard, help) +1
#define NUMBER(name, standard, least, most, help) +1
#include "base/settings.def"
#undef TEXT
#undef FLAG
#undef NUMBER
};

struct config {
#define TEXT(name, standard, help) char name[CONFIG_TEXT_BYTES];
#define FLAG(name, standard, help) bool name;
#define NUMBER(name, standard, least, most, help) int64_t name;
#include "base/settings.def"
#undef TEXT
#undef FLAG
#undef NUMBER
    int lines[CONFIG_SETTINGS]; /* of the file; 0: it does not set this one */
};

/* Fills in the defaults. */
void config_init(struct config *);

/* Sets one setting from text; ERR_INPUT says what would be accepted. */
bool config_set(struct config *, const char *name, const char *value, struct err *) MUST_CHECK;

/* Defaults, then the file; ERR_INPUT names file, line, reason and cure. Unknown and repeated names are refused. */
bool config_load(struct config *, const char *path, struct err *) MUST_CHECK;

/*
 * Passes a reason on, for code that finds a value wrong after config_load. A reason that begins with the name of a
 * setting and a colon gets file and line before it. Returns false.
 */
bool config_refuse(const struct config *, const char *path, const struct err *reason, struct err *);

/* Prints every setting as a configuration file with its help; passwords in connection strings are left out. */
void config_print(const struct config *, FILE *);

enum log_level config_log_level(const struct config *);

#endif
