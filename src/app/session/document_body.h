/* The documents of sessions, accounts and apps in requests and answers (RFC 7396, RFC 9110). */
#ifndef MAYFLY_APP_SESSION_DOCUMENT_BODY_H
#define MAYFLY_APP_SESSION_DOCUMENT_BODY_H

#include "app/exchange.h"

enum document_change { DOCUMENT_PUT, DOCUMENT_PATCH, DOCUMENT_DELETE };

/* The request's preconditions, of a document at this version. *same: GET is answered with 304. */
bool document_check(struct exchange *, int64_t version, bool *same, struct err *) MUST_CHECK;

/* ETag of the answer. */
bool document_tag(struct exchange *, int64_t version, struct err *) MUST_CHECK;

/* The answer to a GET: 304, or 200 with this JSON, which lives as long as the exchange. */
bool document_show(struct exchange *, int64_t version, const char *json, struct err *) MUST_CHECK;

/* The document in a request. */
struct document_body {
    const char *json; /* PUT: the new document, as the database has it; PATCH: the patch, as it was sent */
    size_t length;    /* of a PATCH */
};

/* Reads and checks the body, before anything is locked. */
bool document_read_body(struct exchange *, enum document_change, struct document_body *, struct err *) MUST_CHECK;

/* *text, in the exchange's arena, is the stored document with the patch that was sent. */
bool document_patched(struct exchange *, const char *stored, const struct document_body *patch, const char **text,
                      struct err *) MUST_CHECK;

/* For a repeated request whose answer lacks its body (x->body_hash): uses this text when it has that hash. */
bool document_recall(struct exchange *, const char *text, struct err *) MUST_CHECK;

#endif
