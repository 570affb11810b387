#include "http/etag.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void etag_format(int64_t version, char tag[ETAG_BYTES])
{
    snprintf(tag, ETAG_BYTES, "\"%" PRId64 "\"", version);
}

bool etag_listed(const char *list, int64_t version, bool weak, bool *listed, struct err *err)
{
    char own[ETAG_BYTES];

    etag_format(version, own);
    *listed = false;
    list += strspn(list, " \t");
    if (strcmp(list, "*") == 0) {
        *listed = version > 0;
        return true;
    }
    while (*list != '\0') {
        bool is_weak = strncmp(list, "W/", 2) == 0;
        const char *tag = list + (is_weak ? 2 : 0);
        const char *end = tag[0] == '"' ? strchr(tag + 1, '"') : NULL;

        if (end == NULL)
            return err_set(err, ERR_INPUT, "an entity tag is written in double quotes");
        if ((weak || !is_weak) && strncmp(tag, own, strlen(own)) == 0)
            *listed = true;
        list = end + 1;
        list += strspn(list, " \t");
        if (*list != '\0' && *list != ',')
            return err_set(err, ERR_INPUT, "entity tags are separated by commas");
        list += strspn(list, ", \t");
    }
    return true;
}
