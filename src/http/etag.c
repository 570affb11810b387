#include "http/etag.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void etag_format(int64_t version, char tag[ETAG_BYTES])
{
    snprintf(tag, ETAG_BYTES, "\"%" PRId64 "\"", version);
}

bool etag_listed(const char *name, const char *list, const char *tag, enum etag_comparison comparison, bool *listed,
                 struct err *err)
{
    /* A list may have empty elements, which are ignored. */
    static const char between[] = ", \t";
    size_t length = tag != NULL ? strlen(tag) : 0;

    *listed = false;
    list += strspn(list, " \t");
    if (list[0] == '*' && list[1 + strspn(list + 1, " \t")] == '\0') {
        *listed = true;
        return true;
    }
    list += strspn(list, between);
    while (*list != '\0') {
        bool is_weak = strncmp(list, "W/", 2) == 0;
        const char *given = list + (is_weak ? 2 : 0);
        const char *end = given[0] == '"' ? strchr(given + 1, '"') : NULL;

        if (end == NULL)
            return err_field(err, ERR_INPUT, name, "%s: an entity tag is written in double quotes", name);
        end++;
        if (tag != NULL && (comparison == ETAG_WEAK || !is_weak) && (size_t)(end - given) == length &&
            memcmp(given, tag, length) == 0)
            *listed = true;
        list = end + strspn(end, " \t");
        if (*list != '\0' && *list != ',')
            return err_field(err, ERR_INPUT, name, "%s: entity tags are separated by commas", name);
        list += strspn(list, between);
    }
    return true;
}
