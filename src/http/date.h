#ifndef MAYFLY_HTTP_DATE_H
#define MAYFLY_HTTP_DATE_H

#include <stdbool.h>
#include <stdint.h>

enum { DATE_BYTES = 30 /* with the NUL */ };

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, section 5.6.7). Milliseconds since 1970, held to the years 1 to 9999. */
void date_format(int64_t time_ms, char text[DATE_BYTES]);

/* Reads a date in any of the three forms that a recipient has to accept; false for anything else. */
bool date_read(const char *text, int64_t *time_ms);

#endif
