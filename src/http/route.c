#include "http/route.h"

#include <stdio.h>
#include <string.h>

enum { PARAMETERS_MAX = 2 };

/* Whether path matches pattern; copies the segments that ":name" stands for. */
static bool fits(const char *pattern, const char *path, char parameters[PARAMETERS_MAX][ROUTE_PARAMETER_MAX])
{
    size_t count = 0;

    parameters[0][0] = parameters[1][0] = '\0';
    while (*pattern != '\0' && *path != '\0') {
        size_t length;

        if (*pattern != ':') {
            if (*pattern++ != *path++)
                return false;
            continue;
        }
        length = strcspn(path, "/");
        if (length == 0 || length >= ROUTE_PARAMETER_MAX || count == PARAMETERS_MAX)
            return false;
        memcpy(parameters[count], path, length);
        parameters[count++][length] = '\0';
        path += length;
        pattern += strcspn(pattern, "/");
    }
    return *pattern == '\0' && *path == '\0';
}

const char *route_allow(const struct route_match *match, char allow[ROUTE_ALLOW_MAX])
{
    unsigned methods = match->methods | METHOD_OPTIONS;
    size_t length = 0;

    if ((methods & METHOD_GET) != 0)
        methods |= METHOD_HEAD;
    for (unsigned method = METHOD_GET; method <= METHOD_OPTIONS; method <<= 1)
        if ((methods & method) != 0)
            length += (size_t)snprintf(allow + length, ROUTE_ALLOW_MAX - length, "%s%s", length > 0 ? ", " : "",
                                       method_name((enum method)method));
    return allow;
}

bool route_find(const struct route *routes, size_t count, enum method method, const char *path,
                struct route_match *match, struct err *err)
{
    unsigned wanted = method == METHOD_HEAD ? METHOD_HEAD | METHOD_GET : method;
    char parameters[PARAMETERS_MAX][ROUTE_PARAMETER_MAX];
    char allow[ROUTE_ALLOW_MAX];

    *match = (struct route_match){.route = NULL};
    for (size_t i = 0; i < count; i++) {
        if (!fits(routes[i].path, path, parameters))
            continue;
        match->methods |= routes[i].method;
        if ((routes[i].method & wanted) == 0 || match->route != NULL)
            continue;
        match->route = &routes[i];
        memcpy(match->parameter, parameters[0], sizeof match->parameter);
        memcpy(match->second, parameters[1], sizeof match->second);
    }
    if (match->methods == 0)
        return err_set(err, ERR_ABSENT, "there is nothing here");
    if (match->route == NULL && method != METHOD_OPTIONS)
        return err_set(err, ERR_METHOD, "this path accepts %s", route_allow(match, allow));
    return true;
}
