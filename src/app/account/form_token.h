/* The token that binds a form to its session. It is derived, so no worker has to store it. */
#ifndef MAYFLY_APP_ACCOUNT_FORM_TOKEN_H
#define MAYFLY_APP_ACCOUNT_FORM_TOKEN_H

#include "base/secret.h"
#include "store/session.h"

enum { FORM_TOKEN_BYTES = 44 /* 32 bytes in base64url, and the NUL */ };

void form_token_make(const struct secret *, const struct session *, char token[FORM_TOKEN_BYTES]);

/* Compares in constant time, with any key of the secret. */
bool form_token_valid(const struct secret *, const struct session *, const char *token);

#endif
