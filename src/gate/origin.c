#include "gate/origin.h"

#include "base/address.h"
#include "base/decimal.h"
#include "base/percent.h"
#include "gate/path.h"

#include <stdio.h>
#include <string.h>

enum { LABEL_MAX = 63, PORT_HTTP = 80, PORT_HTTPS = 443 };

static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";

static bool refuse(struct err *err, const char *text, const char *what)
{
    return err_field(err, ERR_VALUE, "origin", "'%.100s': %s", text, what);
}

/* Labels of letters, digits, '-' and '_', none of them empty or too long. */
static bool is_name(const char *host)
{
    for (;; host++) {
        size_t length = strspn(host, letters);

        if (length == 0 || length > LABEL_MAX || host[0] == '-' || host[length - 1] == '-')
            return false;
        host += length;
        if (*host != '.')
            return *host == '\0';
    }
}

/* Whether browsers read the name as an IPv4 address: its last label is a number. */
static bool looks_like_ipv4(const char *host)
{
    const char *last = strrchr(host, '.');

    last = last != NULL ? last + 1 : host;
    return strspn(last, "0123456789") == strlen(last);
}

/* In the usual form, between brackets. */
static bool read_ipv6(const char *text, size_t length, char host[ORIGIN_HOST_BYTES])
{
    char address[ADDRESS_TEXT_BYTES], plain[ADDRESS_TEXT_BYTES];

    if (length < 2 || length - 2 >= sizeof address || text[length - 1] != ']')
        return false;
    memcpy(address, text + 1, length - 2);
    address[length - 2] = '\0';
    if (strchr(address, ':') == NULL || !address_plain(address, plain) || strchr(plain, ':') == NULL)
        return false;
    snprintf(host, ORIGIN_HOST_BYTES, "[%s]", plain);
    return true;
}

static bool read_host(const char *whole, const char *text, size_t length, char host[ORIGIN_HOST_BYTES], struct err *err)
{
    char plain[ADDRESS_TEXT_BYTES];

    if (length > 0 && text[0] == '[')
        return read_ipv6(text, length, host) || refuse(err, whole, "there is no address of IPv6 between the brackets");
    if (length > 0 && text[length - 1] == '.')
        length--;
    if (length >= ORIGIN_HOST_BYTES)
        return refuse(err, whole, "a host's name has at most 253 characters");
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] > 0x7F)
            return refuse(err, whole, "write the host's name as DNS has it, such as xn--bcher-kva.example");
        host[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + 'a' - 'A') : text[i];
    }
    host[length] = '\0';
    if (!is_name(host))
        return refuse(err, whole, "expected the name of a host after ://");
    if (looks_like_ipv4(host) && !address_plain(host, plain))
        return refuse(err, whole, "write the address as four numbers, such as 127.0.0.1");
    return true;
}

static bool read_port(const char *whole, const char *text, size_t length, int *port, struct err *err)
{
    char digits[DECIMAL_BYTES];
    int64_t number = 0;

    if (length < sizeof digits) {
        memcpy(digits, text, length);
        digits[length] = '\0';
        if (decimal_parse(digits, 1, 65535, &number)) {
            *port = (int)number;
            return true;
        }
    }
    return refuse(err, whole, "expected a port, 1 to 65535, after the host's colon");
}

static bool read_prefix(const char *whole, const char *text, char prefix[ORIGIN_PREFIX_BYTES], struct err *err)
{
    char plain[PATH_BYTES];
    size_t length;

    if (text[0] == '\0')
        text = "/";
    if (strchr(text, '?') != NULL || strchr(text, '#') != NULL)
        return refuse(err, whole, "leave out what begins with ? or #; a site has all of its paths");
    if (!path_plain(text, strlen(text), plain) || strchr(plain, '*') != NULL)
        return refuse(err, whole, "its path can be read in more than one way");
    length = strlen(plain);
    if (length >= ORIGIN_PREFIX_BYTES)
        return refuse(err, whole, "its path has at most 255 bytes");
    if (plain[length - 1] != '/')
        return refuse(err, whole, "let its path end with /: the site is all beneath");
    memcpy(prefix, plain, length + 1);
    return true;
}

