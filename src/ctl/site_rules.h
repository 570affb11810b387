/* Reads the rules for mayflyctl site: from --require, each a row, or from --rules, a file or standard input. */
#ifndef MAYFLY_CTL_SITE_RULES_H
#define MAYFLY_CTL_SITE_RULES_H

#include "ctl/ctl.h"

/* *rules has no text when none were given. Errors have their place and the line. */
bool site_rules_given(struct ctl *, struct site_rules *rules, struct err *) MUST_CHECK;

#endif
