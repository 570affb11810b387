#include "http/date.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const int64_t first_s = -62135596800, last_s = 253402300799;

/* Not by strftime and strptime, which speak the user's language. */
static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

void date_format(int64_t time_ms, char text[DATE_BYTES])
{
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    int64_t whole_s = time_ms / 1000 - (time_ms % 1000 < 0);
    time_t seconds = whole_s < first_s ? first_s : whole_s > last_s ? last_s : whole_s;
    struct tm utc = {.tm_mday = 1};

    gmtime_r(&seconds, &utc);
    /* The remainders change nothing; they tell the compiler that it fits. */
    snprintf(text, DATE_BYTES, "%s, %02u %s %04u %02u:%02u:%02u GMT", days[utc.tm_wday % 7], (unsigned)utc.tm_mday % 32,
             months[utc.tm_mon % 12], (unsigned)(utc.tm_year + 1900) % 10000, (unsigned)utc.tm_hour % 24,
             (unsigned)utc.tm_min % 60, (unsigned)utc.tm_sec % 61);
}

struct parts {
    int year, day, hour, minute, second;
    char month[4];
};

/* Whether all of text has one of the three forms. What the numbers are is looked at afterwards. */
static bool scan(const char *text, struct parts *parts)
{
    char zone[4] = "";
    int end = 0;

    *parts = (struct parts){.year = 0};
    /* IMF-fixdate: Sun, 06 Nov 1994 08:49:37 GMT */
    if (sscanf(text, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d %3s%n", &parts->day, parts->month, &parts->year,
               &parts->hour, &parts->minute, &parts->second, zone, &end) == 7 &&
        text[end] == '\0')
        return strcmp(zone, "GMT") == 0;
    /* RFC 850: Sunday, 06-Nov-94 08:49:37 GMT; a year that would be far ahead is one of the century before. */
    if (sscanf(text, "%*9[A-Za-z], %2d-%3[A-Za-z]-%2d %2d:%2d:%2d %3s%n", &parts->day, parts->month, &parts->year,
               &parts->hour, &parts->minute, &parts->second, zone, &end) == 7 &&
        text[end] == '\0') {
        parts->year += parts->year < 70 ? 2000 : 1900;
        return strcmp(zone, "GMT") == 0;
    }
    /* asctime: Sun Nov  6 08:49:37 1994 */
    return sscanf(text, "%*3[A-Za-z] %3[A-Za-z] %2d %2d:%2d:%2d %4d%n", parts->month, &parts->day, &parts->hour,
                  &parts->minute, &parts->second, &parts->year, &end) == 6 &&
           text[end] == '\0';
}

bool date_read(const char *text, int64_t *time_ms)
{
    struct parts parts;
    struct tm utc;

    if (!scan(text, &parts))
        return false;
    utc = (struct tm){.tm_year = parts.year - 1900,
                      .tm_mon = -1,
                      .tm_mday = parts.day,
                      .tm_hour = parts.hour,
                      .tm_min = parts.minute,
                      .tm_sec = parts.second};
    for (int month = 0; month < 12; month++)
        if (strcmp(months[month], parts.month) == 0)
            utc.tm_mon = month;
    if (utc.tm_mon < 0 || parts.day < 1 || parts.day > 31 || parts.hour < 0 || parts.hour > 23 || parts.minute < 0 ||
        parts.minute > 59 || parts.second < 0 || parts.second > 60 || parts.year < 1)
        return false;
    *time_ms = (int64_t)timegm(&utc) * 1000;
    return true;
}
