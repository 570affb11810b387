/*
 * The token that binds a form to its session, and to the host whose form it is: "" is mayfly's home, else a site. An
 * app can read what is shown at its site, so a token from there is worth nothing at home. It is derived, so no worker
 * has to store it.
 */
#ifndef MAYFLY_APP_ACCOUNT_FORM_TOKEN_H
#define MAYFLY_APP_ACCOUNT_FORM_TOKEN_H

#include "base/secret.h"
#include "store/session.h"

enum { FORM_TOKEN_BYTES = 44 /* 32 bytes in base64url, and the NUL */ };

void form_token_make(const struct secret *, const struct session *, const char *host, char token[FORM_TOKEN_BYTES]);

/* Compares in constant time, with any key of the secret. */
bool form_token_valid(const struct secret *, const struct session *, const char *host, const char *token);

#endif
