/* Who may read measurements, and how they are sent: to a real socket, and without harm when nobody listens. */
#include "base/networks.h"
#include "base/statsd.h"

#include "unit.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void a_list_has_its_addresses_and_networks_and_nobody_else(void **state)
{
    static const char list[] = "127.0.0.1, 10.1.0.0/16,2001:db8::/33 ::1\tunix";
    static const char *const in[] = {"127.0.0.1",       "10.1.0.0", "10.1.255.255", "2001:db8::1",
                                     "2001:db8:7fff::", "::1",      "unix:",        "::ffff:127.0.0.1"};
    static const char *const out[] = {"127.0.0.2", "10.2.0.0", "10.0.255.255", "2001:db8:8000::", "2001:db9::",
                                      "::2",       "",         "unix",         "127.0.0.1x",      "::ffff:127.0.0.2"};
    struct unit *unit = *state;

    assert_granted(networks_check(list, &unit->err), &unit->err);
    for (size_t i = 0; i < sizeof in / sizeof in[0]; i++)
        if (!networks_have(list, in[i]))
            fail_msg("%s should be in it", in[i]);
    for (size_t i = 0; i < sizeof out / sizeof out[0]; i++)
        if (networks_have(list, out[i]))
            fail_msg("%s should not be in it", out[i]);
}

static void an_empty_list_has_nobody(void **state)
{
    struct unit *unit = *state;

    assert_granted(networks_check("", &unit->err), &unit->err);
    assert_false(networks_have("", "127.0.0.1"));
    assert_false(networks_have("", "unix:"));
    assert_false(networks_have(" , ", "::1"));
}

static void a_network_of_no_bits_has_all_of_its_kind(void **state)
{
    (void)state;
    assert_true(networks_have("0.0.0.0/0", "203.0.113.9"));
    assert_false(networks_have("0.0.0.0/0", "2001:db8::1"));
    assert_false(networks_have("0.0.0.0/0", "unix:"));
    assert_true(networks_have("::/0", "2001:db8::1"));
}

static void what_is_no_network_is_refused_by_name(void **state)
{
    static const char *const bad[] = {
        "localhost",      "127.0.0",
        "127.0.0.1/33",   "127.0.0.1/-1",
        "127.0.0.1/",     "127.0.0.1/8x",
        "2001:db8::/129", "unix:",
        "1.2.3.4:80",     "0123456789012345678901234567890123456789012345678901234567890123456789"};
    struct unit *unit = *state;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char list[128];

        snprintf(list, sizeof list, "::1, %s", bad[i]);
        assert_refused(networks_check(list, &unit->err), &unit->err, ERR_INPUT, "is no address");
    }
}

struct collector {
    int fd;
    char where[128]; /* as the setting has it */
};

static void collector_open(struct collector *collector)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof address.sun_path, "/tmp/mayfly-unit-%d.sock", (int)getpid());
    unlink(address.sun_path);
    collector->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(collector->fd >= 0);
    assert_int_equal(bind(collector->fd, (struct sockaddr *)&address, sizeof address), 0);
    snprintf(collector->where, sizeof collector->where, "unix:%s", address.sun_path);
}

static void collector_close(struct collector *collector)
{
    close(collector->fd);
    unlink(collector->where + 5);
}

/* The next datagram, or "" when there is none. */
static void receive(const struct collector *collector, char text[STATSD_PACKET_BYTES + 1])
{
    ssize_t length = recv(collector->fd, text, STATSD_PACKET_BYTES, 0);

    text[length > 0 ? length : 0] = '\0';
}

static void lines_are_gathered_until_they_are_sent(void **state)
{
    struct unit *unit = *state;
    struct collector collector;
    struct statsd statsd;
    char text[STATSD_PACKET_BYTES + 1];

    collector_open(&collector);
    assert_granted(statsd_open(&statsd, collector.where, &unit->err), &unit->err);
    statsd_time(&statsd, "a.request", 12034);
    statsd_count(&statsd, "a.hit");
    statsd_time(&statsd, "a.request", 7);
    receive(&collector, text);
    assert_string_equal(text, "");
    statsd_flush(&statsd);
    receive(&collector, text);
    assert_string_equal(text, "a.request:12.034|ms\na.hit:1|c\na.request:0.007|ms\n");
    statsd_flush(&statsd);
    receive(&collector, text);
    assert_string_equal(text, "");
    statsd_close(&statsd);
    collector_close(&collector);
}

