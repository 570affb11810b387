/*
 * The page for somebody who may not pass at a site. It is shown there, so it has nothing but what is beneath the site's
 * prefix.
 */
#ifndef MAYFLY_APP_GATE_GATE_PAGE_H
#define MAYFLY_APP_GATE_GATE_PAGE_H

#include "app/exchange.h"

/* 403: who this is, what the site asks for, and how to log in as somebody else. */
bool gate_page(struct exchange *, const struct rules_judgement *, struct err *) MUST_CHECK;

/* The form that asks whether somebody wants to log out, with its token. */
bool gate_page_leave(struct exchange *, const char *token, struct err *) MUST_CHECK;

/* Somebody is logged in, in a window that was opened for it (static/arrived.js). */
bool gate_page_arrived(struct exchange *, struct err *) MUST_CHECK;

/* Of an error that somebody on the way to a site has met. */
bool gate_page_error(struct exchange *, const struct err *shown, struct err *) MUST_CHECK;

#endif
