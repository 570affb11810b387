#include "base/config.h"

#include "base/closest.h"
#include "base/decimal.h"
#include "base/lines.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum setting_type { TYPE_TEXT, TYPE_FLAG, TYPE_NUMBER };

struct setting {
    const char *name;
    const char *help;
    enum setting_type type;
    size_t offset;
    int64_t least, most;
};

static const struct setting settings[] = {
#define TEXT(name_, standard_, help_) {#name_, help_, TYPE_TEXT, offsetof(struct config, name_), 0, 0},
#define FLAG(name_, standard_, help_) {#name_, help_, TYPE_FLAG, offsetof(struct config, name_), 0, 0},
#define NUMBER(name_, standard_, least_, most_, help_)                                                                 \
    {#name_, help_, TYPE_NUMBER, offsetof(struct config, name_), least_, most_},
#include "base/settings.def"
#undef TEXT
#undef FLAG
#undef NUMBER
};

#define HOST_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"

void config_init(struct config *config)
{
    *config = (struct config){
#define TEXT(name_, standard_, help_) .name_ = standard_,
#define FLAG(name_, standard_, help_) .name_ = standard_,
#define NUMBER(name_, standard_, least_, most_, help_) .name_ = standard_,
#include "base/settings.def"
#undef TEXT
#undef FLAG
#undef NUMBER
    };
}

static bool one_of(const char *value, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strcmp(value, *words) == 0)
            return true;
    return false;
}

/* An origin as browsers send it: nothing follows the host and its port. */
static bool origin_like(const char *value)
{
    const char *host = strstr(value, "://");

    return (strncasecmp(value, "https://", 8) == 0 || strncasecmp(value, "http://", 7) == 0) && host[3] != '\0' &&
           host[3 + strspn(host + 3, HOST_CHARACTERS ":[]")] == '\0';
}

/* A link that may stand on a page: of a scheme that runs nothing, without what ends an attribute. */
static bool link_like(const char *value)
{
    static const char *const schemes[] = {"https://", "http://", "mailto:"};
    bool known = false;

    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
        known = known || (strncasecmp(value, schemes[i], strlen(schemes[i])) == 0 && value[strlen(schemes[i])] != '\0');
    for (; *value != '\0'; value++)
        if (*value <= ' ' || *value >= 0x7F || strchr("\"'<>\\", *value) != NULL)
            return false;
    return known;
}

/* A path of this site that may stand on a page. Pages load nothing from elsewhere (Content-Security-Policy). */
static bool path_like(const char *value)
{
    static const char characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._~-%?=&";

    return value[0] == '/' && value[1] != '/' && value[strspn(value, characters)] == '\0';
}

/* What to write instead, for a text that can't be right; NULL when it may be. */
static const char *text_cure(const char *name, const char *value)
{
    static const char *const levels[] = {"error", "warn", "info", "debug", NULL};
    static const char *const objects[] = {"postgres", "s3", NULL};
    static const char *const registrations[] = {"open", "invite", "closed", NULL};

    if (strcmp(name, "log_level") == 0 && !one_of(value, levels))
        return "say error, warn, info or debug";
    if (strcmp(name, "objects") == 0 && !one_of(value, objects))
        return "say postgres or s3";
    if ((strcmp(name, "public_origin") == 0 || strcmp(name, "home") == 0) && value[0] != '\0' && !origin_like(value))
        return "say http:// or https:// and the host, such as https://example.org, with nothing after it";
    if ((strcmp(name, "brand_logo") == 0 || (strcmp(name, "brand_css") == 0 && value[0] != '\0')) && !path_like(value))
        return "say a path of this site, such as /brand/logo.svg";
    if (strcmp(name, "registration") == 0 && !one_of(value, registrations))
        return "say open, invite or closed";
    if (strcmp(name, "support_url") == 0 && value[0] != '\0' && !link_like(value))
        return "say an address such as https://example.org/help or mailto:help@example.org, as a link has it";
    if (strcmp(name, "cookie_domain") == 0 && value[strspn(value, HOST_CHARACTERS)] != '\0')
        return "say a domain alone, such as example.org";
    return NULL;
}

static bool set_text(struct config *config, const struct setting *setting, const char *value, struct err *err)
{
    char *text = (char *)config + setting->offset;
    const char *cure = text_cure(setting->name, value);

    if (strlen(value) >= CONFIG_TEXT_BYTES)
        return err_set(err, ERR_INPUT, "%s: longer than %d characters", setting->name, CONFIG_TEXT_BYTES - 1);
    if (cure != NULL)
        return err_set(err, ERR_INPUT, "%s: %s", setting->name, cure);
    strcpy(text, value);
    return true;
}

static bool set_flag(struct config *config, const struct setting *setting, const char *value, struct err *err)
{
    bool yes = strcasecmp(value, "yes") == 0 || strcasecmp(value, "on") == 0 || strcasecmp(value, "true") == 0;
    bool no = strcasecmp(value, "no") == 0 || strcasecmp(value, "off") == 0 || strcasecmp(value, "false") == 0;

    if (!yes && !no)
        return err_set(err, ERR_INPUT, "%s: say yes or no", setting->name);
    *(bool *)((char *)config + setting->offset) = yes;
    return true;
}

