/* The values that a page's template is filled with. */
#ifndef MAYFLY_APP_PAGE_VALUES_H
#define MAYFLY_APP_PAGE_VALUES_H

#include "http/json.h"

/* Sets a member to text, which is copied; NULL leaves it out. False: memory is out. */
bool values_set_text(json_t *object, const char *name, const char *text) MUST_CHECK;
bool values_set_true(json_t *object, const char *name) MUST_CHECK;

#endif
