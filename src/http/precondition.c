#include "http/precondition.h"

#include "http/date.h"
#include "http/etag.h"

bool precondition_given(const struct request *request)
{
    return request->if_match[0] != '\0' || request->if_none_match[0] != '\0' || request->if_modified_since[0] != '\0' ||
           request->if_unmodified_since[0] != '\0';
}

static bool reads(const struct request *request)
{
    return (request->method & (METHOD_GET | METHOD_HEAD)) != 0;
}

/* Whether it was changed after the date in the header; an invalid date is ignored (section 13.1.3). */
static bool changed_since(const char *date, const struct validators *validators, bool otherwise)
{
    int64_t date_ms;

    if (validators->modified_ms == 0 || !date_read(date, &date_ms))
        return otherwise;
    /* Dates have whole seconds. */
    return validators->modified_ms / 1000 > date_ms / 1000;
}

/* Steps 1 and 2: conditions that protect a change from applying to another version. */
static bool check_match(const struct request *request, const struct validators *validators, struct err *err)
{
    bool listed;

    if (request->if_match[0] == '\0') {
        if (request->if_unmodified_since[0] != '\0' && changed_since(request->if_unmodified_since, validators, false))
            return err_field(err, ERR_STALE, "If-Unmodified-Since", "If-Unmodified-Since: it was changed after that");
        return true;
    }
    if (!etag_listed("If-Match", request->if_match, validators->tag, ETAG_STRONG, &listed, err))
        return false;
    if (listed)
        return true;
    return validators->tag != NULL
               ? err_field(err, ERR_STALE, "If-Match", "If-Match: its entity tag is %s now", validators->tag)
               : err_field(err, ERR_STALE, "If-Match", "If-Match: this has no entity tag");
}

/* Steps 3 and 4: conditions that spare a download, or a change of something that exists. */
static bool check_none_match(const struct request *request, const struct validators *validators, bool *same,
                             struct err *err)
{
    if (request->if_none_match[0] == '\0') {
        *same = reads(request) && request->if_modified_since[0] != '\0' &&
                !changed_since(request->if_modified_since, validators, true);
        return true;
    }
    if (!etag_listed("If-None-Match", request->if_none_match, validators->tag, ETAG_WEAK, same, err))
        return false;
    if (!*same || reads(request))
        return true;
    *same = false;
    return validators->tag != NULL ? err_field(err, ERR_STALE, "If-None-Match",
                                               "If-None-Match: this is there, with the entity tag %s", validators->tag)
                                   : err_field(err, ERR_STALE, "If-None-Match", "If-None-Match: this is there");
}

bool precondition_check(const struct request *request, const struct validators *validators, bool *same, struct err *err)
{
    *same = false;
    return check_match(request, validators, err) && check_none_match(request, validators, same, err);
}
