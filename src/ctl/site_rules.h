/* The rules that mayflyctl site is given: by --require, each a row, or by --rules, from a file or standard input. */
#ifndef MAYFLY_CTL_SITE_RULES_H
#define MAYFLY_CTL_SITE_RULES_H

#include "ctl/ctl.h"

/* *rules has no text when none were given. What is wrong with them is told with its place and the line it stands in. */
bool site_rules_given(struct ctl *, struct site_rules *rules, struct err *) MUST_CHECK;

#endif