static bool set_number(struct config *config, const struct setting *setting, const char *value, struct err *err)
{
    return decimal_parse(value, setting->least, setting->most, (int64_t *)((char *)config + setting->offset)) ||
           err_set(err, ERR_INPUT, "%s: say a whole number from %lld to %lld", setting->name, (long long)setting->least,
                   (long long)setting->most);
}

static const struct setting *find(const char *name, size_t length)
{
    for (size_t i = 0; i < CONFIG_SETTINGS; i++)
        if (strlen(settings[i].name) == length && memcmp(settings[i].name, name, length) == 0)
            return &settings[i];
    return NULL;
}

static bool refuse_name(const char *name, struct err *err)
{
    struct closest closest;

    closest_init(&closest, name);
    for (size_t i = 0; i < CONFIG_SETTINGS; i++)
        closest_offer(&closest, settings[i].name);
    if (closest.best != NULL)
        return err_set(err, ERR_INPUT, "%s: no such setting; did you mean %s?", name, closest.best);
    return err_set(err, ERR_INPUT, "%s: no such setting; `mayflyctl config show` lists them all", name);
}

bool config_set(struct config *config, const char *name, const char *value, struct err *err)
{
    const struct setting *setting = find(name, strlen(name));

    if (setting == NULL)
        return refuse_name(name, err);
    switch (setting->type) {
    case TYPE_TEXT:
        return set_text(config, setting, value, err);
    case TYPE_FLAG:
        return set_flag(config, setting, value, err);
    case TYPE_NUMBER:
        break;
    }
    return set_number(config, setting, value, err);
}

static char *trim(char *text)
{
    char *end;

    text += strspn(text, " \t\r\n");
    end = text + strlen(text);
    while (end > text && strchr(" \t\r\n", end[-1]) != NULL)
        *--end = '\0';
    return text;
}

/* The longest line: a text of CONFIG_TEXT_BYTES, its name, and a remark. */
enum { LINE_BYTES = 1022 };

static bool set_line(void *arg, char *line, int number, struct err *err)
{
    struct config *config = arg;
    char *name = trim(line);
    char *value = strchr(name, '=');
    const struct setting *setting;

    if (name[0] == '\0' || name[0] == '#')
        return true;
    if (value == NULL)
        return err_set(err, ERR_INPUT, "'%s' is not of the form name = value", name);
    *value++ = '\0';
    name = trim(name);
    setting = find(name, strlen(name));
    if (setting != NULL && config->lines[setting - settings] != 0)
        return err_set(err, ERR_INPUT, "%s: set twice; remove one", name);
    if (setting != NULL)
        config->lines[setting - settings] = number;
    return config_set(config, name, trim(value), err);
}

bool config_load(struct config *config, const char *path, struct err *err)
{
    FILE *file = fopen(path, "re");

    config_init(config);
    if (file == NULL)
        return err_set(err, ERR_INPUT, "%s: %s; name another file with -c", path, strerror(errno));
    return lines_read(file, path, LINE_BYTES, set_line, config, err);
}

bool config_refuse(const struct config *config, const char *path, const struct err *reason, struct err *err)
{
    const struct setting *setting = find(reason->detail, strcspn(reason->detail, ":"));
    int line = setting == NULL ? 0 : config->lines[setting - settings];

    if (setting == NULL)
        return err_set(err, reason->kind, "%s", reason->detail);
    if (line == 0)
        return err_set(err, reason->kind, "%s: %s", path, reason->detail);
    return err_set(err, reason->kind, "%s:%d: %s", path, line, reason->detail);
}

/* Where a connection string may give a password, or NULL: after "password =", or after the scheme of a URI. */
static const char *password_at(const char *value)
{
    const char *uri = strstr(value, "://");

    if (uri != NULL && strchr(uri, '@') != NULL)
        return uri + strlen("://");
    for (const char *at = value; (at = strstr(at, "password")) != NULL;) {
        at += strlen("password");
        at += strspn(at, " \t\v\f");
        if (*at == '=')
            return at + 1;
    }
    return NULL;
}

static void print_text(const char *value, FILE *out)
{
    const char *password = password_at(value);

    if (password == NULL)
        fprintf(out, "%s\n", value);
    else
        fprintf(out, "%.*s*** # the rest is left out\n", (int)(password - value), value);
}

void config_print(const struct config *config, FILE *out)
{
    for (size_t i = 0; i < CONFIG_SETTINGS; i++) {
        const struct setting *setting = &settings[i];
        const char *value = (const char *)config + setting->offset;

        fprintf(out, "# %s\n%s = ", setting->help, setting->name);
        switch (setting->type) {
        case TYPE_TEXT:
            print_text(value, out);
            break;
        case TYPE_FLAG:
            fprintf(out, "%s\n", *(const bool *)value ? "yes" : "no");
            break;
        case TYPE_NUMBER:
            fprintf(out, "%lld\n", (long long)*(const int64_t *)value);
            break;
        }
    }
}

enum log_level config_log_level(const struct config *config)
{
    switch (config->log_level[0]) {
    case 'e':
        return LOG_ERROR;
    case 'w':
        return LOG_WARN;
    case 'd':
        return LOG_DEBUG;
    default:
        return LOG_INFO;
    }
}
