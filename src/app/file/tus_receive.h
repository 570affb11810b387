/* The bytes that come with a PATCH, or with the POST that creates an upload. */
#ifndef MAYFLY_APP_FILE_TUS_RECEIVE_H
#define MAYFLY_APP_FILE_TUS_RECEIVE_H

#include "app/exchange.h"
#include "base/sha1.h"
#include "http/tus.h"
#include "store/upload.h"

struct tus_body {
    struct upload *upload;
    struct tus_checksum checksum;
    struct sha256 sha256;
    struct sha1 sha1;
    bool created; /* the upload was created by this request */
    bool checked; /* the checksum was compared and right; the end may run again because of another transaction's lock */
};

/* Opens the upload and makes the request's body go into it: sets the sink of the exchange. */
bool tus_receive(struct exchange *, const struct uuid *id, struct tus_body *, struct err *) MUST_CHECK;

#endif
