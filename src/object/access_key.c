#include "object/access_key.h"

#include "base/lines.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { PATH_BYTES = 1024 };

/* A session token with its name. */
enum { LINE_BYTES = ACCESS_KEY_TOKEN_MAX + 254 };
_Static_assert((int)LINE_BYTES <= (int)LINE_MAX_BYTES, "the longest line is read");

struct part {
    const char *name;
    char *value;
    size_t max;
};

/* The three parts of a key; the last row has a NULL name. */
#define PARTS(key)                                                                                                     \
    {                                                                                                                  \
        {"AWS_ACCESS_KEY_ID", (key)->id, ACCESS_KEY_ID_MAX},                                                           \
            {"AWS_SECRET_ACCESS_KEY", (key)->secret, ACCESS_KEY_SECRET_MAX},                                           \
            {"AWS_SESSION_TOKEN", (key)->token, ACCESS_KEY_TOKEN_MAX}, {NULL, NULL, 0},                                \
    }

/* Visible ASCII only: all three travel in headers. */
static bool set_part(const struct part *part, const char *value, struct err *err)
{
    if (strlen(value) > part->max)
        return err_set(err, ERR_INPUT, "%s is longer than %zu characters", part->name, part->max);
    for (const char *at = value; *at != '\0'; at++)
        if (*at <= ' ' || *at > '~')
            return err_set(err, ERR_INPUT, "%s has a character that can't be in it", part->name);
    strcpy(part->value, value);
    return true;
}

/* An error does not show an unknown name, since it may be a value in the wrong place. */
static bool take_line(void *arg, char *line, int number, struct err *err)
{
    const struct part *parts = arg;
    char *value;

    (void)number;
    line += strspn(line, " \t");
    /* The file of the AWS tools names a profile. Only the profile [default] is accepted. */
    if (line[0] == '\0' || line[0] == '#' || line[0] == ';' || strcmp(line, "[default]") == 0)
        return true;
    value = strchr(line, '=');
    if (value == NULL)
        return err_set(err, ERR_INPUT, "not of the form AWS_ACCESS_KEY_ID = value");
    *value++ = '\0';
    line[strcspn(line, " \t")] = '\0';
    value += strspn(value, " \t");
    for (char *end = value + strlen(value); end > value && strchr(" \t", end[-1]) != NULL;)
        *--end = '\0';
    for (; parts->name != NULL; parts++)
        if (strcasecmp(line, parts->name) == 0 && parts->value[0] != '\0')
            return err_set(err, ERR_INPUT, "%s is set twice", parts->name);
        else if (strcasecmp(line, parts->name) == 0)
            return set_part(parts, value, err);
    return err_set(err, ERR_INPUT, "not AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or AWS_SESSION_TOKEN");
}

static bool load_file(struct part *parts, const char *path, struct err *err)
{
    FILE *file = fopen(path, "re");

    if (file == NULL)
        return err_set(err, ERR_INPUT, "%s: %s", path, strerror(errno));
    return lines_read(file, path, LINE_BYTES, take_line, parts, err);
}

static bool load_environment(const struct part *parts, struct err *err)
{
    for (; parts->name != NULL; parts++) {
        const char *value = getenv(parts->name);
        struct err reason = {.kind = ERR_NONE};

        if (value != NULL && !set_part(parts, value, &reason))
            return err_set(err, reason.kind, "environment: %s", reason.detail);
    }
    return true;
}

static bool load(struct access_key *key, const char *path, struct err *err)
{
    struct part parts[] = PARTS(key);
    const char *where = path[0] != '\0' ? path : "environment";
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    char full[PATH_BYTES];

    if (path[0] != '\0' && strchr(path, '/') == NULL) {
        if (folder == NULL)
            return err_set(err, ERR_INPUT, "'%s' has no slash, and $CREDENTIALS_DIRECTORY is not set", path);
        if (snprintf(full, sizeof full, "%s/%s", folder, path) >= (int)sizeof full)
            return err_set(err, ERR_INPUT, "the path of '%s' is too long", path);
        path = full;
    }
    if (path[0] != '\0' ? !load_file(parts, path, err) : !load_environment(parts, err))
        return false;
    if (key->id[0] == '\0' || key->secret[0] == '\0')
        return err_set(err, ERR_INPUT, "%s: %s is missing; s3_credentials names a file that has it", where,
                       key->id[0] == '\0' ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY");
    return true;
}

bool access_key_load(struct access_key **keyp, const char *path, struct err *err)
{
    struct access_key *key = sodium_malloc(sizeof *key);

    *keyp = NULL;
    if (key == NULL)
        return err_memory(err);
    sodium_memzero(key, sizeof *key);
    if (!load(key, path, err)) {
        sodium_free(key);
        return false;
    }
    sodium_mprotect_readonly(key);
    *keyp = key;
    return true;
}

void access_key_free(struct access_key *key)
{
    sodium_free(key);
}
