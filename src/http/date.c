#include "http/date.h"

#include <stdio.h>
#include <time.h>

static const int64_t first_s = -62135596800, last_s = 253402300799;

void date_format(int64_t time_ms, char text[DATE_BYTES])
{
    /* Not by strftime, which speaks the user's language. */
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int64_t whole_s = time_ms / 1000 - (time_ms % 1000 < 0);
    time_t seconds = whole_s < first_s ? first_s : whole_s > last_s ? last_s : whole_s;
    struct tm utc = {.tm_mday = 1};

    gmtime_r(&seconds, &utc);
    /* The remainders change nothing; they tell the compiler that it fits. */
    snprintf(text, DATE_BYTES, "%s, %02u %s %04u %02u:%02u:%02u GMT", days[utc.tm_wday % 7], (unsigned)utc.tm_mday % 32,
             months[utc.tm_mon % 12], (unsigned)(utc.tm_year + 1900) % 10000, (unsigned)utc.tm_hour % 24,
             (unsigned)utc.tm_min % 60, (unsigned)utc.tm_sec % 61);
}