static void a_full_datagram_is_sent_by_itself_and_whole(void **state)
{
    struct unit *unit = *state;
    struct collector collector;
    struct statsd statsd;
    char text[STATSD_PACKET_BYTES + 1], name[STATSD_NAME_BYTES];
    size_t lines = 0;

    collector_open(&collector);
    assert_granted(statsd_open(&statsd, collector.where, &unit->err), &unit->err);
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    for (int i = 0; i < 20; i++)
        statsd_count(&statsd, name);
    statsd_close(&statsd);
    while (receive(&collector, text), text[0] != '\0') {
        size_t length = strlen(text);

        assert_int_equal(text[length - 1], '\n');
        assert_int_equal(length % (sizeof name - 1 + strlen(":1|c\n")), 0);
        lines += length / (sizeof name - 1 + strlen(":1|c\n"));
    }
    assert_int_equal(lines, 20);
    collector_close(&collector);
}

static void a_collector_that_is_away_or_full_costs_nothing(void **state)
{
    struct unit *unit = *state;
    struct collector collector;
    struct statsd statsd;
    char text[STATSD_PACKET_BYTES + 1];

    collector_open(&collector);
    assert_granted(statsd_open(&statsd, collector.where, &unit->err), &unit->err);
    /* Far more than a socket's buffer holds: a call that waited would never return, since nobody reads. */
    for (int i = 0; i < 2000; i++) {
        statsd_count(&statsd, "x");
        statsd_flush(&statsd);
    }
    collector_close(&collector);
    statsd_count(&statsd, "nobody");
    statsd_flush(&statsd);
    /* Another one at the same path gets what comes next, and nothing of the past. */
    collector_open(&collector);
    statsd_count(&statsd, "again");
    statsd_flush(&statsd);
    receive(&collector, text);
    assert_string_equal(text, "again:1|c\n");
    statsd_close(&statsd);
    collector_close(&collector);
}

static void without_a_collector_nothing_is_opened(void **state)
{
    struct unit *unit = *state;
    struct statsd statsd;

    assert_granted(statsd_open(&statsd, "", &unit->err), &unit->err);
    assert_false(statsd.wanted);
    statsd_count(&statsd, "x");
    statsd_time(&statsd, "x", 1);
    assert_int_equal(statsd.length, 0);
    statsd_close(&statsd);
}

static void internet_addresses_are_taken_and_names_are_not(void **state)
{
    static const char *const good[] = {"127.0.0.1:8125", "[::1]:8125", "[2001:db8::1]:1"};
    static const char *const bad[] = {
        "localhost:8125",  "127.0.0.1",    ":8125", "127.0.0.1:",    "127.0.0.1:statsd", "127.0.0.1:0",
        "127.0.0.1:65536", "127.0.0.1:-1", "unix:", "unix:relative", "/run/statsd.sock"};
    struct unit *unit = *state;
    struct sockaddr_storage address;
    socklen_t length;

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_granted(statsd_address(good[i], &address, &length, &unit->err), &unit->err);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_refused(statsd_address(bad[i], &address, &length, &unit->err), &unit->err, ERR_INPUT, "statsd:");
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(a_list_has_its_addresses_and_networks_and_nobody_else),
        PROMISE(an_empty_list_has_nobody),
        PROMISE(a_network_of_no_bits_has_all_of_its_kind),
        PROMISE(what_is_no_network_is_refused_by_name),
        PROMISE(lines_are_gathered_until_they_are_sent),
        PROMISE(a_full_datagram_is_sent_by_itself_and_whole),
        PROMISE(a_collector_that_is_away_or_full_costs_nothing),
        PROMISE(without_a_collector_nothing_is_opened),
        PROMISE(internet_addresses_are_taken_and_names_are_not),
    };

    return KEEP_PROMISES(promises);
}