/*
 * Hosts at which browsers treat http as secure, and accept cookies that are Secure (W3C Secure Contexts, section 3.1).
 */
static bool is_this_host(const char *host)
{
    size_t length = strlen(host), localhost = sizeof "localhost" - 1;

    if (length >= localhost && strcmp(host + length - localhost, "localhost") == 0)
        return length == localhost || host[length - localhost - 1] == '.';
    return strcmp(host, "[::1]") == 0 || (looks_like_ipv4(host) && strncmp(host, "127.", 4) == 0);
}

bool origin_read(const char *text, struct origin *origin, struct err *err)
{
    struct origin made = {.is_https = strncmp(text, "https://", 8) == 0};
    const char *host = text + (made.is_https ? 8 : 7);
    size_t length, name;

    if (!made.is_https && strncmp(text, "http://", 7) != 0)
        return refuse(err, text, "write an origin, such as https://git.example.org");
    length = strcspn(host, "/?#");
    if (memchr(host, '@', length) != NULL)
        return refuse(err, text, "leave out the user's name before the @");
    name = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/?#");
    name = name < length ? name : length;
    made.port = made.is_https ? PORT_HTTPS : PORT_HTTP;
    if (!read_host(text, host, name, made.host, err))
        return false;
    if (name < length && host[name] != ':')
        return refuse(err, text, "expected a colon or a slash after the host");
    if (name < length && !read_port(text, host + name + 1, length - name - 1, &made.port, err))
        return false;
    if (!read_prefix(text, host + length, made.prefix, err))
        return false;
    if (!made.is_https && !is_this_host(made.host))
        return refuse(err, text, "write https: a session's cookie is not sent by http, but to localhost");
    *origin = made;
    return true;
}

/* Writes a path with the characters escaped that it can't contain. */
static void format_prefix(const char *prefix, char *text, size_t room)
{
    static const char as_it_is[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()+,=:@/";

    for (; *prefix != '\0' && room > 3; prefix++) {
        size_t length = strchr(as_it_is, *prefix) != NULL ? 1 : 3;

        if (length == 1)
            *text = *prefix;
        else
            percent_write((unsigned char)*prefix, text);
        text += length;
        room -= length;
    }
    *text = '\0';
}

void origin_format(const struct origin *origin, char text[ORIGIN_TEXT_BYTES])
{
    int standard = origin->is_https ? PORT_HTTPS : PORT_HTTP;
    char port[8] = "";
    size_t length;

    if (origin->port != standard)
        snprintf(port, sizeof port, ":%d", origin->port);
    length =
        (size_t)snprintf(text, ORIGIN_TEXT_BYTES, "http%s://%s%s", origin->is_https ? "s" : "", origin->host, port);
    if (strcmp(origin->prefix, "/") != 0)
        format_prefix(origin->prefix, text + length, ORIGIN_TEXT_BYTES - length);
}

bool origin_of_url(const char *url, struct origin *origin, const char **target, struct err *err)
{
    const char *host = strstr(url, "://");
    char text[8 + 2 * ORIGIN_HOST_BYTES];
    size_t length = host != NULL ? (size_t)(host - url) + 3 : 0;

    length += strcspn(url + length, "/?#");
    if (length >= sizeof text)
        return refuse(err, url, "a host's name has at most 253 characters");
    memcpy(text, url, length);
    text[length] = '\0';
    *target = url[length] == '/' ? url + length : "/";
    return origin_read(text, origin, err);
}

int origin_choose(const char *const *prefixes, int count, const char *target)
{
    char plain[PATH_BYTES];
    bool is_plain = path_plain(target, strlen(target), plain);
    size_t longest = 0;
    int chosen = -1;

    if (!is_plain)
        return count == 1 && strcmp(prefixes[0], "/") == 0 ? 0 : -1;
    for (int i = 0; i < count; i++) {
        size_t length = strlen(prefixes[i]);

        if (length > longest && strncmp(plain, prefixes[i], length) == 0) {
            longest = length;
            chosen = i;
        }
    }
    return chosen;
}
