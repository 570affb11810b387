#include "http/accept.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

enum { QUALITY_ONE = 1000 };

/* How exactly a range names a type; the most exact one counts. */
enum named { NAMED_NOT, NAMED_BY_ANY, NAMED_BY_KIND, NAMED_ITSELF };

struct wish {
    enum named named;
    int quality; /* thousandths */
    const char *at;
};

struct span {
    const char *begin;
    size_t length;
};

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t';
}

static struct span trim(const char *begin, const char *end)
{
    while (begin < end && is_space(*begin))
        begin++;
    while (end > begin && is_space(end[-1]))
        end--;
    return (struct span){begin, (size_t)(end - begin)};
}

static bool is(struct span span, const char *text)
{
    return span.length == strlen(text) && strncasecmp(span.begin, text, span.length) == 0;
}

/* "q=0.8" gives 800; false for any other parameter, and for an invalid q. */
static bool read_quality(struct span parameter, int *quality)
{
    const char *at = parameter.begin, *end = at + parameter.length;
    int value;

    if (parameter.length < 3 || strncasecmp(at, "q=", 2) != 0 || (at[2] != '0' && at[2] != '1'))
        return false;
    value = (at[2] - '0') * QUALITY_ONE;
    at += 3;
    if (at < end && *at++ != '.')
        return false;
    for (int worth = QUALITY_ONE / 10; at < end; at++, worth /= 10) {
        if (*at < '0' || *at > '9' || worth == 0)
            return false;
        value += (*at - '0') * worth;
    }
    *quality = value;
    return true;
}

static void take(struct wish *wish, enum named named, int quality, const char *at)
{
    if (named > wish->named)
        *wish = (struct wish){named, quality, at};
}

/* Whether it is application/json or based on it, such as application/problem+json. */
static bool is_json(struct span type)
{
    static const char application[] = "application/", json[] = "json";
    size_t before = sizeof application - 1, name = sizeof json - 1;

    if (type.length < before + name || strncasecmp(type.begin, application, before) != 0 ||
        strncasecmp(type.begin + type.length - name, json, name) != 0)
        return false;
    return type.length == before + name || type.begin[type.length - name - 1] == '+';
}

/* How much the client wants each representation that we have. */
struct wishes {
    struct wish page, json, text;
};

/* Takes one element of the list. */
static void read_range(const char *begin, const char *end, struct wishes *wishes)
{
    const char *semicolon = memchr(begin, ';', (size_t)(end - begin));
    struct span type = trim(begin, semicolon != NULL ? semicolon : end);
    int quality = QUALITY_ONE;

    while (semicolon != NULL) {
        const char *from = semicolon + 1;

        semicolon = memchr(from, ';', (size_t)(end - from));
        if (read_quality(trim(from, semicolon != NULL ? semicolon : end), &quality))
            break;
    }
    take(&wishes->page,
         is(type, "text/html") ? NAMED_ITSELF
         : is(type, "text/*")  ? NAMED_BY_KIND
                               : NAMED_NOT,
         quality, type.begin);
    take(&wishes->json,
         is_json(type)               ? NAMED_ITSELF
         : is(type, "application/*") ? NAMED_BY_KIND
                                     : NAMED_NOT,
         quality, type.begin);
    take(&wishes->text, is(type, "text/plain") ? NAMED_ITSELF : NAMED_NOT, quality, type.begin);
    if (is(type, "*/*")) {
        take(&wishes->page, NAMED_BY_ANY, quality, type.begin);
        take(&wishes->json, NAMED_BY_ANY, quality, type.begin);
    }
}

static struct wishes read_wishes(const char *accept)
{
    struct wishes wishes = {.page = {.named = NAMED_NOT}};

    while (*accept != '\0') {
        size_t length = strcspn(accept, ",");

        read_range(accept, accept + length, &wishes);
        accept += length + (accept[length] != '\0');
    }
    return wishes;
}

/* At the same q the one that is named wins, and of two that are named the first. */
static bool goes_before(const struct wish *one, const struct wish *other)
{
    if (one->quality != other->quality)
        return one->quality > other->quality;
    return one->quality > 0 && one->named == NAMED_ITSELF && (other->named != NAMED_ITSELF || one->at < other->at);
}

bool accept_page(const char *accept)
{
    const struct wishes wishes = read_wishes(accept);

    return goes_before(&wishes.page, &wishes.json);
}

bool accept_text(const char *accept)
{
    const struct wishes wishes = read_wishes(accept);

    return goes_before(&wishes.text, &wishes.json) && goes_before(&wishes.text, &wishes.page);
}
