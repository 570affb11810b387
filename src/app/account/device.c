#include "app/account/device.h"

#include <string.h>

struct sign {
    const char *part;
    const char *name;
};

/* A browser also names the browsers that it descends from, so descendants come first. */
static const struct sign programs[] = {
    {"Edg", "Edge"},           {"OPR/", "Opera"},        {"SamsungBrowser/", "Samsung Internet"},
    {"Firefox/", "Firefox"},   {"FxiOS/", "Firefox"},    {"CriOS/", "Chrome"},
    {"Chromium/", "Chromium"}, {"Chrome/", "Chrome"},    {"Version/", "Safari"},
    {"curl/", "curl"},         {"Wget/", "Wget"},        {"python-", "Python"},
    {"okhttp/", "An app"},     {"CFNetwork/", "An app"},
};

static const struct sign systems[] = {
    {"iPhone", "iPhone"},   {"iPad", "iPad"},    {"Android", "Android"}, {"CrOS", "ChromeOS"},   {"Windows", "Windows"},
    {"Macintosh", "a Mac"}, {"Darwin", "Apple"}, {"Linux", "Linux"},     {"FreeBSD", "FreeBSD"}, {"OpenBSD", "OpenBSD"},
};

static const char *find(const struct sign *signs, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (strstr(text, signs[i].part) != NULL)
            return signs[i].name;
    return NULL;
}

const char *device_name(struct arena *arena, const char *user_agent)
{
    const char *program = find(programs, sizeof programs / sizeof programs[0], user_agent);
    const char *system = find(systems, sizeof systems / sizeof systems[0], user_agent);

    if (program == NULL || system == NULL)
        return program != NULL ? program : system;
    return arena_printf(arena, "%s on %s", program, system);
}
