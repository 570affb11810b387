#include "http/route.h"

#include <stdio.h>
#include <string.h>

/* Whether path fits pattern; copies the segment in the place of ":name". */
static bool fits(const char *pattern, const char *path, char parameter[ROUTE_PARAMETER_MAX])
{
    parameter[0] = '\0';
    while (*pattern != '\0' && *path != '\0') {
        size_t length;

        if (*pattern != ':') {
            if (*pattern++ != *path++)
                return false;
            continue;
        }
        length = strcspn(path, "/");
        if (length == 0 || length >= ROUTE_PARAMETER_MAX)
            return false;
        memcpy(parameter, path, length);
        parameter[length] = '\0';
        path += length;
        pattern += strcspn(pattern, "/");
    }
    return *pattern == '\0' && *path == '\0';
}

static void write_allow(unsigned methods, char allow[ROUTE_ALLOW_MAX])
{
    size_t length = 0;

    if ((methods & METHOD_GET) != 0)
        methods |= METHOD_HEAD;
    methods |= METHOD_OPTIONS;
    for (unsigned method = METHOD_GET; method <= METHOD_OPTIONS; method <<= 1)
        if ((methods & method) != 0)
            length += (size_t)snprintf(allow + length, ROUTE_ALLOW_MAX - length, "%s%s", length > 0 ? ", " : "",
                                       method_name((enum method)method));
}

bool route_find(const struct route *routes, size_t count, enum method method, const char *path,
                struct route_match *match, struct err *err)
{
    unsigned wanted = method == METHOD_HEAD ? METHOD_HEAD | METHOD_GET : method;
    char parameter[ROUTE_PARAMETER_MAX];
    unsigned methods = 0;

    *match = (struct route_match){.route = NULL};
    for (size_t i = 0; i < count; i++) {
        if (!fits(routes[i].path, path, parameter))
            continue;
        methods |= routes[i].method;
        if ((routes[i].method & wanted) == 0 || match->route != NULL)
            continue;
        match->route = &routes[i];
        memcpy(match->parameter, parameter, sizeof parameter);
    }
    if (methods == 0)
        return err_set(err, ERR_ABSENT, "there is nothing here");
    write_allow(methods, match->allow);
    if (match->route == NULL && method != METHOD_OPTIONS)
        return err_set(err, ERR_METHOD, "this takes %s", match->allow);
    return true;
}
