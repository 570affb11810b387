#include "object/s3_refusal.h"

#include <stdio.h>
#include <string.h>

static bool is_one_of(const char *code, const char *const *codes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(code, codes[i]) == 0)
            return true;
    return false;
}

#define IS_ONE_OF(code, codes) is_one_of(code, codes, sizeof(codes) / sizeof(codes)[0])

bool s3_refusal_element(struct s3_refusal *refusal, const char *path, const char *text)
{
    if (strncmp(path, "Error", 5) != 0)
        return false;
    if (strcmp(path, "Error/Code") == 0)
        snprintf(refusal->code, sizeof refusal->code, "%s", text[0] != '\0' ? text : "unknown");
    else if (strcmp(path, "Error/Region") == 0)
        snprintf(refusal->region, sizeof refusal->region, "%s", text);
    return true;
}

/* The codes that mean "try again" whatever the status, from "Error Responses" of the API reference. */
bool s3_refusal_passes(const struct s3_refusal *refusal, const struct s3_answer *answer)
{
    static const char *const codes[] = {"RequestTimeout",   "SlowDown",           "InternalError",
                                        "OperationAborted", "ServiceUnavailable", "Throttling"};

    return IS_ONE_OF(refusal->code, codes) || answer->status == 429 || (answer->status >= 500 && answer->status != 501);
}

/* A 404 with a body that has no code of S3's comes from a proxy and says nothing about the object. */
static bool absent(const struct s3_refusal *refusal, const struct s3_answer *answer)
{
    static const char *const codes[] = {"NoSuchKey", "NoSuchUpload"};

    return answer->status == 404 && (IS_ONE_OF(refusal->code, codes) || !refusal->has_body);
}

/* Whether every request would be refused: for the address or the key, not for what this request asks. */
static bool shut_out(const struct s3_refusal *refusal, const struct s3_answer *answer)
{
    static const char *const codes[] = {
        "AuthorizationHeaderMalformed", "ExpiredToken",      "InvalidToken",
        "TokenRefreshRequired",         "PermanentRedirect", "IllegalLocationConstraintException"};

    switch (answer->status) {
    case 401:
    case 403:
    case 404: /* of the bucket, which is missing */
    case 407:
        return true;
    default:
        return answer->status / 100 == 3 || IS_ONE_OF(refusal->code, codes);
    }
}

/* Whether the storage lacks the operation, which the request allows for. */
static bool lacking(const struct s3_refusal *refusal, const struct s3_request *request, const struct s3_answer *answer)
{
    static const char *const codes[] = {"NotImplemented", "MethodNotAllowed"};

    return (request->may_lack && (answer->status == 405 || answer->status == 501 || IS_ONE_OF(refusal->code, codes))) ||
           (request->may_be_denied && answer->status == 403 && strcmp(refusal->code, "AccessDenied") == 0);
}

bool s3_refusal_set(const struct s3_refusal *refusal, const struct s3_request *request, const struct s3_answer *answer,
                    struct err *err)
{
    static const char *const part_codes[] = {"InvalidPart", "InvalidPartOrder"};
    const char *region =
        answer->header[S3_HEADER_REGION][0] != '\0' ? answer->header[S3_HEADER_REGION] : refusal->region;
    bool elsewhere = region[0] != '\0' && (answer->status / 100 == 3 || refusal->region[0] != '\0');

    if (absent(refusal, answer))
        return err_set(err, ERR_ABSENT, "%s: there is no such %s", request->name,
                       strcmp(refusal->code, "NoSuchUpload") == 0 ? "upload" : "object");
    if (IS_ONE_OF(refusal->code, part_codes))
        return err_set(err, ERR_CONFLICT, "%s: S3 answers %ld %s: a part is not there, or is another one",
                       request->name, answer->status, refusal->code);
    if (lacking(refusal, request, answer))
        return err_set(err, ERR_METHOD, "%s: S3 answers %ld %s", request->name, answer->status, refusal->code);
    if (!shut_out(refusal, answer))
        return err_set(err, ERR_BUG, "%s: S3 answers %ld %s", request->name, answer->status, refusal->code);
    err_set(err, ERR_DOWN, "%s: S3 answers %ld %s%s%.40s%s", request->name, answer->status, refusal->code,
            elsewhere ? ": the bucket is in " : "", elsewhere ? region : "",
            elsewhere ? "; see s3_region and s3_endpoint" : "");
    err->retry_after_s = S3_REFUSED_RETRY_S;
    return false;
}

bool s3_refusal_nonsense(struct err *err)
{
    if (err->kind == ERR_BUG) {
        err->kind = ERR_DOWN;
        err->retry_after_s = S3_REFUSED_RETRY_S;
    }
    return false;
}
